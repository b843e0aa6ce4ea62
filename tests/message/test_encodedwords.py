"""Encoded words and charsets: text out of anything, ASCII out of any text."""

import time
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.charsets import decode_text, visible
from mailhost.message.encodedwords import MAX_WORD, decode_words, encode_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 2047 §8, the examples
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        (b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
         "If you can read this you understand the example."),
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=   \t =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        # RFC 2231 §5
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # what mail holds beyond the grammar
        (b"=?utf-8?q?S=C3?= =?utf-8?q?=A6ll?=", "Sæll"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"a=?utf-8?q?b?=c", "abc"),
        (b"=?utf-8?b?U8OmbGw?=", "Sæll"),
        (b"=?nonsense?q?S=C3=A6ll?=", "Sæll"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?utf-8?q??=", ""),
        (b"=?utf-8?q?=zz=?=", "=zz"),
        (b"S\xc3\xa6ll", "Sæll"),
        (b"S\xe6ll", "Sæll"),
        (b"\xe6 =?utf-8?q?=C3=A6?= \xe6", "æ æ æ"),
        (b"=?gb2312?b?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?b?GyRCJDMkcxsoQg==?=", "こん"),
        (b"=?utf-7?q?+ADw-script+AD4-?=", "+ADw-script+AD4-"),
    ],
)  # fmt: skip
def test_words_are_decoded(value: bytes, text: str) -> None:
    assert decode_words(value) == text


def test_words_are_ascii_short_and_cut_between_characters() -> None:
    for text in ("Grüße " * 30, "こんにちは" * 30, "é", "=?not a word", "😀" * 50, "a" * 200 + "é"):
        encoded = encode_words(text)
        assert encoded.isascii()
        for word in encoded.split(b" "):
            assert len(word) <= MAX_WORD
            decode_words(word).encode()
            assert "\ufffd" not in decode_words(word)
        assert decode_words(encoded) == text
    assert encode_words("plain text") == b"plain text"


@given(st.text(max_size=200))
def test_any_text_survives_being_written_and_read(text: str) -> None:
    if "=?" not in text or not text.isascii():
        assert decode_words(encode_words(text)) == text.encode("utf-8", "replace").decode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80))
def test_words_are_read_by_the_standard_library(text: str) -> None:
    if not text.isascii():
        assert str(make_header(decode_header(encode_words(text).decode()))) == text


@given(
    st.lists(
        st.sampled_from([b"=?", b"?=", b"?", b"utf-8", b"q", b"b", b"=", b"_", b" ", b"\xe6", b"YQ=", b"*", b"=C3"]),
        max_size=25,
    ).map(b"".join)
)
def test_any_bytes_decode_to_text_without_lone_surrogates(value: bytes) -> None:
    decode_words(value).encode("utf-8")


@pytest.mark.parametrize(
    "piece", [b"=?", b"=?a", b"=?a?", b"=?a?q", b"=?a?q?", b"=?a?q?x", b"=?a?q?x?= ", b"=", b"?", b"=?a?b?=?="]
)
def test_no_repetition_takes_more_than_linear_time(piece: bytes) -> None:
    started = time.process_time()
    decode_words(piece * (500_000 // len(piece)))
    encode_words("é" + (piece * (100_000 // len(piece))).decode())
    assert time.process_time() - started < 1.5


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"plain", None, "plain"),
        (b"plain", "anything at all", "plain"),
        (b"\xe6", None, "æ"),
        (b"\xc3\xa6", None, "æ"),
        (b"\xc3\xa6", "us-ascii", "æ"),
        (b"\xc3\xa6\xff", "utf-8", "æ\ufffd"),
        (b"\x80", "iso-8859-1", "€"),
        (b"\xa4", "ISO-8859-15", "€"),
        (b"\xf2", '"koi8-r"', "Р"),
        (b"\x81\x40", "gbk", "丂"),
        (b"a\x00", "utf-16le", "a"),
        (b"\x00\xd8", "utf-16le", "\ufffd"),
        (b"\x81", "windows-1252", "\ufffd"),
        (b"abc\xe6", "punycode", "abcæ"),
        (b"abc\xe6", "rot13", "abcæ"),
        (b"\\u0041\xe6", "unicode_escape", "\\u0041æ"),
        (b"abc\xe6", "zip", "abcæ"),
        (b"abc\xe6", "a\x00b", "abcæ"),
        (b"abc\xe6", "../../etc", "abcæ"),
        (b"abc\xe6", "idna", "abcæ"),
        (b"abc\xe6", "undefined", "abcæ"),
    ],
)
def test_charsets_of_mail_are_honoured_and_no_others(data: bytes, charset: str | None, text: str) -> None:
    assert decode_text(data, charset) == text


@given(
    st.binary(max_size=40),
    st.sampled_from(["utf-16", "utf-32", "hz", "iso-2022-kr", "iso-2022-jp-3", "big5", "johab", "cp1255", "x"]),
)
def test_any_bytes_in_any_charset_give_text_without_lone_surrogates(data: bytes, charset: str) -> None:
    decode_text(data, charset).encode("utf-8")


def test_visible_text_is_one_line_without_tricks() -> None:
    assert visible("a\r\nb\tc  d\x00e\x1b[31m") == "a b c d e [31m"
    assert visible("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert visible("z\u200bero\ufeff \u2028width\u00ad") == "zero width"
    assert visible(" plain ") == "plain"
    assert visible("plain text") == "plain text"
    assert visible("") == ""
