"""What every stored field is called when somebody demands it: the labels and the scopes of models.

A model declares its *scope*, the side of the house whose database may hold it (`CELL` or `DIRECTORY`), and its
*disclosure*, one label for each of its fields: SEALED (only its owner can open it), LOCKED (this host opens it for its
work, with a key of the cell, and could be made to), CLEAR (the host can read it and could be made to hand it over) or
DERIVED (computed from clear or sealed fields; tells no more than
they do). A Django system check refuses a model or a field without a label, the page "what could be handed
over" is printed from the labels, and the canary scan searches every column that is not CLEAR.

This module is values only. It knows no Django, so that the labels can be read where Django is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """The side of the house a row lives on; no process has the database of both."""

    CELL = "cell"
    DIRECTORY = "directory"


class Label(StrEnum):
    """What the host can say of a field."""

    SEALED = "sealed"
    LOCKED = "locked"
    CLEAR = "clear"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Field names by label, each written as one string of words, in the order a reader would want them."""

    clear: str = ""
    sealed: str = ""
    locked: str = ""
    derived: str = ""

    def labels(self) -> Mapping[str, Label]:
        """Label of each field. Raises ValueError when a field has two."""
        found: dict[str, Label] = {}
        for label, names in (
            (Label.CLEAR, self.clear),
            (Label.SEALED, self.sealed),
            (Label.LOCKED, self.locked),
            (Label.DERIVED, self.derived),
        ):
            for name in names.split():
                if name in found:
                    raise ValueError(f"field {name!r} is labelled {found[name]} and {label}")
                found[name] = label
        return found
