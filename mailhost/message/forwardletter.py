"""The letter that asks an address elsewhere whether it takes what a mailbox here forwards to it, and lets it end that.

In: whose mail, the link, its last day, the owner's language. Out: a complete message. Its reader may not know the
owner's language, so English stands below it.
"""

from datetime import date, datetime

from mailhost.message.letter import SET_IN, Say, english, letter

_BETWEEN = "* * *"


def asking(*, to: str, owner: str, link: str, last_day: date, message_id: str, now: datetime, say: Say) -> bytes:
    """`owner` is the mailbox that forwards, `link` the address of the page with the button."""
    paragraphs = _asked(owner, link, last_day, say)
    if paragraphs != (below := _asked(owner, link, last_day, english)):
        paragraphs = [*paragraphs, _BETWEEN, *below]
    return letter(
        sender=f"Mail delivery <postmaster@{owner.rpartition('@')[2]}>",
        to=to,
        subject=say("May {owner} forward mail to you?").format(owner=owner),
        message_id=message_id,
        now=now,
        paragraphs=paragraphs,
    )


def _asked(owner: str, link: str, last_day: date, say: Say) -> list[str]:
    return [
        say(
            "{owner} wants mail that arrives there to be sent on to this address. Nothing is sent on before you agree"
            " on this page:"
        ).format(owner=owner),
        f"{SET_IN}{link}",
        say("You need no account, and the page asks for no password and for nothing else of yours."),
        say(
            "If you do not know {owner}, or do not want this, do nothing: the link ends after {day}, and nothing is"
            " sent on to you. On the page you can also say that you do not want to be asked again."
        ).format(owner=owner, day=last_day.isoformat()),
        say("If you agree, keep this letter: the same page lets you end it at any time."),
    ]
