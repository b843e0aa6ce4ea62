"""Who did what: the tenant's own admins and the operators in one list, in words that are nobody's code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_init
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jurisdiction.models import OperatorAct
from jurisdiction.records import operators, policies
from mailhost.models import Tenant
from tests.provision import house
from tests.webadmin import people
from tests.webadmin.tenants.conftest import number_of
from tests.webadmin.tenants.test_people import box
from webadmin import cli
from webadmin.tenants import journal
from webadmin.tenants.models import OwnAct
from webadmin.web import access

AT = "/tenants/harbour"


def told() -> list[tuple[str, str]]:
    return [(row.act, row.about) for row in OwnAct.objects.order_by("pk")]


def test_what_an_admin_changes_is_written_down_with_what_it_is_about(ada: Client) -> None:
    ben = box("ben@example.is")
    ada.post(f"{AT}/mailboxes/{ben.pk}/", {"act": "pause"})
    ada.post(f"{AT}/mailboxes/{ben.pk}/", {"act": "resume"})
    ada.post(f"{AT}/mailboxes/{ben.pk}/", {"quota": "512"})
    ada.post(f"{AT}/aliases/", {"local": "sales", "domain": "example.is", "member": "ben@example.is"})
    ada.post(f"{AT}/domains/{number_of('example.is')}/catch-all/", {"member": "ben@example.is"})
    assert told() == [
        ("mailbox-paused", "ben@example.is"),
        ("mailbox-resumed", "ben@example.is"),
        ("mailbox-quota", "ben@example.is"),
        ("alias-added", "sales@example.is → ben@example.is"),
        ("catch-all", "example.is → ben@example.is"),
    ]
    page = ada.get(f"{AT}/access/").content.decode()
    assert "ada@example.is" in page
    assert "paused a mailbox" in page


def test_what_is_refused_is_not_written_down(ada: Client) -> None:
    ada.post(f"{AT}/aliases/", {"local": "sales", "domain": "example.is", "member": "cleo@example.no"})
    ada.post(f"{AT}/mailboxes/{box('ada@example.is').pk}/", {"act": "pause"})
    assert told() == []


def test_taking_the_settings_and_leaving_are_acts(ada: Client) -> None:
    ada.get(f"{AT}/settings")
    ada.post(f"{AT}/leave/", {"slug": "harbour", "why": "we move"})
    ada.post(f"{AT}/stay/")
    assert [act for act, _about in told()] == ["settings-taken", "leave", "stay"]
    assert OwnAct.objects.get(act="leave").why == "we move"


def test_both_sides_stand_in_one_list_the_newest_first(ada: Client) -> None:
    tenant, now = Tenant.objects.get(slug="harbour"), timezone.now()
    journal.note(tenant, "ada@example.is", "mailbox-paused", now - timedelta(hours=2), about="ben@example.is")
    session = operators.open_session("ab" * 16, "mo", "IS", "a full disk", house.NOTARY, now - timedelta(hours=1))
    operators.act(session, "harbour", "queue drop 7: asked by Ada", house.NOTARY, now - timedelta(hours=1))
    first, second = journal.Lines(tenant)[:10]
    assert (str(first.what), first.about, first.who, first.why) == (
        "removed mail from the queue for good",
        "7",
        "mo",
        "a full disk · asked by Ada",
    )
    assert second.is_own


@pytest.fixture
def read() -> Iterator[Counter[str]]:
    """How many rows of each table became objects."""
    found: Counter[str] = Counter()

    def count(sender: type[Model], **_about: object) -> None:
        found[sender.__name__] += 1

    post_init.connect(count)
    yield found
    post_init.disconnect(count)


def fill(acts: int) -> None:
    """So many of either side, in turn: the operators' are a second older."""
    tenant, now = Tenant.objects.get(slug="harbour"), timezone.now()
    session = operators.open_session("cd" * 16, "mo", "IS", "a full disk", house.NOTARY, now)
    times = [now - timedelta(minutes=number) for number in range(acts)]
    OwnAct.objects.bulk_create(
        OwnAct(tenant=tenant, at=at, who="ada@example.is", act="stay", about=f"own {number}")
        for number, at in enumerate(times)
    )
    OperatorAct.objects.bulk_create(
        OperatorAct(cell=house.CELL, session=session, tenant="harbour", act="tenant show", at=at - timedelta(seconds=1))
        for at in times
    )


