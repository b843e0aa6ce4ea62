"""Makes the published vectors of the sealed format: `python -m tests.seal.make_vectors`.

Everything random comes from SHAKE256 of a name, so a second run makes the same file keys, nonces, salts and
boxes. One thing differs each time: the key encapsulation draws its own randomness inside the library, and with
it the stanza and the header's MAC. So a run changes the headers, and both readers have to agree again before
the result is committed: tests/seal/test_vectors.py (this code) and tests/js/vectors.mjs (age-encryption, noble,
fzstd, hash-wasm: none of it ours).
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from mailhost.seal import Address, HybridIdentity, Summary, open_header, seal
from mailhost.seal.age import encrypt
from mailhost.seal.apppassword import app_password_hash, app_password_text, app_password_wrap_key
from mailhost.seal.header import Stanza, encode_header, parse_header
from mailhost.seal.keyring import Keyring, seal_keyring, wrap_for_tenant, wrap_keyring_key
from mailhost.seal.link import (
    link_keys,
    link_verifier,
    new_salt,
    new_token,
    new_words,
    record_identity,
    token_digest,
)
from mailhost.seal.padding import body_pieces
from mailhost.seal.password import Argon2Parameters, auth_verifier, derive_keys, fake_salt
from mailhost.seal.phrase import phrase_text, phrase_wrap_key
from mailhost.seal.segment import IndexEntry, SegmentPlace, seal_segment
from mailhost.seal.stream import encrypt_payload
from mailhost.seal.summary import encode_summary
from tests.seal.people import SUMMARY

FOLDER = Path(__file__).parent.parent / "vectors" / "sealed"
ABOUT = [
    "Test vectors of the Skerry sealed format (docs/sealed-format.md). Licence: CC0 1.0.",
    "Made by tests/seal/make_vectors.py; keys and nonces are SHAKE256 of names, so these secrets protect nothing.",
    "Checked by tests/seal/test_vectors.py (Python) and tests/js/vectors.mjs (JavaScript libraries of others).",
]

type Json = dict[str, Any]


def stream(name: str) -> Callable[[int], bytes]:
    """A source of bytes that looks random and is the same at every run."""
    taken = 0

    def take(size: int) -> bytes:
        nonlocal taken
        taken += size
        return hashlib.shake_256(name.encode()).digest(taken)[-size:]

    return take


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def identity(name: str) -> HybridIdentity:
    return HybridIdentity.generate(stream(f"identity {name}"))


def write(name: str, vectors: list[Json]) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({"about": ABOUT, "vectors": vectors}, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def keys() -> list[Json]:
    found = []
    for name in ("ada", "ben", "cleo"):
        key = identity(name)
        found.append(
            {"name": name, "seed": key.seed.hex(), "identity": key.secret_text, "recipient": key.recipient.text}
        )
    return found


LETTER = b"From: ben@demo.test\r\nTo: ada@example.is\r\nSubject: Hi\r\n\r\nDear Ada,\r\n"


def message(name: str, comment: str, content: bytes, summary: Summary, *more: str) -> Json:
    """One sealed message for Ada; `more` names the identities to try before hers."""
    sealed = seal(identity("ada").recipient, content, summary, random_bytes=stream(name))
    return described(name, comment, content, sealed.header, sealed.payload, *more)


def described(name: str, comment: str, content: bytes, header: bytes, payload: bytes, *more: str) -> Json:
    opened = open_header([identity("ada")], header)
    return {
        "name": name,
        "comment": comment,
        "identities": [identity(one).secret_text for one in (*more, "ada")],
        "file_key": opened.file_key.hex(),
        "header": text64(header),
        "payload": text64(payload),
        "summary": json.loads(encode_summary(opened.summary)),
        "message_size": len(content),
        "message_sha256": hashlib.sha256(content).hexdigest(),
        "message": text64(content) if len(content) < 1000 else None,
    }


def frames_message() -> Json:
    """A message whose body another writer made: two frames, checksums, no declared sizes, padding in front."""
    sealed = seal(identity("ada").recipient, LETTER, SUMMARY, random_bytes=stream("frames"))
    compressor = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False)
    body = [b"\x5a\x2a\x4d\x18\x04\x00\x00\x00skip", compressor.compress(LETTER[:30]), compressor.compress(LETTER[30:])]
    file_key = open_header([identity("ada")], sealed.header).file_key
    payload = encrypt_payload(file_key, bytes(16), [*body, b"\x50\x2a\x4d\x18\x00\x00\x00\x00"])
    comment = "the body is two zstd frames with checksums between skippable frames, as another program may write it"
    return described("frames", comment, LETTER, sealed.header, payload)


def grease_message() -> Json:
    """A message with stanzas nobody knows."""
    sealed = seal(identity("ada").recipient, LETTER, SUMMARY, random_bytes=stream("grease"))
    file_key = open_header([identity("ada")], sealed.header).file_key
    first, summary = parse_header(sealed.header).stanzas
    grease = Stanza(("example.com/grease", "~!"), bytes(96))
    header = encode_header([grease, first, grease, summary], file_key)
    return described("grease", "stanzas of an unknown kind are skipped", LETTER, header, sealed.payload)


def messages() -> list[Json]:
    noise = stream("noise")(70_000)
    crowd = tuple(Address("", f"{number}@demo.test") for number in range(2000))
    long = Summary(size=len(LETTER), internaldate=1_780_000_000, subject="Hi", to=crowd, envelope="x" * 20_000)
    return [
        message("letter", "a small message with a full summary", LETTER, SUMMARY),
        message("empty", "an empty message with the smallest summary", b"", Summary(size=0, internaldate=0)),
        message("two chunks", "a message that does not compress and fills two chunks", noise, SUMMARY),
        message("rotated", "sealed to an older identity; the current one is tried first", LETTER, SUMMARY, "ben"),
        message("cut", "a summary that did not fit: `cut` names what is missing", LETTER, long),
        frames_message(),
        grease_message(),
    ]


def refused() -> list[Json]:
    """Files that must not open, and at which layer a reader finds out: age, body or summary."""
    ada = identity("ada")
    sealed = seal(ada.recipient, LETTER, SUMMARY, random_bytes=stream("refused"))
    header, payload = sealed.header, sealed.payload
    file_key = open_header([ada], header).file_key
    hybrid, summary = parse_header(header).stanzas
    found: list[Json] = []

    def add(name: str, layer: str, header: bytes, payload: bytes, max_size: int = 1_000_000, key: str = "ada") -> None:
        secret = identity(key).secret_text
        file = text64(header + payload)
        found.append({"name": name, "layer": layer, "identity": secret, "max_size": max_size, "file": file})

    def body(*pieces: bytes) -> bytes:
        return encrypt_payload(file_key, bytes(16), pieces)

    add("another identity", "age", header, payload, key="ben")
    for place in (0, 30, len(header) // 2, len(header) - 2):
        add(
            f"bit flipped at {place} of the header",
            "age",
            header[:place] + bytes([header[place] ^ 1]) + header[place + 1 :],
            payload,
        )
    for place in (0, 20, len(payload) - 1):
        add(
            f"bit flipped at {place} of the payload",
            "age",
            header,
            payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :],
        )
    add("cut in the header", "age", header[:-1], b"")
    add("header without payload", "age", header, b"")
    add("cut by a byte", "age", header, payload[:-1])
    add("a byte too long", "age", header, payload + b"\x00")
    add("line ends CR LF", "age", header.replace(b"\n", b"\r\n"), payload)
    add(
        "a malformed stanza for us beside a good one",
        "age",
        encode_header([hybrid._replace(body=b""), hybrid, summary], file_key),
        payload,
    )
    frames = b"".join(bytes(piece) for piece in body_pieces([LETTER]))
    add("no zstd frame", "body", header, body(LETTER))
    add("padding only", "body", header, body(b"\x50\x2a\x4d\x18\x00\x00\x00\x00"))
    add("rubbish behind the frames", "body", header, body(frames, b"rubbish"))
    add("frame cut short", "body", header, body(zstandard.ZstdCompressor().compress(LETTER)[:-1]))
    add("padding cut short", "body", header, body(frames[:-1]))
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(2_000_000))
    add("more than max_size when opened", "body", header, body(bomb))
    add("no summary", "summary", encode_header([hybrid], file_key), payload)
    add("two summaries", "summary", encode_header([hybrid, summary, summary], file_key), payload)
    add("damaged summary", "summary", encode_header([hybrid, summary._replace(body=bytes(272))], file_key), payload)
    return found


def passwords() -> list[Json]:
    server_key, cheap = stream("server key")(32), Argon2Parameters.insecure_for_tests
    cases = [
        ("correct horse battery staple", Argon2Parameters()),
        ("correct horse battery staple", cheap(1024, 2)),
        ("pa\u00dfwort\u00a0m\u0131t spaces\u3000", cheap(64, 1)),
        ("e\u0301 and \u00e9", cheap(64, 1)),
    ]
    found = []
    for number, (password, parameters) in enumerate(cases):
        salt = stream(f"salt {number}")(16)
        derived = derive_keys(password, salt, parameters)
        found.append(
            {
                "password": password,
                "salt": salt.hex(),
                "parameters": parameters.text,
                "auth_key": derived.auth_key.hex(),
                "wrap_key": derived.wrap_key.hex(),
                "server_key": server_key.hex(),
                "auth_verifier": auth_verifier(server_key, derived.auth_key).hex(),
                "fake_salt_of_ada_example_is": fake_salt(server_key, "ada@example.is").hex(),
            }
        )
    return found


def phrases() -> list[Json]:
    secrets = [bytes(32), b"\xff" * 32, stream("phrase")(32)]
    return [
        {"secret": secret.hex(), "phrase": phrase_text(secret), "wrap_key": phrase_wrap_key(secret).hex()}
        for secret in secrets
    ]


def app_passwords() -> list[Json]:
    server_key = stream("server key")(32)
    secrets = [bytes(16), b"\xff" * 16, stream("app password")(16)]
    return [
        {
            "secret": secret.hex(),
            "app_password": app_password_text(secret),
            "wrap_key": app_password_wrap_key(secret).hex(),
            "server_key": server_key.hex(),
            "hash": app_password_hash(server_key, secret).hex(),
        }
        for secret in secrets
    ]


def links() -> list[Json]:
    """Words as they are made, and as somebody types them who heard them; a message sealed to them; the link's record."""
    server_key, random_bytes = stream("server key")(32), stream("link")
    found = []
    for parameters in (Argon2Parameters(), Argon2Parameters.insecure_for_tests(64, 1)):
        words, salt, token = new_words(random_bytes), new_salt(random_bytes), new_token(random_bytes)
        keys = link_keys(words, salt, parameters)
        sealed = seal(
            keys.identity.recipient,
            LETTER,
            Summary(size=len(LETTER), internaldate=1_780_000_000),
            random_bytes=random_bytes,
        )
        record = encrypt([record_identity(keys.auth_key).recipient], b"a record", random_bytes=random_bytes)
        found.append(
            {
                "words": words,
                "typed": f"  {words.title().replace(' ', ', ')}. ",
                "salt": salt.hex(),
                "parameters": parameters.text,
                "auth_key": keys.auth_key.hex(),
                "identity": keys.identity.secret_text,
                "server_key": server_key.hex(),
                "token": token,
                "token_digest": token_digest(server_key, token).hex(),
                "verifier": link_verifier(server_key, keys.auth_key).hex(),
                "file": text64(sealed.header + sealed.payload),
                "message": text64(LETTER),
                "record_identity": record_identity(keys.auth_key).secret_text,
                "record": text64(record),
                "record_plaintext": text64(b"a record"),
            }
        )
    return found


