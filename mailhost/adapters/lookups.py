"""The DNS port over dnspython: one resolver at a fixed address, asked over UDP and, for long answers, TCP.

`/etc/resolv.conf` is not read: which resolver is believed is a setting, because the AD bit counts only from a
validating resolver over loopback (RFC 4035 §3.2.3). `DnsLookups` asks each time and says how long an answer holds;
processes use it through `dnscache.KeptLookups`, which remembers.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver

from mailhost.mailauth.resolver import (
    A,
    Aaaa,
    Caa,
    Cname,
    DnsAnswer,
    DnsFailure,
    Lookup,
    Mx,
    NoData,
    NoSuchName,
    Ns,
    Ptr,
    Srv,
    Tlsa,
    Txt,
    askable,
)

# Seconds for one question and for all tries of it.
TIMEOUT: Final = 3.0
LIFETIME: Final = 10.0
# RFC 9520 §3.2: a failure is remembered for at least a second, or everyone who waits asks again at once.
FAILURE_HOLDS: Final = 5.0

_TYPES: Final = {
    A: "A", Aaaa: "AAAA", Mx: "MX", Txt: "TXT", Ptr: "PTR", Cname: "CNAME", Ns: "NS", Srv: "SRV",
    Tlsa: "TLSA", Caa: "CAA",
}  # fmt: skip


class DnsLookups:
    """`mailauth.resolver.Resolver` over one resolver at `host`:`port` (an IP address)."""

    def __init__(self, host: str, port: int) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [host]
        self._resolver.port = port
        self._resolver.timeout = TIMEOUT
        self._resolver.lifetime = LIFETIME
        # RFC 6840 §5.7: AD in a query asks for it in the answer. RFC 6891: room for signed answers.
        self._resolver.flags = dns.flags.RD | dns.flags.AD
        self._resolver.use_edns(0, 0, 1232)
        self._trusted = ipaddress.ip_address(host).is_loopback

    async def lookup[R: (A, Aaaa, Mx, Txt, Ptr, Cname, Ns, Srv, Tlsa, Caa)](
        self, name: str, kind: type[R]
    ) -> Lookup[R]:
        return (await self.ask(name, kind))[0]

    async def ask[R: (A, Aaaa, Mx, Txt, Ptr, Cname, Ns, Srv, Tlsa, Caa)](
        self, name: str, kind: type[R]
    ) -> tuple[Lookup[R], float]:
        """The answer, and for how many seconds it holds."""
        if not askable(name):
            return NoSuchName(), 0.0
        # Each character of a label stands for itself, so names are built from labels and never from escaped text.
        asked = dns.name.Name([label.encode("ascii") for label in name.removesuffix(".").split(".")] + [b""])
        try:
            found = await self._resolver.resolve(asked, _TYPES[kind], search=False)
        except dns.resolver.NXDOMAIN as error:
            return self._no_such_name(asked, error)
        except dns.resolver.NoAnswer as error:
            response = error.kwargs.get("response")
            return NoData(self._authentic(response)), _holds(response)
        except dns.exception.Timeout:
            return DnsFailure("timeout"), FAILURE_HOLDS
        except (dns.exception.DNSException, OSError) as error:
            return DnsFailure(type(error).__name__), FAILURE_HOLDS
        records = tuple(_record(rdata, kind) for rdata in found)
        canonical = _text(found.canonical_name) if found.canonical_name != asked else ""
        return DnsAnswer(records, self._authentic(found.response), canonical), _holds(found.response)

    def _no_such_name(self, asked: dns.name.Name, error: dns.resolver.NXDOMAIN) -> tuple[NoSuchName, float]:
        response = error.responses().get(asked)  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        return NoSuchName(self._authentic(response)), _holds(response)

    def _authentic(self, response: Any) -> bool:
        return self._trusted and response is not None and bool(response.flags & dns.flags.AD)


def _holds(response: Any) -> float:
    """Seconds an answer may be kept: the least TTL on its way, or that of the SOA (RFC 2308 §5); 0 without one."""
    if response is None:
        return 0.0
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException:
        return 0.0
    if chain.answer is None and not any(one.rdtype == dns.rdatatype.SOA for one in response.authority):
        return 0.0
    return float(chain.minimum_ttl)


def _text(name: Any) -> str:
    return ".".join(label.decode("latin-1") for label in name.labels if label) or "."


def _record(rdata: Any, kind: type[Any]) -> Any:
    """A dnspython record as ours."""
    if kind in {A, Aaaa}:
        return kind(ipaddress.ip_address(rdata.address))
    if kind is Mx:
        return Mx(rdata.preference, _text(rdata.exchange))
    if kind is Txt:
        return Txt(b"".join(rdata.strings))
    if kind in {Ptr, Cname, Ns}:
        return kind(_text(rdata.target))
    if kind is Srv:
        return Srv(rdata.priority, rdata.weight, rdata.port, _text(rdata.target))
    if kind is Tlsa:
        return Tlsa(rdata.usage, rdata.selector, rdata.mtype, rdata.cert)
    return Caa(rdata.flags, rdata.tag.decode("latin-1"), rdata.value.decode("latin-1"))
