"""SPF beyond the published suite: identities, limits, hostile records, and what the outcome says."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.resolver import A, Aaaa, Mx, Ptr, Rdata, Txt
from mailhost.mailauth.spf import MAX_NAMES, Client, Identity, SpfOutcome, SpfResult, check, check_helo
from mailhost.mailauth.spf_macro import BadMacro, expand, parse_macros, query_name
from mailhost.mailauth.spf_record import MAX_RECORD, BadRecord, Mechanism, Qualifier, is_spf, parse_record, write_record
from tests.fakedns import FakeDns

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
CLIENT = Client(IPv4Address("192.0.2.1"), "mail.example.is")
PASS, FAIL, NONE, PERMERROR, TEMPERROR = (
    SpfResult.PASS,
    SpfResult.FAIL,
    SpfResult.NONE,
    SpfResult.PERMERROR,
    SpfResult.TEMPERROR,
)


async def spf(dns: FakeDns, sender: str = "ada@example.is", ip: str = "192.0.2.1") -> SpfOutcome:
    return await check(Client(ip_address(ip), "mail.example.is"), sender, dns, now=NOW)


def policy(text: str, **more: list[Rdata]) -> FakeDns:
    zone: dict[str, list[Rdata]] = {"example.is": [Txt(text.encode())]}
    return FakeDns(zone | {name.replace("__", "."): records for name, records in more.items()})


async def test_the_outcome_says_what_decided() -> None:
    found = await spf(policy("v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/28 -all"))
    assert found == SpfOutcome(PASS, "example.is", Identity.MAIL_FROM, "ip4:192.0.2.0/28")
    assert (await spf(policy("v=spf1 a -all"), ip="198.51.100.1")).matched == "-all"


async def test_the_null_sender_is_judged_by_helo() -> None:
    dns = FakeDns({"mail.example.is": [Txt(b"v=spf1 a -all"), A(IPv4Address("192.0.2.1"))]})
    found = await spf(dns, "")
    assert (found.result, found.domain, found.identity) == (PASS, "mail.example.is", Identity.HELO)
    assert await check_helo(CLIENT, dns, now=NOW) == found


async def test_a_wrong_record_tells_its_owner_what_is_wrong() -> None:
    found = await spf(policy("v=spf1 a:192.0.2.1 -all"))
    assert (found.result, found.problem) == (PERMERROR, "record of example.is: '192.0.2.1' does not end in a domain")
    two = FakeDns({"example.is": [Txt(b"v=spf1 -all"), Txt(b"v=spf1 +all")]})
    assert (await spf(two)).problem == "example.is has more than one SPF record"


async def test_a_redirect_reports_the_domain_that_was_asked_about() -> None:
    found = await spf(policy("v=spf1 redirect=demo.test", demo__test=[Txt(b"v=spf1 -all")]))
    assert (found.result, found.domain, found.matched) == (FAIL, "example.is", "-all")


async def test_ten_terms_are_allowed_and_eleven_are_not() -> None:
    address: list[Rdata] = [A(IPv4Address("203.0.113.1"))]
    ten = " ".join(["a:x.demo.test"] * 10)
    assert (await spf(policy(f"v=spf1 {ten} -all", x__demo__test=address))).result is FAIL
    found = await spf(policy(f"v=spf1 {ten} a:x.demo.test -all", x__demo__test=address))
    assert (found.result, found.problem) == (PERMERROR, "the policy needs more than 10 look-ups")


async def test_a_policy_that_includes_itself_ends() -> None:
    dns = policy("v=spf1 include:example.is -all")
    assert (await spf(dns)).result is PERMERROR
    assert len(dns.asked) == 11


async def test_names_that_do_not_exist_are_counted_across_includes() -> None:
    dns = policy("v=spf1 a:no1.test include:demo.test -all", demo__test=[Txt(b"v=spf1 a:no2.test a:no3.test -all")])
    found = await spf(dns)
    assert (found.result, found.problem) == (PERMERROR, "more than 2 names of the policy have no records")


async def test_too_many_exchangers_are_a_permanent_error() -> None:
    host: list[Rdata] = [A(IPv4Address("203.0.113.1"))]
    exact: list[Rdata] = [Mx(1, "mx.demo.test")] * MAX_NAMES
    assert (await spf(policy("v=spf1 mx:many.test -all", many__test=exact, mx__demo__test=host))).result is FAIL
    more: list[Rdata] = [Mx(1, "mx.demo.test")] * (MAX_NAMES + 1)
    assert (await spf(policy("v=spf1 mx:many.test -all", many__test=more, mx__demo__test=host))).result is PERMERROR


async def test_only_ten_reverse_names_are_tried() -> None:
    names: list[Rdata] = [Ptr(f"n{n}.demo.test") for n in range(30)]
    dns = policy("v=spf1 ptr:demo.test -all")
    dns.add("1.2.0.192.in-addr.arpa", *names)
    dns.add("n20.demo.test", A(IPv4Address("192.0.2.1")))
    assert (await spf(dns)).result is FAIL
    assert sum(kind is A for _, kind in dns.asked) == MAX_NAMES
    dns.add("n9.demo.test", A(IPv4Address("192.0.2.1")))
    assert (await spf(dns)).result is PASS


async def test_an_ipv6_client_is_never_asked_about_in_ipv4() -> None:
    dns = policy("v=spf1 a -all", other=[])
    dns.add("example.is", A(IPv4Address("192.0.2.1")), Aaaa(IPv6Address("2001:db8::1")))
    assert (await spf(dns, ip="2001:db8::1")).result is PASS
    assert all(kind is not A for _, kind in dns.asked)
    assert (await spf(dns, ip="::ffff:192.0.2.1")).result is PASS


async def test_one_silent_name_is_a_temporary_error() -> None:
    dns = policy("v=spf1 a:slow.demo.test ip4:192.0.2.1 -all")
    dns.fail.add("slow.demo.test")
    found = await spf(dns)
    assert (found.result, found.problem) == (TEMPERROR, "no answer for slow.demo.test")
    early = policy("v=spf1 ip4:192.0.2.1 a:slow.demo.test -all")
    early.fail.add("slow.demo.test")
    assert (await spf(early)).result is PASS


async def test_an_explanation_never_breaks_a_line() -> None:
    dns = policy("v=spf1 -all exp=why.example.is", why__example__is=[Txt(b"%{l} may not send")])
    assert (await spf(dns)).explanation == "ada may not send"
    assert (await spf(dns, "a\r\nb@example.is")).explanation == ""
    assert (await spf(dns, "áda@example.is")).explanation == ""


async def test_a_local_part_beyond_ascii_is_never_asked_for() -> None:
    # RFC 8616 §4: such a name cannot be in the DNS, so the mechanism does not match.
    dns = policy("v=spf1 exists:%{l}.users.example.is -all")
    assert (await spf(dns, "áda@example.is")).result is FAIL


@pytest.mark.parametrize(
    "sender", ["ada@is", "ada@", "@", "ada@[192.0.2.1]", "ada@.is", "ada@" + "a." * 200 + "is", "ada@é.is"]
)
async def test_a_sender_without_a_domain_has_no_policy(sender: str) -> None:
    assert (await spf(FakeDns(), sender)).result is NONE


# Macros: the examples of RFC 7208 §7.4.

FACTS = {
    "s": "strong-bad@email.example.com",
    "o": "email.example.com",
    "d": "email.example.com",
    "l": "strong-bad",
    "i": "192.0.2.3",
    "v": "in-addr",
    "h": "mx.example.com",
    "p": "unknown",
    "c": "192.0.2.3",
    "r": "mx",
    "t": "0",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%%%_%-", "% %20"),
        ("%{S}", "strong-bad%40email.example.com"),
    ],
)
def test_macros_expand_as_in_the_rfc(text: str, expected: str) -> None:
    assert expand(parse_macros(text), FACTS) == expected


@pytest.mark.parametrize(
    "text", ["%", "%{", "%{d", "%{}", "%{x}", "%{d0}", "%{d-r}", "%{c}", "a b", "\x7f", "é", "%(d)"]
)
def test_what_is_no_macro_string_is_refused(text: str) -> None:
    with pytest.raises(BadMacro):
        parse_macros(text)


def test_long_names_lose_whole_labels_from_the_left() -> None:
    name = ".".join(["abcdefghi"] * 40)
    assert query_name(name + ".") == name[-249:]
    assert query_name("x." + "a" * 60 + "." + ".".join(["b"] * 96)) == "a" * 60 + "." + ".".join(["b"] * 96)
    assert query_name("a" * 300) == ""
    assert len(query_name("a." * 500_000 + "is")) <= 253


# Records.


def test_a_record_as_a_value() -> None:
    record = parse_record(b"V=SPF1  ~a:mail.%{d}/24//64 ?ip6:2001:db8::/32 redirect=demo.test  ")
    first, second = record.directives
    assert (first.qualifier, first.mechanism, first.prefix4, first.prefix6) == (Qualifier.SOFTFAIL, Mechanism.A, 24, 64)
    assert (second.qualifier, second.prefix6, str(second.network)) == (Qualifier.NEUTRAL, 32, "2001:db8::")
    assert record.redirect == ("demo.test",)


def test_our_own_records_are_read_back_before_they_are_published() -> None:
    assert write_record(["include:_spf.host.example", "-all"]) == "v=spf1 include:_spf.host.example -all"
    assert write_record([], redirect="_spf.host.example") == "v=spf1 redirect=_spf.host.example"
    with pytest.raises(BadRecord):
        write_record(["include:"])


@pytest.mark.parametrize("text", [b"v=spf1", b"v=spf1 -all", b"V=SpF1 a"])
def test_spf_records_are_told_from_others(text: bytes) -> None:
    assert is_spf(text)
    assert not is_spf(text.replace(b"1", b"10", 1))
    assert not is_spf(b" " + text)


def test_an_endless_record_is_refused() -> None:
    with pytest.raises(BadRecord, match="longer"):
        parse_record(b"v=spf1 " + b"a " * MAX_RECORD)


TERMS = st.sampled_from(
    ["a", "mx", "ptr", "-all", "?all", "ip4:192.0.2.0/24", "ip6:::/0", "a:b.test", "mx//0", "exists:%{i}.x.test"]
)
JUNK = st.text(st.sampled_from("amx:/%{}ir+-.=04 "), max_size=20)


@given(st.lists(st.one_of(TERMS, JUNK), max_size=8))
def test_any_record_is_read_or_refused(terms: list[str]) -> None:
    try:
        record = parse_record(f"v=spf1 {' '.join(terms)}".encode())
    except BadRecord:
        return
    again = parse_record(f"v=spf1 {' '.join(one.text for one in record.directives)}".encode())
    assert again.directives == record.directives


@given(st.binary(max_size=80))
def test_rubbish_raises_nothing_else(data: bytes) -> None:
    try:
        parse_record(b"v=spf1 " + data)
    except BadRecord:
        return
