"""Commands on mailboxes, valid once logged in (RFC 9051 §6.3 and its extensions).

Selecting, creating, listing, STATUS, APPEND, IDLE, quota. A mailbox name is kept as the client sent it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailhost.imap.sequence import SequenceSet
from mailhost.imap.tokens import BadCommand, Tokens

# STATUS items: RFC 9051 §6.3.11, RFC 7162 §3.1.7, RFC 7889 §4, RFC 8474 §4.3, RFC 9208 §3.1.4.
STATUS_ITEMS = (
    "MESSAGES",
    "RECENT",
    "UIDNEXT",
    "UIDVALIDITY",
    "UNSEEN",
    "DELETED",
    "SIZE",
    "HIGHESTMODSEQ",
    "APPENDLIMIT",
    "MAILBOXID",
    "DELETED-STORAGE",
)
# RFC 5258 §3, RFC 6154 §2, RFC 5819 §2.
SELECTION_OPTIONS = ("SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE")
RETURN_OPTIONS = ("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS")
# Patterns of one LIST; each is matched against every folder.
MAX_PATTERNS = 64


@dataclass(frozen=True, slots=True)
class Resync:
    """The QRESYNC parameter of SELECT (RFC 7162 §3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None = None
    sequence_match: tuple[SequenceSet, SequenceSet] | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3)."""

    mailbox: bytes
    read_only: bool
    condstore: bool = False
    qresync: Resync | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE with the USE parameter of RFC 6154 §3."""

    mailbox: bytes
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE (RFC 9051 §6.3.5)."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME (RFC 9051 §6.3.6)."""

    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8)."""

    mailbox: bytes
    on: bool


@dataclass(frozen=True, slots=True)
class List:
    """LIST, basic and extended (RFC 9051 §6.3.9, RFC 5258)."""

    reference: bytes
    patterns: tuple[bytes, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Lsub:
    """LSUB (RFC 3501 §6.3.9)."""

    reference: bytes
    pattern: bytes


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE (RFC 9051 §6.3.10)."""


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS (RFC 9051 §6.3.11)."""

    mailbox: bytes
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of APPEND; `utf8` when it came as UTF8 (~{…}) (RFC 6855 §4)."""

    content: bytes | bytearray
    flags: tuple[str, ...]
    date: datetime | None
    utf8: bool


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND (RFC 9051 §6.3.12), several messages by RFC 3502."""

    mailbox: bytes
    messages: tuple[AppendMessage, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """IDLE (RFC 9051 §6.3.13)."""


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA (RFC 9208 §4.1.1)."""

    root: bytes


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """GETQUOTAROOT (RFC 9208 §4.1.2)."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class SetQuota:
    """SETQUOTA (RFC 9208 §4.1.3), always refused: quotas are set by the tenant's administrator."""


type FolderCommand = (
    Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | List
    | Lsub
    | Namespace
    | Status
    | Append
    | Idle
    | GetQuota
    | GetQuotaRoot
    | SetQuota
)


def _mailbox(tokens: Tokens) -> bytes:
    tokens.space()
    return tokens.mailbox()


def _select(tokens: Tokens, *, read_only: bool) -> Select:
    mailbox = _mailbox(tokens)
    condstore = False
    resync: Resync | None = None
    if tokens.maybe_space() and tokens.skip(b"("):
        while not tokens.skip(b")"):
            name = tokens.word("CONDSTORE", "QRESYNC")
            if name == "CONDSTORE":
                condstore = True
            elif name == "QRESYNC" and resync is None:
                tokens.space()
                resync = _resync(tokens)
            else:
                raise BadCommand("SELECT knows the parameters CONDSTORE and QRESYNC")
            tokens.maybe_space()
    return Select(mailbox, read_only, condstore, resync)


def _resync(tokens: Tokens) -> Resync:
    tokens.expect(b"(")
    uidvalidity = tokens.number()
    tokens.space()
    modseq = tokens.number64()
    known = match = None
    if tokens.maybe_space() and tokens.at_sequence_set():
        known = tokens.sequence_set()
        tokens.maybe_space()
    if tokens.skip(b"("):
        numbers = tokens.sequence_set()
        tokens.space()
        match = (numbers, tokens.sequence_set())
        tokens.expect(b")")
    tokens.expect(b")")
    if uidvalidity == 0 or modseq == 0:
        raise BadCommand("UIDVALIDITY and modseq of QRESYNC are at least 1")
    return Resync(uidvalidity, modseq, known, match)


def _create(tokens: Tokens) -> Create:
    mailbox = _mailbox(tokens)
    uses: tuple[str, ...] = ()
    if tokens.maybe_space() and tokens.skip(b"("):
        if not tokens.word("USE"):
            raise BadCommand("CREATE knows the parameter USE")
        tokens.space()
        uses = tuple(tokens.listed(tokens.flag))
        tokens.expect(b")")
    return Create(mailbox, uses)


def _rename(tokens: Tokens) -> Rename:
    old = _mailbox(tokens)
    return Rename(old, _mailbox(tokens))


