"""What IMAP costs over a real cell's database, without a socket: where the microseconds of a session go.

    python -m tests.bench.bench_imap_store DIR [--messages N] [--parts envelopes,append] [--openers N]

DIR keeps the cell between runs, so that a second run measures at once. Prints for each command the wall clock, the
processor time of this process and the latter per message; the processor's time is the figure to compare, because other
programs disturb it least. What processes that open headers for this one take is not in it. `python -X perf` under `perf record -e cpu-clock` shows where it goes, threads included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import target

if TYPE_CHECKING:
    from mailhost.adapters.imapstore.accounts import DatabaseAccounts
    from mailhost.adapters.imapstore.openers import Openers
    from mailhost.adapters.workshop import Workshop
    from mailhost.imap.store import Accounts

BATCH = 500
HUGE = 500_000
PARTS = ("bodies", "envelopes", "sealed", "login", "append", "huge")
LINE = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"


def letter(number: int) -> bytes:
    """4 KiB, as the load generator's."""
    head = (
        b"From: Ben <ben@demo.test>\r\nTo: Ada <ada@example.is>\r\nSubject: Message %d of the bench\r\n"
        b"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@demo.test>\r\n\r\n" % (number, number)
    )
    return head + LINE * ((4096 - len(head)) // len(LINE))


class Person:
    """A conversation over memory."""

    def __init__(self, accounts: Accounts) -> None:
        from mailhost.imap.limits import Limits
        from tests.imap.dialogue import Client, make_endpoint

        self.endpoint = make_endpoint(accounts, clock=lambda: datetime.now(UTC), limits=Limits())
        self.client = Client(self.endpoint)

    async def say(self, line: bytes) -> int:
        """Octets of the answer."""
        self.client.send(line)
        size = 0
        transport = self.client.transport
        while True:
            task = self.client.connection._task
            if task is not None:
                await asyncio.wait([task])
            data = transport.written
            size += len(data)
            if b"\r\na " in data[-2000:] or data.startswith((b"a ", b"+")):
                assert b"a NO" not in data[-200:], bytes(data[-200:])
                transport.written = bytearray()
                return size
            await asyncio.sleep(0)

    async def bye(self) -> None:
        """LOGOUT, and the end of the connection."""
        await self.say(b"a LOGOUT\r\n")
        self.client.connection.connection_lost(None)
        task = self.client.connection._task
        if task is not None:
            await task


@asynccontextmanager
async def opened(openers: Openers | None = None) -> AsyncIterator[tuple[Workshop, DatabaseAccounts]]:
    """The store of this process."""
    from django.conf import settings

    from mailhost.adapters.blobs import FileBlobs
    from mailhost.adapters.changes import Changes
    from mailhost.adapters.database import Readers
    from mailhost.adapters.imapstore.accounts import DatabaseAccounts
    from mailhost.adapters.workshop import Workshop
    from mailhost.adapters.writer import Writer
    from mailhost.wiring.sealing import sealing_on
    from webadmin.cell.keyfiles import read_or_make

    environ = settings.ENVIRON
    readers, writer = Readers(), Writer()
    writer.start()
    shop = Workshop(readers, writer, FileBlobs(Path(environ.home) / "bench-blobs"), Changes(readers))
    shop.blobs.prepare()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        yield (
            shop,
            DatabaseAccounts(
                shop,
                key=read_or_make(environ.keys / "app-password.key"),
                seal_to=sealing_on(threads),
                append_limit=10**8,
                now=lambda: datetime.now(UTC),
                openers=openers,
            ),
        )
    writer.stop()
    readers.close()


async def fill(accounts: DatabaseAccounts, user: list[str], count: int) -> None:
    """`count` messages in the INBOX of a user whose INBOX is empty."""
    from mailhost.imap.store import NewMessage

    account = await accounts.login(*user, source="")
    have = (await account.folder("INBOX")).messages
    for start in range(have, count, BATCH):
        messages = [NewMessage(letter(number)) for number in range(start, min(count, start + BATCH))]
        await account.append("INBOX", messages, now=datetime.now(UTC))
        print(f"filling {start + len(messages)}", end="\r", file=sys.stderr)
    await account.close()


@dataclass
class SealedAccounts:
    """Lets everybody into the sealed view."""

    shop: Workshop

    async def login(self, username: str, password: str, *, source: str) -> Any:
        from mailhost.adapters.database import statements
        from mailhost.adapters.imapstore.account import DatabaseAccount
        from mailhost.adapters.imapstore.sealedview import SealedView

        def find() -> int:
            with statements() as cursor:
                cursor.execute("SELECT id FROM mailhost_mailbox WHERE address = %s", [username])
                return int(cursor.fetchone()[0])

        row_id = await self.shop.readers.run(find)
        return DatabaseAccount(self.shop, row_id, SealedView(username, 10**8), None)  # type: ignore[arg-type]

    async def still_good(self, login_ids: Collection[int]) -> Collection[int]:
        return login_ids


async def logged_in(accounts: Accounts, user: list[str], *, select: bool = True) -> Person:
    """A session, with INBOX selected."""
    person = Person(accounts)
    await person.say(b"a LOGIN %b %b\r\n" % tuple(text.encode() for text in user))
    if select:
        await person.say(b"a SELECT INBOX\r\n")
    return person


@dataclass
class Bench:
    """The parts of the table, by name."""

    shop: Workshop
    accounts: DatabaseAccounts
    users: list[list[str]]
    count: int

    async def timed(self, name: str, person: Person, line: bytes, messages: int) -> None:
        """One row: a command and what it took."""
        started, cpu = time.perf_counter(), time.process_time()
        octets = await person.say(line)
        show(name, time.perf_counter() - started, time.process_time() - cpu, messages, octets)

    async def envelopes(self) -> None:
        """Lists and bodies in the session view, without segments and with them."""

        def forget(cursor: Any) -> None:
            cursor.execute("DELETE FROM mailhost_indexsegment")

        await self.shop.writer.change(forget)
        for name in ("cold", "warm", "warm again"):
            person = await logged_in(self.accounts, self.users[0])
            await self.timed(f"envelopes, {name}", person, b"a FETCH 1:* (FLAGS ENVELOPE)\r\n", self.count)
            if name == "warm":
                await self.timed("bodies, keys known", person, b"a FETCH 1:1000 BODY.PEEK[]\r\n", 1000)
            await person.bye()

    async def bodies(self) -> None:
        """Bodies of mails that were never listed."""

        def forget(cursor: Any) -> None:
            cursor.execute("DELETE FROM mailhost_indexsegment")

        await self.shop.writer.change(forget)
        person = await logged_in(self.accounts, self.users[0])
        for _ in range(5):
            await self.timed("bodies, keys unknown", person, b"a FETCH 1:1000 BODY.PEEK[]\r\n", 1000)
        await person.bye()

    async def sealed(self) -> None:
        """The sealed view."""
        person = await logged_in(SealedAccounts(self.shop), self.users[0])
        await self.timed("select", person, b"a SELECT INBOX\r\n", self.count)
        await self.timed("flags", person, b"a FETCH 1:* FLAGS\r\n", self.count)
        await self.timed("sealed bodies", person, b"a FETCH 1:* BODY.PEEK[]\r\n", self.count)
        await self.timed("sealed envelopes", person, b"a FETCH 1:* (FLAGS ENVELOPE)\r\n", self.count)
        await person.bye()

    async def login(self) -> None:
        """Session logins that do nothing."""
        for _round in range(3):
            started, cpu = time.perf_counter(), time.process_time()
            for _ in range(200):
                await (await logged_in(self.accounts, self.users[0], select=False)).bye()
            show("login, logout", time.perf_counter() - started, time.process_time() - cpu, 200)

    async def append(self) -> None:
        """Messages of 4 KiB from one client and from ten."""
        people = [await logged_in(self.accounts, self.users[1]) for _ in range(10)]
        for some, each in ((people[:1], 100), (people, 60)) * 2:
            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*[appended(one, letter(1), each) for one in some])
            wall, spent = time.perf_counter() - started, time.process_time() - cpu
            show(f"append x{len(some)}", wall, spent, each * len(some))
        await people[0].say(b"a STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n")
        await people[0].say(b"a EXPUNGE\r\n")

    async def huge(self) -> None:
        """A folder of half a million messages: rows of one sealed message, for only the rows count."""
        login, _password = self.users[1]

        def make(cursor: Any) -> None:
            cursor.execute(
                "SELECT f.id FROM mailhost_folder f JOIN mailhost_mailbox m ON m.id = f.mailbox_id"
                " WHERE m.address = %s AND f.name = 'Archive'",
                [login],
            )
            folder = cursor.fetchone()[0]
            cursor.execute("SELECT COUNT(*), MAX(id) FROM mailhost_message WHERE folder_id = %s", [folder])
            if cursor.fetchone()[0] >= HUGE:
                return
            cursor.execute("SELECT MAX(id) FROM mailhost_sealedmessage")
            sealed = cursor.fetchone()[0]
            cursor.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)"
                " INSERT INTO mailhost_message (folder_id, uid, modseq, flags, saved, sealed_id)"
                " SELECT %s, i, i, i & 1, '2026-01-01 00:00:00', %s FROM n",
                [HUGE, folder, sealed],
            )
            cursor.execute(
                "UPDATE mailhost_folder SET uidnext = %s, highestmodseq = %s, recent_from = %s WHERE id = %s",
                [HUGE + 1, HUGE, HUGE + 1, folder],
            )

        await self.shop.writer.change(make)
        for _ in range(3):
            person = await logged_in(self.accounts, self.users[1], select=False)
            before = resident()
            await self.timed("select, half a million", person, b"a EXAMINE Archive\r\n", HUGE)
            print(f"{'':24} keeps {(resident() - before) >> 20} MiB more than before")
            await self.timed("flags of 50,000", person, b"a FETCH 1:50000 FLAGS\r\n", 50_000)
            await person.bye()


