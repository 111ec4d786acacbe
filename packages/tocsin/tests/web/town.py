"""A Tocsin over the store in memory, reached over HTTP without a network, with a clock that the test sets."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from whenever import Instant, TimeDelta

from tocsin.actions.memory import MemoryTarget, State, Workload
from tocsin.channels.failover import ChannelTable
from tocsin.channels.port import Channel
from tocsin.core.actions import TargetKind
from tocsin.core.ids import ChannelName, IncidentId, PersonId, RunId
from tocsin.core.messages import Asked
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance, Numbers
from tocsin.engine.contacts import Contacts
from tocsin.engine.dispatcher import Dispatcher
from tocsin.engine.errands import Errands
from tocsin.engine.grouping import Grouping
from tocsin.engine.handler import Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.intake import Intake
from tocsin.engine.links import Links
from tocsin.engine.packets import Packets
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.queries import Queries
from tocsin.engine.reconciler import Reconciler
from tocsin.engine.rota import Rota
from tocsin.engine.serve import Engine
from tocsin.engine.telemetry import Telemetry
from tocsin.signals.alertmanager import AlertmanagerDecoder
from tocsin.signals.port import Decoder
from tocsin.signals.report import ReportDecoder
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable, Token
from tocsin.web.app import create_app
from tocsin.web.auth import Role, make_token
from tocsin.web.callbacks.doors import Secrets
from tocsin.web.site import Site

from ..standins.slack import SIGNING_SECRET
from ..standins.twilio import TOKEN

SECRETS = Secrets(
    pagerduty=("the old secret", "the new secret"),
    slack=SIGNING_SECRET,
    twilio=TOKEN,
    base_url="https://tocsin.example",
)
"""What the providers of the tests sign with."""

SUNDAY = Instant.from_utc(2026, 11, 22, 3)
"""Three in the morning, when nobody wants to be woken."""


def cluster() -> MemoryTarget:
    """What the playbook's workloads run; Agent Booster was deployed an hour ago, and nothing since."""
    long_ago, lately = SUNDAY - TimeDelta(hours=48), SUNDAY - TimeDelta(hours=1)
    booster = Workload(history={1: State("booster:1.9.0", at=long_ago), 2: State("booster:1.9.1", at=lately)})
    others = ("deployment/agentdb", "statefulset/agentdb-replica", "deployment/router", "deployment/quic-transport")
    return MemoryTarget({"deployment/agent-booster": booster} | {name: Workload() for name in others})


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, at: Instant = SUNDAY) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at

    def passes(self, span: TimeDelta) -> None:
        self.at = self.at + span


