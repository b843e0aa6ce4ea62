"""MAIL and RCPT: from the text behind the verb to a value, or a `Refused` with its reply.

RFC 5321 §4.1.1.2 and §4.1.1.3, with the parameters of SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531),
DSN (RFC 3461 §4), REQUIRETLS (RFC 8689 §2) and FUTURERELEASE (RFC 4865 §4). Parameters of DSN are checked and kept. A
parameter that is unknown, given twice, or wrong
in its value refuses the command: guessing what a client meant loses mail later.

We differ: a sender's local part may be longer than 64 octets. Bounce addresses that carry the recipient's address
(VERP, SRS) are, every day, and refusing them would lose the mail of newsletters and forwarders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailhost.message.address import Address, BadAddress, parse_path
from mailhost.smtp import replies

_LONG_SENDER = re.compile(r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200})@([A-Za-z0-9._-]{1,255})>")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-\U0010FFFF]+))?")
# RFC 3461 §4: xtext is printable ASCII without "+" and "=", or "+" and two upper-case hex digits.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
# RFC 3461 §4.1 and §4.2.
_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE)
_ORCPT = re.compile(r"[A-Za-z0-9-]+;(.+)")
# RFC 4865 §4.2.1: one to nine digits.
_SECONDS = re.compile(r"[0-9]{1,9}")
_DIGITS = re.compile(r"[0-9]{1,20}")
MAX_ENVID = 100
MAX_ORCPT = 500


class Refused(Exception):
    """The command is answered with `reply` and has no effect."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL FROM; `sender` None is the null reverse-path, `size` the octets announced or None."""

    sender: Address | None
    size: int | None = None
    smtputf8: bool = False
    dsn: Mapping[str, str] = field(default_factory=dict)  # RET, ENVID
    requiretls: bool = False
    hold: timedelta | datetime | None = None  # HOLDFOR, HOLDUNTIL


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT TO."""

    recipient: Address
    dsn: Mapping[str, str] = field(default_factory=dict)  # NOTIFY, ORCPT


def parse_mail(argument: str, *, extended: bool, authenticated: bool = False, tls: bool = False) -> Mail:
    """MAIL's argument (`FROM:<…> …`); AUTH=, HOLDFOR= and HOLDUNTIL= are parameters of sessions that can log in,
    REQUIRETLS of those under TLS. Raises Refused."""
    text = _behind(argument, "FROM:", replies.MAIL_SYNTAX)
    try:
        sender, rest = parse_path(text, literals=True)
    except BadAddress:
        long_sender = _LONG_SENDER.match(text)
        if long_sender is None:
            raise Refused(replies.BAD_SENDER if text.startswith("<") else replies.MAIL_SYNTAX) from None
        sender, rest = Address(long_sender[1], long_sender[2].lower()), text[long_sender.end() :]
    if not rest:
        return _with_ascii_sender(Mail(sender))
    given = _parameters(rest, replies.MAIL_SYNTAX, extended=extended)
    mail = Mail(
        sender,
        size=_size(given.pop("SIZE", "")),
        smtputf8=_flag(given, "SMTPUTF8"),
        dsn={name: given.pop(name) or "" for name in ("RET", "ENVID") if name in given},
        # RFC 8689 §4.1: asked for in clear it could have been put in by anybody.
        requiretls=tls and _flag(given, "REQUIRETLS"),
        hold=_hold(given) if authenticated else None,
    )
    if authenticated:
        # RFC 4954 §5: who wrote it originally, which nobody but a trusted relay could know; checked and not kept.
        _check_xtext(given.pop("AUTH", "<>"))
    _check_body(given.pop("BODY", "7BIT"))
    _check_dsn(mail.dsn)
    if given:
        raise Refused(replies.UNKNOWN_PARAMETER)
    return mail if mail.smtputf8 else _with_ascii_sender(mail)


def parse_rcpt(argument: str, *, extended: bool, smtputf8: bool, postmaster_at: str) -> Rcpt:
    """RCPT's argument (`TO:<…> …`); `<Postmaster>` is one of the domain `postmaster_at`. Raises Refused."""
    text = _behind(argument, "TO:", replies.RCPT_SYNTAX)
    try:
        recipient, rest = parse_path(text, literals=True, postmaster_at=postmaster_at)
    except BadAddress:
        raise Refused(replies.BAD_RECIPIENT if text.startswith("<") else replies.RCPT_SYNTAX) from None
    if recipient is None:
        raise Refused(replies.BAD_RECIPIENT)
    if not smtputf8 and not recipient.is_ascii:
        raise Refused(replies.NEEDS_SMTPUTF8)
    if not rest:
        return Rcpt(recipient)
    given = _parameters(rest, replies.RCPT_SYNTAX, extended=extended)
    dsn: dict[str, str] = {name: given.pop(name) or "" for name in ("NOTIFY", "ORCPT") if name in given}
    _check_dsn(dsn)
    if given:
        raise Refused(replies.UNKNOWN_PARAMETER)
    return Rcpt(recipient, dsn)


