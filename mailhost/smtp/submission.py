"""Submission: what a session of a mail program adds to the dialogue (RFC 6409, RFC 4954, RFC 8314).

A session on the submission ports may send only after a login, a login happens only under TLS, and its secret is an
app password; account passwords never come here. PLAIN (RFC 4616) and LOGIN are offered: with 128 random bits under
TLS, mechanisms that hide the password from a listener add nothing. Wrong passwords are counted by source and never
by user, so nobody can lock somebody else out.

After the login the session's mail goes to `submit.Submission`, which knows what this login may send. The author's
address and the name from EHLO go no further than this session: what is written into the message names neither.
A session may last; so every MAIL asks whether its login is still good, and one that is not ends the session.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailhost.deliver import Client
from mailhost.limits import FailedLogins
from mailhost.message.address import Address
from mailhost.outcomes import Reason
from mailhost.ports import Account, Logins, Metrics, StoreUnavailable
from mailhost.smtp import replies
from mailhost.smtp.commands import Refused
from mailhost.submit import Submission, Submitter

# A user name is an address, a password ours to choose; both far below this.
MAX_CREDENTIAL = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """Write a challenge, read one line and go on with what `answer` makes of it (RFC 4954 §4)."""

    challenge: bytes
    answer: Callable[[str], Awaitable[bytes | Ask]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the submission ports of one process share."""

    logins: Logins
    submitter: Submitter
    failures: FailedLogins


class Authentication:
    """The login of one session. `source` is the keyed hash of the client's address, None on loopback."""

    def __init__(self, desk: Desk, source: bytes | None, metrics: Metrics) -> None:
        self._desk = desk
        self._source = source
        self._metrics = metrics
        self.submission: Submission | None = None
        self._account: Account | None = None

    async def command(self, argument: str, *, tls: bool) -> bytes | Ask:
        """AUTH. Raises Refused."""
        if not tls:
            raise Refused(replies.TLS_FIRST)
        if self.submission is not None:
            raise Refused(replies.ALREADY_LOGGED_IN)
        if self._source is not None and not self._desk.failures.may_try(self._source):
            raise Refused(replies.TOO_MANY_FAILURES)
        mechanism, _, first = argument.partition(" ")
        match mechanism.upper():
            case "PLAIN":
                return await self._plain(first) if first else Ask(replies.ASK_PLAIN, self._plain)
            case "LOGIN":
                return await self._username(first) if first else Ask(replies.ASK_USERNAME, self._username)
        raise Refused(replies.UNKNOWN_MECHANISM)

    async def _plain(self, text: str) -> bytes | Ask:
        # RFC 4616 §2: authorization identity, authentication identity, password. Nobody acts for somebody else here.
        parts = _decoded(text).split("\0")
        if len(parts) != 3:
            raise Refused(replies.AUTH_SYNTAX)
        authorized, username, password = parts
        if authorized and authorized.casefold() != username.casefold():
            return self._wrong()
        return await self._log_in(username, password)

    async def _username(self, text: str) -> bytes | Ask:
        username = _decoded(text)

        async def password(text: str) -> bytes | Ask:
            return await self._log_in(username, _decoded(text))

        return Ask(replies.ASK_PASSWORD, password)

    async def _log_in(self, username: str, password: str) -> bytes:
        try:
            account = await self._desk.logins.login(username, password)
        except StoreUnavailable:
            raise Refused(replies.of_reason(Reason.STORE_UNAVAILABLE)) from None
        if account is None:
            return self._wrong()
        self._metrics.count("submission_logins", "ok")
        self._account = account
        self.submission = Submission(self._desk.submitter, account)
        return replies.LOGGED_IN

    def _wrong(self) -> bytes:
        if self._source is not None:
            self._desk.failures.failed(self._source)
        self._metrics.count("submission_logins", "refused")
        raise Refused(replies.WRONG_PASSWORD)

    def extensions(self, *, tls: bool) -> list[str]:
        """What the ports of users offer beyond the MX."""
        submitter = self._desk.submitter
        latest = (submitter.now() + submitter.limits.future_release).strftime("%Y-%m-%dT%H:%M:%SZ")
        offered = ["DSN", f"FUTURERELEASE {int(submitter.limits.future_release.total_seconds())} {latest}"]
        # RFC 4954 §4: offered only where it works, so no client sends a password in clear.
        return [*offered, "AUTH PLAIN LOGIN"] if tls else offered

    def hold_until(self, hold: timedelta | datetime | None) -> datetime | None:
        """When to let a message go, None for now. Raises Refused for what is too far away (RFC 4865 §4.1)."""
        if hold is None:
            return None
        now = self._desk.submitter.now()
        moment = now + hold if isinstance(hold, timedelta) else hold
        if moment - now > self._desk.submitter.limits.future_release:
            raise Refused(replies.TOO_FAR_AWAY)
        return moment if moment > now else None

    async def ended(self) -> bool:
        """Whether what let this session in would do so no longer. Raises Refused."""
        if self._account is None:
            return False
        try:
            good = await self._desk.logins.still_good(self._account)
        except StoreUnavailable:
            raise Refused(replies.of_reason(Reason.STORE_UNAVAILABLE)) from None
        if not good:
            self._metrics.count("submission_logins", "ended")
        return not good

    async def sender(self, sender: Address | None) -> Submission:
        """The use-case that takes this session's mail from `sender`. Raises Refused."""
        if self.submission is None:
            raise Refused(replies.LOGIN_FIRST)
        reason = await self.submission.sender(sender)
        if reason is not Reason.OK:
            raise Refused(replies.of_reason(reason))
        return self.submission

    def client(self, protocol: str, tls: str) -> Client:
        """Who sent it, as the message may tell: the cell's own user, from nowhere (RFC 3848: the A of ESMTPSA)."""
        assert self.submission is not None
        return Client("", self.submission.domain, protocol + "A", tls)


def _decoded(text: str) -> str:
    # RFC 4954 §4: a lone asterisk cancels, a lone equals sign is an empty string.
    if text == "*":
        raise Refused(replies.AUTH_CANCELLED)
    try:
        found = base64.b64decode("" if text == "=" else text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refused(replies.AUTH_SYNTAX) from None
    if len(found) > MAX_CREDENTIAL:
        raise Refused(replies.AUTH_SYNTAX)
    return found
