"""One client's connection: bytes in, whole requests to the session, bytes out (an `asyncio.Protocol`).

A connection has a task only while there is something to do; an idle one is a few small objects. Requests are
handled one after the other, in the order they came. Reading pauses when too much waits to be handled, writing
waits when the client does not read, and a large literal waits until there is memory for it. A client that
vanishes does not interrupt a command: what it asked for is stored or not, and then the connection ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from mailhost.imap.compression import BadStream, Deflater, Inflater
from mailhost.imap.conversation import Conversation
from mailhost.imap.endpoint import Endpoint
from mailhost.imap.limits import is_loopback, source_of
from mailhost.imap.session import Session, report
from mailhost.imap.tokens import BadCommand
from mailhost.imap.wire import SMALL_LITERAL, Event, LiteralAsked, Refused, Request, Splitter

# Commands in a row that make no sense before each further one costs a second.
PATIENCE = 20
# Writing pauses at four chunks in the transport's buffer and goes on at one.
HIGH_WATER = 512 * 1024
LOW_WATER = 128 * 1024

# What BYE says, and its response code: when the server stops, and when the login ended.
STOPPED = ("The server stops for now", "UNAVAILABLE")
LOGIN_ENDED = ("This app password was ended, or its mailbox may not sign in any more", "")


class Connection(asyncio.Protocol):
    """See the module's lesson. Implements `conversation.Output` for its session."""

    __slots__ = (
        "_budgeted",
        "_command_since",
        "_deflater",
        "_drained",
        "_endpoint",
        "_eof",
        "_farewell",
        "_holders",
        "_inflater",
        "_last_read",
        "_leave",
        "_look",
        "_loop",
        "_lost",
        "_more",
        "_news",
        "_opened",
        "_paused_reading",
        "_paused_writing",
        "_queue",
        "_received",
        "_session",
        "_splitter",
        "_task",
        "_transport",
        "_working",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._splitter = Splitter()
        self._loop = asyncio.get_running_loop()
        self._working = False  # a command or the end is being handled; `_task` is what does it, once it has waited
        self._task: asyncio.Task[None] | None = None
        self._more: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._queue: list[bytes | bytearray | memoryview] = []
        self._leave: Callable[[], None] | None = None
        self._inflater: Inflater | None = None
        self._deflater: Deflater | None = None
        self._budgeted = 0
        self._holders: tuple[object, ...] = ()  # whom that is counted with
        self._paused_reading = False
        self._paused_writing: float | None = None
        self._lost = self._eof = self._news = self._look = False
        self._farewell: tuple[str, str] | None = None
        self._opened = self._last_read = self._loop.time()
        self._command_since = 0.0
        self._received = 0

    # From the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or send away with the reason."""
        endpoint = self._endpoint
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        peer = transport.get_extra_info("peername")
        source = source_of(peer[0]) if isinstance(peer, tuple) and peer else ""
        tls = transport.get_extra_info("ssl_object") is not None
        conv = Conversation(
            out=self,
            accounts=endpoint.accounts,
            gate=endpoint.gate,
            splitter=self._splitter,
            pieces=endpoint.pieces,
            clock=endpoint.clock,
            metrics=endpoint.metrics,
            source=source,
            tls=tls,
            tls_possible=endpoint.tls is not None,
            clear_allowed=endpoint.clear_on_loopback and is_loopback(source),
            disabled=endpoint.disabled,
            wake=self._changed,
        )
        self._session = Session(conv)
        endpoint.connections.add(self)
        self._leave = endpoint.gate.connect(source)
        if self._leave is None:
            endpoint.metrics.count("connections_refused")
            self._session.bye("Too many connections; try later", "UNAVAILABLE")
            self._flush()
            self._transport.close()
            return
        endpoint.metrics.count("connections")
        self._session.greet()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Queue what arrived and see that somebody handles it."""
        self._last_read = self._loop.time()
        self._received += len(data)
        if self._inflater is None:
            self._splitter.feed(data)
        else:
            self._inflater.feed(data)
        self._arrived()

    def _arrived(self) -> None:
        waiting = self._splitter.unread > self._endpoint.limits.read_ahead or self._inflater is not None
        if waiting and not self._paused_reading:
            self._paused_reading = True
            self._transport.pause_reading()
        if self._more is not None:
            if not self._more.done():
                self._more.set_result(None)
        elif not self._lost and not self._working:
            # Begun at once, not at the loop's next turn: most commands of a short connection wait for nothing.
            self._begin(self._run())

    def eof_received(self) -> bool:
        """The client will send no more; it may still wait for answers."""
        self._eof = True
        self._arrived()
        return not self._session.conv.tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Let a running command finish, then forget everything. Why it was lost does not matter."""
        del exc
        self._lost = True
        for waiter in (self._more, self._drained):
            if waiter is not None and not waiter.done():
                waiter.set_exception(ConnectionResetError())
        self._queue.clear()
        if self._leave is not None:
            self._leave()
            self._leave = None
        if not self._working:
            self._begin(self._finish())

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._paused_writing = self._loop.time()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._paused_writing = None
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # The task

    def _go(self) -> None:
        if not self._working:
            self._working = True
            self._task = self._loop.create_task(self._run())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work now, as far as it goes without waiting; a task goes on with the rest."""
        self._working = True
        task = asyncio.Task(work, loop=self._loop, eager_start=True)
        if not task.done():
            self._task = task

    def _changed(self) -> None:
        """The selected folder changed."""
        if not self._lost and (self._session.idle_tag is not None or self._session.conv.notifier is not None):
            self._news = True
            self._go()

    async def _run(self) -> None:
        try:
            await self._pump()
        except ConnectionError:
            self._transport.abort()
        except Exception as error:  # noqa: BLE001 whatever it is, other connections must not notice
            report(error, "connection")
            self._endpoint.metrics.count("server_bugs")
            self._transport.abort()
        finally:
            self._task, self._working = None, False
            if self._lost:
                self._working = True
                self._task = self._loop.create_task(self._finish())

    async def _finish(self) -> None:
        self._give_back()
        try:
            await self._session.conv.close()
        except Exception as error:  # noqa: BLE001 there is nobody left to tell
            report(error, "close")
        finally:
            self._endpoint.connections.discard(self)

    async def _pump(self) -> None:
        session = self._session
        while not session.ended and not self._lost:
            if self._farewell is not None:
                session.bye(*self._farewell)
                break
            event = self._next_event()
            if event is not None:
                await self._handle(event)
            elif self._news:
                self._news = False
                look, self._look = self._look, False
                await session.news(look=look)
            elif self._eof:
                break
            else:
                self._read_on()
                return
            self._flush()
            self._read_on()
            if self._splitter.unread or (self._inflater is not None and self._inflater.more):
                await asyncio.sleep(0)  # pipelined commands of one client do not keep others waiting
        self._flush()
        self._transport.close()

    def _next_event(self) -> Event | None:
        """From the splitter; compressed octets are inflated only when it has nothing left."""
        while True:
            event = self._splitter.next_event()
            if event is not None or self._inflater is None or not self._inflater.more:
                return event
            try:
                self._splitter.feed(self._inflater.read())
            except BadStream as error:
                return Refused(b"", str(error), fatal=True)

    async def _handle(self, event: Event) -> None:
        if isinstance(event, LiteralAsked):
            await self._admit(event)
        elif isinstance(event, Refused):
            self._session.refuse(event)
            self._give_back()
        else:
            try:
                await self._session.answer(event)
            finally:
                self._give_back()
            if self._session.bad_in_a_row > PATIENCE:
                await asyncio.sleep(1)
            await self._keep_pace()

    async def _keep_pace(self) -> None:
        """A user who sends more commands than anybody needs waits before the next one is taken."""
        pace = self._session.conv.pace
        seconds = pace.wait(self._loop.time()) if pace is not None else 0.0
        if seconds:
            self._flush()
            self._endpoint.metrics.count("commands_slowed")
            await asyncio.sleep(seconds)

    async def _admit(self, asked: LiteralAsked) -> None:
        """Take memory for a command's literals, unless they are small together, and wait for the first of it only:
        commands that hold some and wait for more would wait for one another for ever.
        """
        budget = self._endpoint.budget
        if self._budgeted:
            if not budget.take_now(asked.size, self._holders):
                self._decline(asked)
                return
            self._budgeted += asked.size
        elif asked.before + asked.size > SMALL_LITERAL:
            conv = self._session.conv
            self._holders = (conv.pace, ("tenant", conv.here.tenant))
            self._budgeted = await budget.take(asked.before + asked.size, self._holders)
        self._splitter.accept()
        if asked.synchronizing:
            self.write(b"+ Send it\r\n")

    def _decline(self, asked: LiteralAsked) -> None:
        refused = self._splitter.decline(asked, "There is no memory for so many messages at once; send fewer")
        self._give_back()
        if refused is not None:
            self._session.refuse(refused)

    def _give_back(self) -> None:
        """The literals of the command are gone."""
        if self._budgeted:
            self._endpoint.budget.give(self._budgeted, self._holders)
            self._budgeted, self._holders = 0, ()

    def _read_on(self) -> None:
        if self._inflater is not None and self._inflater.more:
            return
        if self._paused_reading and self._splitter.unread <= self._endpoint.limits.read_ahead // 2:
            self._paused_reading = False
            self._transport.resume_reading()

    # conversation.Output

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue octets."""
        if not self._lost:
            self._queue.append(data)

    def _flush(self) -> None:
        if not self._queue or self._lost:
            return
        queue, self._queue = self._queue, []
        octets = queue[0] if len(queue) == 1 else b"".join(queue)
        self._transport.write(octets if self._deflater is None else self._deflater.write(octets))

    async def drain(self) -> None:
        """Send, wait for a slow reader, let others run."""
        self._flush()
        if self._lost:
            raise ConnectionResetError
        if self._paused_writing is None:
            await asyncio.sleep(0)
            return
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    async def line(self) -> bytes:
        """A line inside a command. Raises BadCommand for anything but a plain line."""
        while True:
            event = self._next_event()
            if event is None:
                if self._eof:
                    raise ConnectionResetError
                self._flush()
                self._read_on()
                self._more = self._loop.create_future()
                try:
                    await self._more
                finally:
                    self._more = None
            elif isinstance(event, Request) and isinstance(event.parts[0], bytes) and len(event.parts) == 1:
                return event.parts[0]
            elif isinstance(event, LiteralAsked):
                self._splitter.accept()
            else:
                raise BadCommand("Expected a line")

    async def start_tls(self) -> None:
        """Hand the connection to TLS (RFC 9051 §6.2.1)."""
        assert self._endpoint.tls is not None
        self._flush()
        limits = self._endpoint.limits
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                self._endpoint.tls,
                server_side=True,
                ssl_handshake_timeout=limits.handshake_time,
            )
        except OSError as error:
            raise ConnectionResetError from error
        if transport is None:
            raise ConnectionResetError
        self._transport = transport
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)

    def start_compression(self) -> None:
        """Both directions through DEFLATE from here on."""
        self._flush()
        self._inflater, self._deflater = Inflater(), Deflater()

    # The sweep

    def tick(self, now: float) -> bool:
        """Called every second or so: time-outs, and rest for an idle picture; whether one was packed."""
        limits, conv = self._endpoint.limits, self._session.conv
        if self._transport.is_closing():
            return False
        if self._paused_writing is not None and now - self._paused_writing > limits.write_time:
            self._endpoint.metrics.count("timeouts")
            self._transport.abort()
            return False
        if conv.account is None and now - self._opened > limits.login_time:
            self._end("Nobody logged in")
        elif self._splitter.inside_command and not self._working:
            self._watch_slow(now)
        elif now - self._last_read > limits.idle_time and not self._working:
            self._end("Nothing heard for too long")
        else:
            self._command_since = 0.0
            if conv.notifier is not None and conv.notifier.due(now):
                self._news = self._look = True
                self._go()
            quiet = 0.0 if self._working else now - self._last_read
            if conv.selected is not None and quiet > limits.rest_time:
                if quiet > limits.kept_time:
                    conv.pieces.forget(conv.selected)
                return conv.selected.rest()
        return False

    def _watch_slow(self, now: float) -> None:
        limits = self._endpoint.limits
        if not self._command_since:
            self._command_since, self._received = now, 0
        stalled = now - self._last_read > limits.stall_time
        spent = now - self._command_since
        pressed = self._budgeted and self._endpoint.budget.pressed
        rate = limits.least_rate_pressed if pressed else limits.least_rate
        if stalled or (spent > limits.stall_time and self._received < spent * rate):
            self._end("That command takes too long to arrive")

    def _end(self, text: str) -> None:
        self._endpoint.metrics.count("timeouts")
        if not self._working:
            self._session.bye(text)
            self._flush()
            self._transport.close()
        else:
            self._transport.abort()

    def stop(self) -> None:
        """The server stops: say BYE after the running command, or now."""
        self._farewell = STOPPED
        if self._more is not None and not self._more.done():
            self._more.set_exception(ConnectionResetError())
        if not self._lost:
            self._go()

    @property
    def login_id(self) -> int | None:
        """What let the client in; None before the login and after the end."""
        account = self._session.conv.account
        return account.login_id if account is not None else None

    async def send_away(self) -> None:
        """The login ended: BYE behind the running command, or now; the second call waits for nothing."""
        if self._farewell is None:
            self._endpoint.metrics.count("logins_ended")
            self._farewell = LOGIN_ENDED
            if not self._lost:
                self._go()
            return
        # A client that does not read, or a command that waits its turn, must not keep the keys any longer.
        await self.cut_off()

    async def cut_off(self) -> None:
        """Close without another word; a change of very many messages ends before its next turn."""
        self._transport.abort()
        account = self._session.conv.account
        if account is not None:
            await account.close()
