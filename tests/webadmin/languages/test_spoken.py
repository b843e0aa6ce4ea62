"""What pure packages say, in the reader's language: whole sentences, shapes, names, and several in a row."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from jurisdiction.atlas import Atlas
from jurisdiction.phrases import Quote, countries, phrase
from mailhost.provision.errors import CannotProvision
from webadmin.cell import notarial
from webadmin.languages import spoken


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return notarial.installed()


def test_a_sentence_is_said_in_the_readers_language() -> None:
    with override("de"):
        assert spoken.text("Mail for your domain does not reach us.") == "Mail für Ihre Domain erreicht uns nicht."


def test_what_was_put_into_a_sentence_stays_as_it_is() -> None:
    with override("is"):
        said = spoken.text("info@example.is leads to ada@example.is already")
    assert said == "info@example.is leiðir þegar til ada@example.is"


def test_what_was_put_in_may_look_like_a_place() -> None:
    with override("de"):
        assert spoken.text("{name} is in your list already") == "{name} steht schon in Ihrer Liste"


def test_several_sentences_are_taken_one_by_one() -> None:
    with override("fr"):
        said = spoken.text("The place is allowed. The move has to be finished before 2027-03-14. So it is.")
    assert said == "Le lieu est autorisé. Le déménagement doit être achevé avant le 2027-03-14. So it is."


def test_in_english_and_in_a_language_without_catalogue_nothing_changes() -> None:
    for language in ("en", "cy"):
        with override(language):
            assert spoken.text("The place is allowed.") == "The place is allowed."


def test_a_refusal_is_a_sentence_of_a_page() -> None:
    with override("ru"):
        assert spoken.refusal(CannotProvision("example.is is in your list already")) == (
            "example.is уже есть в вашем списке."
        )
    with override("en"):
        assert spoken.refusal(CannotProvision("there is no such session")) == "There is no such session."


def test_names_out_of_the_data_are_known(atlas: Atlas) -> None:
    with override("is"):
        assert spoken.country(atlas, "IS") == "Ísland"
        assert spoken.name("the Netherlands") == "Holland"
        assert spoken.name("the Five Eyes of example.is") == "the Five Eyes of example.is"
    with override("de"):
        assert "Vereinigte Staaten" in spoken.text("The first candidate that the policy allows is the United States.")


def test_recorded_reasons_are_said_and_what_nobody_knows_any_more_is_left_out(atlas: Atlas) -> None:
    with override("de"):
        said = spoken.reasons("LOC_OK BLOC_DENIED:LONG_GONE MOVE_TO:NO OF_ANOTHER_DAY", atlas)
    assert said == ("Der Ort ist erlaubt. Das erste Land, das in Frage kommt und das die Richtlinie erlaubt: Norwegen.")


def test_countries_have_their_article_in_english_only_and_lists_their_own_and(atlas: Atlas) -> None:
    form = phrase("Mail may lie in {countries}.", countries=countries(["US", "IS"]))
    said = {}
    for language in ("en", "de", "is"):
        with override(language):
            said[language] = spoken.said([form], atlas)
    assert said == {
        "en": "Mail may lie in the United States and Iceland.",
        "de": "Mail darf in diesen Ländern liegen: Vereinigte Staaten und Island.",
        "is": "Póstur má vera í þessum löndum: Bandaríkin og Ísland.",
    }


def test_quotations_stand_apart_and_stay_as_they_were_found(atlas: Atlas) -> None:
    with override("fr"):
        law, reference = spoken.runs([phrase("This policy excludes it."), Quote("(Act 70/2022).")], atlas)
    assert (law.text, law.quoted) == ("Cette politique l’exclut.", False)
    assert (reference.text, reference.quoted) == ("(Act 70/2022).", True)


def test_states_have_words_and_what_has_none_stays() -> None:
    with override("de"):
        assert (spoken.word("held"), spoken.word("in_force"), spoken.word("sealed-by-hand")) == (
            "zurückgehalten",
            "in Kraft",
            "sealed-by-hand",
        )


def test_every_language_keeps_what_every_shape_of_sentence_is_given() -> None:
    for language in ("de", "fr", "is", "ru"):
        with override(language):
            said = spoken.text(
                "ada@example.is still has 3 mailboxes; export or delete them first, or add --with-mailboxes"
            )
        assert "ada@example.is" in said
        assert "--with-mailboxes" in said
