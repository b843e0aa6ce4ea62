"""What the IMAP engine asks of a mail store, and nothing more.

The engine serves three views of a mailbox through this one interface: the *sealed* view (the MIME wrapper
round an age file), the *session* view (opened in memory with a key that the client brought at LOGIN) and, on
the owner's machine, the bridge's *opened* view. A store hands over flat arrays and ready-made bytes; the
engine does sequence numbers, parsing and rendering. Stores raise only the errors named here, and each error
knows its own IMAP answer, so the session never guesses one.

Flags are one integer a message: bits 0-4 are the system flags of RFC 9051 §2.3.2 (order of SYSTEM_FLAGS), the
bits above are the folder's keywords in the order of `Snapshot.keywords`. UIDs are shared by all views of a
folder; UIDVALIDITY differs between views because the bytes under a UID differ.

Everything that touches a disk is a coroutine. Batches are the unit: no method is called once per message.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Protocol, TypeGuard, runtime_checkable

SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = (1 << n for n in range(5))
KEYWORD_SHIFT = len(SYSTEM_FLAGS)
# Annotations of one account, all mailboxes together (RFC 5464 §4.1 asks for ten a mailbox).
MAX_METADATA_ENTRIES = 2000
# Octets of their names and values together: they are read at once, and notes and colours need no more.
MAX_METADATA_OCTETS = 1024 * 1024
# A flag word is a signed 64-bit column: 63 bits less the five system flags.
MAX_KEYWORDS = 58


# UIDs as runs (first, last), ascending and apart: of a folder that was emptied often there are more than fit memory.
type Runs = Sequence[tuple[int, int]]


class StoreError(Exception):
    """An expected failure; `code` is the response code of RFC 9051 §7.1, `text` is for a person."""

    code: str = ""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        if code is not None:
            self.code = code


class NoSuchFolder(StoreError):
    """The name is not a folder of this account."""

    code = "NONEXISTENT"


class FolderExists(StoreError):
    """The name is taken."""

    code = "ALREADYEXISTS"


class CannotDo(StoreError):
    """Never possible here (INBOX cannot be deleted, a sealed view takes no clear message, a bad name)."""

    code = "CANNOT"


class NoSuchMessage(StoreError):
    """The message was expunged meanwhile."""

    code = "NONEXISTENT"


class OverQuota(StoreError):
    """The mailbox is full."""

    code = "OVERQUOTA"


class TooMany(StoreError):
    """A named limit was met (keywords in a folder, folders in an account)."""

    code = "LIMIT"


class TryLater(StoreError):
    """The store cannot do it now (database locked or gone, disk full); nothing was changed, or the text says what."""

    code = "UNAVAILABLE"


class LoginRefused(StoreError):
    """Unknown name or wrong password: one answer, one duration."""

    code = "AUTHENTICATIONFAILED"


class FlagOp(Enum):
    """The three verbs of STORE (RFC 9051 §6.4.6)."""

    SET = ""
    ADD = "+"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class FolderInfo:
    """A folder as LIST, LSUB and STATUS describe it. `name` is Unicode, levels divided by '/'."""

    name: str
    folder_id: str  # stable across RENAME: MAILBOXID of RFC 8474
    special_use: str | None  # "\\Sent" … or None
    subscribed: bool
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    recent: int = 0
    size: int = 0  # octets as this view serves them: STATUS=SIZE of RFC 8438
    reclaimable: int = 0  # octets as stored that EXPUNGE would give back: DELETED-STORAGE of RFC 9208


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every message of a folder, by ascending UID, in parallel arrays.

    The arrays belong to the session that asked, which changes them: a store that caches hands out copies.
    """

    uids: array[int]  # 'I'
    flags: array[int]  # 'Q'
    modseqs: array[int]  # 'Q'
    keywords: tuple[str, ...]  # keyword of bit KEYWORD_SHIFT + index
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    recent_from: int  # messages with uid >= this are \Recent in the session that took the snapshot


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a folder after a modseq: enough to bring a snapshot up to date."""

    changed: Sequence[tuple[int, int, int]]  # (uid, flags, modseq), new messages included, ascending uid
    vanished: Runs
    keywords: tuple[str, ...]
    uidnext: int
    highestmodseq: int
    recent_from: int


class Meta(Protocol):
    """What FETCH, SORT and SEARCH need without the body. Bytes are ready for the wire, 7-bit.

    A list asks for two or three of these of ten thousand messages: a store makes the others when they are asked for.
    """

    @property
    def uid(self) -> int: ...

    @property
    def email_id(self) -> str:
        """EMAILID of RFC 8474: the same for every copy."""

    @property
    def internaldate(self) -> datetime:
        """Aware."""

    @property
    def savedate(self) -> datetime | None:
        """Aware; None where the store does not know."""

    @property
    def size(self) -> int:
        """RFC822.SIZE of what this view serves."""

    @property
    def envelope(self) -> bytes | None:
        """None: too large to be kept; the engine computes it from the content. So are `body` and `bodystructure`."""

    @property
    def body(self) -> bytes | None: ...

    @property
    def bodystructure(self) -> bytes | None: ...

    @property
    def preview(self) -> str | None:
        """None in a view that cannot read."""

    @property
    def references(self) -> str | None:
        """The Message-IDs of References as written, "" if there are none; None where the store does not keep them."""


@dataclass(frozen=True, slots=True)
class MetaValues:
    """`Meta` whose values are all there."""

    uid: int
    email_id: str
    internaldate: datetime
    savedate: datetime | None
    size: int
    envelope: bytes | None
    body: bytes | None
    bodystructure: bytes | None
    preview: str | None
    references: str | None = None


@dataclass(frozen=True, slots=True)
class Damaged:
    """In place of content that cannot be read; the message errors, its neighbours live."""

    uid: int


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message of an APPEND."""

    content: bytes | bytearray | memoryview
    flags: tuple[str, ...] = ()
    internaldate: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreResult:
    """Outcome of STORE: new state of what changed, and what UNCHANGEDSINCE spared (RFC 7162 §3.1.3)."""

    changed: Sequence[tuple[int, int, int]]  # (uid, flags, modseq)
    modified: Sequence[int]  # uids whose modseq was newer than asked
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copied:
    """COPYUID of RFC 4315; empty pairs when no uid existed."""

    uidvalidity: int
    pairs: Sequence[tuple[int, int]]  # (source uid, target uid)


