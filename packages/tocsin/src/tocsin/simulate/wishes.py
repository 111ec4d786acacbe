"""How simulated people want to be paged: a scenario's wishes laid over the playbook's people."""

from msgspec.structs import replace
from whenever import Time

from tocsin.core.contact import NotificationRule, QuietHours
from tocsin.core.ids import Severity
from tocsin.core.rules import Person, Rulebook
from tocsin.simulate.scenario import Scenario, Wish


def wished(rules: Rulebook, scenario: Scenario) -> Rulebook:
    """Answer a rulebook in which people are paged as the scenario wishes; the first wish that fits decides."""
    people = dict(rules.people)
    for key, person in rules.people.items():
        wish = next((each for each in scenario.wishes if not each.who or key in each.who), None)
        if wish is not None:
            people[key] = _wished(person, wish)
    return replace(rules, people=people)


def _wished(person: Person, wish: Wish) -> Person:
    kinds = {method.kind for method in person.methods}
    lines = (
        NotificationRule(tuple(kind for kind in line.by if kind in kinds), line.after, line.every)
        for line in wish.notify
    )
    quiet = QuietHours(Time(22), Time(7), "UTC", tuple(map(Severity, wish.quiet_but_for)))
    return replace(
        person, notify=tuple(line for line in lines if line.by), quiet=(quiet,) if wish.quiet_but_for else ()
    )
