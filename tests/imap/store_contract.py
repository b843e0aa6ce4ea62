"""What every mail store promises the IMAP engine, as tests to be run against each of them.

A test class inherits `StoreContract` and gives the fixture `open_account`: a function that logs in the same person
anew at every call (a mailbox with the default folders, empty, in a view that takes clear messages) and returns the
`Account`. The store in memory and the store over the database pass the same tests, so whatever holds on the fake
holds on the real one.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailhost.imap.store import (
    DELETED,
    FLAGGED,
    KEYWORD_SHIFT,
    MAX_KEYWORDS,
    SEEN,
    Damaged,
    FlagOp,
    NewMessage,
    NoSuchFolder,
    NoSuchMessage,
    TooMany,
)
from tests.imap.folder_contract import FolderContract
from tests.imap.letters import NOW, OpenAccount, add_flags, contents_of, filled, flags_of, letter, uids_of
from tests.imap.metadata_contract import MetadataContract
from tests.patience import PATIENCE


class StoreContract(FolderContract, MetadataContract):
    """The promises."""

    # Messages

    async def test_appended_messages_come_back_as_they_were(self, open_account: OpenAccount) -> None:
        account = await open_account()
        when = datetime(2020, 2, 29, 23, 59, 58, tzinfo=UTC)
        message = NewMessage(letter(1), ("\\Seen", "$Work"), when)
        uidvalidity, uids = await account.append("INBOX", [message, NewMessage(letter(2))], now=NOW)
        assert uidvalidity == (await account.folder("INBOX")).uidvalidity
        folder = await account.open("INBOX")
        assert await contents_of(folder, uids) == {uids[0]: letter(1), uids[1]: letter(2)}
        first, second = await folder.meta(uids)
        assert not isinstance(first, Damaged)
        assert not isinstance(second, Damaged)
        assert (first.uid, first.internaldate, first.size) == (uids[0], when, len(letter(1)))
        assert second.internaldate == NOW
        assert first.email_id != second.email_id
        assert first.envelope is None or b"Letter 1" in first.envelope
        snapshot = await folder.snapshot(claim_recent=False)
        assert snapshot.flags[0] == SEEN | 1 << KEYWORD_SHIFT
        assert snapshot.keywords == ("$Work",)

    async def test_what_its_own_session_calls_recent_is_recent_nowhere_else(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.append("INBOX", [NewMessage(letter(1)), NewMessage(letter(2))], now=NOW, claim_recent=True)
        assert (await account.folder("INBOX")).recent == 0
        await account.append("INBOX", [NewMessage(letter(3))], now=NOW)
        await account.append("INBOX", [NewMessage(letter(4))], now=NOW, claim_recent=True)
        # The third message was told to nobody yet, and whoever is told of it is told of what lies behind it.
        assert (await account.folder("INBOX")).recent == 2

    async def test_a_buffer_of_any_kind_can_be_appended(self, open_account: OpenAccount) -> None:
        account = await open_account()
        kinds = (bytes(letter(1)), bytearray(letter(2)), memoryview(letter(3)))
        _validity, uids = await account.append("INBOX", [NewMessage(kind) for kind in kinds], now=NOW)
        found = await contents_of(await account.open("INBOX"), uids)
        assert list(found.values()) == [letter(1), letter(2), letter(3)]

    async def test_a_large_message_comes_back_as_it_was(self, open_account: OpenAccount) -> None:
        account = await open_account()
        content = letter(1, "0123456789abcdef" * 20_000)
        _validity, uids = await account.append("INBOX", [NewMessage(content)], now=NOW)
        assert await contents_of(await account.open("INBOX"), uids) == {uids[0]: content}

    async def test_uids_ascend_and_are_never_used_again(self, open_account: OpenAccount) -> None:
        account = await open_account()
        first = await filled(account, 3)
        assert first == sorted(set(first))
        folder = await account.open("INBOX")
        await add_flags(folder, first, "\\Deleted")
        await folder.expunge(None, now=NOW)
        later = await filled(account, 2)
        assert min(later) > max(first)
        assert (await folder.snapshot(claim_recent=False)).uidnext == max(later) + 1

    async def test_a_snapshot_is_three_parallel_arrays(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await filled(account, 5)
        snapshot = await (await account.open("INBOX")).snapshot(claim_recent=False)
        assert (snapshot.uids.typecode, snapshot.flags.typecode, snapshot.modseqs.typecode) == ("I", "Q", "Q")
        assert len(snapshot.uids) == len(snapshot.flags) == len(snapshot.modseqs) == 5
        assert list(snapshot.uids) == sorted(snapshot.uids)
        assert 0 < max(snapshot.modseqs) <= snapshot.highestmodseq

    async def test_an_empty_folder_has_a_snapshot_too(self, open_account: OpenAccount) -> None:
        snapshot = await (await (await open_account()).open("Drafts")).snapshot(claim_recent=True)
        assert (len(snapshot.uids), snapshot.highestmodseq >= 1, snapshot.uidnext >= 1) == (0, True, True)

    async def test_missing_uids_are_passed_over_everywhere(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 2)
        folder = await account.open("INBOX")
        asked = [uids[0], uids[1], uids[1] + 1000]
        assert [meta.uid for meta in await folder.meta(asked)] == uids
        assert list(await contents_of(folder, asked)) == uids
        result = await folder.store_flags(asked, FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=NOW)
        assert [uid for uid, _flags, _modseq in result.changed] == uids
        assert [source for source, _target in (await folder.copy(asked, "Sent", now=NOW)).pairs] == uids
        assert (await folder.copy([99_999], "Sent", now=NOW)).pairs == []
        assert (await folder.move([99_999], "Sent", now=NOW))[0].pairs == []
        assert (await folder.expunge([99_999], now=NOW))[0] == []
        assert await folder.meta([]) == []

    # Flags

    async def test_flags_are_set_added_and_removed(self, open_account: OpenAccount) -> None:
        account = await open_account()
        (uid,) = await filled(account, 1)
        folder = await account.open("INBOX")
        steps = [
            (FlagOp.ADD, ["\\Seen"], SEEN),
            (FlagOp.ADD, ["\\Flagged"], SEEN | FLAGGED),
            (FlagOp.REMOVE, ["\\Seen"], FLAGGED),
            (FlagOp.SET, ["\\Deleted"], DELETED),
            (FlagOp.SET, [], 0),
        ]
        for op, flags, expected in steps:
            result = await folder.store_flags([uid], op, flags, unchanged_since=None, now=NOW)
            assert [(number, word) for number, word, _modseq in result.changed] == [(uid, expected)]
            assert await flags_of(folder) == {uid: expected}

    async def test_every_change_raises_the_modseq(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 2)
        folder = await account.open("INBOX")
        seen = [(await folder.snapshot(claim_recent=False)).highestmodseq]
        await add_flags(folder, uids[:1], "\\Seen")
        seen.append((await folder.snapshot(claim_recent=False)).highestmodseq)
        await filled(account, 1)
        seen.append((await folder.snapshot(claim_recent=False)).highestmodseq)
        await add_flags(folder, uids[:1], "\\Deleted")
        _removed, modseq = await folder.expunge(None, now=NOW)
        seen.append((await folder.snapshot(claim_recent=False)).highestmodseq)
        assert seen == sorted(set(seen))
        assert modseq == seen[-1] == (await account.folder("INBOX")).highestmodseq

    async def test_a_store_that_changes_nothing_raises_nothing(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 2)
        folder = await account.open("INBOX")
        await add_flags(folder, uids, "\\Seen")
        before = await folder.snapshot(claim_recent=False)
        result = await folder.store_flags(uids, FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=NOW)
        after = await folder.snapshot(claim_recent=False)
        assert list(result.changed) == []
        assert (before.modseqs, before.highestmodseq) == (after.modseqs, after.highestmodseq)

    async def test_keywords_are_made_once_whatever_their_case(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 2)
        folder = await account.open("INBOX")
        await add_flags(folder, uids[:1], "$Work")
        result = await folder.store_flags(uids[1:], FlagOp.ADD, ["$work", "Second"], unchanged_since=None, now=NOW)
        assert tuple(result.keywords) == ("$Work", "Second")
        words = await flags_of(folder)
        assert words == {uids[0]: 1 << KEYWORD_SHIFT, uids[1]: 3 << KEYWORD_SHIFT}

    async def test_too_many_keywords_are_refused_and_nothing_changes(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 1)
        folder = await account.open("INBOX")
        await add_flags(folder, uids, *[f"k{number}" for number in range(MAX_KEYWORDS)])
        before = await flags_of(folder)
        with pytest.raises(TooMany):
            await add_flags(folder, uids, "one-more", "\\Seen")
        assert await flags_of(folder) == before

    async def test_the_highest_keyword_fits_the_flag_word(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 1)
        folder = await account.open("INBOX")
        await add_flags(folder, uids, *[f"k{number}" for number in range(MAX_KEYWORDS)])
        assert (await flags_of(folder))[uids[0]] == ((1 << MAX_KEYWORDS) - 1) << KEYWORD_SHIFT

    async def test_unchanged_since_spares_what_is_newer(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 3)
        folder = await account.open("INBOX")
        known = (await folder.snapshot(claim_recent=False)).highestmodseq
        await add_flags(folder, uids[1:2], "\\Seen")
        result = await folder.store_flags(uids, FlagOp.ADD, ["\\Flagged"], unchanged_since=known, now=NOW)
        assert list(result.modified) == [uids[1]]
        assert [uid for uid, _flags, _modseq in result.changed] == [uids[0], uids[2]]
        assert await flags_of(folder) == {uids[0]: FLAGGED, uids[1]: SEEN, uids[2]: FLAGGED}

    # Expunge, copy, move

    async def test_only_deleted_messages_are_expunged(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 4)
        folder = await account.open("INBOX")
        await add_flags(folder, uids[:3], "\\Deleted")
        removed, _modseq = await folder.expunge([uids[0], uids[3]], now=NOW)
        assert list(removed) == [uids[0]]
        removed, _modseq = await folder.expunge(None, now=NOW)
        assert sorted(removed) == uids[1:3]
        assert list(await flags_of(folder)) == [uids[3]]

    async def test_an_expunge_of_nothing_changes_nothing(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await filled(account, 1)
        folder = await account.open("INBOX")
        before = (await folder.snapshot(claim_recent=False)).highestmodseq
        assert await folder.expunge(None, now=NOW) == ([], before)

    async def test_a_copy_has_flags_date_and_identity_of_its_source(self, open_account: OpenAccount) -> None:
        account = await open_account()
        when = NOW - timedelta(days=400)
        message = NewMessage(letter(1), ("\\Flagged", "$Work"), when)
        _validity, (uid,) = await account.append("INBOX", [message], now=NOW)
        folder = await account.open("INBOX")
        copied = await folder.copy([uid], "Archive", now=NOW)
        target = await account.open("Archive")
        assert copied.uidvalidity == target.uidvalidity
        ((source, new),) = copied.pairs
        assert source == uid
        (meta,), (old,) = await target.meta([new]), await folder.meta([uid])
        assert not isinstance(meta, Damaged)
        assert not isinstance(old, Damaged)
        assert (meta.internaldate, meta.email_id, meta.size) == (when, old.email_id, old.size)
        snapshot = await target.snapshot(claim_recent=False)
        assert (snapshot.keywords, snapshot.flags[0]) == (("$Work",), FLAGGED | 1 << KEYWORD_SHIFT)
        assert await contents_of(target, [new]) == {new: letter(1)}

    async def test_copying_keeps_the_order(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 5)
        pairs = (await (await account.open("INBOX")).copy(uids, "Archive", now=NOW)).pairs
        assert [source for source, _target in pairs] == uids
        assert [target for _source, target in pairs] == sorted(target for _source, target in pairs)

    async def test_copying_to_nowhere_is_refused(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 1)
        folder = await account.open("INBOX")
        with pytest.raises(NoSuchFolder):
            await folder.copy(uids, "Nowhere", now=NOW)
        with pytest.raises(NoSuchFolder):
            await folder.move(uids, "Nowhere", now=NOW)
        assert list(await flags_of(folder)) == uids

    async def test_moving_takes_messages_away_in_one_step(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 3)
        folder = await account.open("INBOX")
        before = (await folder.snapshot(claim_recent=False)).highestmodseq
        copied, modseq = await folder.move(uids[:2], "Trash", now=NOW)
        assert [source for source, _target in copied.pairs] == uids[:2]
        assert modseq > before
        assert list(await flags_of(folder)) == uids[2:]
        assert uids_of(await folder.vanished_since(before)) == uids[:2]
        assert (await account.folder("Trash")).messages == 2

    async def test_moving_into_the_same_folder_gives_new_uids(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 2)
        folder = await account.open("INBOX")
        copied, _modseq = await folder.move(uids[:1], "INBOX", now=NOW)
        assert copied.pairs[0][1] > uids[1]
        assert list(await flags_of(folder)) == [uids[1], copied.pairs[0][1]]

    async def test_replacing_puts_one_message_in_the_place_of_another(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 3)
        inbox = await account.open("INBOX")
        before = (await inbox.snapshot(claim_recent=False)).highestmodseq
        uidvalidity, new = await account.replace(
            inbox.folder_id, uids[1], "INBOX", NewMessage(letter(9), ("\\Draft",)), now=NOW
        )
        assert uidvalidity == inbox.uidvalidity
        assert list(await flags_of(inbox)) == [uids[0], uids[2], new]
        assert await contents_of(inbox, [new]) == {new: letter(9)}
        changes = await inbox.changes(before, claim_recent=False)
        assert ([uid for uid, *_ in changes.changed], uids_of(changes.vanished)) == ([new], [uids[1]])
        quota = await account.quota()
        drafts = await account.open("Drafts")
        _validity, there = await account.replace(inbox.folder_id, new, "Drafts", NewMessage(letter(9)), now=NOW)
        assert (list(await flags_of(inbox)), list(await flags_of(drafts))) == ([uids[0], uids[2]], [there])
        assert (await account.quota()).messages_used == quota.messages_used

    async def test_replacing_what_is_gone_stores_nothing(self, open_account: OpenAccount) -> None:
        account = await open_account()
        (uid,) = await filled(account, 1)
        inbox = await account.open("INBOX")
        before = await account.quota()
        with pytest.raises(NoSuchMessage):
            await account.replace(inbox.folder_id, uid + 1, "Drafts", NewMessage(letter(2)), now=NOW)
        with pytest.raises(NoSuchMessage):
            await account.replace("nowhere", uid, "Drafts", NewMessage(letter(2)), now=NOW)
        with pytest.raises(NoSuchFolder):
            await account.replace(inbox.folder_id, uid, "Nowhere", NewMessage(letter(2)), now=NOW)
        assert await account.quota() == before
        assert list(await flags_of(inbox)) == [uid]
        assert (await account.folder("Drafts")).messages == 0

    # Several sessions

    async def test_changes_tell_everything_since_a_modseq(self, open_account: OpenAccount) -> None:
        ada, phone = await open_account(), await open_account()
        uids = await filled(ada, 4)
        here, there = await ada.open("INBOX"), await phone.open("INBOX")
        since = (await here.snapshot(claim_recent=False)).highestmodseq
        await add_flags(there, uids[:1], "\\Seen", "$New")
        await add_flags(there, uids[1:2], "\\Deleted")
        await there.expunge(None, now=NOW)
        new = await filled(phone, 1)
        changes = await here.changes(since, claim_recent=False)
        assert [(uid, word) for uid, word, _modseq in changes.changed] == [
            (uids[0], SEEN | 1 << KEYWORD_SHIFT),
            (new[0], 0),
        ]
        assert all(since < modseq <= changes.highestmodseq for _uid, _word, modseq in changes.changed)
        assert uids_of(changes.vanished) == uids[1:2]
        assert (changes.keywords, changes.uidnext) == (("$New",), new[0] + 1)
        again = await here.changes(changes.highestmodseq, claim_recent=False)
        assert (list(again.changed), uids_of(again.vanished)) == ([], [])

    async def test_the_vanished_log_goes_back_to_the_beginning(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 6)
        folder = await account.open("INBOX")
        marks = [(await folder.snapshot(claim_recent=False)).highestmodseq]
        for start in (4, 2):
            await add_flags(folder, uids[start : start + 2], "\\Deleted")
            await folder.expunge(None, now=NOW)
            marks.append((await folder.snapshot(claim_recent=False)).highestmodseq)
        assert uids_of(await folder.vanished_since(0)) == uids[2:]
        assert uids_of(await folder.vanished_since(marks[0])) == uids[2:]
        assert uids_of(await folder.vanished_since(marks[1])) == uids[2:4]
        assert uids_of(await folder.vanished_since(marks[2])) == []

    async def test_recent_goes_to_one_session_only(self, open_account: OpenAccount) -> None:
        ada, phone = await open_account(), await open_account()
        uids = await filled(ada, 2)
        looking = await (await phone.open("INBOX")).snapshot(claim_recent=False)
        assert looking.recent_from <= uids[0]
        folder = await ada.open("INBOX")
        first = await folder.snapshot(claim_recent=True)
        assert first.recent_from <= uids[0]
        second = await (await phone.open("INBOX")).snapshot(claim_recent=True)
        assert second.recent_from > uids[-1]
        assert (await ada.folder("INBOX")).recent == 0
        new = await filled(phone, 1)
        changes = await folder.changes(second.highestmodseq, claim_recent=True)
        assert changes.recent_from <= new[0]
        third = await (await phone.open("INBOX")).changes(second.highestmodseq, claim_recent=True)
        assert third.recent_from > new[0]

    async def test_a_deleted_folder_says_so_to_whoever_has_it_open(self, open_account: OpenAccount) -> None:
        ada, phone = await open_account(), await open_account()
        await ada.create("Work")
        folder = await phone.open("Work")
        snapshot = await folder.snapshot(claim_recent=False)
        await ada.delete("Work", now=NOW)
        with pytest.raises(NoSuchFolder):
            await folder.changes(snapshot.highestmodseq, claim_recent=True)

    async def test_watchers_hear_of_changes_until_they_stop(self, open_account: OpenAccount) -> None:
        ada, phone = await open_account(), await open_account()
        folder = await phone.open("INBOX")
        await folder.snapshot(claim_recent=False)
        heard = asyncio.Event()
        off = folder.watch(heard.set)
        await filled(ada, 1)
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
        off()
        heard.clear()
        await filled(ada, 1)
        await asyncio.sleep(0.3)
        assert not heard.is_set()

    async def test_the_quota_counts_what_is_there(self, open_account: OpenAccount) -> None:
        account = await open_account()
        before = await account.quota()
        uids = await filled(account, 3)
        full = await account.quota()
        assert full.messages_used == before.messages_used + 3
        assert full.storage_used > before.storage_used
        folder = await account.open("INBOX")
        await add_flags(folder, uids, "\\Deleted")
        await folder.expunge(None, now=NOW)
        after = await account.quota()
        assert (after.messages_used, after.storage_used) == (before.messages_used, before.storage_used)
