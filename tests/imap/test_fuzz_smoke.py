"""The fuzz targets of IMAP, for a moment, without a fuzzer: rubbish, and commands with something changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import fuzz_commands, fuzz_wire

pytestmark = pytest.mark.slow  # a fuzz smoke

LINES = [
    b"FETCH 1:* (UID FLAGS BODY.PEEK[1.HEADER.FIELDS (From)]<0.10> BINARY[1])",
    b'SEARCH RETURN (MIN MAX) CHARSET UTF-8 OR NOT (FROM "x") HEADER X-Y {3+}\r\nabc SINCE 1-Jan-2026',
    b"STORE 1 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Seen $x)",
    b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% *) RETURN (STATUS (MESSAGES UNSEEN) CHILDREN)',
    b"SELECT x (QRESYNC (1 2 3:4 (1 2)))",
    b'APPEND INBOX (\\Seen) " 1-Jan-2026 00:00:00 +0000" ~{4+}\r\na\0b\n',
    b"UID SORT RETURN (ALL) (REVERSE DATE SUBJECT) UTF-8 ALL",
    b"THREAD REFERENCES UTF-8 ALL",
    b"UID REPLACE 1 INBOX {1+}\r\nx",
    b"CREATE Entw&APw-rfe/x (USE (\\Sent))",
]


def changed(line: bytes, at: int, octets: bytes) -> bytes:
    at %= len(line) + 1
    return line[:at] + octets + line[at + len(octets) // 2 :]


COMMANDS = st.builds(changed, st.sampled_from(LINES), st.integers(0, 200), st.binary(max_size=4))


@given(st.integers(0, 255), st.one_of(st.binary(max_size=200), COMMANDS, st.lists(COMMANDS).map(b"\r\n".join)))
def test_the_wire(first: int, data: bytes) -> None:
    fuzz_wire.one(bytes([first]) + data)


@pytest.mark.parametrize("reader", fuzz_commands.READERS[:-1])
@given(st.one_of(st.binary(max_size=200), COMMANDS))
def test_readers(reader: object, data: bytes) -> None:
    assert callable(reader)
    reader(data)


@given(st.lists(COMMANDS, min_size=1, max_size=4).map(b"\n".join))
@settings(max_examples=60, deadline=None)
def test_sessions(data: bytes) -> None:
    fuzz_commands.read_session(data)
