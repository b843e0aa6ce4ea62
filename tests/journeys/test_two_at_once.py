"""Two mail programs at once on one mailbox for a minute while mail arrives; afterwards all sides are equal.

mbsync synchronises its Maildir both ways again and again, offlineimap another one. Meanwhile mail comes in by SMTP,
both Maildirs' owner flags, reads and files mail on either side, and an IMAP client expunges. When the minute is over
and each program has run often enough, and once more, the server and both Maildirs hold the same messages with the same
flags, and no UID has come twice. The server is restarted in the middle.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import random
import smtplib
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.journeys.house import House, prepared
from tests.servers.presence import need

pytestmark = [pytest.mark.journey, pytest.mark.slow]
ADA = "ada@example.is"
# Before the restart and after it, both: so long at least, and so many rounds of each program.
SECONDS = float(os.environ.get("TWO_SECONDS", "30"))
ROUNDS = int(os.environ.get("TWO_ROUNDS", "6"))
# Letters of a Maildir's names for what both programs carry both ways.
LETTERS = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R"}


@dataclass
class Side:
    """A program with its Maildir, and the command that synchronises it once."""

    name: str
    inbox: Path
    command: list[str]
    home: Path
    runs: int = 0
    output: str = ""
    failed: bool = False

    def sync(self) -> None:
        done = subprocess.run(
            self.command,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "HOME": str(self.home)},
        )
        self.runs += 1
        # While the server restarts a program may fail; what counts is that the next run mends it.
        self.output = f"{self.name}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        self.failed = done.returncode != 0

    def mails(self) -> dict[int, set[str]]:
        """Number of each mail → its flags' letters. Fails for a mail that is there twice."""
        found: dict[int, set[str]] = {}
        for part in ("cur", "new"):
            for path in (self.inbox / part).glob("*"):
                number = number_of(path.read_bytes())
                assert number not in found, f"{self.name} has mail {number} twice"
                found[number] = set(path.name.partition(":2,")[2]) & set(LETTERS.values())
        return found

    def flag_something(self, chance: random.Random) -> None:
        """As a person with this Maildir does: one more letter on a mail's name."""
        paths = list((self.inbox / "cur").glob("*")) + list((self.inbox / "new").glob("*"))
        if not paths:
            return
        path = chance.choice(paths)
        base, _mark, flags = path.name.partition(":2,")
        more = "".join(sorted({*flags, chance.choice("SFR")}))
        # The program may have renamed it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            path.rename(self.inbox / "cur" / f"{base}:2,{more}")


def number_of(mail: bytes) -> int:
    return int(mail.split(b"This is mail ", 1)[1].split(b",", 1)[0])


@dataclass
class Sender(threading.Thread):
    """Delivers numbered mail until told to stop."""

    port: int
    until: threading.Event
    accepted: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        number = 0
        while not self.until.is_set():
            number += 1
            text = f"Subject: mail {number}\r\n\r\nThis is mail {number}, come while others read.\r\n"
            with (
                contextlib.suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client,
            ):
                client.sendmail("ben@example.net", [ADA], text)
                self.accepted.append(number)
            self.until.wait(0.4)


@pytest.fixture
def serving() -> Iterator[tuple[House, str]]:
    need("mbsync", "offlineimap")
    with prepared(SKERRY_IMAP_CLEAR_ON_LOOPBACK="true", SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="2") as cell:
        cell.people("example", "example.is", ["ada"])
        password = cell.app_password(ADA, "session")
        cell.start()
        yield cell, password


def _mbsync(cell: House, password: str, folder: Path) -> Side:
    (folder / "mail").mkdir(parents=True)
    config = folder / "mbsyncrc"
    config.write_text(
        f"IMAPStore far\nHost 127.0.0.1\nPort {cell.ports['IMAPS']}\nUser {ADA}\nPass {password}\nSSLType IMAPS\n"
        f"CertificateFile {cell.home}/is-1/tls/cert.pem\nAuthMechs LOGIN\n\n"
        f"MaildirStore near\nPath {folder}/mail/\nInbox {folder}/mail/INBOX\n\n"
        "Channel all\nFar :far:INBOX\nNear :near:INBOX\nCreate Both\nExpunge Both\nSyncState *\n"
    )
    return Side("mbsync", folder / "mail" / "INBOX", ["mbsync", "-c", str(config), "-a"], folder)


def _offlineimap(cell: House, password: str, folder: Path) -> Side:
    folder.mkdir()
    config = folder / "offlineimaprc"
    config.write_text(
        f"[general]\naccounts = a\nui = quiet\nmetadata = {folder}/meta\n[Account a]\nlocalrepository = L\n"
        f"remoterepository = R\n[Repository L]\ntype = Maildir\nlocalfolders = {folder}/mail\n[Repository R]\n"
        f"type = IMAP\nremotehost = 127.0.0.1\nremoteport = {cell.ports['IMAP']}\nremoteuser = {ADA}\n"
        f"remotepass = {password}\nssl = no\nstarttls = no\nauth_mechanisms = LOGIN\nfolderfilter = lambda f: f == 'INBOX'\n"
    )
    return Side("offlineimap", folder / "mail" / "INBOX", ["offlineimap", "-o", "-c", str(config)], folder)


