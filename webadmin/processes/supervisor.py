"""A small supervisor: starts programs, waits until each serves, starts again what ends, stops all together.

The life of a program, and what moves it on:

    STARTING ──ready byte──▶ SERVING ──ends──▶ WAITING ──back-off──▶ STARTING
    STARTING ──ends──▶ WAITING               any ──stop──▶ ENDED

At the first start a program that ends `ATTEMPTS` times before it serves stops everything: a cell that cannot start
should say so and end. Later nothing gives up; the pauses grow to `PAUSES[-1]` and become short again
once a program has served for `STABLE` seconds. (honcho, which others use, stops everything when one child dies.)

Programs stay in this process group, so a signal to the group reaches all. On `stop` each gets SIGTERM, and
SIGKILL after `GRACE` seconds: nothing that was acknowledged is lost by that.

How a program becomes a process is its own matter: `spawned` runs a command line, `processes.nursery` forks. So that a
fork copies neither threads nor an event loop, this is a plain loop around poll().
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before the first, second, … start in a row
STABLE = 30.0  # seconds of serving after which a program is trusted again
ATTEMPTS = 3
# Ten seconds on a free machine, and a busy one is no reason to give up; a migration of a large database happens
# before, not inside.
START_TIMEOUT = 180.0
# Seconds. A cell ends within two; an imapd that takes back an unfinished COPY needs up to eight. Containers kill after
# ten.
GRACE = 8.5
# What wakes the supervisor, and what a child must not find blocked or handled.
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

# Starts one process, which writes a byte into the given descriptor when it serves; its process id. Called with
# SIGNALS blocked. The process finds its supervisor as its parent.
type Start = Callable[[int], int]


class CannotStart(Exception):
    """A program did not come to serve; what it said stands above on stderr."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to keep running."""

    name: str
    start: Start


def spawned(arguments: Sequence[str], environment: Mapping[str, str]) -> Start:
    """A command line, given `--ready-fd` and `--supervisor` behind its arguments."""

    def start(ready_fd: int) -> int:
        os.set_inheritable(ready_fd, True)
        words = [*arguments, f"--ready-fd={ready_fd}", f"--supervisor={os.getpid()}"]
        silence = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        return os.posix_spawn(
            arguments[0], words, environment, file_actions=[silence], setsigmask=[], setsigdef=[*SIGNALS]
        )

    return start


@dataclass(slots=True)
class _Child:
    """One program and what became of it so far."""

    program: Program
    pid: int | None = None
    hearing: int | None = None  # where its ready byte comes in
    due: float | None = 0.0  # on the monotonic clock; None while it runs
    started: float = 0.0
    served: bool = False  # this time or an earlier one
    failures: int = 0  # ends in a row, without stable serving between them


@dataclass(slots=True)
class _Bell:
    """What wakes the loop: signals, through a descriptor that poll() looks at."""

    reading: socket.socket
    stopping: bool = False


def run(programs: Sequence[Program], *, ready: Callable[[], None]) -> None:
    """Keep the programs running until SIGTERM or SIGINT; `ready` is called once, when all serve. Raises CannotStart."""
    children = [_Child(program) for program in programs]
    with _signals() as bell:
        try:
            _until_all_serve(children, bell)
            if not bell.stopping:
                ready()
            while not bell.stopping:
                _turn(children, bell, None)
        finally:
            _end([child for child in children if child.pid is not None], bell)


def _until_all_serve(children: list[_Child], bell: _Bell) -> None:
    """Return when every child has served or a signal came. Raises CannotStart."""
    latest = time.monotonic() + START_TIMEOUT
    while not bell.stopping and not all(child.served for child in children):
        if time.monotonic() >= latest:
            late = [child.program.name for child in children if not child.served]
            raise CannotStart(f"{', '.join(late)} did not come to serve within {START_TIMEOUT:.0f} seconds")
        _turn(children, bell, latest)


