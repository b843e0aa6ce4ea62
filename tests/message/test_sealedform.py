"""What only its reader can read: the forms that programs write, and text that calls itself one of them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.sealedform import MAX_PREAMBLE, is_sealed
from mailhost.message.wrapper import Wrapper
from tests.message.test_wrapper import ARRIVED, HEADER, ID, PAYLOAD

TEXT = b"The herring come on Tuesday."
NOISE = base64.encodebytes(bytes(range(256)) * 3).replace(b"\n", b"\r\n")
ARMOR = b"-----BEGIN PGP MESSAGE-----\r\nComment: x\r\n\r\n" + NOISE + b"=abcd\r\n-----END PGP MESSAGE-----\r\n"
AGE = b"age-encryption.org/v1\n-> X25519 abc\nxyz\n--- mac\n" + bytes(range(256))
ENVELOPED = bytes.fromhex("308006092a864886f70d010703a080") + bytes(range(256))
AUTHENTICATED = bytes.fromhex("3082012a060b2a864886f70d0109100117a082") + bytes(range(256))
SIGNED = bytes.fromhex("308006092a864886f70d010702a080") + TEXT


def mail(kind: bytes, body: bytes) -> bytes:
    return b"From: ada@example.is\r\nContent-Type: " + kind + b"\r\n\r\n" + body


def pgp(second: bytes = ARMOR, *, front: bytes = b"", version: bytes = b"Version: 1\r\n", back: bytes = b"") -> bytes:
    """As RFC 3156 §4 shows it."""
    return mail(
        b'multipart/encrypted; protocol="application/pgp-encrypted";\r\n\tboundary="b"',
        front + b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\n" + version
        + b"\r\n--b\r\nContent-Type: application/octet-stream; name=encrypted.asc\r\n\r\n" + second
        + b"\r\n--b--\r\n" + back,
    )  # fmt: skip


def coded(kind: bytes, file: bytes) -> bytes:
    """One part in base64."""
    return mail(kind + b"\r\nContent-Transfer-Encoding: base64", base64.encodebytes(file).replace(b"\n", b"\r\n"))


SMIME = b"application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"


@pytest.mark.parametrize(
    "message",
    [
        pgp(),
        pgp(front=b"This is an OpenPGP/MIME encrypted message (RFC 3156)\r\n"),
        pgp(ARMOR.replace(b"Comment: x\r\n", b""), version=b"VERSION: 1"),
        pgp(b"\r\n" + ARMOR.replace(b"\r\n", b"\n")),
        pgp().replace(b"\r\n\r\n-----BEGIN", b"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN"),
        coded(SMIME, ENVELOPED),
        coded(b"application/pkcs7-mime;\r\n\tname=smime.p7m;\r\n\tsmime-type=enveloped-data", ENVELOPED),
        coded(b'application/x-pkcs7-mime; smime-type="enveloped-data"', ENVELOPED),
        coded(b"application/pkcs7-mime; smime-type=authEnveloped-data", AUTHENTICATED),
        coded(b"application/age", AGE),
        mail(b"application/age\r\nContent-Transfer-Encoding: binary", AGE),
        mail(b"application/age", b"-----BEGIN AGE ENCRYPTED FILE-----\n" + NOISE + b"-----END AGE ENCRYPTED FILE-----\n"),
        Wrapper(ID, "example.is", "ada@example.is", ARRIVED, len(HEADER), len(PAYLOAD), 0).render(HEADER, PAYLOAD),
    ],
)  # fmt: skip
def test_what_programs_seal_is_sealed(message: bytes) -> None:
    assert is_sealed(message)
    assert is_sealed(bytearray(message))


@pytest.mark.parametrize(
    "message",
    [
        mail(b"multipart/encrypted", TEXT),
        mail(b"multipart/encrypted; boundary=b", b"--b\r\n\r\n" + TEXT + b"\r\n--b--\r\n"),
        mail(b"multipart/encrypted; boundary=b", TEXT + b"\r\n--b--\r\n"),
        pgp(TEXT),
        pgp(TEXT + ARMOR),
        pgp(ARMOR + TEXT),
        pgp(ARMOR.replace(b"Comment: x", b"Comment: " + TEXT * 20)),
        pgp(b"-----BEGIN PGP MESSAGE-----\r\n\r\n" + TEXT + b"\r\n-----END PGP MESSAGE-----\r\n"),
        pgp(b"-----BEGIN PGP MESSAGE-----\r\n-----END PGP MESSAGE-----\r\n"),
        pgp(front=TEXT * (1 + MAX_PREAMBLE // len(TEXT)) + b"\r\n"),
        pgp(back=TEXT),
        pgp(version=b"Version: 1\r\n" + TEXT),
        pgp().replace(b"--b--", b"--b\r\nContent-Type: text/plain\r\n\r\n" + TEXT + b"\r\n--b--"),
        pgp().replace(b"name=encrypted.asc", b"name=x\r\nContent-Description: " + TEXT * 50),
        pgp().replace(b"Content-Type: multipart", b"Content-Type: text/plain\r\nContent-Type: multipart"),
        pgp().replace(b"application/octet-stream;", b"message/rfc822;"),
        coded(SMIME, SIGNED),
        coded(SMIME, TEXT),
        mail(SMIME, TEXT),
        coded(SMIME, ENVELOPED) + b"(" + TEXT + b")\r\n",
        coded(b"application/pkcs7-mime; smime-type=signed-data", ENVELOPED),
        coded(b"application/pkcs7-mime; name=smime.p7m", ENVELOPED),
        coded(b"text/plain; x=multipart/encrypted", ENVELOPED),
        coded(b"application/age\r\nContent-Type: text/plain", AGE),
        mail(b"application/age\r\nContent-Transfer-Encoding: x-own", AGE),
        mail(b"multipart/signed; boundary=b", ARMOR),
        b"Content-Type: multipart/encrypted",
        b"",
    ],
)
def test_text_that_calls_itself_sealed_is_readable(message: bytes) -> None:
    assert not is_sealed(message)


@given(st.binary(max_size=300), st.sampled_from([pgp(), coded(SMIME, ENVELOPED), coded(b"application/age", AGE)]))
def test_rubbish_raises_nothing(rubbish: bytes, message: bytes) -> None:
    end = message.index(b"\r\n\r\n") + 4
    is_sealed(message[:end] + rubbish)
    is_sealed(message[:-40] + rubbish)
