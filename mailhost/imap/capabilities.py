"""What the server says it can do, as a table: one row a capability, with the time and place it is true.

RFC 9051 §6.1.1: capabilities may change with TLS and with login. A row names when it is told and, where it
depends on more, a condition on the `Situation`. A listener and an account can each switch names off
(`disabled`); commands behind a switched-off capability are refused where a client could be confused by them.
Only finished work has a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mailhost.imap.store import View


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides about a capability. `view` is None before login."""

    view: View | None
    tls: bool
    tls_possible: bool  # STARTTLS would work
    login_allowed: bool  # credentials may be sent as things stand
    compressed: bool = False
    metadata: bool = False  # the store keeps annotations
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One capability; `text` overrides what is told (`APPENDLIMIT=…`)."""

    name: str
    before: bool = False
    after: bool = True
    when: Callable[[Situation], bool] | None = None
    text: Callable[[Situation], str] | None = None


def _readable(situation: Situation) -> bool:
    return situation.view is not None and situation.view.can_read


def _append_limit(situation: Situation) -> str:
    # RFC 7889 §2: one limit for all mailboxes of the account.
    limit = situation.view.append_limit if situation.view is not None else 0
    return f"APPENDLIMIT={limit}"


# IMAP4rev1 comes first: some old clients look at nothing else.
TABLE = (
    Row("IMAP4rev1", before=True),
    Row("IMAP4rev2", before=True),
    Row("LITERAL-", before=True, after=False),  # RFC 7888 §5: small literals from strangers
    Row("LITERAL+"),
    Row("SASL-IR", before=True),
    Row("STARTTLS", before=True, after=False, when=lambda s: s.tls_possible and not s.tls),
    Row("LOGINDISABLED", before=True, after=False, when=lambda s: not s.login_allowed),
    Row("AUTH=PLAIN", before=True, after=False, when=lambda s: s.login_allowed),
    Row("AUTH=LOGIN", before=True, after=False, when=lambda s: s.login_allowed),
    Row("ENABLE", before=True),
    Row("ID", before=True),
    Row("IDLE", before=True),
    Row("NAMESPACE"),
    Row("CHILDREN"),
    Row("UNSELECT"),
    Row("UIDPLUS"),
    Row("MOVE"),
    Row("SPECIAL-USE"),
    Row("CREATE-SPECIAL-USE"),
    Row("LIST-EXTENDED"),
    Row("LIST-STATUS"),
    Row("STATUS=SIZE"),
    Row("CONDSTORE"),
    Row("QRESYNC"),
    Row("ESEARCH"),
    Row("SEARCHRES"),
    Row("WITHIN"),
    Row("SAVEDATE"),
    Row("OBJECTID"),
    Row("BINARY"),
    Row("MULTIAPPEND"),
    Row("REPLACE"),
    Row("UTF8=ACCEPT"),
    Row("UIDONLY"),
    Row("PREVIEW", when=_readable),
    Row("SORT", when=_readable),
    Row("SORT=DISPLAY", when=_readable),
    Row("ESORT", when=_readable),
    Row("THREAD=ORDEREDSUBJECT", when=_readable),
    Row("THREAD=REFERENCES", when=_readable),
    Row("QUOTA"),
    Row("QUOTA=RES-STORAGE"),
    Row("QUOTA=RES-MESSAGE"),
    Row("NOTIFY"),
    Row("METADATA", when=lambda s: s.metadata),
    # RFC 4978 §3: once compressed it cannot be asked for again.
    Row("COMPRESS=DEFLATE", when=lambda s: not s.compressed),
    Row("APPENDLIMIT", text=_append_limit),
)


@lru_cache(maxsize=256)
def offered(situation: Situation) -> tuple[str, ...]:
    """The capabilities of this moment, as they are told. Every connection asks, and few situations differ."""
    told = []
    off = situation.disabled | (situation.view.disabled if situation.view is not None else frozenset())
    for row in TABLE:
        timely = row.before if situation.view is None else row.after
        if timely and row.name not in off and (row.when is None or row.when(situation)):
            told.append(row.text(situation) if row.text is not None else row.name)
    return tuple(told)


@lru_cache(maxsize=256)
def capabilities(situation: Situation) -> bytes:
    """The capabilities of this moment, separated by spaces."""
    return " ".join(offered(situation)).encode("ascii")
