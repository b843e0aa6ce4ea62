"""Whole rulings: what becomes of a letter, by what the DNS, the lists, the filter and the memory say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from mailhost.limits import JudgingLimits
from mailhost.mailauth.resolver import Cname, Lookup, Mx, Ptr, Txt
from mailhost.mailauth.results import parse
from mailhost.mailauth.verdict import ReceivePolicy
from mailhost.message.address import parse_address
from mailhost.outcomes import Reason
from mailhost.reputation.memory import written_digest
from mailhost.reputation.weighing import Finding
from tests.fakedns import FakeDns
from tests.people import ADA, BEN, CLEO
from tests.reputation.court import BOT, LETTER, LIST, MAIL_HOST, OTHER_LIST, SECRET, Court, reverse, signed, world


@pytest.fixture
def court() -> Court:
    return Court()


async def test_mail_that_proves_its_sender_is_taken(court: Court) -> None:
    ruling = await court.rule(signed())
    assert (ruling.reason, ruling.proven) == (Reason.OK, "demo.test")
    verdict = ruling.verdicts[ADA.tenant_id]
    assert not verdict.junk
    found = {one.method: one.result for one in parse(f"{'mx'}; {verdict.results}").results}
    assert found == {"spf": "pass", "dkim": "pass", "dmarc": "pass"}
    assert court.slept == []


async def test_a_forgery_under_p_reject_alone_lands_in_junk(court: Court) -> None:
    # RFC 9989 §7.4: nothing else speaks against a sender with a good reverse name.
    court.dns.add(reverse("192.0.2.77"), Ptr("relay.list.test"))
    court.dns.add("relay.list.test", *court.dns.zone["mail.demo.test"])
    court.dns.replace("relay.list.test", replace(court.dns.zone["mail.demo.test"][0], address=_ip("192.0.2.77")))  # type: ignore[arg-type]
    ruling = await court.rule(LETTER, peer="192.0.2.77", helo="relay.list.test")
    assert ruling.reason is Reason.GREYLISTED  # it failed SPF and proved nothing
    court.later(minutes=5)
    ruling = await court.rule(LETTER, peer="192.0.2.77", helo="relay.list.test")
    assert ruling.reason is Reason.OK
    assert ruling.verdicts[1].junk
    assert "dmarc=fail" in ruling.verdicts[1].results


async def test_a_forgery_from_a_listed_host_is_refused(court: Court) -> None:
    court.list(BOT, LIST)
    assert await court.reason(LETTER, peer=BOT) is Reason.FORGED


async def test_a_tenant_may_have_forgeries_refused(court: Court) -> None:
    court.dns.add(reverse("192.0.2.77"), Ptr("x.test"))
    court.dns.fail.add("x.test")
    court.choices.chosen[1] = ReceivePolicy(refuse_when_asked=True)
    assert await court.reason(LETTER, peer="192.0.2.77", helo="x.test") is Reason.FORGED


async def test_after_the_content_it_is_refused_only_if_every_tenant_refuses(court: Court) -> None:
    court.dns.replace("_dmarc.demo.test", Txt(b"v=DMARC1; p=none"))
    court.list(BOT, LIST, OTHER_LIST)
    assert await court.reason(LETTER, ADA, BEN, CLEO, peer=BOT) is Reason.SPAM
    court.choices.chosen[CLEO.tenant_id] = ReceivePolicy(refuse_spam=False)
    ruling = await court.rule(LETTER, ADA, BEN, CLEO, peer=BOT)
    assert ruling.reason is Reason.OK
    assert {tenant: verdict.junk for tenant, verdict in ruling.verdicts.items()} == {1: True, 2: True}
    assert 'x-reputation=spam reason="' in ruling.verdicts[1].results


async def test_tenants_who_trust_a_forwarder_differently_get_it_in_different_folders(court: Court) -> None:
    from mailhost.mailauth.arc import seal, verify
    from mailhost.mailauth.canonicalization import Parts
    from mailhost.mailauth.dkim_key import key_record
    from tests.mailauth.people import key

    arc = key(domain="lists.demo.test", selector="arc")
    court.dns.add("arc._domainkey.lists.demo.test", Txt(key_record(arc.private).encode()))
    footer = signed() + b"-- \r\nlist footer\r\n"
    chain = await verify(Parts(signed()), court.dns, now=court.now)
    fields = seal(Parts(footer), chain, "dmarc=pass header.from=demo.test", arc, authserv_id="x", now=court.now)
    assert fields is not None
    court.choices.chosen[CLEO.tenant_id] = ReceivePolicy(trusted_sealers=frozenset({"lists.demo.test"}))
    ruling = await court.rule(fields + footer, ADA, CLEO, sender="bounce@lists.demo.test")
    assert {tenant: verdict.junk for tenant, verdict in ruling.verdicts.items()} == {1: True, 2: False}


@pytest.mark.parametrize("role", ["postmaster", "abuse", "POSTMASTER", "abuse+list"])
async def test_a_postmaster_can_always_be_reached(court: Court, role: str) -> None:
    court.list(BOT, LIST)
    assert await court.reason(LETTER, peer=BOT) is Reason.FORGED
    assert await court.junk(LETTER, peer=BOT, to=f"{role}@example.is")


class TestGreylisting:
    """Doubtful and unknown: come again in a few minutes."""

    DOUBTFUL: ClassVar[Any] = {"peer": BOT, "sender": "mo@unknown.test", "helo": "host.unknown.test"}
    NOTE = b"From: mo@unknown.test\r\n\r\nhello\r\n"

    async def test_a_doubtful_stranger_has_to_come_again(self, court: Court) -> None:
        assert await court.reason(self.NOTE, **self.DOUBTFUL) is Reason.GREYLISTED
        court.later(minutes=3)
        assert await court.reason(self.NOTE, **self.DOUBTFUL) is Reason.GREYLISTED
        court.later(minutes=2)
        assert not await court.junk(self.NOTE, **self.DOUBTFUL)
        assert court.slept == [JudgingLimits().first_time]

    async def test_from_then_on_it_is_known(self, court: Court) -> None:
        await court.rule(self.NOTE, **self.DOUBTFUL)
        court.later(minutes=5)
        await court.rule(self.NOTE, **self.DOUBTFUL)
        court.later(days=40)
        ruling = await court.rule(self.NOTE, **{**self.DOUBTFUL, "peer": "198.51.100.200"})
        assert ruling.reason is Reason.OK, "another machine of the same network"
        assert len(court.slept) == 1
        court.later(days=70)
        assert await court.reason(self.NOTE, **self.DOUBTFUL) is Reason.GREYLISTED

    async def test_who_comes_too_late_begins_anew(self, court: Court) -> None:
        await court.rule(self.NOTE, **self.DOUBTFUL)
        court.later(days=2)
        assert await court.reason(self.NOTE, **self.DOUBTFUL) is Reason.GREYLISTED

    async def test_another_network_waits_for_itself(self, court: Court) -> None:
        await court.rule(self.NOTE, **self.DOUBTFUL)
        court.later(minutes=5)
        assert await court.reason(self.NOTE, **{**self.DOUBTFUL, "peer": "203.0.113.9"}) is Reason.GREYLISTED

    async def test_nobody_waits_who_cannot_be_remembered(self, court: Court) -> None:
        court.memory.full = True
        assert await court.reason(self.NOTE, **self.DOUBTFUL) is Reason.OK

    async def test_what_one_tenant_knows_another_does_not(self, court: Court) -> None:
        await court.rule(self.NOTE, ADA, **self.DOUBTFUL)
        court.later(minutes=5)
        await court.rule(self.NOTE, ADA, **self.DOUBTFUL)
        await court.rule(self.NOTE, CLEO, **self.DOUBTFUL)
        assert court.metrics.counts["sender_findings", Finding.CAME_BEFORE] == 0

    async def test_somebody_the_recipient_has_written_to_is_not_put_off(self, court: Court) -> None:
        court.list(MAIL_HOST, LIST, OTHER_LIST)  # a provider on two lists
        assert await court.junk(signed())
        court.memory.written.add((written_digest(SECRET, ADA.mailbox_id, parse_address("cleo@demo.test")), 1))
        assert not await court.junk(signed())
        # A forger who only uses that name gains nothing by it.
        assert await court.reason(LETTER, peer=BOT) in {Reason.FORGED, Reason.SPAM}

    async def test_no_name_is_in_the_memory(self, court: Court) -> None:
        await court.rule(self.NOTE, **self.DOUBTFUL)
        await court.rule(signed())
        assert len(court.memory.kept) == 2
        assert all(len(digest) == 16 for digest in court.memory.kept)
        dump = b"".join(court.memory.kept)
        assert not any(word in dump for word in (b"demo", b"unknown", b"198.51"))
        # Of a sender that was taken in, the day is all that is kept of the time.
        assert sorted(since.minute for since, _ in court.memory.kept.values()) == [0, court.now.minute]


class TestLoopback:
    """This machine itself is not judged by its reputation, unless the settings call its network strangers."""

    async def test_a_local_client_is_neither_listed_nor_put_off_nor_counted(self, court: Court) -> None:
        court.list("127.0.0.1", LIST, OTHER_LIST)
        for _ in range(80):
            ruling = await court.rule(b"From: mo@unknown.test\r\n\r\nx\r\n", peer="127.0.0.1", sender="mo@unknown.test")
            assert ruling.reason is Reason.OK
        assert court.memory.kept == {}
        assert court.filter.seen == 0
        assert not [name for name, _ in court.dns.asked if name.endswith(LIST) or "in-addr" in name]

    async def test_its_mail_is_authenticated_all_the_same(self, court: Court) -> None:
        assert "dkim=pass" in (await court.rule(signed(), peer="127.0.0.1")).verdicts[1].results

    async def test_a_named_network_of_loopback_is_judged(self, court: Court) -> None:
        court.list("127.0.0.2", LIST)
        assert await court.reason(LETTER, peer="127.0.0.2") is Reason.FORGED

    async def test_the_cells_own_mail_is_not_judged(self, court: Court) -> None:
        ruling = await court.rule(LETTER, peer="")
        assert (ruling.reason, ruling.verdicts) == (Reason.OK, {})
        assert court.dns.asked == []


async def test_a_flood_is_put_off_and_ends(court: Court) -> None:
    reasons = [await court.reason(signed()) for _ in range(51)]
    assert reasons == [Reason.OK] * 50 + [Reason.SENDER_RATE]
    assert await court.reason(signed(), peer="203.0.113.1") is not Reason.SENDER_RATE
    court.clock = 60.0
    assert await court.reason(signed()) is Reason.OK


async def test_a_flood_of_one_address_does_not_use_up_the_name_it_takes(court: Court) -> None:
    for _ in range(100):
        await court.rule(peer=BOT)
    assert await court.reason(peer=BOT) is Reason.SENDER_RATE
    assert await court.reason() is Reason.OK


async def test_without_a_resolver_only_the_filter_and_the_memory_count() -> None:
    court = Court(resolver=None)
    ruling = await court.rule(LETTER)
    assert (ruling.reason, ruling.verdicts[1].results, ruling.verdicts[1].junk) == (Reason.OK, "none", False)
    court.filter.finding = Finding.FILTER_REJECTS
    assert await court.junk(LETTER)
    assert court.dns.asked == []


@pytest.mark.parametrize(
    ("opinion", "reason", "junk"),
    [
        (None, Reason.OK, False),
        (Finding.FILTER_DOUBTS, Reason.GREYLISTED, False),
        (Finding.FILTER_SUSPECTS, Reason.OK, True),
        (Finding.FILTER_REJECTS, Reason.OK, True),
    ],
)
async def test_the_content_filter_weighs_in(court: Court, opinion: Finding | None, reason: Reason, junk: bool) -> None:
    court.filter.finding = opinion
    ruling = await court.rule(signed())
    assert ruling.reason is reason
    assert any(verdict.junk for verdict in ruling.verdicts.values()) is junk


async def test_the_content_filter_is_told_the_confirmed_name_and_no_other(court: Court) -> None:
    await court.rule(signed())
    court.dns.add(reverse(BOT), Ptr("mail.demo.test"))  # a name that does not lead back
    await court.rule(signed(), peer=BOT)
    assert court.filter.names == ["mail.demo.test", ""]


@pytest.mark.parametrize("answer", ["127.255.255.254", "192.0.2.9"])
async def test_a_list_that_answers_something_else_lists_nobody(court: Court, answer: str) -> None:
    court.list(MAIL_HOST, LIST, OTHER_LIST, answer=answer)
    assert not await court.junk(signed())


class Silent(FakeDns):
    """Answers nothing about some names, ever."""

    def __init__(self, zone: Any, *suffixes: str) -> None:
        super().__init__(zone)
        self.suffixes = suffixes

    async def lookup[R](self, name: str, kind: type[R]) -> Lookup[R]:
        if name.endswith(self.suffixes):
            await asyncio.sleep(3600)
        return await super().lookup(name, kind)


def silent_about(*suffixes: str) -> Court:
    court = Court(Silent(world().zone, *suffixes))
    court.judge._limits = replace(court.judge._limits, authentication=0.05, others=0.05)
    return court


async def test_a_list_that_is_silent_or_broken_is_not_waited_for() -> None:
    assert await silent_about(LIST, "in-addr.arpa").reason(signed()) is Reason.OK
    court = Court()
    court.dns.fail |= {f"1.2.0.192.{LIST}", reverse(MAIL_HOST)}
    assert await court.reason(signed()) is Reason.OK


def hostile(**records: Any) -> FakeDns:
    """The good world with other records at some names; "" is the domain itself."""
    dns = world()
    for name, value in records.items():
        dns.replace({"spf": "demo.test", "dmarc": "_dmarc.demo.test", "dkim": "s1._domainkey.demo.test"}[name], *value)
    return dns


LOOP = hostile(spf=[Txt(b"v=spf1 include:demo.test -all")])
BOMB = hostile(spf=[Txt(b"v=spf1 " + b" ".join(b"include:i%d.demo.test" % n for n in range(12)) + b" -all")])
for number in range(12):
    BOMB.add(f"i{number}.demo.test", Txt(b"v=spf1 mx -all"), Mx(1, "mx.demo.test"))
ALIASES = hostile(dkim=[Cname("s1._domainkey.demo.test")])
HUGE = hostile(dkim=[Txt(b"v=DKIM1; k=rsa; p=" + b"A" * 60000)])
WEAK = hostile(
    dkim=[
        Txt(
            b"v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALeu4d/8vFs1vVfC6l1ZC6r8jB4pC2yoJ9PPTLtJyEp8"
            b"0J8Jw1nN0jTeyVnVZ0YV9oWq2QvW0c4Y0vTn0oM6wYsCAwEAAQ=="
        )
    ]
)
BAD_TAGS = hostile(dkim=[Txt(b"p==;;;v=DKIM9")], dmarc=[Txt(b"v=DMARC1; p=everything; rua=")])
TWO = hostile(spf=[Txt(b"v=spf1 +all"), Txt(b"v=spf1 -all")])


@pytest.mark.parametrize(
    ("dns", "letter", "spf", "dkim", "junk"),
    [
        (LOOP, LETTER, "permerror", "none", True),
        (BOMB, LETTER, "permerror", "none", True),
        (LOOP, signed(), "permerror", "pass", False),
        (ALIASES, signed(), "pass", "temperror", False),
        (HUGE, signed(), "pass", "permerror", False),
        (WEAK, signed(), "pass", "permerror", False),
        (BAD_TAGS, signed(), "pass", "permerror", False),
        (TWO, signed(), "permerror", "pass", False),
    ],
    ids=["loop", "bomb", "loop-but-signed", "alias-loop", "huge-key", "weak-key", "bad-tags", "two-records"],
)  # fmt: skip
async def test_hostile_records_end_in_a_defined_result(
    dns: FakeDns, letter: bytes, spf: str, dkim: str, junk: bool
) -> None:
    court = Court(dns)
    ruling = await court.rule(letter)
    assert ruling.reason is Reason.OK
    found = {one.method: one.result for one in parse(f"mx; {ruling.verdicts[1].results}").results}
    assert (found["spf"], found["dkim"]) == (spf, dkim)
    assert ruling.verdicts[1].junk is junk


@pytest.mark.parametrize("name", ["demo.test", "_dmarc.demo.test"])
async def test_a_dns_that_fails_about_the_sender_puts_the_mail_off(court: Court, name: str) -> None:
    court.dns.fail.add(name)
    assert await court.reason(LETTER, peer=BOT) is Reason.NO_DNS_ANSWER


async def test_who_proves_to_be_the_domain_does_not_wait_for_its_policy(court: Court) -> None:
    court.dns.fail.add("_dmarc.demo.test")
    assert await court.reason(LETTER) is Reason.OK
    assert await court.reason(signed(), peer=BOT) is not Reason.NO_DNS_ANSWER


@pytest.mark.parametrize("suffix", ["demo.test", "_domainkey.demo.test"])
async def test_a_dns_that_is_silent_about_the_sender_ends_in_time(suffix: str) -> None:
    court = silent_about(suffix)
    expected = Reason.NO_DNS_ANSWER if suffix == "demo.test" else Reason.OK  # SPF alone carries DMARC
    assert await court.reason(signed()) is expected


async def test_a_false_greeting_and_no_reverse_name_are_doubtful(court: Court) -> None:
    unknown = {"peer": BOT, "sender": "mo@unknown.test"}
    note = b"From: mo@unknown.test\r\n\r\nhello\r\n"
    assert await court.reason(note, helo="mx.is-1.example", **unknown) is Reason.OK
    ruling = await court.rule(note, helo="mx.is-1.example", **unknown)
    assert ruling.verdicts[1].junk
    assert 'reason="false_helo no_proof no_reverse_name"' in ruling.verdicts[1].results


def _ip(text: str) -> object:
    from ipaddress import IPv4Address

    return IPv4Address(text)
