"""The author's consent to one delivery that his organisation's policy advises against, as he writes it on the message.

It must work in every mail program, so it is a word at the front of the subject: `[consent]`.  A program of ours, or one
that can set fields, writes `Skerry-Consent: yes` instead.  In: what was handed in.  Out: the same without either, and
whether there was consent.  The word and the field never leave the cell, so neither an answer nor a copy consents anew.

Only what a person wrote here counts: not what he passes on from somebody else (Resent-From, RFC 5322 §3.6.6), where a
stranger chose the subject, and not what a program sends by itself (RFC 3834 §5).
"""

from mailhost.message.encodedwords import encode_words
from mailhost.message.headers import Headers, fields, header_end, read_headers, without_fields

WORD = "[consent]"
FIELD = b"skerry-consent"


def without_consent(message: bytes) -> tuple[bytes, bool]:
    """The message as it goes on, and whether its author consents.  Never raises."""
    headers = read_headers(message)
    own = _written_here(headers)
    said = own and (headers.first(FIELD) or b"").lower() == b"yes"
    if headers.has_any({FIELD}):
        message = without_fields(message, {FIELD})
    if own and (headers.text(b"subject") or "").lower().startswith(WORD):
        return _shortened(message), True
    return message, said


def _written_here(headers: Headers) -> bool:
    by_hand = (headers.first(b"auto-submitted") or b"no").lower() == b"no"
    return by_hand and not headers.has_any({b"resent-from"})


def _shortened(message: bytes) -> bytes:
    """The message without the word at the front of its subject; the rest of the field stays as it was written."""
    block = message[: header_end(message)]
    subject = next(field for field in fields(block) if field.name.lower() == b"subject")
    rest = subject.value.strip()
    if rest.lower().startswith(WORD.encode()):
        rest = rest[len(WORD) :].lstrip()
    else:
        # The word is inside an encoded one (RFC 2047), so what follows it is encoded anew, a word on each line.
        text = (Headers(block).text(b"subject") or "")[len(WORD) :]
        # A line end inside an encoded word would begin a field that nobody has looked at.
        text = "".join(one if one.isprintable() else " " for one in text).lstrip()
        rest = encode_words(text).replace(b"?= =?", b"?=\r\n =?")
    return b"%bSubject: %b\r\n%b" % (message[: subject.start], rest, message[subject.end :])
