"""The egress decision on the queue item, and the guard of 0002 for the decisions' own table."""

from django.db import migrations, models

GUARDED = "jurisdiction_egressdecision"


def put_up(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"ALTER TABLE {GUARDED} ADD CONSTRAINT skerry_cell_{GUARDED} CHECK (cell = current_setting('skerry.cell'))"
        )
        return
    for event in ("INSERT", "UPDATE OF cell"):
        schema_editor.execute(
            f"CREATE TRIGGER skerry_cell_{GUARDED}_{event.split()[0].lower()} BEFORE {event} ON {GUARDED} "
            "WHEN NEW.cell IS NOT (SELECT cell FROM mailhost_cellidentity WHERE id = 1) "
            "BEGIN SELECT RAISE(ABORT, 'this row belongs to another cell'); END"
        )


def take_down(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE {GUARDED} DROP CONSTRAINT skerry_cell_{GUARDED}")
        return
    for event in ("insert", "update"):
        schema_editor.execute(f"DROP TRIGGER skerry_cell_{GUARDED}_{event}")


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0009_annotations"), ("jurisdiction", "0002_egress")]
    operations = [
        # Not AddField: on SQLite that makes the table anew and loses the triggers that guard it.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE mailhost_queueitem ADD COLUMN decision varchar(32) NOT NULL DEFAULT ''",
                    "ALTER TABLE mailhost_queueitem DROP COLUMN decision",
                )
            ],
            state_operations=[
                migrations.AddField("queueitem", "decision", models.CharField(max_length=32, blank=True, db_default=""))
            ],
        ),
        migrations.RunPython(put_up, take_down),
    ]
