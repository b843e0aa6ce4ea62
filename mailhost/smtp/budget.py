"""How much message content one process holds, and who waits when it is too much.

SMTP has no window of its own: whoever may send DATA may send all of it at once. What bounds memory is to stop
reading from the socket, and the kernel then tells the sender. Every message in flight has a `Ticket`; once the sum of
all tickets passes the limit, each ticket that asks for more is paused, except

* small ones (below `free` octets): ordinary mail goes on while large mail waits, and
* the oldest one: if everybody waited for everybody, nobody would finish.

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
        self._tickets: dict[Ticket, None] = {}  # by age
        self._waiting: dict[Ticket, None] = {}
        self.used = 0

    @property
    def pressed(self) -> bool:
        """Whether the limit is passed."""
        return self.used > self._limit

    def enter(self, pause: Callable[[], None], resume: Callable[[], None]) -> Ticket:
        """A ticket for a message that begins; `pause` and `resume` stop and start reading from its sender."""
        ticket = Ticket(self, pause, resume)
        self._tickets[ticket] = None
        return ticket

    def _changed(self, ticket: Ticket, octets: int) -> None:
        self.used += octets
        if octets < 0:
            self._let_go_on()
        elif self.pressed and not ticket.paused and ticket.octets > self._free and not self._oldest(ticket):
            ticket.paused = True
            self._waiting[ticket] = None
            ticket.pause()

    def _oldest(self, ticket: Ticket) -> bool:
        return ticket is next(iter(self._tickets))

    def _leave(self, ticket: Ticket) -> None:
        self.used -= ticket.octets
        del self._tickets[ticket]
        self._waiting.pop(ticket, None)
        if ticket.paused:
            ticket.paused = False
            ticket.resume()
        self._let_go_on()

    def _let_go_on(self) -> None:
        if not self._waiting:
            return
        for waiting in [next(iter(self._tickets))] if self.pressed else [*self._waiting]:
            if waiting.paused:
                waiting.paused = False
                del self._waiting[waiting]
                waiting.resume()


class Ticket:
    """One message's share of the budget."""

    def __init__(self, budget: Budget, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._budget = budget
        self.pause = pause
        self.resume = resume
        self.octets = 0
        self.paused = False
        self._open = True

    def hold(self, octets: int) -> None:
        """The message is now this long; may pause its sender, or let others go on when it shrank."""
        grown = octets - self.octets
        self.octets = octets
        self._budget._changed(self, grown)  # noqa: SLF001 - one class in two halves

    def close(self) -> None:
        """The message is answered or gone; may let others go on. Closing twice does nothing."""
        if self._open:
            self._open = False
            self._budget._leave(self)  # noqa: SLF001 - one class in two halves
