"""Values to put into a store: each is complete, and a test names only what it is about."""

from typing import Any, Literal

from whenever import Instant, TimeDelta

from tocsin.core.alert import Alert, Disposition, Matcher, Silence
from tocsin.core.arrangements import Assignment, Away, Imported, Override, Stretch, Swap
from tocsin.core.events import AnyEvent, Evidence, IncidentDeclared, NoteAdded, PersonPaged
from tocsin.core.gathering import Gathering
from tocsin.core.ids import (
    AlertFingerprint,
    ArrangementId,
    ChannelName,
    ComponentId,
    Digest,
    GatheringId,
    IncidentId,
    IntentId,
    PageId,
    PersonId,
    RotationId,
    Severity,
    SignalId,
    SilenceId,
)
from tocsin.core.messages import RANKS, Intent, Message, MessageKind
from tocsin.core.rules import Method, MethodKind
from tocsin.core.stages import Stage
from tocsin.core.verification import Verification
from tocsin.store.port import (
    Append,
    Attachment,
    Attempt,
    Beat,
    Handled,
    Headline,
    PlaybookVersion,
    Signal,
    Token,
)

NOON = Instant.from_utc(2026, 3, 1, 12)


def after(minutes: float) -> Instant:
    """Answer the instant so many minutes after noon."""
    return NOON + TimeDelta(minutes=minutes)


def incident_id(number: int) -> IncidentId:
    return IncidentId(f"INC-{number}")


def a_signal(name: str, *, alerts: int = 1, body: bytes = b'{"alerts":[]}', minute: float = 0) -> Signal:
    return Signal(SignalId(name), "alertmanager", body, after(minute), alerts)


def handled(name: str, *, minute: float = 1, attached: int = 1) -> Handled:
    return Handled(SignalId(name), after(minute), {"attached": attached})


def an_alert(name: str, **changed: Any) -> Alert:
    values: dict[str, Any] = {
        "fingerprint": AlertFingerprint(name),
        "status": "firing",
        "labels": {"alertname": name, "job": "agent-booster"},
        "annotations": {"summary": "p95 is \u201chigh\u201d"},
        "started_at": NOON,
        "ended_at": None,
        "seen_at": NOON,
        "component": ComponentId("agent-booster"),
        "severity": Severity("SEV2"),
        "rule": "booster-p95",
        "clause": "C3",
        "because": "p95 61 ms > 50 ms",
        "group_key": "agent-booster",
        "disposition": Disposition.ATTACHED,
        "incident": IncidentId("INC-1"),
    }
    return Alert(**(values | changed))


def a_declaration(number: int, *, minute: float = 0) -> IncidentDeclared:
    return IncidentDeclared(
        at=after(minute),
        incident=incident_id(number),
        title="Agent Booster is down",
        component=ComponentId("agent-booster"),
        severity=Severity("SEV1"),
        evidence=Evidence(rule="booster-down", clause="C3", because="0 % of operations succeed"),
        detected_at=after(minute),
        group_key="agent-booster",
        playbook_version="1",
    )


def a_note(text: str, *, minute: float = 1) -> NoteAdded:
    return NoteAdded(at=after(minute), text=text)


def a_page(person: str, minute: float) -> PersonPaged:
    return PersonPaged(at=after(minute), page=PageId(f"page of {person}"), person=PersonId(person), rule=None)


def a_headline(number: int, **changed: Any) -> Headline:
    values: dict[str, Any] = {
        "id": incident_id(number),
        "title": "Agent Booster is down",
        "severity": Severity("SEV1"),
        "stage": Stage.INVESTIGATING,
        "components": (ComponentId("agent-booster"),),
        "group_key": "agent-booster",
        "opened_at": NOON,
        "resolved_at": None,
        "closed": False,
        "acknowledged": False,
        "commander": "",
        "next_due_at": after(5),
    }
    return Headline(**(values | changed))


def opening(number: int, **headline: Any) -> Append:
    """An append that opens an incident."""
    return Append(a_headline(number, **headline), 0, (a_declaration(number),))


