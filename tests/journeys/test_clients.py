"""Mail programs nobody here wrote: they deliver with SMTP and synchronise with IMAP, again after a restart.

Each program gets the same mailbox of ten mails. What counts is what ends up on its side: every mail once, byte for
byte where the program keeps bytes, nothing again at the second run and nothing lost after the server was restarted.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from imaplib import IMAP4
from pathlib import Path

import pytest

from tests.journeys.house import House, prepared
from tests.patience import PATIENCE
from tests.servers.presence import need

pytestmark = [pytest.mark.journey, pytest.mark.slow]
COUNT = 10
ADA, BEN = "ada@example.is", "ben@example.is"


@dataclass
class Stage:
    """A serving cell, Ada's session app password, and a folder for the program's files."""

    cell: House
    password: str
    folder: Path

    @property
    def clear(self) -> int:
        return self.cell.ports["IMAP"]

    @property
    def tls(self) -> int:
        return self.cell.ports["IMAPS"]

    @property
    def certificate(self) -> Path:
        return self.cell.home / "is-1" / "tls" / "cert.pem"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def run(self, *words: object, env: Mapping[str, str] | None = None, wait: float = PATIENCE) -> str:
        done = subprocess.run(
            [str(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            timeout=wait,
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), **(env or {})},
        )
        assert done.returncode == 0, f"{words[0]}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    def restart(self) -> None:
        self.cell.stop()
        self.cell.start()


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[House, str]]:
    need("swaks")
    with prepared(SKERRY_IMAP_CLEAR_ON_LOOPBACK="true", SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="2") as cell:
        cell.people("example", "example.is", ["ada", "ben"])
        password = cell.app_password(ADA, "session")
        cell.start()
        for number in range(1, COUNT + 1):
            subprocess.run(
                [
                    "swaks",
                    "--silent",
                    "3",
                    "--timeout",
                    "60",
                    "--server",
                    f"127.0.0.1:{cell.ports['MX']}",
                    "--tls",
                    "--from",
                    "ben@example.net",
                    "--to",
                    ADA,
                    "--header",
                    f"Subject: mail {number}",
                    "--body",
                    f"This is mail {number}, with ümlauts.",
                ],
                check=True,
                timeout=PATIENCE,
            )
        yield cell, password


@pytest.fixture
def stage(serving: tuple[House, str]) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="skerry-client-") as folder:
        yield Stage(*serving, Path(folder))


def _maildir(path: Path) -> list[bytes]:
    return [file.read_bytes() for part in ("cur", "new") for file in sorted((path / part).glob("*"))]


def _numbers(mails: list[bytes]) -> list[int]:
    """The numbers in the mails' bodies, sorted."""
    return sorted(int(mail.split(b"This is mail ")[1].split(b",")[0]) for mail in mails)


EVERY = list(range(1, COUNT + 1))


def test_mbsync_synchronises_both_ways_and_again_after_a_restart(stage: Stage) -> None:
    need("mbsync")
    (stage.folder / "mail").mkdir()
    config = stage.write(
        "mbsyncrc",
        f"IMAPStore far\nHost 127.0.0.1\nPort {stage.tls}\nUser {ADA}\nPass {stage.password}\nSSLType IMAPS\n"
        f"CertificateFile {stage.certificate}\nAuthMechs LOGIN\n\n"
        f"MaildirStore near\nPath {stage.folder}/mail/\nInbox {stage.folder}/mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
    )
    stage.run("mbsync", "-c", config, "-a")
    inbox = stage.folder / "mail" / "INBOX"
    assert _numbers(_maildir(inbox)) == EVERY
    # One mail the other way, one flag, then a restart: UIDVALIDITY holds, nothing is fetched twice.
    (stage.folder / "mail" / "Drafts" / "new" / "1.mbsync").write_bytes(b"Subject: draft\n\nThis is mail 99, mine.\n")
    first = min((inbox / "new").glob("*"))
    first.rename(inbox / "cur" / (first.name.partition(":2,")[0] + ":2,F"))
    stage.run("mbsync", "-c", config, "-a")
    stage.restart()
    output = stage.run("mbsync", "-V", "-c", config, "-a")
    assert "UIDVALIDITY" not in output
    assert _numbers(_maildir(inbox)) == EVERY
    assert len(_maildir(stage.folder / "mail" / "Drafts")) == 1
    flagged = stage.run("curl", "-s", f"imap://127.0.0.1:{stage.clear}/INBOX?FLAGGED", "-u", f"{ADA}:{stage.password}")
    assert len(flagged.split()) == 3
    drafts = stage.run(
        "curl", "-s", f"imap://127.0.0.1:{stage.clear}/Drafts;MAILINDEX=1", "-u", f"{ADA}:{stage.password}"
    )
    assert "This is mail 99" in drafts


