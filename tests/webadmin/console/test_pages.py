"""The operator's console: what it shows and leaves out, what an act writes down, and a cost that does not grow."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jurisdiction.evidence import NoLease
from jurisdiction.models import OperatorAct
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Verdict
from jurisdiction.records import egress, leases, operators, policies, supposed
from mailhost.adapters.queueboxes import seal_envelope
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import Job, QueueDestination, QueuedMessage, QueueItem, Tenant
from mailhost.outbox import Forward, Outgoing
from mailhost.provision import mailboxes
from tests.provision import house
from webadmin.cell import notarial, tls
from webadmin.cell.keyfiles import read_or_make
from webadmin.console import figures
from webadmin.console.forms import LONGEST_WHY

pytestmark = pytest.mark.django_db
PAGES = ("", "queue/", "tenants/", "jobs/", "acts/", "laws/")


def waits(number: int, address: str = "ada@example.is", **more: Any) -> QueueItem:
    """An item of the queue, its envelope noise."""
    box, now = mailboxes.get(address), timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    message = QueuedMessage.objects.create(
        cell=house.CELL,
        tenant=box.tenant,
        mailbox=box,
        opaque_id=f"{number:032x}",
        queued=hour,
        content=b"",
    )
    to = QueueDestination.objects.create(
        cell=house.CELL, digest=number.to_bytes(16, "big"), due=now + timedelta(hours=1), failures=2
    )
    values = {"state": QueueItem.State.WAITING, "reason": "timeout", "attempts": 2} | more
    return QueueItem.objects.create(
        cell=house.CELL, message=message, destination=to, due=to.due, queued=hour, envelope=b"", **values
    )


def job(kind: str = "sweep-store", state: Job.State = Job.State.DEAD, tenant: str = "", **more: Any) -> Job:
    return Job.objects.create(
        cell=house.CELL, kind=kind, tenant=tenant, state=state, due=timezone.now() - timedelta(hours=1), **more
    )


def more_tenants(count: int) -> None:
    for number in range(count):
        slug = f"isle-{number}"
        Tenant.objects.create(cell=house.CELL, slug=slug, name=slug, created=house.NOW.date())
        policies.adopt(slug, Policy(allow=("IS",), operator_allow=("IS",)), house.NOTARY, house.NOW)


def keep_out(tenant: str) -> None:
    """The tenant's policy lets nobody in this cell's country operate on it."""
    policies.adopt(tenant, Policy(allow=("IS",), operator_allow=("NO",)), house.NOTARY, house.NOW)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def acts_in(page: str) -> str:
    """What a page says between its last table's tags."""
    return re.sub(r"<[^>]*>", " ", page.rpartition("<table")[2])


def acts(tenant: str) -> list[str]:
    return [one.act for one in operators.acts(tenant)]


def test_the_first_page_says_how_the_cell_is_and_calls_the_log_unwitnessed(mo: Client) -> None:
    waits(1)
    waits(2, state=QueueItem.State.HELD)
    job(reason="failed 8 times")
    shown = text(mo.get("/console/"))
    assert "UNWITNESSED" in shown
    assert "1 dead" in shown
    assert "?state=held" in shown
    assert "Cell is-1" in shown
    assert '<a href="/console/" aria-current="page">This cell</a>' in shown
    assert "ada@example.is" not in shown


def test_an_open_incident_is_on_the_first_page(mo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> Any:
        raise NoLease("the evidence drifted")

    with monkeypatch.context() as during:
        during.setattr(leases, "lease", refuse)
        leases.renew("harbour", house.NOTARY, house.NOW.date())
    assert "the evidence drifted" in text(mo.get("/console/"))
    keep_out("harbour")
    shown = text(mo.get("/console/"))
    assert "the evidence drifted" not in shown
    assert "keep operators in your country out" in shown


@pytest.mark.parametrize(("left", "mood"), [(60, "good"), (20, "warn"), (-1, "bad")])
def test_a_certificate_that_is_soon_over_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, mood: str
) -> None:
    now = datetime(2027, 3, 14, tzinfo=UTC)
    monkeypatch.setattr(tls, "LIFETIME", timedelta(days=left))
    monkeypatch.setattr(tls, "timedelta", lambda days: timedelta(days=max(days, 90)))
    file = tmp_path / "cert.pem"
    file.write_bytes(tls._self_signed("mail.example.is", now)[1])
    found = figures.certificate_of(file, now)
    assert (found.mood, found.days) == (mood, left)


def test_a_certificate_that_is_not_there_is_bad(tmp_path: Path) -> None:
    assert figures.certificate_of(tmp_path / "none", house.NOW).mood == "bad"


def test_the_queue_names_tenants_and_reasons_and_no_mailbox(mo: Client) -> None:
    waits(1)
    waits(2, "cleo@example.no", state=QueueItem.State.HELD, reason="")
    shown = text(mo.get("/console/queue/"))
    assert "do not answer in time" in shown
    assert "harbour" in shown
    assert "fjord" in shown
    assert "@example" not in shown
    assert "fjord" not in text(mo.get("/console/queue/?state=waiting"))
    assert acts("harbour") == []  # a list is no look at one tenant


