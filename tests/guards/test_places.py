"""Round the rules about places: servers published elsewhere, mail to denied hands, machines that are not where they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.declared import Whereabouts
from jurisdiction.geo import Located, locate
from jurisdiction.models import EvidenceItem, Incident, LeaseRow, LedgerEntry, PolicyVersion
from jurisdiction.policy import Policy
from jurisdiction.presets import from_preset
from jurisdiction.published import ROLES, Server, may_leave, may_publish, strictest
from jurisdiction.questions import Decision, RoundTrip, Verdict
from jurisdiction.records import evidence, leases, policies
from mailhost.adapters.database import Readers
from mailhost.adapters.egress import DatabaseDecider
from mailhost.adapters.writer import Writer
from mailhost.models import Tenant
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Verdict as Leaves
from mailhost.ports import MailboxState, Route
from mailhost.provision import tenants
from mailhost.provision.errors import PlaceNotProven
from mailhost.receive import admit
from tests.notaries import atlas, notary
from tests.provision import house
from tests.provision.fakes import FakeDirectory

IS1, NOW = house.NOTARY, house.NOW
TODAY = NOW.date()
ICELAND = from_preset("iceland-only", atlas(), date(2026, 11, 21))


def at(country: str, role: str = "mx", controllers: tuple[str, ...] = (), verdict: str = "agree") -> Server:
    located = Located(verdict, country if verdict == "agree" else "??", country, country, "")
    return Server(role, "mx.example.is", located, controllers or (country,))


@pytest.mark.guards(6)
class TestPublished:
    """Ada's policy allows Iceland and nobody from the Fourteen Eyes."""

    def test_servers_at_home_may_be_published(self) -> None:
        decision, found = may_publish([at("IS", role) for role in ROLES], ICELAND, atlas(), TODAY)
        assert decision.verdict is Verdict.ALLOW
        assert len(found) == len(ROLES)

    @pytest.mark.parametrize("role", list(ROLES))
    @pytest.mark.parametrize(
        ("server", "reason"),
        [
            (at("US"), "BLOC_DENIED:14EYES"),
            (at("CH"), "NOT_IN_ALLOWLIST"),
            (at("IS", controllers=("IS", "US")), "CTRL_DENIED:US:14EYES"),
            (at("IS", controllers=("IS", "??")), "CTRL_UNKNOWN"),
            (at("IS", verdict="unknown"), "LOC_UNKNOWN"),
            (at("IS", verdict="conflict"), "LOC_CONFLICT"),
            (at("IS", verdict="anycast"), "LOC_UNKNOWN"),
            (at("IS", verdict="not_a_country"), "LOC_UNKNOWN"),
        ],
    )
    def test_one_server_elsewhere_is_enough(self, role: str, server: Server, reason: str) -> None:
        servers = [at("IS"), replace(server, role=role), at("IS", "ns")]
        decision, found = may_publish(servers, ICELAND, atlas(), TODAY)
        assert decision.verdict is Verdict.DENY
        assert reason in found[1].decision.because
        assert [finding.decision.verdict for finding in found].count(Verdict.ALLOW) == 2

    def test_a_walk_that_found_nothing_allows_nothing(self) -> None:
        assert may_publish([], ICELAND, atlas(), TODAY)[0].verdict is Verdict.DENY

    def test_a_holder_nobody_knows_is_no_holder(self) -> None:
        nobody = replace(at("IS"), controllers=())
        assert "CTRL_UNKNOWN" in may_publish([nobody], ICELAND, atlas(), TODAY)[0].because


