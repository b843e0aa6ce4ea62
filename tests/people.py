"""The cast of the tests: Ada owns a mailbox, Ben is in her tenant, Cleo in another; and the domains they live in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from mailhost.ports import HostedDomain, MailboxState, Route
from mailhost.seal import HybridIdentity

NOW = datetime(2026, 11, 22, 10, 30, 12, tzinfo=UTC)
INVITED = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@cache
def identity(name: str) -> HybridIdentity:
    """The same secret key for a name in every test."""
    return HybridIdentity(name.encode().ljust(32, b"."))


def route(name: str, mailbox_id: int, tenant_id: int = 1, domain: str = "example.is", **changed: object) -> Route:
    """An active mailbox `name@domain` with a key."""
    made = Route(
        mailbox_id=mailbox_id,
        tenant_id=tenant_id,
        address=f"{name}@{domain}",
        state=MailboxState.ACTIVE,
        public_key=identity(name).recipient.text,
        key_version=1,
        invited_at=INVITED,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


ADA = route("ada", 1)
BEN = route("ben", 2)
CLEO = route("cleo", 3, tenant_id=2, domain="example.no")

EXAMPLE_IS = HostedDomain("example.is", 1, postmaster=(ADA,))
EXAMPLE_NO = HostedDomain("example.no", 2, postmaster=(CLEO,))
