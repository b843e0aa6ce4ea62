"""Tag lists, read and written (RFC 6376 §3.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.tagvalue import MAX_TAGS, BadTagList, binary, number, parse_tags, words, write_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a=1", {"a": "1"}),
        ("a=1;", {"a": "1"}),
        (" a = 1 ;\r\n\tb=2; ", {"a": "1", "b": "2"}),
        ("a=", {"a": ""}),
        ("a=x=y==", {"a": "x=y=="}),
        ("a=two words", {"a": "two words"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("long_Name9=é", {"long_Name9": "é"}),
        ("", {}),
    ],
)
def test_lists_are_read(text: str, tags: dict[str, str]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize(
    "text", ["a", "=1", ";a=1", "a=1;;b=2", "a=1; a=2", "1a=1", "a-b=1", "a=\x00", "a=1; b=\x7f", "é=1"]
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(BadTagList):
        parse_tags(text)


def test_a_list_has_a_limited_number_of_tags() -> None:
    parse_tags(";".join(f"t{n}=" for n in range(MAX_TAGS)))
    with pytest.raises(BadTagList, match="more than"):
        parse_tags(";".join(f"t{n}=" for n in range(MAX_TAGS + 1)))


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(
    st.characters(
        min_codepoint=0x21,
        max_codepoint=0x2FFF,
        exclude_characters=";\x7f",
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"],
    )
)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_list_round_trips_in_order(tags: dict[str, str]) -> None:
    again = parse_tags(write_tags(tags))
    assert list(again.items()) == list(tags.items())


@given(st.text(max_size=60))
def test_rubbish_raises_nothing_else(text: str) -> None:
    try:
        parse_tags(text)
    except BadTagList:
        return


def test_values_of_the_three_kinds() -> None:
    assert words(" from : to::\r\n subject ") == ("from", "to", "subject")
    assert number({"t": "12"}, "t") == 12
    assert number({}, "t") is None
    assert binary({"b": "aGVs\r\n\tbG8="}, "b") == b"hello"


@pytest.mark.parametrize("value", ["", "-1", "1.5", "१", "1" * 13, "0x1"])
def test_numbers_are_ascii_digits(value: str) -> None:
    with pytest.raises(BadTagList):
        number({"t": value}, "t")


@pytest.mark.parametrize("value", ["", "  ", "a", "a===", "äöü=", "aGVsbG8=x"])
def test_base64_is_strict(value: str) -> None:
    with pytest.raises(BadTagList):
        binary({"b": value}, "b")
