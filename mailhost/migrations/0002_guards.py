"""What the database itself refuses and counts, in the words of each engine.

1. A row of another cell. PostgreSQL: CHECK (cell = current_setting('skerry.cell')), the setting being made by
   ALTER DATABASE under the database owner's role, so it does not travel in a dump. SQLite has no settings:
   triggers compare with the cell_identity row, which `skerry` writes when it makes the database.
2. Route changes. Triggers raise route_version, so that a bulk update or plain SQL cannot leave a stale cache
   behind; on PostgreSQL they also NOTIFY.
"""

from django.db import migrations

OWNED = ["tenant", "domain", "mailbox", "alias", "folder", "sealedmessage"]
ROUTING = {
    "tenant": "state",
    "domain": "name, catch_all_id, verified",
    "mailbox": "state, address, quota_bytes",
    "alias": "address, mailbox_id",
    "mailboxkey": "recipient, serial",
}


def _sqlite():
    for table in OWNED:
        for event in ("INSERT", "UPDATE OF cell"):
            name = f"skerry_cell_{table}_{event.split()[0].lower()}"
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON mailhost_{table} "
                "WHEN NEW.cell IS NOT (SELECT cell FROM mailhost_cellidentity WHERE id = 1) "
                "BEGIN SELECT RAISE(ABORT, 'this row belongs to another cell'); END"
            )
    for table, columns in ROUTING.items():
        for event in ("INSERT", "DELETE", f"UPDATE OF {columns}"):
            name = f"skerry_route_{table}_{event.split()[0].lower()}"
            yield (
                f"CREATE TRIGGER {name} AFTER {event} ON mailhost_{table} "
                "BEGIN UPDATE mailhost_routeversion SET version = version + 1 WHERE id = 1; END"
            )


def _postgresql():
    for table in OWNED:
        yield (
            f"ALTER TABLE mailhost_{table} ADD CONSTRAINT skerry_cell_{table} "
            "CHECK (cell = current_setting('skerry.cell'))"
        )
    yield (
        "CREATE FUNCTION skerry_route_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE mailhost_routeversion SET version = version + 1 WHERE id = 1; "
        "PERFORM pg_notify('skerry_routes', ''); RETURN NULL; END $$"
    )
    for table, columns in ROUTING.items():
        yield (
            f"CREATE TRIGGER skerry_route_{table} AFTER INSERT OR DELETE OR UPDATE OF {columns} "
            f"ON mailhost_{table} FOR EACH STATEMENT EXECUTE FUNCTION skerry_route_changed()"
        )


def _undo_sqlite():
    for table in OWNED:
        for event in ("insert", "update"):
            yield f"DROP TRIGGER skerry_cell_{table}_{event}"
    for table in ROUTING:
        for event in ("insert", "delete", "update"):
            yield f"DROP TRIGGER skerry_route_{table}_{event}"


def _undo_postgresql():
    for table in OWNED:
        yield f"ALTER TABLE mailhost_{table} DROP CONSTRAINT skerry_cell_{table}"
    for table in ROUTING:
        yield f"DROP TRIGGER skerry_route_{table} ON mailhost_{table}"
    yield "DROP FUNCTION skerry_route_changed()"


def put_up(apps, schema_editor):
    schema_editor.execute("INSERT INTO mailhost_routeversion (id, version) VALUES (1, 1)")
    statements = _postgresql() if schema_editor.connection.vendor == "postgresql" else _sqlite()
    for statement in statements:
        schema_editor.execute(statement)


def take_down(apps, schema_editor):
    statements = _undo_postgresql() if schema_editor.connection.vendor == "postgresql" else _undo_sqlite()
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0001_initial")]
    operations = [migrations.RunPython(put_up, take_down)]
