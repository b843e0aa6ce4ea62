"""The limits of receiving, judging and sending, each with its name and its reason, and the counters that enforce rates.

They stand here together, so that the settings know their defaults without loading what they limit. A limit protects
everybody else: memory and time that one sender may take are bounded whatever it sends. The values are defaults of a
frozen dataclass, so that a test or an operator replaces one without touching the rest.

`Occupancy` counts what is open now per source, `Rate` what happened lately. Both know a source only as a keyed
hash made with a key that lives as long as the process, hold a bounded number of entries and take the time as an
argument. `FailedLogins` is the throttle of passwords that IMAP and submission share. Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

MIB = 1024 * 1024
# An IPv4 client of a socket that listens on IPv6 too (RFC 4291 §2.5.5.2).
_MAPPED = "::ffff:"


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Limits of one smtpd process on the MX side; sizes in octets, times in seconds."""

    # A 36 MiB attachment in base64 with its line ends: what the largest hosts take.
    message: int = 50 * MIB
    # Content of all messages between DATA and 250 in one process; above it large messages wait their turn.
    in_flight: int = 128 * MIB
    # This much of each message is never held back, so that large mail cannot stop ordinary mail.
    in_flight_free: int = 64 * 1024
    # Sealed copies of one message that may be in memory together (one message to many mailboxes).
    sealed_batch: int = 32 * MIB
    # Sealed copies of all messages that may be in memory together, from sealing to commit.
    sealed_in_flight: int = 128 * MIB
    # RFC 5321 §4.5.3.1.8 asks for at least 100; larger lists are sent in several transactions.
    recipients: int = 100
    # RFC 5321 §4.5.3.1.4: 512 octets and what the extensions add (SIZE, SMTPUTF8, DSN: RFC 3461 §5.4); once
    # advertised, SMTPUTF8 and ORCPT may each carry a long address, so one figure holds for every command.
    command_line: int = 2048
    # Header block, and fields in it: real mail with many ARC sets stays below 150 fields and 100 KiB.
    header: int = 256 * 1024
    header_fields: int = 2000
    # RFC 5321 §6.3: "at least 100 Received entries".
    hops: int = 100
    # Received fields written by this host itself: two lists inside lists are legitimate, six are a loop.
    own_hops: int = 5
    # RFC 5321 §4.5.3.2.7: the server waits at least five minutes for the next command.
    idle: float = 300.0
    # While content is due, at least this rate over each window; slower is an attack, not a slow line.
    content_rate: int = 512
    content_window: float = 60.0
    # The rate asked for while the process is short of memory.
    content_rate_pressed: int = 64 * 1024
    # Connections of one process, and of one source (IPv4 address or IPv6 /64) in it.
    connections: int = 1000
    connections_per_source: int = 50
    # New connections of one source in `rate_window`.
    connections_rate: int = 600
    rate_window: float = 60.0
    # Commands refused in one session before it is closed; a client that guesses recipients meets it too.
    errors: int = 20
    # Commands in one session that bring no mail forward (NOOP, RSET, VRFY, HELP, EHLO) before it is closed.
    idle_commands: int = 200
    # Wrong passwords of one source in `rate_window` on the submission ports.
    failed_logins: int = 5
    # TLS handshake.
    handshake: float = 20.0
    # How far ahead a message may be handed in (RFC 4865): its key waits as long as it does, on the same disk.
    future_release: timedelta = timedelta(days=30)
    # When the process stops, sessions that store a message get this long to answer.
    farewell: float = 1.5
    # A message larger than allowed is read to its end and refused; past this many times the limit the line is cut.
    overrun: int = 8
    # A recipient that simulates slowness answers after this long.
    simulated_delay: float = 5.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Messages in `window` seconds (`mailhost.reputation.rates`).

    The largest providers bring a host of this size some hundred a minute.
    """

    address: int = 300
    helo: int = 600
    domain: int = 1200
    window: float = 60.0


@dataclass(frozen=True, slots=True)
class JudgingLimits:
    """Of judging strangers' mail (`mailhost.reputation.judge`). Times in seconds unless they are timedeltas."""

    # A sender waits ten minutes for the answer to its content (RFC 5321 §4.5.3.2.6); nobody should wait that long.
    authentication: float = 15.0
    # Block lists, reverse name and content filter, which may all be missed.
    others: float = 5.0
    # RFC 6647 §5 lets the time be chosen: bots do not come back at all, servers after five to fifteen minutes.
    put_off: timedelta = timedelta(minutes=4)
    # RFC 6647 §5: a day for coming back.
    comes_back: timedelta = timedelta(days=1)
    # RFC 6647 §5: at least a week; a monthly letter should not be put off each time.
    known: timedelta = timedelta(days=60)
    # A sender that proves nothing and comes for the first time waits this long for its answer; bots do not.
    first_time: float = 5.0
    # Messages that wait so at the same time in one process; above it nobody waits.
    waiting: int = 100


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """Of one dispatchd (`mailhost.dispatch`). Times in seconds unless they say otherwise."""

    destinations: int = 20  # worked on together
    items: int = 100  # of one destination in one claim
    connections: int = 10  # to one destination
    # Fewer do not open another one. Each end is written down before the next message goes over its connection, so few
    # connections mean many small transactions.
    items_per_connection: int = 4
    lease: timedelta = timedelta(seconds=30)
    renewal: float = 10.0
    poll: float = 0.5
    # Between claims of a busy queue: what comes meanwhile shares a claim, its connections and their transactions.
    gather: float = 0.1
    # Between looks for what is overdue: its end and its notices are hours and days away, and items whose notice finds
    # no room are passed over one by one.
    overdue: timedelta = timedelta(seconds=30)
    farewell: float = 1.0


