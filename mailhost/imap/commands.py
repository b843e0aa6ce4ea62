"""Commands as values: one frozen dataclass a command, and the table that reads them (RFC 9051 §6).

`parse(request)` turns one whole command into `(tag, command)`. Names of mailboxes stay as the client sent
them: only the session knows whether they are UTF-8. The only error is `BadCommand`; it carries the tag when
there was one, so that every refusal can be answered. Commands are grouped as the RFC groups them: here those
of any state and of the time before login; `commands_folders` and `commands_messages` hold the others.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass

from mailhost.imap import commands_folders, commands_messages, commands_metadata, commands_notify, commands_sorting
from mailhost.imap.tokens import BadCommand, Tokens
from mailhost.imap.wire import Request

# RFC 2971 §3.3: "Implementations MUST NOT send more than 30 field-value pairs"; we only bound what we read.
MAX_ID_FIELDS = 30


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY (RFC 9051 §6.1.1)."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP (RFC 9051 §6.1.2)."""


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT (RFC 9051 §6.1.3)."""


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971). What the client says about itself is read and forgotten."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS (RFC 9051 §6.2.1)."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE with an optional initial response (RFC 9051 §6.2.2, RFC 4959)."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN (RFC 9051 §6.2.3)."""

    username: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 5161, RFC 9051 §6.3.1)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS (RFC 4978)."""

    mechanism: str


type AnyCommand = Capability | Noop | Logout | Id | StartTls | Authenticate | Login | Enable | Compress
type Command = (
    AnyCommand
    | commands_folders.FolderCommand
    | commands_messages.MessageCommand
    | commands_sorting.SortingCommand
    | commands_metadata.MetadataCommand
    | commands_notify.Notify
)


def decode_base64(text: bytes) -> bytes:
    """Strict base64 of a SASL exchange. Raises BadCommand."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise BadCommand("The response is not base64") from error


def _id(tokens: Tokens) -> Id:
    tokens.space()
    if not tokens.word("NIL"):
        fields = tokens.listed(tokens.nstring)
        if len(fields) > 2 * MAX_ID_FIELDS or len(fields) % 2:
            raise BadCommand(f"ID takes up to {MAX_ID_FIELDS} pairs of field and value")
    return Id()


def _authenticate(tokens: Tokens) -> Authenticate:
    tokens.space()
    mechanism = tokens.atom().decode("ascii").upper()
    initial = None
    if tokens.maybe_space() and not tokens.at_end():
        text = tokens.rest()
        # RFC 4959 §3: "=" is an initial response without octets.
        initial = b"" if text == b"=" else decode_base64(text)
    return Authenticate(mechanism, initial)


def _login(tokens: Tokens) -> Login:
    tokens.space()
    username = tokens.astring()
    tokens.space()
    return Login(username, tokens.astring())


def _enable(tokens: Tokens) -> Enable:
    names = []
    while tokens.maybe_space() and not tokens.at_end():
        names.append(tokens.atom().decode("ascii").upper())
    if not names:
        raise BadCommand("ENABLE needs the name of a capability")
    return Enable(tuple(names))


def _compress(tokens: Tokens) -> Compress:
    tokens.space()
    return Compress(tokens.atom().decode("ascii").upper())


PARSERS: dict[str, Callable[[Tokens], Command]] = {
    "CAPABILITY": lambda _tokens: Capability(),
    "NOOP": lambda _tokens: Noop(),
    "LOGOUT": lambda _tokens: Logout(),
    "ID": _id,
    "STARTTLS": lambda _tokens: StartTls(),
    "AUTHENTICATE": _authenticate,
    "LOGIN": _login,
    "ENABLE": _enable,
    "COMPRESS": _compress,
    **commands_folders.PARSERS,
    **commands_messages.PARSERS,
    **commands_sorting.PARSERS,
    **commands_metadata.PARSERS,
    **commands_notify.PARSERS,
}
UID_PARSERS: dict[str, Callable[[Tokens], Command]] = {
    **commands_messages.UID_PARSERS,
    **commands_sorting.UID_PARSERS,
}


def parse(request: Request) -> tuple[bytes, str, Command]:
    """(tag, name of the command, command). Raises BadCommand, see `tag_of` for the tag to answer."""
    tokens = Tokens(request)
    tag = tokens.tag()
    tokens.space()
    name = tokens.command()
    parser = PARSERS.get(name)
    if name == "UID":
        tokens.space()
        name = "UID " + tokens.command()
        parser = UID_PARSERS.get(name)
    if parser is None:
        raise BadCommand("There is no such command")
    command = parser(tokens)
    tokens.end()
    return tag, name, command


def tag_of(request: Request) -> bytes:
    """The tag to answer a command that could not be read; `*` where there is none."""
    try:
        return Tokens(request).tag()
    except BadCommand:
        return b"*"
