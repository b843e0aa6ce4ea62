"""Macros of SPF: `%{ir}.%{v}._spf.%{d2}` in names to look up and in explanations (RFC 7208 §7).

In: a macro-string and the facts of one check.  Out: its parts (`parse_macros`), then text (`expand`).  Parsing is
apart from expanding because a record with a bad macro is a permanent error even where the macro is never reached
(RFC 7208 §4.6).  `%{p}` needs the DNS, so its value is a fact like the others, and `wants_p` says whether to get it.

What comes out may hold anything a stranger put into HELO or a local part: it is used as a name in a query, or
shown as text, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from mailhost.mailauth.resolver import MAX_NAME

# RFC 7208 §7.1. The letters c, r and t are for explanations only (§7.2).
_LETTERS = "slodipvh"
_EXPLANATION_LETTERS = _LETTERS + "crt"
_MACRO = re.compile(r"%(?:([%_-])|\{([A-Za-z])([0-9]*+)([rR]?)([-.+,/_=]*+)\})")
# RFC 7208 §7.1 `macro-literal`: visible ASCII without the percent sign; explanations hold spaces as well.
_LITERAL = re.compile(r"[!-$&-~]++")
_EXPLANATION_LITERAL = re.compile(r"[ -$&-~]++")
_PERCENT = {"%": "%", "_": " ", "-": "%20"}


class BadMacro(ValueError):
    """Not a macro-string; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One `%{…}`. `digits` is how many right-hand parts to keep, None for all; `letter` is in lower case."""

    letter: str
    digits: int | None = None
    reverse: bool = False
    delimiters: str = "."
    escape: bool = False


type MacroString = tuple[str | Macro, ...]


def parse_macros(text: str, *, explanation: bool = False) -> MacroString:
    """The literals and macros of `text`.  Raises BadMacro."""
    literal = _EXPLANATION_LITERAL if explanation else _LITERAL
    letters = _EXPLANATION_LETTERS if explanation else _LETTERS
    parts: list[str | Macro] = []
    at = 0
    while at < len(text):
        if plain := literal.match(text, at):
            parts.append(plain[0])
            at = plain.end()
            continue
        found = _MACRO.match(text, at)
        if found is None:
            # RFC 7208 §7.1: a percent sign that begins no macro is a syntax error.
            raise BadMacro("stray % sign" if text[at] == "%" else "a character that may not stand in a macro-string")
        parts.append(_PERCENT[found[1]] if found[1] else _macro(found, letters))
        at = found.end()
    return tuple(parts)


def _macro(found: re.Match[str], letters: str) -> Macro:
    letter, digits, reverse, delimiters = found[2], found[3], found[4], found[5]
    if letter.lower() not in letters:
        raise BadMacro(f"the macro letter {letter} is not defined here")
    # RFC 7208 §7.1: DIGIT must be nonzero. No name has more than 128 labels, so larger numbers mean all of them.
    if digits and not digits.strip("0"):
        raise BadMacro("a macro keeps zero parts")
    keep = int(digits[-9:]) if digits and len(digits) < 9 else None
    return Macro(letter.lower(), keep, bool(reverse), delimiters or ".", letter.isupper())


def wants_p(parts: Iterable[str | Macro]) -> bool:
    """Whether `%{p}` occurs: only then its value, which costs queries, is needed."""
    return any(isinstance(part, Macro) and part.letter == "p" for part in parts)


def expand(parts: MacroString, facts: Mapping[str, str]) -> str:
    """The text; `facts` maps each letter to its value (RFC 7208 §7.2)."""
    return "".join(part if isinstance(part, str) else _value(part, facts[part.letter]) for part in parts)


def _value(macro: Macro, value: str) -> str:
    # RFC 7208 §7.3: split, reverse, keep the right-hand parts, join with dots, escape.
    if macro.digits is not None or macro.reverse or macro.delimiters != ".":
        pieces = re.split(f"[{re.escape(macro.delimiters)}]", value)
        if macro.reverse:
            pieces.reverse()
        if macro.digits is not None:
            pieces = pieces[-macro.digits :]
        value = ".".join(pieces)
    # RFC 7208 §7.3: upper-case letters URL-escape everything but the unreserved characters of RFC 3986.
    return quote(value, safe="") if macro.escape else value


def query_name(text: str) -> str:
    """An expanded domain-spec as the name to ask for: no final dot, shortened from the left (RFC 7208 §7.3)."""
    name = text.removesuffix(".")
    if len(name) <= MAX_NAME:
        return name
    kept = name[-MAX_NAME:]
    # Only whole labels stay: the first one is cut unless a dot stood right before it.
    return kept if name[-MAX_NAME - 1] == "." else kept.partition(".")[2]
