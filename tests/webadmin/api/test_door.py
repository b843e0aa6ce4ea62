"""Around every view: size, rate, POSTs done once, and answers that are values whatever happens."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from mailhost.models import AppPassword, Job, Mailbox, Tenant
from mailhost.provision import tenants
from tests.webadmin.api.conftest import Program
from webadmin.api import door, rates, repeats
from webadmin.api.models import AnsweredPost
from webadmin.api.views import people as views_of_people
from webadmin.cell import notarial
from webadmin.jobs import tasks
from webadmin.tenants import journal

INVITE = "/tenants/harbour/mailboxes"


def number_of(address: str) -> int:
    return Mailbox.objects.get(address=address).pk


def passwords(address: str) -> str:
    return f"/tenants/harbour/mailboxes/{number_of(address)}/app-passwords"


def test_who_asks_too_fast_waits_and_nobody_else(ada: Program, cleo: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BUCKETS", rates.Buckets(rates.Memory(), burst=2, a_second=0.001))
    ada.ask("/token")
    ada.ask("/token")
    answer = ada("GET", "/token")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    cleo.ask("/token")


def test_a_body_has_an_end_and_is_json(ada: Program) -> None:
    huge = {"address": "x" * door.MAX_BODY}
    assert ada.do("POST", INVITE, huge, 413)["type"] == "urn:skerry:problem:too-large"
    head = {"host": "localhost", "authorization": f"Bearer {ada.text}"}
    form = Client().post("/api/v1" + INVITE, {"address": "x@example.is"}, headers=head)
    assert form.status_code == 415
    for body, status in ((b"{", 400), (b"[]", 422), (b"null", 422), (b"", 422), (b"\xff", 400), (b"[" * 30000, 400)):
        answer = Client().post("/api/v1" + INVITE, body, content_type="application/json", headers=head)
        assert answer.status_code == status, (body[:9], answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_field_that_nobody_knows_is_a_mistake(ada: Program) -> None:
    refused = ada.do("POST", INVITE, {"address": "new@example.is", "quota": 5}, 422)
    assert refused["errors"] == [{"where": "body.quota", "what": "Extra inputs are not permitted"}]


def test_an_unknown_address_is_a_problem_and_no_page(ada: Program) -> None:
    for path in ("/nothing", "/tenants/harbour/mailboxes/x", "/"):
        answer = ada("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_failure_of_ours_is_a_problem_without_details(ada: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_box: object) -> None:
        raise RuntimeError("ada@example.is")

    monkeypatch.setattr(views_of_people, "_shown", broken)
    head = {"host": "localhost", "authorization": f"Bearer {ada.text}"}
    client = Client(raise_request_exception=False)
    answer = client.get(f"/api/v1/tenants/harbour/mailboxes/{number_of('ada@example.is')}", headers=head)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:skerry:problem:failed")
    assert b"RuntimeError" not in answer.content


def test_answers_are_kept_by_no_cache(ada: Program) -> None:
    assert ada("GET", "/token").headers["Cache-Control"] == "no-store"


def test_a_post_with_a_key_is_done_once_and_answered_twice(ada: Program) -> None:
    key = {"idempotency-key": "one"}
    first = ada.do("POST", passwords("ada@example.is"), {"name": "phone"}, 201, **key)
    again = ada.do("POST", passwords("ada@example.is"), {"name": "phone"}, 201, **key)
    assert first == again
    assert AppPassword.objects.count() == 1
    ada.do("POST", passwords("ada@example.is"), {"name": "phone"}, 409)
    ada.do("POST", passwords("ada@example.is"), {"name": "tablet"}, 201, **{"idempotency-key": "two"})


def test_a_kept_answer_tells_a_thief_of_the_table_nothing(ada: Program) -> None:
    made = ada.do("POST", passwords("ada@example.is"), {"name": "phone"}, 201, **{"idempotency-key": "one"})
    row = AnsweredPost.objects.get()
    stored = bytes(row.answer) + bytes(row.digest) + bytes(row.asked)
    assert made["password"].encode() not in stored
    assert b"ada@example.is" not in stored


def test_a_kept_request_cannot_be_guessed_without_the_token(db: None) -> None:
    """Addresses are few and their letters known: a hash that anybody can make would tell them."""
    for token in ("skerry_one", "skerry_two"):
        repeats.once(token, "key", "/invite", b'{"address": "ada@example.is"}', timezone.now(), lambda: (201, b"{}"))
    first, second = AnsweredPost.objects.all()
    assert bytes(first.asked) != bytes(second.asked)


def test_a_key_is_of_one_request_and_of_one_token(ada: Program, cleo: Program) -> None:
    key = {"idempotency-key": "one"}
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **key)
    assert ada.do("POST", INVITE, {"address": "other@example.is"}, 422, **key)["type"] == "urn:skerry:problem:key-used"
    assert not Mailbox.objects.filter(address="other@example.is").exists()
    cleo.do("POST", "/tenants/fjord/mailboxes", {"address": "new@example.no"}, 201, **key)


def test_what_was_refused_can_be_sent_again_with_its_key(ada: Program) -> None:
    key = {"idempotency-key": "one"}
    ada.do("POST", INVITE, {"address": "ada@example.is"}, 409, **key)
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **key)


def test_what_has_no_answer_is_never_done_twice(ada: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies behind the act: whether it was done is for a person to find out."""

    def dies(_box: Mailbox) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(views_of_people, "_invitation", dies)
        with pytest.raises(SystemExit):
            ada("POST", INVITE, {"address": "new@example.is"}, **{"idempotency-key": "one"})
    again = ada.do("POST", INVITE, {"address": "new@example.is"}, 409, **{"idempotency-key": "one"})
    assert again["type"] == "urn:skerry:problem:under-way"
    assert Mailbox.objects.filter(address="new@example.is").count() == 1


