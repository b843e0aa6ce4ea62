"""Another IMAP host, read over TLS: nothing there is changed, not even \\Seen.

Messages are known by folder, UIDVALIDITY and UID, so what is here already is not fetched again. Folders of other
people's namespaces are left alone. The password goes out under TLS only; `Security.NONE` is for a server on this
machine and refuses every other. What the host says about messages or logins is not repeated.
"""

from __future__ import annotations

import imaplib
import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mailhost.adapters.sources.files import letter
from mailhost.imap.names import decode_utf7
from mailhost.imap.store import SYSTEM_FLAGS
from mailhost.importing.letters import keyword
from mailhost.importing.source import Bad, Letter, Listed, SourceFolder, SourceProblem, Why
from mailhost.message.foldernames import BadName

# Seconds. A host may take long to answer for a large folder, but not for ever.
CONNECT_TIME: Final = 30
ANSWER_TIME: Final = 300
# Messages and octets asked for by one FETCH.
BATCH: Final = 100
BATCH_OCTETS: Final = 4 * 1024 * 1024
_LIST: Final = re.compile(rb'\((?P<flags>[^)]*)\) (?:"\\?(?P<separator>.)"|NIL) ?(?P<name>.*)', re.DOTALL)
_NAMESPACE: Final = re.compile(rb'\("(?P<prefix>(?:[^"\\]|\\.)*)" (?:"\\?(?P<separator>.)"|NIL)')
_UID: Final = re.compile(rb"[( ]UID (\d+)")
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d+)")
_FLAGS: Final = re.compile(rb"FLAGS \(([^)]*)\)")
_DATE: Final = re.compile(rb'INTERNALDATE "([^"]{1,40})"')
_QUOTED_BODY: Final = re.compile(rb'BODY\[\] "((?:[^"\\]|\\.)*)"')
_USES: Final = {
    use.lower(): use
    for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
}
_NO_MAILBOX: Final = ("\\noselect", "\\nonexistent")


class Security(StrEnum):
    """How the connection is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none, on this machine only"


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Where, as whom, and how."""

    host: str
    port: int
    user: str
    password: str
    security: Security


@dataclass(frozen=True, slots=True)
class _There:
    """A folder as the host knows it: its name on the wire, and UIDVALIDITY and sizes when it was listed."""

    wire: bytes
    uidvalidity: int = 0
    sizes: Mapping[int, int] | None = None


