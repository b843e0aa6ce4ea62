"""The SMTP dialogue of one session: commands in, replies and next steps out; no socket, no timer.

RFC 5321 §4.1.4 says which command may follow which; `ORDER` is that rule as a table. A session is GREETED by EHLO
or HELO, a transaction goes SENDER, RECIPIENTS and, with BDAT, CHUNKS, and every end of a transaction (content
answered, RSET, EHLO) leads back to GREETED. Each command gives one `Step`: a reply to write, or something only the
server can do (read content, read a chunk, start TLS, close). The server comes back with what it read.

Counters that outlive transactions are here too: refused commands (a guesser of addresses meets them), commands
that bring no mail, recipients. What is over a limit gets an answer that lets an honest client go on later.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import ClassVar, Final

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.outcomes import Accepted, Deferred, Reason, Rejected
from mailhost.smtp import replies
from mailhost.smtp.commands import Mail, Rcpt, Refused, parse_bdat, parse_mail, parse_rcpt
from mailhost.smtp.content import ChunkSink, DataSink
from mailhost.smtp.floor import House, Intake
from mailhost.smtp.submission import Ask, Authentication


class State(Enum):
    """Where a session stands."""

    CONNECTED = "connected"
    GREETED = "greeted"
    SENDER = "sender"
    RECIPIENTS = "recipients"
    CHUNKS = "chunks"


# RFC 5321 §4.1.4 and RFC 3030 §2: verb -> the reply in each state in which it is out of order.
ORDER: Final[dict[str, dict[State, bytes]]] = {
    "MAIL": {
        State.CONNECTED: replies.HELLO_FIRST,
        State.SENDER: replies.NESTED_MAIL,
        State.RECIPIENTS: replies.NESTED_MAIL,
        State.CHUNKS: replies.NESTED_MAIL,
    },
    "RCPT": {
        State.CONNECTED: replies.HELLO_FIRST,
        State.GREETED: replies.MAIL_FIRST,
        State.CHUNKS: replies.CHUNKS_BEGAN,
    },
    "DATA": {
        State.CONNECTED: replies.HELLO_FIRST,
        State.GREETED: replies.MAIL_FIRST,
        State.SENDER: replies.NO_RECIPIENTS,
        State.CHUNKS: replies.CHUNKS_BEGAN,
    },
    "BDAT": {
        State.CONNECTED: replies.HELLO_FIRST,
        State.GREETED: replies.MAIL_FIRST,
        State.SENDER: replies.NO_RECIPIENTS,
    },
}

# Commands of RFC 821, RFC 1985 and others that exist and are not offered (RFC 5321 §4.2.4: 502).
NOT_OFFERED = frozenset({"EXPN", "SEND", "SOML", "SAML", "TURN", "ETRN", "ATRN", "BURL"})
# What a browser or a proxy says first: someone makes it talk to us across protocols.
NOT_SMTP = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "HOST:", "USER-AGENT:", "CONTENT-TYPE:"})
_NAME = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class ReadContent:
    """Answer 354 and read until the lone dot."""


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """Read a chunk into `sink` (which expects it), then ask `Dialogue.chunk`.

    `refused` is the reply when its octets are read only to be thrown away.
    """

    sink: ChunkSink
    last: bool
    refused: bytes | None = None


@dataclass(frozen=True, slots=True)
class StartTls:
    """Answer 220 and start TLS."""


@dataclass(frozen=True, slots=True)
class Close:
    """Answer and close."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Later:
    """Ask `Dialogue.settled`: the answer has to wait for something."""

    step: Awaitable[Step]


type Step = bytes | Later | ReadContent | ReadChunk | StartTls | Close | Ask


