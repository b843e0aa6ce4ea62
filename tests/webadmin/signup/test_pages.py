"""A signup page by page: what opens when, what is refused with every field kept, and what is there at the end."""

from __future__ import annotations

import re
from datetime import date, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from mailhost.models import AppPassword, KeyringWrap, Mailbox, Tenant
from mailhost.provision import mailboxes, passwords, tenants
from mailhost.provision.claims import DirectoryUnreachable
from mailhost.seal.registration import parse_registration
from tests.provision import house
from tests.provision.fakes import FakeBlobs, FakeClaims, FakeDirectory
from tests.seal import owners
from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.signup import founding, holding, inviting, names, steps, vouchers
from webadmin.signup.models import HeldName, Pass, Voucher
from webadmin.signup.steps import Answers, Step

pytestmark = pytest.mark.django_db

ADDRESS = "ada@is-1.test"


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A visitor; the house is open and asks for no work, its directory is in memory."""
    people.lay_keys()
    directory = FakeDirectory().of(house.CELL)
    monkeypatch.setattr(founding, "DirectoryProcess", lambda _environ: directory)
    set_up(monkeypatch, signup_work=0)
    return people.web()


def set_up(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update=changes))


def named(browser: Client, name: str = "House of Ada", local: str = "ada", **more: str) -> HttpResponse:
    return browser.post("/signup/", {"name": name, "local": local, **more})  # type: ignore[return-value]


def placed(browser: Client, preset: str = "home") -> HttpResponse:
    return browser.post("/signup/place/", {"preset": preset})  # type: ignore[return-value]


def keyed(browser: Client, owner: owners.OwnerKeys) -> HttpResponse:
    return browser.post(  # type: ignore[return-value]
        "/signup/keys/", {"registration": owner.text, "next": "/signup/done/"}
    )


def test_three_answers_found_a_tenant_and_sign_its_founder_in(browser: Client) -> None:
    assert named(browser).headers["Location"] == "/signup/place/"
    assert placed(browser).headers["Location"] == "/signup/keys/"
    assert ADDRESS in browser.get("/signup/keys/").content.decode()
    ada = owners.make(ADDRESS)
    answer = keyed(browser, ada)
    assert answer.headers["Location"] == "/second-factor/"
    account = Account.objects.select_related("mailbox__tenant").get()
    assert account.role == Account.Role.OWNER
    assert account.mailbox is not None
    assert account.mailbox.address == ADDRESS
    assert account.mailbox.tenant.name == "House of Ada"
    assert account.mailbox.tenant.young_until == timezone.now().date() + timedelta(days=settings.ENVIRON.young_days)
    assert steps.COOKIE not in {name for name, morsel in browser.cookies.items() if morsel.value}
    assert KeyringWrap.objects.count() == 2
    assert not AppPassword.objects.exists()
    # The same form again, from another tab or by the back button.
    assert keyed(browser, ada).headers["Location"] == "/signup/done/"
    assert Mailbox.objects.count() == 1


def test_a_founder_whose_answer_was_lost_is_the_owner_at_the_next_sign_in(browser: Client) -> None:
    ada = owners.make(ADDRESS)
    answers = Answers("0" * 32, local="ada", name="House of Ada", preset="home")
    made = parse_registration(ada.text, ADDRESS)
    founding.prepare_domain(settings.ENVIRON, timezone.now())
    founding.found(answers, ADDRESS, made, settings.ENVIRON, server_key=house.SERVER_KEY, now=timezone.now())
    fields = {"address": ADDRESS, "auth_key": ada.auth_key.hex()}
    assert people.web().post("/sign-in/", fields).status_code == 302
    assert Account.objects.get().role == Account.Role.OWNER


def test_a_step_opens_when_everything_before_it_is_answered(browser: Client) -> None:
    for path in ("/signup/place/", "/signup/keys/"):
        assert browser.get(path).headers["Location"] == "/signup/"
    named(browser)
    assert browser.get("/signup/keys/").headers["Location"] == "/signup/place/"
    placed(browser)
    assert browser.get("/signup/keys/").status_code == 200
    for path in ("/signup/", "/signup/place/"):
        assert browser.get(path).status_code == 200, "answered steps open again"


def test_the_table_of_steps_leads_from_nothing_to_keys() -> None:
    answers = Answers("0" * 32)
    assert steps.furthest(answers) is Step.NAME
    answers = Answers("0" * 32, admitted="00", name="Ada", local="ada")
    assert steps.furthest(answers) is Step.PLACE
    assert steps.furthest(Answers("0" * 32, "00", 0, "Ada", "ada", "home")) is Step.KEYS


def test_an_interrupted_signup_goes_on_where_it_was(browser: Client) -> None:
    named(browser, "House of Ada", "ada.b")
    page = browser.get("/signup/").content.decode()
    assert 'value="House of Ada"' in page
    assert 'value="ada.b"' in page


def test_a_cookie_that_was_tampered_with_begins_anew(browser: Client) -> None:
    named(browser)
    browser.cookies[steps.COOKIE] = browser.cookies[steps.COOKIE].value[:-2] + "xx"
    assert browser.get("/signup/place/").headers["Location"] == "/signup/"


def test_a_refused_form_keeps_what_was_typed(browser: Client) -> None:
    answer = named(browser, "bank.example.com", "postmaster")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'value="bank.example.com"' in page
    assert 'value="postmaster"' in page
    assert page.count('class="wrong"') == 2


@pytest.mark.parametrize("local", ["ada", "a-d-a", "aDa"])
def test_a_name_that_is_taken_or_looks_like_it_is_refused(browser: Client, local: str) -> None:
    named(browser)
    placed(browser)
    keyed(browser, owners.make(ADDRESS))
    other = people.web()
    assert named(other, "Other", local).status_code == 422
    assert named(other, "Other", "ben").status_code == 302


def test_two_founders_cannot_hold_one_name_and_a_change_of_mind_frees_it(browser: Client) -> None:
    other = people.web()
    assert named(browser).status_code == 302
    assert named(other).status_code == 422
    assert named(browser, local="beatrice").status_code == 302
    assert named(other).status_code == 302


def test_a_name_is_free_again_a_day_after_a_signup_was_given_up(browser: Client) -> None:
    now = timezone.now()
    holding.reserve("ada", "is-1.test", holder=b"1" * 32, key=house.SERVER_KEY, now=now)
    later = now + HeldName.RESERVED + timedelta(seconds=1)
    holding.reserve("ada", "is-1.test", holder=b"2" * 32, key=house.SERVER_KEY, now=later)
    with pytest.raises(holding.NotFree):
        holding.reserve("ada", "is-1.test", holder=b"3" * 32, key=house.SERVER_KEY, now=later)


def test_the_name_of_a_tenant_that_is_gone_is_nobody_elses(browser: Client) -> None:
    named(browser)
    placed(browser)
    keyed(browser, owners.make(ADDRESS))
    slug = Tenant.objects.get(name="House of Ada").slug
    tenants.remove(
        slug,
        claims=FakeDirectory().of(house.CELL),
        blobs=FakeBlobs(),
        outgoing=FakeBlobs(),
        notary=house.NOTARY,
        now=house.NOW,
    )
    assert not Mailbox.objects.exists()
    assert named(people.web(), "Other").status_code == 422


@pytest.mark.parametrize("meanwhile", ["pau1", "paul"])
@pytest.mark.slow
def test_answers_kept_since_a_reservation_ended_found_no_look_alike(browser: Client, meanwhile: str) -> None:
    named(browser, local="paul")
    kept = browser.cookies[steps.COOKIE].value
    named(browser, local="beatrice")  # lets go of the first name
    other = people.web()
    assert named(other, "Other", meanwhile).status_code == 302
    placed(other)
    keyed(other, owners.make(f"{meanwhile}@is-1.test"))
    mailboxes.delete(f"{meanwhile}@is-1.test", blobs=FakeBlobs())
    browser.cookies[steps.COOKIE] = kept
    placed(browser)
    answer = keyed(browser, owners.make("paul@is-1.test"))
    assert answer.status_code == 422
    assert "looks like it" in answer.content.decode()
    assert not Mailbox.objects.filter(address="paul@is-1.test").exists()
    assert not Tenant.objects.filter(name="House of Ada").exists()


def test_names_are_not_asked_about_without_end(browser: Client) -> None:
    for number in range(holding.MAX_ASKED):
        assert named(browser, local=f"ada{number}x").status_code == 302
    answer = named(browser, local="beatrice")
    assert answer.status_code == 422
    assert "enough names" in answer.content.decode()


def test_keys_for_another_address_are_refused(browser: Client) -> None:
    named(browser)
    placed(browser)
    answer = keyed(browser, owners.make("ben@is-1.test"))
    assert answer.status_code == 422
    assert "another tab" in answer.content.decode()
    assert not Mailbox.objects.exists()


def test_no_keys_at_all_say_what_is_missing(browser: Client) -> None:
    named(browser)
    placed(browser)
    answer = browser.post("/signup/keys/", {"registration": ""})
    assert answer.status_code == 422
    assert "Allow JavaScript" in answer.content.decode()


def test_a_preset_that_is_not_offered_is_refused(browser: Client) -> None:
    named(browser)
    assert placed(browser, "mars").status_code == 422


def test_the_founders_policy_is_the_chosen_one(browser: Client) -> None:
    from jurisdiction.records import policies

    named(browser)
    page = browser.get("/signup/place/").content.decode()
    offered = re.findall(r'name="preset" value="([\w-]+)"', page)
    assert "home" in offered
    assert "outside-five-eyes" in offered
    placed(browser, "outside-five-eyes")
    keyed(browser, owners.make(ADDRESS))
    slug = Tenant.objects.get(name="House of Ada").slug
    assert policies.in_force(slug, house.NOTARY.key.verify_key).preset == "outside-five-eyes"


def test_without_work_nobody_gets_on_where_work_is_asked(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, signup_work=4)
    page = browser.get("/signup/").content.decode()
    found = re.search(r'name="challenge" value="([^"]+)"', page)
    assert found
    assert named(browser, challenge=found[1], counters="1,2").status_code == 422
    counters = ",".join(["0"] * 16)  # four bits over sixteen parts: every counter will do
    assert named(browser, challenge=found[1], counters=counters).status_code == 302
    again = named(people.web(), local="beatrice", challenge=found[1], counters=counters)
    assert again.status_code == 422, "a challenge counts once"
    assert "used before" in again.content.decode()


def test_a_piece_of_work_founds_one_tenant_however_many_names_it_asked_about(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, signup_work=4)
    found = re.search(r'name="challenge" value="([^"]+)"', browser.get("/signup/").content.decode())
    assert found
    named(browser, challenge=found[1], counters=",".join(["0"] * 16))
    placed(browser)
    kept = browser.cookies[steps.COOKIE].value
    named(browser, local="beatrice")
    keyed(browser, owners.make("beatrice@is-1.test"))
    other = people.web()
    other.cookies[steps.COOKIE] = kept
    answer = keyed(other, owners.make(ADDRESS))
    assert answer.status_code == 422
    assert "begins with the first question" in answer.content.decode()
    assert [box.address for box in Mailbox.objects.all()] == ["beatrice@is-1.test"]


def test_a_house_that_wants_vouchers_takes_nothing_else(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, signup="voucher")
    assert named(browser).status_code == 422
    assert named(browser, voucher="aaaa-aaaa-aaaa-aaaa").status_code == 422
    today = timezone.now().date()
    code, _view = vouchers.make(
        key=house.SERVER_KEY, random_bytes=bytes(range(10)), note="", uses=1, expires=today, today=today
    )
    assert named(browser, voucher=code.upper()).status_code == 302
    placed(browser)
    keyed(browser, owners.make(ADDRESS))
    assert Voucher.objects.get().uses_left == 0
    assert Tenant.objects.get(name="House of Ada").young_until is None, "vouched for"
    assert named(people.web(), "Other", "ben", voucher=code).status_code == 422, "used up"


def test_a_voucher_used_up_meanwhile_founds_nothing(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, signup="voucher")
    today = timezone.now().date()
    code, view = vouchers.make(
        key=house.SERVER_KEY, random_bytes=bytes(range(10)), note="", uses=1, expires=today, today=today
    )
    named(browser, voucher=code)
    placed(browser)
    vouchers.use(view.number, today=today)
    answer = keyed(browser, owners.make(ADDRESS))
    assert answer.status_code == 422
    assert not Mailbox.objects.exists()
    assert not Tenant.objects.filter(name="House of Ada").exists()


def test_a_voucher_that_has_ended_counts_no_more() -> None:
    code, _view = vouchers.make(
        key=house.SERVER_KEY,
        random_bytes=bytes(10),
        note="",
        uses=5,
        expires=date(2027, 1, 1),
        today=date(2026, 12, 1),
    )
    assert vouchers.find(code, key=house.SERVER_KEY, today=date(2027, 1, 1))
    with pytest.raises(vouchers.NoVoucher):
        vouchers.find(code, key=house.SERVER_KEY, today=date(2027, 1, 2))


def test_a_directory_that_is_silent_loses_nothing(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FakeClaims):
        def claim_tenant(self, slug: str) -> bool:
            raise DirectoryUnreachable(slug)

    named(browser)
    placed(browser)
    monkeypatch.setattr(founding, "DirectoryProcess", lambda _environ: Silent(FakeDirectory(), house.CELL))
    answer = keyed(browser, owners.make(ADDRESS))
    assert answer.status_code == 422
    assert "does not answer" in answer.content.decode()
    assert not Mailbox.objects.exists()
    assert browser.get("/signup/keys/").status_code == 200


def test_a_closed_house_says_so(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, signup="closed")
    assert "Nobody can sign up here" in browser.get("/signup/").content.decode()
    assert browser.post("/signup/", {"name": "x", "local": "ada"}).status_code == 200
    assert browser.get("/signup/keys/").status_code == 302


def test_nothing_stored_before_the_end_tells_who_tried(browser: Client) -> None:
    named(browser)
    [held], [admitted] = HeldName.objects.all(), Pass.objects.all()
    stored = b"".join([bytes(held.digest), bytes(held.holder or b""), bytes(admitted.digest)])
    assert b"ada" not in stored
    assert names.skeleton("ada").encode() not in stored


def test_the_regions_page_has_facts_with_sources(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, other_cells="no-1#https://mail.example.no")
    page = browser.get("/regions/").content.decode()
    assert "Iceland" in page
    assert "Norway" in page
    assert 'href="https://mail.example.no/signup/"' in page
    assert page.count("<li>") > 5


def test_an_invitation_is_accepted_once_and_ends(browser: Client) -> None:
    people.found()
    mailboxes.invite("dora@example.is", notary=house.NOTARY, now=timezone.now(), quota_bytes=house.QUOTA)
    box = mailboxes.get("dora@example.is")
    link = inviting.link(box)
    page = browser.get(link).content.decode()
    assert "dora@example.is" in page
    dora = owners.make("dora@example.is")
    answer = browser.post(link, {"registration": dora.text, "next": "/account/"})
    assert answer.headers["Location"] == "/account/"
    box.refresh_from_db()
    assert box.state == Mailbox.State.ACTIVE
    assert Account.objects.get(mailbox=box).role == Account.Role.NONE
    assert people.web().get(link).headers["Location"] == "/sign-in/"
    other = people.web().post(link, {"registration": owners.make("dora@example.is").text})
    assert other.status_code == 422
    assert inviting.invited(link.split("/")[2], timezone.now() + inviting.GOOD_FOR + timedelta(hours=1)) is None


@pytest.mark.slow
def test_a_form_sent_again_signs_in_only_while_its_password_is_in_force(browser: Client) -> None:
    people.found()
    box = house.invite("dora@example.is")
    Mailbox.objects.filter(pk=box.pk).update(invited_at=timezone.now())
    box.refresh_from_db()
    link, dora, ada = inviting.link(box), owners.make("dora@example.is"), owners.make(ADDRESS)
    named(browser)
    placed(browser)
    # A second visit that was interrupted before its last step.
    other = people.web()
    other.cookies = SimpleCookie(browser.cookies.output(header="", sep=";"))
    keyed(browser, ada)
    for _time in range(2):
        assert people.web().post(link, {"registration": dora.text}).status_code == 302
    changed = parse_registration(owners.make("dora@example.is").text, "dora@example.is").password
    for address in ("dora@example.is", ADDRESS):
        passwords.replace(mailboxes.get(address), changed, server_key=house.SERVER_KEY)
    assert people.web().post(link, {"registration": dora.text}).status_code == 422
    assert keyed(other, ada).status_code == 422
    assert "sessionid" not in other.cookies


def test_links_nobody_made_lead_nowhere(browser: Client) -> None:
    for key in ("x", "a" * 2000, "ImEi:1:2"):
        assert browser.get(f"/invite/{key}/").status_code == 404