def resident() -> int:
    """Octets of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def show(name: str, wall: float, cpu: float, messages: int, octets: int = 0) -> None:
    """Print a row."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:24} wall {wall * 1000:9.1f} ms  cpu {cpu * 1000:9.1f} ms {cpu / messages * 1e6:8.2f} us each"
        f" {octets >> 10:8,} KiB  peak {rss} MiB",
        flush=True,
    )


async def measure(users: list[list[str]], count: int, parts: list[str], openers: Openers | None) -> None:
    """Print the table."""
    async with opened(openers) as (shop, accounts):
        await fill(accounts, users[0], count)
        # As a daemon does once everything is loaded.
        gc.collect()
        gc.freeze()
        for part in parts:
            await getattr(Bench(shop, accounts, users, count), part)()


async def appended(person: Person, literal: bytes, count: int) -> None:
    """One client's APPENDs."""
    for _ in range(count):
        await person.say(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(literal), literal))


def main() -> None:
    """Make the cell if it is not there, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--parts", default=",".join(PARTS), help="some of: %(default)s")
    parser.add_argument("--openers", type=int, default=0, help="processes that open headers too, as imapd has them")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(target.settings(folder))
    os.environ["DJANGO_SETTINGS_MODULE"] = "webadmin.settings"
    known = folder / "users.json"
    if not known.exists():
        known.write_text(json.dumps(target.provision(2)))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    users = json.loads(known.read_text())
    from mailhost.adapters.imapstore import openers

    helping = openers.start(arguments.openers)
    asyncio.run(measure(users, arguments.messages, arguments.parts.split(","), helping))


if __name__ == "__main__":
    main()
