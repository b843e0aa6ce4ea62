"""Index segments in the store: a later session opens one box instead of hundreds of headers, and nothing expunged stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.database import statements
from mailhost.adapters.imapstore import index as index_module
from mailhost.adapters.imapstore import segments
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.imapstore.folder import DatabaseFolder
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.deliver import summarise
from mailhost.imap.store import Damaged, FlagOp, Meta, NewMessage
from mailhost.message.describe import describe
from mailhost.models import IndexSegment, Mailbox
from mailhost.outcomes import NO_VERDICT
from mailhost.provision.removal import remove_mailbox
from mailhost.seal import HybridIdentity, Sealed, Summary, seal
from mailhost.seal.segment import MAX_ENTRY_SIZE, IndexEntry, SegmentPlace, open_segment, seal_segment
from tests.adapters.conftest import NOW, Cell
from tests.imap.letters import letter

MESSAGES = 40
CANARY = "canaryinthesubject"


@dataclass
class CountingView(SessionView):
    """A session view that counts the headers it opens."""

    opened: int = 0
    keyless: int = 0
    identities: Sequence[HybridIdentity] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        super().__init__(self.identities, 10**6)

    def entry(self, row: StoredMessage) -> IndexEntry | Damaged:
        self.opened += 1
        return super().entry(row)

    def content(self, row: StoredMessage) -> bytes | Damaged:
        self.keyless += row.file_key is None
        return super().content(row)


@dataclass
class Ada:
    """Ada's mailbox, and as many sessions of it as a test wants."""

    cell: Cell
    identities: list[HybridIdentity]

    async def fill(self, count: int = MESSAGES) -> list[int]:
        account = DatabaseAccount(self.cell.shop, self.cell.ada.mailbox.pk, SessionView((), 10**6), self._seal)
        messages = [NewMessage(letter(number, f"{CANARY} {number}")) for number in range(count)]
        return (await account.append("INBOX", messages, now=NOW))[1]

    async def _seal(
        self, content: bytes | bytearray | memoryview, moment: object, /, *, again: bool
    ) -> tuple[Sealed, int]:
        summary = summarise(describe(content), 0, NO_VERDICT, NOW)
        return seal(self.cell.ada.identity.recipient, content, summary), 1

    async def session(self) -> tuple[CountingView, DatabaseFolder]:
        view = CountingView(identities=self.identities)
        return view, await DatabaseAccount(self.cell.shop, self.cell.ada.mailbox.pk, view, self._seal).open("INBOX")

    async def listed(self, uids: Sequence[int]) -> tuple[list[Meta | Damaged], int]:
        """What a whole session sees of these messages, and how many headers it opened."""
        view, folder = await self.session()
        found = list(await folder.meta(uids))
        await folder.close()
        return found, view.opened

    async def boxes(self) -> dict[int, bytes]:
        def read() -> dict[int, bytes]:
            return {row.number: bytes(row.box) for row in IndexSegment.objects.filter(folder=self.cell.ada.inbox())}

        return await sync_to_async(read)()

    async def entries(self) -> dict[int, list[int]]:
        """UIDs by segment, as Ada's key opens them."""
        folder = await sync_to_async(self.cell.ada.inbox)()
        return {
            number: [
                entry.uid
                for entry in open_segment(
                    self.identities[0], SegmentPlace(folder.opaque_id, folder.uidvalidity_session, number), box
                )
            ]
            for number, box in (await self.boxes()).items()
        }


@pytest.fixture
def ada(cell: Cell) -> Ada:
    return Ada(cell, [cell.ada.identity])


async def test_a_second_session_opens_no_header(ada: Ada) -> None:
    uids = await ada.fill()
    first, opened = await ada.listed(uids)
    assert opened == MESSAGES
    second, opened = await ada.listed(uids)
    assert opened == 0
    assert second == first
    assert all(not isinstance(meta, Damaged) and meta.envelope is not None for meta in second)


