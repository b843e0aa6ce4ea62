"""Fuzzes what reads the ledger's texts: notes, checkpoints, keys, witness requests and entries.

`python tests/fuzz/fuzz_ledger.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without atheris, `one`
is still an ordinary function of bytes; tests/jurisdiction/ledger/test_fuzz.py feeds it samples.

Whatever the bytes: a value that is written and read again unchanged, or the reader's one error. Anything else is a
finding.
"""

import contextlib
import sys

from jurisdiction.ledger.entries import CONTEXT, EntryError, decode, encode
from jurisdiction.ledger.notes import NoteError, parse_checkpoint, parse_key, parse_note
from jurisdiction.ledger.witness import parse_request


def one(data: bytes) -> None:
    """One value; returns or raises a finding."""
    with contextlib.suppress(NoteError):
        note = parse_note(data)
        assert parse_note(str(note).encode()) == note
    with contextlib.suppress(NoteError):
        request = parse_request(data)
        assert parse_request(request.encode()) == request
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(NoteError):
        assert parse_checkpoint(text).text() == text
    with contextlib.suppress(NoteError):
        assert str(parse_key(text)) == text
    for candidate in (data, CONTEXT + data):
        with contextlib.suppress(EntryError):
            assert encode(decode(candidate)) == candidate


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
