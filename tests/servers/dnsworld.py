"""A DNS world of its own: Knot as the authority, Unbound as the validating resolver, on free loopback ports.

    with dns_world({"example.is": [Mx(10, "mx.example.is")], "mx.example.is": [A(IPv4Address("127.0.0.1"))]},
                   zones=[Zone("example.is"), Zone("broken.test", Signing.BROKEN)]) as world:
        world.resolver                                # value for SKERRY_RESOLVER: "127.0.0.1:PORT"
        world.put("example.is", Txt(b"v=spf1 -all"))  # all TXT records of that name, seen from the next question on
        world.drop("example.is", Mx)                  # one type of a name; without types the whole name
        world.fail("example.is")                      # refused, with all that is below it, until `heal`
        world.silence("example.is")                   # no answer at all

Records are the values of `mailhost.mailauth.resolver`, as in `tests/fakedns.py`. They belong to the longest zone that
contains them; what is in no zone stands in an unsigned root, so that a world without `zones` works too, and every
other name does not exist. Each signed zone is signed by Knot itself, and its key is a trust anchor of Unbound (no
chain from the root: the tests have no registries). Reverse zones are zones like others.

Both programs run in a temporary folder, as whoever runs the tests, and end with the context. Programs that know only
port 53 of /etc/resolv.conf (Postfix) get a network of their own: `privatenetwork.py`, and `resolver_port=53`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

from mailhost.mailauth.resolver import A, Aaaa, Caa, Cname, Mx, Ns, Ptr, Rdata, Srv, Tlsa, Txt
from tests.patience import PATIENCE
from tests.servers.ports import free_port
from tests.servers.presence import need

ROOT = "."
HOST = "127.0.0.1"
# A DS record of no key at all.
DS_OF_NOBODY = "12345 13 2 " + "ab" * 32


class Signing(StrEnum):
    """How a zone stands with DNSSEC (RFC 4035 §4.3)."""

    NONE = "insecure"
    SIGNED = "secure"
    BROKEN = "bogus"  # signed with a key that is not the trusted one


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone and its DNSSEC state."""

    name: str
    signing: Signing = Signing.SIGNED