async def test_only_new_messages_are_opened_anew(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    more = await ada.fill(20)
    found, opened = await ada.listed([*uids, *more])
    assert (len(found), opened) == (MESSAGES + 20, 20)
    assert [meta.uid for meta in found] == [*uids, *more]
    assert (await ada.listed([*uids, *more]))[1] == 0


async def test_a_few_new_messages_are_not_worth_a_new_segment(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    before = await ada.boxes()
    more = await ada.fill(index_module.WORTH_WRITING - 1)
    await ada.listed([*uids, *more])
    assert await ada.boxes() == before


async def test_a_message_alone_is_opened_by_itself(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    assert (await ada.listed(uids[:1]))[1] == 1


async def test_segments_are_written_while_a_long_list_is_read(ada: Ada, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "SEGMENT_UIDS", 16)
    monkeypatch.setattr(index_module, "ASKED_TOGETHER", 16)
    monkeypatch.setattr(segments, "SEGMENT_UIDS", 16)
    monkeypatch.setattr("mailhost.seal.segment.SEGMENT_UIDS", 16)
    uids = await ada.fill(64)
    _view, folder = await ada.session()
    await folder.meta(uids)
    assert folder._index is not None
    assert folder._index._writing is not None
    await folder._index._writing
    assert await ada.boxes()


async def test_a_resting_client_has_its_segments_written_and_keeps_nothing(ada: Ada) -> None:
    uids = await ada.fill()
    view, folder = await ada.session()
    await folder.meta(uids)
    folder.rest()
    index = folder._index
    assert index is not None
    assert index._writing is not None
    await index._writing
    assert await ada.boxes()
    assert not index._keys
    assert not index._waiting
    assert index._last == (-1, {})
    await folder.meta(uids)
    assert view.opened == MESSAGES


async def test_bodies_of_what_was_listed_need_no_header(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    view, folder = await ada.session()
    found = [content async for content in folder.contents(uids)]
    assert found[3] == (uids[3], letter(3, f"{CANARY} 3"))
    assert (len(found), view.keyless) == (MESSAGES, 0)


async def test_a_wrong_key_in_a_segment_harms_nothing_but_that_message(ada: Ada) -> None:
    uids = await ada.fill()
    _view, folder = await ada.session()
    await folder.meta(uids)
    index = folder._index
    assert index is not None
    index._keys[uids[0]] = bytes(16)
    found = [content async for content in folder.contents(uids[:2])]
    assert found == [Damaged(uids[0]), (uids[1], letter(1, f"{CANARY} 1"))]


# Nothing of what was expunged stays


async def expunge(folder: DatabaseFolder, uid: int) -> None:
    await folder.store_flags([uid], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    await folder.expunge(None, now=NOW)


async def test_an_expunge_takes_the_segment_away_at_once(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    _view, folder = await ada.session()
    await expunge(folder, uids[5])
    assert await ada.boxes() == {}
    await folder.close()
    found, _opened = await ada.listed(uids)
    assert [meta.uid for meta in found] == [uid for uid in uids if uid != uids[5]]
    assert uids[5] not in (await ada.entries())[0]


async def test_a_move_takes_the_segment_away_at_once(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    _view, folder = await ada.session()
    await folder.move(uids[:1], "Trash", now=NOW)
    assert await ada.boxes() == {}


async def test_a_session_that_still_knows_an_expunged_message_does_not_write_it_down(ada: Ada) -> None:
    uids = await ada.fill()
    _view, knowing = await ada.session()
    await knowing.meta(uids)
    _view, other = await ada.session()
    await expunge(other, uids[5])
    await knowing.close()
    assert (await ada.entries())[0] == [uid for uid in uids if uid != uids[5]]


async def test_a_segment_with_a_message_that_went_meanwhile_is_refused(ada: Ada) -> None:
    uids = await ada.fill()
    inbox = await sync_to_async(ada.cell.ada.inbox)()

    def write(ids: Sequence[int]) -> Callable[[object], bool]:
        return lambda cursor: segments.write(cursor, inbox.pk, 0, b"box", ids)  # type: ignore[arg-type]

    assert not await ada.cell.shop.writer.change(write([*uids, 4711]))
    assert await ada.boxes() == {}
    assert await ada.cell.shop.writer.change(write(uids))


async def test_a_removed_folder_and_a_removed_mailbox_leave_no_segment(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    account = DatabaseAccount(ada.cell.shop, ada.cell.ada.mailbox.pk, SessionView((), 10**6), ada._seal)
    await account.rename("INBOX", "Old", now=NOW)
    old = await account.open("Old")
    there = list((await old.snapshot(claim_recent=False)).uids)
    view = CountingView(identities=ada.identities)
    folder = await DatabaseAccount(ada.cell.shop, ada.cell.ada.mailbox.pk, view, ada._seal).open("Old")
    await folder.meta(there)
    await folder.close()
    assert await sync_to_async(IndexSegment.objects.count)() == 1
    await account.delete("Old", now=NOW)
    assert await sync_to_async(IndexSegment.objects.count)() == 0
    await ada.listed(await ada.fill())
    assert await sync_to_async(IndexSegment.objects.count)() == 1

    def remove() -> None:
        remove_mailbox(Mailbox.objects.get(pk=ada.cell.ada.mailbox.pk), blobs=ada.cell.shop.blobs)

    await sync_to_async(remove)()
    assert await sync_to_async(IndexSegment.objects.count)() == 0


# What cannot be trusted


async def test_a_damaged_segment_is_passed_over_and_made_anew(ada: Ada) -> None:
    uids = await ada.fill()
    first, _opened = await ada.listed(uids)

    def damage() -> None:
        row = IndexSegment.objects.get()
        IndexSegment.objects.update(box=bytes(row.box)[:-1] + bytes([row.box[-1] ^ 1]))

    await sync_to_async(damage)()
    assert await ada.listed(uids) == (first, MESSAGES)
    assert await ada.listed(uids) == (first, 0)


async def test_after_a_rotation_segments_are_made_anew_under_the_new_key(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    ada.identities.insert(0, HybridIdentity.generate())
    assert (await ada.listed(uids))[1] == MESSAGES
    assert (await ada.listed(uids))[1] == 0
    assert list(await ada.entries()) == [0]


async def test_a_segment_of_another_folder_does_not_open(ada: Ada) -> None:
    uids = await ada.fill()
    await ada.listed(uids)
    place = SegmentPlace("0" * 32, 11, 0)

    def swap() -> None:
        IndexSegment.objects.update(box=seal_segment(ada.identities[0], place, []))

    await sync_to_async(swap)()
    assert (await ada.listed(uids))[1] == MESSAGES


async def test_a_message_with_a_long_summary_is_opened_each_time(ada: Ada) -> None:
    uids = await ada.fill()
    box = ada.cell.ada
    references = ("<" + "x" * MAX_ENTRY_SIZE + "@example.is>",)
    sealed = seal(box.identity.recipient, b"", Summary(size=0, internaldate=0, references=references))
    await ada.cell.mailstore.commit([box.delivery(header=sealed.header, payload=sealed.payload)])
    uids.append(uids[-1] + 1)
    first, _opened = await ada.listed(uids)
    assert not isinstance(first[-1], Damaged)
    assert len(first[-1].references or "") > MAX_ENTRY_SIZE
    assert await ada.listed(uids) == (first, 1)


async def test_no_summary_puts_a_response_of_its_own_on_the_wire(ada: Ada) -> None:
    """A client that seals its own mail writes the summary too; another client believes what this server sends."""
    box = ada.cell.ada
    forged = "NIL)\r\n* 1 FETCH (FLAGS (\\Deleted)"
    summary = Summary(
        size=2**60,
        internaldate=0,
        preview="\0é" + "x" * 4000,
        envelope=forged,
        body=forged,
        bodystructure='("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1))',
    )
    for _ in range(index_module.WORTH_WRITING):
        sealed = seal(box.identity.recipient, letter(1), summary)
        await ada.cell.mailstore.commit([box.delivery(header=sealed.header, payload=sealed.payload)])
    uids = range(1, index_module.WORTH_WRITING + 1)
    for opened in (index_module.WORTH_WRITING, 0):
        found, count = await ada.listed(uids)
        assert count == opened
        for meta in found:
            assert not isinstance(meta, Damaged)
            assert (meta.envelope, meta.body, meta.bodystructure, meta.size) == (None, None, None, 2**32 - 1)
            assert len(meta.preview or "") <= 160


async def test_a_clock_and_a_size_that_nobody_has_do_not_harm_a_list(ada: Ada) -> None:
    for wrong in (-1, 10**18):
        sealed = seal(ada.identities[0].recipient, b"", Summary(size=-1, internaldate=wrong))
        view = SessionView(ada.identities, 10**6)
        meta = view.meta(StoredMessage(1, "0" * 32, NOW, NOW, 0, 0, header=sealed.header))
        assert not isinstance(meta, Damaged)
        assert (meta.size, meta.internaldate) == (0, NOW)


async def test_nothing_of_a_mail_can_be_read_in_a_segment(ada: Ada) -> None:
    await ada.listed(await ada.fill())

    def rows() -> Iterator[bytes]:
        with statements() as cursor:
            cursor.execute("SELECT box FROM mailhost_indexsegment")
            for (box,) in cursor.fetchall():
                yield bytes(box)

    boxes = await sync_to_async(lambda: list(rows()))()
    assert boxes
    for box in boxes:
        for word in (CANARY.encode(), b"Letter", b"example.is", b"Subject", b"NIL"):
            assert word not in box


async def test_without_a_key_there_is_no_index(ada: Ada) -> None:
    account = DatabaseAccount(ada.cell.shop, ada.cell.ada.mailbox.pk, SessionView((), 10**6), ada._seal)
    assert (await account.open("INBOX"))._index is None
