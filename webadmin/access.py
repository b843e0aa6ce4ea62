"""Who may come to which address of the web: one table, and the function that reads it.

Every address has a name (`urls.py`) and every name a row here; what has no row is shut. `tests/webadmin/test_access.py`
walks all addresses as every kind of visitor, and as somebody of another tenant, and fails on one without a row.

A row says who (roles), and what else must be true: *sudo*, the caller proved themselves again within ten minutes;
*stated*, an operator has said from where and why they work (`jurisdiction/records/operators.py`); *pending*, the page
is one of those that lead to the second factor, so it opens before it. An address with `<slug:tenant>` in it opens for
that tenant's own people only, and for operators where the row names them; to everybody else it does not exist.

In: a row, a caller, the tenant of the address. Out: a verdict; `webadmin.gate` acts on it. No I/O here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is to this cell. A tenant's owner is its admin as well, and both own a mailbox."""

    VISITOR = "visitor"
    OWNER = "owner of a mailbox"
    TENANT_ADMIN = "admin of the tenant"
    TENANT_OWNER = "owner of the tenant"
    OPERATOR = "operator"


class Verdict(StrEnum):
    """What becomes of a request."""

    ALLOW = "allow"
    SIGN_IN = "sign in first"
    SECOND_FACTOR = "prove the second factor first"
    STATE = "state country and reason first"
    SUDO = "prove yourself again first"
    FORBIDDEN = "not for this account"
    HIDDEN = "does not exist"


@dataclass(frozen=True, slots=True)
class Row:
    """Who may come, and what else must be true."""

    who: frozenset[Role]
    sudo: bool = False
    stated: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `tenant` is the slug of the tenant whose mailbox they own, empty for others."""

    roles: frozenset[Role] = frozenset({Role.VISITOR})
    tenant: str = ""
    lacks_factor: bool = False  # a second factor is needed and not proven in this session
    sudo: bool = False
    stated: bool = False


def _row(*who: Role, sudo: bool = False, stated: bool = False, pending: bool = False) -> Row:
    return Row(frozenset(who), sudo, stated, pending)


def with_sudo(row: Row) -> Row:
    """The same people, proven again: for what cannot be undone."""
    return Row(row.who, sudo=True, stated=row.stated, pending=row.pending)


EVERYBODY: Final = _row(*Role)
SIGNED_IN: Final = _row(Role.OWNER, Role.OPERATOR)
UNFINISHED: Final = _row(Role.OWNER, Role.OPERATOR, pending=True)
OWNER: Final = _row(Role.OWNER)
TENANT: Final = _row(Role.TENANT_ADMIN)
OPERATOR: Final = _row(Role.OPERATOR)
STATED: Final = _row(Role.OPERATOR, stated=True)
# For the tenant's owner alone: what an admin must not decide.
FOUNDER: Final = _row(Role.TENANT_OWNER)
# For either: a page about one tenant that its people and, with a stated reason, operators may open.
TENANT_OR_STATED: Final = _row(Role.TENANT_ADMIN, Role.OPERATOR, stated=True)

# Name of an address -> its row. `space:*` is for all names of an included application.
TABLE: Final[dict[str, Row]] = {
    # For everybody: what this is, and machines that prove who they are by other means.
    "front": EVERYBODY,
    "handed-over": EVERYBODY,
    "language": EVERYBODY,
    "healthz": EVERYBODY,
    "checkpoint": EVERYBODY,
    "witness": EVERYBODY,
    "departure": EVERYBODY,
    "metrics": EVERYBODY,
    # Signing in, and the steps to a whole session.
    "sign-in": EVERYBODY,
    "salt": EVERYBODY,
    "operator-sign-in": EVERYBODY,
    "sign-out": EVERYBODY,
    "second-factor": UNFINISHED,
    "set-up": UNFINISHED,
    "passkey-use-options": UNFINISHED,
    "passkey-use": UNFINISHED,
    "passkey-add-options": UNFINISHED,
    "passkey-add": UNFINISHED,
    # Becoming somebody.
    "regions": EVERYBODY,
    "signup": EVERYBODY,
    "signup-place": EVERYBODY,
    "signup-keys": EVERYBODY,
    "signup-done": OWNER,
    "invite": EVERYBODY,
    # One's own mailbox.
    "mailbox": OWNER,
    "keyring": OWNER,
    "app-passwords": OWNER,
    "app-password-add": OWNER,
    "app-password-revoke": OWNER,
    "change-password": OWNER,
    "mail-programs": OWNER,
    "mail-profile": OWNER,
    "own-keys": OWNER,
    "key-receipt": OWNER,
    "recover": EVERYBODY,
    "recover-keyring": EVERYBODY,
    # One's own account.
    "account": SIGNED_IN,
    "prove-again": SIGNED_IN,
    "recovery-codes": with_sudo(SIGNED_IN),
    "passkey-remove": with_sudo(SIGNED_IN),
    "remove-authenticator": with_sudo(SIGNED_IN),
    "end-other-sessions": SIGNED_IN,
    "end-session": SIGNED_IN,
    "name-session": SIGNED_IN,
    "state": OPERATOR,
    "end-statement": OPERATOR,
    # A tenant's own pages.
    "tenant": TENANT,
    "tenant-domains": TENANT,
    "domain": TENANT,
    "domain-zone": TENANT,
    "domain-remove": with_sudo(TENANT),
    "domain-catch-all": TENANT,
    "tenant-mailboxes": TENANT,
    "tenant-mailbox": TENANT,
    "tenant-aliases": TENANT,
    "alias-remove": TENANT,
    "tenant-policy": TENANT,
    "tenant-policy-change": with_sudo(TENANT),
    "tenant-decisions": TENANT,
    "tenant-held": TENANT,
    "tenant-access-log": TENANT,
    "tenant-log": TENANT,
    "tenant-receipt": TENANT,
    "tenant-settings-file": TENANT,
    "tenant-leave": with_sudo(FOUNDER),
    "tenant-stay": with_sudo(FOUNDER),
    # The operator's console: figures, what waits, tenants without their content.
    "console": STATED,
    "console-queue": STATED,
    "console-item": STATED,
    "console-drop": with_sudo(STATED),
    "console-tenants": STATED,
    "console-tenant": STATED,
    "console-tenant-state": with_sudo(STATED),
    "console-jobs": STATED,
    "console-job-again": STATED,
    "console-laws": STATED,
    # Django's own admin, to look at rows.
    "admin:*": STATED,
}


def row_of(name: str) -> Row | None:
    """The row of an address, by its name as Django resolves it (`space:name`); None is shut."""
    space, colon, _own = name.partition(":")
    return TABLE.get(name) or (TABLE.get(f"{space}:*") if colon else None)


def decide(row: Row | None, caller: Caller, tenant: str = "") -> Verdict:
    """What becomes of this caller at an address of that row; `tenant` is the slug in the address, if there is one."""
    if row is None:
        return Verdict.HIDDEN
    if Role.VISITOR in row.who:
        return Verdict.ALLOW
    if caller.roles == {Role.VISITOR}:
        return Verdict.SIGN_IN
    if caller.lacks_factor and not row.pending:
        return Verdict.SECOND_FACTOR
    if not caller.roles & row.who:
        return Verdict.FORBIDDEN
    if tenant and Role.OPERATOR not in caller.roles and tenant != caller.tenant:
        return Verdict.HIDDEN
    if row.stated and Role.OPERATOR in caller.roles and not caller.stated:
        return Verdict.STATE
    if row.sudo and not caller.sudo:
        return Verdict.SUDO
    return Verdict.ALLOW
