"""Descriptions: everything a list shows, capped, from any bytes."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import describe as module
from mailhost.message.bodystructure import render
from mailhost.message.dates import format_date, parse_date
from mailhost.message.describe import Person, describe
from mailhost.message.envelope import envelope
from mailhost.message.preview import PREVIEW_LENGTH, preview, strip_html
from mailhost.message.structure import scan
from tests.message.imap import check_body, check_envelope, parse
from tests.message.mail import NESTED, mail


def test_a_message_is_described_whole() -> None:
    message = mail(
        "From: =?utf-8?q?=C3=81da?= <ada@example.is>",
        "Reply-To: list@demo.test",
        "To: team: ben@example.is, Cleo <cleo@demo.test>;",
        "Cc: mo@demo.test",
        "Bcc: blind@demo.test",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        " aus Bern",
        "Date: Thu, 2 Jan 2025 11:00:00 +0100",
        "Message-ID: <3@example.is>",
        "In-Reply-To: <2@example.is>",
        "References: <1@example.is>",
        " <2@example.is>",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Type: text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Sm=F8rrebr=F8d",
        "",
        "  to all",
        "--b",
        "Content-Type: application/pdf",
        "Content-Disposition: attachment; filename*=utf-8''%C3%A6.pdf",
        "",
        "x",
        "--b--",
    )
    found = describe(message)
    assert found.size == len(message)
    assert found.from_ == (Person("Áda", "ada@example.is"),)
    assert found.reply_to == (Person("", "list@demo.test"),)
    assert found.sender == ()
    assert found.to == (Person("", "ben@example.is"), Person("Cleo", "cleo@demo.test"))
    assert found.cc == (Person("", "mo@demo.test"),)
    assert found.bcc == (Person("", "blind@demo.test"),)
    assert found.subject == "Grüße aus Bern"
    assert found.date_text == "Thu, 2 Jan 2025 11:00:00 +0100"
    assert found.message_id == "<3@example.is>"
    assert found.in_reply_to == "<2@example.is>"
    assert found.references == ("<1@example.is>", "<2@example.is>")
    assert found.attachments == ("æ.pdf",)
    assert found.preview == "Smørrebrød to all"
    root = scan(message)
    assert found.envelope == envelope(root.headers).decode()
    assert (found.body, found.bodystructure) == tuple(text.decode() for text in render(root))


def test_an_empty_message_is_described() -> None:
    found = describe(b"")
    assert (found.size, found.subject, found.date_text, found.preview, found.from_) == (0, "", "", "", ())
    assert found.envelope is not None


def test_a_description_does_not_show_its_message_when_printed() -> None:
    assert repr(describe(NESTED)) == f"Description(size={len(NESTED)})"


def test_every_field_is_capped() -> None:
    many = ", ".join(f'"{"n" * 500}" <{"l" * 500}{n}@example.is>' for n in range(200))
    ids = " ".join(f"<{n}@example.is>" for n in range(100))
    parts = [f'--b\r\nContent-Type: a/b; name="{"f" * 300}{n}"\r\n\r\nx' for n in range(100)]
    message = mail(
        "Subject: " + "s" * 9000,
        "Date: " + "d" * 9000,
        f"Message-ID: <{'m' * 400}@example.is>",
        "References: " + ids,
        "In-Reply-To: <" + "i" * 800 + ">",
        "Content-Type: multipart/mixed; boundary=b",
        *[f"{name}: {many}" for name in ("From", "To", "Cc", "Bcc", "Reply-To", "Sender")],
        "",
        *parts,
        "--b--",
    )
    found = describe(message)
    assert len(found.to) <= module.MAX_PEOPLE
    assert len(found.from_[0].name) == module.MAX_NAME
    assert len(found.from_[0].address) == module.MAX_ADDRESS
    assert len(found.subject) == module.MAX_SUBJECT
    assert len(found.date_text) == module.MAX_DATE_TEXT
    assert found.message_id == found.in_reply_to == ""
    assert len(found.references) == module.MAX_REFERENCES
    assert (found.references[0], found.references[-1]) == ("<0@example.is>", "<99@example.is>")
    assert len(found.attachments) == module.MAX_ATTACHMENTS
    assert len(found.attachments[0]) == module.MAX_FILENAME
    assert (found.envelope, found.body, found.bodystructure) == (None, None, None)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_message_is_described(kind: type) -> None:
    assert describe(kind(NESTED)) == describe(NESTED)


FRAGMENTS = st.sampled_from(
    [b"From: ", b"Date: ", b"Subject: ", b"Content-Type: text/html\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\r\n",
     b"\r\n\r\n", b"<", b">", b"&#", b"=?utf-16?b?2AA=?=", b"charset=utf-7", b"References: <a@b>", b"--b", b"<style", b"<!--"]
)  # fmt: skip


@given(st.lists(FRAGMENTS | st.binary(max_size=4), max_size=40).map(b"".join))
def test_any_bytes_are_described_in_text_that_can_be_stored(message: bytes) -> None:
    found = describe(message)
    for text in (found.subject, found.date_text, found.preview, *found.attachments, *found.references):
        assert "\n" not in text
        text.encode("utf-8")
    assert found.envelope is not None
    assert found.bodystructure is not None
    check_envelope(parse(found.envelope.encode("ascii")))
    check_body(parse(found.bodystructure.encode("ascii")), extended=True)


def of(*lines: str | bytes) -> str:
    message = mail(*lines)
    return preview(message, scan(message))


def test_a_preview_is_the_first_text_on_one_line() -> None:
    assert of("Subject: x", "", "  one", "", "\ttwo  three ") == "one two three"
    assert of("Subject: x", "", "w" * 500) == "w" * PREVIEW_LENGTH
    assert of("Subject: x", "", " " * 1900, "late") == "late"
    assert of("Content-Type: image/png", "", "x") == ""
    assert of("Content-Transfer-Encoding: x-odd", "", "x") == ""
    assert of("Content-Disposition: attachment", "", "x") == ""
    assert of("Content-Transfer-Encoding: base64", "", "U8OmbGw=") == "Sæll"


def test_plain_text_is_preferred_to_html_and_html_to_nothing() -> None:
    html = ["--b", "Content-Type: text/html; charset=utf-8", "", "<p>Sæll</p>"]
    plain = ["--b", "", "plain"]
    empty = ["--b", "", " "]
    start, end = ["Content-Type: multipart/alternative; boundary=b", ""], ["--b--"]
    assert of(*start, *html, *plain, *end) == "plain"
    assert of(*start, *empty, *html, *end) == "Sæll"
    assert of(*start, *html, *end) == "Sæll"
    assert of(*start, *empty, *end) == ""


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Hello <b>Ada</b></p>", "Hello Ada"),
        ("<head><title>no</title><style>p {x: '<p>'}</style></head><body>yes", "yes"),
        ("<STYLE>no</STYLE ><script>no()</script>yes", "yes"),
        ("a<!-- no > -->b", "a b"),
        ("a<!-- never closed", "a"),
        ("<style>never closed", "never closed"),
        ("1 < 2 &amp; 3 &gt; 2", "1 < 2 & 3 > 2"),
        ("&lt;script&gt;", "<script>"),
        ("<br/><img src=x>", ""),
        ("unclosed <a href=", "unclosed"),
        ("&#x41;&#66;&#xD800;&#99999999999999999999;&bogus;", "AB\ufffd&bogus;"),
        ("&#" + "9" * 2000 + ";x", "x"),
        ("&#" + "9" * 5000 + ";", ""),
        ("<!doctype html><?xml?>x", "x"),
        ("</p>x", "x"),
        ("", ""),
    ],
)
def test_html_is_stripped_to_text(markup: str, text: str) -> None:
    assert strip_html(markup).strip() == text


@pytest.mark.parametrize(
    "piece", ["<", "<a", "<style>", "<style", "<!--", "&", "&#", "&#1", "a", " ", "</head>", "<head><style>", "<>"]
)
def test_no_repetition_takes_more_than_linear_time(piece: str) -> None:
    started = time.process_time()
    strip_html(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Thu, 2 Jan 2025 10:00:00 +0000", datetime(2025, 1, 2, 10, tzinfo=UTC)),
        ("Thu, 02 Jan 2025 10:00:00 +0530 (IST)", datetime(2025, 1, 2, 4, 30, tzinfo=UTC)),
        ("2 jan 2025 10:00 -0800", datetime(2025, 1, 2, 18, tzinfo=UTC)),
        ("Thu, 2 Jan 2025 10:00:60 +0000", datetime(2025, 1, 2, 10, 0, 59, tzinfo=UTC)),
        ("Thu, 2 Jan 25 10:00:00 GMT", datetime(2025, 1, 2, 10, tzinfo=UTC)),
        ("Thu, 2 Jan 2025 10:00:00 EST", datetime(2025, 1, 2, 15, tzinfo=UTC)),
        ("Thu Jan  2 10:00:00 2025", datetime(2025, 1, 2, 10, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("Thu, 32 Jan 2025 10:00:00 +0000", None),
        ("Thu, 2 Foo 2025 10:00:00 +0000", None),
        ("Thu, 2 Jan 0000 10:00:00 +0000", None),
        ("Thu, 2 Jan 2025 10:00:00 +9999", None),
        ("Thu, 2 Jan 2025 25:00:00 +0000", None),
        ("2 Jan 99999999999999999999 10:00:00 +0000", None),
    ],
)
def test_dates_are_read_or_none(text: str, moment: datetime | None) -> None:
    assert parse_date(text) == moment


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["Thu", ",", " ", "2", "Jan", "2025", ":", "00", "+", "-", "0000", "PM", "."]), max_size=14
    ).map("".join)
)
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = parse_date(text)
    assert found is None or found.tzinfo is not None


@given(st.integers(-(2**31), 2**33), st.integers(-14 * 60, 14 * 60))
def test_dates_survive_being_written_and_read(seconds: int, offset: int) -> None:
    aware = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=offset)))
    assert parse_date(format_date(aware)) == aware


def test_a_naive_moment_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        format_date(datetime(2025, 1, 2))  # noqa: DTZ001 - the mistake under test