class FailingStore(MemoryStore):
    """A store whose disk can be taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.held: asyncio.Event | None = None
        """If set, nothing is kept before it is."""

    async def commit(self, change: Change) -> None:
        if self.held is not None:
            await self.held.wait()
        self._or_fail()
        await super().commit(change)

    async def next_due_at(self) -> Instant | None:
        self._or_fail()
        return await super().next_due_at()

    def _or_fail(self) -> None:
        if self.fails:
            raise StoreUnavailable("the disk is full")


class Town:
    """The server and everybody who talks to it."""

    def __init__(
        self, rules: Rulebook, store: FailingStore | None = None, channels: Mapping[ChannelName, Channel] | None = None
    ) -> None:
        self.rules = rules
        self.channels = ChannelTable(channels or {}, lambda: self.clock.at)
        self.clock = SetClock()
        self.store = store or FailingStore()
        self.chance = Chance(seed=7)
        self.telemetry = Telemetry()
        self.links = Links(b"a secret of the tests", "https://tocsin.example")
        self.next_rules: Rulebook | Exception = rules
        self.target = cluster()
        self.engine = self._engine()
        self.queries = Queries(self.store, self.engine.handler)
        self.app: Litestar = create_app(self.engine, self.queries, self.links, self._reload, SECRETS)
        self.site: Site = self.app.state.site
        app: Any = self.app  # The two libraries spell the same protocol with different types.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="https://tocsin.example")
        self._tokens: dict[tuple[Role, str], str] = {}

    def _engine(self) -> Engine:
        playbooks = Playbooks(self.store, self.rules)
        playbooks.settles = self.channels.settling
        handler = Handler(self.store, playbooks, self.telemetry)
        heartbeats = Heartbeats(self.store, playbooks)
        numbers = Numbers(self.store)
        grouping = Grouping(self.store, handler, numbers)
        decoders: dict[str, Decoder] = {
            "alertmanager": AlertmanagerDecoder(),
            "report": ReportDecoder(self.chance.signal_id),
        }
        rota = Rota(self.store, playbooks, self.chance, [ChannelName("console")])
        intake = Intake(self.store, handler, grouping, heartbeats, decoders, self.chance, self.telemetry)
        signs = self.links.sign
        dispatcher = Dispatcher(self.store, handler, self.channels, signs, self.clock, self.chance, self.telemetry)
        return Engine(
            rota=rota,
            store=self.store,
            clock=self.clock,
            chance=self.chance,
            numbers=numbers,
            playbooks=playbooks,
            handler=handler,
            heartbeats=heartbeats,
            intake=intake,
            reconciler=Reconciler(self.store, handler, self.telemetry),
            dispatcher=dispatcher,
            watcher=None,
            errands=Errands(self.store, handler, numbers, Packets(self.store, handler)),
            contacts=Contacts(self.store, playbooks, self.channels, dispatcher.health, self.links, self.chance),
            telemetry=self.telemetry,
            targets={TargetKind.KUBERNETES: self.target},
        )

    async def _reload(self) -> Rulebook:
        if isinstance(self.next_rules, Exception):
            raise self.next_rules
        await self.engine.reload(self.next_rules)
        return self.next_rules

    async def token(self, role: Role, person: str = "") -> str:
        """A token of that role, in plain text."""
        if (role, person) not in self._tokens:
            token, plain = make_token(f"{role.value} of the tests", role, person, self.clock.now())
            await self.site.tokens.keep(token)
            self._tokens[role, person] = plain
        return self._tokens[role, person]

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role | None = Role.ADMIN,
        person: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request with a token of that role; the body is JSON unless it is bytes."""
        given = dict(headers or {})
        if role is not None:
            given["Authorization"] = f"Bearer {await self.token(role, person)}"
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        return await self.http.request(method, path, content=content, headers=raw)

    async def get(self, path: str, **more: Any) -> Any:
        """What a GET answers."""
        answer = await self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """What a POST that goes well answers."""
        answer = await self.ask("POST", path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def declared(self, **more: Any) -> IncidentId:
        """An incident declared by hand."""
        body = {"title": "Nothing works", "component": "agent-booster", "severity": "SEV1", **more}
        view = await self.post("/api/v1/incidents", body, role=Role.COMMANDER)
        return IncidentId(view["id"])

    async def take_in(self) -> None:
        """Let the intake do all it has to do."""
        for _ in range(200):
            if await self.engine.intake.step(self.clock.now()) != self.clock.now():
                return

    def link(self, incident: IncidentId, person: str) -> str:
        """The path of the link that a page of this person carries."""
        return f"/a/{self.links.token(incident, PersonId(person), self.clock.now())}"

    def called_back(self, provider: str, result: str) -> float:
        """How many callbacks of a provider came to this."""
        labels = {"provider": provider, "result": result}
        return self.telemetry.registry.get_sample_value("tocsin_callbacks_total", labels) or 0.0

    async def deliver(self) -> None:
        """Let the dispatcher do all it has to do now."""
        while await self.engine.dispatcher.step(self.clock.now()) == self.clock.now():
            await self.engine.dispatcher.settle()
        await self.engine.dispatcher.settle()

    async def carry_out(self) -> None:
        """Let the runner do all that is ready."""
        await self.engine.runner.step(self.clock.now())
        await self.engine.runner.settle()

    async def approval(self, incident: IncidentId, run: str, person: str) -> str:
        """The path of the link by which this person approves a run."""
        known = await self.engine.handler.load(incident)
        assert known is not None
        of = known.runs.by_id[RunId(run)]
        asked = Asked(of.id, of.digest, of.expires_at)
        return f"/p/{self.links.approval_token(incident, PersonId(person), asked)}"

    def refused(self, reason: str) -> float:
        """How many refusals were counted for a reason."""
        return self.telemetry.registry.get_sample_value("tocsin_refused_total", {"reason": reason}) or 0.0

    async def known_tokens(self) -> tuple[Token, ...]:
        return await self.store.tokens()


def alerts(*names: str, status: str = "firing", component: str = "agent-booster", **more: str) -> dict[str, Any]:
    """A webhook body as Alertmanager sends it, with one alert for each name."""
    return {
        "version": "4",
        "groupKey": "{}",
        "status": status,
        "receiver": "tocsin",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "component": component, "severity": "SEV2"},
                "annotations": {"summary": f"{name} is not well"},
                "startsAt": more.get("started_at", "2026-11-22T02:58:00Z"),
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": f"{component}-{name}",
            }
            for name in names
        ],
    }
