"""Rotating DKIM keys: three selectors, two of which sign while the third changes (RFC 6376 §3.1, RFC 8463 §6).

A customer points three names at us once, by CNAME, and never again. Behind them each slot goes round:

    EMPTY ──publish──▶ PUBLISHED ──sign──▶ SIGNING ──retire──▶ RETIRED ──delete──▶ EMPTY
             │  wait until the record      │  for half a    │  wait until mail in queues
             ▼  is everywhere              ▼  year          ▼  has been read and checked

One slot signs with RSA, one with Ed25519 (each needs its own key record), and the third is where the successor of
the older one is made. Every half year both change, one after the other, and never does a signature lack its record.

In: the slots, the date, and which records the DNS shows: nothing is signed with a key that nobody can look up. Out:
the steps due today (`due`), and the slots after a step (`after`). No key is made and no record written here; who does
takes the steps one by one and stores the slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from mailhost.mailauth.dkim_key import Algorithm

# The names in customers' zones. They say nothing of the provider: a name that did would tell who hosts a domain.
NAMES = ("s1", "s2", "s3")


class State(StrEnum):
    """Where a slot stands."""

    EMPTY = "empty"
    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"


class Verb(StrEnum):
    """A step."""

    PUBLISH = "publish"  # make a key of the step's algorithm and publish its record
    SIGN = "sign"  # sign with it from now on
    RETIRE = "retire"  # stop signing with it, leave its record
    DELETE = "delete"  # take its record away and destroy the key


# verb: (from, to)
STEPS = {
    Verb.PUBLISH: (State.EMPTY, State.PUBLISHED),
    Verb.SIGN: (State.PUBLISHED, State.SIGNING),
    Verb.RETIRE: (State.SIGNING, State.RETIRED),
    Verb.DELETE: (State.RETIRED, State.EMPTY),
}

# How long a state lasts at least.
STAY = {
    # Resolvers may have cached that the name was empty; no sane time to live is longer.
    State.PUBLISHED: timedelta(days=2),
    # RFC 6376 §6.1.2 leaves it to the signer; half a year is what the large providers do.
    State.SIGNING: timedelta(days=180),
    # Five days in a queue, and mailboxes that are fetched once a fortnight.
    State.RETIRED: timedelta(days=14),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One selector. `since` is the day of the last step; `algorithm` is None while EMPTY."""

    name: str
    state: State = State.EMPTY
    algorithm: Algorithm | None = None
    since: date = date.min


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with one slot today."""

    verb: Verb
    name: str
    algorithm: Algorithm


class WrongStep(ValueError):
    """The slot is not in the state that the step begins with."""


def new_slots() -> tuple[Slot, ...]:
    """The slots of a domain that has no keys yet."""
    return tuple(Slot(name) for name in NAMES)


def after(slots: Sequence[Slot], step: Step, today: date) -> tuple[Slot, ...]:
    """The slots with one step done.  Raises WrongStep."""
    begin, end = STEPS[step.verb]
    slot = next((slot for slot in slots if slot.name == step.name), None)
    if slot is None or slot.state is not begin:
        raise WrongStep(f"{step.verb} needs {step.name} to be {begin}")
    done = replace(slot, state=end, since=today, algorithm=None if end is State.EMPTY else step.algorithm)
    return tuple(done if one is slot else one for one in slots)


def due(slots: Sequence[Slot], today: date, *, seen: Collection[str] | None = None) -> list[Step]:
    """The steps to take today, in order; taking them one after the other is always allowed.

    `seen` are the selectors whose records the DNS shows as they should be; None where nobody can ask. A key signs once
    it is seen. Running this twice on one day, or after weeks without, comes to the same place.
    """
    steps: list[Step] = []
    while step := _next(slots, today, seen):
        steps.append(step)
        slots = after(slots, step, today)
    return steps


def _next(slots: Sequence[Slot], today: date, seen: Collection[str] | None) -> Step | None:
    for slot in slots:
        if slot.state is State.RETIRED and today - slot.since >= STAY[State.RETIRED]:
            return _step(Verb.DELETE, slot)
    for algorithm in Algorithm:
        if step := _for(algorithm, slots, today, seen):
            return step
    return None


def _for(algorithm: Algorithm, slots: Sequence[Slot], today: date, seen: Collection[str] | None) -> Step | None:
    """The next step for one algorithm."""
    own = [slot for slot in slots if slot.algorithm is algorithm]
    signing = [slot for slot in own if slot.state is State.SIGNING]
    published = [slot for slot in own if slot.state is State.PUBLISHED]
    if len(signing) > 1:
        return _step(Verb.RETIRE, _oldest(signing))
    if published:
        # A domain's first key signs at once: nobody can have asked for it before.
        long_enough = not signing or today - published[0].since >= STAY[State.PUBLISHED]
        visible = seen is None or published[0].name in seen
        return _step(Verb.SIGN, published[0]) if long_enough and visible else None
    empty = [slot for slot in slots if slot.state is State.EMPTY]
    old = bool(signing) and today - signing[0].since >= STAY[State.SIGNING]
    if not empty or (signing and not old):
        return None
    if signing and _changing(slots):
        # One change at a time leaves a slot for whichever key is needed next.
        return None
    return Step(Verb.PUBLISH, empty[0].name, algorithm)


def _changing(slots: Iterable[Slot]) -> bool:
    return any(slot.state in {State.PUBLISHED, State.RETIRED} for slot in slots)


def _oldest(slots: Sequence[Slot]) -> Slot:
    return min(slots, key=lambda slot: slot.since)


def _step(verb: Verb, slot: Slot) -> Step:
    assert slot.algorithm is not None
    return Step(verb, slot.name, slot.algorithm)
