"""Who may come to which address of the web: one table, and the function that reads it.

Every address has a name (`urls.py`) and every name a row here; what has no row is shut. The test beside it
walks all addresses as every kind of visitor, and as somebody of another tenant, and fails on one without a row.

A row says who (roles), and what else must be true: *sudo*, the caller proved themselves again within ten minutes;
*stated*, an operator has said from where and why they work (`jurisdiction/records/operators.py`); *pending*, the page
is one of those that lead to the second factor, so it opens before it. An address with `<slug:tenant>` in it opens for
that tenant's own people only, and for operators where the row names them; to everybody else it does not exist.

Addresses of the programming interface (`api:…`) have rows of another kind: they are for tokens and never for browsers,
and say for each method which right the token needs.

In: a row, a caller, the tenant of the address. Out: a verdict; `web.gate` acts on it. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from webadmin.api.rights import Right


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
    NO_METHOD = "has no such method"


@dataclass(frozen=True, slots=True)
class Row:
    """Who may come, and what else must be true. `rights` are of the programming interface: by method, what a token
    needs."""

    who: frozenset[Role]
    sudo: bool = False
    stated: bool = False
    pending: bool = False
    sudo_to_send: bool = False  # only who sends a form must be proven again
    rights: Mapping[str, Right | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `tenant` is the slug of the tenant whose mailbox they own, empty for others. `rights` are a token's,
    None for a browser."""

    roles: frozenset[Role] = frozenset({Role.VISITOR})
    tenant: str = ""
    lacks_factor: bool = False  # a second factor is needed and not proven in this session
    sudo: bool = False
    stated: bool = False
    rights: frozenset[Right] | None = None


def _row(*who: Role, sudo: bool = False, stated: bool = False, pending: bool = False) -> Row:
    return Row(frozenset(who), sudo, stated, pending)


def with_sudo(row: Row) -> Row:
    """The same people, proven again: for what cannot be undone."""
    return Row(row.who, sudo=True, stated=row.stated, pending=row.pending)


def _api(**rights: Right | None) -> Row:
    """For tokens of tenants and of operators; None: any token."""
    return Row(frozenset({Role.TENANT_ADMIN, Role.OPERATOR}), rights=rights)


def _api_operators(**rights: Right) -> Row:
    return Row(frozenset({Role.OPERATOR}), rights=rights)


# Methods that change nothing.
LOOKS: Final = frozenset({"GET", "HEAD"})


