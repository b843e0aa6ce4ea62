"""A tenant's way out: asked, taken back or completed; nothing that names it is left, and the log has three hashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import models

from jurisdiction.disclosure import Scope
from jurisdiction.ledger import entries
from jurisdiction.models import LedgerEntry
from jurisdiction.records import ledger, operators, policies
from mailhost.models import Job, Mailbox, QueueDestination, QueuedMessage, QueueItem, Tenant
from mailhost.provision import aliases, leaving, mailboxes, tenants
from mailhost.provision.claims import Claims, DirectoryUnreachable
from mailhost.provision.errors import IsLeaving
from tests.provision import house
from tests.provision.fakes import FakeBlobs, FakeClaims, FakeDirectory
from webadmin.cell import scopes

pytestmark = pytest.mark.usefixtures("cell")
NOW, NOTARY = house.NOW, house.NOTARY
LATER = NOW + leaving.COOLING_OFF
FOUNDERS = leaving.Wish(by_operator=False, why="we move  house")


def ask(wish: leaving.Wish = FOUNDERS) -> int:
    return leaving.ask("harbour", wish, notary=NOTARY, now=NOW).entry


def restore(*, by_operator: bool = False, now: object = NOW) -> tenants.TenantView:
    return leaving.restore("harbour", by_operator=by_operator, notary=NOTARY, now=now)  # type: ignore[arg-type]


def steps() -> list[str]:
    told = ledger.entries_of(NOTARY.tag(policies.TENANT, "harbour"))
    return [one.entry.step for one in told if isinstance(one.entry, entries.Departure)]


def test_asking_twice_is_asking_once_and_says_until_when() -> None:
    assert ask() == ask(leaving.Wish(by_operator=True))
    view = tenants.show("harbour")
    assert (view.state, view.reason) == ("leaving", "we move house")
    assert view.gone_after == LATER.isoformat(timespec="seconds")
    assert steps() == ["asked"]


def test_what_the_log_says_of_the_settings_can_be_checked() -> None:
    text = leaving.settings_text(Tenant.objects.get(slug="harbour"), NOTARY, NOW)
    index = ask()
    placed = next(one for one in ledger.entries_of(NOTARY.tag(policies.TENANT, "harbour")) if one.index == index)
    assert isinstance(placed.entry, entries.Departure)
    assert placed.entry.content == leaving.digest(text)
    assert "harbour" not in str(placed.entry)


@pytest.mark.parametrize("before", [Tenant.State.ACTIVE, Tenant.State.SUSPENDED])
def test_who_stays_is_what_they_were(before: Tenant.State) -> None:
    tenants.set_state("harbour", before, now=NOW)
    ask()
    assert restore().state == before
    assert steps() == ["asked", "restored"]
    assert leaving.of(Tenant.objects.get(slug="harbour")) is None
    with pytest.raises(IsLeaving, match="not leaving"):
        restore()


def test_what_an_operator_began_no_founder_ends() -> None:
    ask(leaving.Wish(by_operator=True, why="unpaid"))
    with pytest.raises(IsLeaving, match="runs this host"):
        restore()
    assert restore(by_operator=True).state == "active"


def test_when_the_time_is_over_there_is_no_way_back() -> None:
    ask()
    with pytest.raises(IsLeaving, match="is over"):
        restore(now=LATER)


def test_who_is_leaving_is_neither_suspended_nor_resumed() -> None:
    ask()
    with pytest.raises(IsLeaving, match="skerry tenant restore harbour"):
        tenants.set_state("harbour", Tenant.State.ACTIVE, now=NOW)


def test_nothing_is_removed_before_its_time(claims: Claims, blobs: FakeBlobs) -> None:
    ask()
    moment = LATER - timedelta(seconds=1)
    assert not list(leaving.complete(moment, claims=claims, blobs=blobs, outgoing=blobs, notary=NOTARY))
    assert Tenant.objects.filter(slug="harbour").exists()


def queued(box: Mailbox) -> None:
    message = QueuedMessage.objects.create(
        cell=house.CELL, tenant=box.tenant, mailbox=box, opaque_id="7" * 32, queued=NOW, content=b"", blob="9" * 32
    )
    to = QueueDestination.objects.create(cell=house.CELL, digest=bytes(16), due=NOW)
    QueueItem.objects.create(cell=house.CELL, message=message, destination=to, due=NOW, queued=NOW, envelope=b"x")


def fill() -> None:
    """Something of harbour in as many tables as this test can reach."""
    house.add_ada()
    house.invite("cleo@example.no")
    ada = mailboxes.get("ada@example.is")
    house.store(ada, b"Subject: tide\r\n\r\n", blob="8" * 32)
    aliases.add("sales@example.is", "ada@example.is", cell=house.CELL)
    queued(ada)
    Job.objects.create(cell=house.CELL, kind="import", tenant="harbour", due=NOW)
    session = operators.open_session("ab" * 16, "mo", "IS", "a full disk", NOTARY, NOW, tenant="harbour")
    operators.act(session, "harbour", "tenant show", NOTARY, NOW)


def said() -> Iterator[tuple[str, str]]:
    """Every text of every table."""
    for model in apps.get_models():
        if scopes.app_scope(model._meta.app_label) is not Scope.CELL:
            continue
        texts = [
            one.name for one in model._meta.concrete_fields if isinstance(one, (models.CharField, models.TextField))
        ]
        for row in model._default_manager.values_list(*texts) if texts else ():
            yield from ((model._meta.label, str(value)) for value in row)


def test_everything_is_gone_afterwards_and_nothing_of_others(
    directory: FakeDirectory, claims: Claims, blobs: FakeBlobs
) -> None:
    fill()
    outgoing = FakeBlobs()
    since = ask()
    gone = list(leaving.complete(LATER, claims=claims, blobs=blobs, outgoing=outgoing, notary=NOTARY))
    assert [(one.slug, one.mailboxes, one.messages) for one in gone] == [("harbour", 1, 1)]
    named = [(label, text) for label, text in said() if "harbour" in text.lower() or "example.is" in text]
    assert not named
    assert blobs.removed == ["8" * 32]
    assert outgoing.removed == ["9" * 32]
    assert (directory.tenants, directory.domains) == ({"fjord": "is-1"}, {"example.no": "is-1"})
    assert Mailbox.objects.get().address == "cleo@example.no"
    assert not QueueItem.objects.exists()
    assert LedgerEntry.objects.filter(kind="key").exists(), "the log keeps its hashes"
    tag = NOTARY.tag(policies.TENANT, "harbour")
    assert [getattr(one.entry, "step", "") for one in leaving.story(tag, since)] == ["asked", "gone"]


def test_an_operators_session_for_a_tenant_that_is_gone_ends_with_it(claims: Claims, blobs: FakeBlobs) -> None:
    fill()
    tenants.remove("harbour", claims=claims, blobs=blobs, outgoing=blobs, notary=NOTARY, now=NOW)
    assert operators.current("mo", NOW, "fjord") is None


def test_the_story_of_one_departure_ends_where_it_ended(claims: Claims) -> None:
    first = ask()
    restore()
    second = ask()
    tag = NOTARY.tag(policies.TENANT, "harbour")
    assert [getattr(one.entry, "step", "") for one in leaving.story(tag, first)] == ["asked", "restored"]
    assert [getattr(one.entry, "step", "") for one in leaving.story(tag, second)] == ["asked"]


def test_a_directory_that_does_not_answer_keeps_no_name_for_ever(directory: FakeDirectory, blobs: FakeBlobs) -> None:
    ask()
    for about_domains in (True, False):
        silent = Silent(directory, about_domains=about_domains)
        with pytest.raises(DirectoryUnreachable):
            list(leaving.complete(LATER, claims=silent, blobs=blobs, outgoing=blobs, notary=NOTARY))
    assert list(leaving.complete(LATER, claims=directory.of(house.CELL), blobs=blobs, outgoing=blobs, notary=NOTARY))
    assert (directory.tenants, directory.domains) == ({"fjord": "is-1"}, {"example.no": "is-1"})
    assert steps() == ["asked", "gone"]


class Silent(FakeClaims):
    """Releases no tenant's name, and no domain's where `about_domains`."""

    def __init__(self, directory: FakeDirectory, *, about_domains: bool = True) -> None:
        super().__init__(directory, house.CELL)
        self._about_domains = about_domains

    def release_domain(self, domain: str) -> None:
        if self._about_domains:
            raise DirectoryUnreachable("no answer")
        super().release_domain(domain)

    def release_tenant(self, slug: str) -> None:
        raise DirectoryUnreachable("no answer")


def test_a_removal_that_has_begun_is_neither_taken_back_nor_resumed(directory: FakeDirectory, blobs: FakeBlobs) -> None:
    ask()
    with pytest.raises(DirectoryUnreachable):
        list(leaving.complete(LATER, claims=Silent(directory), blobs=blobs, outgoing=blobs, notary=NOTARY))
    with pytest.raises(IsLeaving, match="being removed"):
        restore(now=LATER - timedelta(seconds=1))
    with pytest.raises(IsLeaving, match="is leaving"):
        tenants.set_state("harbour", Tenant.State.ACTIVE, now=LATER)


def test_who_was_kept_or_came_anew_while_another_was_removed_stays(claims: Claims, blobs: FakeBlobs) -> None:
    ask()
    leaving.ask("fjord", FOUNDERS, notary=NOTARY, now=NOW - timedelta(days=1))
    going = leaving.complete(LATER, claims=claims, blobs=blobs, outgoing=blobs, notary=NOTARY)
    assert next(going).slug == "fjord"
    restore(now=LATER - timedelta(seconds=1))
    assert not list(going)
    assert tenants.show("harbour").state == "active"


def test_one_that_cannot_be_removed_keeps_no_other(claims: Claims) -> None:
    house.add_ada()
    house.store(mailboxes.get("ada@example.is"), b"Subject: tide\r\n\r\n", blob="8" * 32)
    leaving.ask("harbour", FOUNDERS, notary=NOTARY, now=NOW - timedelta(days=1))
    leaving.ask("fjord", FOUNDERS, notary=NOTARY, now=NOW)
    worn = WornDisk()
    with pytest.raises(OSError, match="input/output"):
        list(leaving.complete(LATER, claims=claims, blobs=worn, outgoing=worn, notary=NOTARY))
    assert [row.slug for row in Tenant.objects.all()] == ["harbour"]


class WornDisk(FakeBlobs):
    """Files that cannot be removed."""

    def remove(self, name: str) -> None:
        raise OSError("input/output error")
