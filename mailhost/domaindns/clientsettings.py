"""Settings for mail programs, so that an address is all that a person types.

Three programs ask in three ways, each at a name under the domain: Thunderbird and its relatives for a `config-v1.1.xml`
at `autoconfig.`, Outlook with a POST to `autodiscover.`, Apple's systems take a profile that a person opens. RFC 6186
is the fourth way and stands in the DNS (`dnsrecords`).

In: what the cell offers and an address. Out: the documents. They are the same for every address of a domain, whether
somebody has it or not, so asking teaches nothing about who is there.
"""

from __future__ import annotations

import plistlib
import re
import uuid
from dataclasses import dataclass
from html import escape

from mailhost.domaindns.dnsrecords import Hosting
from mailhost.message.address import Address, BadAddress, parse_address

# An Outlook request is some 400 octets.
MAX_REQUEST = 16 * 1024
OUTLOOK_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_ADDRESS = re.compile(rb"<(?:\w+:)?EMailAddress>\s*([^<>&\s]{3,254})\s*</(?:\w+:)?EMailAddress>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Server:
    """One way in; implicit TLS stands before STARTTLS (RFC 8314 §3)."""

    kind: str
    port: int
    implicit: bool


def _servers(hosting: Hosting) -> tuple[_Server, ...]:
    return (
        _Server("imap", hosting.imaps_port, implicit=True),
        _Server("imap", hosting.imap_port, implicit=False),
        _Server("smtp", hosting.submissions_port, implicit=True),
        _Server("smtp", hosting.submission_port, implicit=False),
    )


def for_thunderbird(domain: str, hosting: Hosting) -> bytes:
    """`config-v1.1.xml`; the program puts the address in by itself."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<clientConfig version="1.1">',
        f'  <emailProvider id="{escape(domain)}">',
        f"    <domain>{escape(domain)}</domain>",
        f"    <displayName>{escape(domain)}</displayName>",
        f"    <displayShortName>{escape(domain)}</displayShortName>",
    ]
    for server in _servers(hosting):
        tag = "incomingServer" if server.kind == "imap" else "outgoingServer"
        lines += [
            f'    <{tag} type="{server.kind}">',
            f"      <hostname>{escape(hosting.client_host)}</hostname>",
            f"      <port>{server.port}</port>",
            f"      <socketType>{'SSL' if server.implicit else 'STARTTLS'}</socketType>",
            "      <username>%EMAILADDRESS%</username>",
            # The password itself, inside TLS: app passwords are random, and hashed here.
            "      <authentication>password-cleartext</authentication>",
            f"    </{tag}>",
        ]
    return "\n".join([*lines, "  </emailProvider>", "</clientConfig>", ""]).encode()


def for_outlook(hosting: Hosting, address: Address | None) -> bytes:
    """The answer to a POX Autodiscover request; with an address the login name stands in it."""
    login = f"<LoginName>{escape(str(address))}</LoginName>" if address else ""
    protocols = "".join(
        f"<Protocol><Type>{server.kind.upper()}</Type><Server>{escape(hosting.client_host)}</Server>"
        f"<Port>{server.port}</Port>{login}<DomainRequired>off</DomainRequired><SPA>off</SPA>"
        f"<SSL>on</SSL><Encryption>SSL</Encryption><AuthRequired>on</AuthRequired></Protocol>"
        for server in _servers(hosting)
        if server.implicit
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">'
        f'<Response xmlns="{OUTLOOK_RESPONSE}"><Account><AccountType>email</AccountType><Action>settings</Action>'
        f"{protocols}</Account></Response></Autodiscover>\n"
    ).encode()


def outlook_asks_for(request: bytes, domain: str) -> Address | None:
    """The address in an Outlook request, if it is one of the domain. The XML around it is not interpreted."""
    found = _ADDRESS.search(request[:MAX_REQUEST])
    return address_of(found[1].decode("utf-8", "replace"), domain) if found else None


def address_of(text: str, domain: str) -> Address | None:
    """`text` as an address of the domain, None for everything else."""
    try:
        address = parse_address(text)
    except BadAddress:
        return None
    return address if address.domain == domain else None


def for_apple(hosting: Hosting, address: Address) -> bytes:
    """A `.mobileconfig` profile. The same address always has the same profile, so that it replaces itself."""
    text = str(address)
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{text}")
    account = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadIdentifier": f"{address.domain}.mail.{own}",
        "PayloadUUID": str(uuid.uuid5(own, "account")).upper(),
        "PayloadVersion": 1,
        "PayloadDisplayName": text,
        "EmailAccountDescription": text,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAddress": text,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": hosting.client_host,
        "IncomingMailServerPortNumber": hosting.imaps_port,
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": text,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": hosting.client_host,
        "OutgoingMailServerPortNumber": hosting.submissions_port,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": text,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadIdentifier": f"{address.domain}.profile.{own}",
        "PayloadUUID": str(own).upper(),
        "PayloadVersion": 1,
        "PayloadDisplayName": f"Mail for {text}",
        "PayloadContent": [account],
    }
    return plistlib.dumps(profile)
