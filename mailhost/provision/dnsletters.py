"""The letter about a domain's DNS: what changed since the last one, and what to do about it.

In: what was found, and the language of whoever reads the postmaster's mail. Out: a whole message. It says nothing that
is not in the public DNS.
"""

from __future__ import annotations

from datetime import datetime

from mailhost.message.letter import SET_IN, Say, letter
from mailhost.provision.domaindns import Change, Looked


def about_changes(looked: Looked, *, now: datetime, hostname: str, word: str, say: Say) -> bytes:
    """To the domain's postmaster. `word` are letters that no other message has."""
    broke = [change for change in looked.changes if change.broke]
    mended = [change for change in looked.changes if not change.broke]
    subject = "DNS of {domain}: something to do" if broke else "DNS of {domain}: all is well again"
    opening = say("{hostname} looked at the DNS records of {domain}. What changed since the last letter:")
    paragraphs = [opening.format(hostname=hostname, domain=looked.domain)]
    for change in broke:
        paragraphs += _about(change, say)
    for change in mended:
        line = change.line
        paragraphs.append(say("This record is right again: {type} {name}").format(type=line.type, name=line.name))
    for line in looked.lines:
        if line.is_problem and all(line != one.line for one in broke):
            still = say("Still to do for the record {type} {name}:").format(type=line.type, name=line.name)
            paragraphs += [still, f"{SET_IN}{say(line.step)}"]
    return letter(
        sender=f"Skerry <postmaster@{looked.domain}>",
        to=f"postmaster@{looked.domain}",
        subject=say(subject).format(domain=looked.domain),
        message_id=f"{word}@{looked.domain}",
        now=now,
        paragraphs=paragraphs,
    )


def _about(change: Change, say: Say) -> list[str]:
    line = change.line
    # What is in the DNS is a stranger's text: one line each, with nothing in it that ends a line.
    found = [f"{SET_IN}{' '.join(one.split())}" for one in line.found]
    return [
        say("This record is no longer right: {type} {name}").format(type=line.type, name=line.name),
        " ".join([say(one) for one in (line.cause, line.effect) if one]),
        say("It should be:"),
        f"{SET_IN}{line.expected}",
        *([say("It is now:"), *found] if found else []),
        say("What to do next:"),
        f"{SET_IN}{say(line.step)}",
    ]
