"""Signing our mail with DKIM: RSA for everyone, Ed25519 beside it (RFC 6376 §5, RFC 8463 §6).

In: a finished message, one key per algorithm, the time. Out: complete DKIM-Signature field lines to put in front of
it. Header and body are canonicalised "relaxed", which survives the small changes relays make.

Fields are **oversigned**: each name stands in h= once more than the field occurs, so nobody can add a second Subject
or a second From above the signed one without breaking the signature (RFC 6376 §5.4, §8.15).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self

from mailhost.mailauth.canonicalization import Canonicalization, Parts, relaxed_field
from mailhost.mailauth.dkim_key import Algorithm, PrivateKey, algorithm_of, make_signature
from mailhost.mailauth.dkim_signature import signed_fields

# Signed, and forbidden to be added, whether they occur or not (RFC 6376 §5.4.1 and what decides how mail looks).
ALWAYS = (
    b"from",
    b"reply-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
# Signed where they occur; mailing lists and other relays add these to mail that is otherwise unchanged.
WHEN_PRESENT = (
    b"sender",
    b"resent-date",
    b"resent-from",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",  # RFC 8058 §4: one-click counts only where both are signed.
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"auto-submitted",
    b"autocrypt",
    b"openpgp",
    b"content-disposition",
    b"content-language",
    b"tls-required",
)
_CANDIDATES = (*ALWAYS, *WHEN_PRESENT)
# RFC 5322 §2.1.1.
MAX_LINE = 78


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Who signs: `selector._domainkey.domain` publishes the public half of `private`."""

    domain: str
    selector: str
    private: PrivateKey

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return algorithm_of(self.private)


@dataclass(frozen=True, slots=True)
class Cover:
    """What a signature covers of a message: fields by name and in canonical form, and the hash of the body."""

    names: Sequence[bytes]
    fields: Sequence[bytes]
    body_hash: bytes

    @classmethod
    def of(cls, parts: Parts, names: Sequence[bytes]) -> Self:
        """Relaxed, of both header and body."""
        digest, _ = parts.body_hash(Canonicalization.RELAXED)
        return cls(names, signed_fields(parts, names, Canonicalization.RELAXED), digest)


def sign(parts: Parts, keys: Sequence[SigningKey], *, now: datetime, valid: timedelta | None = None) -> bytes:
    """One DKIM-Signature per key, in their order, each ending in CRLF. `valid` sets x=; without it they never expire.

    A message without From cannot be signed: ValueError (RFC 6376 §5.4).
    """
    if not parts.named(b"from"):
        raise ValueError("a message without From cannot be signed")
    names = names_to_sign(parts)
    times = [f"t={int(now.timestamp())}"] + ([f"x={int((now + valid).timestamp())}"] if valid else [])
    # Header and body are the same for every key: only the tags around them differ.
    cover = Cover.of(parts, names)
    return b"".join(signature_field(b"DKIM-Signature", ["v=1"], times, key, cover) for key in keys)


def names_to_sign(parts: Parts) -> tuple[bytes, ...]:
    """The names for h=: each as often as it occurs, and those of `ALWAYS` once more."""
    return _names(tuple([len(parts.named(name)) for name in _CANDIDATES]))


# Programs write the same fields into every message, so what follows from their names is soon known.
@lru_cache(maxsize=256)
def _names(occurrences: tuple[int, ...]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for name, times in zip(_CANDIDATES, occurrences, strict=True):
        found += [name] * (times + (name in ALWAYS))
    return tuple(found)


def signature_field(title: bytes, first: list[str], times: list[str], key: SigningKey, cover: Cover) -> bytes:
    """A signature over the named fields and the body, as a complete field; ARC's message signature is one too."""
    begun = _begun(title, (*first, f"a={key.algorithm}", "c=relaxed/relaxed", f"d={key.domain}", f"s={key.selector}"),
                   tuple(cover.names))  # fmt: skip
    tags = [*times, f"bh={base64.b64encode(cover.body_hash).decode()}"]
    return _signed(title, _lines(begun, tags), cover.fields, key)


@lru_cache(maxsize=1024)
def _begun(title: bytes, tags: tuple[str, ...], names: tuple[bytes, ...]) -> tuple[str, ...]:
    """The lines of a signature up to what differs from message to message."""
    return _lines((title.decode() + ":",), [*tags, *_named("h=", names)])


def signed_tags(title: bytes, tags: Iterable[str], fields: Sequence[bytes], key: SigningKey) -> bytes:
    """The field `title: tags; b=…` where b= is over `fields` and the field itself (RFC 6376 §3.7)."""
    return _signed(title, _lines((title.decode() + ":",), tags), fields, key)


def _signed(title: bytes, lines: Iterable[str], fields: Sequence[bytes], key: SigningKey) -> bytes:
    unsigned = "\r\n".join(lines).encode()
    own = relaxed_field(title, unsigned.partition(b":")[2] + b"; b=")
    value = base64.b64encode(make_signature(key.private, b"\r\n".join([*fields, own]))).decode()
    return unsigned + b";\r\n\tb=" + "\r\n\t ".join(_cut(value, MAX_LINE - 4)).encode() + b"\r\n"


def folded(title: bytes, tags: Iterable[str]) -> bytes:
    """`title: tag; tag` on lines of at most `MAX_LINE` characters where the tags allow it; no line end at the end."""
    return "\r\n".join(_lines((title.decode() + ":",), tags)).encode()


def _lines(begun: tuple[str, ...], tags: Iterable[str]) -> tuple[str, ...]:
    """The lines that are there, and the tags behind them."""
    *lines, line = begun
    for tag in tags:
        # A part of h= goes on without a semicolon.
        joint = "" if line.endswith(":") else ";"
        if len(line) + len(joint) + 1 + len(tag) > MAX_LINE and line.strip():
            lines.append(line + joint)
            line = "\t" + tag
        else:
            line += f"{joint} {tag}"
    return (*lines, line)


def _named(prefix: str, names: Sequence[bytes]) -> list[str]:
    """`h=from:to:…` in parts that end in a colon, where white space may be folded (RFC 6376 §3.5)."""
    parts, part = [], prefix
    for index, name in enumerate(names):
        last = index == len(names) - 1
        word = name.decode() + ("" if last else ":")
        if len(part) + len(word) > MAX_LINE - 2:
            parts.append(part)
            part = ""
        part += word
    return [*parts, part]


def _cut(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]
