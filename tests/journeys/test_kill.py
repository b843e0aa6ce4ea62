"""Nothing acknowledged is lost: processes are killed with SIGKILL under load, twenty times and more.

Senders deliver numbered messages and note which were answered 250. Meanwhile one child of `serve` after the other
is killed, writers included. Afterwards every acknowledged message must be there and open to what was sent, and
`manage.py verify` must find nothing. A crash may duplicate a message, never lose one.
"""

from __future__ import annotations

import imaplib
import os
import random
import signal
import smtplib
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from tests.journeys.house import House, prepared
from tests.patience import PATIENCE, eventually

KILLS = 22
SENDERS = 6


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Sender(threading.Thread):
    """Delivers messages until told to stop; keeps the numbers that were acknowledged."""

    def __init__(self, name: str, port: int, stop: threading.Event, size: int) -> None:
        super().__init__(daemon=True)
        self._who = name
        self._port = port
        self._until = stop
        self._size = size
        self._number = 0
        self.acknowledged: list[str] = []

    def run(self) -> None:
        # Where nobody listens for a moment, asking without a pause would take the time that a start needs.
        while not self._until.wait(0.02):
            with (
                suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self._port, local_hostname="sender.test", timeout=30) as client,
            ):
                self._deliver(client)

    def _deliver(self, client: smtplib.SMTP) -> None:
        for _ in range(20):
            self._number += 1
            mark = f"{self._who}-{self._number}"
            text = f"Subject: {mark}\r\n\r\n{mark} " + "x" * self._size + "\r\n"
            client.sendmail("sender@sender.test", ["ada@example.is"], text)
            self.acknowledged.append(mark)
            if self._until.is_set():
                break


@contextmanager
def _sending(cell: House, name: str, sizes: Sequence[int]) -> Iterator[list[_Sender]]:
    """A sender for each size of message; none is left when this ends."""
    stop = threading.Event()
    senders = [_Sender(f"{name}{number}", cell.ports["MX"], stop, size) for number, size in enumerate(sizes)]
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        stop.set()
        for sender in senders:
            sender.join(timeout=PATIENCE)
    assert not any(sender.is_alive() for sender in senders)


def _wait_for_progress(senders: list[_Sender], more: int = 15) -> None:
    """Until some more mail has come through: each kill happens under load."""
    before = sum(len(sender.acknowledged) for sender in senders)
    eventually(
        lambda: sum(len(sender.acknowledged) for sender in senders) >= before + more,
        lambda: "no mail comes through any more",
    )


def _subjects(cell: House, password: str) -> list[str]:
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
        client.login("ada@example.is", password)
        client.select("INBOX")
        _, data = client.fetch("1:*", "(BODY.PEEK[TEXT])")
        return [part[1].split(b" ")[0].decode() for part in data if isinstance(part, tuple)]


@pytest.mark.journey
@pytest.mark.slow
def test_no_acknowledged_message_is_lost_when_processes_are_killed() -> None:
    dice = random.Random(7)
    # Who was killed often waits longer before the next start: among so many, there is always one who takes mail.
    with prepared(SKERRY_SMTPD_WORKERS="5", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.people("example", "example.is", ["ada"])
        password = cell.app_password("ada@example.is", "session")
        cell.start()
        # One sender with large messages, so that blob files are in flight too.
        with _sending(cell, "s", [200_000, *[3000] * (SENDERS - 1)]) as senders:
            for _ in range(KILLS):
                _wait_for_progress(senders)
                time.sleep(dice.uniform(0, 0.1))
                victims = [pid for pid, line in cell.children().items() if "smtpd" in line or "imapd" in line]
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(victims), signal.SIGKILL)
        cell.wait_until_served()
        wanted = {mark for sender in senders for mark in sender.acknowledged}
        found = _subjects(cell, password)
        assert len(wanted) >= 15 * KILLS
        assert wanted <= set(found)
        cell.stop()
        checked = cell.manage("verify")
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.journey
@pytest.mark.slow
def test_the_whole_cell_may_be_killed_at_once_and_comes_back_with_everything() -> None:
    with prepared(SKERRY_SMTPD_WORKERS="2", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.people("example", "example.is", ["ada"])
        password = cell.app_password("ada@example.is", "session")
        wanted: set[str] = set()
        for round_ in range(2):
            cell.start()
            with _sending(cell, f"r{round_}", [2000]) as [sender]:
                _wait_for_progress([sender], 12)
                cell.kill()
            wanted |= set(sender.acknowledged)
        cell.start()
        assert len(wanted) > 20
        assert wanted <= set(_subjects(cell, password))
        cell.stop()
        assert cell.manage("verify").returncode == 0
