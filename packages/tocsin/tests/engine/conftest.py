"""A whole engine over the store in memory: the test sets its clock, its channels remember, its service is scripted."""

import msgspec
import pytest
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, DeliveryKey, Outcome
from tocsin.core.commands import AnyCommand
from tocsin.core.events import AnyEvent
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.messages import Intent, Message
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance, Numbers
from tocsin.engine.dispatcher import Dispatcher
from tocsin.engine.errands import Errands
from tocsin.engine.grouping import Grouping
from tocsin.engine.handler import Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.intake import Intake
from tocsin.engine.packets import Packets
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.reconciler import Reconciler
from tocsin.engine.telemetry import Telemetry
from tocsin.engine.watcher import Watcher
from tocsin.metrics.port import Figure, History
from tocsin.signals.alertmanager import AlertmanagerDecoder
from tocsin.signals.port import Decoder
from tocsin.signals.report import ReportDecoder
from tocsin.store.memory import MemoryStore

from ..builders import TUESDAY_MORNING, changed, rulebook

CONSOLE = ChannelName("console")


class HandClock:
    """Shows what the test set."""

    def __init__(self, at: Instant) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at


class RememberingChannel:
    """Takes every message over and remembers it; answers what it was told to."""

    def __init__(self, pace: float = 1000) -> None:
        self.pace = pace
        self.got: list[tuple[Message, str, DeliveryKey]] = []
        self.answers: list[Outcome | Exception] = []

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        self.got.append((message, address, key))
        answer = self.answers.pop(0) if self.answers else Accepted(f"r-{key}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message, _, _ in self.got]


class ScriptedService:
    """Answers every query with one figure, and the health endpoint with another."""

    def __init__(self) -> None:
        self.figure = Figure(None, "no series")
        self.health = Figure(1.0)
        self.asked: list[str] = []
        self.histories: dict[str, History] = {}
        self.answers: dict[str, Figure] = {}
        """By query, where it is not the one figure."""

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        self.asked.append(query)
        return self.answers.get(query, self.figure)

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        self.asked.append(query)
        return self.histories.get(query, History(why="no series"))

    async def probe(self, url: str) -> Figure:
        return self.health

    async def close(self) -> None:
        pass


class Whole:
    """The parts of one engine, put together by hand."""

    made = 0

    def __init__(self, store: MemoryStore, rules: Rulebook, at: Instant, channel: RememberingChannel) -> None:
        Whole.made += 1  # Two processes never make the same ids.
        self.store = store
        self.clock = HandClock(at)
        self.channel = channel
        self.service = ScriptedService()
        self.telemetry = Telemetry()
        self.playbooks = Playbooks(store, rules)
        self.handler = Handler(store, self.playbooks, self.telemetry)
        self.heartbeats = Heartbeats(store, self.playbooks)
        chance = Chance(Whole.made)
        decoders: dict[str, Decoder] = {
            "alertmanager": AlertmanagerDecoder(),
            "report": ReportDecoder(chance.signal_id),
        }
        numbers = Numbers(store)
        grouping = Grouping(store, self.handler, numbers)
        self.intake = Intake(store, self.handler, grouping, self.heartbeats, decoders, chance, self.telemetry)
        self.reconciler = Reconciler(store, self.handler, self.telemetry)
        channels = {CONSOLE: channel}
        self.dispatcher = Dispatcher(store, self.handler, channels, _link, self.clock, chance, self.telemetry)
        self.watcher = Watcher(store, self.handler, self.service, self.telemetry)
        self.errands = Errands(store, self.handler, numbers, Packets(store, self.handler))
        self.intake.reporters.append(self.errands)

    async def start(self) -> "Whole":
        await self.playbooks.adopt(self.playbooks.current, self.clock.now())
        await self.heartbeats.load(self.clock.now())
        await self.errands.load(self.clock.now())
        await self.handler.awake.load(self.store)
        await self.dispatcher.take_back(self.clock.now())
        return self

    def again(self) -> "Whole":
        """Answer another process over the same store: what a restart leaves."""
        return Whole(self.store, self.playbooks.current, self.clock.at, self.channel)

    def later(self, *, minutes: float = 0, seconds: float = 0) -> "Whole":
        self.clock.at += TimeDelta(minutes=minutes, seconds=seconds)
        return self

    async def alerts(self, *alerts: dict[str, object]) -> None:
        """Let Alertmanager bring these, and take them in."""
        body = {"version": "4", "alerts": [{"annotations": {}, **alert} for alert in alerts]}
        await self.intake.accept("alertmanager", msgspec.json.encode(body), self.clock.now())
        await self.take_in()

    async def take_in(self) -> Instant | None:
        now = self.clock.now()
        while (following := await self.intake.step(now)) == now:
            pass
        return following

    async def dispatch(self) -> Instant | None:
        following = await self.dispatcher.step(self.clock.now())
        await self.dispatcher.settle()
        return following

    async def do(self, command: AnyCommand, incident: str = "INC-1") -> tuple[AnyEvent, ...]:
        return await self.handler.handle(IncidentId(incident), command, self.clock.now())

    async def timeline(self, incident: str = "INC-1") -> tuple[AnyEvent, ...]:
        return await self.store.timeline(IncidentId(incident))

    async def of(self, kind: type, incident: str = "INC-1") -> list[AnyEvent]:
        return [event for event in await self.timeline(incident) if isinstance(event, kind)]

    async def incidents(self) -> list[str]:
        """Name the incidents, oldest first, but for that of the heartbeat which nobody beats here."""
        return [each.id for each in reversed(await self.store.headlines()) if "watchdog" not in each.title]

    async def unaccounted(self) -> int:
        return (await self.store.counts(self.clock.now())).unaccounted


def _link(intent: Intent, now: Instant) -> str:
    return f"https://tocsin.example/a/{intent.id}"


def rules_now() -> Rulebook:
    """Answer the shipped playbook, its review not overdue in the year of the tests."""
    book = rulebook()
    return changed(book, next_review_on=book.next_review_on.replace(year=2030))


@pytest.fixture
async def whole() -> Whole:
    return await Whole(MemoryStore(), rules_now(), TUESDAY_MORNING, RememberingChannel()).start()
