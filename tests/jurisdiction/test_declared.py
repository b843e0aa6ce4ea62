"""Places that an operator declares, line by line, and how much they count beside a dataset."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction.atlas import Atlas
from jurisdiction.declared import DeclaredPlace, PlacesErrors, read, weigh
from jurisdiction.geo import AGREE, CONFLICT, NOT_A_COUNTRY, NOT_KNOWN, Located
from tests.notaries import atlas as installed

UNKNOWN = Located(NOT_KNOWN, "??", "??", "??", "")


def test_the_smallest_network_counts_whatever_the_order(atlas: Atlas) -> None:
    lines = ["10.0.0.0/8 = DE", "10.1.0.0/16 = IS", "10.1.2.0/24 = NO / US CH", "fd00::/8=SE/??", "# a remark", ""]
    for ordered in (lines, lines[::-1]):
        places = read(ordered, atlas.countries)
        found = {name: places.find(name) for name in ("10.9.9.9", "10.1.9.9", "::ffff:10.1.2.3", "fd00::1", "11.0.0.1")}
        known = {name: (place.country, place.owners) for name, place in found.items() if place}
        assert known == {
            "10.9.9.9": ("DE", ("DE",)),
            "10.1.9.9": ("IS", ("IS",)),
            "::ffff:10.1.2.3": ("NO", ("US", "CH")),
            "fd00::1": ("SE", ("??",)),
        }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("10.0.0.1/8 = IS", "is no network"),
        ("example.is = IS", "is no network"),
        ("10.0.0.0/8", "has no country"),
        ("10.0.0.0/8 =", "unknown country ''"),
        ("10.0.0.0/8 = is", "unknown country 'is'"),
        ("10.0.0.0/8 = UK", "unknown country 'UK'"),
        ("10.0.0.0/8 = ??", "unknown country '??'"),
        ("10.0.0.0/8 = IS / ", "has no country"),
        ("10.0.0.0/8 = IS / USA", "unknown country 'USA'"),
        ("10.0.0.0/8 = IS, NO", "unknown country 'IS, NO'"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_remedy(atlas: Atlas, line: str, complaint: str) -> None:
    with pytest.raises(PlacesErrors) as caught:
        read([line, "10.0.0.0/33 = IS"], atlas.countries)
    assert complaint in str(caught.value)
    assert "10.0.0.0/33" in str(caught.value), "all problems at once"


def test_a_network_is_declared_once(atlas: Atlas) -> None:
    with pytest.raises(PlacesErrors, match="declared twice"):
        read(["10.0.0.0/8=IS", "10.0.0.0/8=NO"], atlas.countries)


@given(st.text(max_size=60))
def test_any_line_is_read_or_refused(line: str) -> None:
    with suppress(PlacesErrors):
        read([line], installed().countries)


def place(country: str) -> DeclaredPlace:
    [found] = read([f"10.0.0.0/8={country}"], installed().countries).places
    return found


@pytest.mark.parametrize(
    ("located", "verdict", "country"),
    [
        (UNKNOWN, AGREE, "IS"),
        (Located(NOT_A_COUNTRY, "??", "??", "??", ""), AGREE, "IS"),
        (Located(AGREE, "IS", "IS", "IS", ""), AGREE, "IS"),
        (Located(NOT_KNOWN, "??", "IS", "??", ""), AGREE, "IS"),
        (Located(AGREE, "US", "US", "US", ""), CONFLICT, "??"),
        (Located(NOT_KNOWN, "??", "US", "??", ""), CONFLICT, "??"),
        (Located(CONFLICT, "??", "IS", "US", ""), CONFLICT, "??"),
    ],
)
def test_a_declaration_fills_a_gap_and_outvotes_nobody(located: Located, verdict: str, country: str) -> None:
    found = weigh(place("IS"), located)
    assert (found.located.verdict, found.located.country, found.owners) == (verdict, country, ("IS",))
    assert weigh(None, located).located == located
