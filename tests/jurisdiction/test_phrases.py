"""Sentences as values: said in English without a catalogue, and in any tongue part by part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pytest

from jurisdiction.atlas import STATUSES as STATUSES_OF_THE_DATA
from jurisdiction.atlas import Atlas
from jurisdiction.explain import LAWS, STAGES, STATUSES, explain
from jurisdiction.homing import Home
from jurisdiction.note import render
from jurisdiction.phrases import English, Listed, Name, Quote, countries, in_a_row, listed, phrase, spoken
from jurisdiction.presets import from_preset
from jurisdiction.readers import STAGES as STAGES_OF_THE_DATA


@dataclass(frozen=True)
class Marked:
    """A made-up language: each part says which kind it is."""

    def form(self, english: str) -> str:
        return f"<{english}>"

    def name(self, english: str) -> str:
        return f"name:{english}"

    def country(self, code: str) -> str:
        return f"country:{code}"

    def listed(self, names: Sequence[str]) -> str:
        return "+".join(names)


def test_english_needs_no_catalogue(atlas: Atlas) -> None:
    said = phrase("Mail may lie in {countries} until {day}.", countries=countries(["IS", "US"]), day=date(2027, 1, 2))
    assert spoken(said, English(atlas)) == "Mail may lie in Iceland and the United States until 2027-01-02."


def test_every_part_is_said_by_the_tongue() -> None:
    blocs = Listed((Name("Five Eyes"), phrase("inner {n}", n=3)))
    said = phrase("{blocs}: {country} and {cell}", blocs=blocs, country=countries(["NO"]), cell="is-1")
    assert spoken(said, Marked()) == "<name:Five Eyes+<inner 3>: country:NO and is-1>"


def test_a_quotation_is_said_as_it_was_found() -> None:
    assert in_a_row([phrase("It is so"), Quote("(Act {70}/2022).")], Marked()) == "<It is so> (Act {70}/2022)."


def test_what_is_put_in_is_never_taken_for_a_place(atlas: Atlas) -> None:
    assert spoken(phrase("In the cell {cell}.", cell="{country} {0}"), English(atlas)) == "In the cell {country} {0}."


def test_a_law_at_the_front_begins_with_a_capital(atlas: Atlas) -> None:
    assert spoken(phrase("{law}", law=Name("a provider must")), English(atlas)) == "A provider must"
    assert spoken(phrase("{cell} is new", cell="is-1"), English(atlas)) == "is-1 is new"


def test_names_in_a_row() -> None:
    assert [listed(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == ["", "A", "A and B", "A, B and C"]


@pytest.mark.parametrize("preset", ["iceland-only", "eea-deliverability"])
def test_a_whole_note_is_said_by_the_tongue_alone(atlas: Atlas, preset: str) -> None:
    today = date(2026, 11, 21)
    note = explain(from_preset(preset, atlas, today), atlas, Home("is-1", "IS", ("IS",)), today)
    for section in note.sections:
        for one in section.paragraphs:
            for said in one.said:
                text = spoken(said, Marked())
                assert isinstance(said, Quote) or (text.startswith("<") and text.endswith(">"))
    assert "country:IS" in render(note, atlas, Marked())


def test_every_stage_status_and_state_of_the_data_has_a_sentence() -> None:
    assert set(STAGES) == set(STAGES_OF_THE_DATA)
    assert set(STATUSES) == STATUSES_OF_THE_DATA - {"in_force"}
    assert set(LAWS) == {"yes", "no", "unknown"}
