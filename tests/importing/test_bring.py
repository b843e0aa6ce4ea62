"""The import over a source and a mailbox in memory: exact numbers, nothing twice, nothing lost, whatever stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailhost.imap.store import KEYWORD_SHIFT, MAX_KEYWORDS, SEEN
from mailhost.importing.bring import KEPT, STEP, Import, NoSuchSourceFolder, NotBrought, Report, Stopped, Wish
from mailhost.importing.source import Bad, Letter, SourceFolder, Why
from tests.imap.dialogue import ADA, PASSWORD
from tests.imap.memory import Mailbox, MemoryStore
from tests.importing.fakes import FakeSource, FakeTarget, letter
from tests.importing.target_contract import TargetContract

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
INBOX, WORK = SourceFolder("INBOX", ("INBOX",)), SourceFolder("Work.2026", ("Work", "2026"))
SENT = SourceFolder("Gesendet", ("Gesendet",), "\\Sent")
KEY = b"k" * 32


class TestFakeTarget(TargetContract):
    @pytest.fixture
    async def target(self) -> FakeTarget:
        return await memory_target()


async def memory_target(storage_limit: int | None = None) -> FakeTarget:
    store = MemoryStore()
    store.add_person(ADA, PASSWORD, storage_limit=storage_limit)
    return FakeTarget(await store.login(ADA, PASSWORD, source=""))


def mailbox(target: FakeTarget) -> Mailbox:
    return target.account.mailbox


async def run(source: FakeSource, target: FakeTarget, *, now: datetime = NOW, **wish: object) -> Report:
    asked = Wish(**{"limit": 1000} | wish)  # type: ignore[arg-type]
    return await Import(source, target, asked, KEY, b"1", lambda: now).run()


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.found, report.already_here, report.brought, len(report.bad)


async def test_folders_flags_and_dates_come_along() -> None:
    target = await memory_target()
    moment = datetime(2019, 5, 6, 7, 8, 9, tzinfo=UTC)
    source = FakeSource(
        {
            INBOX: [letter(7, "\\Seen", "$Work", moment=moment), letter(9)],
            WORK: [letter(1)],
            SENT: [letter(1)],
        }
    )
    report = await run(source, target)
    assert (report.folders, *counts(report), report.stopped) == (3, 4, 0, 4, 0, None)
    boxes = mailbox(target).boxes
    assert {name: len(box.messages) for name, box in boxes.items() if box.messages} == {
        "INBOX": 2,
        "Work/2026": 1,
        "Sent": 1,
    }
    first = boxes["INBOX"].messages[1]
    assert (first.flags, first.meta.internaldate) == (SEEN | 1 << KEYWORD_SHIFT, moment)
    assert boxes["INBOX"].keywords == ("$Work",)


async def test_a_second_run_fetches_nothing_and_stores_nothing() -> None:
    target = await memory_target()
    content: dict[SourceFolder, list[Letter | Bad]] = {INBOX: [letter(1), letter(2)], WORK: [letter(1)]}
    await run(FakeSource(content), target)
    again = FakeSource({**content, INBOX: [*content[INBOX], letter(3)]})
    assert counts(await run(again, target)) == (4, 3, 1, 0)
    assert again.asked == [3]


async def test_two_messages_of_one_identity_are_two() -> None:
    target = await memory_target()
    source = FakeSource({INBOX: [letter(1), letter(2), letter(3)]})
    source.listed = lambda folder: [  # type: ignore[method-assign]
        type(each)(each.number, b"the same") for each in FakeSource.listed(source, folder)
    ]
    assert counts(await run(source, target)) == (3, 0, 3, 0)
    assert counts(await run(source, target)) == (3, 3, 0, 0)


async def test_the_same_uid_in_two_folders_or_for_two_owners_is_not_the_same_message() -> None:
    target = await memory_target()
    source = FakeSource({INBOX: [letter(1)], WORK: [letter(1)]})
    await run(source, target)
    assert len(target.kept) == 2
    other = await Import(source, target, Wish(1000), KEY, b"2", lambda: NOW).run()
    assert counts(other) == (2, 0, 2, 0)


async def test_a_lost_source_is_said_and_the_next_run_goes_on() -> None:
    target = await memory_target()
    many: list[Letter | Bad] = [letter(number) for number in range(1, 2 * STEP + 51)]
    first = await run(FakeSource({INBOX: many}, lost_before=2 * STEP + 1), target)
    assert (first.stopped, first.problem, first.brought) == (Stopped.SOURCE, "the connection was lost", 2 * STEP)
    source = FakeSource({INBOX: many})
    assert counts(await run(source, target)) == (2 * STEP + 50, 2 * STEP, 50, 0)
    assert len(mailbox(target).boxes["INBOX"].messages) == 2 * STEP + 50
    assert target.largest_step == STEP


async def test_a_full_mailbox_takes_what_fits_and_the_next_run_goes_on() -> None:
    size = len(letter(1).message.content)
    target = await memory_target(storage_limit=3 * size)
    source = FakeSource({INBOX: [letter(number) for number in range(1, 6)]})
    full = await run(source, target)
    assert (full.stopped, full.brought) == (Stopped.FULL, 3)
    mailbox(target).storage_limit = None
    assert counts(await run(source, target)) == (5, 3, 2, 0)


async def test_bad_messages_are_named_by_number_and_tried_again() -> None:
    target = await memory_target()
    source = FakeSource(
        {
            INBOX: [
                letter(1),
                Bad(2, Why.UNREADABLE),
                letter(3, content=b"x" * 1001),
                Letter(4, type(letter(1).message)(b"")),
                letter(5),
            ]
        }
    )
    report = await run(source, target)
    assert counts(report) == (5, 0, 2, 3)
    assert report.bad == [
        NotBrought("INBOX", 2, Why.UNREADABLE),
        NotBrought("INBOX", 3, Why.TOO_LARGE),
        NotBrought("INBOX", 4, Why.EMPTY),
    ]
    assert counts(await run(source, target)) == (5, 2, 0, 3)


async def test_a_dry_run_counts_and_changes_nothing() -> None:
    target = await memory_target()
    source = FakeSource({INBOX: [letter(1), letter(2)], WORK: [letter(1)]})
    await run(FakeSource({INBOX: [letter(1)]}), target)
    before = dict(target.kept)
    report = await run(source, target, dry_run=True, now=NOW + timedelta(days=3))
    assert counts(report) == (3, 1, 0, 0)
    assert source.asked == []
    assert "Work/2026" not in mailbox(target).boxes
    assert target.kept == before


async def test_what_is_still_at_its_source_stays_known() -> None:
    target = await memory_target()
    source = FakeSource({INBOX: [letter(1)]})
    await run(source, target)
    assert set(target.kept.values()) == {(NOW + KEPT).date()}
    await run(source, target, now=NOW + timedelta(days=20))
    assert set(target.kept.values()) == {(NOW + timedelta(days=20) + KEPT).date()}


async def test_one_keyword_too_many_costs_that_message_its_keywords() -> None:
    target = await memory_target()
    mailbox(target).boxes["INBOX"].word([f"k{number}" for number in range(MAX_KEYWORDS)])
    source = FakeSource({INBOX: [letter(1, "k1"), letter(2, "\\Seen", "one-more"), letter(3)]})
    report = await run(source, target)
    assert (report.brought, report.keywords_lost) == (3, 1)
    flags = [message.flags for message in mailbox(target).boxes["INBOX"].messages.values()]
    assert flags == [1 << KEYWORD_SHIFT + 1, SEEN, 0]


@pytest.mark.parametrize("moment", [datetime(1920, 1, 1, tzinfo=UTC), NOW + timedelta(days=400)])
async def test_an_impossible_date_is_none(moment: datetime) -> None:
    target = await memory_target()
    await run(FakeSource({INBOX: [letter(1, moment=moment)]}), target)
    assert mailbox(target).boxes["INBOX"].messages[1].meta.internaldate == NOW


async def test_views_are_passed_over_unless_asked_for() -> None:
    everything = SourceFolder("[Gmail]/All Mail", ("[Gmail]", "All Mail"), "\\All")
    content: dict[SourceFolder, list[Letter | Bad]] = {INBOX: [letter(1)], everything: [letter(1)]}
    target = await memory_target()
    report = await run(FakeSource(content), target)
    assert (report.found, report.views) == (1, ["[Gmail]/All Mail"])
    assert (await run(FakeSource(content), target, views=True)).brought == 1
    assert len(mailbox(target).boxes["Archive"].messages) == 1


async def test_only_the_folders_asked_for() -> None:
    target = await memory_target()
    source = FakeSource({INBOX: [letter(1)], WORK: [letter(1)]})
    assert counts(await run(source, target, only=frozenset({"Work.2026"}))) == (1, 0, 1, 0)
    with pytest.raises(NoSuchSourceFolder, match="Play"):
        await run(source, target, only=frozenset({"Play"}))


async def test_another_run_at_the_same_time_is_noticed() -> None:
    target = await memory_target()

    class Racing(FakeSource):
        def letters(self, folder: SourceFolder, numbers: object) -> object:  # type: ignore[override]
            target.kept.update(dict.fromkeys(imagined, NOW.date()))
            return super().letters(folder, [1])

    source = Racing({INBOX: [letter(1)]})
    probe = await memory_target()
    await run(FakeSource({INBOX: [letter(1)]}), probe)
    imagined = list(probe.kept)
    report = await run(source, target)
    assert (report.stopped, report.brought) == (Stopped.OVERTAKEN, 0)
