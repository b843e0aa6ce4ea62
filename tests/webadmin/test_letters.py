"""What the host writes to its own people is in their language: each kind of letter under the made-up one."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date, timedelta
from email import message_from_bytes, policy
from typing import Final

import pytest

from jurisdiction import reasons
from jurisdiction.atlas import Atlas
from jurisdiction.sentences import in_english, reason
from mailhost.adapters.egress import CONSENT, LINK
from mailhost.mailauth.resolver import Txt
from mailhost.message.dsn import notice
from mailhost.message.fates import SUBJECTS, Fate
from mailhost.message.forwardletter import asking
from mailhost.message.headers import read_headers
from mailhost.message.letter import Say
from mailhost.message.linkletters import Told, lapsed, letter
from mailhost.models import Domain
from mailhost.outbound.notices import WHY
from mailhost.outbound.transport import Permission, Verdict
from mailhost.provision import dnsletters, domaindns
from tests.provision import house
from tests.webadmin import pseudo
from tests.webadmin.jobs.test_domainwork import HOSTED, dns
from webadmin.cell import notarial
from webadmin.languages import spoken

__all__ = ["dns"]  # a fixture
NAMES: Final = frozenset({"TXT", "MX", "CNAME", "SRV", "CAA", "Skerry", "Sun", "Nov", "Tides"})


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    pseudo.made_up(monkeypatch)
    return spoken.into(pseudo.SPOKEN)


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return notarial.installed()


def words(made: bytes) -> str:
    """The subject and what a person reads."""
    read = message_from_bytes(made, policy=policy.default)
    body = next(iter(read.iter_parts())) if read.is_multipart() else read
    text = body.get_content()
    assert isinstance(text, str)
    return f"{read_headers(made).text(b'subject')}\n{text}"


def untranslated(text: str) -> list[str]:
    return pseudo.outside(html.escape(" ".join(text.split())), NAMES)


def told(say: Say, action: str, why: str) -> bytes:
    fate = Fate("gone@other.test", action, "5.0.0", why, "mx.other.test", "550-5.1.1", reason="any")
    return notice(
        to="ada@example.is",
        hostname="mx.is-1.example",
        domain="example.is",
        message_id="n@example.is",
        boundary="=abc",
        now=house.NOW,
        queued=house.NOW,
        fates=[fate],
        original=b"Subject: Tides\r\n\r\n",
        gives_up=house.NOW + timedelta(days=5),
        say=say,
    )


def causes(atlas: Atlas) -> Iterator[str]:
    """Everything that a notice may give as its reason: the code's own words, and what a decision adds."""
    arguments = {
        reasons.BLOC_DENIED: "FVEY",
        reasons.CTRL_DENIED: "US:FVEY",
        reasons.FACT_DENIED: "content_retention",
        reasons.FACT_UNVERIFIED: "content_retention",
        reasons.EGRESS_PLAINTEXT_DENIED: "FVEY",
        reasons.MOVE_TO: "NO",
    }
    yield from (why for _status, why in WHY.values())
    for code in reasons.CODES:
        full = f"{code}:{arguments[code]}" if code in arguments else code
        decided = in_english([reason(full, atlas)], atlas)
        said = Permission(Verdict.DENY, (full,), "d" * 32, f"{decided} {CONSENT} {LINK}").said
        yield f"{WHY['egress_denied'][1]} {said}"


def test_no_notice_says_what_no_catalogue_has(say: Say, atlas: Atlas) -> None:
    wrong = [text for why in causes(atlas) for text in untranslated(words(told(say, "failed", why)))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("action", SUBJECTS)
def test_every_kind_of_notice_is_translated_and_programs_read_the_same(say: Say, action: str) -> None:
    made = told(say, action, "This domain does not exist; check the address.")
    assert not untranslated(words(made))
    assert f"Action: {action}\r\n".encode() in made
    assert b"Remote-MTA: dns; mx.other.test\r\n" in made
    assert made.partition(b"\r\n\r\n")[0].isascii()


def test_what_stands_in_a_notice_is_the_language_of_the_catalogue() -> None:
    text = words(told(spoken.into("is"), "failed", "This domain does not exist; check the address."))
    assert text.startswith("Skeytið þitt var ekki afhent\n")
    assert "gone@other.test" in text


@pytest.mark.usefixtures("transactional_db")
def test_the_letter_about_dns_is_translated_whatever_is_wrong(dns, say: Say) -> None:  # type: ignore[no-untyped-def]
    domain = Domain.objects.select_related("tenant").get(name="example.is")
    domaindns.keep(domain, domaindns.look(domain, HOSTED, dns, now=house.NOW), told=True)
    right = dict(dns.zone)
    dns.zone.clear()
    dns.add("example.is", Txt(b"v=spf1 +all"))
    broken = domaindns.look(domain, HOSTED, dns, now=house.NOW)
    text = words(dnsletters.about_changes(broken, now=house.NOW, hostname="mx.example", word="w" * 32, say=say))
    assert text.count(spoken.into("de")("What to do next:")) > 3
    values = {one for line in broken.lines for one in (line.expected, *line.found)}
    left = "\n".join(line for line in text.splitlines() if line.strip() not in values)
    assert not untranslated(left)
    domaindns.keep(domain, broken, told=True)
    dns.zone = right
    mended = domaindns.look(domain, HOSTED, dns, now=house.NOW)
    text = words(dnsletters.about_changes(mended, now=house.NOW, hostname="mx.example", word="w" * 32, say=say))
    assert not untranslated(text)


def test_the_letter_that_asks_before_mail_is_forwarded_is_translated_above_its_english(say: Say) -> None:
    made = asking(
        to="cleo@other.test",
        owner="ada@example.is",
        link="https://cell.example.is/f/abc",
        last_day=date(2026, 12, 1),
        message_id="n@example.is",
        now=house.NOW,
        say=say,
    )
    above, below = words(made).split("* * *")
    assert not untranslated(above)
    assert "⟦" not in below


def test_the_letters_about_secure_links_are_translated(say: Say) -> None:
    made = letter(
        to="ada@example.is",
        domain="example.is",
        message_id="n@example.is",
        now=house.NOW,
        subject="Tides",
        readers=[Told("cleo@other.test", "K7-QW", "12-34-56")],
        last_day=date(2026, 12, 1),
        answers=True,
        page="https://cell.example.is/mailbox/links/",
        why=WHY["egress_held"][1],
        say=say,
    )
    ended = lapsed(
        to="ada@example.is",
        domain="example.is",
        message_id="n@example.is",
        now=house.NOW,
        reference="K7-QW",
        made=date(2026, 11, 1),
        last_day=date(2026, 12, 1),
        say=say,
    )
    assert not untranslated(words(made)) + untranslated(words(ended))
