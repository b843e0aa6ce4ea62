"""Authentication-Results: what we found, in the message's own header (RFC 8601).

    Authentication-Results: mx.is-1.example; spf=pass smtp.mailfrom=demo.test; dkim=pass header.d=demo.test

Readers believe such a field because of the name it begins with, the *authserv-id*. So what arrives under our own
name is a forgery and is taken out (`without_forged`), before ours is put on top. Others' fields stay: nobody here
believes them, but ARC sealers and lists quote them.

In and out: `MethodResult` values. `render` writes the value behind the authserv-id ("none" where nothing was
checked), `field` the folded field, `parse` reads one, from ARC sets too. Values that come from a stranger are
reduced to harmless characters on the way out. `parse` raises only `BadResults`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailhost.message.headers import Buffer, Field, fields, header_end, searchable
from mailhost.message.trace import fold

NAME = b"authentication-results"
# Real fields have at most a dozen results of a few properties each.
MAX_RESULTS = 100
MAX_PROPERTIES = 20
# Length of a value of one property, and of a reason, that is still written.
MAX_VALUE = 255
MAX_REASON = 100
# RFC 5322 §3.2.2 comments nest; deeper than this they are no comments.
MAX_DEPTH = 10

# RFC 2045 §5.1 `token`, which RFC 8601 §2.2 takes for methods and values; @ and + of addresses are allowed beside.
_TOKEN = re.compile(r"[^\s()<>,;:\\\"\[\]?=\x00-\x1f\x7f]+")
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+.@^_`{|}~-]+")
_HOST = re.compile(r"[a-z0-9._-]*+")
_UNSAFE = re.compile(r"[^ !#-:<-\[\]-~]+")


class BadResults(ValueError):
    """Not an Authentication-Results value."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One `method=result` with its properties, such as `("smtp.mailfrom", "demo.test")`, all as text."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    def get(self, name: str) -> str:
        """The value of a property, empty where it is missing."""
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A whole field; `results` is empty for "none"."""

    authserv_id: str
    results: tuple[MethodResult, ...] = ()


def render(results: Sequence[MethodResult]) -> str:
    """What stands behind the authserv-id and its semicolon (RFC 8601 §2.2)."""
    return "; ".join(map(_rendered, results)) or "none"


def _rendered(result: MethodResult) -> str:
    words = [f"{result.method}={result.result}"]
    if result.reason:
        # RFC 8601 §2.2 `reasonspec`. A semicolon would be legal inside quotes, but not every reader knows that.
        words.append(f'reason="{_UNSAFE.sub(" ", result.reason[:MAX_REASON])}"')
    words += [f"{name}={_value(value[:MAX_VALUE])}" for name, value in result.properties]
    return " ".join(words)


def _value(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f'"{_UNSAFE.sub("?", value)}"'


def field(authserv_id: str, results: str) -> bytes:
    """The field, folded; `results` as `render` gives them."""
    return fold("Authentication-Results", [f"{authserv_id};", *results.split(" ")])


def parse(value: str) -> AuthenticationResults:
    """The value of a field (for ARC: of what follows the instance).  Raises BadResults."""
    return _Reader(value).read()


class _Reader:
    """RFC 8601 §2.2, with comments and white space wherever CFWS may stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> AuthenticationResults:
        authserv_id = self.value()
        self.skip()
        if self.text[self.at : self.at + 1].isdigit():
            # RFC 8601 §2.2 `authres-version`: only 1 is known.
            if self.value() != "1":
                raise BadResults("unknown version")
            self.skip()
        results: list[MethodResult] = []
        while self.at < len(self.text):
            self.expect(";")
            self.skip()
            if self.at == len(self.text):
                break  # A semicolon at the end is wrong, common, and harmless.
            result = self.result()
            if result is not None:
                results.append(result)
            if len(results) > MAX_RESULTS:
                raise BadResults("too many results")
        return AuthenticationResults(authserv_id, tuple(results))

    def result(self) -> MethodResult | None:
        method = self.keyword()
        self.skip()
        if method.lower() == "none" and self.text[self.at : self.at + 1] in {"", ";"}:
            return None
        if self.take("/"):
            self.skip()
            self.keyword()  # RFC 8601 §2.2 `method-version`
            self.skip()
        self.expect("=")
        self.skip()
        outcome = self.keyword()
        reason, properties = "", []
        while True:
            self.skip()
            if self.text[self.at : self.at + 1] in {"", ";"}:
                break
            name = self.property_name()
            self.skip()
            self.expect("=")
            self.skip()
            value = self.value()
            if name in {"reason", "action"}:
                reason = value if name == "reason" else reason
            else:
                properties.append((name, value))
            if len(properties) > MAX_PROPERTIES:
                raise BadResults("too many properties")
        return MethodResult(method.lower(), outcome.lower(), tuple(properties), reason)

    def property_name(self) -> str:
        """`ptype.property`; RFC 8601 §2.2 allows white space around the dot."""
        name = self.keyword()
        self.skip()
        while self.take("."):
            self.skip()
            name += "." + self.keyword()
            self.skip()
        return name.lower()

    def keyword(self) -> str:
        found = _KEYWORD.match(self.text, self.at)
        if found is None:
            raise BadResults("a word is missing")
        self.at = found.end()
        return found[0]

    def value(self) -> str:
        """RFC 8601 §2.2 `pvalue`: a token, a quoted string, an address."""
        self.skip()
        quoted = _QUOTED.match(self.text, self.at)
        if quoted:
            self.at = quoted.end()
            head = _ESCAPED.sub(r"\1", quoted[1])
            if not self.text.startswith("@", self.at):
                return head
        else:
            head = ""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise BadResults("a value is missing")
        self.at = found.end()
        return head + found[0]

    def take(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.at)
        self.at += found
        return found

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise BadResults(f"{sign} is missing")

    def skip(self) -> bool:
        """Skip white space and comments (RFC 5322 §3.2.2); whether there were any."""
        start = self.at
        while True:
            if space := _SPACE.match(self.text, self.at):
                self.at = space.end()
            elif self.text.startswith("(", self.at):
                self.comment()
            else:
                return self.at > start

    def comment(self) -> None:
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 2 if char == "\\" else 1
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return
            if depth > MAX_DEPTH:
                break
        raise BadResults("a comment does not end")


def without_forged(message: Buffer, authserv_ids: Collection[str]) -> Buffer:
    """The message without Authentication-Results fields that claim to be ours (RFC 8601 §5).

    `authserv_ids` are all names this host uses or used. A field that cannot be read is taken out too: another reader
    might find our name in it. The same object comes back where there is nothing to take out.
    """
    data = searchable(message)
    end = header_end(data)
    block = bytes(data[:end])
    if NAME not in block.lower():
        return message
    ours = {name.lower().removesuffix(".") for name in authserv_ids}
    kept: list[bytes | memoryview] = []
    at = 0
    for one in fields(block):
        if one.name.lower() == NAME and _claims(one, ours):
            kept.append(block[at : one.start])
            at = one.end
    return message if at == 0 else b"".join([*kept, block[at:], memoryview(data)[end:]])


def _claims(one: Field, ours: set[str]) -> bool:
    text = one.value.decode("utf-8", "replace")
    try:
        reader = _Reader(text)
        authserv_id = reader.value()
    except BadResults:
        return True
    # RFC 8601 §5: comparison is without regard to case; a trailing dot is the same name. What no name of a host holds
    # ends it: a careless reader of `mx.example.is/1` finds the host in it.
    name = _HOST.match(authserv_id.lower())
    return name is not None and name[0].removesuffix(".") in ours
