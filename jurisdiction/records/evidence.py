"""Evidence on record: the declaration, geolocation, round trips; each a row here and a hash in the ledger.

A row is renewed when the same thing is found again, and a new one made, with its ledger entry, when something else
is found: the ledger grows with what changes and not with time. What says nothing either way (a slow reply, an
address no dataset knows) supports nothing; what speaks for another place than the declared one speaks against it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from django.db import transaction

from jurisdiction.decisions import survey_of
from jurisdiction.evidence import Assessment, Grade, Item, Kind, assess, proof_limit_ms, proves, refutes
from jurisdiction.geo import AGREE, CONFLICT, Located
from jurisdiction.ledger import entries
from jurisdiction.models import EvidenceItem
from jurisdiction.notary import Notary
from jurisdiction.placement import MAX_EVIDENCE_AGE_DAYS
from jurisdiction.questions import RoundTrip
from jurisdiction.records import ledger

CONTEXT = b"skerry-evidence-v1\n"
GRADES = {Kind.DECLARATION: Grade.C, Kind.GEO: Grade.C, Kind.DNS_WALK: Grade.B}


class ProvesNothing(Exception):
    """The measurement neither proves nor refutes the declared country; it is not recorded."""


def declare(notary: Notary, today: date) -> EvidenceItem:
    """Record what the operator declares, or that it still does."""
    stated = asdict(notary.declaration(today))
    del stated["declared_on"]
    return _take(Kind.DECLARATION, notary.home.country, stated, notary, today)


def locate(found: Located, notary: Notary, today: date) -> EvidenceItem:
    """Record what two geolocation datasets say about the cell's public address. The address is not in it."""
    supports = found.country if found.verdict == AGREE else ""
    if supports != notary.home.country:
        supports = ""
    summary = {"verdict": found.verdict, "first": found.first, "second": found.second}
    return _take(Kind.GEO, supports, summary, notary, today)


def walked(places: Sequence[Located], notary: Notary, today: date) -> EvidenceItem | None:
    """Record where a walk through DNS to the cell's own name ended; None where a place on the way is not known.

    Every address in the declared country speaks for it; one that both datasets put elsewhere speaks against it.
    """
    countries = sorted({found.country for found in places if found.verdict == AGREE})
    abroad = [country for country in countries if country != notary.home.country]
    if not abroad and (not places or any(found.verdict != AGREE for found in places)):
        return None
    summary = {"addresses": len(places), "countries": " ".join(countries)}
    return _take(Kind.DNS_WALK, "" if abroad else notary.home.country, summary, notary, today)


def measure(samples: Sequence[RoundTrip], stored: bool, notary: Notary, today: date) -> EvidenceItem:
    """Record the fastest round trip that proves or refutes the country. Raises ProvesNothing.

    `stored`: the replies were computed over stored blobs that the asker chose.
    """
    survey = survey_of(notary.atlas)
    kind = Kind.STORED_ROUND_TRIP if stored else Kind.ROUND_TRIP
    for sample in sorted(samples, key=lambda sample: sample.ms):
        summary = {"landmark": sample.landmark, "ms": round(sample.ms, 3)}
        if refutes(sample, notary.home.country, survey):
            return _take(kind, "", summary, notary, today)
        landmark = notary.atlas.landmarks.get(sample.landmark)
        if landmark is not None and proves(landmark, sample.ms) == notary.home.country:
            return _take(kind, notary.home.country, summary, notary, today)
    raise ProvesNothing(
        "no reply was fast enough to prove the country, and none too fast for it; measure from a nearer landmark"
    )


def _take(kind: Kind, supports: str, summary: Mapping[str, Any], notary: Notary, today: date) -> EvidenceItem:
    text = json.dumps(summary, sort_keys=True, separators=(",", ":"))
    known = EvidenceItem.objects.filter(node=notary.node, kind=kind.value).order_by("-id").first()
    if known is not None and (known.summary, known.supports) == (text, supports):
        if known.taken_on != today:
            known.taken_on = today
            known.save(update_fields=["taken_on"])
        return known
    digest = hashlib.sha256(CONTEXT + f"{notary.node} {kind.value} {supports} {today}\n{text}".encode()).hexdigest()
    grade = GRADES.get(kind) or (Grade.A if country_is_provable(notary) and supports else Grade.C)
    with transaction.atomic():
        row = EvidenceItem.objects.create(
            cell=notary.home.cell,
            node=notary.node,
            kind=kind.value,
            supports=supports,
            taken_on=today,
            digest=digest,
            summary=text,
        )
        entry = entries.EvidenceRecord(today.isoformat(), notary.node, kind.value, grade.value, digest)
        ledger.append([(entry, notary.node)], notary)
    return row


def country_is_provable(notary: Notary) -> bool:
    """Whether a round trip to some landmark of the declared country could prove it."""
    return any(
        mark.country == notary.home.country and proof_limit_ms(mark) is not None
        for mark in notary.atlas.landmarks.values()
    )


def current(notary: Notary) -> list[EvidenceItem]:
    """The newest row of each kind about this cell's machine."""
    newest: dict[str, EvidenceItem] = {}
    for row in EvidenceItem.objects.filter(node=notary.node).order_by("id"):
        newest[row.kind] = row
    return list(newest.values())


def assessment(rows: Sequence[EvidenceItem], notary: Notary, today: date) -> Assessment:
    """The rows weighed. A geolocation that knows nothing weighs nothing; what speaks for the country and is too old
    has lapsed; what speaks against it counts until something newer of its kind is there."""
    items = [
        Item(Kind(row.kind), row.supports or None, row.taken_on, row.digest)
        for row in rows
        if (row.supports and (today - row.taken_on).days <= MAX_EVIDENCE_AGE_DAYS)
        or (not row.supports and (row.kind != Kind.GEO.value or _verdict(row) in (AGREE, CONFLICT)))
    ]
    return assess(items, notary.home.country, country_is_provable(notary), today)


def geo_verdict(rows: Sequence[EvidenceItem]) -> str:
    """What geolocation says of the declared country. A cell without a public address has nothing to locate."""
    for row in rows:
        if row.kind == Kind.GEO.value:
            verdict = _verdict(row)
            return CONFLICT if verdict == AGREE and not row.supports else verdict
    return AGREE


def refuting(rows: Sequence[EvidenceItem]) -> RoundTrip | None:
    """The round trip that was too fast for the declared country, if there is one."""
    for row in rows:
        if row.kind in (Kind.ROUND_TRIP.value, Kind.STORED_ROUND_TRIP.value) and not row.supports:
            summary = json.loads(row.summary)
            return RoundTrip(summary["landmark"], summary["ms"])
    return None


def _verdict(row: EvidenceItem) -> str:
    return str(json.loads(row.summary)["verdict"])
