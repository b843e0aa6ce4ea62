"""Every address of the web, as every kind of visitor, and as somebody of another tenant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.api.rights import Right
from webadmin.web import access
from webadmin.web.access import Caller, Role, Row, Verdict, decide

OWNER = Caller(frozenset({Role.OWNER}), "harbour")
ADMIN = Caller(frozenset({Role.OWNER, Role.TENANT_ADMIN}), "harbour")
CLEO = Caller(frozenset({Role.OWNER, Role.TENANT_ADMIN, Role.TENANT_OWNER}), "fjord")
MO = Caller(frozenset({Role.OPERATOR}), stated=True)
# A value for each word in an address: of harbour, so that nobody of fjord may pass.
WORDS = {"token": "a" * 43, "tenant": "harbour", "key": "0" * 64, "number": 1, "object_id": "1", "app_label": "mailhost", "url": "x",
         "content_type_id": 1, "password": 1}  # fmt: skip


@dataclass(frozen=True)
class Address:
    """One address as the resolver has it."""

    name: str
    path: str
    tenant: bool


def _addresses(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[Address]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _addresses(entry, route, f"{space}{entry.namespace}:" if entry.namespace else space)
        else:
            assert isinstance(entry, URLPattern)
            yield Address(space + (entry.name or ""), _filled(entry, route), "<slug:tenant>" in route)


def _filled(entry: URLPattern, route: str) -> str:
    path = "/" + route.replace("^", "").replace("$", "")
    for word, converter in entry.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        path = path.replace(f"<{kind}:{word}>", str(WORDS[word])).replace(f"<{word}>", str(WORDS[word]))
    return path.replace("(?P<app_label>directory|jurisdiction|mailhost|accounts)", "mailhost").split("(?P")[0]


ADDRESSES = sorted(set(_addresses(get_resolver())), key=lambda one: (one.path, one.name))


def test_every_address_has_a_name_and_a_row() -> None:
    assert len(ADDRESSES) > 20
    assert not [one.path for one in ADDRESSES if access.row_of(one.name) is None]


def test_every_row_is_of_an_address() -> None:
    names = {one.name for one in ADDRESSES}
    spaces = {f"{name.partition(':')[0]}:*" for name in names if ":" in name}
    assert set(access.TABLE) <= names | spaces


def test_what_takes_forms_only_is_listed() -> None:
    """Who was led away from such an address cannot come back to it: there is nothing to see."""
    found = set()
    for one in ADDRESSES:
        row, match = access.row_of(one.name), resolve(one.path)
        if row is None or row is access.EVERYBODY or row.rights:
            continue
        with suppress(Exception):  # a view that takes GET gets on, to where it misses the account or the database
            if match.func(RequestFactory().get(one.path), *match.args, **match.kwargs).status_code == 405:
                found.add(one.name)
    assert found == access.FORMS_ONLY


@pytest.mark.django_db
def test_who_proves_themselves_for_a_button_comes_back_to_the_page_with_the_button() -> None:
    people.found()
    ada = people.account_of("ada@example.is")
    button = "/account/authenticator/remove/"
    for came, back in (
        ("http://localhost/account/?x=1", "/account/%3Fx%3D1"),
        ("http://evil.example/account/recovery-codes/", "/account/"),
        ("", "/account/"),
    ):
        client = people.signed_in(ada)
        answer = client.post(button, headers={"referer": came})
        assert answer.headers["Location"] == f"/account/prove-again/?next={back}", came
        assert client.get(answer.headers["Location"]).status_code == 200
    ended = people.web().post(button, headers={"referer": "http://localhost/account/"})
    assert (ended.status_code, 'name="next" value="/account/"' in ended.content.decode()) == (401, True)


def test_an_address_about_a_tenant_is_for_its_people() -> None:
    for one in ADDRESSES:
        row = access.row_of(one.name)
        if one.tenant and row is not None and Role.VISITOR not in row.who:
            caller = Caller(CLEO.roles, CLEO.tenant, rights=frozenset(Right)) if row.rights else CLEO
            assert decide(row, caller, "harbour") in {Verdict.HIDDEN, Verdict.FORBIDDEN}, one.path


@pytest.mark.parametrize(
    ("row", "caller", "verdict"),
    [
        (None, MO, Verdict.HIDDEN),
        (access.EVERYBODY, Caller(), Verdict.ALLOW),
        (access.SIGNED_IN, Caller(), Verdict.SIGN_IN),
        (access.SIGNED_IN, OWNER, Verdict.ALLOW),
        (access.SIGNED_IN, Caller(OWNER.roles, "harbour", lacks_factor=True), Verdict.SECOND_FACTOR),
        (access.UNFINISHED, Caller(OWNER.roles, "harbour", lacks_factor=True), Verdict.ALLOW),
        (access.OPERATOR, OWNER, Verdict.FORBIDDEN),
        (access.OPERATOR, CLEO, Verdict.FORBIDDEN),
        (access.OPERATOR, MO, Verdict.ALLOW),
        (access.STATED, Caller(MO.roles), Verdict.STATE),
        (access.STATED, MO, Verdict.ALLOW),
        (access.TENANT, OWNER, Verdict.FORBIDDEN),
        (access.TENANT, ADMIN, Verdict.ALLOW),
        (access.TENANT, CLEO, Verdict.HIDDEN),
        (access.TENANT, MO, Verdict.FORBIDDEN),
        (access.TENANT_OR_STATED, MO, Verdict.ALLOW),
        (access.TENANT_OR_STATED, ADMIN, Verdict.ALLOW),
        (access.TENANT_OR_STATED, Caller(MO.roles), Verdict.STATE),
        (access.with_sudo(access.TENANT), ADMIN, Verdict.SUDO),
        (access.with_sudo(access.TENANT), Caller(ADMIN.roles, "harbour", sudo=True), Verdict.ALLOW),
        (access.with_sudo(access.TENANT), Caller(CLEO.roles, "fjord", sudo=True), Verdict.HIDDEN),
    ],
)
def test_the_table_is_read_like_this(row: Row | None, caller: Caller, verdict: Verdict) -> None:
    assert decide(row, caller, "harbour") is verdict


def test_more_is_never_allowed_by_proving_less() -> None:
    """Whoever is refused stays refused when a proof is taken away."""
    rows = [*access.TABLE.values(), access.TENANT_OR_STATED, access.with_sudo(access.TENANT)]
    for row, caller in itertools.product(rows, (OWNER, ADMIN, CLEO, MO)):
        whole = Caller(caller.roles, caller.tenant, sudo=True, stated=True)
        for less in (
            Caller(caller.roles, caller.tenant, lacks_factor=True, sudo=True, stated=True),
            Caller(caller.roles, caller.tenant, stated=True),
            Caller(caller.roles, caller.tenant, sudo=True),
            Caller(),
        ):
            if decide(row, less, "harbour") is Verdict.ALLOW:
                assert decide(row, whole, "harbour") is Verdict.ALLOW


@pytest.fixture
def browsers(db: None) -> dict[str, tuple[Client, Caller]]:
    """A browser of each kind, and what the table should see in it."""
    people.found()
    ada = people.account_of("ada@example.is", Account.Role.OWNER)
    ben = people.account_of("ben@example.is")
    cleo = people.account_of("cleo@example.no", Account.Role.OWNER)
    mo = people.mo()
    people.state(mo)
    ada_roles = frozenset({Role.OWNER, Role.TENANT_ADMIN, Role.TENANT_OWNER})
    return {
        "nobody": (people.web(), Caller()),
        "Ada": (people.signed_in(ada), Caller(ada_roles, "harbour")),
        "Ada, by password alone": (
            people.signed_in(ada, verified=False),
            Caller(ada_roles, "harbour", lacks_factor=True),
        ),
        "Ben": (people.signed_in(ben), Caller(frozenset({Role.OWNER}), "harbour")),
        "Cleo": (people.signed_in(cleo, sudo=True), Caller(ada_roles, "fjord", sudo=True)),
        "Mo": (people.signed_in(mo), MO),
    }


LEADS = {
    Verdict.SIGN_IN: {302, 401},
    Verdict.SECOND_FACTOR: {302},
    Verdict.STATE: {302},
    Verdict.SUDO: {302},
    Verdict.FORBIDDEN: {403},
    Verdict.HIDDEN: {404},
}


def of_one_door(one: Address) -> bool:
    """Whether the address stands behind a door of its own, which asks the same of all that come: Django's, the API's."""
    return one.name.startswith(("admin:", "api:"))


@pytest.mark.slow  # two thousand answers
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_address_answers_everybody_as_the_table_says(
    browsers: dict[str, tuple[Client, Caller]], method: str
) -> None:
    wrong = []
    for who, one in itertools.product(browsers, ADDRESSES):
        client, caller = browsers[who]
        if one.name in {"sign-out", "end-other-sessions"} and method == "post":
            continue  # ends the very session that the next address needs
        verdict = decide(access.row_of(one.name), caller, "harbour" if one.tenant else "", method.upper())
        if method == "post" and verdict is not Verdict.ALLOW and who not in {"nobody", "Mo"} and of_one_door(one):
            continue  # refused by the same row as all of its neighbours, and as their own GET
        status = getattr(client, method)(one.path).status_code
        if status >= 500 or (verdict is not Verdict.ALLOW and status not in LEADS[verdict]):
            wrong.append(f"{who} {method} {one.path}: {status}, and the table says {verdict}")
        if verdict is Verdict.ALLOW and status == 401:
            wrong.append(f"{who} {method} {one.path}: {status} in spite of the table")
    assert not wrong, "\n".join(wrong)
