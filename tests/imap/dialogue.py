"""IMAP tests as transcripts: what the client says, what the server must answer.

    dialogue = Dialogue(store)
    await dialogue.play('''
        C: a SELECT INBOX
        S: * FLAGS ...
        S: * 3 EXISTS
        ...
        S: a OK [READ-WRITE] ...
    ''')

Lines begin with `C:` or `S:`; with several connections `C1:`, `S2:` and so on, made when first spoken to and, unless
`login=False`, logged in as Ada. In an `S:` line `...` stands for anything within the line, and `{name}` captures
a word (or must equal what an earlier line captured under that name; in `C:` lines it is filled in). A line of
`...` alone skips any number of lines. Before a `C:` line of a connection everything that connection was sent must
have been expected, so a surplus response fails. `<<name>>` in a `C:` line sends `literals[name]` as a literal,
`<<~name>>` as a literal8.

The transport is in memory: no socket, real `Connection`, `Session` and `Splitter`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mailhost.imap.connection import Connection
from mailhost.imap.endpoint import Endpoint, Roster
from mailhost.imap.limits import Gate, Limits, MemoryBudget
from mailhost.imap.pieces import Pieces
from mailhost.imap.server import NoMetrics
from tests.imap.memory import MemoryStore

ADA, BEN, CLEO = "ada@example.is", "ben@example.is", "cleo@demo.test"
PASSWORD = "open-sesame"
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class MemoryTransport(asyncio.Transport):
    """Collects what the server writes."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        super().__init__({"peername": (peer, 40_000)})
        self.written = bytearray()
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@dataclass
class Clock:
    """The wall clock of a test."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


class Counters:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, event: str, amount: int = 1) -> None:
        self.counts[event] = self.counts.get(event, 0) + amount


def make_endpoint(store: Any, *, clock: Callable[[], datetime] | None = None, **options: Any) -> Endpoint:
    """An endpoint that takes passwords in clear, as on loopback."""
    limits = options.pop("limits", Limits())
    loop = asyncio.get_running_loop()
    settings = {
        "accounts": store,
        "gate": Gate(limits, now=loop.time, key=b"k" * 16),
        "budget": MemoryBudget(limits.literal_memory, (limits.user_literals, limits.tenant_literals)),
        "pieces": Pieces(limits.kept_pieces),
        "limits": limits,
        "metrics": NoMetrics(),
        "clock": clock or Clock(),
        "connections": Roster(),
        "clear_on_loopback": True,
    }
    return Endpoint(**(settings | options))


class Client:
    """One connection: `say` sends octets, `hear` returns the lines answered so far."""

    def __init__(self, endpoint: Endpoint, peer: str = "127.0.0.1") -> None:
        self.transport = MemoryTransport(peer)
        self.connection = Connection(endpoint)
        self.connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        """Octets arrive at the server."""
        if self.connection._lost or self.transport.closed:
            raise ConnectionResetError
        self.connection.data_received(data)

    async def settle(self) -> None:
        """Wait until the server has nothing left to do for this connection."""
        connection = self.connection
        for _ in range(10_000):
            await asyncio.sleep(0)
            if connection._task is None or connection._more is not None or connection._drained is not None:
                # A change may be on its way to a watcher.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                if connection._task is None or connection._more is not None or connection._drained is not None:
                    return
        raise AssertionError("the server does not come to rest")

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self.transport.written)
        self.transport.written.clear()
        return data

    async def ask(self, line: bytes | str) -> bytes:
        """Send a line, return everything answered."""
        data = line.encode() if isinstance(line, str) else line
        self.send(data + b"\r\n")
        await self.settle()
        return self.take()

    async def hang_up(self) -> None:
        """The client is gone."""
        if not self.connection._lost:
            self.connection.connection_lost(None)
        for _ in range(10):
            await asyncio.sleep(0)


def logical_lines(data: bytes) -> list[str]:
    """Responses, a literal counted as part of the line that announces it."""
    lines = []
    position = 0
    while position < len(data):
        start = position
        while True:
            end = data.index(b"\r\n", position)
            announced = re.search(rb"\{(\d+)\}$", data[position:end])
            if announced is None:
                break
            position = end + 2 + int(announced[1])
        lines.append(data[start:end].decode("utf-8", "surrogateescape").replace("\r\n", "\\n"))
        position = end + 2
    return lines


@dataclass
class Dialogue:
    """Plays transcripts; captured names live as long as it does."""

    store: Any
    login: bool = True
    username: str = ADA
    select: str = ""  # a mailbox that every connection opens first
    connections: int = 0  # opened in this order before anything is said
    options: dict[str, Any] = field(default_factory=dict)
    literals: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    heard: dict[str, list[str]] = field(default_factory=dict)
    endpoint: Endpoint | None = None

    async def client(self, number: str = "") -> Client:
        """The connection of this number, made and logged in if it is new."""
        if self.endpoint is None:
            self.endpoint = make_endpoint(self.store, **self.options)
        if number not in self.clients:
            client = Client(self.endpoint)
            self.clients[number] = client
            self.heard[number] = []
            if self.login:
                client.take()
                answer = await client.ask(f'x LOGIN {self.username} "{PASSWORD}"')
                assert answer.startswith(b"x OK"), answer
                if self.select:
                    assert b"x OK" in await client.ask(f"x SELECT {self.select}")
            else:
                self.heard[number] += logical_lines(client.take())
        return self.clients[number]

    async def play(self, transcript: str) -> None:
        """Speak the lines and compare the answers; nothing may be left unexpected at the end."""
        for early in range(1, self.connections + 1):
            await self.client(str(early))
        lines = [line.strip() for line in transcript.splitlines() if line.strip()]
        for position, line in enumerate(lines, 1):
            found = re.match(r"([CS])(\d*):\s?(.*)", line)
            assert found, f"neither C: nor S:: {line}"
            who, number, text = found.groups()
            if who == "C":
                await self._say(number, self._octets(text))
            elif text == "...":
                await self._listen(number)
                self._skip(number, lines[position:])
            else:
                await self._expect(number, text)
        await self.finished()

    def _octets(self, text: str) -> bytes:
        filled = re.sub(r"\{([a-z]\w*)\}", lambda found: self.names.get(found[1], found[0]), text)
        line = b""
        for piece in re.split(r"(<<~?\w+>>)", filled):
            if piece.startswith("<<"):
                octets = self.literals[piece.strip("<~>")]
                line += b"%b{%d+}\r\n" % (b"~" if piece[2] == "~" else b"", len(octets)) + octets
            else:
                line += piece.encode()
        return line + b"\r\n"

    async def finished(self) -> None:
        """Nothing was said that no line expected."""
        for number in list(self.clients):
            await self._listen(number)
            assert not self.heard[number], f"S{number} also said {self.heard[number]}"

    async def _say(self, number: str, data: bytes) -> None:
        client = await self.client(number)
        await self._listen(number)
        assert not self.heard[number], f"S{number} also said {self.heard[number]}"
        client.send(data)
        await client.settle()

    async def _listen(self, number: str) -> None:
        client = await self.client(number)
        await client.settle()
        self.heard[number] += logical_lines(client.take())

    async def _expect(self, number: str, text: str) -> None:
        await self._listen(number)
        heard = self.heard[number]
        assert heard, f"S{number} said nothing, expected: {text}"
        line = heard.pop(0)
        assert self._matches(text, line), f"S{number} said      {line!r}\n  expected {text!r}\n  then {heard[:5]}"

    def _skip(self, number: str, following: list[str]) -> None:
        heard = self.heard[number]
        said_next = [line for line in following if re.match(rf"[CS]{number}:", line)]
        if not said_next or said_next[0].startswith("C"):
            heard.clear()
            return
        text = said_next[0].split(":", 1)[1].strip()
        while heard and not self._matches(text, heard[0], dry=True):
            heard.pop(0)

    def _matches(self, text: str, line: str, *, dry: bool = False) -> bool:
        pattern = ""
        seen: set[str] = set()
        for piece in re.split(r"(\.\.\.|\{[a-z]\w*\})", text):
            if piece == "...":
                pattern += ".*"
            elif piece.startswith("{") and piece.endswith("}") and not piece[1:-1].isdigit():
                name = piece[1:-1]
                if name in self.names:
                    pattern += re.escape(self.names[name])
                elif name in seen:
                    pattern += f"(?P={name})"
                else:
                    seen.add(name)
                    pattern += rf"(?P<{name}>[^\s()\[\]]+)"
            else:
                pattern += re.escape(piece)
        found = re.fullmatch(pattern, line, re.DOTALL)
        if found and not dry:
            self.names.update({name: value for name, value in found.groupdict().items() if value is not None})
        return found is not None


def message(subject: str = "Hello", body: str = "Good day.", extra: str = "") -> bytes:
    """A small message from Ben to Ada."""
    return (
        f"From: Ben <{BEN}>\r\nTo: Ada <{ADA}>\r\nSubject: {subject}\r\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{len(subject)}.{len(body)}@example.is>\r\n"
        f"{extra}\r\n{body}\r\n"
    ).encode()


def numbered_messages(count: int) -> list[bytes]:
    """`Message 1` to `Message count`."""
    return [message(f"Message {number}", f"Body {number}.") for number in range(1, count + 1)]


def ada_with(messages: int | list[bytes] = 0, **options: Any) -> MemoryStore:
    """A store where Ada has these messages, or so many, in INBOX."""
    store = MemoryStore()
    mailbox = store.add_person(ADA, PASSWORD, **options)
    contents = numbered_messages(messages) if isinstance(messages, int) else messages
    for content in contents:
        store.put(mailbox, "INBOX", content, now=NOW)
    return store
