"""The protocol's state machine: which command in which state, and what every answer has in common.

The table below is the whole of RFC 9051 §3 as this server keeps it. A verb gets the conversation and its
command and returns the tagged reply; before that reply goes out, the client is told what others did to the
selected folder, as far as the command allows. Expected failures (`StoreError`, `BadName`, `BadCommand`) become
their answers here, in one place. An unexpected one becomes `NO [SERVERBUG]` for that command and the
connection lives; what is logged of it is where it happened, never what was being handled.
"""

from __future__ import annotations

import logging
import traceback
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mailhost.imap import (
    commands,
    commands_notify,
    session_append,
    session_folders,
    session_login,
    session_messages,
    session_metadata,
    session_notify,
    session_search,
)
from mailhost.imap import commands_folders as cf
from mailhost.imap import commands_messages as cm
from mailhost.imap import commands_metadata as cd
from mailhost.imap import commands_sorting as cs
from mailhost.imap.commands import Command, parse, tag_of
from mailhost.imap.conversation import Conversation, Reply, bad, no
from mailhost.imap.search_keys import BadCharset
from mailhost.imap.store import StoreError
from mailhost.imap.tokens import BadCommand
from mailhost.imap.wire import Refused, Request
from mailhost.message.foldernames import BadName

log = logging.getLogger(__name__)

# Commands in a row that make no sense: a stranger is sent away, a user slowed down by the connection.
MAX_BAD_BEFORE_LOGIN = 10
# Commands before login; an honest client needs five.
MAX_BEFORE_LOGIN = 100


class State(Enum):
    """RFC 9051 §3."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"


class Tell(Enum):
    """What the client may be told about the selected folder with a command's answer."""

    NOTHING = 0  # the folder is about to change or the verb tells by itself
    NO_EXPUNGE = 1  # sequence numbers must stand still (RFC 9051 §7.5.1)
    UNLESS_NUMBERED = 2  # the same, unless it is the UID form
    ALL = 3
    ASK = 4  # look into the store even if nothing was noticed


@dataclass(frozen=True, slots=True)
class Verb:
    """A row: `needs` names the capability that must be offered for the command to exist."""

    run: Callable[[Conversation, Any], Awaitable[Reply]]
    states: frozenset[State]
    tell: Tell = Tell.ALL
    needs: str | None = None


async def _idle(conv: Conversation, _command: cf.Idle) -> Reply:
    """IDLE begins; `Session.end_idle` gives the tagged answer."""
    conv.out.write(b"+ Tell DONE when you are back\r\n")
    return Reply(b"", "")


ANY = frozenset(State)
STRANGER = frozenset({State.NOT_AUTHENTICATED})
USER = frozenset({State.AUTHENTICATED, State.SELECTED})
OPEN = frozenset({State.SELECTED})

