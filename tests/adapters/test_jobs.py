"""Jobs: published only for this cell, started only as they were stamped, done once, buried rather than lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from jurisdiction.models import DecisionRecord
from jurisdiction.presets import from_preset
from jurisdiction.records import policies
from mailhost.adapters import jobs
from mailhost.adapters.jobs import Stamp
from mailhost.models import Job
from tests.notaries import atlas, notary

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
IS1 = notary()


@pytest.fixture(autouse=True)
def _database(transactional_db: None) -> None:
    """Threads see what is committed."""


class Wakes(list[Stamp]):
    """What was sent to the broker."""

    def __call__(self, stamp: Stamp) -> None:
        self.append(stamp)


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


def state(job: Job) -> tuple[str, str]:
    job.refresh_from_db()
    return job.state, job.reason


def test_a_worker_is_woken_when_the_transaction_is_committed_and_not_before(wakes: Wakes) -> None:
    with transaction.atomic():
        job = jobs.publish("work", IS1, NOW, wakes)
        assert wakes == []
    assert wakes == [Stamp(job.pk, "is-1", "")]


def test_a_transaction_that_is_rolled_back_leaves_no_job_and_no_wake_up(wakes: Wakes) -> None:
    with transaction.atomic():
        jobs.publish("work", IS1, NOW, wakes)
        transaction.set_rollback(True)
    assert (wakes, Job.objects.count()) == ([], 0)


def test_a_job_is_done_once(wakes: Wakes) -> None:
    job = jobs.publish("work", IS1, NOW, wakes)
    started = jobs.start(wakes[0], IS1, NOW)
    assert started is not None
    assert started.attempts == 1
    assert jobs.start(wakes[0], IS1, NOW) is None, "a second wake-up finds it claimed"
    jobs.finish(started)
    assert state(job) == ("done", "")
    assert jobs.start(wakes[0], IS1, NOW) is None


def test_a_job_whose_worker_died_is_given_to_another(wakes: Wakes) -> None:
    jobs.publish("work", IS1, NOW, wakes)
    assert jobs.start(wakes[0], IS1, NOW)
    later = NOW + jobs.LEASE + timedelta(seconds=1)
    assert jobs.sweep(later, wakes) == 1
    again = jobs.start(wakes[-1], IS1, later)
    assert again is not None
    assert again.attempts == 2


def test_a_lost_wake_up_is_sent_again_and_a_fresh_one_is_not(wakes: Wakes) -> None:
    jobs.publish("work", IS1, NOW, wakes)
    assert jobs.sweep(NOW, wakes) == 0
    assert jobs.sweep(NOW + jobs.RESEND_AFTER, wakes) == 1


def test_a_failed_job_waits_longer_each_time_and_is_buried_in_the_end(wakes: Wakes) -> None:
    job = jobs.publish("work", IS1, NOW, wakes)
    now, waits = NOW, []
    for _attempt in range(jobs.MAX_ATTEMPTS):
        started = jobs.start(wakes[0], IS1, now)
        assert started is not None
        jobs.fail(started, "TimeoutError", now)
        job.refresh_from_db()
        if job.state == Job.State.WAITING:
            waits.append(job.due - now)
            assert jobs.start(wakes[0], IS1, job.due - timedelta(seconds=1)) is None
            now = job.due
    assert waits == sorted(waits)
    assert waits[0] == jobs.BACK_OFF
    assert state(job) == ("dead", f"failed {jobs.MAX_ATTEMPTS} times, last with TimeoutError")


def test_what_was_done_long_ago_is_forgotten_and_the_dead_are_kept(wakes: Wakes) -> None:
    done, dead = (jobs.publish("work", IS1, NOW, wakes) for _ in range(2))
    jobs.finish(done)
    jobs.bury(dead, "for a person to read")
    jobs.sweep(NOW + jobs.KEEP_DONE + timedelta(minutes=1), wakes)
    assert [job.pk for job in Job.objects.all()] == [dead.pk]


def test_a_task_for_another_cell_is_not_published(wakes: Wakes) -> None:
    with pytest.raises(jobs.NotPublished, match="belongs to another cell"):
        jobs.publish("work", IS1, NOW, wakes, cell="no-1")
    assert (wakes, Job.objects.count()) == ([], 0)
    record = DecisionRecord.objects.get()
    assert (record.point, record.verdict, record.because) == (4, "deny", "CELL_MISMATCH")


def test_a_message_of_another_cell_is_a_dead_letter(wakes: Wakes) -> None:
    job = jobs.publish("work", IS1, NOW, wakes)
    assert jobs.start(Stamp(job.pk, "no-1", ""), IS1, NOW) is None
    assert state(job) == ("dead", "CELL_MISMATCH")
    assert DecisionRecord.objects.filter(point=4, verdict="deny").exists()


def test_a_message_without_a_job_is_nothing(wakes: Wakes) -> None:
    assert jobs.start(Stamp(4711, "is-1", ""), IS1, NOW) is None
    assert jobs.start(Stamp(4711, "no-1", ""), IS1, NOW) is None


def test_a_job_of_a_tenant_carries_its_policy_and_dies_when_that_changes(wakes: Wakes) -> None:
    policies.adopt("harbour", from_preset("iceland-only", atlas(), NOW.date()), IS1, NOW)
    job = jobs.publish("work", IS1, NOW, wakes, tenant="harbour")
    assert wakes[0].policy == job.policy == policies.in_force("harbour", IS1.key.verify_key).digest()
    policies.adopt("harbour", from_preset("outside-five-eyes", atlas(), NOW.date()), IS1, NOW)
    assert jobs.start(wakes[0], IS1, NOW) is None
    assert state(job) == ("dead", jobs.POLICY_CHANGED)


def test_a_stamp_that_is_not_the_jobs_kills_it(wakes: Wakes) -> None:
    policies.adopt("harbour", from_preset("iceland-only", atlas(), NOW.date()), IS1, NOW)
    job = jobs.publish("work", IS1, NOW, wakes, tenant="harbour")
    assert jobs.start(Stamp(job.pk, "is-1", "00" * 32), IS1, NOW) is None
    assert state(job) == ("dead", jobs.WRONG_STAMP)


def test_a_tenant_that_is_gone_leaves_no_work(wakes: Wakes) -> None:
    policies.adopt("harbour", from_preset("iceland-only", atlas(), NOW.date()), IS1, NOW)
    job = jobs.publish("work", IS1, NOW, wakes, tenant="harbour")
    policies.forget("harbour", NOW)
    assert jobs.start(wakes[0], IS1, NOW) is None
    assert state(job) == ("dead", "the tenant is gone")


def test_a_cell_that_fell_into_denied_hands_does_no_more_work_for_the_tenant(wakes: Wakes) -> None:
    policies.adopt("harbour", from_preset("iceland-only", atlas(), NOW.date()), IS1, NOW)
    job = jobs.publish("work", IS1, NOW, wakes, tenant="harbour")
    bought = notary("is-1", ("IS", "US"))
    assert jobs.start(wakes[0], bought, NOW) is None
    assert state(job) == ("dead", "CTRL_DENIED:US:14EYES")
    with pytest.raises(jobs.NotPublished, match="Fourteen Eyes"):
        jobs.publish("work", bought, NOW, wakes, tenant="harbour")
