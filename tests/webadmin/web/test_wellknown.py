"""What is served under the names of hosted domains, and that nothing else is."""

from __future__ import annotations

import plistlib
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings
from django.test import Client

from mailhost.models import Domain
from mailhost.tlspolicy.mtasts import Mode, parse_policy
from tests.provision import house
from tests.provision.fakes import FakeDirectory

OUTLOOK = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>{}</EMailAddress><AcceptableResponseSchema>x</AcceptableResponseSchema></Request></Autodiscover>"""


@pytest.fixture(autouse=True)
def _hosted(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    house.found(FakeDirectory().of(house.CELL))
    changed = settings.ENVIRON.model_copy(update={"hostname": "mx.is-1.example", "mta_sts": "testing"})
    monkeypatch.setattr(settings, "ENVIRON", changed)


def at(host: str) -> Client:
    return Client(headers={"host": host})


def test_the_policy_names_our_hosts() -> None:
    page = at("mta-sts.example.is").get("/.well-known/mta-sts.txt")
    policy = parse_policy(page.content)
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert (policy.mode, policy.hosts) == (Mode.TESTING, ("mx.is-1.example",))
    assert "Set-Cookie" not in page.headers


def test_without_a_policy_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"mta_sts": "none"}))
    assert at("mta-sts.example.is").get("/.well-known/mta-sts.txt").status_code == 404


@pytest.mark.parametrize("host", ["autoconfig.example.is", "AUTOCONFIG.example.is:443"])
def test_thunderbird_finds_imap_and_smtp(host: str) -> None:
    page = at(host).get("/mail/config-v1.1.xml?emailaddress=ada%40example.is")
    root = ET.fromstring(page.content)
    found = [(server.get("type"), server.findtext("port"), server.findtext("socketType")) for server in root[0][3:]]
    assert found == [
        ("imap", "2993", "SSL"),
        ("imap", "2143", "STARTTLS"),
        ("smtp", "2465", "SSL"),
        ("smtp", "2587", "STARTTLS"),
    ]
    assert {one.text for one in root.iter("hostname")} == {"mx.is-1.example"}
    assert b"ada" not in page.content


def test_outlook_finds_its_servers_and_its_own_address_only() -> None:
    client = at("autodiscover.example.is")
    page = client.post("/AutoDiscover/AutoDiscover.xml", OUTLOOK.format("ada@example.is"), content_type="text/xml")
    assert page.status_code == 200
    text = page.content.decode()
    assert text.count("<LoginName>ada@example.is</LoginName>") == 2
    assert {one.text for one in ET.fromstring(text).iter() if one.tag.endswith("Port")} == {"2993", "2465"}
    for other in ("cleo@other.test", "&e;", "<b>ada@example.is</b>", "a" * 300 + "@example.is"):
        text = client.post(
            "/autodiscover/autodiscover.xml", OUTLOOK.format(other), content_type="text/xml"
        ).content.decode()
        assert "LoginName" not in text
    assert client.get("/autodiscover/autodiscover.xml").status_code == 405
    assert client.post("/autodiscover/autodiscover.xml", "x" * 20_000, content_type="text/xml").status_code == 413


def test_apple_gets_a_profile_for_an_address_of_the_domain() -> None:
    client = at("autoconfig.example.is")
    page = client.get("/mail/profile.mobileconfig", {"email": "ada@example.is"})
    [account] = plistlib.loads(page.content)["PayloadContent"]
    assert account["IncomingMailServerHostName"] == "mx.is-1.example"
    assert account["EmailAddress"] == "ada@example.is"
    assert page.headers["Cache-Control"] == "no-store"
    assert client.get("/mail/profile.mobileconfig", {"email": "ada@example.is"}).content == page.content
    for wrong in ("", "ada", "cleo@other.test", "ada@example.is\r\nX: y", "<script>@example.is"):
        refused = client.get("/mail/profile.mobileconfig", {"email": wrong})
        assert refused.status_code == 400
        assert b"script" not in refused.content


def test_an_address_that_nobody_has_is_answered_like_one_that_somebody_has() -> None:
    client = at("autodiscover.example.is")
    answers = [
        client.post("/autodiscover/autodiscover.xml", OUTLOOK.format(name + "@example.is"), content_type="text/xml")
        for name in ("ada", "zzz")
    ]
    assert answers[0].content.replace(b"ada", b"zzz") == answers[1].content


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/metrics", "/healthz", "/rows/", "/static/x", "/mail/"])
@pytest.mark.parametrize("label", ["mta-sts", "autoconfig", "autodiscover", "openpgpkey"])
def test_none_of_our_pages_is_served_under_a_hosted_name(label: str, path: str) -> None:
    page = at(f"{label}.example.is").get(path)
    assert page.status_code == 404
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    "host",
    [
        "mta-sts.evil.example",
        "mta-sts.example.is.evil.example",
        "mta-sts.example.is,evil.example",
        "evil.example#mta-sts.example.is",
        "x.mta-sts.example.is",
        "example.is",
        "mta-sts.example.is:99999999",
        "mta-sts.example.is@evil.example",
        "mta-sts..example.is",
    ],
)
def test_other_hosts_and_tricks_are_refused(host: str) -> None:
    assert at(host).get("/.well-known/mta-sts.txt").status_code == 400
    forwarded = Client(headers={"host": host, "x-forwarded-host": "mta-sts.example.is"})
    assert forwarded.get("/.well-known/mta-sts.txt").status_code == 400


def test_a_domain_that_is_not_verified_is_not_answered_for() -> None:
    Domain.objects.update(verified=None)
    assert at("mta-sts.example.is").get("/.well-known/mta-sts.txt").status_code == 400


def test_web_keys_are_reserved() -> None:
    page = at("openpgpkey.example.is").get("/.well-known/openpgpkey/example.is/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q")
    assert (page.status_code, page.content) == (404, b"no key\n")
