"""One function per kind of record in a bundle: a table of fields in, a value out.

What can be said of a record alone is checked here (types, vocabulary of a field, dates in order). What needs other
records (sources that exist, overlaps) is checked in `jurisdiction.consistency`.
"""

import re
from collections.abc import Collection
from datetime import date
from ipaddress import ip_network
from typing import Final, cast

from jurisdiction.atlas import (
    ENDED,
    NEEDS_START,
    SOURCE_KINDS,
    STATUSES,
    Bloc,
    Entity,
    Event,
    Fact,
    Key,
    Landmark,
    Member,
    Parent,
    Source,
    State,
)
from jurisdiction.fields import Fields
from jurisdiction.places import Point

STATES = ("yes", "no", "unknown")
CONFIDENCES = ("verified", "unverified")
STAGES = ("consultation", "cabinet", "committee", "adopted", "published", "in_force", "expiry", "watch")
OWNERSHIPS = ("held", "listed", "unknown")
MAX_ASN = 2**32 - 1
HOST: Final = re.compile(r"(?=.{4,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")  # never a top-level domain alone


def key(entry: Fields) -> Key:
    found = Key(entry.name, entry.choice("kind", ("state", "bloc")), entry.text("sentence"))
    entry.done()
    return found


def source(entry: Fields, _countries: Collection[str]) -> Source:
    found = Source(
        id=entry.text("id"),
        title=entry.text("title"),
        kind=entry.choice("kind", SOURCE_KINDS),
        url=entry.text("url"),
        retrieved=entry.day("retrieved"),
    )
    if found.url and not found.url.startswith(("https://", "http://")):
        entry.problem(f"url is {found.url!r}", "A url begins with https://")
    entry.done()
    return found


def fact(entry: Fields, countries: Collection[str]) -> Fact:
    found = Fact(
        id=entry.text("id"),
        jurisdiction=entry.country("jurisdiction", countries),
        key=entry.text("key"),
        value=entry.text("value"),
        state=cast("State", entry.choice("state", STATES)),
        status=entry.choice("status", STATUSES),
        legal_ref=entry.text("legal_ref"),
        confidence=entry.choice("confidence", CONFIDENCES),
        sources=entry.texts("sources"),
        in_force_from=entry.optional_day("in_force_from"),
        in_force_until=entry.optional_day("in_force_until"),
        as_of=entry.optional_day("as_of"),
        date_seen=entry.optional_flag("date_seen"),
        note=entry.text("note", ""),
        known_from=entry.optional_day("known_from"),
        known_until=entry.optional_day("known_until"),
        **_reviewed(entry),
    )
    _check_fact(entry, found)
    entry.done()
    return found


def _check_fact(entry: Fields, found: Fact) -> None:
    file_country = entry.file.removeprefix("facts/").removesuffix(".toml")
    if entry.file.startswith("facts/") and found.jurisdiction != file_country:
        entry.problem(f"is about {found.jurisdiction!r}", f"Move it to facts/{found.jurisdiction}.toml")
    if not found.id.startswith(f"{found.jurisdiction}.{found.key}"):
        entry.problem(f"has the id {found.id!r}", f"An id begins with {found.jurisdiction}.{found.key}")
    if found.confidence == "verified" and not found.sources:
        entry.problem("is called verified but names no source", 'Name a source, or set confidence = "unverified"')
    if found.confidence == "verified" and found.state == "unknown":
        entry.problem("is verified and unknown at once", 'Set confidence = "unverified" until it is known')
    if found.in_force_from and found.in_force_until and found.in_force_until < found.in_force_from:
        entry.problem("ends before it begins", "in_force_until is the last day, in_force_from the first")
    if found.status in ENDED and found.in_force_until is None:
        entry.problem(f"is {found.status} without an end", "Add in_force_until, the last day it had effect")
    if found.status in NEEDS_START and found.in_force_from is None and found.status == "scheduled":
        entry.problem("is scheduled without a day", "Add in_force_from")
    if found.known_until and found.known_until <= (found.known_from or found.checked_on):
        entry.problem("was forgotten before it was known", "known_until lies after checked_on")


def _reviewed(entry: Fields) -> dict[str, date]:
    days = {"checked_on": entry.day("checked_on"), "next_review": entry.day("next_review")}
    if days["next_review"] <= days["checked_on"] and entry.has("checked_on") and entry.has("next_review"):
        entry.problem("has its next review before its last", "next_review lies after checked_on")
    return days


