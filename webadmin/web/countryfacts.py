"""What the law of a country says about mail that lies there, as sentences with their sources, for people to read.

From the same facts that decisions are made from (`jurisdiction.atlas`): in force today, unverified ones marked as
such. Nothing here is legal advice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _

from jurisdiction.atlas import Atlas, Fact, Source
from jurisdiction.explain import detail_of
from webadmin.languages import spoken

# What a newcomer asks first; the region's own page has all of them.
FIRST: Final = (
    "police_access",
    "provider_decryption_duty",
    "mail_metadata_retention_duty",
    "telecom_retention",
    "content_retention",
    "sigint_bloc",
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One fact in words. References and titles of sources are in the language they were found in."""

    sentence: str
    detail: str
    verified: bool
    legal_ref: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A country and what is known about it."""

    country: str
    facts: tuple[Sentence, ...]


def of_country(code: str, atlas: Atlas, today: date, keys: tuple[str, ...] = FIRST) -> Place:
    """The facts under these keys, in their order."""
    known = [fact for fact in atlas.facts_about(code) if fact.first_day <= today <= fact.last_day]
    facts = [_sentence(fact, atlas, today) for key in keys for fact in known if fact.key == key]
    return Place(spoken.country(atlas, code), tuple(facts))


def _sentence(fact: Fact, atlas: Atlas, today: date) -> Sentence:
    law = spoken.name(atlas.keys[fact.key].sentence)
    start = {
        "yes": f"{law[0].upper()}{law[1:]}",
        "no": _("Not so here: %(law)s") % {"law": law},
        "unknown": _("Unclear whether %(law)s") % {"law": law},
    }[fact.state]
    detail = spoken.name(detail_of(fact, atlas))
    sources = tuple(atlas.sources[name] for name in fact.sources if name in atlas.sources)
    return Sentence(start, detail, fact.settled(today), fact.legal_ref, sources)
