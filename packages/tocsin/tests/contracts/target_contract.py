"""What every target of workloads must do, whatever runs them."""

from typing import Protocol

import pytest

from tocsin.actions.port import Captured, Cause, Result, Target, Unreachable
from tocsin.core.actions import Action, ActionId, Parameter, ParameterKind, Rendered, TargetKind, Verb
from tocsin.core.ids import ComponentId
from tocsin.core.rendering import pinned, render, taking_back


class World(Protocol):
    """A target, and a workload of it that runs a good release: what the suite needs to know and do beside the port."""

    target: Target
    kind: TargetKind
    workload: str
    good: str
    """The image or release that runs at first."""

    async def deploy_bad(self) -> None:
        """Put another release in place, as somebody else would."""
        ...

    async def deploy_good(self) -> None:
        """Put the good release in place again."""
        ...

    def log(self, line: str) -> None:
        """Have the workload write a line, if that can be had."""
        ...


VALUE = Parameter(name="value", kind=ParameterKind.TEXT, default="500", optional=True)
NUMBER = Parameter(name="number", kind=ParameterKind.INTEGER, default="3", optional=True)
MEMORY = Parameter(name="memory", kind=ParameterKind.QUANTITY, default="2Gi", optional=True)


def action(world: World, verb: Verb, **row: object) -> Action:
    whole: dict[str, object] = {
        "id": ActionId("test.act"),
        "clause": "M3",
        "title": "Act",
        "component": ComponentId("test"),
        "target": world.kind,
        "verb": verb,
        "workload": world.workload,
        "namespace": "agentic-flow",
        "inverse": ActionId("test.act"),
        "changes": verb not in (Verb.LOGS, Verb.GET, Verb.HISTORY),
        **row,
    }
    return Action(**whole)  # type: ignore[arg-type]


async def through(world: World, rendered: Rendered) -> tuple[Captured, Result]:
    """Go the whole way of an action: capture, pin, rehearse, run."""
    before = await world.target.capture(rendered)
    rendered = pinned(rendered, before.facts)
    rehearsed = await world.target.rehearse(rendered, before)
    assert rehearsed.status == "succeeded", rehearsed
    return before, await world.target.run(rendered, before)


