"""The MIME skeleton: where every part begins and ends, whatever the bytes are."""

import email
import email.policy
import time
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.message import structure
from mailhost.message.structure import Part, scan
from mailhost.message.transferencoding import decode
from tests.message.mail import NESTED, body_of, leaves, mail, shape


def check_offsets(part: Part, low: int, high: int) -> None:
    """Every part lies inside its parent and behind the one before it."""
    assert low <= part.header_start <= part.header_end <= part.body_end <= high
    at = part.header_end
    for child in part.children:
        check_offsets(child, at, part.body_end)
        at = child.body_end


def test_a_message_without_mime_is_one_text_part() -> None:
    message = mail("Subject: hi", "", "one", "two", "")
    root = scan(message)
    assert (shape(root), root.encoding, root.lines, root.size) == ("text/plain", "7bit", 2, 10)
    assert body_of(message, root) == b"one\r\ntwo\r\n"


def test_nested_multiparts_and_messages_are_found_with_their_bytes() -> None:
    root = scan(NESTED)
    assert shape(root) == (
        "multipart/mixed(multipart/alternative(text/plain text/html)"
        " message/rfc822(multipart/mixed(text/plain application/pdf)))"
    )
    assert leaves(NESTED) == [b"Gr=C3=BC=C3=9Fe", b"<p>Hi", b"one", b"JVBERg=="]
    assert root.children[1].children[0].headers.text(b"subject") == "inner"
    assert root.children[1].children[0].children[1].filename == "a.pdf"
    check_offsets(root, 0, len(NESTED))


def test_bare_line_feeds_delimit_as_well() -> None:
    message = NESTED.replace(b"\r\n", b"\n")
    assert shape(scan(message)) == shape(scan(NESTED))
    assert leaves(message) == leaves(NESTED)


def test_a_boundary_that_is_the_prefix_of_another_is_not_mistaken_for_it() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/mixed; boundary=ab",
        "",
        "--ab",
        "",
        "inner",
        "--abc is text",
        "--ab--",
        "--a",
        "",
        "outer",
        "--a--",
    )
    assert leaves(message) == [b"inner\r\n--abc is text", b"outer"]


def test_an_outer_delimiter_ends_an_inner_multipart_that_never_closed() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "",
        "inner",
        "--a",
        "",
        "outer",
        "--b",
        "still outer",
    )
    assert leaves(message) == [b"inner", b"outer\r\n--b\r\nstill outer"]


def test_a_missing_end_delimiter_leaves_the_rest_to_the_last_part() -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a", "", "one", "--a", "", "two", "")
    assert leaves(message) == [b"one", b"two\r\n"]


def test_white_space_behind_a_boundary_is_transport_padding() -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a \t", "", "one", "--a--  ", "epilogue")
    assert leaves(message) == [b"one"]


def test_delimiters_behind_the_closing_one_are_epilogue() -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a", "", "one", "--a--", "--a", "", "two")
    assert leaves(message) == [b"one"]


def test_the_same_boundary_twice_belongs_to_the_inner_multipart_until_it_closes() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "",
        "inner",
        "--a--",
        "--a",
        "",
        "outer",
        "--a--",
    )
    assert shape(scan(message)) == "multipart/mixed(multipart/mixed(text/plain) text/plain)"
    assert leaves(message) == [b"inner", b"outer"]


def test_a_part_without_header_begins_with_an_empty_line() -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a", "", "", "text", "--a--")
    assert leaves(message) == [b"\r\ntext"]


@pytest.mark.parametrize("closing", ["--a--", "--a", "--a--\r\n"])
def test_a_header_is_ended_by_a_delimiter_where_its_empty_line_is_missing(closing: str) -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a", "Content-Type: text/html", closing)
    first = scan(message).children[0]
    assert (first.subtype, first.size) == ("html", 0)
    assert message[first.header_start : first.header_end] == b"Content-Type: text/html"