def source_hash(address: str, key: bytes) -> bytes:
    """A source as the counters know it: 8 bytes of a keyed hash of the IPv4 address or the IPv6 /64."""
    address = address.partition("%")[0].removeprefix(_MAPPED)
    packed = address.encode()
    if ":" in address:
        # One subscriber owns a /64 or more (RFC 6177), so single IPv6 addresses count for nothing.
        packed = ipaddress.IPv6Address(address).packed[:8]
    return hashlib.blake2b(packed, key=key, digest_size=8).digest()


def is_loopback(address: str) -> bool:
    """Whether a peer, as the kernel writes it, is this machine itself; a peer without an address is not."""
    address = address.removeprefix(_MAPPED)
    return address.startswith("127.") or address == "::1"


class Occupancy:
    """How many of something are open now, in all and by source."""

    def __init__(self, total: int, per_source: int) -> None:
        self._total = total
        self._per_source = per_source
        self._open: Counter[bytes] = Counter()
        self.open = 0

    def enter(self, source: bytes | None) -> bool:
        """Take a place; False when there is none. A source of None is counted in the total only."""
        if self.open >= self._total or (source is not None and self._open[source] >= self._per_source):
            return False
        self.open += 1
        if source is not None:
            self._open[source] += 1
        return True

    def leave(self, source: bytes | None) -> None:
        """Give back the place that `enter` gave."""
        self.open -= 1
        if source is not None:
            self._open[source] -= 1
            if self._open[source] <= 0:
                del self._open[source]


class Rate:
    """At most `allowed` events of one source in a window; windows are fixed, so up to twice that across a border.

    Holds at most `sources` entries: when a flood of sources fills the table, everybody starts anew, which forgives
    instead of blocking.
    """

    def __init__(self, allowed: int, window: float, sources: int = 50_000) -> None:
        self._allowed = allowed
        self._window = window
        self._sources = sources
        self._events: Counter[bytes] = Counter()
        self._since = float("-inf")

    def allow(self, source: bytes, now: float) -> bool:
        """Count one event at monotonic time `now`; False when the source had enough."""
        if now - self._since >= self._window or len(self._events) >= self._sources:
            self._events.clear()
            self._since = now
        self._events[source] += 1
        return self._events[source] <= self._allowed


class FailedLogins:
    """How often a source tried a wrong password lately. Counted by source and never by user, so that nobody can lock
    somebody else out; `source` is a keyed hash, `now` a monotonic clock. Of more than `sources` the oldest go first.
    """

    def __init__(self, allowed: int, window: float, *, now: Callable[[], float], sources: int = 100_000) -> None:
        self._allowed = allowed
        self._window = window
        self._now = now
        self._sources = sources
        self._failures: OrderedDict[bytes, deque[float]] = OrderedDict()

    def may_try(self, source: bytes) -> bool:
        """Whether a password may be tried from this source now."""
        failures = self._failures.get(source)
        if failures is None:
            return True
        while failures and failures[0] <= self._now() - self._window:
            failures.popleft()
        return len(failures) < self._allowed

    def failed(self, source: bytes) -> None:
        """A login failed."""
        failures = self._failures.setdefault(source, deque(maxlen=self._allowed))
        failures.append(self._now())
        self._failures.move_to_end(source)
        if len(self._failures) > self._sources:
            self._failures.popitem(last=False)