def keyrings() -> list[Json]:
    random_bytes = stream("keyring")
    keyring, keyring_key = Keyring.generate(random_bytes).rotated(random_bytes), random_bytes(32)
    wrap_key = phrase_wrap_key(stream("phrase")(32))
    return [
        {
            "version": keyring.version,
            "identities": [one.secret_text for one in keyring.identities],
            "signing_seed": keyring.signing_seed.hex(),
            "verify_key": keyring.signing_key.verify_key.encode().hex(),
            "keyring_key": keyring_key.hex(),
            "box": text64(seal_keyring(keyring, keyring_key, random_bytes=random_bytes)),
            "wrap_key": wrap_key.hex(),
            "wrap": text64(wrap_keyring_key(wrap_key, keyring_key, random_bytes=random_bytes)),
            "tenant_identity": identity("cleo").secret_text,
            "tenant_wrap": text64(wrap_for_tenant(identity("cleo").recipient, keyring_key, random_bytes=random_bytes)),
        }
    ]


def segments() -> list[Json]:
    place = SegmentPlace("0123456789abcdef" * 2, 11, 3)
    entries = [
        IndexEntry(
            uid=1536 + number,
            internaldate=1_780_000_000 + number,
            saved=1_779_998_400,
            size=4096 * number,
            file_key=stream(f"file key {number}")(16),
            email_id=stream(f"message {number}")(16).hex().encode(),
            envelope=b'("Mon, 1 Jun 2026 10:00:00 +0000" "Hi" NIL NIL NIL NIL NIL NIL NIL NIL)' if number else None,
            body=b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 6 1)',
            bodystructure=None,
            preview="Dear \u00c1da".encode(),
            references=b"<one@demo.test> <two@demo.test>" * number,
        )
        for number in range(3)
    ]
    box = seal_segment(identity("ada"), place, entries, random_bytes=stream("segment"))
    return [
        {
            "identity": identity("ada").secret_text,
            "seed": identity("ada").seed.hex(),
            **place._asdict(),
            "box": text64(box),
            "entries": [
                {
                    name: value
                    if isinstance(value, int | None)
                    else value.hex()
                    if name == "file_key"
                    else value.decode()
                    for name, value in entry._asdict().items()
                }
                for entry in entries
            ],
        }
    ]


def main() -> None:
    write("segments", segments())
    write("keys", keys())
    write("messages", messages())
    write("refused", refused())
    write("passwords", passwords())
    write("phrases", phrases())
    write("app-passwords", app_passwords())
    write("keyrings", keyrings())
    write("links", links())
    record = encrypt([identity("ada").recipient], b"a record", random_bytes=stream("record"))
    write(
        "records", [{"identity": identity("ada").secret_text, "file": text64(record), "plaintext": text64(b"a record")}]
    )


if __name__ == "__main__":
    main()
