"""One SMTP session on a socket: aiosmtpd's protocol class with its slow and unsafe parts replaced.

aiosmtpd 1.4.6 is an asyncio protocol with a command loop. What is ours, and why:

* blocks, not lines: content goes from `data_received` into a sink (`content`), under a memory budget (`budget`);
* the dialogue is a table and values (`dialogue`), so hooks are not searched for with `inspect` on each connection,
  command limits are not shared between connections, and addresses are parsed strictly and fast;
* STARTTLS asks the event loop (`loop.start_tls`): on uvloop an idle TLS connection then costs 49 KiB, not 284; any
  octet behind STARTTLS ends the session (RFC 3207 §6);
* nothing cancels a message that is being stored: not a half-closed connection, not a lost one. If the 250 cannot be
  written, the receiver is told (`answer_lost`), for the sender will send the message again;
* an exception becomes 451 and one log line without values, never a permanent 500 with a class name;
* no timer for each session: `watch` is called for all of them every few seconds. A client may think for five
  minutes between commands, but content must keep coming at a minimal rate, however long it takes in all;
* aiosmtpd's logger, which writes addresses and bodies, is shut.

Replies to pipelined commands leave together, when no complete command is waiting (RFC 2920 §3.2).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import traceback
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, cast

from aiosmtpd.smtp import SMTP

from mailhost.deliver import Envelope
from mailhost.outcomes import Reason
from mailhost.smtp import replies
from mailhost.smtp.budget import Ticket
from mailhost.smtp.content import ChunkSink, DataSink
from mailhost.smtp.dialogue import Close, Dialogue, Later, ReadChunk, ReadContent, StartTls, Step
from mailhost.smtp.floor import Floor, Place
from mailhost.smtp.inbox import Inbox
from mailhost.smtp.proof import answer_was_lost
from mailhost.smtp.submission import Ask

log = logging.getLogger(__name__)

# aiosmtpd logs peers and commands at INFO and whole messages at DEBUG. Nothing of that may be written anywhere.
_library_log = logging.getLogger("mail.log")
_library_log.setLevel(logging.CRITICAL + 1)
_library_log.propagate = False

# The reader holds at most twice this before it stops reading: pipelined commands, never content.
_READ_AHEAD: Final = 32 * 1024
# A line without an end is thrown away up to here, then the session.
_ENDLESS: Final = 64 * 1024
# Content of one session that is taken before the others get their turn: libuv would take 32 blocks.
_TURN: Final = 512 * 1024
# A session that was told goodbye and does not read it is cut after this many seconds.
_LINGER: Final = 10.0


class Gone(Exception):
    """The client is not there any more. Not an OSError, which a use-case may raise for reasons of its own."""


class Session(SMTP):
    """One connection."""

    if TYPE_CHECKING:
        # Of asyncio.streams.FlowControlMixin, which asyncio's own StreamWriter leans on.
        _paused: bool

        async def _drain_helper(self) -> None: ...

    def __init__(self, floor: Floor, loop: asyncio.AbstractEventLoop) -> None:
        # SMTP.__init__ is not called: it looks for hooks in every attribute of two objects, asks DNS for a name and
        # clears limits that belong to all connections.
        self._inbox = Inbox(limit=_READ_AHEAD, loop=loop)
        asyncio.StreamReaderProtocol.__init__(self, self._inbox, self._cb_client_connected, loop)
        self.loop = loop
        self.task: asyncio.Task[None] | None = None
        self._floor = floor
        self._limits = floor.house.limits
        self._dialogue: Dialogue
        self._wire: asyncio.Transport | None = None
        self._place: Place | None = None
        self._out: list[bytes] = []
        # How it ends: after the present command, because the process stops, at the latest at a moment.
        self._closing = False
        self._stopping = False
        self._close_by: float | None = None
        # What it waits for: a command (or a reader of replies) since a moment, or content.
        self._waiting_since: float | None = None
        self._sink: DataSink | ChunkSink | None = None
        self._sink_full: asyncio.Future[None] | None = None
        self._ticket: Ticket | None = None
        self._window = (0.0, 0)
        self._turn_ends = 0  # octets of content after which the others get theirs

    # The event loop calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        # uvloop's transports are no subclasses of asyncio's; both keep its promises.
        self._wire = cast("asyncio.Transport", transport)
        peername = transport.get_extra_info("peername")
        peer = str(peername[0]) if isinstance(peername, tuple) and peername else ""
        self._place = self._floor.enter(peer, self.loop.time())
        self._count("connections", "refused" if self._place is None else "taken")
        if self._place is None:
            self._give_up(replies.TOO_MANY_CONNECTIONS)
            return
        house, source = self._floor.house, self._place.source
        self._dialogue = Dialogue(house, peer, loopback=source is None, login=house.authentication(source))
        # RFC 8314 §3.3: a submission port where TLS comes before the first word.
        if transport.get_extra_info("sslcontext") is not None:
            self._dialogue.start(tls=_cipher(transport))
        self._floor.sessions.add(self)
        self.task = self.loop.create_task(self._handle_client())

    def data_received(self, data: bytes) -> None:
        if self._sink is None:
            self._inbox.feed_data(data)
        else:
            self._feed(self._sink, data)

    def eof_received(self) -> bool:
        # The client will send no more, but may still read: a message that is complete gets its answer.
        self._abandon_content()
        return bool(asyncio.StreamReaderProtocol.eof_received(self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._abandon_content()
        asyncio.StreamReaderProtocol.connection_lost(self, exc)
        self._wire = None
        self._floor.sessions.discard(self)
        if self._place is not None:
            self._floor.leave(self._place)
            self._place = None

    def watch(self, now: float) -> None:
        """Close the session if its client keeps it waiting too long. Called every few seconds."""
        if self._close_by is not None:
            if now > self._close_by:
                self.cut()
        elif self._sink is not None:
            self._watch_content(self._sink, now)
        elif self._waiting_since is not None and now - self._waiting_since > self._patience():
            self._give_up(replies.TIMEOUT)

    def _patience(self) -> float:
        # Between two chunks a client holds memory that others wait for.
        holds_up_others = self._ticket is not None and self._floor.budget.pressed
        return self._limits.content_window if holds_up_others else self._limits.idle

    def _watch_content(self, sink: DataSink | ChunkSink, now: float) -> None:
        limits = self._limits
        since, seen = self._window
        if self._ticket is not None and self._ticket.paused:
            # It is this host that makes the client wait.
            self._window = (now, sink.seen)
        elif now - since >= limits.content_window:
            rate = limits.content_rate_pressed if self._floor.budget.pressed else limits.content_rate
            if sink.seen - seen < rate * (now - since):
                self._give_up(replies.TOO_SLOW)
            self._window = (now, sink.seen)

    def stop(self) -> None:
        """The process stops: say so now, or behind the answer to the message that is being stored."""
        self._stopping = True
        if self._waiting_since is not None or self._sink is not None:
            self._give_up(replies.STOPPING)

    def cut(self) -> None:
        """Close the connection without a word."""
        if self._wire is not None:
            self._wire.abort()

    # The session itself.

    async def _handle_client(self) -> None:
        self._out.append(b"220 %b ESMTP\r\n" % self._floor.house.hostname.encode())
        try:
            while not self._closing:
                line = self._inbox.line(self._limits.command_line)
                if line is None and (line := await self._next_line()) is None:
                    break
                try:
                    step = self._understand(line)
                    # Nearly every answer is a reply, and nothing has to wait for it.
                    if isinstance(step, bytes):
                        self._out.append(step)
                    else:
                        await self._do(step)
                except Gone:
                    raise
                except Exception as error:  # noqa: BLE001 - a fault of ours is never the sender's permanent failure
                    self._fault(error)
                if self._ticket is not None and self._dialogue.chunks is None:
                    self._end_ticket()
                if self._stopping and not self._closing:
                    self._say_last(replies.STOPPING)
            await self._flush()
        except Gone:
            self._count("connections", "lost")
        finally:
            self._end_ticket()
            self._close()

    async def _next_line(self) -> bytes | None:
        """The next line with its line end, b"" for one that is too long, None when there will be no more."""
        thrown_away = 0
        limit = self._limits.command_line
        while (line := self._inbox.line(limit)) is None:
            thrown_away += self._inbox.forget(limit)
            if thrown_away > _ENDLESS:
                self._say_last(replies.NOT_SMTP)
                return None
            if self._inbox.ended:
                return None
            self._write()
            if self._paused:
                # Meanwhile a line may have come, or the end: nobody may wait for more behind that.
                await self._wait(self._drain_helper())
                continue
            await self._wait(self._inbox.more())
        return b"" if thrown_away else line

    def _understand(self, line: bytes) -> Step:
        """What follows from one line."""
        dialogue = self._dialogue
        if not line:
            return dialogue.refuse(replies.LINE_TOO_LONG)
        # RFC 5321 §2.3.8: a lone LF ends nothing; hosts that differ about that can be played against each other.
        if not line.endswith(b"\r\n"):
            return dialogue.refuse(replies.BAD_LINE_END)
        text = _text(line)
        if text is None:
            return dialogue.refuse(replies.BAD_CHARACTERS)
        verb, _, argument = text.partition(" ")
        return dialogue.command(verb.upper(), argument.strip(" "))

    async def _do(self, step: Step) -> None:
        match step:
            case bytes():
                self._out.append(step)
            case Later():
                await self._do(await self._dialogue.settled(step))
            case Close():
                self._say_last(step.reply)
            case ReadContent():
                sink = DataSink(self._limits.message)
                self._out.append(replies.SEND_CONTENT)
                await self._fill(sink)
                await self._answer(sink, *await self._dialogue.content(sink))
            case ReadChunk():
                await self._fill(step.sink)
                await self._answer(step.sink, *await self._dialogue.chunk(step))
            case StartTls():
                await self._start_tls()
            case Ask():
                self._out.append(step.challenge)
                line = await self._next_line()
                if line is not None:
                    text = _text(line) if line.endswith(b"\r\n") else None
                    refused = replies.LINE_TOO_LONG if not line else replies.BAD_CHARACTERS
                    dialogue = self._dialogue
                    await self._do(await dialogue.answer(step, text) if text is not None else dialogue.refuse(refused))

    async def _answer(self, sink: DataSink | ChunkSink, step: Step, envelope: Envelope | None) -> None:
        await self._do(step)
        if envelope is None:
            return
        try:
            await self._flush()
            lost = self._inbox.ended and await answer_was_lost(self._wire)
        except Gone:
            lost = True
        if lost:
            self._count("messages", "answer_lost")
            await self._dialogue.intake.answer_lost(envelope, sink.content)

    def _fault(self, error: Exception) -> None:
        # No text of the exception: a database error, say, quotes the row it is about.
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
        log.error("fault in an SMTP session: %s at %s", type(error).__name__, place)
        self._count("faults", type(error).__name__)
        self._dialogue.reset()
        self._out.append(replies.of_reason(Reason.FAULT))

    # Content.

    async def _fill(self, sink: DataSink | ChunkSink) -> None:
        """Let content flow into `sink` until it is complete. Raises Gone when it stops before."""
        ahead = self._inbox.take()
        if self._ticket is None:
            self._ticket = self._floor.budget.enter(self._pause, self._resume)
        self._sink = sink
        self._sink_full = self.loop.create_future()
        self._window = (self.loop.time(), sink.seen)
        self._turn_ends = sink.seen + _TURN
        self._feed(sink, ahead)
        if self._inbox.ended:
            self._abandon_content()
        await self._flush()
        await self._sink_full

    def _feed(self, sink: DataSink | ChunkSink, block: bytes) -> None:
        limits = self._limits
        behind = sink.feed(block)
        if self._ticket is not None:
            self._ticket.hold(len(sink.content))
        if behind is not None:
            self._sink = None
            if behind:
                self._inbox.feed_data(behind)
            self._content_ends(None)
        elif sink.seen > limits.message * limits.overrun:
            self._give_up(replies.OVERRUN)
        elif sink.seen >= self._turn_ends:
            self._turn_ends = sink.seen + _TURN
            self._pause()
            self.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        # Who is over the budget waits for the budget.
        if self._ticket is None or not self._ticket.paused:
            self._resume()

    def _abandon_content(self) -> None:
        if self._sink is not None:
            self._sink = None
            self._content_ends(Gone("the connection ended inside a message"))

    def _content_ends(self, error: Gone | None) -> None:
        full = self._sink_full
        if full is None or full.done():
            return
        if error is None:
            full.set_result(None)
        else:
            full.set_exception(error)
            full.exception()  # seen, even where nobody waits any more

    def _end_ticket(self) -> None:
        if self._ticket is not None:
            self._ticket.close()
            self._ticket = None

    def _pause(self) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.pause_reading()

    def _resume(self) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.resume_reading()

    # The connection.

    async def _start_tls(self) -> None:
        context = self._floor.house.tls()
        if context is None:
            self._out.append(replies.NO_TLS)
            return
        # RFC 3207 §6: what was sent in clear behind STARTTLS would be taken for a command under TLS.
        if self._inbox.holds_something():
            self._say_last(replies.INJECTED)
            return
        self._out.append(replies.START_TLS)
        await self._flush()
        if self._inbox.holds_something():
            self._closing = True
            return
        try:
            await self._writer.start_tls(context, ssl_handshake_timeout=self._limits.handshake)
        except (OSError, ssl.SSLError):
            self._count("connections", "tls_failed")
            self._closing = True
            return
        wire = cast("asyncio.Transport", self._writer.transport)
        self._wire = wire
        self._inbox.moved(wire)
        self._dialogue.start(tls=_cipher(wire))

    def _write(self) -> None:
        """Hand over what is to be said. Raises Gone."""
        if self._wire is None or self._wire.is_closing():
            raise Gone("the connection is closed")
        if self._out:
            self._wire.write(b"".join(self._out) if len(self._out) > 1 else self._out[0])
            self._out.clear()

    async def _flush(self) -> None:
        """Write what is to be said, and wait while the client reads too slowly. Raises Gone."""
        self._write()
        if self._paused:
            await self._wait(self._drain_helper())

    async def _wait(self, client: Coroutine[Any, Any, None]) -> None:
        """Wait for the client while `watch` looks at the clock. Raises Gone."""
        self._waiting_since = self.loop.time()
        try:
            await client
        except (OSError, ssl.SSLError) as error:
            raise Gone(type(error).__name__) from None
        finally:
            self._waiting_since = None

    def _say_last(self, reply: bytes) -> None:
        self._out.append(reply)
        self._closing = True

    def _give_up(self, reply: bytes) -> None:
        """Say goodbye from outside the session's task, which then finds the connection closed."""
        self._closing = True
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write(reply)
        self._close()

    def _close(self) -> None:
        if self._wire is None:
            return
        self._close_by = self.loop.time() + _LINGER
        self._wire.close()

    def _count(self, name: str, label: str) -> None:
        self._floor.house.metrics.count(f"smtp_{name}", label)


def _cipher(transport: asyncio.BaseTransport) -> str:
    """What TLS agreed on, as the Received field says it."""
    cipher = transport.get_extra_info("cipher")
    return f"{cipher[1]} {cipher[0]}" if cipher else "TLS"


def _text(line: bytes) -> str | None:
    """A command line without its end, or None where it holds what no command may hold."""
    try:
        text = line[:-2].decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
