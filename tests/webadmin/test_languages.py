"""Choosing a language: what the browser asks for, what the chooser says, and what a page says of itself."""

from __future__ import annotations

import pytest
from django.conf import settings

from mailhost.models import OwnerLanguage
from mailhost.provision import languages
from tests.webadmin import people

pytestmark = pytest.mark.django_db
CODES = [code for code, _name in settings.LANGUAGES]
SIGN_IN = {
    "en": "Sign in",
    "fr": "Se connecter",
    "is": "Skrá inn",
    "de": "Anmelden",
    "ru": "Войти",
}


@pytest.mark.parametrize("code", CODES)
def test_a_page_speaks_the_language_that_the_browser_asks_for_and_says_so(code: str) -> None:
    page = people.web().get("/sign-in/", headers={"accept-language": f"{code}-XX;q=0.9,xx;q=0.1"})
    text = page.content.decode()
    assert page.headers["Content-Language"] == code
    assert f'<html lang="{code}">' in text
    assert f"<h1>{SIGN_IN[code]}</h1>" in text


def test_a_browser_without_a_language_of_ours_gets_english() -> None:
    text = people.web().get("/sign-in/", headers={"accept-language": "cy, gd;q=0.8"}).content.decode()
    assert '<html lang="en">' in text


def test_what_the_chooser_says_counts_more_than_the_browser_and_stays() -> None:
    web = people.web()
    answer = web.post("/language/", {"language": "is", "next": "/sign-in/"}, headers={"accept-language": "de"})
    assert answer.headers["Location"] == "/sign-in/"
    text = web.get("/sign-in/", headers={"accept-language": "de"}).content.decode()
    assert f"<h1>{SIGN_IN['is']}</h1>" in text
    assert web.cookies[settings.LANGUAGE_COOKIE_NAME]["httponly"]


def test_whoever_is_signed_in_is_written_to_in_the_language_they_choose() -> None:
    people.found()
    account = people.account_of("ada@example.is")
    assert account.mailbox is not None
    web = people.signed_in(account)
    for asked, kept in (("is", "is"), ("xx", "is"), ("fr", "fr")):
        web.post("/language/", {"language": asked})
        assert languages.of(account.mailbox) == kept
    people.web().post("/language/", {"language": "de"})
    assert OwnerLanguage.objects.count() == 1


def test_the_chooser_leads_to_no_other_host() -> None:
    answer = people.web().post("/language/", {"language": "is", "next": "https://elsewhere.test/"})
    assert "elsewhere" not in answer.headers.get("Location", "")


def test_every_language_stands_in_the_chooser_under_its_own_name() -> None:
    text = people.web().get("/sign-in/").content.decode()
    for code, name in zip(CODES, ("English", "Français", "Íslenska", "Deutsch", "Русский"), strict=True):
        assert f'lang="{code}"' in text
        assert f">{name}</option>" in text
