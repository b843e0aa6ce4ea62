"""NOTIFY as a value (RFC 5465 §8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailhost.imap.fetch_items import Item, parse_list
from mailhost.imap.tokens import BadCommand, Tokens

SELECTED = ("SELECTED", "SELECTED-DELAYED")
OTHERS = ("INBOXES", "PERSONAL", "SUBSCRIBED", "SUBTREE", "MAILBOXES")
# RFC 5465 §5, in its own spelling, which BADEVENT repeats.
MESSAGE_EVENTS = ("MessageNew", "MessageExpunge", "FlagChange")
FOLDER_EVENTS = ("MailboxName", "SubscriptionChange")
METADATA_EVENTS = ("MailboxMetadataChange", "ServerMetadataChange")
_EVENTS = {name.upper(): name for name in (*MESSAGE_EVENTS, *FOLDER_EVENTS, *METADATA_EVENTS)}
# Groups of one NOTIFY, names of one group.
MAX_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Group:
    """Mailboxes and what to tell of them. `items` are fetched of new messages in the selected mailbox."""

    kind: str
    events: frozenset[str]
    mailboxes: tuple[bytes, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify:
    """NOTIFY SET, or NOTIFY NONE when `groups` is empty. `unknown`: an event that exists nowhere here."""

    groups: tuple[Group, ...]
    status: bool = False
    unknown: bool = False


class _Reader:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.unknown = False

    def group(self) -> Group:
        tokens = self.tokens
        tokens.expect(b"(")
        kind = tokens.word(*SELECTED, *OTHERS)
        if not kind:
            raise BadCommand("Unknown mailboxes; known are " + ", ".join((*SELECTED, *OTHERS)))
        tokens.space()
        mailboxes: tuple[bytes, ...] = ()
        if kind in ("SUBTREE", "MAILBOXES"):
            mailboxes = tuple(tokens.listed(tokens.mailbox)) if tokens.peek(b"(") else (tokens.mailbox(),)
            tokens.space()
        items: list[Item] = []
        names: list[str] = []
        if not tokens.word("NONE"):
            names = tokens.listed(lambda: self.event(items), empty=False)
        tokens.expect(b")")
        return checked(Group(kind, frozenset(names), mailboxes, tuple(items)))

    def event(self, items: list[Item]) -> str:
        tokens = self.tokens
        name = tokens.atom().decode("ascii").upper()
        if name == "MESSAGENEW" and tokens.peek(b" ("):
            tokens.space()
            if items:
                raise BadCommand("What to fetch of new messages can be named once")
            items += parse_list(tokens)
        if name not in _EVENTS:
            self.unknown = True
        return _EVENTS.get(name, name)


def checked(group: Group) -> Group:
    """The group, if its events go together (RFC 5465 §5, §6.1). Raises BadCommand."""
    events = group.events
    if len(events & {"MessageNew", "MessageExpunge"}) == 1:
        raise BadCommand("MessageNew and MessageExpunge go together")
    if "FlagChange" in events and "MessageNew" not in events:
        raise BadCommand("FlagChange needs MessageNew and MessageExpunge beside it")
    if group.kind in SELECTED and events & {*FOLDER_EVENTS, *METADATA_EVENTS}:
        raise BadCommand("Of the selected mailbox only events of messages can be told")
    if group.items and group.kind not in SELECTED:
        raise BadCommand("What to fetch can be named for the selected mailbox only")
    return group


def _notify(tokens: Tokens) -> Notify:
    tokens.space()
    if tokens.word("NONE"):
        return Notify(())
    if not tokens.word("SET"):
        raise BadCommand("Expected SET or NONE")
    tokens.space()
    status = bool(tokens.word("STATUS"))
    if status:
        tokens.space()
    reader = _Reader(tokens)
    groups = [reader.group()]
    while tokens.maybe_space() and not tokens.at_end():
        groups.append(reader.group())
        if len(groups) > MAX_GROUPS:
            raise BadCommand(f"More than {MAX_GROUPS} groups", "LIMIT")
    if sum(group.kind in SELECTED for group in groups) > 1:
        raise BadCommand("SELECTED and SELECTED-DELAYED can be named once, and not both")
    return Notify(tuple(groups), status, reader.unknown)


PARSERS: dict[str, Callable[[Tokens], Notify]] = {"NOTIFY": _notify}
