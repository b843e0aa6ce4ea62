"""The listener's limits by name, who may connect and try passwords, and memory for large messages.

Counting goes by keyed hash: neither an address nor a user name is kept, and the key dies with the process. A
source is an IPv4 address or an IPv6 /64. Failures count against the source and never against the user, so that
nobody can lock somebody else out. Clients on loopback are not counted per source: a local proxy would make all
of them one source.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from weakref import WeakValueDictionary

from mailhost.limits import FailedLogins

# RFC 4291 §2.5.3 and §2.5.5.2.
_LOOPBACK = bytes(15) + b"\x01"
_IPV4_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in octets."""

    # RFC 9051 §5.4: at least 30 minutes once logged in.
    idle_time: float = 30 * 60
    # From the connection to the end of a login; a slow phone on a bad line needs ten.
    login_time: float = 60
    # A command that has begun must go on arriving…
    stall_time: float = 60
    # …and at this rate on average once that time is over (slowloris).
    least_rate: int = 2048
    # The rate asked of a large literal while others wait for the memory that it holds: a slow line keeps them for
    # minutes, where it could for hours.
    least_rate_pressed: int = 64 * 1024
    # A client that stops reading its answers.
    write_time: float = 5 * 60
    handshake_time: float = 20
    # Open logins are asked about this often: one that ended hears BYE at the next look, and at the one after
    # it is cut off whatever it does. So what was revoked reads for ten seconds at most.
    login_look: float = 5
    # Running commands may finish when the server stops.
    stop_time: float = 1.0
    # …then a change of very many messages ends before its next turn, and a COPY takes back what it made. With the
    # above less than the ten seconds after which a supervisor kills.
    undo_time: float = 6.0
    # After so long without a word an idle picture is packed.
    rest_time: float = 2
    # A large message that is read in pieces stays opened so long after the last of them was asked for: a slow line
    # carries a piece of half a megabyte in that time.
    kept_time: float = 30
    connections: int = 20_000
    per_source: int = 200
    per_user: int = 50
    per_tenant: int = 5_000
    # Commands of one user a second, all connections together: a program that synchronises with everything it has
    # sends some hundreds, one that has run wild sends what a core can answer.
    commands_rate: float = 2_000
    # …and at once: a first synchronisation, a folder filed message by message.
    commands_burst: int = 20_000
    failed_logins: int = 5
    failed_window: float = 60
    # Octets of large literals in memory at one time, all connections together.
    literal_memory: int = 512 * 1024 * 1024
    # …of which one user, and all users of a tenant, may hold so much: a slow line holds a large message for hours.
    user_literals: float = 1 / 4
    tenant_literals: float = 1 / 2
    # Octets of large messages that are kept opened while their clients read them in pieces, all connections together.
    kept_pieces: int = 128 * 1024 * 1024
    # Octets received and not yet handled before reading pauses.
    read_ahead: int = 128 * 1024


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, an IPv6 /64; "" for what is neither (a local socket)."""
    try:
        if ":" not in address:
            return inet_ntop(AF_INET, inet_pton(AF_INET, address))
        octets = inet_pton(AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # a NUL inside is a ValueError
        return ""
    if octets.startswith(_IPV4_MAPPED):
        return inet_ntop(AF_INET, octets[12:])
    return inet_ntop(AF_INET6, octets if octets == _LOOPBACK else octets[:8] + bytes(8))


def is_loopback(source: str) -> bool:
    """Whether the client, as `source_of` writes it, is on this machine."""
    return source in {"", "::1"} or source.startswith("127.")


class Pace:
    """A user's commands: `rate` a second, `burst` at once. One number, however many are waited for."""

    def __init__(self, rate: float, burst: int) -> None:
        self._each = 1 / rate
        self._ahead = burst / rate
        self._due = float("-inf")  # when the last command would have come at the even rate

    def wait(self, now: float) -> float:
        """Count one more command: seconds to wait before the next is taken, 0 for none."""
        self._due = max(self._due, now - self._ahead) + self._each
        return max(0.0, self._due - now)


