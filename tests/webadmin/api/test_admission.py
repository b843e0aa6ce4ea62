"""Who may come: tokens, their rights, their tenants; what is refused and in which words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone

from jurisdiction.models import OperatorAct
from jurisdiction.records import operators
from mailhost.models import Mailbox, Tenant
from mailhost.provision import tenants
from tests.provision import house
from tests.webadmin import people
from tests.webadmin.api.conftest import Made, Program, token
from webadmin.api import rights, tokens, urls
from webadmin.api.models import ApiToken
from webadmin.api.rights import Right
from webadmin.cell import notarial
from webadmin.web import access
from webadmin.web.access import Caller, Role, Verdict, decide

PROBLEM = "application/problem+json"
OF_HARBOUR = Caller(frozenset({Role.TENANT_ADMIN}), "harbour", rights=frozenset(Right))
OF_MO = Caller(frozenset({Role.OPERATOR}), stated=True, rights=frozenset(Right))


def ids_of_fjord() -> tuple[int, int]:
    """Numbers of Cleo's mailbox and of one that nobody has."""
    return Mailbox.objects.get(address="cleo@example.no").pk, 10**9


@pytest.mark.parametrize(
    ("name", "caller", "tenant", "method", "verdict"),
    [
        ("api:mailboxes", Caller(), "harbour", "GET", Verdict.SIGN_IN),
        ("api:mailboxes", Caller(frozenset({Role.TENANT_ADMIN}), "harbour"), "harbour", "GET", Verdict.SIGN_IN),
        ("api:mailboxes", OF_HARBOUR, "harbour", "GET", Verdict.ALLOW),
        ("api:mailboxes", OF_HARBOUR, "fjord", "GET", Verdict.HIDDEN),
        ("api:mailboxes", OF_HARBOUR, "fjord", "TRACE", Verdict.HIDDEN),
        ("api:mailboxes", OF_HARBOUR, "harbour", "DELETE", Verdict.NO_METHOD),
        ("api:mailboxes", OF_MO, "harbour", "GET", Verdict.ALLOW),
        ("api:mailboxes", Caller(OF_MO.roles, rights=OF_MO.rights), "harbour", "GET", Verdict.STATE),
        ("api:token", Caller(OF_MO.roles, rights=OF_MO.rights), "", "GET", Verdict.ALLOW),
        ("api:queue", OF_HARBOUR, "", "GET", Verdict.FORBIDDEN),
        ("api:queue", OF_MO, "", "GET", Verdict.ALLOW),
        (
            "api:mailboxes",
            Caller(OF_HARBOUR.roles, "harbour", rights=frozenset({Right.MAILBOXES_READ})),
            "harbour",
            "POST",
            Verdict.FORBIDDEN,
        ),
    ],
)
def test_the_table_is_read_like_this(name: str, caller: Caller, tenant: str, method: str, verdict: Verdict) -> None:
    assert decide(access.row_of(name), caller, tenant, method) is verdict


def test_the_table_has_the_methods_that_the_views_have() -> None:
    patterns, _app, _space = urls.urls
    described = urls.api.get_openapi_schema()["paths"]
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        row = access.row_of(f"api:{pattern.name}")
        assert row is not None
        if row is access.EVERYBODY:
            continue
        path = "/api/v1/" + str(pattern.pattern).replace("<slug:", "{").replace("<int:", "{").replace(">", "}")
        assert {method.upper() for method in described[path]} == set(row.rights), path


def test_every_right_opens_something() -> None:
    used = {right for row in access.TABLE.values() for right in row.rights.values()} - {None}
    assert used == set(Right)


