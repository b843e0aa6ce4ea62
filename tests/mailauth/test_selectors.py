"""Rotation of DKIM keys, lived through day by day."""

from datetime import date, timedelta

import pytest

from mailhost.mailauth.dkim_key import Algorithm
from mailhost.mailauth.selectors import NAMES, STAY, STEPS, Slot, State, Step, Verb, WrongStep, after, due, new_slots

START = date(2025, 1, 1)
RSA, ED25519 = Algorithm.RSA_SHA256, Algorithm.ED25519_SHA256


def take(slots: tuple[Slot, ...], today: date) -> tuple[Slot, ...]:
    for step in due(slots, today):
        slots = after(slots, step, today)
    return slots


def signing(slots: tuple[Slot, ...]) -> list[str]:
    return sorted(slot.algorithm or "" for slot in slots if slot.state is State.SIGNING)


def test_a_new_domain_signs_with_both_algorithms_on_its_first_day() -> None:
    slots = take(new_slots(), START)
    assert signing(slots) == [ED25519, RSA]
    assert [slot.state for slot in slots] == [State.SIGNING, State.SIGNING, State.EMPTY]


@pytest.mark.parametrize("pace", [1, 3, 40])
def test_for_years_no_signature_lacks_its_record(pace: int) -> None:
    slots, today, changes = new_slots(), START, 0
    published: dict[str, date] = {}
    while today < START + timedelta(days=2000):
        for step in due(slots, today):
            if step.verb is Verb.SIGN and changes > 1:
                assert today - published[step.name] >= STAY[State.PUBLISHED]
            if step.verb is Verb.PUBLISH:
                published[step.name] = today
            changes += step.verb is Verb.SIGN
            slots = after(slots, step, today)
        assert signing(slots) == [ED25519, RSA]
        assert sum(slot.state is not State.EMPTY for slot in slots) <= len(NAMES)
        today += timedelta(days=pace)
    # Two changes in a little more than each half year.
    assert 12 <= changes <= 24


def test_a_key_is_deleted_only_after_its_mail_has_been_read() -> None:
    slots = take(new_slots(), START)
    slots = take(take(slots, START + timedelta(days=180)), START + timedelta(days=182))
    retired = next(slot for slot in slots if slot.state is State.RETIRED)
    assert retired.algorithm is RSA
    day = retired.since
    slots = take(slots, day + STAY[State.RETIRED] - timedelta(days=1))
    assert any(slot.name == retired.name and slot.state is State.RETIRED for slot in slots)
    assert due(slots, day + STAY[State.RETIRED])[0] == Step(Verb.DELETE, retired.name, RSA)


def test_asking_twice_on_one_day_gives_nothing_more() -> None:
    today = START
    slots = new_slots()
    for _ in range(300):
        slots = take(slots, today)
        assert due(slots, today) == []
        today += timedelta(days=1)


def test_a_step_out_of_turn_is_refused() -> None:
    slots = new_slots()
    for verb in (Verb.SIGN, Verb.RETIRE, Verb.DELETE):
        with pytest.raises(WrongStep):
            after(slots, Step(verb, "s1", RSA), START)
    with pytest.raises(WrongStep):
        after(slots, Step(Verb.PUBLISH, "s9", RSA), START)


def test_the_steps_form_a_ring() -> None:
    state, seen = State.EMPTY, []
    for _ in STEPS:
        verb = next(verb for verb, (begin, _) in STEPS.items() if begin is state)
        state = STEPS[verb][1]
        seen.append(verb)
    assert (state, len(set(seen))) == (State.EMPTY, 4)
