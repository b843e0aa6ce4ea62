"""PostgreSQL tells listening processes that some folder has changed; on SQLite they ask `data_version`."""

from django.db import migrations

_UP = [
    "CREATE FUNCTION skerry_folder_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "PERFORM pg_notify('skerry_folders', ''); RETURN NULL; END $$",
    "CREATE TRIGGER skerry_folder_changed AFTER UPDATE OF highestmodseq ON mailhost_folder "
    "FOR EACH STATEMENT EXECUTE FUNCTION skerry_folder_changed()",
]
_DOWN = ["DROP TRIGGER skerry_folder_changed ON mailhost_folder", "DROP FUNCTION skerry_folder_changed()"]


def _run(statements):
    def go(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return go


class Migration(migrations.Migration):
    dependencies = [("mailhost", "0003_lost_answers")]
    operations = [migrations.RunPython(_run(_UP), _run(_DOWN))]