def _list(tokens: Tokens) -> List:
    tokens.space()
    selection: list[str] = []
    extended = False
    if tokens.peek(b"("):
        extended = True
        selection = tokens.listed(lambda: _option(tokens, SELECTION_OPTIONS))
        tokens.space()
        if "RECURSIVEMATCH" in selection and not {"SUBSCRIBED", "SPECIAL-USE"} & set(selection):
            # RFC 5258 §3.1: it modifies a selection option and cannot stand alone.
            raise BadCommand("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it")
    reference = tokens.mailbox()
    tokens.space()
    if tokens.peek(b"("):
        extended = True
        patterns = tokens.listed(tokens.list_mailbox, empty=False)
        if len(patterns) > MAX_PATTERNS:
            raise BadCommand(f"More than {MAX_PATTERNS} patterns", "LIMIT")
    else:
        patterns = [tokens.list_mailbox()]
    returns: list[str] = []
    status: list[str] = []
    if tokens.maybe_space() and not tokens.at_end():
        extended = True
        if not tokens.word("RETURN"):
            raise BadCommand("Expected RETURN")
        tokens.space()
        returns = tokens.listed(lambda: _return_option(tokens, status))
    return List(reference, tuple(patterns), frozenset(selection), frozenset(returns), tuple(status), extended)


def _option(tokens: Tokens, options: tuple[str, ...]) -> str:
    name = tokens.word(*options)
    if not name:
        raise BadCommand("Unknown option of LIST; known are " + ", ".join(options))
    return name


def _return_option(tokens: Tokens, status: list[str]) -> str:
    name = _option(tokens, RETURN_OPTIONS)
    if name == "STATUS":
        tokens.space()
        status.extend(_status_items(tokens))
    return name


def _lsub(tokens: Tokens) -> Lsub:
    reference = _mailbox(tokens)
    tokens.space()
    return Lsub(reference, tokens.list_mailbox())


def _status(tokens: Tokens) -> Status:
    mailbox = _mailbox(tokens)
    tokens.space()
    return Status(mailbox, _status_items(tokens))


def _status_items(tokens: Tokens) -> tuple[str, ...]:
    def item() -> str:
        name = tokens.word(*STATUS_ITEMS)
        if not name:
            raise BadCommand("Unknown item of STATUS; known are " + ", ".join(STATUS_ITEMS))
        return name

    return tuple(dict.fromkeys(tokens.listed(item, empty=False)))


def parse_append(tokens: Tokens) -> Append:
    """The arguments of APPEND, which are those of REPLACE as well."""
    mailbox = _mailbox(tokens)
    messages: list[AppendMessage] = []
    while not messages or (tokens.maybe_space() and not tokens.at_end()):
        if not messages:
            tokens.space()
        messages.append(_append_message(tokens))
    return Append(mailbox, tuple(messages))


def _append_message(tokens: Tokens) -> AppendMessage:
    flags: tuple[str, ...] = ()
    date = None
    if tokens.peek(b"("):
        flags = tuple(tokens.listed(tokens.flag))
        tokens.space()
    if tokens.peek(b'"'):
        date = tokens.date_time()
        tokens.space()
    # RFC 6855 §4: a message with 8-bit headers comes as UTF8 (~{…}).
    wrapped = bool(tokens.word("UTF8"))
    if wrapped:
        tokens.maybe_space()
        tokens.expect(b"(")
    literal = tokens.literal()
    if literal is None:
        raise BadCommand("APPEND needs the message as a literal")
    if b"\0" in literal.data and not literal.binary:
        raise BadCommand("NUL needs a literal8: ~{size}")
    if wrapped:
        tokens.expect(b")")
    return AppendMessage(literal.data, flags, date, wrapped)


def _get_quota(tokens: Tokens) -> GetQuota:
    tokens.space()
    return GetQuota(tokens.astring())


def _set_quota(tokens: Tokens) -> SetQuota:
    tokens.space()
    tokens.astring()
    tokens.space()
    tokens.listed(tokens.atom)
    return SetQuota()


PARSERS: dict[str, Callable[[Tokens], FolderCommand]] = {
    "SELECT": lambda tokens: _select(tokens, read_only=False),
    "EXAMINE": lambda tokens: _select(tokens, read_only=True),
    "CREATE": _create,
    "DELETE": lambda tokens: Delete(_mailbox(tokens)),
    "RENAME": _rename,
    "SUBSCRIBE": lambda tokens: Subscribe(_mailbox(tokens), on=True),
    "UNSUBSCRIBE": lambda tokens: Subscribe(_mailbox(tokens), on=False),
    "LIST": _list,
    "LSUB": _lsub,
    "NAMESPACE": lambda _tokens: Namespace(),
    "STATUS": _status,
    "APPEND": parse_append,
    "IDLE": lambda _tokens: Idle(),
    "GETQUOTA": _get_quota,
    "GETQUOTAROOT": lambda tokens: GetQuotaRoot(_mailbox(tokens)),
    "SETQUOTA": _set_quota,
}
