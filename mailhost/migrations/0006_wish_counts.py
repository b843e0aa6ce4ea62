import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailhost", "0005_departures"),
    ]

    operations = [
        migrations.CreateModel(
            name="WishCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("what", models.CharField(max_length=40)),
                ("messages", models.PositiveIntegerField()),
                (
                    "mailbox",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="mailhost.mailbox"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("mailbox", "day", "what"), name="counted_once_a_day")],
            },
        ),
    ]
