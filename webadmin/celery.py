"""The Celery application of one cell: its broker, its one queue, its two tasks and its clock.

Every cell has a broker of its own; on a laptop that is a folder. A message carries a job's id, the cell and the hash
of the policy, never mail or names; the row in the database is what counts. Results are not kept. `manage.py worker`
runs it with a clock inside; `celery -A webadmin worker -B` is the same by Celery's own program, which begins with this
module and has set up no Django before.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import django
from celery import Celery
from celery.exceptions import OperationalError
from celery.signals import setup_logging, worker_init
from django.apps import apps

if not apps.ready:  # models can be imported behind this only
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
    django.setup()

from django.conf import settings

from mailhost.adapters.jobs import Stamp
from webadmin.cell import identity
from webadmin.environ import Environ
from webadmin.jobs import folderbroker, tasks
from webadmin.processes import daemons

log = logging.getLogger(__name__)

RUN: Final = "skerry.run"
TICKING: Final = "skerry.tick"
TICK: Final = timedelta(seconds=15)  # how often late jobs are looked for; a lost wake-up waits at most this long
POLLING_SECONDS: Final = 0.2  # of the folder; kombu's default of one second makes two tasks a second


def configuration(environ: Environ) -> dict[str, Any]:
    """Celery's settings for a cell."""
    queue = f"skerry-{environ.cell}"
    transport: dict[str, Any] = {}
    if not environ.broker_url:
        folder = environ.run / "broker"
        transport = {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
            # Without a folder of ours for messages being read, kombu moves them through the system's temp folder.
            "processed_folder": str(folder / "processed"),
            "store_processed": True,
            "polling_interval": POLLING_SECONDS,
        }
    return {
        "broker_url": environ.broker_url or f"{folderbroker.NAME}://localhost//",
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        "task_default_queue": queue,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        # One pair of hands, in the process itself: others would have to be told when it ends, and be waited for.
        "worker_pool": "solo",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "beat_schedule": {"tick": {"task": TICKING, "schedule": TICK.total_seconds()}},
        "beat_scheduler": "celery.beat:Scheduler",  # in memory: no file, the database knows what was done when
        "enable_utc": True,
        "timezone": "UTC",
    }


def make(environ: Environ) -> Celery:
    """The application, with the folders of its broker made."""
    made = Celery("skerry", set_as_current=True)
    made.conf.update(configuration(environ))
    for name in ("data_folder_in", "control_folder", "processed_folder"):
        if name in made.conf.broker_transport_options:
            Path(made.conf.broker_transport_options[name]).mkdir(mode=0o700, parents=True, exist_ok=True)
    return made


def wake(stamp: Stamp) -> None:
    """Send a worker to a job. A broker that is down costs nothing but time: the row is swept up later."""
    try:
        app.send_task(RUN, args=(stamp.job, stamp.cell, stamp.policy), retry=False)
    except (OperationalError, OSError) as problem:
        log.warning("the broker takes no message", extra={"error": type(problem).__name__})


def _tick() -> None:
    tasks.tick(settings.ENVIRON, datetime.now(UTC), wake)


def _run(job: int, cell: str, policy: str) -> None:
    tasks.run(settings.ENVIRON, Stamp(job, cell, policy), datetime.now(UTC))


def _check_identity(**_event: object) -> None:
    """Before a worker takes anything: is it of the cell that the database and the keys belong to?"""
    try:
        identity.check(settings.ENVIRON)
    except identity.EXPECTED as problem:
        daemons.refuse(identity.in_words(problem))


def _leave_logging_alone(**_event: object) -> None:
    """Celery sets up logging of its own unless somebody answers this."""


# As celery's own `--skip-checks`. Its checks load every page of the web into a process that serves none, three quarters
# of its start and half of its memory, and what they find is thrown away; `processes.prepare` refuses by them.
os.environ["CELERY_SKIP_CHECKS"] = "true"
app = make(settings.ENVIRON)
app.task(_tick, name=TICKING)
app.task(_run, name=RUN)
worker_init.connect(_check_identity)
setup_logging.connect(_leave_logging_alone)
