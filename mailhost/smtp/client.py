"""Delivering to another host: one SMTP connection, used for one message after the other.

RFC 5321 from the client's side, with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN, REQUIRETLS and STARTTLS where the
server offers them. In: addresses to connect to, envelopes, contents. Out: an `Answer` for each recipient, or
`ConnectionFailed`, which says nothing about the message and lets the caller try the next host.

The server is not trusted. A line of a reply may have `MAX_LINE` octets, a reply `MAX_LINES` lines; every wait has
the time-out of RFC 5321 §4.5.3.2; what was sent in clear behind the answer to STARTTLS ends the connection; text of
the server is reduced to printable ASCII before anybody else sees it.

What a connection must keep comes in as a `Requirement`: without a policy of the receiving domain TLS is opportunistic
and nobody's certificate is refused, with one the connection fails before a word of mail is said. Whether a message may
go over a connection in clear is the caller's decision (`secure`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Answer, ConnectionFailed, Transaction
from mailhost.outbox import Forward
from mailhost.smtp.handshake import Tls, shake_hands
from mailhost.tlspolicy.requirement import Requirement
from mailhost.tlspolicy.tlsrpt import ResultType

MAX_LINE: Final = 4096
MAX_LINES: Final = 100
# Of a server's words, this much goes into a notice.
MAX_TEXT: Final = 300
# Octets written before the socket is waited for.
BLOCK: Final = 256 * 1024

_REPLY = re.compile(rb"([2-5]\d\d)([ -])?(.*)")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")
_UNPRINTABLE = re.compile(r"[^ -~]+")
# For whom a host had no answer before it hung up, having refused the others.
_UNHEARD: Final = Answer(451, "4.4.2", "the receiving host closed the connection")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, RFC 5321 §4.5.3.2; `block` is for each part of the content, `connect` has no figure there."""

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    quit: float = 5


