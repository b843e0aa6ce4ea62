"""Trace fields: what this host writes in front of a message it takes over (RFC 5321 §4.4).

    Received: from mail.example.org by mx.is-1.example with ESMTPS id 7f3a
        for <ada@example.is>; Thu, 2 Jan 2025 10:00:00 +0000

In: the facts of one transaction.  Out: folded field lines in ASCII (UTF-8 only where the envelope needed
SMTPUTF8), each ending in CRLF.

We differ: RFC 5321 §4.4 wants the client's address in the from clause.  It is written only where the caller passes
it; a submission never says where its author sat.  The name from HELO is a stranger's word: what is not a host name
or an address literal is reduced to safe characters, so it can neither add clauses nor fields.
"""

import re
from datetime import datetime

from mailhost.message.address import Address
from mailhost.message.dates import format_date

# RFC 5322 §2.1.1: lines should have at most 78 characters.
MAX_LINE = 78
# RFC 5321 §4.5.3.1.2: no domain is longer.
MAX_HELO = 255

_HELO_UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]+")
_ATOM_UNSAFE = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
# RFC 5322 §3.2.2 `ctext`, without the brackets and the backslash that would end or escape it.
_COMMENT_UNSAFE = re.compile(r"[^ !-'*-\[\]-~]+")


def received(
    *,
    helo: str,
    by: str,
    protocol: str,
    queue_id: str,
    date: datetime,
    client: str | None = None,
    tls: str = "",
    recipient: Address | None = None,
) -> bytes:
    """A Received field.

    `protocol` is a keyword of RFC 3848 or RFC 6531 §4.3 (ESMTPS, UTF8SMTPSA…), `client` the literal of the client's
    IP address or None to leave it out, `tls` what to say about the connection, `date` is aware.  `recipient` may
    be given only where the message goes to one mailbox: the for clause would tell others of a blind copy.
    """
    words = ["from", safe_helo(helo)]
    if client is not None:
        words.append(f"([{_HELO_UNSAFE.sub('', client)}])")
    words += ["by", _atom(by), "with", _atom(protocol)]
    if tls:
        words.append(f"({_COMMENT_UNSAFE.sub('', tls)[:60]})")
    words += ["id", _atom(queue_id)]
    if recipient is not None:
        words += ["for", f"<{recipient}>"]
    # RFC 5321 §4.4: the date follows a semicolon.
    words[-1] += ";"
    return fold("Received", [*words, format_date(date)])


def return_path(sender: Address | None) -> bytes:
    """The Return-Path of a final delivery; None is the null path of bounces."""
    return fold("Return-Path", [f"<{sender}>" if sender else "<>"])


def safe_helo(name: str) -> str:
    """The argument of HELO as one harmless word; `unknown` where nothing of it is left."""
    return _HELO_UNSAFE.sub("?", name[:MAX_HELO]).strip("?") or "unknown"


def _atom(text: str) -> str:
    return _ATOM_UNSAFE.sub("", text) or "unknown"


def fold(name: str, words: list[str]) -> bytes:
    """RFC 5322 §2.2.3: a field of `words`, with line ends put where a line would grow too long."""
    lines: list[str] = []
    line = f"{name}:"
    for word in words:
        # A first line of nothing but the name is one some readers take for the end of the header.
        if len(line) + 1 + len(word) > MAX_LINE and line != f"{name}:":
            lines.append(line)
            line = "\t" + word
        else:
            line += " " + word
    return "\r\n".join([*lines, line, ""]).encode("utf-8", "replace")
