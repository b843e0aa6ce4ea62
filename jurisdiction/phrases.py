"""Sentences as values: what is said, and apart from it what is put in, so that any language can say it.

A `Phrase` is an English form with named places, `Mail may lie in {countries}.`, and the parts that go there: countries,
names out of the data, lists of those, days, numbers, other phrases. `spoken` says it in a `Tongue`; `English` is the
one that needs no catalogue. A `Quote` is said in every language as it was found: statutes, titles, citations.

Nothing is translated here, and nothing that was said is taken apart again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from jurisdiction.atlas import Atlas

ARTICLES: Final = (
    "United ",
    "British ",
    "Central ",
    "Dominican ",
    "Faroe ",
    "Marshall ",
    "Solomon ",
    "Cayman ",
    "Cook ",
)
WITH_ARTICLE: Final = frozenset({"NL", "PH", "BS", "GM", "MV", "SC", "VI", "KM", "VA", "CD", "CG"})


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its code."""

    code: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name out of the data, in English: of a bloc, or what a law says."""

    english: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Several things of a kind: Iceland, Norway and Finland."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a source or of the facts' authors, which stay in the language they were found in."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """`form` is English, with a `{name}` for each of the parts."""

    form: str
    parts: Mapping[str, "Part"]


type Part = str | int | date | Country | Name | Listed | Phrase
type Said = Phrase | Quote


class Tongue(Protocol):
    """A language. Each method says one kind of part; what a language has no word for it says in English."""

    def form(self, english: str) -> str:
        """The form in this language, with the same places."""

    def name(self, english: str) -> str:
        """A name out of the data."""

    def country(self, code: str) -> str:
        """A country's name, as it stands in a sentence."""

    def listed(self, names: Sequence[str]) -> str:
        """Names in a row, with this language's "and"."""


@dataclass(frozen=True, slots=True)
class English:
    """The language in which everything is written here."""

    atlas: Atlas

    def form(self, english: str) -> str:
        return english

    def name(self, english: str) -> str:
        return english

    def country(self, code: str) -> str:
        return in_words(self.atlas, code)

    def listed(self, names: Sequence[str]) -> str:
        return listed(names)


def phrase(form: str, **parts: Part) -> Phrase:
    """A phrase; the parts by the names that its form has for them."""
    return Phrase(form, parts)


def spoken(said: Said, tongue: Tongue) -> str:
    """A sentence in a language, its first letter a capital one unless a name stands there."""
    if isinstance(said, Quote):
        return said.text
    text = _say(said, tongue)
    begins_with_law = said.form.startswith("{law}")
    return f"{text[:1].upper()}{text[1:]}" if begins_with_law else text


def in_a_row(said: Sequence[Said], tongue: Tongue) -> str:
    """Several sentences, one after the other."""
    return " ".join([spoken(one, tongue) for one in said])


def _say(part: Part, tongue: Tongue) -> str:
    match part:
        case Phrase(form, parts):
            return tongue.form(form).format(**{name: _say(one, tongue) for name, one in parts.items()})
        case Country(code):
            return tongue.country(code)
        case Name(english):
            return tongue.name(english)
        case Listed(parts):
            return tongue.listed([_say(one, tongue) for one in parts])
        case date():
            return part.isoformat()
    return str(part)


def countries(codes: Sequence[str]) -> Listed:
    """Countries in a row."""
    return Listed(tuple(Country(code) for code in codes))


def in_words(atlas: Atlas, country: str) -> str:
    """The country's name as an English sentence needs it: Iceland, the United States."""
    name = atlas.country_name(country)
    return f"the {name}" if name.startswith(ARTICLES) or country in WITH_ARTICLE else name


def listed(names: Sequence[str]) -> str:
    """Iceland; Iceland and Norway; Iceland, Norway and Finland."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
