"""The age authors' own test vectors (tests/vectors/cctv-age), all but those of the ASCII armor."""

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailhost.seal.age import decrypt
from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import encode_header, header_length, parse_header
from mailhost.seal.identity import HybridIdentity, Identity, X25519Identity
from mailhost.seal.passphrase import PassphraseIdentity

FOLDER = Path(__file__).parent.parent / "vectors" / "cctv-age"
NAMES = sorted(path.name for path in FOLDER.iterdir() if "." not in path.name)


@dataclass
class Vector:
    """One file: what is expected, the keys to try, the age file."""

    expect: str = ""
    payload: str = ""
    file_key: bytes = b""
    identities: list[Identity] = field(default_factory=list)
    file: bytes = b""


def read_vector(name: str) -> Vector:
    vector = Vector()
    head, _, vector.file = (FOLDER / name).read_bytes().partition(b"\n\n")
    for line in head.decode().splitlines():
        key, _, value = line.partition(": ")
        match key:
            case "expect":
                vector.expect = value
            case "payload":
                vector.payload = value
            case "file key":
                vector.file_key = bytes.fromhex(value)
            case "identity" if value.startswith("AGE-SECRET-KEY-PQ-"):
                vector.identities.append(HybridIdentity.from_text(value))
            case "identity":
                vector.identities.append(X25519Identity.from_text(value))
            case "passphrase":
                vector.identities.append(PassphraseIdentity(value))
            case "compressed":
                vector.file = zlib.decompress(vector.file)
            case "comment":
                pass
            case _:
                raise AssertionError(key)
    return vector


def test_no_vector_got_lost() -> None:
    assert len(NAMES) == 110


@pytest.mark.parametrize("name", NAMES)
def test_a_file_opens_exactly_when_it_should(name: str) -> None:
    vector = read_vector(name)
    if vector.expect == "success":
        assert hashlib.sha256(decrypt(vector.identities, vector.file)).hexdigest() == vector.payload
    else:
        with pytest.raises(CannotOpen):
            decrypt(vector.identities, vector.file)


@pytest.mark.parametrize("name", [name for name in NAMES if read_vector(name).expect != "header failure"])
def test_a_sound_header_is_read_and_written_back_byte_for_byte(name: str) -> None:
    vector = read_vector(name)
    header = vector.file[: header_length(vector.file)]
    parsed = parse_header(header)
    if vector.expect in {"success", "payload failure"} and vector.file_key:
        assert encode_header(parsed.stanzas, vector.file_key) == header