class TargetContract:
    """The suite. A subclass gives the fixture ``world``."""

    async def test_the_state_before_is_captured_and_stays(self, world: World) -> None:
        restart = render(action(world, Verb.RESTART))
        before = await world.target.capture(restart)
        assert before.facts["image"] == world.good
        assert int(before.facts["revision"]) >= 1
        assert int(before.facts["replicas"]) >= 1
        assert before.facts.keys() == {"image", "replicas", "revision"}, "nothing that changes by itself"
        await world.target.rehearse(restart, before)
        assert (await world.target.capture(restart)).facts == before.facts

    @pytest.mark.clause("M3")
    async def test_a_restart_runs_the_same_anew(self, world: World) -> None:
        before, result = await through(world, render(action(world, Verb.RESTART)))
        assert result.status == "succeeded", result
        assert result.facts["image"] == before.facts["image"]
        assert int(result.facts["revision"]) == int(before.facts["revision"]) + 1

    @pytest.mark.clause("M3")
    async def test_undo_leads_to_before_the_incident_also_after_a_restart_and_a_variable(self, world: World) -> None:
        await world.deploy_bad()
        await world.target.run(render(action(world, Verb.RESTART)), Captured())
        tried = action(world, Verb.SET_ENV, parameters=(VALUE,), arguments={"name": "TRIED", "value": "{value}"})
        await world.target.run(render(tried), Captured())
        undo = action(world, Verb.UNDO, parameters=(NUMBER,), arguments={"to_revision": "{number}"})
        before, result = await through(world, render(undo, {"number": None}))
        assert before.facts["image"] != world.good
        assert before.facts["pinned_image"] == world.good
        assert result.status == "succeeded", result
        assert result.facts["image"] == world.good

    async def test_an_undo_can_be_taken_back(self, world: World) -> None:
        await world.deploy_bad()
        undo = action(world, Verb.UNDO, parameters=(NUMBER,), arguments={"to_revision": "{number}"})
        rendered = render(undo, {"number": None})
        before, _ = await through(world, rendered)
        back = taking_back(undo, rendered, before.facts)
        again = await world.target.capture(render(undo, back))
        assert again.facts["pinned_image"] == before.facts["image"]
        await world.deploy_good()

    async def test_an_undo_that_names_no_revision_is_not_guessed(self, world: World) -> None:
        undo = action(world, Verb.UNDO)
        assert (await world.target.run(render(undo), Captured())).status == "failed"

    @pytest.mark.clause("M3")
    async def test_scaling_can_be_taken_back(self, world: World) -> None:
        scale = action(world, Verb.SCALE, parameters=(NUMBER,), arguments={"replicas": "{number}"})
        rendered = render(scale, {"number": 3})
        before, result = await through(world, rendered)
        assert (result.status, result.facts["replicas"]) == ("succeeded", "3")
        back = taking_back(scale, rendered, before.facts)
        _, result = await through(world, render(scale, back))
        assert result.facts["replicas"] == before.facts["replicas"]

    @pytest.mark.clause("M3")
    async def test_a_variable_is_set_and_taken_away_again(self, world: World) -> None:
        sets = action(
            world, Verb.SET_ENV, parameters=(VALUE,), arguments={"name": "MAX_CONNECTIONS", "value": "{value}"}
        )
        rendered = render(sets)
        before, result = await through(world, rendered)
        assert "value" not in before.facts
        assert (result.status, result.facts["value"]) == ("succeeded", "500")
        back = taking_back(sets, rendered, before.facts)
        before, result = await through(world, render(sets, back))
        assert before.facts["value"] == "500"
        assert result.status == "succeeded"
        assert "value" not in result.facts

    @pytest.mark.clause("M3")
    async def test_memory_is_bounded_and_freed_again(self, world: World) -> None:
        bounds = action(world, Verb.SET_RESOURCES, parameters=(MEMORY,), arguments={"memory": "{memory}"})
        rendered = render(bounds)
        before, result = await through(world, rendered)
        assert result.status == "succeeded", result
        assert result.facts["memory"] in ("2Gi", "2048Mi")
        _, result = await through(world, render(bounds, taking_back(bounds, rendered, before.facts)))
        assert result.facts.get("memory") == before.facts.get("memory")

    async def test_the_last_lines_are_read_without_secrets(self, world: World) -> None:
        world.log("password=hunter2")
        world.log("the last line")
        lines = action(world, Verb.LOGS, arguments={"tail": "2"})
        _, result = await through(world, render(lines))
        assert result.status == "succeeded"
        assert "hunter2" not in result.output

    async def test_the_history_names_what_each_revision_ran(self, world: World) -> None:
        _, result = await through(world, render(action(world, Verb.HISTORY)))
        assert result.status == "succeeded"
        assert world.good in result.output

    async def test_a_workload_that_is_not_there_is_said_to_be_missing(self, world: World) -> None:
        restart = render(action(world, Verb.RESTART, workload="deployment/nobody"))
        with pytest.raises(Unreachable) as missing:
            await world.target.capture(restart)
        assert missing.value.cause is Cause.NOT_FOUND
        assert missing.value.remedy
        assert (await world.target.run(restart, Captured())).status == "failed"

    async def test_a_revision_that_is_not_there_is_said_to_be_missing(self, world: World) -> None:
        undo = action(world, Verb.UNDO, parameters=(NUMBER,), arguments={"to_revision": "{number}"})
        with pytest.raises(Unreachable) as missing:
            await world.target.capture(render(undo, {"number": 9999}))
        assert missing.value.cause is Cause.NOT_FOUND