def test_a_delimiter_inside_what_looks_like_a_header_of_the_next_part_is_not_skipped() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "X-No-Body: 1",
        "--a",
        "X-No-Body: 2",
        "--a",
        "",
        "three",
        "--a--",
    )
    assert leaves(message) == [b"", b"", b"three"]


def test_an_empty_multipart_gets_an_empty_text_part() -> None:
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "nothing", "")
    root = scan(message)
    assert shape(root) == "multipart/mixed(text/plain)"
    assert root.children[0].size == 0
    check_offsets(root, 0, len(message))


@pytest.mark.parametrize(
    "value", ["multipart/mixed", 'multipart/mixed; boundary=""', "multipart/mixed; boundary=" + "b" * 201]
)
def test_a_multipart_without_usable_boundary_is_text_so_that_it_can_be_read(value: str) -> None:
    assert shape(scan(mail("Content-Type: " + value, "", "--", "", "text"))) == "text/plain"


@pytest.mark.parametrize("value", ["garbage", "", "/", "text/", "\xff\xfe", ";charset=utf-8", "text plain"])
def test_a_content_type_that_cannot_be_read_counts_as_text_plain(value: str) -> None:
    assert shape(scan(mail("Content-Type: " + value, "", "x"))) == "text/plain"


def test_parts_of_a_digest_are_messages_unless_they_say_otherwise() -> None:
    message = mail(
        "Content-Type: multipart/digest; boundary=a",
        "",
        "--a",
        "",
        "Subject: one",
        "",
        "body",
        "--a",
        "Content-Type: text/plain",
        "",
        "text",
        "--a--",
    )
    root = scan(message)
    assert shape(root) == "multipart/digest(message/rfc822(text/plain) text/plain)"
    assert root.children[0].children[0].headers.text(b"subject") == "one"


def test_lines_of_nested_messages_are_counted() -> None:
    root = scan(NESTED)
    forwarded = root.children[1]
    assert forwarded.lines == NESTED[forwarded.body_start : forwarded.body_end].count(b"\n")
    assert root.children[0].children[0].lines == 0


def test_nesting_beyond_the_limit_is_an_opaque_leaf() -> None:
    depth = structure.MAX_DEPTH * 3
    message = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    part, levels = scan(message), 1
    while part.children:
        part, levels = part.children[0], levels + 1
    assert levels == structure.MAX_DEPTH + 1
    assert shape(part) == "application/octet-stream"
    assert part.body_end == len(message)


def test_messages_in_messages_beyond_the_limit_are_an_opaque_leaf() -> None:
    part = scan(b"Content-Type: message/rfc822\r\n\r\n" * (structure.MAX_DEPTH * 3))
    while part.children:
        part = part.children[0]
    assert shape(part) == "application/octet-stream"


def test_parts_beyond_the_limit_stay_in_the_last_part() -> None:
    message = b"Content-Type: multipart/mixed; boundary=a\r\n" + b"\r\n--a\r\n\r\nx" * 50_000 + b"\r\n--a--\r\n"
    root = scan(message)
    assert len(root.walk()) == structure.MAX_PARTS
    assert body_of(message, root.children[-1]).count(b"--a\r\n") > 40_000
    check_offsets(root, 0, len(message))


def test_delimiter_lines_beyond_the_limit_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_DELIMITER_LINES", 3)
    message = mail("Content-Type: multipart/mixed; boundary=a", "", "--a", "", "--x", "--y", "--z", "--a--", "end")
    assert leaves(message) == [b"--x\r\n--y\r\n--z\r\n--a--\r\nend"]


def test_headers_beyond_the_limit_are_not_read_for_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_HEADERS_TOTAL", 100)
    big = "X: " + "x" * 100
    message = mail(
        "Content-Type: multipart/mixed; boundary=a", "", "--a", big, "Content-Type: text/html", "", "t", "--a--"
    )
    root = scan(message)
    assert shape(root) == "multipart/mixed(text/plain)"
    assert leaves(message) == [b"t"]


