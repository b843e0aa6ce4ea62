"""Processes that open headers for sessions: borrowed, asked, gone; and what one of them may do.

Most tests play the nursery in threads. The last ones fork, each in a program of its own.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mailhost.adapters.imapstore import openers
from mailhost.adapters.imapstore.openers import ForkedOpeners, OpenerGone, work
from mailhost.adapters.imapstore.opening import MAX_ANSWER, answered, question
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.seal import CannotOpen, HybridIdentity
from tests.adapters.test_opening import GOOD, row
from tests.journeys.house import wait_until_gone
from tests.patience import PATIENCE
from tests.seal.people import ADA, BEN

ROOT = Path(__file__).resolve().parents[2]
ROWS = [row(1, GOOD), row(2, b"damaged"), row(3, GOOD)]
WANTED = [SessionView([ADA], 0).entry(each) for each in ROWS]


def honest(sock: socket.socket) -> None:
    with sock, suppress(OSError, CannotOpen):
        work(sock)


@contextmanager
def nursery(life: Callable[[socket.socket], None], at_once: int = 1) -> Iterator[ForkedOpeners]:
    """Openers that are threads which live `life`."""
    ours, theirs = socket.socketpair()
    threads = []

    def nurse() -> None:
        while descriptors := socket.recv_fds(theirs, 1, 1)[1]:
            threads.append(
                threading.Thread(
                    target=life, args=[socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])]
                )
            )
            threads[-1].start()

    mother = threading.Thread(target=nurse)
    mother.start()
    made = ForkedOpeners(ours, at_once)
    try:
        yield made
    finally:
        made.close()
        for thread in [mother, *threads]:
            thread.join()
        theirs.close()


async def test_an_opener_answers_one_question_after_the_other() -> None:
    with nursery(honest) as some:
        [opener] = some.borrow([BEN, ADA], 1)
        for _ in range(3):
            assert answered([1, 2, 3], await opener.ask(question(ROWS))) == WANTED
        opener.close()


async def test_who_asks_first_is_answered_first() -> None:
    with nursery(honest) as some:
        [opener] = some.borrow([ADA], 1)
        lists = [[row(uid, GOOD) for uid in range(first, first + count)] for first, count in ((1, 9), (50, 1), (70, 5))]
        told = await asyncio.gather(*[opener.ask(question(rows)) for rows in lists])
        for rows, each in zip(lists, told, strict=True):
            assert len(answered([one.uid for one in rows], each)) == len(rows)
        opener.close()


async def test_when_one_question_is_given_up_the_next_is_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openers, "PATIENCE", 0.2)
    given_up = threading.Event()

    def late(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.recv(65536)
            given_up.wait(PATIENCE)
            sock.sendall((4).to_bytes(4) + bytes(4))

    with nursery(late) as some:
        [opener] = some.borrow([ADA], 1)
        asking = [asyncio.create_task(opener.ask(question(ROWS))) for _ in range(2)]
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(each) for each in found] == [OpenerGone, OpenerGone]
        given_up.set()
        with pytest.raises(OpenerGone):
            await opener.ask(question(ROWS))
        opener.close()


async def test_there_are_never_more_than_allowed_and_one_that_was_given_back_is_free() -> None:
    with nursery(honest, at_once=2) as some:
        first = some.borrow([ADA], 5)
        assert len(first) == 2
        assert some.borrow([ADA], 1) == []
        first[0].close()
        first[0].close()
        [again] = some.borrow([ADA], 2)
        assert answered([1, 2, 3], await again.ask(question(ROWS))) == WANTED
        for opener in (*first, again):
            opener.close()


async def test_who_has_no_identity_or_very_many_borrows_none() -> None:
    with nursery(honest) as some:
        assert some.borrow([], 1) == []
        assert some.borrow([ADA] * (openers.MAX_IDENTITIES + 1), 1) == []


async def test_a_mailbox_of_many_rotations_is_served() -> None:
    with nursery(honest) as some:
        [opener] = some.borrow([BEN] * (openers.MAX_IDENTITIES - 1) + [ADA], 1)
        assert answered([1], await opener.ask(question(ROWS[:1]))) == WANTED[:1]
        opener.close()


def ends_at_once(sock: socket.socket) -> None:
    sock.close()


def ends_within_an_answer(sock: socket.socket) -> None:
    with sock:
        sock.recv(1)
        sock.sendall((1000).to_bytes(4) + b"half")


def boasts(sock: socket.socket) -> None:
    with sock:
        sock.recv(1)
        sock.sendall((MAX_ANSWER + 1).to_bytes(4))


@pytest.mark.parametrize("life", [ends_at_once, ends_within_an_answer, boasts])
async def test_an_opener_that_breaks_off_is_gone(life: Callable[[socket.socket], None]) -> None:
    with nursery(life) as some:
        [opener] = some.borrow([ADA], 1)
        with pytest.raises(OpenerGone):
            await opener.ask(question(ROWS))
        opener.close()


async def test_an_opener_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openers, "PATIENCE", 0.05)

    def silent(sock: socket.socket) -> None:
        with sock:
            while sock.recv(65536):
                pass

    with nursery(silent) as some:
        [opener] = some.borrow([ADA], 1)
        with pytest.raises(OpenerGone):
            await opener.ask(question(ROWS))
        opener.close()


async def test_without_a_nursery_nobody_gets_one() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    some = ForkedOpeners(ours, 1)
    assert some.borrow([ADA], 1) == []
    assert some.borrow([ADA], 1) == []
    some.close()


async def test_too_many_open_descriptors_cost_no_opener(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[socket.socket, socket.socket]:
        raise OSError(errno.EMFILE, "Too many open files")

    with nursery(honest, at_once=2) as some:
        with monkeypatch.context() as crowded:
            crowded.setattr(socket, "socketpair", none_left)
            assert some.borrow([ADA], 2) == []
        found = some.borrow([ADA], 2)
        assert len(found) == 2
        for opener in found:
            opener.close()


async def test_a_nursery_that_is_busy_keeps_nobody_waiting() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        some = ForkedOpeners(ours, 100_000)
        borrowed = 0
        while opener := some.borrow([ADA], 1):
            borrowed += 1
            opener[0].close()
        assert borrowed < 100_000
        some.close()


@pytest.mark.parametrize("seeds", [b"", bytes(31), bytes((openers.MAX_IDENTITIES + 1) * 32)])
def test_no_keys_and_no_work(seeds: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(len(seeds).to_bytes(4) + seeds[:32])
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(CannotOpen):
            work(theirs)


def test_a_process_with_threads_is_not_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert openers.start(1) is None
    stop.set()
    thread.join()


def test_where_no_core_is_spare_nothing_is_started() -> None:
    assert openers.start(0) is None


# What a test wants to know of real processes. `some` is there, and `ask` puts the question of one opener.
PROGRAM = """
import asyncio, json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mailhost.adapters.imapstore import openers
from mailhost.adapters.imapstore.opening import MAX_ANSWER, answered, question
from mailhost.seal import HybridIdentity, Summary, seal
{before}
some = openers.start(2)
ada = HybridIdentity.generate()
from mailhost.adapters.imapstore.views import StoredMessage
from datetime import datetime, UTC
now = datetime.now(UTC)
header = seal(ada.recipient, b"", Summary(size=7, internaldate=0)).header
other = b"E" if header[-2:-1] == b"A" else b"A"
headers = [header, b"damaged", header[:-2] + other + b"\\n", header[:200] + header[300:]]
odd = Summary(size=8, internaldate=2**62, envelope="(", body="(" * 900, bodystructure="\\ud800", preview="\\ud800")
headers += [seal(ada.recipient, b"", odd).header]
rows = [StoredMessage(uid, "0", now, now, len(each), 0, each) for uid, each in enumerate(headers, 1)]
async def ask(opener):
    found = answered([1, 2, 3, 4, 5], await opener.ask(question(rows)))
    return [getattr(each, "size", None) for each in found]
