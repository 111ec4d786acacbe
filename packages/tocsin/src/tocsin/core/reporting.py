"""The decisions that take a person's word: I am on it, this is where we stand, this is what I did (D2, K1, R4, P1)."""

from collections.abc import Collection

from tocsin.core import errands
from tocsin.core import marks as m
from tocsin.core.commands import (
    Acknowledge,
    AddComponent,
    AddNote,
    AssignRole,
    Decline,
    Escalate,
    PostUpdate,
    RaiseFlag,
    ReachMilestone,
    Reason,
    RecordMitigation,
    Refused,
    SetStage,
    Situation,
)
from tocsin.core.draft import Draft
from tocsin.core.escalation import raise_level
from tocsin.core.events import (
    Acknowledged,
    Actor,
    ComponentAdded,
    FlagRaised,
    MilestoneReached,
    MitigationApplied,
    NoteAdded,
    PageDeclined,
    RoleAssigned,
    StageChanged,
    UpdatePosted,
)
from tocsin.core.ids import PersonId
from tocsin.core.incident import Incident
from tocsin.core.judgement import refuse_ended
from tocsin.core.kinds import CHECKLIST, Kind
from tocsin.core.limits import NOTE_LENGTH_MAX, REPEAT_WITHIN
from tocsin.core.proposing import judge
from tocsin.core.relief import holds_until, pass_on
from tocsin.core.stages import FOLLOWERS, Stage, may_follow


def known_text(what: str, text: str, limit: int = NOTE_LENGTH_MAX) -> str:
    """Answer the text without surrounding space; refuse none and too much of it."""
    text = text.strip()
    if not text:
        raise Refused(Reason.TEXT_MISSING, f"the {what} is empty", f"write the {what}")
    if len(text) > limit:
        raise Refused(
            Reason.TEXT_TOO_LONG,
            f"the {what} has {len(text)} characters, {limit} are allowed",
            "shorten it, or link to the full text",
        )
    return text


def _known(what: str, name: str, names: Collection[str], reason: Reason) -> None:
    if name not in names:
        raise Refused(reason, f'there is no {what} "{name}"', f"choose one of {', '.join(sorted(names))}")


def acknowledge(draft: Draft, command: Acknowledge, given: Situation) -> None:
    """Note who answered. Whoever takes it in hand leads, unless the leader is at work already (R1)."""
    incident, person = draft.incident, command.by.person
    if person is None:
        raise Refused(
            Reason.PERSON_MISSING,
            "nobody is named who acknowledges",
            "use a token or a link that names a person",
        )
    if person in incident.responders and not _was_asked(incident, person, given):
        return  # A second tap on the phone is agreement, not a mistake.
    errands.refuse_stranger(incident, person)
    refuse_ended(incident)
    known = given.rules.people.get(person)
    is_errand = incident.kind is not Kind.INCIDENT
    takes_command = known is None or known.takes_command or is_errand
    until = holds_until(person, incident, given)
    draft.add(Acknowledged(at=given.now, by=command.by, takes_command=takes_command, until=until))
    if is_errand:
        errands.answered(draft, command.by, given)
        return
    if not takes_command:
        return
    leader = given.rules.leader(draft.incident.roles)
    if leader not in draft.incident.responders:
        _take_command(draft, command.by, given)
    elif leader is not None and leader != person and leader in draft.incident.leaving:
        pass_on(draft, leader, person, "has taken over", given, command.by)


def _was_asked(incident: Incident, person: PersonId, given: Situation) -> bool:
    """Tell whether somebody has a page to answer; one of this very moment came by the answer to another."""
    return any(page.person == person and page.paged_at < given.now for page in incident.pages.values())


def decline(draft: Draft, command: Decline, given: Situation) -> None:
    """Note that somebody cannot answer; what waits for them need not wait any longer."""
    incident, person = draft.incident, command.by.person
    if person is None:
        raise Refused(
            Reason.PERSON_MISSING, "nobody is named who declines", "use a token or a link that names a person"
        )
    reason = command.reason.strip()
    known = person in incident.declined  # Said twice, it does not speak of a page that came by being said once.
    asked = [page for page in incident.pages.values() if page.person == person]
    if person in incident.responders and not asked and not known:
        # Whoever has it in hand and hears that the next one is asked goes back to sleep.
        raise Refused(
            Reason.NOT_ASKED,
            f"{person} has {incident.id} in hand, so nobody else is asked",
            f"hand it over: tocsin relieve {incident.id} --to PERSON, or --ladder to ask from the beginning",
        )
    for page in asked:
        if known and page.paged_at == given.now:
            continue
        draft.add(
            PageDeclined(at=given.now, by=command.by, page=page.page, person=person, rule=page.rule, reason=reason)
        )
    errands.declined(draft, command.by, given)


def _take_command(draft: Draft, by: Actor, given: Situation) -> None:
    asked = given.rules.roles.get(draft.incident.severity, {})
    role = next((role for role in given.rules.commanders if role in asked), None)
    if role is None or by.person is None:
        return
    before = draft.incident.roles.get(role)
    draft.add(RoleAssigned(at=given.now, by=by, role=role, person=by.person, before=before, reason="first to answer"))


