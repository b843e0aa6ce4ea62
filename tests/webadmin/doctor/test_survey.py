"""The machine seen from outside: each thing that can be amiss is a warning with its remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from mailhost.mailauth.resolver import A, Mx, Ptr
from tests.fakedns import FakeDns
from webadmin.doctor import checks
from webadmin.doctor.checks import State
from webadmin.doctor.survey import Outside, Survey
from webadmin.environ import Environ, read

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PUBLIC = "9.9.9.10"


@pytest.fixture
def environ() -> Environ:
    return read(
        {
            "hostname": "mail.example.is",
            "bind": "::",
            "resolver": "127.0.0.1:53",
            "public_address": PUBLIC,
            "dnsbl": "list.test",
        }
    )


@pytest.fixture
def dns() -> FakeDns:
    made = FakeDns(
        {
            "signed.test": [A(IPv4Address("9.9.9.1"))],
            "mail.example.is": [A(IPv4Address(PUBLIC))],
            "10.9.9.9.in-addr.arpa": [Ptr("mail.example.is.")],
            "probe.test": [Mx(10, "mx.probe.test")],
            "mx.probe.test": [A(IPv4Address("9.9.9.2"))],
        }
    )
    made.authentic.add("signed.test")
    made.fail.add("bogus.test")
    return made


def survey(
    environ: Environ, dns: FakeDns | None, *, open_25: bool = True, kept: bool = True
) -> dict[str, checks.Check]:
    outside = Outside(
        dns, lambda _host, port: open_25 and port == 25, lambda: kept, "signed.test", "bogus.test", "probe.test"
    )
    return {one.name: one for one in checks.run(environ, now=NOW, lookers=Survey(outside).lookers)}


def test_all_is_well(environ: Environ, dns: FakeDns) -> None:
    found = survey(environ, dns)
    assert list(found) == [
        "validating resolver", "host name", "reverse name", "outgoing port 25", "block lists", "clock keeping",
    ]  # fmt: skip
    assert {one.state for one in found.values()} == {State.OK}


def test_a_laptop_has_no_outside(environ: Environ, dns: FakeDns) -> None:
    found = survey(environ.model_copy(update={"bind": "127.0.0.1"}), dns)
    assert list(found) == ["outside"]
    assert dns.asked == []


@pytest.mark.parametrize(
    ("harm", "name", "words"),
    [
        (lambda dns: dns.fail.add("signed.test"), "validating resolver", "does not answer"),
        (lambda dns: dns.authentic.clear(), "validating resolver", "does not validate"),
        (lambda dns: (dns.fail.clear(), dns.add("bogus.test", A(IPv4Address("9.9.9.3")))), "validating resolver", "believes"),
        (lambda dns: dns.zone.pop("mail.example.is"), "host name", "no address"),
        (lambda dns: dns.replace("mail.example.is", A(IPv4Address("9.9.9.7"))), "host name", "leads to 9.9.9.7"),
        (lambda dns: dns.zone.pop("10.9.9.9.in-addr.arpa"), "reverse name", "has no name"),
        (lambda dns: dns.replace("10.9.9.9.in-addr.arpa", Ptr("host7.isp.test")), "reverse name", "calls itself host7"),
        (lambda dns: dns.zone.pop("probe.test"), "outgoing port 25", "no mail host"),
        (lambda dns: dns.add("10.9.9.9.list.test", A(IPv4Address("127.0.0.4"))), "block lists", "is on list.test"),
    ],
)  # fmt: skip
def test_what_is_amiss_is_a_warning_with_a_remedy(
    environ: Environ, dns: FakeDns, harm: object, name: str, words: str
) -> None:
    harm(dns)  # type: ignore[operator]
    found = survey(environ, dns)[name]
    assert found.state == State.WARNING
    assert words in found.detail
    assert found.remedy


def test_a_list_that_does_not_talk_to_us_has_not_listed_us(environ: Environ, dns: FakeDns) -> None:
    dns.add("10.9.9.9.list.test", A(IPv4Address("127.255.255.254")))
    assert survey(environ, dns)["block lists"].state == State.OK


def test_closed_ports_unkept_clocks_and_no_resolver(environ: Environ, dns: FakeDns) -> None:
    found = survey(environ, dns, open_25=False, kept=False)
    assert {name for name, one in found.items() if one.state == State.WARNING} == {"outgoing port 25", "clock keeping"}
    bare = survey(environ.model_copy(update={"resolver": "", "dnsbl": ""}), None)
    assert [name for name, one in bare.items() if one.state == State.WARNING] == ["validating resolver"]
    relayed = survey(environ.model_copy(update={"smarthost": "relay.test:25"}), dns, open_25=False)
    assert "outgoing port 25" not in relayed
