"""Where addresses are, as this machine can tell: two datasets, an operator's declarations, a table of networks.

Debian's tor-geoipdb is the first opinion and any .mmdb the second; both are read when somebody first asks and again
when their files change. Nothing is asked over the network. What is missing or stale makes an address unknown, with
the remedy in the answer. Threads may ask at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import Any, Final

import maxminddb

from jurisdiction.declared import Declared, Whereabouts, read, weigh
from jurisdiction.fields import UNKNOWN
from jurisdiction.geo import TOR_FOLDER, Dataset, GeoDataError, load_tor, locate
from webadmin.environ import Environ

# Where an .mmdb says the country: MaxMind, then the databases that are flat.
COUNTRY_AT: Final = (("country", "iso_code"), ("country_code",), ("country",))
# Where one says the network's number.
ASN_AT: Final = (("autonomous_system_number",), ("asn",))
MAX_ASN: Final = 2**32 - 1


class Gazetteer:
    """`where(address, today)`. `declared` are the operator's places, those of the settings unless given."""

    def __init__(
        self, environ: Environ, countries: Collection[str], *, declared: Declared | None = None, tor: Path = TOR_FOLDER
    ) -> None:
        """Raises PlacesErrors for declarations that cannot be read."""
        self._countries = countries
        self._declared = declarations(environ, countries) if declared is None else declared
        self._tor = _Kept(tor / "geoip", lambda path: load_tor(path.parent))
        self._second = _Kept(environ.geo_database, maxminddb.open_database)
        self._numbers = _Kept(environ.asn_database, maxminddb.open_database)

    def __call__(self, address: str, today: date) -> Whereabouts:
        place = self._declared.find(address)
        first: Dataset | None = self._tor.current()
        second, numbers = self._second.current(), self._numbers.current()
        opinion = None if second is None else lambda asked: country_of(second.get(asked))
        located = locate(address, first, opinion, self._countries, today)
        return weigh(place, located, None if numbers is None else number_of(numbers.get(address)))


def declarations(environ: Environ, countries: Collection[str]) -> Declared:
    """What SKERRY_PLACES or the file `places` declares. Raises PlacesErrors."""
    return read(environ.place_list, countries)


class _Kept:
    """What was read from a file, until the file is another one; None where there is none that can be read."""

    def __init__(self, path: Path | None, load: Callable[[Path], Any]) -> None:
        self._path = path
        self._load = load
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._value: Any = None

    def current(self) -> Any:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        stamp = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._value = stamp, self._fresh(self._path)
            return self._value

    def _fresh(self, path: Path) -> Any:
        try:
            return self._load(path)
        except (OSError, GeoDataError, maxminddb.InvalidDatabaseError):
            return None


def country_of(record: Any) -> str:
    """The country code in an .mmdb record, wherever it keeps it; "??" where there is none."""
    value = next((found for found in (_at(record, place) for place in COUNTRY_AT) if _is_code(found)), None)
    return UNKNOWN if value is None else str(value).upper()


def number_of(record: Any) -> int | None:
    """The AS number in an .mmdb record: 15169, or "AS15169"."""
    for place in ASN_AT:
        text = str(_at(record, place) or "").removeprefix("AS")
        if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_ASN:
            return int(text)
    return None


def _at(record: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 2
