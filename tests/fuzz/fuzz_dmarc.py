"""Fuzzes DMARC: records, authors, walks through a DNS of the fuzzer's, and the judgement of a whole message.

`python tests/fuzz/fuzz_dmarc.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without atheris, `one` is
an ordinary function of bytes; tests/mailauth/test_fuzz_smoke.py feeds it from hypothesis.

Whatever the bytes: a result and results that read back. Anything else is a finding.
"""

import asyncio
import sys
from datetime import UTC, datetime
from ipaddress import IPv4Address

from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dmarc import MAX_LABELS, DmarcStatus, NoAuthor, author_domain, evaluate, names_of_walk
from mailhost.mailauth.dmarc_record import is_dmarc, parse_record
from mailhost.mailauth.resolver import Txt
from mailhost.mailauth.results import parse
from mailhost.mailauth.spf import Client, SpfOutcome, SpfResult
from mailhost.mailauth.verdict import examine, judge
from mailhost.message.headers import Headers
from tests.fakedns import FakeDns

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)


def read_record(data: bytes) -> None:
    if is_dmarc(data):
        parse_record(data)
    parse_record(b"v=DMARC1; p=reject;" + data)


def read_author(data: bytes) -> None:
    domain = author_domain(Headers(b"From: " + data.replace(b"\n", b"\n ") + b"\r\n"))
    assert domain == domain.lower()
    assert domain.isascii()


def walk(data: bytes) -> None:
    """Four records for four names above one another, and an identifier somewhere among them."""
    names = ["a.b.example.is", "b.example.is", "example.is", "is"]
    texts = [*data.split(b"\n", 3), b"", b"", b"", b""]
    dns = FakeDns(
        {f"_dmarc.{name}": [Txt(b"v=DMARC1;" + text)] for name, text in zip(names, texts, strict=False) if text}
    )
    for other in (*names, "c.b.example.is"):
        spf = SpfOutcome(SpfResult.PASS, other)
        dns.asked.clear()
        found = asyncio.run(evaluate(names[0], spf, [], dns, lambda name: name == "is"))
        assert found.status in {DmarcStatus.NONE, DmarcStatus.PASS, DmarcStatus.FAIL}
        assert len(dns.asked) <= 2 * MAX_LABELS
        assert found.status is not DmarcStatus.PASS or other != "is"


def name_walk(data: bytes) -> None:
    names = names_of_walk(data.decode("latin-1"))
    assert len(names) <= MAX_LABELS


def whole_message(data: bytes) -> None:
    client = Client(IPv4Address("192.0.2.1"), "mail.example.is")
    found = asyncio.run(examine(Parts(data), client, "ada@example.is", FakeDns(), lambda _: False, now=NOW))
    judgement = judge(found)
    assert parse(f"mx; {judgement.results}").results[0].method == "spf"


READERS = (read_record, read_author, walk, name_walk, whole_message)


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if not data:
        return
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except NoAuthor:
        return


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
