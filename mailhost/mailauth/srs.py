"""SRS: forwarded mail needs an envelope sender of the forwarder, and its bounces must find the way back.

When `ben@demo.test` forwards to another provider, mail from `ada@example.is` would arrive from our address with
example.is as its envelope sender, and fail that domain's SPF. So the sender becomes one of ours, which holds the
original and a keyed hash, so that nobody can use us to send "bounces" to strangers:

    SRS0=h4ffsk=ty=example.is=ada@demo.test                    first forwarder
    SRS1=k2ddaq=first.example==h4ffsk=ty=example.is=ada@…      a forwarder of forwarded mail keeps the first hash

There is no RFC; the form is that of Meng Weng Wong and Shevek, which other forwarders read. In: an address, the
time, a key. Out: an address, or an error that says why not. The time is days, modulo 1024, as two base32 digits.

Mailers may change the case of a local part, so hash and time are compared without it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from mailhost.message.address import MAX_LOCAL, Address

# A bounce comes within the five days of a queue, or its replies within a few weeks.
MAX_DAYS = 21
# 30 bits; a guess costs its sender one message through us.
HASH_DIGITS = 6
_DAYS_MODULUS = 1024
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"

_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([a-z2-7]{2})=([^=]+)=(.+)", re.IGNORECASE)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].+)", re.IGNORECASE)
_OTHERS_SRS0 = re.compile(r"SRS0([=+-].+)", re.IGNORECASE)


class CannotRewrite(ValueError):
    """The address would be too long to be accepted anywhere; forward with the forwarding address as sender."""


class NotOurs(ValueError):
    """Not an address we made, or no longer valid."""


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewrites under `domain`. The first of `keys` signs, all of them verify, so that keys can be rotated."""

    domain: str
    keys: tuple[bytes, ...]

    def rewrite(self, sender: Address, *, now: datetime) -> Address:
        """The envelope sender for a forward of mail from `sender`.  Raises CannotRewrite."""
        if sender.domain == self.domain:
            return sender
        if again := _SRS1.fullmatch(sender.local):
            # The second and later forwarders only replace the hash of the second: the way back is two steps.
            local = self._srs1(again[2], again[3])
        elif first := _OTHERS_SRS0.fullmatch(sender.local):
            local = self._srs1(sender.domain, first[1])
        else:
            day = _day(now)
            tail = f"{_DIGITS[day // 32]}{_DIGITS[day % 32]}={sender.domain}={sender.local}"
            local = f"SRS0={self._hash(self.keys[0], tail)}={tail}"
        if len(local.encode()) > MAX_LOCAL:
            # RFC 5321 §4.5.3.1.1: hosts may refuse longer local parts, and we are one of them.
            raise CannotRewrite(f"the rewritten sender is longer than {MAX_LOCAL} octets")
        return Address(local, self.domain)

    def restore(self, address: Address, *, now: datetime) -> Address:
        """The sender that `rewrite` was given, one step back.  Raises NotOurs."""
        if address.domain != self.domain:
            raise NotOurs("another domain")
        if found := _SRS0.fullmatch(address.local):
            digest, stamp, domain, local = found.groups()
            self._check(digest, f"{stamp}={domain}={local}")
            age = (_day(now) - _stamp(stamp)) % _DAYS_MODULUS
            # One day in the future is a clock at midnight.
            if MAX_DAYS < age < _DAYS_MODULUS - 1:
                raise NotOurs(f"older than {MAX_DAYS} days")
            return Address(local, domain.lower())
        if found := _SRS1.fullmatch(address.local):
            digest, domain, rest = found.groups()
            self._check(digest, f"{domain}={rest}")
            return Address(f"SRS0{rest}", domain.lower())
        raise NotOurs("not an SRS address")

    def _srs1(self, first: str, rest: str) -> str:
        tail = f"{first}={rest}"
        return f"SRS1={self._hash(self.keys[0], tail)}={tail}"

    def _check(self, digest: str, tail: str) -> None:
        given = digest.lower().encode()
        if not any(hmac.compare_digest(given, self._hash(key, tail).encode()) for key in self.keys):
            raise NotOurs("the hash is wrong")

    @staticmethod
    def _hash(key: bytes, tail: str) -> str:
        digest = hmac.new(key, b"srs" + tail.lower().encode(), hashlib.sha256).digest()
        return base64.b32encode(digest)[:HASH_DIGITS].decode().lower()


def _day(now: datetime) -> int:
    return int(now.timestamp()) // 86400 % _DAYS_MODULUS


def _stamp(text: str) -> int:
    high, low = (_DIGITS.index(digit) for digit in text.lower())
    return high * 32 + low
