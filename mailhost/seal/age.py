"""A whole age file, without anything of ours in it.

C2SP age.md: header and payload, one behind the other. This is how small things are sealed that are not
messages: a delivery record, a keyring key for a tenant's recovery key, an item of the outbound queue. Messages
have a summary in the header and a compressed, padded body; `sealed` builds them from the same pieces.

In: recipients and bytes, or identities and a file. Out: the other, or `CannotOpen`. The ASCII armor is not
spoken: what we store and send is binary, and a mail attachment has its own transfer encoding.
"""

import secrets
from collections.abc import Sequence

from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import (
    FILE_KEY_SIZE,
    Header,
    Stanza,
    encode_header,
    header_length,
    parse_header,
)
from mailhost.seal.identity import Identity, RandomBytes, Recipient
from mailhost.seal.passphrase import SCRYPT_STANZA
from mailhost.seal.stream import NONCE_SIZE, Buffer, decrypt_payload, encrypt_payload


def encrypt(
    recipients: Sequence[Recipient],
    plaintext: Buffer,
    *,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> bytes:
    """An age file that each of the recipients can open; at least one is needed."""
    if not recipients:
        raise ValueError("an age file needs at least one recipient")
    file_key = random_bytes(FILE_KEY_SIZE)
    stanzas = [recipient.wrap(file_key) for recipient in recipients]
    if not _passphrase_stands_alone(stanzas):
        raise ValueError("a file sealed with a passphrase has no other recipient")
    return encode_header(stanzas, file_key) + encrypt_payload(file_key, random_bytes(NONCE_SIZE), [plaintext])


def decrypt(identities: Sequence[Identity], file: Buffer) -> bytes:
    """The plaintext of an age file that one of the identities can open, else `CannotOpen`."""
    length = header_length(file)
    view = memoryview(file)
    file_key = unwrap_file_key(identities, parse_header(bytes(view[:length])))
    return bytes(decrypt_payload(file_key, view[length:]))


def unwrap_file_key(identities: Sequence[Identity], header: Header) -> bytes:
    """The file key, once the header's MAC agrees with it; identities are tried in their order."""
    if not _passphrase_stands_alone(header.stanzas):
        raise CannotOpen
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            header.verify(file_key)
            return file_key
    raise CannotOpen


def _passphrase_stands_alone(stanzas: Sequence[Stanza]) -> bool:
    """C2SP age.md, "scrypt recipient stanza": it must be the only one, since the passphrase counts as authorship."""
    return len(stanzas) == 1 or all(stanza.args[0] != SCRYPT_STANZA for stanza in stanzas)
