"""Which domains report how encrypted delivery to others went.

In words that both engines understand: Django would make the table anew on SQLite, and its triggers would go with it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailhost", "0013_ended_forwards"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE mailhost_domain ADD COLUMN sends_tls_reports bool DEFAULT false NOT NULL",
            "ALTER TABLE mailhost_domain DROP COLUMN sends_tls_reports",
            state_operations=[
                migrations.AddField(
                    model_name="domain",
                    name="sends_tls_reports",
                    field=models.BooleanField(db_default=False, default=False),
                ),
            ],
        ),
    ]
