"""What a session asks a process that opens headers for it (`openers`), and what that answers: bytes of columns.

A question is some messages' sealed headers with the clear columns of their rows; the answer is what a list shows of
those that opened, as a segment holds it. Which keys they are tried with was said before. Whatever is wrong with a
header ends for its message: it is not in the answer, and the session tells its client that the message is damaged.

Nobody else reads these bytes: both sides are one program, forked from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.imap.store import Damaged
from mailhost.seal import CannotOpen
from mailhost.seal.columns import Columns, joined, lengths, numbers
from mailhost.seal.header import MAX_HEADER_SIZE
from mailhost.seal.segment import SEGMENT_UIDS, IndexEntry, entry_columns, read_entries
from mailhost.seal.summary import MAX_SUMMARY_SIZE

# Headers of one question, some milliseconds of work: about so long the faster waits for the slower at the end.
ASKED_TOGETHER: Final = 32
# A header that is too long to be one is asked as an empty one; beside it stand four numbers and an opaque id.
MAX_QUESTION: Final = ASKED_TOGETHER * (MAX_HEADER_SIZE + 128)
# A text of a summary has at most two octets for each of the summary's (latin-1 in UTF-8 is longer, never shorter).
MAX_ANSWER: Final = ASKED_TOGETHER * (2 * MAX_SUMMARY_SIZE + 128)


def question(rows: Sequence[StoredMessage]) -> bytes:
    """The rows, whose headers were read: at most ASKED_TOGETHER."""
    if len(rows) > ASKED_TOGETHER:
        raise ValueError(f"a question has at most {ASKED_TOGETHER} headers")
    opaque = [row.opaque_id.encode("ascii") for row in rows]
    headers = [row.header if row.header and len(row.header) <= MAX_HEADER_SIZE else b"" for row in rows]
    return b"".join(
        [
            numbers("I", [len(rows)]),
            numbers("I", [row.uid for row in rows]),
            numbers("q", [int(row.arrived.timestamp()) for row in rows]),
            numbers("q", [int(row.saved.timestamp()) for row in rows]),
            lengths(opaque),
            lengths(headers),
            joined(opaque),
            joined(headers),
        ]
    )


def answer(view: SessionView, asked: bytes) -> bytes:
    """What the headers of a question say to the holder of the view's keys. Raises CannotOpen for no question."""
    columns = Columns(asked)
    (count,) = columns.numbers("I", 1)
    if count > min(ASKED_TOGETHER, SEGMENT_UIDS):
        raise CannotOpen
    uids = columns.numbers("I", count)
    arrived, saved = columns.numbers("q", count), columns.numbers("q", count)
    opaque_lengths, header_lengths = columns.numbers("I", count), columns.numbers("I", count)
    opaque, headers = columns.cut(opaque_lengths), columns.cut(header_lengths)
    entries = []
    for place, header in enumerate(headers):
        row = StoredMessage(
            uid=uids[place],
            opaque_id=opaque[place].decode("ascii"),
            arrived=datetime.fromtimestamp(arrived[place], UTC),
            saved=datetime.fromtimestamp(saved[place], UTC),
            header_size=len(header),
            payload_size=0,
            header=header,
        )
        entry = view.entry(row)
        if not isinstance(entry, Damaged):
            entries.append(entry)
    return b"".join(entry_columns(entries))


def answered(uids: Sequence[int], told: bytes) -> list[IndexEntry | Damaged]:
    """The answer to a question about these messages, by ascending UID. Raises CannotOpen for another one's answer."""
    entries = {entry.uid: entry for entry in read_entries(told)}
    if not entries.keys() <= set(uids):
        raise CannotOpen
    return [entries.get(uid) or Damaged(uid) for uid in uids]
