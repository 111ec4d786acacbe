"""Which promises were kept: every target of the playbook against what the timeline shows (C2)."""

from collections.abc import Iterable
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.deadlines import Deadline, lay, met_at
from tocsin.core.events import AnyEvent, DeadlineMissed
from tocsin.core.ids import RuleId, Severity
from tocsin.core.incident import Incident, evolve
from tocsin.core.rules import Rule, Rulebook, RuleKind


class Promise(msgspec.Struct, frozen=True):
    """One target and what became of it."""

    rule: RuleId
    clause: str
    title: str
    severity: Severity
    state: Literal["kept", "missed", "open"]
    due_at: Instant
    met_at: Instant | None = None
    """When it was brought about, be it too late."""
    rounds: int = 0
    """Of a cadence: how many rounds were missed."""


def promises(rules: Rulebook, events: Iterable[AnyEvent]) -> tuple[Promise, ...]:
    """Answer every target and cadence that a timeline laid on somebody, in the order of their deadlines."""
    found: dict[tuple[RuleId, Instant], Promise] = {}
    incident: Incident | None = None
    for event in events:
        incident = evolve(incident, event)
        if isinstance(event, DeadlineMissed):
            _missed(found, event, incident, rules)
        _look(found, incident, rules)
    return tuple(sorted(found.values(), key=lambda promise: (promise.due_at, promise.rule)))


def _missed(
    found: dict[tuple[RuleId, Instant], Promise], event: DeadlineMissed, incident: Incident, rules: Rulebook
) -> None:
    rule = rules.rule(event.rule)
    severity = rule.severity if rule else incident.severity
    if rule is not None and rule.kind is RuleKind.CADENCE:
        known = found.get((event.rule, Instant.MIN))
        missed = (known.rounds if known else 0) + event.rounds
        found[event.rule, Instant.MIN] = Promise(
            event.rule, event.clause, event.title, severity, "missed", event.due_at, rounds=missed
        )
        return
    found[event.rule, event.due_at] = Promise(event.rule, event.clause, event.title, severity, "missed", event.due_at)


def _look(found: dict[tuple[RuleId, Instant], Promise], incident: Incident, rules: Rulebook) -> None:
    """Note targets that are open or have just been met."""
    for rule in rules.rows.get(incident.severity, ()):
        if rule.kind is not RuleKind.TARGET:
            continue
        deadline = lay(rules, rule, incident)
        if deadline is not None:
            found.setdefault((rule.id, deadline.due_at), _open(deadline))
        else:
            _settle(found, rule, met_at(rule, incident))


def _open(deadline: Deadline) -> Promise:
    rule = deadline.rule
    return Promise(rule.id, rule.clause, rule.title, rule.severity, "open", deadline.due_at)


def _settle(found: dict[tuple[RuleId, Instant], Promise], rule: Rule, met: Instant | None) -> None:
    if met is None:
        return
    for key, promise in found.items():
        if key[0] == rule.id and promise.met_at is None:
            state = "kept" if promise.state == "open" and met <= promise.due_at else "missed"
            found[key] = msgspec.structs.replace(promise, state=state, met_at=met)
