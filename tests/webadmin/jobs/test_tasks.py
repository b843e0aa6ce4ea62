"""Background work: what is due is published once, done, put off when it fails; messages carry three short words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from jurisdiction.models import CheckpointRow, Incident
from mailhost.adapters.jobs import Stamp
from mailhost.models import Job, Tenant
from tests.notaries import keys_of
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin import celery
from webadmin.cell import keyfiles
from webadmin.environ import Environ, SettingsProblem, read
from webadmin.jobs import tasks

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def environ(db: None) -> Environ:
    for name, key in keys_of("is-1").items():
        keyfiles.place(settings.ENVIRON.keys / name, key)
    house.found(FakeDirectory().of("is-1"))
    made: Environ = settings.ENVIRON
    return made


def published() -> dict[str, str]:
    return dict(Job.objects.values_list("kind", "state"))


def run_all(environ: Environ, now: datetime) -> None:
    for job in Job.objects.filter(state=Job.State.WAITING):
        tasks.run(environ, Stamp(job.pk, job.cell, job.policy), now)


def ticked(environ: Environ, now: datetime) -> None:
    tasks.tick(environ, now, lambda _stamp: None)


def test_each_kind_is_published_once_and_again_when_it_is_due(environ: Environ) -> None:
    ticked(environ, NOW)
    ticked(environ, NOW)
    assert published() == dict.fromkeys(tasks.KINDS, "waiting")
    assert Job.objects.count() == len(tasks.KINDS)
    Job.objects.update(state=Job.State.DONE)
    ticked(environ, NOW + timedelta(minutes=1))
    assert Job.objects.count() == len(tasks.KINDS), "nothing is due yet"
    ticked(environ, NOW + max(kind.every for kind in tasks.KINDS.values()))
    assert Job.objects.count() == 2 * len(tasks.KINDS)


def test_leases_are_renewed_and_the_ledger_is_signed(environ: Environ) -> None:
    Job.objects.create(cell="is-1", kind="renew-leases", due=NOW)
    Job.objects.create(cell="is-1", kind="sign-checkpoint", due=NOW)
    run_all(environ, NOW)
    assert published() == {"renew-leases": "done", "sign-checkpoint": "done"}
    assert CheckpointRow.objects.exists()
    assert not Incident.objects.exists()


def test_drift_holds_the_tenants_mail_until_it_is_mended(environ: Environ) -> None:
    elsewhere = environ.model_copy(update={"controllers": "IS,??"})
    Job.objects.create(cell="is-1", kind="renew-leases", due=NOW)
    run_all(elsewhere, NOW)
    assert {row.state for row in Tenant.objects.all()} == {"held"}
    assert Incident.objects.filter(closed__isnull=True, kind="primary").count() == 2
    Job.objects.create(cell="is-1", kind="renew-leases", due=NOW)
    run_all(environ, NOW)
    assert {row.state for row in Tenant.objects.all()} == {"active"}


def test_a_job_that_fails_is_put_off_and_no_other_is_harmed(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(tasks.KINDS, "sign-checkpoint", tasks.Kind(timedelta(hours=1), broken))
    for kind in ("sign-checkpoint", "renew-leases", "no-such-kind"):
        Job.objects.create(cell="is-1", kind=kind, due=NOW)
    run_all(environ, NOW)
    assert published() == {"sign-checkpoint": "waiting", "renew-leases": "done", "no-such-kind": "dead"}
    failed = Job.objects.get(kind="sign-checkpoint")
    assert (failed.reason, failed.due > NOW) == ("ZeroDivisionError", True)


def test_messages_the_folder_broker_kept_are_removed(environ: Environ) -> None:
    folder = environ.run / "broker" / "processed"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_x.skerry-is-1.msg").write_text("{}")
    ticked(environ, NOW)
    assert list(folder.iterdir()) == []


def test_a_laptop_has_a_folder_for_a_broker_and_nothing_in_the_systems_temp(tmp_path: Path) -> None:
    made = celery.configuration(read({"home": tmp_path}))
    options = made["broker_transport_options"]
    assert made["broker_url"].startswith("folder://")
    assert options["store_processed"] is True
    for name in ("data_folder_in", "data_folder_out", "control_folder", "processed_folder"):
        assert Path(options[name]).is_relative_to(tmp_path / "is-1" / "run")
    assert options["polling_interval"] == 0.2
    assert made["accept_content"] == ["json"], "a message is never code"


def test_a_host_has_redis_and_each_cell_a_queue_of_its_own(tmp_path: Path) -> None:
    made = celery.configuration(read({"home": tmp_path, "cell": "no-1", "broker_url": "redis://127.0.0.1:6379/1"}))
    assert (made["broker_url"], made["task_default_queue"]) == ("redis://127.0.0.1:6379/1", "skerry-no-1")
    assert made["broker_transport_options"] == {}
    for wrong in ("amqp://x", "sqla+sqlite://", "localhost:6379"):
        with pytest.raises(SettingsProblem, match="SKERRY_BROKER_URL"):
            read({"home": tmp_path, "broker_url": wrong})


def test_a_message_says_which_job_which_cell_which_policy_and_nothing_else(
    environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, object]] = []
    monkeypatch.setattr(celery.app, "send_task", lambda name, args, **_options: sent.append((name, args)))
    celery.wake(Stamp(7, "is-1", "ab" * 32))
    assert sent == [("skerry.run", (7, "is-1", "ab" * 32))]


def test_a_broker_that_is_down_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(celery.app, "send_task", refuse)
    celery.wake(Stamp(7, "is-1", ""))
