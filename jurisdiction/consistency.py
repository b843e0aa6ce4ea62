"""What can only be seen by looking at the records of a bundle together.

Sources that exist, keys of the vocabulary, one value per key and day, chains that end, and memberships told twice
(as a fact and in a bloc) that must agree.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from jurisdiction.atlas import EFFECTIVE, Atlas, Fact
from jurisdiction.problems import Problem


def check(atlas: Atlas) -> list[Problem]:
    """Every contradiction between records, in no particular order."""
    return [
        *_facts(atlas),
        *_overlaps(atlas),
        *_memberships(atlas),
        *_blocs(atlas),
        *_entities(atlas),
        *_events(atlas),
    ]


def fact_file(fact: Fact) -> str:
    return f"facts/{fact.jurisdiction}.toml"


def _sources(atlas: Atlas, file: str, name: str, sources: tuple[str, ...]) -> Iterator[Problem]:
    for source in sources:
        if source not in atlas.sources:
            yield Problem(file, name, f"names the unknown source {source!r}", "Add it to sources.toml")


def _facts(atlas: Atlas) -> Iterator[Problem]:
    counted = Counter(fact.id for fact in atlas.facts)
    for fact in atlas.facts:
        file = fact_file(fact)
        yield from _sources(atlas, file, fact.id, fact.sources)
        if counted[fact.id] > 1:
            yield Problem(file, fact.id, "is defined twice", "Ids are unique and never reused")
        if fact.key not in atlas.keys:
            yield Problem(file, fact.id, f"has the unknown key {fact.key!r}", "Use a key of keys.toml or add it there")


def overlapping(one: Fact, other: Fact) -> bool:
    """Whether two records claim the same days of law in the same days of knowledge."""
    if one.status not in EFFECTIVE or other.status not in EFFECTIVE:
        return False
    if one.first_day > other.last_day or other.first_day > one.last_day:
        return False
    one_known, other_known = one.known_from or one.checked_on, other.known_from or other.checked_on
    one_forgotten = one.known_until is not None and one.known_until <= other_known
    other_forgotten = other.known_until is not None and other.known_until <= one_known
    return not one_forgotten and not other_forgotten


def _overlaps(atlas: Atlas) -> Iterator[Problem]:
    by_key: dict[tuple[str, str], list[Fact]] = {}
    for fact in atlas.facts:
        by_key.setdefault((fact.jurisdiction, fact.key), []).append(fact)
    for facts in by_key.values():
        for one, other in combinations(sorted(facts, key=lambda fact: fact.id), 2):
            if one.id != other.id and overlapping(one, other):
                yield Problem(
                    fact_file(one),
                    one.id,
                    f"is in force on days on which {other.id} is in force too",
                    "End the older one with in_force_until",
                )


def _memberships(atlas: Atlas) -> Iterator[Problem]:
    for fact in atlas.facts:
        key = atlas.keys.get(fact.key)
        if key is None or key.kind != "bloc" or fact.state != "yes":
            continue
        if fact.value not in atlas.blocs:
            yield Problem(fact_file(fact), fact.id, f"names the unknown bloc {fact.value!r}", "Use one of blocs.toml")
        elif not any(member.country == fact.jurisdiction for member in atlas.blocs[fact.value].members):
            what = f"says {fact.jurisdiction} is in {fact.value}, blocs.toml does not"
            yield Problem(fact_file(fact), fact.id, what, "Correct whichever is wrong")


def _blocs(atlas: Atlas) -> Iterator[Problem]:
    for bloc in atlas.blocs.values():
        yield from _sources(atlas, "blocs.toml", bloc.id, bloc.sources)
        if not bloc.sources:
            yield Problem("blocs.toml", bloc.id, "names no source", "Name where its membership was read")
        for included in bloc.includes:
            if included not in atlas.blocs:
                yield Problem("blocs.toml", bloc.id, f"includes the unknown bloc {included!r}", "Correct its id")
        for one, other in combinations(bloc.members, 2):
            same = one.country == other.country
            if same and one.first_day <= other.last_day and other.first_day <= one.last_day:
                yield Problem("blocs.toml", bloc.id, f"counts {one.country} twice on the same day", "Join the entries")


def _entities(atlas: Atlas) -> Iterator[Problem]:
    holders: dict[int, str] = {}
    hosts: dict[str, str] = {}
    for entity in atlas.entities.values():
        yield from _sources(atlas, "entities.toml", entity.id, entity.sources)
        if entity.confidence == "verified" and not entity.sources:
            yield Problem("entities.toml", entity.id, "is called verified but names no source", "Name a register")
        for parent in entity.parents:
            if parent.entity not in atlas.entities:
                yield Problem("entities.toml", entity.id, f"has the unknown parent {parent.entity!r}", "Add the parent")
            if parent.entity == entity.id:
                yield Problem("entities.toml", entity.id, "is its own parent", "Name who holds it")
        if sum(parent.share for parent in entity.parents) > 100:
            yield Problem("entities.toml", entity.id, "is held by more than 100 per cent", "Correct the shares")
        for asn in entity.asns:
            if asn in holders:
                yield Problem("entities.toml", entity.id, f"holds AS{asn} like {holders[asn]}", "One holder per AS")
            holders[asn] = entity.id
        for name in (*entity.hosts, *entity.networks):
            if name in hosts:
                yield Problem("entities.toml", entity.id, f"holds {name} like {hosts[name]}", "Name it for one of them")
            hosts[name] = entity.id


def _events(atlas: Atlas) -> Iterator[Problem]:
    ids = {fact.id for fact in atlas.facts}
    counted = Counter(event.id for event in atlas.events)
    for event in atlas.events:
        yield from _sources(atlas, "events.toml", event.id, event.sources)
        if counted[event.id] > 1:
            yield Problem("events.toml", event.id, "is defined twice", "Ids are unique and never reused")
        if event.confidence == "verified" and not event.sources:
            yield Problem("events.toml", event.id, "is called verified but names no source", "Name a source")
        if event.fact and event.fact not in ids:
            yield Problem("events.toml", event.id, f"changes the unknown fact {event.fact!r}", "Correct the fact's id")
        if event.key not in atlas.keys:
            yield Problem("events.toml", event.id, f"has the unknown key {event.key!r}", "Use a key of keys.toml")
        if event.bloc and event.bloc not in atlas.blocs:
            yield Problem("events.toml", event.id, f"names the unknown bloc {event.bloc!r}", "Use one of blocs.toml")