@pytest.mark.guards(8)
class TestLeaving:
    """A message may be handed to any of a domain's exchangers, so each of them must be fine."""

    def test_sealed_goes_anywhere_and_says_what_it_tells(self) -> None:
        decision, _found = may_leave([at("US"), at("??", verdict="unknown")], ICELAND, atlas(), TODAY, mode="e2e")
        assert (decision.verdict, "METADATA_EXPOSED" in decision.because) == (Verdict.ALLOW, True)

    @pytest.mark.parametrize(
        ("servers", "mode", "verdict"),
        [
            ([at("DE")], "tls", Verdict.ALLOW),
            ([at("DE"), at("US")], "tls", Verdict.DENY),
            ([at("DE", controllers=("DE", "US"))], "tls", Verdict.DENY),
            ([at("DE"), at("DE", verdict="unknown")], "tls", Verdict.HOLD),
            ([at("DE", verdict="conflict")], "tls", Verdict.HOLD),
            ([replace(at("DE"), controllers=())], "tls", Verdict.HOLD),
            ([at("US"), at("DE", verdict="unknown")], "tls", Verdict.DENY),
            ([at("DE")], "plain", Verdict.DENY),
            ([], "tls", Verdict.HOLD),
        ],
    )
    def test_readable_mail_is_not_handed_to_denied_or_unknown_hands(
        self, servers: list[Server], mode: str, verdict: Verdict
    ) -> None:
        assert may_leave(servers, ICELAND, atlas(), TODAY, mode=mode)[0].verdict is verdict

    def test_consent_counts_only_where_the_tenant_permits_it(self) -> None:
        yes = replace(ICELAND, consent=True)
        assert may_leave([at("US")], yes, atlas(), TODAY, mode="tls", consent=True)[0].verdict is Verdict.ALLOW
        assert may_leave([at("US")], ICELAND, atlas(), TODAY, mode="tls", consent=True)[0].verdict is Verdict.DENY

    def test_deny_beats_hold_beats_allow_in_any_order(self) -> None:
        three = [Decision(verdict, ()) for verdict in (Verdict.ALLOW, Verdict.HOLD, Verdict.DENY)]
        assert strictest(three).verdict is strictest(three[::-1]).verdict is Verdict.DENY
        assert strictest([three[1], three[0]]).verdict is Verdict.HOLD

    @pytest.mark.django_db(transaction=True)
    async def test_the_dispatcher_asks_and_without_a_genuine_policy_nothing_leaves(self, readers: Readers) -> None:
        await readers.run(_found_reef)
        writer = Writer()
        writer.start()
        decider = DatabaseDecider(readers, writer, lambda: IS1, _nowhere)
        tenant = await readers.run(lambda: Tenant.objects.get(slug="harbour").pk)
        target = Target("mx.example.com", "192.0.2.7")

        async def asked(*, secure: bool = True, sealed: bool = False, of: int = tenant) -> Leaves:
            answer = await decider.may_leave(
                of,
                "example.com",
                [target],
                secure=secure,
                sealed=sealed,
                consent=False,
                note=False,
                standing=False,
                now=NOW,
            )
            return answer.verdict

        assert await asked(sealed=True) is Leaves.ALLOW
        assert await asked() is Leaves.HOLD
        assert await asked(secure=False) is not Leaves.ALLOW
        assert await asked(of=4711) is Leaves.HOLD
        await readers.run(
            lambda: PolicyVersion.objects.filter(tenant="harbour").update(document=Policy().canonical().decode())
        )
        assert await asked() is Leaves.HOLD
        assert await asked(sealed=True) is Leaves.HOLD, "a policy that was not signed allows nothing at all"
        writer.stop()


def _nowhere(address: str, today: date) -> Whereabouts:
    return Whereabouts(locate(address, None, None, atlas().countries, today))


def _found_reef() -> None:
    tenants.add("harbour", name="", now=NOW, claims=FakeDirectory().of("is-1"), notary=IS1, policy=ICELAND)


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers(1)
    yield made
    made.close()


@pytest.fixture
def cell(db: None) -> None:
    house.found(FakeDirectory().of("is-1"))


def drift() -> list[str]:
    renewals = leases.renew("harbour", IS1, TODAY)
    tenants.follow(renewals)
    return [renewal.drift for renewal in renewals if renewal.drift is not None]


def route(state: MailboxState) -> Route:
    return Route(1, 1, "ada@example.is", state, "age1pq1", 1, NOW)


