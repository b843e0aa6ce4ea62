"""DKIM verification: the RFCs' own messages, each way a signature can be wrong, and hostile keys."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import MAX_SIGNATURES, DkimResult, DkimStatus, verify
from mailhost.mailauth.dkim_key import BadKey, key_record, parse_key_record
from mailhost.mailauth.dkim_signing import Cover, SigningKey, sign, signature_field
from mailhost.mailauth.resolver import Txt
from tests.fakedns import FakeDns
from tests.mailauth.people import ED25519, MESSAGE, NOW, RSA, dns_of, signed

VECTORS = Path(__file__).parent.parent / "vectors" / "dkim"
PASS, FAIL, POLICY = DkimStatus.PASS, DkimStatus.FAIL, DkimStatus.POLICY
NEUTRAL, TEMPERROR, PERMERROR = DkimStatus.NEUTRAL, DkimStatus.TEMPERROR, DkimStatus.PERMERROR

RFC8463_RSA = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    b"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    b"Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RFC8463_ED25519 = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC6376_KEY = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    b"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)


async def results(message: bytes, dns: FakeDns | None = None, *, now: datetime = NOW) -> list[DkimResult]:
    return await verify(Parts(message), dns or dns_of(RSA, ED25519), now=now)


async def only(message: bytes, dns: FakeDns | None = None, *, now: datetime = NOW) -> DkimResult:
    (found,) = await results(message, dns, now=now)
    return found


def with_tags(message: bytes, old: bytes, new: bytes) -> bytes:
    assert old in message
    return message.replace(old, new, 1)


async def test_the_message_of_rfc_6376_verifies() -> None:
    dns = FakeDns({"brisbane._domainkey.example.com": [Txt(RFC6376_KEY)]})
    found = await only((VECTORS / "rfc6376.eml").read_bytes(), dns)
    assert (found.status, found.domain, found.identity) == (PASS, "example.com", "joe@football.example.com")
    assert found.key_bits == 1024


async def test_the_message_of_rfc_8463_verifies_twice() -> None:
    dns = FakeDns(
        {
            "brisbane._domainkey.football.example.com": [Txt(RFC8463_ED25519)],
            "test._domainkey.football.example.com": [Txt(RFC8463_RSA)],
        }
    )
    found = await results((VECTORS / "rfc8463.eml").read_bytes(), dns)
    assert [(one.status, one.algorithm, one.b_prefix) for one in found] == [
        (PASS, "ed25519-sha256", "/gCrinpc"),
        (PASS, "rsa-sha256", "F45dVWDf"),
    ]


async def test_what_we_sign_verifies_with_both_algorithms() -> None:
    found = await results(signed(MESSAGE, RSA, ED25519))
    assert [(one.status, one.selector) for one in found] == [(PASS, "s1"), (PASS, "s2")]


async def test_a_message_without_signature_has_no_results() -> None:
    assert await results(MESSAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"loom", b"room", "the body was changed"),
        (b"Notes", b"Note", "the signature does not match the header"),
        (b"Subject: Notes", b"Subject: Buy now\r\nSubject: Notes", "the signature does not match the header"),
        (b"From: Ada", b"From: Eve <eve@demo.test>\r\nFrom: Ada", "the signature does not match the header"),
        (b"Message-ID:", b"Content-Type: text/html\r\nMessage-ID:", "the signature does not match the header"),
    ],
)
async def test_a_changed_message_fails(old: bytes, new: bytes, problem: str) -> None:
    found = await only(with_tags(signed(), old, new))
    assert (found.status, found.problem) == (FAIL, problem)


@pytest.mark.parametrize("line", [b"no field\r\n", b"From ada@example.is Thu Jan  2\r\n", b"Sub ject: x\r\n", b":\r\n"])
async def test_a_line_that_is_no_field_spoils_every_signature(line: bytes) -> None:
    # Some readers end the header there, and would show the signed fields behind it as text.
    message = signed()
    for at in (0, message.index(b"Subject:"), message.index(b"\r\n\r\n") + 2):
        found = await only(message[:at] + line + message[at:])
        assert (found.status, found.problem) == (PERMERROR, "the header holds a line that is no field")


async def test_relaxed_survives_folding_and_white_space() -> None:
    message = signed()
    head, _, body = message.partition(b"\r\n\r\n")
    head = head.replace(b"Subject: Notes  on the\r\n\tengine", b"SUBJECT :  Notes on\r\n  the engine  ")
    body = body.replace(b"patterns \t \r\n", b"patterns\r\n").replace(b"just as", b"just \t as") + b"\r\n \r\n"
    assert (await only(head + b"\r\n\r\n" + body)).status is PASS


async def test_simple_survives_only_empty_lines_at_the_end() -> None:
    message = _simple(MESSAGE)
    assert (await only(message)).status is PASS
    assert (await only(message + b"\r\n\r\n")).status is PASS
    assert (await only(message.replace(b"just as", b"just  as"))).status is FAIL


def _simple(message: bytes, *, extra: str = "", body: bytes | None = None) -> bytes:
    """A simple/simple signature, which we never make ourselves, made by hand."""
    from mailhost.mailauth.canonicalization import Canonicalization
    from mailhost.mailauth.dkim_key import make_signature
    from mailhost.mailauth.dkim_signature import signed_fields

    parts = Parts(message)
    digest, _ = parts.body_hash(Canonicalization.SIMPLE)
    if body is not None:
        digest, _ = Parts(b"\r\n" + body).body_hash(Canonicalization.SIMPLE)
    own = f"DKIM-Signature: v=1; a=rsa-sha256; d=example.is; s=s1; h=From:Subject;{extra} bh={base64.b64encode(digest).decode()}; b="
    data = b"\r\n".join([*signed_fields(parts, [b"from", b"subject"], Canonicalization.SIMPLE), own.encode()])
    return own.encode() + base64.b64encode(make_signature(RSA.private, data)) + b"\r\n" + message


async def test_a_body_signed_in_part_is_not_accepted() -> None:
    _, _, body = MESSAGE.partition(b"\r\n\r\n")
    canonical = len(body.rstrip(b"\r\n")) + 2
    whole = _simple(MESSAGE, extra=f" l={canonical};")
    assert (await only(whole)).status is PASS
    longer = await only(whole + b"And please wire the money to Eve.\r\n")
    assert (longer.status, longer.problem) == (POLICY, "the end of the body is not signed")
    assert (await only(_simple(MESSAGE, extra=f" l={canonical + 1};"))).status is FAIL
    assert (await only(_simple(MESSAGE, extra=" l=0;", body=b""))).status is POLICY


async def test_policy_is_only_said_of_a_signature_that_is_genuine() -> None:
    forged = with_tags(_simple(MESSAGE, extra=" l=0;"), b"s=s1", b"s=s2")
    dns = FakeDns({"s2._domainkey.example.is": [Txt(key_record(_other_rsa()).encode())]})
    assert (await only(forged, dns)).status is FAIL


def _other_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"v=1;", b"v=2;", NEUTRAL),
        (b"v=1;", b"", NEUTRAL),
        (b"a=rsa-sha256", b"a=rsa-sha1", PERMERROR),
        (b"a=rsa-sha256", b"a=rot13", NEUTRAL),
        (b"a=rsa-sha256", b"a=ed25519-sha256", PERMERROR),
        (b"c=relaxed/relaxed", b"c=relaxed/lazy", NEUTRAL),
        (b"d=example.is", b"d=example..is", NEUTRAL),
        (b"d=example.is", b"d=example.is; d=demo.test", NEUTRAL),
        (b"d=example.is", b"d=example.is; i=eve@demo.test", NEUTRAL),
        (b"d=example.is", b"d=example.is; q=http", NEUTRAL),
        (b"d=example.is", b"d=example.is; l=some", NEUTRAL),
        (b"s=s1", b"s=nosuch", PERMERROR),
        (b"s=s1", b"s=-", NEUTRAL),
        (b"h=from:from:", b"h=", PERMERROR),
        (b"t=1735812000", b"t=1735812000; x=1735812000", NEUTRAL),
        (b"t=1735812000", b"t=1735812000; x=0", NEUTRAL),
        (b"bh=", b"bh=!", NEUTRAL),
    ],
)
async def test_a_damaged_signature_has_a_defined_result(old: bytes, new: bytes, status: DkimStatus) -> None:
    assert (await only(with_tags(signed(), old, new))).status is status


async def test_a_signature_that_names_no_header_field_is_neutral() -> None:
    message = signed()
    start, end = message.index(b"h="), message.index(b"bh=")
    assert (await only(message[:start] + b"h=; " + message[end:])).status is NEUTRAL


async def test_a_signature_is_valid_in_its_time_only() -> None:
    message = sign(Parts(MESSAGE), [RSA], now=NOW, valid=timedelta(days=5)) + MESSAGE
    assert (await only(message)).status is PASS
    assert (await only(message, now=NOW + timedelta(days=5, minutes=10))).status is PASS
    assert (await only(message, now=NOW + timedelta(days=6))).problem == "the signature has expired"
    assert (await only(message, now=NOW - timedelta(minutes=10))).status is PASS
    assert (await only(message, now=NOW - timedelta(days=1))).problem == "the signature is from the future"


async def test_a_silent_dns_is_a_temporary_error() -> None:
    dns = dns_of(RSA)
    dns.fail.add("s1._domainkey.example.is")
    assert (await only(signed(), dns)).status is TEMPERROR


async def test_one_bad_signature_does_not_spoil_another() -> None:
    message = signed(MESSAGE, RSA, ED25519)
    dns = dns_of(RSA, ED25519)
    dns.fail.add("s1._domainkey.example.is")
    assert [one.status for one in await results(message, dns)] == [TEMPERROR, PASS]


async def test_only_so_many_signatures_are_looked_at() -> None:
    message = signed(MESSAGE, *[RSA] * (MAX_SIGNATURES + 5))
    dns = dns_of(RSA)
    assert len(await results(message, dns)) == MAX_SIGNATURES
    assert dns.asked == [("s1._domainkey.example.is", Txt)]


async def test_a_name_in_h_takes_the_lowest_field_first() -> None:
    message = signed(b"Received: one\r\n" + MESSAGE)
    parts = Parts(b"Subject: top\r\nSubject: bottom\r\nFrom: ada@example.is\r\n\r\nx\r\n")
    field = signature_field(b"DKIM-Signature", ["v=1"], [], RSA, Cover.of(parts, [b"from", b"subject"]))
    low = field + b"Subject: top\r\nSubject: bottom\r\nFrom: ada@example.is\r\n\r\nx\r\n"
    assert (await only(low)).status is PASS
    assert (await only(low.replace(b"top", b"other"))).status is PASS
    assert (await only(low.replace(b"bottom", b"other"))).status is FAIL
    assert (await only(message.replace(b"Received: one\r\n", b""))).status is PASS


# Keys.


def record_of(private: rsa.RSAPrivateKey) -> bytes:
    return key_record(private).encode()


async def with_record(record: bytes, message: bytes | None = None) -> DkimResult:
    return await only(message or signed(), FakeDns({"s1._domainkey.example.is": [Txt(record)]}))


@pytest.mark.parametrize(
    ("flags", "status", "problem"),
    [
        ("h=sha1;", PERMERROR, "the key may not be used with sha256"),
        ("h=sha1:sha256;", PASS, ""),
        ("s=tlsrpt;", PERMERROR, "the key is not for email"),
        ("s=*;", PASS, ""),
        ("s=other:email;", PASS, ""),
        ("t=y;", PASS, ""),
        ("n=a note;", PASS, ""),
        ("zz=unknown;", PASS, ""),
    ],
)
async def test_the_key_record_says_what_the_key_is_for(flags: str, status: DkimStatus, problem: str) -> None:
    record = key_record(RSA.private).replace("k=rsa;", f"k=rsa; {flags}").encode()
    found = await with_record(record)
    assert (found.status, found.problem) == (status, problem)
    assert found.testing == ("t=y" in flags)


async def test_a_failure_of_a_testing_domain_is_neutral() -> None:
    dns = FakeDns({"s1._domainkey.example.is": [Txt(key_record(RSA.private, testing=True).encode())]})
    found = await only(signed().replace(b"loom", b"room"), dns)
    assert (found.status, found.problem) == (NEUTRAL, "testing: the body was changed")


async def test_a_strict_key_signs_for_no_subdomain() -> None:
    record = key_record(RSA.private).replace("k=rsa;", "k=rsa; t=s;").encode()
    assert (await with_record(record)).status is PASS
    message = with_tags(signed(), b"d=example.is;", b"d=example.is; i=@list.example.is;")
    assert (await with_record(record, message)).problem == "the key may not sign for subdomains"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"v=DKIM1; p=", "the key is revoked"),
        (b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "the key is for ed25519"),
        (b"v=DKIM1; k=rsa; p=AAAA", "the key is not an RSA key"),
        (b"v=DKIM1; k=rsa; p=%%%", "not a key record"),
        (b"v=DKIM2; p=AAAA", "v= is not DKIM1"),
        (b"k=rsa; v=DKIM1; p=AAAA", "v= is not DKIM1"),
        (b"v=DKIM1; k=rsa", "p= is missing"),
        (b"v=spf1 -all", "v= is not DKIM1"),
        (b"\xff\xfe", "not a key record"),
        (b"p=" + b"A" * 5000, "longer than"),
    ],
)
async def test_an_unusable_key_record_is_a_permanent_error(record: bytes, problem: str) -> None:
    found = await with_record(record)
    assert found.status is PERMERROR
    assert problem in found.problem


async def test_weak_and_huge_rsa_keys_are_refused() -> None:
    # 512 and 1023 bits cannot even be made any more; this one was factored long ago.
    weak = base64.b64encode(_spki(512)).decode()
    assert "fewer than 1024" in (await with_record(f"v=DKIM1; p={weak}".encode())).problem
    huge = base64.b64encode(_spki(9000)).decode()
    assert "more than 8192" in (await with_record(f"v=DKIM1; p={huge}".encode())).problem


def _spki(bits: int) -> bytes:
    """A SubjectPublicKeyInfo with a modulus of that many bits, which need not be a product of two primes."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    try:
        return numbers.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except ValueError:
        return _der(0x30, _der(0x30, bytes.fromhex("06092a864886f70d0101010500")) + _der(3, b"\0" + _pkcs1(bits)))


