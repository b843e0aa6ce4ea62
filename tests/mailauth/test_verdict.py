"""From findings to a judgement: every rule once, and whole messages from wire to verdict."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from mailhost.mailauth.arc import NO_CHAIN, ArcResult, ArcStatus, seal, verify
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import DkimResult, DkimStatus
from mailhost.mailauth.dmarc import DmarcResult, DmarcStatus
from mailhost.mailauth.dmarc_record import Policy
from mailhost.mailauth.resolver import Lookup, NoData, Txt
from mailhost.mailauth.results import parse
from mailhost.mailauth.spf import Client, Identity, SpfOutcome, SpfResult
from mailhost.mailauth.verdict import (
    RULES,
    Because,
    Disposition,
    Findings,
    Judgement,
    ReceivePolicy,
    Signal,
    examine,
    judge,
)
from mailhost.outcomes import Verdict
from tests.fakedns import FakeDns
from tests.mailauth.people import MESSAGE, NOW, RSA, dns_of, key, signed

ACCEPT, JUNK, DEFER, REFUSE = Disposition.ACCEPT, Disposition.JUNK, Disposition.DEFER, Disposition.REFUSE
LIST = key(domain="lists.demo.test", selector="arc")

NOTHING = Findings(SpfOutcome(SpfResult.NONE, "example.is"), (), NO_CHAIN, DmarcResult(DmarcStatus.NONE, "example.is"))


def fails(policy: Policy) -> Findings:
    return replace(NOTHING, dmarc=DmarcResult(DmarcStatus.FAIL, "example.is", policy))


def dmarc_is(status: DmarcStatus) -> Findings:
    return replace(NOTHING, dmarc=DmarcResult(status, "example.is"))


def spf_is(result: SpfResult, findings: Findings = NOTHING) -> Findings:
    return replace(findings, spf=SpfOutcome(result, "example.is"))


def chain(*claims: tuple[str, str]) -> ArcResult:
    return ArcResult(
        ArcStatus.PASS, len(claims), tuple(who for who, _ in claims), tuple(f"mx; {what}" for _, what in claims)
    )


REJECT = fails(Policy.REJECT)
SAW = "dmarc=pass header.from=example.is"
PASSING_DKIM = (DkimResult(DkimStatus.PASS, "demo.test"),)
TRUSTING = ReceivePolicy(trusted_sealers=frozenset({"lists.demo.test", "relay.example"}))


@pytest.mark.parametrize(
    ("found", "signals", "policy", "disposition", "because"),
    [
        (NOTHING, [], None, ACCEPT, Because.NOTHING_AGAINST),
        (dmarc_is(DmarcStatus.PASS), [Signal.LISTED], None, ACCEPT, Because.DMARC_PASS),
        (dmarc_is(DmarcStatus.TEMPERROR), [], None, DEFER, Because.NO_ANSWER_FOR_DMARC),
        # Whatever the policy would have been, it passes.
        (replace(NOTHING, dmarc=DmarcResult(DmarcStatus.TEMPERROR, "example.is", aligned_dkim=("example.is",))), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (dmarc_is(DmarcStatus.PERMERROR), [], None, JUNK, Because.NO_ONE_AUTHOR),
        (spf_is(SpfResult.TEMPERROR, dmarc_is(DmarcStatus.PERMERROR)), [], None, JUNK, Because.NO_ONE_AUTHOR),
        # RFC 9989 §7.4: p=reject alone never refuses.
        (REJECT, [], None, JUNK, Because.REJECT_ASKED),
        (spf_is(SpfResult.FAIL, REJECT), [], None, JUNK, Because.REJECT_ASKED),
        (REJECT, [Signal.LISTED], None, REFUSE, Because.REJECT_ASKED_AND_MORE),
        (REJECT, [], ReceivePolicy(refuse_when_asked=True), REFUSE, Because.REJECT_ASKED_AND_TENANT_AGREES),
        (fails(Policy.QUARANTINE), [Signal.LISTED], ReceivePolicy(True), JUNK, Because.QUARANTINE_ASKED),
        # RFC 9989 §5.4: p=none changes nothing, not even what a failing SPF would mean by itself.
        (spf_is(SpfResult.FAIL, fails(Policy.NONE)), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (spf_is(SpfResult.TEMPERROR), [], None, DEFER, Because.NO_ANSWER_FOR_SPF),
        (spf_is(SpfResult.TEMPERROR, dmarc_is(DmarcStatus.PASS)), [], None, ACCEPT, Because.DMARC_PASS),
        (spf_is(SpfResult.TEMPERROR, REJECT), [], None, JUNK, Because.REJECT_ASKED),
        # A fail of SPF would not count beside these either.
        (spf_is(SpfResult.TEMPERROR, fails(Policy.NONE)), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (replace(spf_is(SpfResult.TEMPERROR), dkim=PASSING_DKIM), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (spf_is(SpfResult.FAIL), [], None, JUNK, Because.SPF_FAIL),
        (replace(spf_is(SpfResult.FAIL), dkim=PASSING_DKIM), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (spf_is(SpfResult.SOFTFAIL), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (spf_is(SpfResult.PERMERROR), [], None, ACCEPT, Because.NOTHING_AGAINST),
        (replace(REJECT, arc=chain(("lists.demo.test", SAW))), [], TRUSTING, ACCEPT, Because.VOUCHED_BY_FORWARDER),
        (replace(REJECT, arc=chain(("lists.demo.test", SAW))), [], None, JUNK, Because.REJECT_ASKED),
    ],
)  # fmt: skip
def test_each_rule(
    found: Findings, signals: list[Signal], policy: ReceivePolicy | None, disposition: Disposition, because: Because
) -> None:
    judgement = judge(found, signals, policy)
    assert (judgement.disposition, judgement.because) == (disposition, because)


def test_every_reason_has_a_rule() -> None:
    assert {rule.because for rule in RULES} == set(Because)


@pytest.mark.parametrize(
    ("arc", "believed"),
    [
        (chain(("lists.demo.test", SAW), ("relay.example", "arc=pass")), True),
        (chain(("lists.demo.test", SAW), ("evil.example", "arc=pass")), False),
        (chain(("evil.example", SAW), ("lists.demo.test", "dmarc=fail header.from=example.is")), False),
        (chain(("evil.example", "dmarc=fail"), ("lists.demo.test", SAW)), True),
        (chain(("lists.demo.test", "dmarc=pass header.from=other.example")), False),
        (chain(("lists.demo.test", "dmarc=pass")), False),
        (chain(("lists.demo.test", "spf=pass smtp.mailfrom=example.is")), False),
        (chain(("lists.demo.test", "((((")), False),
        (replace(chain(("lists.demo.test", SAW)), status=ArcStatus.FAIL), False),
    ],
)
def test_a_forwarder_is_believed_only_while_all_behind_it_are(arc: ArcResult, believed: bool) -> None:
    disposition = judge(replace(REJECT, arc=arc), policy=TRUSTING).disposition
    assert disposition is (ACCEPT if believed else JUNK)


def test_the_verdict_for_delivery() -> None:
    judgement = judge(REJECT)
    assert judgement.verdict == Verdict(
        "spf=none smtp.mailfrom=example.is; dkim=none; dmarc=fail header.from=example.is policy.dmarc=reject", junk=True
    )
    assert not judge(NOTHING).verdict.junk


# Whole messages.

CLIENT = Client(IPv4Address("192.0.2.1"), "mail.example.is", "mx.is-1.example")


def world() -> FakeDns:
    dns = dns_of(RSA, LIST)
    dns.add("example.is", Txt(b"v=spf1 ip4:192.0.2.1 -all"))
    dns.add("_dmarc.example.is", Txt(b"v=DMARC1; p=reject"))
    return dns


async def judged(
    message: bytes, dns: FakeDns, sender: str = "ada@example.is", client: Client = CLIENT, **policy: object
) -> Judgement:
    found = await examine(Parts(message), client, sender, dns, lambda _: False, now=NOW)
    return judge(found, policy=ReceivePolicy(trusted_sealers=frozenset({"lists.demo.test"})))


async def test_honest_mail_passes_everything() -> None:
    judgement = await judged(signed(), world())
    assert judgement.because is Because.DMARC_PASS
    results = parse(f"mx; {judgement.results}").results
    assert [(one.method, one.result) for one in results] == [("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass")]
    assert results[1].get("header.d") == "example.is"
    assert results[1].get("header.a") == "rsa-sha256"


async def test_forged_mail_lands_in_junk() -> None:
    elsewhere = Client(IPv4Address("198.51.100.9"), "bot.example")
    judgement = await judged(MESSAGE, world(), client=elsewhere)
    assert (judgement.disposition, judgement.because) == (JUNK, Because.REJECT_ASKED)
    assert judgement.results.startswith("spf=fail smtp.mailfrom=example.is; dkim=none; dmarc=fail")


async def test_mail_from_a_trusted_list_is_accepted() -> None:
    message, dns = signed(), world()
    chain = await verify(Parts(message), dns, now=NOW)
    footer = message + b"-- \r\nlist footer\r\n"
    saw = "dmarc=pass header.from=example.is"
    fields = seal(Parts(footer), chain, saw, LIST, authserv_id="mx.lists.demo.test", now=NOW)
    assert fields is not None
    judgement = await judged(fields + footer, dns, "bounce@lists.demo.test")
    assert judgement.because is Because.VOUCHED_BY_FORWARDER
    assert "arc=pass header.oldest-pass=0" in judgement.results


async def test_a_bounce_is_judged_by_its_helo_name() -> None:
    dns = world()
    dns.add("mail.example.is", Txt(b"v=spf1 ip4:192.0.2.1 -all"))
    judgement = await judged(MESSAGE, dns, "")
    assert judgement.because is Because.DMARC_PASS
    assert "spf=pass smtp.helo=mail.example.is" in judgement.results


async def test_two_from_fields_go_to_junk() -> None:
    judgement = await judged(b"From: Eve <eve@demo.test>\r\n" + signed(), world())
    assert judgement.because is Because.NO_ONE_AUTHOR


async def test_a_silent_dns_defers() -> None:
    dns = world()
    dns.fail.update({"example.is", "s1._domainkey.example.is"})
    judgement = await judged(signed(), dns)
    assert (judgement.disposition, judgement.because) == (DEFER, Because.NO_ANSWER_FOR_DMARC)


async def test_mail_whose_domain_signed_it_does_not_wait_for_a_policy_that_cannot_be_had() -> None:
    dns = world()
    dns.fail.add("_dmarc.example.is")
    judgement = await judged(signed(), dns)
    assert (judgement.disposition, judgement.because) == (ACCEPT, Because.NOTHING_AGAINST)
    assert "dmarc=temperror" in judgement.results
    dns.fail.add("s1._domainkey.example.is")
    assert (await judged(signed(), dns, "eve@demo.test")).because is Because.NO_ANSWER_FOR_DMARC


class SlowDns(FakeDns):
    """Answers nothing in time."""

    async def lookup[R](self, name: str, kind: type[R]) -> Lookup[R]:
        import asyncio

        await asyncio.sleep(3600)
        return NoData()


async def test_a_slow_dns_ends_in_time_and_defers() -> None:
    found = await examine(Parts(signed()), CLIENT, "", SlowDns(), lambda _: False, now=NOW, seconds=0.01)
    assert found.spf == SpfOutcome(SpfResult.TEMPERROR, "mail.example.is", Identity.HELO, problem="too slow")
    assert [one.status for one in found.dkim] == [DkimStatus.TEMPERROR]
    assert judge(found).disposition is DEFER


async def test_a_stranger_cannot_write_into_our_results() -> None:
    hostile = b'DKIM-Signature: v=1; d=x"; dmarc=pass header.from=bank.example; s=a b; a=rsa-sha256\r\n' + MESSAGE
    judgement = await judged(hostile, world(), 'x" dmarc=pass @demo.test')
    results = parse(f"mx; {judgement.results}").results
    assert [one.method for one in results] == ["spf", "dkim", "dmarc"]
    assert results[2].result == "fail"
