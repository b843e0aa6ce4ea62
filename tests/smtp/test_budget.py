"""The memory budget: bounded in all, fair to small mail, and never stuck."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailhost.smtp.budget import Budget, Ticket

LIMIT, FREE = 1000, 50


class Sender:
    """One message coming in."""

    def __init__(self, budget: Budget) -> None:
        self.reading = True
        self.ticket: Ticket = budget.enter(self.pause, self.resume)

    def pause(self) -> None:
        assert self.reading
        self.reading = False

    def resume(self) -> None:
        assert not self.reading
        self.reading = True


def test_above_the_limit_only_the_oldest_and_the_small_go_on() -> None:
    budget = Budget(LIMIT, FREE)
    oldest, large, small = Sender(budget), Sender(budget), Sender(budget)
    oldest.ticket.hold(600)
    large.ticket.hold(600)
    small.ticket.hold(FREE)
    assert (oldest.reading, large.reading, small.reading) == (True, False, True)
    oldest.ticket.hold(5000)
    assert oldest.reading


def test_who_waits_goes_on_when_a_message_is_done() -> None:
    budget = Budget(LIMIT, FREE)
    first, second, third = (Sender(budget) for _ in range(3))
    first.ticket.hold(900)
    second.ticket.hold(500)
    third.ticket.hold(900)
    assert (second.reading, third.reading) == (False, False)
    first.ticket.close()
    # Still above the limit, so only the oldest may go on.
    assert (second.reading, third.reading) == (True, False)
    second.ticket.close()
    assert third.reading
    third.ticket.close()
    assert budget.used == 0


def test_a_message_refused_for_its_size_gives_back_what_it_held() -> None:
    budget = Budget(LIMIT, FREE)
    first, second = Sender(budget), Sender(budget)
    first.ticket.hold(900)
    second.ticket.hold(500)
    first.ticket.hold(0)
    assert budget.used == 500
    assert second.reading


def test_a_message_that_has_not_come_yet_holds_nobody_up() -> None:
    budget = Budget(LIMIT, FREE)
    Sender(budget)
    first, second = Sender(budget), Sender(budget)
    first.ticket.hold(900)
    second.ticket.hold(500)
    assert first.reading
    assert not second.reading


def test_closing_twice_counts_once() -> None:
    budget = Budget(LIMIT, FREE)
    sender = Sender(budget)
    sender.ticket.hold(10)
    sender.ticket.close()
    sender.ticket.close()
    assert budget.used == 0


def test_a_paused_sender_that_leaves_reads_again() -> None:
    # Its session goes on with commands, for which it must be heard.
    budget = Budget(LIMIT, FREE)
    first, second = Sender(budget), Sender(budget)
    first.ticket.hold(900)
    second.ticket.hold(500)
    second.ticket.close()
    assert second.reading


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400)), max_size=120))
def test_somebody_can_always_go_on_and_memory_is_bounded(steps: list[tuple[int, int]]) -> None:
    budget = Budget(LIMIT, FREE)
    message = 1500
    senders: dict[int, Sender] = {}
    for who, octets in steps:
        sender = senders.get(who) or senders.setdefault(who, Sender(budget))
        if not sender.reading:
            continue
        sender.ticket.hold(sender.ticket.octets + octets)
        if sender.ticket.octets >= message:
            sender.ticket.close()
            del senders[who]
        assert not senders or any(other.reading for other in senders.values())
        assert budget.used == sum(other.ticket.octets for other in senders.values())
        assert budget.used <= LIMIT + message + len(senders) * (FREE + 400)