class ImapSource:
    """`Source` over one connection. `limit`: octets of the largest message. Raises SourceProblem."""

    def __init__(self, login: Login, tls: ssl.SSLContext, *, limit: int) -> None:
        self._login = login
        self._limit = limit
        self._there: dict[str, _There] = {}
        with _problems(login.host):
            self._imap = _connected(login, tls)
        try:
            _log_in(self._imap, login)
        except BaseException:
            self.close()
            raise

    def folders(self) -> Sequence[SourceFolder]:
        with _problems(self._login.host):
            prefix, foreign = self._namespaces()
            found = []
            for flags, separator, wire in _listing(_answer(self._imap.list())):
                name = _name(wire)
                if any(flag in _NO_MAILBOX for flag in flags) or (foreign and name.startswith(foreign)):
                    continue
                own = name[len(prefix) :] if prefix and name.startswith(prefix) else name
                levels = tuple(own.split(separator)) if separator else (own,)
                use = next((_USES[flag] for flag in flags if flag in _USES), None)
                self._there[name] = _There(wire)
                found.append(SourceFolder(name, levels, use))
        return found

    def _namespaces(self) -> tuple[str, tuple[str, ...]]:
        """The prefix of the own folders, and those of other people's (RFC 2342); none where none are told."""
        if "NAMESPACE" not in self._imap.capabilities:
            return "", ()
        line = next(iter(_answer(self._imap.namespace())), b"")
        return _prefixes(line) if isinstance(line, bytes) else ("", ())

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        with _problems(self._login.host):
            uidvalidity = self._select(folder)
            sizes = {}
            for line in _answer(self._imap.uid("FETCH", "1:*", "(RFC822.SIZE)")):
                if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line)):
                    sizes[int(uid[1])] = int(size[1])
        self._there[folder.name] = _There(self._there[folder.name].wire, uidvalidity, sizes)
        account = f"{self._login.host.lower()}\0{self._login.user}\0{uidvalidity}\0"
        return [Listed(uid, (account + str(uid)).encode()) for uid in sorted(sizes)]

    def _select(self, folder: SourceFolder) -> int:
        """Open for reading; its UIDVALIDITY."""
        wire = self._there[folder.name].wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        _answer(self._imap.select(b'"%b"' % wire, readonly=True))  # type: ignore[arg-type]  # octets pass unchanged
        told = self._imap.response("UIDVALIDITY")[1]
        return int(told[0]) if told and told[0] else 0

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        there = self._there[folder.name]
        sizes = there.sizes or {}
        with _problems(self._login.host):
            if self._select(folder) != there.uidvalidity:
                raise SourceProblem(f"the folder {folder.name} was made anew meanwhile; run the same command again")
        for some in _batches(numbers, sizes):
            small = [uid for uid in some if sizes[uid] <= self._limit]
            with _problems(self._login.host):
                found = self._fetched(small)
            for uid in some:
                yield found.get(uid) or Bad(uid, Why.GONE if uid in small else Why.TOO_LARGE)

    def _fetched(self, uids: Sequence[int]) -> dict[int, Letter | Bad]:
        """What these are; one that the host cannot give does not harm its neighbours."""
        if not uids:
            return {}
        answer = self._imap.uid("FETCH", ",".join(map(str, uids)), "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        if answer[0] == "OK":
            return {one.number: one for one in _letters(answer[1])}
        if len(uids) == 1:
            return {uids[0]: Bad(uids[0], Why.UNREADABLE)}
        return {uid: one for alone in uids for uid, one in self._fetched([alone]).items()}

    def close(self) -> None:
        with suppress(imaplib.IMAP4.error, OSError):
            self._imap.logout()


def _connected(login: Login, tls: ssl.SSLContext) -> imaplib.IMAP4:
    if login.security is Security.TLS:
        imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(login.host, login.port, ssl_context=tls, timeout=CONNECT_TIME)
    else:
        imap = imaplib.IMAP4(login.host, login.port, timeout=CONNECT_TIME)
    if login.security is Security.NONE and not ipaddress.ip_address(imap.sock.getpeername()[0]).is_loopback:
        imap.shutdown()
        raise SourceProblem(f"{login.host} is not this machine: a password goes to other machines under TLS only")
    if login.security is Security.STARTTLS:
        try:
            imap.starttls(tls)
        except imaplib.IMAP4.error:
            imap.shutdown()
            raise SourceProblem(f"{login.host} offers no STARTTLS; try without --starttls, on port 993") from None
        # RFC 9051 §6.2.1: what was told before TLS may be anybody's. The library forgets none of it: a LIST or a
        # NAMESPACE that somebody on the way put before the handshake would stand in front of the host's own.
        imap.untagged_responses.clear()
        imap.capabilities = _capabilities(imap)
    imap.sock.settimeout(ANSWER_TIME)
    return imap


def _log_in(imap: imaplib.IMAP4, login: Login) -> None:
    try:
        with _problems(login.host):
            if "AUTH=PLAIN" in imap.capabilities:
                imap.authenticate("PLAIN", lambda _asked: f"\0{login.user}\0{login.password}".encode())
            else:
                imap.login(login.user, login.password)
            # What a host can do it may tell only to those it knows.
            imap.capabilities = _capabilities(imap)
    except (_Refused, UnicodeEncodeError):
        raise SourceProblem(f"{login.host} refuses this user name or password") from None


def _capabilities(imap: imaplib.IMAP4) -> tuple[str, ...]:
    """What the host now says it can do; nothing where it says nothing."""
    told = _answer(imap.capability())
    return tuple(str(told[-1], "ascii", "replace").upper().split()) if told else ()


class _Refused(SourceProblem):
    """The host answered NO or BAD."""


@contextmanager
def _problems(host: str) -> Iterator[None]:
    """The library's errors as SourceProblem, without the host's own words."""
    try:
        yield
    except imaplib.IMAP4.abort:
        raise SourceProblem(f"the connection to {host} was lost") from None
    except imaplib.IMAP4.error:
        raise _Refused(f"{host} refused a command that every IMAP server knows") from None
    except ssl.SSLCertVerificationError as problem:
        raise SourceProblem(
            f"the certificate of {host} is not trusted ({problem.verify_message}); --ca-file names one that is"
        ) from None
    except OSError as problem:
        raise SourceProblem(f"the connection to {host} failed: {problem.strerror or type(problem).__name__}") from None


def _answer(answer: tuple[str, Any]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(status)
    return [line for line in data if line is not None]


def _listing(lines: Sequence[Any]) -> Iterator[tuple[list[str], str, bytes]]:
    """(flags in lower case, separator, name on the wire) of each LIST response."""
    for line in lines:
        # A name that needs it comes as a literal, and then a line is a pair.
        text, literal = line if isinstance(line, tuple) else (line, None)
        found = _LIST.match(text)
        if found is None:
            continue
        wire = literal if literal is not None else _unquoted(found["name"])
        if wire:
            separator = (found["separator"] or b"").decode("latin-1")
            yield found["flags"].decode("latin-1").lower().split(), separator, wire


def _prefixes(line: bytes) -> tuple[str, tuple[str, ...]]:
    """A NAMESPACE answer: personal, other users', shared; each NIL or a list of (prefix, separator) (RFC 2342 §5)."""
    parts = re.split(rb"(?<=\)\)) ?(?=\(\(|NIL)|(?<=NIL) ?(?=\(\(|NIL)", line)
    found = [[_name(_unquoted(b'"%b"' % each["prefix"])) for each in _NAMESPACE.finditer(part)] for part in parts]
    own = found[0][0] if found[0] else ""
    return own, tuple(prefix for part in found[1:] for prefix in part if prefix)


def _unquoted(name: bytes) -> bytes:
    if name.startswith(b'"') and name.endswith(b'"') and len(name) > 1:
        return re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name


def _name(wire: bytes) -> str:
    """Modified UTF-7 as a host should write it; else UTF-8; else whatever its octets are."""
    try:
        return decode_utf7(wire)
    except BadName:
        return wire.decode("utf-8", "replace")


def _batches(numbers: Sequence[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    batch: list[int] = []
    octets = 0
    for uid in numbers:
        if batch and (octets + sizes[uid] > BATCH_OCTETS or len(batch) >= BATCH):
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += sizes[uid]
    if batch:
        yield batch


def _letters(data: Sequence[Any]) -> Iterator[Letter | Bad]:
    """FETCH responses: a pair (what stands before the literal, the literal), and then a line with the rest."""
    parts = list(data)
    for at, part in enumerate(parts):
        after = parts[at + 1] if at + 1 < len(parts) and isinstance(parts[at + 1], bytes) else b""
        if isinstance(part, tuple):
            text, content = b"%b %b" % (part[0], after), bytes(part[1])
        elif isinstance(part, bytes) and (quoted := _QUOTED_BODY.search(part)):
            text, content = part, re.sub(rb"\\(.)", rb"\1", quoted[1])
        elif isinstance(part, bytes) and b"BODY[] NIL" in part:
            text, content = part, b""
        else:
            continue
        uid = _UID.search(text)
        if uid is not None:
            yield letter(int(uid[1]), content or Why.EMPTY, _flags(text), _date(text))


def _flags(text: bytes) -> tuple[str, ...]:
    found = _FLAGS.search(text)
    names = found[1].decode("latin-1").split() if found else []
    system = {flag.lower(): flag for flag in SYSTEM_FLAGS}
    kept = [system.get(name.lower(), name) for name in names]
    return tuple(dict.fromkeys(name for name in kept if name in SYSTEM_FLAGS or keyword(name)))


def _date(text: bytes) -> datetime | None:
    found = _DATE.search(text)
    try:
        return datetime.strptime(found[1].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z") if found else None
    except ValueError:
        return None
