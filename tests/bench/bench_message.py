"""What reading and wrapping messages costs, on one core and with nothing else in the way.

    python -m tests.bench.bench_message

Prints the best of several rounds: microseconds for small messages, milliseconds for large and hostile ones, and
messages a second for the wrapper of a sealed mailbox.
"""

import base64
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from mailhost.message.bodystructure import render
from mailhost.message.describe import describe
from mailhost.message.envelope import envelope
from mailhost.message.section import Section, decoded, ranges, read
from mailhost.message.structure import scan
from mailhost.message.wrapper import Wrapper

ROUNDS = 7
MIB = 1024 * 1024
ARRIVED = datetime(2025, 1, 2, 10, tzinfo=UTC)

SMALL = (
    b"Received: from mail.example.org by mx.example.is with ESMTPS id abc;\r\n\tThu, 2 Jan 2025 10:00:00 +0000\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s;\r\n h=from:to:subject; bh=x; b=" + b"a" * 300 + b"\r\n"
    b"From: Ada Lovelace <ada@example.org>\r\nTo: Ben <ben@example.is>\r\nSubject: A subject of a few words\r\n"
    b"Date: Thu, 2 Jan 2025 10:00:00 +0000\r\nMessage-ID: <abc123@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    + b"A line of text as people write them, more or less.\r\n"
    * 63
)
MULTIPART = (
    b"From: ada@example.is\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx"
)


def best(run: Callable[[], object], times: int = 1) -> float:
    """Seconds of one call, the best of several rounds."""
    found = 1e9
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            run()
        found = min(found, (time.perf_counter() - started) / times)
    return found


def small() -> None:
    """One ordinary message, step by step."""
    root = scan(SMALL)
    print(f"message of {len(SMALL)} bytes")
    steps: dict[str, Callable[[], object]] = {
        "describe": lambda: describe(SMALL),
        "  scan": lambda: scan(SMALL),
        "  envelope": lambda: envelope(root.headers),
        "  bodystructure": lambda: render(root),
        "section BODY[TEXT]": lambda: read(SMALL, ranges(root, Section((1,))) or []),
    }
    for name, run in steps.items():
        print(f"  {name:24} {best(run, 2000) * 1e6:8.1f} µs")


def large() -> None:
    """25 MiB, as they come and as they are made to hurt."""
    attachment = base64.encodebytes(os.urandom(18 * MIB)).replace(b"\n", b"\r\n")
    head = b"\r\n--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ordinary = MULTIPART + head + attachment + b"--b--\r\n"
    multipart = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(40))
    messages = {
        "attachment": ordinary,
        "50,000 parts": multipart + b"\r\n--b\r\n\r\nx" * 50_000,
        "lines of --": multipart + b"--x\n" * (25 * MIB // 4),
        "tiny fields": b"a:\n" * (25 * MIB // 3),
        "parts of tiny fields": multipart + (b"--b\n" + b"a:\n" * 8000) * (25 * MIB // 24_004),
        "deep": nested + b"\n" * (25 * MIB),
        "messages in messages": b"Content-Type: message/rfc822\n\n" * (25 * MIB // 30),
        "addresses": b"To: " + b"(a)<b@c>x:;" * (25 * MIB // 11) + b"\r\n\r\n",
    }
    print("messages of 25 MiB (50,000 parts: 0.5 MiB)")
    for name, message in messages.items():
        print(f"  describe {name:24} {best(partial(describe, message)) * 1e3:8.1f} ms")
    root = scan(ordinary)
    print(f"  {'BINARY of the attachment':33} {best(lambda: decoded(ordinary, root, (2,))) * 1e3:8.1f} ms")


def wrapped() -> None:
    """The sealed view of one mailbox."""
    header, payload = b"h" * 2400, os.urandom(4096)

    def make(number: int, size: int = 4096) -> Wrapper:
        return Wrapper(f"{number:032x}", "example.is", "ada@example.is", ARRIVED, len(header), size)

    count = 20_000
    steps: dict[str, Callable[[int], object]] = {
        "BODY[]": lambda n: make(n).render(header, payload),
        "RFC822.SIZE": lambda n: make(n).size,
        "ENVELOPE": lambda n: make(n).envelope(),
        "BODYSTRUCTURE": lambda n: make(n).bodystructure(),
    }
    print(f"wrapper round 4 KiB, {count} messages")
    for name, run in steps.items():
        started = time.perf_counter()
        for number in range(count):
            run(number)
        print(f"  {name:24} {count / (time.perf_counter() - started):10,.0f} messages/s")
    big = os.urandom(25 * MIB)
    print(f"  {'BODY[] of 25 MiB':24} {best(lambda: make(1, len(big)).render(header, big)) * 1e3:8.1f} ms")


if __name__ == "__main__":
    small()
    large()
    wrapped()
