"""Scrape list and alerts watch figures that the program really gives, and every counter it uses is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import yaml

from mailhost.outcomes import Reason
from tests.architecture import house
from webadmin import metrics
from webadmin.environ import Environ

MONITORING = house.ROOT / "infra" / "monitoring"
SCRAPE: dict[str, Any] = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def _gauges() -> set[str]:
    """Names of the figures taken at the moment of a scrape."""
    calls = [node for module in house.product() for node in house.nodes(module.tree) if isinstance(node, ast.Call)]
    return {
        str(call.args[0].value)
        for call in calls
        if getattr(call.func, "attr", getattr(call.func, "id", "")) == "Gauge"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def _told() -> set[str]:
    return {f"skerry_{name}_total" for name in metrics.COUNTERS} | {f"skerry_{name}" for name in _gauges()}


def test_alerts_ask_only_for_figures_there_are() -> None:
    asked = {name for rule in RULES for name in re.findall(r"\bskerry_\w+", rule["expr"])}
    assert asked
    assert asked <= _told(), f"nobody counts {sorted(asked - _told())}"


def test_alerts_ask_only_for_labels_there_are() -> None:
    for rule in RULES:
        for metric, label, value in re.findall(r'skerry_(\w+?)_total\{(\w+)="(\w+)"\}', rule["expr"]):
            assert label == metrics.COUNTERS[metric][0], rule["alert"]
            if label == "reason":
                assert value in set(Reason), f"{rule['alert']}: no outcome has the reason {value}"
            if label == "event":
                assert value in _literal_events(), f"{rule['alert']}: IMAP counts no event {value}"


def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]


def test_what_is_scraped_is_the_web_process_on_loopback() -> None:
    (job,) = SCRAPE["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{Environ.model_fields['web_port'].default}"]}]
    assert SCRAPE["rule_files"] == ["alerts.yml"]


def _counted(package: str) -> Iterator[tuple[str, str]]:
    """Where and what is counted by a literal first argument of a method `count` or `_count`."""
    for module in house.within(package):
        for node in house.nodes(module.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"count", "_count"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
                and re.fullmatch(r"[a-z_]{4,}", node.args[0].value)
            ):
                prefix = "smtp_" if node.func.attr == "_count" else ""
                yield f"{module.where}:{node.lineno}", prefix + node.args[0].value


def _literal_events() -> set[str]:
    return {name for _, name in _counted("mailhost.imap")}


def test_every_counter_of_the_smtp_side_is_declared() -> None:
    unknown = [f"{where} counts {name}" for where, name in _counted("mailhost.smtp") if name not in metrics.COUNTERS]
    assert not unknown, "declare these in webadmin/metrics.py:\n" + "\n".join(unknown)
