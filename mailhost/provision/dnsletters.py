"""The letter about a domain's DNS: what changed since the last one, and what to do about it.

In: what was found. Out: a whole message. It says nothing that is not in the public DNS.
"""

from __future__ import annotations

from datetime import datetime

from mailhost.message.dates import format_date
from mailhost.provision.domaindns import Change, Looked


def about_changes(looked: Looked, *, now: datetime, hostname: str, word: str) -> bytes:
    """To the domain's postmaster. `word` are letters that no other message has."""
    broke = [change for change in looked.changes if change.broke]
    mended = [change for change in looked.changes if not change.broke]
    subject = f"DNS of {looked.domain}: " + ("something to do" if broke else "all is well again")
    lines = [
        f"From: Skerry <postmaster@{looked.domain}>",
        f"To: <postmaster@{looked.domain}>",
        f"Subject: {subject}",
        f"Date: {format_date(now)}",
        f"Message-ID: <{word}@{looked.domain}>",
        # RFC 3834 §5: no autoresponder answers this.
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        f"{hostname} looked at the DNS records of {looked.domain}. What changed since the last letter:",
        "",
    ]
    for change in broke:
        lines += _about(change)
    for change in mended:
        lines += [f"Right again: {change.line.type} {change.line.name}", ""]
    if still := [line for line in looked.lines if line.is_problem and all(line != one.line for one in broke)]:
        lines += ["Still to do:", *(f"  {line.type} {line.name}: {line.step}" for line in still), ""]
    return "\r\n".join([*lines, ""]).encode()


def _about(change: Change) -> list[str]:
    line = change.line
    told = [f"No longer right: {line.type} {line.name}", f"  expected: {line.expected}"]
    told += [f"  found: {found}" for found in line.found] or ["  found: nothing"]
    return [*told, f"  why: {line.cause}", f"  effect: {line.effect}", f"  next: {line.step}", ""]
