"""The first pages: nothing loaded from elsewhere, a health check without gossip, counters for this machine only."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from mailhost.models import CellIdentity


@pytest.fixture
def web() -> Client:
    return Client(headers={"host": "localhost"})


def test_the_front_page_says_what_this_is_and_loads_nothing_from_elsewhere(web: Client) -> None:
    page = web.get("/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "only its owner can read" in text
    assert "Iceland" in text
    loaded = re.findall(r"(?:<script[^>]* src|<link[^>]* href|<img[^>]* src)=.([^\"']+)", text)
    assert loaded
    assert all(one.startswith("/static/") for one in loaded)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ],
)
def test_every_page_carries_the_headers_that_keep_it_to_itself(web: Client, name: str, value: str) -> None:
    for path in ("/", "/sign-in/", "/nowhere"):
        assert web.get(path).headers[name] == value
        assert "geolocation=()" in web.get(path).headers["Permissions-Policy"]


def test_behind_a_proxy_that_ends_tls_browsers_are_told_to_come_back_by_tls(
    web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Strict-Transport-Security" not in web.get("/").headers
    monkeypatch.setattr(settings, "SECURE_HSTS_SECONDS", 3600)
    assert web.get("/").headers["Strict-Transport-Security"] == "max-age=3600"


def test_a_page_that_derives_keys_may_compile_wasm_and_no_other_may(web: Client) -> None:
    assert "'wasm-unsafe-eval'" in web.get("/sign-in/").headers["Content-Security-Policy"]
    assert "wasm" not in web.get("/operators/sign-in/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(("path", "status", "words"), [("/nowhere", 404, "Check the address"), ("/account/", 302, "")])
def test_what_is_not_there_says_what_to_do_next(web: Client, path: str, status: int, words: str) -> None:
    page = web.get(path)
    assert page.status_code == status
    assert words in page.content.decode()


@pytest.mark.django_db
def test_what_could_be_handed_over_lists_every_table_by_its_labels(web: Client) -> None:
    text = web.get("/what-could-be-handed-over/").content.decode()
    for word in ("keyring", "auth_hash", "session_key", "invited_at"):
        assert word in text
    assert "An operator" not in text.partition("<tbody>")[0]


def test_a_language_is_chosen_and_kept(web: Client) -> None:
    answer = web.post("/language/", {"language": "is", "next": "/sign-in/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
    assert '<html lang="is"' in web.get("/").content.decode()
    assert web.post("/language/", {"language": "is", "next": "https://evil.example/"}).headers["Location"] == "/"


def test_a_host_name_that_is_not_ours_is_refused() -> None:
    assert Client(headers={"host": "evil.example"}).get("/").status_code == 400


@pytest.mark.django_db
def test_health_is_the_databases_too(web: Client) -> None:
    assert (web.get("/healthz").status_code, web.get("/healthz").json()) == (200, {"status": "ok"})
    CellIdentity.objects.update(cell="no-1")
    assert (web.get("/healthz").status_code, web.get("/healthz").json()) == (503, {"status": "unavailable"})


def test_metrics_are_for_loopback(web: Client) -> None:
    page = web.get("/metrics")
    assert page.status_code == 200
    assert b"skerry_disk_free_bytes" in page.content


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.9", {}),
        ("::ffff:203.0.113.9", {}),
        ("", {}),
        ("nonsense", {}),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}),
        ("127.0.0.1", {"via": "1.1 proxy"}),
        ("127.0.0.1", {"host": settings.ENVIRON.hostname + ".evil.example"}),
    ],
)
def test_for_others_and_through_a_proxy_there_are_no_metrics(address: str, headers: dict[str, str]) -> None:
    client = Client(headers={"host": "localhost"} | headers)
    assert client.get("/metrics", REMOTE_ADDR=address).status_code in {400, 404}
