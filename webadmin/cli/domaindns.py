"""`skerry domain records|check|keys|zone`: what belongs into the DNS, what is there, and the keys behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from mailhost.domaindns.dnscheck import Status
from mailhost.domaindns.dnsrecords import Purpose, Record, zone_file
from mailhost.mailauth.resolver import Resolver
from mailhost.models import DkimKey, Domain
from mailhost.provision import domaindns, domains
from webadmin.cell import hosting
from webadmin.cli.answers import JsonFlag, answer_list, say_json
from webadmin.cli.door import Cell, Failed, YesFlag, confirm, opened
from webadmin.jobs import domainwork

DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="A hosted domain, such as example.is.")]
_MARKS = {
    Status.OK: "green",
    Status.ADVICE: "yellow",
    Status.UNKNOWN: "yellow",
    Status.MISSING: "red",
    Status.WRONG: "red",
}


def records(
    domain: DomainName,
    *,
    zone: Annotated[bool, typer.Option("--zone", help="Print a zone file to import.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """The records that belong into a domain's DNS, in the order in which to add them."""
    with opened(as_json=as_json) as cell:
        row = _seen_by(cell, domain)
        found = domaindns.records_of(row, hosting.hosted(cell.environ))
    if zone:
        print(zone_file(row.name, found), end="")
        return
    answer_list(
        [_about(one) for one in found], as_json=as_json, columns=("host", "type", "value", "purpose"), empty="none"
    )


def zone(*, as_json: JsonFlag = False) -> None:
    """The records for the cell's own zone (SKERRY_ZONE): senders, keys of all domains, DANE; to be included in it."""
    with opened(as_json=as_json) as cell:
        hosted = hosting.hosted(cell.environ)
        if as_json:
            say_json([_about(one) for one in domaindns.zone(hosted)])
        else:
            print(domaindns.zone_text(hosted), end="")


def check(domain: DomainName, *, as_json: JsonFlag = False) -> None:
    """Look up every record of a domain: expected, found, why it matters, what to do. Exit code 1 unless all is well."""
    with opened(as_json=as_json) as cell:
        row = _seen_by(cell, domain)
        looked = domaindns.check(row, hosting.hosted(cell.environ), _resolver(cell), now=cell.now)
        domainwork.take(row, looked, cell.claims, cell.now)
    if as_json:
        lines = [asdict(line) for line in looked.lines]
        say_json(
            {"domain": looked.domain, "ok": looked.is_right, "checked": looked.checked.isoformat(), "records": lines}
        )
    else:
        _show(looked)
    if not looked.is_right:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What a look at a domain's DNS found: records that are not as they should be, and what to do about the first.
    `problems` is None where nothing was looked up."""

    domain: str
    problems: int | None
    step: str

    @property
    def as_json(self) -> dict[str, Any]:
        return {"looked": self.problems is not None, "problems": self.problems, "next": self.step}

    @property
    def sentence(self) -> str:
        if self.problems is None:
            return f"DNS: not looked at. Next: {self.step}"
        if not self.problems:
            return "DNS: all is as it should be"
        return f"DNS: {self.problems} records are not as they should be. Next: {self.step}"


def first_step(cell: Cell, domain: str) -> FirstStep:
    """Look at a domain that an operator has just added, as its page does, and say what to do first. Its proof of
    ownership is not asked for: the operator's word stands for it."""
    row, resolver = domains.get(domain), hosting.resolver(cell.environ)
    if resolver is None:
        step = f"set SKERRY_RESOLVER; `skerry domain records {row.name}` lists what belongs into the DNS"
        return FirstStep(row.name, None, step)
    looked = domaindns.check(row, hosting.hosted(cell.environ), resolver, now=cell.now)
    wrong = [line for line in looked.lines if line.is_problem and line.purpose != Purpose.OWNERSHIP]
    again = f"`skerry domain check {row.name}` shows all of it"
    if wrong:
        return FirstStep(row.name, len(wrong), f"{wrong[0].step.rstrip('.')}; {again}")
    unseen = [line for line in looked.lines if line.status == Status.UNKNOWN]
    if unseen:
        return FirstStep(row.name, None, f"the DNS did not answer; {again} once it does")
    return FirstStep(row.name, 0, "")


def keys(
    domain: DomainName,
    *,
    renew: Annotated[
        bool, typer.Option("--renew", help="Throw the keys away and make new ones, for keys that were lost or stolen.")
    ] = False,
    yes: YesFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """The DKIM keys of a domain and where each stands in its life."""
    with opened(as_json=as_json) as cell:
        row = _seen_by(cell, domain)
        if renew:
            cell.act(row.tenant.slug, "domain keys --renew", dangerous=True)
            confirm(f"Throw away the DKIM keys of {row.name}? Mail on its way will no longer verify.", yes=yes)
            DkimKey.objects.filter(domain=row).delete()
            domainwork.begin_keys(cell.environ, row, cell.now.date())
        found = [
            {
                "selector": key.selector,
                "state": key.state,
                "algorithm": key.algorithm,
                "since": key.since.isoformat(),
                "record": key.record,
            }
            for key in DkimKey.objects.filter(domain=row).order_by("selector")
        ]
    answer_list(found, as_json=as_json, columns=("selector", "state", "algorithm", "since"), empty="no keys yet")


def _seen_by(cell: Cell, name: str) -> Domain:
    row = domains.get(name)
    if not cell.may_see(row.tenant.slug):
        raise Failed(f"{row.name} belongs to a tenant that this session may not see")
    return row


def _resolver(cell: Cell) -> Resolver:
    found = hosting.resolver(cell.environ)
    if found is None:
        raise Failed("nothing can be looked up: set SKERRY_RESOLVER to a validating resolver, such as 127.0.0.1:53")
    return found


def _about(record: Record) -> dict[str, Any]:
    return {**asdict(record), "explanation": record.explanation}


def _show(looked: domaindns.Looked) -> None:
    console = Console(highlight=False)
    for line in looked.lines:
        console.print(f"[{_MARKS[Status(line.status)]}]{line.status:8}[/] {line.type:5} {line.name}", soft_wrap=True)
        if line.status == Status.OK:
            continue
        rows = (
            ("expected", line.expected),
            ("found", "; ".join(line.found)),
            ("why", line.cause),
            ("effect", line.effect),
            ("next", line.step),
        )
        for what, text in rows:
            if text:
                console.print(f"         {what}: {text}", markup=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Put the commands under `skerry domain`."""
    for command in (records, check, keys, zone):
        app.command()(command)
