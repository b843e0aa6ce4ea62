"""Certificates: made when missing, followed when renewed, kept when the new ones are broken."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from webadmin.cell import tls
from webadmin.environ import Environ, read

NOW = datetime(2027, 3, 14, tzinfo=UTC)


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    return read({"home": tmp_path, "hostname": "mx.example.is"})


def shake(server: ssl.SSLContext, name: str | None = "localhost") -> tuple[bytes, str]:
    """A whole handshake in memory: the server's certificate as the client got it, and the protocol."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[int] = set()
    for _ in range(20):
        for number, side in enumerate((ours, theirs)):
            try:
                side.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
        if done == {0, 1}:
            break
    return ours.getpeercert(binary_form=True) or b"", str(ours.version())


def test_a_self_signed_certificate_is_made_once_for_this_host_and_loopback(environ: Environ) -> None:
    tls.prepare(environ, now=NOW)
    cert, key = tls.files(environ)
    made = tls.leaf(cert)
    assert cert == key
    assert cert.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in cert.with_name("cert.pem").read_text()
    names = str(made.extensions)
    for name in ("mx.example.is", "localhost", "127.0.0.1", "::1"):
        assert name in names
    tls.prepare(environ, now=NOW)
    assert tls.leaf(cert) == made


def test_it_is_made_again_before_it_ends_or_when_the_host_is_renamed(environ: Environ, tmp_path: Path) -> None:
    tls.prepare(environ, now=NOW)
    first = tls.leaf(tls.files(environ)[0])
    tls.prepare(environ, now=NOW + tls.LIFETIME - tls.RENEW_BEFORE + timedelta(days=1))
    second = tls.leaf(tls.files(environ)[0])
    assert second.serial_number != first.serial_number
    renamed = read({"home": tmp_path, "hostname": "192.0.2.1"})
    tls.prepare(renamed, now=NOW)
    assert "192.0.2.1" in str(tls.leaf(tls.files(renamed)[0]).extensions)


def test_a_damaged_self_signed_file_is_replaced_and_a_configured_one_never(environ: Environ, tmp_path: Path) -> None:
    tls.prepare(environ, now=NOW)
    cert, _ = tls.files(environ)
    cert.write_text("damaged")
    tls.prepare(environ, now=NOW)
    tls.server_context(cert, cert)
    mine = tmp_path / "mine.pem"
    mine.write_text("damaged")
    configured = read({"home": tmp_path, "tls_cert": mine, "tls_key": mine})
    with pytest.raises(tls.NoCertificate, match="SKERRY_TLS_CERT"):
        tls.prepare(configured, now=NOW)
    assert mine.read_text() == "damaged"


@pytest.mark.parametrize("name", ["localhost", None])
def test_each_handshake_takes_the_newest_files(environ: Environ, name: str | None) -> None:
    moment = 0.0
    tls.prepare(environ, now=NOW)
    cert, key = tls.files(environ)
    certificates = tls.Certificates(cert, key, lambda: moment)
    first, version = shake(certificates.context, name)
    assert version == "TLSv1.3"
    cert.unlink()
    tls.prepare(environ, now=NOW)
    assert shake(certificates.context, name)[0] == first, "within a second the files are not looked at"
    moment = tls.LOOK_EVERY
    second, _ = shake(certificates.context, name)
    assert second != first


def test_broken_new_files_leave_the_old_certificate_in_use_and_say_so_once(
    environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    moment = 0.0
    tls.prepare(environ, now=NOW)
    cert, key = tls.files(environ)
    certificates = tls.Certificates(cert, key, lambda: moment)
    first, _ = shake(certificates.context)
    cert.write_text("half a certif")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            moment += tls.LOOK_EVERY
            assert shake(certificates.context)[0] == first
    assert len(caplog.records) == 1
    cert.unlink()
    moment += tls.LOOK_EVERY
    assert shake(certificates.context)[0] == first, "files that are gone change nothing"
    tls.prepare(environ, now=NOW)
    moment += tls.LOOK_EVERY
    assert shake(certificates.context)[0] != first


def test_versions_before_1_2_are_refused(environ: Environ) -> None:
    tls.prepare(environ, now=NOW)
    context = tls.server_context(*tls.files(environ))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert all("ECDHE" in suite["name"] or suite["name"].startswith("TLS_") for suite in context.get_ciphers())


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(tls.NoCertificate, match=r"nothing\.pem.*No such file"):
        tls.Certificates(tmp_path / "nothing.pem", tmp_path / "nothing.key")
