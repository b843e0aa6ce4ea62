"""What `skerry doctor` looks at beside the machine: facts, places, leases, ledger, witnesses, what leaves, jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from jurisdiction.geo import AGREE, TOR_FOLDER, GeoDataError, load_tor
from jurisdiction.models import Incident, LeaseRow
from jurisdiction.records import evidence, ledger, policies
from mailhost.models import Job
from webadmin.cell import identity, notarial, witnessing
from webadmin.doctor.checks import Check, Looker, State
from webadmin.environ import Environ

CHECKPOINT_AGE: Final = timedelta(days=1)  # one is signed every ten minutes when something happened


def _facts(environ: Environ, now: datetime) -> Iterator[Check]:
    today = now.date()
    atlas = notarial.notary(environ, today=today).atlas
    about = [*atlas.facts_about(environ.country)]
    due = [fact.id for fact in about if fact.confidence == "verified" and today > fact.next_review]
    if due:
        yield Check(
            "facts",
            State.WARNING,
            f"{len(due)} facts about {environ.country} are due for review and count as unverified",
            "install newer facts (they come with a release); `skerry atlas show` lists them",
        )
    else:
        yield Check("facts", State.OK, f"bundle {atlas.serial} of {atlas.issued}, {len(about)} about {environ.country}")


def _place(environ: Environ, now: datetime) -> Iterator[Check]:
    if not environ.public_address:
        said = evidence.geo_verdict(evidence.current(notarial.notary(environ, today=now.date())))
        if said != AGREE:
            yield Check(
                "place",
                State.PROBLEM,
                f"geolocation of this machine's address was {said} when it was last asked, and that counts until it is"
                " asked again",
                "set SKERRY_PUBLIC_ADDRESS, and SKERRY_GEO_DATABASE to any .mmdb; then `skerry evidence renew`",
            )
            return
        state = State.OK if environ.serves_loopback_only else State.WARNING
        remedy = "" if environ.serves_loopback_only else "set SKERRY_PUBLIC_ADDRESS to the address in your MX's records"
        yield Check("place", state, f"declared to be in {environ.country}; nothing else is looked at", remedy)
        return
    try:
        data = load_tor(TOR_FOLDER)
    except GeoDataError as problem:
        yield Check("place", State.PROBLEM, str(problem), "without a dataset the place is unknown, and so not allowed")
        return
    if data.stale(now.date()):
        yield Check("place", State.PROBLEM, f"{data.name} is too old to say anything", "apt install tor-geoipdb")
    elif environ.geo_database is None:
        yield Check("place", State.PROBLEM, "one dataset is no agreement", "set SKERRY_GEO_DATABASE to any .mmdb")
    else:
        yield Check("place", State.OK, f"{data.name} of {data.made} and {environ.geo_database.name}")


def _leases(environ: Environ, now: datetime) -> Iterator[Check]:
    held = Incident.objects.filter(closed__isnull=True).values("tenant").distinct().count()
    ended = LeaseRow.objects.filter(expires__lt=now.date()).values("tenant").distinct().count()
    if held:
        yield Check(
            "leases",
            State.PROBLEM,
            f"nothing new is stored for {held} tenants: the evidence for {environ.country} drifted",
            "`skerry policy show SLUG` says why, `skerry evidence renew` decides anew",
        )
    elif ended:
        yield Check("leases", State.PROBLEM, f"leases of {ended} tenants have ended", "is the worker running?")
    else:
        yield Check("leases", State.OK, f"{LeaseRow.objects.count()} in force")


def _ledger(environ: Environ, now: datetime) -> Iterator[Check]:
    found = ledger.state(notarial.notary(environ, today=now.date()), witnessing.keys(environ), now)
    if found is None or (found.size < found.entries_now and found.age > CHECKPOINT_AGE):
        yield Check("ledger", State.WARNING, "no head was signed lately", "is the worker running?")
    elif found.witnessed:
        yield Check("ledger", State.OK, f"{found.entries_now} entries, {found.sentence}")
    elif environ.witness_list:
        yield Check(
            "ledger",
            State.WARNING,
            f"{found.entries_now} entries, unwitnessed: no witness has signed the newest head",
            "`skerry ledger export` asks them again and says what they answer",
        )
    else:
        state = State.OK if environ.serves_loopback_only else State.WARNING
        remedy = (
            "" if environ.serves_loopback_only else "ask somebody you do not control to witness it: SKERRY_WITNESSES"
        )
        yield Check("ledger", state, f"{found.entries_now} entries, unwitnessed", remedy)


def _leaving(environ: Environ, now: datetime) -> Iterator[Check]:
    """With a relay and no resolver nobody knows to whose hosts mail goes: what a policy keeps from a bloc is held."""
    if not environ.smarthost or environ.resolver or environ.private_targets:
        return
    notary = notarial.notary(environ, today=now.date())
    keeping = sum(bool(policy.egress_plain_deny_blocs) for _, policy in policies.all_in_force(notary.key.verify_key))
    if keeping:
        yield Check(
            "outgoing mail",
            State.WARNING,
            f"all readable mail of {keeping} tenants is held: their policies keep it from blocs, and where"
            " SKERRY_SMARTHOST takes it nobody can look up",
            "run a validating resolver on loopback and set SKERRY_RESOLVER; what is held, authors send again",
        )


def _jobs(_environ: Environ, _now: datetime) -> Iterator[Check]:
    dead = Job.objects.filter(state=Job.State.DEAD).count()
    if dead:
        yield Check("jobs", State.WARNING, f"{dead} are dead", "their rows say why: table mailhost_job, state 'dead'")
    else:
        yield Check("jobs", State.OK, "none is dead")


def _where_prepared(look: Looker) -> Looker:
    """A cell that is not prepared has nothing of this; that it is not is said elsewhere."""

    def looker(environ: Environ, now: datetime) -> Iterator[Check]:
        if identity.stored_identity() is not None and not identity.pending_migrations():
            yield from look(environ, now)

    looker.__name__ = look.__name__
    return looker


LOOKERS: Final[tuple[Looker, ...]] = tuple(map(_where_prepared, (_facts, _place, _leases, _ledger, _leaving, _jobs)))
