"""What the database itself refuses, counts and tells, in the words of each engine.

1. A row of another cell. PostgreSQL: CHECK (cell = current_setting('skerry.cell')), the setting being made by
   ALTER DATABASE under the database owner's role, so it does not travel in a dump. SQLite has no settings:
   triggers compare with the cell_identity row, which `skerry` writes when it makes the database.
   A later migration that changes a column makes its table anew on SQLite and loses these triggers: it has to put
   them up again, and a test looks at what stands after all migrations.
2. Route changes. Triggers raise route_version, so that a bulk update or plain SQL cannot leave a stale cache
   behind; on PostgreSQL they also NOTIFY.
3. Folder changes. PostgreSQL tells listening processes that some folder has changed; on SQLite they ask
   `data_version`.
"""

from django.db import migrations

OWNED = [
    "jurisdiction_decisionrecord",
    "jurisdiction_egressdecision",
    "jurisdiction_evidenceitem",
    "jurisdiction_incident",
    "jurisdiction_leaserow",
    "jurisdiction_ledgerentry",
    "jurisdiction_ledgerhead",
    "jurisdiction_operatoract",
    "jurisdiction_operatorsession",
    "jurisdiction_policyversion",
    "mailhost_alias",
    "mailhost_dkimkey",
    "mailhost_domain",
    "mailhost_folder",
    "mailhost_job",
    "mailhost_mailbox",
    "mailhost_queuedestination",
    "mailhost_queuedmessage",
    "mailhost_queueitem",
    "mailhost_sealedmessage",
    "mailhost_sendergrant",
    "mailhost_tenant",
]
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
            yield (
                f"CREATE TRIGGER skerry_cell_{table}_{event.split()[0].lower()} BEFORE {event} ON {table} "
                "WHEN NEW.cell IS NOT (SELECT cell FROM mailhost_cellidentity WHERE id = 1) "
                "BEGIN SELECT RAISE(ABORT, 'this row belongs to another cell'); END"
            )
    for table, columns in ROUTING.items():
        for event in ("INSERT", "DELETE", f"UPDATE OF {columns}"):
            yield (
                f"CREATE TRIGGER skerry_route_{table}_{event.split()[0].lower()} AFTER {event} ON mailhost_{table} "
                "BEGIN UPDATE mailhost_routeversion SET version = version + 1 WHERE id = 1; END"
            )


def _postgresql():
    for table in OWNED:
        yield f"ALTER TABLE {table} ADD CONSTRAINT skerry_cell_{table} CHECK (cell = current_setting('skerry.cell'))"
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
    yield (
        "CREATE FUNCTION skerry_folder_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_notify('skerry_folders', ''); RETURN NULL; END $$"
    )
    yield (
        "CREATE TRIGGER skerry_folder_changed AFTER UPDATE OF highestmodseq ON mailhost_folder "
        "FOR EACH STATEMENT EXECUTE FUNCTION skerry_folder_changed()"
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
        yield f"ALTER TABLE {table} DROP CONSTRAINT skerry_cell_{table}"
    for table in ROUTING:
        yield f"DROP TRIGGER skerry_route_{table} ON mailhost_{table}"
    yield "DROP FUNCTION skerry_route_changed()"
    yield "DROP TRIGGER skerry_folder_changed ON mailhost_folder"
    yield "DROP FUNCTION skerry_folder_changed()"


def put_up(apps, schema_editor):
    schema_editor.execute("INSERT INTO mailhost_routeversion (id, version) VALUES (1, 1)")
    statements = _postgresql() if schema_editor.connection.vendor == "postgresql" else _sqlite()
    for statement in statements:
        schema_editor.execute(statement)


def take_down(apps, schema_editor):
    schema_editor.execute("DELETE FROM mailhost_routeversion")
    statements = _undo_postgresql() if schema_editor.connection.vendor == "postgresql" else _undo_sqlite()
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0001_initial"), ("jurisdiction", "0001_initial")]
    operations = [migrations.RunPython(put_up, take_down)]
