"""Verbs of any state and of the time before login (RFC 9051 §6.1, §6.2, §6.3.1).

Credentials travel only under TLS, unless the listener allows them in clear on loopback. A wrong name and a
wrong password get the same answer; failures are counted per source, never per user, so nobody can lock
somebody else out.
"""

from __future__ import annotations

from mailhost.imap import commands
from mailhost.imap.conversation import Conversation, Reply, bad, no, ok
from mailhost.imap.store import LoginRefused
from mailhost.imap.tokens import BadCommand

# What ENABLE can switch on (RFC 9051 §6.3.1), and what each brings along.
ENABLES: dict[str, tuple[str, ...]] = {
    "CONDSTORE": ("CONDSTORE",),
    # RFC 7162 §3.2.3.
    "QRESYNC": ("QRESYNC", "CONDSTORE"),
    "UTF8=ACCEPT": ("UTF8=ACCEPT",),
    "UIDONLY": ("UIDONLY",),
    "IMAP4REV2": ("IMAP4REV2",),
}
# A user name is an address, a password ours to choose; both far below this.
MAX_CREDENTIAL = 1024


async def capability(conv: Conversation, _command: commands.Capability) -> Reply:
    """CAPABILITY."""
    conv.untagged(b"CAPABILITY " + conv.capabilities())
    return ok("Capabilities told")


async def noop(_conv: Conversation, _command: commands.Noop) -> Reply:
    """NOOP: the session tells what is new after it."""
    return ok("Nothing done")


async def logout(conv: Conversation, _command: commands.Logout) -> Reply:
    """LOGOUT."""
    conv.untagged(b"BYE Until next time")
    conv.ended = True
    return ok("Logged out")


async def identify(conv: Conversation, _command: commands.Id) -> Reply:
    """ID: the program's name and nothing that helps an attacker choose (RFC 2971 §4)."""
    conv.untagged(b'ID ("name" "Skerry")')
    return ok("Identified")


async def start_tls(conv: Conversation, _command: commands.StartTls) -> Reply:
    """STARTTLS: the answer goes out in clear, then the handshake begins."""
    if conv.tls:
        return bad("TLS is already on")
    if not conv.tls_possible:
        return no("TLS is not set up here", b"CANNOT")
    if conv.splitter.unread:
        # RFC 9051 §11.1: what was sent in clear behind STARTTLS must not be read as if it had come under TLS.
        conv.ended = True
        return bad("Nothing may follow STARTTLS before TLS is on; closing")

    async def begin() -> None:
        await conv.out.start_tls()
        conv.tls = True

    return Reply(b"OK", "Begin TLS now", then=begin)


async def login(conv: Conversation, command: commands.Login) -> Reply:
    """LOGIN."""
    refusal = _credentials_refused(conv)
    if refusal is not None:
        return refusal
    return await _log_in(conv, command.username, command.password)


async def authenticate(conv: Conversation, command: commands.Authenticate) -> Reply:
    """AUTHENTICATE PLAIN (RFC 4616) and LOGIN (expired draft that Outlook still uses)."""
    if command.mechanism not in ("PLAIN", "LOGIN"):
        return no("The mechanisms here are PLAIN and LOGIN", b"CANNOT")
    refusal = _credentials_refused(conv)
    if refusal is not None:
        return refusal
    first = command.initial
    if command.mechanism == "PLAIN":
        if first is None:
            first = await _asked(conv, b"")
        pieces = first.split(b"\0")
        if len(pieces) != 3:
            raise BadCommand("PLAIN sends an identity, NUL, a user name, NUL and a password")
        identity, username, password = pieces
        if identity not in (b"", username):
            # RFC 4616 §2: acting for somebody else is not offered.
            return no("Logging in for somebody else is not possible", b"AUTHORIZATIONFAILED")
        return await _log_in(conv, username, password)
    if first is None:
        first = await _asked(conv, b"VXNlcm5hbWU6")  # "Username:"
    return await _log_in(conv, first, await _asked(conv, b"UGFzc3dvcmQ6"))  # "Password:"


async def _asked(conv: Conversation, challenge: bytes) -> bytes:
    conv.out.write(b"+ %b\r\n" % challenge)
    await conv.out.drain()
    line = await conv.out.line()
    if line == b"*":
        # RFC 9051 §6.2.2: the client cancels.
        raise BadCommand("Authentication cancelled")
    return commands.decode_base64(line)


def _credentials_refused(conv: Conversation) -> Reply | None:
    if not conv.login_allowed:
        # RFC 9051 §6.2.3 and §7.1: the password has already been exposed; say so clearly.
        return no("Start TLS first: passwords are not taken in clear", b"PRIVACYREQUIRED")
    if not conv.gate.may_try(conv.source):
        conv.metrics.count("login_throttled")
        return no("Too many failed logins; wait a minute", b"UNAVAILABLE")
    return None


async def _log_in(conv: Conversation, username: bytes, password: bytes) -> Reply:
    account = None
    try:
        name, secret = username.decode("utf-8"), password.decode("utf-8")
        if name and len(username) <= MAX_CREDENTIAL and len(password) <= MAX_CREDENTIAL:
            account = await conv.accounts.login(name, secret, source=conv.source)
    except (LoginRefused, UnicodeDecodeError):
        pass
    if account is None:
        conv.gate.failed(conv.source)
        conv.metrics.count("login_refused")
        return no("Wrong user name or password", b"AUTHENTICATIONFAILED")
    leave = conv.gate.enter(name, account.tenant)
    if leave is None:
        await account.close()
        conv.metrics.count("login_limited")
        return no("Too many connections of this account; close one", b"LIMIT")
    conv.account, conv.leave, conv.pace = account, leave, conv.gate.pace(name)
    conv.splitter.logged_in(account.view.append_limit)
    conv.metrics.count("login")
    return ok("Logged in", b"CAPABILITY " + conv.capabilities())


async def enable(conv: Conversation, command: commands.Enable) -> Reply:
    """ENABLE: names that are unknown or not offered are passed over (RFC 5161 §3.1)."""
    switched = []
    for name in command.names:
        if name in ENABLES and conv.offers(_offered_as(name)):
            conv.enabled.update(ENABLES[name])
            switched.append(_offered_as(name).encode("ascii"))
    if conv.selected is not None:
        conv.selected.uidonly = conv.uidonly
        if conv.rev2:
            conv.selected.without_recent()
    conv.untagged(b" ".join([b"ENABLED", *switched]))
    return ok("Enabled")


async def compress(conv: Conversation, command: commands.Compress) -> Reply:
    """COMPRESS DEFLATE (RFC 4978)."""
    if conv.compressed:
        # RFC 4978 §3.
        return no("The connection is compressed already", b"COMPRESSIONACTIVE")
    if not conv.offers("COMPRESS=DEFLATE"):
        return bad("There is no such command")
    if command.mechanism != "DEFLATE":
        return no("The mechanism here is DEFLATE", b"CANNOT")
    if conv.splitter.unread:
        # As with STARTTLS: what follows would be read as something it is not.
        conv.ended = True
        return bad("Nothing may follow COMPRESS before its answer; closing")

    async def begin() -> None:
        conv.compressed = True
        conv.out.start_compression()

    return Reply(b"OK", "Compressing from here", then=begin)


def _offered_as(name: str) -> str:
    return "IMAP4rev2" if name == "IMAP4REV2" else name
