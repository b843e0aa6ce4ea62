"""Fuzzes SPF: records, macros, and whole checks in a DNS whose TXT records are the fuzzer's.

`python tests/fuzz/fuzz_spf.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without atheris, `one` is
an ordinary function of bytes; tests/mailauth/test_fuzz_smoke.py feeds it from hypothesis.

Whatever the bytes: a result, after a bounded number of queries. Anything else is a finding.
"""

import asyncio
import sys
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

from mailhost.mailauth.resolver import A, Mx, Ptr, Txt
from mailhost.mailauth.spf import MAX_NAMES, MAX_TERMS, Client, SpfResult, check
from mailhost.mailauth.spf_macro import BadMacro, Macro, expand, parse_macros, query_name
from mailhost.mailauth.spf_record import BadRecord, parse_record
from tests.fakedns import FakeDns

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
FACTS = dict.fromkeys("slodipvhcrt", "a.b-c.example")
# Ten terms, each with its own question and at most ten names behind it, and two for reverse names and explanation.
MOST_QUESTIONS = MAX_TERMS * (2 + MAX_NAMES) + MAX_NAMES + 4


def check_policy(data: bytes) -> None:
    first, _, second = data.partition(b"\n")
    dns = FakeDns({"example.is": [Txt(b"v=spf1 " + first)], "demo.test": [Txt(b"v=spf1 " + second), Txt(data)]})
    dns.add("mail.demo.test", A(IPv4Address("192.0.2.1")), Mx(1, "mail.demo.test"))
    dns.add("1.2.0.192.in-addr.arpa", Ptr("mail.demo.test"))
    for ip in (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")):
        dns.asked.clear()
        outcome = asyncio.run(check(Client(ip, "mail.demo.test"), "ada@example.is", dns, now=NOW))
        assert outcome.result in SpfResult
        assert len(dns.asked) <= MOST_QUESTIONS
        assert outcome.explanation.isascii()
        assert "\n" not in outcome.explanation


def read_record(data: bytes) -> None:
    record = parse_record(b"v=spf1 " + data)
    again = parse_record(b"v=spf1 " + " ".join(one.text for one in record.directives).encode())
    assert again.directives == record.directives


def read_macros(data: bytes) -> None:
    parts = parse_macros(data.decode("latin-1"), explanation=True)
    text = expand(parts, FACTS)
    assert len(query_name(text)) <= 253
    if not any(isinstance(part, Macro) for part in parts) and "%" not in data.decode("latin-1"):
        assert text == data.decode("latin-1")


READERS = (check_policy, read_record, read_macros)


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if not data:
        return
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except (BadRecord, BadMacro):
        return


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
