"""Who and what can read a mailbox's mail now: every way into the keyring that is in force, by its kind.

It is what the owner sees first, so it is told from the rows that open something and from nothing else. A sealed app
password is not among them: a program that signs in with one is handed sealed mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from mailhost.models import AppPassword, KeyringWrap, Mailbox


@dataclass(frozen=True, slots=True)
class Ways:
    """Kinds of wraps that exist, and the names of app passwords in force."""

    password: bool
    recovery: bool
    tenant: bool
    session: tuple[str, ...]  # while such a program is signed in, this host reads as well
    sealed: tuple[str, ...]  # these programs get sealed mail and open nothing


def of(box: Mailbox, today: date) -> Ways:
    """The ways into this mailbox's mail on that day."""
    kinds = set(KeyringWrap.objects.filter(mailbox=box).values_list("kind", flat=True))
    in_force = AppPassword.objects.filter(Q(expires=None) | Q(expires__gte=today), mailbox=box, revoked=None)
    programs = list(in_force.order_by("pk").values_list("name", "access"))
    return Ways(
        password=KeyringWrap.Kind.PASSWORD in kinds,
        recovery=KeyringWrap.Kind.RECOVERY in kinds,
        tenant=KeyringWrap.Kind.TENANT in kinds,
        session=tuple(name for name, access in programs if access == AppPassword.Access.SESSION),
        sealed=tuple(name for name, access in programs if access == AppPassword.Access.SEALED),
    )
