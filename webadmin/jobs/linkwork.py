"""Periodic work for secure links: authors hear which of theirs ended unread, and what has ended goes.

A letter is delivered before its link's row goes, so a crash in between tells somebody twice and nobody never.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from mailhost.adapters.blobs import FileBlobs
from mailhost.message.linkletters import lapsed
from mailhost.provision import languages, securelinks
from mailhost.provision.securelinks import Lapsed
from mailhost.wiring.posting import post_all
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.processes import daemons


def end_links(environ: Environ, now: datetime) -> None:
    """Tell the authors, and remove what has expired."""
    today, blobs, last = now.date(), FileBlobs(environ.blobs), 0
    while found := securelinks.lapsed(today, after=last):
        letters = [(one.mailbox.address, _letter(one, now)) for one in found]
        done = post_all(daemons.surroundings(environ), letters)
        securelinks.told([one.number for one, told in zip(found, done, strict=True) if told], blobs)
        last = found[-1].number
    securelinks.sweep(today, blobs)


def _letter(link: Lapsed, now: datetime) -> bytes:
    domain = link.mailbox.address.rpartition("@")[2]
    return lapsed(
        to=link.mailbox.address,
        domain=domain,
        message_id=f"{secrets.token_hex(16)}@{domain}",
        now=now,
        reference=link.reference,
        made=link.made,
        last_day=link.last_day,
        say=spoken.into(languages.of(link.mailbox)),
    )
