"""ARC chains: built by us and by dkimpy, read by both, and broken in every way RFC 8617 §5.2 names."""

import re

import pytest
import time_machine

from mailhost.mailauth.arc import MAX_SETS, NO_CHAIN, ArcResult, ArcStatus, seal, verify
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_signing import SigningKey
from tests.fakedns import FakeDns
from tests.mailauth.oracles import dkimpy, dkimpy_dns, dkimpy_key
from tests.mailauth.people import ED25519, NOW, RSA, dns_of, key, signed

LIST = key(domain="lists.demo.test", selector="arc")
RELAY = key(domain="relay.example", selector="arc")
DNS = dns_of(RSA, ED25519, LIST, RELAY)
SAW = "spf=pass smtp.mailfrom=example.is; dkim=pass header.d=example.is; dmarc=pass header.from=example.is"


async def chain_of(message: bytes, dns: FakeDns = DNS) -> ArcResult:
    return await verify(Parts(message), dns, now=NOW)


async def sealed(message: bytes, by: SigningKey = LIST, saw: str = SAW) -> bytes:
    chain = await chain_of(message)
    fields = seal(Parts(message), chain, saw, by, authserv_id=f"mx.{by.domain}", now=NOW)
    assert fields is not None
    return fields + message


async def test_a_message_without_sets_has_no_chain() -> None:
    assert await chain_of(signed()) == NO_CHAIN


async def test_a_chain_of_three_passes_and_says_who_saw_what() -> None:
    message = await sealed(signed())
    changed = message + b"-- \r\nThe list's footer\r\n"
    message = await sealed(changed, RELAY, "arc=fail")
    # The footer broke the first message signature, so the relay found the chain failed: RFC 8617 §5.2 step 4.
    assert (await chain_of(message)).status is ArcStatus.FAIL

    message = await sealed(await sealed(await sealed(signed()), RELAY, "arc=pass"), LIST, "arc=pass")
    found = await chain_of(message)
    assert found.status is ArcStatus.PASS
    assert found.sealers == ("lists.demo.test", "relay.example", "lists.demo.test")
    assert found.claims[0] == f"mx.lists.demo.test; {SAW}"
    assert (found.highest, found.oldest_pass) == (3, 0)


async def test_a_later_change_shows_in_the_oldest_pass() -> None:
    message = await sealed(signed())
    chain = await chain_of(message)
    changed = message + b"footer\r\n"
    fields = seal(Parts(changed), chain, SAW, RELAY, authserv_id="mx.relay.example", now=NOW)
    assert fields is not None
    found = await chain_of(fields + changed)
    assert (found.status, found.oldest_pass) == (ArcStatus.PASS, 2)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (rb"loom", b"room", "the body was changed"),
        (rb"Subject: ", b"Subject: Re: ", "does not match the header"),
        (rb"dmarc=pass", b"dmarc=none", "seal 2: it does not match the sets"),
        (rb"cv=pass", b"cv=fail", "seal 2 says cv=fail"),
        (rb"cv=pass", b"cv=none", "seal 2 says cv=none"),
        (rb"cv=none", b"cv=pass", "seal 1 says cv=pass"),
        (rb"cv=pass", b"cv=pass; h=from", "seal 2 has h="),
        (rb"ARC-Seal: i=2", b"ARC-Seal: i=3", "not complete and numbered"),
        (rb"ARC-Seal: i=2", b"ARC-Seal: i=1", "two fields of one instance"),
        (rb"ARC-Seal: i=2", b"ARC-Seal: i=0", "not complete and numbered"),
        (rb"ARC-Seal: i=2", b"ARC-Seal: i=two", "i= is not a number"),
        (rb"ARC-Seal: i=2", b"ARC-Seal: i", "not a tag list"),
        (rb"ARC-Authentication-Results: i=2;", b"ARC-Authentication-Results: i=1;", "two fields of one instance"),
        (rb"ARC-Authentication-Results: i=2;", b"ARC-Authentication-Results:", "results without an instance"),
        (rb"ARC-Message-Signature: i=2", b"X: i=2", "not complete and numbered"),
        (rb"a=rsa-sha256; cv", b"a=rsa-sha1; cv", "seal 2"),
        (rb"d=relay.example; s=arc; t", b"d=relay.example; s=none; t", "seal 2: no key published"),
        (rb"d=relay.example; s=arc; t", b"d=..; s=arc; t", "domain"),
        (rb"h=from:", b"h=arc-seal:from:", "it signs a seal"),
        (rb"h=from:from:", b"h=subject:", "From is not signed"),
    ],
)
async def test_a_broken_chain_fails_and_says_where(old: bytes, new: bytes, problem: str) -> None:
    message = await sealed(await sealed(signed()), RELAY, "arc=pass")
    broken, count = re.subn(old, new, message, count=1)
    assert count == 1
    found = await chain_of(broken)
    assert found.status is ArcStatus.FAIL
    assert problem in found.problem
    assert not found.sealers
    assert not found.claims


