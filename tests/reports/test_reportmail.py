"""Reports in mail: found, bounded, reduced to counts; and what SMTP answers to them."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time
import zipfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.address import parse_address
from mailhost.outcomes import Reason
from mailhost.ports import StoreUnavailable
from mailhost.reports import reportmail
from mailhost.reports.reportmail import MAX_READ, MailRow, NotAReport, Received, ReportDesk, SessionRow, read
from tests.reputation.court import MAIL_HOST, Court
from tests.smtp.talk import Talk

DESK = "reports@mx.is-1.example"
ROW = (
    "<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated><disposition>{what}</disposition>"
    "<dkim>{dkim}</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>{of}</header_from>"
    "<envelope_from>private.test</envelope_from></identifiers></record>"
)


def xml(*rows: str, domain: str = "example.is", number: str = "1") -> bytes:
    return (
        "<feedback><report_metadata><org_name>Large  Mail\nLtd</org_name><email>r@large.test</email>"
        f"<report_id>{number}</report_id><date_range><begin>1795219200</begin><end>1795305600</end></date_range>"
        f"</report_metadata><policy_published><domain>{domain}</domain><p>none</p></policy_published>"
        f"{''.join(rows)}</feedback>"
    ).encode()


def row(ip: str, count: int = 1, what: str = "none", dkim: str = "pass", of: str = "example.is") -> str:
    return ROW.format(ip=ip, count=count, what=what, dkim=dkim, of=of)


def tls(domain: str = "example.is", failures: int = 3) -> bytes:
    return json.dumps(
        {
            "organization-name": "Large",
            "date-range": {"start-datetime": "2026-11-21T00:00:00Z", "end-datetime": "2026-11-21T23:59:59Z"},
            "contact-info": "r@large.test",
            "report-id": "7",
            "policies": [
                {
                    "policy": {"policy-type": "sts", "policy-domain": domain},
                    "summary": {"total-successful-session-count": 90, "total-failure-session-count": failures},
                    "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 2}],
                }
            ],
        }
    ).encode()


def mail(data: bytes, kind: str = "application/gzip", name: str = "r.xml.gz") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "r@large.test", DESK, "Report domain: example.is"
    made.set_content("A report is attached.\n")
    made.add_attachment(data, *kind.split("/"), filename=name)
    return made.as_bytes(policy=SMTP)


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r.xml", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("pack", "kind"),
    [(gzip.compress, "application/gzip"), (zipped, "application/zip"), (bytes, "text/xml"), (bytes, "application/xml")],
)
def test_a_dmarc_report_becomes_counts_by_network(pack: object, kind: str) -> None:
    data = pack(xml(row("192.0.2.1", 3), row("192.0.2.200", 4), row("2001:db8:1:2::3", 1, "reject", "fail")))  # type: ignore[operator]
    (found,) = read(mail(data, kind))
    assert (found.domain, found.day, found.reporter) == ("example.is", date(2026, 11, 21), "Large Mail Ltd")
    assert found.mail == (
        MailRow("192.0.2.0/24", "none", True, False, 7),
        MailRow("2001:db8:1::/48", "reject", False, False, 1),
    )
    assert "private" not in repr(found)


def test_a_tls_report_becomes_counts_by_result() -> None:
    for kind, name in (("application/tlsrpt+gzip", "r"), ("application/gzip", "a!b!1!2!x.json.gz")):
        (found,) = read(mail(gzip.compress(tls()), kind, name))
        assert found.sessions == (
            SessionRow("sts", "success", 90),
            SessionRow("sts", "certificate-expired", 2),
            SessionRow("sts", "other", 1),
        )


def test_the_same_report_has_the_same_digest_and_another_has_not() -> None:
    one, again, other = (read(mail(xml(row("192.0.2.1"), number=n), "text/xml"))[0].digest for n in "112")
    assert one == again != other


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: hello\r\n\r\nno attachment\r\n",
        mail(b"not gzip at all"),
        mail(gzip.compress(b"<html/>")),
        mail(gzip.compress(b" " * 40_000_000)),
        mail(gzip.compress(xml(row("192.0.2.1")))[:-20]),
        mail(b'<!DOCTYPE x [<!ENTITY a "aaaa">]><feedback>&a;</feedback>', "text/xml"),
        mail(xml(row("not an address")), "text/xml"),
        mail(xml(domain="..")),
        mail(xml(row("192.0.2.1")).replace(b"1795219200", b"9" * 30), "text/xml"),
        mail(b"{}", "application/tlsrpt+json", "r.json"),
        mail(tls("@@"), "application/tlsrpt+json", "r.json"),
        mail(b"[" * 100_000, "application/tlsrpt+json", "r.json"),
        mail(gzip.compress(b" " * 40_000_000), "application/tlsrpt+gzip", "r"),
    ],
)
def test_what_is_no_report_is_refused_within_bounds(content: bytes) -> None:
    with pytest.raises(NotAReport):
        read(content)


def with_attachments(*kinds: str, last: bytes) -> bytes:
    """Attachments that are no reports, and one after them that is."""
    made = EmailMessage()
    made.set_content("A report is attached.\n")
    for kind in kinds:
        made.add_attachment(b"another thing", *kind.split("/"), filename="thing")
    made.add_attachment(last, "application", "gzip", filename="r.xml.gz")
    return made.as_bytes(policy=SMTP)


def test_a_report_stands_among_the_first_attachments() -> None:
    report = gzip.compress(xml(row("192.0.2.1")))
    beside = ["application/pkcs7-signature"] * (MAX_READ - 1)
    assert read(with_attachments(*beside, *["image/png"] * 9, last=report))
    with pytest.raises(NotAReport):
        read(with_attachments(*beside, "text/vcard", last=report))


def test_a_report_about_many_domains_is_counted_for_each() -> None:
    whole = json.loads(tls())
    [policy] = whole["policies"]
    names = ["one.example", "two.example", "ONE.example"]
    whole["policies"] = [policy | {"policy": policy["policy"] | {"policy-domain": name}} for name in names]
    found = read(mail(json.dumps(whole).encode(), "application/tlsrpt+json", "r.json"))
    assert {one.domain: one.sessions[0].sessions for one in found} == {"one.example": 180, "two.example": 90}


def test_one_report_at_a_time_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0

    def watched(content: bytearray) -> tuple[Received, ...]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.01)
        at_once -= 1
        return read(content)

    monkeypatch.setattr(reportmail, "read", watched)
    desk, content = ReportDesk(parse_address(DESK), Book()), bytearray(mail(xml(row("192.0.2.1")), "text/xml"))
    now = datetime(2026, 11, 22, tzinfo=UTC)

    async def many() -> list[Reason]:
        return await asyncio.gather(*(desk.take(content, proven=True, now=now) for _ in range(3)))

    assert asyncio.run(many()) == [Reason.OK] * 3
    assert most == 1


@given(st.binary(max_size=400))
def test_no_content_raises_anything_else(data: bytes) -> None:
    for content in (data, mail(data), mail(data, "application/tlsrpt+json", "r.json")):
        with suppress(NotAReport):
            read(content)


class Book:
    """Keeps what is about example.is."""

    def __init__(self) -> None:
        self.entered: list[tuple[Received, bool]] = []

    async def enter(
        self, received: Sequence[Received], *, proven: bool, now: datetime, tenant: int | None = None
    ) -> int:
        ours = [one for one in received if one.domain == "example.is" and tenant in {None, 1}]
        self.entered += [(one, proven) for one in ours]
        return len(ours)

    async def tenants_of(self, addresses: Collection[str]) -> frozenset[int]:
        return frozenset({1} if "ben@example.is" in addresses else ())


async def offer(talk: Talk, content: bytes, *to: str, peer: str = "192.0.2.25", sender: str = "r@large.test") -> str:
    client = await talk.greeted(peer)
    await client.envelope(*to, sender=sender)
    await client.line("DATA")
    said = await client.say(content + b".\r\n")
    while not said:  # a report is read in a thread
        await asyncio.sleep(0.01)
        said = await client.read()
    return said


async def test_the_address_for_reports_takes_them_without_a_mailbox() -> None:
    book = Book()
    talk = Talk(reports=ReportDesk(parse_address(DESK), book))
    assert (
        await offer(talk, mail(gzip.compress(xml(row("192.0.2.1")))), DESK.upper().replace("MX.", "mx."))
    ).startswith("250 ")
    assert [proven for _, proven in book.entered] == [False]
    assert talk.store.deliveries == []


@pytest.mark.parametrize(
    "content", [b"Subject: buy\r\n\r\nnow\r\n", mail(xml(row("192.0.2.1"), domain="other.test"), "text/xml")]
)
async def test_it_takes_nothing_else(content: bytes) -> None:
    talk = Talk(reports=ReportDesk(parse_address(DESK), Book()))
    assert (await offer(talk, content, DESK)).startswith("554 5.6.0 This address takes DMARC and TLS reports")


async def test_without_such_an_address_there_is_none() -> None:
    client = await Talk().greeted()
    assert "550 5.7.1" in await client.envelope(DESK)


async def test_a_mailbox_beside_it_gets_its_copy_whatever_the_report_is() -> None:
    book = Book()
    talk = Talk(reports=ReportDesk(parse_address(DESK), book))
    assert (await offer(talk, b"Subject: no report\r\n\r\nx\r\n", DESK, "ada@example.is")).startswith("250 ")
    assert (await offer(talk, mail(xml(row("192.0.2.1")), "text/xml"), "ada@example.is", DESK)).startswith("250 ")
    assert len(talk.store.deliveries) == 2
    assert len(book.entered) == 1


async def test_a_report_whose_author_is_proven_is_marked_so() -> None:
    court, book = Court(), Book()
    talk = Talk(judge=court.judge, reports=ReportDesk(parse_address(DESK), book))
    content = mail(gzip.compress(xml(row("192.0.2.1")))).replace(b"From: r@large.test", b"From: cleo@demo.test")
    assert (await offer(talk, content, DESK, peer=MAIL_HOST, sender="cleo@demo.test")).startswith("250 ")
    assert [proven for _, proven in book.entered] == [True]


async def test_an_ordinary_address_may_have_its_reports_counted_and_gets_them_all_the_same() -> None:
    book = Book()
    talk = Talk(reports=ReportDesk(None, book))
    report = mail(gzip.compress(xml(row("192.0.2.1"))))
    assert (await offer(talk, report, "ada@example.is")).startswith("250 ")
    assert book.entered == [], "she did not ask for it"
    assert (await offer(talk, report, "ben@example.is")).startswith("250 ")
    assert len(book.entered) == 1
    assert (await offer(talk, b"Subject: no report\r\n\r\nx\r\n", "ben@example.is")).startswith("250 ")
    assert len(talk.store.deliveries) == 3


async def test_a_book_that_fails_does_not_undo_a_delivery() -> None:
    class Failing(Book):
        async def tenants_of(self, addresses: Collection[str]) -> frozenset[int]:
            raise StoreUnavailable

    talk = Talk(reports=ReportDesk(None, Failing()))
    assert (await offer(talk, mail(xml(row("192.0.2.1")), "text/xml"), "ben@example.is")).startswith("250 ")
    assert len(talk.store.deliveries) == 1
