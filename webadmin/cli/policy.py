"""`skerry policy show|set|explain|what-if|presets|check-cases`: where a tenant's mail may lie, and why."""

from __future__ import annotations

import asyncio
import json
import textwrap
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from jurisdiction.atlas import Atlas
from jurisdiction.explain import explain
from jurisdiction.note import WIDTH, Note, render
from jurisdiction.phrases import Tongue, in_a_row, in_words, spoken
from jurisdiction.policy import warnings
from jurisdiction.presets import PRESETS
from jurisdiction.questions import Verdict
from jurisdiction.records import leases, policies, supposed
from jurisdiction.sentences import in_english, reason
from mailhost.domaindns import dnswalk
from mailhost.provision import domains, tenants
from mailhost.provision import policy as provisioned
from webadmin.cell import hosting
from webadmin.cell.gazetteer import Gazetteer
from webadmin.cli import cases
from webadmin.cli.answers import JsonFlag, answer, answer_list, say_json
from webadmin.cli.door import DryRunFlag, Failed, WrongUse, YesFlag, confirm, opened
from webadmin.cli.language import LanguageFlag, speaking
from webadmin.cli.policyfile import FileFlag, PresetFlag, chosen_policy
from webadmin.languages.spoken import Reader
from webadmin.settingtypes import split

app = typer.Typer(no_args_is_help=True)
app.command("check-cases")(cases.check)
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The tenant.")]


@app.command()
def presets(*, as_json: JsonFlag = False) -> None:
    """List the ready-made policies."""
    rows = [{"preset": one.id, "name": one.name, "sentence": one.sentence} for one in PRESETS.values()]
    answer_list(rows, as_json=as_json, columns=("preset", "name", "sentence"), empty="")


@app.command()
def show(slug: Slug, *, as_json: JsonFlag = False) -> None:
    """Show a tenant's policy, its versions, and the leases and incidents that follow from it."""
    with opened(as_json=as_json) as cell:
        notary, tenant = cell.notary, tenants.get(slug).slug
        cell.act(tenant, "policy show")
        policy = policies.in_force(tenant, notary.key.verify_key)
        about = {
            "tenant": tenant,
            "version": policy.version,
            "digest": policy.digest(),
            "policy": json.loads(policy.canonical()),
            "versions": [
                {"version": row.version, "adopted": row.adopted.isoformat(), "digest": row.digest}
                for row in policies.history(tenant)
            ],
            "leases": [asdict(lease) for lease in leases.listing(tenant)],
            "incidents": [asdict(incident) for incident in leases.incidents(tenant)],
        }
        answer(about, as_json=as_json, text=lambda: _shown(about))


def _shown(about: dict[str, Any]) -> str:
    lines = [f"policy version {about['version']} of {about['tenant']} ({about['digest'][:16]}…)"]
    for name, value in about["policy"].items():
        text = ", ".join(value) if isinstance(value, list) else value
        lines.append(f"  {name:24} {'-' if text in ('', None) else text}")
    lines += [f"lease     {one['kind']}: grade {one['grade']}, until {one['expires']}" for one in about["leases"]]
    lines += [
        f"incident  {one['kind']}, {one['opened']} to {one['closed'] or 'now'}: {one['reason']}"
        for one in about["incidents"]
    ]
    return "\n".join(lines)


