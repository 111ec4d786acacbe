"""Can the people whom a playbook pages be reached as it says: do their notification rules ring, and ring in time?"""

from collections.abc import Callable, Iterator
from typing import Final

from whenever import Instant, TimeDelta, TimeZoneNotFoundError

from tocsin.core.contact import RINGING
from tocsin.core.rules import EmergencyContact
from tocsin.playbook.compile import EMERGENCY_CONTACT
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_people import address_fits
from tocsin.playbook.lint_references import Place
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import PersonDoc
from tocsin.playbook.words import Act, spoken

_EVERY_MIN: Final = TimeDelta(minutes=1)
"""A phone that rings more often than this cannot be answered between two calls."""


def notification_rules(playbook: Playbook) -> Iterator[Problem]:
    """Find rules by kinds that the person lacks, that begin with nothing, or that ring without a pause."""
    for key, person in playbook.people.items():
        for number, rule in enumerate(person.notify):
            place: Place = ("people.yaml", "people", key, "notify", number)
            for kind in rule.by:
                if kind not in {method.kind for method in person.methods}:
                    yield playbook.problem(
                        "no-method",
                        (*place, "by"),
                        f"{person.name} has no method of the kind {kind.value}",
                        "add it under methods, or name another kind",
                    )
            if rule.every is not None and rule.every < _EVERY_MIN:
                yield playbook.problem(
                    "rings-too-often",
                    (*place, "every"),
                    f"again every {spoken(rule.every)} leaves no time to answer",
                    f"wait at least {spoken(_EVERY_MIN)}",
                )
        yield from _beginnings(playbook, key, person)


def _beginnings(playbook: Playbook, key: str, person: PersonDoc) -> Iterator[Problem]:
    """Each severity that a person's rules speak of needs a line that asks at once, and the worst one that rings."""
    place: Place = ("people.yaml", "people", key, "notify")
    for number, severity in enumerate(playbook.severities):
        rules = [rule for rule in person.notify if not rule.severities or severity.id in rule.severities]
        if rules and not any(rule.after == TimeDelta.ZERO for rule in rules):
            yield playbook.problem(
                "nothing-at-once",
                place,
                f"a page of a {severity.id} to {person.name} begins with waiting",
                "add a line without after",
            )
        if rules and number == 0 and not any(kind in RINGING for rule in rules for kind in rule.by):
            yield playbook.problem(
                "never-rings",
                place,
                f"nothing rings when {person.name} is paged for a {severity.id}",
                f"add a line by one of {', '.join(sorted(RINGING))}",
                "warning",
            )


def quiet_hours(playbook: Playbook) -> Iterator[Problem]:
    """Find quiet hours that silence the worst, that never end, or whose zone does not exist."""
    worst = playbook.severities[0].id
    for key, person in playbook.people.items():
        for number, quiet in enumerate(person.quiet):
            place: Place = ("people.yaml", "people", key, "quiet", number)
            if worst not in quiet.rings:
                yield playbook.problem(
                    "silences-the-worst",
                    (*place, "rings"),
                    f"a {worst} would not wake {person.name}",
                    f"add {worst}: nothing may silence the worst severity",
                )
            if quiet.starts_at == quiet.ends_at:
                yield playbook.problem(
                    "quiet-for-ever", place, "these hours begin when they end", "let them end at another time"
                )
            if not _zone_exists(quiet.zone):
                yield playbook.problem(
                    "unknown-zone",
                    (*place, "zone"),
                    f'there is no time zone "{quiet.zone}"',
                    "write one such as Europe/Paris or UTC",
                )


def _zone_exists(name: str) -> bool:
    try:
        Instant.from_utc(2025, 1, 1).to_tz(name)
    except (TimeZoneNotFoundError, ValueError):
        return False
    return True


def emergency(playbook: Playbook) -> Iterator[Problem]:
    """Find an emergency contact who is asked for and is not there, or is described twice or not at all."""
    doc = playbook.escalation.emergency
    place: Place = ("escalation.yaml", "emergency")
    if doc is None:
        for severity, ladder in playbook.escalation.ladders.items():
            if ladder.alarm and any(_asks_outside(act) for act in ladder.alarm.do):
                yield playbook.problem(
                    "no-emergency-contact",
                    ("escalation.yaml", "ladders", severity, "alarm", "do"),
                    "there is no emergency contact to be paged",
                    'add "emergency: {name: …, methods: […]}" or "emergency: {person: …}"',
                )
    elif (doc.person is None) == (not doc.methods):
        yield playbook.problem(
            "no-emergency-contact",
            place,
            "the emergency contact is neither a person nor a name with methods, or both",
            "give either person, or name and methods",
        )
    for number, method in enumerate(doc.methods if doc else ()):
        channel = playbook.carrier(method)
        yield from address_fits(playbook, (*place, "methods", number), method.kind.value, channel, method.address)
    if EMERGENCY_CONTACT in playbook.people:
        yield playbook.problem(
            "duplicate",
            ("people.yaml", "people", EMERGENCY_CONTACT),
            f'"{EMERGENCY_CONTACT}" is the id of the emergency contact of escalation.yaml',
            "choose another",
        )


def _asks_outside(act: Act) -> bool:
    return isinstance(getattr(act.consequence, "target", None), EmergencyContact)


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (notification_rules, quiet_hours, emergency)
