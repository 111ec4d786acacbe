"""How late deadlines are kept with many incidents open, and how soon again after the power went."""

import asyncio
import random
import time
from pathlib import Path

from demo.processes import Processes, ticks
from whenever import Instant

from bench.server import Server, playbook
from bench.startup import resident_mb
from bench.table import Row
from tocsin.core import events as e
from tocsin.core.commands import Situation
from tocsin.core.ids import AudienceId, ComponentId, IncidentId, PersonId, Severity
from tocsin.core.incident import fold
from tocsin.core.rules import Rule, Rulebook
from tocsin.engine.handler import headline
from tocsin.playbook.load import load_rulebook
from tocsin.store.codec import encode
from tocsin.store.port import Append, Change, PlaybookVersion
from tocsin.store.sqlite import SqliteStore

SECONDS = 20
SEVERITY = Severity("SEV2")
"""Its shortest cadence is 15 minutes: a hundred thousand open ones owe 111 updates a second."""
SPREAD_S = 15 * 60
SETTLES_S = 3


def run(folder: Path) -> list[Row]:
    """Measure with ten thousand open incidents, then with a hundred thousand."""
    few = _measure(folder / "few", 10_000)
    many = _measure(folder / "many", 100_000)
    return [
        *_rows(10_000, few, None),
        *_rows(100_000, many, few["p99_s"]),
        Row("from kill -9 to the next kept deadline, 100,000 open", many["back_s"], "s"),
        Row("resident memory, 100,000 open", many["resident_mb"], "MB"),
    ]


def _rows(count: int, found: dict[str, float], baseline: float | None) -> list[Row]:
    ratio = found["p99_s"] / baseline if baseline else None
    return [
        Row(f"deadlines kept, {count:,} open", found["per_s"], "/s"),
        Row(f"lateness p50, {count:,} open", found["p50_s"] * 1000, "ms"),
        Row(
            f"lateness p99, {count:,} open",
            found["p99_s"] * 1000,
            "ms",
            "< 250" if baseline else "",
            ratio,
            "10,000 open",
        ),
    ]


def _measure(folder: Path, count: int) -> dict[str, float]:
    folder.mkdir(parents=True)
    playbook(folder, "http://127.0.0.1:9/none")
    filled_from = time.monotonic()
    asyncio.run(_fill(folder, count))
    processes = Processes(folder)
    server = Server(folder, processes, {})
    try:
        server.start()
        time.sleep(max(0.0, _begins_after(count) - (time.monotonic() - filled_from)))
        before = server.metrics("tocsin_deadline_lateness_seconds_bucket")
        time.sleep(SECONDS)
        after = server.metrics("tocsin_deadline_lateness_seconds_bucket")
        counts = {_edge(label): after[label] - before.get(label, 0.0) for label in after}
        resident = resident_mb(processes.pid("tocsin"))
        return {
            "p50_s": _quantile(counts, 0.5),
            "p99_s": _quantile(counts, 0.99),
            "per_s": counts[float("inf")] / SECONDS,
            "resident_mb": resident,
            "back_s": _killed(server, processes),
        }
    finally:
        processes.stop()


def _begins_after(count: int) -> float:
    """Answer how long filling and starting may take, so that nothing falls due before somebody is there to keep it."""
    return count / 1_500 + 5 + SETTLES_S


def _killed(server: Server, processes: Processes) -> float:
    processes.kill("tocsin")
    begun = time.monotonic()
    server.start()
    for _ in ticks(30, every_s=0.02):
        if server.metric("tocsin_deadline_lateness_seconds_count") > 0:
            return time.monotonic() - begun
    raise RuntimeError("no deadline was kept within 30 s of the restart")


def _edge(label: str) -> float:
    return float(label.split('le="')[1].split('"', maxsplit=1)[0].replace("+Inf", "inf"))


def _quantile(counts: dict[float, float], share: float) -> float:
    """Answer a quantile as Prometheus computes it: by interpolation inside the bucket."""
    total, below, lower = counts[float("inf")], 0.0, 0.0
    for edge in sorted(counts):
        if counts[edge] >= total * share:
            inside = counts[edge] - below
            return lower if edge == float("inf") else lower + (edge - lower) * (total * share - below) / (inside or 1)
        below, lower = counts[edge], edge
    return float("nan")


async def _fill(folder: Path, count: int) -> None:
    rules = load_rulebook(folder / "playbook")
    store = await SqliteStore.open(folder / "tocsin.db")
    now, chance = Instant.now(), random.Random(7)
    version = PlaybookVersion(rules.version, encode(rules), now)
    await store.commit(Change(playbooks=(version,)))
    for start in range(0, count, 1_000):
        appends = tuple(_open(number, now, rules, chance) for number in range(start, min(count, start + 1_000)))
        await store.commit(Change(appends=appends))
    await store.close()


def _open(number: int, now: Instant, rules: Rulebook, chance: random.Random) -> Append:
    """Make an incident that is in hand and owes its next update some time in the next quarter of an hour."""
    at = now.add(seconds=-chance.uniform(0, SPREAD_S))
    by = e.Actor(person=PersonId("ines-moreau"), via="bench")
    incident = IncidentId(f"INC-{number + 1}")
    history: tuple[e.AnyEvent, ...] = (
        e.IncidentDeclared(
            at=at,
            incident=incident,
            title=f"Something is slow {number}",
            component=ComponentId("agent-booster"),
            severity=SEVERITY,
            evidence=e.Evidence("bench", "C3", "measured"),
            detected_at=at,
            group_key=f"bench/{number}",
            playbook_version=rules.version,
        ),
        *(e.StepTaken(at=at, rule=row.id, clause=row.clause, due_at=at) for row in _at_once(rules)),
        e.Acknowledged(at=at, by=by),
        e.NoteAdded(at=at, by=by, text="looking"),
        e.ObjectivesMeasured(at=at, verdict="breached", samples=()),
        e.UpdatePosted(at=at, by=by, audience=AudienceId("status-page"), text="We are investigating."),
        e.UpdatePosted(at=at, by=by, audience=AudienceId("stakeholders"), text="We are investigating."),
    )
    folded = fold(None, history)
    assert folded is not None
    return Append(headline(folded, Situation(now, rules, {})), 0, history)


def _at_once(rules: Rulebook) -> list[Rule]:
    return [row for row in rules.rows[SEVERITY] if row.kind == "step" and row.after == "opened" and not row.within]
