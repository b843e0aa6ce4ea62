"""The note to the tenant: complete, sourced, and honest about what is not known."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction import reasons
from jurisdiction.atlas import Atlas
from jurisdiction.bundle import load
from jurisdiction.explain import explain
from jurisdiction.homing import Home
from jurisdiction.note import Note, Paragraph, render
from jurisdiction.policy import Policy
from jurisdiction.presets import PRESETS, from_preset
from jurisdiction.questions import Verdict
from jurisdiction.sentences import OBLIGATIONS, PLAIN, VERDICTS, WITH_ARGUMENTS, in_english, obligation, reason

TODAY = date(2026, 11, 21)
REYKJAVIK = Home("is-1", "IS", ("IS",))


def paragraphs(note: Note, atlas: Atlas) -> list[tuple[str, Paragraph]]:
    """Every paragraph of a note with what it says in English."""
    return [(in_english(one.said, atlas), one) for section in note.sections for one in section.paragraphs]


def note_text(atlas: Atlas, policy: Policy, home: Home = REYKJAVIK, today: date = TODAY) -> str:
    return " ".join(render(explain(policy, atlas, home, today), atlas).split())


def test_every_code_has_a_sentence(atlas: Atlas) -> None:
    assert set(PLAIN) | set(WITH_ARGUMENTS) == reasons.CODES
    assert set(OBLIGATIONS) | {reasons.MOVE_BEFORE} == reasons.OBLIGATIONS
    assert set(VERDICTS) == set(Verdict)
    assert "the Five Eyes" in in_english([reason("CTRL_DENIED:US:FVEY", atlas)], atlas)
    assert in_english([reason("MOVE_TO:NL", atlas)], atlas).endswith("allows is the Netherlands.")
    assert "2027-07-01" in in_english([obligation("MOVE_BEFORE:2027-07-01")], atlas)
    with pytest.raises(KeyError):
        reason("NO_SUCH_CODE", atlas)


def test_the_note_reads_like_a_lawyers_with_numbered_sources(atlas: Atlas) -> None:
    text = render(explain(from_preset("iceland-only", atlas, TODAY), atlas, REYKJAVIK, TODAY), atlas)
    for heading in (
        "In short",
        "Where mail may lie today",
        "Sending mail",
        "The law in Iceland",
        "What is not known, and counsel should answer",
        "Sources",
    ):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in text
    assert "(6 months; Act 70/2022 art. 89(3))" in " ".join(text.split())
    assert "https://lagasafn.hi.is/2022070.html" in text
    assert "no legal advice" in " ".join(text.split()) or "not legal advice" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if "https://" not in line) <= 100


def test_what_is_not_verified_is_said_as_loudly_as_what_is(atlas: Atlas) -> None:
    text = note_text(atlas, from_preset("iceland-only", atlas, TODAY))
    assert "It is not known whether a mail provider must keep metadata of messages (Act 70/2022 art. 89(3))." in text
    assert "UNVERIFIED: no source settles it" in text
    assert "Whether in Iceland a provider can be made to decrypt" in text
    assert "Questions for counsel, which no source settles: 3." in text


def test_facts_past_their_review_are_called_unverified(atlas: Atlas) -> None:
    later = note_text(atlas, from_preset("iceland-only", atlas, TODAY), today=date(2027, 3, 1))
    assert later.count("UNVERIFIED: its review is overdue") >= 5


def test_an_excluded_cell_is_said_first(atlas: Atlas) -> None:
    note = explain(from_preset("iceland-only", atlas, TODAY), atlas, Home("no-1", "NO", ("NO",)), TODAY)
    assert note.sections[0].title.form == "In short"
    assert "does not let mail lie in the cell no-1 in Norway" in paragraphs(note, atlas)[1][0]


def test_laws_on_their_way_are_told_where_they_matter(atlas: Atlas) -> None:
    text = note_text(atlas, from_preset("outside-five-eyes", atlas, TODAY))
    assert "On its way in Switzerland: Second consultation" in text
    assert (
        "Germany: Bill on keeping IP addresses for three months. It is before the government. It has no date." in text
    )
    assert "Canada" not in text
    assert "e-Evidence) applies" not in text  # it has applied since August


def test_countries_decided_alike_share_a_sentence(atlas: Atlas) -> None:
    note = explain(from_preset("eea-deliverability", atlas, TODAY), atlas, REYKJAVIK, TODAY)
    places = next(section for section in note.sections if section.title.form == "Where mail may lie today")
    assert len(places.paragraphs) == 5
    said = [in_english(one.said, atlas) for one in places.paragraphs]
    assert any("Germany" in one and "the Netherlands" in one for one in said)


def test_a_fact_named_by_the_policy_is_cited(atlas: Atlas) -> None:
    policy = Policy(allow=("IS", "NZ"), deny_facts=("provider_decryption_duty",))
    note = explain(policy, atlas, REYKJAVIK, TODAY)
    cited = [one for text, one in paragraphs(note, atlas) if "New Zealand, on machines" in text]
    assert any("NZ.provider_decryption_duty" in one.facts and "ticsa10" in one.sources for one in cited)
    assert "ticsa10" in note.sources()


def test_denmark_is_told_apart_with_its_source(atlas: Atlas) -> None:
    note = explain(from_preset("iceland-only", atlas, TODAY), atlas, REYKJAVIK, TODAY)
    text, order = next((text, one) for text, one in paragraphs(note, atlas) if "from Denmark" in text)
    assert "Not answered here" in text
    assert order.facts == ("DK.eevidence_bound",)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("home", [REYKJAVIK, Home("no-1", "NO", ("NO", "US")), Home("us-1", "US", ("??",))])
def test_every_preset_can_be_explained_for_every_cell(atlas: Atlas, preset: str, home: Home) -> None:
    note = explain(from_preset(preset, atlas, TODAY), atlas, home, TODAY)
    text = render(note, atlas)
    for number, source in enumerate(note.sources(), start=1):
        assert f"[{number}] {atlas.sources[source].title[:30]}" in text
    assert "??" not in text
    assert "{" not in text


REAL = load()


@given(
    st.builds(
        Policy,
        allow=st.lists(st.sampled_from(sorted(REAL.countries)), unique=True, max_size=4).map(tuple),
        deny_blocs=st.lists(st.sampled_from(sorted(REAL.blocs)), unique=True).map(tuple),
        deny_facts=st.lists(st.sampled_from(sorted(REAL.keys)), unique=True, max_size=3).map(tuple),
        egress_plain_deny_blocs=st.lists(st.sampled_from(sorted(REAL.blocs)), unique=True).map(tuple),
    )
)
def test_any_policy_can_be_explained(policy: Policy) -> None:
    assert render(explain(policy, REAL, REYKJAVIK, TODAY), REAL).endswith("\n")


def test_power_over_the_machines_is_said_and_why_owners_count(atlas: Atlas) -> None:
    policy = from_preset("iceland-only", atlas, TODAY)
    assert "power over them lies in Iceland alone" in note_text(atlas, policy)
    shared = note_text(atlas, policy, Home("is-1", "IS", ("IS", "CH")))
    assert "power over them lies in Iceland and Switzerland alone" in shared
    assert "who has power over them is not known" in note_text(atlas, policy, Home("is-1", "IS", ("IS", "??")))
    assert "in the United States providers must produce data in their possession" in note_text(atlas, policy)


def test_the_note_names_the_facts_and_the_policy_it_was_made_from(atlas: Atlas) -> None:
    policy = from_preset("iceland-only", atlas, TODAY)
    text = note_text(atlas, policy)
    assert f"facts bundle {atlas.serial}" in text
    assert policy.digest()[:16] in text
