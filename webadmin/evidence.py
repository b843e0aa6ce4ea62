"""Taking evidence about this machine: what is declared, and where two datasets put its public address.

Debian's tor-geoipdb is the first opinion, any .mmdb the second. Neither is asked over the network, and the address
itself is not written down. Round trips are measured from elsewhere and brought in (`skerry evidence add`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import maxminddb

from jurisdiction.fields import UNKNOWN
from jurisdiction.geo import Dataset, GeoDataError, Located, load_tor, locate
from jurisdiction.notary import Notary
from jurisdiction.records import evidence
from webadmin.environ import Environ

# Where an .mmdb says the country: MaxMind, then the databases that are flat.
PLACES: Final = (("country", "iso_code"), ("country_code",), ("country",))


def take(environ: Environ, notary: Notary, today: date) -> Located | None:
    """Record the declaration and, for a cell with a public address, what geolocation says of it."""
    evidence.declare(notary, today)
    if not environ.public_address:
        return None
    found = where(environ, notary, today)
    evidence.locate(found, notary, today)
    return found


def where(environ: Environ, notary: Notary, today: date) -> Located:
    """Where both datasets put the cell's public address. What is missing or stale makes it unknown, with the remedy."""
    first: Dataset | None
    try:
        first = load_tor()
    except GeoDataError:
        first = None
    with second_opinion(environ.geo_database) as second:
        return locate(environ.public_address, first, second, notary.atlas.countries, today)


@contextmanager
def second_opinion(path: Path | None) -> Iterator[Callable[[str], str] | None]:
    """A look-up in an .mmdb that answers a country code or "??"; None where there is none that can be read."""
    if path is None:
        yield None
        return
    try:
        reader = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError):
        yield None
        return
    try:
        yield lambda address: country_of(reader.get(address))
    finally:
        reader.close()


def country_of(record: Any) -> str:
    """The country code in an .mmdb record, wherever it keeps it; "??" where there is none."""
    for place in PLACES:
        value = record
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and len(value) == 2:
            return value.upper()
    return UNKNOWN
