"""All wishes of one owner together, as they are kept and as a delivery asks them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mailhost.rules.rule import Rules
from mailhost.rules.text import parsed, read_object, write

# The kept text grows by such steps, so that its size does not count rules.
STEP: Final = 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands until the owner changes it."""

    rules: Rules = ()

    @property
    def in_force(self) -> bool:
        """Whether a delivery has anything to ask."""
        return any(not one.off for one in self.rules)


def to_text(standing: Standing) -> bytes:
    """The text to be sealed, padded with white space."""
    text = json.dumps(write(standing.rules), ensure_ascii=False).encode()
    return text.ljust(-(-len(text) // STEP) * STEP)


def from_text(text: bytes) -> Standing:
    """The inverse of `to_text`. Raises BadRule."""
    return Standing(read_object(parsed(text)))