def bloc(entry: Fields, countries: Collection[str]) -> Bloc:
    members = []
    for table in _tables(entry, "member"):
        country = table.country("country", countries)
        first_day = table.day("from")
        last_day = table.optional_day("until") or date.max
        if last_day < first_day:
            table.problem(f"{country} left before it joined", "until is the last day of membership")
        table.done()
        members.append(Member(country, first_day, last_day))
    found = Bloc(
        id=entry.text("id"),
        name=entry.text("name"),
        sentence=entry.text("sentence"),
        includes=entry.texts("includes", required=False),
        members=tuple(members),
        confidence=entry.choice("confidence", CONFIDENCES),
        sources=entry.texts("sources"),
        note=entry.text("note", ""),
        **_reviewed(entry),
    )
    entry.done()
    return found


def entity(entry: Fields, countries: Collection[str]) -> Entity:
    parents = []
    for table in _tables(entry, "parents"):
        parents.append(
            Parent(table.text("entity"), table.number("share", minimum=0, maximum=100), table.flag("control"))
        )
        table.done()
    found = Entity(
        id=entry.text("id"),
        name=entry.text("name"),
        country=entry.country("country", countries),
        ownership=entry.choice("ownership", OWNERSHIPS),
        parents=tuple(parents),
        asns=_asns(entry),
        confidence=entry.choice("confidence", CONFIDENCES),
        sources=entry.texts("sources"),
        note=entry.text("note", ""),
        hosts=_hosts(entry),
        networks=_networks(entry),
        **_reviewed(entry),
    )
    if found.ownership == "held" and not found.parents:
        entry.problem("is held but names no parent", 'Name its parents, or set ownership = "unknown"')
    entry.done()
    return found


def _asns(entry: Fields) -> tuple[int, ...]:
    found = entry.raw("asns")
    if found is None:
        return ()
    if isinstance(found, list) and all(type(asn) is int and 0 < asn <= MAX_ASN for asn in found):
        return tuple(found)
    entry.problem(f"asns is {found!r}", "asns is a list of AS numbers: asns = [16509]")
    return ()


def _hosts(entry: Fields) -> tuple[str, ...]:
    names = entry.texts("hosts", required=False)
    for name in names:
        if not HOST.fullmatch(name):
            entry.problem(f"hosts names {name!r}", 'A host is a name in small letters with a dot: "mail.example.is"')
    return names


def _networks(entry: Fields) -> tuple[str, ...]:
    found = entry.texts("networks", required=False)
    for network in found:
        try:
            ip_network(network)
        except ValueError:
            entry.problem(f"networks names {network!r}", 'A network is written in CIDR: "192.0.2.0/24"')
    return found


def event(entry: Fields, countries: Collection[str]) -> Event:
    found = Event(
        id=entry.text("id"),
        title=entry.text("title"),
        country=entry.country("country", countries) if entry.has("country") else "",
        bloc=entry.text("bloc", ""),
        key=entry.text("key"),
        fact=entry.text("fact", ""),
        becomes=cast("State", entry.choice("becomes", STATES)),
        stage=entry.choice("stage", STAGES),
        expected_from=entry.optional_day("expected_from"),
        confidence=entry.choice("confidence", CONFIDENCES),
        sources=entry.texts("sources"),
        note=entry.text("note", ""),
        **_reviewed(entry),
    )
    if bool(found.country) == bool(found.bloc):
        entry.problem("names neither or both of country and bloc", "An event is about one country or one bloc")
    entry.done()
    return found


def point(entry: Fields) -> Point:
    return Point(
        lat=entry.number("lat", minimum=-90, maximum=90),
        lon=entry.number("lon", minimum=-180, maximum=180),
    )


def landmark(entry: Fields, countries: Collection[str]) -> Landmark:
    abroad, abroad_name = None, ""
    country = entry.country("country", countries)
    if entry.has("nearest_abroad"):
        near = Fields(entry.raw("nearest_abroad"), entry.file, entry.name, entry.problems)
        abroad, abroad_name = point(near), near.text("name")
        if near.country("country", countries) == country:
            near.problem("has its nearest place abroad at home", "nearest_abroad lies under another law")
        near.done()
    found = Landmark(entry.name, country, point(entry), abroad, abroad_name)
    entry.done()
    return found


def _tables(entry: Fields, key_name: str) -> list[Fields]:
    found = entry.raw(key_name)
    if found is None:
        return []
    if not isinstance(found, list):
        entry.problem(f"{key_name} is {found!r}", f"{key_name} must be a list of tables")
        return []
    return [Fields(table, entry.file, entry.name, entry.problems) for table in found]