class Dialogue:
    """One session. `peer` is the client's IP address ("" when it has none); `login` makes it a submission."""

    def __init__(self, house: House, peer: str, *, loopback: bool = False, login: Authentication | None = None) -> None:
        self._house = house
        self._login = login
        self.intake: Intake = house.receiver
        self._peer = peer
        self._loopback = loopback
        self.start()
        self._errors = 0
        self._idle_commands = 0

    def start(self, tls: str = "") -> None:
        """The session begins, or begins anew under TLS (RFC 3207 §4.2: nothing from before counts)."""
        self.state = State.CONNECTED
        self.tls = tls
        self._name = ""
        self._extended = False
        self._envelope: Envelope | None = None
        self._chunk_refused = False
        self.chunks: ChunkSink | None = None

    def command(self, verb: str, argument: str) -> Step:
        """What follows from one command; `verb` is in upper case, `argument` what stands behind the space."""
        try:
            method = self._VERBS.get(verb)
            if method is None:
                return self._unknown(verb)
            # BDAT asks ORDER itself: its octets follow even where it is out of order.
            if verb in ORDER and verb != "BDAT" and (reply := ORDER[verb].get(self.state)):
                return self.refuse(reply)
            return method(self, argument)
        except Refused as refused:
            return self.refuse(refused.reply)

    async def settled(self, later: Later) -> Step:
        """The step of a command that had to wait."""
        try:
            return await later.step
        except Refused as refused:
            return self.refuse(refused.reply)

    def refuse(self, reply: bytes) -> Step:
        """Count a mistake and answer it, or close when there were too many."""
        self._house.metrics.count("smtp_refused", reply[:3].decode())
        if reply.startswith(b"5"):
            self._errors += 1
            if self._errors > self._house.limits.errors:
                return Close(replies.TOO_MANY_ERRORS)
        return reply

    def _unknown(self, verb: str) -> Step:
        if verb in NOT_SMTP:
            return Close(replies.NOT_SMTP)
        return self.refuse(replies.NOT_IMPLEMENTED if verb in NOT_OFFERED else replies.UNKNOWN_COMMAND)

    def _idle(self, reply: bytes) -> Step:
        self._idle_commands += 1
        if self._idle_commands > self._house.limits.idle_commands:
            return Close(replies.TOO_MANY_COMMANDS)
        return reply

    # Commands, in the order of RFC 5321 §4.1.1.

    def _ehlo(self, argument: str) -> Step:
        self._greet(argument, extended=True)
        limits = self._house.limits
        offered = _offers(
            self._house.hostname,
            limits.message,
            limits.recipients,
            starttls=not self.tls and self._house.tls() is not None,
            tls=bool(self.tls),
            login=tuple(self._login.extensions(tls=bool(self.tls))) if self._login is not None else (),
        )
        return self._idle(offered)

    def _helo(self, argument: str) -> Step:
        self._greet(argument, extended=False)
        return self._idle(replies.several(250, [self._house.hostname]))

    def _greet(self, argument: str, *, extended: bool) -> None:
        if not _NAME.fullmatch(argument):
            raise Refused(replies.HELLO_NEEDS_NAME)
        self._name = argument
        self._extended = extended
        self.state = State.GREETED
        self.reset()

    def _mail(self, argument: str) -> Step:
        mail = parse_mail(argument, extended=self._extended, authenticated=self._login is not None, tls=bool(self.tls))
        if mail.size is not None and mail.size > self._house.limits.message:
            # RFC 1870 §6.1: refused before a single octet of it is sent.
            raise Refused(replies.of_reason(Reason.TOO_LARGE))
        protocol = self._protocol(utf8=mail.smtputf8)
        if self._login is not None:
            return Later(self._submission(self._login, mail, protocol))
        return self._begin(mail, Client(self._peer, self._name, protocol, self.tls, self._loopback))

    async def _submission(self, login: Authentication, mail: Mail, protocol: str) -> Step:
        if await login.ended():
            return Close(replies.LOGIN_ENDED)
        hold_until = login.hold_until(mail.hold)
        self.intake = await login.sender(mail.sender)
        return self._begin(mail, login.client(protocol, self.tls), hold_until)

    def _begin(self, mail: Mail, client: Client, hold_until: datetime | None = None) -> Step:
        self._envelope = Envelope(
            mail.sender,
            client,
            mail.size,
            mail.smtputf8,
            mail.dsn,
            requiretls=mail.requiretls,
            hold_until=hold_until,
        )
        self.state = State.SENDER
        return replies.SENDER_OK

    def _protocol(self, *, utf8: bool) -> str:
        # RFC 3848 and RFC 6531 §4.3: the "with" of the Received field.
        name = ("UTF8SMTP" if utf8 else "ESMTP") if self._extended else "SMTP"
        return name + "S" if self.tls and self._extended else name

    def _rcpt(self, argument: str) -> Step:
        envelope = self._transaction()
        house = self._house
        if len(envelope.recipients) >= house.limits.recipients:
            # RFC 5321 §4.5.3.1.10: the client sends the rest in another transaction; it made no mistake.
            return replies.of_reason(Reason.TOO_MANY_RECIPIENTS)
        rcpt = parse_rcpt(
            argument,
            extended=self._extended,
            smtputf8=envelope.smtputf8,
            postmaster_at=house.postmaster_domain,
        )
        return Later(self._recipient(envelope, rcpt))

    async def _recipient(self, envelope: Envelope, rcpt: Rcpt) -> Step:
        house = self._house
        answer = await self.intake.recipient(rcpt.recipient, envelope.size or 0)
        if isinstance(answer, Accepted | Deferred | Rejected):
            house.metrics.count("smtp_recipients", answer.reason)
            raise Refused(replies.of_outcome(answer))
        envelope.recipients.append(Recipient(rcpt.recipient, answer, rcpt.dsn))
        self.state = State.RECIPIENTS
        return replies.RECIPIENT_OK

    def _data(self, argument: str) -> Step:
        _no(argument)
        return ReadContent()

    def _bdat(self, argument: str) -> Step:
        try:
            octets, last = parse_bdat(argument)
        except Refused as refused:
            # Without a count nobody knows where the chunk ends and the next command begins.
            return Close(refused.reply)
        limits = self._house.limits
        if octets > limits.message * limits.overrun:
            return Close(replies.of_reason(Reason.TOO_LARGE))
        # RFC 3030 §2: the octets follow whatever the answer, so a refused chunk is read all the same.
        refused_with = ORDER["BDAT"].get(self.state)
        if refused_with is None and self._chunk_refused:
            refused_with = replies.CHUNK_REFUSED
        if refused_with is not None:
            sink = ChunkSink(limit=0)
        else:
            sink = self.chunks = self.chunks or ChunkSink(limits.message)
            self.state = State.CHUNKS
        sink.expect(octets)
        return ReadChunk(sink, last, refused_with)

    def _rset(self, argument: str) -> Step:
        _no(argument)
        self.reset()
        return self._idle(replies.OK)

    def _noop(self, _argument: str) -> Step:
        return self._idle(replies.OK)

    def _vrfy(self, _argument: str) -> Step:
        return self._idle(replies.CANNOT_VERIFY)

    def _help(self, _argument: str) -> Step:
        return self._idle(replies.HELP)

    def _quit(self, _argument: str) -> Step:
        return Close(replies.BYE)

    def _starttls(self, argument: str) -> Step:
        _no(argument)
        if self.tls:
            raise Refused(replies.ALREADY_TLS)
        if self._house.tls() is None:
            raise Refused(replies.NO_TLS)
        return StartTls()

    def _auth(self, argument: str) -> Step:
        if self._login is None:
            return self.refuse(replies.NOT_IMPLEMENTED)
        if self.state is State.CONNECTED:
            raise Refused(replies.HELLO_FIRST)
        if self.state is not State.GREETED:
            raise Refused(replies.NOT_WHILE_SENDING)
        return Later(self._login.command(argument, tls=bool(self.tls)))

    async def answer(self, ask: Ask, line: str) -> Step:
        """What follows from the client's answer to a challenge."""
        try:
            return await ask.answer(line)
        except Refused as refused:
            return self.refuse(refused.reply)

    # What the server read.

    async def content(self, sink: DataSink | ChunkSink) -> tuple[Step, Envelope | None]:
        """What follows from complete content, and the envelope if it was accepted; ends the transaction."""
        envelope = self._transaction()
        self.reset()
        if sink.over:
            reason = Reason.TOO_LARGE
        elif sink.bare_newline:
            reason = Reason.BARE_NEWLINE
        else:
            reason = (await self.intake.message(envelope, sink.content)).reason
        self._house.metrics.count("smtp_messages", reason)
        if reason not in {Reason.OK, Reason.QUEUED}:
            return self.refuse(replies.of_reason(reason)), None
        # A client that brings mail may go on: its mistakes about other recipients are forgiven.
        self._errors = self._idle_commands = 0
        return replies.of_reason(reason), envelope

    async def chunk(self, read: ReadChunk) -> tuple[Step, Envelope | None]:
        """What follows from a complete chunk; the envelope if it was the last one of an accepted message."""
        if read.refused is not None:
            if read.last and self.state is State.CHUNKS:
                self.reset()
            return self.refuse(read.refused), None
        if read.last:
            read.sink.finish()
            return await self.content(read.sink)
        if read.sink.over:
            # RFC 3030 §2: after a failed chunk nothing but RSET helps; its content is gone already.
            self._chunk_refused = True
            return self.refuse(replies.of_reason(Reason.TOO_LARGE)), None
        return replies.CHUNK_OK, None

    def reset(self) -> None:
        """Back to where a transaction may begin; before EHLO that is nowhere."""
        self._envelope = None
        self._chunk_refused = False
        self.chunks = None
        if self.state is not State.CONNECTED:
            self.state = State.GREETED

    def _transaction(self) -> Envelope:
        assert self._envelope is not None, "ORDER lets nothing through that needs a transaction and has none"
        return self._envelope

    _VERBS: ClassVar[dict[str, Callable[[Dialogue, str], Step]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "BDAT": _bdat,
        "RSET": _rset,
        "NOOP": _noop,
        "VRFY": _vrfy,
        "HELP": _help,
        "QUIT": _quit,
        "STARTTLS": _starttls,
        "AUTH": _auth,
    }


@lru_cache(maxsize=16)  # where users submit it names a moment, and so changes each second
def _offers(hostname: str, size: int, recipients: int, *, starttls: bool, tls: bool, login: tuple[str, ...]) -> bytes:
    """The answer to EHLO (RFC 5321 §4.1.1.1)."""
    lines = [
        hostname,
        "PIPELINING",
        f"SIZE {size}",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        f"LIMITS RCPTMAX={recipients}",
        *(["STARTTLS"] if starttls else []),
        # RFC 8689 §4.1. What is taken here goes no further, or under the same promise.
        *(["REQUIRETLS"] if tls else []),
        *login,
        "HELP",
    ]
    return replies.several(250, lines)


def _no(argument: str) -> None:
    if argument:
        raise Refused(replies.NO_ARGUMENT)
