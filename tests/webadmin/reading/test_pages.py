"""The page of a secure link: what it opens, what it takes, and what nobody learns from it."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from jurisdiction.models import EgressDecision
from jurisdiction.presets import home_policy
from jurisdiction.records import policies
from mailhost.message.headers import read_headers
from mailhost.models import Consent, LinkChoice, Mailbox, Message, SecureLink, Tenant
from mailhost.outbound.securelinks import Record
from mailhost.provision import securelinks
from mailhost.provision.mailboxes import secret_keys
from mailhost.seal import Summary, open_file, seal
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.link import link_keys, link_verifier, new_salt, new_token, token_digest
from mailhost.seal.password import Argon2Parameters
from tests.provision import house
from tests.webadmin import people
from webadmin.accounts import entry, throttle
from webadmin.accounts.models import Account, Failures
from webadmin.cell import notarial
from webadmin.jobs import linkwork
from webadmin.reading import views

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = "zoo wolf able acid hurry stone lamp"
LETTER = b"From: ada@example.is\r\nSubject: Tides\r\nMessage-ID: <t@example.is>\r\n\r\nHigh at noon.\r\n"


class Reader:
    """Somebody with a link: what the page's script does, in Python."""

    def __init__(self, link: str) -> None:
        self.at = f"/l/{link}"
        self.web = people.web()
        page = self.web.get(self.at).content.decode()
        salt, parameters = (re.search(rf'data-{name}="([^"]+)"', page) for name in ("salt", "parameters"))
        assert salt is not None
        assert parameters is not None
        self.salt = salt[1]
        self.keys = link_keys(WORDS, base64.b64decode(salt[1]), Argon2Parameters.from_text(parameters[1]))

    def open(self, auth: str = "") -> Any:
        body = {"auth": auth or self.keys.auth_key.hex()}
        return self.web.post(f"{self.at}/open", body, content_type="application/json")

    def answer(self, text: str = "Gladly.", *files: SimpleUploadedFile, auth: str = "") -> Any:
        body = {"auth": auth or self.keys.auth_key.hex(), "subject": "Re: Tides", "text": text, "files": list(files)}
        return self.web.post(f"{self.at}/answer", body)


@pytest.fixture
def link() -> str:
    """A link of Ada's to cleo@other.test."""
    people.found()
    box = Mailbox.objects.get(address="ada@example.is")
    token, salt, today = new_token(), new_salt(), timezone.now().date()
    keys = link_keys(WORDS, salt, Argon2Parameters())
    sealed = seal(keys.identity.recipient, LETTER, Summary(size=len(LETTER), internaldate=0))
    key = entry.key("correspondent.key")
    SecureLink.objects.create(
        cell="is-1",
        tenant=box.tenant,
        mailbox=box,
        token=token_digest(key, token),
        verifier=link_verifier(key, keys.auth_key),
        salt=salt,
        parameters=Argon2Parameters().text,
        reference="ABC234",
        made=today,
        expires=today + timedelta(days=31),
        record=Record("cleo@other.test", box.address, box.address, "<t@example.is>").sealed(keys.auth_key),
        content=sealed.header + sealed.payload,
    )
    return token


def arrived() -> list[bytes]:
    """Ada's mail, opened by her."""
    identities = [HybridIdentity.from_text(text) for text in secret_keys("ada@example.is", people.ADAS_PASSWORD)]
    return [
        open_file(identities, bytes(one.sealed.header) + bytes(one.sealed.payload or b""))
        for one in Message.objects.select_related("sealed").order_by("uid")
    ]


def test_with_the_words_the_message_comes_sealed_and_opens_in_the_readers_hands(link: str) -> None:
    reader = Reader(link)
    answer = reader.open()
    assert answer.status_code == 200
    assert open_file([reader.keys.identity], answer.content) == LETTER
    assert b"noon" not in answer.content
    named = {name: answer.headers[f"Skerry-{name}"] for name in ("Reference", "Answers")}
    assert named == {"Reference": "ABC234", "Answers": "files"}
    assert SecureLink.objects.get().opened == 1


def test_nothing_of_it_is_kept_found_or_told_on(link: str) -> None:
    reader = Reader(link)
    for answer in (reader.web.get(reader.at), reader.open(), reader.answer(auth="0" * 64), reader.answer()):
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
    page = reader.web.get(reader.at)
    assert "'none'" in page.headers["Content-Security-Policy"]
    for word in ("ada@", "Harbour", "cleo", "ABC234"):
        assert word not in page.content.decode(), "the page says nothing before the words are there"


def test_a_link_that_was_never_there_looks_and_answers_like_one_with_wrong_words(link: str) -> None:
    there, nowhere = Reader(link), Reader(new_token())
    for _ in range(throttle.FREE + 1):
        wrong, unknown = there.open("1" * 64), nowhere.open()
        assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert wrong.status_code == 429, "after some mistakes both wait"
    assert there.open().status_code == 429, "even with the right words"
    pages = [
        re.sub(r'data-salt="[^"]+"|/l/[^"]+', "", one.web.get(one.at).content.decode()) for one in (there, nowhere)
    ]
    strip = [re.sub(r'nonce="[^"]+"|value="[^"]{20,}"', "", page) for page in pages]
    assert strip[0] == strip[1]
    assert Reader(nowhere.at.removeprefix("/l/")).salt == nowhere.salt
    assert link.encode() not in b"".join(bytes(row.digest) for row in Failures.objects.all())


