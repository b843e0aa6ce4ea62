"""The import itself: list everything, pass over what is here, bring in the rest, in small durable steps.

A step stores some messages and remembers them in one transaction, so an import that is killed, loses its source or
fills the mailbox is simply run again: nothing is missing and nothing comes twice. What is remembered of a message is
a keyed hash of where it was (folder, UIDVALIDITY and UID, or its content), for KEPT after the last run that saw it.

What cannot be brought in is counted and named by folder and number, never by content.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import batched
from typing import Final

from mailhost.imap.store import SYSTEM_FLAGS, NewMessage, OverQuota, StoreError, TooMany
from mailhost.importing.places import Place, is_view, place
from mailhost.importing.source import Bad, Letter, Listed, Source, SourceFolder, SourceProblem, Why
from mailhost.importing.target import Arrival, Overtaken, Target

# Somebody who moves house over some weeks and runs the import now and then gets no message twice.
KEPT: Final = timedelta(days=30)
# Messages and octets of one step: what is in memory at a time, and in one transaction.
STEP: Final = 100
STEP_OCTETS: Final = 4 * 1024 * 1024
# Hashes asked for at once.
ASKED: Final = 5000


class Stopped(StrEnum):
    """Why an import ended before its end."""

    FULL = "the mailbox is full; make room or raise its quota, then run the same command again: it goes on from here"
    SOURCE = "the source cannot be read on"
    STORE = "the mail store is not available; run the same command again later, it goes on from here"
    OVERTAKEN = "another import into this mailbox is running; wait for it, then run this one again"


@dataclass(frozen=True, slots=True)
class NotBrought:
    """A message that could not be brought in."""

    folder: str
    number: int
    why: Why


@dataclass(slots=True)
class Report:
    """What an import did, in exact numbers: `found` = `brought` + `already_here` + the bad ones, unless stopped."""

    folders: int = 0
    found: int = 0
    already_here: int = 0
    brought: int = 0
    bad: list[NotBrought] = field(default_factory=list)
    views: list[str] = field(default_factory=list)  # folders passed over because they show other folders' messages
    keywords_lost: int = 0  # messages whose keywords did not fit into the folder
    stopped: Stopped | None = None
    problem: str = ""  # the source's own words, where it stopped


@dataclass(frozen=True, slots=True)
class Wish:
    """What to bring. `only`: names of source folders, empty for all; `limit`: octets of the largest message."""

    limit: int
    only: frozenset[str] = frozenset()
    into: tuple[str, ...] = ()
    views: bool = False
    dry_run: bool = False


type Progress = Callable[[Report], None]


class NoSuchSourceFolder(Exception):
    """A folder was asked for that the source does not have."""


@dataclass(slots=True)
class Import:
    """One run. `key` hashes what is remembered and must be the same at every run; `owner` names the mailbox."""

    source: Source
    target: Target
    wish: Wish
    key: bytes
    owner: bytes
    clock: Callable[[], datetime]
    progress: Progress = lambda _report: None
    report: Report = field(default_factory=Report)

    async def run(self) -> Report:
        """Bring in what is new. Raises NoSuchSourceFolder; whatever else goes wrong is in the report."""
        report = self.report
        try:
            missing = [(where, await self._missing(where.folder)) for where in await self._places()]
            self.progress(report)
            if not self.wish.dry_run:
                for where, some in missing:
                    await self._bring(where, some)
        except SourceProblem as problem:
            report.stopped, report.problem = Stopped.SOURCE, str(problem)
        except OverQuota:
            report.stopped = Stopped.FULL
        except Overtaken:
            report.stopped = Stopped.OVERTAKEN
        except StoreError as problem:
            report.stopped, report.problem = Stopped.STORE, problem.text
        return report

    async def _places(self) -> list[Place]:
        folders = await asyncio.to_thread(self.source.folders)
        wish = self.wish
        if unknown := wish.only - {folder.name for folder in folders}:
            raise NoSuchSourceFolder(", ".join(sorted(unknown)))
        chosen = [folder for folder in folders if not wish.only or folder.name in wish.only]
        if not wish.views and not wish.only:
            self.report.views = [folder.name for folder in chosen if is_view(folder)]
            chosen = [folder for folder in chosen if not is_view(folder)]
        self.report.folders = len(chosen)
        ours = {info.special_use: info.name for info in await self.target.folders() if info.special_use}
        return [place(folder, ours, wish.into) for folder in chosen]

    async def _missing(self, folder: SourceFolder) -> dict[int, bytes]:
        """Number → hash of the messages that are not here yet."""
        listed = await asyncio.to_thread(self.source.listed, folder)
        self.report.found += len(listed)
        digests = {each.number: digest for each, digest in zip(listed, self._digests(folder, listed), strict=True)}
        keep_until = None if self.wish.dry_run else (self.clock() + KEPT).date()
        for some in batched(list(digests.items()), ASKED):
            known = await self.target.known([digest for _number, digest in some], keep_until=keep_until)
            for number, digest in some:
                if digest in known:
                    del digests[number]
        self.report.already_here += len(listed) - len(digests)
        self.progress(self.report)
        return digests

    def _digests(self, folder: SourceFolder, listed: Sequence[Listed]) -> Iterator[bytes]:
        """Keyed hashes. Two messages of one identity are two messages: the second one is the second at every run."""
        seen: Counter[bytes] = Counter()
        for each in listed:
            seen[each.identity] += 1
            parts = (b"import", self.owner, folder.name.encode("utf-8", "surrogatepass"), each.identity)
            text = b"".join(len(part).to_bytes(4) + part for part in parts) + seen[each.identity].to_bytes(4)
            yield hmac.digest(self.key, text, sha256)[:16]

    async def _bring(self, where: Place, missing: dict[int, bytes]) -> None:
        if not missing:
            return
        if where.name not in {info.name for info in await self.target.folders()}:
            await self.target.create(where.name)
        letters = self.source.letters(where.folder, list(missing))
        while step := await asyncio.to_thread(_step, letters):
            arrivals = []
            for one in step:
                if isinstance(one, Bad):
                    self.report.bad.append(NotBrought(where.folder.name, one.number, one.why))
                elif (why := self._refused(one.message)) is not None:
                    self.report.bad.append(NotBrought(where.folder.name, one.number, why))
                else:
                    arrivals.append(Arrival(_plausible(one.message, self.clock()), missing[one.number]))
            await self._store(where.name, arrivals)
            self.progress(self.report)

    def _refused(self, message: NewMessage) -> Why | None:
        if not message.content:
            return Why.EMPTY
        return Why.TOO_LARGE if len(message.content) > self.wish.limit else None

    async def _store(self, name: str, arrivals: Sequence[Arrival]) -> None:
        if not arrivals:
            return
        now = self.clock()
        keep_until = (now + KEPT).date()
        try:
            await self.target.store(name, arrivals, keep_until=keep_until, now=now)
        except (TooMany, OverQuota) as problem:
            # One by one: what fits is brought in, and only the message that has one keyword too many goes without.
            if len(arrivals) > 1:
                for one in arrivals:
                    await self._store(name, [one])
                return
            if isinstance(problem, OverQuota):
                raise
            system = tuple(flag for flag in arrivals[0].message.flags if flag in SYSTEM_FLAGS)
            bare = replace(arrivals[0], message=replace(arrivals[0].message, flags=system))
            await self.target.store(name, [bare], keep_until=keep_until, now=now)
            self.report.keywords_lost += 1
        self.report.brought += len(arrivals)


def _step(letters: Iterator[Letter | Bad]) -> list[Letter | Bad]:
    """The next few messages, empty at the end."""
    step: list[Letter | Bad] = []
    octets = 0
    for one in letters:
        step.append(one)
        octets += len(one.message.content) if isinstance(one, Letter) else 0
        if len(step) >= STEP or octets >= STEP_OCTETS:
            break
    return step


def _plausible(message: NewMessage, now: datetime) -> NewMessage:
    """A date before there was mail, or one of tomorrow, is none."""
    moment = message.internaldate
    if moment is not None and not 0 < moment.timestamp() <= (now + timedelta(days=1)).timestamp():
        return replace(message, internaldate=None)
    return message
