"""Signing in: the right pair opens, every wrong one is answered alike, guessing is slowed and locks out nobody else."""

from __future__ import annotations

import base64
import json
import re
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from mailhost.models import KeyringWrap, Mailbox, OwnerLanguage, SignIn, Tenant
from mailhost.provision import leaving, tenants
from mailhost.seal.password import Argon2Parameters, derive_keys
from tests.provision import house
from tests.webadmin import people
from webadmin.accounts import entry, factors, signin, throttle
from webadmin.accounts.models import Account, Authenticator, Failures, WebSession
from webadmin.accounts.sessions import SessionStore
from webadmin.web import gate, typed

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 3, 14, 15, 9, 26, tzinfo=UTC)


@pytest.fixture
def cell() -> None:
    people.found()


def _auth_key(client: Client, address: str, password: str) -> str:
    """What Ada's browser does: ask for the salt, derive."""
    named = client.post("/sign-in/salt", {"address": address}, content_type="application/json").json()
    parameters = Argon2Parameters.from_text(named["parameters"])
    return derive_keys(password, base64.b64decode(named["salt"]), parameters).auth_key.hex()


def _sign_in(client: Client, address: str = "ada@example.is", password: str = people.ADAS_PASSWORD) -> int:
    key = _auth_key(client, address, password)
    return client.post("/sign-in/", {"address": address, "auth_key": key}).status_code


def test_ada_signs_in_with_the_key_her_browser_derived(cell: None) -> None:
    client = people.web()
    assert _sign_in(client, "  Ada@Example.IS ") == 302
    page = client.get("/account/")
    assert page.status_code == 200
    assert "ada@example.is" in page.content.decode()
    assert Account.objects.get().mailbox_id == Mailbox.objects.get(address="ada@example.is").pk
    assert OwnerLanguage.objects.get().language == "en", "the language that the page was in"


def test_wrong_pairs_are_answered_alike(cell: None) -> None:
    answers = set()
    for address, password in (
        ("ada@example.is", "wrong"),
        ("ben@example.is", "wrong"),  # a mailbox without keys
        ("nobody@example.is", "wrong"),
        ("nobody@elsewhere.test", "wrong"),
    ):
        client = people.web()
        key = _auth_key(client, address, password)
        page = client.post("/sign-in/", {"address": address, "auth_key": key})
        text = page.content.decode().replace(address, "").replace(key, "")
        token = text.split('csrfmiddlewaretoken" value="')
        answers.add((page.status_code, "".join(part.split('"', 1)[-1] for part in token)))
    assert len(answers) == 1
    assert not WebSession.objects.filter(account__isnull=False).exists()


def test_an_unknown_address_has_always_the_same_salt_and_none_like_another(cell: None) -> None:
    client = people.web()

    def salt(address: str) -> str:
        answer = client.post("/sign-in/salt", {"address": address}, content_type="application/json")
        assert answer.json()["parameters"] == Argon2Parameters().text
        return str(answer.json()["salt"])

    assert salt("nobody@example.is") == salt("Nobody@EXAMPLE.is")
    assert salt("nobody@example.is") != salt("somebody@example.is")
    assert (
        salt("ada@example.is") == base64.b64encode(bytes(KeyringWrap.objects.get(kind="password").salt or b"")).decode()
    )


@pytest.mark.parametrize(
    "body",
    [
        *("", "{}", "[]", '"x"', "null", '{"address": 1}', '{"address": ""}', '{"address": "%s"}' % ("a" * 321)),
        *(r'{"address": "\ud800"}', r'{"address": "ada\u0000@example.is"}'),
    ],
)
@pytest.mark.parametrize("path", ["/sign-in/salt", "/recover/keyring"])
def test_what_asks_for_no_salt_and_no_boxes_is_told_what_to_send(path: str, body: str) -> None:
    answer = people.web().post(path, body, content_type="application/json")
    assert (answer.status_code, "address" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "00" * 33, "é" * 64])
def test_a_form_whose_script_did_not_run_says_so(cell: None, key: str) -> None:
    page = people.web().post("/sign-in/", {"address": "ada@example.is", "auth_key": key})
    assert page.status_code == 422
    assert "ada@example.is" in page.content.decode()