class Gate:
    """Counts connections and failed logins. `now` is a monotonic clock, `key` 16 or more random octets."""

    def __init__(self, limits: Limits, *, now: Callable[[], float], key: bytes) -> None:
        self._limits = limits
        self._key = key[:64]
        self._connections = 0
        self._counts: dict[bytes, int] = {}
        # Forgotten with the user's last connection.
        self._paces: WeakValueDictionary[bytes, Pace] = WeakValueDictionary()
        self._failures = FailedLogins(limits.failed_logins, limits.failed_window, now=now)

    def _hash(self, kind: str, name: str) -> bytes:
        return blake2b(f"{kind}\0{name}".encode(), key=self._key, digest_size=12).digest()

    def connect(self, source: str) -> Callable[[], None] | None:
        """Count one more connection: the function that gives it back, or None if there are too many."""
        if self._connections >= self._limits.connections:
            return None
        counted = [] if is_loopback(source) else [(self._hash("source", source), self._limits.per_source)]
        give_back = self._take(counted)
        if give_back is None:
            return None
        self._connections += 1

        def leave() -> None:
            self._connections -= 1
            give_back()

        return leave

    def enter(self, username: str, tenant: str) -> Callable[[], None] | None:
        """Count one more connection of a user and of the user's tenant."""
        return self._take(
            [
                (self._hash("user", username.casefold()), self._limits.per_user),
                (self._hash("tenant", tenant), self._limits.per_tenant),
            ]
        )

    def pace(self, username: str) -> Pace:
        """What all connections of a user count their commands on."""
        user = self._hash("user", username.casefold())
        found = self._paces.get(user)
        if found is None:
            found = self._paces[user] = Pace(self._limits.commands_rate, self._limits.commands_burst)
        return found

    def _take(self, counted: list[tuple[bytes, int]]) -> Callable[[], None] | None:
        counts = self._counts
        if any(counts.get(key, 0) >= limit for key, limit in counted):
            return None
        for key, _limit in counted:
            counts[key] = counts.get(key, 0) + 1

        def give_back() -> None:
            for key, _limit in counted:
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]

        return give_back

    def may_try(self, source: str) -> bool:
        """Whether a password may be tried from this source now."""
        return is_loopback(source) or self._failures.may_try(self._hash("failure", source))

    def failed(self, source: str) -> None:
        """A login failed."""
        if not is_loopback(source):
            self._failures.failed(self._hash("failure", source))


@dataclass(slots=True, eq=False)
class _Waiting:
    octets: int
    holders: tuple[object, ...]
    turn: asyncio.Future[None]


class MemoryBudget:
    """Octets that large literals of all connections may hold together; who comes first is served first.

    `shares`: the part of it that one holder may have, for each of a connection's holders (its user, its tenant), so
    that those who announce much and send it slowly do not keep everybody else's messages out. A first literal is
    taken whatever its size. Who is over the share waits for their own to go, and others go before them; their own
    later ones do not, or a large one would wait for ever.
    """

    def __init__(self, octets: int, shares: tuple[float, ...] = ()) -> None:
        self._octets = octets
        self._free = octets
        self._shares = tuple(int(octets * share) for share in shares)
        self._held: Counter[object] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self.pressed = False  # whether somebody waits who has not their share already

    async def take(self, octets: int, holders: tuple[object, ...] = ()) -> int:
        """Wait until there is room; returns what to give back."""
        wanted = min(octets, self._octets)
        entry = _Waiting(wanted, holders, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._serve()
        try:
            await entry.turn
        except asyncio.CancelledError:
            if entry.turn.done() and not entry.turn.cancelled():
                self.give(wanted, holders)
            else:
                self._waiting.remove(entry)
                self._serve()
            raise
        return wanted

    def take_now(self, octets: int, holders: tuple[object, ...] = ()) -> bool:
        """For who holds some already, and so must not wait: whether there was room."""
        room = octets <= self._free and not self._beyond_share(octets, holders)
        if room:
            self._hold(octets, holders)
        return room

    def give(self, octets: int, holders: tuple[object, ...] = ()) -> None:
        """The literal is gone."""
        self._hold(-octets, holders)
        self._serve()

    def _beyond_share(self, octets: int, holders: tuple[object, ...]) -> list[object]:
        """The holders that would have more than their share."""
        held = self._held
        return [
            holder
            for holder, share in zip(holders, self._shares, strict=False)
            if held[holder] and held[holder] + octets > share
        ]

    def _hold(self, octets: int, holders: tuple[object, ...]) -> None:
        self._free -= octets
        for holder in holders:
            self._held[holder] += octets
            if not self._held[holder]:
                del self._held[holder]

    def _serve(self) -> None:
        passed: list[_Waiting] = []
        over: set[object] = set()  # holders with one that was passed over
        while self._waiting:
            entry = self._waiting.popleft()
            if over.intersection(entry.holders):
                passed.append(entry)
            elif beyond := self._beyond_share(entry.octets, entry.holders):
                over.update(beyond)
                passed.append(entry)
            elif entry.octets > self._free:
                # It waits in front of all who came later, or a large one would wait for ever.
                self._waiting.appendleft(entry)
                break
            else:
                self._hold(entry.octets, entry.holders)
                entry.turn.set_result(None)
        self.pressed = bool(self._waiting)
        self._waiting.extendleft(reversed(passed))