def test_a_right_opens_what_it_names_and_nothing_else(with_rights: Made) -> None:
    reader = with_rights("mailboxes:read")
    assert reader.ask("/tenants/harbour/mailboxes")["items"]
    refused = reader.ask("/tenants/harbour/aliases", 403)
    assert refused["type"] == "urn:skerry:problem:no-right"
    assert "aliases:read" in refused["detail"]
    reader.do("POST", "/tenants/harbour/mailboxes", {"address": "new@example.is"}, 403)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer skerry_", "Basic YTpi", "Bearer " + "x" * 500, "Bearer skerry_" + "a" * 26, "é"]
)
def test_without_a_good_token_nothing_is_told(cell: None, header: str) -> None:
    for path in ("/tenants/harbour", "/tenants/nobody", "/tenants", "/queue/1"):
        answer = Client().get(f"/api/v1{path}", headers={"host": "localhost", "authorization": header})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == PROBLEM
        assert "skerry_…" in answer.json()["do"]


def test_a_browser_that_is_signed_in_is_nobody_here(cell: None) -> None:
    browser = people.signed_in(people.account_of("ada@example.is"), sudo=True)
    assert browser.get("/api/v1/tenants/harbour").status_code == 401


def test_a_token_ends_on_its_day_and_when_it_is_revoked(ada: Program) -> None:
    ada.ask("/tenants/harbour")
    row = ApiToken.objects.get()
    assert row.used == timezone.now().date()
    ApiToken.objects.update(expires=timezone.now().date())
    ada.ask("/tenants/harbour", 401)
    ApiToken.objects.update(expires=timezone.now().date() + timedelta(days=1))
    ada.ask("/tenants/harbour")
    assert not tokens.revoke(row.pk, "fjord")
    assert not tokens.revoke(row.pk, None)
    assert tokens.revoke(row.pk, "harbour")
    ada.ask("/tenants/harbour", 401)


def test_the_table_holds_no_token(ada: Program) -> None:
    row = ApiToken.objects.get()
    assert ada.text.removeprefix("skerry_") not in repr([bytes(row.digest), vars(row)])
    assert len(ada.text.removeprefix("skerry_")) == 26  # 128 bits in base32


def test_a_suspended_tenants_tokens_are_no_good(ada: Program, cleo: Program) -> None:
    tenants.set_state("harbour", Tenant.State.SUSPENDED, now=timezone.now())
    ada.ask("/tenants/harbour", 401)
    cleo.ask("/tenants/fjord")


def test_another_tenant_is_as_unknown_as_none(ada: Program) -> None:
    """The same bytes after the same queries: neither the words nor the time tell who is hosted here."""
    ada.ask("/token")
    cleos, nobodys = ids_of_fjord()
    pairs = [
        ("/tenants/fjord", "/tenants/nobody"),
        (f"/tenants/fjord/mailboxes/{cleos}", f"/tenants/nobody/mailboxes/{nobodys}"),
        (f"/tenants/harbour/mailboxes/{cleos}", f"/tenants/harbour/mailboxes/{nobodys}"),
    ]
    for theirs, none in pairs:
        found = []
        for path in (theirs, none):
            with CaptureQueriesContext(
                connection,
            ) as made:
                answer = ada("GET", path)
            asked = f"mailbox {path.rpartition('/')[2]} here"  # a number alone may be in 404 as well
            found.append((answer.status_code, answer.content.replace(asked.encode(), b"mailbox N here"), len(made)))
        assert found[0] == found[1]
        assert found[0][0] == 404


@pytest.mark.slow  # every address of the interface
def test_no_address_of_harbour_opens_for_cleo(cleo: Program) -> None:
    """Every address about a tenant, with every method it has."""
    ada = Mailbox.objects.get(address="ada@example.is").pk
    before = list(Mailbox.objects.order_by("pk").values())
    for path, methods in urls.api.get_openapi_schema()["paths"].items():
        if "{tenant}" in path:
            filled = path.replace("{tenant}", "harbour").replace("{number}", str(ada)).replace("{password}", "1")
            for method in methods:
                answer = cleo(method, filled.removeprefix("/api/v1"), {})
                assert answer.status_code == 404, f"{method} {filled}"
                assert answer.headers["Content-Type"] == PROBLEM
    assert list(Mailbox.objects.order_by("pk").values()) == before


