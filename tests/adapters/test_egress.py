"""Enforcement point 8, outbound mail: the tenant's policy on record decides, over every host of the destination."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.declared import Declared, Whereabouts, read, weigh
from jurisdiction.geo import AGREE, NOT_KNOWN, Located, locate
from jurisdiction.models import EgressDecision, PolicyVersion
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import policies
from mailhost.adapters.egress import CONSENT, GOOD_FOR, LINK, DatabaseDecider
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Permission, Verdict
from tests.adapters.conftest import NOW, Cell
from tests.notaries import atlas, notary

GOOGLE = Target("gmail-smtp-in.l.google.com", "142.250.27.26")
UNHEARD = Target("mx.other.test", "93.184.215.14")
POSTEO = Target("mx01.posteo.de", "185.67.36.61")
PRIVATE = Target("mx.lab.test", "10.1.2.3")
RELAY = Target("relay", "127.0.0.1", 2600)
NOTARY = notary("is-1")
HOME = home_policy("IS")
DENIES = replace(HOME, egress_plain_deny_blocs=("FVEY",))
# What the datasets of these tests say; everything else is unknown to them.
MAP = {"142.250.27.26": "US", "185.67.36.61": "DE", "93.184.215.14": "DE", "198.51.100.1": "IS"}


class Where:
    """A map that can be redrawn, and counts who looks."""

    def __init__(self, *declared: str) -> None:
        self.map = dict(MAP)
        self.declared: Declared = read(declared, atlas().countries)
        self.asked = 0

    def __call__(self, address: str, today: date) -> Whereabouts:
        self.asked += 1
        label = self.map.get(address)
        located = (
            Located(AGREE, label, label, label, "") if label else locate(address, None, None, atlas().countries, today)
        )
        return weigh(self.declared.find(address), located)


def decider(cell: Cell, where: Where | None = None) -> DatabaseDecider:
    return DatabaseDecider(cell.shop.readers, cell.shop.writer, lambda: NOTARY, where or Where())


async def adopt(cell: Cell, policy: Policy) -> None:
    await cell.shop.readers.run(policies.adopt, "example", policy, NOTARY, NOW)


async def asked(
    cell: Cell,
    policy: Policy | None,
    *targets: Target,
    where: Where | None = None,
    secure: bool = True,
    sealed: bool = False,
    consent: bool = False,
    note: bool = False,
    standing: bool = False,
) -> Permission:
    if policy is not None:
        await adopt(cell, policy)
    return await decider(cell, where).may_leave(
        cell.ada.mailbox.tenant_id,
        "other.test",
        targets or (UNHEARD,),
        secure=secure,
        sealed=sealed,
        consent=consent,
        note=note,
        standing=standing,
        now=NOW,
    )


async def test_a_policy_that_denies_no_bloc_lets_mail_go_anywhere_under_tls_only(cell: Cell) -> None:
    for target in (GOOGLE, UNHEARD, PRIVATE, RELAY):
        assert (await asked(cell, HOME, target)).verdict is Verdict.ALLOW
    clear = await asked(cell, None, secure=False)
    assert (clear.verdict, clear.because) == (Verdict.DENY, ("EGRESS_TLS_REQUIRED",))
    assert (await asked(cell, None, RELAY, secure=False)).verdict is Verdict.ALLOW


async def test_a_host_in_denied_hands_is_refused_with_the_reason_in_words(cell: Cell) -> None:
    found = await asked(cell, DENIES, GOOGLE)
    assert (found.verdict, found.because) == (Verdict.DENY, ("EGRESS_PLAINTEXT_DENIED:FVEY",))
    assert "Five Eyes" in found.words
    assert (await asked(cell, None, GOOGLE, sealed=True)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(("rule", "verdict"), [("hold", Verdict.HOLD), ("link", Verdict.LINK)])
async def test_what_the_policy_wants_kept_is_kept_and_not_returned(cell: Cell, rule: str, verdict: Verdict) -> None:
    assert (await asked(cell, replace(DENIES, egress_rule=rule), GOOGLE)).verdict is verdict


async def test_the_note_of_a_link_may_go_anywhere_under_tls_and_is_on_record(cell: Cell) -> None:
    linking = replace(DENIES, egress_rule="link")
    for target in (GOOGLE, UNHEARD, PRIVATE):
        found = await asked(cell, linking, target, note=True)
        assert (found.verdict, found.because) == (Verdict.ALLOW, ("EGRESS_NOTE_OK", "METADATA_EXPOSED"))
    assert (await asked(cell, None, GOOGLE, note=True, secure=False)).verdict is Verdict.DENY
    assert (await asked(cell, None, GOOGLE)).verdict is Verdict.LINK, "a note shares no answer with a message"


async def test_who_is_held_or_refused_is_told_of_the_link_unless_it_could_not_go_either(cell: Cell) -> None:
    assert (await asked(cell, DENIES, GOOGLE)).words.endswith(LINK)
    assert (await asked(cell, None, UNHEARD)).words.endswith(LINK)
    assert LINK not in (await asked(cell, None, GOOGLE, secure=False)).words
    assert LINK not in (await asked(cell, replace(DENIES, egress_rule="link"), GOOGLE)).words


async def test_consent_lets_through_what_the_policy_leaves_to_its_author_and_nothing_else(cell: Cell) -> None:
    agreeing = replace(DENIES, consent=True)
    denied = await asked(cell, agreeing, GOOGLE)
    assert CONSENT in denied.words
    agreed = await asked(cell, None, GOOGLE, consent=True)
    assert (agreed.verdict, agreed.because) == (Verdict.ALLOW, ("EGRESS_OVERRIDE_USED", "METADATA_EXPOSED"))
    assert (await cell.shop.readers.run(rows))[-1] == (agreed.decision, "allow", "example")
    # Not into the unknown, not in clear, and not for a tenant who does not want it.
    assert (await asked(cell, None, UNHEARD, consent=True)).verdict is Verdict.HOLD
    assert (await asked(cell, None, GOOGLE, UNHEARD, consent=True)).verdict is Verdict.HOLD
    assert (await asked(cell, None, GOOGLE, secure=False, consent=True)).verdict is Verdict.DENY
    forbidding = await asked(cell, DENIES, GOOGLE, consent=True)
    assert forbidding.verdict is Verdict.DENY
    assert CONSENT not in forbidding.words


async def test_a_standing_consent_has_its_own_reason_and_the_same_borders(cell: Cell) -> None:
    agreeing = replace(DENIES, consent=True)
    agreed = await asked(cell, agreeing, GOOGLE, standing=True)
    assert (agreed.verdict, agreed.because) == (Verdict.ALLOW, ("EGRESS_STANDING_CONSENT", "METADATA_EXPOSED"))
    assert (await cell.shop.readers.run(rows))[-1] == (agreed.decision, "allow", "example")
    assert (await asked(cell, None, GOOGLE)).verdict is Verdict.DENY, "nobody else's mail shares the answer"
    assert (await asked(cell, None, UNHEARD, standing=True)).verdict is Verdict.HOLD
    assert (await asked(cell, None, GOOGLE, secure=False, standing=True)).verdict is Verdict.DENY
    assert (await asked(cell, DENIES, GOOGLE, standing=True)).verdict is Verdict.DENY


@pytest.mark.parametrize("rule", ["refuse", "hold", "link"])
@pytest.mark.parametrize("target", [UNHEARD, PRIVATE, RELAY])
async def test_a_host_nobody_knows_is_held_while_any_bloc_is_denied(cell: Cell, rule: str, target: Target) -> None:
    found = await asked(cell, replace(DENIES, egress_rule=rule), target)
    assert found.verdict is Verdict.HOLD
    assert "LOC_UNKNOWN" in found.because


async def test_the_worst_of_all_hosts_decides_and_deny_beats_hold(cell: Cell) -> None:
    at_home = Target("mx.home.test", "127.0.0.2")
    where = Where("127.0.0.2/32 = IS")
    assert (await asked(cell, DENIES, at_home, where=where)).verdict is Verdict.ALLOW
    assert (await asked(cell, None, at_home, UNHEARD, where=where)).verdict is Verdict.HOLD
    assert (await asked(cell, None, at_home, UNHEARD, GOOGLE, where=where)).verdict is Verdict.DENY
    assert (await asked(cell, None, GOOGLE, at_home, where=where)).verdict is Verdict.DENY


async def test_a_known_name_in_an_unknown_place_may_be_denied_and_is_never_allowed(cell: Cell) -> None:
    lost = Where()
    lost.map = {}
    assert (await asked(cell, DENIES, GOOGLE, where=lost)).verdict is Verdict.DENY
    assert (await asked(cell, None, POSTEO, where=lost)).verdict is Verdict.HOLD


async def test_a_name_that_only_looks_like_a_known_one_is_unknown(cell: Cell) -> None:
    for name in ("google.com.other.test", "notgoogle.com"):
        assert (await asked(cell, DENIES, Target(name, "93.184.215.14"))).verdict is Verdict.HOLD


async def test_what_an_operator_declares_places_a_network_with_its_owners(cell: Cell) -> None:
    there = Target("mx.lab.test", "10.1.2.3")
    assert (await asked(cell, DENIES, there, where=Where("10.0.0.0/8=DE"))).verdict is Verdict.ALLOW
    assert (await asked(cell, None, there, where=Where("10.0.0.0/8=DE", "10.1.0.0/16=US"))).verdict is Verdict.DENY
    assert (await asked(cell, None, there, where=Where("10.0.0.0/8=DE/US"))).verdict is Verdict.DENY
    assert (await asked(cell, None, there, where=Where("10.0.0.0/8=DE/??"))).verdict is Verdict.HOLD


async def test_a_declaration_does_not_outvote_a_dataset(cell: Cell) -> None:
    assert (await asked(cell, DENIES, UNHEARD, where=Where("93.184.215.0/24=IS"))).verdict is Verdict.HOLD
    assert (await asked(cell, None, UNHEARD, where=Where("93.184.215.0/24=DE"))).verdict is Verdict.ALLOW


async def test_without_a_policy_or_with_a_forged_one_nothing_leaves(cell: Cell) -> None:
    assert await asked(cell, None) == Permission(Verdict.HOLD, ("NoPolicy",))
    await asked(cell, HOME)

    def forge() -> None:
        row = PolicyVersion.objects.get()
        PolicyVersion.objects.filter(pk=row.pk).update(signature=bytes(64))

    await cell.shop.readers.run(forge)
    assert await asked(cell, None) == Permission(Verdict.HOLD, ("PolicyForged",))


def rows() -> list[tuple[str, str, str]]:
    return list(EgressDecision.objects.order_by("pk").values_list("public_id", "verdict", "tenant"))


async def test_every_decision_is_on_record_once_a_day_under_the_id_that_is_given(cell: Cell) -> None:
    first = await asked(cell, DENIES, GOOGLE)
    again = await asked(cell, None, GOOGLE)
    assert await cell.shop.readers.run(rows) == [(first.decision, "deny", "example")]
    assert again.decision == first.decision
    assert len(first.decision) == 32
    other = await asked(cell, None, GOOGLE, sealed=True)
    assert other.decision != first.decision


async def test_no_record_tells_the_destination(cell: Cell) -> None:
    await asked(cell, DENIES, GOOGLE)
    [row] = await cell.shop.readers.run(lambda: list(EgressDecision.objects.values()))
    assert "other.test" not in str(row)
    assert "google" not in str(row)
    assert len(bytes(row["destination"])) == 16


async def test_an_answer_is_kept_for_minutes_until_midnight_and_under_its_policy_only(cell: Cell) -> None:
    where = Where()
    one = decider(cell, where)
    tenant = cell.ada.mailbox.tenant_id

    async def ask(later: timedelta = timedelta()) -> Verdict:
        found = await one.may_leave(
            tenant,
            "other.test",
            [UNHEARD],
            secure=True,
            sealed=False,
            consent=False,
            note=False,
            standing=False,
            now=NOW + later,
        )
        return found.verdict

    await adopt(cell, HOME)
    assert [await ask(), await ask(GOOD_FOR - timedelta(seconds=1))] == [Verdict.ALLOW] * 2
    assert where.asked == 1
    await ask(GOOD_FOR)
    assert where.asked == 2
    await adopt(cell, DENIES)
    assert await ask(GOOD_FOR) is Verdict.HOLD
    assert where.asked == 3
    before_midnight = timedelta(hours=9, minutes=24)
    await ask(before_midnight)
    await ask(before_midnight + timedelta(minutes=2))
    assert where.asked == 5, "a law may begin at midnight"


def test_a_name_of_the_tests_stands_for_what_is_not_known() -> None:
    assert locate("93.184.215.14", None, None, atlas().countries, NOW.date()).verdict == NOT_KNOWN
