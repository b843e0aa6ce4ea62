"""The SEARCH program as a tree of values (RFC 9051 §6.4.4, RFC 5032, RFC 7162 §3.1.5, RFC 8514, RFC 8474).

`parse_search(tokens)` reads `[RETURN (…)] [CHARSET …] key key …`. Strings are decoded here, where the charset
is known; a charset outside the small table raises BadCharset, which is answered NO, as the RFC asks.
The tree holds no reference to messages: `search` evaluates it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mailhost.imap.sequence import SequenceSet
from mailhost.imap.tokens import BadCommand, Tokens

# Keys of one program, nested ones counted; each visits every message.
MAX_KEYS = 1_000
# Charsets of search strings. RFC 9051 §6.4.4 asks for US-ASCII and UTF-8; the others are what old clients send.
CHARSETS = {
    "US-ASCII": "ascii",
    "UTF-8": "utf-8",
    **{f"ISO-8859-{n}": f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"WINDOWS-{n}": f"cp{n}" for n in range(1250, 1259)},
    "KOI8-R": "koi8-r",
    "SHIFT_JIS": "shift_jis",
    "ISO-2022-JP": "iso2022_jp",
    "EUC-JP": "euc_jp",
    "GB2312": "gb2312",
    "BIG5": "big5",
}
BAD_CHARSET = "BADCHARSET (US-ASCII UTF-8)"


class BadCharset(BadCommand):
    """The strings cannot be read: a NO and not a BAD (RFC 9051 §6.4.4). `saves`: RETURN (SAVE) was asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(text, BAD_CHARSET)
        self.saves = False


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class And:
    """Every key is true."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of two is true."""

    one: Key
    other: Key


@dataclass(frozen=True, slots=True)
class Not:
    """The key is false."""

    key: Key


@dataclass(frozen=True, slots=True)
class Flag:
    """The message has (or, when not `on`, lacks) a system flag, keyword or `\\Recent`."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """Sequence numbers, or UIDs; `$` is the saved result."""

    sequence: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class ModSeq:
    """The modseq is at least this."""

    at_least: int


@dataclass(frozen=True, slots=True)
class Size:
    """RFC822.SIZE larger or smaller than a number of octets."""

    octets: int
    larger: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A date compared by day: `source` is INTERNAL, SENT or SAVED; `relation` BEFORE, ON or SINCE."""

    source: str
    relation: str
    day: date


@dataclass(frozen=True, slots=True)
class Age:
    """WITHIN: INTERNALDATE no more (YOUNGER) or no less (OLDER) than so many seconds ago."""

    seconds: int
    older: bool


@dataclass(frozen=True, slots=True)
class SaveDateSupported:
    """Whether the folder knows save dates (RFC 8514 §4.3): always true here."""


