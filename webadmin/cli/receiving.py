"""`skerry receiving show|set|reports|send-reports|count-reports`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from mailhost.provision import receiving
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, opened

app = typer.Typer(no_args_is_help=True)
Slug = Annotated[str, typer.Argument(help="The tenant's short name, such as 'harbour'.")]


@app.command()
def show(slug: Slug, *, as_json: JsonFlag = False) -> None:
    """Show what a tenant wants done with doubtful mail."""
    with opened(as_json=as_json) as cell:
        view = receiving.show(slug)
        cell.act(view.tenant, "receiving show")
        answer(asdict(view), as_json=as_json, text=lambda: _text(view))


@app.command("set")
def set_(
    slug: Slug,
    *,
    refuse_when_asked: Annotated[
        bool | None,
        typer.Option(
            "--refuse-when-asked/--junk-when-asked", help="Mail that fails DMARC where its domain asks for rejection."
        ),
    ] = None,
    refuse_spam: Annotated[
        bool | None, typer.Option("--refuse-spam/--junk-spam", help="Mail that is certainly spam.")
    ] = None,
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Domain of a forwarder whose ARC seal is believed.")
    ] = None,
    distrust: Annotated[list[str] | None, typer.Option("--distrust", help="Believe it no more.")] = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Choose what becomes of doubtful mail."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(receiving.show(slug).tenant, "receiving set")
        view = receiving.choose(
            slug,
            refuse_when_asked=refuse_when_asked,
            refuse_spam=refuse_spam,
            trust=tuple(trust or ()),
            distrust=tuple(distrust or ()),
        )
        answer(asdict(view), as_json=as_json, text=lambda: _text(view))


@app.command()
def reports(
    domain: Annotated[str, typer.Argument(help="A hosted domain.")],
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How far back.")] = 30,
    as_json: JsonFlag = False,
) -> None:
    """Show what others reported: who sent in the domain's name, and how encrypted delivery to it went."""
    with opened(as_json=as_json) as cell:
        cell.act(receiving.domain_tenant(domain), "receiving reports")
        answer_list(
            receiving.reported(domain, (cell.now - timedelta(days=days)).date()),
            as_json=as_json,
            columns=("day", "reporter", "proven", "what", "result", "count"),
            empty="no reports yet; SKERRY_REPORTS_ADDRESS must stand in the domain's DMARC and TLS-RPT records",
        )


@app.command("send-reports")
def send_reports(
    domain: Annotated[str, typer.Argument(help="A hosted domain.")],
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Off is how every domain begins.")],
    tls: Annotated[
        bool, typer.Option("--tls/--dmarc", help="How encrypted this domain's own mail reached them, instead.")
    ] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Tell the domains that ask, once a day, how mail in their name that arrives for this domain was authenticated."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(receiving.domain_tenant(domain), "receiving send-reports")
        (receiving.send_tls_reports if tls else receiving.send_reports)(domain, on=on)
        found = {"domain": domain, f"sends_{'tls' if tls else 'dmarc'}_reports": on}
        kind = "TLS" if tls else "DMARC"
        answer(found, as_json=as_json, text=lambda: f"{domain} {'sends' if on else 'sends no'} {kind} reports")


@app.command("count-reports")
def count_reports(
    address: Annotated[str, typer.Argument(help="An address hosted here that a domain's rua= names.")],
    *,
    on: Annotated[bool, typer.Option("--on/--off", help="Off is how every address begins.")],
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Count the reports about its tenant's domains that arrive at an ordinary address, besides delivering them."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(receiving.domain_tenant(address.rpartition("@")[2]), "receiving count-reports")
        name = receiving.count_reports(address, on=on)
        found = {"address": name, "counts_reports": on}
        answer(found, as_json=as_json, text=lambda: f"reports to {name} are {'' if on else 'not '}counted")


def _text(view: receiving.ChoiceView) -> str:
    return "\n".join(
        (
            f"DMARC fails, rejection asked for: {'refuse' if view.refuse_when_asked else 'Junk'}",
            f"certain spam: {'refuse' if view.refuse_spam else 'Junk'}",
            f"trusted forwarders: {' '.join(view.trusted_sealers) or 'none'}",
        )
    )