def children(pid):
    return [int(each) for each in Path(f"/proc/{{pid}}/task/{{pid}}/children").read_text().split()]
[mother] = children(os.getpid())
def gone(wanted, what, patience=60):
    end = time.monotonic() + patience
    while what() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return what() == wanted
async def main():
{body}
asyncio.run(main())
"""


def told(body: str, before: str = "") -> object:
    """What a program prints that forks."""
    text = PROGRAM.format(body="".join(f"    {line}\n" for line in body.splitlines()), before=before)
    words = [sys.executable, "-W", "error", "-c", text, str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


linux = pytest.mark.skipif(sys.platform != "linux", reason="openers are forked on Linux only")


@linux
@pytest.mark.slow  # starts a program that forks
def test_an_opener_has_one_descriptor_opens_no_file_and_ends_with_its_batch() -> None:
    found = told(
        "first, second = some.borrow([ada], 5)\n"
        "sizes = await asyncio.gather(ask(first), ask(second))\n"
        "born = children(mother)\n"
        "each = born[0]\n"
        "limits = Path(f'/proc/{each}/limits').read_text()\n"
        "held = [os.readlink(f'/proc/{each}/fd/{name}') for name in os.listdir(f'/proc/{each}/fd')]\n"
        "first.close(); second.close()\n"
        "none = gone([], lambda: children(mother))\n"
        "[again] = some.borrow([ada], 1)\n"
        "sizes.append(await ask(again))\n"
        "again.close()\n"
        "some.close()\n"
        "ended = os.waitpid(mother, 0)[1]\n"
        "print(json.dumps([sizes, len(born), held, limits.splitlines(), none, ended]))\n"
        "kept.close()",
        before="kept = open(sys.executable, 'rb'); os.set_inheritable(kept.fileno(), True)",
    )
    assert isinstance(found, list)
    sizes, born, held, limits, none, ended = found
    assert sizes == [[7, None, None, None, 8]] * 3
    assert (born, none, ended) == (2, True, 0)
    [session] = [each for each in held if each != "/dev/null"]
    assert session.startswith("socket:")
    soft = {line[:26].strip(): line[26:].split()[:2] for line in limits[1:]}
    assert soft["Max open files"] == soft["Max core file size"] == soft["Max file size"] == ["0", "0"]
    assert soft["Max cpu time"] == [str(openers.CPU_SECONDS)] * 2


@linux
@pytest.mark.slow  # starts a program that forks
def test_an_opener_that_is_killed_is_gone_for_its_session_and_another_one_is_born() -> None:
    found = told(
        "import signal\n"
        "[opener] = some.borrow([ada], 1)\n"
        "await ask(opener)\n"
        "os.kill(children(mother)[0], signal.SIGKILL)\n"
        "gone([], lambda: children(mother))\n"
        "import logging; logging.disable()\n"
        "try:\n"
        "    await ask(opener)\n"
        "    said = 'answered'\n"
        "except openers.OpenerGone:\n"
        "    said = 'gone'\n"
        "opener.close()\n"
        "[another] = some.borrow([ada], 1)\n"
        "print(json.dumps([said, await ask(another)]))\n"
        "another.close(); some.close()"
    )
    assert found == ["gone", [7, None, None, None, 8]]


@linux
@pytest.mark.slow  # starts a program that forks
def test_nothing_outlives_imapd() -> None:
    found = told(
        "[opener] = some.borrow([ada], 1)\n"
        "await ask(opener)\n"
        "born = children(mother)[0]\n"
        "print(json.dumps([mother, born]))\n"
        "sys.stdout.flush()\n"
        "os._exit(0)"
    )
    assert isinstance(found, list)

    wait_until_gone(found)


async def test_a_session_that_is_cancelled_ends_its_opener() -> None:
    ended = threading.Event()

    def slow(sock: socket.socket) -> None:
        with sock:
            while sock.recv(65536):
                pass
        ended.set()

    with nursery(slow) as some:
        [opener] = some.borrow([HybridIdentity.generate()], 1)
        asking = asyncio.create_task(opener.ask(question(ROWS)))
        await asyncio.sleep(0.02)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        opener.close()
        assert await asyncio.to_thread(ended.wait, PATIENCE)
