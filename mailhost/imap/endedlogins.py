"""Ending connections whose login is good no longer.

A phone that was stolen is connected when its owner revokes the app password, and in the session view this process
holds what opens the mail. So the logins of all open connections are asked about together, every
`Limits.login_look` seconds: was the app password revoked, has it expired, may its mailbox and tenant still sign in?
Who may not hears BYE behind the command that runs, and is cut off at the next look if still there.

Goes in: the store and the open connections. A store that does not answer ends nobody; the next look asks again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Final

from mailhost.imap.connection import Connection
from mailhost.imap.session import report
from mailhost.imap.store import Accounts, StoreError

# Logins in one question: a few milliseconds of one reading thread, so that other readers get their turn.
ASKED_TOGETHER: Final = 1000


async def watch(accounts: Accounts, connections: Iterable[Connection], seconds: float) -> None:
    """Look every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await look(accounts, connections)
        except StoreError:
            continue  # locked or restarting: asked again at the next look
        except Exception as error:  # noqa: BLE001 a fault in one look must not be the last look
            report(error, "look at logins")


async def look(accounts: Accounts, connections: Iterable[Connection]) -> None:
    """Send away every connection whose login is not good now. Raises TryLater."""
    opened: dict[int, list[Connection]] = {}
    for connection in connections:
        if connection.login_id is not None:
            opened.setdefault(connection.login_id, []).append(connection)
    for asked in itertools.batched(opened, ASKED_TOGETHER):
        good = await accounts.still_good(asked)
        for login_id in asked:
            if login_id not in good:
                for connection in opened[login_id]:
                    await connection.send_away()
