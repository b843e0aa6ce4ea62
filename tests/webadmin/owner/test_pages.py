"""An owner's pages: what can read the mail, app passwords, the password, the words, the keys; and nobody else's."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jurisdiction.ledger.notes import parse_key
from jurisdiction.models import LedgerEntry
from jurisdiction.records import ledger
from mailhost.models import AppPassword, KeyringWrap, MailboxKey, SignIn
from mailhost.provision import apppasswords, mailboxes, passwords
from mailhost.provision.errors import NotFound
from mailhost.seal.apppassword import app_password_hash, app_password_wrap_key
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.keyring import open_keyring, seal_keyring, unwrap_keyring_key, wrap_keyring_key
from mailhost.seal.password import Argon2Parameters, derive_keys
from mailhost.seal.phrase import parse_phrase, phrase_wrap_key
from mailhost.seal.registration import recovery_message
from mailhost.seal.sealed import open_file
from mailhost.signins import Result
from tests.provision import house
from tests.seal import owners
from tests.webadmin import people
from webadmin.accounts import ownlog, sessions, sources
from webadmin.accounts.models import WebSession
from webadmin.cell import notarial
from webadmin.owner.views import apppasswords as views

pytestmark = pytest.mark.django_db

ADA = "ada@example.is"
NEW_PASSWORD = "four walls and a roof"
SECRET = bytes(range(16))


@pytest.fixture
def made() -> mailboxes.NewMailbox:
    """Ada with keys; Ben and Cleo without."""
    return people.found()


@pytest.fixture
def ada(made: mailboxes.NewMailbox) -> Client:
    return people.signed_in(people.account_of(ADA))


def keys_of_password(ada: Client) -> tuple[str, bytes]:
    """What the browser derives and opens: the auth key in hex, and the keyring key."""
    stored = ada.get("/mailbox/keyring").json()
    parameters = Argon2Parameters.from_text(stored["parameters"])
    derived = derive_keys(people.ADAS_PASSWORD, base64.b64decode(stored["salt"]), parameters)
    return derived.auth_key.hex(), unwrap_keyring_key(derived.wrap_key, base64.b64decode(stored["wrap"]))


def app_password(access: str = "sealed", keyring_key: bytes = bytes(32)) -> str:
    wrap = owners.text64(wrap_keyring_key(app_password_wrap_key(SECRET), keyring_key)) if access == "session" else None
    return json.dumps({"secret": owners.text64(SECRET), "access": access, "wrap": wrap})


def rewrapped(keyring_key: bytes, password: str = NEW_PASSWORD) -> str:
    salt = bytes(range(16))
    derived = derive_keys(password, salt, Argon2Parameters())
    part = {
        "wrap": owners.text64(wrap_keyring_key(derived.wrap_key, keyring_key)),
        "salt": owners.text64(salt),
        "parameters": Argon2Parameters().text,
        "auth_key": owners.text64(derived.auth_key),
    }
    return json.dumps({"password": part})


def send_app_password(ada: Client, **fields: str) -> HttpResponse:
    whole = {"name": "phone", "access": "sealed", "expires": "", "made": app_password(), **fields}
    answer: Any = ada.post("/mailbox/app-passwords/new/", whole, headers={"accept": "application/json"})
    return answer  # type: ignore[no-any-return]


def test_home_says_what_holds_a_key_to_the_mail_now(ada: Client) -> None:
    text = ada.get("/mailbox/").content.decode()
    assert "No app password has session access" in text
    KeyringWrap.objects.create(mailbox=mailboxes.get(ADA), kind="tenant", wrap=b"x")
    for name, more in (("phone", {}), ("old", {"expires": people.TODAY - timedelta(days=900)})):
        AppPassword.objects.create(
            mailbox=mailboxes.get(ADA), name=name, access="session", secret_hash=name.encode(), created=people.TODAY,
            **more,
        )  # fmt: skip
    text = ada.get("/mailbox/").content.decode()
    assert "Session access: phone." in text
    assert "keeps a key offline" in text


def test_home_and_list_ask_the_database_as_often_for_many_app_passwords_as_for_none(
    ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ada.get("/mailbox/")
    for number in range(30):
        AppPassword.objects.create(
            mailbox=mailboxes.get(ADA), name=str(number), access="sealed", secret_hash=bytes([number]),
            created=people.TODAY,
        )  # fmt: skip
    for path in ("/mailbox/", "/mailbox/app-passwords/"):
        with django_assert_max_num_queries(12):
            assert ada.get(path).status_code == 200


def test_an_app_password_of_the_browser_is_stored_as_a_hash_and_opens_the_keyring(ada: Client) -> None:
    auth_key, keyring_key = keys_of_password(ada)
    answer = send_app_password(ada, access="session", made=app_password("session", keyring_key), auth_key=auth_key)
    assert json.loads(answer.content) == {"username": ADA, "name": "phone"}
    row = AppPassword.objects.get()
    assert bytes(row.secret_hash) == app_password_hash(house.SERVER_KEY, SECRET)
    assert row.wrap is not None
    assert unwrap_keyring_key(app_password_wrap_key(SECRET), bytes(row.wrap)) == keyring_key
    assert "phone" in ada.get("/mailbox/app-passwords/").content.decode()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"auth_key": "00" * 32}, "not your password"),
        ({"auth_key": ""}, "did not derive"),
        ({"access": "session"}, "does not fit"),
        ({"made": ""}, "made no keys"),
        ({"made": "{}"}, "does not fit"),
        ({"name": "two\nlines"}, "one line"),
        ({"expires": "2001-01-01"}, "not in the future"),
        ({"access": "everything"}, "valid choice"),
    ],
)
def test_what_is_wrong_with_a_new_app_password_is_said_and_nothing_is_stored(
    ada: Client, fields: dict[str, str], wrong: str
) -> None:
    auth_key, _keyring_key = keys_of_password(ada)
    answer = send_app_password(ada, **({"auth_key": auth_key} | fields))
    assert answer.status_code == 422
    assert wrong in answer.content.decode()
    assert not AppPassword.objects.exists()


def test_a_name_in_use_is_refused_and_without_script_the_page_keeps_what_was_typed(ada: Client) -> None:
    auth_key, _keyring_key = keys_of_password(ada)
    assert send_app_password(ada, auth_key=auth_key).status_code == 200
    again = send_app_password(ada, auth_key=auth_key)
    assert "in use" in json.loads(again.content)["problems"]["name"][0]["message"]
    page = ada.post("/mailbox/app-passwords/new/", {"name": "the old laptop", "access": "sealed"})
    assert page.status_code == 422
    assert "the old laptop" in page.content.decode()
    assert "Allow JavaScript" in page.content.decode()


def test_a_policy_without_session_access_offers_none_and_refuses_it(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth_key, keyring_key = keys_of_password(ada)
    policy = replace(views._policy(mailboxes.get(ADA), people.TODAY), access=("sealed",))
    monkeypatch.setattr(views, "_policy", lambda _box, _today: policy)
    assert 'value="session"' not in ada.get("/mailbox/app-passwords/new/").content.decode()
    made = app_password("session", keyring_key)
    assert send_app_password(ada, access="session", made=made, auth_key=auth_key).status_code == 422
    assert not AppPassword.objects.exists()


def test_an_owner_ends_their_own_app_password_and_nobody_elses(ada: Client) -> None:
    auth_key, _keyring_key = keys_of_password(ada)
    send_app_password(ada, auth_key=auth_key)
    number = AppPassword.objects.get().pk
    for address in ("ben@example.is", "cleo@example.no"):
        other = people.signed_in(people.account_of(address))
        assert other.post(f"/mailbox/app-passwords/{number}/revoke/").status_code == 404
        assert "phone" not in other.get("/mailbox/app-passwords/").content.decode()
    assert AppPassword.objects.get().revoked is None
    assert ada.get(f"/mailbox/app-passwords/{number}/revoke/").status_code == 405
    assert ada.post(f"/mailbox/app-passwords/{number}/revoke/").status_code == 302
    assert AppPassword.objects.get().revoked is not None
    assert ada.post(f"/mailbox/app-passwords/{number}/revoke/").status_code == 404
    with pytest.raises(NotFound):
        apppasswords.revoke_number(ADA, 2**70, now=house.NOW)


def test_a_new_password_opens_the_same_keyring_and_ends_other_sessions(ada: Client) -> None:
    auth_key, keyring_key = keys_of_password(ada)
    other = people.signed_in(people.account_of(ADA))
    before = KeyringWrap.objects.get(kind="recovery")
    answer = ada.post("/mailbox/password/", {"made": rewrapped(keyring_key), "auth_key": auth_key})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/mailbox/")
    assert mailboxes.keyring_key_by_password(mailboxes.get(ADA), NEW_PASSWORD) == keyring_key
    assert bytes(KeyringWrap.objects.get(kind="recovery").wrap) == bytes(before.wrap)
    assert other.get("/mailbox/").status_code == 302
    text = ada.get("/mailbox/").content.decode()
    assert "1 other session was ended" in text
    old = ada.post("/mailbox/password/", {"made": rewrapped(keyring_key, "another of them"), "auth_key": auth_key})
    assert old.status_code == 422
    assert mailboxes.keyring_key_by_password(mailboxes.get(ADA), NEW_PASSWORD) == keyring_key


@pytest.mark.parametrize(
    "change",
    [
        {"auth_key": "11" * 32},
        {"made": '{"password": {}}'},
        {"made": rewrapped(bytes(32)).replace("m=65536", "m=1024")},
    ],
    ids=["wrong password", "no form", "weak parameters"],
)
def test_a_refused_new_password_leaves_the_old_one(ada: Client, change: dict[str, str]) -> None:
    auth_key, keyring_key = keys_of_password(ada)
    fields = {"made": rewrapped(keyring_key), "auth_key": auth_key} | change
    assert ada.post("/mailbox/password/", fields).status_code == 422
    assert mailboxes.keyring_key_by_password(mailboxes.get(ADA), people.ADAS_PASSWORD) == keyring_key


def recovered(paper: mailboxes.NewMailbox, visitor: Client, typed: str = ADA, **changes: str) -> Any:
    """What the browser does with the words: open, wrap under a new password, sign the challenge."""
    stored = visitor.post("/recover/keyring", {"address": typed}, content_type="application/json").json()
    key = unwrap_keyring_key(phrase_wrap_key(parse_phrase(paper.recovery_phrase)), base64.b64decode(stored["wrap"]))
    keyring = open_keyring(key, base64.b64decode(stored["keyring"]))
    form = rewrapped(key)
    signature = keyring.signing_key.sign(recovery_message(stored["address"], stored["challenge"], form)).signature
    fields = {"address": typed, "challenge": stored["challenge"], "made": form, "proof": owners.text64(signature)}
    return visitor.post("/recover/", fields | changes)


def test_the_words_set_a_new_password_and_end_every_session(made: mailboxes.NewMailbox, ada: Client) -> None:
    answer = recovered(made, people.web(), " Ada@Example.IS")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
    assert mailboxes.keyring_key_by_password(mailboxes.get(ADA), NEW_PASSWORD) == made.keyring_key
    assert ada.get("/mailbox/").status_code == 302, "a thief who is signed in is not any more"
    assert not WebSession.objects.filter(account__isnull=False).exists(), "the words open no session by themselves"


def test_a_challenge_counts_once_and_for_an_hour(made: mailboxes.NewMailbox) -> None:
    visitor = people.web()
    stored = visitor.post("/recover/keyring", {"address": ADA}, content_type="application/json").json()
    keyring = open_keyring(made.keyring_key, base64.b64decode(stored["keyring"]))
    form = rewrapped(made.keyring_key)
    signature = keyring.signing_key.sign(recovery_message(ADA, stored["challenge"], form)).signature
    fields = {"address": ADA, "challenge": stored["challenge"], "made": form, "proof": owners.text64(signature)}
    assert visitor.post("/recover/", fields).status_code == 302
    assert visitor.post("/recover/", fields).status_code == 422
    with time_machine.travel(datetime(2027, 3, 14, tzinfo=UTC), tick=False) as clock:
        stored = visitor.post("/recover/keyring", {"address": ADA}, content_type="application/json").json()
        clock.shift(timedelta(hours=2))
        assert (
            "more than an hour"
            in visitor.post("/recover/", fields | {"challenge": stored["challenge"]}).content.decode()
        )


@pytest.mark.parametrize(
    "change",
    [
        {"proof": ""},
        {"proof": "no base64!"},
        {"proof": owners.text64(bytes(64))},
        {"made": rewrapped(bytes(32))},
        {"challenge": "made up"},
        {"address": "ben@example.is"},
        {"address": "nobody@example.is"},
    ],
)
def test_without_the_words_no_password_is_set(made: mailboxes.NewMailbox, change: dict[str, str]) -> None:
    assert recovered(made, people.web(), **change).status_code == 422
    assert mailboxes.keyring_key_by_password(mailboxes.get(ADA), people.ADAS_PASSWORD) == made.keyring_key


@pytest.mark.slow  # they guess often
def test_guessing_is_slowed_and_does_not_keep_the_owner_from_recovering(made: mailboxes.NewMailbox) -> None:
    for _ in range(40):
        answer = recovered(made, people.web(), proof="")
    assert "Too many attempts" in answer.content.decode()
    assert recovered(made, people.web()).status_code == 302


def test_an_address_without_keys_gets_boxes_that_look_like_real_ones_and_stay_the_same(
    made: mailboxes.NewMailbox,
) -> None:
    def asked(address: str) -> dict[str, str]:
        answer = people.web().post("/recover/keyring", {"address": address}, content_type="application/json")
        return answer.json()  # type: ignore[no-any-return]

    real, ben, nobody = (asked(address) for address in (ADA, "ben@example.is", "nobody@elsewhere.test"))
    for field in ("keyring", "wrap"):
        assert len({one[field] for one in (real, ben, nobody)}) == 3
        assert asked("nobody@elsewhere.test")[field] == nobody[field]
    for name in ("keyring", "wrap", "salt", "parameters"):
        assert len(real[name]) == len(ben[name]) == len(nobody[name]), f"the length of {name} tells who is here"
    assert asked("x" * 400) == {"error": 'send {"address": "…"}'}


def test_an_invented_keyring_is_as_long_as_a_first_one() -> None:
    keys = owners.make(ADA)
    assert len(seal_keyring(keys.keyring, keys.keyring_key)) == passwords.FIRST_KEYRING_SIZE


def test_the_keyring_is_for_its_owner_alone(ada: Client) -> None:
    assert people.web().get("/mailbox/keyring", headers={"accept": "application/json"}).status_code == 401
    ben = people.signed_in(people.account_of("ben@example.is"))
    assert ben.get("/mailbox/keyring").status_code == 404
    assert "no-store" in ada.get("/mailbox/keyring").headers["Cache-Control"]


def test_the_keys_page_goes_by_the_label_that_was_kept(ada: Client) -> None:
    [row] = MailboxKey.objects.filter(mailbox__address=ADA)
    kept = bytes(row.log_label or b"")
    assert LedgerEntry.objects.filter(kind="key", subject=kept.hex()).count() == 1
    # Of an earlier day: it is made by the first visit.
    MailboxKey.objects.update(log_label=None)
    assert "missing" not in ada.get("/mailbox/keys/").content.decode()
    assert bytes(MailboxKey.objects.get(pk=row.pk).log_label or b"") == kept
    # What lies under another label is not found: nothing is derived anew.
    MailboxKey.objects.update(log_label=bytes(32))
    assert "missing" in ada.get("/mailbox/keys/").content.decode()


def test_the_keys_page_shows_the_entry_and_hands_out_a_receipt_under_a_signed_head(ada: Client) -> None:
    notary = notarial.notary(settings.ENVIRON, today=people.TODAY)
    assert ada.get("/mailbox/keys/receipt.json").status_code == 404
    ledger.checkpoint(notary, house.NOW)
    text = ada.get("/mailbox/keys/").content.decode()
    index = LedgerEntry.objects.get(kind="key").pk
    assert f"entry {index}" in text
    assert "unwitnessed" in text
    receipt = json.loads(ada.get("/mailbox/keys/receipt.json").content)
    assert MailboxKey.objects.get().recipient in json.dumps(receipt)
    assert parse_key(str(notary.log_key)).name in json.dumps(receipt)
    ben = people.signed_in(people.account_of("ben@example.is"))
    assert ben.get("/mailbox/keys/receipt.json").status_code == 404
    assert "No keys yet" in ben.get("/mailbox/keys/").content.decode()


def test_a_key_that_the_log_does_not_have_is_called_out(ada: Client) -> None:
    other = owners.make(ADA).keyring.recipient.text
    MailboxKey.objects.filter(mailbox__address=ADA).update(recipient=other)
    text = ada.get("/mailbox/keys/").content.decode()
    assert "does not stand in the log" in text
    assert "not among yours" in text


def test_programs_get_the_values_and_a_profile_of_the_caller(ada: Client) -> None:
    text = ada.get("/mailbox/programs/").content.decode()
    assert str(settings.ENVIRON.imaps_port) in text
    assert settings.ENVIRON.hostname in text
    profile = ada.get("/mailbox/programs/mail.mobileconfig")
    assert profile.headers["Content-Type"] == "application/x-apple-aspen-config"
    assert ADA.encode() in profile.content
    assert b"cleo@example.no" in people.signed_in(people.account_of("cleo@example.no")).get(
        "/mailbox/programs/mail.mobileconfig"
    ).content  # fmt: skip


def test_sessions_that_have_ended_are_swept(ada: Client) -> None:
    now = WebSession.objects.get().expire_date
    assert sessions.sweep(now - timedelta(hours=1)) == 0
    assert sessions.sweep(now) == 1
    assert not WebSession.objects.exists()


def test_who_asks_for_many_mailboxes_recovery_boxes_waits_and_nobody_else(ada: Client) -> None:
    def asked(source: str) -> int:
        answer = people.web().post(
            "/recover/keyring",
            {"address": "ada@example.is"},
            content_type="application/json",
            headers={"X-Forwarded-For": f"10.0.0.1, {source}"},
        )
        return answer.status_code

    assert [asked("193.4.58.7") for _time in range(sources.RECOVERIES + 1)] == [200] * sources.RECOVERIES + [429]
    assert asked("193.4.58.8") == 200
    assert [asked(f"2a01:6f00:1:2::{number:x}") for number in range(1, sources.RECOVERIES + 2)][-1] == 429
    assert asked("127.0.0.1") == 200


@pytest.mark.parametrize(
    ("came", "told", "source"),
    [
        ("127.0.0.1", "10.0.0.1, 193.4.58.7", "193.4.58.7"),
        ("172.18.0.1", "193.4.58.7", "193.4.58.7"),  # the proxy on this machine, as a container sees it
        ("193.4.58.9", "193.4.58.7", "193.4.58.9"),  # somebody who says to be somebody else
        ("172.18.0.1", "", ""),
        ("127.0.0.1", "unknown", ""),
    ],
)
def test_a_proxys_word_is_believed_from_this_machine_and_from_nobody_beyond_it(
    came: str, told: str, source: str
) -> None:
    request = RequestFactory().get("/", headers={"X-Forwarded-For": told}, REMOTE_ADDR=came)
    assert sources.address_of(request) == source


def test_a_sign_in_is_noted_for_the_owner_alone_with_the_failures_before(ada: Client) -> None:
    box = mailboxes.get("ada@example.is")
    secret = mailboxes.secret_keys("ada@example.is", people.ADAS_PASSWORD)
    request = RequestFactory().get("/")
    ownlog.note(request, box, Result.IN, timezone.now(), failures=2)
    (file,) = [base64.b64decode(one) for one in ada.get("/mailbox/sign-ins/notes.json").json()["notes"]]
    note = json.loads(open_file([HybridIdentity.from_text(secret[0])], file))
    assert (note["program"], note["result"], note["failures"], note["country"]) == ("browser", "in", 2, "")
    assert "Open 1 line" in ada.get("/mailbox/sign-ins/").content.decode()


def test_without_lines_there_is_nothing_to_open_and_no_script_that_looks_for_it(ada: Client) -> None:
    SignIn.objects.all().delete()
    page = ada.get("/mailbox/sign-ins/").content.decode()
    assert "No sign-in yet" in page
    assert "js/owner-keys" not in page, "it would look for the form in vain, which is an error on the console"


def test_the_last_wrong_passwords_are_told_at_the_next_sign_in(ada: Client) -> None:
    client, noted = people.web(), SignIn.objects.count()
    for _time in range(2):
        client.post("/sign-in/", {"address": "ada@example.is", "auth_key": "00" * 32})
    assert SignIn.objects.count() == noted, "a stranger fills nobody's list"
