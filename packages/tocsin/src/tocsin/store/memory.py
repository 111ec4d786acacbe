"""The store in memory: what every other store is measured by, and what simulations run on.

It is meant to be obviously right rather than fast: plain dictionaries in order of arrival. Only the sets that would
otherwise be searched at every step of a long simulation are kept up to date on the side: what is open, due or waiting.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.alert import Alert, Disposition, Silence
from tocsin.core.arrangements import Arrangement, Imported
from tocsin.core.events import AnyEvent, PersonPaged
from tocsin.core.gathering import Gathering
from tocsin.core.ids import (
    AlertFingerprint,
    ArrangementId,
    ComponentId,
    Digest,
    GatheringId,
    IncidentId,
    IntentId,
    RotationId,
    SignalId,
    SilenceId,
)
from tocsin.core.kinds import Kind
from tocsin.core.limits import ATTACHMENTS_KEPT
from tocsin.core.messages import Intent
from tocsin.core.suggestions import Record
from tocsin.core.verification import Verification
from tocsin.store.memory_runs import RunsInMemory
from tocsin.store.port import (
    Adoption,
    Append,
    Attachment,
    Attempt,
    Beat,
    Change,
    Claimed,
    Conflict,
    Counts,
    Handled,
    Headline,
    Heard,
    LedgerEntry,
    PageRecord,
    PlaybookVersion,
    Signal,
    SignalRecord,
    Token,
    Unaccounted,
    number_of,
)
from tocsin.store.run_rows import RunRow


@dataclass
class _Delivery:
    """An intent's row. While it is leased, ``next_at`` is the end of the lease."""

    intent: Intent
    next_at: Instant | None
    state: Literal["waiting", "accepted", "withdrawn", "dead"] = "waiting"
    claimed_at: Instant | None = None
    attempts: dict[Instant, Attempt] = field(default_factory=dict)

    def record(self, attempt: Attempt) -> None:
        """Take note of an attempt. What has ended stays ended, except that late good news is believed."""
        if attempt.at in self.attempts:
            return
        self.attempts[attempt.at] = attempt
        self.claimed_at = None
        if attempt.outcome == "accepted":
            self.state, self.next_at = "accepted", None
        elif self.state == "waiting":
            ended: Literal["withdrawn", "dead"] = "withdrawn" if attempt.outcome == "withdrawn" else "dead"
            self.state = ended if attempt.next_at is None else "waiting"
            self.next_at = attempt.next_at

    def entry(self) -> LedgerEntry:
        """Answer what the ledger says of it."""
        attempts = tuple(self.attempts[at] for at in sorted(self.attempts))
        return LedgerEntry(self.intent, attempts, self.state, self.next_at)


