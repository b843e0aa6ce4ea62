"""Fuzzes what reads a command: the grammar, names and patterns, ready envelopes, subjects, and whole sessions.

`python tests/fuzz/fuzz_commands.py [libFuzzer options]` runs with atheris (the `fuzz` extra); `one` is an ordinary
function of bytes, and tests/imap/test_fuzz_smoke.py feeds it from hypothesis. The first byte chooses the reader.

Whatever the bytes: a value or the reader's own error, and in a session never `SERVERBUG`.
"""

from __future__ import annotations

import asyncio
import sys

from mailhost.imap.base_subject import base_subject
from mailhost.imap.commands import parse, tag_of
from mailhost.imap.envelopes import read_envelope, sent_day
from mailhost.imap.names import decode_name, encode_name, pattern_matcher
from mailhost.imap.sequence import BadSet, format_set, numbered, parse_set
from mailhost.imap.tokens import BadCommand
from mailhost.imap.wire import LiteralAsked, Request, Splitter
from mailhost.message.foldernames import BadName
from tests.imap.dialogue import ADA, PASSWORD, Client, ada_with, make_endpoint


def refusal(request: Request) -> str:
    """Why a request is no command; "" if it is one."""
    try:
        parse(request)
    except BadCommand as error:
        return error.text
    return ""


def read_command(data: bytes) -> None:
    splitter = Splitter()
    splitter.logged_in(1_000_000)
    splitter.feed(b"a " + data + b"\r\n")
    while (event := splitter.next_event()) is not None:
        if isinstance(event, LiteralAsked):
            splitter.accept()
        elif isinstance(event, Request):
            assert tag_of(event) == b"*" or b" " not in tag_of(event)
            assert refusal(event).isascii()


def read_name(data: bytes) -> None:
    for utf8 in (False, True):
        try:
            name = decode_name(data, utf8=utf8)
        except BadName:
            continue
        wire = encode_name(name, utf8=utf8)
        if not wire.startswith(b'"'):
            assert decode_name(wire, utf8=utf8) == name


def read_pattern(data: bytes) -> None:
    pattern, _zero, name = data.decode("latin-1").partition("\0")
    pattern_matcher(pattern)(name)


def read_set(data: bytes) -> None:
    try:
        sequence = parse_set(data)
    except BadSet:
        return
    found = numbered(sequence, 1000, strict=False)
    numbers = [index + 1 for start, stop in found for index in range(start, stop)]
    if numbers:
        assert numbered(parse_set(format_set(numbers)), 1000, strict=True) == found


def read_header(data: bytes) -> None:
    read_envelope(data)
    sent_day(data)
    base_subject(data.decode("latin-1"))


async def converse(data: bytes) -> bytes:
    client = Client(make_endpoint(ada_with([data, b"Subject: x\r\n\r\n" + data])))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    answer = b""
    try:
        for line in data.split(b"\n")[:15]:  # more nonsense in a row would be slowed down
            answer += await client.ask(b"a " + line.rstrip(b"\r"))
    except ConnectionResetError:
        pass
    return answer


def read_session(data: bytes) -> None:
    assert b"SERVERBUG" not in asyncio.run(converse(data))


READERS = (read_command, read_name, read_pattern, read_set, read_header, read_session)


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if data:
        READERS[data[0] % len(READERS)](data[1:])


def main() -> None:
    """Fuzz with atheris."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
