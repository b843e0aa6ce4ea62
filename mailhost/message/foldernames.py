"""Folder names as they are stored, whoever asks for one: a client's CREATE, an import, a filter of the owner.

Unicode in NFC with '/' between levels; INBOX is one name in any case, as a parent too (RFC 9051 §5.1). In: a name
as it was written. Out: the name as it is stored, or `BadName`, which says what is wrong with it.
"""

from __future__ import annotations

import unicodedata

DELIMITER = "/"
# Octets of a name in UTF-8; larger ones would not fit file systems a client maps them to.
MAX_NAME = 1000
# Levels of hierarchy; each is a folder that has to be made.
MAX_LEVELS = 20


class BadName(ValueError):
    """The name cannot be a folder's; the text says why."""


def normalized(name: str) -> str:
    """NFC, INBOX in capitals, no trailing delimiter. Raises BadName for names no folder can have."""
    name = unicodedata.normalize("NFC", name)
    name = name.rstrip(DELIMITER) or name
    first, slash, rest = name.partition(DELIMITER)
    if first.upper() == "INBOX":
        name = "INBOX" + slash + rest
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME:
        raise BadName(f"The folder name is longer than {MAX_NAME} octets")
    return name


def check_new(name: str) -> None:
    """Refuse what would make a folder that clients cannot show or reach. Raises BadName."""
    levels = name.split(DELIMITER)
    if "" in levels:
        raise BadName("A level of the name is empty")
    if len(levels) > MAX_LEVELS:
        raise BadName(f"More than {MAX_LEVELS} levels")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise BadName("The name holds control characters")
    if "*" in name or "%" in name:
        raise BadName("The name holds a wildcard of LIST")
