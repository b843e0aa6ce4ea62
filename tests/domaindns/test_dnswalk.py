"""The walk from a domain's records to every server they name, and the judgement about where those stand."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address

import pytest

from jurisdiction.declared import Whereabouts
from jurisdiction.geo import Located
from jurisdiction.presets import from_preset
from jurisdiction.questions import Verdict
from mailhost.domaindns.dnswalk import MAX_SERVERS, MAX_SPF_RECORDS, Reached, judge, walk
from mailhost.mailauth.resolver import A, Aaaa, Cname, Mx, Ns, Txt
from tests.fakedns import FakeDns
from tests.notaries import atlas, notary
from tests.provision.house import NOW

POLICY = from_preset("iceland-only", atlas(), date(2026, 11, 21))


def v4(address: str) -> A:
    return A(ip_address(address))  # type: ignore[arg-type]


def home() -> FakeDns:
    """Everything at 198.51.100.x, which is Iceland here."""
    return FakeDns(
        {
            "example.is": [
                Mx(10, "mx.host.is"),
                Ns("ns.host.is"),
                Ns("ns.example.is"),
                Txt(b"v=spf1 ip4:198.51.100.9 include:_spf.host.is a:out.host.is mx -all"),
            ],
            "ns.example.is": [v4("198.51.100.3")],
            "mx.host.is": [v4("198.51.100.1"), Aaaa(ip_address("2001:db8::1"))],  # type: ignore[arg-type]
            "ns.host.is": [v4("198.51.100.2")],
            "autoconfig.example.is": [Cname("web.host.is")],
            "web.host.is": [v4("198.51.100.4")],
            "_spf.host.is": [Txt(b"v=spf1 ip4:198.51.100.5 ?all")],
            "out.host.is": [v4("198.51.100.6")],
        }
    )


def where(address: str, today: date) -> Whereabouts:
    country = "IS" if address.startswith(("198.51.100.", "2001:db8:")) else "US" if address.startswith("8.") else ""
    if not country:
        return Whereabouts(Located("unknown", "??", "??", "??", ""))
    return Whereabouts(Located("agree", country, country, country, ""), owners=(country,))


async def verdict(dns: FakeDns) -> tuple[Verdict, list[tuple[str, str]]]:
    found = judge(await walk(dns, "example.is"), where, POLICY, notary(), NOW)
    bad = [(one.server.role, one.server.name) for one in found.findings if one.decision.verdict is not Verdict.ALLOW]
    assert len(found.findings) == len(found.addresses)
    return found.decision.verdict, bad


async def test_every_kind_of_record_is_followed_to_its_addresses() -> None:
    found = await walk(home(), "example.is")
    assert set(found.servers) == {
        Reached("mx", "mx.host.is", "198.51.100.1"),
        Reached("mx", "mx.host.is", "2001:db8::1"),
        Reached("ns", "ns.host.is", "198.51.100.2"),
        Reached("glue", "ns.example.is", "198.51.100.3"),
        Reached("cname", "web.host.is", "198.51.100.4"),
        Reached("spf", "example.is", "198.51.100.9"),
        Reached("spf", "_spf.host.is", "198.51.100.5"),
        Reached("spf", "out.host.is", "198.51.100.6"),
        Reached("spf", "mx.host.is", "198.51.100.1"),
        Reached("spf", "mx.host.is", "2001:db8::1"),
    }
    assert found.dark == []
    assert await verdict(home()) == (Verdict.ALLOW, [])


@pytest.mark.guards(6)
@pytest.mark.parametrize(
    ("name", "record", "role"),
    [
        ("mx.host.is", v4("8.8.8.8"), "mx"),
        ("ns.host.is", v4("8.8.8.8"), "ns"),
        ("ns.example.is", v4("8.8.8.8"), "glue"),
        ("web.host.is", v4("8.8.8.8"), "cname"),
        ("out.host.is", v4("8.8.8.8"), "spf"),
        ("mx.host.is", v4("203.0.113.7"), "mx"),
    ],
)
async def test_one_address_abroad_or_unknown_behind_any_record_is_not_allowed(name: str, record: A, role: str) -> None:
    dns = home()
    dns.add(name, record)
    answer, bad = await verdict(dns)
    assert answer is Verdict.DENY
    assert (role, name) in bad


@pytest.mark.guards(6)
async def test_an_include_deep_down_is_found() -> None:
    dns = home()
    dns.replace("_spf.host.is", Txt(b"v=spf1 include:_deep.host.is"))
    dns.add("_deep.host.is", Txt(b"v=spf1 redirect=_end.host.is"))
    dns.add("_end.host.is", Txt(b"v=spf1 ip4:8.8.4.0/24 -all"))
    assert await verdict(dns) == (Verdict.DENY, [("spf", "_end.host.is")])


@pytest.mark.guards(6)
@pytest.mark.parametrize(
    "spf",
    [
        b"v=spf1 +all",
        b"v=spf1 exists:%{i}.x.host.is -all",
        b"v=spf1 ptr -all",
        b"v=spf1 include:missing.host.is -all",
        b"v=spf1 include:%{d}.host.is -all",
        b"v=spf1 ip4:nonsense -all",
    ],
)
async def test_what_cannot_be_followed_is_not_taken_for_harmless(spf: bytes) -> None:
    dns = home()
    dns.zone["example.is"] = [one for one in dns.zone["example.is"] if not isinstance(one, Txt)] + [Txt(spf)]
    answer, bad = await verdict(dns)
    assert (answer, [role for role, _ in bad]) == (Verdict.DENY, ["spf"])


@pytest.mark.guards(6)
async def test_a_dns_that_does_not_answer_allows_nothing() -> None:
    for broken in ("mx.host.is", ("example.is", Mx), ("example.is", Ns), ("example.is", Txt)):
        dns = home()
        dns.fail.add(broken)
        assert (await verdict(dns))[0] is Verdict.DENY


async def test_loops_and_floods_come_to_an_end() -> None:
    dns = home()
    dns.replace("_spf.host.is", Txt(b"v=spf1 include:_spf.host.is include:example.is -all"))
    assert (await verdict(dns))[0] is Verdict.ALLOW
    for number in range(MAX_SPF_RECORDS + 5):
        dns.add(f"s{number}.host.is", Txt(f"v=spf1 include:s{number + 1}.host.is -all".encode()))
    dns.replace("_spf.host.is", Txt(b"v=spf1 include:s0.host.is -all"))
    assert (await verdict(dns))[0] is Verdict.DENY
    flood = home()
    flood.add("mx.host.is", *(v4(f"198.51.100.{number}") for number in range(250)))
    assert len((await walk(flood, "example.is")).servers) == MAX_SERVERS


async def test_a_domain_without_any_record_has_no_server_and_is_not_allowed() -> None:
    assert (await verdict(FakeDns({"example.is": []})))[0] is Verdict.DENY
    assert (await walk(FakeDns({"example.is": [Mx(0, ".")]}), "example.is")).servers == []
