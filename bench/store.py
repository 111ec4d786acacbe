"""How fast the embedded store is by itself: durable signals, alerts, and the questions asked in loops."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from whenever import Instant, TimeDelta

from bench.table import Row
from tocsin.core.alert import Alert, Disposition
from tocsin.core.events import NoteAdded
from tocsin.core.ids import (
    AlertFingerprint,
    ChannelName,
    ComponentId,
    IncidentId,
    IntentId,
    Severity,
    SignalId,
)
from tocsin.core.messages import Intent, Message, MessageKind
from tocsin.core.rules import Method, MethodKind
from tocsin.core.stages import Stage
from tocsin.store.port import Append, Change, Headline, Signal
from tocsin.store.sqlite import SqliteStore

Figure = tuple[str, float, str]

NOON = Instant.from_utc(2026, 3, 1, 12)
ROWS = 100_000
MEASURE_S = 1.5
BODY_OF_ONE = b"x" * 700
BODY_OF_FIFTY = b"x" * 20_000


def run(folder: Path) -> list[Row]:
    """Measure all; the store alone, without HTTP and without a decision."""
    folder.mkdir(parents=True)
    return [Row(*figure) for figure in asyncio.run(_run(folder))]


async def _run(folder: Path) -> list[Figure]:
    figures: list[Figure] = []
    store = await SqliteStore.open(folder / "signals.sqlite")
    for producers in (1, 64, 512):
        rate = await _signals(store, producers, BODY_OF_ONE, alerts=1)
        figures.append((f"bodies of 1 alert, {producers} at once", rate, "bodies/s"))
    rate = await _signals(store, 64, BODY_OF_FIFTY, alerts=50)
    figures.append(("bodies of 50 alerts, 64 at once", rate * 50, "alerts/s"))
    figures.append(("new alerts, 500 a change", await _alerts(store), "alerts/s"))
    figures.append(("known alerts, 500 a change", await _alerts(store), "alerts/s"))
    await store.close()
    store = await SqliteStore.open(folder / "large.sqlite")
    figures.append(("incidents opened, 64 at once", await _open_incidents(store), "incidents/s"))
    await _owe_messages(store)
    figures.extend(await _questions(store))
    await store.close()
    started = perf_counter()
    store = await SqliteStore.open(folder / "large.sqlite")
    figures.append((f"open with {ROWS:,} incidents", (perf_counter() - started) * 1000, "ms"))
    await store.close()
    return figures


async def _signals(store: SqliteStore, producers: int, body: bytes, alerts: int) -> float:
    """Commit from so many producers, each one change after the other, and count what became durable in a second."""
    started = perf_counter()
    until = started + MEASURE_S

    async def produce(producer: int) -> int:
        number = 0
        while perf_counter() < until:
            name = SignalId(f"{alerts}-{producers}-{producer}-{number}")
            await store.commit(Change(signals=(Signal(name, "alertmanager", body, NOON, alerts),)))
            number += 1
        return number

    kept = sum(await asyncio.gather(*(produce(producer) for producer in range(producers))))
    return kept / (perf_counter() - started)


async def _alerts(store: SqliteStore) -> float:
    changes = [Change(alerts=tuple(_alert(n) for n in range(at, at + 500))) for at in range(0, 20_000, 500)]
    started = perf_counter()
    for change in changes:
        await store.commit(change)
    return 20_000 / (perf_counter() - started)


async def _open_incidents(store: SqliteStore) -> float:
    """Open `ROWS` incidents; the first tenth one change each, which is what is measured, the rest in bulk."""
    started = perf_counter()
    tenth = ROWS // 10
    for at in range(0, tenth, 64):
        numbers = range(at, min(at + 64, tenth))
        await asyncio.gather(*(store.commit(Change(appends=(_opening(n),))) for n in numbers))
    rate = tenth / (perf_counter() - started)
    for at in range(tenth, ROWS, 1000):
        await store.commit(Change(appends=tuple(_opening(n) for n in range(at, at + 1000))))
    return rate


async def _owe_messages(store: SqliteStore) -> None:
    for at in range(0, ROWS, 5000):
        await store.commit(Change(intents=tuple(_intent(n) for n in range(at, at + 5000))))


async def _questions(store: SqliteStore) -> list[Figure]:
    late = NOON + TimeDelta(hours=48)
    lease = late + TimeDelta(seconds=45)
    room = {"slack": 20, "email": 0}
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "claim 64": lambda: store.claim(late, lease, 64, {}),
        "claim 64, busy channels": lambda: store.claim(late, lease, 64, room),
        "claim, nothing due": lambda: store.claim(NOON - TimeDelta(hours=1), lease, 64, {}),
        "due, 100 of all": lambda: store.due(late, 100),
        "next_due_at": store.next_due_at,
        "counts": lambda: store.counts(late),
        "timeline": lambda: store.timeline(IncidentId("INC-5000")),
        "latest_of_group, 500 groups": lambda: store.latest_of_group([f"group-{n}" for n in range(500)]),
    }
    return [(f"{name}, {ROWS:,} rows", await _typical_ms(ask), "ms") for name, ask in asked.items()]


async def _typical_ms(ask: Callable[[], Awaitable[object]], times: int = 31) -> float:
    taken = []
    for _ in range(times):
        started = perf_counter()
        await ask()
        taken.append(perf_counter() - started)
    return sorted(taken)[times // 2] * 1000


def _alert(number: int) -> Alert:
    labels = {"alertname": "BoosterSlow", "job": "agent-booster", "instance": f"10.0.0.{number}:9100"}
    return Alert(
        fingerprint=AlertFingerprint(f"{number:016x}"),
        status="firing",
        labels=labels,
        annotations={"summary": "p95 latency is above its threshold"},
        started_at=NOON,
        ended_at=None,
        seen_at=NOON,
        component=ComponentId("agent-booster"),
        severity=Severity("SEV2"),
        rule="booster-p95",
        clause="C3",
        because="p95 61 ms > 50 ms",
        group_key="agent-booster",
        disposition=Disposition.ATTACHED,
        incident=IncidentId("INC-1"),
    )


def _opening(number: int) -> Append:
    headline = Headline(
        id=IncidentId(f"INC-{number}"),
        title="Agent Booster is down",
        severity=Severity("SEV1"),
        stage=Stage.INVESTIGATING,
        components=(ComponentId("agent-booster"),),
        group_key=f"group-{number}",
        opened_at=NOON,
        resolved_at=None,
        closed=False,
        acknowledged=False,
        commander="",
        next_due_at=NOON + TimeDelta(seconds=number),
    )
    return Append(headline, 0, tuple(NoteAdded(at=NOON, text=f"event {n}") for n in range(3)))


def _intent(number: int) -> Intent:
    incident = IncidentId(f"INC-{number}")
    channel = ChannelName(("slack", "email", "console")[number % 3])
    created_at = NOON + TimeDelta(seconds=number)
    return Intent(
        id=IntentId(f"intent-{number}"),
        incident=incident,
        rank=number % 4,
        channel=channel,
        address="U123",
        message=Message(MessageKind.PAGE, "Agent Booster is down", incident, Severity("SEV1")),
        created_at=created_at,
        give_up_at=created_at + TimeDelta(minutes=1),
        method=Method(MethodKind.SLACK, channel, "U123"),
    )
