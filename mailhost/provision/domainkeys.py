"""DKIM keys of hosted domains: made, published, used, retired and destroyed as `mailauth.selectors` says.

`advance` takes the steps that are due for one domain. It is called when a domain is added and by the periodic job,
and may be called at any time: what is not due does not happen. With a resolver, a key signs only once the DNS shows
its record at the *domain's own* selector, so neither an alias that its owner has not made yet nor a zone of ours that
was not loaded can make signatures that nobody can check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from django.db import transaction

from mailhost.adapters.dkimkeys import seal_key
from mailhost.mailauth.dkim_key import (
    Algorithm,
    BadKey,
    KeyRecord,
    KeyUnavailable,
    NoKey,
    key_record,
    new_key,
    parse_key_record,
    read_key,
)
from mailhost.mailauth.resolver import Resolver, Txt
from mailhost.mailauth.selectors import NAMES, Slot, State, Step, Verb, due
from mailhost.models import DkimKey, Domain
from mailhost.seal import HybridIdentity

_NEXT_STATE = {Verb.SIGN: DkimKey.State.SIGNING, Verb.RETIRE: DkimKey.State.RETIRED}


def published(domain: Domain) -> dict[str, str]:
    """The key records that belong into the DNS now, by selector."""
    return dict(DkimKey.objects.filter(domain=domain).order_by("selector").values_list("selector", "record"))


def states(domain: Domain) -> Mapping[str, str]:
    """The state of every selector that is not empty."""
    return dict(DkimKey.objects.filter(domain=domain).order_by("selector").values_list("selector", "state"))


async def seen(domain: str, records: Mapping[str, str], resolver: Resolver) -> frozenset[str]:
    """The selectors at which the DNS shows the key that belongs there. A DNS that does not answer shows nothing."""
    found = set()
    for selector, record in records.items():
        answer = await resolver.lookup(f"{selector}._domainkey.{domain}", Txt)
        try:
            if _same(read_key(answer), parse_key_record(record.encode())):
                found.add(selector)
        except (NoKey, KeyUnavailable, BadKey):
            continue
    return frozenset(found)


def _same(one: KeyRecord, other: KeyRecord) -> bool:
    return (one.key_type, one.data) == (other.key_type, other.data)


def awaiting(domain: Domain) -> dict[str, str]:
    """Records of keys that do not sign yet: what to look for before `advance`."""
    rows = DkimKey.objects.filter(domain=domain, state=DkimKey.State.PUBLISHED)
    return dict(rows.values_list("selector", "record"))


def advance(
    domain: Domain, *, today: date, identity: HybridIdentity, seen: Collection[str] | None = None
) -> list[Step]:
    """Take the steps that are due; which they were. `seen` as `selectors.due` has it."""
    with transaction.atomic():
        # One at a time per domain: two workers must not fill one selector twice.
        Domain.objects.select_for_update().get(pk=domain.pk)
        steps = due(_slots(domain), today, seen=seen)
        for step in steps:
            _take(domain, step, today, identity)
    return steps


def _slots(domain: Domain) -> list[Slot]:
    rows = {row.selector: row for row in DkimKey.objects.filter(domain=domain)}
    return [
        Slot(name, State(rows[name].state), Algorithm(rows[name].algorithm), rows[name].since)
        if name in rows
        else Slot(name)
        for name in NAMES
    ]


def _take(domain: Domain, step: Step, today: date, identity: HybridIdentity) -> None:
    row = DkimKey.objects.filter(domain=domain, selector=step.name)
    match step.verb:
        case Verb.PUBLISH:
            private = new_key(step.algorithm)
            DkimKey.objects.create(
                cell=domain.cell,
                domain=domain,
                selector=step.name,
                state=DkimKey.State.PUBLISHED,
                algorithm=step.algorithm,
                since=today,
                record=key_record(private),
                private=seal_key(private, identity),
            )
        case Verb.DELETE:
            row.delete()
        case Verb.SIGN | Verb.RETIRE:
            row.update(state=_NEXT_STATE[step.verb], since=today)
