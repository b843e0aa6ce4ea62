"""Periodic work for hosted domains: their DKIM keys go round, their DNS is looked at and their people told of changes.

For keys, the DNS is asked only for those that wait to be seen. A domain is looked at hourly until its records are
right and daily then; what changed is told to its postmaster by a sealed letter in the postmaster's own mailbox, and
only once. Each domain is a transaction of its own, so one whose DNS is slow costs the others time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection
from datetime import date, datetime

from jurisdiction.notary import Notary
from mailhost.mailauth.resolver import Resolver
from mailhost.message.letter import Say
from mailhost.models import Domain, Job
from mailhost.provision import dnsletters, domaindns, domainkeys, domains
from mailhost.provision.claims import Claims
from mailhost.provision.errors import CannotProvision
from mailhost.wiring.posting import post
from webadmin.cell import hosting, keyfiles
from webadmin.cell.control import DirectoryProcess
from webadmin.environ import Environ
from webadmin.processes import daemons

log = logging.getLogger(__name__)

# The file that the operator's name server includes, in the cell's folder.
ZONE_FILE = "zone-records"
# Domains looked at in one job; the others wait for the next.
AT_ONCE = 200


def rotate_keys(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Take the steps that are due for every domain, and write the records of the cell's own zone anew."""
    hosted, resolver = hosting.hosted(environ), hosting.resolver(environ)
    for domain in Domain.objects.select_related("tenant").order_by("pk"):
        domainkeys.advance(domain, today=now.date(), identity=hosted.identity, seen=_seen(domain, resolver))
    if environ.zone:
        text = domaindns.zone_text(hosted)
        keyfiles.replace(environ.cell_dir / ZONE_FILE, text.encode("ascii"), mode=0o644)


def check_domains(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Look at the domains that are due, and let go of those that nobody proved in a month."""
    domains.expire(now.date())
    resolver = hosting.resolver(environ)
    if resolver is None:
        return
    hosted, claims = hosting.hosted(environ), DirectoryProcess(environ)
    for domain in domaindns.due(now, AT_ONCE):
        looked = domaindns.look(domain, hosted, resolver, now=now)
        told = not looked.changes or tell(environ, looked, now)
        domaindns.keep(domain, looked, told=told)
        try:
            take(domain, looked, claims, now)
        except CannotProvision as problem:
            log.warning("a proven domain was not taken", extra={"kind": type(problem).__name__})


def take(domain: Domain, looked: domaindns.Looked, claims: Claims, now: datetime) -> None:
    """Take mail for a domain from the moment its ownership is seen. Raises TakenElsewhere, DirectoryUnreachable."""
    if looked.proves_ownership:
        domains.prove(domain, now=now, claims=claims)


def begin_keys(environ: Environ, domain: Domain, today: date, *, resolver: bool | None = None) -> None:
    """A new domain's first keys; with a resolver (that of the settings, unless told) they sign once they are seen."""
    identity = hosting.hosted(environ).identity
    can_ask = bool(environ.resolver) if resolver is None else resolver
    domainkeys.advance(domain, today=today, identity=identity, seen=() if can_ask else None)


def tell(environ: Environ, looked: domaindns.Looked, now: datetime) -> bool:
    """Put a letter about the changes into the postmaster's mailbox; False: not now, but perhaps later."""
    word = secrets.token_hex(16)

    def written(say: Say) -> bytes:
        return dnsletters.about_changes(looked, now=now, hostname=environ.hostname, word=word, say=say)

    return post(daemons.surroundings(environ), f"postmaster@{looked.domain}", written)


def _seen(domain: Domain, resolver: Resolver | None) -> Collection[str] | None:
    if resolver is None:
        return None
    awaiting = domainkeys.awaiting(domain)
    return asyncio.run(domainkeys.seen(domain.name, awaiting, resolver)) if awaiting else ()
