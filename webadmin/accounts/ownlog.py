"""A mailbox's own log of sign-ins on the web: each is sealed to the owner's key at once, and read in their browser.

Attempts with a wrong password are not written down one by one: a stranger could fill the list, and whether something
was written would tell which addresses exist. They are counted under the name by `throttle`, and the next sign-in that
is right says how many there were.

The country of a browser is looked up in tables on this machine. Behind a proxy on this machine its address stands last
in X-Forwarded-For; it is used for nothing else and kept nowhere.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache

from django.conf import settings
from django.http import HttpRequest

from jurisdiction.declared import PlacesErrors
from mailhost.adapters.signins import keep
from mailhost.models import Mailbox
from mailhost.signins import Note, Program, Result
from mailhost.wiring.placing import label
from webadmin.accounts.sources import address_of
from webadmin.cell import notarial
from webadmin.cell.gazetteer import Gazetteer

FAILURES = "failures"  # key of the session: wrong passwords before this sign-in, until its second factor is proven


def note(request: HttpRequest, box: Mailbox, result: Result, now: datetime, *, failures: int = 0) -> None:
    """Write a sign-in down for the mailbox's owner; a mailbox without keys has none."""
    keep(box, Note(now, Program.BROWSER, result, _country(request, now.date()), failures))


def _country(request: HttpRequest, today: date) -> str:
    address = address_of(request)
    gazetteer = _gazetteer() if address else None
    return label(gazetteer(address, today)) if gazetteer else ""


@cache
def _gazetteer() -> Gazetteer | None:
    """Read when the first browser from outside signs in, and kept; None for declarations that cannot be read."""
    try:
        return Gazetteer(settings.ENVIRON, notarial.installed().countries)
    except PlacesErrors:
        return None