def test_a_long_list_is_cut_in_the_database(ada: Client, read: Counter[str]) -> None:
    fill(90)
    read.clear()
    first = ada.get(f"{AT}/access/").content.decode()
    assert (read["OwnAct"], read["OperatorAct"]) == (25, 25)
    assert "Page 1 of 4" in first
    last = ada.get(f"{AT}/access/", {"page": "4"}).content.decode()
    assert ("own 0<" in first, "own 24<" in first, "own 25<" in first) == (True, True, False)
    assert ("own 75<" in last, "own 89<" in last) == (True, True)


def test_a_longer_list_takes_no_more_queries(ada: Client) -> None:
    fill(60)
    with CaptureQueriesContext(connection) as few:
        ada.get(f"{AT}/access/", {"page": "2"})
    tenant, now = Tenant.objects.get(slug="harbour"), timezone.now()
    OwnAct.objects.bulk_create(
        OwnAct(tenant=tenant, at=now, who="ada@example.is", act="stay") for _number in range(200)
    )
    with CaptureQueriesContext(connection) as many:
        ada.get(f"{AT}/access/", {"page": "2"})
    assert len(many) <= len(few)


@pytest.mark.slow
def test_the_logs_entries_are_cut_in_the_database(ada: Client, read: Counter[str]) -> None:
    policy = policies.in_force("harbour", house.NOTARY.key.verify_key)
    for days in range(60):
        policies.adopt("harbour", replace(policy, retention_days=90 + days), house.NOTARY, house.NOW)
    read.clear()
    page = ada.get(f"{AT}/log/").content.decode()
    assert "Page 1 of 3" in page
    assert read["LedgerEntry"] == 50


@pytest.mark.parametrize("name", [name for name in access.TABLE if name.startswith("console-tenant")])
def test_no_tenant_reads_the_name_of_an_address(name: str) -> None:
    for what in (f"look at {name}", f"send {name}"):
        assert "console" not in str(journal.words_of(what))


def test_every_act_of_the_command_line_has_words() -> None:
    acts = {
        literal
        for module in Path(cli.__file__).parent.glob("*.py")
        for literal in re.findall(r'(?:\.act|\bowned)\(.*?, f?"([a-z][a-z -]*)', module.read_text(encoding="utf-8"))
    }
    assert len(acts) > 20
    assert {act for act in acts if journal.words_of(act) == act} == set()


def test_what_nobody_wrote_words_for_is_shown_as_it_is() -> None:
    assert journal.words_of("weigh anchor") == "weigh anchor"


def test_a_code_without_words_is_a_mistake(ada: Client) -> None:
    with pytest.raises(KeyError):
        journal.note(Tenant.objects.get(slug="harbour"), "ada@example.is", "sang", timezone.now())


def test_after_two_years_it_is_forgotten(ada: Client) -> None:
    tenant, now = Tenant.objects.get(slug="harbour"), timezone.now()
    journal.note(tenant, "ada@example.is", "stay", now - OwnAct.KEPT - timedelta(days=1))
    journal.note(tenant, "ada@example.is", "stay", now - OwnAct.KEPT + timedelta(days=1))
    assert journal.sweep(now) == 1


def test_another_tenant_reads_nothing_of_it(cleo: Client, ada: Client) -> None:
    ada.post(f"{AT}/mailboxes/{box('ben@example.is').pk}/", {"act": "pause"})
    assert "ben@example.is" not in cleo.get("/tenants/fjord/access/").content.decode()
    assert people.web().get(f"{AT}/access/").status_code == 302
