"""What others say about the hosted domains, and how their DNS stands: for the operator, domain by domain.

Reports of other hosts (DMARC, TLS) are added up over thirty days; nobody who wrote or was written to is in them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from mailhost.models import Domain, ReceivedReport, ReportedMail, ReportedSessions
from webadmin.web import charts
from webadmin.web.charts import Chart

WINDOW: Final = timedelta(days=30)
ENOUGH: Final = 0.98  # of a domain's mail: below it something sends in its name that is not ours, or is not signed
_ALIGNED: Final = Q(aligned_dkim=True) | Q(aligned_spf=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """A domain in others' eyes. `messages` sent in its name, of which `aligned` were proven to be its own, and
    `stopped` went to junk or were refused; `sessions` for its mail, of which `broken` had no good TLS."""

    domain: str
    tenant: str
    messages: int = 0
    aligned: int = 0
    stopped: int = 0
    reporters: int = 0
    last: date | None = None
    sessions: int = 0
    broken: int = 0

    @property
    def share(self) -> int | None:
        """Per cent of the messages that are proven; None where nobody reported any."""
        return round(100 * self.aligned / self.messages) if self.messages else None

    @property
    def is_good(self) -> bool:
        return self.aligned >= ENOUGH * self.messages and not self.broken


def reported(today: date) -> QuerySet[Domain]:
    """Domains that somebody reported about lately, by name."""
    recent = ReceivedReport.objects.filter(day__gte=today - WINDOW).values("domain")
    return Domain.objects.filter(pk__in=recent).select_related("tenant").order_by("name")


def standings(domains: Collection[Domain], today: date) -> list[Standing]:
    """These domains with what was reported about them: four queries however many they are."""
    since = today - WINDOW
    recent = ReceivedReport.objects.filter(domain__in=domains, day__gte=since).order_by()
    who = {
        row["domain"]: row
        for row in recent.values("domain").annotate(reporters=Count("reporter", distinct=True), last=Max("day"))
    }
    mail = {
        row["domain"]: row
        for row in ReportedMail.objects.filter(report__domain__in=domains, report__day__gte=since)
        .order_by()
        .values(domain=F("report__domain"))
        .annotate(
            total=Sum("messages"),
            aligned=Sum("messages", filter=_ALIGNED, default=0),
            stopped=Sum("messages", filter=~Q(disposition="none"), default=0),
        )
    }
    tls = {
        row["domain"]: row
        for row in ReportedSessions.objects.filter(report__domain__in=domains, report__day__gte=since)
        .order_by()
        .values(domain=F("report__domain"))
        .annotate(total=Sum("sessions"), broken=Sum("sessions", filter=~Q(result="success"), default=0))
    }
    none: dict[str, int] = {}
    return [
        Standing(
            domain=one.name,
            tenant=one.tenant.slug,
            messages=mail.get(one.pk, none).get("total", 0),
            aligned=mail.get(one.pk, none).get("aligned", 0),
            stopped=mail.get(one.pk, none).get("stopped", 0),
            reporters=who.get(one.pk, none).get("reporters", 0),
            last=who[one.pk]["last"] if one.pk in who else None,
            sessions=tls.get(one.pk, none).get("total", 0),
            broken=tls.get(one.pk, none).get("broken", 0),
        )
        for one in domains
    ]


def unproven_by_day(today: date, words: str) -> Chart:
    """Messages a day, over all domains, that were sent in their name and are not proven to be theirs."""
    rows = (
        ReportedMail.objects.filter(report__day__gte=today - WINDOW)
        .exclude(_ALIGNED)
        .order_by()
        .values_list("report__day")
        .annotate(total=Sum("messages"))
    )
    found = dict(rows)
    days = [today - timedelta(days=back) for back in range(WINDOW.days - 1, -1, -1)]
    return charts.bars([(day.isoformat(), found.get(day, 0)) for day in days], words)


def by_trouble() -> QuerySet[Domain]:
    """Every domain, those with DNS problems first, then those never looked at."""
    # What a check found is of no use to a list, and there is much of it.
    shown = ("name", "verified", "tenant__slug", "domaincheck__problems", "domaincheck__checked")
    rows = Domain.objects.select_related("tenant", "domaincheck").only(*shown)
    return rows.order_by(F("domaincheck__problems").desc(nulls_last=True), "name")
