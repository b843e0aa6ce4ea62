"""No page says anything that no catalogue has: the pages under a made-up language, for everybody who may come.

Each address of the access table is visited by those who may see it, and the forms are sent empty, so that their
refusals are read as well. What stands outside of ⟦ ⟧ must be a name, a value or a code.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client

from mailhost.models import AppPassword, Domain, Mailbox, QueueItem
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people, pseudo
from tests.webadmin.console import test_pages as console
from tests.webadmin.web.test_access import ADDRESSES
from webadmin.accounts.models import Account
from webadmin.cell import hosting
from webadmin.signup import inviting
from webadmin.tenants import surroundings

pytestmark = pytest.mark.django_db
# Names and values that stand in pages as they are.
NAMES: Final = frozenset({
    "Skerry", "UTC", "QR", "localhost",  # this program and its host, kinds of time and code
    "harbour", "fjord", "Harbour", "Fjord", "mo", "demo", "telephone", "a test",  # the cast and what they typed
    "English", "Français", "Íslenska", "Deutsch", "Русский",  # languages under their own names
    "IMAP", "SMTP", "TLS", "DNS", "MX", "TXT", "CNAME", "SRV", "CAA", "TLSA",  # protocols and types of records
    "KB", "MB", "GB",
})  # fmt: skip
# Pages that are not for reading: other formats, and Django's own admin of rows (Django translates it).
NOT_PAGES: Final = ("admin:",)
# Forms that are sent empty: each answers with what is missing.
REFUSED: Final = {
    "sign-in", "operator-sign-in", "signup", "recover", "state", "second-factor", "set-up", "prove-again",
    "app-password-add", "change-password", "tenant-domains", "tenant-mailboxes", "tenant-aliases",
    "tenant-policy-change", "console-drop", "console-tenant-state", "console-job-again", "console-item", "tenant-leave",
}  # fmt: skip


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell in which every list has a row."""
    monkeypatch.setattr("webadmin.celery.wake", lambda _job: None)
    people.found()
    console.waits(1)
    console.waits(2, state=QueueItem.State.HELD, reason="restored")
    console.job(reason="failed 8 times")
    box = Mailbox.objects.get(address="ada@example.is")
    AppPassword.objects.create(
        mailbox=box, name="telephone", access=AppPassword.Access.SESSION, created=people.TODAY, secret_hash=b"x"
    )
    pseudo.made_up(monkeypatch)


def visitors() -> dict[str, Client]:
    """A browser of each kind, all of which ask for the made-up language."""
    mo = people.mo()
    people.state(mo)
    found = {
        "nobody": people.web(),
        "Ada": people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER), sudo=True),
        "Ben": people.signed_in(people.account_of("ben@example.is")),
        "Mo": people.signed_in(mo, sudo=True),
    }
    for browser in found.values():
        browser.defaults["HTTP_ACCEPT_LANGUAGE"] = pseudo.SPOKEN
    return found


def path_of(name: str, path: str) -> str:
    """The address with the number of something that is there."""
    number = None
    if name in {"domain", "domain-remove"}:
        number = Domain.objects.get(name="example.is").pk
    if name == "tenant-mailbox":
        number = Mailbox.objects.get(address="ben@example.is").pk
    if name.startswith(("console-item", "console-drop")):
        number = QueueItem.objects.earliest("pk").pk
    return path if number is None else path.replace("/1/", f"/{number}/")


def said(answer: Any) -> list[str]:
    """What is not translated in an answer that is a page."""
    if not answer.headers.get("Content-Type", "").startswith("text/html") or answer.status_code in {301, 302}:
        return []
    return pseudo.outside(answer.content.decode(), NAMES)


@pytest.mark.slow  # every page there is
@pytest.mark.parametrize("who", ["nobody", "Ada", "Ben", "Mo"])
def test_no_page_says_what_no_catalogue_has(cell: None, who: str) -> None:
    web, pages, wrong = visitors()[who], 0, []
    for one in ADDRESSES:
        if one.name.startswith(NOT_PAGES):
            continue
        at = path_of(one.name, one.path)
        answers = [web.get(at)]
        if one.name in REFUSED:
            answers.append(web.post(at))
        for answer in answers:
            pages += answer.status_code == 200
            wrong += [f"{at} ({answer.status_code}): {text}" for text in said(answer)]
    assert pages > 4
    assert not wrong, "\n".join(dict.fromkeys(wrong))


@pytest.mark.slow  # the same
def test_pages_in_rarer_states_say_nothing_else(cell: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"resolver": "127.0.0.1:53"}))
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    directory = FakeDirectory().of(house.CELL)
    monkeypatch.setattr(surroundings, "DirectoryProcess", lambda _environ: directory)
    browsers = visitors()
    ada, stranger = browsers["Ada"], browsers["nobody"]
    at = ada.post("/tenants/harbour/domains/", {"domain": "demo.test"}).headers["Location"]
    shown = [
        ada.post(at, follow=True),  # nothing is in the DNS: each record says why and what to do
        ada.post("/tenants/harbour/domains/", {"domain": "demo.test"}),
        ada.post("/tenants/harbour/mailboxes/", {"local": "ada", "domain": "example.is"}),
        ada.get("/tenants/harbour/law/change/?preset=iceland-only&egress_rule=hold"),
        ada.get("/tenants/harbour/law/change/?preset=nowhere&egress_rule=hold"),
        ada.post("/tenants/harbour/leave/", {"slug": "fjord"}),
        ada.post("/tenants/harbour/mailboxes/", {"local": "dora", "domain": "example.is"}, follow=True),
        stranger.get(inviting.link(Mailbox.objects.get(address="dora@example.is"))),
        ada.post("/tenants/harbour/leave/", {"slug": "harbour"}, follow=True),
        ada.get("/tenants/harbour/"),
        ada.get("/tenants/harbour/access/"),
        stranger.get("/nowhere/"),
    ]
    wrong = [f"{number}: {text}" for number, answer in enumerate(shown) for text in said(answer)]
    assert [answer.status_code for answer in shown] == [200, 422, 422, 200, 422, 422, 200, 200, 200, 200, 200, 404]
    assert not wrong, "\n".join(wrong)


def test_a_page_that_says_something_else_is_found() -> None:
    page = (
        '<html lang="de"><p>⟦Ja⟧ and more</p><p lang="en">law</p><code>one two</code>'
        '<input placeholder="type here"><br><p>⟦a ⟦b⟧ c⟧ Skerry ada@example.is</p></html>'
    )
    assert pseudo.outside(page, NAMES) == ["⟦Ja⟧ and more", "type here"]
