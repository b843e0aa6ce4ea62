"""What is asked of a process that opens headers, and what it answers: whatever the headers hold."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.adapters.imapstore.opening import ASKED_TOGETHER, MAX_ANSWER, MAX_QUESTION, answer, answered, question
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.imap.store import Damaged
from mailhost.seal import CannotOpen, Summary, seal
from mailhost.seal.header import MAX_HEADER_SIZE
from mailhost.seal.segment import IndexEntry
from mailhost.seal.summary import MAX_SUMMARY_SIZE
from tests.adapters.conftest import NOW
from tests.seal.people import ADA, BEN, CLEO, SUMMARY


def row(uid: int, header: bytes) -> StoredMessage:
    return StoredMessage(uid, f"{uid:032x}", NOW, NOW, len(header), 0, header)


def header(summary: Summary = SUMMARY, identity: object = ADA) -> bytes:
    return seal((ADA if identity is ADA else BEN).recipient, b"", summary).header


def asked(rows: list[StoredMessage], *, view: SessionView | None = None) -> list[IndexEntry | Damaged]:
    return answered([each.uid for each in rows], answer(view or SessionView([ADA], 0), question(rows)))


GOOD = header()


def test_the_answer_is_what_the_session_would_have_opened_itself() -> None:
    rows = [row(uid, header()) for uid in (3, 5, 2**32 - 1)]
    assert asked(rows) == [SessionView([ADA], 0).entry(each) for each in rows]


def test_old_identities_are_tried_too() -> None:
    rows = [row(1, header()), row(2, header(identity=BEN))]
    found = asked(rows, view=SessionView([CLEO, BEN, ADA], 0))
    assert all(isinstance(entry, IndexEntry) for entry in found)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"age-encryption.org/v1\n",
        GOOD[:-1],
        GOOD.replace(b"mlkem768x25519 ", b"mlkem768x25519 A", 1),
        header(identity=BEN),
        b"x" * (MAX_HEADER_SIZE + 1),
    ],
    ids=["none", "cut early", "cut late", "a longer share", "somebody else's", "longer than a header"],
)
def test_a_bad_header_ends_for_its_message_only(bad: bytes) -> None:
    found = asked([row(1, GOOD), row(2, bad), row(3, GOOD)])
    assert [isinstance(entry, Damaged) for entry in found] == [False, True, False]
    assert found[1] == Damaged(2)


def test_messages_that_are_gone_are_neither_asked_nor_damaged() -> None:
    assert asked([]) == []


def test_the_largest_question_and_the_largest_answer_are_within_the_limits() -> None:
    long = header(Summary(size=0, internaldate=0, references=("<" + "x" * (MAX_SUMMARY_SIZE - 600) + "@example.is>",)))
    view = SessionView([ADA], 0)
    told = answer(view, question([row(uid, long) for uid in range(1, ASKED_TOGETHER + 1)]))
    assert MAX_SUMMARY_SIZE * (ASKED_TOGETHER - 4) < len(told) < MAX_ANSWER
    longest = question([row(uid, bytes(MAX_HEADER_SIZE)) for uid in range(1, ASKED_TOGETHER + 1)])
    assert MAX_HEADER_SIZE * ASKED_TOGETHER < len(longest) <= MAX_QUESTION
    with pytest.raises(ValueError, match="at most"):
        question([row(uid, b"") for uid in range(ASKED_TOGETHER + 1)])


def test_an_answer_about_other_messages_is_none() -> None:
    told = answer(SessionView([ADA], 0), question([row(7, GOOD)]))
    with pytest.raises(CannotOpen):
        answered([8], told)


@given(st.binary(max_size=200))
def test_what_is_no_question_is_refused(data: bytes) -> None:
    with suppress(CannotOpen):
        assert answered([], answer(SessionView([ADA], 0), data)) == []


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_spoiled_answer_is_refused_or_read(place: int, byte: int) -> None:
    told = bytearray(answer(SessionView([ADA], 0), question([row(1, GOOD)])))
    told[min(place, len(told) - 1)] = byte
    with suppress(CannotOpen):
        assert len(answered([1], bytes(told))) == 1
