"""The supervisor: ready when all serve, starts again what ends, stops all in time, leaves no orphan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.house import ROOT, alive
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.slow  # starts programs
# Seconds; shorter than in earnest, for a program that does not end by itself.
GRACE = 1.5
# Serves at once; notes its process id; ends at SIGTERM.
GOOD = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from webadmin.processes.supervised import attach
options = dict(word.lstrip("-").split("=") for word in sys.argv[1:])
ready = attach(int(options["ready-fd"]), int(options["supervisor"]))
with open({note!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
ready()
time.sleep(60)
"""
DEAF = GOOD.replace("ready()", "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready()")
BROKEN = "import sys; sys.exit(3)"
MUTE = "import time; time.sleep(60)"
# Ends before it serves the first time, serves the second time.
HESITANT = "import os, sys\nif not os.path.exists({note!r}): open({note!r}, 'w').close(); sys.exit(1)\n" + GOOD

# A process whose main thread supervises the programs it is told of: (name, Python text).
SUPERVISING = """
import json, logging, os, sys
sys.path.insert(0, sys.argv[1])
from webadmin.processes import supervisor
logging.basicConfig(format="%(message)s")
supervisor.START_TIMEOUT, supervisor.GRACE = float(sys.argv[2]), float(sys.argv[4])
start = lambda text: supervisor.spawned((sys.executable, "-c", text), dict(os.environ))
try:
    supervisor.run(
        [supervisor.Program(name, start(text)) for name, text in json.loads(sys.argv[3])],
        ready=lambda: print("ready", flush=True),
    )
except supervisor.CannotStart as problem:
    sys.exit(str(problem))
"""
# The same on a machine that has no process left at the second start.
CROWDED = SUPERVISING.replace(
    "try:",
    """starts = []
def start(text):
    def crowded(ready_fd):
        starts.append(text)
        if len(starts) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return supervisor.spawned((sys.executable, "-c", text), dict(os.environ))(ready_fd)
    return crowded
try:""",
)


def program(script: str, note: Path, name: str = "islet") -> tuple[str, str]:
    return name, script.format(root=str(ROOT), note=str(note))


def pids(note: Path) -> list[int]:
    return [int(line) for line in note.read_text().split()] if note.exists() else []


@contextmanager
def supervising(
    *programs: tuple[str, str], patience: float = PATIENCE, grace: float = PATIENCE, supervising: str = SUPERVISING
) -> Iterator[subprocess.Popen[str]]:
    """A supervisor that has said it is ready, or ended."""
    words = [sys.executable, "-c", supervising, str(ROOT), str(patience), json.dumps(programs), str(grace)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() in {"ready\n", ""}
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def stopped(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[float, str]:
    """End the supervisor: the seconds that took, and what it has said on stderr."""
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0
    return time.monotonic() - began, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_is_said_when_all_serve_and_all_end_with_a_stop(tmp_path: Path, number: int) -> None:
    notes = [tmp_path / "a", tmp_path / "b"]
    with supervising(*(program(GOOD, note) for note in notes)) as process:
        assert all(len(pids(note)) == 1 for note in notes)
        _, said = stopped(process, number)
    assert said == "", "each ended by itself"
    assert not any(alive(pid) for note in notes for pid in pids(note))


def test_a_program_that_is_killed_is_started_again(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with supervising(program(GOOD, note)) as process:
        for count in (1, 2):
            os.kill(pids(note)[-1], signal.SIGKILL)
            eventually(lambda wanted=count + 1: len(pids(note)) == wanted)  # type: ignore[misc]
        _, said = stopped(process)
    assert len(set(pids(note))) == 3
    assert said.splitlines() == [
        "islet ended with signal-SIGKILL and is started again in 0.1 s",
        "islet ended with signal-SIGKILL and is started again in 0.5 s",
    ]


def test_a_machine_without_room_for_a_process_costs_one_more_pause_and_not_the_others(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with supervising(program(GOOD, note), supervising=CROWDED) as process:
        os.kill(pids(note)[-1], signal.SIGKILL)
        eventually(lambda: len(pids(note)) == 2)
        _, said = stopped(process)
    assert said.splitlines() == [
        "islet ended with signal-SIGKILL and is started again in 0.1 s",
        "islet ended with errno-EAGAIN and is started again in 0.5 s",
    ]


def test_a_program_that_cannot_start_stops_everything_with_its_name(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with supervising(program(GOOD, note), program(BROKEN, note, "reef")) as process:
        _, said = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 1
    assert said.splitlines()[-1] == "reef ended 3 times before it served"
    assert "reef ended with exit-code-3" in said
    assert not any(alive(pid) for pid in pids(note))


def test_a_program_may_fail_once_before_it_serves(tmp_path: Path) -> None:
    with supervising(program(HESITANT, tmp_path / "a")) as process:
        assert len(pids(tmp_path / "a")) == 1
        stopped(process)


def test_a_program_that_never_serves_is_named(tmp_path: Path) -> None:
    with supervising(program(MUTE, tmp_path / "a", "mute"), patience=0.5) as process:
        _, said = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 1
    assert said.startswith("mute did not come to serve within")


def test_a_program_that_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with supervising(program(DEAF, note), grace=GRACE) as process:
        took, said = stopped(process)
    assert took >= GRACE
    assert said == "1 programs did not end by themselves and are killed\n"
    assert not any(alive(pid) for pid in pids(note))


def test_when_the_supervisor_is_killed_its_programs_end(tmp_path: Path) -> None:
    note = tmp_path / "a"
    with supervising(program(GOOD, note)) as process:
        [pid] = pids(note)
        process.kill()
        process.wait()
        eventually(lambda: not alive(pid))


def test_a_child_whose_supervisor_is_gone_already_does_not_start() -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfrom webadmin.processes.supervised import attach\nattach(None, 1); print('on')"
    done = subprocess.run([sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_daemon_started_by_hand_needs_no_supervisor() -> None:
    from webadmin.processes.supervised import attach

    attach(None, None)()
