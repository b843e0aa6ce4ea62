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
    Domain,
    Folder,
    Mailbox,
    MailboxKey,
    MailboxUsage,
    Tenant,
)
from mailhost.ports import Delivery
from mailhost.seal import HybridIdentity, Summary, seal
from tests import photograph
from tests.people import identity

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
    secret = identity(local)
    return Box(make_mailbox(domain, local, secret, quota), secret)


def make_mailbox(domain: Domain, local: str, secret: HybridIdentity, quota: int = 10**9) -> Mailbox:
    """A mailbox with its key and its first folders."""
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
        mailbox=mailbox, serial=1, recipient=secret.recipient.text, signing_key=bytes(32), created=NOW.date()
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
    return mailbox


@pytest.fixture
def people(transactional_db: None) -> tuple[Box, Box]:
    ada, ben = photograph.once("Ada's and Ben's mailboxes", _two_mailboxes)
    return Box(ada, identity("ada")), Box(ben, identity("ben"))


def _two_mailboxes() -> tuple[Mailbox, Mailbox]:
    with transaction.atomic():
        tenant = Tenant.objects.create(cell="is-1", slug="example", name="Example", created=NOW.date())
        domain = Domain.objects.create(cell="is-1", tenant=tenant, name="example.is", verified=NOW.date())
        return make_mailbox(domain, "ada", identity("ada")), make_mailbox(domain, "ben", identity("ben"))


@pytest.fixture
def workshop(transactional_db: None, tmp_path: Path) -> Iterator[Workshop]:
    readers, writer = Readers(), Writer()
    writer.start()
    yield Workshop(readers, writer, FileBlobs(tmp_path / "blobs"), Changes(readers))
    writer.stop()
    readers.close()


@pytest.fixture
async def cell(workshop: Workshop, people: tuple[Box, Box]) -> Cell:
    workshop.blobs.prepare()
    return Cell(workshop, DatabaseMailstore(workshop.writer, workshop.blobs, lambda: NOW), *people)
