"""The supervisor: ready when all serve, starts again what ends, stops all in time, leaves no orphan."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.journeys.house import ROOT
from webadmin import supervisor
from webadmin.supervisor import CannotStart, Program, supervise

# Serves at once; notes its process id; ends at SIGTERM.
GOOD = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from webadmin.supervised import attach
options = dict(word.lstrip("-").split("=") for word in sys.argv[1:])
ready = attach(int(options["ready-fd"]), int(options["supervisor"]))
with open({note!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
ready()
time.sleep(60)
"""
DEAF = GOOD.replace("ready()", "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready()")
BROKEN = "import sys; sys.exit(3)"
# Ends before it serves the first time, serves the second time.
HESITANT = "import os, sys\nif not os.path.exists({note!r}): open({note!r}, 'w').close(); sys.exit(1)\n" + GOOD


def program(script: str, note: Path, name: str = "islet") -> Program:
    text = script.format(root=str(ROOT), note=str(note))
    return Program(name, (sys.executable, "-c", text), dict(os.environ))


def pids(note: Path) -> list[int]:
    return [int(line) for line in note.read_text().split()] if note.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # another process is waited for
            await asyncio.sleep(0.02)


async def served(programs: list[Program], then: Callable[[asyncio.Event], Awaitable[None]]) -> float:
    """Supervise until `then` is done; the seconds that stopping took."""
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(supervise(programs, ready=ready.set, stop=stop))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not task.done():
        await then(stop)
        stop.set()
    began = time.monotonic()
    await task
    return time.monotonic() - began


async def nothing(_stop: asyncio.Event) -> None:
    return


async def test_ready_is_said_when_all_serve_and_all_end_with_a_stop(tmp_path: Path) -> None:
    notes = [tmp_path / "a", tmp_path / "b"]

    async def look(_stop: asyncio.Event) -> None:
        assert all(len(pids(note)) == 1 for note in notes)

    took = await served([program(GOOD, note) for note in notes], look)
    assert took < supervisor.GRACE
    assert not any(alive(pid) for note in notes for pid in pids(note))


async def test_a_program_that_is_killed_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    note = tmp_path / "a"

    async def kill_twice(_stop: asyncio.Event) -> None:
        for count in (1, 2):
            os.kill(pids(note)[-1], signal.SIGKILL)
            await until(lambda wanted=count + 1: len(pids(note)) == wanted)  # type: ignore[misc]

    await served([program(GOOD, note)], kill_twice)
    assert len(set(pids(note))) == 3
    assert caplog.records[0].getMessage() == ("islet ended with signal-SIGKILL and is started again in 0.1 s")


async def test_a_program_that_cannot_start_stops_everything_with_its_name(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with pytest.raises(CannotStart, match="reef ended 3 times"):
        await served([program(GOOD, note), program(BROKEN, note, "reef")], nothing)
    assert not any(alive(pid) for pid in pids(note))


async def test_a_program_may_fail_once_before_it_serves(tmp_path: Path) -> None:
    await served([program(HESITANT, tmp_path / "a")], nothing)
    assert len(pids(tmp_path / "a")) == 1


async def test_a_program_that_never_serves_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "START_TIMEOUT", 0.5)
    with pytest.raises(CannotStart, match="mute did not come to serve"):
        await served([program("import time; time.sleep(60)", tmp_path / "a", "mute")], nothing)


async def test_a_program_that_ignores_the_signal_is_killed_within_the_grace(tmp_path: Path) -> None:
    note = tmp_path / "a"
    took = await served([program(DEAF, note)], nothing)
    assert supervisor.GRACE <= took < supervisor.GRACE + 0.5
    assert not any(alive(pid) for pid in pids(note))


def test_when_the_supervisor_is_killed_its_programs_end(tmp_path: Path) -> None:
    note = tmp_path / "a"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from webadmin.supervisor import Program, run\n"
        "import os\n"
        "run([Program('islet', (sys.executable, '-c', sys.argv[2]), dict(os.environ))], ready=lambda: print('ready', flush=True))"
    )
    child = GOOD.format(root=str(ROOT), note=str(note))
    with subprocess.Popen([sys.executable, "-c", script, str(ROOT), child], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        [pid] = pids(note)
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 5
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(pid)


def test_a_child_whose_supervisor_is_gone_already_does_not_start() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfrom webadmin.supervised import attach\nattach(None, 1); print('on')"
    done = subprocess.run([sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_daemon_started_by_hand_needs_no_supervisor() -> None:
    from webadmin.supervised import attach

    attach(None, None)()
