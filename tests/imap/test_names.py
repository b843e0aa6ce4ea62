"""Mailbox names on the wire and in patterns."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap.names import (
    decode_name,
    decode_utf7,
    encode_name,
    encode_utf7,
    pattern_matcher,
)
from mailhost.message.foldernames import BadName, check_new

# The first is the example of RFC 3501 §5.1.3.
PAIRS = [
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ("Entwürfe", b"Entw&APw-rfe"),
    ("Q&A", b"Q&-A"),
    ("&", b"&-"),
    ("🙂", b"&2D3eQg-"),
    ("INBOX", b"INBOX"),
]


@pytest.mark.parametrize(("name", "wire"), PAIRS)
def test_modified_utf7_both_ways(name: str, wire: bytes) -> None:
    assert encode_utf7(name) == wire
    assert decode_utf7(wire) == name


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_every_name_survives_both_encodings(name: str) -> None:
    assert decode_utf7(encode_utf7(name)) == name
    encode_name(name, utf8=True)
    encode_name(name, utf8=False)


@pytest.mark.parametrize(
    "wire",
    [
        b"&",  # a stray shift
        b"a&b",
        b"&AGE-",  # "a" needs no encoding
        b"&AOQ-&AOQ-",  # two runs where one does
        b"&AOQ",  # never ends
        b"&!!-",
        b"&2D3-",  # half a surrogate pair
        b"&AOT/-",  # "/" is "," here
        b"\xe4",
    ],
)
def test_only_the_canonical_form_is_a_name(wire: bytes) -> None:
    with pytest.raises(BadName):
        decode_utf7(wire)


def test_utf8_names_when_enabled_have_plain_ampersands() -> None:
    assert decode_name("Grüße & Küsse".encode(), utf8=True) == "Grüße & Küsse"
    assert encode_name("Q&A", utf8=True) == b"Q&A"


def test_8_bit_names_are_understood_although_not_enabled() -> None:
    assert decode_name("Grüße".encode(), utf8=False) == "Grüße"
    with pytest.raises(BadName):
        decode_name(b"Gr\xfc\xdfe", utf8=False)


@pytest.mark.parametrize("wire", [b"inbox", b"InBox", b"INBOX", b"INBOX/"])
def test_inbox_is_one_name_in_any_case(wire: bytes) -> None:
    assert decode_name(wire, utf8=False) == "INBOX"
    assert decode_name(b"inbox/Work", utf8=False) == "INBOX/Work"
    assert decode_name(b"Work/inbox", utf8=False) == "Work/inbox"


def test_a_trailing_delimiter_is_dropped() -> None:
    assert decode_name(b"Work/", utf8=False) == "Work"


def test_names_are_composed() -> None:
    assert decode_name("Gru\u0308n".encode(), utf8=True) == "Grün"


@pytest.mark.parametrize("name", ["", "a//b", "/a", "a\x00b", "a\nb", "a*", "50%", "x/" * 40 + "x", "a\u2028b"])
def test_names_that_no_folder_gets(name: str) -> None:
    with pytest.raises(BadName):
        check_new(name)


def test_a_name_has_a_greatest_length() -> None:
    with pytest.raises(BadName):
        decode_name(b"x" * 1001, utf8=False)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("Work", b"Work"),
        ("My Work", b'"My Work"'),
        ('a"b\\c', b'"a\\"b\\\\c"'),
        ("NIL", b'"NIL"'),
        ("a(b", b'"a(b"'),
        ("", b'""'),
        ("[Gmail]", b'"[Gmail]"'),
    ],
)
def test_names_in_responses(name: str, wire: bytes) -> None:
    assert encode_name(name, utf8=False) == wire


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["a", "a/b", "INBOX"], []),
        ("%", ["a", "INBOX"], ["a/b"]),
        ("a/%", ["a/b"], ["a", "a/b/c"]),
        ("a*", ["a", "ab", "a/b/c"], ["ba"]),
        ("*b", ["b", "a/b"], ["ba"]),
        ("%/%", ["a/b"], ["a", "a/b/c"]),
        ("a%c", ["ac", "abc"], ["a/c", "abcd"]),
        ("inbox", ["INBOX"], ["Inbox2"]),
        ("inb*", ["INBOX", "inbred"], ["Inbox2", "inbox"[:2]]),
        ("In%", ["INBOX", "Inside"], ["inside", "INBOX/a"]),
        ("inbox/*", ["INBOX/a"], ["INBOX"]),
        ("a.c", ["a.c"], ["abc"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba"]),
        ("%%**%", ["a/b"], []),
        ("", [""], ["a"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    matches = pattern_matcher(pattern)
    assert all(matches(name) for name in matching)
    assert not any(matches(name) for name in other)


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_patterns_agree_with_regular_expressions(pattern: str, name: str) -> None:
    expected = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c) for c in pattern)
    assert pattern_matcher(pattern)(name) == bool(re.fullmatch(expected, name))


def test_no_pattern_blows_up() -> None:
    matches = pattern_matcher("*a%a" * 400 + "b")
    names = ["a" * 900, "a/" * 450, "ab" * 450]
    started = time.process_time()
    for name in names:
        matches(name)
    assert time.process_time() - started < 0.5
    assert not pattern_matcher("*a" * 5000)("a" * 1000)