def test_who_keeps_operators_out_is_counted_and_not_named(mo: Client) -> None:
    waits(1, "cleo@example.no")
    job(tenant="fjord")
    keep_out("fjord")
    for page in ("queue/", "tenants/", "jobs/"):
        shown = text(mo.get(f"/console/{page}"))
        assert "fjord" not in shown, page
        assert "1 more belongs to a tenant" in shown, page


def test_an_item_is_opened_tried_again_and_the_tenant_reads_both(mo: Client) -> None:
    item = waits(1, state=QueueItem.State.HELD)
    shown = text(mo.get(f"/console/queue/{item.pk}/"))
    assert "ada@example.is" in shown
    assert "its key is gone" in shown
    answer = mo.post(f"/console/queue/{item.pk}/", {"why": "asked  by Ada"})
    assert answer.headers["Location"] == "/console/queue/"
    item.refresh_from_db()
    assert item.state == QueueItem.State.WAITING
    assert item.due <= timezone.now()
    assert acts("harbour") == [f"queue retry {item.pk}: asked by Ada", f"queue show {item.pk}"]


def test_the_log_says_what_operators_did_and_what_was_refused_them(mo: Client) -> None:
    assert "Nobody did anything yet" in text(mo.get("/console/acts/"))
    mo.post(f"/console/queue/{waits(1).pk}/", {"why": "asked by Ada"})
    OperatorAct.objects.filter(act__startswith="queue retry").update(refused="operator_country")
    shown = text(mo.get("/console/acts/"))
    assert shown.count("/console/tenants/harbour/") == 1
    for words in ("Operator mo, from IS", "asked by Ada", "operator_country"):
        assert words in shown
    keep_out("harbour")
    shown = text(mo.get("/console/acts/"))
    assert "asked by Ada" not in shown
    assert "1 more belongs to a tenant" in shown


@pytest.mark.parametrize("why", ["", "no", "x" * (LONGEST_WHY + 1)])
def test_nothing_is_done_without_a_reason(mo: Client, why: str) -> None:
    item = waits(1)
    for path in (f"queue/{item.pk}/", f"queue/{item.pk}/drop/", "tenants/harbour/state/"):
        answer = mo.post(f"/console/{path}", {"why": why})
        assert answer.status_code == 422
        assert not why or why in text(answer)
    assert QueueItem.objects.filter(pk=item.pk, due=item.due).exists()
    assert Tenant.objects.get(slug="harbour").state == Tenant.State.ACTIVE
    assert not [act for act in acts("harbour") if act.startswith(("queue", "tenant "))]


def test_the_longest_reason_fits_beside_the_longest_act() -> None:
    longest = f"queue retry {10**9}: "
    assert len(longest) + LONGEST_WHY <= (OperatorAct._meta.get_field("act").max_length or 0)


def test_a_dropped_item_is_gone_and_a_second_send_finds_nothing(mo: Client) -> None:
    item = waits(1)
    path = f"/console/queue/{item.pk}/drop/"
    assert "not told" in text(mo.get(path))
    assert mo.post(path, {"why": "asked by Ada"}).status_code == 302
    assert not QueuedMessage.objects.exists()
    assert mo.post(path, {"why": "asked by Ada"}).status_code == 404
    assert acts("harbour") == [f"queue drop {item.pk}: asked by Ada"]


def test_a_tenant_that_keeps_operators_out_is_not_touched(mo: Client) -> None:
    item = waits(1)
    keep_out("harbour")
    for path in (f"queue/{item.pk}/", f"queue/{item.pk}/drop/", "tenants/harbour/state/"):
        assert mo.post(f"/console/{path}", {"why": "curiosity"}).status_code == 403
    assert mo.get(f"/console/queue/{item.pk}/").status_code == 403
    assert mo.get("/console/tenants/harbour/").status_code == 403
    assert QueueItem.objects.filter(pk=item.pk).exists()
    assert Tenant.objects.get(slug="harbour").state == Tenant.State.ACTIVE
    assert all(one.refused for one in operators.acts("harbour"))


def test_a_tenant_is_suspended_and_resumed_with_a_reason_it_can_read(mo: Client) -> None:
    for state, word in ((Tenant.State.SUSPENDED, "suspend"), (Tenant.State.ACTIVE, "resume")):
        answer = mo.post("/console/tenants/harbour/state/", {"why": "unpaid, then paid"})
        assert answer.headers["Location"] == "/console/tenants/harbour/"
        assert Tenant.objects.get(slug="harbour").state == state
        assert acts("harbour")[0] == f"tenant {word}: unpaid, then paid"
    assert len(acts("harbour")) == 2, "one act is one line"
    shown = text(mo.get("/console/tenants/harbour/"))
    assert "suspended your organisation" in shown
    assert "opened the page about your organisation" in shown
    assert "console-tenant" not in acts_in(shown)
    assert "ada@example.is" not in shown


def test_tenants_are_found_by_the_beginning_of_their_name(mo: Client) -> None:
    shown = text(mo.get("/console/tenants/?q=HAR"))
    assert "harbour" in shown
    assert "fjord" not in shown
    assert "No tenant fits" in text(mo.get("/console/tenants/?q=harx"))


