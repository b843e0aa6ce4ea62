"""What one connection knows: who is logged in, which folder is selected, what was enabled, where to write.

The verbs (`session_login`, `session_folders`, `session_messages`, …) take a `Conversation` and one command and
return a `Reply`, the tagged answer. They write untagged responses to `out` on the way. Time comes from
`clock`, the network is behind `Output`; nothing here knows a socket.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from mailhost.imap.capabilities import Situation, capabilities, offered
from mailhost.imap.names import decode_name, encode_name
from mailhost.imap.notify import Notifier
from mailhost.imap.pieces import Pieces
from mailhost.imap.selected import Selected
from mailhost.imap.sequence import IndexRanges, OutOfRange, SequenceSet, from_indexes, numbered, with_uids
from mailhost.imap.store import Account, Accounts, NoSuchFolder, StoreError, View, keeps_metadata
from mailhost.imap.tokens import BadCommand
from mailhost.imap.wire import Splitter

# Octets written before the client gets a chance to read and other connections a turn.
WRITE_CHUNK = 256 * 1024


class Output(Protocol):
    """The way back to the client."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue octets; never waits."""

    async def drain(self) -> None:
        """Send what is queued, wait until the client has taken most of it, and let others have a turn."""

    async def line(self) -> bytes:
        """The next line, for exchanges inside a command (AUTHENTICATE)."""

    async def start_tls(self) -> None:
        """Send what is queued, then speak TLS; raises ConnectionError if the handshake fails."""

    def start_compression(self) -> None:
        """Send what is queued as it is, then speak DEFLATE (RFC 4978)."""


class Metrics(Protocol):
    """Counters without labels that name a person or a mailbox."""

    def count(self, event: str, amount: int = 1) -> None:
        """Add to a counter such as `commands` or `login_refused`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A tagged answer. `code` stands between the brackets; `then` runs once the answer is written."""

    status: bytes
    text: str
    code: bytes = b""
    then: Callable[[], Awaitable[None]] | None = None


def ok(text: str, code: bytes = b"") -> Reply:
    """The command is done."""
    return Reply(b"OK", text, code)


def no(text: str, code: bytes = b"") -> Reply:
    """The command was understood and not done."""
    return Reply(b"NO", text, code)


def bad(text: str, code: bytes = b"") -> Reply:
    """The command is wrong here."""
    return Reply(b"BAD", text, code)


class LoginGate(Protocol):
    """Throttles guessing and counts connections per user; see `limits`."""

    def may_try(self, source: str) -> bool:
        """Whether this source may try a password now."""

    def failed(self, source: str) -> None:
        """A password was wrong."""

    def enter(self, username: str, tenant: str) -> Callable[[], None] | None:
        """Count one more connection of this user: the function that gives it back, or None if there are too many."""

    def pace(self, username: str) -> Pace:
        """What the user's commands are counted on."""


class Pace(Protocol):
    """The rate of one user's commands; see `limits`."""

    def wait(self, now: float) -> float:
        """Count one more: seconds to wait before the next is taken."""


