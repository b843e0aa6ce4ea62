"""What a tenant wants done with doubtful mail, and what others reported about its domains."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Sum

from mailhost.mailauth.verdict import ReceivePolicy
from mailhost.message.address import Address, BadAddress, normal_domain
from mailhost.models import Domain, ReceivedReport, ReceivingChoice, ReportAddress
from mailhost.provision import names, tenants
from mailhost.provision.errors import BadName, NotFound

# Forwarders a tenant trusts: a handful of lists and of its people's other providers.
MAX_SEALERS = 100


# Addresses of a domain whose reports are counted: one for each kind of report is what records name.
MAX_COUNTED = 4


@dataclass(frozen=True, slots=True)
class ReportsView:
    """`sends`: other domains are told how mail in their name arrived; `sends_tls`: how mail of ours reached them.
    `counted`: where their reports are counted."""

    sends: bool
    sends_tls: bool
    counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """A tenant's choice, or the defaults."""

    tenant: str
    refuse_when_asked: bool
    refuse_spam: bool
    trusted_sealers: tuple[str, ...]


def show(slug: str) -> ChoiceView:
    """Raises NotFound, BadName."""
    tenant = tenants.get(slug)
    found = ReceivingChoice.objects.filter(tenant=tenant).first()
    if found is None:
        default = ReceivePolicy()
        return ChoiceView(tenant.slug, default.refuse_when_asked, default.refuse_spam, ())
    return ChoiceView(tenant.slug, found.refuse_when_asked, found.refuse_spam, tuple(found.trusted_sealers.split()))


def choose(
    slug: str,
    *,
    refuse_when_asked: bool | None = None,
    refuse_spam: bool | None = None,
    trust: tuple[str, ...] = (),
    distrust: tuple[str, ...] = (),
) -> ChoiceView:
    """Change what is given, keep the rest; daemons know it within half a minute. Raises NotFound, BadName."""
    now = show(slug)
    sealers = sorted({*now.trusted_sealers, *map(_domain, trust)} - set(map(_domain, distrust)))
    if len(sealers) > MAX_SEALERS:
        raise BadName(f"more than {MAX_SEALERS} trusted forwarders; take some away with --distrust")
    ReceivingChoice.objects.update_or_create(
        tenant=tenants.get(slug),
        defaults={
            "refuse_when_asked": now.refuse_when_asked if refuse_when_asked is None else refuse_when_asked,
            "refuse_spam": now.refuse_spam if refuse_spam is None else refuse_spam,
            "trusted_sealers": "\n".join(sealers),
        },
    )
    return show(slug)


def _domain(name: str) -> str:
    try:
        return normal_domain(name)
    except BadAddress as wrong:
        raise BadName(f"{name!r} is no domain: {wrong}") from None


def domain_tenant(name: str) -> str:
    """The slug of the tenant whose domain it is. Raises NotFound, BadName."""
    try:
        return Domain.objects.select_related("tenant").get(name=_domain(name)).tenant.slug
    except Domain.DoesNotExist:
        raise NotFound(f"there is no domain {name!r} in this cell; `skerry domain list` shows them") from None


def reported(name: str, since: date) -> list[dict[str, Any]]:
    """Counts of the reports about a domain since a day, the newest first. Raises NotFound, BadName."""
    domain_tenant(name)
    reports = ReceivedReport.objects.filter(domain__name=_domain(name), day__gte=since).order_by("-day", "reporter")
    rows: list[dict[str, Any]] = []
    for report in reports:
        about = {"day": report.day.isoformat(), "reporter": report.reporter, "proven": report.proven}
        mail = report.reportedmail_set.values("network", "disposition", "aligned_dkim", "aligned_spf")
        for row in mail.annotate(count=Sum("messages")).order_by("-count"):
            passed = row["aligned_dkim"] or row["aligned_spf"]
            result = f"dmarc {'pass' if passed else 'fail'}, {row['disposition']}"
            rows.append({**about, "what": row["network"], "result": result, "count": row["count"]})
        for session in report.reportedsessions_set.order_by("-sessions"):
            result = f"tls {session.result}"
            rows.append({**about, "what": session.policy, "result": result, "count": session.sessions})
    return rows


def send_reports(name: str, *, on: bool) -> None:
    """Whether what arrives for a domain is reported to its authors' domains that ask (RFC 9990).

    Daemons know it within half a minute. Raises NotFound, BadName.
    """
    domain_tenant(name)
    Domain.objects.filter(name=_domain(name)).update(sends_dmarc_reports=on)


def send_tls_reports(name: str, *, on: bool) -> None:
    """Whether it is reported to domains that ask how connections with a domain's mail went (RFC 8460); as above."""
    domain_tenant(name)
    Domain.objects.filter(name=_domain(name)).update(sends_tls_reports=on)


def reports_of(domain: Domain) -> ReportsView:
    """What is reported about a domain's mail, and where others' reports about it are counted."""
    counted = ReportAddress.objects.filter(tenant=domain.tenant_id, address__endswith=f"@{domain.name}")
    addresses = counted.order_by("address").values_list("address", flat=True)
    return ReportsView(domain.sends_dmarc_reports, domain.sends_tls_reports, tuple(addresses))


def set_reports(domain: Domain, *, sends: bool, sends_tls: bool, counted: Collection[str]) -> ReportsView:
    """Choose all three; `counted` are all addresses of the domain whose reports are. Raises BadName."""
    addresses = {str(own_address(domain, text)) for text in counted}
    if len(addresses) > MAX_COUNTED:
        raise BadName(f"reports are counted at {MAX_COUNTED} addresses of a domain at most")
    with transaction.atomic():
        send_reports(domain.name, on=sends)
        send_tls_reports(domain.name, on=sends_tls)
        for address in set(reports_of(domain).counted) - addresses:
            count_reports(address, on=False)
        for address in addresses:
            count_reports(address, on=True)
    domain.refresh_from_db(fields=["sends_dmarc_reports", "sends_tls_reports"])
    return reports_of(domain)


def own_address(domain: Domain, text: str) -> Address:
    """An address of the domain. Raises BadName."""
    address = names.address(text)
    if address.domain != domain.name:
        raise BadName(f"{address} is no address of {domain.name}")
    return address


def count_reports(text: str, *, on: bool) -> str:
    """Count others' reports that come to an address hosted here besides delivering them, or stop; its normal form.

    Raises NotFound, BadName.
    """
    address = names.address(text)
    tenant = tenants.get(domain_tenant(address.domain))
    if on:
        ReportAddress.objects.update_or_create(address=str(address), defaults={"tenant": tenant})
    else:
        ReportAddress.objects.filter(address=str(address)).delete()
    return str(address)
