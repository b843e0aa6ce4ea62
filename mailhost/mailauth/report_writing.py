"""Writing DMARC aggregate reports: the XML that a domain's owner reads, packed (RFC 9990 §3.1, appendix A).

In: a `reports.Report` as the reader of such files makes it, and the policy that was found. Out: gzip, the same bytes
for the same report. Names come from the DNS and from strangers' mail: whatever is not printable is replaced, and
everything is escaped by the library that writes the tree.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from mailhost.mailauth.reports import MAX_TEXT, AuthResult, Report, Row

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"


def write_report(report: Report, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """`more` are further elements of policy_published, in their order: (name, value)."""
    root = Element("feedback", {"xmlns": NAMESPACE})
    _leaf(root, "version", "1.0")
    about = SubElement(root, "report_metadata")
    _leaf(about, "org_name", report.organisation)
    _leaf(about, "email", report.contact)
    _leaf(about, "report_id", report.id)
    period = SubElement(about, "date_range")
    _leaf(period, "begin", str(int(report.begin.timestamp())))
    _leaf(period, "end", str(int(report.end.timestamp())))
    policy = SubElement(root, "policy_published")
    _leaf(policy, "domain", report.domain)
    _leaf(policy, "p", report.policy)
    if report.subdomain_policy:
        _leaf(policy, "sp", report.subdomain_policy)
    for name, value in more:
        _leaf(policy, name, value)
    for row in report.rows:
        _record(SubElement(root, "record"), row)
    return gzip.compress(tostring(root, encoding="utf-8", xml_declaration=True), mtime=0)


def _record(record: Element, row: Row) -> None:
    about = SubElement(record, "row")
    _leaf(about, "source_ip", row.source)
    _leaf(about, "count", str(row.count))
    evaluated = SubElement(about, "policy_evaluated")
    _leaf(evaluated, "disposition", row.disposition)
    _leaf(evaluated, "dkim", "pass" if row.aligned_dkim else "fail")
    _leaf(evaluated, "spf", "pass" if row.aligned_spf else "fail")
    for reason in row.reasons:
        _leaf(SubElement(evaluated, "reason"), "type", reason)
    identifiers = SubElement(record, "identifiers")
    _leaf(identifiers, "header_from", row.header_from)
    _leaf(identifiers, "envelope_from", row.envelope_from)
    results = SubElement(record, "auth_results")
    for result in row.results:
        _result(SubElement(results, result.method), result)


def _result(element: Element, result: AuthResult) -> None:
    _leaf(element, "domain", result.domain)
    if result.method == "dkim":
        _leaf(element, "selector", result.selector)
    _leaf(element, "result", result.result)


def _leaf(parent: Element, name: str, text: str) -> None:
    # XML has no way to write most control characters; no name that a report is about holds one.
    SubElement(parent, name).text = "".join(one if one.isprintable() else "?" for one in text[:MAX_TEXT])
