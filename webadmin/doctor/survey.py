"""The machine seen from outside, for `skerry quickstart` and `skerry doctor`: would others take its mail?

Each check is one look with OK or a warning and its remedy: a resolver that validates, the host's name, its public
address and the way back from it, port 25 towards others, block lists, the clock. None changes anything, and none asks
anybody but the resolver of the settings and, for port 25, a mail host of `Outside.probe`.

A cell that serves loopback only has no outside; it gets one line that says so.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, DnsFailure, Lookup, Mx, Ptr, Resolver, reverse_name
from webadmin.cell import hosting
from webadmin.doctor.checks import Check, Looker, State
from webadmin.environ import Environ

# Seconds for a connection to another host's port 25; providers that block it swallow packets.
PATIENCE = 5.0
# Where systemd's own clock client leaves its mark; others (chrony, ntpd) answer to adjtimex alone.
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Outside:
    """What the checks ask. `signed` is a name signed with DNSSEC, `bogus` one whose signatures are wrong on purpose,
    `probe` a domain whose mail host is tried on port 25."""

    resolver: Resolver | None
    connects: Callable[[str, int], bool] = _connects
    clock_is_kept: Callable[[], bool] = SYNCHRONISED.exists
    signed: str = "ietf.org"
    bogus: str = "dnssec-failed.org"
    probe: str = "debian.org"


def outside(environ: Environ) -> Outside:
    """As the settings have it."""
    return Outside(hosting.resolver(environ))


class Survey:
    """The checks, one a method, each a `checks.Looker`."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    @property
    def lookers(self) -> Sequence[Looker]:
        return (
            self.reachable,
            self.validation,
            self.host_name,
            self.reverse_name,
            self.port_25,
            self.block_lists,
            self.clock_keeping,
        )

    def _ask[R: (A, Aaaa, Mx, Ptr)](self, name: str, kind: type[R]) -> Lookup[R]:
        assert self._outside.resolver is not None
        return asyncio.run(self._outside.resolver.lookup(name, kind))

    def _asks(self, environ: Environ) -> bool:
        return self._outside.resolver is not None and not environ.serves_loopback_only

    def reachable(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        if environ.serves_loopback_only:
            yield Check("outside", State.OK, "this cell serves loopback only; nobody outside can reach it")

    def validation(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        """Only a validating resolver on this machine can be believed about DANE (RFC 7672 §2.1)."""
        if environ.serves_loopback_only:
            return
        name, remedy = "validating resolver", "install unbound and set SKERRY_RESOLVER=127.0.0.1:53"
        if not self._asks(environ):
            yield Check(name, State.WARNING, "none is set", remedy)
            return
        good, bad = self._ask(self._outside.signed, A), self._ask(self._outside.bogus, A)
        if isinstance(good, DnsFailure):
            yield Check(name, State.WARNING, f"{environ.resolver} does not answer", remedy)
        elif not good.authentic:
            yield Check(name, State.WARNING, "it answers and does not validate, or is not on this machine", remedy)
        elif not isinstance(bad, DnsFailure):
            yield Check(name, State.WARNING, f"it believes {self._outside.bogus}, whose signatures are wrong", remedy)
        else:
            yield Check(name, State.OK, environ.resolver)

    def host_name(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        if not self._asks(environ):
            return
        found = self._addresses(environ.hostname)
        if not found:
            remedy = "set SKERRY_HOSTNAME to a name of this host, and add an A or AAAA record for it"
            yield Check("host name", State.WARNING, f"{environ.hostname} has no address in the DNS", remedy)
        elif environ.public_address and environ.public_address not in found:
            detail = f"{environ.hostname} leads to {', '.join(sorted(found))}, not to {environ.public_address}"
            yield Check("host name", State.WARNING, detail, "correct its A and AAAA records, or SKERRY_PUBLIC_ADDRESS")
        else:
            yield Check("host name", State.OK, f"{environ.hostname} leads to {', '.join(sorted(found))}")

    def _addresses(self, name: str) -> set[str]:
        answers = (self._ask(name, A), self._ask(name, Aaaa))
        return {str(one.address) for answer in answers if isinstance(answer, DnsAnswer) for one in answer.records}

    def reverse_name(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        """Many hosts refuse mail from an address without a name that leads back to it."""
        if not self._asks(environ):
            return
        if not environ.public_address:
            remedy = "set SKERRY_PUBLIC_ADDRESS to the address that others see"
            yield Check("public address", State.WARNING, "not set, so its name cannot be looked up", remedy)
            return
        answer = self._ask(reverse_name(ip_address(environ.public_address)), Ptr)
        names = (
            {one.target.lower().removesuffix(".") for one in answer.records} if isinstance(answer, DnsAnswer) else set()
        )
        remedy = f"ask whoever gave you the address to set its reverse name (PTR) to {environ.hostname}"
        if environ.hostname in names and environ.public_address in self._addresses(environ.hostname):
            yield Check("reverse name", State.OK, f"{environ.public_address} is {environ.hostname}, and back")
        elif names:
            detail = f"{environ.public_address} calls itself {', '.join(sorted(names))}"
            yield Check("reverse name", State.WARNING, detail, remedy)
        else:
            yield Check("reverse name", State.WARNING, f"{environ.public_address} has no name", remedy)

    def port_25(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        if not self._asks(environ) or environ.smarthost:
            return
        answer = self._ask(self._outside.probe, Mx)
        if not isinstance(answer, DnsAnswer):
            yield Check(
                "outgoing port 25", State.WARNING, f"no mail host of {self._outside.probe} was found", "try again"
            )
            return
        host = min(answer.records, key=lambda one: one.preference).exchange.removesuffix(".")
        if any(self._outside.connects(address, 25) for address in sorted(self._addresses(host))):
            yield Check("outgoing port 25", State.OK, f"{host} was reached")
        else:
            remedy = "ask your provider to open outgoing port 25, or send through a relay with SKERRY_SMARTHOST"
            yield Check("outgoing port 25", State.WARNING, f"{host} was not reached", remedy)

    def block_lists(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        """RFC 5782 §2.1: a listed address has an A record in 127.0.0.0/8 under its reversed octets."""
        if not self._asks(environ) or not environ.block_lists or not environ.public_address:
            return
        address = ip_address(environ.public_address)
        reverse = reverse_name(address).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        listed = [zone for zone in environ.block_lists if self._is_listed(f"{reverse}.{zone}")]
        if listed:
            detail = f"{address} is on {', '.join(listed)}"
            yield Check("block lists", State.WARNING, detail, "ask the list why, and to be taken off it")
        else:
            yield Check("block lists", State.OK, f"{address} is on none of {', '.join(environ.block_lists)}")

    def _is_listed(self, name: str) -> bool:
        answer = self._ask(name, A)
        found = [one.address.packed for one in answer.records] if isinstance(answer, DnsAnswer) else []
        # 127.255.255.0/24 says that the list does not talk to this resolver, which is no listing.
        return any(octets[0] == 127 and octets[1] != 255 for octets in found)

    def clock_keeping(self, environ: Environ, _now: datetime) -> Iterator[Check]:
        if environ.serves_loopback_only:
            return
        if self._outside.clock_is_kept():
            yield Check("clock keeping", State.OK, "set over the network")
        else:
            remedy = "install systemd-timesyncd or chrony; signatures and second factors depend on the clock"
            yield Check("clock keeping", State.WARNING, "nothing here says that it is set over the network", remedy)
