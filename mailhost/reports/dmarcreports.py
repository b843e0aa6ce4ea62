"""The daily DMARC reports to other domains: from counted messages to mail for the queue (RFC 9990).

In: what was counted on past days. Out: for each policy domain and day a `Report`, where it may go, and the message
that carries it. A report goes to addresses that the policy itself names; another organisation must have said in its own
DNS that it takes reports about this domain (RFC 9990 §4), or anybody could have our reports sent to anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from mailhost.mailauth.dkim_signature import at_or_below
from mailhost.mailauth.dmarc import IsPublicSuffix
from mailhost.mailauth.dmarc_record import is_dmarc, parse_record
from mailhost.mailauth.report_writing import write_report
from mailhost.mailauth.reports import Report, Row
from mailhost.mailauth.resolver import DnsAnswer, Resolver, Txt
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.reports.dmarccounts import Published, Seen
from mailhost.reports.reportletter import Attachment, Submitter, Wording, letter

# Rows of one report; the rest, the rarest, is left out. A hundred thousand forged senders fill no queue.
MAX_ROWS: Final = 10_000
# Addresses of one domain that get its report.
MAX_ADDRESSES: Final = 3


def reports(counted: Iterable[tuple[Seen, int]], submitter: Submitter) -> list[tuple[Published, Report]]:
    """A report for each policy domain and day that something was counted for."""
    days: dict[tuple[str, date], Counter[Row]] = {}
    policies: dict[tuple[str, date], Counter[Published]] = {}
    for one, count in counted:
        key = (one.published.domain, one.day)
        days.setdefault(key, Counter())[one.row] += count
        policies.setdefault(key, Counter())[one.published] += count
    return [_report(policies[key].most_common(1)[0][0], key[1], rows, submitter) for key, rows in days.items()]


def _report(published: Published, day: date, rows: Counter[Row], submitter: Submitter) -> tuple[Published, Report]:
    begin = datetime.combine(day, time(), UTC)
    return published, Report(
        organisation=submitter.hostname,
        contact=submitter.contact,
        id=f"{day.isoformat()}.{published.domain}",
        begin=begin,
        end=begin + timedelta(days=1, seconds=-1),
        domain=published.domain,
        # Where the owner changed the policy in between, what most messages met.
        policy=published.policy,
        subdomain_policy=published.subdomains,
        rows=tuple(replace(row, count=count) for row, count in rows.most_common(MAX_ROWS)),
    )


async def addresses(domain: str, resolver: Resolver, is_suffix: IsPublicSuffix) -> list[Address]:
    """Where reports about a policy domain may go now."""
    answer = await resolver.lookup(f"_dmarc.{domain}", Txt)
    found = []
    for address in _asked(answer.records if isinstance(answer, DnsAnswer) else ()):
        at = address.domain
        if _together(domain, at, is_suffix) or await _takes(domain, at, resolver):
            found.append(address)
    return found[:MAX_ADDRESSES]


def _asked(records: Sequence[Txt]) -> list[Address]:
    texts = [one.text for one in records if is_dmarc(one.text)]
    record = parse_record(texts[0]) if len(texts) == 1 else None
    found = []
    for uri in record.reports if record else ():
        try:
            found.append(parse_address(uri))
        except BadAddress:
            continue
    return found


def _together(domain: str, at: str, is_suffix: IsPublicSuffix) -> bool:
    """Whether both are clearly one organisation's: one is the other's parent, and no registry's."""
    upper, lower = sorted((domain, at), key=len)
    return at_or_below(lower, upper) and not is_suffix(upper)


async def _takes(domain: str, at: str, resolver: Resolver) -> bool:
    """Whether `at` says that it takes reports about `domain` (RFC 9990 §4).

    We differ: an address that the answer gives instead is not used; whoever wants one writes it into the policy.
    """
    answer = await resolver.lookup(f"{domain}._report._dmarc.{at}", Txt)
    return isinstance(answer, DnsAnswer) and sum(is_dmarc(one.text) for one in answer.records) == 1


def message(published: Published, report: Report, submitter: Submitter, to: str, *, word: str, now: datetime) -> bytes:
    """The report as mail (RFC 9990 §3.5.2). `word` is 32 letters that no report can foresee."""
    host, domain = submitter.hostname, report.domain
    begin, end = int(report.begin.timestamp()), int(report.end.timestamp())
    wording = Wording(
        f"Report Domain: {domain} Submitter: {host} Report-ID: <{report.id}@{host}>",
        [],
        "multipart/mixed",
        f"What became of mail in the name of {domain} that arrived at {host}.",
    )
    more = [
        ("np", published.missing_subdomains),
        ("adkim", "s" if published.strict_dkim else "r"),
        ("aspf", "s" if published.strict_spf else "r"),
        ("discovery_method", "treewalk"),
        ("testing", "y" if published.testing else "n"),
    ]
    data = write_report(report, [(name, value) for name, value in more if value])
    attachment = Attachment("application/gzip", f"{host}!{domain}!{begin}!{end}.xml.gz", data)
    return letter(submitter, to, wording, attachment, word=word, now=now)