def test_a_suspended_tenants_links_open_again_when_it_is_resumed(link: str) -> None:
    reader = Reader(link)
    Tenant.objects.update(state=Tenant.State.SUSPENDED)
    for answer in (reader.open(), reader.answer()):
        assert answer.status_code == views.REFUSED
    assert Reader(link).salt == Reader(link).salt != reader.salt
    for state in (Tenant.State.ACTIVE, Tenant.State.HELD, Tenant.State.LEAVING):
        Tenant.objects.update(state=state)
        assert reader.open().status_code == 200


def test_the_wait_ends_and_the_right_words_forget_the_wrong_ones(link: str) -> None:
    reader = Reader(link)
    for _ in range(throttle.FREE):
        reader.open("1" * 64)
    assert reader.open().status_code == 429
    Failures.objects.update(wait_until=timezone.now() - timedelta(seconds=1))
    assert reader.open().status_code == 200
    assert not Failures.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"auth": 5}', b'{"auth": "zz"}', b"\xff", b'{"auth": "' + b"0" * 500 + b'"}']
)
def test_what_is_no_key_is_a_wrong_one(link: str, body: bytes) -> None:
    answer = people.web().post(f"/l/{link}/open", body, content_type="application/json")
    assert answer.status_code == 403
    assert "error" in answer.json()


def test_an_answer_is_sealed_into_the_authors_mailbox_and_marked(link: str) -> None:
    reader = Reader(link)
    answer = reader.answer("Gladly, at high water.", SimpleUploadedFile("chart.png", b"\x89PNG", "image/png"))
    assert answer.status_code == 200, answer.content
    [message] = arrived()
    assert b"x-secure-link=pass (words of link ABC234)" in message
    assert b"cleo@other.test by link ABC234" in message
    assert b"In-Reply-To: <t@example.is>" in message
    assert b'filename="chart.png"' in message
    assert SecureLink.objects.get().answers == 1
    stored = Message.objects.select_related("sealed").get().sealed
    assert b"high water" not in bytes(stored.header) + bytes(stored.payload or b"")


@pytest.mark.parametrize(
    ("answers", "attachments", "files", "status"),
    [(False, True, False, 403), (True, False, True, 403), (True, False, False, 200), (True, True, True, 200)],
)
def test_the_tenant_says_what_may_come_back(
    link: str, answers: bool, attachments: bool, files: bool, status: int
) -> None:
    LinkChoice.objects.create(
        tenant_id=SecureLink.objects.get().tenant_id, days=30, answers=answers, attachments=attachments
    )
    sent = [SimpleUploadedFile("a.bin", b"1")] if files else []
    assert Reader(link).answer("Gladly.", *sent).status_code == status
    assert Message.objects.count() == (1 if status == 200 else 0)


def test_too_much_or_nothing_is_refused_and_counts_for_nothing(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(link)
    monkeypatch.setattr(views, "MAX_TEXT", 10)
    assert reader.answer("  ").status_code == 422
    assert reader.answer("x" * 11).status_code == 422
    files = [SimpleUploadedFile(f"{n}.bin", b"1") for n in range(views.MAX_FILES + 1)]
    assert reader.answer("x", *files).status_code in {400, 422}
    assert SecureLink.objects.get().answers == 0
    assert not Message.objects.exists()


def test_a_mailbox_without_room_is_tried_again_later_and_the_answer_does_not_count(link: str) -> None:
    Mailbox.objects.filter(address="ada@example.is").update(quota_bytes=1)
    answer = Reader(link).answer()
    assert answer.status_code == 503
    assert SecureLink.objects.get().answers == 0


@pytest.mark.slow
def test_no_file_of_an_answer_is_written_down(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.NamedTemporaryFile", lambda *_a, **_k: pytest.fail("a temporary file"))
    big = SimpleUploadedFile("big.bin", secrets.token_bytes(4_000_000))
    assert Reader(link).answer("Gladly.", big).status_code == 200
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.MemoryFileUploadHandler"]


class TestItsAuthor:
    """Sees how often, and ends it."""

    @pytest.fixture
    def ada(self, link: str) -> Client:
        return people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))

    def test_sees_counts_and_no_names(self, ada: Client, link: str) -> None:
        Reader(link).open()
        page = ada.get("/mailbox/links/").content.decode()
        assert "ABC234" in page
        assert "cleo" not in page
        counts = ada.get("/tenants/harbour/links/").content.decode()
        assert "ABC234" not in counts
        assert "cleo" not in counts

    def test_ends_a_link_at_once_and_nobody_elses(self, ada: Client, link: str) -> None:
        number = SecureLink.objects.get().pk
        ben = people.signed_in(people.account_of("ben@example.is"))
        assert ben.post(f"/mailbox/links/{number}/end/").status_code == 404
        assert ada.post(f"/mailbox/links/{number}/end/").status_code == 302
        assert Reader(link).open().status_code == 403
        assert not SecureLink.objects.exists()

    def test_has_a_page_that_teaches_the_first_step(self, ada: Client) -> None:
        SecureLink.objects.all().delete()
        assert "[link]" in ada.get("/mailbox/links/").content.decode()

    def test_whose_tenant_chooses_days_and_what_comes_back(self, ada: Client) -> None:
        answer = ada.post("/tenants/harbour/links/", {"days": "7", "answers": "on"})
        assert answer.status_code == 302
        rules = securelinks.rules_of(Mailbox.objects.get(address="ada@example.is").tenant)
        assert (rules.days, rules.answers, rules.attachments) == (7, True, False)
        refused = ada.post("/tenants/harbour/links/", {"days": "91"})
        assert refused.status_code == 422
        assert house.CELL == "is-1"