def set_stage(draft: Draft, command: SetStage, given: Situation) -> None:
    """Move to another stage, by the table of what may follow what."""
    refuse_ended(draft.incident)
    before, after = draft.incident.stage, command.stage
    if before is after:
        return
    if not may_follow(before, after):
        ways = ", ".join(sorted(stage.value for stage in FOLLOWERS[before]))
        remedy = "use resolve" if after is Stage.RESOLVED else f"from {before.value} go to {ways}"
        raise Refused(
            Reason.STAGE_NOT_REACHABLE,
            f"{after.value} does not follow {before.value} by this command",
            remedy,
        )
    draft.add(StageChanged(at=given.now, by=command.by, before=before, after=after))


def assign_role(draft: Draft, command: AssignRole, given: Situation) -> None:
    """Fill a role or hand it over (R4)."""
    refuse_ended(draft.incident)
    names = {role for roles in given.rules.roles.values() for role in roles}
    _known("role", command.role, names, Reason.UNKNOWN_ROLE)
    _known("person", command.person, given.rules.people, Reason.UNKNOWN_PERSON)
    before = draft.incident.roles.get(command.role)
    if before == command.person:
        return
    draft.add(
        RoleAssigned(
            at=given.now,
            by=command.by,
            role=command.role,
            person=command.person,
            before=before,
            reason=command.reason,
        )
    )


def _repeated(incident: Incident, by: Actor, where: str, text: str, given: Situation) -> bool:
    said = incident.said
    return (
        said is not None
        and (said.by, said.where, said.text) == (by.person, where, text)
        and given.now - said.at <= REPEAT_WITHIN
    )


def add_note(draft: Draft, command: AddNote, given: Situation) -> None:
    """Write a note down."""
    text = known_text("note", command.text)
    if command.source and command.source in draft.incident.noted:
        return
    if command.source or not _repeated(draft.incident, command.by, "note", text, given):
        note = NoteAdded(
            at=given.now, by=command.by, text=text, author=command.author, link=command.link, source=command.source
        )
        draft.add(note)


def add_component(draft: Draft, command: AddComponent, given: Situation) -> None:
    """Note that another component is affected."""
    refuse_ended(draft.incident)
    _known("component", command.component, given.rules.components, Reason.UNKNOWN_COMPONENT)
    if command.component not in draft.incident.components:
        draft.add(ComponentAdded(at=given.now, by=command.by, component=command.component))


def post_update(draft: Draft, command: PostUpdate, given: Situation) -> None:
    """Note what an audience was told; sending it is the outbox's business."""
    _known("audience", command.audience, given.rules.audiences, Reason.UNKNOWN_AUDIENCE)
    text = known_text("update", command.text)
    if not _repeated(draft.incident, command.by, command.audience, text, given):
        draft.add(UpdatePosted(at=given.now, by=command.by, audience=command.audience, text=text))


def record_mitigation(draft: Draft, command: RecordMitigation, given: Situation) -> None:
    """Note what was done; the measurements will say whether it helped (M5)."""
    refuse_ended(draft.incident)
    what = known_text("mitigation", command.what)
    if _repeated(draft.incident, command.by, "mitigation", what, given):
        return
    if draft.incident.runs.awaiting:
        judge(draft, given, cut_short=True)  # Or what is measured from now on would be credited to the wrong one.
    draft.add(MitigationApplied(at=given.now, by=command.by, what=what))


def raise_flag(draft: Draft, command: RaiseFlag, given: Situation) -> None:
    """Note that something holds which the playbook escalates for (E1)."""
    refuse_ended(draft.incident)
    _known("flag", command.flag, given.rules.flags, Reason.UNKNOWN_FLAG)
    if m.flagged(command.flag) not in draft.incident.marks:
        draft.add(FlagRaised(at=given.now, by=command.by, flag=command.flag, reason=command.reason))


def escalate(draft: Draft, command: Escalate, given: Situation) -> None:
    """Call a level by hand."""
    refuse_ended(draft.incident)
    numbers = sorted(level.number for level in given.rules.levels)
    if command.level not in numbers:
        raise Refused(
            Reason.UNKNOWN_LEVEL,
            f"there is no level {command.level}",
            f"choose one of {', '.join(map(str, numbers))}",
        )
    reason = command.reason or f"called by {command.by.person or command.by.via}"
    raise_level(draft, command.level, None, given, reason, command.by)


def reach_milestone(draft: Draft, command: ReachMilestone, given: Situation) -> None:
    """Note a milestone once for each resolution (P1)."""
    if draft.incident.kind is not Kind.INCIDENT:
        _tick_off(draft, command, given)
        return
    _known("milestone", command.milestone, given.rules.milestones, Reason.UNKNOWN_MILESTONE)
    reached_at, resolved_at = draft.incident.at(m.milestone(command.milestone)), draft.incident.at(m.RESOLVED)
    if reached_at is None or (resolved_at is not None and reached_at < resolved_at):
        draft.add(MilestoneReached(at=given.now, by=command.by, milestone=command.milestone, text=command.text))


def _tick_off(draft: Draft, command: ReachMilestone, given: Situation) -> None:
    """Note a step of a hand-off's checklist; the last one ends the list, whoever did it."""
    _known("step", command.milestone, errands.steps(draft.incident, given), Reason.UNKNOWN_MILESTONE)
    if m.milestone(command.milestone) in draft.incident.marks:
        return
    refuse_ended(draft.incident)
    clause, step = given.rules.handoffs.clause, command.milestone
    draft.add(MilestoneReached(at=given.now, by=command.by, milestone=step, text=command.text, clause=clause))
    if errands.is_checked(draft.incident, given):
        draft.add(MilestoneReached(at=given.now, milestone=CHECKLIST, clause=clause))
        errands.answered(draft, command.by, given)
