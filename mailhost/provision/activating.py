"""Giving a mailbox its keys: what its owner's client made becomes rows, and an entry in the cell's key log.

The same step for a founder at signup, for somebody who was invited, and for the command line, which makes the keys
itself. The server sees a public key, boxes it cannot open, and an auth key of which it keeps a keyed hash.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from jurisdiction.notary import Notary
from jurisdiction.records import keys
from mailhost.models import KeyringWrap, Mailbox, MailboxKey
from mailhost.provision.errors import AlreadyThere, NotFound
from mailhost.seal.errors import CannotOpen
from mailhost.seal.password import auth_verifier, check_auth_key
from mailhost.seal.registration import Registration


def activate(box: Mailbox, made: Registration, label: str, *, notary: Notary, now: datetime, server_key: bytes) -> None:
    """An invited mailbox takes mail from now on.

    Sent twice, the same keys change nothing; other keys for a mailbox that has some, or a password that is in force no
    more, are AlreadyThere; a mailbox that was removed meanwhile, or is being removed, is NotFound. `label` is
    `jurisdiction.records.keys.label_of` the address: it costs a tenth of a second, so it comes before a transaction.
    """
    with transaction.atomic():
        there = Mailbox.objects.select_for_update().filter(pk=box.pk).first()
        if there is None:
            raise _gone(box)
        box = there
        current = MailboxKey.objects.filter(mailbox=box).order_by("-serial").first()
        if current is not None:
            if is_sent_again(made, current, server_key):
                return
            raise AlreadyThere(f"{box.address} has its keys already; sign in with its password")
        if box.state != Mailbox.State.INVITED:
            # Its removal has begun (`removal.remove_mailbox`), and would take along what arrives from now on.
            raise _gone(box)
        box.keyring = made.keyring
        box.keyring_version = made.keyring_version
        box.state = Mailbox.State.ACTIVE
        box.save(update_fields=["keyring", "keyring_version", "state"])
        MailboxKey.objects.create(
            mailbox=box,
            serial=1,
            recipient=made.recipient.text,
            signing_key=bytes(made.signing_key),
            created=now.date(),
            log_label=bytes.fromhex(label),
        )
        for wrap in _wraps(made, server_key):
            wrap.mailbox = box
            wrap.save()
        keys.enter(label, [made.recipient.text], made.signing_key, notary)


def _gone(box: Mailbox) -> NotFound:
    return NotFound(f"there is no mailbox {box.address} in this organisation")


def log_label(box: Mailbox, notary: Notary) -> str:
    """The label under which the log has the address's keys, in hex; made where it is not kept yet, and then kept."""
    known = MailboxKey.objects.filter(mailbox=box)
    kept = known.exclude(log_label=None).values_list("log_label", flat=True).first()
    if kept is not None:
        return bytes(kept).hex()
    made = keys.label_of(box.address, notary)
    known.update(log_label=bytes.fromhex(made))
    return made


def is_sent_again(made: Registration, known: MailboxKey, server_key: bytes) -> bool:
    """Whether a registration is by whoever made these keys, and with the password in force.

    The public key alone says nothing, for it is public: the registration's proof is by `signing_key`, which must be the
    one that is known. Whoever sends it again is signed in, so a copy of it counts no longer than its password.
    """
    if (known.recipient, bytes(known.signing_key)) != (made.recipient.text, bytes(made.signing_key)):
        return False
    wrap = KeyringWrap.objects.filter(mailbox=known.mailbox_id, kind=KeyringWrap.Kind.PASSWORD).first()
    if wrap is None or wrap.auth_hash is None:
        return False
    try:
        check_auth_key(server_key, made.password.auth_key, bytes(wrap.auth_hash))
    except CannotOpen:
        return False
    return True


def _wraps(made: Registration, server_key: bytes) -> list[KeyringWrap]:
    password = made.password
    wraps = [
        KeyringWrap(
            kind=KeyringWrap.Kind.PASSWORD,
            wrap=password.wrap,
            salt=password.salt,
            argon2_ops=password.parameters.passes,
            argon2_memory_kib=password.parameters.memory_kib,
            auth_hash=auth_verifier(server_key, password.auth_key),
        ),
        KeyringWrap(kind=KeyringWrap.Kind.RECOVERY, wrap=made.recovery_wrap),
    ]
    if made.tenant_wrap is not None:
        wraps.append(KeyringWrap(kind=KeyringWrap.Kind.TENANT, wrap=made.tenant_wrap))
    return wraps
