"""May this message leave for that destination? The tenant's policy on record, asked through the cell's notary.

Enforcement point 8. A message may be handed to any host of its destination, so there is one answer for all of them
together: where each address stands (`where`: two datasets, and what the operator declares), who holds it, and what
the policy says of that. Deny beats hold beats allow; what nobody knows is held while the policy denies any bloc.

Every answer is written down under a random id that the queue item and the notice to the sender carry; the log covers
it with its next batch. An answer is good for `GOOD_FOR`, until midnight UTC at most (laws begin then), and only under
the policy it was made for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import connection

from jurisdiction import reasons
from jurisdiction.declared import Whereabouts
from jurisdiction.holders import Holders
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy, PolicyForged
from jurisdiction.published import may_leave, server_at
from jurisdiction.questions import Decision
from jurisdiction.questions import Verdict as Decided
from jurisdiction.records import egress
from jurisdiction.records.policies import NoPolicy, in_force
from jurisdiction.sentences import in_english, reason
from mailhost.adapters.database import Readers
from mailhost.adapters.writer import Writer
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Permission, Verdict

GOOD_FOR: Final = timedelta(minutes=10)  # how long a change of DNS, datasets or declarations may go unseen
MAX_KEPT: Final = 10_000  # answers in memory; a megabyte or two

type Where = Callable[[str, date], Whereabouts]
type _Asked = tuple[int, str, tuple[Target, ...], str, bool, bool]


@dataclass(frozen=True, slots=True)
class _Answer:
    permission: Permission
    policy: tuple[str, ...]  # as `_current_policy` read it
    until: datetime


@dataclass(frozen=True, slots=True)
class _Made:
    """A decision that is not on record yet."""

    tenant: str
    policy: Policy
    decision: Decision
    notary: Notary


class DatabaseDecider:
    """`transport.Decider`. `notary` is asked anew for every answer that is not kept, so that facts of today decide."""

    def __init__(self, readers: Readers, writer: Writer, notary: Callable[[], Notary], where: Where) -> None:
        self._readers = readers
        self._writer = writer
        self._notary = notary
        self._where = where
        self._kept: dict[_Asked, _Answer] = {}

    async def may_leave(
        self,
        tenant_id: int,
        domain: str,
        targets: Sequence[Target],
        *,
        secure: bool,
        sealed: bool,
        consent: bool,
        note: bool,
        standing: bool,
        now: datetime,
    ) -> Permission:
        # To this very machine there is no wire to read along.
        on_wire = secure or all(target.loopback for target in targets)
        readable = "note" if note else "tls"
        mode = "e2e" if sealed else readable if on_wire else "plain"
        hosts = tuple(sorted(targets, key=lambda one: (one.name, one.address)))
        asked = (tenant_id, domain, hosts, mode, consent, standing)
        current = await self._readers.run(_current_policy, tenant_id)
        kept = self._kept.get(asked)
        if kept is not None and now < kept.until and kept.policy == current:
            return kept.permission
        made = await self._readers.run(self._decide, asked, current[0] if current else "", now)
        if isinstance(made, Permission):
            return made
        public_id = await self._writer.change(lambda _cursor: _record(made, domain, mode, now))
        permission = _permission(made, public_id)
        self._keep(asked, _Answer(permission, current, _good_until(made.decision, now)))
        return permission

    def _decide(self, asked: _Asked, slug: str, now: datetime) -> Permission | _Made:
        _, _, targets, mode, consent, standing = asked
        if not slug:
            return Permission(Verdict.HOLD, (NoPolicy.__name__,))
        notary = self._notary()
        try:
            policy = in_force(slug, notary.key.verify_key)
        except (NoPolicy, PolicyForged) as problem:
            # Without rules nothing is let through: a person looks at it.
            return Permission(Verdict.HOLD, (type(problem).__name__,))
        servers, today, holders = [], now.astimezone(UTC).date(), Holders(notary.atlas)
        for target in targets:
            found = self._where(target.address, today)
            servers.append(server_at("mx", target.name, target.address, found, holders, today))
        decision, _ = may_leave(servers, policy, notary.atlas, now, mode=mode, consent=consent, standing=standing)
        return _Made(slug, policy, decision, notary)

    def _keep(self, asked: _Asked, answer: _Answer) -> None:
        if len(self._kept) >= MAX_KEPT and asked not in self._kept:
            del self._kept[next(iter(self._kept))]
        self._kept[asked] = answer


def _current_policy(tenant_id: int) -> tuple[str, ...]:
    """The tenant's slug, its newest policy and the signature, byte by byte: what was forged since is another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.slug, p.document, p.signature FROM mailhost_tenant t"
            " LEFT JOIN jurisdiction_policyversion p ON p.tenant = t.slug"
            " WHERE t.id = %s ORDER BY p.version DESC LIMIT 1",
            [tenant_id],
        )
        row = cursor.fetchone()
    return () if row is None else (row[0], row[1] or "", bytes(row[2] or b"").hex())


def _record(made: _Made, domain: str, mode: str, now: datetime) -> str:
    today = now.astimezone(UTC).date()
    word = secrets.token_hex(16)
    return egress.record(word, made.tenant, domain, mode, made.decision, made.policy, made.notary, today)


def _good_until(decision: Decision, now: datetime) -> datetime:
    day = now.astimezone(UTC).date()
    last = min(day, decision.expires or day)
    midnight = datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC)
    return min(now + GOOD_FOR, midnight)


# What a denial obliges to.
_DENIED: Final = {reasons.HOLD_FOR_SENDER: Verdict.HOLD, reasons.SECURE_LINK: Verdict.LINK}

# Who may agree is told how; what nobody knows, and what has no TLS, no consent lets through.
CONSENT: Final = (
    "Your organisation lets you agree to this delivery: send the message again with [consent] as the first word of its"
    " subject. The word is removed before it leaves, and that somebody agreed is recorded, without names. To agree for"
    " all your mail to a reader, enter the address under Consents on the pages of your mailbox."
)
LINK: Final = (
    "Or send it again with [link] as the first word of its subject: it stays here then, sealed, and its reader gets a"
    " link to read it by."
)


def _by_bloc(decision: Decision) -> bool:
    return all(code.startswith(f"{reasons.EGRESS_PLAINTEXT_DENIED}:") for code in decision.because)


def _permission(made: _Made, public_id: str) -> Permission:
    decision = made.decision
    verdict = Verdict.HOLD
    if decision.verdict is Decided.ALLOW:
        verdict = Verdict.ALLOW
    elif decision.verdict is Decided.DENY:
        verdict = next((_DENIED[duty] for duty in decision.obligations if duty in _DENIED), Verdict.DENY)
    # What the sender can do about it stands in the notice.
    codes = [code for code in decision.because if code != reasons.OFFER_E2E_OR_PORTAL]
    words = in_english([reason(code, made.notary.atlas) for code in codes], made.notary.atlas)
    if decision.verdict is Decided.DENY and made.policy.consent and _by_bloc(decision):
        words = f"{words} {CONSENT}"
    # The note of a link needs TLS like everything else.
    if verdict in {Verdict.DENY, Verdict.HOLD} and reasons.EGRESS_TLS_REQUIRED not in decision.because:
        words = f"{words} {LINK}"
    return Permission(verdict, decision.because, public_id, words)
