"""Secure links in the cell's database: rows, large contents as files beside the mailboxes' own.

`DatabaseLinks` is what dispatch makes links with. The reading side, for pages, is `mailhost.provision.securelinks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailhost.adapters.blobs import BLOB_FROM, FileBlobs
from mailhost.adapters.database import Cursor, Readers, engine_errors, statements
from mailhost.adapters.languages import language
from mailhost.adapters.writer import Writer
from mailhost.outbound.securelinks import LinkRules, NewLink


class DatabaseLinks:
    """`securelinks.LinkStore` over the cell's database and blobs."""

    def __init__(self, writer: Writer, readers: Readers, blobs: FileBlobs, *, cell: str) -> None:
        self._writer = writer
        self._readers = readers
        self._blobs = blobs
        self._cell = cell

    async def rules(self, tenant_id: int) -> LinkRules:
        return await self._readers.run(_rules, tenant_id)

    async def language(self, mailbox_id: int) -> str:
        return await self._readers.run(language, mailbox_id)

    async def add(
        self, links: Sequence[NewLink], *, tenant_id: int, mailbox_id: int, now: datetime
    ) -> Collection[bytes]:
        blobs = [await self._put_aside(link.content, now) for link in links]
        kept = [replace(link, content=b"") if blob else link for link, blob in zip(links, blobs, strict=True)]
        rows = [_row(link, blob) for link, blob in zip(kept, blobs, strict=True)]

        def work(cursor: Cursor) -> frozenset[bytes]:
            marks = ", ".join(["%s"] * len(links))
            cursor.execute(
                f"SELECT token FROM mailhost_securelink WHERE token IN ({marks})", [link.token for link in links]
            )
            there = {bytes(row[0]) for row in cursor.fetchall()}
            cursor.executemany(
                "INSERT INTO mailhost_securelink (cell, tenant_id, mailbox_id, token, verifier, salt, parameters,"
                " reference, made, expires, opened, answers, record, content, blob)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, %s, %s, %s)"
                # A large content that was there has lost its row, and the store's sweep takes it away.
                " ON CONFLICT (token) DO UPDATE SET made = excluded.made, expires = excluded.expires,"
                # The words are the same, and what is derived from them may cost more by now.
                " verifier = excluded.verifier, salt = excluded.salt, parameters = excluded.parameters,"
                " record = excluded.record, content = excluded.content, blob = excluded.blob",
                [(self._cell, tenant_id, mailbox_id, *row) for row in rows],
            )
            return frozenset(link.token for link in links if link.token not in there)

        return await self._writer.change(work)

    async def _put_aside(self, content: bytes, now: datetime) -> str:
        if len(content) < BLOB_FROM:
            return ""
        with engine_errors():
            return await asyncio.to_thread(self._blobs.write, content, now)

    async def remove(self, tokens: Collection[bytes]) -> None:
        def work(cursor: Cursor) -> list[str]:
            gone = []
            for token in tokens:
                cursor.execute("DELETE FROM mailhost_securelink WHERE token = %s RETURNING blob", [token])
                gone += [row[0] for row in cursor.fetchall() if row[0]]
            return gone

        for blob in await self._writer.change(work):
            await asyncio.to_thread(self._blobs.remove, blob)


def _row(link: NewLink, blob: str) -> tuple[Any, ...]:
    return (
        link.token,
        link.verifier,
        link.salt,
        link.parameters,
        link.reference,
        link.made.isoformat(),
        link.expires.isoformat(),
        link.record,
        link.content,
        blob,
    )


def _rules(tenant_id: int) -> LinkRules:
    with statements() as cursor:
        cursor.execute(
            "SELECT t.name, c.days, c.answers, c.attachments FROM mailhost_tenant t"
            " LEFT JOIN mailhost_linkchoice c ON c.tenant_id = t.id WHERE t.id = %s",
            [tenant_id],
        )
        row = cursor.fetchone()
    if row is None:
        return LinkRules()
    name, days, answers, attachments = row
    return LinkRules(name) if days is None else LinkRules(name, days, bool(answers), bool(attachments))
