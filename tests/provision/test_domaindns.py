"""A domain's DNS: what belongs there, what is found, what changed since, and when to look again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mailhost.domaindns.dnscheck import Status
from mailhost.domaindns.dnsrecords import Hosting, Purpose, Record, RecordType
from mailhost.mailauth.resolver import Cname, Mx, Rdata, Srv, Txt
from mailhost.models import Domain, DomainCheck
from mailhost.provision import domaindns, domainkeys
from mailhost.provision.domaindns import Hosted
from mailhost.tlspolicy.mtasts import Mode, Policy
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory

HOSTING = Hosting(
    mail_hosts=("mx.is-1.example",),
    client_host="mx.is-1.example",
    web_host="web.is-1.example",
    spf_name="_spf.is-1.example",
    dkim_zone="dkim.is-1.example",
)
HOSTED = Hosted(HOSTING, bytes(range(32)), Policy(Mode.TESTING, HOSTING.mail_hosts, timedelta(days=1)))
ALONE = replace(HOSTED, hosting=replace(HOSTING, spf_name="", dkim_zone=""))


@pytest.fixture
def domain(db: None) -> Domain:
    house.found(FakeDirectory().of(house.CELL))
    found = Domain.objects.select_related("tenant").get(name="example.is")
    domainkeys.advance(found, today=house.NOW.date(), identity=HOSTED.identity)
    return found


def answer(record: Record) -> Rdata:
    """What the DNS says when a record is as it should be."""
    words = record.value.split()
    match record.type:
        case RecordType.MX:
            return Mx(int(words[0]), words[1])
        case RecordType.CNAME:
            return Cname(record.value)
        case RecordType.SRV:
            return Srv(int(words[0]), int(words[1]), int(words[2]), words[3])
        case _:
            return Txt(record.value.encode())


def perfect(domain: Domain, hosted: Hosted = HOSTED) -> FakeDns:
    dns = FakeDns()
    for record in domaindns.records_of(domain, hosted):
        dns.add(record.name, answer(record))
    return dns


@pytest.mark.parametrize("hosted", [HOSTED, ALONE])
def test_a_perfect_domain_is_right_and_looked_at_daily(domain: Domain, hosted: Hosted) -> None:
    looked = domaindns.check(domain, hosted, perfect(domain, hosted), now=house.NOW)
    assert looked.is_right
    assert {line.status for line in looked.lines} == {Status.OK}
    row = DomainCheck.objects.get(domain=domain)
    assert (row.due - row.checked, row.problems) == (timedelta(days=1), 0)
    assert domaindns.last(domain) == looked


def test_a_domain_that_is_right_and_was_not_taken_is_looked_at_within_the_hour(domain: Domain) -> None:
    """Its proof was seen, and the directory may not have answered."""
    domain.verified = None
    assert domaindns.check(domain, HOSTED, perfect(domain), now=house.NOW).proves_ownership
    row = DomainCheck.objects.get(domain=domain)
    assert row.due - row.checked == timedelta(hours=1)


def test_a_host_without_a_zone_publishes_its_keys_itself(domain: Domain) -> None:
    found = {record.name: record for record in domaindns.records_of(domain, ALONE)}
    assert found["s1._domainkey.example.is"].value == domainkeys.published(domain)["s1"]
    assert "s3._domainkey.example.is" not in found
    assert any(record.value == "v=spf1 mx ~all" for record in found.values())
    # Another key in its place is told from none.
    dns = perfect(domain, ALONE)
    dns.replace("s1._domainkey.example.is", Txt(domainkeys.published(domain)["s2"].encode()))
    dns.replace("s2._domainkey.example.is", Txt(b"v=DKIM1; p=!!"))
    keys = [line for line in domaindns.check(domain, ALONE, dns, now=house.NOW).lines if line.purpose == Purpose.DKIM]
    assert [(line.status, line.cause) for line in keys] == [
        ("wrong", "The key is another one."),
        ("wrong", "The record has a mistake: not a key record: p= is not base64."),
    ]


def test_an_empty_domain_has_problems_and_is_looked_at_hourly(domain: Domain) -> None:
    looked = domaindns.check(domain, HOSTED, FakeDns(), now=house.NOW)
    assert not looked.is_right
    assert {line.status for line in looked.lines if line.required} == {Status.MISSING}
    assert all(line.step and line.effect for line in looked.lines if line.status != Status.OK)
    row = DomainCheck.objects.get(domain=domain)
    assert row.due - row.checked == timedelta(hours=1)
    assert row.problems == sum(line.required for line in looked.lines)


def test_only_changes_are_told_and_a_silent_server_changes_nothing(domain: Domain) -> None:
    dns = perfect(domain)

    def changes(*, told: bool = True) -> list[tuple[str, bool]]:
        looked = domaindns.look(domain, HOSTED, dns, now=house.NOW)
        domaindns.keep(domain, looked, told=told)
        return [(change.line.name, change.broke) for change in looked.changes]

    assert changes() == []
    kept = dns.zone.pop("_dmarc.example.is")
    assert changes(told=False) == [("_dmarc.example.is", True)]
    assert changes() == [("_dmarc.example.is", True)]
    assert changes() == []
    dns.fail.add("_dmarc.example.is")
    assert changes() == []
    dns.fail.clear()
    dns.zone["_dmarc.example.is"] = kept
    assert changes() == [("_dmarc.example.is", False)]


def test_the_ownership_text_is_the_tenants_own(domain: Domain) -> None:
    token = HOSTED.ownership_token("example.is", "harbour")
    assert token == HOSTED.ownership_token("example.is", "harbour")
    others = {
        HOSTED.ownership_token("example.is", "fjord"),
        HOSTED.ownership_token("example.no", "harbour"),
        replace(HOSTED, key=bytes(32)).ownership_token("example.is", "harbour"),
    }
    assert token not in others
    assert len(others) == 3


def test_who_is_due_comes_new_domains_first(domain: Domain) -> None:
    other = Domain.objects.get(name="example.no")
    domaindns.check(domain, HOSTED, FakeDns(), now=house.NOW)
    assert domaindns.due(house.NOW, 10) == [other]
    assert domaindns.due(house.NOW + timedelta(hours=1), 10) == [other, domain]
    assert domaindns.due(house.NOW + timedelta(hours=1), 1) == [other]


def test_the_cells_own_zone_makes_the_aliases_lead_somewhere(domain: Domain) -> None:
    dns = perfect(domain)
    for record in domaindns.zone(HOSTED):
        dns.add(record.name, answer(record))
    records = domainkeys.published(domain)
    assert asyncio.run(domainkeys.seen("example.is", records, dns)) == set(records)
    assert domaindns.zone(ALONE) == ()
