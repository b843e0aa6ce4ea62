"""The recovery phrase: 24 words on paper that open the mailbox when the password is forgotten.

BIP-39, English list: 256 random bits and an 8-bit checksum, eleven bits a word. The words differ in their first
four letters, so handwriting and a telephone line are good enough, and the checksum finds 255 of 256 mistakes
that are words themselves. Only the words are BIP-39; the key is derived by HKDF (`skerry.recovery.v1`), since
256 random bits need no slow hash.

In: 32 bytes, or what a person typed. Out: the other. A mistake is `InvalidKey`, which says which word to look
at and which words of the list come near it: a person with a damp sheet of paper needs that. Such a text belongs
on the owner's screen, never in a log.
"""

import difflib
import secrets
from functools import cache

from mnemonic import Mnemonic

from mailhost.seal.errors import InvalidKey
from mailhost.seal.header import hkdf
from mailhost.seal.identity import RandomBytes

SECRET_SIZE = 32
WORDS = 24
# 24 words of at most eight letters, and room for line breaks; what is longer is not a phrase.
MAX_TYPED_LENGTH = 1000

_WRAP_INFO = b"skerry.recovery.v1"
_WORD_BITS = 11  # 2,048 words


@cache
def _bip39() -> Mnemonic:
    """The English word list, read once when first needed."""
    return Mnemonic("english")


def random_words(count: int, random_bytes: RandomBytes = secrets.token_bytes) -> tuple[str, ...]:
    """Words of the list drawn alone, eleven bits each and no checksum: for passphrases that are spoken."""
    drawn = int.from_bytes(random_bytes(-(-count * _WORD_BITS // 8)))
    known = _bip39().wordlist
    return tuple([known[drawn >> place * _WORD_BITS & (1 << _WORD_BITS) - 1] for place in range(count)])


def new_phrase(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """24 fresh words, shown once."""
    return phrase_text(random_bytes(SECRET_SIZE))


def phrase_text(secret: bytes) -> str:
    """The 24 words of 32 secret bytes."""
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"a recovery phrase is made of {SECRET_SIZE} bytes, not {len(secret)}")
    return _bip39().to_mnemonic(secret)


def parse_phrase(text: str) -> bytes:
    """The 32 secret bytes of a typed phrase, in any case and spacing; else `InvalidKey` with what to correct."""
    if len(text) > MAX_TYPED_LENGTH:
        raise InvalidKey(f"a recovery phrase has {WORDS} words, this text is much longer")
    words = text.lower().split()
    known = _bip39().wordlist
    for position, word in enumerate(words, start=1):
        if word not in known:
            near = difflib.get_close_matches(word, known, n=3)
            hint = f"; near it are: {', '.join(near)}" if near else ""
            raise InvalidKey(f"word {position} is not in the list of recovery words{hint}")
    if len(words) != WORDS:
        raise InvalidKey(f"a recovery phrase has {WORDS} words, this one has {len(words)}")
    try:
        return bytes(_bip39().to_entropy(words))
    except ValueError:
        raise InvalidKey(
            "every word is in the list, but together they are not a recovery phrase: "
            "compare each word and the order with the paper"
        ) from None


def phrase_wrap_key(secret: bytes) -> bytes:
    """The key under which the recovery phrase wraps the keyring key."""
    return hkdf(secret, b"", _WRAP_INFO)