def sudo_to_send(row: Row) -> Row:
    """The same people; who only looks need not be proven again, who sends a form must."""
    return replace(row, sudo_to_send=True)


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
    # What waits behind a secure link: its own words open it, no account does.
    "secure-link": EVERYBODY,
    "secure-link-open": EVERYBODY,
    "secure-link-answer": EVERYBODY,
    # Whoever was written to whether they take forwarded mail: the link in the letter says so, no account does.
    "forward-agreement": EVERYBODY,
    # One's own mailbox.
    "mailbox": OWNER,
    "own-links": OWNER,
    "own-link-end": OWNER,
    "own-consents": OWNER,
    "own-consent-revoke": OWNER,
    "keyring": OWNER,
    "app-passwords": OWNER,
    "app-password-add": OWNER,
    "app-password-revoke": OWNER,
    "filters": OWNER,
    # What sends copies of everything elsewhere is what a thief of a session would make.
    "filter-add": with_sudo(OWNER),
    "filter-change": with_sudo(OWNER),
    "filter-move": OWNER,
    "filter-remove": OWNER,
    "forward-ask": OWNER,
    "vacation": OWNER,
    "change-password": OWNER,
    "mail-programs": OWNER,
    "mail-profile": OWNER,
    "own-keys": OWNER,
    "key-receipt": OWNER,
    "sign-ins": OWNER,
    "sign-in-notes": OWNER,
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
    "domain-catch-all": with_sudo(TENANT),
    "domain-reports": TENANT,
    "tenant-mailboxes": TENANT,
    "tenant-mailbox": sudo_to_send(TENANT),
    "tenant-aliases": TENANT,
    "alias-remove": TENANT,
    "tenant-policy": TENANT,
    "tenant-policy-change": with_sudo(TENANT),
    "tenant-policy-custom": with_sudo(TENANT),
    "tenant-decisions": TENANT,
    "tenant-held": TENANT,
    "tenant-links": TENANT,
    "tenant-access-log": TENANT,
    "tenant-log": TENANT,
    "tenant-receipt": TENANT,
    "tenant-settings-file": TENANT,
    "tenant-leave": with_sudo(FOUNDER),
    "tenant-stay": with_sudo(FOUNDER),
    "tenant-tokens": TENANT,
    "tenant-token-add": with_sudo(TENANT),
    "tenant-token-revoke": TENANT,
    # The operator's console: figures, what waits, tenants without their content.
    "console": STATED,
    "console-queue": STATED,
    "console-item": STATED,
    "console-drop": with_sudo(STATED),
    "console-tenants": STATED,
    "console-tenant": STATED,
    "console-tenant-state": with_sudo(STATED),
    "console-tenant-delete": with_sudo(STATED),
    "console-waiting": STATED,
    "console-agree": with_sudo(STATED),
    "console-withdraw": STATED,
    "console-jobs": STATED,
    "console-job-again": STATED,
    "console-acts": STATED,
    "console-laws": STATED,
    "console-deliverability": STATED,
    "console-dns": STATED,
    "console-keys": STATED,
    "console-place": STATED,
    "console-limits": STATED,
    "console-limit": with_sudo(STATED),
    # Django's own admin, to look at rows.
    "admin:*": STATED,
    # The programming interface.
    "api:openapi-json": EVERYBODY,
    "api:api-root": EVERYBODY,
    "api:token": _api(GET=None),
    "api:tenants": _api_operators(GET=Right.TENANTS_READ, POST=Right.TENANTS_WRITE),
    "api:tenant": _api(GET=Right.TENANT_READ, DELETE=Right.TENANTS_DELETE),
    "api:tenant-suspend": _api_operators(POST=Right.TENANTS_SUSPEND),
    "api:tenant-resume": _api_operators(POST=Right.TENANTS_WRITE),
    "api:tenant-restore": _api_operators(POST=Right.TENANTS_WRITE),
    "api:held": _api(GET=Right.TENANT_READ),
    "api:acts": _api(GET=Right.TENANT_READ),
    "api:domains": _api(GET=Right.DOMAINS_READ, POST=Right.DOMAINS_WRITE),
    "api:domain": _api(GET=Right.DOMAINS_READ, DELETE=Right.DOMAINS_DELETE),
    "api:domain-records": _api(GET=Right.DOMAINS_READ),
    "api:domain-check": _api(POST=Right.DOMAINS_WRITE),
    "api:domain-catch-all": _api(PUT=Right.DOMAINS_WRITE),
    "api:domain-reports": _api(PUT=Right.DOMAINS_WRITE),
    "api:mailboxes": _api(GET=Right.MAILBOXES_READ, POST=Right.MAILBOXES_WRITE),
    "api:mailbox": _api(GET=Right.MAILBOXES_READ, PATCH=Right.MAILBOXES_WRITE, DELETE=Right.MAILBOXES_DELETE),
    "api:mailbox-invitation": _api(GET=Right.MAILBOXES_WRITE, POST=Right.MAILBOXES_WRITE),
    "api:app-passwords": _api(GET=Right.PASSWORDS_READ, POST=Right.PASSWORDS_WRITE),
    "api:app-password": _api(DELETE=Right.PASSWORDS_WRITE),
    "api:consents": _api(GET=Right.MAILBOXES_READ, DELETE=Right.MAILBOXES_WRITE),
    "api:aliases": _api(GET=Right.ALIASES_READ, POST=Right.ALIASES_WRITE),
    "api:alias": _api(DELETE=Right.ALIASES_WRITE),
    "api:groups": _api(PUT=Right.ALIASES_WRITE),
    "api:policy": _api(GET=Right.POLICY_READ, PUT=Right.POLICY_WRITE),
    "api:policy-explain": _api(GET=Right.POLICY_READ),
    "api:policy-change": _api(POST=Right.POLICY_READ),
    "api:policy-what-if": _api(GET=Right.POLICY_READ),
    "api:decisions": _api(GET=Right.LEDGER_READ),
    "api:ledger": _api(GET=Right.LEDGER_READ),
    "api:receipt": _api(GET=Right.LEDGER_READ),
    "api:queue": _api_operators(GET=Right.QUEUE_READ),
    "api:queue-item": _api_operators(GET=Right.QUEUE_READ, DELETE=Right.QUEUE_WRITE),
    "api:queue-retry": _api_operators(POST=Right.QUEUE_WRITE),
}


# Addresses that take a form and show nothing: who was led away from one comes back to the page where the form stood.
FORMS_ONLY: Final = frozenset(
    {
        *("passkey-add", "passkey-add-options", "passkey-use", "passkey-use-options", "passkey-remove"),
        *("remove-authenticator", "end-other-sessions", "end-session", "name-session", "end-statement"),
        *("own-link-end", "own-consent-revoke", "app-password-revoke", "filter-move", "filter-remove", "forward-ask"),
        *("domain-catch-all", "alias-remove", "tenant-stay", "tenant-token-revoke"),
        *("console-agree", "console-withdraw"),
    }
)


def row_of(name: str) -> Row | None:
    """The row of an address, by its name as Django resolves it (`space:name`); None is shut."""
    space, colon, _own = name.partition(":")
    return TABLE.get(name) or (TABLE.get(f"{space}:*") if colon else None)


def decide(row: Row | None, caller: Caller, tenant: str = "", method: str = "GET") -> Verdict:
    """What becomes of this caller at an address of that row; `tenant` is the slug in the address, if there is one."""
    if row is None:
        return Verdict.HIDDEN
    if row.rights:
        return _by_token(row, caller, tenant, method)
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
    if (row.sudo or (row.sudo_to_send and method not in LOOKS)) and not caller.sudo:
        return Verdict.SUDO
    return Verdict.ALLOW


def _by_token(row: Row, caller: Caller, tenant: str, method: str) -> Verdict:
    """As `decide`, at an address of the programming interface. Nothing tells whether another tenant exists."""
    if caller.rights is None:
        return Verdict.SIGN_IN
    if tenant and Role.OPERATOR not in caller.roles and tenant != caller.tenant:
        return Verdict.HIDDEN
    if method not in row.rights:
        return Verdict.NO_METHOD
    right = row.rights[method]
    if not caller.roles & row.who or (right is not None and right not in caller.rights):
        return Verdict.FORBIDDEN
    if Role.OPERATOR in caller.roles and right is not None and not caller.stated:
        return Verdict.STATE
    return Verdict.ALLOW