class MemoryStore:
    """Keeps everything in this process. `commit` is atomic because it checks all before it writes any."""

    def __init__(self) -> None:
        self._signals: dict[SignalId, Signal] = {}
        self._handled: dict[SignalId, Handled] = {}
        self._inbox: dict[SignalId, Signal] = {}
        self._alerts: dict[AlertFingerprint, Alert] = {}
        self._alerts_of: dict[IncidentId, dict[AlertFingerprint, Alert]] = {}
        self._firing: dict[AlertFingerprint, Alert] = {}
        self._recheck: dict[AlertFingerprint, Alert] = {}
        self._headlines: dict[IncidentId, Headline] = {}
        self._timelines: dict[IncidentId, list[AnyEvent]] = {}
        self._open: dict[IncidentId, Headline] = {}
        self._due: dict[IncidentId, Instant] = {}
        self._arrival: dict[IncidentId, int] = {}
        self._groups: dict[str, IncidentId] = {}
        self._last_numbers: dict[Kind, int] = {}
        self._deliveries: dict[IntentId, _Delivery] = {}
        self._waiting: dict[IntentId, _Delivery] = {}
        self._ledgers: dict[IncidentId, list[_Delivery]] = {}
        self._dead = 0
        self._silences: dict[SilenceId, Silence] = {}
        self._tokens: dict[str, Token] = {}
        self._beats: dict[str, Beat] = {}
        self._verifications: dict[str, Verification] = {}
        self._heard: dict[str, Heard] = {}
        self._playbooks: dict[str, PlaybookVersion] = {}
        self._arrangements: dict[ArrangementId, Arrangement] = {}
        self._imports: dict[ArrangementId, Imported] = {}
        self._adoptions: list[Adoption] = []
        self._pages: list[PageRecord] = []
        self._gatherings: dict[GatheringId, Gathering] = {}
        self._attachments: dict[Digest, Attachment] = {}
        self._runs = RunsInMemory()

    async def commit(self, change: Change) -> None:
        """Keep a change whole, or raise `Conflict` and keep nothing."""
        self._check(change.appends)
        self._runs.check(change.runs)
        for signal in change.signals:
            if signal.id not in self._signals:
                self._signals[signal.id] = self._inbox[signal.id] = signal
        for handled in change.handled:
            if self._inbox.pop(handled.signal, None):
                self._handled[handled.signal] = handled
        for alert in change.alerts:
            self._put_alert(alert)
        for append in change.appends:
            self._append(append)
        for intent in change.intents:
            self._put_intent(intent)
        for attempt in change.attempts:
            self._record(attempt)
        self._silences.update({silence.id: silence for silence in change.silences})
        self._tokens.update({token.id: token for token in change.tokens})
        self._verifications.update({each.key: each for each in change.verifications})
        self._heard.update({each.key: each for each in change.heard})
        self._beats.update({beat.name: beat for beat in change.beats})
        for playbook in change.playbooks:
            self._playbooks.setdefault(playbook.version, playbook)
        self._arrangements.update({each.id: each for each in change.arrangements})
        for imported in change.imports:
            self._imports.setdefault(imported.id, imported)
        self._adoptions += change.adoptions
        self._gatherings.update({gathering.id: gathering for gathering in change.gatherings})
        for attachment in change.attachments:
            self._attachments.setdefault(attachment.digest, attachment)
        for digest in list(self._attachments)[:-ATTACHMENTS_KEPT]:
            del self._attachments[digest]
        self._runs.put(change.runs, change.leases)

    def _check(self, appends: Iterable[Append]) -> None:
        versions: dict[IncidentId, int] = {}
        for append in appends:
            incident = append.headline.id
            version = versions.get(incident, len(self._timelines.get(incident, ())))
            if version != append.expected:
                raise Conflict(f"{incident} has {version} events, not {append.expected}")
            versions[incident] = version + len(append.events)

    def _append(self, append: Append) -> None:
        headline, incident = append.headline, append.headline.id
        if incident not in self._headlines:
            self._arrival[incident] = len(self._arrival)
            self._groups[headline.group_key] = incident
            last = self._last_numbers.get(headline.kind, 0)
            self._last_numbers[headline.kind] = max(last, number_of(incident))
        self._headlines[incident] = headline
        self._timelines.setdefault(incident, []).extend(append.events)
        self._pages += (
            PageRecord(incident, each.person, each.at)
            for each in append.events
            if isinstance(each, PersonPaged) and headline.kind is Kind.INCIDENT
        )
        self._open.pop(incident, None)
        if headline.resolved_at is None:
            self._open[incident] = headline
        self._due.pop(incident, None)
        if headline.next_due_at is not None:
            self._due[incident] = headline.next_due_at

    def _put_alert(self, alert: Alert) -> None:
        key = alert.fingerprint
        before = self._alerts.get(key)
        if before and before.incident:
            del self._alerts_of[before.incident][key]
        self._alerts[key] = alert
        if alert.incident:
            self._alerts_of.setdefault(alert.incident, {})[key] = alert
        self._firing.pop(key, None)
        if alert.status == "firing":
            self._firing[key] = alert
        self._recheck.pop(key, None)
        if alert.recheck_at is not None:
            self._recheck[key] = alert

    def _put_intent(self, intent: Intent) -> None:
        if intent.id in self._deliveries:
            return
        delivery = _Delivery(intent, next_at=intent.not_before or intent.created_at)
        self._deliveries[intent.id] = self._waiting[intent.id] = delivery
        self._ledgers.setdefault(intent.incident, []).append(delivery)

    def _record(self, attempt: Attempt) -> None:
        delivery = self._deliveries.get(attempt.intent)
        if delivery is None:
            return
        was_dead = delivery.state == "dead"
        delivery.record(attempt)
        self._dead += (delivery.state == "dead") - was_dead
        if delivery.state != "waiting":
            self._waiting.pop(attempt.intent, None)

    async def timeline(self, incident: IncidentId, after: int = 0, limit: int | None = None) -> tuple[AnyEvent, ...]:
        """Answer an incident's events after the first ``after``."""
        end = None if limit is None else after + limit
        return tuple(self._timelines.get(incident, ())[after:end])

    async def headline(self, incident: IncidentId) -> Headline | None:
        """Answer an incident's headline."""
        return self._headlines.get(incident)

    async def headlines(
        self,
        *,
        open_only: bool = False,
        before: IncidentId | None = None,
        limit: int = 100,
        kind: Kind = Kind.INCIDENT,
    ) -> tuple[Headline, ...]:
        """List incidents, or errands of a kind, newest first."""
        newest_first = list(reversed(self._headlines))
        if before is not None:
            known = before in self._headlines
            newest_first = newest_first[newest_first.index(before) + 1 :] if known else []
        listed = (self._headlines[incident] for incident in newest_first if not open_only or incident in self._open)
        return tuple(islice((each for each in listed if each.kind is kind), limit))

    async def latest_of_group(self, group_keys: Sequence[str]) -> Mapping[str, Headline]:
        """Answer the newest incident of each group."""
        return {key: self._headlines[self._groups[key]] for key in group_keys if key in self._groups}

    async def due(self, now: Instant, limit: int) -> tuple[IncidentId, ...]:
        """Answer incidents whose next wake-up has come, longest due first."""
        ripe = [(at, self._arrival[incident], incident) for incident, at in self._due.items() if at <= now]
        return tuple(incident for _, _, incident in sorted(ripe)[:limit])

    async def next_due_at(self) -> Instant | None:
        """Answer when the next incident wants to be woken."""
        return min(self._due.values(), default=None)

    async def last_number(self, kind: Kind = Kind.INCIDENT) -> int:
        """Answer the highest number given to one of a kind."""
        return self._last_numbers.get(kind, 0)

    async def inbox(self, limit_alerts: int) -> tuple[Signal, ...]:
        """Answer the oldest signals not yet handled. One without alerts is work too, and counts as one."""
        taken: list[Signal] = []
        total = 0
        for signal in self._inbox.values():
            total += max(signal.alerts, 1)
            if taken and total > limit_alerts:
                break
            taken.append(signal)
        return tuple(taken)

    async def signal(self, signal: SignalId) -> SignalRecord | None:
        """Answer what became of a signal."""
        found = self._signals.get(signal)
        return SignalRecord(found, self._handled.get(signal)) if found else None

    async def alerts(self, fingerprints: Sequence[AlertFingerprint]) -> Mapping[AlertFingerprint, Alert]:
        """Answer what is known of these alerts."""
        return {key: self._alerts[key] for key in fingerprints if key in self._alerts}

    async def alerts_of(self, incident: IncidentId, limit: int = 1000) -> tuple[Alert, ...]:
        """Answer an incident's alerts, firing ones first, then the newest."""
        found = sorted(self._alerts_of.get(incident, {}).values(), key=lambda alert: alert.fingerprint)
        found.sort(key=lambda alert: alert.started_at, reverse=True)
        found.sort(key=lambda alert: alert.status != "firing")
        return tuple(found[:limit])

    async def alerts_since(self, since: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts that began at or after an instant."""
        begun = [alert for alert in self._alerts.values() if alert.started_at >= since]
        return tuple(sorted(begun, key=lambda alert: (alert.started_at, alert.fingerprint))[:limit])

    async def alerts_to_recheck(self, now: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts whose ``recheck_at`` has come, longest due first."""
        ripe = [(alert.recheck_at, key) for key, alert in self._recheck.items() if alert.recheck_at]
        return tuple(self._recheck[key] for at, key in sorted(ripe)[:limit] if at <= now)

    async def next_recheck_at(self) -> Instant | None:
        """Answer when the next alert must be looked at again."""
        return min((alert.recheck_at for alert in self._recheck.values() if alert.recheck_at), default=None)

    async def claim(
        self, now: Instant, lease_until: Instant, limit: int, busy: Mapping[str, int]
    ) -> tuple[tuple[Intent, int], ...]:
        """Lease messages that are due, lowest rank first, then oldest."""
        room = dict(busy)
        taken: list[_Delivery] = []
        # Sorting keeps the order of arrival among equals.
        for delivery in sorted(self._waiting.values(), key=lambda d: (d.intent.rank, d.intent.created_at)):
            channel = delivery.intent.channel
            if delivery.next_at is None or delivery.next_at > now or room.get(channel, 1) <= 0:
                continue
            if len(taken) >= limit:
                break
            if channel in room:
                room[channel] -= 1
            delivery.next_at, delivery.claimed_at = lease_until, now
            taken.append(delivery)
        return tuple((delivery.intent, len(delivery.attempts)) for delivery in taken)

    async def abandoned(self) -> tuple[Claimed, ...]:
        """Answer every claim: whoever starts over this store is the only one there is."""
        claims = [(each.claimed_at, each) for each in self._waiting.values() if each.claimed_at]
        claims.sort(key=lambda claim: claim[0])  # The order of arrival stays among equals.
        return tuple(Claimed(each.intent, len(each.attempts), at) for at, each in claims)

    async def next_delivery_at(self) -> Instant | None:
        """Answer when the next message wants to be delivered, or the next lease runs out."""
        return min((delivery.next_at for delivery in self._waiting.values() if delivery.next_at), default=None)

    async def ledger(self, incident: IncidentId) -> tuple[LedgerEntry, ...]:
        """Answer every obligation to reach somebody in an incident, in the order in which they arose."""
        return tuple(delivery.entry() for delivery in self._ledgers.get(incident, ()))

    async def obligation(self, intent: IntentId) -> LedgerEntry | None:
        """Answer one obligation to reach somebody, as the ledger has it."""
        delivery = self._deliveries.get(intent)
        return delivery.entry() if delivery else None

    async def verifications(self) -> tuple[Verification, ...]:
        """Answer what is known of contact methods that were to be confirmed."""
        return tuple(self._verifications.values())

    async def heard(self, key: str) -> bool:
        """Tell whether an answer by way of a provider counted before."""
        return key in self._heard

    async def given_up(self, limit: int) -> tuple[LedgerEntry, ...]:
        """Answer the newest dead letters."""
        dead = (delivery for delivery in reversed(self._deliveries.values()) if delivery.state == "dead")
        return tuple(delivery.entry() for delivery in islice(dead, limit))

    async def unaccounted(self, limit: int = 100) -> Unaccounted:
        """Name what nobody owes."""
        strays = (
            key
            for key, alert in sorted(self._firing.items())
            if alert.incident is None and alert.disposition == Disposition.ATTACHED
        )
        idle = (key for key, headline in self._open.items() if headline.next_due_at is None)
        stuck = (key for key, delivery in self._waiting.items() if delivery.next_at is None)
        return Unaccounted(*(tuple(islice(names, limit)) for names in (strays, idle, stuck)))  # type: ignore[arg-type]  # each in its place.

    async def silences(self, ending_after: Instant | None = None) -> tuple[Silence, ...]:
        """Answer silences and maintenance windows, in order of arrival; all, or those not over by an instant."""
        return tuple(
            silence
            for silence in self._silences.values()
            if ending_after is None or min(silence.ends_at, silence.ended_early_at or silence.ends_at) > ending_after
        )

    async def tokens(self) -> tuple[Token, ...]:
        """Answer all tokens, revoked ones too, in order of arrival."""
        return tuple(self._tokens.values())

    async def beats(self) -> Mapping[str, Beat]:
        """Answer the last sign of life of every heartbeat."""
        return dict(self._beats)

    async def playbook(self, version: str) -> PlaybookVersion | None:
        """Answer a version of the playbook as it was first kept."""
        return self._playbooks.get(version)

    async def arrangements(self, ending_after: Instant | None = None) -> tuple[Arrangement, ...]:
        """Answer overrides, absences and swaps: all, or those not over by an instant."""
        known = self._arrangements.values()
        return tuple(each for each in known if ending_after is None or each.over_at > ending_after)

    async def imports(self, since: Instant | None = None) -> tuple[Imported, ...]:
        """Answer imported calendars: all, or of each rotation what counted at an instant or later."""
        counted: dict[RotationId, Imported] = {}
        for each in self._imports.values():
            if since is not None and each.created_at <= since:
                counted[each.rotation] = each
        return tuple(
            each
            for each in self._imports.values()
            if since is None or each.created_at > since or counted.get(each.rotation) is each
        )

    async def adoptions(self) -> tuple[Adoption, ...]:
        """Answer which version of the playbook was in force from when on."""
        return tuple(self._adoptions)

    async def pages(self, since: Instant, until: Instant, limit: int) -> tuple[PageRecord, ...]:
        """Answer the pages from one instant to before another, oldest first."""
        found = sorted((each for each in self._pages if since <= each.at < until), key=lambda page: page.at)
        return tuple(found[:limit])

    async def gatherings(self, limit: int, besides: Collection[GatheringId] = ()) -> tuple[Gathering, ...]:
        """Answer runs of diagnostics that are owed, lowest rank first, then in order of arrival."""
        owed = [each for each in self._gatherings.values() if each.state == "owed" and each.id not in besides]
        return tuple(sorted(owed, key=lambda each: each.rank)[:limit])

    async def attachment(self, digest: Digest) -> Attachment | None:
        """Answer an output by its digest."""
        return self._attachments.get(digest)

    async def runs_due(self, now: Instant, limit: int) -> tuple[RunRow, ...]:
        """Answer runs that may begin and runs whose lease is over, longest due first."""
        return self._runs.due(now, limit)

    async def next_run_at(self) -> Instant | None:
        """Answer when the next run may begin or the next lease is over."""
        return self._runs.next_at()

    async def helped(self, components: Collection[ComponentId]) -> Mapping[ActionId, Record]:
        """Count, by action, what was judged on these components and what had helped."""
        return self._runs.helped(components)

    async def counts(self, now: Instant) -> Counts:
        """Count what the metrics show."""
        due = [d.next_at for d in self._waiting.values() if d.next_at is not None and d.next_at <= now]
        strays = sum(a.incident is None and a.disposition == Disposition.ATTACHED for a in self._firing.values())
        idle = sum(headline.next_due_at is None for headline in self._open.values())
        stuck = sum(delivery.next_at is None for delivery in self._waiting.values())
        return Counts(
            open_incidents=sum(headline.kind is Kind.INCIDENT for headline in self._open.values()),
            signals_waiting=len(self._inbox),
            oldest_signal_at=next((signal.received_at for signal in self._inbox.values()), None),
            intents_waiting=len(self._waiting),
            oldest_intent_due_at=min(due, default=None),
            dead_letters=self._dead,
            unaccounted=strays + idle + stuck,
        )

    async def close(self) -> None:
        """Nothing to close: what was kept goes with the object."""
