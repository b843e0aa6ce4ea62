"""Which facts bundle the cell judges by: remembered, so that nobody makes a law disappear by an older folder."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from jurisdiction.bundle import Accepted
from jurisdiction.ledger import entries
from jurisdiction.models import AcceptedFacts
from jurisdiction.notary import Notary
from jurisdiction.records import ledger


def accepted() -> Accepted | None:
    """The bundle accepted last, to be given to `bundle.load`, which refuses an older one."""
    row = AcceptedFacts.objects.filter(id=1).first()
    return None if row is None else Accepted(row.serial, row.digest)


def accept(notary: Notary, now: datetime) -> None:
    """Remember the notary's bundle, and enter it in the ledger when it is a new one. Raises OtherLedger."""
    if accepted() == Accepted(notary.atlas.serial, notary.atlas.digest):
        return
    with transaction.atomic():
        AcceptedFacts.objects.update_or_create(
            id=1,
            defaults={"serial": notary.atlas.serial, "digest": notary.atlas.digest, "accepted": now.date()},
        )
        entry = entries.FactsBundle(now.date().isoformat(), notary.atlas.serial, notary.atlas.digest)
        ledger.append([(entry, "")], notary)
