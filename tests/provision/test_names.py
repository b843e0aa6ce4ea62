"""Names as people type them, and the one form that is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.provision import names
from mailhost.provision.errors import BadName


@pytest.mark.parametrize("text", ["a", "harbour", "h-1", "9", "a" * 40])
def test_a_slug_is_lower_case_letters_digits_and_inner_dashes(text: str) -> None:
    assert names.slug(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a b", "a_b", "é", "a" * 41, "a\n", "../x"])
def test_other_slugs_are_refused_with_the_rule(text: str) -> None:
    with pytest.raises(BadName, match="lower-case letters"):
        names.slug(text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Example.IS", "example.is"),
        ("example.is.", "example.is"),
        (" example.is ", "example.is"),
        ("bar.test", "bar.test"),
        ("München.example", "xn--mnchen-3ya.example"),
    ],
)
def test_a_domain_is_stored_in_a_labels_and_lower_case(text: str, stored: str) -> None:
    assert names.domain(text) == stored


@pytest.mark.parametrize("text", ["", "localhost", "192.0.2.1", "a..b", "-a.is", "a_b.is", "a" * 64 + ".is", "é" * 300])
def test_what_cannot_be_hosted_is_refused(text: str) -> None:
    with pytest.raises(BadName, match="cannot be hosted"):
        names.domain(text)


def test_two_spellings_of_an_address_are_one() -> None:
    assert str(names.address("ADA@Example.IS")) == str(names.address("ada@example.is")) == "ada@example.is"


@pytest.mark.parametrize(
    "text", ["ada", "@example.is", "ada@", '"a da"@example.is', "a..b@example.is", "ada@[192.0.2.1]"]
)
def test_an_address_that_programs_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        names.address(text)


@given(st.text(max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    for reader in (names.slug, names.domain, names.address):
        try:
            stored = reader(text)
        except BadName:
            continue
        assert str(reader(str(stored))) == str(stored), "the stored form is its own normal form"
