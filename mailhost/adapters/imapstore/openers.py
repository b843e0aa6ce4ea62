"""Processes that open sealed headers for sessions, so that listing a large folder uses more than one core.

Opening a header is two tenths of a millisecond in which the interpreter does nothing else (docs/decisions/0027), so ten
thousand keep one core busy for seconds while the others rest. Before it has threads, clients or keys of theirs, imapd
forks a *nursery* that does nothing but fork *openers*. A session that has hundreds of headers to open borrows one or
more, tells them the keys it opens with, asks (`opening`), and gives them back with the batch. An opener belongs to one
session for one batch and then ends: nothing of a key outlives that, and nobody else's key was ever in it.

What an opener may do is compute: it has one descriptor and may open no further one, leaves no core and cannot be
traced, ends when its session closes the other side, when the nursery ends, and after CPU_SECONDS of work. The nursery
ends with imapd.

There are at most as many as cores beyond the first, for all sessions of the process together. Whoever finds none free
opens by itself, and so does everybody once something here fails: an opener only ever does what its session would do.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn, Protocol

from mailhost.adapters.imapstore.opening import MAX_ANSWER, MAX_QUESTION, answer, answered, question
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.seal import CannotOpen, HybridIdentity, Summary, seal
from mailhost.seal.identity import SEED_SIZE

log = logging.getLogger(__name__)

# A mailbox has an identity for each rotation of its key; who has more opens by itself.
MAX_IDENTITIES: Final = 64
# What an opener is asked at a time: the next question is there when it has answered one, for imapd is a busy process.
QUESTIONS: Final = 2
# Seconds until an answer is given up: a question is some milliseconds of work on a free machine.
PATIENCE: Final = 30.0
# Processor time after which the kernel ends an opener. Its batch takes a tenth of a second.
CPU_SECONDS: Final = 60
_LENGTH_SIZE: Final = 4
# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NAME: Final = 15


class OpenerGone(Exception):
    """An opener ended, was too slow or answered nonsense: its session does the work itself."""


class Opener(Protocol):
    """One that works for one session until it is given back."""

    async def ask(self, asked: bytes) -> bytes:
        """The answer (`opening.answer`). QUESTIONS may be asked at a time. Raises OpenerGone."""

    def close(self) -> None:
        """Give it back."""


class Openers(Protocol):
    """Where sessions borrow openers."""

    def borrow(self, identities: Sequence[HybridIdentity], most: int) -> Sequence[Opener]:
        """As many as are free, at most `most`; they try these identities in their order."""


class ForkedOpeners:
    """`Openers` from a nursery; `at_once` is how many of all sessions may be at work."""

    def __init__(self, nursery: socket.socket, at_once: int) -> None:
        nursery.setblocking(False)
        self._nursery = nursery
        self._free = at_once
        self._ended = False

    def borrow(self, identities: Sequence[HybridIdentity], most: int) -> Sequence[Opener]:
        found: list[Opener] = []
        seeds = b"".join([identity.seed for identity in identities])
        if 0 < len(identities) <= MAX_IDENTITIES:
            while len(found) < most and self._free and (opener := self._fork(seeds)) is not None:
                found.append(opener)
        return found

    def _fork(self, seeds: bytes) -> _Forked | None:
        if self._ended:
            return None
        try:
            here, there = socket.socketpair()
        except OSError:
            # Too many descriptors are open: a moment that passes.
            return None
        with there:
            try:
                socket.send_fds(self._nursery, [b"!"], [there.fileno()])
            except BlockingIOError:
                here.close()
                return None
            except OSError as problem:
                here.close()
                self._ended = True
                log.warning("headers are opened in this process alone from now on: %s", type(problem).__name__)
                return None
        here.setblocking(False)
        self._free -= 1
        return _Forked(self, here, seeds)

    def give_back(self) -> None:
        """One more is free."""
        self._free += 1

    def close(self) -> None:
        """End the nursery."""
        self._ended = True
        self._nursery.close()


class _Forked:
    """Our side of one opener. Two may ask at a time, and are answered in the order they asked."""

    def __init__(self, owner: ForkedOpeners, sock: socket.socket, seeds: bytes) -> None:
        self._owner = owner
        self._sock = sock
        self._unsaid = seeds  # until the first question
        self._asking, self._hearing = asyncio.Lock(), asyncio.Lock()
        self._gone = self._closed = False

    async def ask(self, asked: bytes) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                async with self._asking:
                    before, self._unsaid = self._unsaid, b""
                    said = _framed(before) + _framed(asked) if before else _framed(asked)
                    await asyncio.get_running_loop().sock_sendall(self._sock, said)
                # Nobody else runs between these two, so who asked first hears first.
                async with self._hearing:
                    return await self._heard()
        except (OSError, TimeoutError) as problem:
            if not self._gone:
                log.warning("an opener of headers failed: %s", type(problem).__name__)
            self._gone = True
            raise OpenerGone from None

    async def _heard(self) -> bytes:
        # Behind an answer that was given up halfway, nothing is one.
        if self._gone:
            raise ConnectionResetError
        size = int.from_bytes(await self._read(_LENGTH_SIZE))
        if size > MAX_ANSWER:
            raise ConnectionResetError
        return bytes(await self._read(size))

    async def _read(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        found = bytearray(size)
        view, have = memoryview(found), 0
        while have < size:
            count = await loop.sock_recv_into(self._sock, view[have:])
            if not count:
                raise ConnectionResetError
            have += count
        return found

    def close(self) -> None:
        if not self._closed:
            self._gone = self._closed = True
            self._sock.close()
            self._owner.give_back()


def spare_cores() -> int:
    """Cores that this process may use beyond one."""
    return (len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1) - 1


def start(at_once: int) -> ForkedOpeners | None:
    """Fork the nursery of at most `at_once` openers; None where none is wanted or a fork would not be safe.

    Call it before the process has threads, an event loop, or anybody's keys.
    """
    if at_once < 1 or sys.platform != "linux" or threading.active_count() > 1:
        return None
    ours, theirs = socket.socketpair()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent = os.getpid()
    if os.fork() == 0:
        _nurse(theirs, parent)
    theirs.close()
    return ForkedOpeners(ours, at_once)


# In the nursery


def _nurse(asked: socket.socket, parent: int) -> NoReturn:
    """The nursery's whole life: fork an opener for each descriptor that comes."""
    with suppress(BaseException):
        _end_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, _bury)
        _keep_only(asked.fileno())
        _warm_up()
        gc.collect()
        gc.freeze()
        while True:
            _word, descriptors, _flags, _sender = socket.recv_fds(asked, 1, 1)
            if not descriptors:
                break
            _fork_opener(descriptors[0], asked.fileno())
    os._exit(0)


