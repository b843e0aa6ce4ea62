"""The base subject: what is left of a Subject without Re:, Fwd: and [list] (RFC 5256 §2.1).

SORT orders by it and THREAD joins by it. The input is decoded; the result is folded for comparison.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailhost.imap.folding import fold

# subj-trailer, subj-leader and subj-blob of RFC 5256 §5. Possessive repeats never give back what they took.
_TRAILER = re.compile(r"(?:\(fwd\)|\s)\Z", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*+\]\s*+")
_LEADER = re.compile(r"(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?:|\s", re.IGNORECASE)
_FORWARDED = re.compile(r"\[fwd:(.*)\]\Z", re.IGNORECASE | re.DOTALL)
# A subject is cut here: nothing a person reads is longer.
MAX_SUBJECT = 1000


class BaseSubject(NamedTuple):
    """`text` folded; `reply` if something was taken away that marks a reply or forward."""

    text: str
    reply: bool


def base_subject(subject: str | None) -> BaseSubject:
    """Steps 1 to 6 of RFC 5256 §2.1."""
    rest = " ".join((subject or "")[:MAX_SUBJECT].split())
    reply = False
    while True:
        # Step 2: trailers.
        while (found := _TRAILER.search(rest)) or rest.lower().endswith("(fwd)"):
            reply = reply or rest[-1] == ")"
            rest = rest[: found.start()] if found else rest[:-5]
        rest, replied = _without_leaders(rest)
        reply = reply or replied
        # Step 6: the whole in "[Fwd: …]".
        forwarded = _FORWARDED.match(rest)
        if forwarded is None:
            return BaseSubject(fold(rest), reply)
        rest, reply = forwarded[1], True


def _without_leaders(rest: str) -> tuple[str, bool]:
    """Steps 3 to 5: leaders with blobs before them, then blobs, as long as something is left."""
    reply = False
    position = 0
    while True:
        at = position
        while blob := _BLOB.match(rest, at):
            at = blob.end()
        leader = _LEADER.match(rest, at)
        if leader is not None:
            reply = reply or not leader[0].isspace()
            position = leader.end()
            continue
        blob = _BLOB.match(rest, position)
        if blob is None or blob.end() >= len(rest):
            return rest[position:], reply
        position = blob.end()
