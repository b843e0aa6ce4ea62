"""What hosts must show, from what their domains publish: DANE, MTA-STS, both, neither, and what authors ask beyond."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mailhost.mailauth.resolver import Tlsa
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.stspolicies import Found
from mailhost.outbound.tlsrules import NoRules, PublishedRules
from mailhost.outbox import TlsNeed
from mailhost.tlspolicy.mtasts import Mode, Policy, Unknown
from mailhost.tlspolicy.requirement import Barred, Check, Requirement
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType
from tests.fakedns import FakeDns

KEY = Tlsa(3, 1, 1, b"k" * 32)
USELESS = Tlsa(0, 1, 1, b"k" * 32)
SIGNED = Target("mx.other.test", "93.184.215.14", signed=True)
PLAIN = Target("mx.other.test", "93.184.215.14")
LISTED = Policy(Mode.ENFORCE, ("mx.other.test",), timedelta(days=7))
ELSEWHERE = Policy(Mode.ENFORCE, ("other.example",), timedelta(days=7))


def rules(*records: Tlsa, sts: Found = None, fails: bool = False) -> PublishedRules:
    dns = FakeDns({"mx.other.test": [], "_25._tcp.mx.other.test": records})
    dns.authentic.add("_25._tcp.mx.other.test")
    if fails:
        dns.fail.add("_25._tcp.mx.other.test")

    async def policy(_domain: str) -> Found:
        return sts

    return PublishedRules(dns, policy)


async def asked(
    made: PublishedRules, target: Target = SIGNED, need: TlsNeed = TlsNeed.ORDINARY
) -> Requirement | Barred:
    return await made.of("other.test", target, need)


async def test_without_any_policy_tls_is_taken_where_it_is_offered() -> None:
    assert await asked(rules()) == Requirement("mx.other.test")
    assert await asked(rules(), PLAIN) == Requirement("mx.other.test")


async def test_signed_records_name_the_certificate() -> None:
    found = await asked(rules(KEY))
    assert isinstance(found, Requirement)
    assert (found.tls, found.check, found.records) == (True, Check.DANE, (KEY,))
    assert set(found.names) == {"mx.other.test", "other.test"}
    assert found.policy.type is PolicyType.TLSA
    assert found.policy.lines == (f"3 1 1 {(b'k' * 32).hex()}",)


async def test_records_count_only_at_the_end_of_a_signed_path() -> None:
    assert await asked(rules(KEY), PLAIN) == Requirement("mx.other.test")


async def test_records_of_no_use_still_mean_tls() -> None:
    found = await asked(rules(USELESS))
    assert isinstance(found, Requirement)
    assert (found.tls, found.check) == (True, Check.NOBODY)


async def test_a_failure_may_hide_records_so_the_host_is_passed_over() -> None:
    found = await asked(rules(KEY, fails=True), SIGNED)
    assert isinstance(found, Barred)
    assert (found.reason, found.result) == ("dane_unknown", ResultType.DNSSEC_INVALID)


async def test_the_name_behind_an_alias_comes_first() -> None:
    dns = FakeDns({"_25._tcp.real.test": [KEY], "_25._tcp.mx.other.test": [Tlsa(3, 1, 1, b"o" * 32)]})
    dns.authentic |= {"_25._tcp.real.test", "_25._tcp.mx.other.test"}

    async def none(_domain: str) -> None:
        return None

    target = Target("mx.other.test", "93.184.215.14", signed=True, canonical="real.test")
    found = await PublishedRules(dns, none).of("other.test", target, TlsNeed.ORDINARY)
    assert isinstance(found, Requirement)
    assert (found.server_name, found.records) == ("real.test", (KEY,))


async def test_a_listed_host_needs_a_certificate_that_authorities_vouch_for() -> None:
    found = await asked(rules(sts=LISTED), PLAIN)
    assert isinstance(found, Requirement)
    assert (found.tls, found.check, found.enforced) == (True, Check.AUTHORITIES, True)
    assert found.policy.hosts == ("mx.other.test",)
    assert "mode: enforce" in found.policy.lines


async def test_dane_decides_about_the_certificate_and_mta_sts_about_the_hosts() -> None:
    found = await asked(rules(KEY, sts=LISTED))
    assert isinstance(found, Requirement)
    assert found.check is Check.DANE
    barred = await asked(rules(KEY, sts=ELSEWHERE))
    assert isinstance(barred, Barred)
    assert barred.reason == "sts_host_not_listed"


async def test_records_of_no_use_do_not_weaken_an_enforced_policy() -> None:
    found = await asked(rules(USELESS, sts=LISTED))
    assert isinstance(found, Requirement)
    assert (found.tls, found.check, found.enforced) == (True, Check.AUTHORITIES, True)
    found = await asked(rules(USELESS, sts=replace(LISTED, mode=Mode.TESTING)))
    assert isinstance(found, Requirement)
    assert (found.tls, found.check, found.enforced) == (True, Check.NOBODY, True)


async def test_a_policy_that_is_tried_out_only_complains() -> None:
    testing = Policy(Mode.TESTING, ("mx.other.test",), timedelta(days=7))
    found = await asked(rules(sts=testing), PLAIN)
    assert isinstance(found, Requirement)
    assert (found.check, found.enforced, found.complaint) == (Check.AUTHORITIES, False, None)
    found = await asked(rules(sts=Policy(Mode.TESTING, ("other.example",), timedelta(days=7))), PLAIN)
    assert isinstance(found, Requirement)
    assert (found.tls, found.complaint) == (False, ResultType.VALIDATION_FAILURE)
    assert await asked(rules(sts=Policy(Mode.NONE, (), timedelta(days=7))), PLAIN) == Requirement("mx.other.test")


async def test_a_policy_that_could_not_be_had_is_none_and_reported() -> None:
    found = await asked(rules(sts=ResultType.STS_WEBPKI_INVALID), PLAIN)
    assert isinstance(found, Requirement)
    assert (found.tls, found.policy.type, found.complaint) == (False, PolicyType.STS, ResultType.STS_WEBPKI_INVALID)


@pytest.mark.parametrize(
    ("made", "target", "check"),
    [
        (rules(), PLAIN, None),
        (rules(sts=ResultType.STS_POLICY_INVALID), PLAIN, None),
        (rules(sts=Policy(Mode.TESTING, ("other.example",), timedelta(days=7))), PLAIN, None),
        (rules(), SIGNED, Check.AUTHORITIES),
        (rules(USELESS), SIGNED, Check.AUTHORITIES),
        (rules(KEY), SIGNED, Check.DANE),
        (rules(sts=LISTED), PLAIN, Check.AUTHORITIES),
        (rules(sts=Policy(Mode.TESTING, ("mx.other.test",), timedelta(days=7))), PLAIN, Check.AUTHORITIES),
    ],
)
async def test_requiretls_wants_name_and_certificate_beyond_doubt(
    made: PublishedRules, target: Target, check: Check | None
) -> None:
    found = await asked(made, target, TlsNeed.REQUIRED)
    if check is None:
        assert isinstance(found, Barred)
        assert found.reason == "requiretls_unproven"
    else:
        assert isinstance(found, Requirement)
        assert (found.tls, found.check, found.enforced) == (True, check, True)


async def test_a_policy_that_cannot_be_asked_for_now_is_no_answer_to_requiretls() -> None:
    for sts in (ResultType.STS_POLICY_FETCH_ERROR, Unknown()):
        found = await asked(rules(sts=sts), PLAIN, TlsNeed.REQUIRED)
        assert isinstance(found, Barred)
        assert (found.reason, found.passing) == ("sts_unknown", True)
    found = await asked(rules(fails=True), SIGNED, TlsNeed.REQUIRED)
    assert isinstance(found, Barred)
    assert (found.reason, found.passing) == ("dane_unknown", True)


async def test_a_dns_that_does_not_answer_is_no_policy_that_failed() -> None:
    assert await asked(rules(sts=Unknown()), PLAIN) == Requirement("mx.other.test"), "reported as no-policy-found"
    by_dane = await asked(rules(KEY, sts=Unknown()))
    assert by_dane == await asked(rules(KEY))
    strict = await asked(rules(KEY, sts=Unknown()), need=TlsNeed.REQUIRED)
    assert isinstance(strict, Requirement)
    assert strict.check is Check.DANE
    barred = await asked(rules(sts=Unknown()), PLAIN, TlsNeed.REQUIRED)
    assert isinstance(barred, Barred)
    assert barred.policy.type is PolicyType.NO_POLICY


async def test_requiretls_asks_a_relay_for_the_certificate_of_its_name() -> None:
    assert await NoRules().of("other.test", PLAIN, TlsNeed.ORDINARY) == Requirement("mx.other.test")
    found = await NoRules().of("other.test", PLAIN, TlsNeed.REQUIRED)
    assert isinstance(found, Requirement)
    assert (found.tls, found.check, found.names) == (True, Check.AUTHORITIES, ("mx.other.test",))


async def test_an_author_may_put_arriving_before_policies() -> None:
    for made in (rules(KEY, sts=ELSEWHERE), rules(KEY, fails=True)):
        assert await asked(made, SIGNED, TlsNeed.NONE) == Requirement("mx.other.test")