@app.command("set")
def set_(
    slug: Slug,
    *,
    preset: PresetFlag = None,
    file: FileFlag = None,
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Give a tenant another policy; refused, with the explanation, if it excludes the cell its mail lies in."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        notary, tenant = cell.notary, tenants.get(slug).slug
        wanted = chosen_policy(preset, file, notary, cell.now)
        cell.act(tenant, "policy set", dangerous=not dry_run)
        if wanted is None:
            raise WrongUse("say which policy: --preset NAME or --file FILE")
        policies.refuse_exclusion(wanted, notary, cell.now)
        if not dry_run:
            confirm(f"Put this policy in force for {tenant}?", yes=yes)
        adopted = provisioned.adopt(tenant, wanted, notary, cell.now)
        made = adopted.policy
        warned = [in_english([one], notary.atlas) for one in warnings(made, notary.atlas, cell.now.date())]
        about = {
            "tenant": tenant,
            "version": made.version,
            "digest": made.digest(),
            "warnings": warned,
            "revoked": adopted.revoked,
        } | ({"dry_run": True} if dry_run else {})
        lines = [f"policy version {made.version} of {tenant} {'would be' if dry_run else 'is'} in force", *warned]
        lines += [f"{adopted.revoked} app passwords end with the access it forbids"] if adopted.revoked else []
        answer(about, as_json=as_json, text=lambda: "\n".join(lines))


@app.command("explain")
def explain_(
    slug: Slug,
    *,
    preset: PresetFlag = None,
    file: FileFlag = None,
    language: LanguageFlag = "en",
    as_json: JsonFlag = False,
) -> None:
    """Explain a tenant's policy, or what another would mean for it, with the law behind every sentence."""
    with opened(as_json=as_json) as cell, speaking(language):
        notary, tenant = cell.notary, tenants.get(slug).slug
        cell.act(tenant, "policy explain")
        policy = chosen_policy(preset, file, notary, cell.now) or policies.in_force(tenant, notary.key.verify_key)
        note = explain(policy, notary.atlas, notary.home, cell.now.date())
        tongue = Reader(notary.atlas)
        about = {
            "tenant": tenant,
            "title": spoken(note.title, tongue),
            "sections": _sections(note, tongue),
            "sources": {
                one: {"title": notary.atlas.sources[one].title, "url": notary.atlas.sources[one].url}
                for one in note.sources()
            },
        }
        answer(about, as_json=as_json, text=lambda: render(note, notary.atlas, tongue))


def _sections(note: Note, tongue: Tongue) -> list[dict[str, Any]]:
    return [
        {
            "title": spoken(section.title, tongue),
            "sentences": [
                {"text": in_a_row(one.said, tongue), "sources": list(one.sources), "facts": list(one.facts)}
                for one in section.paragraphs
            ],
        }
        for section in note.sections
    ]


def _supposed(row: dict[str, Any], atlas: Atlas) -> str:
    """What would change for one tenant, as sentences."""
    verb = {"allow": "may lie", "deny": "may not lie", "hold": "is on hold"}
    head = f"{row['tenant']}: on {row['day']} its data ({row['kind']}) {verb.get(row['after'], row['after'])}"
    head += f" in {in_words(atlas, row['place'])}; today it {verb.get(row['before'], row['before'])} in its cell."
    reasons = [in_english([reason(code, atlas)], atlas) for code in row["because"]] if row["after"] != "allow" else []
    move = row["move_to"]
    if row["after"] != "allow":
        reasons.append(
            f"It could move to {in_words(atlas, move)}, the first country its policy allows then."
            if move
            else "No country its policy allows would do: the policy has to be widened, or nothing new is stored."
        )
    return textwrap.fill(" ".join([head, *reasons]), WIDTH, subsequent_indent="  ")


@app.command("what-if")
def what_if_(
    *,
    country: Annotated[str | None, typer.Option("--country", help="Mail lay there; or, where --fact begins.")] = None,
    fact: Annotated[
        str | None, typer.Option("--fact", help="The law (a key) that begins to hold in --country.")
    ] = None,
    bloc: Annotated[str | None, typer.Option("--bloc", help="The bloc that --country joins.")] = None,
    entity: Annotated[str | None, typer.Option("--entity", help="Who (an id) gets power over the machines.")] = None,
    owner: Annotated[str, typer.Option("--owner", help="Countries, with commas, of who gets that power.")] = "",
    on: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="From this day; today.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which tenants' mail could not stay if a law began, a country joined a bloc, an owner changed; or whose
    mail could lie in another country. Without options, say what the dated facts have in store already."""
    with opened(as_json=as_json) as cell:
        notary, today = cell.notary, cell.now.date()
        given = supposed.Given(country, fact, bloc, entity, tuple(split(owner)), on.date() if on else today)
        try:
            rows = [asdict(row) for row in supposed.answers(given, notary, today)]
        except supposed.NotUnderstood as problem:
            raise WrongUse(str(problem)) from None
        if as_json:
            say_json(rows)
        else:
            print("\n".join(_supposed(row, notary.atlas) for row in rows) or "no tenant's mail would have to move")


@app.command()
def published(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="A hosted domain.")], *, as_json: JsonFlag = False
) -> None:
    """Walk a domain's DNS to every server it names and say where each stands, who holds it, and whether its tenant's
    policy allows that. Exit code 1 if one is not allowed."""
    with opened(as_json=as_json) as cell:
        notary, view = cell.notary, domains.get(domain)
        tenant = view.tenant.slug
        cell.act(tenant, "policy published")
        resolver = hosting.resolver(cell.environ)
        if resolver is None:
            raise Failed("SKERRY_RESOLVER names no resolver, so nothing can be looked up")
        policy = policies.in_force(tenant, notary.key.verify_key)
        where = Gazetteer(cell.environ, notary.atlas.countries)
        walked = asyncio.run(dnswalk.walk(resolver, view.name))
        judged = dnswalk.judge(walked, where, policy, notary, cell.now)
        rows = [
            {
                "role": one.server.role,
                "name": one.server.name,
                "address": address,
                "country": one.server.located.country,
                "entities": list(one.server.entities),
                "controllers": list(one.server.controllers),
                "verdict": one.decision.verdict.value,
                "because": list(one.decision.because),
                "why": one.server.located.why,
            }
            for one, address in zip(judged.findings, judged.addresses, strict=True)
        ]
        about = {"domain": view.name, "verdict": judged.decision.verdict.value, "servers": rows}
        answer(about, as_json=as_json, text=lambda: "\n".join(_server(row, notary.atlas) for row in rows))
        if judged.decision.verdict is not Verdict.ALLOW:
            raise typer.Exit(1)


def _server(row: dict[str, Any], atlas: Atlas) -> str:
    reasons = in_english([reason(code, atlas) for code in row["because"]], atlas)
    held = ", ".join(atlas.entities[one].name for one in row["entities"]) or "a holder nobody knows"
    where = in_words(atlas, row["country"])
    head = f"{row['role']:5} {row['name']} {row['address'] or '(no address)'}: {row['verdict']}; in {where}, {held}."
    return textwrap.fill(f"{head} {reasons}", WIDTH, subsequent_indent="      ")
