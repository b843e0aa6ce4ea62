"""All wishes of one owner together, as they are kept and as a delivery asks them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mailhost.rules import away as absence
from mailhost.rules.away import Away
from mailhost.rules.rule import Rules
from mailhost.rules.text import parsed, read_object, write

# The kept text grows by such steps, so that its size does not count rules.
STEP: Final = 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands until the owner changes it."""

    rules: Rules = ()
    away: Away | None = None

    @property
    def in_force(self) -> bool:
        """Whether a delivery has anything to ask; on which days, it asks itself."""
        return any(not one.off for one in self.rules) or (self.away is not None and not self.away.off)


def to_text(standing: Standing) -> bytes:
    """The text to be sealed, padded with white space."""
    found = write(standing.rules) | ({"away": absence.write(standing.away)} if standing.away else {})
    text = json.dumps(found, ensure_ascii=False).encode()
    return text.ljust(-(-len(text) // STEP) * STEP)


def from_text(text: bytes) -> Standing:
    """The inverse of `to_text`. Raises BadRule."""
    found = dict(parsed(text))
    wish = found.pop("away", None)
    return Standing(read_object(found), None if wish is None else absence.read(wish))
