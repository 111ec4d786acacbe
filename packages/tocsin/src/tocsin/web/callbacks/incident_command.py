"""`/incident` in Slack: create, list, ack, cannot, update, note, escalate, oncall, help (R2, O4).

The words are those of the command line. Where only one incident is open, its name may be left out. What people wrote is
shown, not obeyed: nothing in it becomes a mention or a link.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Final

import msgspec

from tocsin.core.alert import Answers, group_key
from tocsin.core.classify import classify_report
from tocsin.core.commands import (
    Acknowledge,
    AddNote,
    AnyCommand,
    Declare,
    Decline,
    Escalate,
    PostUpdate,
    Reason,
    Refused,
)
from tocsin.core.events import Actor, Evidence
from tocsin.core.ids import AudienceId, ComponentId, IncidentId, Severity
from tocsin.core.rules import Rulebook
from tocsin.engine.answers import person_of
from tocsin.engine.queries import View
from tocsin.signals.slack import VIA, SlashCommand
from tocsin.web.declaring import opened
from tocsin.web.site import Site

LISTED_MAX: Final = 20
"""Incidents listed in one answer; more than that nobody reads in a chat."""

HELP: Final = """*/incident list* what is open
*/incident create NAME* open one, such as `sev1-agent-booster-down`
*/incident ack [INC-42]* I am on it
*/incident cannot [INC-42] [reason]* I cannot; whoever is next is asked
*/incident note [INC-42] TEXT* write into the timeline
*/incident update [INC-42] [AUDIENCE] TEXT* tell an audience how it stands
*/incident escalate [INC-42] [reason]* call the next level
*/incident oncall* who is on call
The incident may be left out where only one is open."""

_INCIDENT = re.compile(r"(?:inc-?)?#?(\d{1,9})", re.IGNORECASE)


class _Asked(msgspec.Struct, frozen=True):
    """A command with all that it takes to carry it out."""

    site: Site
    by: Actor
    words: str
    """What stands after the first word."""
    slash: SlashCommand


async def answer_command(site: Site, slash: SlashCommand) -> str:
    """Carry a slash command out and say what came of it. Raises `StoreUnavailable`."""
    verb, _, words = slash.text.partition(" ")
    do = _VERBS.get(verb.lower() or "help")
    if do is None:
        return f"There is no `{escape(verb[:40], quote=False)}`.\n{HELP}"
    if do is _help:
        return HELP
    person = person_of(site.rules, VIA, (slash.user,))
    if person is None:
        site.engine.telemetry.callbacks.labels(VIA, "unknown_person").inc()
        return (
            f"NOT done: your Slack user {escape(slash.user, quote=False)} is nobody in the playbook. "
            "Add it to your contact methods in people.yaml, as kind slack."
        )
    try:
        said = await do(_Asked(site, Actor(person=person, via=VIA), words.strip(), slash))
    except Refused as refusal:
        site.engine.telemetry.callbacks.labels(VIA, "refused").inc()
        remedy = f" {refusal.remedy[:1].upper()}{refusal.remedy[1:]}." if refusal.remedy else ""
        return escape(f"NOT done: {refusal.detail}.{remedy}", quote=False)
    site.engine.telemetry.callbacks.labels(VIA, "done").inc()
    return said


async def _help(_: _Asked) -> str:
    return HELP


async def _list(asked: _Asked) -> str:
    found = await asked.site.queries.headlines(open_only=True, before=None, limit=LISTED_MAX + 1)
    if not found:
        return "Nothing is open."
    lines = [
        f"*{each.id}* {each.severity} {escape(each.title, quote=False)} · {each.stage.value}, "
        + ("in hand" if each.acknowledged else "*nobody has it in hand*")
        for each in found[:LISTED_MAX]
    ]
    return "\n".join([*lines, "and more: `tocsin list`"] if len(found) > LISTED_MAX else lines)


async def _oncall(asked: _Asked) -> str:
    shifts = asked.site.queries.on_call(asked.site.engine.clock.now())
    return "\n".join(f"*{escape(each.name, quote=False)}* {escape(each.person_name, quote=False)}" for each in shifts)


async def _create(asked: _Asked) -> str:
    rules, name = asked.site.rules, asked.words
    if not name:
        raise Refused(Reason.TEXT_MISSING, "the incident has no name", "name it, such as sev1-agent-booster-down")
    component = _component(name, rules)
    severity, evidence = _severity(name, component, asked.by, rules)
    incident = await opened(
        asked.site,
        Declare(
            by=asked.by,
            incident=IncidentId(""),
            title=_title(name, rules),
            components=(component,),
            severity=severity,
            evidence=evidence,
            detected_at=asked.site.engine.clock.now(),
            group_key=group_key(component, {}, rules.grouping.by),
            room=name if rules.rooms else "",
        ),
    )
    room = " Its Slack channel is on its way." if rules.rooms else ""
    return f"*{incident}* is open as {severity}. `/incident ack {incident}` takes it in hand.{room}"


def _component(name: str, rules: Rulebook) -> ComponentId:
    """Find the component in an incident's name; the longest that fits, so that a part is not taken for the whole."""
    plain = re.sub(r"[\W_]+", "-", name.lower())
    fits = [each for each in rules.components if re.search(rf"(^|-){re.escape(each.lower())}(-|$)", plain)]
    if not fits and len(rules.components) == 1:
        fits = list(rules.components)
    if not fits:
        names = ", ".join(rules.components)
        raise Refused(Reason.UNKNOWN_COMPONENT, f'no component stands in "{name[:80]}"', f"put one of {names} into it")
    return max(fits, key=len)