@dataclass
class DnsWorld:
    """A running world."""

    folder: Path
    zones: tuple[Zone, ...]
    records: dict[str, list[Rdata]]
    resolver_port: int
    authority_port: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def resolver(self) -> str:
        """Value for SKERRY_RESOLVER."""
        return f"{HOST}:{self.resolver_port}"

    def put(self, name: str, *records: Rdata) -> None:
        """Make `records` the only ones of their types at `name`; other types stay."""
        kinds = {type(one) for one in records}
        kept = [one for one in self.records.get(_key(name), []) if type(one) not in kinds]
        self._change(name, [*kept, *records])

    def add(self, name: str, *records: Rdata) -> None:
        """Further records beside those that are there."""
        self._change(name, [*self.records.get(_key(name), []), *records])

    def drop(self, name: str, *kinds: type) -> None:
        """Take away the records of these types, or all of the name."""
        self._change(name, [one for one in self.records.get(_key(name), []) if kinds and type(one) not in kinds])

    def fail(self, name: str) -> None:
        """Questions for the name and everything below it are refused (a BROKEN zone is answered SERVFAIL)."""
        self._unbound("local_zone", _key(name) + ".", "always_refuse")

    def silence(self, name: str) -> None:
        """Questions for the name and everything below it get no answer."""
        self._unbound("local_zone", _key(name) + ".", "always_deny")

    def heal(self, name: str) -> None:
        """Undo `fail` and `silence`."""
        self._unbound("local_zone_remove", _key(name) + ".")

    def start(self) -> None:
        """Start both programs; returns when the resolver answers from the authority."""
        (self.folder / "knot").mkdir()
        for zone in self._all_zones():
            self._write(zone)
        configuration = self.folder / "knot.conf"
        configuration.write_text(self._knot_configuration())
        self._run("knotd", "-c", configuration)
        self._until(lambda: self._answers(self.authority_port), "knotd")
        anchors = [self._anchor(zone) for zone in self.zones if zone.signing is not Signing.NONE]
        (self.folder / "unbound.conf").write_text(self._unbound_configuration(anchors))
        self._run("unbound", "-d", "-p", "-c", self.folder / "unbound.conf")
        self._until(lambda: self._answers(self.resolver_port), "unbound")

    def stop(self) -> None:
        """End both programs."""
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.running):
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def _all_zones(self) -> tuple[Zone, ...]:
        return (Zone(ROOT, Signing.NONE), *self.zones)

    def _change(self, name: str, records: list[Rdata]) -> None:
        self.records[_key(name)] = records
        zone = self._zone_of(_key(name))
        self._write(zone)
        self._knot("-b", "zone-reload", _absolute(zone.name))
        self._forget()

    def _zone_of(self, key: str) -> Zone:
        within = [zone for zone in self.zones if key == zone.name or key.endswith("." + zone.name)]
        return max(within, key=lambda zone: len(zone.name), default=Zone(ROOT, Signing.NONE))

    def _file(self, zone: Zone) -> Path:
        return self.folder / f"{'root' if zone.name == ROOT else zone.name}.zone"

    def _write(self, zone: Zone) -> None:
        """The zone as a master file (RFC 1035 §5). Knot counts the serial itself."""
        origin = _absolute(zone.name)
        lines = [
            f"{origin} 60 IN SOA ns.dns.test. hostmaster.dns.test. 1 3600 600 86400 60",
            f"{origin} 60 IN NS ns.dns.test.",
        ]
        if zone.name == ROOT:
            lines.append(f"ns.dns.test. 60 IN A {HOST}")
        for name, records in sorted(self.records.items()):
            if self._zone_of(name) == zone:
                lines += [f"{_escaped(name)}. 60 IN {_presentation(one)}" for one in records]
        self._file(zone).write_text("\n".join([*lines, ""]))

    def _knot_configuration(self) -> str:
        zones = "".join(
            f'  - domain: "{_absolute(zone.name)}"\n    file: "{self._file(zone)}"\n'
            f"    dnssec-signing: {'off' if zone.signing is Signing.NONE else 'on'}\n"
            for zone in self._all_zones()
        )
        return f"""
server:
    rundir: "{self.folder}"
    listen: {HOST}@{self.authority_port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: "{self.folder}/knot.log"
    any: info
database:
    storage: "{self.folder}/knot"
    journal-db-max-size: 64M
    kasp-db-max-size: 64M
    timer-db-max-size: 4M
control:
    listen: "{self.folder}/knot.sock"
policy:
  - id: tests
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
template:
  - id: default
    storage: "{self.folder}"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    dnssec-policy: tests
zone:
{zones}"""

    def _unbound_configuration(self, anchors: Iterable[str]) -> str:
        # Unbound answers some special names by itself; here they are names like others.
        special = ["test.", "127.in-addr.arpa.", "1.0.0.127.in-addr.arpa."]
        opened = "".join(f'    local-zone: "{name}" nodefault\n' for name in special)
        trusted = "".join(f'    trust-anchor: "{anchor}"\n' for anchor in anchors)
        stubs = "".join(
            f'stub-zone:\n    name: "{_absolute(zone.name)}"\n    stub-addr: {HOST}@{self.authority_port}\n'
            for zone in self._all_zones()
        )
        return f"""
server:
    interface: {HOST}@{self.resolver_port}
    do-ip6: no
    username: ""
    chroot: ""
    directory: "{self.folder}"
    pidfile: "{self.folder}/unbound.pid"
    logfile: "{self.folder}/unbound.log"
    use-syslog: no
    num-threads: 1
    msg-cache-size: 1m
    rrset-cache-size: 1m
    cache-max-ttl: 60
    do-not-query-localhost: no
    unblock-lan-zones: yes
    module-config: "validator iterator"
    qname-minimisation: no
{opened}{trusted}
remote-control:
    control-enable: yes
    control-interface: "{self.folder}/unbound.sock"
    control-use-cert: no
{stubs}"""

    def _anchor(self, zone: Zone) -> str:
        if zone.signing is Signing.BROKEN:
            return f"{_absolute(zone.name)} DS {DS_OF_NOBODY}"
        found: list[str] = []

        def signed() -> bool:
            words = ["keymgr", "-c", str(self.folder / "knot.conf"), _absolute(zone.name), "ds"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            # One DS per digest; SHA-256 (2) is the one everybody knows.
            found[:] = [line for line in done.stdout.splitlines() if line.split()[-2:-1] == ["2"]]
            return bool(found)

        self._until(signed, f"a key for {zone.name}")
        return found[0]

    def _run(self, *command: object) -> None:
        with (self.folder / "output.log").open("ab") as log:
            words = list(map(str, command))
            self.running.append(subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def _knot(self, *words: str) -> None:
        self._control("knotc", "-s", str(self.folder / "knot.sock"), *words)

    def _unbound(self, *words: str) -> None:
        self._control("unbound-control", "-c", str(self.folder / "unbound.conf"), *words)

    def _control(self, *words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"

    def _forget(self) -> None:
        self._unbound("flush_zone", ROOT)
        self._unbound("flush_infra", "all")

    def _answers(self, port: int) -> bool:
        return ask(port, "ns.dns.test") != ""

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            ended = [process.args for process in self.running if process.poll() is not None]
            assert not ended, f"{ended} ended: {self.logs()}"
            assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s: {self.logs()}"
            time.sleep(0.03)

    def logs(self) -> str:
        """The last lines of every log, for a failing test."""
        return "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log")))


