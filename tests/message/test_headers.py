"""Header blocks: found, cut, counted, changed, with every byte in its place."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import headers
from mailhost.message.headers import (
    Headers,
    fields,
    header_end,
    message_ids,
    read_headers,
    spacer,
    unfold,
    with_fields,
    without_fields,
)
from tests.message.mail import mail

MESSAGE = mail(
    "Received: from a",
    "\tby b; Thu, 2 Jan 2025 10:00:00 +0000",
    "received: from c",
    "From: Ada <ada@example.is>",
    "Subject : =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    " =?utf-8?q?_aus_Bern?=",
    "Bcc: ben@example.is,",
    "  cleo@demo.test",
    "To: a@example.is",
    "To: b@example.is",
    "Message-ID: <1@example.is>",
    "",
    "Subject: not a field",
    "",
)


def test_fields_are_found_in_any_case_unfolded_and_decoded() -> None:
    found = read_headers(MESSAGE)
    assert found.first(b"FROM") == b"Ada <ada@example.is>"
    assert found.text(b"subject") == "Grüße aus Bern"
    assert found.all(b"received") == [b"from a\tby b; Thu, 2 Jan 2025 10:00:00 +0000", b"from c"]
    assert found.joined(b"to") == b"a@example.is, b@example.is"
    assert found.joined(b"from") == b"Ada <ada@example.is>"
    assert found.count(b"Received") == 2
    assert found.message_id == "<1@example.is>"
    assert found.first(b"cc") is None
    assert (found.joined(b"cc"), found.text(b"cc"), found.all(b"cc"), found.count(b"cc")) == (None, None, [], 0)


def test_offsets_cover_whole_lines() -> None:
    block = MESSAGE[: header_end(MESSAGE)]
    found = list(fields(block))
    assert b"".join(block[field.start : field.end] for field in found) + b"\r\n" == block
    assert found[1].name == b"received"
    assert block[found[3].start : found[3].end].count(b"\r\n") == 2


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (b"", 0),
        (b"\r\n", 2),
        (b"\nbody", 1),
        (b"\r\nbody\r\n\r\n", 2),
        (b"A: b", 4),
        (b"A: b\r\n", 6),
        (b"A: b\r\n\r\n", 8),
        (b"A: b\n\nc\r\n\r\n", 6),
        (b"A: b\r\n\r\nc\n\n", 8),
        (b"A: b\r\n\nc", 7),
        (b"A: b\n\r\nc", 7),
        (b"A: b\r\n \r\nC: d\r\n\r\n", 17),
    ],
)
def test_the_header_ends_behind_its_first_empty_line(message: bytes, end: int) -> None:
    assert header_end(message) == end
    assert header_end(b"xx" + message + b"y", 2, 2 + len(message)) == end + 2


def test_lines_that_are_no_fields_are_passed_over() -> None:
    found = read_headers(
        mail("From ada@example.is Thu Jan  2 10:00:00 2025", "noise", " more noise", "Subject: x", "", "")
    )
    assert found.first(b"subject") == b"x"
    assert found.count(b"from") == 0


def test_removing_fields_leaves_every_other_byte() -> None:
    changed = without_fields(MESSAGE, {b"bcc", b"received"})
    assert changed == MESSAGE[MESSAGE.index(b"From:") : MESSAGE.index(b"Bcc:")] + MESSAGE[MESSAGE.index(b"To:") :]
    assert without_fields(MESSAGE, {b"x"}) == MESSAGE
    assert without_fields(bytearray(MESSAGE), {b"subject"}).endswith(b"\r\n\r\nSubject: not a field\r\n")


def test_fields_are_prepended_as_they_are() -> None:
    assert with_fields(MESSAGE, b"A: 1\r\n", b"B: 2\r\n") == b"A: 1\r\nB: 2\r\n" + MESSAGE


@pytest.mark.parametrize("start", [b" ", b"\t"])
def test_a_message_that_begins_with_white_space_cannot_go_on_with_our_field(start: bytes) -> None:
    message = with_fields(
        bytearray(start + b"dmarc=pass\r\nSubject: x\r\n\r\n"), b"Authentication-Results: host; none\r\n"
    )
    assert read_headers(message).first(b"authentication-results") == b"host; none"
    assert read_headers(message).first(b"subject") == b"x"
    assert message.endswith(start + b"dmarc=pass\r\nSubject: x\r\n\r\n")
    assert (spacer(b""), spacer(b"\r\n x"), spacer(memoryview(b"a"))) == (b"", b"", b"")


def test_views_and_arrays_are_read_like_bytes() -> None:
    view = memoryview(b"junk" + MESSAGE)[4:]
    for message in (bytearray(MESSAGE), memoryview(MESSAGE), view):
        assert read_headers(message).first(b"from") == b"Ada <ada@example.is>"
        assert without_fields(message, {b"bcc"}) == without_fields(MESSAGE, {b"bcc"})


def test_a_whole_view_is_searched_without_a_copy() -> None:
    assert headers.searchable(memoryview(MESSAGE)) is MESSAGE
    reversed_view = memoryview(MESSAGE)[::-1]
    assert headers.searchable(reversed_view) == MESSAGE[::-1]


def test_fields_behind_the_limit_are_not_found() -> None:
    block = b"X: " + b"x" * headers.MAX_HEADER_BYTES + b"\r\nSubject: far\r\n\r\n"
    assert read_headers(block).first(b"subject") is None
    assert read_headers(block[-200_000:]).first(b"subject") == b"far"
    assert [field.name for field in fields(block)] == [b"X"]
    assert without_fields(block, {b"subject"}) == block


def test_message_ids_are_ascii_between_brackets() -> None:
    assert message_ids(b"<a@b> junk <c@d>\t<\xe4@x> <> < x@y> <e@f") == ["<a@b>", "<c@d>"]
    assert message_ids(None) == []
    assert message_ids(b"<a@b>" * 10, limit=3) == ["<a@b>"] * 3


def test_unfolding_keeps_the_white_space_behind_line_ends() -> None:
    assert unfold(b" a\r\n\tb\n  c \r\n") == b"a\tb  c"


@pytest.mark.parametrize("piece", [b"a:\n", b"a", b" ", b"\n ", b"a\n", b":", b"\r", b"<", b"a: b\r\n\t"])
def test_no_repetition_takes_more_than_linear_time(piece: bytes) -> None:
    block = piece * (2_000_000 // len(piece))
    started = time.process_time()
    found = read_headers(block)
    found.count(b"a")
    without_fields(block, {b"a"})
    message_ids(block, limit=1000)
    assert time.process_time() - started < 1.5


@given(
    st.lists(
        st.sampled_from([b"A", b":", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\x00", b"\xff", b"a: b\r\n"]), max_size=40
    ).map(b"".join)
)
def test_any_bytes_have_fields_inside_their_header(message: bytes) -> None:
    end = header_end(message)
    assert 0 <= end <= len(message)
    at = 0
    for field in fields(message[:end]):
        assert at <= field.start < field.end <= end
        at = field.end
    found = read_headers(message)
    assert found.count(b"a") == sum(field.name.lower() == b"a" for field in fields(message[:end]))
    assert read_headers(without_fields(message, {b"a"})).count(b"a") in range(found.count(b"a") + 1)


def test_an_empty_block_has_no_fields() -> None:
    assert Headers(b"").first(b"a") is None
    assert not Headers(b"").has_any([b"a"])
