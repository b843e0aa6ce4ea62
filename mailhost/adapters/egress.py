"""May this message leave for that host? The tenant's policy on record, asked through the cell's notary.

Enforcement point 8. Who owns a mail host is not looked up yet, and without its owners every host counts as unknown:
a tenant that denies any bloc has readable mail held, whatever geolocation says about an address. A tenant whose
policy denies none sends over TLS to anybody; nobody sends without.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import connection

from jurisdiction import reasons
from jurisdiction.fields import UNKNOWN
from jurisdiction.notary import Notary
from jurisdiction.policy import PolicyForged
from jurisdiction.questions import Decision, Egress
from jurisdiction.questions import Verdict as Decided
from jurisdiction.records.policies import NoPolicy, in_force
from mailhost.adapters.database import Readers
from mailhost.mxwalk import Target
from mailhost.transport import Permission, Verdict


class DatabaseDecider:
    """`transport.Decider`. `notary` is asked for once a question, so that facts of today decide."""

    def __init__(self, readers: Readers, notary: Callable[[], Notary]) -> None:
        self._readers = readers
        self._notary = notary

    async def may_leave(
        self, tenant_id: int, target: Target, *, secure: bool, sealed: bool, now: datetime
    ) -> Permission:
        mode = "e2e" if sealed else "tls" if secure or target.loopback else "plain"
        return await self._readers.run(_decide, self._notary, tenant_id, mode, now)


def _decide(notary_of: Callable[[], Notary], tenant_id: int, mode: str, now: datetime) -> Permission:
    notary = notary_of()
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug FROM mailhost_tenant WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    if row is None:
        return Permission(Verdict.HOLD, (NoPolicy.__name__,))
    try:
        policy = in_force(row[0], notary.key.verify_key)
    except (NoPolicy, PolicyForged) as problem:
        # Without rules nothing is let through: a person looks at it.
        return Permission(Verdict.HOLD, (type(problem).__name__,))
    question = Egress(UNKNOWN, (), mode, tenant_allows_consent=policy.consent)
    return _permission(notary.decide(question, policy, now))


# What a denial obliges to; the secure link is not there yet, so its mail waits for a person.
_HELD: Final = frozenset({reasons.HOLD_FOR_SENDER, reasons.SECURE_LINK})


def _permission(decision: Decision) -> Permission:
    if decision.verdict is Decided.ALLOW:
        return Permission(Verdict.ALLOW, decision.because)
    if decision.verdict is Decided.DENY and not _HELD.intersection(decision.obligations):
        return Permission(Verdict.DENY, decision.because)
    return Permission(Verdict.HOLD, decision.because)
