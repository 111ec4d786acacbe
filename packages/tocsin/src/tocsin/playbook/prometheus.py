"""The playbook's thresholds as a rule file for Prometheus.

What Tocsin classifies by is what Prometheus alerts by: each alert carries the id of its row in the label
``tocsin_rule``, and by that the classification finds the row again, whatever else happens to the labels on the way.
Windows and waits were set when the rulebook was compiled, at its speed.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

import yaml

from tocsin.core.ids import ComponentId
from tocsin.core.rules import Component, Heartbeat, Rulebook, Threshold
from tocsin.playbook.words import spoken

INDICATOR = "tocsin:indicator"
"""The recorded figure of every objective, labelled with component and objective: for dashboards and post-mortems."""


def rule_file(rulebook: Rulebook, components: Collection[str] | None = None) -> str:
    """Write the rule file; ``components`` limits it to some, where not all of the watched system is there."""
    chosen = [one for one in rulebook.components.values() if components is None or one.id in components]
    groups = [group for one in chosen for group in _groups(rulebook, one)]
    beats = [_watchdog(one) for one in rulebook.heartbeats.values() if one.alertname]
    if beats:
        groups.append({"name": "tocsin-heartbeats", "rules": beats})
    head = f"# Made by `tocsin playbook rules` from {rulebook.title}, version {rulebook.version}. Do not edit.\n"
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=10_000)


def alert_name(threshold: Threshold) -> str:
    """Answer the alert's name as Prometheus people write them: ``AgentBoosterP95Major``."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", threshold.id) if word)


def expression(threshold: Threshold) -> str:
    """Write the condition under which a threshold is breached."""
    return f"({threshold.query}) {threshold.is_breached} {threshold.bound!r}"


def _groups(rulebook: Rulebook, component: Component) -> Iterator[dict[str, Any]]:
    alerts = [_alert(row, component) for row in _rows(rulebook, component.id)]
    if alerts:
        yield {"name": f"tocsin-{component.id}", "rules": alerts}
    records = [
        {
            "record": INDICATOR,
            "expr": objective.query,
            "labels": {"component": component.id, "objective": objective.id},
        }
        for objective in component.objectives
    ]
    if records:
        yield {"name": f"tocsin-{component.id}-objectives", "rules": records}


def _rows(rulebook: Rulebook, component: ComponentId) -> list[Threshold]:
    return [row for row in rulebook.classification.thresholds.values() if row.component == component]


def _alert(row: Threshold, component: Component) -> dict[str, Any]:
    alert: dict[str, Any] = {"alert": alert_name(row), "expr": expression(row)}
    if row.lasts:
        alert["for"] = spoken(row.lasts)
    alert["labels"] = {
        "severity": row.severity,
        "component": row.component,
        "tocsin_rule": row.id,
        "clause": row.clause,
    }
    unit = "" if row.unit in ("", "1") else f" {row.unit}"
    alert["annotations"] = {
        "summary": _plain(row.title),
        "description": _plain(f"{row.clause}: {row.severity} when {row.is_breached} {row.bound!r}{unit}; measured ")
        + "{{ $value }}"
        + _plain(unit),
    }
    if component.dashboard_url:
        alert["annotations"]["dashboard"] = _plain(component.dashboard_url)
    return alert


def _plain(text: str) -> str:
    """Keep a template from being seen in plain text."""
    return text.replace("{{", '{{ "{{" }}')


def _watchdog(beat: Heartbeat) -> dict[str, Any]:
    return {
        "alert": beat.alertname,
        "expr": "vector(1)",
        "labels": {"severity": "none", "heartbeat": beat.name, "clause": beat.clause},
        "annotations": {"summary": "Always fires: that it stops is the alert"},
    }
