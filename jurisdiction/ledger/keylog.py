"""The key log: which public keys belong to a mailbox, so that nobody swaps them unseen.

Key entries lie in the cell's ledger under a label, Argon2id over the address and the cell's public salt: who knows
an address finds its keys, and nobody lists addresses cheaply. A Merkle log is no map, it cannot prove that there is
no newer key; clients therefore read *all* key entries since their last checkpoint and take the highest serial.

Each key but the first is signed by its predecessor's signing key. What follows from that:
the owner's client raises an alarm on every entry it did not make (`foreign`);
a sender's client asks its user before it uses a key that its predecessor did not sign (`judge`).
"""

import json
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise
from typing import Final

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id as nacl_argon2id
from nacl.signing import SigningKey, VerifyKey

from jurisdiction.ledger.entries import KeyRecord

CONTEXT: Final = b"skerry-key-v1\n"
LABEL_BYTES: Final = 32
SALT_BYTES: Final = nacl_argon2id.SALTBYTES
ARGON2_OPERATIONS: Final = 3  # RFC 9106 §4: 64 MiB and three passes, its second choice, but with libsodium's one lane
ARGON2_MEMORY: Final = 64 * 1024 * 1024
# Labels that one process makes at the same time: whoever signs up has one made with each form they send.
AT_ONCE: Final = 2
_turns: Final = threading.BoundedSemaphore(AT_ONCE)

type Argon2id = Callable[[bytes, bytes], bytes]


class KeyLogError(Exception):
    """A key entry claims a signature that is not its predecessor's."""


class Trust(StrEnum):
    """What a sender's client does with the latest key of a mailbox."""

    NONE = "none"  # the mailbox has no key in this log
    FIRST = "first"  # nothing was known before: use it and remember it
    SAME = "same"  # as known
    SUCCEEDED = "succeeded"  # every step from the known key is signed: use and remember
    ASK = "ask"  # a step is unsigned, or two keys claim one serial: ask the user


def argon2id(password: bytes, salt: bytes) -> bytes:
    """The label function of real cells: about 100 ms and 64 MiB a call, AT_ONCE of them; others wait for their turn."""
    with _turns:
        return nacl_argon2id.kdf(LABEL_BYTES, password, salt, ARGON2_OPERATIONS, ARGON2_MEMORY)


def label(address: str, salt: bytes, derive: Argon2id = argon2id) -> str:
    """The label of an address in a cell, in hex. Upper and lower case of an address are one mailbox."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt of a cell has {SALT_BYTES} bytes")
    return derive(address.lower().encode(), salt).hex()


def first_key(label_hex: str, identities: Sequence[str], signing_key: VerifyKey) -> KeyRecord:
    return KeyRecord(label_hex, 1, tuple(identities), bytes(signing_key).hex(), "")


def succeed(old: KeyRecord, identities: Sequence[str], signing_key: VerifyKey, signer: SigningKey | None) -> KeyRecord:
    """The next key of the same mailbox; `signer` is the old signing key, None if it is lost."""
    record = KeyRecord(old.label, old.serial + 1, tuple(identities), bytes(signing_key).hex(), "")
    if signer is None:
        return record
    return replace(record, signature=signer.sign(message(record, old)).signature.hex())


def message(record: KeyRecord, old: KeyRecord) -> bytes:
    """What the predecessor signs: the new key and the key it replaces."""
    body = [record.label, record.serial, list(record.identities), record.signing_key, old.signing_key]
    return CONTEXT + json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()


def verify_successor(record: KeyRecord, old: KeyRecord) -> None:
    """Raises `KeyLogError` unless `old` signed `record` as its direct successor."""
    if record.label != old.label or record.serial != old.serial + 1:
        raise KeyLogError("the key does not follow the one before it")
    try:
        VerifyKey(bytes.fromhex(old.signing_key)).verify(message(record, old), bytes.fromhex(record.signature))
    except (CryptoError, ValueError, TypeError) as error:
        raise KeyLogError(f"key {record.serial} is not signed by its predecessor") from error


def of_label(records: Iterable[KeyRecord], label_hex: str) -> tuple[KeyRecord, ...]:
    """The different entries of one mailbox, in the order of the log."""
    return tuple(dict.fromkeys(record for record in records if record.label == label_hex))


def latest(records: Sequence[KeyRecord]) -> KeyRecord | None:
    """The entry of the highest serial, of one mailbox; the first of several, which `judge` will not trust."""
    return max(records, key=lambda record: record.serial, default=None)


def judge(known: KeyRecord | None, records: Sequence[KeyRecord]) -> Trust:
    """Whether a sender may use the latest of these entries of one mailbox, given the key it knew before."""
    newest = latest(records)
    if newest is None:
        return Trust.NONE if known is None else Trust.ASK
    if sum(record.serial == newest.serial for record in records) > 1:
        return Trust.ASK
    if known is None:
        return Trust.FIRST if newest.serial == 1 or _signed_chain(records, newest.serial) else Trust.ASK
    if known == newest:
        return Trust.SAME
    if newest.serial <= known.serial:  # an older key, or another one under the known serial
        return Trust.ASK
    chain = [known, *_by_serial(records, known.serial + 1, newest.serial)]
    return Trust.SUCCEEDED if _all_signed(chain, newest.serial - known.serial + 1) else Trust.ASK


def foreign(mine: Collection[KeyRecord], records: Iterable[KeyRecord]) -> tuple[KeyRecord, ...]:
    """Entries of my mailbox that I did not make: somebody tries to be me. Any at all is an alarm."""
    return tuple(record for record in records if record not in mine)


def _by_serial(records: Iterable[KeyRecord], first: int, last: int) -> list[KeyRecord]:
    found = [record for record in records if first <= record.serial <= last]
    return sorted(found, key=lambda record: record.serial)


def _signed_chain(records: Sequence[KeyRecord], last: int) -> bool:
    return _all_signed(_by_serial(records, 1, last), last)


def _all_signed(chain: Sequence[KeyRecord], length: int) -> bool:
    """Whether the chain has every serial once and each key signed the next."""
    if len(chain) != length:
        return False
    try:
        for old, record in pairwise(chain):
            verify_successor(record, old)
    except KeyLogError:
        return False
    return True