def test_a_dead_job_is_done_again_under_the_policy_of_today(
    mo: Client, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    of_cell, of_tenant = job(attempts=8, reason="failed"), job(tenant="harbour", policy="old", attempts=8)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        assert mo.post(f"/console/jobs/{of_cell.pk}/again/").status_code == 302
        assert mo.post(f"/console/jobs/{of_tenant.pk}/again/", {}).status_code == 422
        assert mo.post(f"/console/jobs/{of_tenant.pk}/again/", {"why": "it was mended"}).status_code == 302
    assert len(callbacks) == 2
    for row in (of_cell, of_tenant):
        row.refresh_from_db()
        assert (row.state, row.attempts, row.reason) == (Job.State.WAITING, 0, "")
    assert of_tenant.policy == policies.in_force("harbour", house.NOTARY.key.verify_key).digest()
    assert acts("harbour") == [f"job again {of_tenant.pk}: it was mended"]


@pytest.mark.parametrize("state", [Job.State.RUNNING, Job.State.DONE])
def test_what_runs_or_is_done_is_left_alone(mo: Client, state: Job.State) -> None:
    row = job(state=state, attempts=3)
    assert "nothing was changed" in text(mo.post(f"/console/jobs/{row.pk}/again/", follow=True))
    row.refresh_from_db()
    assert (row.state, row.attempts) == (state, 3)


def test_the_dead_come_first(mo: Client) -> None:
    job("renew-leases", Job.State.DONE)
    job("rotate-domain-keys", Job.State.DEAD, reason="KeyError")
    job("check-domains", Job.State.WAITING)
    shown = text(mo.get("/console/jobs/"))
    assert shown.index("rotate-domain-keys") < min(shown.index("renew-leases"), shown.index("check-domains"))
    assert "renew-leases" not in text(mo.get("/console/jobs/?state=dead"))


def test_a_law_on_its_way_names_the_tenants_whose_answer_changes(mo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def effect(tenant: str) -> supposed.Row:
        return supposed.Row(tenant, "primary", "IS", "2027-09-01", "allow", "deny", ("NOT_IN_ALLOWLIST",), "NO")

    def answers(_given: supposed.Given, _notary: Notary, _today: object) -> list[supposed.Row]:
        return [effect("harbour"), effect("fjord")]

    assert "Regulation (EU) 2023/1543" in text(mo.get("/console/laws/"))
    keep_out("fjord")
    monkeypatch.setattr(supposed, "answers", answers)
    shown = text(mo.get("/console/laws/"))
    assert "harbour" in shown
    assert "2027-09-01" in shown
    assert "allowed, then denied" in shown
    assert "fjord" not in shown


@pytest.mark.slow  # many rows
def test_a_page_costs_as_many_queries_with_many_rows_as_with_few(mo: Client) -> None:
    def costs() -> dict[str, int]:
        found = {}
        for page in PAGES:
            with CaptureQueriesContext(connection) as queries:
                assert mo.get(f"/console/{page}").status_code == 200
            found[page] = len(queries)
        return found

    waits(1)
    job(tenant="harbour")
    mo.get("/console/")  # what is remembered after the first page is not counted
    few = costs()
    more_tenants(12)
    for number in range(2, 30):
        waits(number, "cleo@example.no" if number % 2 else "ada@example.is")
        job(tenant=f"isle-{number % 12}")
    assert costs() == few


def test_long_lists_are_cut_into_pages(mo: Client) -> None:
    for _number in range(55):
        job()
    assert "Page 1 of 2" in text(mo.get("/console/jobs/"))
    assert "Page 2 of 2" in text(mo.get("/console/jobs/?page=2"))
    assert "Page 2 of 2" in text(mo.get("/console/jobs/?page=900"))


def test_the_envelopes_domain_is_shown_while_its_key_lives(mo: Client) -> None:
    keys = QueueKeys(settings.ENVIRON.queue_keys, read_or_make)
    item = waits(1)
    now = timezone.now()
    recipients = (Forward("bo@other.test", "other.test"),)
    message = Outgoing(item.message.opaque_id, item.message.tenant_id, item.message.mailbox_id, "", recipients, b"")
    envelope = seal_envelope(keys.of_today(now.date()), message, recipients, now, seed="")
    QueueItem.objects.filter(pk=item.pk).update(envelope=envelope)
    shown = text(mo.get(f"/console/queue/{item.pk}/"))
    assert "1 recipient at other.test" in shown
    assert "bo@" not in shown
    assert "Decision" not in shown, "nothing is on record about that domain"
    here = notarial.notary(settings.ENVIRON, today=now.date())
    decided = Decision(Verdict.ALLOW, ("EGRESS_TLS_OK", "METADATA_EXPOSED"))
    name = egress.record("d" * 32, "harbour", "other.test", "tls", decided, Policy(), here, now.date())
    assert f"<dt>Decision</dt><dd><code>{name}</code>" in text(mo.get(f"/console/queue/{item.pk}/"))