def test_offlineimap_takes_every_mail_once(stage: Stage) -> None:
    need("offlineimap")
    config = stage.write(
        "offlineimaprc",
        f"[general]\naccounts = a\nui = quiet\nmetadata = {stage.folder}/meta\n[Account a]\nlocalrepository = L\n"
        f"remoterepository = R\n[Repository L]\ntype = Maildir\nlocalfolders = {stage.folder}/mail\n[Repository R]\n"
        f"type = IMAP\nremotehost = 127.0.0.1\nremoteport = {stage.clear}\nremoteuser = {ADA}\n"
        f"remotepass = {stage.password}\nssl = no\nstarttls = no\nauth_mechanisms = LOGIN\n",
    )
    for _ in range(2):
        stage.run("offlineimap", "-o", "-c", config)
    assert _numbers(_maildir(stage.folder / "mail" / "INBOX")) == EVERY


def test_getmail_takes_every_mail_once(stage: Stage) -> None:
    need("getmail")
    for name in ("cur", "new", "tmp"):
        (stage.folder / "mail" / name).mkdir(parents=True)
    stage.write(
        "getmailrc",
        f"[retriever]\ntype = SimpleIMAPRetriever\nserver = 127.0.0.1\nport = {stage.clear}\nusername = {ADA}\n"
        f'password = {stage.password}\nmailboxes = ("INBOX",)\n[destination]\ntype = Maildir\npath = {stage.folder}/mail/\n'
        "[options]\nread_all = false\ndelete = false\n",
    )
    subprocess.run(["chmod", "-R", "a+rwX", str(stage.folder)], check=True)
    # It refuses to deliver as root.
    drop = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if drop:
        subprocess.run(["chown", "-R", "nobody:nogroup", str(stage.folder)], check=True)
    for _ in range(2):
        stage.run(*drop, "getmail", f"--getmaildir={stage.folder}", "--rcfile=getmailrc")
    assert _numbers(_maildir(stage.folder / "mail")) == EVERY


def test_fetchmail_takes_every_mail(stage: Stage) -> None:
    need("fetchmail")
    config = stage.write(
        "fetchmailrc",
        f'poll 127.0.0.1 service {stage.clear} protocol imap user "{ADA}" password "{stage.password}" sslproto ""'
        f' keep fetchall mda "cat >> {stage.folder}/mbox"\n',
    )
    stage.run("fetchmail", "-f", config, env={"FETCHMAILHOME": str(stage.folder)})
    mails = (stage.folder / "mbox").read_bytes().split(b"Return-Path:")[1:]
    assert _numbers(mails) == EVERY


def test_neomutt_copies_every_mail_out(stage: Stage) -> None:
    need("neomutt", "script")
    config = stage.write(
        "neomuttrc",
        f"set folder=imap://127.0.0.1:{stage.clear}/\nset spoolfile=+INBOX\nset imap_user={ADA}\n"
        f"set imap_pass={stage.password}\nset ssl_starttls=no\nset ssl_force_tls=no\nset copy=no\nset quit=yes\n"
        f"set confirmcreate=no\nset header_cache={stage.folder}/cache\nset sleep_time=0\n"
        f'push "<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{stage.folder}/mbox<enter><quit>"\n',
    )
    stage.run("script", "-qec", f"neomutt -n -F {config}", "/dev/null", env={"TERM": "xterm"})
    mails = (stage.folder / "mbox").read_bytes().split(b"\nReturn-Path:")
    assert _numbers(mails[-COUNT:]) == EVERY


