"""A report of a round trip: from which landmark, to which cell, with which nonce, in how many milliseconds, by whom.

The measurer draws the nonces, keeps the fastest reply, and signs the report as a note (C2SP signed-note). The cell
that brings it in computes the answer again over its own blobs: a report about other data, another cell or another
day is refused. What a report shows is an upper bound on distance, as strong as the measurer's clock and word; so the
keys of measurers are named in the settings, each with its landmark.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from nacl.signing import SigningKey

from jurisdiction.evidence import NONCE_BYTES, check_answer
from jurisdiction.ledger.notes import NoteError, PublicKey, parse_note, sign_note, verify_note
from jurisdiction.questions import RoundTrip

CONTEXT: Final = "skerry-roundtrip-v1"
MAX_AGE_DAYS: Final = 7  # a report is brought in within the week
MAX_MICROSECONDS: Final = 60_000_000


class ReportRefused(Exception):
    """The report does not speak for this cell; the text says why."""


@dataclass(frozen=True, slots=True)
class Report:
    """`cell` is the origin of the cell's ledger, `answer` what it replied to `nonce`, over `blobs` of the blobs that
    were stored before `as_of` (an hour, aware)."""

    cell: str
    landmark: str
    nonce: bytes
    answer: bytes
    blobs: int
    as_of: datetime
    microseconds: int
    taken_on: date

    def text(self) -> str:
        lines = (
            CONTEXT,
            self.cell,
            self.landmark,
            self.nonce.hex(),
            self.answer.hex(),
            str(self.blobs),
            self.as_of.isoformat(),
            str(self.microseconds),
            self.taken_on.isoformat(),
        )
        return "".join(f"{line}\n" for line in lines)

    @property
    def round_trip(self) -> RoundTrip:
        return RoundTrip(self.landmark, self.microseconds / 1000)


def signed(report: Report, name: str, key: SigningKey) -> str:
    """The report as a signed note."""
    return str(sign_note(report.text(), name, key))


def parse(text: str) -> Report:
    """The report in a note's text. Raises ReportRefused."""
    lines = text.removesuffix("\n").split("\n")
    try:
        context, cell, landmark, nonce, answer, blobs, as_of, microseconds, taken_on = lines
        found = Report(
            cell,
            landmark,
            bytes.fromhex(nonce),
            bytes.fromhex(answer),
            int(blobs),
            datetime.fromisoformat(as_of),
            int(microseconds),
            date.fromisoformat(taken_on),
        )
    except ValueError as error:
        raise ReportRefused("this is no report of a round trip") from error
    if context != CONTEXT or found.text() != text or len(found.nonce) != NONCE_BYTES or found.as_of.tzinfo is None:
        raise ReportRefused("this is no report of a round trip")
    if not 0 < found.microseconds <= MAX_MICROSECONDS or found.blobs < 0:
        raise ReportRefused("the report names an impossible time")
    return found


def accept(
    data: bytes,
    measurers: dict[str, PublicKey],
    cell: str,
    today: date,
    expected: Callable[[bytes, datetime], tuple[bytes, int]],
) -> Report:
    """A report that a known measurer signed about this cell's own data, lately. Raises ReportRefused, ChallengeFailed.

    `measurers` are keys by landmark; `expected` gives this cell's own answer to a nonce as of an hour.
    """
    try:
        note = parse_note(data)
        report = parse(note.text)
        key = measurers.get(report.landmark)
        if key is None:
            raise ReportRefused(f"nobody is known who measures from {report.landmark!r}; see SKERRY_MEASURERS")
        verify_note(note, [key])
    except NoteError as error:
        raise ReportRefused(f"the report was not signed by its measurer: {error}") from error
    if report.cell != cell:
        raise ReportRefused(f"the report is about {report.cell[:100]!r}, not about this cell")
    if not 0 <= (today - report.taken_on).days <= MAX_AGE_DAYS:
        raise ReportRefused(f"the report is of {report.taken_on}; measure again and bring it in within a week")
    answer, _count = expected(report.nonce, report.as_of)
    check_answer(answer, report.answer)
    return report
