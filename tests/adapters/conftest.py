"""A cell with Ada and Ben in it, on a real database file, with the writing and reading threads of a process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import transaction

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.changes import Changes
from mailhost.adapters.database import Readers
from mailhost.adapters.mailstore import DatabaseMailstore
from mailhost.adapters.workshop import Workshop
from mailhost.adapters.writer import Writer
from mailhost.models import (
    CellIdentity,
    Domain,
    Folder,
    Mailbox,
    MailboxKey,
    MailboxUsage,
    RouteVersion,
    Tenant,
)
from mailhost.ports import Delivery
from mailhost.seal import HybridIdentity, Summary, seal

NOW = datetime(2026, 11, 21, 14, 35, 12, tzinfo=UTC)


@dataclass
class Box:
    """A mailbox with the secret that only its owner has."""

    mailbox: Mailbox
    identity: HybridIdentity

    def delivery(self, content: bytes = b"Subject: hello\r\n\r\nhello\r\n", **changed: object) -> Delivery:
        sealed = seal(
            self.identity.recipient,
            content,
            Summary(size=len(content), internaldate=int(NOW.timestamp()), envelope="(ENVELOPE)", subject="hello"),
        )
        made = Delivery(
            mailbox_id=self.mailbox.pk,
            tenant_id=self.mailbox.tenant_id,
            key_version=1,
            opaque_id=secrets.token_hex(16),
            arrived=NOW,
            header=sealed.header,
            payload=sealed.payload,
        )
        return replace(made, **changed)  # type: ignore[arg-type]

    def inbox(self) -> Folder:
        return Folder.objects.get(mailbox=self.mailbox, name="INBOX")

    def usage(self) -> MailboxUsage:
        return MailboxUsage.objects.get(mailbox=self.mailbox)


@dataclass
class Cell:
    """The store of a cell, and its people."""

    shop: Workshop
    mailstore: DatabaseMailstore
    ada: Box
    ben: Box


def make_box(domain: Domain, local: str, quota: int = 10**9) -> Box:
    identity = HybridIdentity.generate()
    mailbox = Mailbox.objects.create(
        cell="is-1",
        tenant=domain.tenant,
        domain=domain,
        address=f"{local}@{domain.name}",
        state="active",
        invited_at=NOW,
        quota_bytes=quota,
        uidvalidity_next=1000,
    )
    MailboxUsage.objects.create(mailbox=mailbox)
    MailboxKey.objects.create(
        mailbox=mailbox, serial=1, recipient=identity.recipient.text, signing_key=bytes(32), created=NOW.date()
    )
    for position, (name, use) in enumerate([("INBOX", ""), ("Junk", "\\Junk"), ("Trash", "\\Trash")]):
        Folder.objects.create(
            cell="is-1",
            mailbox=mailbox,
            name=name,
            special_use=use,
            opaque_id=secrets.token_hex(16),
            uidvalidity_sealed=10 + 2 * position,
            uidvalidity_session=11 + 2 * position,
        )
    return Box(mailbox, identity)


@pytest.fixture
def rows(transactional_db: None) -> None:
    """The two one-row tables, which emptying the database between tests has emptied too."""
    CellIdentity.objects.get_or_create(id=1, defaults={"cell": "is-1", "certificate_sha256": ""})
    RouteVersion.objects.get_or_create(id=1)


@pytest.fixture
def people(rows: None) -> tuple[Box, Box]:
    with transaction.atomic():
        tenant = Tenant.objects.create(cell="is-1", slug="example", name="Example", created=NOW.date())
        domain = Domain.objects.create(cell="is-1", tenant=tenant, name="example.is", verified=NOW.date())
        return make_box(domain, "ada"), make_box(domain, "ben")


@pytest.fixture
def workshop(rows: None, tmp_path: Path) -> Iterator[Workshop]:
    readers, writer = Readers(), Writer()
    writer.start()
    yield Workshop(readers, writer, FileBlobs(tmp_path / "blobs"), Changes(readers))
    writer.stop()
    readers.close()


@pytest.fixture
async def cell(workshop: Workshop, people: tuple[Box, Box]) -> Cell:
    workshop.blobs.prepare()
    return Cell(workshop, DatabaseMailstore(workshop.writer, workshop.blobs, lambda: NOW), *people)
