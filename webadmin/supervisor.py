"""A small supervisor: starts programs, waits until each serves, starts again what ends, stops all together.

The life of a program, and what moves it on:

    STARTING ──ready byte──▶ SERVING ──ends──▶ WAITING ──back-off──▶ STARTING
    STARTING ──ends──▶ WAITING               any ──stop──▶ ENDED

At the first start a program that ends `ATTEMPTS` times before it serves stops everything: a cell that cannot start
should say so and end. Later nothing gives up; the pauses grow to `PAUSES[-1]` and become short again
once a program has served for `STABLE` seconds. (honcho, which others use, stops everything when one child dies.)

Programs stay in this process group, so a signal to the group reaches all. On `stop` each gets SIGTERM, and
SIGKILL after `GRACE` seconds: nothing that was acknowledged is lost by that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before the first, second, … start in a row
STABLE = 30.0  # seconds of serving after which a program is trusted again
ATTEMPTS = 3
# Ten seconds on a free machine, and a busy one is no reason to give up; a migration of a large database happens
# before, not inside.
START_TIMEOUT = 180.0
GRACE = 1.5  # seconds; the whole cell ends within two


class CannotStart(Exception):
    """A program did not come to serve; what it said stands above on stderr."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to keep running. `arguments` are given `--ready-fd` and `--supervisor` behind them."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]


@dataclass(slots=True)
class _Child:
    """One program and what became of it so far."""

    program: Program
    process: asyncio.subprocess.Process | None = None
    served: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0  # ends in a row, without stable serving between them


async def supervise(programs: Sequence[Program], *, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Keep the programs running until `stop`; `ready` is called once, when all serve. Raises CannotStart."""
    children = [_Child(program) for program in programs]
    keeping = [asyncio.create_task(_keep(child)) for child in children]
    try:
        await _until_all_serve(children, keeping, stop)
        if not stop.is_set():
            ready()
        await stop.wait()
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await _end(children)


async def _until_all_serve(children: list[_Child], keeping: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Return when every child has served or `stop` is set. Raises CannotStart."""
    serving = asyncio.gather(*(child.served.wait() for child in children))
    stopping = asyncio.create_task(stop.wait())
    try:
        awaited: set[asyncio.Future[Any]] = {serving, stopping, *keeping}
        await asyncio.wait(awaited, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        for task in keeping:
            if task.done():
                task.result()
        late = [child.program.name for child in children if not child.served.is_set()]
        if late and not stop.is_set():
            raise CannotStart(f"{', '.join(late)} did not come to serve within {START_TIMEOUT:.0f} seconds")
    finally:
        serving.cancel()
        stopping.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)


async def _keep(child: _Child) -> None:
    """Start the program and start it again whenever it ends. Raises CannotStart."""
    clock = asyncio.get_running_loop().time
    while True:
        started = clock()
        code = await _run_once(child)
        if clock() - started > STABLE:
            child.failures = 0
        child.failures += 1
        if not child.served.is_set() and child.failures >= ATTEMPTS:
            raise CannotStart(f"{child.program.name} ended {ATTEMPTS} times before it served")
        pause = PAUSES[min(child.failures, len(PAUSES)) - 1]
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        log.warning("%s ended with %s and is started again in %s s", child.program.name, _words(how), pause)
        await asyncio.sleep(pause)


def _words(text: str) -> str:
    return text.replace(" ", "-")


async def _run_once(child: _Child) -> int:
    """Run the program to its end; its exit code, negative for a signal."""
    reading, writing = os.pipe()
    try:
        child.process = await asyncio.create_subprocess_exec(
            *child.program.arguments,
            f"--ready-fd={writing}",
            f"--supervisor={os.getpid()}",
            env=child.program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(writing,),
        )
    finally:
        os.close(writing)
    loop = asyncio.get_running_loop()

    def heard() -> None:
        loop.remove_reader(reading)
        # No byte but an end of file: the program closed it, or ended.
        if os.read(reading, 1):
            child.served.set()

    loop.add_reader(reading, heard)
    try:
        return await child.process.wait()
    finally:
        loop.remove_reader(reading)
        os.close(reading)


async def _end(children: list[_Child]) -> None:
    """SIGTERM to all, and SIGKILL to those that are still there after the grace."""
    alive = [child.process for child in children if child.process is not None and child.process.returncode is None]
    for process in alive:
        with suppress(ProcessLookupError):
            process.terminate()
    waiting = [asyncio.create_task(process.wait()) for process in alive]
    if not waiting:
        return
    _, late = await asyncio.wait(waiting, timeout=GRACE)
    if late:
        log.warning("%s programs did not end by themselves and are killed", len(late))
    for process in alive:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
    await asyncio.gather(*waiting)


def run(programs: Sequence[Program], *, ready: Callable[[], None]) -> None:
    """`supervise` until SIGTERM or SIGINT. Raises CannotStart."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await supervise(programs, ready=ready, stop=stop)

    asyncio.run(main())
