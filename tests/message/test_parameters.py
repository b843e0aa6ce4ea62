"""Content-Type and Content-Disposition values, well and badly written."""

import time
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import parameters
from mailhost.message.parameters import (
    decode_extended,
    encode_extended,
    parameter_text,
    parse_value,
)


@pytest.mark.parametrize(
    ("value", "main", "expected"),
    [
        (b"text/plain", b"text/plain", {}),
        (b"Text/PLAIN; Charset=UTF-8", b"text/plain", {b"charset": b"UTF-8"}),
        (b'text/plain; charset="utf-8"', b"text/plain", {b"charset": b"utf-8"}),
        (b'text/plain;charset=utf-8;format=flowed ; name="a \\"b\\"; c.txt";', b"text/plain",
         {b"charset": b"utf-8", b"format": b"flowed", b"name": b'a "b"; c.txt'}),
        (b"text/plain; charset=us-ascii (Plain text)", b"text/plain", {b"charset": b"us-ascii"}),
        (b"text/plain (x); charset=us-ascii", b"text/plain", {b"charset": b"us-ascii"}),
        (b"attachment; filename=my file (1).pdf", b"attachment", {b"filename": b"my file (1).pdf"}),
        (b'attachment; filename="never closed', b"attachment", {b"filename": b"never closed"}),
        (b'attachment; filename="a" junk; x=y', b"attachment", {b"filename": b"a", b"x": b"y"}),
        (b"attachment; =x; novalue; filename=a", b"attachment", {b"filename": b"a"}),
        (b"attachment; filename=", b"attachment", {b"filename": b""}),
        (b"attachment; filename = a.txt ; size = 3", b"attachment", {b"filename": b"a.txt", b"size": b"3"}),
        (b"attachment; filename=\xe4.txt", b"attachment", {b"filename": b"\xe4.txt"}),
        (b"text/plain; a=1; A=2", b"text/plain", {b"a": b"1"}),
        (b'a/b; c="\\', b"a/b", {b"c": b""}),
        (b"", b"", {}),
        (b";;;", b"", {}),
    ],
)  # fmt: skip
def test_values_are_taken_apart(value: bytes, main: bytes, expected: dict[bytes, bytes]) -> None:
    assert parse_value(value) == (main, tuple(expected.items()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'a; n*0="one "; n*1="two"', ((b"n", b"one two"),)),
        (b'a; n*1="two"; n*0="one "', ((b"n", b"one two"),)),
        (b"a; n*=utf-8''%C3%A6", ((b"n*", b"utf-8''%C3%A6"),)),
        (b"a; n*0*=utf-8'is'%C3; n*1*=%A6; n*2=\"a b%\"", ((b"n*", b"utf-8'is'%C3%A6a%20b%25"),)),
        (b"a; n*0=plain; n*1*=%41", ((b"n*", b"''plain%41"),)),
        (b"a; x=1; n*0=a; y=2", ((b"x", b"1"), (b"y", b"2"), (b"n", b"a"))),
        (b"a; *0=x; n*abc=y", ((b"*0", b"x"), (b"n*abc", b"y"))),
    ],
)
def test_continuations_are_put_together(value: bytes, expected: object) -> None:
    assert parse_value(value)[1] == expected


def test_the_extended_form_of_a_parameter_wins_and_is_decoded() -> None:
    _, found = parse_value(b"a; filename=ae.txt; filename*=utf-8''%C3%A6.txt")
    assert parameter_text(found, b"filename") == "æ.txt"
    assert parameter_text(found, b"name") is None


def test_encoded_words_in_parameters_are_decoded_although_no_standard_allows_them() -> None:
    _, found = parse_value(b'a; name="=?iso-8859-1?q?=E6?=.txt"')
    assert parameter_text(found, b"name") == "æ.txt"


@pytest.mark.parametrize("value", [b"", b"'", b"''", b"x", b"utf-8'", b"nonsense''%e6", b"utf-8''%zz%", b"''\xff"])
def test_broken_extended_values_give_some_text(value: bytes) -> None:
    assert decode_extended(value).encode().decode() is not None


def test_parameters_beyond_the_limit_are_not_read() -> None:
    many = b"a" + b"".join(b"; p%d=%d" % (n, n) for n in range(parameters.MAX_PARAMETERS * 2))
    assert len(parse_value(many)[1]) == parameters.MAX_PARAMETERS
    assert parse_value(b"a; b=" + b"x" * parameters.MAX_FIELD * 2)[1][0][1].count(b"x") < parameters.MAX_FIELD


@pytest.mark.parametrize(
    "piece", [b"a", b";", b"=", b'"', b"\\", b"(", b"()", b" ", b"a=", b'a="', b"*", b"a*0=", b"a=b "]
)
def test_no_repetition_takes_more_than_linear_time(piece: bytes) -> None:
    started = time.process_time()
    for prefix in (b"a/b;", b"", b'a/b; x="'):
        parse_value(prefix + piece * (2_000_000 // len(piece)))
    assert time.process_time() - started < 1


@given(
    st.lists(st.sampled_from(list(b"a;=\"\\() *0'%\xe4")).map(lambda code: bytes((code,))), max_size=40).map(b"".join)
)
def test_any_bytes_give_parameters_with_a_text(value: bytes) -> None:
    _, found = parse_value(value)
    assert len({name for name, _ in found}) == len(found)
    for name, _ in found:
        text = parameter_text(found, name.removesuffix(b"*"))
        assert text is None or text.encode() is not None


@given(st.text(max_size=40))
def test_extended_values_survive_being_written_and_read(text: str) -> None:
    assert decode_extended(encode_extended(text)) == text.encode("utf-8", "replace").decode()


@given(st.text("abcæ -.;\"'\\()%*=", min_size=1, max_size=60))
def test_parameters_written_by_the_standard_library_are_read(name: str) -> None:
    part = Message()
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    main, found = parse_value(str(part["content-disposition"]).encode())
    assert (main, parameter_text(found, b"filename")) == (b"attachment", name)
