"""The port of the store: what is kept, and the one way to change it.

`Store.commit` takes a `Change` and makes all of it durable or none of it. When it returns, the change survives a power
cut; that is the only moment at which a sender may be told that something was accepted. A change that was decided on a
timeline which somebody has written to since is refused with `Conflict`; the caller decides again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.alert import Alert, Silence
from tocsin.core.arrangements import Arrangement, Imported
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import Gathering
from tocsin.core.ids import (
    AlertFingerprint,
    ComponentId,
    Digest,
    GatheringId,
    IncidentId,
    IntentId,
    PersonId,
    Severity,
    SignalId,
    SilenceId,
)
from tocsin.core.kinds import Kind
from tocsin.core.messages import Intent
from tocsin.core.stages import Stage
from tocsin.core.suggestions import Record
from tocsin.core.verification import Verification
from tocsin.store.run_rows import Held, Lease, RunRow


class Conflict(Exception):
    """Somebody else wrote to the same incident first. Nothing of the change was kept."""


class StoreUnavailable(Exception):
    """The store cannot keep anything now. Nothing of the change was kept, or it is not known: repeating is safe."""


class Signal(msgspec.Struct, frozen=True):
    """An accepted body, as sent, waiting for the intake or kept as evidence after it."""

    id: SignalId
    source: str
    """Which decoder reads it."""
    body: bytes
    received_at: Instant
    alerts: int
    """How many observations it holds."""


class Engagement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person in one incident: asked, at work, or both. By it others are told who is awake."""

    person: PersonId
    waits: bool = False
    """Whether a page of theirs has no answer."""
    rang_at: Instant | None = None
    told_at: Instant | None = None
    acted_at: Instant | None = None


class Headline(msgspec.Struct, frozen=True):
    """What lists and wake-ups need of an incident without folding it. Derived; the timeline is the truth."""

    id: IncidentId
    title: str
    severity: Severity
    stage: Stage
    components: tuple[ComponentId, ...]
    group_key: str
    opened_at: Instant
    resolved_at: Instant | None
    closed: bool
    acknowledged: bool
    commander: str
    next_due_at: Instant | None
    kind: Kind = Kind.INCIDENT
    engaged: tuple[Engagement, ...] = ()
    unreached: bool = False
    """The alarm has sounded and nobody has it in hand (E4)."""
    room: str = ""
    """Its own Slack channel, as Slack calls it."""


class Append(msgspec.Struct, frozen=True):
    """Events to be put at the end of one incident's timeline, if it still has ``expected`` events."""

    headline: Headline
    expected: int
    events: tuple[AnyEvent, ...]


AttemptOutcome = Literal["accepted", "deferred", "rejected", "withdrawn"]


class Attempt(msgspec.Struct, frozen=True):
    """One try at delivering an intent, and what came of it."""

    intent: IntentId
    at: Instant
    outcome: AttemptOutcome
    """``withdrawn``: it was answered, or the incident was resolved, before this attempt could be made."""
    detail: str
    """The receipt, or why not."""
    next_at: Instant | None
    """When to try again; None ends the intent."""


class Claimed(msgspec.Struct, frozen=True):
    """A message that somebody took in hand, and of which nothing was heard since."""

    intent: Intent
    attempts: int
    """Made before."""
    claimed_at: Instant


class Handled(msgspec.Struct, frozen=True):
    """The intake is done with a signal: how many of its alerts went where, by disposition."""

    signal: SignalId
    at: Instant
    outcome: Mapping[str, int]


class Token(msgspec.Struct, frozen=True):
    """A bearer token: only the hash of its secret is kept."""

    id: str
    name: str
    role: str
    person: str
    secret_hash: str
    created_at: Instant
    revoked_at: Instant | None = None


class Beat(msgspec.Struct, frozen=True):
    """The last sign of life of a heartbeat, and whether its absence has been reported since."""

    name: str
    seen_at: Instant
    missing_since: Instant | None = None


class PlaybookVersion(msgspec.Struct, frozen=True):
    """A version of the playbook under which incidents may have been opened: its compiled rows, encoded."""

    version: str
    rulebook: bytes
    loaded_at: Instant


class Adoption(msgspec.Struct, frozen=True):
    """From an instant on this version of the playbook was the one in force."""

    version: str
    adopted_at: Instant


class PageRecord(msgspec.Struct, frozen=True):
    """One page, as its timeline has it."""

    incident: IncidentId
    person: PersonId
    at: Instant


class Attachment(msgspec.Struct, frozen=True):
    """An output that a timeline names by its digest: bounded, and its secrets taken out before it comes here."""

    digest: Digest
    body: bytes
    kept_at: Instant


