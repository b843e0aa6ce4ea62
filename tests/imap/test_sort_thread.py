"""SORT and THREAD (RFC 5256), in views that can read the mail."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap.base_subject import base_subject
from mailhost.imap.envelopes import Envelope, Person
from mailhost.imap.sort import Card, Criterion, for_threads, rows_for
from mailhost.imap.store import View
from mailhost.imap.thread import MAX_DEPTH, by_references, by_subject, write
from tests.imap.dialogue import Dialogue, ada_with
from tests.imap.memory import APPEND_LIMIT

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("subject", "text", "reply"),
    [
        ("Hello", "hello", False),
        ("Re: Hello", "hello", True),
        ("RE:  re : Hello", "hello", True),
        ("Fwd: Hello", "hello", True),
        ("fw[2]: Hello", "hello", True),
        ("[list] Re: [other] Hello", "hello", True),
        ("[list] Hello", "hello", False),
        ("[list]", "[list]", False),
        ("Hello (fwd)", "hello", True),
        ("Hello (fwd) (FWD)", "hello", True),
        ("[Fwd: Hello]", "hello", True),
        ("Re: [fwd: [fwd: Re: Hello]]", "hello", True),
        ("[Fwd: [list] Hello]", "hello", True),
        ("Re:", "", True),
        (None, "", False),
        ("  A \t B ", "a b", False),
    ],
)
def test_base_subjects(subject: str | None, text: str, *, reply: bool) -> None:
    assert base_subject(subject) == (text, reply)


@given(st.text("reRE:[]()fwd \t", max_size=60))
def test_any_subject_has_a_base(subject: str) -> None:
    once = base_subject(subject).text
    assert len(once) <= len(subject)


def test_long_nonsense_is_read_quickly() -> None:
    started = time.process_time()
    for pattern in ("re: ", "[a] ", "[", "(fwd) ", "[fwd:", "re[", " "):
        base_subject(pattern * 100_000)
    assert time.process_time() - started < 1


def mail(number: int, subject: str, sender: str, *, refs: str = "", date: int = 1, extra: str = "") -> bytes:
    references = f"References: {refs}\r\n" if refs else ""
    return (
        f"From: {sender}\r\nTo: ada@example.is\r\nSubject: {subject}\r\nMessage-ID: <m{number}@example.is>\r\n"
        f"Date: {date} Nov 2026 10:00:00 +0000\r\n{references}{extra}\r\nBody.\r\n"
    ).encode()


MAILS = [
    mail(1, "Zebra", "Carl <zoe@example.is>", date=3),
    mail(2, "Re: apple", "Anna <mia@example.is>", date=2, refs="<m3@example.is>"),
    mail(3, "Apple", "bob@example.is", date=1, extra="X-Long: " + "x" * 200 + "\r\n"),
    mail(4, "Re: Zebra", "Anna <ann@example.is>", date=4, refs="<gone@example.is> <m1@example.is>"),
]


async def test_sorting() -> None:
    await Dialogue(ada_with(MAILS), select="INBOX").play("""
        C: a SORT (DATE) UTF-8 ALL
        S: * SORT 3 2 1 4
        S: a OK ...
        C: b SORT (REVERSE DATE) UTF-8 ALL
        S: * SORT 4 1 2 3
        S: b OK ...
        C: c SORT (SUBJECT REVERSE DATE) UTF-8 ALL
        S: * SORT 2 3 4 1
        S: c OK ...
        C: d SORT (FROM) US-ASCII ALL
        S: * SORT 4 3 2 1
        S: d OK ...
        C: e SORT (DISPLAYFROM) US-ASCII ALL
        S: * SORT 2 4 3 1
        S: e OK ...
        C: f SORT (REVERSE SIZE) US-ASCII 1:3
        S: * SORT 3 2 1
        S: f OK ...
        C: g UID SORT (ARRIVAL) US-ASCII SUBJECT zebra
        S: * SORT 1 4
        S: g OK ...
        C: h SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 ALL
        S: * ESEARCH (TAG "h") MIN 3 MAX 4 ALL 3,2,1,4 COUNT 4
        S: h OK ...
        C: i SORT (DATE) UTF-8 KEYWORD none
        S: * SORT
        S: i OK ...
        C: j SORT () UTF-8 ALL
        S: j BAD ...
        C: k SORT (MOOD) UTF-8 ALL
        S: k BAD ...
        C: l SORT (DATE) X-NONE ALL
        S: l NO [BADCHARSET ...
        C: m SORT RETURN (SAVE) (DATE) UTF-8 1:2
        S: m OK ...
        C: n FETCH $ UID
        S: * 1 FETCH (UID 1)
        S: * 2 FETCH (UID 2)
        S: n OK ...
    """)


async def test_threading() -> None:
    await Dialogue(ada_with(MAILS), select="INBOX").play("""
        C: a THREAD REFERENCES UTF-8 ALL
        S: * THREAD (3 2)(1 4)
        S: a OK ...
        C: b UID THREAD ORDEREDSUBJECT UTF-8 ALL
        S: * THREAD (3 2)(1 4)
        S: b OK ...
        C: c THREAD REFERENCES UTF-8 2,4
        S: * THREAD (2)(4)
        S: c OK ...
        C: d THREAD REFERENCES UTF-8 KEYWORD none
        S: * THREAD
        S: d OK ...
        C: e THREAD MAGIC UTF-8 ALL
        S: e BAD ...
    """)


async def test_who_asks_about_modseqs_is_told_the_highest_of_what_was_found() -> None:
    # RFC 7162 §3.1.6 and §7: as SEARCH does, and with CONDSTORE switched on by it.
    await Dialogue(ada_with(MAILS), select="INBOX").play(r"""
        C: a SORT (DATE) UTF-8 MODSEQ 1 1:3
        S: * OK [HIGHESTMODSEQ 5] ...
        S: * SORT 3 2 1 (MODSEQ 4)
        S: a OK ...
        C: b STORE 2 +FLAGS.SILENT (\Seen)
        S: * 2 FETCH (MODSEQ (6))
        S: b OK ...
        C: c SORT RETURN (COUNT) (DATE) UTF-8 MODSEQ 1 ALL
        S: * ESEARCH (TAG "c") COUNT 4 MODSEQ 6
        S: c OK ...
        C: d SORT (DATE) UTF-8 MODSEQ 7
        S: * SORT
        S: d OK ...
    """)
    await Dialogue(ada_with(MAILS), select="INBOX").play("""
        C: a THREAD REFERENCES UTF-8 MODSEQ 1
        S: * OK [HIGHESTMODSEQ 5] ...
        S: * THREAD (3 2)(1 4)
        S: a OK ...
    """)


async def test_a_view_that_cannot_read_does_not_sort() -> None:
    view = View(can_read=False, name="sealed", append_limit=APPEND_LIMIT)
    await Dialogue(ada_with(1, view=view), select="INBOX").play("""
        C: a SORT (DATE) UTF-8 ALL
        S: a BAD There is no such command
        C: b THREAD REFERENCES UTF-8 ALL
        S: b BAD There is no such command
    """)


def card(index: int, name: str, references: str = "", subject: str = "", day: int = 0) -> Card:
    moment = EPOCH + timedelta(days=day or index)
    envelope = Envelope(message_id=f"<{name}@x>", subject=subject)
    return Card(index, moment, moment, 1, envelope, base_subject(subject), references)


def test_what_is_kept_of_a_hundred_thousand_cards_has_no_people_in_it() -> None:
    crowd = tuple(Person(f"Person {number}", f"p{number}", "example.is") for number in range(50))
    whole = replace(card(0, "a"), envelope=Envelope(message_id="<a@x>", sender_lists=(crowd,) * 6))
    lean = for_threads(whole)
    assert lean.envelope.message_id == "<a@x>"
    assert [lean.envelope.people(field) for field in ("from", "to", "cc", "bcc")] == [None] * 4
    row = rows_for([Criterion("FROM"), Criterion("DATE"), Criterion("SIZE")])(whole)
    assert row == (0, ("P0", EPOCH, 1))


def threads(*cards: Card) -> bytes:
    return write(by_references(cards), range(1, 100_001))


def test_branches_and_missing_parents() -> None:
    assert threads(card(0, "a"), card(1, "b", "<a@x>"), card(2, "c", "<a@x>")) == b"(1 (2)(3))"
    assert threads(card(0, "b", "<a@x>"), card(1, "c", "<a@x>")) == b"((1)(2))"
    assert threads(card(0, "b", "<a@x>")) == b"(1)"
    assert threads(card(0, "a"), card(1, "a"), card(2, "b", "<a@x>")) == b"(1 3)(2)"


def test_a_loop_of_references_is_no_loop() -> None:
    assert threads(card(0, "a"), card(1, "b", "<a@x> <c@x>"), card(2, "c", "<b@x>")) == b"(1)(3 2)"
    assert threads(card(0, "a", "<a@x>")) == b"(1)"
    assert threads(card(0, "a", "<b@x>"), card(1, "b", "<a@x>")) in (b"(2 1)", b"(1 2)")


def test_one_subject_joins_threads() -> None:
    first = card(0, "a", subject="Hello")
    assert threads(first, card(1, "b", subject="Re: Hello")) == b"(1 2)"
    assert threads(first, card(1, "b", subject="Hello")) == b"((1)(2))"
    assert threads(card(0, "b", subject="Re: Hello"), card(1, "a", subject="Hello")) == b"(2 1)"
    assert threads(first, card(1, "b", subject="Hello"), card(2, "c", subject="Re: Hello")) == b"((1)(2)(3))"


@pytest.mark.slow
def test_a_very_deep_conversation_is_cut_and_answered_quickly() -> None:
    cards = [card(0, "m0")] + [card(n, f"m{n}", f"<m{n - 1}@x>") for n in range(1, 5 * MAX_DEPTH)]
    started = time.process_time()
    answer = threads(*cards)
    assert time.process_time() - started < 5
    assert sorted(int(n) for n in answer.replace(b"(", b" ").replace(b")", b" ").split()) == list(
        range(1, 5 * MAX_DEPTH + 1)
    )


@given(
    st.lists(st.tuples(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=4), st.sampled_from(["", "a", "Re: a"])))
)
def test_every_message_is_in_exactly_one_place(made: list[tuple[int, list[int], str]]) -> None:
    cards = [
        card(index, str(name), " ".join(f"<{reference}@x>" for reference in references), subject)
        for index, (name, references, subject) in enumerate(made)
    ]
    for roots in (by_references(cards), by_subject(cards)):
        answer = write(roots, range(1, 1000))
        numbers = sorted(int(n) for n in answer.replace(b"(", b" ").replace(b")", b" ").split())
        assert numbers == list(range(1, len(made) + 1))
        assert answer.count(b"(") == answer.count(b")")
