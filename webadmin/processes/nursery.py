"""Processes of a cell that share what they all need: forked from a parent that has loaded it.

Django, the models, the protocols and the laws take a second and a half of a core and forty MiB in each process that
loads them for itself. `serve` loads them once and forks its daemons, which share those pages until they write to
them. A daemon that is started by hand or by systemd loads everything itself and knows nothing of this.

What a fork must not carry over, and who sees to it: descriptors, signals and standard input are put right here;
database connections are closed by `settle`; threads and event loops do not exist yet in the parent (the supervisor
has neither); Python, OpenSSL and libsodium each see to their own randomness. Secrets that are drawn once in a process
are drawn in `daemons.run`, after the fork. The child never returns into its parent's code, whatever happens in it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from django.core.management import call_command
from django.db import connections

from webadmin.processes import title
from webadmin.processes.supervisor import SIGNALS, Start

# What at least two daemons need. What only one needs (Celery, the web pages) would be everybody's weight.
SHARED: Final = (
    "mailhost.wiring.smtpd",
    "mailhost.wiring.imapd",
    "mailhost.wiring.dispatchd",
    "prometheus_client",
    "webadmin.processes.daemons",
)
# glibc gives each thread a heap of its own and hands little of it back: tens of MiB in a process of six threads.
ARENAS: Final = 2
M_ARENA_MAX: Final = -8  # malloc.h


def settle() -> None:
    """Load what is shared and make it ready to be forked. Call once, before the first fork."""
    # The parent has read the cell's keys to prepare it: no core file of it, or of a child that has just begun.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for module in SHARED:
        import_module(module)
    with suppress(OSError, AttributeError):  # only glibc has it, and only glibc needs it
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    connections.close_all()
    gc.collect()
    # What is loaded by now stays: no collector of a child need look at it, and write to its pages by looking.
    gc.freeze()


def daemon(name: str, word: str) -> Start:
    """The management command `word`, as a process that calls itself `name`."""

    def body(ready_fd: int, supervisor: int) -> None:
        title.show(name)
        call_command(word, ready_fd=ready_fd, supervisor=supervisor)

    return forked(body)


def forked(body: Callable[[int, int], None]) -> Start:
    """A process that runs `body(ready descriptor, process id of the parent)` and ends with it."""

    def start(ready_fd: int) -> int:
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pid = os.fork()
        if pid == 0:
            _live(body, ready_fd, parent)
        return pid

    return start


def _live(body: Callable[[int, int], None], ready_fd: int, parent: int) -> NoReturn:
    """The child's whole life. Does not return."""
    code = 1
    try:
        _begin_anew(ready_fd)
        body(ready_fd, parent)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # whatever it was: the parent's code stands below this one on the stack
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _begin_anew(ready_fd: int) -> None:
    """Descriptors and signals as a program finds them that was started from a shell."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    # Not closed: a library that holds one of the parent's files (perf's map of symbols is one) would go on writing to
    # its number, and the number would be the database's next.
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        if descriptor > 2 and descriptor not in {ready_fd, nowhere}:
            with suppress(OSError):  # that of the listing itself
                os.fstat(descriptor)
                os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