@dataclass(frozen=True, slots=True)
class ObjectId:
    """EMAILID or THREADID is this (RFC 8474 §6)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header field holds the text; an empty text asks whether the field is there."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """The body, or with `headers` the whole message, holds the text."""

    text: str
    headers: bool


type Key = (
    All | And | Or | Not | Flag | Numbers | ModSeq | Size | Day | Age | SaveDateSupported | ObjectId | Header | Text
)

_FLAG_KEYS: dict[str, Key] = {
    "ANSWERED": Flag("\\Answered", on=True),
    "DELETED": Flag("\\Deleted", on=True),
    "DRAFT": Flag("\\Draft", on=True),
    "FLAGGED": Flag("\\Flagged", on=True),
    "RECENT": Flag("\\Recent", on=True),
    "SEEN": Flag("\\Seen", on=True),
    "UNANSWERED": Flag("\\Answered", on=False),
    "UNDELETED": Flag("\\Deleted", on=False),
    "UNDRAFT": Flag("\\Draft", on=False),
    "UNFLAGGED": Flag("\\Flagged", on=False),
    "UNSEEN": Flag("\\Seen", on=False),
    # RFC 3501 §6.4.4: NEW is RECENT UNSEEN, OLD is NOT RECENT.
    "NEW": And((Flag("\\Recent", on=True), Flag("\\Seen", on=False))),
    "OLD": Flag("\\Recent", on=False),
    "ALL": All(),
    "SAVEDATESUPPORTED": SaveDateSupported(),
}
_DAYS = {
    "BEFORE": ("INTERNAL", "BEFORE"),
    "ON": ("INTERNAL", "ON"),
    "SINCE": ("INTERNAL", "SINCE"),
    "SENTBEFORE": ("SENT", "BEFORE"),
    "SENTON": ("SENT", "ON"),
    "SENTSINCE": ("SENT", "SINCE"),
    "SAVEDBEFORE": ("SAVED", "BEFORE"),
    "SAVEDON": ("SAVED", "ON"),
    "SAVEDSINCE": ("SAVED", "SINCE"),
}
_HEADERS = ("BCC", "CC", "FROM", "SUBJECT", "TO")
# RFC 4731 §3.1, RFC 5182 §2.1.
RETURN_OPTIONS = ("MIN", "MAX", "ALL", "COUNT", "SAVE")


@dataclass(frozen=True, slots=True)
class Program:
    """`returns` is None for the classic answer; an empty RETURN () means ALL."""

    key: Key
    returns: frozenset[str] | None = None
    modseq: bool = False
    charset: str | None = None


class _Reader:
    def __init__(self, tokens: Tokens, charset: str) -> None:
        self.tokens = tokens
        self.codec = charset
        self.keys = 0
        self.modseq = False

    def string(self) -> str:
        self.tokens.space()
        octets = self.tokens.astring()
        try:
            return octets.decode(self.codec)
        except UnicodeDecodeError:
            if self.codec != "ascii":
                raise BadCharset("The search string is not in the named charset") from None
        # Without CHARSET the string should be ASCII; UTF-8 is what clients mean when it is not.
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise BadCharset("The search string is neither US-ASCII nor UTF-8") from None

    def many(self) -> Key:
        """Keys joined by AND until the end of the command."""
        keys = [self.one()]
        while self.tokens.maybe_space() and not self.tokens.at_end():
            keys.append(self.one())
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def one(self) -> Key:
        self.keys += 1
        if self.keys > MAX_KEYS:
            raise BadCommand(f"More than {MAX_KEYS} keys in a search", "LIMIT")
        tokens = self.tokens
        if tokens.peek(b"("):
            keys = tokens.listed(self.one, empty=False)
            return keys[0] if len(keys) == 1 else And(tuple(keys))
        if tokens.at_sequence_set():
            return Numbers(tokens.sequence_set(), uid=False)
        name = tokens.atom().decode("ascii").upper()
        fixed = _FLAG_KEYS.get(name)
        if fixed is not None:
            return fixed
        reader = _KEYS.get(name)
        if reader is None:
            raise BadCommand("Unknown search key")
        return reader(self, name)

    def nested(self) -> Key:
        """The operand of NOT and OR."""
        self.tokens.space()
        self.tokens.deeper()
        key = self.one()
        self.tokens.shallower()
        return key

    def keyword(self, name: str) -> Key:
        self.tokens.space()
        return Flag(self.tokens.flag(), on=name == "KEYWORD")

    def uid(self, _name: str) -> Key:
        self.tokens.space()
        return Numbers(self.tokens.sequence_set(), uid=True)

    def day(self, name: str) -> Key:
        self.tokens.space()
        source, relation = _DAYS[name]
        return Day(source, relation, self.tokens.date())

    def size(self, name: str) -> Key:
        self.tokens.space()
        return Size(self.tokens.number64(), larger=name == "LARGER")

    def age(self, name: str) -> Key:
        self.tokens.space()
        seconds = self.tokens.number()
        if seconds == 0:
            raise BadCommand("OLDER and YOUNGER take at least one second")
        return Age(seconds, older=name == "OLDER")

    def header(self, _name: str) -> Key:
        self.tokens.space()
        field = self.tokens.astring().decode("latin-1")
        return Header(field.lower(), self.string())

    def mod_seq(self, _name: str) -> Key:
        """RFC 7162 §3.1.5: an entry name may stand before the value; ours have one modseq a message."""
        self.tokens.space()
        self.modseq = True
        if self.tokens.peek(b'"'):
            self.tokens.string()
            self.tokens.space()
            if not self.tokens.word("PRIV", "SHARED", "ALL"):
                raise BadCommand("Expected priv, shared or all")
            self.tokens.space()
        return ModSeq(self.tokens.number64())

    def object_id(self, name: str) -> Key:
        self.tokens.space()
        return ObjectId(name, self.tokens.astring().decode("latin-1"))


_KEYS: dict[str, Callable[[_Reader, str], Key]] = {
    "NOT": lambda reader, _name: Not(reader.nested()),
    "OR": lambda reader, _name: Or(reader.nested(), reader.nested()),
    "KEYWORD": _Reader.keyword,
    "UNKEYWORD": _Reader.keyword,
    "UID": _Reader.uid,
    **dict.fromkeys(_DAYS, _Reader.day),
    "LARGER": _Reader.size,
    "SMALLER": _Reader.size,
    "OLDER": _Reader.age,
    "YOUNGER": _Reader.age,
    "HEADER": _Reader.header,
    **dict.fromkeys(_HEADERS, lambda reader, name: Header(name.lower(), reader.string())),
    "TEXT": lambda reader, _name: Text(reader.string(), headers=True),
    "BODY": lambda reader, _name: Text(reader.string(), headers=False),
    "MODSEQ": _Reader.mod_seq,
    "EMAILID": _Reader.object_id,
    "THREADID": _Reader.object_id,
}


def parse_search(tokens: Tokens) -> Program:
    """Read the arguments of SEARCH. Raises BadCommand, BadCharset where that is the fault."""
    tokens.space()
    returns = None
    charset = None
    if tokens.word("RETURN"):
        tokens.space()
        returns = frozenset(tokens.listed(lambda: return_option(tokens)))
        tokens.space()
    if tokens.word("CHARSET"):
        tokens.space()
        charset = tokens.astring().decode("latin-1").upper()
        tokens.space()
    try:
        key, modseq = parse_keys(tokens, charset or "US-ASCII")
    except BadCharset as error:
        error.saves = returns is not None and "SAVE" in returns
        raise
    return Program(key, returns, modseq, charset)


def parse_keys(tokens: Tokens, charset: str) -> tuple[Key, bool]:
    """Keys until the end of the command; whether MODSEQ was among them. Raises BadCommand, BadCharset."""
    reader = _Reader(tokens, codec_of(charset))
    return reader.many(), reader.modseq


def codec_of(charset: str) -> str:
    """The codec of a charset's name. Raises BadCharset."""
    codec = CHARSETS.get(charset.upper())
    if codec is None:
        raise BadCharset("That charset is not known here")
    return codec


def return_option(tokens: Tokens) -> str:
    """One word of RETURN ()."""
    name = tokens.word(*RETURN_OPTIONS)
    if not name:
        raise BadCommand("Unknown result option; known are " + ", ".join(RETURN_OPTIONS))
    return name


def has_numbers(key: Key) -> bool:
    """Whether a key names sequence numbers, which RFC 9586 forbids (`$` stands for UIDs)."""
    match key:
        case And(children):
            return any(has_numbers(child) for child in children)
        case Or(one, other):
            return has_numbers(one) or has_numbers(other)
        case Not(child):
            return has_numbers(child)
        case Numbers(sequence, uid):
            return not uid and not sequence.saved
        case _:
            return False
