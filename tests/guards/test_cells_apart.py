"""Round the walls of a cell: homing, raw SQL, blob names, jobs, restores, recipients, keys. Each way must be shut."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from directory.models import TenantHome
from jurisdiction.disclosure import Scope
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import policies
from mailhost.adapters import jobs
from mailhost.adapters.blobs import BadBlobName, FileBlobs
from mailhost.models import CellIdentity, Job, Tenant
from mailhost.provision import domains, tenants
from mailhost.provision.errors import CellExcluded
from tests.notaries import notary
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.cell import cellcert, identity, keyfiles
from webadmin.cell.scopes import WrongSide, app_scope
from webadmin.environ import Environ

NOW = house.NOW
OWNED = (
    "mailhost_tenant",
    "mailhost_domain",
    "mailhost_job",
    "jurisdiction_policyversion",
    "jurisdiction_ledgerentry",
    "jurisdiction_ledgerhead",
    "jurisdiction_decisionrecord",
    "jurisdiction_evidenceitem",
    "jurisdiction_leaserow",
)


@pytest.fixture
def cell(db: None) -> FakeDirectory:
    directory = FakeDirectory()
    house.found(directory.of("is-1"))
    jobs.publish("work", house.NOTARY, NOW, lambda _stamp: None)
    return directory


@pytest.mark.guards(1)
@pytest.mark.parametrize(
    "policy",
    [
        home_policy("NO"),
        Policy(),
        Policy(allow=("IS",), deny_blocs=("EEA",)),
        Policy(allow=("IS",), deny_facts=("telecom_retention",)),
        Policy(allow=("IS",), deny_facts=("no_such_law",)),
    ],
)
def test_no_tenant_is_homed_where_its_policy_excludes_the_cell(cell: FakeDirectory, policy: Policy) -> None:
    with pytest.raises(CellExcluded):
        tenants.add("reef", name="", now=NOW, claims=cell.of("is-1"), notary=house.NOTARY, policy=policy)
    with pytest.raises(policies.Excluded):
        policies.adopt("harbour", policy, house.NOTARY, NOW)
    assert "reef" not in cell.tenants
    assert policies.in_force("harbour", house.NOTARY.key.verify_key).version == 1


@pytest.mark.guards(2)
@pytest.mark.parametrize("table", OWNED)
def test_raw_sql_cannot_put_a_row_of_another_cell_anywhere(cell: FakeDirectory, table: str) -> None:
    with connection.cursor() as sql:
        sql.execute(f"SELECT COUNT(*) FROM {table}")
        assert sql.fetchone()[0] > 0, "the guard would not have been tried"
    with (
        pytest.raises(DatabaseError, match=r"another cell|skerry_cell"),
        transaction.atomic(),
        connection.cursor() as sql,
    ):
        sql.execute(f"UPDATE {table} SET cell = 'no-1'")


@pytest.mark.guards(2)
def test_after_all_migrations_every_table_with_a_cell_is_guarded(db: None) -> None:
    """SQLite makes a table anew to change a column, and forgets its triggers."""
    tables = {
        model._meta.db_table
        for model in apps.get_models()
        if app_scope(model._meta.app_label) is Scope.CELL
        and any(field.name == "cell" for field in model._meta.local_fields)
    } - {"mailhost_cellidentity"}
    assert tables >= set(OWNED)
    assert {table: guards_of(table) for table in tables} == dict.fromkeys(tables, GUARDS)


@pytest.mark.guards(2)
@pytest.mark.parametrize("table", ["tenant", "domain", "mailbox", "alias", "mailboxkey", "ownerwishes"])
def test_after_all_migrations_routes_still_tell_of_their_changes(db: None, table: str) -> None:
    with connection.cursor() as sql:
        if connection.vendor == "postgresql":
            asked = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE 'skerry_route_%%'"
        else:
            asked = (
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s AND sql LIKE '%%version + 1%%'"
            )
        sql.execute(asked, [f"mailhost_{table}"])
        assert len(sql.fetchall()) == (1 if connection.vendor == "postgresql" else 3)


GUARDS = {"CHECK"} if connection.vendor == "postgresql" else {"INSERT", "UPDATE"}


def guards_of(table: str) -> set[str]:
    """What refuses a row of another cell there: one CHECK on PostgreSQL, two triggers on SQLite."""
    with connection.cursor() as sql:
        if connection.vendor == "postgresql":
            sql.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
                [table],
            )
            return {"CHECK" for (text,) in sql.fetchall() if "skerry.cell" in text}
        sql.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        texts = [text for (text,) in sql.fetchall() if "another cell" in text]
    return {event for event in ("INSERT", "UPDATE") for text in texts if f"BEFORE {event}" in text}


@pytest.mark.guards(2)
def test_raw_sql_cannot_insert_a_tenant_or_a_job_of_another_cell(cell: FakeDirectory) -> None:
    tenant = "(cell, slug, name, state, created) VALUES ('no-1', 'x', 'x', 'active', '2027-03-14')"
    job = (
        "(cell, kind, tenant, policy, state, attempts, due, reason) VALUES ('no-1', 'x', '', '', 'waiting', 0, %s, '')"
    )
    statements: tuple[tuple[str, list[datetime]], ...] = (
        (f"INSERT INTO mailhost_tenant {tenant}", []),
        (f"INSERT INTO mailhost_job {job}", [NOW]),
    )
    for statement, values in statements:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as sql:
            sql.execute(statement, values)


@pytest.mark.guards(2)
def test_there_is_no_door_to_the_directory(db: None) -> None:
    with pytest.raises(WrongSide):
        TenantHome.objects.count()
    assert set(settings.DATABASES) == {"default"}


@pytest.mark.guards(3)
@pytest.mark.parametrize(
    "name",
    [
        "../../no-1/blobs/00/" + "0" * 32,
        "/etc/passwd",
        "..",
        "",
        "0" * 31,
        "0" * 33,
        "0" * 31 + "/",
        "A" * 32,
        "0" * 32 + "\n",
        "٠" * 32,
        "0" * 31 + "\0",
    ],
)
def test_a_blob_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    blobs = FileBlobs(tmp_path / "is-1" / "blobs")
    blobs.prepare()
    (tmp_path / "no-1" / "blobs" / "00").mkdir(parents=True)
    (tmp_path / "no-1" / "blobs" / "00" / ("0" * 32)).write_bytes(b"of another cell")
    for way in (blobs.path, blobs.read, blobs.remove):
        with pytest.raises(BadBlobName):
            way(name)


@pytest.mark.guards(4)
def test_work_for_another_cell_is_neither_published_nor_started(cell: FakeDirectory) -> None:
    sent: list[jobs.Stamp] = []
    with pytest.raises(jobs.NotPublished, match="belongs to another cell"):
        jobs.publish("work", house.NOTARY, NOW, sent.append, cell="no-1")
    own = Job.objects.get()
    for stamp in (jobs.Stamp(own.pk, "no-1", ""), jobs.Stamp(own.pk, "", ""), jobs.Stamp(own.pk, "IS-1", "")):
        assert jobs.start(stamp, house.NOTARY, NOW) is None
    own.refresh_from_db()
    assert own.state == Job.State.DEAD
    assert sent == []


@pytest.mark.guards(4)
def test_a_worker_of_another_cell_takes_nothing_from_this_one(cell: FakeDirectory) -> None:
    own = Job.objects.get()
    with pytest.raises(DatabaseError, match=r"another cell|skerry_cell"), transaction.atomic():
        jobs.start(jobs.Stamp(own.pk, "is-1", ""), notary("no-1"), NOW)
    own.refresh_from_db()
    assert own.state == Job.State.WAITING


@pytest.mark.guards(7)
async def test_a_recipient_whose_home_is_another_cell_is_not_local() -> None:
    from mailhost.message.address import Address
    from mailhost.ports import Found, HostedDomain
    from mailhost.routing import NotLocal, resolve

    here = Found({}, {"example.is": HostedDomain("example.is", 1)})
    for domain in ("example.no", "mail.example.is", "example.is.example.no"):
        assert resolve(Address("ada", domain), here) == NotLocal()
    for local in ("ada%example.no", "example.no!ada", '"ada@example.no"'):
        assert not isinstance(resolve(Address(local, "example.is"), here), NotLocal), "source routes lead nowhere"


@pytest.mark.guards(7)
def test_a_domain_that_another_cell_serves_cannot_be_taken(cell: FakeDirectory) -> None:
    cell.domains["example.com"] = "no-1"
    with pytest.raises(Exception, match="another cell"):
        domains.add("example.com", "harbour", now=NOW, claims=cell.of("is-1"))


Keys = Callable[[str], Environ]


@pytest.fixture
def keys(db: None, tmp_path: Path) -> Keys:
    """Settings of a cell whose keys folder was made for some cell, and a database that knows its certificate."""

    def made(cell: str) -> Environ:
        environ: Environ = settings.ENVIRON.model_copy(update={"keys_dir": tmp_path / cell})
        certificate = cellcert.read_or_make(environ.keys, cell, datetime(2027, 3, 14, tzinfo=UTC))
        CellIdentity.objects.update(certificate_sha256=certificate.sha256)
        return environ

    return made


@pytest.mark.guards(5)
def test_a_database_of_another_cell_is_not_served(keys: Keys) -> None:
    environ = keys("is-1")
    identity.check(environ)
    CellIdentity.objects.update(cell="no-1")
    with pytest.raises(identity.WrongCell, match="a dump of another cell must never be served here"):
        identity.check(environ)


@pytest.mark.guards(5)
def test_rows_of_a_dump_do_not_enter_a_database_that_knows_its_cell(cell: FakeDirectory) -> None:
    """What a restore does, row by row: the identity row first, or the tenants first."""
    row = Tenant.objects.get(slug="harbour")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as sql:
        sql.execute(
            "INSERT INTO mailhost_tenant (cell, slug, name, state, created) VALUES ('no-1', 'x', 'x', 'active', %s)",
            [row.created],
        )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as sql:
        sql.execute("INSERT INTO mailhost_cellidentity (id, cell, certificate_sha256) VALUES (2, 'no-1', '')")


@pytest.mark.guards(12)
def test_keys_of_another_cell_are_not_used(keys: Keys) -> None:
    with pytest.raises(identity.WrongCell, match="certificate in the keys folder is of cell no-1"):
        identity.check(keys("no-1"))


@pytest.mark.guards(12)
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o601])
def test_keys_that_others_can_read_are_not_used(keys: Keys, mode: int) -> None:
    environ = keys("is-1")
    (environ.keys / "cell.key").chmod(mode)
    with pytest.raises(keyfiles.KeyFilesOpen, match=r"chmod -R go="):
        identity.check(environ)


@pytest.mark.guards(12)
def test_a_folder_that_others_can_enter_is_not_used(keys: Keys) -> None:
    environ = keys("is-1")
    environ.keys.chmod(0o711)
    with pytest.raises(keyfiles.KeyFilesOpen):
        identity.check(environ)


@pytest.mark.guards(12)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_keys_of_another_user_are_not_used(keys: Keys) -> None:
    environ = keys("is-1")
    shutil.chown(environ.keys / "cell.key", 12345)
    with pytest.raises(keyfiles.KeyFilesOpen, match="belongs to another user"):
        identity.check(environ)
