"""What the cell itself brings to people hosted here: sealed and stored like any mail, without a port or a queue.

Letters of its own, and answers that a reader wrote on the page of a secure link. A letter to somebody elsewhere goes
into the queue, like everything that leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailhost.adapters.languages import Languages
from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import parse_address
from mailhost.message.letter import Say
from mailhost.outbox import Outgoing
from mailhost.outcomes import Deferred, Verdict
from mailhost.ports import INBOX
from mailhost.wiring.chosenlimits import smtp_limits
from mailhost.wiring.intake import intake, signing_queue
from mailhost.wiring.surroundings import Surroundings, now, run, workshop

# A letter that is written in the language of whoever reads the mail of its address.
type Written = Callable[[Say], bytes]


def post(around: Surroundings, to: str, text: bytes | Written) -> bool:
    """Deliver a letter; False: not now, try again. Whoever does not exist, or will never take it, needs no second try.

    For a process with no event loop of its own.
    """
    return all(post_all(around, [(to, text)]))


def post_all(around: Surroundings, letters: Sequence[tuple[str, bytes | Written]]) -> list[bool]:
    """Deliver letters, each with its one recipient, one after the other; which of them need no second try."""
    done: list[bool] = []

    async def deliver() -> None:
        settings, limits = around.settings, smtp_limits(around.settings)
        async with workshop(settings) as shop, intake(around, shop, limits) as (receiver, _, _plain):
            languages = Languages(shop.readers, around.say)
            for to, text in letters:
                address = parse_address(to)
                routes = await receiver.recipient(address, 0 if callable(text) else len(text))
                if not isinstance(routes, tuple):
                    done.append(not isinstance(routes, Deferred))
                    continue
                if callable(text):
                    text = text(await languages.of_owner(routes[0].mailbox_id))  # noqa: PLW2901  # the same letter
                client = Client("", settings.hostname, "LMTP")
                envelope = Envelope(None, client, recipients=[Recipient(address, routes)])
                done.append(not isinstance(await receiver.message(envelope, bytearray(text)), Deferred))

    run(deliver())
    return done


def send_out(around: Surroundings, message: Outgoing) -> None:
    """Put a letter of the cell's own into the queue, signed. Raises StoreFull, StoreUnavailable.

    For a process with no event loop of its own.
    """

    async def put() -> None:
        async with workshop(around.settings) as shop:
            await signing_queue(around, shop).put(message, now=now())

    run(put())


def hand_in(around: Surroundings, mailbox: str, text: bytes, results: str) -> bool:
    """Deliver what was written on a page of ours to that mailbox and to no other behind its address; False: not now.

    `results` is what this host found out about its author (RFC 8601). For a process with no event loop of its own.
    """
    taken: list[bool] = []

    async def deliver() -> None:
        settings, limits = around.settings, smtp_limits(around.settings)
        async with workshop(settings) as shop, intake(around, shop, limits) as (receiver, _, _plain):
            address = parse_address(mailbox)
            routes = await receiver.recipient(address, len(text))
            own = tuple(route for route in routes if route.address == mailbox) if isinstance(routes, tuple) else ()
            if not own:
                taken.append(False)
                return
            client = Client("", settings.hostname, "HTTPS")
            envelope = Envelope(None, client, recipients=[Recipient(address, own)])
            found = await receiver.give_back(envelope, bytearray(text), INBOX, Verdict(results))
            taken.append(found.code < 300)

    run(deliver())
    return taken[0]
