"""What a place that mail comes from gives: folders, a list of what is in each, and the messages asked for.

A list comes before any message, so that the number is known from the start and what is here already need not be
fetched again. Methods may block on a disk or a network; the caller runs them in a thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailhost.imap.store import NewMessage


class SourceProblem(Exception):
    """The source cannot be read on; what was brought in stays. The text is for the person who asked."""


class Why(StrEnum):
    """Why a message could not be brought in."""

    EMPTY = "empty"
    TOO_LARGE = "too large"
    UNREADABLE = "unreadable"
    GONE = "gone meanwhile"


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder of the source: its name as a person knows it there, and its levels without the source's prefix."""

    name: str
    levels: tuple[str, ...]
    special_use: str | None = None  # "\\Sent" … where the source says so


@dataclass(frozen=True, slots=True)
class Listed:
    """A message of a folder. `number` is how a person finds it there; `identity` is the same at every run."""

    number: int
    identity: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A message as it came."""

    number: int
    message: NewMessage


@dataclass(frozen=True, slots=True)
class Bad:
    """In place of a message that cannot be brought in."""

    number: int
    why: Why


class Source(Protocol):
    """Where mail comes from. Every method raises SourceProblem."""

    def folders(self) -> Sequence[SourceFolder]: ...

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        """Every message of the folder."""

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        """The messages of these numbers, in this order, one or a few at a time in memory."""

    def close(self) -> None: ...
