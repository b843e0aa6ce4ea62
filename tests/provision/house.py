"""A small cell for tests: tenant harbour (Ada, Ben) with example.is, tenant fjord (Cleo) with example.no."""

from __future__ import annotations

from datetime import UTC, datetime

from mailhost.models import Folder, Mailbox, MailboxUsage, Message, SealedMessage
from mailhost.provision import domains, mailboxes, tenants
from mailhost.provision.claims import Claims
from mailhost.seal.identity import HybridRecipient
from mailhost.seal.sealed import seal
from mailhost.seal.summary import Summary
from tests import photograph
from tests.notaries import notary

NOW = datetime(2027, 3, 14, 15, 9, 26, tzinfo=UTC)
CELL = "is-1"
NOTARY = notary(CELL)
SERVER_KEY = bytes(range(32))
ADAS_PASSWORD = "lighthouse keeper's cat"
QUOTA = 1 << 30
TENANTS = {"harbour": "example.is", "fjord": "example.no"}


def found(claims: Claims) -> None:
    """Make both tenants and their domains."""
    photograph.once("harbour and fjord", lambda: _found(claims))
    for slug, domain in TENANTS.items():
        claims.claim_tenant(slug)
        claims.claim_domain(domain)


def _found(claims: Claims) -> None:
    for slug, domain in TENANTS.items():
        tenants.add(slug, name=slug.title(), now=NOW, claims=claims, notary=NOTARY)
        domains.add(domain, slug, now=NOW, claims=claims)


def add_ada() -> mailboxes.NewMailbox:
    """Ada's mailbox, with keys."""
    return photograph.once("Ada", _add_ada)


def _add_ada() -> mailboxes.NewMailbox:
    return mailboxes.add(
        "ada@example.is", ADAS_PASSWORD, notary=NOTARY, now=NOW, quota_bytes=QUOTA, server_key=SERVER_KEY
    )


def invite(address: str) -> Mailbox:
    """A mailbox without keys."""
    mailboxes.invite(address, notary=NOTARY, now=NOW, quota_bytes=QUOTA)
    return mailboxes.get(address)


def store(
    box: Mailbox, message: bytes, *, folder: str = "INBOX", flags: int = 0, blob: str = "", recipient: str = ""
) -> tuple[Message, bytes]:
    """Store one sealed message the plain way; its place and its payload."""
    to = HybridRecipient.from_text(recipient or box.mailboxkey_set.get(serial=1).recipient)
    sealed = seal(to, message, Summary(size=len(message), internaldate=0))
    place = Folder.objects.get(mailbox=box, name=folder)
    row = SealedMessage.objects.create(
        cell=CELL,
        mailbox=box,
        opaque_id=f"{place.uidnext:032x}",
        arrived=NOW.replace(minute=0, second=0),
        header_size=len(sealed.header),
        payload_size=len(sealed.payload),
        blob=blob,
        header=sealed.header,
        payload=None if blob else sealed.payload,
    )
    stored = Message.objects.create(
        folder=place, uid=place.uidnext, modseq=place.uidnext, flags=flags, saved=row.arrived, sealed=row
    )
    place.uidnext += 1
    place.save()
    usage = MailboxUsage.objects.get(mailbox=box)
    usage.messages += 1
    usage.bytes += row.header_size + row.payload_size
    usage.save()
    return stored, sealed.payload
