"""The diagnoser: what is owed is gathered, bounded, in time, without secrets, and never in the way of a page."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.actions.memory import MemoryTarget, Workload
from tocsin.actions.port import Captured, Cause, Result, Unreachable
from tocsin.core import events as e
from tocsin.core.actions import ActionId, Rendered, TargetKind, Verb
from tocsin.core.commands import AddNote, Diagnose
from tocsin.core.diagnostics import Diagnostic, Fetch, Run
from tocsin.core.ids import DiagnosticId, IncidentId
from tocsin.core.limits import ATTACHMENT_MAX, DIAGNOSTICS_AT_ONCE, GATHERINGS_AT_ONCE
from tocsin.engine.diagnostics import Diagnoser
from tocsin.metrics.port import Figure, History, Series
from tocsin.store.port import StoreUnavailable
from tocsin.store.sqlite import SqliteStore

from ..builders import TUESDAY_MORNING, by
from .conftest import RememberingChannel, Whole, rules_now
from .told import alert

NOW = TUESDAY_MORNING
MARA = by("mara-lindqvist")
DOWN, HEALTH = "agent-booster.down", "http://agent-booster.agentic-flow.svc:8080/health"
UNWELL = json.dumps({"status": "unhealthy", "release": "1.9.1", "error": "Module initialization error: wasi"})
SECRET = "hunter2-and-nobody-may-know"


class Scripted:
    """A target that answers by verb, and remembers; what a test gives it may hang, flood or break."""

    def __init__(self, **answers: Result | Exception | Callable[[], object]) -> None:
        self.answers = answers
        self.ran: list[Rendered] = []
        self.at_once = self.most_at_once = 0

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        raise AssertionError("a diagnostic has no state before")

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        raise AssertionError("a diagnostic is not rehearsed")

    async def run(self, action: Rendered, before: Captured) -> Result:
        self.ran.append(action)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            answer = self.answers.get(action.verb.value, Result("succeeded", "fine", 0))
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                await answer()  # type: ignore[misc]
            return answer if isinstance(answer, Result) else Result("succeeded", "late")
        finally:
            self.at_once -= 1

    async def close(self) -> None:
        pass


def hangs() -> object:
    return asyncio.Event().wait()


def diagnoser(whole: Whole, **targets: object) -> Diagnoser:
    kinds = {TargetKind(name): target for name, target in targets.items()}
    return Diagnoser(whole.store, whole.handler, kinds, whole.service, whole.clock, whole.telemetry)  # type: ignore[arg-type]


async def gathered(whole: Whole, incident: str = "INC-1") -> e.DiagnosticsGathered:
    last = (await whole.of(e.DiagnosticsGathered, incident))[-1]
    assert isinstance(last, e.DiagnosticsGathered)
    return last


async def look(whole: Whole, **targets: object) -> e.DiagnosticsGathered:
    looking = diagnoser(whole, **targets)
    await looking.step(whole.clock.at)
    await looking.settle()
    return await gathered(whole)


def ended(event: e.DiagnosticsGathered) -> dict[str, str]:
    return {result.diagnostic: result.ending for result in event.results}


def hurried(whole: Whole) -> None:
    """Let nothing take longer than a moment: what hangs is to be seen to be broken off."""
    rules = whole.playbooks.current
    policy = replace(rules.diagnostics, within=TimeDelta(milliseconds=200))
    whole.playbooks.current = whole.playbooks._by_version[rules.version] = replace(rules, diagnostics=policy)


@pytest.mark.clause("D3", "M2")
async def test_a_declaration_is_followed_by_what_the_diagnostics_say(whole: Whole) -> None:
    cluster = Scripted(logs=Result("succeeded", "2026-11-24T09:59:00Z ERROR Module initialization error: wasi", 0))
    web = Scripted(http_get=Result("failed", f"answered 503\n{UNWELL}", 503))
    since = NOW - TimeDelta(hours=1)
    whole.service.histories = {
        'up{job="agent-booster"}': History((Series({"__name__": "up", "instance": "a"}, ((NOW, 0.0),)),)),
        'p0_build_info{component="agent-booster"}': History((Series({"version": "1.9.0"}, ((since, 1.0),)),)),
    }
    await whole.alerts(alert(DOWN, since=NOW))

    event = await look(whole, kubernetes=cluster, http=web)

    assert ended(event) == {
        "agent-booster.health": "answered",
        "agent-booster.up": "answered",
        "agent-booster.dashboard": "link",
        "common.pods": "answered",
        "common.commits": "unavailable",
        "agent-booster.logs": "answered",
        "agent-booster.history": "answered",
    }
    assert event.suspected[0] == "agent-booster.module-load"
    assert event.summary[0].startswith("looks like: The module fails to load")
    assert any("not reachable: Show the last ten commits (command is not set up)" in line for line in event.summary)
    incident = await whole.handler.load(IncidentId("INC-1"))
    assert incident is not None
    assert incident.suspected[0] == "agent-booster.module-load"
    (health,) = (result for result in event.results if result.diagnostic == "agent-booster.health")
    assert (health.exit_status, health.line) == (503, f"curl -sS {HEALTH}")
    assert health.digest is not None
    kept = await whole.store.attachment(health.digest)
    assert kept is not None
    assert kept.body.endswith(UNWELL.encode())
    assert len(kept.body) == health.size


@pytest.mark.clause("M2")
async def test_the_release_then_and_now_and_the_figures_then_and_now_are_compared(whole: Whole) -> None:
    part = whole.playbooks.current.components[(await _declared(whole)).components[0]]
    (p95, success) = part.objectives
    minute = TimeDelta(minutes=1)
    good = tuple((NOW - minute * n, 0.002) for n in range(120, 2, -1))
    whole.service.histories[p95.query] = History((Series({}, good),))
    whole.service.histories[part.release_query] = History((Series({"version": "1.9.1"}, ((NOW, 1.0),)),))
    whole.service.figure = Figure(0.061)

    event = await look(whole)

    assert "Agent Booster p95 latency 61 ms (must be < 5 ms; was 2 ms, 30.5 ×)" in event.summary
    assert any(line.startswith("Agent Booster success rate 6.1 %") for line in event.summary)
    assert not any("no baseline" in line for line in event.summary)
    assert success.query in whole.service.asked


async def _declared(whole: Whole) -> e.Event:
    await whole.alerts(alert(DOWN, since=NOW))
    incident = await whole.handler.load(IncidentId("INC-1"))
    assert incident is not None
    return incident  # type: ignore[return-value]


@pytest.mark.clause("M2")
async def test_what_hangs_breaks_or_is_forbidden_costs_its_own_answer_and_no_other(whole: Whole) -> None:
    hurried(whole)
    await whole.alerts(alert(DOWN, since=NOW))
    cluster = Scripted(
        logs=hangs,
        get=Result("failed", "pods is forbidden", remedy="give the service account the right"),
        history=ValueError("a bug"),
    )

    event = await look(whole, kubernetes=cluster, http=Scripted(http_get=Unreachable(Cause.ABSENT, "nobody there")))

    ends = ended(event)
    assert ends["agent-booster.logs"] == "timed_out"
    assert ends["common.pods"] == "failed"
    assert ends["agent-booster.history"] == "failed"
    assert ends["agent-booster.health"] == "unavailable"
    said = "\n".join(event.summary)
    assert "no answer in time: Read the last log lines" in said
    assert "pods is forbidden; give the service account the right" in said
    assert "not reachable: Health endpoint, Show the last ten commits (nobody there; command is not set up)" in said
    assert whole.telemetry.registry.get_sample_value("tocsin_diagnostics_total", {"ending": "timed_out"}) == 1


async def test_prometheus_down_is_said_and_the_others_still_answer(whole: Whole) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    whole.service.figure = Figure(None, "Prometheus is unreachable: ConnectError")

    event = await look(whole, kubernetes=Scripted())

    assert ended(event)["agent-booster.logs"] == "answered"
    (line,) = (line for line in event.summary if "no baseline" in line)
    assert "no healthy stretch was found" in line
    assert "Prometheus is unreachable: ConnectError" in line


async def test_a_flood_is_cut_and_said_to_be(whole: Whole) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    flood = Result("succeeded", "INFO all is well\n" * 100_000, 0)

    event = await look(whole, kubernetes=Scripted(logs=flood))

    (logs,) = (result for result in event.results if result.diagnostic == "agent-booster.logs")
    assert logs.cut
    assert logs.size <= ATTACHMENT_MAX + 100


@pytest.mark.clause("M2", "M4")
async def test_what_would_change_something_is_not_run_even_if_the_playbook_calls_it_a_diagnostic(whole: Whole) -> None:
    rules = whole.playbooks.current
    await whole.alerts(alert(DOWN, since=NOW))
    actions = {
        key: replace(action, argv=("git", "push"), at_declaration=True) if action.id == "common.commits" else action
        for key, action in rules.actions.items()
    }
    whole.playbooks._by_version[rules.version] = replace(rules, actions=actions)
    shell = Scripted()

    event = await look(whole, kubernetes=Scripted(), command=shell)

    assert "common.commits" not in ended(event)
    assert shell.ran == []
    assert all(not action.changes for action in shell.ran)


@pytest.mark.clause("M2", "M4")
async def test_the_very_thing_that_would_run_is_asked_of_once_more(whole: Whole) -> None:
    shell = Scripted()
    undo = Diagnostic(DiagnosticId("x"), "x", None, Run(ActionId("agent-booster.undo")))

    gathered = await diagnoser(whole, kubernetes=shell)._look(undo, whole.playbooks.current)

    assert (gathered.result.ending, shell.ran) == ("refused", [])
    assert "needs approval" in gathered.result.said


async def test_the_line_that_is_shown_has_no_secret_in_it(whole: Whole) -> None:
    page = Diagnostic(DiagnosticId("x"), "x", None, Fetch(f"https://status.example/api?token={SECRET}"))

    gathered = await diagnoser(whole, http=Scripted())._look(page, whole.playbooks.current)

    assert gathered.result.line == "curl -sS https://status.example/api?token=[redacted]"


def _files_with(secret: str, folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if secret.encode() in file.read_bytes()]


async def test_a_secret_in_an_output_is_kept_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = await SqliteStore.open(path)
    whole = await Whole(store, rules_now(), NOW, RememberingChannel()).start()  # type: ignore[arg-type]
    await whole.alerts(alert(DOWN, since=NOW))
    said = f"2026-11-24T10:00:00Z ERROR cannot log in: password={SECRET}\nAuthorization: Bearer {SECRET}\n"
    health = json.dumps({"status": "unhealthy", "error": f"no answer from https://u:{SECRET}@db.example"})

    event = await look(
        whole,
        kubernetes=Scripted(logs=Result("succeeded", said, 0), get=Result("failed", f"token: {SECRET}")),
        http=Scripted(http_get=Result("failed", health, 503)),
    )
    await whole.dispatch()
    await store.close()

    assert any("new error line" in line for line in event.summary)
    assert _files_with(SECRET, tmp_path) == []
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM attachments").fetchone()[0] > 3
    assert not any(SECRET in message.text for message, _, _ in whole.channel.got)


@pytest.mark.clause("D3")
async def test_what_a_dead_process_was_gathering_is_gathered_after_the_next_start(whole: Whole) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    dying = diagnoser(whole, kubernetes=Scripted(logs=hangs))
    await dying.step(NOW)
    await asyncio.sleep(0)
    await dying.stop()
    assert await whole.of(e.DiagnosticsGathered) == []

    other = await whole.again().start()
    await look(other, kubernetes=Scripted())

    assert len(await other.of(e.DiagnosticsGathered)) == 1
    assert await other.store.gatherings(9) == ()


async def test_what_could_not_be_written_down_is_gathered_again(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    looking = diagnoser(whole, kubernetes=Scripted())
    works = whole.store.commit

    async def fails(change: object) -> None:
        raise StoreUnavailable("no disk")

    monkeypatch.setattr(whole.store, "commit", fails)
    await looking.step(NOW)
    await looking.settle()
    monkeypatch.setattr(whole.store, "commit", works)
    await looking.step(NOW)
    await looking.settle()

    assert len(await whole.of(e.DiagnosticsGathered)) == 1


async def test_ten_incidents_at_once_are_looked_at_a_few_at_a_time_the_worst_first(whole: Whole) -> None:
    rules = whole.playbooks.current
    for number in range(4):
        await whole.alerts(alert("agentdb.cache-moderate", instance=str(number), since=NOW, component=f"c{number}"))
    for component in rules.components:
        await whole.alerts(alert(f"{component}.down" if component != "agentdb" else "agentdb.corruption", since=NOW))
    cluster = Scripted()
    looking = diagnoser(whole, kubernetes=cluster)
    owed = await whole.store.gatherings(99)
    assert len(owed) >= len(rules.components)

    await looking.step(NOW)
    assert len(looking._under_way) == GATHERINGS_AT_ONCE
    assert [each.rank for each in owed] == sorted(each.rank for each in owed)
    while await whole.store.gatherings(1):
        await looking.settle()
        await looking.step(NOW)
    await looking.settle()

    assert cluster.most_at_once <= DIAGNOSTICS_AT_ONCE


@pytest.mark.clause("D1", "E3")
async def test_no_page_waits_for_a_diagnostic(whole: Whole) -> None:
    looking = diagnoser(whole, kubernetes=Scripted(logs=hangs, get=hangs, history=hangs), http=Scripted(http_get=hangs))
    for component in ("agent-booster", "router", "quic-transport", "swarm-coordinator", "reasoningbank"):
        await whole.alerts(alert(f"{component}.down", since=NOW))
        await looking.step(NOW)
    await asyncio.sleep(0)

    await whole.dispatch()
    await whole.do(AddNote(by=MARA, text="the timeline takes more"))

    paged = [message for message, _, _ in whole.channel.got if message.kind.value == "page"]
    assert len(paged) >= 5
    assert len(looking._under_way) == GATHERINGS_AT_ONCE, "all of them are under way still"
    await looking.stop()


@pytest.mark.clause("M2")
async def test_asked_for_one_only_that_one_is_run(whole: Whole) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    await look(whole, kubernetes=Scripted())
    await whole.do(Diagnose(by=MARA, only=(DiagnosticId("agent-booster.state"),)))
    cluster = MemoryTarget({"deployment/agent-booster": Workload()})

    event = await look(whole, kubernetes=cluster)

    assert ended(event) == {"agent-booster.state": "answered"}
    assert [action.verb for action in cluster.ran] == [Verb.GET]


async def test_the_store_is_asked_what_is_owed_only_when_something_may_be(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    answers = whole.store.gatherings

    async def counted(limit: int, besides: object = ()) -> object:
        nonlocal asked
        asked += 1
        if asked == 2:  # While the store answers, something else is written.
            found = await answers(limit, besides)  # type: ignore[arg-type]
            await whole.alerts(alert("agentdb.corruption", since=NOW))
            return found
        return await answers(limit, besides)  # type: ignore[arg-type]

    monkeypatch.setattr(whole.store, "gatherings", counted)
    looking = diagnoser(whole, kubernetes=Scripted())
    await looking.step(NOW)
    following = await looking.step(NOW)
    assert asked == 1
    assert following is None, "nothing is owed, so it rests until it is hurried"

    await whole.alerts(alert(DOWN, since=NOW))
    await looking.step(NOW)
    await looking.settle()
    assert len(await whole.of(e.DiagnosticsGathered, "INC-1")) == 1
    await looking.step(NOW)
    await looking.settle()
    assert len(await whole.of(e.DiagnosticsGathered, "INC-2")) == 1


async def test_a_fault_of_our_own_is_not_tried_for_ever_and_is_said(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole.alerts(alert(DOWN, since=NOW))
    monkeypatch.setattr("tocsin.engine.diagnostics.diagnose", lambda *_: 1 / 0)
    looking = diagnoser(whole, kubernetes=Scripted())
    for _ in range(4):
        await looking.step(whole.clock.at)
        await looking.settle()
        assert await whole.of(e.DiagnosticsGathered) == [] or looking._faults == {}
        whole.later(seconds=6)

    event = await gathered(whole)
    assert event.results == ()
    assert "a fault of Tocsin's own" in event.summary[0]
    assert whole.telemetry.registry.get_sample_value("tocsin_faults_total", {"step": "diagnostics"}) == 3
    assert await whole.store.gatherings(9) == ()
