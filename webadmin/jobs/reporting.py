"""The daily reports that this cell owes to other domains."""

from __future__ import annotations

from datetime import datetime

from jurisdiction.notary import Notary
from mailhost.models import Job
from mailhost.wiring.dmarcreports import send_dmarc_reports
from mailhost.wiring.tlsreports import send_tls_reports
from webadmin.environ import Environ
from webadmin.processes import daemons


def tls_reports(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Queue the TLS reports of the days that are over."""
    send_tls_reports(daemons.surroundings(environ), now)


def dmarc_reports(environ: Environ, _notary: Notary, _job: Job, now: datetime) -> None:
    """Queue the DMARC reports of the days that are over."""
    send_dmarc_reports(daemons.surroundings(environ), now)
