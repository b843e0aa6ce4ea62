"""dispatchd: what waits in the queue goes out."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from mailhost.adapters.egress import DatabaseDecider
from mailhost.adapters.queue import DatabaseQueue
from mailhost.dispatch import Dispatcher, DispatchLimits
from mailhost.mxwalk import Later, Target, Targets, Walk, walk
from mailhost.notices import Notices
from mailhost.ports import StoreError
from mailhost.smtp.client import Dialer, opportunistic_context
from mailhost.wiring.intake import intake, outgoing_queue
from mailhost.wiring.judging import resolver_of
from mailhost.wiring.surroundings import Surroundings, now, run, smtp_limits, stop_on_signals, workshop

# Seconds between looks for queue keys and destinations that are not needed any more.
SWEEP_EVERY = 600.0


def run_dispatchd(around: Surroundings) -> None:
    """Deliver what waits in the queue until SIGTERM or SIGINT."""
    run(_dispatchd(around))


async def _dispatchd(around: Surroundings) -> None:
    settings = around.settings
    limits = smtp_limits(settings)
    async with workshop(settings) as shop, intake(around, shop, limits) as (receiver, _, _plain):
        queue = outgoing_queue(around, shop)
        dispatcher = Dispatcher(
            outbox=queue,
            find=_route_out(around),
            transport=Dialer(settings.hostname, opportunistic_context()),
            decider=DatabaseDecider(shop.readers, shop.writer, around.notary, around.where()),
            notices=Notices(hostname=settings.hostname, receiver=receiver, outbox=queue, now=now),
            metrics=around.metrics,
            now=now,
            limits=DispatchLimits(),
        )
        sweeping = asyncio.create_task(_sweep(queue))
        stop = stop_on_signals()
        around.ready()
        try:
            await dispatcher.run(stop)
        finally:
            sweeping.cancel()


async def _sweep(queue: DatabaseQueue) -> None:
    while True:
        with suppress(StoreError):
            await queue.sweep(now=now())
        await asyncio.sleep(SWEEP_EVERY)


def _route_out(around: Surroundings) -> Callable[[str], Awaitable[Walk]]:
    """Where mail for a domain goes: to the smarthost, to the domain's own hosts, or nowhere yet."""
    settings = around.settings
    if settings.smarthost:
        host, _, port = settings.smarthost.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")

        async def to_smarthost(_domain: str) -> Walk:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
            except OSError:
                return Later("dns_failed")
            return Targets(tuple(dict.fromkeys(Target(host, str(address[0]), int(port)) for *_, address in found)))

        return to_smarthost
    resolver = resolver_of(around)
    if resolver is not None:

        async def to_exchangers(domain: str) -> Walk:
            return await walk(resolver, domain, private=settings.private_targets, shuffle=random.SystemRandom().shuffle)

        return to_exchangers

    async def nowhere(_domain: str) -> Walk:
        return Later("no_resolver")

    return nowhere
