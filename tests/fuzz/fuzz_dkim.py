"""Fuzzes DKIM and ARC: signature fields, key records, whole messages, bodies, Authentication-Results.

`python tests/fuzz/fuzz_dkim.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without atheris, `one` is
an ordinary function of bytes; tests/mailauth/test_fuzz_smoke.py feeds it from hypothesis.

Whatever the bytes: results, and never a pass for what nobody signed. Anything else is a finding.
"""

import asyncio
import sys
from datetime import UTC, datetime

from mailhost.mailauth import arc, dkim
from mailhost.mailauth.canonicalization import Canonicalization, Parts, canonical_body
from mailhost.mailauth.dkim_key import Algorithm, BadKey, parse_key_record
from mailhost.mailauth.resolver import Txt
from mailhost.mailauth.results import BadResults, parse, without_forged
from tests.fakedns import FakeDns

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
# The key of RFC 8463 appendix A.2; its private half signed nothing here.
KEY = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
DNS = FakeDns({"s._domainkey.example.is": [Txt(KEY)]})
TAGS = b"v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.is; s=s; h=from; bh=AA==; b=AA=="


def read_message(data: bytes) -> None:
    parts = Parts(data)
    assert all(one.status is not dkim.DkimStatus.PASS for one in asyncio.run(dkim.verify(parts, DNS, now=NOW)))
    assert asyncio.run(arc.verify(parts, DNS, now=NOW)).status is not arc.ArcStatus.PASS
    assert len(without_forged(data, ["mx.example.is"])) <= len(data)


def read_signature(data: bytes) -> None:
    """A field that begins as a good one, so that the fuzzer gets past its first tags."""
    value = TAGS + data.replace(b"\n", b"\n ")
    for name in (b"DKIM-Signature", b"ARC-Message-Signature", b"ARC-Seal"):
        read_message(name + b": i=1; " + value + b"\r\nARC-Authentication-Results: i=1; x\r\nFrom: a@b\r\n\r\nx\r\n")


def read_key(data: bytes) -> None:
    record = parse_key_record(b"v=DKIM1; " + data)
    for algorithm in Algorithm:
        record.public_key(algorithm)


def read_body(data: bytes) -> None:
    for form in Canonicalization:
        once = b"".join(bytes(piece) for piece in canonical_body(memoryview(data), form))
        assert once in {b"", b"\r\n"} or once.endswith(b"\r\n")
        again = b"".join(bytes(piece) for piece in canonical_body(memoryview(once), form))
        assert again == once


def read_results(data: bytes) -> None:
    parse(data.decode("utf-8", "replace"))


READERS = (read_message, read_signature, read_key, read_body, read_results)


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if not data:
        return
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except (BadKey, BadResults):
        return


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
