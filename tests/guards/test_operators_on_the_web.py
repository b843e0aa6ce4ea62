"""Round point 9 by the web: an operator's pages without a statement, from a denied country, after its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

import webadmin.urls
from jurisdiction.models import OperatorSession
from jurisdiction.records import operators
from mailhost.models import Tenant
from tests.webadmin import people
from webadmin.web import access

pytestmark = [pytest.mark.django_db, pytest.mark.guards(9)]
STATEMENT = {"country": "IS", "reason": "a stuck message", "hours": "4"}


@pytest.fixture
def mo() -> Client:
    people.found()
    return people.signed_in(people.mo())


def test_nothing_of_a_tenant_is_shown_before_a_reason_is_stated(mo: Client) -> None:
    answer = mo.get("/rows/mailhost/tenant/")
    assert answer.headers["Location"] == "/operators/state/?next=/rows/mailhost/tenant/"
    assert b"harbour" not in answer.content
    answer = mo.post("/operators/state/?next=/rows/mailhost/tenant/", STATEMENT)
    assert answer.headers["Location"] == "/rows/mailhost/tenant/"
    assert b"harbour" in mo.get("/rows/mailhost/tenant/").content


@pytest.mark.parametrize(
    "change", [{"reason": ""}, {"reason": "x"}, {"country": ""}, {"country": "ZZ"}, {"country": "is"}, {"hours": "13"},
               {"hours": "0"}, {"reason": "a\x00b"}],
)  # fmt: skip
def test_a_statement_says_from_where_why_and_how_long(mo: Client, change: dict[str, str]) -> None:
    answer = mo.post("/operators/state/", STATEMENT | change)
    assert answer.status_code == 422
    assert not OperatorSession.objects.exists()
    assert mo.get("/rows/").status_code == 302


def test_a_statement_ends_by_itself_and_at_its_makers_word(mo: Client) -> None:
    mo.post("/operators/state/", STATEMENT)
    OperatorSession.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert mo.get("/rows/").status_code == 302
    mo.post("/operators/state/", STATEMENT)
    assert mo.get("/rows/").status_code == 200
    mo.post("/operators/state/end/")
    assert mo.get("/rows/").status_code == 302


def test_one_operators_statement_is_not_anothers(mo: Client) -> None:
    mo.post("/operators/state/", STATEMENT)
    row = OperatorSession.objects.get()
    row.operator = "po"
    row.save(update_fields=["operator"])
    assert mo.get("/rows/").status_code == 302


def test_a_tenant_that_denies_the_country_is_left_out_of_the_rows(mo: Client) -> None:
    mo.post("/operators/state/", STATEMENT | {"country": "US"})
    assert mo.get("/rows/").status_code == 200
    text = mo.get("/rows/mailhost/tenant/").content
    assert Tenant.objects.filter(slug="harbour").exists()
    assert b"harbour" not in text
    row = Tenant.objects.get(slug="harbour")
    assert mo.get(f"/rows/mailhost/tenant/{row.pk}/change/").status_code in {302, 404}


def _probe(_request: HttpRequest, tenant: str) -> HttpResponse:
    return HttpResponse(f"about {tenant}")


urlpatterns = [*webadmin.urls.urlpatterns, path("probe/<slug:tenant>/", _probe, name="probe")]


@pytest.mark.urls("tests.guards.test_operators_on_the_web")
def test_each_look_at_a_tenants_page_is_asked_and_told(mo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access.TABLE, "probe", access.TENANT_OR_STATED)
    mo.post("/operators/state/", STATEMENT)
    assert mo.get("/probe/harbour/").content == b"about harbour"
    assert mo.get("/probe/nowhere/").status_code == 404
    mo.post("/operators/state/end/")
    mo.post("/operators/state/", STATEMENT | {"country": "US"})
    refused = mo.get("/probe/harbour/")
    assert (refused.status_code, b"about harbour" in refused.content) == (403, False)
    told = [(view.act, view.country, bool(view.refused)) for view in operators.acts("harbour")]
    assert told == [("look at probe", "US", True), ("look at probe", "IS", False)]


def test_owners_never_see_an_operators_page(mo: Client) -> None:
    ada = people.signed_in(people.account_of("ada@example.is"), sudo=True)
    assert ada.get("/rows/").status_code == 403
    assert ada.post("/operators/state/", STATEMENT).status_code == 403
    assert not operators.sessions()