@pytest.mark.guards(13)
@pytest.mark.usefixtures("cell")
class TestAdmission:
    """The machine must show that it is in Iceland, again and again."""

    def refused(self) -> str:
        with pytest.raises(PlaceNotProven) as error:
            house.invite("ada@example.is")
        assert Tenant.objects.get(slug="harbour").state == Tenant.State.HELD
        return str(error.value)

    def test_a_reply_too_fast_for_iceland_stops_new_data_until_it_is_refuted(self) -> None:
        evidence.measure([RoundTrip("Oslo", 3.0)], True, IS1, TODAY)
        assert "RTT_CONTRADICTS" in self.refused()
        assert admit(route(MailboxState.HELD), 0, NOW).value == "place_not_proven"
        assert Incident.objects.filter(tenant="harbour", kind="primary", closed__isnull=True).count() == 1
        evidence.measure([RoundTrip("Reykjavik", 0.9)], True, IS1, TODAY)
        assert house.invite("ada@example.is").state == "invited"
        assert Tenant.objects.get(slug="harbour").state == Tenant.State.ACTIVE
        assert not leases.is_open("harbour", "primary")

    @pytest.mark.parametrize(
        "found",
        [
            Located("conflict", "??", "IS", "DE", ""),
            Located("agree", "DE", "DE", "DE", ""),
            Located("unknown", "??", "??", "??", ""),
            Located("anycast", "??", "??", "??", ""),
        ],
    )
    def test_an_address_that_is_not_in_iceland_for_certain_stops_new_data(self, found: Located) -> None:
        evidence.locate(found, IS1, TODAY)
        assert self.refused()
        evidence.locate(Located("agree", "IS", "IS", "IS", ""), IS1, TODAY)
        assert drift() == []

    def test_a_sale_to_denied_owners_stops_new_data(self) -> None:
        policies.adopt("harbour", ICELAND, IS1, NOW)
        bought = notary("is-1", ("IS", "US"))
        assert all("CTRL_DENIED:US:14EYES" in (one.drift or "") for one in leases.renew("harbour", bought, TODAY))
        with pytest.raises(leases.Blocked, match="CTRL_DENIED"):
            leases.refuse_if_blocked("harbour", "primary", TODAY)

    def test_a_lease_ends_by_itself_and_never_lasts_for_ever(self) -> None:
        leases.refuse_if_blocked("harbour", "primary", TODAY)
        held = LeaseRow.objects.get(tenant="harbour", kind="primary")
        assert held.expires - held.decided_on <= timedelta(days=30)
        for day in (held.expires + timedelta(days=1), held.decided_on - timedelta(days=1)):
            with pytest.raises(leases.Blocked, match="no lease"):
                leases.refuse_if_blocked("harbour", "primary", day)

    def test_a_kind_of_data_nobody_leased_is_not_taken(self) -> None:
        with pytest.raises(leases.Blocked, match="there is none"):
            leases.refuse_if_blocked("harbour", "backup", TODAY)

    def test_an_operator_cannot_resume_a_tenant_past_an_open_incident(self) -> None:
        evidence.measure([RoundTrip("New York", 2.0)], False, IS1, TODAY)
        assert drift()
        tenants.set_state("harbour", Tenant.State.SUSPENDED, now=NOW)
        assert tenants.set_state("harbour", Tenant.State.ACTIVE, now=NOW).state == "held"

    def test_a_suspended_tenant_is_not_resumed_by_good_evidence(self) -> None:
        tenants.set_state("harbour", Tenant.State.SUSPENDED, now=NOW)
        assert drift() == []
        assert Tenant.objects.get(slug="harbour").state == Tenant.State.SUSPENDED

    def test_a_slow_reply_proves_nothing_and_is_not_kept(self) -> None:
        with pytest.raises(evidence.ProvesNothing):
            evidence.measure([RoundTrip("Reykjavik", 40.0), RoundTrip("Oslo", 60.0)], True, IS1, TODAY)
        assert not EvidenceItem.objects.filter(kind="stored-round-trip").exists()

    def test_evidence_from_last_season_supports_nothing(self) -> None:
        evidence.measure([RoundTrip("Reykjavik", 0.9)], True, IS1, TODAY - timedelta(days=40))
        leases.renew("harbour", IS1, TODAY)
        assert LeaseRow.objects.get(tenant="harbour", kind="primary").grade == "C"
        evidence.measure([RoundTrip("Reykjavik", 0.9)], True, IS1, TODAY)
        leases.renew("harbour", IS1, TODAY)
        assert LeaseRow.objects.get(tenant="harbour", kind="primary").grade == "A"

    def test_drift_and_its_end_stand_in_the_ledger(self) -> None:
        before = LedgerEntry.objects.count()
        evidence.measure([RoundTrip("Oslo", 3.0)], True, IS1, TODAY)
        drift()
        drift()
        told = [bytes(row.leaf) for row in LedgerEntry.objects.filter(id__gte=before, kind="placement")]
        assert len(told) == 2, "one for each kind of data, and none for saying it again"
        assert all(b'"verdict":"deny"' in leaf and b"RTT_CONTRADICTS" in leaf for leaf in told)
        evidence.measure([RoundTrip("Reykjavik", 0.9)], True, IS1, TODAY)
        drift()
        assert b'"verdict":"allow"' in bytes(LedgerEntry.objects.filter(kind="placement").order_by("-id")[0].leaf)

    def test_no_address_is_written_down(self) -> None:
        evidence.locate(Located("agree", "IS", "IS", "IS", "because of 192.0.2.7"), IS1, TODAY)
        assert not EvidenceItem.objects.filter(summary__contains="192.0.2.7").exists()