def _turn(children: list[_Child], bell: _Bell, latest: float | None) -> None:
    """Start what is due, wait until something happens or `latest`, take note of it. Raises CannotStart."""
    for child in children:
        if child.due is not None and child.due <= time.monotonic():
            _start(child)
    _wait(
        children, bell, min((at for at in (latest, *(child.due for child in children)) if at is not None), default=None)
    )
    for child in children:
        if (code := _status(child)) is not None:
            _note_end(child, f"signal-{signal.Signals(-code).name}" if code < 0 else f"exit-code-{code}")


def _start(child: _Child) -> None:
    """Start it; one that cannot be started has ended. Raises CannotStart."""
    child.started, child.due = time.monotonic(), None
    try:
        child.hearing, writing = os.pipe()
        try:
            with _blocked():
                child.pid = child.program.start(writing)
        finally:
            os.close(writing)
    except OSError as problem:
        # No memory or no process left for it, for now: those that serve must not end for that.
        _stop_hearing(child)
        _note_end(child, f"errno-{errno.errorcode.get(problem.errno or 0, 'unknown')}")


def _wait(children: list[_Child], bell: _Bell, until: float | None) -> None:
    """Return at a signal, at what a child says, and at `until`."""
    hearing = {child.hearing: child for child in children if child.hearing is not None}
    poll = select.poll()
    for descriptor in (bell.reading.fileno(), *hearing):
        poll.register(descriptor, select.POLLIN)
    # Rounded up: a millisecond too early would come back here at once.
    pause = None if until is None else max(0.0, until - time.monotonic()) * 1000 + 1
    for descriptor, _event in poll.poll(pause):
        if descriptor in hearing:
            # No byte but an end of file: the program closed it, or ended.
            hearing[descriptor].served |= bool(os.read(descriptor, 1))
            _stop_hearing(hearing[descriptor])
        else:
            with suppress(BlockingIOError):
                bell.reading.recv(4096)


def _status(child: _Child) -> int | None:
    """The exit code of a child that has ended, negative for a signal; None while it runs or waits."""
    if child.pid is None:
        return None
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return None
    child.pid = None
    _stop_hearing(child)
    return os.waitstatus_to_exitcode(status)


def _stop_hearing(child: _Child) -> None:
    if child.hearing is not None:
        os.close(child.hearing)
        child.hearing = None


def _note_end(child: _Child, how: str) -> None:
    """When the program is to be started again. Raises CannotStart."""
    now = time.monotonic()
    if now - child.started > STABLE:
        child.failures = 0
    child.failures += 1
    if not child.served and child.failures >= ATTEMPTS:
        raise CannotStart(f"{child.program.name} ended {ATTEMPTS} times before it served")
    pause = PAUSES[min(child.failures, len(PAUSES)) - 1]
    child.due = now + pause
    log.warning("%s ended with %s and is started again in %s s", child.program.name, how, pause)


def _end(alive: list[_Child], bell: _Bell) -> None:
    """SIGTERM to all, and SIGKILL to those that are still there after the grace."""
    for child in alive:
        _signal(child, signal.SIGTERM)
    latest = time.monotonic() + GRACE
    while (alive := [child for child in alive if _status(child) is None]) and time.monotonic() < latest:
        _wait([], bell, latest)
    if alive:
        log.warning("%s programs did not end by themselves and are killed", len(alive))
    for child in alive:
        _signal(child, signal.SIGKILL)
    for child in alive:
        if child.pid is not None:
            os.waitpid(child.pid, 0)
        _stop_hearing(child)


def _signal(child: _Child, number: signal.Signals) -> None:
    if child.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)


@contextmanager
def _signals() -> Iterator[_Bell]:
    """While this lasts, SIGNALS ring the bell, and those that mean the end are noted on it."""
    with ExitStack() as undo:
        reading, writing = (undo.enter_context(end) for end in socket.socketpair())
        for end in (reading, writing):
            end.setblocking(False)
        bell = _Bell(reading)

        def heard(number: int, _frame: object) -> None:
            bell.stopping |= number != signal.SIGCHLD

        undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False))
        for number in SIGNALS:
            undo.callback(signal.signal, number, signal.signal(number, heard))
        yield bell


@contextmanager
def _blocked() -> Iterator[None]:
    """Hold SIGNALS back: one that comes between a fork and the child's own settings would be taken for the parent's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
