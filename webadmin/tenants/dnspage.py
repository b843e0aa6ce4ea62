"""The lines of the DNS page: records in groups by what they do, each with a mood and its words; how far one has come.

In: `domaindns.Line` values. Out: values that a template only has to draw. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailhost.domaindns.dnscheck import Status
from mailhost.domaindns.dnsrecords import Purpose
from mailhost.provision.domaindns import Line
from webadmin.languages import spoken

# Title of a group, one sentence, and the purposes in it.
_GROUPS: Final = (
    (gettext_noop("Ownership"), gettext_noop("Proves that the domain is yours."), (Purpose.OWNERSHIP,)),
    (gettext_noop("Receiving mail"), gettext_noop("Leads mail for your domain to us."), (Purpose.RECEIVING,)),
    (
        gettext_noop("Sending mail"),
        gettext_noop("Lets others believe that mail from you is from you."),
        (Purpose.SPF, Purpose.DKIM, Purpose.DMARC),
    ),
    (
        gettext_noop("Encryption on the way"),
        gettext_noop("Keeps others from reading along between their host and ours."),
        (Purpose.MTA_STS, Purpose.TLS_RPT, Purpose.DANE),
    ),
    (
        gettext_noop("Mail programs"),
        gettext_noop("Lets them find their settings from the address alone."),
        (Purpose.AUTOCONFIG, Purpose.SERVICES),
    ),
    (gettext_noop("Certificates"), gettext_noop("Names who may issue them."), (Purpose.CAA,)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `words` and `mood` are of its badge; `says` whether cause, effect and step are shown."""

    line: Line
    words: str
    mood: str

    @property
    def says(self) -> bool:
        """Whether something is to be read about it besides its state; advice that is not followed is no fault."""
        return bool(self.line.cause or self.line.step) and self.mood in {"bad", "warn"}

    @property
    def cause(self) -> str:
        """Why it is as it is, in the reader's language."""
        return spoken.text(self.line.cause)

    @property
    def effect(self) -> str:
        """What follows from it."""
        return spoken.text(self.line.effect)

    @property
    def step(self) -> str:
        """What to do; where the whole record is missing, its name and value stand right above."""
        if self.line.status == Status.MISSING:
            return _("Add this record where your DNS is kept: its name and value are above.")
        return spoken.text(self.line.step)


@dataclass(frozen=True, slots=True)
class Group:
    """Records that do one thing together, and how they stand together."""

    title: str
    sentence: str
    rows: tuple[Row, ...]
    words: str
    mood: str
    required: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the records that are needed are right."""

    right: int
    needed: int

    @property
    def is_done(self) -> bool:
        """Whether nothing that is needed is missing."""
        return self.right == self.needed


def groups(lines: Sequence[Line]) -> list[Group]:
    """The page's groups, without those that this cell has no records for."""
    found = []
    for title, sentence, purposes in _GROUPS:
        rows = tuple([_row(line) for line in lines if line.purpose in purposes])
        if rows:
            required = any(row.line.required for row in rows)
            words, mood = _together(rows)
            found.append(Group(_(title), _(sentence), rows, words, mood, required))
    return found


def progress(lines: Sequence[Line]) -> Progress:
    """Only what mail needs to work and be believed is counted."""
    needed = [line for line in lines if line.required]
    return Progress(sum(line.status in {Status.OK, Status.ADVICE} for line in needed), len(needed))


def _row(line: Line) -> Row:
    match line.status:
        case Status.OK:
            return Row(line, _("right"), "good")
        case Status.ADVICE:
            return Row(line, _("works"), "good")
        case Status.MISSING if line.required:
            return Row(line, _("missing"), "bad")
        case Status.MISSING:
            return Row(line, _("not set"), "")
        case Status.WRONG:
            return Row(line, _("wrong"), "bad")
        case Status.UNKNOWN:
            return Row(line, _("no answer"), "warn")
        case _:
            return Row(line, _("not checked yet"), "")


def _together(rows: Sequence[Row]) -> tuple[str, str]:
    """The state of a group: the worst of what matters in it."""
    moods = [row.mood for row in rows]
    if "bad" in moods:
        return _("to do"), "bad"
    if "warn" in moods:
        return _("no answer"), "warn"
    if all(not row.line.status for row in rows):
        return _("not checked yet"), ""
    if all(mood == "good" for mood in moods):
        return _("right"), "good"
    return _("could be better"), ""