TABLE: dict[type, Verb] = {
    # RFC 9051 §6.1: any state
    commands.Capability: Verb(session_login.capability, ANY),
    commands.Noop: Verb(session_login.noop, ANY, Tell.ASK),
    commands.Logout: Verb(session_login.logout, ANY, Tell.NOTHING),
    commands.Id: Verb(session_login.identify, ANY, needs="ID"),
    # RFC 9051 §6.2: not authenticated
    commands.StartTls: Verb(session_login.start_tls, STRANGER),
    commands.Authenticate: Verb(session_login.authenticate, STRANGER),
    commands.Login: Verb(session_login.login, STRANGER),
    # RFC 9051 §6.3: authenticated
    commands.Compress: Verb(session_login.compress, USER),
    commands.Enable: Verb(session_login.enable, USER, needs="ENABLE"),
    cf.Select: Verb(session_folders.select, USER, Tell.NOTHING),
    cf.Create: Verb(session_folders.create, USER),
    cf.Delete: Verb(session_folders.delete, USER),
    cf.Rename: Verb(session_folders.rename, USER),
    cf.Subscribe: Verb(session_folders.subscribe, USER),
    cf.List: Verb(session_folders.list_, USER),
    cf.Lsub: Verb(session_folders.lsub, USER),
    cf.Namespace: Verb(session_folders.namespace, USER, needs="NAMESPACE"),
    cf.Status: Verb(session_folders.status, USER),
    cf.Append: Verb(session_append.append, USER),
    cf.Idle: Verb(_idle, USER, Tell.ASK, needs="IDLE"),
    cf.GetQuota: Verb(session_folders.get_quota, USER, needs="QUOTA"),
    cf.GetQuotaRoot: Verb(session_folders.get_quota_root, USER, needs="QUOTA"),
    cf.SetQuota: Verb(session_folders.set_quota, USER, needs="QUOTA"),
    cd.GetMetadata: Verb(session_metadata.get_metadata, USER, needs="METADATA"),
    cd.SetMetadata: Verb(session_metadata.set_metadata, USER, needs="METADATA"),
    commands_notify.Notify: Verb(session_notify.notify, USER, Tell.NOTHING, needs="NOTIFY"),
    # RFC 9051 §6.4: selected
    cm.Check: Verb(session_messages.check, OPEN, Tell.ASK),
    cm.Close: Verb(session_messages.close, OPEN, Tell.NOTHING),
    cm.Unselect: Verb(session_messages.unselect, OPEN, Tell.NOTHING, needs="UNSELECT"),
    cm.Expunge: Verb(session_messages.expunge, OPEN),
    cm.Search: Verb(session_search.search, OPEN, Tell.UNLESS_NUMBERED),
    cm.Fetch: Verb(session_messages.fetch, OPEN, Tell.UNLESS_NUMBERED),
    cs.Sort: Verb(session_search.sort, OPEN, Tell.UNLESS_NUMBERED, needs="SORT"),
    cs.Thread: Verb(session_search.thread, OPEN, Tell.UNLESS_NUMBERED, needs="THREAD=REFERENCES"),
    cm.Store: Verb(session_messages.store, OPEN, Tell.UNLESS_NUMBERED),
    cm.Copy: Verb(session_messages.copy, OPEN),
    cm.Move: Verb(session_messages.move, OPEN, needs="MOVE"),
    cm.Replace: Verb(session_append.replace, OPEN, needs="REPLACE"),
}