def _pkcs1(bits: int) -> bytes:
    modulus = ((1 << (bits - 1)) + 1).to_bytes(bits // 8 + 1, "big").lstrip(b"\0")
    return _der(0x30, _der(2, b"\0" + modulus) + _der(2, b"\x01\x00\x01"))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([0x82]) + length.to_bytes(2, "big")
    return bytes([tag]) + size + content


async def test_a_key_in_the_bare_form_of_pkcs1_works() -> None:
    assert isinstance(RSA.private, rsa.RSAPrivateKey)
    bare = RSA.private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    assert (await with_record(b"v=DKIM1; p=" + base64.b64encode(bare))).status is PASS


async def test_another_record_beside_the_key_is_passed_over() -> None:
    dns = FakeDns({"s1._domainkey.example.is": [Txt(b"v=spf1 -all"), Txt(key_record(RSA.private).encode())]})
    assert (await only(signed(), dns)).status is PASS


def test_a_key_record_round_trips() -> None:
    for key in (RSA, ED25519):
        record = parse_key_record(key_record(key.private).encode())
        assert record.key_type == key.algorithm.key_type
        assert record.public_key(key.algorithm) is not None
    with pytest.raises(BadKey):
        replace(parse_key_record(key_record(RSA.private).encode()), data=b"").public_key(RSA.algorithm)


# Signing.


def test_signing_forbids_what_could_be_added() -> None:
    field = signed().partition(b"From: ")[0]
    h = field.partition(b"h=")[2].partition(b";")[0].replace(b"\r\n\t", b"").replace(b" ", b"").split(b":")
    assert [h.count(name) for name in (b"from", b"subject", b"cc", b"content-type", b"sender")] == [2, 2, 1, 1, 0]
    assert all(len(line) <= 78 for line in field.splitlines())


def test_a_message_without_from_is_not_signed() -> None:
    with pytest.raises(ValueError, match="without From"):
        sign(Parts(b"Subject: x\r\n\r\n"), [RSA], now=NOW)


async def test_international_headers_and_domains_are_signed_as_they_are() -> None:
    key = SigningKey("xn--mnchen-3ya.example", "s1", RSA.private)
    message = "From: Áda <áda@münchen.example>\r\nSubject: Þetta\r\n\r\nHæ\r\n".encode()
    text = signed(message, key)
    assert (await only(text, dns_of(key))).status is PASS
    # RFC 8616 §4: d= may hold U-labels, and means the same domain.
    utf8 = text.replace(b"xn--mnchen-3ya.example", "münchen.example".encode(), 1)
    found = await only(utf8, dns_of(key))
    assert (found.status, found.domain) == (FAIL, "xn--mnchen-3ya.example")


async def test_the_largest_body_is_hashed_beside_the_event_loop() -> None:
    message = MESSAGE + b"The quick brown fox.\r\n" * 20_000
    assert (await only(signed(message))).status is PASS
    assert (await only(signed(message) + b"x")).status is FAIL


def test_time_is_utc() -> None:
    text = sign(Parts(MESSAGE), [RSA], now=datetime(2025, 1, 2, 10, 0, tzinfo=UTC))
    assert b"t=1735812000" in text