@pytest.mark.parametrize("change", ["mailbox", "tenant", "account"])
def test_who_is_suspended_does_not_enter_and_is_put_out(cell: None, change: str) -> None:
    client = people.web()
    assert _sign_in(client) == 302
    match change:
        case "mailbox":
            Mailbox.objects.filter(address="ada@example.is").update(state=Mailbox.State.SUSPENDED)
        case "tenant":
            Tenant.objects.filter(slug="harbour").update(state=Tenant.State.SUSPENDED)
        case "account":
            Account.objects.update(is_active=False)
    assert client.get("/account/").status_code == 302
    assert _sign_in(people.web()) == 422


def test_who_proves_themselves_reads_why_their_organisation_is_suspended(cell: None) -> None:
    tenants.set_state("harbour", Tenant.State.SUSPENDED, now=house.NOW, reason="unpaid since May")
    client = people.web()
    page = client.post(
        "/sign-in/",
        {"address": "ada@example.is", "auth_key": _auth_key(client, "ada@example.is", people.ADAS_PASSWORD)},
    )
    assert page.status_code == 422
    assert "unpaid since May" in page.content.decode()
    wrong = client.post("/sign-in/", {"address": "ada@example.is", "auth_key": "00" * 32}).content.decode()
    assert "unpaid" not in wrong


def test_who_leaves_signs_in_and_reads_when_it_ends(cell: None) -> None:
    wish = leaving.Wish(by_operator=False, why="we move")
    leaving.ask("harbour", wish, notary=house.NOTARY, now=house.NOW)
    client = people.web()
    assert _sign_in(client) == 302
    page = client.get("/account/").content.decode()
    assert "leaves this host: on 2027-03-28" in page
    assert "we move" in page


def test_a_tenants_owner_needs_a_second_factor_before_anything_else(cell: None) -> None:
    people.account_of("ada@example.is", Account.Role.OWNER)
    client = people.web()
    assert _sign_in(client) == 302
    assert client.get("/account/").headers["Location"].startswith("/second-factor/")
    assert client.get("/second-factor/").headers["Location"] == "/second-factor/set-up/"


def test_a_password_alone_adds_no_factor_beside_one_that_is_there(cell: None) -> None:
    ada = people.account_of("ada@example.is")
    ada.passkey_set.create(words="laptop", credential_id=b"1", public_key=b"2", created=NOW)
    thief = people.signed_in(ada, verified=False)
    assert thief.get("/second-factor/set-up/").headers["Location"] == "/second-factor/"
    assert thief.post("/second-factor/passkey/add/options").status_code == 403
    assert thief.post("/account/recovery-codes/").headers["Location"].startswith("/second-factor/")