@dataclass(slots=True)
class Connection:
    """One greeted connection. Made by `connect`."""

    target: Target
    secure: bool
    extensions: dict[str, str]
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _timeouts: Timeouts
    broken: bool = field(default=False)
    # The writer from before TLS: asyncio closes the connection when it is collected.
    _before: asyncio.StreamWriter | None = None

    @property
    def tells(self) -> bool:
        """RFC 3461 §4: the server knows DSN."""
        return "DSN" in self.extensions

    @property
    def requiretls(self) -> bool:
        """RFC 8689 §3: the promise counts only under TLS."""
        return self.secure and "REQUIRETLS" in self.extensions

    async def send(self, transaction: Transaction, content: bytes) -> list[Answer]:
        """As `transport.Link`."""
        try:
            async with asyncio.timeout(None) as clock:
                return await self._transaction(clock, transaction, content)
        except (OSError, EOFError, ssl.SSLError, TimeoutError, ValueError) as error:
            self.broken = True
            raise ConnectionFailed(_reason(error)) from None
        except ConnectionFailed:
            self.broken = True
            raise

    async def _transaction(self, clock: asyncio.Timeout, transaction: Transaction, content: bytes) -> list[Answer]:
        recipients = transaction.recipients
        refused = self._refused_at_once(transaction, content)
        if refused is not None:
            return [refused] * len(recipients)
        mail = f"MAIL FROM:<{transaction.sender}>" + self._mail_parameters(transaction, content)
        commands = [mail, *(f"RCPT TO:<{one.address}>" + self._rcpt_parameters(one) for one in recipients)]
        replies, go_on = await self._envelope(clock, commands)
        unheard = [_UNHEARD] * (len(commands) - len(replies))
        answers = [*_not_too_many(replies[1:]), *unheard] if replies[0].accepted else [replies[0]] * len(recipients)
        if go_on is None:
            await self._reset(clock)
            return answers
        if go_on.accepted:
            # RFC 5321 §3.3: only 354 asks for the content; who says 250 to DATA has taken nothing over.
            self.broken = True
            if any(answer.accepted for answer in answers):
                raise ConnectionFailed("not_smtp")
            return answers
        if go_on.code != 354:
            # RFC 5321 §4.1.1.5: some hosts keep the refused transaction, and would refuse the next MAIL with 503.
            await self._reset(clock)
            return [go_on if answer.accepted else answer for answer in answers]
        if not any(answer.accepted for answer in answers):
            # RFC 2920 §3.1: a host may ask for the content of a message that nobody gets; it gets a lone dot.
            await self._end_for_nobody(clock)
            return answers
        final = await self._deliver(clock, content)
        return [final if answer.accepted else answer for answer in answers]

    async def _envelope(self, clock: asyncio.Timeout, commands: Sequence[str]) -> tuple[list[Answer], Answer | None]:
        """The answers to MAIL and each RCPT, as many as were heard, and to DATA; None where nobody takes the message.

        Where everybody so far was refused, some hosts hang up: those answers are returned.
        """
        said: list[Answer] = []
        go_on = None
        async with self._standing(clock, lambda: _refused(said)) as own:
            go_on = await self._ask(own, commands, said)
        return said, go_on

    async def _ask(self, clock: asyncio.Timeout, commands: Sequence[str], said: list[Answer]) -> Answer | None:
        """As `_envelope`; `said` gets each answer when it is there."""
        pipelining = "PIPELINING" in self.extensions
        if pipelining:
            # RFC 2920 §3.1: all in one write, DATA at its end, then as many replies.
            self._write("".join(f"{command}\r\n" for command in [*commands, "DATA"]).encode())
        for command in commands:
            if not pipelining:
                self._write(f"{command}\r\n".encode())
            said.append(await self._reply(clock, self._timeouts.command))
            if not pipelining and not said[0].accepted:
                return None
        if any(map(_asks, said)):
            # Only DATA is answered so: an answer is missing, and nobody knows any more which belongs to what.
            raise ConnectionFailed("not_smtp")
        if not pipelining:
            if not _taken(said):
                return None
            self._write(b"DATA\r\n")
        return await self._reply(clock, self._timeouts.data)

    async def _end_for_nobody(self, clock: asyncio.Timeout) -> None:
        async with self._standing(clock) as own:
            self._write(b".\r\n")
            await self._reply(own, self._timeouts.final)

    def _refused_at_once(self, transaction: Transaction, content: bytes) -> Answer | None:
        # RFC 6531 §3.2: an internationalised envelope cannot go where SMTPUTF8 is not offered.
        if transaction.smtputf8 and "SMTPUTF8" not in self.extensions:
            return Answer(550, "5.6.7", "the receiving host does not take internationalised addresses")
        # RFC 1870 §6.2: a message over the server's limit need not be sent to be refused.
        size = self.extensions.get("SIZE", "")
        if size.isdigit() and 0 < int(size[:20]) < len(content):
            return Answer(552, "5.3.4", "the message is larger than the receiving host takes")
        return None

    def _mail_parameters(self, transaction: Transaction, content: bytes) -> str:
        text = f" SIZE={len(content)}" if "SIZE" in self.extensions else ""
        # RFC 6152 §3. Where it is not offered the octets are sent as they are, as every host does by now.
        if not content.isascii() and "8BITMIME" in self.extensions:
            text += " BODY=8BITMIME"
        text += (" SMTPUTF8" if transaction.smtputf8 else "") + (" REQUIRETLS" if transaction.requiretls else "")
        if self.tells:
            text += f" RET={transaction.returns}" if transaction.returns else ""
            text += f" ENVID={transaction.envid}" if transaction.envid else ""
        return text

    def _rcpt_parameters(self, recipient: Forward) -> str:
        if not self.tells:
            return ""
        text = f" NOTIFY={recipient.notify}" if recipient.notify else ""
        return text + (f" ORCPT={recipient.orcpt}" if recipient.orcpt else "")

    async def _reset(self, clock: asyncio.Timeout) -> None:
        """End a transaction that was refused."""
        if self.broken:
            return
        async with self._standing(clock) as own:
            await self._say(own, "RSET", self._timeouts.command)

    @asynccontextmanager
    async def _standing(
        self, clock: asyncio.Timeout, stands: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[asyncio.Timeout]:
        """What was answered stands even where the host then hangs up, as some do: otherwise its author would hear of
        the refusal after days. Where it does not stand, the failure is raised.
        """
        clock.reschedule(None)
        try:
            async with asyncio.timeout(None) as own:
                yield own
        except (OSError, EOFError, ssl.SSLError, TimeoutError, ValueError, ConnectionFailed):
            self.broken = True
            if not stands():
                raise

    async def _say(self, clock: asyncio.Timeout, command: str, wait: float) -> Answer:
        self._write(f"{command}\r\n".encode())
        return await self._reply(clock, wait)

    def _write(self, data: bytes) -> None:
        # A transport of uvloop that lost its peer answers a write with RuntimeError.
        if self._writer.is_closing():
            raise EOFError
        self._writer.write(data)

    async def _deliver(self, clock: asyncio.Timeout, content: bytes) -> Answer:
        """The content, and what the host says to it."""
        if len(content) <= BLOCK:
            await self._write_content(clock, content)
            return await self._reply(clock, self._timeouts.final)
        # A host that has had enough of a large message says so in the middle of it and hangs up. Who does not listen
        # meanwhile hears of a lost connection alone, and sends it all again for days.
        listening = asyncio.create_task(_read_reply(self._reader))
        writing = asyncio.create_task(self._write_content(clock, content))
        try:
            await asyncio.wait({listening, writing}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done() and writing.exception() is None:
                _wait(clock, self._timeouts.final)
            elif not listening.done():
                # What it said may still be on its way.
                _wait(clock, self._timeouts.quit)
            final, _ = await listening
            if not writing.done() or writing.exception() is not None:
                self.broken = True
                if final.accepted:
                    raise ConnectionFailed("not_smtp")
            self.broken = self.broken or final.code == 421
            return final
        finally:
            for task in (listening, writing):
                task.cancel()
            await asyncio.gather(listening, writing, return_exceptions=True)

    async def _write_content(self, clock: asyncio.Timeout, content: bytes) -> None:
        # RFC 5321 §4.5.2: a period that begins a line is doubled.
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        for start in range(0, len(stuffed), BLOCK):
            self._write(stuffed[start : start + BLOCK])
            _wait(clock, self._timeouts.block)
            await self._writer.drain()
        self._write(b".\r\n" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n.\r\n")

    async def _reply(self, clock: asyncio.Timeout, wait: float) -> Answer:
        _wait(clock, wait)
        answer, _ = await _read_reply(self._reader)
        # RFC 5321 §3.8: with 421 the server says that it closes.
        if answer.code == 421:
            self.broken = True
        return answer

    async def close(self) -> None:
        """Say goodbye, unless nobody listens any more."""
        with suppress(OSError, EOFError, ssl.SSLError, TimeoutError, ValueError, ConnectionFailed):
            async with asyncio.timeout(self._timeouts.quit) as clock:
                if not self.broken:
                    await self._say(clock, "QUIT", self._timeouts.quit)
                self._writer.close()
                await self._writer.wait_closed()
        self.cut()

    def cut(self) -> None:
        """Close without a word."""
        self._writer.close()
        if self._before is not None:
            self._before.close()


async def connect(
    target: Target, requirement: Requirement, *, helo: str, tls: Tls | None, timeouts: Timeouts | None = None
) -> Connection:
    """A connection that said EHLO, under TLS where the server offers it. Raises ConnectionFailed.

    `tls` None leaves STARTTLS out.
    """
    timeouts = timeouts or Timeouts()
    try:
        async with asyncio.timeout(timeouts.connect):
            reader, writer = await asyncio.open_connection(target.address, target.port, limit=MAX_LINE)
    except (OSError, TimeoutError) as error:
        raise ConnectionFailed(_reason(error)) from None
    made = Connection(target, False, {}, reader, writer, timeouts)
    try:
        async with asyncio.timeout(None) as clock:
            await _greet(made, clock, helo, requirement, tls)
    except (OSError, EOFError, ssl.SSLError, TimeoutError, ValueError) as error:
        made.cut()
        raise ConnectionFailed(_reason(error)) from None
    except BaseException:
        made.cut()
        raise
    return made


async def _greet(
    made: Connection, clock: asyncio.Timeout, helo: str, requirement: Requirement, tls: Tls | None
) -> None:
    greeting = await made._reply(clock, made._timeouts.greeting)  # noqa: SLF001 - made here
    if not greeting.accepted:
        raise ConnectionFailed("greeting_refused", f"{greeting.code} {greeting.text}")
    await _hello(made, clock, helo)
    if tls is None or "STARTTLS" not in made.extensions:
        if requirement.tls:
            # RFC 8461 §8.1, RFC 7672 §2.2: somebody on the way may have taken the word out.
            raise ConnectionFailed("tls_stripped", result=ResultType.STARTTLS_NOT_SUPPORTED)
        return
    answer = await made._say(clock, "STARTTLS", made._timeouts.command)  # noqa: SLF001
    if answer.code != 220:
        # RFC 3207 §4: 454 says that TLS is not available just now.
        raise ConnectionFailed(
            "tls_refused",
            f"{answer.code} {answer.text}",
            ResultType.STARTTLS_NOT_SUPPORTED,
            passing=not answer.permanent,
        )
    _wait(clock, made._timeouts.connect)  # noqa: SLF001
    made._before = made._writer  # noqa: SLF001
    made._reader, made._writer = await shake_hands(made._writer.transport, requirement, tls, limit=MAX_LINE)  # noqa: SLF001
    made.secure = True
    # RFC 3207 §4.2: what was learned before TLS is forgotten.
    await _hello(made, clock, helo)


async def _hello(made: Connection, clock: asyncio.Timeout, helo: str) -> None:
    made._write(f"EHLO {helo}\r\n".encode())  # noqa: SLF001 - made here
    _wait(clock, made._timeouts.command)  # noqa: SLF001
    answer, lines = await _read_reply(made._reader)  # noqa: SLF001
    made.extensions = {}
    if answer.accepted:
        for line in lines[1:]:
            name, _, value = line.partition(" ")
            made.extensions[name.upper()] = value
        return
    if not answer.permanent:
        # Who has no time now would be taken for a host without TLS, SMTPUTF8 and all the rest.
        raise ConnectionFailed("hello_refused", f"{answer.code} {answer.text}")
    # RFC 5321 §3.2: a host that does not know EHLO may know HELO.
    answer = await made._say(clock, f"HELO {helo}", made._timeouts.command)  # noqa: SLF001
    if not answer.accepted:
        raise ConnectionFailed("hello_refused", f"{answer.code} {answer.text}")


async def _read_reply(reader: asyncio.StreamReader) -> tuple[Answer, list[str]]:
    """One reply and the texts of its lines. Raises EOFError, ValueError (a line too long), ConnectionFailed."""
    lines: list[str] = []
    first = 0
    while True:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        found = _REPLY.fullmatch(line.rstrip(b"\r\n"))
        if found is None or len(lines) >= MAX_LINES:
            raise ConnectionFailed("not_smtp")
        if lines and found[1][0] != first:
            # RFC 5321 §4.2.1: one code on all lines. Who says yes and no has said nothing.
            raise ConnectionFailed("not_smtp")
        first = found[1][0]
        lines.append(found[3].decode("ascii", "replace"))
        if found[2] != b"-":
            break
    # RFC 2034 §4 wants it on every line; some hosts write it on the first alone.
    enhanced = next(filter(None, map(_ENHANCED.match, lines)), None)
    code = int(found[1])
    words = " ".join(_ENHANCED.sub("", text, count=1) for text in lines)
    status = enhanced[1] if enhanced and enhanced[1][0] == str(code)[0] else ""
    return Answer(code, status, _UNPRINTABLE.sub("?", words)[:MAX_TEXT].strip()), lines


def _not_too_many(answers: Sequence[Answer]) -> list[Answer]:
    """RFC 5321 §4.5.3.1.10: a 552 behind recipients that were taken says that they are too many for one transaction,
    where it says nothing else: the others are for the next one.
    """
    found: list[Answer] = []
    for answer in answers:
        too_many = answer.code == 552 and answer.enhanced in {"", "5.5.3"} and any(one.accepted for one in found)
        found.append(Answer(452, "4.5.3", answer.text) if too_many else answer)
    return found


def _asks(answer: Answer) -> bool:
    return 300 <= answer.code < 400


def _refused(said: Sequence[Answer]) -> bool:
    """Whether it is certain already that nobody whose answer was heard takes the message."""
    if not said or any(map(_asks, said)):
        return False
    return not said[0].accepted or (len(said) > 1 and not any(answer.accepted for answer in said[1:]))


def _taken(said: Sequence[Answer]) -> bool:
    """Whether the sender and one recipient at least are accepted."""
    return said[0].accepted and any(answer.accepted for answer in said[1:])


def _wait(clock: asyncio.Timeout, seconds: float) -> None:
    clock.reschedule(asyncio.get_running_loop().time() + seconds)


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls_failed"
        case EOFError():
            return "closed"
        case ConnectionRefusedError():
            return "refused"
        case ValueError():
            return "not_smtp"
    return "unreachable"


@dataclass(frozen=True, slots=True)
class Dialer:
    """`transport.MailTransport`: connections that say `helo`, under TLS where `tls` is given."""

    helo: str
    tls: Tls | None
    timeouts: Timeouts = field(default_factory=Timeouts)

    async def connect(self, target: Target, requirement: Requirement) -> Connection:
        return await connect(target, requirement, helo=self.helo, tls=self.tls, timeouts=self.timeouts)
