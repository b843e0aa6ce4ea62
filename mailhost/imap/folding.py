"""Text for comparison, one way for SEARCH and SORT: without case, white space evened out."""

from __future__ import annotations


def fold(text: str) -> str:
    """Case-folded text (Unicode, so that "GRÜSSE" meets "Grüße"); runs of white space become one space."""
    folded = text.casefold()
    return " ".join(folded.split()) if "\n" in folded or "\t" in folded or "  " in folded else folded
