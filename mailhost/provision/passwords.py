"""An account password put in the place of another: by its owner, who knows the old one, or by the recovery words.

The keyring and its key stay as they are: only the wrap under the password is made anew, in the owner's client. The
server stores the wrap, the salt and a keyed hash of the auth key. App passwords go on working; they have wraps of
their own.

Whoever has forgotten the password cannot sign in, so the recovery page gives keyring and recovery wrap to everybody
who names the address: both are boxes under 256 random bits, which nobody guesses. Setting a new password then needs a
signature by the mailbox's signing key, which lies inside the keyring. For an address without keys the answer is
invented, always the same one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from mailhost.models import KeyringWrap, Mailbox, MailboxKey
from mailhost.provision.errors import NoKeyYet, WrongSecret
from mailhost.seal.keyring import BOX_VERSION
from mailhost.seal.password import auth_verifier
from mailhost.seal.registration import WRAP_SIZE, BadRegistration, PasswordForm, parse_recovered

# A first keyring, whoever made it; later ones are longer, and tell of a rotation.
FIRST_KEYRING_SIZE: Final = 230
_INVENTED = b"skerry.recovery.invented.v1\0"
_MARK_PERSON = b"skerry.recover.1"


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """What a client opens with the words or the password. Salt and parameters are the password's, else empty."""

    keyring: bytes
    wrap: bytes
    salt: bytes = b""
    parameters: str = ""


def by_password(box: Mailbox) -> Material:
    """For the signed-in owner's browser. Raises NoKeyYet."""
    wrap = KeyringWrap.objects.filter(mailbox=box, kind=KeyringWrap.Kind.PASSWORD).first()
    if wrap is None or wrap.salt is None or box.keyring is None:
        raise NoKeyYet(f"{box.address} has no keys yet: its owner has not made them")
    cost = f"argon2id,m={wrap.argon2_memory_kib},t={wrap.argon2_ops},p=1"
    return Material(bytes(box.keyring), bytes(wrap.wrap), bytes(wrap.salt), cost)


def by_recovery(address: str, fake_key: bytes) -> Material:
    """For anybody who names an address in normal form; an invention where there are no keys."""
    invented = _invented(address, fake_key)
    rows = KeyringWrap.objects.select_related("mailbox").filter(mailbox__address=address)
    wrap = rows.filter(kind=KeyringWrap.Kind.RECOVERY).first()
    if wrap is None or wrap.mailbox.keyring is None:
        return invented
    return Material(bytes(wrap.mailbox.keyring), bytes(wrap.wrap))


def mark(address: str, key: bytes) -> str:
    """A keyed hash of the password in force, in hex: a challenge with it in counts until the password changes."""
    wrap = KeyringWrap.objects.filter(mailbox__address=address, kind=KeyringWrap.Kind.PASSWORD).first()
    verifier = bytes(wrap.auth_hash) if wrap is not None and wrap.auth_hash is not None else b""
    text = address.encode("utf-8", "surrogatepass") + b"\0" + verifier
    return hashlib.blake2b(text, digest_size=16, key=key, person=_MARK_PERSON).hexdigest()


def replace(box: Mailbox, made: PasswordForm, *, server_key: bytes) -> None:
    """Put the new password in the place of the old one. Raises NoKeyYet."""
    with transaction.atomic():
        rows = KeyringWrap.objects.select_for_update()
        wrap = rows.filter(mailbox=box, kind=KeyringWrap.Kind.PASSWORD).first()
        if wrap is None:
            raise NoKeyYet(f"{box.address} has no keys yet: its owner has not made them")
        wrap.wrap = made.wrap
        wrap.salt = made.salt
        wrap.argon2_ops = made.parameters.passes
        wrap.argon2_memory_kib = made.parameters.memory_kib
        wrap.auth_hash = auth_verifier(server_key, made.auth_key)
        wrap.save()


def recover(address: str, form: str, challenge: str, proof: str, *, server_key: bytes) -> Mailbox:
    """A new password by whoever had the words; the challenge's age and mark were checked before.

    Raises WrongSecret, which says nothing about why, and WeakParameters.
    """
    box = Mailbox.objects.filter(address=address).first()
    key = MailboxKey.objects.filter(mailbox=box).order_by("-serial").first() if box is not None else None
    if box is None or key is None:
        raise WrongSecret("the recovery words are not those of this address")
    try:
        made = parse_recovered(form, address, challenge, proof=proof, signing_key=bytes(key.signing_key))
        replace(box, made, server_key=server_key)
    except (BadRegistration, NoKeyYet):
        raise WrongSecret("the recovery words are not those of this address") from None
    return box


def _invented(address: str, key: bytes) -> Material:
    """Boxes that nothing opens, of the sizes of real ones, the same at every visit."""
    seed = hashlib.shake_256(_INVENTED + key + address.encode("utf-8", "surrogatepass"))
    data = seed.digest(FIRST_KEYRING_SIZE + WRAP_SIZE - 2 * len(BOX_VERSION))
    cut = FIRST_KEYRING_SIZE - len(BOX_VERSION)
    return Material(BOX_VERSION + data[:cut], BOX_VERSION + data[cut:])
