"""Reads the facts bundle: a folder of TOML files in, an `Atlas` out, or every problem at once.

`parse` is pure and takes the files as bytes; `load` reads a folder first. What is refused: broken TOML, unknown
countries and keys, facts that claim to be verified without a source, two values of one key in force on the same
day, a fact filed under another country, memberships that disagree with the facts. A bundle carries a serial number;
`accept` refuses to go back to an older one, so that nobody can make a law disappear by restoring an old folder.

TOML and not YAML, because YAML reads Norway's NO as false.
"""

import hashlib
import json
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Final

from jurisdiction import readers
from jurisdiction.atlas import Atlas, Bloc, Entity, Event, Fact, Key, Landmark, Source
from jurisdiction.consistency import check
from jurisdiction.fields import Fields
from jurisdiction.places import Point
from jurisdiction.problems import Problem, ProblemsError

DATA: Final = Path(__file__).parent / "data"
SCHEMA: Final = 1
MAX_FILE_BYTES: Final = 4 * 1024 * 1024  # a country's facts are a few kilobytes; more is a mistake or an attack
SINGLE_FILES: Final = frozenset(
    f"{name}.toml" for name in ("bundle", "keys", "countries", "sources", "blocs", "entities", "events", "sites")
)


class AtlasErrors(ProblemsError):
    """The bundle cannot be used; `problems` lists everything that is wrong with it."""


class RollbackRefused(Exception):
    """The bundle is older than one this cell has already accepted, or differs under the same serial."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which bundle a cell last accepted: what it stores between two starts."""

    serial: int
    digest: str


def load(path: Path = DATA, accepted: Accepted | None = None) -> Atlas:
    """Reads a bundle folder. Raises `AtlasErrors`, and `RollbackRefused` if an `accepted` one is newer."""
    atlas = parse(read_folder(path))
    accept(atlas, accepted)
    return atlas


def accept(atlas: Atlas, accepted: Accepted | None) -> Accepted:
    """What to store as accepted from now on. Raises `RollbackRefused`."""
    if accepted is not None:
        if atlas.serial < accepted.serial:
            raise RollbackRefused(
                f"The facts bundle has serial {atlas.serial}, but serial {accepted.serial} was accepted before. "
                "Install the newer bundle again; an older one is never taken."
            )
        if atlas.serial == accepted.serial and atlas.digest != accepted.digest:
            raise RollbackRefused(
                f"The facts bundle has serial {atlas.serial} like the accepted one, but different content. "
                "Raise serial in bundle.toml when facts change."
            )
    return Accepted(atlas.serial, atlas.digest)


def read_folder(path: Path) -> dict[str, bytes]:
    """Relative name to content of every TOML file of a bundle. Raises `AtlasErrors`."""
    if not path.is_dir():
        raise AtlasErrors([Problem(str(path), "", "is not a folder", "Name the folder that holds bundle.toml")])
    documents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in sorted([*path.glob("*.toml"), *path.glob("facts/*.toml")]):
        name = file.relative_to(path).as_posix()
        try:
            with file.open("rb") as opened:
                documents[name] = opened.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            problems.append(Problem(name, "", f"cannot be read ({error.strerror})", "Correct its permissions"))
    if problems:
        raise AtlasErrors(problems)
    return documents


def parse(documents: Mapping[str, bytes]) -> Atlas:
    """Builds an atlas from the files of a bundle. Raises `AtlasErrors` with every problem found."""
    problems: list[Problem] = []
    tables = {name: decode(name, content, problems) for name, content in sorted(documents.items())}
    missing = sorted(SINGLE_FILES - set(documents))
    strays = [name for name in tables if not name.startswith("facts/") and name not in SINGLE_FILES]
    problems += [Problem(name, "", "is missing from the bundle", "Restore the file") for name in missing]
    problems += [Problem(name, "", "is not a file of a bundle", "Facts belong into facts/") for name in strays]
    broken = SINGLE_FILES & {problem.file for problem in problems}
    if "countries.toml" in broken:  # without it every other line would be reported too
        raise AtlasErrors(problems)
    atlas = _build(tables, problems)
    if not broken:
        problems.extend(check(atlas))
    if problems:
        raise AtlasErrors(problems)
    return atlas


def decode(name: str, content: bytes, problems: list[Problem]) -> dict[str, object]:
    """TOML to tables; a broken file becomes a problem and an empty table."""
    if len(content) > MAX_FILE_BYTES:
        problems.append(Problem(name, "", f"is larger than {MAX_FILE_BYTES} bytes", "Split it by country"))
        return {}
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        problems.append(Problem(name, "", "is not UTF-8", "Save it as UTF-8"))
    except tomllib.TOMLDecodeError as error:
        remedy = "Texts, country codes among them, stand in quotes" if "value" in str(error) else "Correct the line"
        problems.append(Problem(name, "", f"is not valid TOML: {error}", remedy))
    except RecursionError:
        problems.append(Problem(name, "", "is nested too deeply", "Facts need one level of tables"))
    return {}


