"""What happened in a demo cell: mail that waits for every reason, reports, jobs, operators' acts, decisions, tokens.

Queue items are sealed as real ones are and due in some hours, so that whoever looks finds them before a dispatcher
does. Everything hangs on the rows that `houses` made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from jurisdiction import reasons
from jurisdiction.models import DecisionRecord, OperatorAct, OperatorSession
from jurisdiction.notary import Notary
from jurisdiction.records import policies
from mailhost.adapters.queue import destination_digest
from mailhost.adapters.queueboxes import seal_content, seal_envelope
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import (
    AppPassword,
    Domain,
    Job,
    Mailbox,
    QueueDestination,
    QueuedMessage,
    QueueItem,
    ReceivedReport,
    ReportedMail,
    ReportedSessions,
    Tenant,
)
from mailhost.outbound.notices import WHY
from mailhost.outbox import Forward, Outgoing
from mailhost.provision.restoring import HELD
from webadmin.api import rights, tokens

REPORT_DAYS: Final = 14
MOST_TOKENS: Final = tokens.MAX_TOKENS - 10  # some are left for whoever tries the page
_REPORTERS: Final = ("Example Mail", "Fjord Online", "Postmaster Nord")
_JOB_KINDS: Final = ("check-domains", "renew-leases", "rotate-domain-keys", "sweep-store", "sign-checkpoint")
_ACTS: Final = ("queue show", "queue retry", "tenant suspend", "domain add", "mailbox delete")


@dataclass(frozen=True, slots=True)
class Around:
    """The cell, its keys and the moment."""

    notary: Notary
    queue_keys: QueueKeys
    correspondent_key: bytes
    token_key: bytes
    now: datetime


def untouched(houses: Sequence[Tenant]) -> list[Tenant]:
    """Those to which nothing happened yet."""
    seen = set(Job.objects.filter(tenant__in=[tenant.slug for tenant in houses]).values_list("tenant", flat=True))
    return [tenant for tenant in houses if tenant.slug not in seen]


def happen(houses: Sequence[Tenant], each: int, seed: int, around: Around) -> None:
    """About `each` of everything for every tenant."""
    chance = Random(seed)  # noqa: S311  # believable, and the same every time; nothing secret comes of it
    session = _session(around)
    for tenant in houses:
        box = Mailbox.objects.filter(tenant=tenant).order_by("pk").first()
        if box is not None:
            _queue(tenant, box, each, chance, around)
            _app_passwords(box, each, around)
        _jobs(tenant, each, chance, around)
        _acts(tenant, session, each, chance, around)
        _decisions(tenant, each, chance, around)
        _tokens(tenant, each, around)
        domain = Domain.objects.filter(tenant=tenant).order_by("pk").first()
        if domain is not None:
            _reports(domain, each, chance, around)


def _queue(tenant: Tenant, box: Mailbox, each: int, chance: Random, around: Around) -> None:
    """Mail on its way out: for every reason to wait, not tried yet, or held until a person lets it go."""
    hour = around.now.replace(minute=0, second=0, microsecond=0)
    keys = around.queue_keys.of_today(around.now.astimezone(UTC).date())
    for number in range(each):
        state, reason = standing(number)
        to = f"reader{number}.test"
        opaque = f"{chance.getrandbits(128):032x}"
        forward = Forward(f"someone@{to}", to)
        content = f"From: {box.address}\r\nTo: someone@{to}\r\nSubject: Demo\r\n\r\nHello.\r\n".encode()
        outgoing = Outgoing(opaque, tenant.pk, box.pk, box.address, (forward,), content)
        queued = hour - timedelta(hours=chance.randrange(30))
        message = QueuedMessage.objects.create(
            cell=tenant.cell,
            tenant=tenant,
            mailbox=box,
            opaque_id=opaque,
            queued=queued,
            content=seal_content(keys, opaque, content),
        )
        due = around.now + timedelta(hours=chance.randrange(4, 40))
        destination, _new = QueueDestination.objects.get_or_create(
            digest=destination_digest(to, around.correspondent_key),
            defaults={"cell": tenant.cell, "due": due, "failures": number % 4},
        )
        QueueItem.objects.create(
            cell=tenant.cell,
            message=message,
            destination=destination,
            state=state,
            attempts=chance.randrange(1, 9) if reason else 0,
            due=due,
            queued=queued,
            reason=reason,
            envelope=seal_envelope(keys, outgoing, (forward,), queued, seed=""),
        )


def standing(number: int) -> tuple[QueueItem.State, str]:
    """State and reason of the item of this number: what a real queue has, for an answer that is final leaves it."""
    if number % 5 == 4:
        return QueueItem.State.HELD, HELD
    # A status that begins with 4 is for now, and tried again.
    passing = [reason for reason, (status, _words) in WHY.items() if status.startswith("4.") and reason != HELD]
    turn = number - number // 5  # how many waiting ones came before it
    return QueueItem.State.WAITING, ("", *passing)[turn % (len(passing) + 1)]


def _app_passwords(box: Mailbox, each: int, around: Around) -> None:
    today, there = around.now.date(), AppPassword.objects.filter(mailbox=box).count()
    AppPassword.objects.bulk_create(
        AppPassword(
            mailbox=box,
            name=f"device {number + 1}",
            access=AppPassword.Access.SEALED,
            # Nobody has what this is a hash of.
            secret_hash=hashlib.sha256(f"{box.pk}.{number}".encode()).digest(),
            created=today - timedelta(days=number),
            revoked=today if number % 3 == 2 else None,
        )
        for number in range(there, there + min(each, 30))
    )


def _jobs(tenant: Tenant, each: int, chance: Random, around: Around) -> None:
    states = (Job.State.DONE, Job.State.WAITING, Job.State.DEAD)
    Job.objects.bulk_create(
        Job(
            cell=tenant.cell,
            kind=chance.choice(_JOB_KINDS),
            tenant=tenant.slug,
            state=states[number % len(states)],
            attempts=number % 4,
            # What waits is due on a day that a demo does not see.
            due=around.now + timedelta(days=365) if number % 3 == 1 else around.now - timedelta(hours=number),
            reason="TimeoutError" if number % 3 == 2 else "",
        )
        for number in range(each)
    )


def _session(around: Around) -> OperatorSession:
    """An operator's session that has ended: its acts can be read, and nobody can act in it."""
    then = around.now - timedelta(days=2)
    found, _new = OperatorSession.objects.get_or_create(
        public_id=hashlib.sha256(b"demo").hexdigest()[:32],
        defaults={
            "cell": around.notary.home.cell,
            "operator": "demo-operator",
            "country": around.notary.home.country,
            "reason": "a demonstration",
            "opened": then,
            "expires": then + timedelta(hours=4),
            "closed": then + timedelta(hours=3),
        },
    )
    return found


