"""Keys: their text forms, what is refused, and that secrets do not show themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import CannotOpen, HybridIdentity, HybridRecipient, InvalidKey, X25519Identity, bech32
from mailhost.seal.header import Stanza, encode_base64
from mailhost.seal.identity import HYBRID_STANZA, X25519_STANZA
from tests.seal.people import ADA, BEN

FILE_KEY = b"YELLOW SUBMARINE"
CLASSIC = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


def test_keys_survive_their_text_form() -> None:
    assert HybridIdentity.from_text(ADA.secret_text).seed == ADA.seed
    assert ADA.secret_text.startswith("AGE-SECRET-KEY-PQ-1")
    recipient = HybridRecipient.from_text(ADA.recipient.text)
    assert recipient == ADA.recipient
    assert recipient != BEN.recipient
    assert len({recipient, ADA.recipient}) == 1
    assert len(recipient.text) == 1959


def test_a_file_key_reaches_its_owner_only() -> None:
    stanza = ADA.recipient.wrap(FILE_KEY)
    assert ADA.unwrap([stanza]) == FILE_KEY
    assert ADA.unwrap([Stanza(("grease",), b""), BEN.recipient.wrap(FILE_KEY), stanza]) == FILE_KEY
    assert BEN.unwrap([stanza]) is None
    assert X25519Identity.from_text(CLASSIC).unwrap([stanza]) is None


@pytest.mark.parametrize("secret", [ADA.secret_text, ADA.seed.hex(), repr(ADA.seed)])
def test_a_secret_key_does_not_show_itself(secret: str) -> None:
    assert secret not in repr(ADA) + str(ADA)
    assert ADA.recipient.text[:19] in repr(ADA)


def test_a_key_of_another_kind_is_named() -> None:
    with pytest.raises(InvalidKey, match="a public key begins with age1pq1"):
        HybridRecipient.from_text("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")
    with pytest.raises(InvalidKey, match="a secret key begins with AGE-SECRET-KEY-PQ-1"):
        HybridIdentity.from_text(CLASSIC)
    with pytest.raises(InvalidKey, match="a secret key begins with AGE-SECRET-KEY-PQ-1"):
        HybridIdentity.from_text(ADA.secret_text.lower())
    with pytest.raises(InvalidKey, match="a classic secret key begins with"):
        X25519Identity.from_text(ADA.secret_text)


@pytest.mark.parametrize("size", [0, 31, 33, 1215, 1217])
def test_keys_of_the_wrong_size_are_refused(size: int) -> None:
    with pytest.raises(InvalidKey):
        HybridIdentity(bytes(size))
    with pytest.raises(InvalidKey):
        X25519Identity(bytes(size))
    with pytest.raises(InvalidKey):
        HybridRecipient(bytes(size))


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_public_key_nobody_could_be_sealed_to_is_refused_when_it_is_read(point: bytes) -> None:
    with pytest.raises(InvalidKey, match="damaged"):
        HybridRecipient(ADA.recipient.raw[:1184] + point)


def test_a_public_key_with_numbers_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidKey, match="damaged"):
        HybridRecipient(b"\xff" * 1184 + ADA.recipient.raw[1184:])


@pytest.mark.parametrize(
    ("args", "size"),
    [
        ((HYBRID_STANZA,), 32),
        ((HYBRID_STANZA, encode_base64(bytes(1120)).decode(), "extra"), 32),
        ((HYBRID_STANZA, encode_base64(bytes(1119)).decode()), 32),
        ((HYBRID_STANZA, encode_base64(bytes(1120)).decode() + "="), 32),
        ((HYBRID_STANZA, encode_base64(bytes(1120)).decode()), 31),
        ((HYBRID_STANZA, encode_base64(bytes(1120)).decode()), 48),
    ],
)
def test_a_malformed_stanza_spoils_the_file(args: tuple[str, ...], size: int) -> None:
    with pytest.raises(CannotOpen):
        ADA.unwrap([Stanza(args, bytes(size))])


def test_a_share_of_low_order_opens_nothing() -> None:
    with pytest.raises(CannotOpen):
        X25519Identity.from_text(CLASSIC).unwrap(
            [Stanza((X25519_STANZA, encode_base64(bytes(32)).decode()), bytes(32))]
        )
    assert ADA.unwrap([Stanza((HYBRID_STANZA, encode_base64(bytes(1120)).decode()), bytes(32))]) is None


@given(st.binary(min_size=32, max_size=32))
def test_any_seed_makes_a_key(seed: bytes) -> None:
    identity = HybridIdentity(seed)
    assert HybridIdentity.from_text(identity.secret_text).seed == seed
    assert identity.unwrap([identity.recipient.wrap(FILE_KEY)]) == FILE_KEY


def test_the_randomness_of_a_new_key_is_the_callers() -> None:
    assert HybridIdentity.generate(lambda size: b"\x07" * size).seed == b"\x07" * 32
    assert HybridIdentity.generate().seed != HybridIdentity.generate().seed


def test_the_keys_of_the_specification_belong_together() -> None:
    # C2SP age.md, "The MLKEM768-X25519 hybrid post-quantum recipient type", the sample identity; the recipient printed
    # beside it begins and ends like this.
    identity = HybridIdentity.from_text("AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR")
    text = identity.recipient.text
    assert text.startswith(
        "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95paef6caq5aapdmwjj"
    )
    assert text.endswith("hxpfqdkmhh6gjtqmwze9pyyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k")
    assert bech32.decode(text)[0] == "age1pq"
