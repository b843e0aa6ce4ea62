"""Which addresses a mailbox may send as although mail to them goes elsewhere."""

from __future__ import annotations

from mailhost.adapters.database import Readers, statements


class DatabaseGrants:
    """`ports.Grants` over the cell's database. Asked only about addresses that a login does not own."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def granted(self, mailbox_id: int, address: str) -> bool:
        return await self._readers.run(_granted, mailbox_id, address)


def _granted(mailbox_id: int, address: str) -> bool:
    with statements() as cursor:
        # The domain must still be the mailbox's own tenant's: domains go and may come back as somebody else's.
        cursor.execute(
            "SELECT 1 FROM mailhost_sendergrant g JOIN mailhost_mailbox m ON m.id = g.mailbox_id"
            " JOIN mailhost_domain d ON d.tenant_id = m.tenant_id"
            " WHERE g.mailbox_id = %s AND g.address = %s AND d.name = %s",
            [mailbox_id, address, address.rpartition("@")[2]],
        )
        return cursor.fetchone() is not None
