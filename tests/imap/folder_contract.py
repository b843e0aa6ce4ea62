"""What every mail store promises about folders; `store_contract` says the rest and who inherits it."""

from __future__ import annotations

import pytest

from mailhost.imap.store import (
    CannotDo,
    Damaged,
    FolderExists,
    NewMessage,
    NoSuchFolder,
)
from tests.imap.letters import NOW, OpenAccount, add_flags, filled, flags_of, letter


class FolderContract:
    """The promises about folders."""

    async def test_the_default_folders_are_there_and_subscribed(self, open_account: OpenAccount) -> None:
        account = await open_account()
        folders = await account.folders(counts=True)
        assert folders[0].name == "INBOX"
        uses = {info.special_use: info.name for info in folders}
        for use in ("Archive", "Drafts", "Junk", "Sent", "Trash"):
            assert uses["\\" + use] == use
        assert all(info.subscribed for info in folders)
        assert all(0 < info.uidvalidity <= 0xFFFFFFFF for info in folders)
        assert len({info.folder_id for info in folders}) == len(folders)

    async def test_folders_come_inbox_first_then_by_name(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Aardvark")
        names = [info.name for info in await account.folders()]
        assert names == ["INBOX", *sorted(names[1:])]

    async def test_a_folder_is_made_with_its_parents_and_subscribed(self, open_account: OpenAccount) -> None:
        account = await open_account()
        info = await account.create("Work/2026/Letters")
        assert info.name == "Work/2026/Letters"
        assert info.subscribed
        names = {each.name for each in await account.folders()}
        assert {"Work", "Work/2026", "Work/2026/Letters"} <= names
        assert "Work/2026/Letters" in await account.subscriptions()

    async def test_a_folder_can_have_a_special_use(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.delete("Junk", now=NOW)
        await account.create("Spam", "\\Junk")
        assert (await account.folder("Spam")).special_use == "\\Junk"

    async def test_making_what_exists_is_refused(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work")
        with pytest.raises(FolderExists):
            await account.create("Work")
        with pytest.raises(FolderExists):
            await account.create("INBOX")

    async def test_unicode_names_are_kept(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Grüße & Küsse/東京")
        assert (await account.folder("Grüße & Küsse/東京")).messages == 0

    async def test_a_deleted_folder_is_gone_with_its_messages(self, open_account: OpenAccount) -> None:
        account = await open_account()
        old = await account.create("Work")
        await filled(account, 2, "Work")
        await account.delete("Work", now=NOW)
        with pytest.raises(NoSuchFolder):
            await account.folder("Work")
        with pytest.raises(NoSuchFolder):
            await account.open("Work")
        new = await account.create("Work")
        assert (new.messages, new.uidvalidity != old.uidvalidity, new.folder_id != old.folder_id) == (0, True, True)

    async def test_a_folder_with_others_below_it_stays(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work/2026")
        with pytest.raises(CannotDo) as refused:
            await account.delete("Work", now=NOW)
        assert refused.value.code == "HASCHILDREN"
        await account.delete("Work/2026", now=NOW)
        await account.delete("Work", now=NOW)
        assert not [info for info in await account.folders() if info.name.startswith("Work")]

    async def test_inbox_cannot_be_deleted(self, open_account: OpenAccount) -> None:
        account = await open_account()
        with pytest.raises(CannotDo):
            await account.delete("INBOX", now=NOW)

    async def test_what_does_not_exist_cannot_be_deleted_renamed_or_opened(self, open_account: OpenAccount) -> None:
        account = await open_account()
        with pytest.raises(NoSuchFolder):
            await account.delete("Nowhere", now=NOW)
        with pytest.raises(NoSuchFolder):
            await account.rename("Nowhere", "Somewhere", now=NOW)
        with pytest.raises(NoSuchFolder):
            await account.open("Nowhere")
        with pytest.raises(NoSuchFolder):
            await account.append("Nowhere", [NewMessage(letter(1))], now=NOW)

    async def test_renaming_takes_the_children_along_and_keeps_uids(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work/Letters")
        before = await account.folder("Work/Letters")
        uids = await filled(account, 2, "Work/Letters")
        await account.rename("Work", "Office/Old", now=NOW)
        after = await account.folder("Office/Old/Letters")
        assert (after.folder_id, after.uidvalidity, after.messages) == (before.folder_id, before.uidvalidity, 2)
        assert list(await flags_of(await account.open("Office/Old/Letters"))) == uids
        assert "Office" in {info.name for info in await account.folders()}
        with pytest.raises(NoSuchFolder):
            await account.folder("Work/Letters")

    async def test_what_is_filed_goes_to_the_folder_that_has_the_name_now(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await filled(account, 1, "Sent")
        await account.rename("Sent", "Sent 2025", now=NOW)
        with pytest.raises(NoSuchFolder):
            await filled(account, 1, "Sent")
        await account.create("Sent")
        await filled(account, 2, "Sent")
        assert (await account.folder("Sent 2025")).messages == 1
        assert (await account.folder("Sent")).messages == 2

    async def test_renaming_onto_another_folder_is_refused(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work")
        with pytest.raises(FolderExists):
            await account.rename("Work", "Sent", now=NOW)

    async def test_renaming_inbox_moves_its_messages_and_keeps_inbox(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await filled(account, 3)
        await account.rename("INBOX", "Old mail", now=NOW)
        assert (await account.folder("INBOX")).messages == 0
        assert (await account.folder("Old mail")).messages == 3

    async def test_a_subscription_outlives_its_folder(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work")
        await account.delete("Work", now=NOW)
        assert "Work" in await account.subscriptions()
        await account.subscribe("Work", on=False)
        assert "Work" not in await account.subscriptions()

    async def test_a_name_can_be_subscribed_before_there_is_a_folder(self, open_account: OpenAccount) -> None:
        """RFC 9051 §6.3.7 leaves it open; who restores a mailbox elsewhere says its subscriptions first."""
        account = await open_account()
        await account.subscribe("Later", on=True)
        assert "Later" in await account.subscriptions()

    async def test_subscribing_and_unsubscribing_twice_is_fine(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.subscribe("Sent", on=False)
        await account.subscribe("Sent", on=False)
        assert not (await account.folder("Sent")).subscribed
        await account.subscribe("Sent", on=True)
        await account.subscribe("Sent", on=True)
        assert (await account.folder("Sent")).subscribed

    async def test_counts_are_right(self, open_account: OpenAccount) -> None:
        account = await open_account()
        uids = await filled(account, 4)
        folder = await account.open("INBOX")
        await add_flags(folder, uids[:2], "\\Seen")
        await add_flags(folder, uids[1:2], "\\Deleted")
        info = await account.folder("INBOX", sizes=True, reclaimable=True)
        assert (info.messages, info.unseen, info.deleted, info.recent) == (4, 2, 1, 4)
        assert info.uidnext == uids[-1] + 1
        metas = await folder.meta(uids)
        assert info.size == sum(meta.size for meta in metas if not isinstance(meta, Damaged))
        plain = await account.folder("INBOX")
        assert (plain.deleted, plain.size, plain.reclaimable) == (1, 0, 0), "what is costly is told who asks for it"
        listed = {each.name: each for each in await account.folders(counts=True)}
        assert (listed["INBOX"].messages, listed["INBOX"].unseen) == (4, 2)
        used = (await account.quota()).storage_used
        await folder.expunge(None, now=NOW)
        assert 0 < info.reclaimable == used - (await account.quota()).storage_used
