"""The cell's own certificate: a self-signed Ed25519 X.509 whose common name is the cell's id.

It is the third of three witnesses of which cell a process serves: the setting `SKERRY_CELL`, the row in the
database, and this key pair beside the other key files. A setting is copied easily and a database dump too; the
key files are in neither. Later the same key signs what the cell says to other cells and to its ledger.

Made once, like every key file, with the moment passed in. Nothing here decides whether it *fits*: see `identity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from webadmin.cell.keyfiles import KeyFileDamaged, place

# The certificate names a cell, nobody checks its dates against a network peer: it lives as long as the cell.
LIFETIME = timedelta(days=365 * 30)


@dataclass(frozen=True, slots=True)
class CellCertificate:
    """What the certificate says: the cell it names, and its SHA-256 fingerprint in hex."""

    cell: str
    sha256: str


def read_or_make(keys: Path, cell: str, now: datetime) -> CellCertificate:
    """The certificate in `<keys>/cell.pem`, made for `cell` when absent. Raises KeyFileDamaged."""
    if not (keys / "cell.pem").exists():
        _make(keys, cell, now)
    return read(keys)


def read(keys: Path) -> CellCertificate:
    """The certificate in `<keys>/cell.pem`. Raises FileNotFoundError, KeyFileDamaged."""
    path = keys / "cell.pem"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key((keys / "cell.key").read_bytes(), password=None)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        raise KeyFileDamaged(f"{path} or cell.key beside it is damaged; restore both from the key backup") from None
    if certificate.public_key() != key.public_key() or len(names) != 1:
        raise KeyFileDamaged(f"{path} and cell.key beside it do not belong together; restore both from the key backup")
    return CellCertificate(str(names[0].value), certificate.fingerprint(hashes.SHA256()).hex())


def _make(keys: Path, cell: str, now: datetime) -> None:
    key = _private_key(keys / "cell.key")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cell)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )
    place(keys / "cell.pem", certificate.public_bytes(serialization.Encoding.PEM))


def _private_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`, made when absent: a crash between key and certificate leaves the key to be used."""
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        place(path, pem)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        raise KeyFileDamaged(f"{path} is damaged; restore it from the key backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileDamaged(f"{path} is not an Ed25519 key; restore it from the key backup")
    return key
