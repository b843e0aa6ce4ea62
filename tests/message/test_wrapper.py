"""The wrapper round a sealed message: what is promised by arithmetic is what is served."""

import base64
import email
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import base64lines
from mailhost.message.bodystructure import render
from mailhost.message.envelope import envelope
from mailhost.message.section import Section, What, decoded, ranges, read
from mailhost.message.structure import Part, scan
from mailhost.message.wrapper import NotAWrapper, Wrapper, parse_wrapper
from tests.message.imap import check_body, check_envelope, parse
from tests.message.mail import NESTED

HEADER = (
    b"age-encryption.org/v1\n-> mlkem768x25519 " + b"A" * 1494 + b"\n" + b"B" * 43 + b"\n-> skerry/summary "
    + b"C" * 22 + b"\n" + (b"D" * 64 + b"\n") * 8 + b"E" * 20 + b"\n--- " + b"F" * 43 + b"\n"
)  # fmt: skip
PAYLOAD = bytes(range(256)) * 20
RECORD = b"age-encryption.org/v1\nrecord" * 9
ARRIVED = datetime(2025, 1, 2, 10, 41, 59, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"


def wrapper(payload: bytes = PAYLOAD, record: bytes = b"", mailbox: str = "ada@example.is") -> Wrapper:
    return Wrapper(ID, "example.is", mailbox, ARRIVED, len(HEADER), len(payload), len(record))


def test_the_message_is_what_the_format_says() -> None:
    message = email.message_from_bytes(wrapper(record=RECORD).render(HEADER, PAYLOAD, RECORD))
    assert not message.defects
    assert message.get_content_type() == "multipart/encrypted"
    assert message.get_param("protocol") == "application/age"
    assert message["from"] == "sealed@example.is"
    assert message["to"] == "ada@example.is"
    assert message["date"] == "Thu, 2 Jan 2025 10:00:00 +0000"
    assert message["message-id"] == f"<{ID}@example.is>"
    assert message["subject"] == "Sealed message"
    parts = message.get_payload()
    assert isinstance(parts, list)
    header, file, record = parts
    assert isinstance(header, email.message.Message)
    assert isinstance(file, email.message.Message)
    assert isinstance(record, email.message.Message)
    assert (header.get_content_type(), header.get_payload(decode=True)) == ("application/age", HEADER)
    assert (file.get_content_type(), file.get_payload(decode=True)) == ("application/octet-stream", HEADER + PAYLOAD)
    assert file.get_filename() == "message.age"
    assert (record.get_content_type(), record.get_payload(decode=True)) == ("application/age", RECORD)


def test_the_same_facts_give_the_same_bytes_for_ever() -> None:
    # A change of this digest breaks every client that keeps sizes and offsets: never change the wrapper.
    served = wrapper(record=RECORD).render(HEADER, PAYLOAD, RECORD)
    assert hashlib.sha256(served).hexdigest() == "0e54f41c338f82cac6be4288831bf83983dffbd0e9d87bb1ee1ed0514147f141"
    elsewhere = Wrapper(
        ID,
        "example.is",
        "ada@example.is",
        ARRIVED.astimezone(timezone(timedelta(hours=5, minutes=30))).replace(second=1),
        len(HEADER),
        len(PAYLOAD),
        len(RECORD),
    )
    assert elsewhere.render(HEADER, PAYLOAD, RECORD) == served


def test_the_message_is_valid_mail() -> None:
    message = wrapper(record=RECORD).render(HEADER, PAYLOAD, RECORD)
    assert message.isascii()
    assert message.count(b"\n") == message.count(b"\r\n") == message.count(b"\r")
    # RFC 5322 §2.1.1 asks for 78 characters, and gets them but for the longest identifiers.
    assert max(map(len, message.split(b"\r\n"))) <= 78


SIZES = [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 4096, 65536, 65664, 65665, 200_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("record", [b"", RECORD])
def test_sizes_and_structure_by_arithmetic_are_those_of_the_bytes(size: int, record: bytes) -> None:
    payload = os.urandom(size)
    made = wrapper(payload, record)
    message = made.render(HEADER, payload, record)
    root = scan(message)
    assert made.size == len(message)
    assert made.envelope() == envelope(root.headers)
    assert (made.body(), made.bodystructure()) == render(root)
    assert b"".join(made.pieces(HEADER, (payload[:100], payload[100:]), record)) == message
    assert decoded(message, root, (2,)) == HEADER + payload
    assert decoded(message, root, (1,)) == HEADER
    assert made.file_size == len(HEADER) + size
    assert parse_wrapper(message) == HEADER + payload
    check_envelope(parse(made.envelope()))
    check_body(parse(made.bodystructure()), extended=True)


@given(
    st.from_regex(r"[a-z0-9.-]{1,64}", fullmatch=True),
    st.sampled_from(["a.is", "mail.example.is"]),
    st.sampled_from(["b", "blåbær", "b" * 60]),
    st.integers(0, 2**31),
    st.integers(0, 500),
)
def test_the_size_holds_for_every_name_and_every_hour(
    opaque_id: str, domain: str, local: str, when: int, size: int
) -> None:
    arrived = datetime.fromtimestamp(when, timezone(timedelta(hours=-7)))
    made = Wrapper(opaque_id, domain, f"{local}@{domain}", arrived, len(HEADER), size)
    assert made.size == len(made.render(HEADER, bytes(size)))


def offsets(part: Part) -> list[object]:
    return [part.type, part.subtype, part.encoding, part.header_start, part.header_end, part.body_end,
            [offsets(child) for child in part.children]]  # fmt: skip


@pytest.mark.parametrize("record", [b"", RECORD])
def test_the_skeleton_by_arithmetic_is_that_of_the_bytes(record: bytes) -> None:
    made = wrapper(record=record)
    message = made.render(HEADER, PAYLOAD, record)
    assert offsets(made.tree()) == offsets(scan(message))
    for section in (
        Section((2,), What.MIME),
        Section((), What.FIELDS, (b"subject",)),
        Section((1,)),
        Section((), What.TEXT),
    ):
        found = ranges(made.tree(), section)
        assert found is not None
        assert found == ranges(scan(message), section)
        for start, end in found:
            first, last = made.payload_range(start, end)
            assert made.render_range(start, end, HEADER, PAYLOAD[first:last], record) == read(message, [(start, end)])


@given(st.integers(0, 14_000), st.integers(0, 600), st.integers(0, 400))
def test_any_range_needs_only_its_own_piece_of_the_payload(start: int, count: int, size: int) -> None:
    payload = PAYLOAD[:size]
    made = wrapper(payload, RECORD)
    message = made.render(HEADER, payload, RECORD)
    end = min(start + count, len(message))
    first, last = made.payload_range(start, end)
    assert last - first <= count + 2 * base64lines.LINE_BYTES
    assert made.render_range(start, end, HEADER, payload[first:last], RECORD) == message[start:end]


def test_a_large_payload_is_rendered_in_small_pieces() -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(300):
            yield bytes(10_000)

    made = wrapper(bytes(3_000_000))
    sizes = [len(piece) for piece in made.pieces(HEADER, blocks())]
    assert sum(sizes) == made.size
    assert max(sizes) < 100_000


def test_addresses_that_are_not_ascii_become_the_name_of_a_group() -> None:
    made = wrapper(mailbox="áda@example.is")
    message = made.render(HEADER, PAYLOAD)
    assert message.isascii()
    assert made.envelope() == envelope(scan(message).headers)
    assert scan(message).headers.text(b"to") == "áda@example.is:;"


def test_quoted_local_parts_are_served_as_written() -> None:
    made = wrapper(mailbox='"ada l"@example.is')
    assert made.envelope() == envelope(scan(made.render(HEADER, PAYLOAD)).headers)
    assert b'(NIL NIL "ada l" "example.is")' in made.envelope()


def test_what_cannot_be_wrapped_is_refused() -> None:
    for opaque_id, domain, mailbox in (
        ("", "example.is", "ada@example.is"),
        ("a b", "example.is", "ada@example.is"),
        ("a" * 65, "example.is", "ada@example.is"),
        ("a", "exämple.is", "ada@example.is"),
        ("a", "example.is\r\nBcc: x", "ada@example.is"),
        ("a", "example.is", "ada@example.is\r\nBcc: x"),
    ):
        with pytest.raises(ValueError, match=r"must be|opaque id"):
            Wrapper(opaque_id, domain, mailbox, ARRIVED, 1, 1)
    for header, payload, record in ((HEADER[:-1], PAYLOAD, b""), (HEADER, PAYLOAD[:-1], b""), (HEADER, PAYLOAD, b"x")):
        with pytest.raises(ValueError, match="size"):
            wrapper().render(header, payload, record)


def test_a_wrapper_reformatted_on_its_way_still_gives_the_file() -> None:
    message = wrapper().render(HEADER, PAYLOAD)
    assert parse_wrapper(b"X-Status: R\n" + message.replace(b"\r\n", b"\n")) == HEADER + PAYLOAD
    assert parse_wrapper(memoryview(bytearray(message))) == HEADER + PAYLOAD
    assert parse_wrapper(email.message_from_bytes(message).as_bytes()) == HEADER + PAYLOAD


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: in clear\r\n\r\nbody",
        NESTED,
        wrapper().render(HEADER, PAYLOAD).replace(b"application/age", b"application/pgp-encrypted"),
        wrapper().render(HEADER, PAYLOAD).replace(b"base64", b"x-base64"),
        wrapper().render(HEADER, PAYLOAD).replace(base64.b64encode(HEADER[:30]), base64.b64encode(b"x" * 30)),
        wrapper().render(HEADER, PAYLOAD)[:500],
    ],
)
def test_what_is_no_wrapper_is_told_apart(message: bytes) -> None:
    with pytest.raises(NotAWrapper):
        parse_wrapper(message)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_base64_lines_are_those_of_the_standard_library(data: bytes, cuts: list[int]) -> None:
    expected = base64.encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    assert base64lines.encode(data) == expected
    assert base64lines.encoded_size(len(data)) == len(expected)
    at = [0, *sorted(cuts), len(data)]
    assert b"".join(base64lines.encode_pieces(data[a:b] for a, b in pairwise(at))) == expected