class Session:
    """One conversation, driven by whole requests. The driver calls `answer` for each, never two at once."""

    __slots__ = ("_bad_in_a_row", "_before_login", "conv", "idle_tag")

    def __init__(self, conv: Conversation) -> None:
        self.conv = conv
        self.idle_tag: bytes | None = None
        self._bad_in_a_row = 0
        self._before_login = 0

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        if self.conv.account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.conv.selected is None else State.SELECTED

    @property
    def ended(self) -> bool:
        """The connection is to be closed."""
        return self.conv.ended

    @property
    def bad_in_a_row(self) -> int:
        """Commands answered BAD since the last that was not."""
        return self._bad_in_a_row

    def greet(self) -> None:
        """RFC 9051 §7.1: the greeting, with capabilities so that the client need not ask."""
        self.conv.untagged(b"OK [CAPABILITY %b] Skerry is ready" % self.conv.capabilities())

    def bye(self, text: str, code: str = "") -> None:
        """Say why the connection ends."""
        coded = f"[{code}] " if code else ""
        self.conv.untagged(f"BYE {coded}{text}".encode("ascii", "replace"))
        self.conv.ended = True

    def refuse(self, refused: Refused) -> None:
        """A request that broke a limit of the wire."""
        code = refused.code.encode("ascii")
        # RFC 9051 §7.1: a literal too large for a message is NO, anything else about limits is BAD.
        reply = no(refused.text, code) if self.conv.account is not None else bad(refused.text, code)
        self._write(refused.tag or b"*", reply)
        if refused.fatal:
            self.bye("Cannot go on after that")
        self._count(reply)

    async def answer(self, request: Request) -> None:
        """Handle one request, from parsing to the tagged answer."""
        conv = self.conv
        if self.idle_tag is not None:
            finished = await self.end_idle(request)
            if finished:
                return
        try:
            tag, name, command = parse(request)
        except BadCommand as error:
            reply = self._unreadable(error)
            self._write(tag_of(request), reply)
            self._count(reply)
            return
        conv.tag = tag
        conv.metrics.count("commands")
        reply = await self._run(name, command)
        if reply.status:
            await self._tell_after(command)
            self._write(tag, reply)
            self._count(reply)
        elif not conv.ended:
            self.idle_tag = tag
            await self._tell_after(command)
        if reply.then is not None:
            await reply.then()

    def _unreadable(self, error: BadCommand) -> Reply:
        """The answer to a request that could not be read."""
        code = error.code.encode("ascii")
        if not isinstance(error, BadCharset) or self.state is not State.SELECTED:
            return bad(error.text, code)
        if error.saves:
            # RFC 5182 §2.1: a search that is answered NO leaves nothing saved.
            self.conv.saved = array("I")
        # RFC 9051 §6.4.4: the command is right, only its charset is not known.
        return no(error.text, code)

    async def _run(self, name: str, command: Command) -> Reply:
        verb = TABLE[type(command)]
        conv = self.conv
        if conv.selected is not None:
            conv.selected.unpack()
        if verb.needs is not None and self.state in verb.states and not conv.offers(verb.needs):
            return bad("There is no such command")
        if self.state not in verb.states:
            return bad(f"{name} is not possible in the {self.state.value} state")
        try:
            return await verb.run(conv, command)
        except BadCommand as error:
            return bad(error.text, error.code.encode("ascii"))
        except BadName as error:
            return no(str(error), b"CANNOT")
        except StoreError as error:
            return no(error.text, error.code.encode("ascii"))
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 a fault in one command must not end the connection
            report(error, name)
            conv.metrics.count("server_bugs")
            # RFC 9051 §7.1 SERVERBUG.
            return no("That failed here through no fault of yours", b"SERVERBUG")

    async def _tell_after(self, command: Command) -> None:
        tell = TABLE[type(command)].tell
        if tell is not Tell.NOTHING:
            uid = bool(getattr(command, "uid", False))
            expunges = tell in (Tell.ALL, Tell.ASK) or (tell is Tell.UNLESS_NUMBERED and uid)
            await self.conv.tell(expunges=expunges, ask=tell is Tell.ASK, uid=uid)
            await session_notify.news(self.conv, look=False)

    def _write(self, tag: bytes, reply: Reply) -> None:
        code = b"[%b] " % reply.code if reply.code else b""
        text = reply.text.encode("ascii", "replace")
        self.conv.out.write(b"%b %b %b%b\r\n" % (tag, reply.status, code, text))

    def _count(self, reply: Reply) -> None:
        self._bad_in_a_row = self._bad_in_a_row + 1 if reply.status == b"BAD" else 0
        if self.conv.account is None and not self.conv.ended:
            self._before_login += 1
            if self._bad_in_a_row >= MAX_BAD_BEFORE_LOGIN or self._before_login >= MAX_BEFORE_LOGIN:
                self.bye("Too many commands without logging in")

    # IDLE

    async def end_idle(self, request: Request) -> bool:
        """A line while idling: True when it was DONE. Anything else ends IDLE too and is then a command."""
        tag, self.idle_tag = self.idle_tag, None
        assert tag is not None
        first = request.parts[0]
        await self.conv.tell(expunges=True, ask=False)
        await session_notify.fetch_new(self.conv)
        if len(request.parts) == 1 and isinstance(first, bytes) and first.strip().upper() == b"DONE":
            self._write(tag, Reply(b"OK", "Welcome back"))
            return True
        # RFC 9051 §6.3.13 wants DONE; clients that forget it are understood all the same.
        self._write(tag, bad("IDLE ends with DONE"))
        return False

    async def news(self, *, look: bool) -> None:
        """Something changed while no command runs: an idle client hears of it, or one that asked by NOTIFY.

        `look`: it is time to look for changes that have no watcher.
        """
        conv = self.conv
        idle = self.idle_tag is not None
        if idle or conv.notifier is not None:
            await conv.tell(expunges=idle or (conv.notifier is not None and conv.notifier.at_once), ask=False)
            await session_notify.news(conv, look=look)


def report(error: BaseException, name: str) -> None:
    """Log where an unexpected error happened: file names and lines, no values, no message of the error."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    log.error("imap command failed: %s in %s at %s", type(error).__name__, name, where)
