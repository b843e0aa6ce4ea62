"""How the last hours were: counters of the cell's processes, read every ten minutes, added up by the hour.

The processes count since their start (`webadmin.metrics`); the difference to the last reading belongs to this hour. A
counter that fell has begun anew: then all of it is new. The queue's length is not counted but looked at, and an hour
keeps the longest. No figure is about anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailhost.provision import queue
from webadmin.console.models import CounterTotal, HourFigure
from webadmin.web import charts
from webadmin.web.charts import Chart

SHOWN: Final = 48  # hours in a graph: today, and yesterday to hold it against
QUEUE: Final = "queue"
TAKEN: Final = frozenset({"ok", "queued"})

type Totals = Mapping[tuple[str, str], float]

# Name of a figure -> its words, and which counters make it up (name, label) -> whether it is one of them.
FIGURES: Final[Mapping[str, tuple[str | Promise, Callable[[str, str], bool]]]] = {
    "stored": (_("Messages taken an hour"), lambda name, label: name == "smtp_messages" and label in TAKEN),
    "delivered": (
        _("Messages delivered elsewhere an hour"),
        lambda name, label: name == "queue_attempts" and label == "delivered",
    ),
    "refused": (
        _("Messages and recipients refused or put off an hour"),
        lambda name, label: name in {"smtp_messages", "smtp_recipients"} and label not in TAKEN,
    ),
}


def take(totals: Totals, now: datetime) -> None:
    """Add what has been counted since the last reading to this hour, and forget hours that are old."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    with transaction.atomic():
        for figure, (_words, belongs) in FIGURES.items():
            total = int(sum(value for (name, label), value in totals.items() if belongs(name, label)))
            known = CounterTotal.objects.filter(name=figure).values_list("total", flat=True).first()
            CounterTotal.objects.update_or_create(name=figure, defaults={"total": total})
            # The first reading ever says nothing of this hour: it may be of weeks.
            grown = 0 if known is None else total - known if total >= known else total
            row, _made = HourFigure.objects.get_or_create(hour=hour, name=figure, defaults={"value": 0})
            HourFigure.objects.filter(pk=row.pk).update(value=F("value") + grown)
        depth = queue.depth()
        row, _made = HourFigure.objects.get_or_create(hour=hour, name=QUEUE, defaults={"value": 0})
        HourFigure.objects.filter(pk=row.pk).update(value=Greatest(F("value"), depth.waiting + depth.held))
        HourFigure.objects.filter(hour__lt=now - HourFigure.KEPT).delete()


def graphs(now: datetime) -> list[tuple[str | Promise, Chart]]:
    """Title and chart of each figure over the last hours, with one query."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in range(SHOWN - 1, -1, -1)]
    rows = HourFigure.objects.filter(hour__gte=hours[0]).values_list("name", "hour", "value")
    found = {(name, hour): value for name, hour, value in rows}
    waiting = [found.get((QUEUE, hour), 0) for hour in hours]
    title = _("Mail that waits")
    made: list[tuple[str | Promise, Chart]] = [(title, charts.line(waiting, _said(title, waiting)))]
    for figure, (words, _belongs) in FIGURES.items():
        values = [(f"{hour:%d. %H:00}", found.get((figure, hour), 0)) for hour in hours]
        made.append((words, charts.bars(values, _said(words, [value for _hour, value in values]))))
    return made


def _said(words: str | Promise, values: list[int]) -> str:
    """The chart for who cannot see it."""
    about = {"words": words, "hours": len(values), "now": values[-1], "most": max(values)}
    return str(_("%(words)s, the last %(hours)d hours: now %(now)d, at most %(most)d") % about)
