"""The jurisdiction presets as a founder meets them: in words, with what each costs, and on a small map.

Words, countries and costs come from the policies themselves and the facts (`jurisdiction`), so that this page promises
nothing that the decisions would not keep. A preset that would exclude this cell is not offered. The map is dots at the
places of capitals on a plain projection, drawn in SVG: filled where mail may lie, ringed where this cell stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _

from jurisdiction.atlas import Atlas
from jurisdiction.homing import Home, excludes
from jurisdiction.policy import Policy
from jurisdiction.presets import PRESETS, from_preset, home_policy
from webadmin.languages import spoken

HOME: Final = "home"  # the cell's country and no more: what a tenant without a preset gets
# Capitals of the countries that presets and cells name: degrees north and east.
CAPITALS: Final = {
    "AT": (48.2, 16.4), "BE": (50.8, 4.4), "BG": (42.7, 23.3), "CH": (46.9, 7.4), "CY": (35.2, 33.4),
    "CZ": (50.1, 14.4), "DE": (52.5, 13.4), "DK": (55.7, 12.6), "EE": (59.4, 24.8), "ES": (40.4, -3.7),
    "FI": (60.2, 24.9), "FR": (48.9, 2.4), "GB": (51.5, -0.1), "GR": (38.0, 23.7), "HR": (45.8, 16.0),
    "HU": (47.5, 19.0), "IE": (53.3, -6.3), "IS": (64.1, -21.9), "IT": (41.9, 12.5), "LI": (47.1, 9.5),
    "LT": (54.7, 25.3), "LU": (49.6, 6.1), "LV": (56.9, 24.1), "MT": (35.9, 14.5), "NL": (52.4, 4.9),
    "NO": (59.9, 10.8), "PL": (52.2, 21.0), "PT": (38.7, -9.1), "RO": (44.4, 26.1), "SE": (59.3, 18.1),
    "SI": (46.1, 14.5), "SK": (48.1, 17.1),
}  # fmt: skip
WEST, EAST, NORTH, SOUTH = -26.0, 36.0, 67.0, 33.0
WIDTH, HEIGHT = 240, 190


@dataclass(frozen=True, slots=True)
class Dot:
    """One country on the map; its place as text, since a template would write numbers as the reader's language does."""

    x: str
    y: str
    allowed: bool
    here: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One preset: what it means, what it costs, where mail may lie."""

    id: str
    name: str
    sentence: str
    costs: str
    countries: tuple[str, ...]
    dots: tuple[Dot, ...]


def policy_of(choice: str, home: Home, atlas: Atlas, today: date) -> Policy:
    """The policy behind a choice. Raises KeyError for one that is not offered."""
    if choice == HOME:
        return home_policy(home.country)
    return from_preset(choice, atlas, today)


def offered(home: Home, atlas: Atlas, today: date) -> list[Choice]:
    """What a founder may choose in this cell, the strictest first."""
    country = spoken.country(atlas, home.country)
    found = [
        _choice(
            HOME,
            _("%(country)s, ordinary delivery") % {"country": country},
            _("Everything lies in %(country)s and nowhere else. Mail goes out to every server that speaks TLS.")
            % {"country": country},
            home,
            atlas,
            today,
        )
    ]
    for preset in PRESETS.values():
        policy = from_preset(preset.id, atlas, today)
        if excludes(policy, home, atlas, today) is None:
            found.append(_choice(preset.id, spoken.text(preset.name), spoken.text(preset.sentence), home, atlas, today))
    return found


def left_out(home: Home, atlas: Atlas, today: date) -> list[str]:
    """Names of the presets that would not let mail lie in this cell."""
    return [
        spoken.text(preset.name)
        for preset in PRESETS.values()
        if excludes(from_preset(preset.id, atlas, today), home, atlas, today) is not None
    ]


def _choice(id_: str, name: str, sentence: str, home: Home, atlas: Atlas, today: date) -> Choice:
    policy = policy_of(id_, home, atlas, today)
    countries = tuple([spoken.country(atlas, code) for code in policy.allow])
    return Choice(id_, name, sentence, costs(policy, atlas), countries, dots(policy.allow, home.country))


def costs(policy: Policy, atlas: Atlas) -> str:
    """What the policy costs in deliverability, in a sentence."""
    if not policy.egress_plain_deny_blocs:
        return _("No cost in delivery: whoever reads mail at a large provider gets yours as usual.")
    blocs = ", ".join([spoken.name(atlas.blocs[bloc].name) for bloc in policy.egress_plain_deny_blocs])
    opening = {
        "refuse": _("Readable mail to servers in the %(blocs)s comes back to you."),
        "hold": _("Readable mail to servers in the %(blocs)s waits until you decide."),
        "link": _(
            "Mail for readers whose mailbox lies with a server in the %(blocs)s stays here: they get a link, and you"
            " tell them the words that open it."
        ),
    }[policy.egress_rule] % {"blocs": blocs}
    consent = _("You may agree to ordinary delivery for single mails.") if policy.consent else ""
    reach = _("That is where most of the large free providers are, so expect it for many of your readers.")
    return f"{opening} {reach} {consent}".strip()


def dots(allowed: tuple[str, ...], here: str) -> tuple[Dot, ...]:
    """The map's countries, those that are allowed last so that they lie on top."""
    places = sorted(CAPITALS.items(), key=lambda place: place[0] in allowed)
    return tuple([Dot(*_xy(*point), code in allowed, code == here) for code, point in places])


def _xy(north: float, east: float) -> tuple[str, str]:
    return (
        f"{(east - WEST) / (EAST - WEST) * WIDTH:.1f}",
        f"{(NORTH - north) / (NORTH - SOUTH) * HEIGHT:.1f}",
    )
