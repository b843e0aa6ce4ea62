"""Flag words: system flags and a folder's keywords as bits of one integer column.

A keyword gets the next free bit of its folder when it is first used and keeps it; the names are compared without
case (RFC 9051 §2.3.2). A folder has MAX_KEYWORDS bits; one keyword more is refused, not forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailhost.adapters.database import Cursor
from mailhost.imap.store import KEYWORD_SHIFT, MAX_KEYWORDS, SYSTEM_FLAGS, TooMany

_SYSTEM_BIT = {name.lower(): 1 << position for position, name in enumerate(SYSTEM_FLAGS)}


def keywords_of(cursor: Cursor, folder_id: int) -> tuple[str, ...]:
    """Keyword names in the order of their bits."""
    cursor.execute("SELECT name FROM mailhost_folderkeyword WHERE folder_id = %s ORDER BY position", [folder_id])
    return tuple(row[0] for row in cursor.fetchall())


def flag_word(cursor: Cursor, folder_id: int, flags: Iterable[str], *, make: bool = True) -> int:
    """The bits of `flags` in this folder; unknown keywords get a bit when `make`. Raises TooMany."""
    word = 0
    names: Sequence[str] | None = None
    for flag in flags:
        bit = _SYSTEM_BIT.get(flag.lower())
        if bit is None and not flag.startswith("\\"):
            if names is None:
                names = list(keywords_of(cursor, folder_id))
            bit = _keyword_bit(cursor, folder_id, names, flag, make=make)
        word |= bit or 0
    return word


def _keyword_bit(cursor: Cursor, folder_id: int, names: Sequence[str], flag: str, *, make: bool) -> int:
    for position, name in enumerate(names):
        if name.lower() == flag.lower():
            return 1 << (position + KEYWORD_SHIFT)
    if not make:
        return 0
    if len(names) >= MAX_KEYWORDS:
        raise TooMany(f"A folder holds at most {MAX_KEYWORDS} keywords; reuse one of them")
    cursor.execute(
        "INSERT INTO mailhost_folderkeyword (folder_id, position, name) VALUES (%s, %s, %s)",
        [folder_id, len(names), flag],
    )
    position = len(names)
    assert isinstance(names, list)
    names.append(flag)
    return 1 << (position + KEYWORD_SHIFT)


def flag_names(word: int, keywords: Sequence[str]) -> tuple[str, ...]:
    """The flags that are set in `word`."""
    system = [name for position, name in enumerate(SYSTEM_FLAGS) if word >> position & 1]
    own = [name for position, name in enumerate(keywords) if word >> (position + KEYWORD_SHIFT) & 1]
    return (*system, *own)
