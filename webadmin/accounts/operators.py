"""Operators' accounts, and who runs a tenant: given, listed, reset and removed by somebody with the command line.

In: a name, a password, the day. Out: the account, or `NotMade` with what to do. Nobody makes an operator in a browser.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Q

from webadmin.accounts import signin
from webadmin.accounts.models import MAX_NAME, Account, Authenticator

_NAME: Final = re.compile(rf"[a-z0-9](?:[a-z0-9._-]{{0,{MAX_NAME - 2}}}[a-z0-9])?")


class NotMade(Exception):
    """The account cannot be made, changed or found; the text says why."""


def add(name: str, password: str, *, cell: str, today: date) -> Account:
    """A new operator without a second factor yet. Raises NotMade."""
    if not _NAME.fullmatch(name):
        raise NotMade(f"{name!r} is no operator's name: use lower-case letters, digits and inner dots or dashes")
    made = Account(cell=cell, name=name, created=today)
    _give_password(made, password)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise NotMade(
            f"there is an operator {name} already; `skerry operator reset {name}` gives a new password"
        ) from None
    return made


def reset(name: str, password: str) -> None:
    """A new password, no factors, no sessions. Raises NotMade."""
    account = _get(name)
    _give_password(account, password)
    with transaction.atomic():
        account.save(update_fields=["password"])
        take_factors(account)


def reset_owner(address: str) -> None:
    """Take a mailbox owner's second factors away and end their sessions; the password stays theirs. Raises NotMade."""
    account = Account.objects.filter(mailbox__address=signin.normal_address(address)).first()
    if account is None:
        raise NotMade(f"nobody has ever signed in as {address}: there is nothing to take away")
    with transaction.atomic():
        take_factors(account)


def give_role(account: Account, role: Account.Role) -> None:
    """Let an owner run their tenant, or no longer. With a role that is new their sessions end.

    Who gets one sets up the first second factor by the password alone, so the password must have been typed for it: a
    session that was taken over would become an admin's.
    """
    with transaction.atomic():
        if account.role != role:
            account.websession_set.all().delete()
        account.role = role
        account.save(update_fields=["role"])


def take_factors(account: Account) -> None:
    """Every second factor, and every session that one of them opened."""
    account.passkey_set.all().delete()
    account.recoverycode_set.all().delete()
    Authenticator.objects.filter(account=account).delete()
    account.websession_set.all().delete()


def delete(name: str) -> None:
    """Raises NotMade."""
    _get(name).delete()


def listing() -> list[dict[str, Any]]:
    """Every operator, by name, with counts of what they have."""
    rows = Account.objects.filter(mailbox=None).order_by("name")
    rows = rows.annotate(
        passkeys=Count("passkey", distinct=True),
        codes=Count("recoverycode", filter=Q(recoverycode__used=None), distinct=True),
        sessions=Count("websession", distinct=True),
        programs=Count("authenticator", distinct=True),
    )
    return [
        {
            "name": row.name,
            "created": row.created.isoformat(),
            "passkeys": row.passkeys,
            "authenticator": row.programs,
            "recovery_codes": row.codes,
            "sessions": row.sessions,
        }
        for row in rows
    ]


def _get(name: str) -> Account:
    account = Account.objects.filter(name=name, mailbox=None).first()
    if account is None:
        raise NotMade(f"there is no operator {name}; `skerry operator list` shows them")
    return account


def _give_password(account: Account, password: str) -> None:
    try:
        validate_password(password, account)
    except ValidationError as problem:
        raise NotMade(" ".join(problem.messages)) from None
    account.set_password(password)
