"""THREAD: conversations as trees, by subject or by references (RFC 5256 §3).

Trees can be as deep as somebody cares to make them, so nothing here recurses: chains are walked in loops and
the answer is written from a stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailhost.imap.base_subject import BaseSubject
from mailhost.imap.sort import Card
from mailhost.message.headers import message_ids

# Levels of one conversation; what would hang deeper begins a new thread.
MAX_DEPTH = 1000
ALGORITHMS = ("ORDEREDSUBJECT", "REFERENCES")


@dataclass(slots=True, eq=False)
class Node:
    """A message in a thread, or the place of one that is not here (`card` is None)."""

    card: Card | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def moment(self) -> tuple[datetime, int]:
        """What siblings are ordered by; a missing message stands where its first child does."""
        node = self
        while node.card is None:
            node = node.children[0]
        return node.card.sent, node.card.index

    def adopt(self, child: Node) -> None:
        """Make `child`, which has no parent any more, a child of this node."""
        child.parent = self
        self.children.append(child)


def by_subject(cards: Sequence[Card]) -> list[Node]:
    """ORDEREDSUBJECT: one thread a base subject, its first message the parent of all others."""
    threads: dict[str, Node] = {}
    roots = []
    for card in sorted(cards, key=lambda card: (card.subject.text, card.sent, card.index)):
        subject = card.subject.text
        if subject in threads:
            threads[subject].adopt(Node(card))
        else:
            threads[subject] = Node(card)
            roots.append(threads[subject])
    return sorted(roots, key=lambda node: node.moment)


def by_references(cards: Sequence[Card]) -> list[Node]:
    """REFERENCES: the six steps of RFC 5256."""
    roots = _pruned(_linked(cards))
    roots.sort(key=lambda node: node.moment)
    roots = _gathered(roots)
    for node in _all(roots):
        node.children.sort(key=lambda child: child.moment)
    return sorted(roots, key=lambda node: node.moment)


def _linked(cards: Sequence[Card]) -> list[Node]:
    """Steps 1 and 2: a node for every message and every reference, linked parent to child."""
    nodes: dict[str, Node] = {}
    everyone = []
    for card in cards:
        ids = message_ids((card.envelope.message_id or "").encode("utf-8", "replace"))
        node = nodes.get(ids[0]) if ids else None
        if node is None or node.card is not None:
            # Without an id, or with one that another message has: a node of its own.
            node = Node()
            if ids and ids[0] not in nodes:
                nodes[ids[0]] = node
            everyone.append(node)
        node.card = card
        previous: Node | None = None
        for reference in _references(card):
            place = nodes.get(reference)
            if place is None:
                place = nodes[reference] = Node()
                everyone.append(place)
            if previous is not None and place.parent is None and not _above(place, previous):
                place.parent = previous
            previous = place
        # RFC 5256 step 1B: the message's own references, or their absence, override what others guessed.
        node.parent = None
        if previous is not None and not _above(node, previous):
            node.parent = previous
    for node in everyone:
        if node.parent is not None:
            node.parent.children.append(node)
    return [node for node in everyone if node.parent is None]


def _references(card: Card) -> list[str]:
    found = message_ids((card.references or "").encode("utf-8", "replace"))
    if found:
        return found
    return message_ids((card.envelope.in_reply_to or "").encode("utf-8", "replace"))[:1]


def _above(node: Node, other: Node) -> bool:
    """Whether `node` is `other` or above it, or could be: linking them would make a loop, or an endless chain."""
    step: Node | None = other
    for _level in range(MAX_DEPTH):
        if step is None:
            return False
        if step is node:
            return True
        step = step.parent
    return True


def _all(roots: Sequence[Node]) -> list[Node]:
    """Every node, parents before their children."""
    found = list(roots)
    for node in found:
        found.extend(node.children)
    return found


def _pruned(roots: list[Node]) -> list[Node]:
    """Step 3: places without a message go; their children move up, at the root only an only child."""
    for node in reversed(_all(roots)):
        kept = []
        for child in node.children:
            if child.card is None:
                for grandchild in child.children:
                    grandchild.parent = node
                kept += child.children
            else:
                kept.append(child)
        node.children = kept
    result = []
    for root in roots:
        if root.card is not None or len(root.children) > 1:
            result.append(root)
        elif root.children:
            root.children[0].parent = None
            result.append(root.children[0])
    return result


def _gathered(roots: list[Node]) -> list[Node]:
    """Step 5: threads of one subject become one."""
    table: dict[str, Node] = {}
    for root in roots:
        subject, reply = _subject(root)
        if not subject:
            continue
        known = table.get(subject)
        better = known is not None and (
            (root.card is None and known.card is not None) or (_subject(known)[1] and not reply)
        )
        if known is None or better:
            table[subject] = root
    replaced: dict[int, Node] = {}
    result: list[Node] = []
    for root in roots:
        subject, reply = _subject(root)
        known = table.get(subject) if subject else None
        if known is None or known is root:
            result.append(root)
            continue
        target = replaced.get(id(known), known)
        _merge(target, root, reply=reply, replaced=replaced, key=id(known))
    return [replaced.get(id(node), node) for node in result]


def _merge(target: Node, root: Node, *, reply: bool, replaced: dict[int, Node], key: int) -> None:
    if target.card is None:
        # A place without a message gathers: another such place gives its children, a message becomes a child.
        if root.card is None:
            for child in root.children:
                target.adopt(child)
        else:
            target.adopt(root)
    elif reply and not _subject(target)[1]:
        target.adopt(root)
    else:
        place = Node()
        place.adopt(target)
        place.adopt(root)
        replaced[key] = place


def _subject(node: Node) -> BaseSubject:
    while node.card is None:
        node = node.children[0]
    return node.card.subject


def write(roots: Sequence[Node], numbers: Sequence[int]) -> bytes:
    """`(2)(3 6 (4 23)(44 7 96))`; `numbers` gives each index its number (RFC 5256 §4)."""
    out: list[bytes] = []
    # Work still to do, last first: a node, or the octets that close what was opened.
    stack: list[Node | bytes] = []
    for root in reversed(roots):
        stack += [b")", root, b"("]
    while stack:
        work = stack.pop()
        if isinstance(work, bytes):
            out.append(work)
            continue
        if work.card is not None:
            out.append(b"%d" % numbers[work.card.index])
            if work.children:
                out.append(b" ")
        if len(work.children) == 1:
            stack.append(work.children[0])
        else:
            for child in reversed(work.children):
                stack += [b")", child, b"("]
    return b"".join(out)
