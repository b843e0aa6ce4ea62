"""Round the rules about copies: a backup where a tenant denies it, another cell's backup, a log that forgets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jurisdiction.ledger import entries
from jurisdiction.models import CheckpointRow, DecisionRecord, LedgerEntry, LedgerHead, LedgerNode, PolicyVersion
from jurisdiction.policy import Policy, PolicyForged
from jurisdiction.presets import from_preset, home_policy
from jurisdiction.records import backups, ledger, policies
from jurisdiction.records.backups import CannotResume, Keeping, MayNotLie
from mailhost.adapters.cellbackup import Manifest
from mailhost.adapters.dumps import engine
from mailhost.models import AppPassword, Consent, Folder, Mailbox, Tenant
from mailhost.provision import consents, restoring
from tests.notaries import atlas
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people
from webadmin.api import tokens
from webadmin.api.rights import Right
from webadmin.cell import cellcert, identity
from webadmin.environ import Environ, read
from webadmin.processes import backups as cell_backups

IS1, NOW = house.NOTARY, house.NOW
LATER = datetime(2027, 12, 1, tzinfo=UTC)
ICELAND = from_preset("iceland-only", atlas(), NOW.date())
HOME = Keeping("IS", ("IS",))

pytestmark = [pytest.mark.django_db, pytest.mark.guards(5)]


@pytest.fixture
def cell(db: None) -> FakeDirectory:
    directory = FakeDirectory()
    house.found(directory.of("is-1"))
    policies.adopt("harbour", ICELAND, IS1, NOW)
    return directory


@pytest.mark.parametrize(
    ("keeping", "reason"),
    [
        (Keeping("NO", ("NO",)), "not among those the policy allows"),
        (Keeping("US", ("US",)), "Fourteen Eyes"),
        (Keeping("IS", ("IS", "US")), "controls the machine"),
        (Keeping("IS", ("??",)), "not known who controls"),
        (Keeping("IS", ()), "not known who controls"),
        (Keeping("??", ("IS",)), "not known which country"),
    ],
)
def test_no_backup_lies_where_one_tenant_does_not_allow_it(cell: FakeDirectory, keeping: Keeping, reason: str) -> None:
    # The other tenant, fjord, allows its cell's country: one that does not is enough.
    with pytest.raises(MayNotLie) as caught:
        backups.decide(keeping, IS1, NOW.date())
    assert reason in str(caught.value)
    assert "harbour" in str(caught.value)


def test_a_backup_that_is_allowed_is_in_the_tenants_log(cell: FakeDirectory) -> None:
    found = backups.decide(HOME, IS1, NOW.date())
    backups.enter(HOME, found, IS1, NOW)
    placed = [one.entry for one in ledger.entries_of(IS1.tag(policies.TENANT, "harbour"))]
    assert any(isinstance(one, entries.Placement) and one.asset == "backup:IS" for one in placed)
    assert DecisionRecord.objects.filter(tenant="harbour", point=5, verdict="allow").exists()


def test_a_forged_policy_allows_no_backup(cell: FakeDirectory) -> None:
    PolicyVersion.objects.update(document=Policy(allow=("US",), backup_allow=("US",)).canonical().decode())
    with pytest.raises(PolicyForged):
        backups.decide(Keeping("US", ("US",)), IS1, NOW.date())


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    made = read({"home": tmp_path, "cell": "is-1"})
    cellcert.read_or_make(made.keys, "is-1", NOW)
    return made


def manifest(environ: Environ, **changed: str) -> Manifest:
    values = {
        "cell": "is-1",
        "certificate": cellcert.read(environ.keys).sha256,
        "made": NOW.isoformat(),
        "engine": engine(),
        "checkpoint": "",
        "country": "IS",
    } | changed
    return Manifest(log_size=0, **values)


def test_another_cells_backup_is_refused_before_anything_of_it_is_used(environ: Environ) -> None:
    cell_backups._refuse_other_cell(environ, manifest(environ))
    with pytest.raises(identity.WrongCell, match="a backup of cell no-1"):
        cell_backups._refuse_other_cell(environ, manifest(environ, cell="no-1"))
    with pytest.raises(identity.WrongCell, match="another certificate"):
        cell_backups._refuse_other_cell(environ, manifest(environ, certificate="00" * 32))
    with pytest.raises(cell_backups.CannotRestore, match="was made on"):
        cell_backups._refuse_other_cell(environ, manifest(environ, engine="another"))


def test_a_restore_that_did_not_end_is_not_served(environ: Environ) -> None:
    identity.refuse_unfinished(environ)
    identity.restoring_folder(environ).mkdir(parents=True)
    with pytest.raises(identity.RestoreUnfinished, match="did not come to its end"):
        identity.refuse_unfinished(environ)


def test_what_is_back_has_new_uidvalidities_and_no_old_password(cell: FakeDirectory) -> None:
    house.add_ada()
    box = Mailbox.objects.get()
    before = {row.pk: (row.uidvalidity_sealed, row.uidvalidity_session) for row in Folder.objects.all()}
    AppPassword.objects.create(mailbox=box, name="old", access="session", secret_hash=b"x" * 32, wrap=b"w", created=NOW)
    Mailbox.objects.update(uidvalidity_next=int(LATER.timestamp()) + 100)
    changed = restoring.go_on(LATER)
    assert (changed.folders, changed.app_passwords) == (len(before), 1)
    assert not AppPassword.objects.filter(revoked=None).exists()
    assert not AppPassword.objects.exclude(wrap=None).exists()
    values = [value for row in Folder.objects.all() for value in (row.uidvalidity_sealed, row.uidvalidity_session)]
    assert len(set(values)) == len(values)
    assert min(values) >= int(LATER.timestamp()) + 100
    assert Mailbox.objects.get(pk=box.pk).uidvalidity_next > max(values)


def test_what_is_back_counts_no_consent_that_may_have_been_taken_back_since(cell: FakeDirectory) -> None:
    house.add_ada()
    allowing = replace(home_policy("IS"), consent=True)
    consents.add(Mailbox.objects.get(), "cleo@other.test", policy=allowing, key=b"k" * 32, today=NOW.date())
    restoring.go_on(LATER)
    assert not Consent.objects.exists()


def test_what_is_back_lets_in_no_browser_that_was_signed_in_then(cell: FakeDirectory) -> None:
    house.add_ada()
    people.lay_keys()
    ada = people.signed_in(people.account_of("ada@example.is"))
    assert ada.get("/account/").status_code == 200
    restoring.go_on(LATER)
    assert ada.get("/account/").headers["Location"].startswith("/sign-in/")


def test_what_is_back_lets_in_no_program_whose_token_may_have_been_revoked_since(cell: FakeDirectory) -> None:
    for tenant, operator in ((Tenant.objects.get(slug="harbour"), ""), (None, "mo")):
        tokens.make(
            tenant=tenant,
            operator=operator,
            cell="is-1",
            name="invitations",
            allowed=frozenset({Right.TENANTS_READ}),
            expires=LATER.date(),
            today=NOW.date(),
            key=b"k" * 32,
        )
    restoring.go_on(LATER)
    assert tokens.of_tenant("harbour") == tokens.of_operators() == []


def forget_from(size: int) -> None:
    """The database as a backup of that moment has it."""
    rows = [bytes(row.leaf) for row in LedgerEntry.objects.order_by("pk")[:size]]
    for model in (LedgerEntry, LedgerNode, CheckpointRow, LedgerHead):
        model.objects.all().delete()
    ledger.begin(IS1)
    found = [entries.decode(leaf) for leaf in rows]
    ledger.append([(entry, backups._subject(entry)) for entry in found], IS1)


def test_the_log_goes_on_from_an_export_byte_by_byte_and_says_so(cell: FakeDirectory) -> None:
    size = ledger.size()
    policies.adopt("harbour", home_policy("IS"), IS1, NOW)
    head = ledger.checkpoint(IS1, NOW)
    exported, root = ledger.export(head), bytes(head.root)
    forget_from(size)
    assert backups.resume(IS1, [], NOW, exported) == head.size - size
    restored = CheckpointRow.objects.get(size=head.size)
    assert bytes(restored.root) == root
    last = entries.decode(bytes(LedgerEntry.objects.get(pk=head.size).leaf))
    assert last == entries.Restore(NOW.date().isoformat(), head.size, root.hex())
    assert list(ledger.problems(IS1)) == []
    tag = IS1.tag(policies.TENANT, "harbour")
    assert len([one for one in ledger.entries_of(tag) if isinstance(one.entry, entries.PolicyVersion)]) == 3


def test_an_export_of_another_history_or_another_log_is_refused_and_nothing_is_kept(cell: FakeDirectory) -> None:
    head = ledger.checkpoint(IS1, NOW)
    exported = json.loads(ledger.export(head))
    size = head.size
    other = json.loads(json.dumps(exported))
    other["entries"][0] = other["entries"][1]
    for damaged in (
        json.dumps(other),
        json.dumps(exported | {"checkpoint": exported["checkpoint"].replace("is-1", "no-1")}),
        json.dumps(exported | {"entries": exported["entries"][:-1]}),
        json.dumps([]),
        "{",
    ):
        with pytest.raises(CannotResume):
            backups.resume(IS1, [], NOW, damaged)
        assert ledger.size() == size
