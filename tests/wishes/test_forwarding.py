"""Forwarding: what arrived goes on under the owner's own name, once, never as junk, and never instead of nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from datetime import timedelta

import pytest

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.mailauth.arc import ArcStatus, verify
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import verify as verify_dkim
from mailhost.mailauth.spf import Client as SpfClient
from mailhost.mailauth.verdict import examine
from mailhost.message.address import parse_address
from mailhost.message.headers import read_headers
from mailhost.outbound.handover import Handover
from mailhost.outbound.transport import Transaction
from mailhost.outbox import Forward, Passing, TlsNeed
from mailhost.outcomes import Reason, Verdict
from mailhost.ports import StoreUnavailable
from mailhost.reputation.judge import Ruling
from mailhost.routing import RouteCache
from mailhost.rules.rule import Rule, action, condition
from mailhost.wishes.forwarding import Arrived, ErrandLimits
from tests.mailauth.oracles import dkimpy, dkimpy_dns
from tests.mailauth.people import ED25519, RSA, dns_of, signed
from tests.people import ADA, BEN
from tests.post import SRS, Post
from tests.smtp.talk import HOST, MAIL

FROM_CLEO = (condition("sender", "domain", "example.no"),)
COPY = Rule("on", FROM_CLEO, (action("forward", "ada@elsewhere.test"),))
CLEO = replace(BEN, mailbox_id=7, tenant_id=ADA.tenant_id + 1, address="cleo@demo.test")
ONLY = Rule("on", FROM_CLEO, (action("forward", "ada@elsewhere.test"), action("discard")))


async def test_a_copy_goes_on_and_the_mailbox_keeps_its_own() -> None:
    post = Post(COPY)
    assert (await post.arrive(MAIL)).startswith("250")
    [(item, content)] = post.waiting()
    assert [d.mailbox_id for d in post.talk.store.deliveries] == [ADA.mailbox_id]
    assert (item.recipients[0].address, item.author, item.tenant_id) == ("ada@elsewhere.test", "ada@example.is", 1)
    assert item.passing is Passing.COPY
    assert content.endswith(MAIL)
    assert post.counts.told() == {"forwarded": 1}


async def test_the_envelope_sender_is_ours_and_leads_back() -> None:
    post = Post(COPY)
    await post.arrive(MAIL)
    [(item, _)] = post.waiting()
    sender = parse_address(item.sender)
    assert sender.domain == "example.is"
    assert SRS("example.is").restore(sender, now=post.now) == parse_address("cleo@example.no")


async def test_the_trace_tells_of_the_mailbox_and_not_of_the_senders_machine() -> None:
    post = Post(COPY)
    await post.arrive(MAIL)
    [(_, content)] = post.waiting()
    assert read_headers(content).all(b"delivered-to") == [b"ada@example.is"]
    assert b"192.0.2.25" not in content
    assert b"by mx.is-1.example" in content


async def test_a_bounce_goes_on_with_the_null_sender() -> None:
    post = Post(Rule("all", (condition("size", "over", "1"),), (action("forward", "ada@elsewhere.test"),)))
    await post.arrive(MAIL, sender="")
    [(item, _)] = post.waiting()
    assert item.sender == ""


async def test_a_sender_that_cannot_be_rewritten_makes_the_mailbox_the_sender() -> None:
    post = Post(COPY)
    await post.arrive(MAIL, sender=f"{'c' * 60}@example.no")
    [(item, _)] = post.waiting()
    assert item.sender == "ada@example.is"


async def test_instead_of_keeping_it() -> None:
    post = Post(ONLY)
    assert (await post.arrive(MAIL)).startswith("250")
    assert post.talk.store.deliveries == []
    [(item, _)] = post.waiting()
    assert item.passing is Passing.ONLY


async def test_what_comes_round_is_kept_and_not_sent_round_again() -> None:
    post = Post(ONLY)
    assert (await post.arrive(b"Delivered-To: <ADA@example.is>\r\n" + MAIL)).startswith("250")
    assert post.waiting() == []
    assert len(post.talk.store.deliveries) == 1
    assert post.counts.told() == {"loop": 1}
    assert (await post.arrive(b"Delivered-To: ben@example.is\r\nDelivered-To: noise\r\n" + MAIL)).startswith("250")
    assert len(post.waiting()) == 1


async def test_above_the_limit_of_a_day_it_stays_and_tomorrow_it_goes_again() -> None:
    post = Post(ONLY, limits=ErrandLimits(forwards=2, young=1))
    for _ in range(3):
        assert (await post.arrive(MAIL)).startswith("250")
    assert len(post.waiting()) == 2
    assert len(post.talk.store.deliveries) == 1
    assert post.counts.told() == {"forwarded": 2, "over_limit": 1}
    post.talk.now += timedelta(days=1)
    await post.arrive(MAIL)
    assert len(post.waiting()) == 3


async def test_a_young_tenant_forwards_less() -> None:
    post = Post(COPY, limits=ErrandLimits(forwards=2, young=1))
    post.counts.young = {ADA.tenant_id}
    for _ in range(2):
        await post.arrive(MAIL)
    assert len(post.waiting()) == 1


class Doubting:
    """A judge that takes everything for junk."""

    async def rule(self, envelope: object, content: object, *, now: object) -> Ruling:
        return Ruling(Reason.OK, {ADA.tenant_id: Verdict("none", junk=True)})


async def test_junk_is_not_forwarded_and_not_lost_either() -> None:
    rules = [Rule("x", (condition("junk", "yes"),), one.actions) for one in (COPY, ONLY)]
    for rule in (COPY, ONLY, *rules):
        post = Post(rule, judge=Doubting())
        assert (await post.arrive(MAIL)).startswith("250")
        assert post.waiting() == []
        assert [d.special_use for d in post.talk.store.deliveries] == ["\\Junk"]


async def test_when_the_queue_fails_the_sender_comes_again_and_nothing_is_lost() -> None:
    for rule, copies in ((COPY, 2), (ONLY, 0)):
        post = Post(rule)
        post.outbox.failure = StoreUnavailable("x")
        assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("451")
        post.outbox.failure = None
        assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
        assert len(post.waiting()) == 1
        # Twice rather than not at all for Ada, and once for Ben, who was served the first time.
        stored = [d.mailbox_id for d in post.talk.store.deliveries]
        assert stored.count(ADA.mailbox_id) == copies
        assert len(stored) == copies + 1


async def test_who_was_served_is_not_served_twice_however_often_the_sender_has_to_come() -> None:
    post = Post(ONLY)
    post.outbox.failure = StoreUnavailable("x")
    assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("451")
    post.book.failure = StoreUnavailable("x")
    assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("451")
    post.book.failure = post.outbox.failure = None
    assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
    assert [d.mailbox_id for d in post.talk.store.deliveries] == [BEN.mailbox_id]


async def test_a_retry_after_a_failed_store_forwards_once() -> None:
    post = Post(ONLY)
    post.talk.store.failures = [StoreUnavailable("x")]
    assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("451")
    assert (await post.arrive(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
    assert len(post.waiting()) == 1


async def test_to_a_mailbox_of_this_cell_it_goes_unsigned_and_under_its_senders_name() -> None:
    post = Post(replace(COPY, actions=(action("forward", "ben@example.is"),)))
    post.keys = (RSA,)
    await post.arrive(MAIL)
    [(item, content)] = post.waiting()
    assert item.sender == "cleo@example.no"
    assert b"DKIM-Signature" not in content


async def test_to_an_address_that_has_not_agreed_nothing_goes_and_the_mail_stays() -> None:
    for rule in (COPY, ONLY):
        post = Post(rule)
        post.agreements.kept = {(BEN.mailbox_id, "ada@elsewhere.test")}
        assert (await post.arrive(MAIL)).startswith("250")
        assert post.waiting() == []
        assert [d.mailbox_id for d in post.talk.store.deliveries] == [ADA.mailbox_id]
        assert post.counts.told() == {"not_agreed": 1}
        post.agreements.kept.add((ADA.mailbox_id, "ada@elsewhere.test"))
        await post.arrive(MAIL)
        assert len(post.waiting()) == 1


async def test_of_two_targets_the_one_that_has_agreed_gets_its_copy() -> None:
    post = Post(replace(ONLY, actions=(action("forward", "mo@elsewhere.test"), *ONLY.actions)))
    post.agreements.kept.remove((ADA.mailbox_id, "mo@elsewhere.test"))
    await post.arrive(MAIL)
    assert [item.recipients[0].address for item, _ in post.waiting()] == ["ada@elsewhere.test"]
    assert post.talk.store.deliveries == []


async def test_mailboxes_of_the_own_tenant_are_not_asked_and_those_of_another_are() -> None:
    for target, route, goes in (("ben@example.is", BEN, 1), ("cleo@demo.test", CLEO, 0)):
        post = Post(replace(COPY, actions=(action("forward", target),)))
        post.talk.add(target, route)
        post.agreements.kept = set()
        await post.arrive(MAIL)
        assert len(post.waiting()) == goes, target


async def test_a_mailbox_of_the_own_tenant_whose_reader_has_ended_it_gets_nothing() -> None:
    post = Post(replace(ONLY, actions=(action("forward", "ben@example.is"), action("discard"))))
    post.agreements.kept, post.agreements.ended = set(), {(ADA.mailbox_id, "ben@example.is")}
    await post.arrive(MAIL)
    assert post.waiting() == []
    assert [d.mailbox_id for d in post.talk.store.deliveries] == [ADA.mailbox_id]
    assert post.counts.told() == {"not_agreed": 1}


async def test_an_address_that_leads_nowhere_now_is_nobodys_own() -> None:
    post = Post(replace(COPY, actions=(action("forward", "mo@demo.test"),)))
    post.talk.add("cleo@demo.test", CLEO)  # the domain is hosted here, for another tenant
    post.agreements.kept = set()
    await post.arrive(MAIL)
    assert post.waiting() == []
    assert post.counts.told() == {"not_agreed": 1}


async def send(post: Post, content: bytes, *, requiretls: bool = False) -> bytes:
    """Forward a judged message; what is in the queue."""
    dns = dns_of(RSA, ED25519)
    envelope = Envelope(
        parse_address("cleo@example.no"),
        Client("192.0.2.25", "mail.example.no", "ESMTPS"),
        recipients=[Recipient(parse_address("ada@example.is"), (ADA,))],
        requiretls=requiretls,
    )
    client = SpfClient(ipaddress.ip_address("192.0.2.25"), "mail.example.no", HOST)
    found = await examine(Parts(content), client, "cleo@example.no", dns, lambda name: "." not in name, now=post.now)
    filing = post._filing(post.talk, RouteCache(post.talk.directory, lambda: 0.0))
    await filing._forwarder.send(ADA, Arrived(envelope, content, found), "ada@elsewhere.test", kept=True, now=post.now)
    return post.waiting()[-1][1]


async def test_the_chain_says_what_was_found_and_passes_for_us_and_for_dkimpy() -> None:
    post = Post(COPY)
    post.keys = (RSA, ED25519)
    content = await send(post, signed())
    dns = dns_of(RSA, ED25519)
    chain = await verify(Parts(content), dns, now=post.now)
    assert chain.status is ArcStatus.PASS
    assert chain.sealers == (RSA.domain,)
    assert chain.claims[0].startswith(f"{HOST}; spf=")
    assert "dkim=pass" in chain.claims[0]
    assert len([one for one in await verify_dkim(Parts(content), dns, now=post.now) if one.status == "pass"]) >= 3
    again = await send(post, content)
    chain = await verify(Parts(again), dns, now=post.now)
    assert (chain.status, chain.highest) == (ArcStatus.PASS, 2)
    status, _, _ = dkimpy.arc_verify(again, dnsfunc=dkimpy_dns(dns))
    assert status == b"pass"


async def test_what_nobody_judged_is_signed_and_not_vouched_for_and_without_from_neither() -> None:
    post = Post(COPY)
    post.keys = (RSA,)
    await post.arrive(MAIL)
    await post.arrive(b"Subject: no author\r\n\r\nx\r\n")
    (_, one), (_, other) = post.waiting()
    assert b"DKIM-Signature" in one
    assert b"ARC-" not in one + other
    assert b"DKIM-Signature" not in other


async def test_a_demand_for_tls_goes_along() -> None:
    post = Post(COPY)
    await send(post, signed(), requiretls=True)
    assert post.waiting()[0][0].tls is TlsNeed.REQUIRED


async def test_a_demand_for_tls_goes_along_from_mailbox_to_mailbox() -> None:
    post = Post(COPY)
    wanted = Transaction("cleo@example.no", (Forward("ada@example.is", "example.is"),), requiretls=True)
    [answer] = await Handover(post.talk.house.receiver, HOST).send(wanted, MAIL)  # type: ignore[arg-type]
    assert answer.accepted
    assert post.waiting()[0][0].tls is TlsNeed.REQUIRED


@pytest.mark.parametrize("size", [100, 200_000])
async def test_small_and_large_alike_are_signed(size: int) -> None:
    post = Post(COPY)
    post.keys = (RSA,)
    assert b"DKIM-Signature" in await send(post, MAIL + b"x" * size + b"\r\n")