def _build(tables: Mapping[str, dict[str, object]], problems: list[Problem]) -> Atlas:
    countries = _countries(tables.get("countries.toml", {}), problems)
    head = Fields(tables.get("bundle.toml", {}), "bundle.toml", "", problems)
    if head.whole("schema", minimum=1, maximum=SCHEMA, default=SCHEMA) != SCHEMA:
        head.problem("schema is not supported", f"This version reads schema {SCHEMA}")
    serial = head.whole("serial", minimum=1, maximum=2**53)
    issued = head.day("issued")
    head.done()

    def listed[Value](file: str, item: str, read: Callable[[Fields, Collection[str]], Value]) -> list[Value]:
        return [read(entry, countries) for entry in entries(tables.get(file, {}), file, item, problems)]

    facts: list[Fact] = []
    for file in tables:
        if file.startswith("facts/"):
            facts += listed(file, "fact", readers.fact)
    sources: list[Source] = listed("sources.toml", "source", readers.source)
    blocs: list[Bloc] = listed("blocs.toml", "bloc", readers.bloc)
    entities: list[Entity] = listed("entities.toml", "entity", readers.entity)
    events: list[Event] = listed("events.toml", "event", readers.event)
    keys: dict[str, Key] = {
        name: readers.key(Fields(table, "keys.toml", name, problems))
        for name, table in named(tables.get("keys.toml", {}), "keys.toml", "key", problems).items()
    }
    landmarks, sites = _places(tables.get("sites.toml", {}), countries, problems)
    content = (facts, sources, blocs, entities, events, list(keys.values()), countries, landmarks, sites)
    return Atlas(
        serial=serial,
        issued=issued,
        digest=digest_of(serial, issued, content),
        countries=countries,
        keys=keys,
        sources=_by_id(sources, "sources.toml", problems),
        facts=tuple(facts),
        blocs=_by_id(blocs, "blocs.toml", problems),
        entities=_by_id(entities, "entities.toml", problems),
        events=tuple(events),
        landmarks=landmarks,
        sites=sites,
    )


def entries(tables: Mapping[str, object], file: str, item: str, problems: list[Problem]) -> list[Fields]:
    """The [[item]] tables of a file; anything else in it is reported."""
    strays = [key for key in tables if key != item]
    problems += [Problem(file, key, "is not known in this file", f"Only [[{item}]] belongs here") for key in strays]
    found = tables.get(item, [])
    if not isinstance(found, list):
        problems.append(Problem(file, item, "is not a list", f"Write [[{item}]] with two brackets"))
        return []
    result = []
    for number, table in enumerate(found, start=1):
        name = table.get("id") if isinstance(table, dict) else None
        result.append(Fields(table, file, name if isinstance(name, str) else f"{item} number {number}", problems))
    return result


def named(tables: Mapping[str, object], file: str, item: str, problems: list[Problem]) -> dict[str, object]:
    """The [item.NAME] tables of a file."""
    found = tables.get(item, {})
    if isinstance(found, dict):
        return found
    problems.append(Problem(file, item, "is not a table", f"Write [{item}.NAME]"))
    return {}


def _countries(tables: Mapping[str, object], problems: list[Problem]) -> dict[str, str]:
    result: dict[str, str] = {}
    for code, name in named(tables, "countries.toml", "country", problems).items():
        if len(code) == 2 and code.isascii() and code.isalpha() and code.isupper() and isinstance(name, str) and name:
            result[code] = name
        else:
            problems.append(Problem("countries.toml", code, "is not a code with a name", 'Write "IS" = "Iceland"'))
    return result


def _places(
    tables: Mapping[str, object], countries: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Landmark], dict[str, Point]]:
    file = "sites.toml"
    landmarks = {
        name: readers.landmark(Fields(table, file, name, problems), countries)
        for name, table in named(tables, file, "landmark", problems).items()
    }
    sites = {}
    for code, table in named(tables, file, "site", problems).items():
        entry = Fields(table, file, code, problems)
        sites[code] = readers.point(entry)
        entry.done()
        if code not in countries:
            entry.problem("is not a country", "A site's name is a code of ISO 3166-1")
    return landmarks, sites


def _by_id[Value: (Source, Bloc, Entity)](
    values: Iterable[Value], file: str, problems: list[Problem]
) -> dict[str, Value]:
    result: dict[str, Value] = {}
    for value in values:
        if value.id in result:
            problems.append(Problem(file, value.id, "is defined twice", "Ids are unique and never reused"))
        result[value.id] = value
    return result


def digest_of(serial: int, issued: date, content: Iterable[object]) -> str:
    """SHA-256 over the values, not the bytes: a changed comment is no changed fact."""
    plain = [serial, issued.isoformat(), *(_plain(part) for part in content)]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"skerry-facts-v1\n" + text.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, list):  # lists of records have ids; their order in the files means nothing
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