def following(number: int, expected: int, *events: AnyEvent, **headline: Any) -> Append:
    """An append to an incident that has so many events."""
    return Append(a_headline(number, **headline), expected, events)


def an_intent(
    name: str,
    *,
    kind: MessageKind = MessageKind.PAGE,
    minute: float = 0,
    channel: str = "slack",
    number: int = 1,
) -> Intent:
    incident = incident_id(number)
    return Intent(
        id=IntentId(name),
        incident=incident,
        rank=RANKS[kind],
        channel=ChannelName(channel),
        address="U123",
        message=Message(kind=kind, subject="Agent Booster is down", incident=incident, severity=Severity("SEV1")),
        created_at=after(minute),
        give_up_at=after(minute + 1),
        method=Method(MethodKind.SLACK, ChannelName(channel), "U123"),
        person=PersonId("ada"),
    )


def an_attempt(
    name: str,
    *,
    minute: float,
    outcome: Literal["accepted", "deferred", "rejected"] = "deferred",
    again: float | None = None,
) -> Attempt:
    next_at = None if again is None else after(again)
    return Attempt(IntentId(name), after(minute), outcome, "no answer in time", next_at)


def a_silence(name: str, *, ends: float, ended_early: float | None = None) -> Silence:
    return Silence(
        id=SilenceId(name),
        kind="maintenance",
        matchers=(Matcher("job", "agentdb"),),
        starts_at=NOON,
        ends_at=after(ends),
        author="ada",
        reason="index rebuild",
        ended_early_at=None if ended_early is None else after(ended_early),
    )


def a_token(name: str, *, revoked: float | None = None) -> Token:
    revoked_at = None if revoked is None else after(revoked)
    return Token(name, f"{name}'s laptop", "responder", "ada", f"hash of {name}", NOON, revoked_at)


def a_beat(name: str, *, seen: float, missing: float | None = None) -> Beat:
    return Beat(name, after(seen), None if missing is None else after(missing))


def a_playbook(version: str, rulebook: bytes = b"\x00rules") -> PlaybookVersion:
    return PlaybookVersion(version, rulebook, NOON)


def an_override(name: str, *, ends: float, person: str = "bo", withdrawn: float | None = None) -> Override:
    withdrawn_at = None if withdrawn is None else after(withdrawn)
    who = RotationId("sre"), PersonId(person)
    return Override(*who, NOON, after(ends), ArrangementId(name), author="ada", withdrawn_at=withdrawn_at)


def an_absence(name: str, *, ends: float) -> Away:
    return Away(PersonId("bo"), NOON, after(ends), ArrangementId(name), reason="at sea")


def a_swap(name: str, *, ends: float, accepted: bool | None = None) -> Swap:
    gives = Stretch(RotationId("sre"), NOON, after(ends))
    return Swap(ArrangementId(name), PersonId("bo"), PersonId("cy"), gives, accepted=accepted)


def an_import(name: str, *, rotation: str = "sre", minute: float = 0) -> Imported:
    shifts = (Assignment(PersonId("bo"), NOON, after(60)),)
    return Imported(ArrangementId(name), RotationId(rotation), shifts, "ada", "duty.ics", after(minute))


def a_gathering(name: str, *, rank: int = 0, ended: bool = False, minute: float = 0) -> Gathering:
    return Gathering(GatheringId(name), incident_id(1), rank, after(minute), (), "ended" if ended else "owed")


def an_attachment(name: str, *, minute: float = 0, body: bytes = b"two lines\nof log") -> Attachment:
    return Attachment(Digest(f"sha256:{name}"), body, after(minute))


def a_verification(address: str, *, verified: float | None = None) -> Verification:
    return Verification(
        person=PersonId("ada"),
        kind=MethodKind.PHONE,
        channel=ChannelName("voice"),
        address=address,
        nonce="n1",
        asked_at=NOON,
        verified_at=None if verified is None else after(verified),
    )
