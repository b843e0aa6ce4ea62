"""Evidence, its grades, and the leases that follow from it."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction.atlas import Atlas
from jurisdiction.decisions import survey_of
from jurisdiction.evidence import (
    CHALLENGE_BLOBS,
    LEASE_DAYS,
    Assessment,
    ChallengeFailed,
    Declaration,
    Grade,
    Item,
    Kind,
    LeaseState,
    NoLease,
    answer,
    assess,
    challenged,
    check_answer,
    drifted,
    fastest,
    lease,
    lease_state,
    proof_limit_ms,
    proves,
    refutes,
)
from jurisdiction.questions import Decision, RoundTrip, Verdict

TODAY = date(2026, 11, 21)
DAY = timedelta(days=1)
NONCE = b"n" * 32


def test_seven_milliseconds_to_reykjavik_prove_iceland(atlas: Atlas) -> None:
    landmark = atlas.landmarks["Reykjavik"]
    assert proof_limit_ms(landmark) == pytest.approx(7.0, abs=0.1)
    assert proves(landmark, 0.3) == "IS"
    assert proves(landmark, 6.9) == "IS"
    assert proves(landmark, 7.2) is None
    assert proves(landmark, -1) is None


def test_nothing_proves_switzerland(atlas: Atlas) -> None:
    assert proof_limit_ms(atlas.landmarks["Zurich"]) is None
    assert proves(atlas.landmarks["Zurich"], 0.01) is None


def test_a_reply_faster_than_light_refutes_the_place(atlas: Atlas) -> None:
    survey = survey_of(atlas)
    assert refutes(RoundTrip("New York", 30), "IS", survey)
    assert not refutes(RoundTrip("New York", 43), "IS", survey)
    assert not refutes(RoundTrip("Atlantis", 0), "IS", survey)


def test_only_the_fastest_reply_counts() -> None:
    samples = [RoundTrip("Oslo", 30), RoundTrip("Oslo", 20), RoundTrip("Oslo", 25), RoundTrip("London", 1)]
    assert fastest(samples) == {"Oslo": RoundTrip("Oslo", 20), "London": RoundTrip("London", 1)}


@given(st.binary(min_size=32, max_size=32), st.sets(st.text("abcdef", min_size=4, max_size=8), max_size=60))
def test_a_challenge_asks_for_blobs_that_exist_and_each_once(nonce: bytes, blobs: set[str]) -> None:
    names = sorted(blobs)
    asked = challenged(nonce, names)
    assert set(asked) <= blobs
    assert len(set(asked)) == len(asked) == min(CHALLENGE_BLOBS, len(blobs))
    assert asked == challenged(nonce, names[::-1])


def test_another_nonce_asks_for_others() -> None:
    names = [f"{number:04}" for number in range(1000)]
    assert challenged(NONCE, names) != challenged(b"m" * 32, names)
    with pytest.raises(ValueError, match="32 bytes"):
        challenged(b"short", names)


def test_an_answer_needs_the_blobs_themselves() -> None:
    blobs = [b"one", b"two"]
    check_answer(answer(NONCE, blobs), answer(NONCE, blobs))
    for wrong in (
        [b"two", b"one"],
        [b"onetwo"],
        [b"one"],
        [hashlib.sha256(blob).digest() for blob in blobs],
    ):
        with pytest.raises(ChallengeFailed):
            check_answer(answer(NONCE, blobs), answer(NONCE, wrong))
    with pytest.raises(ChallengeFailed):
        check_answer(answer(NONCE, blobs), answer(b"m" * 32, blobs))


def test_a_declaration_has_a_digest_over_everything_it_says() -> None:
    said = Declaration("n1", "is-1", "IS", "Keflavík", "verne-is", "skerry", "ab" * 32, TODAY)
    digests = {said.digest()} | {
        replace(said, **{name: "x"}).digest()  # type: ignore[arg-type]
        for name in ("node", "cell", "country", "site", "facility", "platform", "certificate")
    }
    assert len(digests | {replace(said, declared_on=TODAY + DAY).digest()}) == 9


def item(kind: Kind, supports: str | None = "IS", age: int = 0) -> Item:
    return Item(kind, supports, TODAY - age * DAY, f"{kind}-{age}")


@pytest.mark.parametrize(
    ("items", "proven", "grade", "age"),
    [
        ([], False, None, None),
        ([item(Kind.DECLARATION)], False, Grade.C, 0),
        ([item(Kind.GEO, age=3), item(Kind.DECLARATION, age=9)], False, Grade.C, 3),
        ([item(Kind.DNS_WALK, age=4), item(Kind.DECLARATION)], False, Grade.B, 4),
        ([item(Kind.STORED_ROUND_TRIP, age=5), item(Kind.DNS_WALK)], True, Grade.A, 5),
        ([item(Kind.ROUND_TRIP)], False, Grade.C, 0),  # near a border
        ([item(Kind.ROUND_TRIP, age=20), item(Kind.ROUND_TRIP, age=2)], True, Grade.A, 2),
    ],
)
def test_the_best_evidence_grades_the_place(
    items: list[Item], proven: bool, grade: Grade | None, age: int | None
) -> None:
    found = assess(items, "IS", proven, TODAY)
    assert (found.grade, found.age_days, found.contradicted) == (grade, age, False)
    assert set(found.digests) == {one.digest for one in items}


def test_one_contradiction_outweighs_everything() -> None:
    for against in (item(Kind.ROUND_TRIP, None), item(Kind.GEO, "NO")):
        assert assess([item(Kind.STORED_ROUND_TRIP), against], "IS", True, TODAY).contradicted


ALLOWED = Decision(Verdict.ALLOW, ("LOC_OK", "CTRL_OK"))
GOOD = Assessment(Grade.A, 0, contradicted=False, digests=())


@pytest.mark.parametrize("grade", list(Grade))
def test_a_lease_lasts_as_long_as_its_evidence_is_good(grade: Grade) -> None:
    held = lease("primary", ALLOWED, replace(GOOD, grade=grade), TODAY)
    assert held.expires == TODAY + LEASE_DAYS[grade.value] * DAY


def test_a_lease_ends_with_its_decision() -> None:
    assert lease("primary", ALLOWED._replace(expires=TODAY + DAY), GOOD, TODAY).expires == TODAY + DAY


@pytest.mark.parametrize(
    ("decision", "assessment", "why"),
    [
        (Decision(Verdict.DENY, ("LOC_UNKNOWN",)), GOOD, "deny: LOC_UNKNOWN"),
        (Decision(Verdict.HOLD, ("FACT_UNVERIFIED:x",)), GOOD, "hold"),
        (ALLOWED, replace(GOOD, contradicted=True), "contradicts"),
        (ALLOWED, replace(GOOD, grade=None), "no evidence"),
    ],
)
def test_no_lease_without_permission_and_evidence(decision: Decision, assessment: Assessment, why: str) -> None:
    with pytest.raises(NoLease, match=why):
        lease("primary", decision, assessment, TODAY)
    held = lease("primary", ALLOWED, GOOD, TODAY)
    found = drifted(held, decision, assessment, TODAY + DAY)
    assert found is not None
    assert why in found
    assert drifted(held, ALLOWED, GOOD, TODAY + DAY) is None


def test_a_lease_is_due_every_day_and_expires_by_itself() -> None:
    held = lease("primary", ALLOWED, replace(GOOD, grade=Grade.C), TODAY)
    days = [(TODAY - DAY), TODAY, TODAY + DAY, held.expires, held.expires + DAY]
    states = [LeaseState.EXPIRED, LeaseState.VALID, LeaseState.DUE, LeaseState.DUE, LeaseState.EXPIRED]
    assert [lease_state(held, day) for day in days] == states
