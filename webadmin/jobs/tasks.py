"""What the cell does by itself, by kind of job: how often, and which function.

Doors, not rooms: a job is claimed, its function called, and finished or put off. Whatever goes wrong in one is the
class of an exception in its row and in the log, and harms no other.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jurisdiction.notary import Notary
from jurisdiction.records import egress, leases, proposals
from mailhost.adapters import jobs
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.sweep import sweep_once
from mailhost.models import Job
from mailhost.provision import agreements, consents, leaving, tenants
from webadmin import metrics
from webadmin.accounts import sessions
from webadmin.api import repeats
from webadmin.cell import evidence, notarial, witnessing
from webadmin.cell.control import DirectoryProcess
from webadmin.console import hours
from webadmin.environ import Environ
from webadmin.jobs import domainwork, linkwork, reporting
from webadmin.processes import backupfiles
from webadmin.tenants import journal

log = logging.getLogger(__name__)

type Work = Callable[[Environ, Notary, Job, datetime], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job of the cell itself. `every` says how often it is published."""

    every: timedelta
    work: Work


def renew_leases(environ: Environ, notary: Notary, _job: Job, now: datetime) -> None:
    """Take the evidence of today and decide every tenant's place anew."""
    evidence.take(environ, notary, now.date())
    for renewal in leases.renew_all(notary, now.date()):
        tenants.follow([renewal])
        if renewal.drift is not None:
            log.error("a lease was not renewed, nothing new is stored", extra={"kind": renewal.kind})


def sign_checkpoint(environ: Environ, notary: Notary, _job: Job, now: datetime) -> None:
    """Sign the ledger's head and have it witnessed."""
    witnessing.collect(environ, notary, now)


def close_egress_batch(_environ: Environ, notary: Notary, _job: Job, now: datetime) -> None:
    """Enter what was decided about leaving mail, as one root, and forget records that are old enough."""
    egress.close_batch(notary, now)
    egress.sweep(now)


def sweep_store(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Remove for good what owners have deleted, what has expired, and what a backup left that was killed."""
    linkwork.end_links(environ, now)
    consents.sweep(now.date())
    agreements.sweep(now.date())
    sweep_once(FileBlobs(environ.blobs), now)
    # Last: the copy may be another user's whom this one cannot clear up after, which must not keep the rest.
    backupfiles.clear_away(environ)


def remove_departed(environ: Environ, notary: Notary, _job: Job, now: datetime) -> None:
    """Remove tenants whose cooling-off is over."""
    blobs, outgoing = FileBlobs(environ.blobs), FileBlobs(environ.outgoing)
    for gone in leaving.complete(now, claims=DirectoryProcess(environ), blobs=blobs, outgoing=outgoing, notary=notary):
        log.info("a tenant is gone", extra={"count": gone.mailboxes})


def take_figures(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Add what the processes have counted to this hour's figures."""
    hours.take(metrics.totals(environ.run), now)


def sweep_sessions(_environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Forget browsers whose session has ended, answers to programs, and what tenants' own people did long ago."""
    sessions.sweep(now)
    repeats.sweep(now)
    journal.sweep(now)
    proposals.sweep(now)


KINDS: Final[dict[str, Kind]] = {
    "renew-leases": Kind(timedelta(hours=6), renew_leases),
    "sign-checkpoint": Kind(timedelta(minutes=10), sign_checkpoint),
    "close-egress-batch": Kind(timedelta(hours=1), close_egress_batch),
    "check-domains": Kind(timedelta(minutes=15), domainwork.check_domains),
    "rotate-domain-keys": Kind(timedelta(hours=1), domainwork.rotate_keys),
    "send-tls-reports": Kind(timedelta(days=1), reporting.tls_reports),
    "send-dmarc-reports": Kind(timedelta(days=1), reporting.dmarc_reports),
    "sweep-store": Kind(timedelta(hours=1), sweep_store),
    "remove-departed": Kind(timedelta(hours=1), remove_departed),
    "take-figures": Kind(timedelta(minutes=10), take_figures),
    "sweep-sessions": Kind(timedelta(hours=1), sweep_sessions),
}


def run(environ: Environ, stamp: jobs.Stamp, now: datetime) -> None:
    """Do one job, if this worker may and it is not done already."""
    notary = notarial.notary(environ, today=now.date())
    job = jobs.start(stamp, notary, now)
    if job is None:
        return
    if job.kind not in KINDS:
        jobs.bury(job, "no such kind of work")
        return
    try:
        KINDS[job.kind].work(environ, notary, job, now)
    except Exception as error:  # one job's fault is not the worker's
        log.exception("a job failed", extra={"kind": job.kind})
        jobs.fail(job, type(error).__name__, now)
    else:
        jobs.finish(job)


def tick(environ: Environ, now: datetime, wake: jobs.Wake) -> None:
    """Publish what is due, and wake workers again for what is late."""
    notary = notarial.notary(environ, today=now.date())
    for name, kind in KINDS.items():
        last = jobs.last_done(name)
        if not jobs.is_underway(name) and (last is None or now - last >= kind.every):
            jobs.publish(name, notary, now, wake)
    jobs.sweep(now, wake)
    _empty_processed(environ)


def _empty_processed(environ: Environ) -> None:
    """The folder broker keeps messages it has delivered; they are ids, and nobody needs them."""
    folder = environ.run / "broker" / "processed"
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
