"""Publishing, starting and finishing jobs: enforcement where work is handed out and where it is taken up.

Publishing asks whether this cell may work for the tenant at all, writes the row in the caller's transaction and sends
a wake-up once that is committed. Starting compares the message's cell and policy with the row's and the worker's own:
what differs is *dead*, a row that stays for a person to read. A wake-up that is lost costs one sweep, a worker that
is killed costs `LEASE`; a job may be done twice and must bear that.

Life: waiting ─▶ running ─▶ done; running ─(failed, lease over)─▶ waiting; anything that does not fit ─▶ dead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from jurisdiction import reasons
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.questions import Decision, Place, Verdict
from jurisdiction.records import policies
from jurisdiction.sentences import in_english, sentences
from mailhost.models import Job

POINT: Final = 4  # enforcement point: task publish and worker start
LEASE: Final = timedelta(minutes=15)  # a job that has not come back by then is given to another worker
RESEND_AFTER: Final = timedelta(seconds=30)  # a wake-up has arrived by then or is lost
BACK_OFF: Final = timedelta(minutes=1)  # after the first failure; doubled with each
MAX_ATTEMPTS: Final = 8  # two hours of trying; then a person looks
KEEP_DONE: Final = timedelta(days=7)  # long enough to see what happened last week
POLICY_CHANGED: Final = "the policy changed after this was published"
WRONG_STAMP: Final = "the message was not stamped like its job"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a message carries: an id, the cell it is for, and the policy it was published under."""

    job: int
    cell: str
    policy: str


type Wake = Callable[[Stamp], None]


class NotPublished(Exception):
    """This cell must not do that work; the text explains why."""


def publish(
    kind: str,
    notary: Notary,
    now: datetime,
    wake: Wake,
    *,
    tenant: str = "",
    about: int | None = None,
    cell: str = "",
) -> Job:
    """Write a job down and wake a worker once the caller's transaction is committed. Raises NotPublished, NoPolicy."""
    cell = cell or notary.home.cell
    policy = _policy(tenant, notary)
    refusal = _refusal(kind, cell, tenant, policy, notary, now)
    if refusal is not None:
        raise NotPublished(in_english(sentences(refusal, notary.atlas), notary.atlas))
    with transaction.atomic():
        digest = policy.digest() if tenant else ""
        job = Job.objects.create(cell=cell, kind=kind, tenant=tenant, about=about, policy=digest, due=now)
        transaction.on_commit(partial(wake, Stamp(job.pk, job.cell, job.policy)))
    return job


def _policy(tenant: str, notary: Notary) -> Policy:
    """Work of the cell itself is bound to its own country."""
    return policies.in_force(tenant, notary.key.verify_key) if tenant else home_policy(notary.home.country)


def _question(task_cell: str, tenant: str, notary: Notary) -> Place:
    """May this machine do it? A cell's upkeep is nobody's mail and must be done whoever owns the machine by now."""
    home = notary.home
    controllers = home.controllers if tenant else (home.country,)
    return Place("worker", home.country, controllers, geo="agree", cell=home.cell, task_cell=task_cell)


def _refusal(kind: str, task_cell: str, tenant: str, policy: Policy, notary: Notary, now: datetime) -> Decision | None:
    """The decision if it is not to be done, written down; None if it is."""
    question = _question(task_cell, tenant, notary)
    decision = notary.decide(question, policy, now)
    if decision.verdict is Verdict.ALLOW:
        return None
    policies.record(POINT, question, kind, decision, policy, notary, tenant=tenant, on=now.date())
    return decision


def start(stamp: Stamp, notary: Notary, now: datetime) -> Job | None:
    """The job, claimed for `LEASE`; None if it is not to be done now, or by this worker ever."""
    if stamp.cell != notary.home.cell:
        _refusal("unknown", stamp.cell, "", home_policy(notary.home.country), notary, now)
        _bury(stamp.job, reasons.CELL_MISMATCH)
        return None
    claimed = (
        Job.objects.filter(pk=stamp.job, due__lte=now)
        .filter(Q(state=Job.State.WAITING) | Q(state=Job.State.RUNNING, claimed_until__lt=now))
        .update(state=Job.State.RUNNING, claimed_until=now + LEASE, attempts=F("attempts") + 1)
    )
    if not claimed:
        return None
    job = Job.objects.get(pk=stamp.job)
    why = _misfit(job, stamp, notary, now)
    if why:
        _bury(job.pk, why)
        return None
    return job


