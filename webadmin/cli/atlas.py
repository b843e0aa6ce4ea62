"""`skerry atlas check|show|diff`: the facts about countries, read from files. Needs no cell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jurisdiction.atlas import Atlas, Fact
from jurisdiction.bundle import DATA, AtlasErrors, load
from jurisdiction.diff import diff
from jurisdiction.phrases import in_words
from jurisdiction.sentences import law
from webadmin.cli.answers import JsonFlag, answer, fail, say_json

app = typer.Typer(no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of facts; else the installed one.")]


@app.command()
def check(folder: Folder = DATA, *, as_json: JsonFlag = False) -> None:
    """Read a bundle of facts and say everything that is wrong with it."""
    try:
        found = load(folder)
    except AtlasErrors as errors:
        if as_json:
            say_json({"error": str(errors), "problems": [asdict(problem) for problem in errors.problems]})
            raise typer.Exit(1) from None
        fail(f"{len(errors.problems)} problems\n{errors}", as_json=False)
    about = {
        "serial": found.serial,
        "issued": found.issued.isoformat(),
        "digest": found.digest,
        "facts": len(found.facts),
        "sources": len(found.sources),
        "blocs": len(found.blocs),
        "entities": len(found.entities),
        "events": len(found.events),
        "problems": [],
    }
    answer(
        about,
        as_json=as_json,
        text=lambda: (
            f"facts {found.serial} of {found.issued}: {len(found.facts)} facts, {len(found.sources)} sources,"
            f" {len(found.blocs)} blocs, {len(found.entities)} entities, {len(found.events)} laws on their way;"
            " no problems"
        ),
    )


@app.command()
def show(
    country: Annotated[str, typer.Argument(metavar="COUNTRY", help="A code of two letters, such as IS.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show what is known about a country's law, with sources, dates and what nobody has verified."""
    facts, code, today = _load(DATA, as_json=as_json), country.upper(), datetime.now(UTC).date()
    if code not in facts.countries:
        hint = " The United Kingdom is GB." if code == "UK" else ""
        fail(f"{country!r} is no country code of ISO 3166-1, such as IS.{hint}", as_json=as_json, code=2)
    found = sorted(facts.facts_about(code), key=lambda fact: fact.id)
    about = {
        "country": code,
        "name": facts.country_name(code),
        "blocs": list(facts.blocs_of(code, today)),
        "facts": [_plain(fact, facts, today) for fact in found],
        "coming": [
            {"id": event.id, "title": event.title, "stage": event.stage, "expected_from": _day(event.expected_from)}
            for event in facts.events
            if event.country == code or (event.bloc and facts.in_bloc(code, event.bloc, today))
        ],
    }
    answer(about, as_json=as_json, text=lambda: _text(about, facts))


def _plain(fact: Fact, facts: Atlas, today: date) -> dict[str, Any]:
    return {
        "id": fact.id,
        "law": law(facts, fact.key),
        "state": fact.state,
        "value": fact.value,
        "status": fact.status,
        "legal_ref": fact.legal_ref,
        "in_force_from": _day(fact.in_force_from),
        "in_force_until": _day(fact.in_force_until),
        "verified": fact.settled(today),
        "checked_on": _day(fact.checked_on),
        "next_review": _day(fact.next_review),
        "note": fact.note,
        "sources": [{"title": facts.sources[one].title, "url": facts.sources[one].url} for one in fact.sources],
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _text(about: dict[str, Any], facts: Atlas) -> str:
    name = in_words(facts, about["country"])
    lines = [f"{name[0].upper()}{name[1:]} ({about['country']})", f"blocs: {', '.join(about['blocs']) or 'none'}"]
    for fact in about["facts"]:
        doubt = "" if fact["verified"] else "  UNVERIFIED"
        lines += ["", f"whether {fact['law']}: {fact['state']}{doubt}"]
        lines.append(f"  {fact['value']}; {fact['legal_ref']} ({fact['status'].replace('_', ' ')})")
        lines.append(f"  in force from {fact['in_force_from'] or 'a day not seen'}, looked up {fact['checked_on']}")
        lines += [f"  note: {fact['note']}"] if fact["note"] else []
        lines += [f"  {source['title']}: {source['url']}" for source in fact["sources"]]
    for event in about["coming"]:
        lines += ["", f"on its way: {event['title']} ({event['stage']}, {event['expected_from'] or 'no date'})"]
    return "\n".join(lines)


@app.command("diff")
def diff_(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of the facts as they were.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of the facts as they are to be.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Show what new facts change; exit code 1 if one relaxes decisions without an official source."""
    found = diff(_load(old, as_json=as_json), _load(new, as_json=as_json))
    changes = [asdict(change) | {"day": _day(change.day)} for change in found.changes]
    about = {"changes": changes, "problems": [asdict(problem) for problem in found.problems]}
    lines = [f"{change['direction']:10} {change['subject']}: {change['what']}" for change in changes]
    lines += [f"problem    {problem}" for problem in found.problems]
    answer(about, as_json=as_json, text=lambda: "\n".join(lines) or "nothing changes")
    if found.problems:
        raise typer.Exit(1)


def _load(folder: Path, *, as_json: bool) -> Atlas:
    try:
        return load(folder)
    except AtlasErrors as errors:
        fail(str(errors), as_json=as_json)
