"""What an author asks for one delivery, as he writes it on the message: consent, or a secure link.

*Consent*: to a delivery that his organisation's policy advises against. *Link*: his readers elsewhere get a link to a
page of the cell, and the message stays here. Both must work in every mail program, so each is a word at the front of
the subject: `[consent]`, `[link]`. A program of ours, or one that can set fields, writes `Skerry-Consent: yes` or
`Skerry-Link: yes` instead. In: what was handed in. Out: the same without any of them, and what was asked for. Words
and fields never leave the cell, so neither an answer nor a copy asks anew.

Only what a person wrote here counts: not what he passes on from somebody else (Resent-From, RFC 5322 §3.6.6), where a
stranger chose the subject, and not what a program sends by itself (RFC 3834 §5).
"""

from enum import Enum
from typing import Final

from mailhost.message.encodedwords import encode_words
from mailhost.message.headers import Headers, fields, header_end, read_headers, without_fields


class Wish(Enum):
    """Each with its word and its field."""

    CONSENT = ("[consent]", b"skerry-consent")
    LINK = ("[link]", b"skerry-link")

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def field(self) -> bytes:
        return self.value[1]


_FIELDS: Final = frozenset({wish.field for wish in Wish})


def without_wishes(message: bytes) -> tuple[bytes, frozenset[Wish]]:
    """The message as it goes on, and what its author asks for. Never raises."""
    headers = read_headers(message)
    own = _written_here(headers)
    found = {wish for wish in Wish if own and (headers.first(wish.field) or b"").lower() == b"yes"}
    if headers.has_any(_FIELDS):
        message = without_fields(message, _FIELDS)
    # In either order, each once: a subject of nothing but such words costs no more than two looks.
    for _ in Wish if own else ():
        subject = (headers.text(b"subject") or "").lower()
        wish = next((wish for wish in Wish if subject.startswith(wish.word)), None)
        if wish is None:
            break
        found.add(wish)
        message = _shortened(message, wish.word)
        headers = read_headers(message)
    return message, frozenset(found)


def _written_here(headers: Headers) -> bool:
    by_hand = (headers.first(b"auto-submitted") or b"no").lower() == b"no"
    return by_hand and not headers.has_any({b"resent-from"})


def _shortened(message: bytes, word: str) -> bytes:
    """The message without the word at the front of its subject; the rest of the field stays as it was written."""
    block = message[: header_end(message)]
    subject = next(field for field in fields(block) if field.name.lower() == b"subject")
    rest = subject.value.strip()
    if rest.lower().startswith(word.encode()):
        rest = rest[len(word) :].lstrip()
    else:
        # The word is inside an encoded one (RFC 2047), so what follows it is encoded anew, a word on each line.
        text = (Headers(block).text(b"subject") or "")[len(word) :]
        # A line end inside an encoded word would begin a field that nobody has looked at.
        text = "".join(one if one.isprintable() else " " for one in text).lstrip()
        rest = encode_words(text).replace(b"?= =?", b"?=\r\n =?")
    return b"%bSubject: %b\r\n%b" % (message[: subject.start], rest, message[subject.end :])
