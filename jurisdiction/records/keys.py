"""Mailboxes' public keys in the ledger, so that nobody swaps one unseen.

The label of an address costs a tenth of a second of Argon2id and 64 MiB, on purpose; callers compute it before they
open the transaction in which `enter` appends.
"""

from __future__ import annotations

from collections.abc import Sequence

from nacl.signing import SigningKey, VerifyKey

from jurisdiction.ledger import keylog
from jurisdiction.ledger.entries import KeyRecord, decode
from jurisdiction.ledger.keylog import Argon2id
from jurisdiction.models import LedgerEntry
from jurisdiction.notary import Notary
from jurisdiction.records import ledger


def label_of(address: str, notary: Notary, derive: Argon2id = keylog.argon2id) -> str:
    """The label under which the address's keys stand in this cell's log, in hex."""
    return keylog.label(address, notary.label_salt, derive)


def records_of(label: str) -> tuple[KeyRecord, ...]:
    """The key entries of one label, in the order of the log."""
    rows = LedgerEntry.objects.filter(kind="key", subject=label).order_by("id")
    found = (decode(bytes(row.leaf)) for row in rows)
    return tuple(entry for entry in found if isinstance(entry, KeyRecord))


def enter(
    label: str, identities: Sequence[str], signing_key: VerifyKey, notary: Notary, signer: SigningKey | None = None
) -> KeyRecord:
    """Append a mailbox's new public key, inside a transaction.

    `signer` is the predecessor's signing key. Without it a successor stands unsigned, and clients ask their user.
    """
    old = keylog.latest(records_of(label))
    if old is None:
        made = keylog.first_key(label, identities, signing_key)
    else:
        made = keylog.succeed(old, identities, signing_key, signer)
    ledger.append([(made, label)], notary)
    return made