def test_curl_reads_searches_and_appends(stage: Stage) -> None:
    need("curl")
    login = ["-sk", "-u", f"{ADA}:{stage.password}"]
    url = f"imaps://127.0.0.1:{stage.tls}"
    third = stage.run("curl", *login, f"{url}/INBOX;MAILINDEX=3")
    assert third.startswith("Return-Path: <ben@example.net>")
    assert "This is mail 3, with ümlauts." in third
    assert stage.run("curl", *login, f"{url}/INBOX?SUBJECT%20%22mail%203%22").strip() == "* SEARCH 3"
    letter = stage.write("letter.eml", "Subject: from curl\r\n\r\nThis is mail 50, sent by curl.\r\n")
    stage.run("curl", *login, "-T", letter, f"{url}/Archive")
    assert "sent by curl" in stage.run("curl", *login, f"{url}/Archive;MAILINDEX=1")


def test_interimap_keeps_two_mailboxes_equal_by_qresync_and_over_a_restart(stage: Stage) -> None:
    need("interimap")
    people = {ADA: stage.password, BEN: stage.cell.app_password(BEN, "session")}
    (stage.folder / "state").mkdir(mode=0o700)
    sides = "".join(
        f"[{side}]\ntype = imaps\nhost = 127.0.0.1\nport = {stage.tls}\nusername = {name}\npassword = {word}\n"
        f"auth = PLAIN\nSSL_CAfile = {stage.certificate}\n"
        for side, (name, word) in zip(("local", "remote"), people.items(), strict=True)
    )
    config = stage.write("interimap.conf", f"database = {stage.folder}/state/both.db\nlist-mailbox = *\n{sides}")
    env = {"XDG_DATA_HOME": str(stage.folder / "state")}
    stage.run("interimap", "--config", config, env=env)
    assert len(_folders(stage, *people.items())[0]["INBOX"]) == COUNT
    # Both sides change, apart from each other: flags, a folder, a letter moved, one gone, one new.
    with _signed_in(stage, BEN, people[BEN]) as ben:
        ben.create("Tides")
        ben.select("INBOX")
        ben.uid("STORE", "1:3", "+FLAGS", "(\\Seen $Forwarded)")
        ben.uid("MOVE", "4", "Tides")
    with _signed_in(stage, ADA, people[ADA]) as ada:
        ada.select("INBOX")
        ada.uid("STORE", "6", "+FLAGS", "(\\Deleted)")
        ada.uid("EXPUNGE", "6")
        ada.append("INBOX", "(\\Flagged)", "", b"Subject: mail 77\r\n\r\nThis is mail 77, mine.\r\n")
    stage.restart()
    for _ in range(2):
        said = stage.run("interimap", "--config", config, env=env)
    assert "Added" not in said, "the second run found nothing to do"
    one, other = _folders(stage, *people.items())
    assert one == other
    assert (len(one["INBOX"]), len(one["Tides"])) == (COUNT - 1, 1)


@contextmanager
def _signed_in(stage: Stage, user: str, password: str) -> Iterator[IMAP4]:
    with IMAP4("127.0.0.1", stage.clear) as imap:
        imap.login(user, password)
        yield imap


def _folders(stage: Stage, *people: tuple[str, str]) -> list[dict[str, list[tuple[str, ...]]]]:
    """For each of them: the subject and flags of every mail, by folder."""
    found = []
    for user, password in people:
        with _signed_in(stage, user, password) as imap:
            names = [line.decode().rpartition('"/" ')[2] for line in imap.list()[1] if isinstance(line, bytes)]
            found.append({name: sorted(_mails(imap, name)) for name in names})
    return found


def _mails(imap: IMAP4, folder: str) -> Iterator[tuple[str, ...]]:
    imap.select(folder, readonly=True)
    for answer in imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(answer, tuple):
            flags = re.search(rb"FLAGS \(([^)]*)\)", answer[0])
            assert flags is not None
            yield answer[1].decode().strip(), *sorted({*flags[1].decode().split()} - {r"\Recent"})
