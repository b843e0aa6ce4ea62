"""Trace fields: folded, dated, and never more than they should say."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.address import Address
from mailhost.message.headers import fields, read_headers
from mailhost.message.trace import MAX_LINE, fold, received, return_path, safe_helo

DATE = datetime(2025, 1, 2, 10, tzinfo=UTC)


def of(
    helo: str = "mail.example.org", client: str | None = None, recipient: Address | None = None, tls: str = ""
) -> bytes:
    return received(
        helo=helo,
        by="mx.is-1.test",
        protocol="ESMTPS",
        queue_id="7f3a",
        date=DATE,
        client=client,
        recipient=recipient,
        tls=tls,
    )


def test_a_received_field_without_the_client() -> None:
    assert of() == (
        b"Received: from mail.example.org by mx.is-1.test with ESMTPS id 7f3a;\r\n\tThu, 2 Jan 2025 10:00:00 +0000\r\n"
    )


def test_client_connection_and_recipient_are_there_only_when_given() -> None:
    field = of(client="192.0.2.1", recipient=Address("ada", "example.is"), tls="TLSv1.3 TLS_AES_256_GCM_SHA384")
    assert read_headers(field + b"\r\n").first(b"received") == (
        b"from mail.example.org ([192.0.2.1]) by mx.is-1.test with ESMTPS\t(TLSv1.3 TLS_AES_256_GCM_SHA384) "
        b"id 7f3a for <ada@example.is>;\tThu, 2 Jan 2025 10:00:00 +0000"
    )


@pytest.mark.parametrize(
    ("helo", "shown"),
    [
        ("mail.example.org", "mail.example.org"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ("", "unknown"),
        ("é", "unknown"),
        ("a b", "a?b"),
        ("x\r\nSubject: injected", "x?Subject:?injected"),
        ("a (comment); by b", "a?comment?by?b"),
        ("a" * 300, "a" * 255),
    ],
)
def test_the_name_of_a_stranger_cannot_add_anything(helo: str, shown: str) -> None:
    assert safe_helo(helo) == shown
    assert len(list(fields(of(helo=helo)))) == 1


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_any_words_give_one_field_of_ascii(helo: str, client: str, tls: str) -> None:
    field = of(helo=helo, client=client, tls=tls)
    assert field.isascii()
    assert [(found.start, found.end) for found in fields(field)] == [(0, len(field))]
    assert field.endswith(b"\r\n")
    assert field.count(b"\r") == field.count(b"\n")


def test_lines_are_folded_at_words() -> None:
    field = fold("X", ["word"] * 60)
    assert max(map(len, field.split(b"\r\n"))) <= MAX_LINE
    assert field.replace(b"\r\n\t", b" ") == b"X: " + b" ".join([b"word"] * 60) + b"\r\n"
    assert fold("X", ["w" * 200, "y"]) == b"X: " + b"w" * 200 + b"\r\n\ty\r\n"


def test_return_paths() -> None:
    assert return_path(Address("ada", "example.is")) == b"Return-Path: <ada@example.is>\r\n"
    assert return_path(Address("a b", "example.is")) == b'Return-Path: <"a b"@example.is>\r\n'
    assert return_path(None) == b"Return-Path: <>\r\n"


def test_dates_carry_their_zone() -> None:
    moment = datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
    field = received(helo="a", by="b", protocol="SMTP", queue_id="c", date=moment)
    assert field.endswith(b"2 Jan 2025 03:04:05 -0330\r\n")
