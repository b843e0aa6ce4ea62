"""Mailboxes: add with keys, invite without, list, delete, and the ways into a keyring.

`add` is key making by the operator's command line, for an operator's own box and for tests: the account password and
the recovery phrase pass through this process once and are forgotten. Everybody else is *invited* and makes keys
in the browser or the bridge; until then nothing is stored for them.

With its mailbox a person gets six folders, subscribed, with their special uses (RFC 6154): some programs hide
what is not subscribed and make folders of their own where they do not find these.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from jurisdiction.notary import Notary
from jurisdiction.records import keys, leases
from mailhost.models import (
    Alias,
    Domain,
    Folder,
    KeyringWrap,
    Mailbox,
    MailboxUsage,
    Subscription,
)
from mailhost.provision import domains, names, tenants
from mailhost.provision.activating import activate
from mailhost.provision.errors import AlreadyThere, NoKeyYet, NotFound, PlaceNotProven, WrongSecret
from mailhost.provision.removal import Blobs, remove_mailbox
from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.identity import RandomBytes
from mailhost.seal.keyring import (
    Keyring,
    new_keyring_key,
    open_keyring,
    seal_keyring,
    unwrap_keyring_key,
    wrap_keyring_key,
)
from mailhost.seal.password import SALT_SIZE, TOO_EASY, Argon2Parameters, derive_keys, is_easy
from mailhost.seal.phrase import SECRET_SIZE, parse_phrase, phrase_text, phrase_wrap_key
from mailhost.seal.registration import PasswordForm, Registration

# Name and special use (RFC 6154 §2), in the order in which programs like to show them.
FOLDERS: Final = (
    ("INBOX", ""),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Archive", "\\Archive"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
)
# One value for the sealed view, one for the session view.
UIDVALIDITIES_OF_A_FOLDER: Final = 2


@dataclass(frozen=True, slots=True, repr=False)
class NewMailbox:
    """What its owner must be told once. The phrase is nowhere else."""

    address: str
    public_key: str
    recovery_phrase: str
    keyring_key: bytes  # for an app password made in the same breath; the caller forgets it


@dataclass(frozen=True, slots=True)
class MailboxView:
    """A mailbox as an operator lists it."""

    address: str
    tenant: str
    state: str
    key_version: int  # 0: no key yet
    messages: int
    bytes: int
    quota_bytes: int


def get(address: str) -> Mailbox:
    """The mailbox of that very address, not of an alias. Raises NotFound, BadName."""
    name = str(names.address(address))
    try:
        return Mailbox.objects.select_related("tenant", "domain").get(address=name)
    except Mailbox.DoesNotExist:
        raise NotFound(f"there is no mailbox {name} here; `skerry mailbox list` shows them") from None


def add(
    address: str,
    password: str,
    *,
    notary: Notary,
    now: datetime,
    quota_bytes: int,
    server_key: bytes,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> NewMailbox:
    """A mailbox that takes mail at once; its public key is entered in the cell's key log.

    Raises BadName, NotFound, AlreadyThere, PlaceNotProven, WrongSecret (a password that `is_easy`).
    """
    name, domain = _free_name(address)
    refuse_unproven_place(domain.tenant.slug, notary, now)
    keyring, keyring_key = Keyring.generate(random_bytes), new_keyring_key(random_bytes)
    # Seconds of Argon2id come before the transaction, which would hold up every delivery.
    by_password = _password_form(password, keyring_key, random_bytes)
    label = keys.label_of(name, notary)
    phrase_secret = random_bytes(SECRET_SIZE)
    made = Registration(
        recipient=keyring.recipient,
        signing_key=keyring.signing_key.verify_key,
        keyring=seal_keyring(keyring, keyring_key, random_bytes=random_bytes),
        keyring_version=keyring.version,
        password=by_password,
        recovery_wrap=wrap_keyring_key(phrase_wrap_key(phrase_secret), keyring_key, random_bytes=random_bytes),
        tenant_wrap=None,
    )
    with transaction.atomic():
        box = _make(name, domain, now=now, quota_bytes=quota_bytes, random_bytes=random_bytes)
        activate(box, made, label, notary=notary, now=now, server_key=server_key)
    return NewMailbox(name, keyring.recipient.text, phrase_text(phrase_secret), keyring_key)


def invite(
    address: str,
    *,
    notary: Notary,
    now: datetime,
    quota_bytes: int,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> MailboxView:
    """A mailbox whose owner will make the keys; until then mail is deferred.

    Raises BadName, NotFound, AlreadyThere, PlaceNotProven.
    """
    name, domain = _free_name(address)
    refuse_unproven_place(domain.tenant.slug, notary, now)
    with transaction.atomic():
        box = _make(name, domain, now=now, quota_bytes=quota_bytes, random_bytes=random_bytes)
    return view(box)


def invite_again(box: Mailbox, *, now: datetime) -> bool:
    """Begin an invitation anew: mail is put off again, and what was signed for the old one is worth nothing.

    False: its owner has made the keys meanwhile, and nothing was changed.

    The moment is rounded up to the next hour where the old one is of this hour, so that it is always another one.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    if hour <= box.invited_at:
        hour = box.invited_at + timedelta(hours=1)
    # With the state, which does not change: naming it is what tells the route caches, and they hold the moment.
    rows = Mailbox.objects.filter(pk=box.pk, state=Mailbox.State.INVITED)
    return rows.update(invited_at=hour, state=Mailbox.State.INVITED) > 0


