"""Egress decisions on record: written down when made, covered by the log in batches, shown and proved to the tenant.

The same answer for the same destination on the same day is one record, however many messages it was about: what is
kept tells who may be written to and not how often that is done. Records go after `KEPT`; the log keeps the roots.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from jurisdiction.ledger import entries
from jurisdiction.ledger.batches import MAX_BATCH, Batched, Leaf, batch
from jurisdiction.ledger.tree import HASH_BYTES
from jurisdiction.models import EgressDecision
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision
from jurisdiction.records import ledger, policies

KEPT: Final = timedelta(days=35)  # a month to take a receipt in, and a few days more
DESTINATION_BYTES: Final = 16
POINT: Final = 8  # enforcement point


def destination_tag(domain: str, notary: Notary) -> bytes:
    """What stands for a destination in the records of this cell."""
    return bytes.fromhex(notary.tag("destination", domain.lower()))[:DESTINATION_BYTES]


def record(
    public_id: str, tenant: str, domain: str, mode: str, decision: Decision, policy: Policy, notary: Notary, on: date
) -> str:
    """Write a decision down, unless the same one stands there for this day; its id. `public_id` is random hex."""
    same = {
        "cell": notary.home.cell,
        "on": on,
        "tenant": tenant,
        "destination": destination_tag(domain, notary),
        "mode": mode,
        "verdict": decision.verdict.value,
        "because": " ".join(decision.because),
        "policy": policy.digest(),
        "facts_serial": notary.atlas.serial,
    }
    known = EgressDecision.objects.filter(**same).values_list("public_id", flat=True).first()
    return known or EgressDecision.objects.create(public_id=public_id, **same).public_id


def newest(tenant: str, domain: str, notary: Notary) -> str:
    """The id of what was decided last about mail of a tenant for a domain; "" where nothing is on record."""
    rows = EgressDecision.objects.filter(tenant=tenant, destination=destination_tag(domain, notary))
    return rows.order_by("-on", "-pk").values_list("public_id", flat=True).first() or ""


def close_batch(notary: Notary, now: datetime) -> int:
    """Enter the root of what was decided since the last batch; how many decisions it covers. Raises OtherLedger."""
    with transaction.atomic():
        # By their random ids: the order tells nothing about who came first.
        open_rows = EgressDecision.objects.select_for_update().filter(batch__isnull=True)
        rows = list(open_rows.order_by("public_id")[:MAX_BATCH])
        if not rows:
            return 0
        made = batch([_leaf(row, notary) for row in rows])
        entry = entries.EgressBatch(now.date().isoformat(), made.root.hex(), len(rows))
        [index] = ledger.append([(entry, "")], notary)
        for position, (row, proof) in enumerate(zip(rows, made.proofs, strict=True)):
            row.batch, row.position, row.proof = index, position, b"".join(proof)
        EgressDecision.objects.bulk_update(rows, ["batch", "position", "proof"], batch_size=500)
    return len(rows)


def batched(tenant: str, notary: Notary) -> list[Batched]:
    """The tenant's decisions that the log covers, in its order."""
    rows = EgressDecision.objects.filter(tenant=tenant, batch__isnull=False).order_by("batch", "position")
    return [
        Batched(_leaf(row, notary), int(row.batch or 0), int(row.position or 0), _hashes(bytes(row.proof)))
        for row in rows
    ]


def sweep(now: datetime) -> int:
    """Remove what is older than `KEPT`; how many. What no batch covers yet stays."""
    return EgressDecision.objects.filter(on__lt=(now - KEPT).date(), batch__isnull=False).delete()[0]


def _leaf(row: EgressDecision, notary: Notary) -> Leaf:
    return Leaf(
        id=row.public_id,
        on=row.on.isoformat(),
        tenant=notary.tag(policies.TENANT, row.tenant),
        mode=row.mode,
        verdict=row.verdict,
        because=tuple(row.because.split()),
        policy=row.policy,
        facts_serial=row.facts_serial,
    )


def _hashes(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
