"""Address lists in header fields (RFC 5322 §3.4), read the way mail really writes them.

    "Lovelace, Ada" <ada@example.is>, team: ben@example.is, cleo@demo.test;, mo@demo.test (Mo)

In: an unfolded From, To, Cc… value as bytes.  Out: mailboxes and groups in order, names with comments, quotes and
folding taken off but encoded words still encoded (IMAP's ENVELOPE wants them so); `display` decodes.

Obsolete forms of RFC 5322 §4.4 are read: routes (`<@a,@b:ada@example.is>`), spaces and comments between all
tokens, empty list elements.  So is what breaks every grammar: a quote that never closes, missing brackets, names
without an address, raw 8-bit.  One pass, no look-back; a list is cut after `MAX_ADDRESSES`.  Never raises.
This is for showing and for search.  Envelope addresses are parsed strictly, by `address`.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from mailhost.message.charsets import visible
from mailhost.message.encodedwords import decode_words

# A list in one field: longer ones exist only where somebody pasted a directory, and every reader cuts them.
MAX_ADDRESSES = 1000
# Bytes of one field that are read at all, and words and marks of it where the list is not of the plain kind.
MAX_LIST_BYTES = 64 * 1024
MAX_TOKENS = 10_000
# RFC 5322 §3.2.2 comments nest; deeper than this the brackets are ordinary characters.
MAX_COMMENT_DEPTH = 16


_ATEXT = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_ORDINARY = re.compile(rb"[A-Za-z0-9.+_-]++").fullmatch


class HeaderAddress(NamedTuple):
    """One mailbox of a list.  `name` is None where there is none; `local` and `domain` may be empty, never None."""

    name: bytes | None
    local: bytes
    domain: bytes
    route: bytes | None = None

    @property
    def address(self) -> str:
        """`local@domain` as text, or the local part alone where no domain was given."""
        if _ORDINARY(self.local) and _ORDINARY(self.domain):
            return f"{self.local.decode('ascii')}@{self.domain.decode('ascii')}"
        local = visible(decode_words(self.local))
        return f"{local}@{visible(decode_words(self.domain))}" if self.domain else local

    @property
    def display(self) -> str:
        """The decoded name on one line, empty where there is none."""
        return "" if self.name is None else visible(decode_words(self.name))

    @property
    def text(self) -> str:
        """`Name <local@domain>` for a person to read."""
        name, address = self.display, self.address
        if not name:
            return address
        return f"{name} <{address}>" if address else name


class Group(NamedTuple):
    """A named group (RFC 5322 §3.4), possibly empty, as in `undisclosed-recipients:;`."""

    name: bytes
    members: tuple[HeaderAddress, ...] = ()


# `Name <a@b>`, `"Name" <a@b>` or `a@b`, and the comma behind it: nearly every address there is.
_PLAIN = re.compile(
    rb"[ \t]*+(?:(?:\"([^\"\\]*+)\"|([%(a)b][%(a)b \t.]*+))?[ \t]*+<([%(a)b.]++)@([A-Za-z0-9.-]++)>"
    rb"|([%(a)b.]++)@([A-Za-z0-9.-]++))[ \t]*+(?:,|\Z)" % {b"a": _ATEXT}
)
_TOKEN = re.compile(
    rb"(?P<space>[\s\x00]++)|(?P<atom>[^\s\x00()<>@,:;\"\\\[\]]++|\[[^\[\]]*+\])|(?P<special>[()<>@,:;\"\\\[\]])"
)
_QUOTED = re.compile(rb"\"((?:[^\"\\]|\\.)*+)\"", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ORDINARY_MARKS = frozenset({b"\\", b"[", b"]", b"(", b")"})
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)


def parse_address_list(value: bytes) -> list[HeaderAddress | Group]:
    """Everything the list names, in order."""
    value = value[:MAX_LIST_BYTES]
    found: list[HeaderAddress | Group] = []
    at, end = 0, len(value)
    while at < end and len(found) < MAX_ADDRESSES:
        match = _PLAIN.match(value, at)
        if match is None:
            rest = _Reader(value[at:], MAX_ADDRESSES - len(found))
            return found + rest.read()
        quoted, phrase, local, domain, bare_local, bare_domain = match.groups()
        if bare_local is not None:
            found.append(HeaderAddress(None, bare_local, bare_domain))
        else:
            name = quoted.strip() if quoted is not None else phrase and phrase.rstrip()
            found.append(HeaderAddress(name or None, local, domain))
        at = match.end()
    return found


def mailboxes(entries: list[HeaderAddress | Group]) -> list[HeaderAddress]:
    """The mailboxes of a list with its groups opened."""
    out: list[HeaderAddress] = []
    for entry in entries:
        if isinstance(entry, Group):
            out.extend(entry.members)
        else:
            out.append(entry)
    return out


class _Reader:
    """The general reader: tokens in, addresses out, one element of the list at a time."""

    def __init__(self, value: bytes, room: int) -> None:
        self.tokens = islice(_tokens(value), MAX_TOKENS)
        self.room = room
        self.out: list[HeaderAddress | Group] = []
        self.group: bytes | None = None
        self.members: list[HeaderAddress] = []
        self._clear()

    def _clear(self) -> None:
        self.words: list[bytes] = []  # phrase or bare address, the spaces between words kept as b" "
        self.angle: list[bytes] | None = None  # the words between angle brackets
        self.after: list[bytes] = []  # words behind them, a name where none came before
        self.comment = b""
        self.inside = False

    def read(self) -> list[HeaderAddress | Group]:
        for kind, text in self.tokens:
            if self.room <= 0:
                break
            if kind == "special" and self._special(text):
                continue
            if kind == "comment":
                self.comment = text
            elif self.angle is None:
                self.words.append(text)
            elif self.inside:
                self.angle.append(text)
            else:
                self.after.append(text)
        self._element()
        self._end_group()
        return self.out

    def _special(self, text: bytes) -> bool:
        """Whether the character was structure; otherwise it is an ordinary one."""
        if text == b"<" and not self.inside:
            if self.angle is not None:
                self._element()  # the comma between two addresses is missing
            self.angle, self.inside = [], True
        elif text == b">" and self.angle is not None:
            self.inside = False
        elif text == b"," and not self._in_route():
            self._element()
        elif text == b";":
            # RFC 5322 §3.4: ends a group.  Outside one it is the separator some programs type.
            self._element()
            self._end_group()
        elif text == b":" and self.angle is None and self.group is None and b"@" not in self.words:
            self.group = b"".join(self.words).strip() or self.comment
            self._clear()
        else:
            return False
        return True

    def _in_route(self) -> bool:
        """RFC 5322 §4.4 `obs-route`: commas between `<` and `:` belong to the route."""
        return self.inside and self.angle is not None and b"".join(self.angle[:2]).lstrip().startswith(b"@")

    def _element(self) -> None:
        entry = self._address()
        self._clear()
        if entry is None:
            return
        self.room -= 1
        if self.group is None:
            self.out.append(entry)
        else:
            self.members.append(entry)

    def _end_group(self) -> None:
        if self.group is not None:
            self.out.append(Group(self.group, tuple(self.members)))
            self.group, self.members = None, []
            self.room -= 1

    def _address(self) -> HeaderAddress | None:
        phrase = b"".join(self.words).strip()
        if self.angle is not None:
            name = phrase or self.comment or b"".join(self.after).strip() or None
            inner = b"".join(word for word in self.angle if word != b" ")
            route, colon, spec = inner.rpartition(b":")
            if not colon or not route.startswith(b"@"):
                route, spec = b"", inner
            local, _, domain = spec.rpartition(b"@") if b"@" in spec else (spec, b"", b"")
            return HeaderAddress(name, local, domain, route or None) if name or spec else None
        if not phrase:
            return None
        if b"@" in self.words:
            return self._bare()
        # A name or a local user without any address: keep it where readers look for it.
        return HeaderAddress(self.comment or None, phrase, b"")

    def _bare(self) -> HeaderAddress:
        """`Ada Lovelace ada @ example.is`: the words next to the last `@` are the address, the rest is a name."""
        words = _tight(self.words)
        sign = len(words) - 1 - words[::-1].index(b"@")
        before, after = words[:sign], words[sign + 1 :]
        start = len(before) - before[::-1].index(b" ") if b" " in before else 0
        end = after.index(b" ") if b" " in after else len(after)
        name = b"".join(before[:start]).strip() or self.comment
        return HeaderAddress(name or None, b"".join(before[start:]), b"".join(after[:end]))


def _tight(words: list[bytes]) -> list[bytes]:
    """RFC 5322 §4.4 allows spaces around the dots and the `@` of an address; they are left out."""
    out: list[bytes] = []
    for word in words:
        if word == b" ":
            if out and out[-1] != b" " and out[-1] != b"@" and not out[-1].endswith(b"."):
                out.append(word)
            continue
        if out and out[-1] == b" " and (word == b"@" or word.startswith(b".")):
            out.pop()
        out.append(word)
    return out


def _tokens(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Kinds and texts: space, comment, special, atom (also for quoted strings and domain literals)."""
    # Where one quote or bracket never closes, no later one is looked for: that search would be quadratic.
    quotes = comments = True
    at = 0
    while match := _TOKEN.match(value, at):
        kind, text = match.lastgroup or "", match[0]
        at = match.end()
        if kind == "space":
            yield "space", b" "
        elif text == b'"':
            quoted = _QUOTED.match(value, at - 1) if quotes else None
            if quoted is None:
                quotes = False
                continue
            at = quoted.end()
            yield "atom", _ESCAPED.sub(rb"\1", quoted[1])
        elif text == b"(" and comments:
            closing = _comment_end(value, at)
            if closing < 0:
                comments = False
                yield "atom", text
                continue
            yield "comment", _ESCAPED.sub(rb"\1", value[at : closing - 1]).strip()
            at = closing
        elif text in _ORDINARY_MARKS:
            yield "atom", text
        else:
            yield kind, text


def _comment_end(value: bytes, at: int) -> int:
    """The offset behind the bracket that closes the comment opened just before `at`; -1 if none does."""
    depth = 1
    while depth:
        match = _COMMENT_MARK.search(value, at)
        if match is None:
            return -1
        at = match.end()
        if match[0] == b"(":
            depth += 1
            if depth > MAX_COMMENT_DEPTH:
                return -1
        elif match[0] == b")":
            depth -= 1
    return at
