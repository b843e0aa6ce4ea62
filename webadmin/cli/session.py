"""`skerry session open|list|acts|approve|close`: operators at work, stated beforehand and shown to tenants."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from jurisdiction.models import OperatorSession
from jurisdiction.records import operators
from mailhost.provision import tenants
from webadmin import operating
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import opened

app = typer.Typer(no_args_is_help=True)
SessionId = Annotated[str, typer.Argument(metavar="ID", help="Its first eight digits are enough.")]
TenantFlag = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.")]


@app.command("open")
def open_(
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, such as a ticket; the tenant reads it.")],
    country: Annotated[str | None, typer.Option("--country", help="Where you are; SKERRY_OPERATOR_COUNTRY.")] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.1, help="How long, at most 12.")] = 4,
    tenant: TenantFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """State why you are about to work on tenants, and from where. It ends by itself."""
    with opened(as_json=as_json) as cell:
        who = operating.person(cell.environ)
        made = operators.open_session(
            secrets.token_hex(16),
            who.name,
            country or who.country,
            reason,
            cell.notary,
            cell.now,
            lasts=timedelta(hours=hours),
            tenant=tenants.get(tenant).slug if tenant else "",
        )
        _say(made, as_json=as_json)


@app.command("list")
def list_(*, tenant: TenantFlag = None, as_json: JsonFlag = False) -> None:
    """List sessions, the newest first."""
    with opened(as_json=as_json):
        slug = tenants.get(tenant).slug if tenant else None
        answer_list(
            [asdict(view) for view in operators.sessions(slug)],
            as_json=as_json,
            columns=("session", "operator", "country", "reason", "tenant", "opened", "expires", "closed", "second"),
            empty="no sessions",
        )


@app.command()
def acts(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The tenant.")], *, as_json: JsonFlag = False
) -> None:
    """List what operators did to a tenant, or tried to: what the tenant is shown."""
    with opened(as_json=as_json):
        answer_list(
            [asdict(view) for view in operators.acts(tenants.get(slug).slug)],
            as_json=as_json,
            columns=("at", "act", "operator", "country", "reason", "second", "refused"),
            empty="nothing was done",
        )


@app.command()
def approve(session: SessionId, *, as_json: JsonFlag = False) -> None:
    """Agree, as a second person, to what cannot be undone in a session."""
    with opened(as_json=as_json) as cell:
        who = operating.person(cell.environ)
        _say(operators.approve(session, who.name, cell.notary, cell.now), as_json=as_json)


@app.command()
def close(session: SessionId, *, as_json: JsonFlag = False) -> None:
    """End a session before its time."""
    with opened(as_json=as_json) as cell:
        _say(operators.close(session, cell.now), as_json=as_json)


def _say(row: OperatorSession, *, as_json: bool) -> None:
    about: dict[str, Any] = {
        "session": row.public_id,
        "operator": row.operator,
        "country": row.country,
        "reason": row.reason,
        "tenant": row.tenant,
        "expires": row.expires.isoformat(timespec="seconds"),
        "second": row.second,
        "closed": row.closed is not None,
    }
    ended = "closed" if about["closed"] else f"until {about['expires']}"
    agreed = f", {row.second} agreed" if row.second else ""
    answer(about, as_json=as_json, text=lambda: f"session {row.public_id[:8]} of {row.operator}, {ended}{agreed}")