HOSTILE = {
    "only delimiters": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--b\n" * 1_000_000,
    "headers without end": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\na:\n" * 600_000,
    "one header of tiny fields": b"a:\n" * 1_300_000,
    "one line": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--" + b"a" * 4_000_000,
    "spaces": b"Subject: " + b" " * 4_000_000,
    "deep and long": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(90)
    )
    + b"\n\n--" * 800_000,
    "messages in messages": b"Content-Type: message/rfc822\n\n" * 130_000,
    "folding": b"Content-Type: multipart/mixed;\r\n" + b" x=y;\r\n" * 500_000,
    "empty lines": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + b"\r\n" * 2_000_000,
}


@pytest.mark.slow  # four megabytes, made to be slow
@pytest.mark.parametrize("name", HOSTILE)
def test_four_megabytes_made_to_be_slow_are_scanned_in_linear_time(name: str) -> None:
    started = time.process_time()
    root = scan(HOSTILE[name])
    assert time.process_time() - started < 2.5  # quadratic work would take minutes
    check_offsets(root, 0, len(HOSTILE[name]))


FRAGMENTS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"--b",
        b"--b--",
        b"--bb",
        b"--bb--",
        b"\r\n--b\r\n",
        b"\r\n--bb--\r\n",
        b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b'Content-Type: multipart/digest; boundary="bb"\r\n',
        b"Content-Type: message/rfc822\r\n",
        b"Subject: x\r\n",
        b" ",
        b"\x00\xff",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=6), max_size=40).map(b"".join))
def test_any_bytes_give_a_tree_of_parts_inside_each_other(message: bytes) -> None:
    root = scan(message)
    check_offsets(root, 0, len(message))
    assert scan(bytearray(message)).walk()[-1].body_end == root.walk()[-1].body_end
    assert shape(scan(memoryview(message))) == shape(root)


@st.composite
def well_formed(draw: st.DrawFn, depth: int = 3) -> EmailMessage:
    """A message built by the standard library."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = draw(st.text("abc äöü", max_size=20))
    text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60)
    message.set_content("\n".join(draw(st.lists(text, max_size=4))) + "\n")
    if draw(st.booleans()):
        message.add_alternative("<p>" + draw(st.text("abc<>&", max_size=20)), subtype="html")
    for number in range(draw(st.integers(0, 2))):
        message.add_attachment(draw(st.binary(max_size=80)), maintype="image", subtype="png", filename=f"{number}.png")
    if depth and draw(st.booleans()):
        message.add_attachment(draw(well_formed(depth=depth - 1)))
    return message


def compare(ours: Part, theirs: Message, message: bytes) -> None:
    """The tree against the standard library's, the bodies of leaves included."""
    assert f"{ours.type}/{ours.subtype}" == theirs.get_content_type()
    if theirs.is_multipart():
        payload = theirs.get_payload()
        assert isinstance(payload, list)
        assert len(ours.children) == len(payload)
        for child, their_child in zip(ours.children, payload, strict=True):
            assert isinstance(their_child, Message)
            compare(child, their_child, message)
    else:
        assert decode(body_of(message, ours), ours.encoding) == theirs.get_payload(decode=True)


@settings(max_examples=60)
@given(well_formed())
@pytest.mark.slow
def test_well_formed_messages_are_taken_apart_as_the_standard_library_does(built: EmailMessage) -> None:
    message = built.as_bytes()
    compare(scan(message), email.message_from_bytes(message), message)


def test_searches_in_stretches_find_what_lies_across_their_border(monkeypatch: pytest.MonkeyPatch) -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=tide\r\n\r\n--tide\r\n\r\nhigh\r\nat noon\r\n"
        b"--tide\r\nContent-Type: text/plain\r\n\r\nlow\r\n--tide--\r\n"
    )
    whole = scan(message)
    for stretch in range(1, 40):
        monkeypatch.setattr(structure, "_STRETCH", stretch)
        cut = scan(message)
        assert [(part.header_start, part.body_end, part.lines) for part in cut.walk()] == [
            (part.header_start, part.body_end, part.lines) for part in whole.walk()
        ]
