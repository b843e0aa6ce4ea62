"""The doctor about law: well where all is well, and each ailment with its remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from jurisdiction.geo import Located
from jurisdiction.models import LeaseRow
from jurisdiction.questions import RoundTrip
from jurisdiction.records import evidence, leases, ledger, policies
from mailhost.models import CellIdentity, Job
from tests.notaries import keys_of
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.cell import keyfiles
from webadmin.doctor import checks, lawchecks
from webadmin.doctor.checks import Check, State
from webadmin.environ import Environ

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def environ(db: None) -> Environ:
    for name, key in keys_of("is-1").items():
        keyfiles.place(settings.ENVIRON.keys / name, key)
    house.found(FakeDirectory().of("is-1"))
    for slug in ("harbour", "fjord"):
        leases.renew(slug, house.NOTARY, NOW.date())
    ledger.checkpoint(house.NOTARY, NOW)
    made: Environ = settings.ENVIRON
    return made


def look(environ: Environ, now: datetime = NOW) -> dict[str, Check]:
    return {check.name: check for check in checks.run(environ, now=now, lookers=lawchecks.LOOKERS)}


def test_a_laptop_is_well(environ: Environ) -> None:
    found = look(environ)
    assert {name: check.state for name, check in found.items()} == dict.fromkeys(
        ("facts", "place", "leases", "ledger", "jobs"), State.OK
    )
    assert "unwitnessed" in found["ledger"].detail


def test_a_host_is_told_what_it_lacks(environ: Environ) -> None:
    host = environ.model_copy(update={"bind": "::"})
    found = look(host)
    assert (found["place"].state, "SKERRY_PUBLIC_ADDRESS" in found["place"].remedy) == (State.WARNING, True)
    assert (found["ledger"].state, "SKERRY_WITNESSES" in found["ledger"].remedy) == (State.WARNING, True)


def test_a_public_address_needs_two_datasets_that_are_fresh(
    environ: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = environ.model_copy(update={"public_address": "192.0.2.7"})
    monkeypatch.setattr(lawchecks, "TOR_FOLDER", tmp_path)
    assert "apt install tor-geoipdb" in look(host)["place"].detail
    for name in ("geoip", "geoip6"):
        (tmp_path / name).write_text("# Generated: Sat, 01 Nov 2026 00:00:00 +0000\n")
    assert "SKERRY_GEO_DATABASE" in look(host)["place"].remedy
    assert look(host, NOW + timedelta(days=200))["place"].state is State.PROBLEM
    both = host.model_copy(update={"geo_database": tmp_path / "any.mmdb"})
    assert look(both)["place"].state is State.OK


def test_what_geolocation_did_not_know_is_told_when_the_address_is_set_no_more(environ: Environ) -> None:
    evidence.locate(Located("unknown", "??", "IS", "??", "one dataset"), house.NOTARY, NOW.date())
    found = look(environ)["place"]
    assert (found.state, "unknown" in found.detail) == (State.PROBLEM, True)
    assert "SKERRY_PUBLIC_ADDRESS" in found.remedy
    evidence.locate(Located("agree", "IS", "IS", "IS", ""), house.NOTARY, NOW.date())
    assert look(environ)["place"].state is State.OK


def test_a_relay_whose_ways_nobody_can_look_up_holds_what_policies_keep_from_blocs(environ: Environ) -> None:
    relayed = environ.model_copy(update={"smarthost": "relay.example.is:587"})
    assert "outgoing mail" not in look(relayed), "neither tenant keeps its mail from a bloc"
    keeping = replace(policies.in_force("harbour", house.NOTARY.key.verify_key), egress_plain_deny_blocs=("FVEY",))
    policies.adopt("harbour", keeping, house.NOTARY, NOW)
    found = look(relayed)["outgoing mail"]
    assert (found.state, "of 1 tenants is held" in found.detail) == (State.WARNING, True)
    assert "SKERRY_RESOLVER" in found.remedy
    for settled in ({"resolver": "127.0.0.1:53"}, {"private_targets": True}, {"smarthost": ""}):
        assert "outgoing mail" not in look(relayed.model_copy(update=settled))


def test_drift_ended_leases_and_dead_jobs_are_said(environ: Environ) -> None:
    Job.objects.create(cell="is-1", kind="work", due=NOW, state=Job.State.DEAD, reason="CELL_MISMATCH")
    assert look(environ)["jobs"].state is State.WARNING
    LeaseRow.objects.filter(tenant="fjord").update(expires=NOW.date() - timedelta(days=1))
    assert "is the worker running?" in look(environ)["leases"].remedy
    evidence.measure([RoundTrip("Oslo", 3.0)], True, house.NOTARY, NOW.date())
    leases.renew("harbour", house.NOTARY, NOW.date())
    assert "nothing new is stored for 1 tenants" in look(environ)["leases"].detail


def test_a_head_nobody_signed_lately_is_said(environ: Environ) -> None:
    evidence.measure([RoundTrip("Reykjavik", 0.9)], True, house.NOTARY, NOW.date())
    assert look(environ, NOW + timedelta(days=2))["ledger"].state is State.WARNING


def test_facts_that_are_due_for_review_are_said(environ: Environ) -> None:
    assert look(environ, NOW + timedelta(days=400))["facts"].state is State.WARNING


def test_a_cell_that_is_not_prepared_is_not_looked_at(environ: Environ) -> None:
    CellIdentity.objects.all().delete()
    assert look(environ) == {}
