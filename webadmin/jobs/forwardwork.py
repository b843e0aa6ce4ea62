"""Writing to addresses elsewhere whether they take what a mailbox forwards, for the pages and the command line.

The letter goes through the queue like everything that leaves: signed, and asked about by the owner's tenant. It has
no author to whom it could come back, from a host elsewhere or into a folder here, because whoever has the letter can
agree in its reader's name. If it cannot leave, the owner reads why on the page of filters.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from mailhost.message.address import parse_address
from mailhost.message.forwardletter import asking
from mailhost.models import Mailbox
from mailhost.outbox import Forward, Outgoing, Passing
from mailhost.ports import StoreError
from mailhost.provision import agreements, languages
from mailhost.rules.rule import Rules
from mailhost.wiring.posting import send_out
from mailhost.wishes.agreements import new_token, reader_of
from webadmin.cell import keyfiles
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.processes import daemons


def key(environ: Environ) -> bytes:
    """What agreements and their links are hashed with."""
    return keyfiles.read_or_make(environ.keys / "correspondent.key")


def ask(environ: Environ, box: Mailbox, address: str, now: datetime) -> None:
    """Send one letter. Raises AskedEnough, StoreFull, StoreUnavailable."""
    token, word = new_token(), secrets.token_hex(16)
    counted = agreements.ask(box, address, token, key=key(environ), now=now)
    to, domain = parse_address(address), box.address.rpartition("@")[2]
    content = asking(
        to=str(to),
        owner=box.address,
        link=f"{environ.web_address}/f/{token}",
        last_day=counted.last_day,
        message_id=f"{word}@{domain}",
        now=now,
        say=spoken.into(languages.of(box)),
    )
    message = Outgoing(
        opaque_id=word,
        tenant_id=box.tenant_id,
        mailbox_id=box.pk,
        sender="",
        author=box.address,
        recipients=(Forward(str(to), to.domain),),
        content=content,
        smtputf8=not content.isascii(),
        passing=Passing.COPY,
    )
    try:
        send_out(daemons.surroundings(environ), message)
    except StoreError:
        agreements.unsent(counted)
        raise
    agreements.sent(counted)


def ask_new(environ: Environ, box: Mailbox, rules: Rules, now: datetime) -> int:
    """Ask every reader of these rules who was not asked yet, within the limit of a day; how many. Raises as `ask`."""
    silent = agreements.waiting(box, rules, key=key(environ), now=now)
    asked: set[str] = set()
    for one in silent:
        reader = reader_of(parse_address(one.address))
        if one.last_day is None and one.may_ask and reader not in asked:
            try:
                ask(environ, box, one.address, now)
            except agreements.AskedEnough:
                break  # those before it were the day's last
            asked.add(reader)
    return len(asked)
