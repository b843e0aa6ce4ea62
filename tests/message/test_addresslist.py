"""Address lists in header fields, as they should be and as they are."""

import time
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import addresslist
from mailhost.message.addresslist import Group, HeaderAddress, mailboxes, parse_address_list

ADA = HeaderAddress(None, b"ada", b"example.is")


def named(name: bytes, local: bytes = b"ada", domain: bytes = b"example.is") -> HeaderAddress:
    return HeaderAddress(name, local, domain)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", []),
        (b"  ", []),
        (b", ,", []),
        (b"ada@example.is", [ADA]),
        (b"<ada@example.is>", [ADA]),
        (b"Ada Lovelace <ada@example.is>", [named(b"Ada Lovelace")]),
        (b'"Lovelace, Ada" <ada@example.is>', [named(b"Lovelace, Ada")]),
        (b'"Ada \\"the\\" \\\\ Countess" <ada@example.is>', [named(b'Ada "the" \\ Countess')]),
        (b"ada@example.is (Ada)", [named(b"Ada")]),
        (b"(Ada (the (Countess))) ada@example.is", [named(b"Ada (the (Countess))")]),
        (b"Ada (a comment) <ada@example.is>", [named(b"Ada")]),
        (b"ada@example.is, <ben@example.is>,", [ADA, HeaderAddress(None, b"ben", b"example.is")]),
        (b"A. D. A. <ada@example.is>", [named(b"A. D. A.")]),
        (b"=?utf-8?q?=C3=81da?= <ada@example.is>", [named(b"=?utf-8?q?=C3=81da?=")]),
        (b"<@relay.example,@b.example:ada@example.is>", [HeaderAddress(None, b"ada", b"example.is", b"@relay.example,@b.example")]),
        (b"ada @ example . is", [ADA]),
        (b'"ada lovelace"@example.is', [HeaderAddress(None, b"ada lovelace", b"example.is")]),
        (b"ada@[192.0.2.1]", [HeaderAddress(None, b"ada", b"[192.0.2.1]")]),
        (b"undisclosed-recipients:;", [Group(b"undisclosed-recipients")]),
        (b"team: ada@example.is, Ben <ben@example.is>;, mo@demo.test", [
            Group(b"team", (ADA, HeaderAddress(b"Ben", b"ben", b"example.is"))), HeaderAddress(None, b"mo", b"demo.test"),
        ]),
        (b'"a b": ada@example.is', [Group(b"a b", (ADA,))]),
    ],
)  # fmt: skip
def test_lists_by_the_grammar(value: bytes, expected: list[HeaderAddress | Group]) -> None:
    assert parse_address_list(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Ada <ada@example.is", [named(b"Ada")]),
        (b"Ada ada@example.is", [named(b"Ada")]),
        (b"Ada Lovelace ada@example.is", [named(b"Ada Lovelace")]),
        (b'"Ada <ada@example.is>', [named(b"Ada")]),
        (b'Ada "the Countess" L <ada@example.is>', [named(b"Ada the Countess L")]),
        (b"Ada <ada@example.is> Lovelace", [named(b"Ada")]),
        (b"<ada@example.is> (Ada)", [named(b"Ada")]),
        (b"Ada <>", [HeaderAddress(b"Ada", b"", b"")]),
        (b"Ada", [HeaderAddress(None, b"Ada", b"")]),
        (b"root", [HeaderAddress(None, b"root", b"")]),
        (b"ada@example.is; ben@example.is", [ADA, HeaderAddress(None, b"ben", b"example.is")]),
        (b"\xc1da <ada@example.is>", [named(b"\xc1da")]),
        (b"ada@example.is>", [HeaderAddress(None, b"ada", b"example.is>")]),
        (b"@example.is", [HeaderAddress(None, b"", b"example.is")]),
        (b"ada@", [HeaderAddress(None, b"ada", b"")]),
        (b"<a@b@example.is>", [HeaderAddress(None, b"a@b", b"example.is")]),
        (b"(unclosed ada@example.is", [named(b"(unclosed")]),
        (b"<ada@example.is> <ben@example.is>", [ADA, HeaderAddress(None, b"ben", b"example.is")]),
        (b"ada . l @ example.is", [HeaderAddress(None, b"ada.l", b"example.is")]),
        (b"<>", []),
        (b"<ada@example.is> Ada", [named(b"Ada")]),
        (b"<<ada@example.is>>", [HeaderAddress(None, b"<ada", b"example.is")]),
    ],
)
def test_lists_that_break_the_grammar_give_what_a_reader_would_make_of_them(
    value: bytes, expected: list[HeaderAddress | Group]
) -> None:
    assert parse_address_list(value) == expected


