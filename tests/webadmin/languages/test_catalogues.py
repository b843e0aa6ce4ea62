"""Languages: what is compiled is what is written, and every marked text is translated, wholly and with its parts."""

from __future__ import annotations

import gettext
import io

import pytest
from django.conf import settings

from tests.webadmin import pseudo
from webadmin.languages import catalogues
from webadmin.languages.catalogues import Entry
from webadmin.languages.marked import Marked

ENGLISH = "en"


def test_there_is_a_catalogue_for_every_language_of_the_chooser() -> None:
    assert catalogues.languages() == sorted(code for code, _name in settings.LANGUAGES if code != ENGLISH)


@pytest.mark.parametrize("language", catalogues.languages())
def test_the_compiled_catalogue_is_that_of_the_written_one(language: str) -> None:
    fresh = catalogues.compiled(catalogues.read(language))
    assert catalogues.po(language).with_suffix(".mo").read_bytes() == fresh, (
        "run python -m webadmin.languages.catalogues"
    )


@pytest.mark.parametrize("language", catalogues.languages())
def test_every_marked_text_is_translated(language: str) -> None:
    found = list(catalogues.problems(catalogues.read(language), pseudo.everything()))
    assert not found, "run python -m webadmin.languages.catalogues and translate:\n" + "\n".join(found)


SOURCE = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#. a comment
#, python-format
msgid "Wait %(seconds)d second"
msgid_plural "Wait %(seconds)d seconds"
msgstr[0] "Bíddu í %(seconds)d sekúndu"
msgstr[1] "Bíddu í %(seconds)d sekúndur"

#, fuzzy
msgid "Sign in"
msgstr "Skrá út"

msgid "Two\n"
"lines"
msgstr "Tvær\n"
"línur"

msgid "Country"
msgstr ""

msgctxt "a verb"
msgid "State"
msgstr "Greindu frá"

#~ msgid "Old"
#~ msgstr "Gamalt"
"""


def test_a_catalogue_is_read_as_gettext_reads_it() -> None:
    read = gettext.GNUTranslations(io.BytesIO(catalogues.compiled(catalogues.parse(SOURCE))))
    assert read.ngettext("Wait %(seconds)d second", "Wait %(seconds)d seconds", 2) == "Bíddu í %(seconds)d sekúndur"
    assert read.gettext("Two\nlines") == "Tvær\nlínur"
    assert read.pgettext("a verb", "State") == "Greindu frá"
    assert read.gettext("Sign in") == "Sign in"
    assert read.gettext("Country") == "Country"
    assert read.gettext("Old") == "Old"


def test_what_is_written_is_read_again() -> None:
    entries = [one for one in catalogues.parse(SOURCE) if not one.fuzzy]
    entries.append(Entry('A "quote" and a \\', translations=["Ein „Zitat“ und ein \\\t"]))
    assert catalogues.parse(catalogues.write(entries)) == entries


def test_what_is_missing_unsure_or_does_not_fit_is_found() -> None:
    entries = catalogues.parse(SOURCE)
    assert list(catalogues.problems(entries)) == ["not translated: Sign in", "not translated: Country"]
    assert "not in the catalogue: Name" in catalogues.problems(entries, [Marked("Name")])
    for wrong in ("Bíddu í %(minutes)d sekúndur", "Bíddu í sekúndur"):
        changed = catalogues.parse(SOURCE.replace("Bíddu í %(seconds)d sekúndur", wrong))
        assert "other placeholders than the original: Wait %(seconds)d second" in catalogues.problems(changed)
    fewer = catalogues.parse(SOURCE.replace('msgstr[1] "Bíddu í %(seconds)d sekúndur"\n', ""))
    assert "not as many forms as the language has: Wait %(seconds)d second" in catalogues.problems(fewer)


def test_bringing_up_to_date_keeps_what_is_sure_and_guesses_nothing() -> None:
    wanted = [Marked("State", context="a verb"), Marked("Sign in"), Marked("%(n)s day", "%(n)s days")]
    header, state, sign_in, days = catalogues.merged(catalogues.parse(SOURCE), wanted)
    assert "nplurals=2" in header.translations[0]
    assert state.translations == ["Greindu frá"]
    assert sign_in.translations == [""]
    assert days.translations == ["", ""]
