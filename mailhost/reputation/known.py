"""One message under judgement, and the digests under which its sender may be known.

Being known is worth something only if nobody else can claim it. So a domain is known by itself where it has proven to
be behind a message (DMARC, SPF or a signature), and together with the client's network where it has not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mailhost.deliver import Envelope
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import passes
from mailhost.mailauth.dmarc import DmarcStatus
from mailhost.mailauth.spf import Identity, SpfResult
from mailhost.mailauth.verdict import Findings
from mailhost.message.address import Address
from mailhost.message.headers import Headers
from mailhost.message.submitted import authors
from mailhost.reputation.memory import Digest, proven_digest, unproven_digest, waiting_digest, written_digest
from mailhost.reputation.sources import Ip, network_of


@dataclass(frozen=True, slots=True)
class Case:
    """One message and what is known of it so far."""

    envelope: Envelope
    content: bytearray
    address: Ip
    stranger: bool
    parts: Parts
    now: datetime

    @property
    def sender_domain(self) -> str:
        return self.envelope.sender.domain if self.envelope.sender else ""

    @property
    def tenants(self) -> list[int]:
        """Those of the recipients; a message for the cell itself is judged by the defaults."""
        return sorted({route.tenant_id for route, _ in self.envelope.mailboxes().values()}) or [0]


class Known:
    """The digests under which this sender may be known."""

    def __init__(self, case: Case, proof: Findings | None, key: bytes) -> None:
        self._case = case
        self._proof = proof
        self._key = key
        network = network_of(case.address)
        domain = _proven_domain(proof)
        self.senders: list[Digest] = [
            proven_digest(key, tenant, domain) if domain else unproven_digest(key, tenant, network, case.sender_domain)
            for tenant in case.tenants
        ]
        self.waiting: Digest = waiting_digest(key, network, mail_from(case.envelope.sender).lower())

    def correspondents(self) -> dict[Digest, int]:
        """The proven addresses as each recipient's mailbox would know them."""
        addresses = set(_proven_addresses(self._case, self._proof))
        return {
            written_digest(self._key, mailbox, address): mailbox
            for mailbox in self._case.envelope.mailboxes()
            for address in addresses
        }


def _proven_domain(proof: Findings | None) -> str:
    """The domain that has proven to be behind a message, empty where none has."""
    if proof is None:
        return ""
    if proof.dmarc.status is DmarcStatus.PASS:
        return proof.dmarc.author_domain
    if proof.spf.result is SpfResult.PASS:
        return proof.spf.domain.lower()
    return next((one.domain for one in passes(proof.dkim)), "")


def _proven_addresses(case: Case, proof: Findings | None) -> Iterator[Address]:
    """Addresses that nobody else could have used: the author's under DMARC, the envelope sender's under SPF."""
    if proof is None:
        return
    sender = case.envelope.sender
    if sender and proof.spf.result is SpfResult.PASS and proof.spf.identity is Identity.MAIL_FROM:
        yield sender
    if proof.dmarc.status is DmarcStatus.PASS:
        found = authors(Headers(case.parts.block), b"from") or ()
        if len(found) == 1:
            yield found[0]


def mail_from(sender: Address | None) -> str:
    return f"{sender.local}@{sender.domain}" if sender else ""
