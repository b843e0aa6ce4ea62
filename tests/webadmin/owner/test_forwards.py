"""Forwards to addresses elsewhere: asked by a letter that only its reader gets, agreed to by a button, shown till then."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from mailhost.adapters.queueboxes import open_content, open_envelope
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.message.headers import read_headers
from mailhost.models import ForwardAgreement, Mailbox, OwnerLanguage, QueueItem
from mailhost.ports import StoreFull, StoreUnavailable
from mailhost.provision import agreements
from mailhost.rules.rule import Rule, action, condition
from mailhost.wishes.agreements import LETTERS_A_DAY
from tests.webadmin import people
from tests.webadmin.owner.test_filters import sent
from webadmin.cell.keyfiles import read_or_make
from webadmin.jobs import forwardwork

pytestmark = pytest.mark.django_db(transaction=True)
LIST, NEW, ASK = "/mailbox/filters/", "/mailbox/filters/new/", "/mailbox/filters/ask/"
YES, NO, NOTHING = {"answer": "yes"}, {"answer": "no"}, "Addresses that nothing is sent on to"


@pytest.fixture
def ada() -> Client:
    people.found()
    return people.signed_in(people.account_of("ada@example.is"), sudo=True)


def letters() -> list[tuple[dict[str, object], bytes]]:
    """What waits in the queue: envelope and content."""
    found = []
    for item in QueueItem.objects.select_related("message").order_by("pk"):
        box = QueueKeys(settings.ENVIRON.queue_keys, read_or_make).of(item.queued.date())
        assert box is not None
        name = item.message.opaque_id
        envelope = open_envelope(box, name, bytes(item.envelope))
        found.append((envelope, open_content(box, name, bytes(item.message.content))))
    return found


def link_in(letter: bytes) -> str:
    found = re.search(rb"http://[^/]+(/f/[\w-]{43})\r\n", letter)
    assert found
    return found[1].decode()


def aged() -> None:
    """Let two hours pass for what was asked."""
    ForwardAgreement.objects.update(asked=timezone.now() - timedelta(hours=2))


@pytest.mark.slow
def test_an_address_elsewhere_is_asked_by_a_letter_and_agrees_by_a_button(ada: Client) -> None:
    answer = ada.post(NEW, sent(folder="", forward="mo@elsewhere.test, ben@example.is"), follow=True)
    text = answer.content.decode()
    assert "That address gets a letter" in text
    assert "waits for confirmation" in text
    [(envelope, letter)] = letters()
    assert [one["address"] for one in envelope["recipients"]] == ["mo@elsewhere.test"]  # type: ignore[attr-defined]
    assert (envelope["sender"], envelope["passing"]) == ("", "copy"), "no bounce brings the link to who made the filter"
    headers = read_headers(letter)
    assert headers.text(b"subject") == "May ada@example.is forward mail to you?"
    assert headers.text(b"from") == "Mail delivery <postmaster@example.is>"

    stranger, at = people.web(), link_in(letter)
    page = stranger.get(at)
    assert "ada@example.is wants mail" in page.content.decode()
    assert (page.headers["Referrer-Policy"], page.headers["X-Robots-Tag"][:7]) == ("no-referrer", "noindex")
    assert "<script" not in page.content.decode().split("<main")[-1]
    assert ForwardAgreement.objects.get().agreed is None, "who looks has not agreed"
    stranger.post(at)
    assert ForwardAgreement.objects.get().agreed is None, "a button says what was pressed"
    assert "Mail will be sent on to you" in stranger.post(at, YES).content.decode()
    assert ForwardAgreement.objects.get().agreed is not None
    unknown = stranger.get("/f/" + "a" * 43)
    assert unknown.status_code == 404
    assert "leads nowhere" in unknown.content.decode()
    assert NOTHING not in ada.get(LIST).content.decode()


def test_the_same_link_ends_it_and_its_owner_sees_that_and_cannot_ask_again(ada: Client) -> None:
    ada.post(NEW, sent(forward="mo@elsewhere.test"))
    reader, at = people.web(), link_in(letters()[0][1])
    reader.post(at, YES)
    ForwardAgreement.objects.update(agreed=timezone.now() - timedelta(days=400), expires=timezone.now())
    page = reader.get(at).content.decode()
    assert "You agreed on " in page
    assert "Stop sending mail on to me" in page
    assert "No mail is sent on to you" in reader.post(at, NO).content.decode()
    listed = ada.get(LIST).content.decode()
    assert "not wanted by its reader" in listed
    assert "Send a letter" not in listed
    refused = ada.post(ASK, {"address": "mo@elsewhere.test"}, follow=True).content.decode()
    assert "does not want forwards" in refused
    ada.post(NEW, sent(forward="mo@elsewhere.test", version="1"))
    assert len(letters()) == 1
    assert "Send it on to me after all" in reader.get(at).content.decode()
    reader.post(at, YES)
    assert NOTHING not in ada.get(LIST).content.decode()


def test_who_was_asked_says_no_at_once(ada: Client) -> None:
    ada.post(NEW, sent(forward="mo@elsewhere.test"))
    assert "for a year no letter asks you again" in people.web().post(link_in(letters()[0][1]), NO).content.decode()
    assert "not wanted by its reader" in ada.get(LIST).content.decode()


@pytest.mark.parametrize("failure", [StoreFull("x"), StoreUnavailable("x")])
@pytest.mark.slow
def test_a_letter_that_cannot_be_written_leaves_the_link_before_it_as_it_was(
    ada: Client, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def full(*_: object) -> None:
        raise failure

    ada.post(NEW, sent(forward="mo@elsewhere.test"))
    at = link_in(letters()[0][1])
    aged()
    before = ForwardAgreement.objects.values().get()
    with monkeypatch.context() as broken:
        broken.setattr(forwardwork, "send_out", full)
        text = ada.post(ASK, {"address": "mo@elsewhere.test"}, follow=True).content.decode()
        assert "could not be sent now" in text
        assert ForwardAgreement.objects.values().get() == before, "nor does it count"
        ada.post(NEW, sent(forward="cleo@elsewhere.test", version="1"))
        assert "not asked" in ada.get(LIST).content.decode()
    assert people.web().post(at, YES).status_code == 200
    ada.post(ASK, {"address": "cleo@elsewhere.test"})
    assert people.web().post(link_in(letters()[1][1]), YES).status_code == 200


def test_a_letter_that_left_just_before_the_program_ended_has_a_link_that_works(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(agreements, "sent", killed)
    with pytest.raises(SystemExit):
        ada.post(NEW, sent(forward="mo@elsewhere.test"))
    assert "not asked" in ada.get(LIST).content.decode()
    assert people.web().post(link_in(letters()[0][1]), YES).status_code == 200


def test_an_address_that_has_agreed_or_was_asked_gets_no_letter_for_another_filter(ada: Client) -> None:
    for version in ("0", "1"):
        ada.post(NEW, sent(forward="mo@elsewhere.test", version=version))
    assert len(letters()) == 1
    people.web().post(link_in(letters()[0][1]), YES)
    ada.post(NEW, sent(forward="MO@elsewhere.test", version="2"))
    assert len(letters()) == 1


@pytest.mark.slow
def test_the_letter_is_sent_again_a_few_times_and_only_to_addresses_of_ones_own_filters(ada: Client) -> None:
    ada.post(NEW, sent(forward="mo@elsewhere.test"))
    assert "a short while ago" in ada.post(ASK, {"address": "mo@elsewhere.test"}, follow=True).content.decode()
    aged()
    page = ada.get(LIST).content.decode()
    assert "Send the letter again" in page
    assert "once more" in ada.post(ASK, {"address": "mo@elsewhere.test"}, follow=True).content.decode()
    (_, first), (_, second) = letters()
    assert people.web().get(link_in(first)).status_code == 404
    assert people.web().get(link_in(second)).status_code == 200
    for address in ("cleo@elsewhere.test", "", "ben@example.is"):
        ada.post(ASK, {"address": address})
    aged()
    ada.post(ASK, {"address": "mo@elsewhere.test"})
    aged()
    assert "3 letters have been sent" in ada.post(ASK, {"address": "mo@elsewhere.test"}, follow=True).content.decode()
    assert len(letters()) == 3


def test_one_reader_gets_one_letter_for_all_sub_addresses(ada: Client) -> None:
    ada.post(NEW, sent(forward="cleo+a@elsewhere.test, cleo+b@elsewhere.test, mo@elsewhere.test"))
    to = [one["address"] for envelope, _ in letters() for one in envelope["recipients"]]  # type: ignore[attr-defined]
    assert to == ["cleo+a@elsewhere.test", "mo@elsewhere.test"]
    people.web().post(link_in(letters()[0][1]), YES)
    box = Mailbox.objects.get(address="ada@example.is")
    assert ForwardAgreement.objects.filter(mailbox=box, agreed=None).count() == 1, "the other reader's"


@pytest.mark.slow
def test_of_more_addresses_than_a_day_has_letters_those_before_are_asked(ada: Client) -> None:
    many = [action("forward", f"a{number:02}@elsewhere.test") for number in range(LETTERS_A_DAY + 2)]
    rules = tuple(Rule("on", (condition("subject", "contains", "tides"),), (one,)) for one in many)
    box = Mailbox.objects.get(address="ada@example.is")
    assert forwardwork.ask_new(settings.ENVIRON, box, rules, timezone.now()) == LETTERS_A_DAY
    assert len(letters()) == LETTERS_A_DAY


def test_filters_are_no_way_to_write_to_many_strangers(ada: Client) -> None:
    box = Mailbox.objects.get(address="ada@example.is")
    row = {"mailbox": box, "expires": timezone.now().date(), "asked": timezone.now(), "letters": LETTERS_A_DAY}
    ForwardAgreement.objects.create(digest=b"x" * 16, **row)
    text = ada.post(NEW, sent(forward="mo@elsewhere.test"), follow=True).content.decode()
    assert "not asked" in text
    assert "Send a letter" not in text
    assert letters() == []


def test_the_letter_is_in_the_owners_language_with_english_below(ada: Client) -> None:
    OwnerLanguage.objects.create(mailbox=Mailbox.objects.get(address="ada@example.is"), language="is")
    ada.post(NEW, sent(forward="mo@elsewhere.test"))
    [(envelope, letter)] = letters()
    assert read_headers(letter).text(b"subject") == "Má ada@example.is senda þér póst áfram?"
    assert b"Nothing is sent on before you agree" in letter.replace(b"\r\n", b" ").replace(b"= ", b"")
    assert envelope["smtputf8"] is False


def test_a_filter_that_is_not_in_use_asks_nobody(ada: Client) -> None:
    ada.post(NEW, sent(forward="mo@elsewhere.test", off="on"))
    assert letters() == []
    assert NOTHING not in ada.get(LIST).content.decode()