def parse_bdat(argument: str) -> tuple[int, bool]:
    """BDAT's argument (RFC 3030 §2): octets of the chunk, and whether it is the last. Raises Refused."""
    words = argument.split(" ")
    last = len(words) == 2 and words[1].upper() == "LAST"
    if len(words) > 1 + last or not _DIGITS.fullmatch(words[0]):
        raise Refused(replies.BDAT_SYNTAX)
    return int(words[0]), last


def _behind(argument: str, keyword: str, syntax: bytes) -> str:
    if argument[: len(keyword)].upper() != keyword:
        raise Refused(syntax)
    # A space behind the colon is not in the grammar, yet many clients write it.
    return argument[len(keyword) :].lstrip(" ")


def _parameters(rest: str, syntax: bytes, *, extended: bool) -> dict[str, str | None]:
    if not rest.startswith(" "):
        raise Refused(syntax)
    given: dict[str, str | None] = {}
    for word in rest.split(" "):
        if not word:
            continue
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            raise Refused(syntax)
        name = parameter[1].upper()
        if name in given:
            raise Refused(replies.BAD_PARAMETER)
        given[name] = parameter[2]
    if given and not extended:
        # RFC 5321 §4.1.1.11: parameters belong to sessions begun with EHLO.
        raise Refused(replies.UNKNOWN_PARAMETER)
    return given


def _with_ascii_sender(mail: Mail) -> Mail:
    if mail.sender is not None and not mail.sender.is_ascii:
        raise Refused(replies.NEEDS_SMTPUTF8)
    return mail


def _size(value: str | None) -> int | None:
    if value == "":
        return None
    # RFC 1870 §6.1: one to twenty digits.
    if value is None or not _DIGITS.fullmatch(value):
        raise Refused(replies.BAD_PARAMETER)
    return int(value)


def _flag(given: dict[str, str | None], name: str) -> bool:
    if name not in given:
        return False
    if given.pop(name) is not None:
        raise Refused(replies.BAD_PARAMETER)
    return True


def _hold(given: dict[str, str | None]) -> timedelta | datetime | None:
    # RFC 4865 §4.2: a number of seconds, or a moment with its zone; never both.
    if "HOLDFOR" in given and "HOLDUNTIL" in given:
        raise Refused(replies.BAD_PARAMETER)
    if "HOLDFOR" in given:
        seconds = given.pop("HOLDFOR") or ""
        if not _SECONDS.fullmatch(seconds):
            raise Refused(replies.BAD_PARAMETER)
        return timedelta(seconds=int(seconds))
    if "HOLDUNTIL" in given:
        try:
            moment = datetime.fromisoformat(given.pop("HOLDUNTIL") or "")
        except ValueError:
            raise Refused(replies.BAD_PARAMETER) from None
        if moment.tzinfo is None:
            raise Refused(replies.BAD_PARAMETER)
        return moment
    return None


def _check_body(value: str | None) -> None:
    body = (value or "").upper()
    if body == "BINARYMIME":
        raise Refused(replies.NO_BINARY)
    if body not in {"7BIT", "8BITMIME"}:
        raise Refused(replies.BAD_PARAMETER)


def _check_xtext(value: str | None) -> None:
    if value is None or len(value) > MAX_ORCPT or not _XTEXT.fullmatch(value):
        raise Refused(replies.BAD_PARAMETER)


def _check_dsn(dsn: Mapping[str, str]) -> None:
    ret, envid, notify, orcpt = (dsn.get(name) for name in ("RET", "ENVID", "NOTIFY", "ORCPT"))
    original = None if orcpt is None else _ORCPT.fullmatch(orcpt)
    if (
        (ret is not None and ret.upper() not in {"FULL", "HDRS"})
        or (envid is not None and (not envid or len(envid) > MAX_ENVID or not _XTEXT.fullmatch(envid)))
        or (notify is not None and not _NOTIFY.fullmatch(notify))
        # RFC 6533 §3 adds a UTF-8 form to xtext; its characters are not looked at, only the length.
        or (orcpt is not None and (original is None or len(orcpt) > MAX_ORCPT))
    ):
        raise Refused(replies.BAD_PARAMETER)
