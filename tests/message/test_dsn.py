"""Delivery status notifications, read back by Python's own MIME reader."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

from mailhost.message.dsn import MAX_HEADER, notice
from mailhost.message.fates import Fate

NOW = datetime(2026, 11, 22, 10, 30, 12, tzinfo=UTC)
ORIGINAL = b"From: ada@example.is\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"


def made(*fates: Fate, original: bytes = ORIGINAL, gives_up: datetime | None = None) -> bytes:
    return notice(
        to="ada@example.is",
        hostname="mx.is-1.example",
        domain="example.is",
        message_id="n@example.is",
        boundary="=abc",
        now=NOW,
        queued=NOW,
        fates=fates,
        original=original,
        envid="X1",
        gives_up=gives_up,
    )


def test_three_parts_and_no_body_of_the_original() -> None:
    text = made(
        Fate("gone@other.test", "failed", "5.1.1", "No such user.", "mx.other.test", "550 no", "rfc822;gone@other.test")
    )
    read = message_from_bytes(text, policy=policy.default)
    assert read.get_content_type() == "multipart/report"
    assert read.get_param("report-type") == "delivery-status"
    assert read["Auto-Submitted"] == "auto-replied"
    words, status, header = read.iter_parts()
    assert "gone@other.test" in words.get_content()
    payload: Any = status.get_payload()
    whole, recipient = payload
    assert (whole["Reporting-MTA"], whole["Original-Envelope-Id"]) == ("dns; mx.is-1.example", "X1")
    assert (recipient["Action"], recipient["Status"], recipient["Final-Recipient"]) == (
        "failed",
        "5.1.1",
        "rfc822; gone@other.test",
    )
    assert recipient["Remote-MTA"] == "dns; mx.other.test"
    assert recipient["Diagnostic-Code"] == "smtp; 550 no"
    assert recipient["Original-Recipient"] == "rfc822; gone@other.test"
    assert header.get_content_type() == "text/rfc822-headers"
    assert b"Subject: Tides" in text
    assert b"High at noon" not in text


def test_what_was_encoded_for_the_wire_stands_in_clear_and_on_one_line() -> None:
    text = made(Fate("gone@other.test", "failed", "5.1.1", "No.", original="rfc822;a+2Bb+3Dc+0D+0AAction:@example.is"))
    assert b"Original-Recipient: rfc822; a+b=c?Action:@example.is\r\n" in text
    assert text.count(b"\r\nAction:") == 1


def test_what_holds_eight_bits_says_so_and_the_rest_does_not() -> None:
    for address, status_too in (("gone@other.test", False), ("góne@other.test", True)):
        read = message_from_bytes(made(Fate(address, "failed", "5.1.1", "No.")), policy=policy.default)
        _, status, header = read.iter_parts()
        assert [part["Content-Transfer-Encoding"] for part in (read, status, header)] == [
            "8bit",
            "8bit" if status_too else None,
            "8bit",
        ]


def test_a_delay_says_until_when() -> None:
    text = made(Fate("cleo@other.test", "delayed", "4.4.1", "Nobody there."), gives_up=NOW)
    assert b"Subject: Your message is delayed" in text
    assert b"Will-Retry-Until: Sun, 22 Nov 2026 10:30:12 +0000" in text


def test_words_of_others_cannot_add_lines_or_parts() -> None:
    text = made(Fate("x@other.test", "failed", "5.0.0", "No.", "mx\r\nEvil: 1", "no\r\n--=abc--\r\nEvil: 2"))
    assert b"\r\nEvil" not in text
    assert len(list(message_from_bytes(text, policy=policy.default).iter_parts())) == 3


def test_a_huge_header_is_cut_at_a_line() -> None:
    text = made(Fate("x@other.test", "failed", "5.0.0", "No."), original=b"X-Line: y\r\n" * 100_000 + b"\r\nbody")
    assert len(text) < MAX_HEADER + 2000
    assert text.endswith(b"X-Line: y\r\n\r\n--=abc--\r\n")


def test_addresses_beyond_ascii_have_types_of_their_own() -> None:
    text = made(Fate("ćleo@other.test", "failed", "5.0.0", "No."))
    assert "Final-Recipient: utf-8; ćleo@other.test".encode() in text
    assert b"message/global-delivery-status" in text
