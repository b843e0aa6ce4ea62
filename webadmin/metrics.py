"""Counters for Prometheus, shared by all processes of a cell, without a label that could name anybody.

Every counter is declared in `COUNTERS`: its name, its one label and what it counts. A label is a reason, a reply
code or an event: at most `MAX_LABELS` different ones, in a shape that no address fits; anything else is counted
as "other".

`prometheus_client` keeps each process's numbers in files below PROMETHEUS_MULTIPROC_DIR
(`<home>/<cell>/run/metrics`) and reads the variable when it is imported, so the import waits until `begin` has
set it. The numbers of ended processes stay until `clear` at the next start of the cell: a counter that fell
would look like a restart.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

# Name: (label, what it counts). `mailhost` counts by these names; an unknown name is a mistake in the code.
COUNTERS: Final[dict[str, tuple[str, str]]] = {
    "smtp_connections": ("event", "SMTP connections taken, refused, lost, or whose TLS handshake failed."),
    "smtp_faults": ("kind", "Faults of ours in SMTP sessions, by class of exception; each was answered 451."),
    "smtp_messages": ("reason", "Messages offered by SMTP, by what became of them."),
    "smtp_recipients": ("reason", "Recipients offered by SMTP, by the answer."),
    "smtp_refused": ("code", "SMTP commands refused, by reply code."),
    "submission_logins": ("event", "Logins at the submission ports."),
    "smtp_rulings": ("ruling", "Messages that were judged, by what became of them."),
    "sender_findings": ("finding", "What was found about the senders of judged messages."),
    "dns_lookups": ("outcome", "Questions to the DNS, by what came back."),
    "content_filter": ("outcome", "Messages for the content filter, by whether it answered."),
    "filter_actions": (
        "outcome",
        "What owners' filters did with mail that arrived, or why they did not.",
    ),
    "answers": ("outcome", "Messages for owners who are away, by whether they were answered or why not."),
    "forwards": ("outcome", "Copies that owners' filters wanted to forward, by whether they could be."),
    "queue_attempts": ("outcome", "Attempts to deliver to one recipient elsewhere, by what became of them."),
    "queue_connections": ("outcome", "Connections to other hosts, by what became of them."),
    "imap_events": ("event", "What IMAP sessions did: logins, refusals, commands, appends, faults."),
}
MAX_LABELS = 100
_LABEL = re.compile(r"[A-Za-z0-9_]{1,40}")
_OTHER = "other"


def folder(run: Path) -> Path:
    """Where the processes of a cell keep their numbers."""
    return run / "metrics"


def clear(run: Path) -> None:
    """Forget the numbers of the last run; only before any process of the cell starts."""
    for file in folder(run).glob("*.db"):
        file.unlink(missing_ok=True)


def keep_numbers(run: Path) -> None:
    """Tell prometheus_client where, before anything imports it."""
    path = folder(run)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(path)


def begin(run: Path) -> Counters:
    """The counters of this process. Call before anything imports prometheus_client."""
    keep_numbers(run)
    library = import_module("prometheus_client")
    registry = library.CollectorRegistry()
    made = {
        name: library.Counter(f"skerry_{name}", about, [label], registry=registry)
        for name, (label, about) in COUNTERS.items()
    }
    return Counters(made, {name: {} for name in COUNTERS})


@dataclass(frozen=True, slots=True)
class Counters:
    """Implements `mailhost.ports.Metrics`."""

    _made: dict[str, Any]
    # Counters of one label, kept because finding one anew costs more than adding to it.
    _labelled: dict[str, dict[str, Any]]

    def count(self, name: str, label: str = "", amount: int = 1) -> None:
        """Add so many. Raises KeyError for a name that is not declared."""
        known = self._labelled[name]
        if label not in known:
            if label and (len(known) >= MAX_LABELS or not _LABEL.fullmatch(label)):
                label = _OTHER
            known[label] = self._made[name].labels(label or "none")
        known[label].inc(amount)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure taken at the moment of the scrape."""

    name: str
    about: str
    value: float


def totals(run: Path) -> dict[tuple[str, str], float]:
    """Every counter of all processes by name and label, as far as it has come."""
    keep_numbers(run)
    library = import_module("prometheus_client")
    multiprocess = import_module("prometheus_client.multiprocess")
    registry = library.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder(run)))
    return {
        (
            sample.name.removeprefix("skerry_").removesuffix("_total"),
            next(iter(sample.labels.values()), ""),
        ): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def page(run: Path, gauges: list[Gauge]) -> bytes:
    """Everything in Prometheus' text format: the counters of all processes, and the figures of this moment."""
    keep_numbers(run)
    library = import_module("prometheus_client")
    multiprocess = import_module("prometheus_client.multiprocess")
    registry = library.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder(run)))
    text = bytes(library.generate_latest(registry)).decode()
    for gauge in gauges:
        text += f"# HELP skerry_{gauge.name} {gauge.about}\n# TYPE skerry_{gauge.name} gauge\n"
        text += f"skerry_{gauge.name} {gauge.value}\n"
    return text.encode()
