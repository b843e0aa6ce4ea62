"""Evidence of grade B: where the DNS leads for the cell's own name."""

from __future__ import annotations

import pytest

from jurisdiction.geo import Located
from jurisdiction.models import EvidenceItem
from jurisdiction.records import evidence
from tests.provision import house

pytestmark = pytest.mark.django_db
IS1, TODAY = house.NOTARY, house.NOW.date()
HERE = Located("agree", "IS", "IS", "IS", "")
ABROAD = Located("agree", "US", "US", "US", "")
LOST = Located("unknown", "??", "??", "??", "")


@pytest.mark.parametrize(
    ("places", "supports"),
    [
        ([HERE], "IS"),
        ([HERE, HERE], "IS"),
        ([HERE, ABROAD], ""),
        ([LOST, ABROAD], ""),
        ([HERE, LOST], None),
        ([LOST], None),
        ([], None),
    ],
)
def test_a_walk_speaks_for_the_country_only_where_every_address_is_there(
    places: list[Located], supports: str | None
) -> None:
    row = evidence.walked(places, IS1, TODAY)
    assert (None if row is None else row.supports) == supports
    assert EvidenceItem.objects.filter(kind="dns-walk").exists() == (supports is not None)


def test_a_walk_gives_grade_b_and_no_address_is_kept() -> None:
    evidence.declare(IS1, TODAY)
    evidence.walked([HERE], IS1, TODAY)
    assessed = evidence.assessment(evidence.current(IS1), IS1, TODAY)
    assert assessed.grade == "B"
    assert set(EvidenceItem.objects.get(kind="dns-walk").summary) & set(".") == set()
