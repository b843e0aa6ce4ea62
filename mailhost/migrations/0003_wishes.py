import django.db.models.deletion
from django.db import migrations, models

TABLE = "mailhost_ownerwishes"
# A mailbox whose owner has no wishes costs a delivery nothing, so routes say whether there are any.
ROUTING = "version, in_force"


def put_up(apps, schema_editor):
    """The guards of 0002: a row of another cell is refused, and routes tell of changes."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"ALTER TABLE {TABLE} ADD CONSTRAINT skerry_cell_{TABLE} CHECK (cell = current_setting('skerry.cell'))"
        )
        schema_editor.execute(
            f"CREATE TRIGGER skerry_route_ownerwishes AFTER INSERT OR DELETE OR UPDATE OF {ROUTING} "
            f"ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION skerry_route_changed()"
        )
        return
    for event in ("INSERT", "UPDATE OF cell"):
        schema_editor.execute(
            f"CREATE TRIGGER skerry_cell_{TABLE}_{event.split()[0].lower()} BEFORE {event} ON {TABLE} "
            "WHEN NEW.cell IS NOT (SELECT cell FROM mailhost_cellidentity WHERE id = 1) "
            "BEGIN SELECT RAISE(ABORT, 'this row belongs to another cell'); END"
        )
    for event in ("INSERT", "DELETE", f"UPDATE OF {ROUTING}"):
        schema_editor.execute(
            f"CREATE TRIGGER skerry_route_ownerwishes_{event.split()[0].lower()} AFTER {event} ON {TABLE} "
            "BEGIN UPDATE mailhost_routeversion SET version = version + 1 WHERE id = 1; END"
        )


def take_down(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP TRIGGER skerry_route_ownerwishes ON {TABLE}")
        schema_editor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT skerry_cell_{TABLE}")
        return
    for event in ("insert", "update"):
        schema_editor.execute(f"DROP TRIGGER skerry_cell_{TABLE}_{event}")
    for event in ("insert", "delete", "update"):
        schema_editor.execute(f"DROP TRIGGER skerry_route_ownerwishes_{event}")


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="OwnerWishes",
            fields=[
                ("cell", models.CharField(max_length=8)),
                (
                    "mailbox",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="mailhost.mailbox",
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("in_force", models.BooleanField()),
                ("text", models.BinaryField()),
            ],
        ),
        migrations.RunPython(put_up, take_down),
    ]
