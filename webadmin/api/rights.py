"""What a token may be allowed to do: one word for each kind of act, given one by one when a token is made.

A tenant's token reaches its own tenant and nothing of the cell's; an operator's token reaches tenants whose policies
let the operator in, and what belongs to no tenant. Deleting is a right of its own everywhere, so that a program which
invites people cannot remove them. Nothing here opens mail: there is no right whose answer is content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """One kind of act."""

    TENANT_READ = "tenant:read"
    DOMAINS_READ = "domains:read"
    DOMAINS_WRITE = "domains:write"
    DOMAINS_DELETE = "domains:delete"
    MAILBOXES_READ = "mailboxes:read"
    MAILBOXES_WRITE = "mailboxes:write"
    MAILBOXES_DELETE = "mailboxes:delete"
    ALIASES_READ = "aliases:read"
    ALIASES_WRITE = "aliases:write"
    PASSWORDS_READ = "app-passwords:read"  # a right's name
    PASSWORDS_WRITE = "app-passwords:write"  # a right's name
    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"
    LEDGER_READ = "ledger:read"
    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    TENANTS_SUSPEND = "tenants:suspend"
    TENANTS_DELETE = "tenants:delete"
    QUEUE_READ = "queue:read"
    QUEUE_WRITE = "queue:write"


OF_OPERATORS: Final = frozenset(right for right in Right if right.startswith(("tenants:", "queue:")))
OF_TENANTS: Final = frozenset(Right) - OF_OPERATORS
# What cannot be undone or stops a tenant: an operator needs a second person for it, as at the command line.
DANGEROUS: Final = frozenset(
    {
        Right.TENANTS_SUSPEND,
        Right.TENANTS_DELETE,
        Right.POLICY_WRITE,
        Right.MAILBOXES_DELETE,
        Right.DOMAINS_DELETE,
    }
)
READ: Final = "read"  # stands for every right that only looks
ALL: Final = "all"


class UnknownRight(Exception):
    """A word that is no right, or one that this kind of token cannot have; the text says which and what there is."""


def chosen(words: Iterable[str], *, operator: bool) -> frozenset[Right]:
    """The rights that were typed; `read` and `all` stand for many. Raises UnknownRight."""
    possible = frozenset(Right) if operator else OF_TENANTS
    found: set[Right] = set()
    for word in words:
        if word == ALL:
            found |= possible
        elif word == READ:
            found |= {right for right in possible if right.endswith(":read")}
        elif word in possible:
            found.add(Right(word))
        else:
            raise UnknownRight(f"{word!r} is no right of such a token; there are: {READ}, {ALL}, {in_words(possible)}")
    if not found:
        raise UnknownRight(f"a token without rights can do nothing; there are: {READ}, {ALL}, {in_words(possible)}")
    return frozenset(found)


def in_words(rights: Collection[Right]) -> str:
    """Rights in the order of this module, with commas."""
    return ", ".join(right.value for right in Right if right in rights)


def stored(rights: Collection[Right]) -> str:
    """Rights as a column holds them."""
    return " ".join(right.value for right in Right if right in rights)


def parsed(text: str) -> frozenset[Right]:
    """What `stored` wrote. A right that no longer exists gives nothing."""
    known = {right.value for right in Right}
    return frozenset(Right(word) for word in text.split() if word in known)
