"""GETMETADATA and SETMETADATA as values (RFC 5464 §4.2, §4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailhost.imap.tokens import BadCommand, Tokens

# RFC 5464 §4.2.2; "infinity" is deeper than any name.
INFINITY = 1000
# RFC 5464 §4.1 asks for values of at least 1024 octets.
MAX_ENTRY_NAME = 500
_ENTRY = re.compile(r"/(?:private|shared)(?:/[!-$&-)+-.0-~]+)+")


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA; entries in lower case, `max_size` in octets."""

    mailbox: bytes
    entries: tuple[str, ...]
    max_size: int | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA; None removes an entry."""

    mailbox: bytes
    changes: tuple[tuple[str, bytes | None], ...]


type MetadataCommand = GetMetadata | SetMetadata


def _get(tokens: Tokens) -> GetMetadata:
    options: dict[str, int] = {}
    tokens.space()
    if tokens.peek(b"("):
        tokens.listed(lambda: options.update([_option(tokens)]))
        tokens.space()
    mailbox = tokens.mailbox()
    tokens.space()
    if tokens.peek(b"("):
        if not options and not tokens.peek(b"(/") and not tokens.peek(b'("/'):
            # RFC 5464 §4.2.1's own examples put the options behind the mailbox; both places are read.
            tokens.listed(lambda: options.update([_option(tokens)]))
            tokens.space()
        entries = _entries(tokens)
    else:
        entries = _entries(tokens)
    return GetMetadata(mailbox, tuple(entries), options.get("MAXSIZE"), options.get("DEPTH", 0))


def _entries(tokens: Tokens) -> list[str]:
    if tokens.peek(b"("):
        return tokens.listed(lambda: _asked(tokens), empty=False)
    return [_asked(tokens)]


def _asked(tokens: Tokens) -> str:
    """An entry, or one of the two that all others lie below: with DEPTH that asks for everything."""
    name = _path(tokens)
    return name if name in ("/private", "/shared") else _checked(name)


def _option(tokens: Tokens) -> tuple[str, int]:
    name = tokens.word("MAXSIZE", "DEPTH")
    if not name:
        raise BadCommand("GETMETADATA knows the options MAXSIZE and DEPTH")
    tokens.space()
    if name == "DEPTH":
        if tokens.word("INFINITY"):
            return name, INFINITY
        depth = tokens.number()
        if depth > 1:
            raise BadCommand("DEPTH is 0, 1 or infinity")
        return name, depth
    return name, tokens.number()


def _entry(tokens: Tokens) -> str:
    """RFC 5464 §3.2: a path below /private or /shared, the same in any case."""
    return _checked(_path(tokens))


def _path(tokens: Tokens) -> str:
    return tokens.astring().decode("latin-1").lower()


def _checked(name: str) -> str:
    if len(name) > MAX_ENTRY_NAME or _ENTRY.fullmatch(name) is None:
        raise BadCommand("An entry is a path below /private or /shared without * and %")
    return name


def _set(tokens: Tokens) -> SetMetadata:
    tokens.space()
    mailbox = tokens.mailbox()
    tokens.space()

    def change() -> tuple[str, bytes | None]:
        name = _entry(tokens)
        tokens.space()
        return name, tokens.nstring()

    return SetMetadata(mailbox, tuple(tokens.listed(change, empty=False)))


PARSERS: dict[str, Callable[[Tokens], MetadataCommand]] = {"GETMETADATA": _get, "SETMETADATA": _set}
