"""Who is it? Names and proofs in, an account or a refusal out, in the same time for every wrong pair.

A mailbox owner's browser asks for the salt of an address, derives `auth_key` from the password (`seal/password.py`)
and sends that; of unknown addresses the salt is a stable fake and the check is made all the same. An operator's
password is typed to the server, over TLS, and checked with Argon2id; for an unknown name it is checked against a hash
that fits nothing. That takes much memory for whoever asks, so it is done for a few at a time. The caller has asked
`throttle` before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction

from mailhost.models import KeyringWrap, Mailbox, Suspension, Tenant
from mailhost.provision import names
from mailhost.provision.errors import BadName
from mailhost.seal.errors import CannotOpen
from mailhost.seal.password import Argon2Parameters, auth_verifier, check_auth_key, fake_salt
from webadmin.accounts.backend import may_enter
from webadmin.accounts.models import Account

AUTH_KEY_SIZE: Final = 32
_NOBODYS: Final = bytes(AUTH_KEY_SIZE)
# Argon2id of operators' passwords at the same time in one process: each takes 100 MiB and what a core gives.
AT_ONCE: Final = 2
PATIENCE: Final = 5.0  # seconds for which one waits for a turn: as long as a person looks at a page that does nothing
_turns: Final = threading.BoundedSemaphore(AT_ONCE)


class WrongProof(Exception):
    """Name and proof do not belong together, or may not enter; which of it is not said."""


class Busy(Exception):
    """Too many passwords are being checked; nothing is said about this one."""


class ShutOut(Exception):
    """Name and proof are right, and the whole tenant is suspended: who has proven themselves is told so."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(tenant.slug)
        self.name = tenant.name
        suspension = Suspension.objects.filter(tenant=tenant).first()
        self.why = suspension.why if suspension else ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser needs to derive the auth key. Salt of 16 bytes, parameters as text."""

    salt: bytes
    parameters: str


def normal_address(typed: str) -> str:
    """The one spelling under which a mailbox is looked up; what is no address stays as it is."""
    try:
        return str(names.address(typed))
    except BadName:
        return typed.strip().lower()[:320]


def challenge(address: str, fake_key: bytes) -> Challenge:
    """Salt and cost of an address, a stable invention where there is no such account."""
    invented = fake_salt(fake_key, address)
    wrap = _password_wrap(address)
    if wrap is None or wrap.salt is None or wrap.argon2_memory_kib is None or wrap.argon2_ops is None:
        return Challenge(invented, Argon2Parameters().text)
    return Challenge(bytes(wrap.salt), Argon2Parameters(wrap.argon2_memory_kib, wrap.argon2_ops).text)


def owner(address: str, auth_key: bytes, *, server_key: bytes, cell: str, today: date) -> Account:
    """The owner's account, made at their first sign-in. Raises WrongProof, ShutOut."""
    wrap = _password_wrap(address)
    verifier = wrap.auth_hash if wrap is not None and wrap.auth_hash is not None else auth_verifier(_NOBODYS, _NOBODYS)
    try:
        check_auth_key(server_key, auth_key, bytes(verifier))
    except CannotOpen:
        raise WrongProof from None
    if wrap is None:
        raise WrongProof
    account = of_mailbox(wrap.mailbox, cell=cell, today=today)
    if not account.is_active or wrap.mailbox.state != Mailbox.State.ACTIVE:
        raise WrongProof
    if not may_enter(account):
        raise ShutOut(wrap.mailbox.tenant)
    return account


def _password_wrap(address: str) -> KeyringWrap | None:
    rows = KeyringWrap.objects.select_related("mailbox__tenant")
    return rows.filter(mailbox__address=address, kind=KeyringWrap.Kind.PASSWORD).first()


def of_mailbox(box: Mailbox, *, cell: str, today: date, role: Account.Role = Account.Role.NONE) -> Account:
    """The account of a mailbox's owner, made where there is none; `role` is for a new one only."""
    known = Account.objects.select_related("mailbox__tenant").filter(mailbox=box).first()
    if known is not None:
        return known
    made = Account(cell=cell, mailbox=box, role=role, created=today)
    made.set_unusable_password()
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:  # two tabs at once
        return Account.objects.select_related("mailbox__tenant").get(mailbox=box)
    return made


def operator(name: str, password: str) -> Account:
    """The operator's account. Raises WrongProof, Busy."""
    account = Account.objects.filter(name=name.strip(), mailbox=None, is_active=True).first()
    with turn():
        is_right = check_password(password, account.password if account else _hash_of_nobody())
    if not is_right or account is None:
        raise WrongProof
    return account


@contextmanager
def turn() -> Iterator[None]:
    """One of the turns that slow hashes have. Raises Busy."""
    if not _turns.acquire(timeout=PATIENCE):
        raise Busy
    try:
        yield
    finally:
        _turns.release()


@cache
def _hash_of_nobody() -> str:
    """Made once for each process: checking it takes as long as checking a real one."""
    return make_password("nobody's")
