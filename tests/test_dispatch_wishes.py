"""What domains demand of the way and what authors wish for, as dispatch keeps it: policies, REQUIRETLS, DSN, later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mailhost.outbound.handover import Here
from mailhost.outbound.mxwalk import Later, Targets
from mailhost.outbound.transport import Verdict
from mailhost.outbox import TlsNeed
from mailhost.tlspolicy.requirement import Barred, Check, Policy, Requirement
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType
from tests.office import BACKUP, MX, Office

ENFORCED = Requirement(MX.name, tls=True, check=Check.AUTHORITIES, policy=Policy(PolicyType.STS))


async def test_a_broken_policy_waits_and_is_told_of_in_words() -> None:
    office = Office()
    office.requirement = ENFORCED
    office.network.results = {
        MX: ResultType.CERTIFICATE_EXPIRED,
        BACKUP: ResultType.CERTIFICATE_HOST_MISMATCH,
    }
    await office.put("cleo@other.test")
    for _ in range(3):
        await office.work()
        office.later(hours=3)
    assert office.network.sent == []
    assert [row.item.reason for row in office.outbox.items.values()] == ["tls_certificate"]
    [notice] = office.notices()
    assert "Action: delayed" in notice
    assert "renew the certificate" in notice.replace("\r\n", " ")
    office.network.results = {}
    office.later(hours=3)
    await office.work()
    assert len(office.network.sent) == 1
    results = [session.result for session in office.sessions]
    assert results[:2] == [ResultType.CERTIFICATE_EXPIRED, ResultType.CERTIFICATE_HOST_MISMATCH]
    assert results[-1] is None


async def test_a_policy_that_is_tried_out_is_reported_and_does_not_stop_mail() -> None:
    office = Office()
    office.requirement = replace(ENFORCED, enforced=False)
    office.network.results = {MX: ResultType.CERTIFICATE_EXPIRED}
    await office.put("cleo@other.test")
    await office.work()
    assert len(office.network.sent) == 1
    assert [asked.tls for asked in office.network.asked] == [True, False]
    assert [session.result for session in office.sessions] == [ResultType.CERTIFICATE_EXPIRED]


async def test_how_it_went_is_counted_for_authors_whose_domain_reports_it_alone() -> None:
    office = Office()
    office.reporting = {"example.no"}
    await office.put("cleo@other.test")
    await office.work()
    assert (len(office.network.sent), office.sessions) == (1, [])


async def test_a_host_that_is_barred_is_not_even_called() -> None:
    office = Office()
    office.requirement = Barred("sts_host_not_listed", ResultType.VALIDATION_FAILURE, Policy(PolicyType.STS))
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == []
    assert next(iter(office.outbox.items.values())).item.reason == "sts_host_not_listed"
    assert {session.result for session in office.sessions} == {ResultType.VALIDATION_FAILURE}


async def test_requiretls_goes_where_it_is_promised_and_comes_back_at_once_where_it_is_not() -> None:
    office = Office()
    office.requirement = ENFORCED
    await office.put("cleo@other.test", tls=TlsNeed.REQUIRED)
    await office.put("mo@other.test")
    await office.work()
    assert [recipients for _, _, recipients, _ in office.network.sent] == [("mo@other.test",)]
    assert not office.outbox.items
    [notice] = office.notices()
    assert "Status: 5.7.30" in notice
    assert "does not promise" in notice.replace("\r\n", " ")
    office.network.requiretls = True
    await office.put("cleo@other.test", tls=TlsNeed.REQUIRED)
    await office.work()
    assert len(office.network.sent) == 2


async def test_a_host_that_is_away_is_no_answer_to_requiretls() -> None:
    office = Office()
    office.requirement = ENFORCED
    office.network.down = {MX}
    office.network.results = {BACKUP: ResultType.CERTIFICATE_EXPIRED}
    await office.put("cleo@other.test", tls=TlsNeed.REQUIRED)
    await office.work()
    assert office.notices() == []
    assert len(office.outbox.items) == 1


async def test_mail_that_asks_for_more_waits_alone() -> None:
    office = Office()
    await office.put("cleo@other.test", tls=TlsNeed.REQUIRED)
    await office.put("mo@other.test", tls=TlsNeed.NONE)
    office.network.down = {BACKUP}
    await office.work()
    assert [recipients for _, _, recipients, _ in office.network.sent] == [("mo@other.test",)]
    [row] = office.outbox.items.values()
    assert row.item.tls is TlsNeed.REQUIRED
    assert office.outbox.failures[b"other.test"] == 0, "the destination is not down"


async def test_who_asks_hears_of_success_from_whoever_takes_it_over() -> None:
    office = Office()
    await office.put("cleo@other.test", notify="SUCCESS,FAILURE")
    await office.work()
    assert "Action: relayed" in office.notices()[0]
    assert "Subject: Your message was handed on" in office.notices()[0]
    office.network.tells = True
    await office.put("cleo@other.test", notify="SUCCESS")
    await office.put("cleo@other.test")
    await office.work()
    assert len(office.notices()) == 1, "the next host will tell, or nobody asked"


async def test_what_is_hosted_here_stays_here() -> None:
    office = Office()
    office.walk = Here()
    office.rule = lambda *_: Verdict.DENY
    await office.put("ben@example.is", "gone@example.is", notify="SUCCESS,FAILURE")
    await office.work()
    assert office.network.connected == []
    assert not office.outbox.items
    assert [delivery.mailbox_id for delivery in office.talk.store.deliveries] == [2, 1]
    [notice] = office.notices()
    assert "Action: delivered" in notice
    assert "Action: failed" in notice
    assert "Subject: Your message was not delivered" in notice


async def test_mail_for_later_waits_for_its_hour_and_its_five_days_begin_then() -> None:
    office = Office()
    await office.put("cleo@other.test", hold_until=office.now + timedelta(days=20))
    office.walk = Later("dns_failed")
    office.later(days=19)
    await office.work()
    assert office.notices() == []
    office.later(days=1, hours=1)
    await office.work()
    assert office.notices() == []
    office.walk = Targets((MX,))
    office.later(hours=1)
    await office.work()
    assert len(office.network.sent) == 1