def _severity(name: str, component: ComponentId, by: Actor, rules: Rulebook) -> tuple[Severity, Evidence]:
    words = re.split(r"[\W_]+", name.upper())
    named = next((each.id for each in rules.severities if each.id.upper() in words), None)
    if named is not None:
        return named, Evidence("person", "C1", f"named by {by.person or VIA}, who declared it")
    found = classify_report(rules, {"component": component}, Answers(False, False, None))
    return found.severity, found.evidence


def _title(name: str, rules: Rulebook) -> str:
    """Answer the name as a sentence, without the severity, which stands before every title anyway."""
    severities = {each.id.upper() for each in rules.severities}
    words = name.split() if " " in name else name.split("-")
    kept = [word for word in words if word.upper().strip(":,") not in severities]
    title = " ".join(kept) or name
    return title[:1].upper() + title[1:]


async def _acknowledge(asked: _Asked) -> str:
    incident, _ = await _about(asked)
    await asked.site.engine.handle(incident, Acknowledge(by=asked.by))
    view = await _view(asked, incident)
    return f"You are on *{incident}*. Next: {escape(view.next_action, quote=False)}"


async def _cannot(asked: _Asked) -> str:
    return await _act(asked, lambda text: Decline(by=asked.by, reason=text), "Understood: whoever is next is asked.")


async def _note(asked: _Asked) -> str:
    return await _act(asked, lambda text: AddNote(by=asked.by, text=text), "Noted.")


async def _act(asked: _Asked, command: Callable[[str], AnyCommand], said: str) -> str:
    incident, text = await _about(asked)
    await asked.site.engine.handle(incident, command(text))
    return f"*{incident}*: {said}"


async def _update(asked: _Asked) -> str:
    incident, text = await _about(asked)
    first, _, rest = text.partition(" ")
    if first in asked.site.rules.audiences:
        audience, text = AudienceId(first), rest
    else:
        audience = await _audience_here(asked)
    await asked.site.engine.handle(incident, PostUpdate(by=asked.by, audience=audience, text=text))
    return f"*{incident}*: told {escape(asked.site.rules.audiences[audience].name, quote=False)}."


async def _audience_here(asked: _Asked) -> AudienceId:
    """Answer the audience that reads in the Slack channel where the command was typed."""
    here = {asked.slash.channel, f"#{asked.slash.channel_name}"}
    audiences = asked.site.rules.audiences
    found = next((key for key, each in audiences.items() if each.address in here), None)
    if found is None and await asked.site.queries.of_room(asked.slash.channel) is not None:
        found = next((key for key, each in audiences.items() if each.in_room), None)
    if found is None:
        names = ", ".join(audiences)
        raise Refused(Reason.UNKNOWN_AUDIENCE, "no audience reads in this Slack channel", f"name one of {names}")
    return found


async def _escalate(asked: _Asked) -> str:
    incident, text = await _about(asked)
    view = await _view(asked, incident)
    await asked.site.engine.handle(incident, Escalate(by=asked.by, level=view.level + 1, reason=text))
    return f"*{incident}*: level {view.level + 1} is called."


async def _about(asked: _Asked) -> tuple[IncidentId, str]:
    """Answer which incident is meant, and the words after its name. In a room it is the room's. Raises `Refused`."""
    first, _, rest = asked.words.partition(" ")
    named = _INCIDENT.fullmatch(first)
    if named:
        incident = IncidentId(f"INC-{named[1]}")
        await _view(asked, incident)
        return incident, rest.strip()
    here = await asked.site.queries.of_room(asked.slash.channel)
    if here is not None:
        return here, asked.words
    found = await asked.site.queries.headlines(open_only=True, before=None, limit=LISTED_MAX)
    if len(found) == 1:
        return found[0].id, asked.words
    if not found:
        raise Refused(Reason.NOT_DECLARED, "nothing is open", "name the incident that you mean")
    names = ", ".join(each.id for each in found)
    raise Refused(Reason.NOT_DECLARED, f"{len(found)} incidents are open", f"name one of {names}")


async def _view(asked: _Asked, incident: IncidentId) -> View:
    view = await asked.site.queries.view(incident, asked.site.engine.clock.now())
    if view is None:
        raise Refused(Reason.NOT_DECLARED, f"there is no incident {incident}", "list them: /incident list")
    return view


_VERBS: Final[Mapping[str, Callable[[_Asked], Awaitable[str]]]] = {
    "help": _help,
    "list": _list,
    "create": _create,
    "declare": _create,
    "ack": _acknowledge,
    "acknowledge": _acknowledge,
    "cannot": _cannot,
    "decline": _cannot,
    "update": _update,
    "note": _note,
    "escalate": _escalate,
    "oncall": _oncall,
}
