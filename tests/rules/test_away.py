"""When somebody who is away is answered for, and when this host keeps silent (RFC 3834 §2)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.address import parse_address
from mailhost.message.headers import Headers
from mailhost.rules.away import MAX_DAYS, MAX_TEXT, Away, Why, answers, away, edition, read, write
from mailhost.rules.rule import BadRule

TODAY = date(2026, 11, 22)
OWN = {"ada@example.is", "sales@example.is"}
PLAIN = b"From: cleo@example.no\r\nTo: Ada <ADA@example.is>\r\nSubject: Tides\r\n"
WISH = Away("I am at sea.")


def asked(
    header: bytes = b"",
    *,
    block: bytes = PLAIN,
    sender: str | None = "cleo@example.no",
    junk: bool = False,
    wish: Away = WISH,
) -> Why:
    address = None if sender is None else parse_address(sender)
    return answers(wish, address, Headers(header + block + b"\r\n"), OWN, junk=junk, today=TODAY)


def test_a_person_who_wrote_to_the_owner_is_answered() -> None:
    assert asked() is Why.ANSWER


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (replace(WISH, since=date(2026, 11, 22), until=date(2026, 11, 22)), Why.ANSWER),
        (replace(WISH, since=date(2026, 11, 23)), Why.NOT_NOW),
        (replace(WISH, until=date(2026, 11, 21)), Why.NOT_NOW),
        (replace(WISH, off=True), Why.NOT_NOW),
    ],
)
def test_an_answer_has_its_days(wish: Away, why: Why) -> None:
    assert asked(wish=wish) is why


@pytest.mark.parametrize(
    "header",
    [
        b"Auto-Submitted: auto-replied\r\n",
        b"Auto-Submitted: Auto-Generated; type=x\r\n",
        b"Auto-Submitted: something-new\r\n",
        b"X-Auto-Response-Suppress: All\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status\r\n",
    ],
)
def test_a_program_is_not_answered(header: bytes) -> None:
    assert asked(header) is Why.BY_A_PROGRAM


def test_what_says_that_a_person_wrote_it_is_answered() -> None:
    assert asked(b"Auto-Submitted: no\r\n") is Why.ANSWER
    assert asked(b"Content-Type: multipart/mixed; boundary=report\r\n") is Why.ANSWER


@pytest.mark.parametrize("name", ["MAILER-DAEMON", "noreply", "no-reply+7", "donotreply", "listserv", "noreply-x"])
def test_senders_that_programs_use_are_not_answered(name: str) -> None:
    assert asked(sender=f"{name}@example.no") is Why.BY_A_PROGRAM


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (b"List-Id: <tides.example.no>\r\n", "cleo@example.no"),
        (b"List-Unsubscribe: <https://example.no>\r\n", "cleo@example.no"),
        (b"Precedence: bulk\r\n", "cleo@example.no"),
        (b"Precedence: LIST\r\n", "cleo@example.no"),
        (b"Precedence: junk\r\n", "cleo@example.no"),
        (b"", "owner-tides@example.no"),
        (b"", "tides-request@example.no"),
        (b"", "tides-bounces@example.no"),
    ],
)
def test_a_list_is_not_answered(header: bytes, sender: str) -> None:
    assert asked(header, sender=sender) is Why.FROM_A_LIST


def test_neither_the_null_sender_nor_junk_nor_the_owner_is_answered() -> None:
    assert asked(sender=None) is Why.NO_SENDER
    assert asked(junk=True) is Why.JUNK
    assert asked(sender="sales@example.is") is Why.FROM_ITSELF
    assert asked(sender="ada+notes@example.is") is Why.FROM_ITSELF


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (b"Cc: ben@example.is, ada+bills@example.is\r\n", Why.ANSWER),
        (b"Resent-To: sales@example.is\r\n", Why.ANSWER),
        (b"To: all@example.is\r\n", Why.NOT_ADDRESSED),
        (b"To: undisclosed-recipients:;\r\n", Why.NOT_ADDRESSED),
        (b"Bcc: ada@example.is\r\n", Why.NOT_ADDRESSED),
        (b"To: ada\r\n", Why.NOT_ADDRESSED),
        (b"", Why.NOT_ADDRESSED),
    ],
)
def test_only_who_is_named_was_written_to(fields: bytes, why: Why) -> None:
    assert asked(block=b"From: cleo@example.no\r\n" + fields) is why


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"text": " \n "}, "1 to 4000"),
        ({"text": "x" * (MAX_TEXT + 1)}, "1 to 4000"),
        ({"text": "x\0"}, "control characters"),
        ({"text": "x", "subject": "two\nlines"}, "one line"),
        ({"text": "x", "subject": "s" * 201}, "at most 200"),
        ({"text": "x", "days": 0}, "1 to 60"),
        ({"text": "x", "days": MAX_DAYS + 1}, "1 to 60"),
        ({"text": "x", "since": date(2026, 2, 2), "until": date(2026, 2, 1)}, "before the first"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_remedy(words: dict[str, object], why: str) -> None:
    with pytest.raises(BadRule, match=why):
        away(**words)  # type: ignore[arg-type]


DAYS = st.dates(date(2026, 1, 1), date(2027, 1, 1)) | st.none()
WISHES = st.builds(
    lambda text, subject, since, days, off: away(text, subject=subject, since=since, until=since, days=days, off=off),
    st.text("abc é\n", min_size=1).filter(str.strip),
    st.text("abc é"),
    DAYS,
    st.integers(1, MAX_DAYS),
    st.booleans(),
)


@given(WISHES)
def test_a_wish_comes_back_as_it_was_written(wish: Away) -> None:
    assert read(write(wish)) == wish
    assert edition(wish) == edition(read(write(wish)))
    assert edition(wish) != edition(replace(wish, text=wish.text + "!"))


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"text": 1},
        {"text": "x", "days": True},
        {"text": "x", "days": "7"},
        {"text": "x", "off": 1},
        {"text": "x", "since": "soon"},
        {"text": "x", "until": 5},
        {"text": "x", "more": 1},
    ],
)
def test_what_is_no_wish_is_refused(found: object) -> None:
    with pytest.raises(BadRule):
        read(found)


@given(
    st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda one: st.dictionaries(st.text(max_size=5), one))
)
def test_no_object_raises_anything_else(found: object) -> None:
    with suppress(BadRule):
        read(found)


@given(st.binary(max_size=200))
def test_no_header_raises(block: bytes) -> None:
    answers(WISH, parse_address("cleo@example.no"), Headers(block), OWN, junk=False, today=TODAY)
