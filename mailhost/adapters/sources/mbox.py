"""mbox files: messages one after the other, each behind a line that begins with "From ".

That line is also one that people write. So it divides only where it is a whole one (a sender and a date as C's
asctime writes it), stands at the beginning or behind an empty line, and a header field, or nothing, follows it.
Programs that write mbox put ">" before such lines of the text; one ">" is taken away again (mboxrd). Flags are in
Status, X-Status and X-Keywords, or Thunderbird's own fields, which are not of the message and are left out.

A file is read line by line and again at the places found, so that one message is in memory at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from mailhost.adapters.sources.files import folder_at, identity, letter
from mailhost.importing.letters import arrived, header_of, is_leftover, without_status
from mailhost.importing.source import Bad, Letter, Listed, SourceFolder, SourceProblem, Why

_FROM: Final = re.compile(
    rb"From (?:\S+ +|\"[^\"\n]*\"\S* +|)?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?P<month>[A-Z][a-z]{2}) +"
    rb"(?P<day>\d{1,2}) +(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))? +"
    rb"(?:[A-Z]{1,5} +|[+-]\d{4} +)*(?P<year>\d{4})"
    rb"(?: +[+-]\d{4}| +[A-Z]{1,5})?[^\n]{0,200}\r?\n"
)
_FIELD: Final = re.compile(rb"(?:>?[!-9;-~]+[ \t]*:|\r?\n|$)")
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
# Longest line looked at whole; a longer one is no "From " line, and its rest is read in pieces.
_LINE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a message lies in its file, behind its "From " line, and the date of that line."""

    start: int
    end: int
    moment: datetime | None


class MboxSource:
    """`Source` over an mbox file, or a folder of them (Thunderbird's `.sbd` and Apple's `.mbox` included)."""

    def __init__(self, path: Path, *, limit: int) -> None:
        self._root = folder_at(path, "an mbox file or a folder of such files")
        self._limit = limit
        self._files: dict[str, Path] = {}
        self._spans: dict[str, list[_Span]] = {}

    def folders(self) -> Sequence[SourceFolder]:
        if self._root.is_file():
            if not _is_mbox(self._root):
                raise SourceProblem(f"{self._root} is no mbox file: it does not begin with a line 'From …'")
            files = [self._root]
            base = self._root.parent
        else:
            files = [Path(where) / name for where, _below, names in os.walk(self._root) for name in names]
            files = sorted(path for path in files if not path.is_symlink() and _is_mbox(path))
            base = self._root
        found = []
        for path in files:
            levels = _levels(path.relative_to(base).parts)
            name = "/".join(levels)
            if name in self._files:
                name = str(path.relative_to(base))
            self._files[name] = path
            found.append(SourceFolder(name, levels))
        return found

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        path = self._files[folder.name]
        spans: list[_Span] = []
        found: list[Listed] = []
        try:
            with path.open("rb") as file:
                for span in _spans(file):
                    content = _content(file, span, self._limit)
                    if isinstance(content, bytes) and is_leftover(content):
                        continue
                    spans.append(span)
                    found.append(Listed(len(spans), _identity(content, span)))
        except OSError as problem:
            raise SourceProblem(f"{path} cannot be read: {problem.strerror}") from None
        self._spans[folder.name] = spans
        return found

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        path = self._files[folder.name]
        try:
            with path.open("rb") as file:
                for number in numbers:
                    yield self._letter(file, number, self._spans[folder.name][number - 1])
        except OSError as problem:
            raise SourceProblem(f"{path} cannot be read: {problem.strerror}") from None

    def _letter(self, file: BinaryIO, number: int, span: _Span) -> Letter | Bad:
        content = _content(file, span, self._limit)
        if isinstance(content, Why):
            return Bad(number, content)
        cleaned, flags = without_status(content)
        return letter(number, cleaned, flags, span.moment or arrived(header_of(cleaned)))

    def close(self) -> None:
        """Nothing is held."""


def _is_mbox(path: Path) -> bool:
    if path.suffix.lower() in (".msf", ".dat", ".plist") or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _FROM.match(file.readline(_LINE)) is not None
    except OSError:
        return False


def _levels(parts: Sequence[str]) -> tuple[str, ...]:
    """Thunderbird keeps the folders below `Work` in `Work.sbd`; Apple Mail has `Work.mbox/mbox`."""
    names = list(parts)
    if len(names) > 1 and names[-1] == "mbox" and names[-2].endswith(".mbox"):
        names.pop()
    names = [name.removesuffix(".sbd") for name in names[:-1]] + [names[-1].removesuffix(".mbox")]
    if len(names) == 1 and names[0].lower() in ("mbox", "inbox"):
        return ("INBOX",)
    return tuple(names)


def _spans(file: BinaryIO) -> Iterator[_Span]:
    """Every message of the file; octets before the first "From " line are none."""
    start, moment = -1, None
    blank, begins, position = True, True, 0
    while line := file.readline(_LINE):
        here, position = position, position + len(line)
        if blank and line.startswith(b"From ") and (found := _FROM.fullmatch(line)) and _header_follows(file, position):
            if start >= 0:
                yield _Span(start, here, moment)
                file.seek(position)
            start, moment = position, _moment(found)
        # A piece of a very long line is neither a line nor an empty one.
        blank = begins and line in (b"\n", b"\r\n")
        begins = line.endswith(b"\n")
    if start >= 0:
        yield _Span(start, position, moment)


def _header_follows(file: BinaryIO, position: int) -> bool:
    following = file.readline(1000)
    file.seek(position)
    return _FIELD.match(following) is not None


def _moment(found: re.Match[bytes]) -> datetime | None:
    """The date of a "From " line, which is in UTC where it says nothing else, as C's asctime of gmtime."""
    try:
        month = _MONTHS.index(found["month"]) + 1
        numbers = [int(found[name] or 0) for name in ("year", "day", "hour", "minute", "second")]
        year, day, hour, minute, second = numbers
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def _content(file: BinaryIO, span: _Span, limit: int) -> bytes | Why:
    """The message as it was before it was put into an mbox."""
    # One ">" for every line, and the empty line in front of the next "From " line, are the most an mbox adds.
    if span.end - span.start > 2 * limit + 2:
        return Why.TOO_LARGE
    file.seek(span.start)
    raw = file.read(span.end - span.start)
    for ending in (b"\r\n\r\n", b"\n\n"):
        if raw.endswith(ending):
            raw = raw[: -len(ending) // 2]
            break
    content = _QUOTED.sub(rb"\1", raw)
    if not content.strip():
        return Why.EMPTY
    return content if len(content) <= limit else Why.TOO_LARGE


def _identity(content: bytes | Why, span: _Span) -> bytes:
    if isinstance(content, Why):
        return f"at:{span.start}".encode()
    # Flags change without the message changing.
    return identity(without_status(content)[0])