def _acts(tenant: Tenant, session: OperatorSession, each: int, chance: Random, around: Around) -> None:
    # The newest come last, as in life: lists go by the order in which rows were made.
    OperatorAct.objects.bulk_create(
        OperatorAct(
            cell=tenant.cell,
            session=session,
            tenant=tenant.slug,
            act=chance.choice(_ACTS),
            at=around.now - timedelta(days=2, minutes=number),
            refused=reasons.OPERATOR_LOC_DENIED if number % 4 == 3 else "",
        )
        for number in reversed(range(each))
    )


def _decisions(tenant: Tenant, each: int, chance: Random, around: Around) -> None:
    policy = policies.in_force(tenant.slug, around.notary.key.verify_key)
    DecisionRecord.objects.bulk_create(
        DecisionRecord(
            cell=tenant.cell,
            on=around.now.date() - timedelta(days=number * 60 // each),
            point=chance.choice((1, 2, 3)),
            question="place",
            tenant=tenant.slug,
            asset=chance.choice(("primary", "backup")),
            verdict="deny" if number % 7 == 6 else "allow",
            because=f"{reasons.LOC_OK} {reasons.CTRL_OK}" if number % 7 != 6 else reasons.NOT_IN_ALLOWLIST,
            policy=policy.digest(),
            facts_serial=around.notary.atlas.serial,
        )
        for number in reversed(range(each))
    )


def _tokens(tenant: Tenant, each: int, around: Around) -> None:
    today = around.now.date()
    there = len(tokens.of_tenant(tenant.slug))
    for number in range(there, min(there + each, MOST_TOKENS)):
        tokens.make(
            tenant=tenant,
            operator="",
            cell=tenant.cell,
            name=f"program {number + 1}",
            allowed=rights.chosen(["read"], operator=False),
            expires=today + timedelta(days=30 + number),
            today=today,
            key=around.token_key,
        )


def _reports(domain: Domain, each: int, chance: Random, around: Around) -> None:
    for number in range(min(each, REPORT_DAYS)):
        for place, reporter in enumerate(_REPORTERS):
            kind = ReceivedReport.Kind.TLS if place == 2 else ReceivedReport.Kind.DMARC
            report = ReceivedReport.objects.create(
                domain=domain,
                kind=kind,
                day=around.now.date() - timedelta(days=number),
                reporter=reporter,
                proven=place != 1,
                digest=hashlib.sha256(f"{chance.getrandbits(64)}.{domain.name}".encode()).digest()[:16],
            )
            if kind == ReceivedReport.Kind.TLS:
                ReportedSessions.objects.create(
                    report=report, policy="sts", result="success", sessions=chance.randrange(20, 400)
                )
            else:
                ReportedMail.objects.create(
                    report=report,
                    network="192.0.2.0/24",
                    disposition="none",
                    aligned_dkim=number % 4 != 3,
                    aligned_spf=number % 8 != 7,
                    messages=chance.randrange(1, 300),
                )
