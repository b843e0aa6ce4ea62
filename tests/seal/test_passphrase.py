"""Files under a passphrase: they open with it, cost no more than allowed, and stand alone."""

import pytest

from mailhost.seal import CannotOpen, decrypt, encrypt
from mailhost.seal.header import Stanza, encode_base64, encode_header
from mailhost.seal.passphrase import MAX_WORK_FACTOR, PassphraseIdentity, PassphraseRecipient
from mailhost.seal.stream import encrypt_payload
from tests.seal.people import ADA

CHEAP = 4


def test_the_passphrase_opens_and_another_does_not() -> None:
    file = encrypt([PassphraseRecipient("korrekt häst", CHEAP)], b"hello")
    assert decrypt([ADA, PassphraseIdentity("korrekt häst")], file) == b"hello"
    for identities in ([PassphraseIdentity("korrekt hast")], [ADA], []):
        with pytest.raises(CannotOpen):
            decrypt(identities, file)


def test_a_file_that_asks_for_more_work_than_the_cap_is_refused() -> None:
    file = encrypt([PassphraseRecipient("x", CHEAP + 1)], b"hello")
    assert decrypt([PassphraseIdentity("x", CHEAP + 1)], file) == b"hello"
    with pytest.raises(CannotOpen):
        decrypt([PassphraseIdentity("x", CHEAP)], file)


@pytest.mark.parametrize("work_factor", [0, -1, MAX_WORK_FACTOR + 1])
def test_a_work_factor_nobody_would_open_is_refused_when_sealing(work_factor: int) -> None:
    with pytest.raises(ValueError, match="a work factor is from 1 to 18"):
        PassphraseRecipient("x", work_factor)


def test_a_passphrase_has_no_company() -> None:
    with pytest.raises(ValueError, match="no other recipient"):
        encrypt([PassphraseRecipient("x", CHEAP), ADA.recipient], b"hello")
    stanzas = [PassphraseRecipient("x", CHEAP).wrap(bytes(16)), Stanza(("grease",), b"")]
    with pytest.raises(CannotOpen):
        PassphraseIdentity("x").unwrap(stanzas)
    mixed = [PassphraseRecipient("x", CHEAP).wrap(bytes(16)), ADA.recipient.wrap(bytes(16))]
    with pytest.raises(CannotOpen):
        decrypt([ADA], encode_header(mixed, bytes(16)) + encrypt_payload(bytes(16), bytes(16), [b"hello"]))


@pytest.mark.parametrize("work_factor", ["0", "04", "+4", "4 ", "4\n", "0x4", "٤", "100", ""])
def test_a_work_factor_that_is_no_plain_number_is_refused(work_factor: str) -> None:
    salt = encode_base64(bytes(16)).decode()
    with pytest.raises(CannotOpen):
        PassphraseIdentity("x").unwrap([Stanza(("scrypt", salt, work_factor), bytes(32))])


def test_an_age_file_needs_a_recipient() -> None:
    with pytest.raises(ValueError, match="at least one recipient"):
        encrypt([], b"hello")
