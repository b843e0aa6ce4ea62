"""Languages: what is compiled is what is written, and a catalogue that calls itself whole is."""

from __future__ import annotations

import gettext
import io

import pytest
from django.conf import settings

from webadmin import catalogues

ENGLISH = "en"


def test_there_is_a_catalogue_for_every_language_of_the_chooser() -> None:
    assert catalogues.languages() == sorted(code for code, _name in settings.LANGUAGES if code != ENGLISH)


@pytest.mark.parametrize("language", catalogues.languages())
def test_the_compiled_catalogue_is_that_of_the_written_one(language: str) -> None:
    source = catalogues.po(language)
    fresh = catalogues.compiled(catalogues.parse(source.read_text(encoding="utf-8")))
    assert source.with_suffix(".mo").read_bytes() == fresh, "run python -m webadmin.catalogues"


@pytest.mark.parametrize("language", catalogues.languages())
def test_a_catalogue_that_says_it_is_whole_is_whole(language: str) -> None:
    entries = catalogues.parse(catalogues.po(language).read_text(encoding="utf-8"))
    found = list(catalogues.problems(entries))
    if catalogues.COMPLETE in entries[0].translations[0]:
        assert not found, "\n".join(found)
    else:
        # Not whole yet: what is there must still fit its original.
        assert not [one for one in found if one.startswith("other placeholders")]


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


def test_what_is_missing_unsure_or_does_not_fit_is_found() -> None:
    assert list(catalogues.problems(catalogues.parse(SOURCE))) == ["not translated: Sign in", "not translated: Country"]
    wrong = SOURCE.replace("Bíddu í %(seconds)d sekúndur", "Bíddu í %(minutes)d sekúndur")
    assert "other placeholders than the original: Wait %(seconds)d second" in catalogues.problems(
        catalogues.parse(wrong)
    )
