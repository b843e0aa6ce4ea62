"""Fuzzes how a byte stream becomes whole commands: `mailhost.imap.wire` and the inflater before it.

`python tests/fuzz/fuzz_wire.py [libFuzzer options]` runs with atheris (the `fuzz` extra); `one` is an ordinary
function of bytes, and tests/imap/test_fuzz_smoke.py feeds it from hypothesis. The first byte says how the rest
is cut and whether somebody is logged in.

Whatever the bytes: the same events however they are cut, no more memory than the limits allow, no exception.
"""

from __future__ import annotations

import sys

from mailhost.imap.compression import SLICE, BadStream, Inflater
from mailhost.imap.wire import Event, Literal, LiteralAsked, Refused, Request, Splitter

APPEND_LIMIT = 4096


def events(stream: bytes, cut: int, *, logged_in: bool) -> list[Event]:
    """Every event of a stream that arrives in pieces of `cut` octets; ends with a fatal refusal."""
    splitter = Splitter()
    if logged_in:
        splitter.logged_in(APPEND_LIMIT)
    found: list[Event] = []
    for start in range(0, len(stream), cut):
        splitter.feed(stream[start : start + cut])
        while (event := splitter.next_event()) is not None:
            found.append(event)
            if isinstance(event, LiteralAsked):
                splitter.accept()
            if isinstance(event, Refused) and event.fatal:
                return found
    assert splitter.unread <= splitter.line_limit + len(stream)
    return found


def check(event: Event, *, logged_in: bool) -> None:
    """What every event keeps to."""
    if isinstance(event, Request):
        assert isinstance(event.parts[0], bytes)
        assert isinstance(event.parts[-1], bytes)
        literals = sum(len(part.data) for part in event.parts if isinstance(part, Literal))
        assert literals <= (64 * 1024 if logged_in else 8 * 1024)
        assert all(b"\n" not in part for part in event.parts if isinstance(part, bytes))
    elif isinstance(event, Refused):
        assert event.text


def read_stream(data: bytes) -> None:
    logged_in = bool(data[0] & 1)
    whole = events(data[1:], max(len(data), 1), logged_in=logged_in)
    assert events(data[1:], 1 + (data[0] >> 1), logged_in=logged_in) == whole
    for event in whole:
        check(event, logged_in=logged_in)


def read_deflate(data: bytes) -> None:
    inflater = Inflater()
    inflater.feed(data[1:])
    while inflater.more:
        assert len(inflater.read()) <= SLICE


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if not data:
        return
    if data[0] < 16:
        try:
            read_deflate(data)
        except BadStream:
            return
    else:
        read_stream(data)


def main() -> None:
    """Fuzz with atheris."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
