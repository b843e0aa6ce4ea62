"""An answer from the page of a link: a whole message whatever was typed, and marked as what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.answer import MAX_SUBJECT, SentFile, answer
from mailhost.message.describe import describe

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def made(
    text: str = "Gladly.",
    subject: str = "Re: Tides",
    files: tuple[SentFile, ...] = (),
    reader: str = "cleo@other.test",
    answers: str = "<tides@example.is>",
) -> bytes:
    return answer(
        reader=reader,
        to="ada@example.is",
        subject=subject,
        text=text,
        files=files,
        reference="ABC234",
        message_id="a1@is-1.example",
        answers=answers,
        now=NOW,
    )


def read(message: bytes) -> EmailMessage:
    found = message_from_bytes(message, policy=SMTPUTF8)
    assert isinstance(found, EmailMessage)
    return found


def test_it_says_in_the_name_and_in_the_text_where_it_was_written() -> None:
    found = read(made())
    assert str(found["From"]) == '"cleo@other.test by link ABC234" <cleo@other.test>'
    assert (found["To"].addresses[0].addr_spec, found["Subject"]) == ("ada@example.is", "Re: Tides")
    assert found["In-Reply-To"] == found["References"] == "<tides@example.is>"
    body = found.get_body()
    assert body is not None
    first, _, rest = body.get_content().replace("\r", "").partition("\n\n")
    assert first == "[Written on the page of link ABC234, by somebody who knows its seven words.]"
    assert rest.strip() == "Gladly."


def test_files_come_with_their_names_and_as_what_they_are() -> None:
    chart = SentFile("ti\u202ede/..\\s.png", "image/png", b"\x89PNG")
    letter = SentFile("", "message/rfc822", b"From: mo@example.is\r\n\r\n")
    found = read(made(files=(chart, letter)))
    names = [(one.get_filename(), one.get_content_type(), one.get_content()) for one in found.iter_attachments()]
    assert names == [
        ("tide..s.png", "image/png", b"\x89PNG"),
        ("file", "application/octet-stream", b"From: mo@example.is\r\n\r\n"),
    ]


@pytest.mark.parametrize("answers", ["", "tides", "<a b>", "<a>\r\nBcc: mo@example.is", "<" + "a" * 300 + ">"])
def test_a_message_id_that_is_none_is_left_out(answers: str) -> None:
    found = read(made(answers=answers))
    assert found["In-Reply-To"] is found["Bcc"] is None


@given(
    st.text(max_size=400),
    st.text(max_size=200),
    st.lists(st.builds(SentFile, st.text(max_size=40), st.text(max_size=40), st.binary(max_size=60)), max_size=3),
)
def test_whatever_is_typed_it_stays_one_message_with_these_fields(
    text: str, subject: str, files: list[SentFile]
) -> None:
    whole = made(text, subject, tuple(files))
    found = read(whole)
    fields = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"}
    assert set(found.keys()) - {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"} == fields
    assert len(str(found["Subject"])) <= MAX_SUBJECT
    assert [one.get_content() for one in found.iter_attachments()] == [file.content for file in files] or any(
        one.get_content_maintype() == "text" for one in found.iter_attachments()
    )
    assert describe(whole).subject


def test_an_address_of_letters_beyond_ascii_is_kept() -> None:
    whole = made(reader="sæunn@other.test", text="Já\r\nog\x00 nei\udc80")
    assert describe(whole).from_[0].address == "sæunn@other.test"
    body = read(whole).get_body()
    assert body is not None
    assert body.get_content().split()[-3:] == ["Já", "og", "nei?"]
