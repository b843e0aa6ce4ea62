"""The openspf.org suite for RFC 7208 (tests/vectors/spf): 203 policies and what must come of each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from mailhost.mailauth.resolver import A, Aaaa, Cname, Mx, Ptr, Rdata, Txt
from mailhost.mailauth.spf import Client, check
from tests.fakedns import FakeDns

SUITE = Path(__file__).parent.parent / "vectors" / "spf" / "rfc7208-tests.json"
SCENARIOS = json.loads(SUITE.read_text())
NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
# The suite says DEFAULT where the receiver's own words are meant; ours are none.
DEFAULT = ""


@dataclass(frozen=True)
class Case:
    name: str
    zone: dict[str, list[Any]]
    test: dict[str, Any]


def cases() -> Iterator[Case]:
    for scenario in SCENARIOS:
        for name, test in scenario["tests"].items():
            yield Case(name, scenario["zone"], test)


CASES = list(cases())


def zone_of(data: dict[str, list[Any]]) -> FakeDns:
    dns = FakeDns()
    for name, entries in data.items():
        maps = [entry for entry in entries if isinstance(entry, dict)]
        texts = "TXT" if any("TXT" in entry for entry in maps) else "SPF"
        records = [record for entry in maps for kind, value in entry.items() for record in _record(kind, value, texts)]
        dns.add(name, *records)
        if "TIMEOUT" in entries:
            answered = {type(record) for record in records}
            dns.fail.update((name.lower(), kind) for kind in (A, Aaaa, Mx, Ptr, Txt) if kind not in answered)
    return dns


def _record(kind: str, value: Any, texts: str) -> list[Rdata]:
    match kind:
        case "A":
            return [A(IPv4Address(value))]
        case "AAAA":
            return [Aaaa(IPv6Address(value))]
        case "MX":
            return [Mx(value[0], value[1])]
        case "PTR":
            return [Ptr(value)]
        case "CNAME":
            return [Cname(value)]
        case "SPF" | "TXT" if kind == texts and value != "NONE":
            return [Txt("".join(value).encode() if isinstance(value, list) else value.encode())]
    return []


def test_no_case_got_lost() -> None:
    assert len(CASES) == 203
    assert len({case.name for case in CASES}) == 203


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_suite(case: Case) -> None:
    client = Client(ip_address(case.test["host"]), case.test["helo"])
    outcome = await check(client, case.test["mailfrom"], zone_of(case.zone), now=NOW)
    assert outcome.result in case.test["result"], outcome
    expected = case.test.get("explanation")
    if expected is not None:
        assert outcome.explanation == (DEFAULT if expected == "DEFAULT" else expected)
