"""Findings about a sender, what each weighs, and what their sum means.

`WEIGHTS` and `BANDS` are the whole policy. No single finding refuses a message, and only the content filter brings one
to Junk alone: block lists err, small hosts have no reverse name, everyone writes for the first time once. What is
slightly suspicious and not known here is put off for minutes (greylisting): a mail server comes back, a bot does not.
Being known counts only where the sender has proven to be the one that is known.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from mailhost.mailauth.verdict import Signal


class Finding(StrEnum):
    """What was found; the value is also the label of the metric and the word in the message's header."""

    LISTED = "listed"  # in a DNS block list
    LISTED_AGAIN = "listed_again"  # in a second one
    NO_REVERSE_NAME = "no_reverse_name"
    FALSE_HELO = "false_helo"
    SPF_FAIL = "spf_fail"
    SPF_SOFTFAIL = "spf_softfail"
    NO_PROOF = "no_proof"  # neither SPF nor DKIM passes for anybody
    FILTER_DOUBTS = "filter_doubts"  # the content filter would greylist
    FILTER_SUSPECTS = "filter_suspects"  # it would mark the message
    FILTER_REJECTS = "filter_rejects"
    WRITTEN_TO = "written_to"  # a recipient has written to this sender
    CAME_BEFORE = "came_before"  # and nothing was held against it


WEIGHTS: Final[dict[Finding, int]] = {
    Finding.LISTED: 4,
    Finding.LISTED_AGAIN: 4,
    Finding.NO_REVERSE_NAME: 2,
    Finding.FALSE_HELO: 2,
    Finding.SPF_FAIL: 3,
    Finding.SPF_SOFTFAIL: 1,
    Finding.NO_PROOF: 1,
    Finding.FILTER_DOUBTS: 2,
    Finding.FILTER_SUSPECTS: 5,
    Finding.FILTER_REJECTS: 8,
    Finding.WRITTEN_TO: -8,
    Finding.CAME_BEFORE: -2,
}

# Findings that speak against a sender loudly enough to refuse what fails DMARC under p=reject (RFC 9989 §7.4).
SIGNALS: Final[dict[Finding, Signal]] = {
    Finding.LISTED: Signal.LISTED,
    Finding.NO_REVERSE_NAME: Signal.NO_REVERSE_NAME,
    Finding.FALSE_HELO: Signal.FALSE_HELO,
    Finding.FILTER_REJECTS: Signal.SPAM,
}


class Band(StrEnum):
    """What the sum of the weights says."""

    FINE = "fine"
    DOUBTFUL = "doubtful"  # put off once, where it is not known
    JUNK = "junk"
    SPAM = "spam"  # refused, where every recipient's tenant refuses spam


# The least sum of each band, the highest first.
BANDS: Final[tuple[tuple[int, Band], ...]] = ((10, Band.SPAM), (5, Band.JUNK), (2, Band.DOUBTFUL))


def weigh(findings: Collection[Finding]) -> Band:
    """The band of a set of findings."""
    total = sum(WEIGHTS[finding] for finding in set(findings))
    return next((band for least, band in BANDS if total >= least), Band.FINE)


def signals(findings: Collection[Finding]) -> frozenset[Signal]:
    """The findings that weigh in when DMARC fails."""
    return frozenset(SIGNALS[finding] for finding in findings if finding in SIGNALS)
