"""dkimpy, an implementation that shares nothing with ours, signs what we verify and verifies what we sign."""

import asyncio

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.mailauth.canonicalization import Canonicalization, Parts
from mailhost.mailauth.dkim import DkimStatus, verify
from mailhost.mailauth.dkim_signing import SigningKey, sign
from tests.mailauth.messages import MESSAGES
from tests.mailauth.oracles import dkimpy, dkimpy_body_hash, dkimpy_dns, dkimpy_key
from tests.mailauth.people import ED25519, NOW, RSA, dns_of, signed

KEYS = st.sampled_from([RSA, ED25519])
FORMS = st.sampled_from([b"simple", b"relaxed"])
DNS = dns_of(RSA, ED25519)


def ours(message: bytes) -> DkimStatus:
    (result,) = asyncio.run(verify(Parts(message), DNS, now=NOW))
    return result.status


def theirs(message: bytes) -> bool:
    try:
        return bool(dkimpy.DKIM(message).verify(dnsfunc=dkimpy_dns(DNS)))
    except dkimpy.DKIMException:
        return False


@pytest.mark.slow  # the same
@settings(max_examples=60, deadline=None)
@given(MESSAGES, KEYS)
def test_dkimpy_verifies_what_we_sign(message: bytes, key: SigningKey) -> None:
    assert theirs(sign(Parts(message), [key], now=NOW) + message)


@pytest.mark.slow  # RSA keys without number
@settings(max_examples=60, deadline=None)
@given(MESSAGES, KEYS, FORMS, FORMS)
def test_we_verify_what_dkimpy_signs(message: bytes, key: SigningKey, header: bytes, body: bytes) -> None:
    with time_machine.travel(NOW):
        field = dkimpy.DKIM(message).sign(
            key.selector.encode(),
            key.domain.encode(),
            dkimpy_key(key),
            canonicalize=(header, body),
            signature_algorithm=key.algorithm.encode(),
            include_headers=[b"from", b"subject", b"to"],
        )
    assert ours(field + message) is DkimStatus.PASS


@pytest.mark.slow  # the same
@settings(max_examples=60, deadline=None)
@given(MESSAGES, KEYS, st.data())
def test_both_agree_about_damage(message: bytes, key: SigningKey, draw: st.DataObject) -> None:
    whole = bytearray(signed(message, key))
    at = draw.draw(st.integers(len(whole) - len(message), len(whole) - 1))
    # Line ends stay: a bare CR or LF cannot arrive by SMTP, and everybody reads it differently. No space or colon
    # comes in: dkimpy refuses a space before a colon, which RFC 6376 §3.4.2 allows, and takes a field without a name.
    if whole[at] not in b"\r\n":
        whole[at] = draw.draw(st.sampled_from(list(b"aZ;=")))
    assert (ours(bytes(whole)) is DkimStatus.PASS) == theirs(bytes(whole))


@pytest.mark.parametrize("form", list(Canonicalization))
@given(message=MESSAGES)
def test_the_body_hash_is_that_of_dkimpy(form: Canonicalization, message: bytes) -> None:
    body = message.partition(b"\r\n\r\n")[2]
    digest, _ = Parts(b"From: a@b\r\n\r\n" + body).body_hash(form)
    assert digest == dkimpy_body_hash(body, form.encode())
