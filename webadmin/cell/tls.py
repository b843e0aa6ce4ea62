"""TLS for every listener: one certificate, made at the first start or named by settings, followed when it changes.

Without SKERRY_TLS_CERT a self-signed certificate is made in `<home>/<cell>/tls/`: ECDSA P-256, good for the
host's name, localhost and the loopback addresses. Key and certificate are one file, so that no crash leaves a pair
that does not match; `cert.pem` beside it is the public half, for programs that want to trust it.

Contexts speak TLS 1.2 and 1.3 with the server's preference (RFC 9325 §3.1, §4.2). The hybrid key agreement
X25519MLKEM768 comes with OpenSSL 3.5 and its default groups, which Python leaves alone and so do we.

Certificates are renewed while programs run: `Certificates` looks at the files at a handshake, at most once a
second. New files that do not load leave the old certificate in use and say so once.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webadmin.cell.keyfiles import replace
from webadmin.environ import Environ

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=825)  # the longest that Apple's programs accept
RENEW_BEFORE = timedelta(days=30)
LOOK_EVERY = 1.0  # seconds between two looks at the files
# TLS 1.2 suites with forward secrecy (RFC 9325 §4.2.1), then those that older mail hosts still need: for a peer
# that can do no better the alternative is no TLS at all. TLS 1.3 has its own list.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"
# First release of OpenSSL whose default groups hold X25519MLKEM768.
HYBRID_SINCE = (3, 5)

type Stamp = tuple[tuple[int, int, int], ...]


class NoCertificate(Exception):
    """The configured certificate cannot be used; the text names the files."""


def files(environ: Environ) -> tuple[Path, Path]:
    """Certificate and key of this cell: the configured ones, or the self-signed pair."""
    if environ.tls_cert is not None and environ.tls_key is not None:
        return environ.tls_cert, environ.tls_key
    path = environ.cell_dir / "tls" / "self-signed.pem"
    return path, path


def prepare(environ: Environ, *, now: datetime) -> None:
    """Make or renew the self-signed certificate where none is configured. Raises NoCertificate for a configured one."""
    cert, key = files(environ)
    if environ.tls_cert is None and not _is_good(cert, environ.hostname, now):
        combined, public = _self_signed(environ.hostname, now)
        replace(cert, combined)
        replace(cert.with_name("cert.pem"), public, mode=0o644)
    server_context(cert, key)


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """A fresh context of these files. Raises NoCertificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as problem:
        reason = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or type(problem).__name__
        raise NoCertificate(
            f"the certificate {cert} with the key {key} cannot be used ({reason}): correct SKERRY_TLS_CERT and"
            " SKERRY_TLS_KEY, or unset both for a self-signed one"
        ) from None
    return context


def has_hybrid_key_agreement() -> bool:
    """Whether connections can use X25519MLKEM768: whether the OpenSSL underneath has it."""
    return ssl.OPENSSL_VERSION_INFO[:2] >= HYBRID_SINCE


class Certificates:
    """A pair of files that may change. Raises NoCertificate when made with files that do not load.

    `context` is the one to give to listeners, once and for all: each handshake takes the newest files that loaded.
    """

    def __init__(self, cert: Path, key: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._cert = cert
        self._key = key
        self._clock = clock
        self._stamp = self._look()
        self._newest = server_context(cert, key)
        self._next_look = clock() + LOOK_EVERY
        self.context = server_context(cert, key)
        # OpenSSL asks this at every ClientHello, with or without a server name (RFC 6066 §3).
        self.context.sni_callback = self._take_newest

    def _take_newest(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + LOOK_EVERY
            self._follow()
        connection.context = self._newest

    def _follow(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        # Remembered even when it fails: the same broken files are not loaded, and not logged, every second.
        self._stamp = stamp
        try:
            self._newest = server_context(self._cert, self._key)
        except NoCertificate:
            log.error("the new TLS certificate does not load, the old one stays in use")  # noqa: TRY400  # no trace
        else:
            log.info("serving with the new TLS certificate")

    def _look(self) -> Stamp:
        stamps = []
        for path in (self._cert, self._key):
            try:
                status = path.stat()
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                stamps.append((0, 0, 0))
        return tuple(stamps)


def leaf(cert: Path) -> x509.Certificate:
    """The first certificate in a PEM file. Raises OSError, ValueError."""
    return x509.load_pem_x509_certificates(cert.read_bytes())[0]


def expiry(cert: Path) -> datetime | None:
    """When the certificate in a PEM file ends; None where there is none that can be read."""
    try:
        return leaf(cert).not_valid_after_utc
    except (OSError, ValueError, IndexError):
        return None


def _is_good(path: Path, hostname: str, now: datetime) -> bool:
    """Whether the self-signed file is there, names this host and lasts a while."""
    try:
        certificate = leaf(path)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, IndexError, x509.ExtensionNotFound):
        return False
    return _name(hostname) in names and certificate.not_valid_after_utc > now + RENEW_BEFORE


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _self_signed(hostname: str, now: datetime) -> tuple[bytes, bytes]:
    """Key and certificate in one PEM text, and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    # The common name may have 64 characters at most; programs look at the alternative names only (RFC 9525 §6.3).
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Skerry self-signed")])
    names = dict.fromkeys(_name(host) for host in (hostname, "localhost", "127.0.0.1", "::1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + public, public
