"""How much message content one process holds, and who waits when it is too much.

SMTP has no window of its own: whoever may send DATA may send all of it at once. What bounds memory is to stop
reading from the socket, and the kernel then tells the sender. Every message in flight has a `Ticket`; once the sum of
all tickets passes the limit, each ticket that asks for more is paused, except

* small ones (up to `free` octets): ordinary mail goes on while large mail waits, and
* the one that has been large for longest: if everybody waited for everybody, nobody would finish.

So the process holds at most limit + one message + connections x free. A message counts from its first octet until
its answer is written.
"""

from __future__ import annotations

from collections.abc import Callable


class Budget:
    """Octets of content in flight in this process."""

    def __init__(self, limit: int, free: int) -> None:
        self._limit = limit
        self._free = free
        self._large: dict[Ticket, None] = {}  # in the order in which they became large
        self.used = 0

    @property
    def pressed(self) -> bool:
        """Whether the limit is passed."""
        return self.used > self._limit

    def enter(self, pause: Callable[[], None], resume: Callable[[], None]) -> Ticket:
        """A ticket for a message that begins; `pause` and `resume` stop and start reading from its sender."""
        return Ticket(self, pause, resume)

    def changed(self, ticket: Ticket, octets: int) -> None:
        """A ticket grew or shrank by `octets`."""
        self.used += octets
        if ticket.octets > self._free:
            self._large[ticket] = None
        elif ticket in self._large:
            del self._large[ticket]
            ticket.go_on()
        if octets < 0:
            self._let_go_on()
        elif self.pressed and ticket in self._large and ticket is not next(iter(self._large)):
            ticket.wait()

    def _let_go_on(self) -> None:
        if not self.pressed:
            for ticket in self._large:
                ticket.go_on()
        elif self._large:
            next(iter(self._large)).go_on()


class Ticket:
    """One message's share of the budget."""

    def __init__(self, budget: Budget, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._budget = budget
        self._pause = pause
        self._resume = resume
        self.octets = 0
        self.paused = False

    def hold(self, octets: int) -> None:
        """The message is now this long; may pause its sender, or let others go on when it shrank."""
        grown = octets - self.octets
        self.octets = octets
        self._budget.changed(self, grown)

    def close(self) -> None:
        """The message is answered or gone. Closing twice does nothing."""
        self.hold(0)

    def wait(self) -> None:
        """Stop reading from the sender."""
        if not self.paused:
            self.paused = True
            self._pause()

    def go_on(self) -> None:
        """Read from the sender again."""
        if self.paused:
            self.paused = False
            self._resume()
