"""`skerry demo fill`: the same cell every time, beside nobody without being asked, finished by the same command."""

from __future__ import annotations

import pytest

from jurisdiction.models import DecisionRecord, OperatorAct
from mailhost.models import AppPassword, Domain, Job, Mailbox, QueueItem, ReceivedReport, SealedMessage, Tenant
from mailhost.outbound.notices import WHY
from tests.cli.conftest import Skerry
from webadmin.filling import houses

SMALL = (
    "demo",
    "fill",
    "--tenants",
    "2",
    "--domains",
    "8",
    "--mailboxes",
    "12",
    "--each",
    "4",
    "--mail",
    "0",
    "--json",
)


def shape() -> list[object]:
    """What a fill leaves, without what is random or of the moment."""
    return [
        list(Tenant.objects.order_by("slug").values_list("slug", "name")),
        list(Domain.objects.order_by("name").values_list("name", "domaincheck__problems")),
        list(Mailbox.objects.order_by("address").values_list("address", "state")),
        list(Job.objects.order_by("tenant", "kind", "state").values_list("tenant", "kind", "state")),
        QueueItem.objects.count(),
        ReceivedReport.objects.count(),
        AppPassword.objects.count(),
    ]


@pytest.mark.slow  # fills a cell twice
def test_a_cell_is_filled_and_a_second_time_nothing_is_added(skerry: Skerry) -> None:
    told = skerry(*SMALL).json
    assert (told["tenants"], told["mailboxes"]) == (2, 12)
    assert len(told["logins"]) == 4
    first = shape()
    again = skerry(*SMALL).json
    assert again["logins"] == []
    assert shape() == first


@pytest.mark.slow  # fills a cell
def test_every_reason_to_wait_and_every_state_of_dns_is_there_and_the_newest_is_newest(skerry: Skerry) -> None:
    skerry("demo", "fill", "--tenants", "1", "--domains", "20", "--mailboxes", "3", "--each", "80", "--mail", "0")
    found = set(QueueItem.objects.values_list("state", "reason"))
    assert {reason for state, reason in found if state == "held"} == {"restored"}
    waiting = {reason for state, reason in found if state == "waiting"}
    assert waiting == {"", *(reason for reason, (status, _words) in WHY.items() if status[0] == "4")} - {"restored"}
    # Lists that show the newest row first show the newest act first, as in a cell that has lived.
    for rows in (OperatorAct.objects.values_list("at", flat=True), DecisionRecord.objects.values_list("on", flat=True)):
        told = list(rows.filter(tenant__startswith="demo-").order_by("-id"))[:80]
        assert len(set(told)) > 50
        assert told == sorted(told, reverse=True)
    problems = set(Domain.objects.values_list("domaincheck__problems", flat=True))
    assert {None, 0} < problems
    assert Domain.objects.filter(verified=None).exists()


@pytest.mark.slow
def test_a_cell_with_tenants_of_its_own_is_left_alone(skerry: Skerry, cell: None) -> None:
    refused = skerry(*SMALL[:-1])
    assert refused.code == 1
    assert "fjord, harbour" in refused.err
    assert not Tenant.objects.filter(slug__startswith=houses.PREFIX).exists()
    assert skerry(*SMALL, "--yes").code == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_mail_is_delivered_and_sealed(skerry: Skerry) -> None:
    told = skerry(
        "demo", "fill", "--tenants", "1", "--domains", "1", "--mailboxes", "2", "--each", "1", "--mail", "2"
    ).out
    assert "4 mails" in told
    assert SealedMessage.objects.count() == 4
    assert b"harbour" not in b"".join(bytes(row.payload or b"") for row in SealedMessage.objects.all())


def test_names_are_the_same_every_time() -> None:
    assert houses.slugs(3) == ["demo-alder", "demo-ash", "demo-aspen"]
    assert len(set(houses.slugs(100))) == 100
