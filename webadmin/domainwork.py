"""Periodic work for hosted domains: their DKIM keys go round.

Every domain is looked at; the DNS is asked only for those with a key that waits to be seen. One domain whose DNS is
slow or whose rows are locked harms no other, since each is a transaction of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime

from jurisdiction.notary import Notary
from mailhost.mailauth.resolver import Resolver
from mailhost.models import Domain, Job
from mailhost.provision import domaindns, domainkeys
from webadmin import hosting, keyfiles
from webadmin.environ import Environ

# The file that the operator's name server includes, in the cell's folder.
ZONE_FILE = "zone-records"


def rotate_keys(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Take the steps that are due for every domain, and write the records of the cell's own zone anew."""
    hosted, resolver = hosting.hosted(environ), hosting.resolver(environ)
    for domain in Domain.objects.select_related("tenant").order_by("pk"):
        domainkeys.advance(domain, today=now.date(), identity=hosted.identity, seen=_seen(domain, resolver))
    if environ.zone:
        text = domaindns.zone_text(hosted)
        keyfiles.replace(environ.cell_dir / ZONE_FILE, text.encode("ascii"), mode=0o644)


def _seen(domain: Domain, resolver: Resolver | None) -> Collection[str] | None:
    if resolver is None:
        return None
    awaiting = domainkeys.awaiting(domain)
    return asyncio.run(domainkeys.seen(domain.name, awaiting, resolver)) if awaiting else ()
