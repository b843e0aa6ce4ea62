"""dispatchd: what waits in the queue goes out."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from mailhost.adapters.consents import DatabaseConsents
from mailhost.adapters.egress import DatabaseDecider
from mailhost.adapters.languages import Languages
from mailhost.adapters.policyfetch import HttpsFetcher
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.securelinks import DatabaseLinks
from mailhost.adapters.tlsmemory import DatabasePolicyCache, DatabaseTlsCounts
from mailhost.adapters.wishcounts import DatabaseWishCounts
from mailhost.adapters.workshop import Workshop
from mailhost.dispatch import Dispatcher
from mailhost.message.address import BadAddress, parse_address
from mailhost.outbound.handover import Handover, Here
from mailhost.outbound.held import Held
from mailhost.outbound.leaving import Leaving
from mailhost.outbound.mxwalk import UNKNOWN_HOST, Later, Target, Targets, Walk, by_relay, walk
from mailhost.outbound.notices import Notices
from mailhost.outbound.reach import Reach
from mailhost.outbound.securelinks import SecureLinks
from mailhost.outbound.stayed import Stayed
from mailhost.outbound.stspolicies import StsPolicies
from mailhost.outbound.tlsrules import NoRules, PublishedRules, TlsRules
from mailhost.ports import StoreError, StoreUnavailable
from mailhost.receive import Receiver
from mailhost.routing import NotLocal, RouteCache
from mailhost.smtp.client import Dialer
from mailhost.smtp.handshake import tls
from mailhost.wiring.chosenlimits import dispatch_limits, smtp_limits
from mailhost.wiring.intake import intake, outgoing_queue, signing_queue
from mailhost.wiring.resolving import resolver_of
from mailhost.wiring.surroundings import Surroundings, now, run, stop_on_signals, workshop

# Seconds between looks for queue keys, destinations and policies that are not needed any more.
SWEEP_EVERY = 600.0
# Seconds between writing down how sessions went and whose are counted; a crash loses so much of the statistics.
COUNT_EVERY = 30.0


def run_dispatchd(around: Surroundings) -> None:
    """Deliver what waits in the queue until SIGTERM or SIGINT."""
    run(_dispatchd(around))


async def _dispatchd(around: Surroundings) -> None:
    settings = around.settings
    limits = smtp_limits(settings)
    async with workshop(settings) as shop, intake(around, shop, limits) as (receiver, routes, _plain):
        queue = outgoing_queue(around, shop)
        counts = DatabaseTlsCounts(
            shop.writer, shop.readers, key=around.secrets.correspondent, everyone=settings.tls_reports
        )
        policies = DatabasePolicyCache(shop.writer, shop.readers, key=around.secrets.correspondent)
        way = _way_out(around, policies)
        held = Held(hostname=settings.hostname, receiver=receiver, outbox=queue, now=now)
        dispatcher = Dispatcher(
            outbox=queue,
            find=_here_first(routes, way.find),
            here=lambda: Handover(receiver, settings.hostname),
            reach=Reach(
                transport=Dialer(settings.hostname, tls(now)),
                rules=way.rules,
                counts=counts,
                metrics=around.metrics,
                now=now,
            ),
            leaving=_leaving(around, shop, receiver, queue, held),
            stayed=Stayed(held=held, counts=DatabaseWishCounts(shop.writer), now=now),
            notices=Notices(
                hostname=settings.hostname,
                receiver=receiver,
                outbox=queue,
                now=now,
                say_to=Languages(shop.readers, around.say).of_owner,
            ),
            metrics=around.metrics,
            now=now,
            limits=dispatch_limits(settings),
        )
        beside = [asyncio.create_task(_sweep(queue, policies)), asyncio.create_task(_write_down(counts))]
        stop = stop_on_signals()
        around.ready()
        try:
            await dispatcher.run(stop)
        finally:
            for task in beside:
                task.cancel()
            with suppress(StoreError):
                await counts.flush()


def _leaving(around: Surroundings, shop: Workshop, receiver: Receiver, queue: DatabaseQueue, held: Held) -> Leaving:
    settings = around.settings
    return Leaving(
        decider=DatabaseDecider(shop.readers, shop.writer, around.notary, around.where()),
        consents=DatabaseConsents(shop.readers, key=around.secrets.correspondent),
        held=held,
        links=SecureLinks(
            hostname=settings.hostname,
            address=settings.web_address,
            key=around.secrets.correspondent,
            receiver=receiver,
            outbox=queue,
            queue=signing_queue(around, shop),
            store=DatabaseLinks(shop.writer, shop.readers, shop.blobs, cell=settings.cell),
            say=around.say,
            now=now,
        ),
        metrics=around.metrics,
        now=now,
    )


async def _sweep(queue: DatabaseQueue, policies: DatabasePolicyCache) -> None:
    while True:
        # After days of standing still authors hear first of what is too late, and then its keys die.
        await asyncio.sleep(SWEEP_EVERY)
        with suppress(StoreError):
            await queue.sweep(now=now())
            await policies.sweep(now=now())


async def _write_down(counts: DatabaseTlsCounts) -> None:
    while True:
        with suppress(StoreError):
            await counts.look()
            await counts.flush()
        await asyncio.sleep(COUNT_EVERY)


@dataclass(frozen=True, slots=True)
class _WayOut:
    """Where mail for a domain goes, and what its hosts must show."""

    find: Callable[[str], Awaitable[Walk]]
    rules: TlsRules


def _here_first(routes: RouteCache, find: Callable[[str], Awaitable[Walk]]) -> Callable[[str], Awaitable[Walk | Here]]:
    """What is hosted here stays here, whatever the DNS says about it."""

    async def found(domain: str) -> Walk | Here:
        try:
            answer = await routes.resolve(parse_address(f"postmaster@{domain}"))
        except BadAddress:
            # A stranger's envelope sender, that a bounce or an answer goes to: no domain of ours is called so.
            return await find(domain)
        except StoreUnavailable:
            return Later("store_unavailable")
        return await find(domain) if isinstance(answer, NotLocal) else Here()

    return found


def _way_out(around: Surroundings, policies: DatabasePolicyCache) -> _WayOut:
    """To the smarthost, to the domain's own hosts, or nowhere yet."""
    settings = around.settings
    resolver = resolver_of(around)
    if resolver is None:
        # In a laboratory the smarthost is all other hosts there are.
        beyond = _no_hosts if settings.private_targets else _unknown_hosts
        return _WayOut(_to_smarthost(settings.smarthost, beyond) if settings.smarthost else _nowhere, NoRules())

    async def to_exchangers(domain: str) -> Walk:
        shuffle = random.SystemRandom().shuffle
        return await walk(resolver, domain, private=settings.private_targets, own=settings.hostname, shuffle=shuffle)

    if settings.smarthost:
        return _WayOut(_to_smarthost(settings.smarthost, to_exchangers), NoRules())
    fetcher = HttpsFetcher(resolver, private=settings.private_targets, context=ssl.create_default_context())
    sts = StsPolicies(resolver=resolver, cache=policies, fetcher=fetcher, now=now)
    return _WayOut(to_exchangers, PublishedRules(resolver, sts.of))


def _to_smarthost(smarthost: str, beyond: Callable[[str], Awaitable[Walk]]) -> Callable[[str], Awaitable[Walk]]:
    host, _, port = smarthost.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")

    async def found(domain: str) -> Walk:
        try:
            addresses = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        except OSError:
            return Later("dns_failed")
        relay = tuple(dict.fromkeys(Target(host, str(address[0]), int(port)) for *_, address in addresses))
        return by_relay(relay, await beyond(domain))

    return found


async def _nowhere(_domain: str) -> Walk:
    return Later("no_resolver")


async def _unknown_hosts(_domain: str) -> Walk:
    return Targets((UNKNOWN_HOST,))


async def _no_hosts(_domain: str) -> Walk:
    return Targets(())
