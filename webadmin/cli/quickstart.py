"""`skerry quickstart you@example.is`: from a machine to a mail host, with every step visible.

It looks at the machine (each check OK or a warning with its remedy), writes the settings of a real host into a file,
makes tenant, domain and mailbox where they are missing, and prints what is left to do by hand: the DNS records, the
settings for a mail program, the services. Run again, it keeps what is there and only looks and prints anew.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mailhost.domaindns.dnsrecords import zone_file
from mailhost.models import Domain, Mailbox, Tenant
from mailhost.provision import domaindns, domains, mailboxes, names, tenants
from webadmin.cell import hosting
from webadmin.cli.answers import JsonFlag, say_json
from webadmin.cli.doctor import show
from webadmin.cli.door import Cell, DryRunFlag, Failed, PasswordStdinFlag, opened, secret
from webadmin.doctor import checks, firststeps, survey
from webadmin.doctor.checks import State
from webadmin.environ import CHECKOUT, Environ
from webadmin.jobs import domainwork

app = typer.Typer()


@app.command("quickstart")
def quickstart(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Your address, such as you@example.is.")],
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="Short name; empty: the domain's first label.")] = "",
    hostname: Annotated[str, typer.Option("--hostname", help="This host's name; empty: mail.DOMAIN.")] = "",
    public_address: Annotated[str, typer.Option("--public-address", help="Its IP address as others see it.")] = "",
    resolver: Annotated[str, typer.Option("--resolver", help="A validating resolver.")] = "127.0.0.1:53",
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="File for the settings; empty: <home>/<cell>.env.")
    ] = None,
    password_stdin: PasswordStdinFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Check this machine, write its settings, make your mailbox, and print what is left to do."""
    # A dry run is one transaction, and on SQLite nobody stores mail meanwhile: what takes a minute comes before it.
    with opened(as_json=as_json) as cell:
        domain = names.domain(address.rpartition("@")[2])
        path = settings_file or cell.environ.home / f"{cell.environ.cell}.env"
        wanted = firststeps.wanted(domain, hostname=hostname, public_address=public_address, resolver=resolver)
        added = firststeps.missing(path, wanted, os.environ)
        environ = _as_written(cell.environ, firststeps.read(path) | added)
        outside = survey.outside(environ)
        found = checks.run(environ, now=cell.now, lookers=(*checks.LOOKERS, *survey.Survey(outside).lookers))
        if not as_json:
            show(found)
        if added and not dry_run:
            firststeps.add(path, added)
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        made = _people(cell, environ, domain, address, tenant, password_stdin=password_stdin, dry_run=dry_run)
        row = domains.get(domain)
        records = domaindns.records_of(row, hosting.hosted(environ))
        offer = hosting.hosted(environ).hosting
        result: dict[str, Any] = {
            "ok": all(check.state == State.OK for check in found),
            "checks": [asdict(check) for check in found],
            "settings_file": str(path),
            "settings_added": added,
            "made": made,
            "records": [asdict(record) for record in records],
            "client": {
                "username": address,
                "host": offer.client_host,
                "imap": offer.imaps_port,
                "submission": offer.submissions_port,
            },
            "services": str(CHECKOUT / "infra" / "systemd"),
            "dry_run": dry_run,
        }
        if as_json:
            say_json(result)
        else:
            print(_text(result, zone_file(domain, records), environ))


def _as_written(environ: Environ, settings: dict[str, str]) -> Environ:
    """The settings as the services will have them. Raises Failed for what they would refuse."""
    values = {name.removeprefix("SKERRY_").lower(): value for name, value in settings.items()}
    try:
        return Environ(**(environ.model_dump(exclude_unset=True) | values))
    except ValidationError as problem:
        text = "; ".join(error["msg"].removeprefix("Value error, ") for error in problem.errors())
        raise Failed(f"these settings would not do: {text}") from None


def _people(
    cell: Cell, environ: Environ, domain: str, address: str, slug: str, *, password_stdin: bool, dry_run: bool
) -> dict[str, str]:
    """Make what is missing; what was made, by kind. The recovery phrase is shown this once."""
    made: dict[str, str] = {}
    hosted = Domain.objects.select_related("tenant").filter(name=domain).first()
    slug = slug or (hosted.tenant.slug if hosted else domain.partition(".")[0])
    if hosted and hosted.tenant.slug != slug:
        raise Failed(f"{domain} belongs to tenant {hosted.tenant.slug!r} already; leave --tenant out")
    if not Tenant.objects.filter(slug=slug).exists():
        made["tenant"] = tenants.add(slug, name=slug, now=cell.now, claims=cell.claims, notary=cell.notary).slug
    cell.act(slug, "quickstart")
    if hosted is None:
        made["domain"] = domains.add(domain, slug, now=cell.now, claims=cell.claims).domain
        domainwork.begin_keys(environ, domains.get(domain), cell.now.date(), resolver=bool(environ.resolver))
    if Mailbox.objects.filter(address=address.lower()).exists():
        return made
    if dry_run:
        return made | {"mailbox": address}
    box = mailboxes.add(
        address,
        secret("account password", from_stdin=password_stdin, twice=True),
        notary=cell.notary,
        now=cell.now,
        quota_bytes=cell.environ.default_quota_bytes,
        server_key=cell.server_key,
    )
    return made | {"mailbox": box.address, "public_key": box.public_key, "recovery_phrase": box.recovery_phrase}


def _text(result: dict[str, Any], zone: str, environ: Environ) -> str:
    client, made = result["client"], result["made"]
    lines = ["", f"Settings: {result['settings_file']}"]
    lines += [f"  {name}={value}" for name, value in result["settings_added"].items()] or ["  nothing to add"]
    lines += ["", "Made:", *(f"  {what}: {value}" for what, value in made.items() if what != "recovery_phrase")]
    if not made:
        lines[-1] = "Made: nothing, all is there"
    if "recovery_phrase" in made:
        lines += ["", "Recovery phrase (write it down, it is shown this once):", made["recovery_phrase"]]
    lines += [
        "",
        "Add these records to the domain's DNS, then see with `skerry domain check`:",
        "",
        zone,
        "In a mail program (password: `skerry app-password add " + client["username"] + " --access sealed`):",
        f"  IMAP  {client['host']} port {client['imap']}, TLS",
        f"  SMTP  {client['host']} port {client['submission']}, TLS",
        f"  user name  {client['username']}",
        "",
        f"Services: the units in {result['services']}, as docs/operations.md says; they read these settings from",
        f"/etc/skerry/{environ.cell}.env. Or, for a try: set -a; . {result['settings_file']}; set +a; make run",
    ]
    return "\n".join(lines)
