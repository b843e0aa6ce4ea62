"""Tokens of another cell are refused by the database itself, as in mailhost's 0002."""

from django.db import migrations

OWNED = ["api_apitoken"]


def _sqlite():
    for table in OWNED:
        for event in ("INSERT", "UPDATE OF cell"):
            yield (
                f"CREATE TRIGGER skerry_cell_{table}_{event.split()[0].lower()} BEFORE {event} ON {table} "
                "WHEN NEW.cell IS NOT (SELECT cell FROM mailhost_cellidentity WHERE id = 1) "
                "BEGIN SELECT RAISE(ABORT, 'this row belongs to another cell'); END"
            )


def _postgresql():
    for table in OWNED:
        yield f"ALTER TABLE {table} ADD CONSTRAINT skerry_cell_{table} CHECK (cell = current_setting('skerry.cell'))"


def put_up(apps, schema_editor):
    statements = _postgresql() if schema_editor.connection.vendor == "postgresql" else _sqlite()
    for statement in statements:
        schema_editor.execute(statement)


def take_down(apps, schema_editor):
    for table in OWNED:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT skerry_cell_{table}")
        else:
            for event in ("insert", "update"):
                schema_editor.execute(f"DROP TRIGGER skerry_cell_{table}_{event}")


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [migrations.RunPython(put_up, take_down)]
