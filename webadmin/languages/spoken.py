"""What packages without Django say, in the reader's language.

A sentence that is a value (`jurisdiction.phrases`) is said by `said` in the tongue of its `Reader`. Other refusals,
reasons and DNS causes are English sentences made by pure packages, some of them kept in the database. Each was
collected (`languages.marked`) by its shape: `{name} leads to {address} already`. Here the shape of a sentence that has
been said is recognised, and its translation gets the same things put into it. Several sentences in a row are taken one
by one. What nobody translated stays as it is: a reader is better served by English than by nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.utils.translation import get_language, gettext, gettext_noop, override, pgettext
from django.utils.translation import gettext as _

from jurisdiction import phrases
from jurisdiction.atlas import Atlas
from jurisdiction.phrases import Quote, Said
from jurisdiction.sentences import reason
from mailhost.message.letter import Say
from webadmin.languages import catalogues
from webadmin.languages.marked import NAME

_BETWEEN: Final = re.compile(r"(?<=[.!?:]) (?=[A-Z])")
# States, verdicts and the stages of laws as pages call them; the program keeps the short names.
_WORDS: Final = {
    "active": gettext_noop("active"),
    "held": gettext_noop("held"),
    "suspended": gettext_noop("suspended"),
    "leaving": gettext_noop("leaving"),
    "waiting": gettext_noop("waiting"),
    "running": gettext_noop("running"),
    "done": gettext_noop("done"),
    "dead": gettext_noop("dead"),
    "allow": gettext_noop("allowed"),
    "deny": gettext_noop("denied"),
    "hold": gettext_noop("on hold"),
    "refer": gettext_noop("referred"),
    "counsel": gettext_noop("for counsel"),
    "plan": gettext_noop("a move to plan"),
    "none": gettext_noop("nothing to do"),
    "consultation": gettext_noop("in consultation"),
    "cabinet": gettext_noop("before the government"),
    "committee": gettext_noop("in committee"),
    "adopted": gettext_noop("adopted"),
    "published": gettext_noop("published"),
    "in_force": gettext_noop("in force"),
    "expiry": gettext_noop("runs out"),
    "watch": gettext_noop("watched"),
}
# The heading over a note's sources (`jurisdiction.note`): one word is too short to be collected as a sentence.
gettext_noop("Sources")
_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")


def text(said: str) -> str:
    """One or several sentences of a pure package."""
    language = get_language() or ""
    if not said or language not in catalogues.languages():
        return said
    whole = _one(said, language)
    if whole is not None:
        return whole
    parts, told = _BETWEEN.split(said), []
    while parts:
        # Sentences that were translated together come first, the longest row of them.
        row = next((n for n in range(len(parts), 1, -1) if _is_known(" ".join(parts[:n]))), 1)
        one, parts = " ".join(parts[:row]), parts[row:]
        told.append(_one(one, language) or one)
    return " ".join(told)


def _is_known(sentences: str) -> bool:
    return gettext(sentences) != sentences


def into(language: str) -> Say:
    """What a letter says in that language, whoever reads a page meanwhile."""

    def said(sentence: str) -> str:
        with override(language or "en"):
            return text(sentence)

    return said


def refusal(problem: Exception) -> str:
    """An expected error as a sentence of a page: a full stop, and a capital letter unless a name stands first."""
    said = text(str(problem))
    first = said.partition(" ")[0]
    if first.isalpha():
        said = f"{said[:1].upper()}{said[1:]}"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def word(value: str) -> str:
    """One of `_WORDS`; what is not among them is the program's own word and stays."""
    return gettext(_WORDS[value]) if value in _WORDS else value


def name(known: str) -> str:
    """A name out of the data: a country, a bloc, what a law says."""
    if not known:
        return ""
    bare = known.removeprefix("the ")
    return pgettext(NAME, bare) if pgettext(NAME, bare) != bare else pgettext(NAME, known)


def country(atlas: Atlas, code: str) -> str:
    """A country's name."""
    return name(atlas.country_name(code))


def reasons(because: str, atlas: Atlas) -> str:
    """The sentences of recorded reason codes, one space between. A code or bloc that today's facts no longer know has
    none: its record is older than they are, and pages show the code beside."""
    known = []
    for code in because.split():
        with suppress(KeyError):
            known.append(reason(code, atlas))
    return said(known, atlas)


@dataclass(frozen=True, slots=True)
class Reader:
    """The tongue of whoever reads the page; of a command, whatever language was switched on."""

    atlas: Atlas

    def form(self, english: str) -> str:
        return gettext(english)

    def name(self, english: str) -> str:
        return name(english)

    def country(self, code: str) -> str:
        known = phrases.in_words(self.atlas, code)
        if get_language() not in catalogues.languages():
            return known
        return pgettext(NAME, known.removeprefix("the "))

    def listed(self, names: Sequence[str]) -> str:
        if len(names) <= 1:
            return "".join(names)
        # Translators: the last two of several names, as in "Iceland, Norway and Finland".
        return _("%(names)s and %(last)s") % {"names": ", ".join(names[:-1]), "last": names[-1]}


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a paragraph; what is `quoted` stays in the language it was found in."""

    text: str
    quoted: bool


def runs(sentences: Sequence[Said], atlas: Atlas) -> list[Run]:
    """A paragraph in the reader's language, its quotations apart."""
    tongue = Reader(atlas)
    return [Run(phrases.spoken(one, tongue), isinstance(one, Quote)) for one in sentences]


def said(sentences: Sequence[Said], atlas: Atlas) -> str:
    """Sentences that are values, in the reader's language, one after the other."""
    return phrases.in_a_row(sentences, Reader(atlas))


def _one(said: str, language: str) -> str | None:
    """The translation of one sentence; None where there is none."""
    exact = gettext(said)
    if exact != said:
        return exact
    for pattern, shape in _shapes(language):
        found = pattern.fullmatch(said)
        if found and gettext(shape) != shape:
            return gettext(shape).format(**{key: name(value) for key, value in found.groupdict().items()})
    return None


@cache
def _shapes(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The catalogue's sentences with something to be put in, those that say most themselves first."""
    texts = [entry.text for entry in catalogues.read(language) if _PLACE.search(re.escape(entry.text))]
    texts.sort(key=lambda one: len(_PLACE.sub("", re.escape(one))), reverse=True)
    return tuple([(re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(one)), re.DOTALL), one) for one in texts])