def _fork_opener(descriptor: int, nursery: int) -> None:
    mother = os.getpid()
    # Without memory or a process for it the session finds its side closed, and works by itself.
    with suppress(OSError):
        if os.fork() == 0:
            with suppress(BaseException):
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(nursery)
                _end_with(mother)
                _confine()
                work(socket.socket(fileno=descriptor))
            os._exit(0)
    os.close(descriptor)


def _bury(_number: int, _frame: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have ended before the line above: then this process has another parent by now.
    if os.getppid() != parent:
        os._exit(0)


def _keep_only(descriptor: int) -> None:
    """Close every other descriptor, by making it one of nothing: a library may go on using its number."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for other in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        if other not in {descriptor, nowhere}:
            with suppress(OSError):  # that of the listing itself
                os.fstat(other)
                os.dup2(nowhere, other, inheritable=False)
    os.close(nowhere)


def _warm_up() -> None:
    """Do once what every opener does, so that all that is loaded and looked up for it is shared."""
    identity = HybridIdentity.generate()
    summary = Summary(size=0, internaldate=0, envelope="()", body="()", bodystructure="()")
    header = seal(identity.recipient, b"", summary).header
    moment = datetime.fromtimestamp(0, UTC)
    row = StoredMessage(1, "0", moment, moment, len(header), 0, header)
    answered([1], answer(SessionView([identity], 0), question([row])))


def _confine() -> None:
    """Leave this process nothing but the processor and what it has open."""
    kernel = ctypes.CDLL(None)
    kernel.prctl(_PR_SET_DUMPABLE, 0)
    kernel.prctl(_PR_SET_NAME, b"skerry-opener")
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
    ):
        resource.setrlimit(limit, (value, value))


# In an opener


def work(session: socket.socket) -> None:
    """Answer a session's questions until it closes its side. Raises CannotOpen or OSError where it breaks off."""
    seeds = _take(session, MAX_IDENTITIES * SEED_SIZE)
    if not seeds or len(seeds) % SEED_SIZE:
        raise CannotOpen
    starts = range(0, len(seeds), SEED_SIZE)
    view = SessionView([HybridIdentity(seeds[start : start + SEED_SIZE]) for start in starts], 0)
    while asked := _take(session, MAX_QUESTION):
        session.sendall(_framed(answer(view, asked)))


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_SIZE) + data


def _take(session: socket.socket, most: int) -> bytes:
    """The next frame; empty where the other side closed."""
    head = session.recv(_LENGTH_SIZE, socket.MSG_WAITALL)
    size = int.from_bytes(head)
    if len(head) < _LENGTH_SIZE or size > most:
        return b""
    return session.recv(size, socket.MSG_WAITALL)