def test_wrong_codes_in_a_row_are_one_note_and_push_no_other_out(cell: None) -> None:
    ada = people.account_of("ada@example.is")
    key, secret, now = entry.key("factor.key"), factors.new_secret(), timezone.now()
    before = now - timedelta(minutes=5)
    factors.enrol(ada, secret, factors.code_at(secret, int(before.timestamp()) // factors.STEP), before, key)
    thief = people.signed_in(ada, verified=False)
    for _guess in range(2 * throttle.FREE):
        assert thief.post("/second-factor/", {"code": "wrong"}).status_code == 422
    assert SignIn.objects.count() == 1


def test_a_session_taken_over_adds_no_first_factor_and_so_opens_no_dangerous_page(cell: None) -> None:
    ada = people.account_of("ada@example.is")
    assert people.signed_in(ada, sudo=True).get("/second-factor/set-up/").status_code == 200
    thief = people.signed_in(ada, verified=False)
    led = thief.get("/second-factor/set-up/").headers["Location"]
    assert led == "/account/prove-again/?next=/second-factor/set-up/"
    secret = factors.new_secret()
    session = thief.session
    session["secret"] = factors.locked(secret.hex(), entry.key("factor.key"))
    session.save()
    code = factors.code_at(secret, int(timezone.now().timestamp()) // factors.STEP)
    assert thief.post("/second-factor/set-up/", {"code": code}).headers["Location"] == led
    assert thief.post("/second-factor/passkey/add/options").status_code == 403
    assert not Authenticator.objects.exists()
    assert "/account/prove-again" in thief.get("/mailbox/filters/new/").headers["Location"]


def test_signing_in_gives_the_session_a_new_key(cell: None) -> None:
    client = people.web()
    client.get("/account/")
    before = client.session.session_key
    assert _sign_in(client) == 302
    assert client.session.session_key != before


def test_guessing_is_slowed_for_strangers_and_not_for_the_owners_own_browser(cell: None) -> None:
    home = people.web()
    assert _sign_in(home) == 302
    home.post("/sign-out/")
    stranger = people.web()
    for _guess in range(throttle.FREE):
        stranger.post("/sign-in/", {"address": "ada@example.is", "auth_key": "00" * 32})
    page = stranger.post("/sign-in/", {"address": "ada@example.is", "auth_key": "00" * 32})
    assert "Too many attempts" in page.content.decode()
    assert _sign_in(people.web()) == 422  # even the right password, from a stranger's browser
    assert _sign_in(home) == 302
    assert b"ada@example.is" not in b"".join(bytes(row.digest) for row in Failures.objects.all())


def test_what_stands_for_a_name_in_a_browsers_mark_signs_no_mark(cell: None) -> None:
    client = people.web()
    assert _sign_in(client) == 302
    mark, salt = client.cookies[throttle.COOKIE].value, "webadmin.known-browser"
    assert signing.loads(mark, salt=salt)[0] == throttle._tag("ada@example.is")
    content = mark.rpartition(":")[0]
    with pytest.raises(signing.BadSignature):
        signing.loads(f"{content}:{throttle._tag(content)}", salt=salt)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 5), (6, 10), (8, 40), (13, 900), (1000, 900)])
def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert throttle.pause(failures) == timedelta(seconds=seconds)


def test_failures_are_forgotten_after_a_day() -> None:
    counter = throttle.counter("ada@example.is", house.SERVER_KEY)
    for _guess in range(9):
        throttle.attempt(counter, NOW)
    assert throttle.attempt(counter, NOW) > timedelta(0)
    throttle.attempt(throttle.counter("ben@example.is", house.SERVER_KEY), NOW + timedelta(days=2))
    assert Failures.objects.count() == 1


def test_guesses_side_by_side_are_counted_before_any_of_them_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    people.lay_keys()
    people.mo()
    form, looked_at = {"name": "mo", "password": "wrong"}, 0

    def meanwhile(_password: str, _encoded: str) -> bool:
        """Django's own check, which takes its time: the next guess comes before this one is answered."""
        nonlocal looked_at
        looked_at += 1
        if looked_at < 3 * throttle.FREE:
            people.web().post("/operators/sign-in/", form)
        return False

    monkeypatch.setattr(signin, "check_password", meanwhile)
    monkeypatch.setattr(signin, "_turns", threading.BoundedSemaphore(3 * throttle.FREE))
    people.web().post("/operators/sign-in/", form)
    assert looked_at == throttle.FREE


def test_only_so_many_passwords_take_their_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    people.lay_keys()
    people.mo()
    monkeypatch.setattr(signin, "PATIENCE", 0.0)
    form, client = {"name": "mo", "password": people.MOS_PASSWORD}, people.web()
    with ExitStack() as others:
        for _other in range(signin.AT_ONCE):
            others.enter_context(signin.turn())
        page = client.post("/operators/sign-in/", form)
        assert (page.status_code, "being checked" in page.content.decode()) == (422, True)
    assert client.post("/operators/sign-in/", form).status_code == 302


def test_who_is_right_is_told_how_many_failed_before_and_begins_anew() -> None:
    counter = throttle.counter("ada@example.is", house.SERVER_KEY)
    assert not any(throttle.attempt(counter, NOW) for _guess in range(3))
    assert not throttle.attempt(counter, NOW)
    assert throttle.succeeded(counter) == 3
    assert not Failures.objects.exists()


