"""Decisions beyond the worked cases: properties that must hold for every policy, and the edges of time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurisdiction import reasons
from jurisdiction.atlas import Atlas, Fact
from jurisdiction.bundle import load
from jurisdiction.decisions import Decision, Verdict, decide, survey_of
from jurisdiction.places import Point, Survey, contradicts, distance_km, minimum_rtt_ms, reach_km
from jurisdiction.policy import Policy
from jurisdiction.questions import Egress, LawChange, Legal, Moment, Operator, Place, Question, RoundTrip, moment

TODAY = date(2026, 11, 21)
REAL = load()
COUNTRIES = ("IS", "NO", "DE", "NZ", "US", "GB", "CH", "DK", "AQ", "??")
KEYS = ("provider_decryption_duty", "telecom_retention", "sigint_bloc", "gdpr_adequacy", "eevidence_bound")
BLOCS = ("FVEY", "9EYES", "14EYES", "EU", "EEA")

countries = st.lists(st.sampled_from(COUNTRIES), unique=True, max_size=4).map(tuple)
known_countries = st.lists(st.sampled_from(COUNTRIES[:-1]), unique=True, max_size=6).map(tuple)
blocs = st.lists(st.sampled_from(BLOCS), unique=True, max_size=3).map(tuple)
keys = st.lists(st.sampled_from(KEYS), unique=True, max_size=3).map(tuple)
policies = st.builds(
    Policy,
    allow=known_countries,
    deny_blocs=blocs,
    deny_controller_blocs=blocs,
    backup_allow=known_countries,
    egress_plain_deny_blocs=blocs,
    operator_allow=known_countries,
    deny_facts=keys,
)
places = st.builds(
    Place,
    kind=st.sampled_from(("primary", "backup", "worker")),
    location=st.sampled_from(COUNTRIES),
    controllers=countries,
    geo=st.sampled_from(("agree", "agree", "conflict", "unknown")),
    encrypted_client_key=st.booleans(),
    cell=st.sampled_from((None, "is-1", "no-1")),
    task_cell=st.sampled_from((None, "is-1")),
    evidence_age_days=st.sampled_from((None, 0, 30, 31)),
    rtt=st.sampled_from((None, RoundTrip("Reykjavik", 0.1), RoundTrip("New York", 3.0))),
)
egresses = st.builds(
    Egress,
    mx_location=st.sampled_from(COUNTRIES),
    mx_controllers=countries,
    mode=st.sampled_from(("e2e", "note", "tls", "plain")),
    sender_consent=st.booleans(),
    standing_consent=st.booleans(),
    tenant_allows_consent=st.booleans(),
)
operators = st.builds(
    Operator,
    login_country=st.sampled_from(COUNTRIES),
    ticket=st.booleans(),
    wants=st.sampled_from(("metadata", "content")),
)
legals = st.builds(
    Legal,
    from_country=st.sampled_from(COUNTRIES),
    via=st.sampled_from(("direct", "court", "epoc", "mla")),
    cell_country=st.sampled_from(COUNTRIES[:-1]),
    controllers=countries,
    offers_in_eu=st.booleans(),
)
changes = st.builds(
    LawChange,
    country=st.sampled_from(COUNTRIES[:-1]),
    fact=st.sampled_from(KEYS),
    in_force=st.dates(TODAY, date(2028, 1, 1)),
    candidates=countries,
)
questions = st.one_of(places, egresses, operators, legals, changes)
SURVEY = survey_of(REAL)


def ask(question: Question, policy: Policy, atlas: Atlas = REAL, now: date | datetime | Moment = TODAY) -> Decision:
    return decide(question, policy, atlas, SURVEY, now)


@given(questions, policies)
def test_every_code_is_of_the_vocabulary(question: Question, policy: Policy) -> None:
    decision = ask(question, policy)
    assert {reasons.head(code) for code in decision.because} <= reasons.CODES
    assert {reasons.head(duty) for duty in decision.obligations} <= reasons.OBLIGATIONS
    assert len(set(decision.because)) == len(decision.because)
    assert all(REAL.fact(name) for name in decision.facts)
    assert decision.because or decision.verdict is Verdict.NONE


@given(
    st.one_of(places, egresses, operators),
    policies,
    st.sampled_from(BLOCS),
    st.sampled_from(("deny_blocs", "deny_controller_blocs", "egress_plain_deny_blocs")),
    st.integers(0, 3),
)
def test_denying_one_more_bloc_never_allows(
    question: Question, policy: Policy, bloc: str, name: str, position: int
) -> None:
    denied = getattr(policy, name)
    stricter = replace(policy, **{name: (*denied[:position], bloc, *denied[position:])})  # type: ignore[arg-type]
    if ask(question, policy).verdict is not Verdict.ALLOW and ask(question, stricter).verdict is Verdict.ALLOW:
        # The one way out is the sender's recorded consent, which a hold for an unknown place does not take.
        pytest.fail("a stricter policy allowed what the laxer one did not")


@given(questions, policies, st.randoms())
def test_the_order_of_facts_means_nothing(question: Question, policy: Policy, random: object) -> None:
    facts = list(REAL.facts)
    random.shuffle(facts)  # type: ignore[attr-defined]
    assert ask(question, policy, replace(REAL, facts=tuple(facts))) == ask(question, policy)


@given(places, policies)
def test_the_unknown_is_never_allowed_to_hold_mail(place: Place, policy: Policy) -> None:
    decision = ask(place, policy)
    if place.geo != "agree" or "??" in (place.location, *place.controllers) or not place.controllers:
        assert decision.verdict is Verdict.DENY


@given(egresses, policies)
def test_readable_mail_never_goes_to_the_unknown_while_a_bloc_is_denied(egress: Egress, policy: Policy) -> None:
    unknown = "??" in (egress.mx_location, *egress.mx_controllers) or not egress.mx_controllers
    if unknown and policy.egress_plain_deny_blocs and egress.mode == "tls":
        assert ask(egress, policy).verdict is Verdict.HOLD


@given(st.one_of(places, egresses, operators), policies, st.integers(0, len(REAL.facts) - 1))
def test_forgetting_a_fact_never_allows(question: Question, policy: Policy, index: int) -> None:
    fewer = replace(REAL, facts=REAL.facts[:index] + REAL.facts[index + 1 :])
    if ask(question, policy).verdict is not Verdict.ALLOW:
        assert ask(question, policy, fewer).verdict is not Verdict.ALLOW


@given(st.one_of(places, egresses, operators), policies)
def test_an_atlas_without_facts_settles_nothing(question: Question, policy: Policy) -> None:
    empty = replace(REAL, facts=())
    decision = ask(question, policy, empty)
    if isinstance(question, Place) and policy.deny_facts:
        assert decision.verdict is not Verdict.ALLOW
    assert decision.facts == ()


@given(places, policies)
def test_time_passing_never_allows(place: Place, policy: Policy) -> None:
    """Once every review is overdue, whatever waited still waits."""
    if ask(place, policy).verdict is not Verdict.ALLOW:
        assert ask(place, policy, now=date(2099, 1, 1)).verdict is not Verdict.ALLOW


@given(places, policies, st.sampled_from(KEYS))
def test_denying_one_more_fact_never_allows(place: Place, policy: Policy, key: str) -> None:
    stricter = replace(policy, deny_facts=tuple(dict.fromkeys((*policy.deny_facts, key))))
    if ask(place, policy).verdict is not Verdict.ALLOW:
        assert ask(place, stricter).verdict is not Verdict.ALLOW


@given(places, policies, st.sampled_from(COUNTRIES))
def test_one_more_controller_never_allows(place: Place, policy: Policy, country: str) -> None:
    more = replace(place, controllers=(*place.controllers, country))
    if place.controllers and ask(place, policy).verdict is not Verdict.ALLOW:
        assert ask(more, policy).verdict is not Verdict.ALLOW


@given(questions, policies)
def test_the_same_question_gets_the_same_answer(question: Question, policy: Policy) -> None:
    assert ask(question, policy) == ask(question, policy)


@given(legals, policies)
def test_an_authority_is_never_answered_by_a_program(legal: Legal, policy: Policy) -> None:
    assert ask(legal, policy).verdict in (Verdict.COUNSEL, Verdict.REFER)


@given(operators, policies)
def test_content_is_never_shown_to_an_operator(operator: Operator, policy: Policy) -> None:
    assert ask(replace(operator, wants="content"), policy).verdict is Verdict.DENY


@settings(max_examples=50)
@given(changes, policies)
def test_a_target_of_a_move_is_allowed_on_the_day(change: LawChange, policy: Policy) -> None:
    target = next((code.split(":")[1] for code in ask(change, policy).because if code.startswith("MOVE_TO:")), None)
    if target is not None:
        then = Moment((change.in_force,), TODAY)
        assert target != change.country
        assert ask(Place("primary", target, (target,), "agree"), policy, now=then).verdict is Verdict.ALLOW


HOME = Policy(allow=("IS",), deny_facts=("provider_decryption_duty",))
AT_HOME = Place("primary", "IS", ("IS",), "agree", evidence_age_days=10)


def law(**changes: object) -> Fact:
    plain = replace(
        REAL.fact("NZ.provider_decryption_duty"),
        id="IS.provider_decryption_duty",
        jurisdiction="IS",
        value="no",
        state="no",
        in_force_from=date(2020, 1, 1),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_decision_names_its_facts_and_when_it_ends() -> None:
    decision = ask(AT_HOME, HOME, REAL.replacing([law()]))
    assert decision.verdict is Verdict.ALLOW
    assert decision.facts == ("IS.provider_decryption_duty",)
    assert decision.expires == TODAY + timedelta(days=20)  # the evidence, long before the review of the fact
    assert decision.obligations == (reasons.RENEW_EVIDENCE,)


def test_a_decision_ends_before_a_scheduled_law_begins() -> None:
    change = law(id="IS.provider_decryption_duty.2", state="yes", status="scheduled", in_force_from=date(2026, 12, 1))
    atlas = REAL.replacing([law(in_force_until=date(2026, 11, 30)), change])
    assert ask(AT_HOME, HOME, atlas).expires == date(2026, 11, 30)
    assert ask(AT_HOME, HOME, atlas, now=date(2026, 12, 1)).verdict is Verdict.DENY


def test_a_hold_asks_a_human() -> None:
    decision = ask(AT_HOME, HOME)
    assert decision.verdict is Verdict.HOLD
    assert decision.obligations == (reasons.ASK_HUMAN,)


BEGINS = date(2027, 7, 1)
SCHEDULED = REAL.replacing(
    [
        law(in_force_until=BEGINS - timedelta(days=1), next_review=date(2028, 1, 1)),
        law(
            id="IS.provider_decryption_duty.2",
            state="yes",
            status="scheduled",
            in_force_from=BEGINS,
            next_review=date(2028, 1, 1),
        ),
    ]
)


@pytest.mark.parametrize(
    ("instant", "verdict"),
    [
        (datetime(2027, 6, 30, 9, 59, 59, tzinfo=UTC), Verdict.ALLOW),
        (datetime(2027, 6, 30, 10, 0, tzinfo=UTC), Verdict.DENY),  # in Kiritimati the first of July has begun
        (datetime(2027, 6, 30, 22, 0, tzinfo=UTC), Verdict.DENY),  # in Oslo too
        (datetime(2027, 7, 1, 0, 0, tzinfo=UTC), Verdict.DENY),
        (datetime(2027, 7, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), Verdict.DENY),
        (datetime(2027, 7, 2, 12, 0, tzinfo=UTC), Verdict.DENY),
    ],
)
def test_a_law_that_denies_begins_with_the_first_midnight_on_earth(instant: datetime, verdict: Verdict) -> None:
    assert ask(AT_HOME, HOME, SCHEDULED, now=instant).verdict is verdict


@pytest.mark.parametrize(
    ("instant", "verdict"),
    [
        (datetime(2027, 7, 1, 11, 59, tzinfo=UTC), Verdict.DENY),  # on Baker Island it is still the 30th of June
        (datetime(2027, 7, 1, 12, 0, tzinfo=UTC), Verdict.ALLOW),
    ],
)
def test_a_law_that_denies_ends_with_the_last_midnight_on_earth(instant: datetime, verdict: Verdict) -> None:
    fresh = date(2028, 1, 1)
    ended = law(state="yes", in_force_until=date(2027, 6, 30), next_review=fresh)
    after = law(id="IS.provider_decryption_duty.2", in_force_from=date(2027, 7, 1), next_review=fresh)
    assert ask(AT_HOME, HOME, REAL.replacing([ended, after]), now=instant).verdict is verdict


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="pass UTC"):
        moment(datetime(2026, 11, 21))  # noqa: DTZ001


def test_a_decision_can_be_replayed_with_the_knowledge_of_the_day() -> None:
    corrected = law(id="IS.provider_decryption_duty.2", state="yes", checked_on=date(2026, 11, 15))
    atlas = REAL.replacing([law(checked_on=date(2026, 11, 1), known_until=date(2026, 11, 15)), corrected])
    assert ask(AT_HOME, HOME, atlas, now=Moment((TODAY,), date(2026, 11, 14))).verdict is Verdict.ALLOW
    assert ask(AT_HOME, HOME, atlas, now=TODAY).verdict is Verdict.DENY


@pytest.mark.parametrize("age", [-0.1, float("nan"), 30.01, float("inf")])
def test_evidence_of_no_sensible_age_is_stale(age: float) -> None:
    decision = ask(replace(AT_HOME, evidence_age_days=age), Policy(allow=("IS",)))
    assert decision.because == (reasons.EVIDENCE_STALE,)


def test_a_denied_bloc_at_the_place_is_no_reason_to_repeat_its_owner() -> None:
    policy = Policy(allow=("NO",), deny_blocs=("9EYES",), deny_controller_blocs=("9EYES",))
    assert ask(Place("primary", "NO", ("NO",), "agree"), policy).because == ("BLOC_DENIED:9EYES",)


@pytest.mark.parametrize(
    ("rule", "duty"),
    [("refuse", reasons.BOUNCE), ("hold", reasons.HOLD_FOR_SENDER), ("link", reasons.SECURE_LINK)],
)
def test_what_happens_to_a_refused_message_is_the_policys_choice(rule: str, duty: str) -> None:
    policy = Policy(egress_plain_deny_blocs=("FVEY",), egress_rule=rule)
    decision = ask(Egress("US", ("US",), "tls"), policy)
    assert decision.verdict is Verdict.DENY
    assert decision.obligations == (duty,)


REYKJAVIK, NEW_YORK, TORSHAVN = Point(64.15, -21.94), Point(40.71, -74.0), Point(62.01, -6.77)


def test_distances_and_the_speed_of_light() -> None:
    assert distance_km(REYKJAVIK, REYKJAVIK) == 0
    assert distance_km(REYKJAVIK, NEW_YORK) == pytest.approx(4206, abs=15)
    assert distance_km(Point(0, 0), Point(0, 180)) == pytest.approx(20015, abs=1)
    assert minimum_rtt_ms(REYKJAVIK, TORSHAVN) == pytest.approx(8.0, abs=0.1)
    assert minimum_rtt_ms(REYKJAVIK, NEW_YORK) == pytest.approx(42.1, abs=0.2)
    assert reach_km(1) == pytest.approx(100, abs=0.1)


points = st.builds(Point, st.floats(-90, 90), st.floats(-180, 180))


@given(points, points)
def test_a_reply_as_fast_as_light_does_not_contradict_and_a_faster_one_does(here: Point, there: Point) -> None:
    fastest = minimum_rtt_ms(here, there)
    assert distance_km(here, there) == pytest.approx(distance_km(there, here))
    assert not contradicts(fastest * 1.000001 + 1e-9, here, there)
    if fastest > 0.001:
        assert contradicts(fastest * 0.999, here, there)


def test_a_round_trip_to_an_unsurveyed_place_says_nothing() -> None:
    policy = Policy(allow=("IS",))
    place = replace(AT_HOME, rtt=RoundTrip("New York", 1.0))
    assert decide(place, policy, REAL, None, TODAY).verdict is Verdict.ALLOW
    assert decide(place, policy, REAL, Survey({"New York": NEW_YORK}, {}), TODAY).verdict is Verdict.ALLOW
    assert ask(place, policy).because == (reasons.RTT_CONTRADICTS,)


def test_memberships_of_a_day_are_worked_out_once_and_stay_right(atlas: Atlas) -> None:
    brexit = (date(2020, 1, 31), date(2020, 2, 1))
    assert [atlas.membership(("EU",), (day,))["GB"] for day in brexit] == [("EU",), ()]
    both = atlas.membership(("FVEY", "14EYES"), (TODAY,))
    assert both["US"] == ("FVEY", "14EYES")
    assert both["DE"] == ("14EYES",)
    assert atlas.membership(("FVEY", "14EYES"), (TODAY,)) is both
    with pytest.raises(KeyError):
        atlas.membership(("NO_SUCH_BLOC",), (TODAY,))
