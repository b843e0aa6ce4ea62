"""App passwords: one for each mail program, random, scoped, revocable.

The server keeps a keyed hash. With *sealed* access that is all: the program gets sealed mail and nothing it
knows can open any. With *session* access the keyring key is wrapped once more, under a key that only the app
password gives; to make that wrap the keyring key must be opened once, which is why the account password is asked
for.

A revoked app password keeps its row, without the wrap, so that its owner sees when it ended.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from jurisdiction.policy import Policy
from mailhost.models import AppPassword
from mailhost.provision import mailboxes
from mailhost.provision.errors import AccessForbidden, AlreadyThere, BadName, NotFound, WrongSecret
from mailhost.seal.apppassword import SECRET_SIZE, app_password_hash, app_password_text, app_password_wrap_key
from mailhost.seal.identity import RandomBytes
from mailhost.seal.keyring import wrap_keyring_key
from mailhost.seal.registration import AppPasswordForm

MAX_NAME = 60  # the column's width


@dataclass(frozen=True, slots=True, repr=False)
class NewAppPassword:
    """Shown once; the server cannot show it again."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class AppPasswordView:
    """An app password as its owner lists it; dates in ISO form."""

    id: int
    name: str
    access: str
    created: str
    expires: str | None
    revoked: str | None


def add(
    address: str,
    access: AppPassword.Access,
    *,
    name: str,
    now: datetime,
    server_key: bytes,
    policy: Policy,
    keyring_key: bytes | None = None,
    expires: date | None = None,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> NewAppPassword:
    """A new app password made here; `keyring_key` is needed for session access and not used otherwise.

    `policy` is the tenant's. Raises NotFound, BadName, AlreadyThere, WrongSecret, AccessForbidden.
    """
    secret = random_bytes(SECRET_SIZE)
    wrap = None
    if access == AppPassword.Access.SESSION:
        if keyring_key is None:
            raise WrongSecret("session access must open the keyring once: the account password is needed")
        wrap = wrap_keyring_key(app_password_wrap_key(secret), keyring_key, random_bytes=random_bytes)
    made = AppPasswordForm(secret, access.value, wrap)
    username = add_made(address, made, name=name, now=now, server_key=server_key, policy=policy, expires=expires)
    return NewAppPassword(username, app_password_text(secret))


def add_made(
    address: str,
    made: AppPasswordForm,
    *,
    name: str,
    now: datetime,
    server_key: bytes,
    policy: Policy,
    expires: date | None = None,
) -> str:
    """Enter an app password that its owner's client made; the user name that belongs to it.

    `policy` is the tenant's. Raises NotFound, BadName, AlreadyThere, AccessForbidden.
    """
    box = mailboxes.get(address)
    if made.access not in policy.access:
        raise AccessForbidden(
            f"the policy of {box.tenant.slug} does not allow {made.access} access: use {' or '.join(policy.access)}"
        )
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadName(f"an app password's name is one line of 1 to {MAX_NAME} characters, such as 'phone'")
    if expires is not None and expires <= now.date():
        raise BadName(f"{expires.isoformat()} is not in the future")
    with transaction.atomic():
        if AppPassword.objects.filter(mailbox=box, name=name, revoked=None).exists():
            raise AlreadyThere(f"{box.address} has an app password {name!r} already; revoke it, or use another name")
        AppPassword.objects.create(
            mailbox=box,
            name=name,
            access=made.access,
            secret_hash=app_password_hash(server_key, made.secret),
            wrap=made.wrap,
            created=now.date(),
            expires=expires,
        )
    return box.address


def free_name(address: str, wanted: str) -> str:
    """`wanted`, or with a number behind it where that is taken. Raises NotFound, BadName."""
    box = mailboxes.get(address)
    taken = set(AppPassword.objects.filter(mailbox=box, revoked=None).values_list("name", flat=True))
    candidates = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in candidates if name not in taken)


def listing(address: str) -> list[AppPasswordView]:
    """Every app password of a mailbox, oldest first, revoked ones included. Raises NotFound, BadName."""
    return [view(row) for row in AppPassword.objects.filter(mailbox=mailboxes.get(address)).order_by("pk")]


def revoke(address: str, which: str, *, now: datetime) -> AppPasswordView:
    """End one, by its id or its name; what it let in is sent away within seconds. Raises NotFound, BadName."""
    box = mailboxes.get(address)
    in_use = AppPassword.objects.filter(mailbox=box, revoked=None)
    row = in_use.filter(name=which).first()
    if row is None and which.isascii() and which.isdigit():
        row = in_use.filter(pk=int(which)).first()
    if row is None:
        raise NotFound(f"{box.address} has no app password {which!r} in use; `skerry app-password list` shows them")
    return _end(row, now)


def revoke_number(address: str, number: int, *, now: datetime) -> AppPasswordView:
    """End one of this mailbox by its id alone. Raises NotFound, BadName."""
    box = mailboxes.get(address)
    row = AppPassword.objects.filter(mailbox=box, revoked=None, pk=number).first()
    if row is None:
        raise NotFound(f"{box.address} has no such app password in use")
    return _end(row, now)


def _end(row: AppPassword, now: datetime) -> AppPasswordView:
    row.revoked = now.date()
    row.wrap = None
    row.save(update_fields=["revoked", "wrap"])
    return view(row)


def view(row: AppPassword) -> AppPasswordView:
    """A row as it is listed."""
    return AppPasswordView(
        id=row.pk,
        name=row.name,
        access=row.access,
        created=row.created.isoformat(),
        expires=row.expires.isoformat() if row.expires else None,
        revoked=row.revoked.isoformat() if row.revoked else None,
    )
