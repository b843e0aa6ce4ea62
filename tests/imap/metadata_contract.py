"""What a mail store that keeps METADATA promises (RFC 5464); `store_contract` says who inherits it."""

from __future__ import annotations

import pytest

from mailhost.imap.store import (
    MAX_METADATA_ENTRIES,
    MAX_METADATA_OCTETS,
    Account,
    KeepsMetadata,
    NoSuchFolder,
    TooMany,
)
from tests.imap.letters import NOW, OpenAccount, filled


def keeper(account: Account) -> KeepsMetadata:
    """The account as one that keeps annotations."""
    assert isinstance(account, KeepsMetadata)
    return account


async def kept(account: Account, name: str) -> dict[str, bytes]:
    """Entries of one mailbox."""
    return dict((await keeper(account).metadata()).get(name, {}))


class MetadataContract:
    """The promises about annotations."""

    async def test_annotations_are_kept_for_every_session(self, open_account: OpenAccount) -> None:
        ada, phone = await open_account(), await open_account()
        value = b"\0\xff blue\r\n"
        await keeper(ada).set_metadata("INBOX", {"/private/comment": b"mine", "/shared/colour": value})
        await keeper(ada).set_metadata("", {"/private/comment": b"of the account"})
        assert await kept(phone, "INBOX") == {"/private/comment": b"mine", "/shared/colour": value}
        assert await kept(phone, "") == {"/private/comment": b"of the account"}
        assert await kept(phone, "Sent") == {}

    async def test_annotations_are_changed_and_removed(self, open_account: OpenAccount) -> None:
        account = await open_account()
        for name in ("INBOX", ""):
            await keeper(account).set_metadata(name, {"/private/a": b"1", "/private/b": b"2"})
            await keeper(account).set_metadata(name, {"/private/a": None, "/private/b": b"", "/private/no": None})
            assert await kept(account, name) == {"/private/b": b""}

    async def test_annotating_nowhere_is_refused(self, open_account: OpenAccount) -> None:
        with pytest.raises(NoSuchFolder):
            await keeper(await open_account()).set_metadata("Nowhere", {"/private/a": b"1"})

    async def test_too_many_annotations_are_refused_and_nothing_changes(self, open_account: OpenAccount) -> None:
        account = await open_account()
        half = MAX_METADATA_ENTRIES // 2
        await keeper(account).set_metadata("INBOX", {f"/private/{number}": b"" for number in range(half)})
        await keeper(account).set_metadata("", {f"/private/{number}": b"" for number in range(half)})
        with pytest.raises(TooMany):
            await keeper(account).set_metadata("Sent", {"/private/0": None, "/private/one-more": b""})
        assert await kept(account, "Sent") == {}
        await keeper(account).set_metadata("INBOX", {"/private/0": None, "/private/one-more": b""})
        assert len(await kept(account, "INBOX")) == half

    async def test_annotations_too_large_together_are_refused(self, open_account: OpenAccount) -> None:
        account = await open_account()
        room = MAX_METADATA_OCTETS - 2 * len("/private/x")
        await keeper(account).set_metadata("INBOX", {"/private/x": b"x" * (room // 2)})
        await keeper(account).set_metadata("", {"/private/x": b"x" * (room - room // 2)})
        with pytest.raises(TooMany):
            await keeper(account).set_metadata("", {"/private/x": b"x" * (room - room // 2 + 1)})
        assert len((await kept(account, ""))["/private/x"]) == room - room // 2

    async def test_annotations_go_where_their_folder_goes(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await account.create("Work/Letters")
        await keeper(account).set_metadata("Work/Letters", {"/private/a": b"1"})
        await account.rename("Work", "Office", now=NOW)
        assert await kept(account, "Office/Letters") == {"/private/a": b"1"}
        await account.delete("Office/Letters", now=NOW)
        await account.create("Office/Letters")
        assert await kept(account, "Office/Letters") == {}

    async def test_annotations_of_inbox_stay_when_its_messages_go(self, open_account: OpenAccount) -> None:
        account = await open_account()
        await filled(account, 1)
        await keeper(account).set_metadata("INBOX", {"/private/a": b"1"})
        await account.rename("INBOX", "Old mail", now=NOW)
        assert (await kept(account, "INBOX"), await kept(account, "Old mail")) == ({"/private/a": b"1"}, {})
