"""Age files that open with a passphrase: the `scrypt` stanza.

C2SP age.md, "The scrypt recipient type". scrypt (RFC 7914) makes a wrapping key of a passphrase, slowly, so
that guessing costs. Whoever knows the passphrase could have written the file, so such a stanza stands alone in
its header: `age` refuses any other company.

In: a passphrase and a work factor, or a header's stanzas. Out: a stanza, or the file key. A file names its own
work factor, so a hostile one could ask for hours and gigabytes: above the opener's cap it is `CannotOpen`
before any work is done.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import FILE_KEY_SIZE, Stanza, decode_base64, encode_base64
from mailhost.seal.identity import RandomBytes

SCRYPT_STANZA = "scrypt"
SALT_SIZE = 16
# log2 of N. 2^16 takes 64 MiB and a sixth of a second, as much as Argon2id takes for a login.
WORK_FACTOR = 16
# 2^18 is what `age -p` writes; it takes 256 MiB while it runs.
MAX_WORK_FACTOR = 18

_BLOCK_SIZE = 8
_SALT_PREFIX = b"age-encryption.org/v1/scrypt"
_DECIMAL = re.compile(r"[1-9][0-9]?")
_WRAPPED_SIZE = FILE_KEY_SIZE + 16
_ZERO_NONCE = bytes(12)


def _wrap_key(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    cost = 1 << work_factor
    return hashlib.scrypt(
        passphrase.encode("utf-8"),
        salt=_SALT_PREFIX + salt,
        n=cost,
        r=_BLOCK_SIZE,
        p=1,
        # The table of RFC 7914 §5 takes 128 · r · N bytes; OpenSSL wants to be allowed a little more.
        maxmem=128 * _BLOCK_SIZE * (cost + 8),
        dklen=32,
    )


@final
class PassphraseRecipient:
    """Wraps a file key for whoever knows the passphrase; the only recipient of its file."""

    def __init__(
        self,
        passphrase: str,
        work_factor: int = WORK_FACTOR,
        *,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        if not 1 <= work_factor <= MAX_WORK_FACTOR:
            raise ValueError(f"a work factor is from 1 to {MAX_WORK_FACTOR}, not {work_factor}")
        self._passphrase = passphrase
        self._work_factor = work_factor
        self._random_bytes = random_bytes

    def wrap(self, file_key: bytes) -> Stanza:
        salt = self._random_bytes(SALT_SIZE)
        key = _wrap_key(self._passphrase, salt, self._work_factor)
        args = (SCRYPT_STANZA, encode_base64(salt).decode("ascii"), str(self._work_factor))
        return Stanza(args, ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, file_key, None))


@final
class PassphraseIdentity:
    """Opens a file sealed with a passphrase, if its work factor is not above the cap."""

    def __init__(self, passphrase: str, max_work_factor: int = MAX_WORK_FACTOR) -> None:
        self._passphrase = passphrase
        self._max_work_factor = max_work_factor

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        found = [stanza for stanza in stanzas if stanza.args[0] == SCRYPT_STANZA]
        if not found:
            return None
        args, body = found[0]
        if len(stanzas) != 1 or len(args) != 3 or len(body) != _WRAPPED_SIZE:
            raise CannotOpen
        salt = decode_base64(args[1].encode("ascii"))
        # The work factor is decimal without sign or leading zero.
        if len(salt) != SALT_SIZE or not _DECIMAL.fullmatch(args[2]) or int(args[2]) > self._max_work_factor:
            raise CannotOpen
        key = _wrap_key(self._passphrase, salt, int(args[2]))
        try:
            return ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, body, None)
        except InvalidTag:
            return None