class Heard(msgspec.Struct, frozen=True):
    """An answer by way of a provider that counted: sent again, it is a repetition, or somebody's who has kept it."""

    key: str
    at: Instant


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """All that one step writes. Kept whole or not at all."""

    signals: tuple[Signal, ...] = ()
    handled: tuple[Handled, ...] = ()
    alerts: tuple[Alert, ...] = ()
    appends: tuple[Append, ...] = ()
    intents: tuple[Intent, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    silences: tuple[Silence, ...] = ()
    tokens: tuple[Token, ...] = ()
    beats: tuple[Beat, ...] = ()
    playbooks: tuple[PlaybookVersion, ...] = ()
    verifications: tuple[Verification, ...] = ()
    heard: tuple[Heard, ...] = ()
    arrangements: tuple[Arrangement, ...] = ()
    imports: tuple[Imported, ...] = ()
    adoptions: tuple[Adoption, ...] = ()
    gatherings: tuple[Gathering, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    runs: tuple[RunRow, ...] = ()
    leases: tuple[Lease, ...] = ()


class LedgerEntry(msgspec.Struct, frozen=True):
    """One obligation to reach an address, every attempt at it, and its end."""

    intent: Intent
    attempts: tuple[Attempt, ...]
    state: Literal["waiting", "accepted", "withdrawn", "dead"]
    """How the last attempt left it: ``dead`` is a dead letter, given up after a refusal or too many delays."""
    next_at: Instant | None


class SignalRecord(msgspec.Struct, frozen=True):
    """What became of a signal. ``handled`` is absent while the intake still owes it."""

    signal: Signal
    handled: Handled | None


class Counts(msgspec.Struct, frozen=True):
    """Figures for the metrics."""

    open_incidents: int
    signals_waiting: int
    oldest_signal_at: Instant | None
    intents_waiting: int
    oldest_intent_due_at: Instant | None
    dead_letters: int
    unaccounted: int
    """Firing alerts with neither an incident nor a named suppression, incidents that are open and owe nothing, and
    intents that have neither an end nor a next attempt. Always 0, or something is broken."""


class Unaccounted(msgspec.Struct, frozen=True):
    """Everything that nobody owes. All three are empty, or something is broken."""

    alerts: tuple[AlertFingerprint, ...] = ()
    """Firing, with neither an incident nor a named suppression."""
    timelines: tuple[IncidentId, ...] = ()
    """Open, and never to be looked at again."""
    messages: tuple[IntentId, ...] = ()
    """Neither ended nor to be tried again."""


def number_of(incident: IncidentId) -> int:
    """Answer the number in an incident's id (``INC-42``: 42); 0 if there is none."""
    number = incident.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


class Store(Protocol):
    """Where the truth is kept. `tests/contracts/store_contract.py` says what every implementation must do."""

    async def commit(self, change: Change) -> None:
        """Keep a change, durably. Raises `Conflict`, `Held` or `StoreUnavailable`, and then has kept nothing of it.

        Signals, intents and attempts that are known already by their ids are passed over: a retry is harmless. An
        attempt is known by its intent and instant; a `Handled` and a playbook version once kept are never replaced;
        alerts, silences, arrangements, tokens, beats and gatherings are: the last word counts. An intent that has ended
        stays ended, except that a late "accepted" is believed of a dead one. Of attachments the newest are kept, as
        many as `limits.ATTACHMENTS_KEPT` says; one that is there already stays as old as it is.
        """
        ...

    async def timeline(self, incident: IncidentId, after: int = 0, limit: int | None = None) -> tuple[AnyEvent, ...]:
        """Answer an incident's events after the first ``after``, in order; empty if there is no such incident."""
        ...

    async def headline(self, incident: IncidentId) -> Headline | None:
        """Answer an incident's headline."""
        ...

    async def headlines(
        self,
        *,
        open_only: bool = False,
        before: IncidentId | None = None,
        limit: int = 100,
        kind: Kind = Kind.INCIDENT,
    ) -> tuple[Headline, ...]:
        """List incidents, newest first; ``before`` continues a listing. Open means not resolved.

        Hand-offs and drills are listed by their own ``kind`` only.
        """
        ...

    async def latest_of_group(self, group_keys: Sequence[str]) -> Mapping[str, Headline]:
        """Answer the newest incident of each group."""
        ...

    async def due(self, now: Instant, limit: int) -> tuple[IncidentId, ...]:
        """Answer incidents whose next wake-up has come, longest due first."""
        ...

    async def next_due_at(self) -> Instant | None:
        """Answer when the next incident wants to be woken."""
        ...

    async def last_number(self, kind: Kind = Kind.INCIDENT) -> int:
        """Answer the highest number given to one of a kind (``INC-42``: 42); 0 if there is none."""
        ...

    async def inbox(self, limit_alerts: int) -> tuple[Signal, ...]:
        """Answer the oldest signals not yet handled, at least one if there is any, up to so many alerts in all.

        In order of arrival; a signal without alerts counts as one.
        """
        ...

    async def signal(self, signal: SignalId) -> SignalRecord | None:
        """Answer a signal and what became of it."""
        ...

    async def alerts(self, fingerprints: Sequence[AlertFingerprint]) -> Mapping[AlertFingerprint, Alert]:
        """Answer those of these alerts that are known."""
        ...

    async def alerts_of(self, incident: IncidentId, limit: int = 1000) -> tuple[Alert, ...]:
        """Answer an incident's alerts, firing ones first, then the newest."""
        ...

    async def alerts_since(self, since: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts that began at or after an instant, of whatever incident or none, the first ones first."""
        ...

    async def alerts_to_recheck(self, now: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts whose ``recheck_at`` has come."""
        ...

    async def next_recheck_at(self) -> Instant | None:
        """Answer when the next alert must be looked at again."""
        ...

    async def claim(
        self, now: Instant, lease_until: Instant, limit: int, busy: Mapping[str, int]
    ) -> tuple[tuple[Intent, int], ...]:
        """Lease messages that are due, lowest rank first, then oldest; each with the number of attempts made so far.

        ``busy`` names channels and how many messages of each may be taken at most; a channel not named is free.
        A lease that runs out makes its message due again: its dispatcher died, and at least once is the promise.
        Until then the end of the lease counts as the message's next attempt.
        """
        ...

    async def abandoned(self) -> tuple[Claimed, ...]:
        """Answer the messages that were in hand of dispatchers known to be dead, those claimed first in front.

        Asked at a start, before anything is claimed. A store that one process holds alone knows then that nobody else
        lives, and names every claim there is. One that several processes share may name those of its own former self at
        most: whether another is dead only its leases can tell, and they run out by themselves.
        """
        ...

    async def next_delivery_at(self) -> Instant | None:
        """Answer when the next message wants to be delivered, or the next lease runs out."""
        ...

    async def ledger(self, incident: IncidentId) -> tuple[LedgerEntry, ...]:
        """Answer every obligation to reach somebody in an incident, in the order in which they arose."""
        ...

    async def obligation(self, intent: IntentId) -> LedgerEntry | None:
        """Answer one obligation to reach somebody, as the ledger has it."""
        ...

    async def verifications(self) -> tuple[Verification, ...]:
        """Answer what is known of contact methods that were to be confirmed, in the order in which they first were."""
        ...

    async def heard(self, key: str) -> bool:
        """Tell whether an answer by way of a provider counted before."""
        ...

    async def given_up(self, limit: int) -> tuple[LedgerEntry, ...]:
        """Answer the newest dead letters."""
        ...

    async def unaccounted(self, limit: int = 100) -> Unaccounted:
        """Name what `Counts.unaccounted` counts, up to so many of each; all empty unless something is broken."""
        ...

    async def silences(self, ending_after: Instant | None = None) -> tuple[Silence, ...]:
        """Answer all silences, or those not over by an instant; one that was ended early is over from then on."""
        ...

    async def tokens(self) -> tuple[Token, ...]:
        """Answer all tokens, revoked ones too."""
        ...

    async def beats(self) -> Mapping[str, Beat]:
        """Answer the last sign of life of every heartbeat, by name."""
        ...

    async def playbook(self, version: str) -> PlaybookVersion | None:
        """Answer a version of the playbook, as it was first kept."""
        ...

    async def arrangements(self, ending_after: Instant | None = None) -> tuple[Arrangement, ...]:
        """Answer overrides, absences and swaps, in order of arrival: all, or those not over by an instant.

        The last word on each counts; one that was withdrawn is over from then on.
        """
        ...

    async def imports(self, since: Instant | None = None) -> tuple[Imported, ...]:
        """Answer imported calendars in order of arrival: all, or of each rotation what counted from an instant on."""
        ...

    async def adoptions(self) -> tuple[Adoption, ...]:
        """Answer which version of the playbook was in force from when on, in order."""
        ...

    async def pages(self, since: Instant, until: Instant, limit: int) -> tuple[PageRecord, ...]:
        """Answer the pages from one instant to before another, oldest first; written with the timelines they are of."""
        ...

    async def gatherings(self, limit: int, besides: Collection[GatheringId] = ()) -> tuple[Gathering, ...]:
        """Answer runs of diagnostics that are owed, lowest rank first, then in order of arrival."""
        ...

    async def attachment(self, digest: Digest) -> Attachment | None:
        """Answer an output by its digest; None if it is not kept, or not any more."""
        ...

    async def runs_due(self, now: Instant, limit: int) -> tuple[RunRow, ...]:
        """Answer runs that may begin and runs whose lease is over, longest due first."""
        ...

    async def next_run_at(self) -> Instant | None:
        """Answer when the next run may begin or the next lease is over."""
        ...

    async def helped(self, components: Collection[ComponentId]) -> Mapping[ActionId, Record]:
        """Count, by action, how often something was judged on these components, and how often it had helped."""
        ...

    async def counts(self, now: Instant) -> Counts:
        """Count what the metrics show; the oldest intent is the one due longest at ``now``."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of everything."""
        ...


__all__ = [
    "Adoption",
    "Append",
    "Attachment",
    "Attempt",
    "AttemptOutcome",
    "Beat",
    "Change",
    "Claimed",
    "Conflict",
    "Counts",
    "Handled",
    "Headline",
    "Held",
    "Lease",
    "LedgerEntry",
    "PageRecord",
    "PlaybookVersion",
    "RunRow",
    "Signal",
    "SignalRecord",
    "SilenceId",
    "Store",
    "StoreUnavailable",
    "Token",
    "Unaccounted",
    "number_of",
]
