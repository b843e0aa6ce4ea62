"""The way back: bounces of forwarded mail reach its first sender, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.mailauth.srs import MAX_DAYS
from mailhost.message.address import parse_address
from mailhost.outbox import TlsNeed
from mailhost.ports import HostedDomain, StoreUnavailable
from tests.people import ADA, CLEO, NOW
from tests.post import SRS, Post
from tests.smtp.talk import MAIL

ORIGIN = parse_address("cleo@other.test")
BACK = str(SRS("example.is").rewrite(ORIGIN, now=NOW))


async def test_a_bounce_goes_on_to_the_first_sender_with_the_null_sender() -> None:
    post = Post()
    assert (await post.arrive(MAIL, BACK, sender="")).startswith("250")
    [(item, content)] = post.waiting()
    assert (item.sender, item.author, item.recipients[0].address) == ("", "", "cleo@other.test")
    assert (item.tenant_id, item.mailbox_id) == (ADA.tenant_id, ADA.mailbox_id)
    assert content.endswith(MAIL)
    assert b"192.0.2.25" not in content
    assert post.talk.store.deliveries == []


async def test_a_bounce_that_must_travel_under_tls_does_so_all_the_way() -> None:
    post = Post()
    client = Client("192.0.2.25", "mx.other.test", "ESMTPS")
    envelope = Envelope(None, client, recipients=[Recipient(parse_address(BACK), ())], requiretls=True)
    assert (await post.talk.house.receiver.message(envelope, bytearray(MAIL))).code == 250
    assert post.waiting()[0][0].tls is TlsNeed.REQUIRED


async def test_what_is_no_bounce_is_refused_and_nothing_goes_on() -> None:
    post = Post()
    assert (await post.arrive(MAIL, BACK, sender="cleo@example.no")).startswith("550 5.7.1 ")
    assert post.waiting() == []


@pytest.mark.parametrize(
    "address",
    [
        BACK.replace("cleo", "mo"),
        BACK.replace("example.is", "example.no"),  # made for another domain hosted here
        BACK.replace("other.test", "another.test"),
        "SRS0=aaaaaa=aa=other.test=cleo@example.is",
        "SRS0=@example.is",
        "SRS1=x@example.is",
        "srs0-x@example.is",
    ],
)
async def test_a_way_back_that_is_not_ours_is_no_recipient(address: str) -> None:
    post = Post()
    client = await post.talk.greeted()
    assert "550 5.1.1" in await client.envelope(address, sender="")


async def test_a_way_back_ends_after_three_weeks() -> None:
    post = Post()
    post.talk.now += timedelta(days=MAX_DAYS + 1)
    client = await post.talk.greeted()
    assert "550 5.1.1" in await client.envelope(BACK, sender="")


async def test_a_domain_that_is_not_hosted_or_suspended_leads_nowhere() -> None:
    post = Post()
    client = await post.talk.greeted()
    elsewhere = str(SRS("third.test").rewrite(ORIGIN, now=NOW))
    assert "550 5.7.1" in await client.envelope(elsewhere, sender="")
    post.talk.host(HostedDomain("example.is", 1, suspended=True))
    post = Post()
    post.talk.host(HostedDomain("example.is", 1, suspended=True))
    client = await post.talk.greeted()
    assert "550 5.1.1" in await client.envelope(BACK, sender="")


async def test_a_catch_all_does_not_swallow_the_way_back() -> None:
    post = Post()
    post.talk.host(HostedDomain("example.is", 1, catch_all=(ADA,), postmaster=(ADA,)))
    assert (await post.arrive(MAIL, BACK, sender="")).startswith("250")
    assert len(post.waiting()) == 1
    assert post.talk.store.deliveries == []


async def test_beside_a_mailbox_both_are_served() -> None:
    post = Post()
    assert (await post.arrive(MAIL, BACK, "cleo@example.no", sender="")).startswith("250")
    assert [d.mailbox_id for d in post.talk.store.deliveries] == [CLEO.mailbox_id]
    assert len(post.waiting()) == 1


async def test_when_the_queue_fails_the_bounce_comes_again() -> None:
    post = Post()
    post.outbox.failure = StoreUnavailable("x")
    assert (await post.arrive(MAIL, BACK, sender="")).startswith("451")