async def test_a_silent_dns_fails_the_chain_for_good() -> None:
    dns = dns_of(RSA, LIST)
    dns.fail.add("arc._domainkey.lists.demo.test")
    assert (await chain_of(await sealed(signed()), dns)).status is ArcStatus.FAIL


async def test_a_failed_chain_is_sealed_once_and_never_again() -> None:
    message = (await sealed(signed())).replace(b"loom", b"room")
    once = await sealed(message, RELAY)
    assert b"cv=fail" in once
    found = await chain_of(once)
    assert found.sealed_as_failed
    # RFC 8617 §5.1.2: that seal covers only its own set, so it can be checked although the rest cannot.
    assert seal(Parts(once), found, SAW, LIST, authserv_id="mx", now=NOW) is None


async def test_a_full_chain_is_not_extended() -> None:
    chain = ArcResult(ArcStatus.PASS, MAX_SETS)
    assert seal(Parts(signed()), chain, SAW, LIST, authserv_id="mx", now=NOW) is None


async def test_too_many_sets_cost_nothing() -> None:
    dns = FakeDns()
    bomb = b"".join(b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=x.test; s=s; b=AA==\r\n" % n for n in range(1, 99))
    found = await chain_of(bomb + signed(), dns)
    assert (found.status, found.highest) == (ArcStatus.FAIL, 98)
    assert dns.asked == []


async def test_a_message_that_lost_its_sets_is_sealed_as_failed() -> None:
    chain = await chain_of(await sealed(signed()))
    fields = seal(Parts(signed()), chain, SAW, RELAY, authserv_id="mx", now=NOW)
    assert fields is not None
    assert b"cv=fail" in fields


async def test_ed25519_seals_verify() -> None:
    assert (await chain_of(await sealed(signed(), ED25519))).status is ArcStatus.PASS


async def test_dkimpy_accepts_our_chain() -> None:
    message = await sealed(await sealed(signed()), RELAY, "arc=pass")
    cv, _, reason = dkimpy.arc_verify(message, dnsfunc=dkimpy_dns(DNS))
    assert (cv, reason) == (b"pass", "success")


async def test_we_accept_the_chain_of_dkimpy_and_it_ours_in_turn() -> None:
    message = await sealed(signed())
    seen = b"Authentication-Results: mx.relay.example; arc=pass; dmarc=pass\r\n"
    with time_machine.travel(NOW):
        lines = dkimpy.arc_sign(seen + message, b"arc", b"relay.example", dkimpy_key(RELAY), b"mx.relay.example")
    message = b"".join(lines) + message
    found = await chain_of(message)
    assert (found.status, found.sealers) == (ArcStatus.PASS, ("lists.demo.test", "relay.example"))
    thrice = await sealed(message)
    assert dkimpy.arc_verify(thrice, dnsfunc=dkimpy_dns(DNS))[0] == b"pass"