def set_quota(box: Mailbox, quota_bytes: int) -> None:
    """How much the mailbox may hold, as stored; less than it holds puts mail off until there is room."""
    Mailbox.objects.filter(pk=box.pk).update(quota_bytes=quota_bytes)


def pause(box: Mailbox) -> None:
    """Refuse mail and sign-ins for a mailbox in use; nothing is removed."""
    Mailbox.objects.filter(pk=box.pk, state=Mailbox.State.ACTIVE).update(state=Mailbox.State.SUSPENDED)


def resume(box: Mailbox) -> None:
    """The opposite of `pause`; a mailbox without keys stays what it is."""
    rows = Mailbox.objects.filter(pk=box.pk, state=Mailbox.State.SUSPENDED, keyring__isnull=False)
    rows.update(state=Mailbox.State.ACTIVE)


def add_registered(
    address: str,
    made: Registration,
    tenant: str,
    *,
    label: str,
    notary: Notary,
    now: datetime,
    quota_bytes: int,
    server_key: bytes,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> Mailbox:
    """A mailbox of `tenant` with keys that its owner made; its domain may be the cell's shared one.

    `label` is `jurisdiction.records.keys.label_of` the address, computed before any transaction.
    Raises BadName, NotFound, AlreadyThere, PlaceNotProven.
    """
    name, domain = _free_name(address)
    owner = tenants.get(tenant)
    refuse_unproven_place(owner.slug, notary, now)
    with transaction.atomic():
        box = _make(name, domain, now=now, quota_bytes=quota_bytes, random_bytes=random_bytes, tenant_id=owner.pk)
        activate(box, made, label, notary=notary, now=now, server_key=server_key)
    return box


def refuse_unproven_place(tenant: str, notary: Notary, now: datetime) -> None:
    """Decide the tenant's lease anew, with the evidence of this moment. Raises PlaceNotProven."""
    tenants.follow(leases.renew(tenant, notary, now.date()))
    try:
        leases.refuse_if_blocked(tenant, "primary", now.date())
    except leases.Blocked as blocked:
        raise PlaceNotProven(str(blocked)) from None


def _free_name(address: str) -> tuple[str, Domain]:
    name = names.address(address)
    domain = domains.proven(name.domain)
    _refuse_taken(str(name))
    return str(name), domain


def _refuse_taken(name: str) -> None:
    if Mailbox.objects.filter(address=name).exists():
        raise AlreadyThere(f"mailbox {name} exists already")
    if Alias.objects.filter(address=name).exists():
        raise AlreadyThere(f"{name} is an alias; remove it with `skerry alias delete {name}` first")


def _make(
    name: str,
    domain: Domain,
    *,
    now: datetime,
    quota_bytes: int,
    random_bytes: RandomBytes,
    tenant_id: int | None = None,
) -> Mailbox:
    """The mailbox's row, usage, folders and subscriptions, inside the caller's transaction."""
    _refuse_taken(name)
    first = int(now.timestamp())
    try:
        with transaction.atomic():
            box = Mailbox.objects.create(
                cell=domain.cell,
                tenant_id=tenant_id or domain.tenant_id,
                domain=domain,
                address=name,
                state=Mailbox.State.INVITED,
                invited_at=now.replace(minute=0, second=0, microsecond=0),
                quota_bytes=quota_bytes,
                uidvalidity_next=first + UIDVALIDITIES_OF_A_FOLDER * len(FOLDERS),
            )
    except IntegrityError:
        _refuse_taken(name)  # PostgreSQL lets two ask at the same moment, and somebody was quicker
        raise
    MailboxUsage.objects.create(mailbox=box)
    for place, (folder, special_use) in enumerate(FOLDERS):
        value = first + UIDVALIDITIES_OF_A_FOLDER * place
        Folder.objects.create(
            cell=domain.cell,
            mailbox=box,
            name=folder,
            special_use=special_use,
            opaque_id=random_bytes(16).hex(),
            uidvalidity_sealed=value,
            uidvalidity_session=value + 1,
        )
        Subscription.objects.create(mailbox=box, name=folder)
    return box


def _password_form(password: str, keyring_key: bytes, random_bytes: RandomBytes) -> PasswordForm:
    salt, cost = random_bytes(SALT_SIZE), Argon2Parameters()
    if is_easy(password):
        raise WrongSecret(TOO_EASY)
    try:
        keys = derive_keys(password, salt, cost)
    except InvalidKey as problem:
        raise WrongSecret(str(problem)) from None
    wrap = wrap_keyring_key(keys.wrap_key, keyring_key, random_bytes=random_bytes)
    return PasswordForm(wrap, salt, cost, keys.auth_key)


def listing(*, tenant: str | None = None, domain: str | None = None) -> list[MailboxView]:
    """Mailboxes of a tenant, a domain or the cell, by address. Raises NotFound, BadName."""
    rows = Mailbox.objects.select_related("tenant", "mailboxusage").order_by("address")
    if tenant is not None:
        rows = rows.filter(tenant=tenants.get(tenant))
    if domain is not None:
        rows = rows.filter(domain=domains.get(domain))
    return [view(row) for row in rows]


def view(row: Mailbox) -> MailboxView:
    """A row, with its tenant and usage, as it is listed."""
    return MailboxView(
        address=row.address,
        tenant=row.tenant.slug,
        state=row.state,
        key_version=row.keyring_version,
        messages=row.mailboxusage.messages,
        bytes=row.mailboxusage.bytes,
        quota_bytes=row.quota_bytes,
    )


def delete(address: str, *, blobs: Blobs) -> int:
    """Remove the mailbox with its mail, aliases and passwords; how many messages went. Raises NotFound, BadName."""
    return remove_mailbox(get(address), blobs=blobs)


def keyring_key_by_password(box: Mailbox, password: str) -> bytes:
    """The keyring key. Raises NoKeyYet, WrongSecret."""
    wrap = KeyringWrap.objects.filter(mailbox=box, kind=KeyringWrap.Kind.PASSWORD).first()
    if wrap is None or wrap.salt is None or wrap.argon2_memory_kib is None or wrap.argon2_ops is None:
        raise NoKeyYet(f"{box.address} has no account password yet: its owner has not made keys")
    cost = Argon2Parameters(wrap.argon2_memory_kib, wrap.argon2_ops)
    try:
        keys = derive_keys(password, bytes(wrap.salt), cost)
        return unwrap_keyring_key(keys.wrap_key, bytes(wrap.wrap))
    except (CannotOpen, InvalidKey):
        raise WrongSecret(f"this is not the account password of {box.address}") from None


def keyring_key_by_phrase(box: Mailbox, phrase: str) -> bytes:
    """The keyring key. Raises NoKeyYet, WrongSecret; a mistyped phrase says which word."""
    wrap = KeyringWrap.objects.filter(mailbox=box, kind=KeyringWrap.Kind.RECOVERY).first()
    if wrap is None:
        raise NoKeyYet(f"{box.address} has no recovery phrase yet: its owner has not made keys")
    try:
        return unwrap_keyring_key(phrase_wrap_key(parse_phrase(phrase)), bytes(wrap.wrap))
    except InvalidKey as problem:
        raise WrongSecret(str(problem)) from None
    except CannotOpen:
        raise WrongSecret(f"this is a recovery phrase, but not the one of {box.address}") from None


def keyring(box: Mailbox, keyring_key: bytes) -> Keyring:
    """The keyring, opened. Raises NoKeyYet, WrongSecret."""
    if box.keyring is None:
        raise NoKeyYet(f"{box.address} has no keyring yet: its owner has not made keys")
    try:
        return open_keyring(keyring_key, bytes(box.keyring))
    except CannotOpen:
        raise WrongSecret(f"the keyring of {box.address} does not open with this key") from None


def secret_keys(address: str, password: str) -> list[str]:
    """`AGE-SECRET-KEY-PQ-1…` of every identity, current first. Raises NotFound, BadName, NoKeyYet, WrongSecret."""
    box = get(address)
    opened = keyring(box, keyring_key_by_password(box, password))
    return [identity.secret_text for identity in opened.identities]
