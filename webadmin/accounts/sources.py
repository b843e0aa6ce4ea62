"""How often one source may ask for what anybody may ask for: counted in memory, under a hash, for some minutes.

A source is the network a request came from, as a keyed hash under a key of this process: nothing of it is stored or
logged, and it is forgotten when the process ends. Requests from this machine without a proxy's word are not counted: a
cell that others reach has a proxy before it (docs/operations.md).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

from django.http import HttpRequest

from mailhost.limits import FailedLogins

RECOVERIES: Final = 20  # a family behind one address that mistypes its words; a harvester needs thousands
WINDOW: Final = 600.0  # seconds
_KEY: Final = secrets.token_bytes(32)
_recoveries: Final = FailedLogins(RECOVERIES, WINDOW, now=time.monotonic)


def may_recover(request: HttpRequest) -> bool:
    """Whether this source may ask for one more mailbox's recovery boxes; asking is counted."""
    address = address_of(request)
    if not address:
        return True
    source = _hashed(address)
    if not _recoveries.may_try(source):
        return False
    _recoveries.failed(source)
    return True


def address_of(request: HttpRequest) -> str:
    """Where a request came from, if that is on the internet; a proxy on this machine names it last.

    To a container such a proxy has the address of the containers' network, so every address that is not on the internet
    is a proxy's: whoever sits in the machine's own network could say to come from elsewhere, and nobody beyond it.
    """
    came = request.META.get("REMOTE_ADDR", "")
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        found = ip_address(last) if last and not ip_address(came).is_global else ip_address(came)
    except ValueError:
        return ""
    return str(found) if found.is_global else ""


def _hashed(address: str) -> bytes:
    """A /64 of IPv6 is one household, as one address of IPv4 is."""
    found = ip_address(address)
    bits = 32 if isinstance(found, IPv4Address) else 64
    return hashlib.blake2b(str(ip_network(f"{found}/{bits}", strict=False)).encode(), key=_KEY, digest_size=16).digest()
