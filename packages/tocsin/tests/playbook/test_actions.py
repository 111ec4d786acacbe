"""The shipped actions are the written playbook's, value by value; a broken copy for each finding about actions."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import TimeDelta

from tocsin.core.actions import READS, RUNS, ActionId, FailureModeId, TargetKind, Verb
from tocsin.core.audience import Announcement
from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import AudienceId
from tocsin.core.rendering import find, render
from tocsin.core.rules import Rulebook
from tocsin.playbook.lint import lint
from tocsin.playbook.load import load, load_rulebook, shipped

NS = "-n agentic-flow"
SHIPPED = load_rulebook(shipped("agentic-flow"))

WRITTEN = {
    "agent-booster.restart": f"kubectl rollout restart deployment/agent-booster {NS}",
    "agent-booster.undo": f"kubectl rollout undo deployment/agent-booster {NS}",
    "agent-booster.scale": f"kubectl scale deployment/agent-booster --replicas=6 {NS}",
    "quic-transport.ping": f"kubectl exec deployment/quic-transport {NS} -- ping -c 4 -W 2 8.8.8.8",
    "quic-transport.max-connections": f"kubectl set env deployment/quic-transport MAX_CONNECTIONS=500 {NS}",
    "quic-transport.restart": f"kubectl rollout restart deployment/quic-transport {NS}",
    "router.status-openrouter": "curl -sS https://status.openrouter.ai/api/v2/summary.json",
    "router.status-anthropic": "curl -sS https://status.anthropic.com/api/v2/summary.json",
    "router.fallback-mode": f"kubectl set env deployment/router FALLBACK_MODE=true {NS}",
    "router.api-timeout": f"kubectl set env deployment/router API_TIMEOUT=30000 {NS}",
    "agentdb.stats": f"kubectl exec deployment/agentdb {NS} -- npx agentdb stats",
    "agentdb.cache-clear": f"kubectl exec deployment/agentdb {NS} -- npx agentdb cache clear",
    "agentdb.scale-replicas": f"kubectl scale statefulset/agentdb-replica --replicas=3 {NS}",
    "reasoningbank.index-status": f"kubectl exec deployment/reasoningbank {NS} -- npx agentdb index status",
    "reasoningbank.index-rebuild": f"kubectl exec deployment/reasoningbank {NS} -- npx agentdb index rebuild",
    "reasoningbank.memory": f"kubectl set resources deployment/reasoningbank --limits=memory=4Gi {NS}",
    "swarm-coordinator.logs": f"kubectl logs deployment/swarm-coordinator --tail=100 {NS}",
    "swarm-coordinator.reset": f"kubectl exec deployment/swarm-coordinator {NS} -- npx claude-flow reset",
    "swarm-coordinator.max-agents": f"kubectl set env deployment/swarm-coordinator MAX_AGENTS=50 {NS}",
}
"""Step 3 of the written playbook: no terminal is asked for, and the namespace always given."""


@pytest.mark.clause("M3")
@pytest.mark.parametrize("action", WRITTEN)
def test_the_written_mitigation_is_there_with_its_values(book: Rulebook, action: str) -> None:
    rendered = render(find(book, action))
    assert rendered.shown == WRITTEN[action]
    assert book.actions[ActionId(action)].clause == "M3"


@pytest.mark.clause("M2", "D3")
@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("common.pods", f"kubectl get pods {NS}"),
        ("common.commits", "git log --oneline -10"),
        ("agent-booster.logs", f"kubectl logs deployment/agent-booster --tail=1000 {NS}"),
        ("agent-booster.history", f"kubectl rollout history deployment/agent-booster {NS}"),
    ],
)
def test_the_written_diagnostic_is_there_and_is_run_at_declaration(book: Rulebook, action: str, line: str) -> None:
    assert render(find(book, action)).shown == line
    assert book.actions[ActionId(action)].at_declaration


@pytest.mark.clause("M4")
def test_whatever_changes_the_world_is_approved_and_says_what_it_should_bring(book: Rulebook) -> None:
    for action in book.actions.values():
        assert (action.approvals > 0) == action.changes, action.id
        assert bool(action.expects) == action.changes, action.id
        if action.verb not in READS | RUNS:
            assert action.changes, action.id


@pytest.mark.clause("M4")
def test_two_people_approve_what_loses_state(book: Rulebook) -> None:
    twice = [action.id for action in book.actions.values() if action.approvals == 2]
    assert twice == ["reasoningbank.deduplicate", "swarm-coordinator.reset"]


@pytest.mark.clause("M1")
def test_every_known_failure_has_something_to_look_at_and_something_to_do(book: Rulebook) -> None:
    assert {mode.component for mode in book.failure_modes.values()} == set(book.components)
    for mode in book.failure_modes.values():
        assert mode.diagnostics, mode.id
        assert mode.mitigations, mode.id
        assert all(book.actions[one].changes for one in mode.mitigations), mode.id
        assert all(threshold in book.classification.thresholds for threshold in mode.thresholds), mode.id


def test_an_action_knows_the_failures_that_it_fits(book: Rulebook) -> None:
    assert FailureModeId("agent-booster.module-load") in book.actions[ActionId("agent-booster.undo")].fits


def test_what_runs_the_workloads_can_be_the_supervisor() -> None:
    book = load_rulebook(shipped("agentic-flow"), speed=60, workloads=TargetKind.SUPERVISOR)
    undo = find(book, "agent-booster.undo")
    assert undo.target is TargetKind.SUPERVISOR
    assert undo.time_limit == TimeDelta(minutes=10), "a faster playbook makes no process faster"
    assert render(undo, {"revision": 3}).shown == "agentic-flow undo deployment/agent-booster --to-revision 3"
    assert find(book, "router.status-openrouter").target is TargetKind.HTTP


def test_what_is_not_in_the_playbook_is_refused(book: Rulebook) -> None:
    with pytest.raises(Refused, match="no action of the playbook") as refused:
        find(book, "agent-booster.delete")
    assert refused.value.reason is Reason.UNKNOWN_ACTION
    assert "agent-booster.restart" in refused.value.remedy


RESTART = (
    "{id: orders.restart, title: Restart, clause: x, component: orders, verb: restart, workload: deployment/orders"
)
SCALE = RESTART.replace("restart", "scale") + ', arguments: {replicas: "{n}"}'
CHANGES = ", changes: true, approvals: 1}"

BROKEN = {
    "a change that nobody approves": (RESTART + ", changes: true}", "unapproved", "actions[0]"),
    "a change that says it only reads": (RESTART + "}", "not-read-only", "actions[0]"),
    "a reading verb that says it changes": (
        RESTART.replace("verb: restart", "verb: history") + CHANGES,
        "not-read-only",
        "actions[0]",
    ),
    "a change at declaration": (RESTART + ", at_declaration: true" + CHANGES, "unapproved", "actions[0]"),
    "a verb of another target": (RESTART + ", target: http" + CHANGES, "bad-verb", "actions[0].verb"),
    "a workload of another": (
        RESTART.replace("/orders", "/order") + CHANGES,
        "unknown-workload",
        "actions[0].workload",
    ),
    "no workload": (RESTART.replace(", workload: deployment/orders", "") + CHANGES, "unknown-workload", "actions[0]"),
    "an unknown component": (
        RESTART.replace("component: orders", "component: order") + ", namespace: n" + CHANGES,
        "unknown-component",
        "actions[0].component",
    ),
    "an unknown inverse": (RESTART + ", inverse: orders.stop" + CHANGES, "unknown-action", "actions[0].inverse"),
    "no namespace": (RESTART.replace("component: orders, ", "") + CHANGES, "no-namespace", "actions[0]"),
    "an argument that is none": (
        RESTART + ", arguments: {now: true}" + CHANGES,
        "bad-argument",
        "actions[0].arguments.now",
    ),
    "a blank without a parameter": (SCALE + CHANGES, "bad-blank", "actions[0].arguments.replicas"),
    "a parameter without a blank": (
        RESTART + ", parameters: {n: {kind: integer}}" + CHANGES,
        "bad-blank",
        "actions[0].parameters.n",
    ),
    "a blank in the middle of a word": (
        SCALE.replace("{n}", "1{n}") + ", parameters: {n: {kind: integer}}" + CHANGES,
        "bad-blank",
        "actions[0].arguments.replicas",
    ),
    "a default out of bounds": (
        SCALE + ", parameters: {n: {kind: integer, default: 6, maximum: 5}}" + CHANGES,
        "bad-parameter",
        "actions[0].parameters.n.default",
    ),
    "a choice without choices": (
        SCALE + ", parameters: {n: {kind: choice}}" + CHANGES,
        "bad-parameter",
        "actions[0].parameters.n",
    ),
    "bounds that leave nothing": (
        SCALE + ", parameters: {n: {kind: integer, minimum: 3, maximum: 2}}" + CHANGES,
        "bad-parameter",
        "actions[0].parameters.n",
    ),
    "a pattern that is none": (
        SCALE + ', parameters: {n: {kind: text, pattern: "("}}' + CHANGES,
        "bad-parameter",
        "actions[0].parameters.n",
    ),
    "a variable's name that is none": (
        RESTART.replace("verb: restart", "verb: set_env") + ", arguments: {name: A=B}" + CHANGES,
        "bad-argument",
        "actions[0].arguments.name",
    ),
    "words for a verb that takes none": (RESTART + ", argv: [ls]" + CHANGES, "bad-argument", "actions[0].argv"),
    "a time limit that is none": (RESTART + ", time_limit: 0s" + CHANGES, "no-time", "actions[0].time_limit"),
    "a time limit of a day": (RESTART + ", time_limit: 1d" + CHANGES, "no-time", "actions[0].time_limit"),
    "a URL that is none": (
        "{id: a, title: A, clause: x, target: http, verb: http_get, arguments: {url: ftp://x}}",
        "bad-argument",
        "actions[0].arguments.url",
    ),
    "an id given twice": (f"{RESTART + CHANGES}, {RESTART + CHANGES}", "duplicate", "actions[1].id"),
}

MODE = "{id: orders.slow, title: Slow, clause: x, component: orders, recognised: it is slow"
BROKEN_MODES = {
    "nothing to be done": (MODE + "}", "no-mitigation", "failure_modes[0]"),
    "a mitigation that is none": (
        MODE + ", mitigations: [orders.start]}",
        "unknown-action",
        "failure_modes[0].mitigations[0]",
    ),
    "a diagnostic that changes": (
        MODE + ", diagnostics: [orders.restart], mitigations: [orders.restart]}",
        "unapproved",
        "failure_modes[0].diagnostics[0]",
    ),
    "a threshold that is none": (
        MODE + ", thresholds: [slo], mitigations: [orders.restart]}",
        "unknown-threshold",
        "failure_modes[0].thresholds[0]",
    ),
}

Break = Callable[[str, str, str], Path]


def written(broken: Break, actions: str, modes: str) -> Path:
    folder = broken(
        "components/orders.yaml", "owner: shop", "owner: shop\nnamespace: beans\nworkloads: [deployment/orders]"
    )
    (folder / "actions.yaml").write_text(f"actions: [{actions}]\nfailure_modes: [{modes}]\n")
    return folder


@pytest.mark.parametrize("what", [*BROKEN, *BROKEN_MODES])
def test_lint_finds(broken: Break, what: str) -> None:
    if what in BROKEN:
        actions, check, key = BROKEN[what]
        folder = written(broken, actions, "")
    else:
        modes, check, key = BROKEN_MODES[what]
        folder = written(broken, RESTART + CHANGES, modes)
    found = lint(load(folder))
    mine = [one for one in found if (one.check, one.key) == (check, key)]
    assert len(mine) == 1, found
    assert mine[0].line > 0
    assert mine[0].remedy


def test_an_action_as_it_should_be_is_not_found_fault_with(broken: Break) -> None:
    assert [one for one in lint(load(written(broken, RESTART + CHANGES, ""))) if one.file == "actions.yaml"] == []


_BLANKS = sorted((action.id, one.name) for action in SHIPPED.actions.values() for one in action.parameters)
_TRICKS = (
    "--all",
    "-n kube-system",
    "6 --all",
    "1;reboot",
    "$(id)",
    "`id`",
    "a b",
    "a\nb",
    "a\0b",
    "{value}",
    "=",
    "@f",
)


@given(st.sampled_from(_BLANKS), st.text(max_size=30) | st.sampled_from(_TRICKS) | st.integers() | st.none())
def test_no_value_of_any_action_adds_a_word_or_a_flag(blank: tuple[str, str], value: object) -> None:
    action = SHIPPED.actions[ActionId(blank[0])]
    try:
        rendered = render(action, {blank[1]: value})
    except Refused as refused:
        if refused.reason is not Reason.BAD_PARAMETER or not refused.remedy:
            raise
        return
    assert len(rendered.argv) == len(action.argv)
    assert rendered.arguments.keys() <= action.arguments.keys()
    assert all(not one.startswith("-") for one in rendered.arguments.values())
    # Nothing of it means anything to a shell that somebody pastes the line into.
    assert shlex.split(rendered.shown) == rendered.shown.split()


def test_all_verbs_are_for_some_target(book: Rulebook) -> None:
    from tocsin.core.actions import ARGUMENTS, CARRIED

    assert set(ARGUMENTS) == set(Verb) == set().union(*CARRIED.values())


@pytest.mark.clause("M4")
def test_changes_that_no_audience_hears_of_are_found(broken: Break) -> None:
    found = lint(load(written(broken, RESTART + CHANGES, "")))
    (silent,) = [problem for problem in found if problem.check == "unannounced"]
    assert silent.severity == "warning"
    assert "mitigation" in silent.remedy


@pytest.mark.clause("M4")
def test_the_incidents_channel_hears_of_every_mitigation(book: Rulebook) -> None:
    assert Announcement.MITIGATION in book.audiences[AudienceId("incident-channel")].announces
