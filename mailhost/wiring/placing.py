"""From which country a client comes, for a note that only the owner of the mailbox reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from ipaddress import ip_address

from jurisdiction.declared import Whereabouts
from jurisdiction.fields import UNKNOWN
from mailhost.wiring.surroundings import Surroundings


def country_of(around: Surroundings) -> Callable[[str, date], str]:
    """A look-up by address; the tables are read when the first client from outside asks, and kept."""
    found: list[Callable[[str, date], Whereabouts]] = []

    def country(address: str, today: date) -> str:
        try:
            if not ip_address(address).is_global:
                return ""
        except ValueError:
            return ""
        if not found:
            found.append(around.where())
        return label(found[0](address, today))

    return country


def label(where: Whereabouts) -> str:
    """The country that all opinions agree on, else the first opinion; empty where there is none."""
    located = where.located
    return next((code for code in (located.country, located.first) if code and code != UNKNOWN), "")
