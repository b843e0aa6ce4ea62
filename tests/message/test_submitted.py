"""What leaves a submitted message and what is completed; the rest stays byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.headers import Headers, read_headers
from mailhost.message.submitted import REMOVED, authors, prepared

NOW = datetime(2026, 11, 22, 10, 30, 12, tzinfo=UTC)


def made(content: bytes) -> bytes:
    return prepared(content, message_id="fresh@example.is", date=NOW)


def test_blind_copies_and_traces_of_the_author_go_folded_ones_too() -> None:
    text = made(
        b"Bcc: ben@example.is,\r\n\tmo@example.is\r\nSubject: x\r\nuser-agent : Secret\r\nX-MAILER: s\r\nDate: d\r\n"
        b"Resent-Bcc: cleo@other.test\r\nMessage-ID: <a@b>\r\n\r\nBcc: in the body stays\r\n"
    )
    assert text == b"Subject: x\r\nDate: d\r\nMessage-ID: <a@b>\r\n\r\nBcc: in the body stays\r\n"


def test_what_is_missing_is_completed_and_a_broken_message_id_replaced() -> None:
    text = made(b"From: ada@example.is\r\nMessage-ID: none\r\n\r\n")
    assert text == (
        b"Date: Sun, 22 Nov 2026 10:30:12 +0000\r\nMessage-ID: <fresh@example.is>\r\nFrom: ada@example.is\r\n\r\n"
    )


@given(st.binary(max_size=300))
def test_whatever_comes_leaves_with_both_fields_and_without_the_removed_ones(body: bytes) -> None:
    found = read_headers(made(b"Subject: x\r\n" + body))
    assert found.first(b"message-id")
    assert found.first(b"date") is not None
    assert not found.has_any(REMOVED)


def test_preparing_twice_changes_nothing() -> None:
    once = made(b"From: ada@example.is\r\nBcc: x\r\n\r\nx")
    assert made(once) == once


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (b"From: Ada <Ada@EXAMPLE.is>, ben@example.is\r\n", ["Ada@example.is", "ben@example.is"]),
        (b"Subject: x\r\n", []),
        (b"From: Ada\r\n", None),
        (b"From: team: ada@example.is, ben@example.is;\r\n", ["ada@example.is", "ben@example.is"]),
        (b"From: a@b\r\nFrom: c@d\r\n", ["a@b", "c@d"]),
    ],
)
def test_authors(field: bytes, found: list[str] | None) -> None:
    read = authors(Headers(field), b"from")
    assert (None if read is None else [str(address) for address in read]) == found