def test_an_operator_signs_in_and_sets_up_a_factor_first() -> None:
    people.lay_keys()
    people.mo()
    client = people.web()
    wrong = client.post("/operators/sign-in/", {"name": "mo", "password": "wrong"})
    unknown = client.post("/operators/sign-in/", {"name": "po", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 422
    right = client.post("/operators/sign-in/", {"name": "mo", "password": people.MOS_PASSWORD, "next": "/rows/"})
    assert right.headers["Location"] == "/second-factor/"
    assert client.get("/rows/").headers["Location"].startswith("/second-factor/")
    assert "wrong" not in wrong.content.decode()


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "", "\x00/x"],
)
def test_nobody_is_led_elsewhere_by_a_link(cell: None, elsewhere: str) -> None:
    client = people.web()
    key = _auth_key(client, "ada@example.is", people.ADAS_PASSWORD)
    answer = client.post("/sign-in/", {"address": "ada@example.is", "auth_key": key, "next": elsewhere})
    assert answer.headers["Location"] == "/account/"


def test_what_was_typed_before_the_session_ended_is_there_after_signing_in_again() -> None:
    people.lay_keys()
    mo = people.mo()
    people.web()
    expired = people.web()
    page = expired.post("/operators/state/", {"country": "NO", "reason": "a stuck message", "hours": "3"})
    assert page.status_code == 401
    carried = page.content.decode().split('name="typed" value="')[1].split('"')[0]
    assert carried
    form = {"name": "mo", "password": people.MOS_PASSWORD, "typed": carried}
    expired.post("/operators/sign-in/", form)
    session = expired.session
    assert session["onward"] == "/operators/state/"
    session[gate.VERIFIED] = True
    session.save()
    shown = expired.get("/operators/state/").content.decode()
    assert 'value="a stuck message"' in shown
    assert '<option value="NO" selected>' in shown
    assert "a stuck message" not in expired.get("/operators/state/").content.decode()
    assert mo.pk == int(session["_auth_user_id"])


def test_what_a_browser_made_is_not_carried_over_the_end_of_a_session() -> None:
    made = dict.fromkeys(("made", "registration", "credential", "proof", "auth_key"), "a secret in clear")
    carried = signing.loads(typed.carried("/mailbox/password/", made | {"name": "phone"}), salt="webadmin.web.typed")
    assert carried["fields"] == {"name": ["phone"]}
    assert typed.carried("/mailbox/password/", made) == ""


def test_what_waits_in_a_session_to_be_shown_is_in_no_copy_of_the_table(cell: None) -> None:
    client = people.signed_in(people.account_of("ada@example.is"), sudo=True)

    def stored() -> str:
        return json.dumps(SessionStore(client.session.session_key).load())

    page = client.get("/second-factor/set-up/").content.decode()
    secret = base64.b32decode(re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)[0].replace(" ", ""))  # type: ignore[index]
    assert secret.hex() not in stored()
    assert client.get("/second-factor/set-up/").content.decode().count(base64.b32encode(secret)[:4].decode())
    client.post("/account/recovery-codes/")
    before = stored()
    codes = re.findall(r"\b[a-z2-9]{5}-[a-z2-9]{5}\b", client.get("/account/recovery-codes/").content.decode())
    assert len(codes) == factors.CODES
    assert not any(code in before for code in codes)
    assert not re.search(codes[0], client.get("/account/recovery-codes/").content.decode()), "shown once"


def test_sudo_ends_after_ten_minutes() -> None:
    people.lay_keys()
    mo = people.mo()
    client = people.signed_in(mo, sudo=True)
    assert client.get("/account/recovery-codes/").status_code == 200
    session = client.session
    session[gate.SUDO_UNTIL] -= entry.SUDO
    session.save()
    answer = client.get("/account/recovery-codes/")
    assert answer.headers["Location"] == "/account/prove-again/?next=/account/recovery-codes/"
    wrong = client.post(answer.headers["Location"], {"password": "wrong"})
    assert wrong.status_code == 422
    right = client.post(answer.headers["Location"], {"password": people.MOS_PASSWORD})
    assert right.headers["Location"] == "/account/recovery-codes/"
    assert client.get("/account/recovery-codes/").status_code == 200
