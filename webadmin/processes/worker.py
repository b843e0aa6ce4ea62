"""The worker process: Celery's consumer with one pair of hands, and the clock that ticks beside it.

One job at a time is enough for a cell's periodic work, and a job that hangs harms no mail. The clock is a thread
here rather than a program of its own: two of them would do no harm either, since rows are claimed. Told to end, an
idle worker ends at once (Celery would look up from its broker only every two seconds); a busy one after its job.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable

from celery.beat import EmbeddedService
from celery.platforms import SecurityWarning
from celery.signals import task_postrun, task_prerun, worker_ready
from celery.worker import state

from webadmin.celery import TICKING, app


def run(cell: str, ready: Callable[[], None]) -> None:
    """Work until SIGTERM, then end the process."""
    busy: list[bool] = []

    def begin(**_event: object) -> None:
        busy.append(True)

    def end(**_event: object) -> None:
        busy.clear()

    def stop(_number: int, _frame: object) -> None:
        if busy:
            state.should_stop = os.EX_OK
            return
        logging.shutdown()
        os._exit(os.EX_OK)

    def serve(**_event: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        ready()

    task_prerun.connect(begin, weak=False)
    task_postrun.connect(end, weak=False)
    worker_ready.connect(serve, weak=False)
    # That a cell's user should not be root is said by `skerry doctor`, once and with the remedy.
    warnings.simplefilter("ignore", SecurityWarning)
    clock = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)
    clock.start()
    app.send_task(TICKING, retry=False)
    worker = app.Worker(
        hostname=f"worker@{cell}",
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    logging.shutdown()
    os._exit(worker.exitcode or os.EX_OK)