@dataclass(slots=True)
class Conversation:
    """The state of one connection (RFC 9051 §3)."""

    out: Output
    accounts: Accounts
    gate: LoginGate
    splitter: Splitter
    pieces: Pieces
    clock: Callable[[], datetime]
    metrics: Metrics
    source: str
    tls: bool
    tls_possible: bool
    clear_allowed: bool
    disabled: frozenset[str] = frozenset()
    # Wakes the connection when the selected folder changes.
    wake: Callable[[], None] = lambda: None
    account: Account | None = None
    leave: Callable[[], None] | None = None
    pace: Pace | None = None  # since login
    selected: Selected | None = None
    enabled: set[str] = field(default_factory=set)
    compressed: bool = False
    ended: bool = False
    tag: bytes = b""  # of the running command
    # SEARCHRES: UIDs of the last saved search (RFC 5182), four octets each: it may be a whole folder.
    saved: array[int] = field(default_factory=lambda: array("I"))
    notifier: Notifier | None = None
    # Folders made in this connection; see session_folders.
    made: set[str] = field(default_factory=set)

    # What is on

    @property
    def view(self) -> View | None:
        """The view of the logged-in account."""
        return self.account.view if self.account is not None else None

    @property
    def keeps_metadata(self) -> bool:
        """Whether the store keeps annotations."""
        return keeps_metadata(self.account)

    @property
    def login_allowed(self) -> bool:
        """Whether credentials may travel on this connection as it stands."""
        return self.tls or self.clear_allowed

    @property
    def rev2(self) -> bool:
        """IMAP4rev2 was enabled."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Names and quoted strings may be UTF-8 (RFC 6855 §3, RFC 9051 §5.1)."""
        return "UTF8=ACCEPT" in self.enabled or self.rev2

    @property
    def condstore(self) -> bool:
        """The client wants modseqs (RFC 7162 §3.1)."""
        return "CONDSTORE" in self.enabled

    @property
    def qresync(self) -> bool:
        """The client wants VANISHED (RFC 7162 §3.2)."""
        return "QRESYNC" in self.enabled

    @property
    def uidonly(self) -> bool:
        """The client has no sequence numbers (RFC 9586)."""
        return "UIDONLY" in self.enabled

    def situation(self) -> Situation:
        """What decides about capabilities now."""
        return Situation(
            view=self.view,
            tls=self.tls,
            tls_possible=self.tls_possible,
            login_allowed=self.login_allowed,
            compressed=self.compressed,
            metadata=self.keeps_metadata,
            disabled=self.disabled,
        )

    def capabilities(self) -> bytes:
        """The list of this moment."""
        return capabilities(self.situation())

    def offers(self, capability: str) -> bool:
        """Whether a capability is advertised now."""
        return capability in offered(self.situation())

    # Words

    def untagged(self, data: bytes) -> None:
        """Write one untagged response."""
        self.out.write(b"* %b\r\n" % data)

    async def write_all(self, pieces: Iterable[bytes]) -> None:
        """Write pieces that may be many, pausing between chunks."""
        waiting = 0
        for piece in pieces:
            self.out.write(piece)
            waiting += len(piece)
            if waiting >= WRITE_CHUNK:
                waiting = 0
                await self.out.drain()

    def name(self, wire: bytes) -> str:
        """A mailbox name as the client sent it. Raises BadName."""
        return decode_name(wire, utf8=self.utf8)

    def quoted(self, name: str) -> bytes:
        """A mailbox name for a response."""
        return encode_name(name, utf8=self.utf8)

    # The selected folder

    @property
    def here(self) -> Account:
        """The account; only verbs that need a login ask."""
        assert self.account is not None
        return self.account

    @property
    def folder(self) -> Selected:
        """The selected folder; only verbs of the selected state ask."""
        assert self.selected is not None
        return self.selected

    def resolve(self, sequence: SequenceSet, *, uid: bool) -> IndexRanges:
        """Index ranges of a set in the selected folder. Raises BadCommand for numbers no message has."""
        if sequence.saved:
            folder = self.folder
            return from_indexes(i for u in self.saved if (i := folder.index_of(u)) is not None)
        if uid:
            return with_uids(sequence, self.folder.uids)
        if self.uidonly:
            # RFC 9586 §3.
            raise BadCommand("Sequence numbers are off: use the UID form", "UIDREQUIRED")
        try:
            return numbered(sequence, self.folder.exists, strict=True)
        except OutOfRange as error:
            raise BadCommand(str(error)) from error

    def enable_condstore(self) -> None:
        """A command asked for modseqs, which switches CONDSTORE on (RFC 7162 §3.1)."""
        if not self.condstore:
            self.enabled.add("CONDSTORE")
            if self.selected is not None:
                self.untagged(b"OK [HIGHESTMODSEQ %d] The latest change" % self.selected.highestmodseq)

    @property
    def selected_name(self) -> str:
        """The name of the selected folder, "" if there is none."""
        return self.selected.folder.name if self.selected is not None else ""

    async def tell(self, *, expunges: bool, ask: bool, uid: bool = False, own: bool = False) -> None:
        """Tell the client what happened in the selected folder.

        `expunges`: sequence numbers may change now. `ask`: look into the store even if nothing was noticed.
        `own`: the client's own command did it, so it is told whatever NOTIFY says.
        """
        selected, notifier = self.selected, self.notifier
        if selected is None or (notifier is not None and not notifier.messages and not own):
            return
        if (ask or selected.stale) and not await self.refresh():
            return
        pieces = selected.tell(
            expunges=expunges or (notifier is not None and notifier.at_once),
            vanished=self.qresync or self.uidonly,
            modseq=self.condstore,
            uid=uid or self.rev2 or notifier is not None,
            flags=notifier is None or notifier.flags,
        )
        await self.write_all(pieces)

    async def refresh(self) -> bool:
        """Bring the picture of the selected folder up to date; False if it is gone and so the connection ends."""
        selected = self.folder
        try:
            await selected.refresh()
        except NoSuchFolder:
            # RFC 2180 §3.3: nothing sensible can be said about messages of a folder that is gone.
            self.untagged(b"BYE The selected mailbox was deleted")
            self.ended = True
            return False
        except StoreError:
            # The command itself is done; what is new can be told with the next one.
            selected.stale = True
        return True

    async def stop_notifying(self) -> None:
        """Forget what NOTIFY asked for."""
        notifier, self.notifier = self.notifier, None
        if notifier is not None:
            await notifier.close()

    async def unselect(self) -> None:
        """Leave the selected folder, if there is one."""
        selected, self.selected = self.selected, None
        self.saved = array("I")
        if selected is not None:
            self.pieces.forget(selected)
            await selected.close()

    async def close(self) -> None:
        """Forget everything, the account's keys first of all."""
        account, self.account = self.account, None
        leave, self.leave = self.leave, None
        try:
            if leave is not None:
                leave()
            await self.stop_notifying()
            await self.unselect()
        finally:
            if account is not None:
                await account.close()
