"""A source and a target in memory; the target keeps the promises that the database's keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from mailhost.imap.store import FolderInfo, NewMessage, TooMany
from mailhost.importing.source import Bad, Letter, Listed, SourceFolder, SourceProblem
from mailhost.importing.target import Arrival, Overtaken
from tests.imap.memory import MemoryAccount


@dataclass
class FakeSource:
    """Folders of messages; the network may be lost before the message of some number."""

    content: dict[SourceFolder, list[Letter | Bad]]
    lost_before: int | None = None
    asked: list[int] = field(default_factory=list)

    def folders(self) -> Sequence[SourceFolder]:
        return list(self.content)

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        return [Listed(one.number, b"uid %d" % one.number) for one in self.content[folder]]

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        by_number = {one.number: one for one in self.content[folder]}
        for number in numbers:
            if number == self.lost_before:
                raise SourceProblem("the connection was lost")
            self.asked.append(number)
            yield by_number[number]

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class FakeTarget:
    """A mailbox of the IMAP engine's memory store that remembers."""

    account: MemoryAccount
    kept: dict[bytes, date] = field(default_factory=dict)
    largest_step: int = 0

    async def folders(self) -> Sequence[FolderInfo]:
        return await self.account.folders()

    async def create(self, name: str) -> None:
        await self.account.create(name)

    async def known(self, digests: Collection[bytes], *, keep_until: date | None) -> set[bytes]:
        found = {digest for digest in digests if digest in self.kept}
        if keep_until is not None:
            self.kept.update({digest: max(self.kept[digest], keep_until) for digest in found})
        return found

    async def store(self, name: str, arrivals: Sequence[Arrival], *, keep_until: date, now: datetime) -> None:
        if any(each.digest in self.kept for each in arrivals):
            raise Overtaken
        box = self.account.box(name)
        before = box.keywords
        try:
            for each in arrivals:
                box.word(each.message.flags)
        except TooMany:
            box.keywords = before
            raise
        await self.account.append(name, [each.message for each in arrivals], now=now)
        self.kept.update({each.digest: keep_until for each in arrivals})
        self.largest_step = max(self.largest_step, len(arrivals))


def letter(number: int, *flags: str, moment: datetime | None = None, content: bytes = b"") -> Letter:
    """A small one."""
    return Letter(number, NewMessage(content or b"Subject: %d\r\n\r\nbody\r\n" % number, flags, moment))
