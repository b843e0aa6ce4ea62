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


def test_the_front_page_loads_nothing_and_runs_nothing(web: Client) -> None:
    page = web.get("/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "only its owner can read" in text
    assert not re.search(r"(?:src|href)=", text)
    assert "<script" not in text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    [nonce] = re.findall(r"'nonce-([^']+)'", policy)
    assert f'nonce="{nonce}"' in text
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"


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