class TestConsents:
    """The owner's page of standing consents, and the tenant's of what was decided."""

    @pytest.fixture
    def ada(self) -> Client:
        people.found()
        notary = notarial.notary(settings.ENVIRON, today=timezone.now().date())
        policies.adopt("harbour", replace(home_policy("IS"), consent=True), notary, timezone.now())
        return people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))

    def test_are_given_listed_without_names_and_taken_back(self, ada: Client) -> None:
        assert ada.post("/account/consents/", {"reader": "cleo@other.test", "days": "30"}).status_code == 302
        page = ada.get("/account/consents/").content.decode()
        assert "cleo" not in page
        row = Consent.objects.get()
        sealed = base64.b64decode(re.findall(r'data-sealed="([^"]+)"', page)[0])
        identities = [HybridIdentity.from_text(text) for text in secret_keys("ada@example.is", people.ADAS_PASSWORD)]
        assert open_file(identities, sealed) == b"cleo@other.test"
        ben = people.signed_in(people.account_of("ben@example.is"))
        assert ben.post(f"/account/consents/{row.pk}/revoke/").status_code == 404
        assert ada.post(f"/account/consents/{row.pk}/revoke/").status_code == 302
        assert not Consent.objects.exists()

    def test_are_refused_at_the_field_with_what_was_typed(self, ada: Client) -> None:
        refused = ada.post("/account/consents/", {"reader": "cleo", "days": "30"})
        assert refused.status_code == 422
        assert 'value="cleo"' in refused.content.decode()
        notary = notarial.notary(settings.ENVIRON, today=timezone.now().date())
        policies.adopt("harbour", home_policy("IS"), notary, timezone.now())
        assert "does not leave consent" in ada.get("/account/consents/").content.decode()
        assert ada.post("/account/consents/", {"reader": "cleo@other.test", "days": "30"}).status_code == 422

    def test_and_what_was_kept_back_are_told_to_the_tenant_by_their_reasons(self, ada: Client) -> None:
        shared = {
            "cell": "is-1",
            "on": timezone.now().date(),
            "tenant": "harbour",
            "mode": "tls",
            "policy": "",
            "facts_serial": 1,
        }
        for number, (verdict, because) in enumerate(
            (
                ("allow", "EGRESS_STANDING_CONSENT METADATA_EXPOSED"),
                ("deny", "EGRESS_PLAINTEXT_DENIED:FVEY"),
                ("allow", "EGRESS_TLS_OK METADATA_EXPOSED"),
                ("hold", "LOC_UNKNOWN OFFER_E2E_OR_PORTAL"),
            )
        ):
            EgressDecision.objects.create(
                public_id=f"{number:032x}", destination=bytes([number]) * 16, verdict=verdict, because=because, **shared
            )
        page = " ".join(ada.get("/tenants/harbour/outgoing/").content.decode().split())
        assert "agreed to readable mail for this reader" in page
        assert "Five Eyes" in page
        assert "It is not known which country" in page
        assert page.count('<td class="number" data-label="Times">1</td>') == 3


def test_the_author_of_an_unread_link_is_told_in_the_language_they_read(link: str) -> None:
    people.signed_in(people.account_of("ada@example.is")).post("/language/", {"language": "is"})
    over = timezone.now() + timedelta(days=31)
    linkwork.end_links(settings.ENVIRON, over - timedelta(days=1))
    assert arrived() == []
    linkwork.end_links(settings.ENVIRON, over)
    linkwork.end_links(settings.ENVIRON, over)
    [letter] = arrived()
    assert read_headers(letter).text(b"subject") == "Enginn opnaði hlekkinn ABC234"
    assert not SecureLink.objects.exists()


def test_of_a_link_that_was_opened_its_author_is_told_nothing_of_its_end(link: str) -> None:
    Reader(link).open()
    linkwork.end_links(settings.ENVIRON, timezone.now() + timedelta(days=31))
    assert arrived() == []
    assert not SecureLink.objects.exists()