def test_texts_for_people_are_decoded_and_harmless() -> None:
    entry = named("=?utf-8?q?=C3=81da=0D=0ABcc:_x?= \u202eevil".encode())
    assert entry.display == "Áda Bcc: x evil"
    assert entry.text == "Áda Bcc: x evil <ada@example.is>"
    assert (ADA.text, ADA.display) == ("ada@example.is", "")
    assert HeaderAddress(b"Ada", b"", b"").text == "Ada"
    assert HeaderAddress(None, b"root", b"").text == "root"
    assert HeaderAddress(None, "áda".encode(), "münchen.example".encode()).text == "áda@münchen.example"


def test_groups_open_into_their_members() -> None:
    assert mailboxes([Group(b"x", (ADA,)), ADA]) == [ADA, ADA]


@pytest.mark.parametrize("value", [b"a@b.example,", b"<a@b.example>(x),", b"g:a@b.example;"])
def test_a_list_is_cut_at_the_limit(value: bytes) -> None:
    found = parse_address_list(value * (addresslist.MAX_ADDRESSES * 2))
    assert len(mailboxes(found)) <= addresslist.MAX_ADDRESSES
    assert len(found) >= addresslist.MAX_ADDRESSES // 2


def test_comments_nested_beyond_the_limit_are_ordinary_text() -> None:
    depth = addresslist.MAX_COMMENT_DEPTH
    assert parse_address_list(b"(" * depth + b"x" + b")" * depth + b"<ada@example.is>")[0].name is not None
    assert parse_address_list(b"(" * 9000 + b" <ada@example.is>")[0] == named(b"(" * 9000)


@pytest.mark.parametrize(
    "piece",
    [
        b'"',
        b'\\"',
        b"(",
        b"()",
        b"<",
        b"<@",
        b"[",
        b"[]",
        b":",
        b";",
        b"@",
        b" ",
        b"a ",
        b'"\\',
        b"(\\",
        b"a@b ",
        b"\\",
    ],
)
def test_no_repetition_takes_more_than_linear_time(piece: bytes) -> None:
    started = time.process_time()
    parse_address_list(piece * (addresslist.MAX_LIST_BYTES // len(piece)))
    assert time.process_time() - started < 1.5


FRAGMENTS = st.sampled_from(list(b'<>@,;:"\\()[]. \t\x00\xffa')).map(lambda code: bytes((code,)))


@given(
    st.lists(FRAGMENTS | st.sampled_from([b"ada@example.is", b"Ada <", b"=?utf-8?q?x?="]), max_size=30).map(b"".join)
)
def test_any_bytes_give_a_list_that_can_be_shown(value: bytes) -> None:
    for entry in mailboxes(parse_address_list(value)):
        assert "\n" not in entry.text
        assert entry.text.encode().decode() == entry.text


NAMES = st.text('abc äö,."()<>@', max_size=12).map(str.strip)
ATOMS = st.text("abcxyz019-_+", min_size=1, max_size=8)


def write(name: str, local: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{local}@example.is>' if name else f"{local}@example.is"


@given(st.lists(st.tuples(NAMES, ATOMS), max_size=6))
def test_well_formed_lists_are_read_as_the_standard_library_does(people: list[tuple[str, str]]) -> None:
    value = ", ".join(write(name, local) for name, local in people)
    ours = [
        (entry.name or b"", f"{entry.local.decode()}@{entry.domain.decode()}")
        for entry in mailboxes(parse_address_list(value.encode()))
    ]
    assert ours == [(name.encode(), address) for name, address in getaddresses([value])] if people else ours == []
