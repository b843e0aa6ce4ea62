"""Sections: the numbers of RFC 9051 §6.4.5, their bytes, and what does not exist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.section import (
    Section,
    What,
    decoded,
    find_part,
    length,
    partial,
    ranges,
    read,
)
from mailhost.message.structure import scan
from mailhost.message.transferencoding import UnknownEncoding
from tests.message.mail import NESTED, mail

PLAIN = mail("Subject: x", "From: ada@example.is", "X-Other: 1", "", "body", "")


def get(message: bytes, *part: int, what: What = What.ALL, names: tuple[bytes, ...] = ()) -> bytes | None:
    found = ranges(scan(message), Section(part, what, names))
    return None if found is None else bytes(read(message, found))


def test_the_whole_message_its_header_and_its_text() -> None:
    assert get(PLAIN) == PLAIN
    assert get(PLAIN, what=What.HEADER) == PLAIN[: PLAIN.index(b"body")]
    assert get(PLAIN, what=What.TEXT) == b"body\r\n"


def test_part_1_of_a_message_that_is_no_multipart_is_its_body() -> None:
    assert get(PLAIN, 1) == b"body\r\n"
    assert get(PLAIN, 1, what=What.MIME) == PLAIN[: PLAIN.index(b"body")]
    assert get(PLAIN, 2) is None
    assert get(PLAIN, 1, 1) is None
    assert get(PLAIN, 1, what=What.HEADER) is None
    assert get(PLAIN, 1, what=What.TEXT) is None


def test_parts_of_nested_multiparts_and_messages() -> None:
    assert get(NESTED, 1, 1) == b"Gr=C3=BC=C3=9Fe"
    assert get(NESTED, 1, 2) == b"<p>Hi"
    assert get(NESTED, 1, 2, what=What.MIME) == b"Content-Type: text/html\r\n\r\n"
    assert (get(NESTED, 2) or b"").startswith(b"From: Ben")
    assert get(NESTED, 2, what=What.HEADER) == (
        b"From: Ben <ben@example.is>\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=deep\r\n\r\n"
    )
    assert (get(NESTED, 2, what=What.TEXT) or b"").startswith(b"--deep\r\n")
    assert get(NESTED, 2, what=What.FIELDS, names=(b"SUBJECT",)) == b"Subject: inner\r\n\r\n"
    assert get(NESTED, 2, what=What.MIME) == b"Content-Type: message/rfc822\r\nContent-Description: forwarded\r\n\r\n"
    assert get(NESTED, 2, 1) == b"one"
    assert get(NESTED, 2, 2) == b"JVBERg=="
    assert (
        get(NESTED, 1) == NESTED[NESTED.index(b"--outer-inner") : NESTED.index(b"\r\n--outer\r\nContent-Type: message")]
    )


@pytest.mark.parametrize("part", [(3,), (0,), (1, 3), (1, 1, 1), (2, 3), (2, 1, 1), (10**9,)])
def test_parts_that_do_not_exist_are_none(part: tuple[int, ...]) -> None:
    for what in What:
        assert get(NESTED, *part, what=what) is None


def test_mime_needs_a_part_number() -> None:
    assert get(NESTED, what=What.MIME) is None


def test_a_message_that_is_itself_an_attached_message() -> None:
    message = mail(
        "Content-Type: message/rfc822", "", "Subject: in", "Content-Type: message/rfc822", "", "Subject: deep", "", "x"
    )
    assert (get(message, 1) or b"").startswith(b"Subject: in")
    assert get(message, 1, what=What.FIELDS, names=(b"subject",)) == b"Subject: in\r\n\r\n"
    assert get(message, 1, 1, what=What.FIELDS, names=(b"subject",)) == b"Subject: deep\r\n\r\n"
    assert get(message, 1, 1, 1) == b"x"
    assert get(message, 1, 1, 1, 1) is None


def test_header_fields_and_all_but_them() -> None:
    assert get(PLAIN, what=What.FIELDS, names=(b"FROM", b"subject")) == b"Subject: x\r\nFrom: ada@example.is\r\n\r\n"
    assert get(PLAIN, what=What.FIELDS_NOT, names=(b"from",)) == b"Subject: x\r\nX-Other: 1\r\n\r\n"
    assert get(PLAIN, what=What.FIELDS, names=(b"none",)) == b"\r\n"


def test_fields_of_a_header_without_empty_line() -> None:
    assert get(b"Subject: x\r\nTo: y", what=What.FIELDS, names=(b"to",)) == b"To: y"
    assert get(b"Subject: x\r\nTo: y", what=What.FIELDS, names=(b"from",)) == b""
    assert get(b"\r\nbody", what=What.FIELDS, names=(b"from",)) == b"\r\n"
    assert get(b"A: b\n\nbody", what=What.FIELDS, names=(b"a",)) == b"A: b\n\n"


def test_fields_that_follow_each_other_are_one_range() -> None:
    found = ranges(scan(PLAIN), Section((), What.FIELDS, (b"subject", b"from")))
    assert found is not None
    assert len(found) == 2
    assert length(found) == len(b"Subject: x\r\nFrom: ada@example.is\r\n\r\n")


def test_partial_ranges() -> None:
    found = [(0, 4), (10, 12), (20, 30)]
    assert partial(found, 0, 5) == [(0, 4), (10, 11)]
    assert partial(found, 5, 100) == [(11, 12), (20, 30)]
    assert partial(found, 0, 393216) == found
    assert partial(found, 100, 5) == []
    assert partial([], 0, 5) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5), st.integers(0, 60), st.integers(1, 60))
def test_a_partial_is_a_slice_of_the_whole(pairs: list[tuple[int, int]], origin: int, count: int) -> None:
    message = bytes(range(64))
    found = [(start, start + size) for start, size in pairs]
    assert bytes(read(message, partial(found, origin, count))) == bytes(read(message, found))[origin : origin + count]


def test_a_single_range_is_read_without_a_copy() -> None:
    found = ranges(scan(NESTED), Section((1, 1)))
    assert found is not None
    view = read(NESTED, found)
    assert isinstance(view, memoryview)
    assert view.obj is NESTED


def test_binary_undoes_the_transfer_encoding() -> None:
    root = scan(NESTED)
    assert decoded(NESTED, root, (1, 1)) == "Grüße".encode()
    assert decoded(NESTED, root, (2, 2)) == b"%PDF"
    assert decoded(NESTED, root, (2, 1)) == b"one"
    assert decoded(NESTED, root, ()) == NESTED
    assert decoded(NESTED, root, (3,)) is None


def test_binary_of_composite_parts_is_as_it_stands() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=a", "Content-Transfer-Encoding: base64", "", "--a", "", "x", "--a--"
    )
    assert decoded(message, scan(message), (1,)) == b"x"
    nested = mail("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", "A: b", "", "x")
    assert decoded(nested, scan(nested), (1,)) == b"A: b\r\n\r\nx"


def test_binary_of_an_unknown_encoding_is_a_value() -> None:
    message = mail("Content-Transfer-Encoding: x-uuencode", "", "begin 644 a")
    assert decoded(message, scan(message), (1,)) == UnknownEncoding("x-uuencode")


@given(
    st.lists(st.integers(0, 3), max_size=4).map(tuple), st.sampled_from(list(What)), st.sampled_from([NESTED, PLAIN])
)
def test_sections_lie_inside_the_message(part: tuple[int, ...], what: What, message: bytes) -> None:
    root = scan(message)
    found = ranges(root, Section(part, what, (b"subject",)))
    assert (found is None) or all(0 <= start <= end <= len(message) for start, end in found)
    if part and what is What.ALL:
        assert (found is None) is (find_part(root, part) is None)