@dataclass(frozen=True, slots=True)
class Quota:
    """Use and limit of one account (RFC 9208); None = no limit. Storage in octets as stored."""

    storage_used: int
    storage_limit: int | None
    messages_used: int
    messages_limit: int | None


@dataclass(frozen=True, slots=True)
class View:
    """What this view can do; the session advertises accordingly."""

    can_read: bool  # PREVIEW, SORT and TEXT/BODY search see the real mail
    name: str  # "sealed" | "session" | "opened"
    append_limit: int  # octets: APPENDLIMIT of RFC 7889
    disabled: frozenset[str] = field(default_factory=frozenset)  # capabilities switched off for the account


class Folder(Protocol):
    """A selected folder. Calls after `close` are a programming error."""

    name: str
    folder_id: str  # as FolderInfo.folder_id
    uidvalidity: int

    async def snapshot(self, *, claim_recent: bool) -> Snapshot:
        """All messages now; `claim_recent` makes this session the one that is told \\Recent."""

    async def changes(self, since_modseq: int, *, claim_recent: bool) -> Changes:
        """Everything that happened after `since_modseq`, expunges included."""

    async def vanished_since(self, modseq: int) -> Runs:
        """UIDs expunged after `modseq` (RFC 7162 §3.2.5)."""

    async def meta(self, uids: Sequence[int]) -> Sequence[Meta | Damaged]:
        """One entry a uid that still exists, ascending by uid."""

    def contents(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        """The whole message of each uid that still exists, ascending, a few at a time in memory."""

    async def store_flags(
        self,
        uids: Sequence[int],
        op: FlagOp,
        flags: Sequence[str],
        *,
        unchanged_since: int | None,
        now: datetime,
    ) -> StoreResult:
        """Change flags, of very many messages in turns; unknown keywords are created. Raises TooMany, TryLater."""

    async def expunge(self, uids: Sequence[int] | None, *, now: datetime) -> tuple[Sequence[int], int]:
        """Remove \\Deleted messages (only of `uids` when given): uids removed, new HIGHESTMODSEQ."""

    async def copy(self, uids: Sequence[int], target: str, *, now: datetime) -> Copied:
        """Copy, all or nothing, unless the process ends in the middle of very many before it is undone.

        Raises NoSuchFolder (answered TRYCREATE), OverQuota, TryLater.
        """

    async def move(self, uids: Sequence[int], target: str, *, now: datetime) -> tuple[Copied, int]:
        """Move, each message in one step; second value is the source's new HIGHESTMODSEQ (RFC 6851)."""

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` (on the event loop) soon after anyone changes this folder; returns the off switch."""

    async def close(self) -> None: ...


class Account(Protocol):
    """One owner's folders, in one view, for one connection."""

    view: View
    tenant: str  # who its connections are counted with; opaque
    login_id: int  # what let it in, as `Accounts.still_good` knows it

    async def folders(self, *, counts: bool = False) -> Sequence[FolderInfo]:
        """Every folder, INBOX first, then by name; counts (but no sizes) only when `counts`."""

    async def folder(self, name: str, *, sizes: bool = False, reclaimable: bool = False) -> FolderInfo:
        """One folder with its counts; its `size` when `sizes` (costly: it may open every header), and what is
        `reclaimable` when that (it looks for a second place of every \\Deleted message).

        Raises NoSuchFolder.
        """

    async def subscriptions(self) -> Sequence[str]:
        """Subscribed names, those of deleted folders included (RFC 9051 §6.3.8)."""

    async def create(self, name: str, special_use: str | None = None) -> FolderInfo:
        """Make it and its missing parents, subscribed. Raises FolderExists, CannotDo, TooMany."""

    async def delete(self, name: str, *, now: datetime) -> None: ...

    async def rename(self, old: str, new: str, *, now: datetime) -> None:
        """Rename it and its children; INBOX moves to `new` the messages that it has now (RFC 9051 §6.3.6)."""

    async def subscribe(self, name: str, *, on: bool) -> None: ...

    async def quota(self) -> Quota: ...

    async def open(self, name: str) -> Folder: ...

    async def append(
        self, name: str, messages: Sequence[NewMessage], *, now: datetime, claim_recent: bool = False
    ) -> tuple[int, list[int]]:
        """Store all or none, durable on return: (uidvalidity, uids).

        `claim_recent`: this connection has the folder selected and counts the messages as \\Recent; others need not.
        Raises NoSuchFolder, OverQuota, CannotDo, TryLater.
        """

    async def replace(
        self, folder_id: str, uid: int, name: str, message: NewMessage, *, now: datetime
    ) -> tuple[int, int]:
        """Store a message and remove another for good, both or neither (RFC 8508): (uidvalidity, uid) of the new one.

        `folder_id` is the folder of the old one, `name` that of the new one. Raises NoSuchMessage, and what
        `append` raises.
        """

    async def close(self) -> None:
        """Forget every key and opened byte; a change that runs ends before its next turn."""


@runtime_checkable
class KeepsMetadata(Protocol):
    """What an account adds to `Account` when it keeps annotations (RFC 5464); others simply lack it.

    Names of entries are lower case, `/private/…` or `/shared/…`; mailbox "" is the account itself. Annotations
    go with their folder when it is deleted and stay with it when it is renamed.
    """

    async def metadata(self) -> Mapping[str, Mapping[str, bytes]]:
        """Everything: mailbox name → entry → value. Small by MAX_METADATA_ENTRIES and MAX_METADATA_OCTETS."""

    async def set_metadata(self, name: str, changes: Mapping[str, bytes | None]) -> None:
        """Set or (None) remove entries of one mailbox, all or none. Raises NoSuchFolder, TooMany."""


@runtime_checkable
class Rests(Protocol):
    """What a folder adds to `Folder` when it keeps something in memory between calls; others simply lack it."""

    def rest(self) -> None:
        """The client pauses: put away what is kept, without waiting for it."""


@runtime_checkable
class OpensHeads(Protocol):
    """What a folder adds to `Folder` when the beginning of a large message costs less than all of it; others simply
    lack it."""

    def heads(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        """As `contents`; of a message its beginning is enough, with its whole header in it."""


def contents_of(
    folder: Folder, uids: Sequence[int], *, heads: bool
) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
    """`Folder.contents`, or where the header is all that is looked at, as little as the folder can do with."""
    return folder.heads(uids) if heads and isinstance(folder, OpensHeads) else folder.contents(uids)


def keeps_metadata(account: Account | None) -> TypeGuard[KeepsMetadata]:
    """Whether the account keeps annotations; asked at every login, so it is worked out once for each kind."""
    return account is not None and _kind_keeps_metadata(type(account))


@cache
def _kind_keeps_metadata(kind: type) -> bool:
    return issubclass(kind, KeepsMetadata)


class Accounts(Protocol):
    """The door: a name and a password become an account."""

    async def login(self, username: str, password: str, *, source: str) -> Account:
        """Raises LoginRefused, TryLater. `source` is used only as a keyed hash for throttling."""

    async def still_good(self, login_ids: Collection[int]) -> Collection[int]:
        """Those of them that would be let in now; the others were revoked, expired, or their mailbox may not any more.

        Raises TryLater.
        """
