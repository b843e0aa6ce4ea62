"""TLS with another mail host: the handshake behind STARTTLS, and whether the certificate keeps what is required.

Three ways to look at a certificate (`tlspolicy.requirement.Check`). Nobody's word: any will do, and a listener on the
wire reads nothing all the same. The public authorities': OpenSSL judges chain, dates and name during the handshake.
DANE's: the handshake takes any, and the chain as the host sent it is then held against the signed records, because
what those say about a certificate is not what the authorities say (RFC 7672 §3.1).

What fails here fails before a word of mail was said. The error carries the word that a TLS report has for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from mailhost.outbound.transport import ConnectionFailed
from mailhost.tlspolicy.dane import MAX_CHAIN, match
from mailhost.tlspolicy.requirement import Check, Requirement
from mailhost.tlspolicy.tlsrpt import ResultType

# OpenSSL's X509_V_ERR codes that a report has a word for (RFC 8460 §4.3.1).
_VERIFY: Final = {
    10: ResultType.CERTIFICATE_EXPIRED,  # X509_V_ERR_CERT_HAS_EXPIRED
    62: ResultType.CERTIFICATE_HOST_MISMATCH,  # X509_V_ERR_HOSTNAME_MISMATCH
}
_DER: Final = 2  # _ssl.ENCODING_DER
# Where mail would go in clear as well: what older mail hosts need beside Python's own list, all of it with forward
# secrecy. A host that finds nothing here gets no mail at all, and weak encryption is worth more than none
# (RFC 7435 §3).
_OPPORTUNISTIC: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AESGCM:DHE+AES:!aNULL:!eNULL:@SECLEVEL=1"


@dataclass(frozen=True, slots=True)
class Tls:
    """What handshakes need: the clock and three contexts. `anyone` and `demanded` take any certificate, `demanded`
    with the ciphers of today alone; `authorities` asks the authorities about it.
    """

    anyone: ssl.SSLContext
    demanded: ssl.SSLContext
    authorities: ssl.SSLContext
    now: Callable[[], datetime]

    def context(self, requirement: Requirement) -> ssl.SSLContext:
        """Old ciphers are for where nobody asked for TLS; whoever did is not served with what can be broken."""
        if requirement.check is Check.AUTHORITIES:
            return self.authorities
        return self.demanded if requirement.tls else self.anyone


def tls(now: Callable[[], datetime]) -> Tls:
    """The contexts of this machine; its own store says which authorities there are."""
    anyone, demanded = ssl.create_default_context(), ssl.create_default_context()
    for context in (anyone, demanded):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    anyone.set_ciphers(_OPPORTUNISTIC)
    return Tls(anyone, demanded, ssl.create_default_context(), now)


async def shake_hands(
    transport: asyncio.WriteTransport, requirement: Requirement, with_: Tls, *, limit: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The streams inside TLS. Raises ConnectionFailed.

    The reader is new: whatever was sent in clear behind the 220 stays in the old one (RFC 3207 §6).
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        wire = await loop.start_tls(
            transport, protocol, with_.context(requirement), server_hostname=requirement.server_name
        )
    except ssl.SSLError as error:
        reason = "tls_certificate" if requirement.check is Check.AUTHORITIES else "tls_failed"
        raise ConnectionFailed(reason, result=_result(error)) from None
    except (OSError, EOFError):
        # No alert and no certificate: the network or the host went away, and may be back.
        raise ConnectionFailed("tls_failed", result=ResultType.VALIDATION_FAILURE, passing=True) from None
    if wire is None:
        raise ConnectionFailed("tls_failed", result=ResultType.VALIDATION_FAILURE, passing=True)
    if requirement.check is Check.DANE:
        try:
            _check_records(wire.get_extra_info("ssl_object"), requirement, with_.now())
        except ConnectionFailed:
            wire.abort()
            raise
    protocol.connection_made(wire)
    return reader, asyncio.StreamWriter(wire, protocol, reader, loop)


def _check_records(session: Any, requirement: Requirement, now: datetime) -> None:
    try:
        chain = [x509.load_der_x509_certificate(der) for der in _chain(session)[:MAX_CHAIN]]
        found = match(chain, requirement.records, requirement.names, now=now)
    except ValueError:
        # A certificate that cannot be read matches nothing.
        raise ConnectionFailed("dane_mismatch", result=ResultType.VALIDATION_FAILURE) from None
    if not found.ok:
        raise ConnectionFailed("dane_mismatch", found.problem, ResultType.VALIDATION_FAILURE)


def _chain(session: Any) -> list[bytes]:
    """The certificates as the host sent them, its own first, in DER."""
    if hasattr(session, "get_unverified_chain"):
        return list(session.get_unverified_chain())
    # Python 3.12 has it one floor below, as objects.
    return [one.public_bytes(_DER) for one in session._sslobj.get_unverified_chain() or ()]  # noqa: SLF001 - see above


def _result(error: ssl.SSLError) -> ResultType:
    """The word for a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, ResultType.CERTIFICATE_NOT_TRUSTED)
    return ResultType.VALIDATION_FAILURE
