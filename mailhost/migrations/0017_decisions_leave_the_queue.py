"""What egress holds is sealed back to its author, so no item of the queue waits under a decision.

An item that was held so keeps its state until `skerry queue retry`, and is asked about anew then.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0016_reports")]
    operations = [
        # Not RemoveField: on SQLite that may make the table anew and lose the triggers that guard it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE mailhost_queueitem DROP COLUMN decision",
                    "ALTER TABLE mailhost_queueitem ADD COLUMN decision varchar(32) NOT NULL DEFAULT ''",
                )
            ],
            state_operations=[migrations.RemoveField("queueitem", "decision")],
        )
    ]