def test_answers_are_forgotten_after_a_day(ada: Program) -> None:
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **{"idempotency-key": "one"})
    AnsweredPost.objects.update(forget_at=timezone.now())
    ada.do("POST", INVITE, {"address": "more@example.is"}, 201, **{"idempotency-key": "two"})
    assert AnsweredPost.objects.count() == 1


def test_answers_are_forgotten_without_another_post(ada: Program) -> None:
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **{"idempotency-key": "one"})
    environ = settings.ENVIRON
    notary, now = notarial.notary(environ, today=timezone.now().date()), timezone.now()
    tasks.sweep_sessions(environ, notary, Job(), now)
    assert AnsweredPost.objects.count() == 1
    tasks.sweep_sessions(environ, notary, Job(), now + AnsweredPost.KEPT)
    assert AnsweredPost.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "good"), [("a", True), ("a" * 64, True), ("", False), ("a" * 65, False), ("a b", False), ("é", False)]
)
def test_a_key_is_visible_letters(text: str, good: bool) -> None:
    assert repeats.is_key(text) is good


def test_a_bad_key_is_refused_before_anything_is_done(ada: Program) -> None:
    ada.do("POST", INVITE, {"address": "new@example.is"}, 422, **{"idempotency-key": "a b"})
    assert not Mailbox.objects.filter(address="new@example.is").exists()


def test_every_refusal_says_what_to_do(ada: Program, cell: None) -> None:
    tenants.set_state("harbour", Tenant.State.ACTIVE, now=timezone.now())
    refused = ada.do("POST", INVITE, {"address": "ada@example.is"}, 409)
    assert set(refused) == {"type", "title", "status", "detail", "do"}
    assert refused["status"] == 409
    assert json.dumps(refused)


def test_what_a_program_changed_stands_in_the_tenants_list(ada: Program) -> None:
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **{"idempotency-key": "one"})
    ada.do("POST", INVITE, {"address": "new@example.is"}, 201, **{"idempotency-key": "one"})
    ada.do("POST", INVITE, {"address": "ada@example.is"}, 409)
    ada.ask(INVITE)
    ada.do("POST", "/tenants/harbour/policy/weigh", {"preset": "home"})
    acts = journal.Lines(Tenant.objects.get(slug="harbour"))[:10]
    assert [(act.who, act.code, act.about) for act in acts] == [("test", "program", "POST mailboxes")]
