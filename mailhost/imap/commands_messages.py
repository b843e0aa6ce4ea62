"""Commands on the messages of the selected mailbox (RFC 9051 §6.4 and its extensions).

The `uid` field of a command says whether its set holds UIDs (the UID form) or sequence numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailhost.imap.commands_folders import Append, parse_append
from mailhost.imap.fetch_items import Item, parse_items
from mailhost.imap.search_keys import Program, parse_search
from mailhost.imap.sequence import SequenceSet
from mailhost.imap.store import FlagOp
from mailhost.imap.tokens import BadCommand, Tokens


@dataclass(frozen=True, slots=True)
class Check:
    """CHECK (RFC 3501 §6.4.1)."""


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE (RFC 9051 §6.4.1)."""


@dataclass(frozen=True, slots=True)
class Unselect:
    """UNSELECT (RFC 9051 §6.4.2)."""


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE, and UID EXPUNGE with a set (RFC 9051 §6.4.3, §6.4.9)."""

    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH (RFC 9051 §6.4.4)."""

    program: Program
    uid: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH (RFC 9051 §6.4.5) with the modifiers of RFC 7162."""

    sequence: SequenceSet
    items: tuple[Item, ...]
    uid: bool
    changed_since: int | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE of RFC 7162."""

    sequence: SequenceSet
    op: FlagOp
    flags: tuple[str, ...]
    silent: bool
    uid: bool
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY (RFC 9051 §6.4.7)."""

    sequence: SequenceSet
    mailbox: bytes
    uid: bool


@dataclass(frozen=True, slots=True)
class Move:
    """MOVE (RFC 9051 §6.4.8)."""

    sequence: SequenceSet
    mailbox: bytes
    uid: bool


@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE (RFC 8508): one message out, another in."""

    sequence: SequenceSet
    append: Append
    uid: bool


type MessageCommand = Check | Close | Unselect | Expunge | Search | Fetch | Store | Copy | Move | Replace

_STORE_ITEMS = {f"{op.value}FLAGS{silent}": (op, bool(silent)) for op in FlagOp for silent in ("", ".SILENT")}


def _sequence(tokens: Tokens) -> SequenceSet:
    tokens.space()
    sequence = tokens.sequence_set()
    tokens.space()
    return sequence


def _fetch(tokens: Tokens, *, uid: bool) -> Fetch:
    sequence = _sequence(tokens)
    items = parse_items(tokens)
    changed_since: int | None = None
    vanished = False
    if tokens.maybe_space() and tokens.skip(b"("):
        while not tokens.skip(b")"):
            name = tokens.word("CHANGEDSINCE", "VANISHED")
            if name == "CHANGEDSINCE":
                tokens.space()
                # iOS 16 sends 0, which RFC 7162 §7 does not allow and which means everything.
                changed_since = tokens.number64()
            elif name == "VANISHED":
                vanished = True
            else:
                raise BadCommand("FETCH knows the modifiers CHANGEDSINCE and VANISHED")
            tokens.maybe_space()
    if vanished and (not uid or changed_since is None):
        # RFC 7162 §3.2.6: VANISHED needs UID FETCH and CHANGEDSINCE.
        raise BadCommand("VANISHED belongs to UID FETCH with CHANGEDSINCE")
    return Fetch(sequence, items, uid, changed_since, vanished)


def _store(tokens: Tokens, *, uid: bool) -> Store:
    sequence = _sequence(tokens)
    unchanged_since = None
    if tokens.skip(b"("):
        if not tokens.word("UNCHANGEDSINCE"):
            raise BadCommand("STORE knows the modifier UNCHANGEDSINCE")
        tokens.space()
        unchanged_since = tokens.number64()
        tokens.expect(b")")
        tokens.space()
    kind = _STORE_ITEMS.get(tokens.atom().decode("ascii").upper())
    if kind is None:
        raise BadCommand("STORE takes FLAGS, +FLAGS or -FLAGS, each also with .SILENT")
    tokens.space()
    return Store(sequence, kind[0], tokens.flags(), kind[1], uid, unchanged_since)


def _target(tokens: Tokens) -> tuple[SequenceSet, bytes]:
    return _sequence(tokens), tokens.mailbox()


def _replace(tokens: Tokens, *, uid: bool) -> Replace:
    tokens.space()
    sequence = tokens.sequence_set()
    if len(sequence.ranges) != 1 or sequence.ranges[0][0] != sequence.ranges[0][1]:
        raise BadCommand("REPLACE takes one message")
    append = parse_append(tokens)
    if len(append.messages) != 1:
        raise BadCommand("REPLACE puts one message in the place of another")
    return Replace(sequence, append, uid)


def _uid_expunge(tokens: Tokens) -> Expunge:
    tokens.space()
    return Expunge(tokens.sequence_set())


PARSERS: dict[str, Callable[[Tokens], MessageCommand]] = {
    "CHECK": lambda _tokens: Check(),
    "CLOSE": lambda _tokens: Close(),
    "UNSELECT": lambda _tokens: Unselect(),
    "EXPUNGE": lambda _tokens: Expunge(),
    "SEARCH": lambda tokens: Search(parse_search(tokens), uid=False),
    "FETCH": lambda tokens: _fetch(tokens, uid=False),
    "STORE": lambda tokens: _store(tokens, uid=False),
    "COPY": lambda tokens: Copy(*_target(tokens), uid=False),
    "MOVE": lambda tokens: Move(*_target(tokens), uid=False),
    "REPLACE": lambda tokens: _replace(tokens, uid=False),
}
UID_PARSERS: dict[str, Callable[[Tokens], MessageCommand]] = {
    "UID EXPUNGE": _uid_expunge,
    "UID SEARCH": lambda tokens: Search(parse_search(tokens), uid=True),
    "UID FETCH": lambda tokens: _fetch(tokens, uid=True),
    "UID STORE": lambda tokens: _store(tokens, uid=True),
    "UID COPY": lambda tokens: Copy(*_target(tokens), uid=True),
    "UID MOVE": lambda tokens: Move(*_target(tokens), uid=True),
    "UID REPLACE": lambda tokens: _replace(tokens, uid=True),
}