@contextlib.contextmanager
def _imap(cell: House, password: str) -> Iterator[imaplib.IMAP4]:
    """INBOX, as a mail program comes to it: who is not let in yet tries again for a while."""
    with contextlib.ExitStack() as stack:
        deadline = time.monotonic() + 120
        while True:
            try:
                client = stack.enter_context(imaplib.IMAP4("127.0.0.1", cell.ports["IMAP"], timeout=60))
                client.login(ADA, password)
                _ok(client.select("INBOX"))
                break
            except (OSError, imaplib.IMAP4.error, AssertionError):
                stack.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        yield client


def _ok[T](answer: tuple[str, T]) -> T:
    status, data = answer
    assert status == "OK", answer
    return data


def _on_the_server(cell: House, password: str) -> dict[int, tuple[int, set[str]]]:
    """Number of each mail → its UID and its flags' letters."""
    found = {}
    with _imap(cell, password) as client:
        for part in _ok(client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")):
            if isinstance(part, tuple):
                about, number = part[0].decode(), number_of(part[1])
                assert number not in found, f"the server has mail {number} twice"
                letters = {letter for flag, letter in LETTERS.items() if flag in about}
                found[number] = int(about.split("UID ")[1].split()[0].rstrip(")")), letters
    return found


def _expunge_the_oldest(cell: House, password: str) -> int:
    with _imap(cell, password) as client:
        # What others flagged meanwhile may stand before or behind the answer.
        found = [part for part in _ok(client.fetch("1", "(BODY.PEEK[TEXT])")) if isinstance(part, tuple)]
        _ok(client.store("1", "+FLAGS", "\\Deleted"))
        _ok(client.expunge())
        return number_of(found[0][1])


def _keep_syncing(side: Side, until: threading.Event) -> None:
    while not until.is_set():
        side.sync()


@contextlib.contextmanager
def _meanwhile(cell: House, sides: list[Side]) -> Iterator[Sender]:
    """Mail comes in and both programs synchronise. Whatever happens inside, none of them goes on behind it."""
    over = threading.Event()
    sender = Sender(cell.ports["MX"], over)
    workers = [threading.Thread(target=_keep_syncing, args=(side, over), daemon=True) for side in sides]
    for thread in (sender, *workers):
        thread.start()
    try:
        yield sender
    finally:
        over.set()
        for thread in (sender, *workers):
            thread.join(150)


def _for_a_while(cell: House, password: str, sides: list[Side], sender: Sender, uids: dict[int, int]) -> set[int]:
    """Flag and expunge, until each program has run often enough. Returns the numbers of what was expunged."""
    chance = random.Random(7)
    removed = set()
    enough = {side.name: side.runs + ROUNDS for side in sides}
    arrived, began = len(sender.accepted) + 2 * ROUNDS, time.monotonic()
    deadline = began + 300
    while (
        time.monotonic() < began + SECONDS
        or any(side.runs < enough[side.name] for side in sides)
        or len(sender.accepted) < arrived
    ):
        assert time.monotonic() < deadline, [(side.name, side.runs, side.output) for side in sides]
        time.sleep(0.5)
        chance.choice(sides).flag_something(chance)
        if chance.random() < 0.2 and len(sender.accepted) > 5:
            removed.add(_expunge_the_oldest(cell, password))
        for number, (uid, _flags) in _on_the_server(cell, password).items() if chance.random() < 0.2 else ():
            assert uids.setdefault(number, uid) == uid, f"mail {number} changed its UID"
    return {*removed, _expunge_the_oldest(cell, password)}


def test_two_programs_at_once_and_all_sides_are_equal(serving: tuple[House, str]) -> None:
    cell, password = serving
    uids: dict[int, int] = {}
    with tempfile.TemporaryDirectory(prefix="skerry-two-") as name:
        sides = [_mbsync(cell, password, Path(name) / "m"), _offlineimap(cell, password, Path(name) / "o")]
        with _meanwhile(cell, sides) as sender:
            removed = _for_a_while(cell, password, sides, sender, uids)
            cell.stop()
            cell.start()
            removed |= _for_a_while(cell, password, sides, sender, uids)
        for side in (*sides, *sides, *sides):
            # What one brings up in a round, the other learns in the next.
            side.sync()
            assert not side.failed, side.output
        server = _on_the_server(cell, password)
        assert set(sender.accepted) - removed <= set(server), "an accepted mail is missing"
        assert not set(server) & removed
        assert len({uid for uid, _flags in server.values()}) == len(server)
        expected = {number: flags for number, (_uid, flags) in server.items()}
        for side in sides:
            assert side.mails() == expected, side.name
            assert side.runs > 2 * ROUNDS
        assert any(expected.values()), "nothing was flagged: the test proves nothing"
        assert len(sender.accepted) > 10
        assert removed