def ask(port: int, name: str) -> str:
    """The response code that the server at `port` gives for `name`, or "" without an answer."""
    try:
        answer = dns.query.udp(dns.message.make_query(name, "SOA"), HOST, port=port, timeout=1)
    except (dns.exception.DNSException, OSError):
        return ""
    return dns.rcode.to_text(answer.rcode())


def _key(name: str) -> str:
    return name.lower().removesuffix(".")


def _absolute(zone: str) -> str:
    return ROOT if zone == ROOT else f"{zone}."


def _escaped(name: str) -> str:
    """A name in a master file (RFC 1035 §5.1): each character of a label stands for itself."""
    return "".join(char if char.isalnum() or char in "-_.*" else f"\\{ord(char):03d}" for char in name)


def _presentation(record: Rdata) -> str:
    """Type and data as in a master file."""
    match record:
        case A(address):
            return f"A {address}"
        case Aaaa(address):
            return f"AAAA {address}"
        case Mx(preference, exchange):
            return f"MX {preference} {_target(exchange)}"
        case Txt(text):
            pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [b""]
            return "TXT " + " ".join('"' + "".join(map(_character, piece)) + '"' for piece in pieces)
        case Ptr(target):
            return f"PTR {_target(target)}"
        case Cname(target):
            return f"CNAME {_target(target)}"
        case Ns(target):
            return f"NS {_target(target)}"
        case Srv(priority, weight, port, target):
            return f"SRV {priority} {weight} {port} {_target(target)}"
        case Tlsa(usage, selector, matching, data):
            return f"TLSA {usage} {selector} {matching} {data.hex()}"
        case Caa(flags, tag, value):
            return f'CAA {flags} {tag} "{value}"'


def _target(name: str) -> str:
    name = _key(name)
    return f"{_escaped(name)}." if name else ROOT


def _character(octet: int) -> str:
    return chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03d}"


@contextmanager
def dns_world(
    records: Mapping[str, Iterable[Rdata]] | None = None,
    zones: Iterable[Zone] = (),
    *,
    resolver_port: int = 0,
) -> Iterator[DnsWorld]:
    """A DNS world while the context lasts; without the programs the test is skipped, or fails under CI=true."""
    need("knotd", "knotc", "keymgr", "unbound", "unbound-control")
    folder = Path(tempfile.mkdtemp(prefix="skerry-dns-"))
    world = DnsWorld(
        folder,
        tuple(Zone(_key(zone.name), zone.signing) for zone in zones),
        {_key(name): list(found) for name, found in (records or {}).items()},
        resolver_port or free_port(),
        free_port(),
    )
    try:
        world.start()
        yield world
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)
