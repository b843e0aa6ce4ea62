"""What the ports promise, as tests: the in-memory fake and the real adapter of each port must pass the same ones.

A contract is a class of tests that asks a fixture `stage` for the port and for the means to set the scene. A module
that tests an implementation subclasses it and provides the fixture.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from mailhost.ports import (
    Delivery,
    Directory,
    KeyChanged,
    LostAnswers,
    MailboxFull,
    MailboxState,
    Mailstore,
)
from tests.people import NOW


class StoreStage(Protocol):
    """A store with active mailboxes "ada" and "ben"."""

    store: Mailstore

    def delivery(self, who: str, payload: bytes = b"payload", special_use: str = "\\Inbox") -> Delivery:
        """A new delivery sealed to the key of version 1."""

    async def stored(self, who: str) -> list[tuple[bytes, bytes, str]]:
        """Header, payload and folder name of every message of a mailbox, in the order of arrival."""

    async def rotate_key(self, who: str) -> None: ...

    async def suspend(self, who: str) -> None: ...

    async def leave_room(self, who: str, octets: int) -> None:
        """Let the quota take so many more octets."""

    def mailbox_id(self, who: str) -> int: ...


class MailstoreContract:
    """Durable, all or nothing, checked again inside the transaction."""

    async def test_what_is_committed_is_there_byte_for_byte(self, stage: StoreStage) -> None:
        small, large = stage.delivery("ada", b"small"), stage.delivery("ada", bytes(range(256)) * 1024)
        await stage.store.commit([small])
        await stage.store.commit([large])
        assert await stage.stored("ada") == [(d.header, bytes(d.payload), "INBOX") for d in (small, large)]

    async def test_junk_has_its_own_folder(self, stage: StoreStage) -> None:
        await stage.store.commit([stage.delivery("ada", special_use="\\Junk")])
        assert [folder for _, _, folder in await stage.stored("ada")] == ["Junk"]

    async def test_a_folder_with_a_name_goes_before_and_is_made(self, stage: StoreStage) -> None:
        named = replace(stage.delivery("ada"), folder="Lists/Tides", flags=("\\Seen",))
        junk = replace(stage.delivery("ada", special_use="\\Junk"), folder="Lists/Tides")
        await stage.store.commit([named])
        await stage.store.commit([junk])
        await stage.store.commit([stage.delivery("ada")])
        assert [folder for *_, folder in await stage.stored("ada")] == ["Lists/Tides", "Lists/Tides", "INBOX"]

    async def test_one_call_stores_for_all_mailboxes(self, stage: StoreStage) -> None:
        await stage.store.commit([stage.delivery("ben"), stage.delivery("ada")])
        assert (len(await stage.stored("ada")), len(await stage.stored("ben"))) == (1, 1)

    async def test_a_new_key_stops_the_whole_call(self, stage: StoreStage) -> None:
        await stage.rotate_key("ben")
        with pytest.raises(KeyChanged) as refused:
            await stage.store.commit([stage.delivery("ada"), stage.delivery("ben")])
        assert refused.value.mailbox_ids == {stage.mailbox_id("ben")}
        assert await stage.stored("ada") == await stage.stored("ben") == []

    async def test_a_mailbox_suspended_since_rcpt_takes_nothing(self, stage: StoreStage) -> None:
        await stage.suspend("ada")
        with pytest.raises(KeyChanged) as refused:
            await stage.store.commit([stage.delivery("ada")])
        assert refused.value.mailbox_ids == {stage.mailbox_id("ada")}

    async def test_the_quota_stops_the_whole_call(self, stage: StoreStage) -> None:
        await stage.leave_room("ben", 10)
        with pytest.raises(MailboxFull) as refused:
            await stage.store.commit([stage.delivery("ada"), stage.delivery("ben", b"x" * 100)])
        assert refused.value.mailbox_ids == {stage.mailbox_id("ben")}
        assert await stage.stored("ada") == await stage.stored("ben") == []

    async def test_the_quota_counts_what_is_stored(self, stage: StoreStage) -> None:
        first, second = stage.delivery("ada"), stage.delivery("ada")
        await stage.leave_room("ada", first.size + second.size - 1)
        await stage.store.commit([first])
        with pytest.raises(MailboxFull):
            await stage.store.commit([second])

    async def test_calls_at_the_same_time_harm_only_themselves(self, stage: StoreStage) -> None:
        await stage.rotate_key("ben")
        calls = [stage.store.commit([stage.delivery(who)]) for who in ["ada", "ben"] * 20]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(answer, KeyChanged) for answer in answers] == [False, True] * 20
        assert len(await stage.stored("ada")) == 20

    async def test_a_caller_that_is_cancelled_leaves_all_or_nothing(self, stage: StoreStage) -> None:
        for turns in range(4):
            call = asyncio.create_task(stage.store.commit([stage.delivery("ada"), stage.delivery("ben")]))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        await stage.store.commit([stage.delivery("ada"), stage.delivery("ben")])
        assert len(await stage.stored("ada")) == len(await stage.stored("ben"))


class LostAnswersStage(Protocol):
    """A memory of lost answers, empty at first."""

    lost: LostAnswers

    async def refresh(self) -> None:
        """Let it see what other processes did."""


class LostAnswersContract:
    """Remembered for a day; each swallows one retry."""

    one, two = b"1" * 32, b"2" * 32

    async def test_nothing_is_remembered_at_first(self, stage: LostAnswersStage) -> None:
        await stage.refresh()
        assert not stage.lost.any()
        assert await stage.lost.take([self.one], now=NOW) == frozenset()

    async def test_each_is_taken_once(self, stage: LostAnswersStage) -> None:
        await stage.lost.remember([self.one, self.two], now=NOW)
        assert stage.lost.any()
        assert await stage.lost.take([self.one, b"3" * 32], now=NOW) == {self.one}
        assert await stage.lost.take([self.one, self.two], now=NOW) == {self.two}
        await stage.refresh()
        assert not stage.lost.any()

    async def test_remembering_again_is_no_error(self, stage: LostAnswersStage) -> None:
        await stage.lost.remember([self.one], now=NOW)
        await stage.lost.remember([self.one], now=NOW)
        assert await stage.lost.take([self.one], now=NOW) == {self.one}

    async def test_a_day_later_it_is_forgotten(self, stage: LostAnswersStage) -> None:
        await stage.lost.remember([self.one, self.two], now=NOW)
        assert await stage.lost.take([self.one], now=NOW + timedelta(hours=23)) == {self.one}
        assert await stage.lost.take([self.two], now=NOW + timedelta(hours=26)) == frozenset()


class DirectoryStage(Protocol):
    """A directory with example.is of tenant one: mailboxes ada, ben (both active), mo (invited)."""

    directory: Directory

    async def alias(self, address: str, *members: str) -> None: ...

    async def catch_all(self, who: str) -> None: ...

    async def suspend_tenant(self) -> None: ...

    def mailbox_id(self, who: str) -> int: ...


class DirectoryContract:
    """Rows for names, and nothing for names that have none."""

    async def test_a_mailbox_has_one_route(self, stage: DirectoryStage) -> None:
        found = await stage.directory.lookup(["ada@example.is"], ["example.is"])
        (route,) = found.addresses["ada@example.is"]
        assert (route.mailbox_id, route.address, route.state) == (
            stage.mailbox_id("ada"),
            "ada@example.is",
            MailboxState.ACTIVE,
        )
        assert (route.public_key or "").startswith("age1pq1")
        assert route.key_version == 1
        assert route.invited_at.tzinfo is not None
        assert found.domains["example.is"].tenant_id == route.tenant_id
        assert not found.domains["example.is"].suspended

    async def test_unknown_names_are_missing(self, stage: DirectoryStage) -> None:
        found = await stage.directory.lookup(["nobody@example.is", "x@example.org"], ["example.org"])
        assert not found.addresses
        assert not found.domains

    async def test_nothing_asked_is_nothing_found(self, stage: DirectoryStage) -> None:
        found = await stage.directory.lookup([], [])
        assert not found.addresses
        assert not found.domains

    async def test_a_mailbox_without_a_key_is_invited(self, stage: DirectoryStage) -> None:
        (route,) = (await stage.directory.lookup(["mo@example.is"], [])).addresses["mo@example.is"]
        assert (route.state, route.public_key) == (MailboxState.INVITED, None)

    async def test_an_alias_lists_its_mailboxes_once(self, stage: DirectoryStage) -> None:
        await stage.alias("crew@example.is", "ada", "ben")
        await stage.alias("ada@example.is", "ada", "ben")
        found = await stage.directory.lookup(["crew@example.is", "ada@example.is"], [])
        both = {stage.mailbox_id("ada"), stage.mailbox_id("ben")}
        for name in ("crew@example.is", "ada@example.is"):
            routes = found.addresses[name]
            assert len(routes) == 2
            assert {route.mailbox_id for route in routes} == both

    async def test_every_domain_has_a_postmaster_and_may_have_a_catch_all(self, stage: DirectoryStage) -> None:
        hosted = (await stage.directory.lookup([], ["example.is"])).domains["example.is"]
        assert len(hosted.postmaster) == 1
        assert hosted.catch_all == ()
        await stage.catch_all("ben")
        hosted = (await stage.directory.lookup([], ["example.is"])).domains["example.is"]
        assert [route.mailbox_id for route in hosted.catch_all] == [stage.mailbox_id("ben")]

    async def test_a_suspended_tenant_suspends_domain_and_routes(self, stage: DirectoryStage) -> None:
        await stage.suspend_tenant()
        found = await stage.directory.lookup(["ada@example.is"], ["example.is"])
        assert found.domains["example.is"].suspended
        assert found.addresses["ada@example.is"][0].state is MailboxState.SUSPENDED

    async def test_many_names_at_once(self, stage: DirectoryStage) -> None:
        names = [f"n{number}@example.is" for number in range(1000)]
        found = await stage.directory.lookup(["ada@example.is", *names, "ben@example.is"], ["example.is"])
        assert set(found.addresses) == {"ada@example.is", "ben@example.is"}
