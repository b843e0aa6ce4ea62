"""Dangerous acts on a host that others reach: proposed by one operator, done when another agrees, or after an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from jurisdiction.ledger import entries
from jurisdiction.models import Proposal
from jurisdiction.policy import Policy
from jurisdiction.records import ledger, operators, policies, proposals
from mailhost.models import QueueItem, Tenant
from mailhost.provision import leaving
from tests.provision import house
from tests.webadmin import people
from tests.webadmin.console.test_pages import acts, text, waits
from webadmin.accounts.models import Account

pytestmark = pytest.mark.django_db
SUSPEND = "/console/tenants/harbour/state/"
Operator = Callable[[str], Client]


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    """A browser of an operator by name, on a cell that others reach."""
    people.found()
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"second_person": "needed"}))

    def made(name: str) -> Client:
        account = Account(cell=house.CELL, name=name, created=people.TODAY)
        account.set_password(people.MOS_PASSWORD)
        account.save()
        now = timezone.now()
        operators.open_session(f"{name:0<32}".encode().hex()[:32], name, "IS", "a complaint", house.NOTARY, now)
        return people.signed_in(account, sudo=True)

    return made


def state() -> str:
    return Tenant.objects.get(slug="harbour").state


def propose(mo: Client) -> Proposal:
    answer = mo.post(SUSPEND, {"why": "it sends spam"})
    assert answer.headers["Location"] == "/console/waiting/"
    return Proposal.objects.get()


def test_nothing_is_done_until_another_operator_agrees(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    proposed = propose(mo)
    assert state() == "active"
    assert "another operator has to agree" in text(mo.get("/console/waiting/"))
    assert mo.post(f"/console/waiting/{proposed.pk}/agree/").status_code == 403
    assert state() == "active"
    page = text(ben.get("/console/waiting/"))
    assert "it sends spam" in page
    assert "Agree and do it" in page
    assert ben.post(f"/console/waiting/{proposed.pk}/agree/").status_code == 302
    assert state() == "suspended"
    assert acts("harbour")[:2] == ["tenant suspend: it sends spam", "propose tenant-suspend"]
    done = operators.acts("harbour")[0]
    assert (done.operator, done.second) == ("ben", "mo")


def test_the_log_has_both_as_hashes_and_no_name(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    ben.post(f"/console/waiting/{propose(mo).pk}/agree/")
    tag = house.NOTARY.tag(policies.TENANT, "harbour")
    (grave,) = [one.entry for one in ledger.entries_of(tag) if isinstance(one.entry, entries.GraveAct)]
    assert grave.act == "tenant-suspend"
    assert grave.first == house.NOTARY.tag("operator", "mo")
    assert grave.second == house.NOTARY.tag("operator", "ben")
    assert "spam" not in str(grave)


def test_proposing_twice_is_proposing_once_and_agreeing_twice_changes_nothing(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    proposed = propose(mo)
    assert propose(mo).pk == proposed.pk
    path = f"/console/waiting/{proposed.pk}/agree/"
    assert ben.post(path).status_code == 302
    assert ben.post(path).status_code == 403
    assert len([act for act in acts("harbour") if act.startswith("tenant suspend")]) == 1


def test_anybody_may_say_no(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    proposed = propose(mo)
    ben.post(f"/console/waiting/{proposed.pk}/withdraw/")
    assert ben.post(f"/console/waiting/{proposed.pk}/agree/").status_code == 403
    assert "withdrawn" in text(mo.get("/console/waiting/"))
    assert state() == "active"


def test_after_a_day_nobody_can_agree_any_more(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    proposed = propose(mo)
    Proposal.objects.update(expires=timezone.now())
    assert ben.post(f"/console/waiting/{proposed.pk}/agree/").status_code == 403
    assert "nobody agreed" in text(mo.get("/console/waiting/"))
    assert propose_again(mo) != proposed.pk


def propose_again(mo: Client) -> int:
    mo.post(SUSPEND, {"why": "it sends spam"})
    return int(Proposal.objects.latest("pk").pk)


def test_where_there_is_one_operator_an_hour_has_to_pass_and_it_is_shown(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"second_person": "delay"}))
    mo = operator("mo")
    proposed = propose(mo)
    path = f"/console/waiting/{proposed.pk}/agree/"
    assert mo.post(path).status_code == 403
    Proposal.objects.update(from_then_alone=timezone.now() - timedelta(seconds=1))
    assert mo.post(path).status_code == 302
    assert state() == "suspended"
    assert "done alone, after an hour" in text(mo.get("/console/waiting/"))


@pytest.mark.slow
def test_dropping_mail_and_deleting_a_tenant_wait_too(operator: Operator) -> None:
    mo, ben, item = operator("mo"), operator("ben"), waits(1)
    mo.post(f"/console/queue/{item.pk}/drop/", {"why": "a loop"})
    mo.post("/console/tenants/harbour/delete/", {"why": "unpaid for a year"})
    assert QueueItem.objects.exists()
    assert state() == "active"
    for row in Proposal.objects.all():
        ben.post(f"/console/waiting/{row.pk}/agree/")
    assert not QueueItem.objects.exists()
    assert state() == "leaving"
    assert f"queue drop {item.pk}: a loop" in acts("harbour")
    assert "Keep harbour" in text(ben.get("/console/tenants/harbour/delete/"))
    assert ben.post("/console/tenants/harbour/delete/", {"why": "it has paid"}).status_code == 302
    assert state() == "active"


def test_a_form_sent_twice_or_from_an_older_window_is_never_the_opposite_act(operator: Operator) -> None:
    mo, path = operator("mo"), "/console/tenants/harbour/delete/"
    leaving.ask("harbour", leaving.Wish(by_operator=True), notary=house.NOTARY, now=timezone.now())
    assert 'name="act" value="tenant restore"' in mo.get(path).content.decode()
    keep = {"why": "it has paid", "act": "tenant restore"}
    assert mo.post(path, keep).status_code == 302
    again = mo.post(path, keep)
    assert (again.status_code, state()) == (409, "active")
    assert "Delete harbour" in text(again)
    assert not Proposal.objects.exists()


def test_what_cannot_be_taken_back_any_more_is_said(operator: Operator) -> None:
    mo, path = operator("mo"), "/console/tenants/harbour/delete/"
    long_ago = timezone.now() - leaving.COOLING_OFF
    leaving.ask("harbour", leaving.Wish(by_operator=True), notary=house.NOTARY, now=long_ago)
    answer = mo.post(path, {"why": "it has paid"})
    assert answer.status_code == 422
    assert "cooling-off is over" in text(answer)


def test_what_is_gone_meanwhile_is_said_and_stays_undone(operator: Operator) -> None:
    mo, ben, item = operator("mo"), operator("ben"), waits(1)
    mo.post(f"/console/queue/{item.pk}/drop/", {"why": "a loop"})
    item.delete()
    answer = ben.post(f"/console/waiting/{Proposal.objects.get().pk}/agree/")
    assert answer.status_code == 403
    assert "no item" in text(answer)
    assert Proposal.objects.get().state == Proposal.State.WAITING


def test_a_tenant_that_keeps_operators_out_is_neither_named_nor_touched(operator: Operator) -> None:
    mo, ben = operator("mo"), operator("ben")
    proposed = propose(mo)
    policies.adopt("harbour", Policy(allow=("IS",), operator_allow=("NO",)), house.NOTARY, house.NOW)
    assert "harbour" not in text(ben.get("/console/waiting/"))
    assert ben.post(f"/console/waiting/{proposed.pk}/agree/").status_code == 403
    assert state() == "active"


def test_agreeing_asks_for_the_password_again(operator: Operator) -> None:
    mo = operator("mo")
    proposed = propose(mo)
    operator("ben")
    tired = people.signed_in(Account.objects.get(name="ben"))
    answer = tired.post(f"/console/waiting/{proposed.pk}/agree/")
    assert answer.headers["Location"].startswith("/account/prove-again/")


def test_a_suspension_is_one_line_for_its_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    people.found()
    account = people.mo()
    people.state(account)
    mo = people.signed_in(account, sudo=True)
    mo.get(SUSPEND)
    mo.post(SUSPEND, {"why": "it sends spam"})
    assert acts("harbour") == ["tenant suspend: it sends spam"]


def test_long_after_proposals_are_forgotten(operator: Operator) -> None:
    propose(operator("mo"))
    Proposal.objects.update(at=timezone.now() - Proposal.KEPT - timedelta(days=1))
    assert proposals.sweep(timezone.now()) == 1