def _misfit(job: Job, stamp: Stamp, notary: Notary, now: datetime) -> str:
    """Why this worker must not do this job; empty if it may."""
    if job.cell != notary.home.cell:
        return reasons.CELL_MISMATCH
    if stamp.policy != job.policy:
        return WRONG_STAMP
    try:
        policy = _policy(job.tenant, notary)
    except policies.NoPolicy:
        return "the tenant is gone"
    if job.tenant and policy.digest() != job.policy:
        return POLICY_CHANGED
    refusal = _refusal(job.kind, job.cell, job.tenant, policy, notary, now)
    return "" if refusal is None else " ".join(refusal.because)


def _bury(job: int, why: str) -> None:
    alive = Job.objects.filter(pk=job).exclude(state=Job.State.DONE)
    alive.update(state=Job.State.DEAD, claimed_until=None, reason=why[:200])


def bury(job: Job, why: str) -> None:
    """It will never be done; it stays for a person to read."""
    _bury(job.pk, why)


def finish(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, claimed_until=None, reason="")


def fail(job: Job, error: str, now: datetime) -> None:
    """Put it off, longer with each attempt; after `MAX_ATTEMPTS` it is dead. `error` is the exception's class."""
    if job.attempts >= MAX_ATTEMPTS:
        _bury(job.pk, f"failed {job.attempts} times, last with {error}")
        return
    due = now + BACK_OFF * 2 ** (job.attempts - 1)
    Job.objects.filter(pk=job.pk).update(state=Job.State.WAITING, claimed_until=None, due=due, reason=error)


def again(number: int, notary: Notary, now: datetime, wake: Wake) -> Job | None:
    """Have a dead or waiting job done now, as if it were published now; None if it runs, is done, or is not there.

    The decision is asked anew and the job stamped with the policy of today. Raises NotPublished, NoPolicy.
    """
    with transaction.atomic():
        startable = Job.objects.filter(pk=number, state__in=(Job.State.DEAD, Job.State.WAITING))
        job = startable.select_for_update().first()
        if job is None:
            return None
        policy = _policy(job.tenant, notary)
        refusal = _refusal(job.kind, job.cell, job.tenant, policy, notary, now)
        if refusal is not None:
            raise NotPublished(in_english(sentences(refusal, notary.atlas), notary.atlas))
        job.policy = policy.digest() if job.tenant else ""
        job.state, job.due, job.attempts, job.reason = Job.State.WAITING, now, 0, ""
        job.save(update_fields=["policy", "state", "due", "attempts", "reason"])
        transaction.on_commit(partial(wake, Stamp(job.pk, job.cell, job.policy)))
    return job


def is_underway(kind: str) -> bool:
    """Whether a job of this kind waits or runs."""
    return Job.objects.filter(kind=kind, state__in=(Job.State.WAITING, Job.State.RUNNING)).exists()


def last_done(kind: str) -> datetime | None:
    """When the newest finished job of this kind was due."""
    done = Job.objects.filter(kind=kind, state__in=(Job.State.DONE, Job.State.DEAD))
    return done.order_by("-due").values_list("due", flat=True).first()


def sweep(now: datetime, wake: Wake) -> int:
    """Wake workers again for what is late, and forget what was done long ago; how many wake-ups were sent."""
    Job.objects.filter(state=Job.State.DONE, due__lt=now - KEEP_DONE).delete()
    late = Job.objects.filter(
        Q(state=Job.State.WAITING, due__lte=now - RESEND_AFTER) | Q(state=Job.State.RUNNING, claimed_until__lt=now)
    )
    sent = 0
    for job in late.order_by("due")[:1000]:
        wake(Stamp(job.pk, job.cell, job.policy))
        sent += 1
    return sent
