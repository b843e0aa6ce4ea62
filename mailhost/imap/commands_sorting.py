"""SORT and THREAD as values (RFC 5256 §3, RFC 5267 §3 for SORT RETURN)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailhost.imap.search_keys import Key, parse_keys, return_option
from mailhost.imap.sort import CRITERIA, Criterion
from mailhost.imap.thread import ALGORITHMS
from mailhost.imap.tokens import BadCommand, Tokens

# There are nine different ones; a tenth can change nothing.
MAX_CRITERIA = 20


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT (RFC 5256 §3); `returns` is None for the classic answer, `modseq`: a key is about modseqs."""

    criteria: tuple[Criterion, ...]
    key: Key
    uid: bool
    returns: frozenset[str] | None = None
    modseq: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD (RFC 5256 §3)."""

    algorithm: str
    key: Key
    uid: bool
    modseq: bool = False


type SortingCommand = Sort | Thread


def _sort(tokens: Tokens, *, uid: bool) -> Sort:
    tokens.space()
    returns = None
    if tokens.word("RETURN"):
        tokens.space()
        returns = frozenset(tokens.listed(lambda: return_option(tokens)))
        tokens.space()
    criteria = tuple(tokens.listed(lambda: _criterion(tokens), empty=False))
    if len(criteria) > MAX_CRITERIA:
        raise BadCommand(f"More than {MAX_CRITERIA} sort criteria", "LIMIT")
    key, modseq = _keys(tokens)
    return Sort(criteria, key, uid, returns, modseq)


def _criterion(tokens: Tokens) -> Criterion:
    reverse = bool(tokens.word("REVERSE"))
    if reverse:
        tokens.space()
    name = tokens.word(*CRITERIA)
    if not name:
        raise BadCommand("Unknown sort criterion; known are " + ", ".join(CRITERIA))
    return Criterion(name, reverse)


def _thread(tokens: Tokens, *, uid: bool) -> Thread:
    tokens.space()
    algorithm = tokens.word(*ALGORITHMS)
    if not algorithm:
        raise BadCommand("Unknown threading algorithm; known are " + ", ".join(ALGORITHMS))
    key, modseq = _keys(tokens)
    return Thread(algorithm, key, uid, modseq)


def _keys(tokens: Tokens) -> tuple[Key, bool]:
    tokens.space()
    charset = tokens.astring().decode("latin-1")
    tokens.space()
    return parse_keys(tokens, charset)


PARSERS: dict[str, Callable[[Tokens], SortingCommand]] = {
    "SORT": lambda tokens: _sort(tokens, uid=False),
    "THREAD": lambda tokens: _thread(tokens, uid=False),
}
UID_PARSERS: dict[str, Callable[[Tokens], SortingCommand]] = {
    "UID SORT": lambda tokens: _sort(tokens, uid=True),
    "UID THREAD": lambda tokens: _thread(tokens, uid=True),
}