def test_an_operators_token_needs_a_stated_reason_on_a_real_host(mo: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    real = settings.ENVIRON.model_copy(update={"bind": "0.0.0.0"})
    monkeypatch.setattr(settings, "ENVIRON", real)
    assert not real.serves_loopback_only
    assert mo.ask("/tenants", 403)["type"] == "urn:skerry:problem:state-first"
    assert mo.ask("/tenants/harbour", 403)["type"] == "urn:skerry:problem:state-first"
    people.mo()
    now = timezone.now()
    notary = notarial.notary(real, today=now.date())
    operators.open_session("0" * 31 + "2", "mo", notary.home.country, "a stuck mail", notary, now)
    assert mo.ask("/tenants/harbour")["slug"] == "harbour"
    acts = operators.acts("harbour")
    assert [(act.act, act.operator, act.reason) for act in acts] == [("api test: GET tenant", "mo", "a stuck mail")]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("DELETE", "/tenants/harbour", None), ("POST", "/tenants/harbour/suspend", {"reason": "spam"})],
)
def test_what_cannot_be_undone_or_stops_a_tenant_needs_a_second_person(
    mo: Program, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: dict[str, str] | None
) -> None:
    real = settings.ENVIRON.model_copy(update={"bind": "0.0.0.0"})
    monkeypatch.setattr(settings, "ENVIRON", real)
    now = timezone.now()
    notary = notarial.notary(real, today=now.date())
    operators.open_session("0" * 31 + "2", "mo", notary.home.country, "a stuck mail", notary, now)
    refused = mo.do(method, path, body, status=403)
    assert "a second person has to agree" in refused["detail"]
    assert Tenant.objects.get(slug="harbour").state == Tenant.State.ACTIVE
    assert OperatorAct.objects.get().refused == operators.SECOND_PERSON


def test_a_tenant_that_keeps_the_operator_out_is_not_listed(mo: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one["slug"] for one in mo.ask("/tenants")["items"]] == ["harbour", "fjord"]
    abroad = settings.ENVIRON.model_copy(update={"operator_country": "US"})
    monkeypatch.setattr(settings, "ENVIRON", abroad)
    OperatorAct.objects.all().delete()
    assert mo.ask("/tenants") == {"items": [], "next": None, "kept_out": 2}
    assert mo.ask("/tenants/harbour", 403)["type"] == "urn:skerry:problem:kept-out"


def test_what_is_asked_for_is_checked_when_a_token_is_made(cell: None) -> None:
    today = date(2027, 3, 14)
    with pytest.raises(rights.UnknownRight, match="queue:read"):
        rights.chosen(["queue:read"], operator=False)
    with pytest.raises(rights.UnknownRight, match="can do nothing"):
        rights.chosen([], operator=True)
    assert rights.chosen(["read"], operator=True) == {right for right in Right if right.endswith(":read")}
    assert rights.parsed("mailboxes:read gone:away") == {Right.MAILBOXES_READ}
    for name, days, words in (
        ("", 30, "one line"),
        ("x\ny", 30, "one line"),
        ("a", 0, "ends between"),
        ("a", 400, "ends between"),
    ):
        with pytest.raises(tokens.NotMade, match=words):
            tokens.make(
                tenant=Tenant.objects.get(slug="harbour"),
                operator="",
                cell=house.CELL,
                name=name,
                allowed=frozenset({Right.TENANT_READ}),
                expires=today + timedelta(days=days),
                today=today,
                key=b"k" * 32,
            )
    token("harbour", name="once")
    with pytest.raises(tokens.NotMade, match="already"):
        token("harbour", name="once")
    token("fjord", name="once")


def test_tokens_have_an_end_in_number(cell: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_TOKENS", 2)
    token("harbour", name="a")
    token("harbour", name="b")
    with pytest.raises(tokens.NotMade, match="revoke"):
        token("harbour", name="c")
    ApiToken.objects.filter(name="a").update(expires=timezone.now().date())
    token("harbour", name="c")
