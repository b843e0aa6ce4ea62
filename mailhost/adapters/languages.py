"""In which language a mailbox's owner is written to, asked of the cell's database by a daemon.

What keeps it is `mailhost.provision.languages`.
"""

from __future__ import annotations

from collections.abc import Callable

from mailhost.adapters.database import Readers, statements
from mailhost.message.letter import Say


class Languages:
    """`say` gives the sentences of a language, "" for an owner who has not been seen on the pages."""

    def __init__(self, readers: Readers, say: Callable[[str], Say]) -> None:
        self._readers = readers
        self._say = say

    async def of_owner(self, mailbox_id: int) -> Say:
        """What a letter to this mailbox is written with. Raises StoreUnavailable."""
        return self._say(await self._readers.run(language, mailbox_id))


def language(mailbox_id: int) -> str:
    """The language's code, "" for an owner who has not been seen."""
    with statements() as cursor:
        cursor.execute("SELECT language FROM mailhost_ownerlanguage WHERE mailbox_id = %s", [mailbox_id])
        row = cursor.fetchone()
    return str(row[0]) if row else ""
