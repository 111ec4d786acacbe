"""Blanks and values: what runs is what was asked for, word for word, and no value can add one."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.actions import Action, ActionId, Parameter, ParameterKind, TargetKind, Verb
from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import ComponentId
from tocsin.core.rendering import PLAIN_TEXT, amount, pinned, render, taking_back


def made(verb: Verb, **row: object) -> Action:
    whole: dict[str, object] = {
        "id": ActionId("router.act"),
        "clause": "M3",
        "title": "Act",
        "component": ComponentId("router"),
        "target": TargetKind.KUBERNETES,
        "verb": verb,
        "workload": "deployment/router",
        "namespace": "agentic-flow",
        "changes": True,
        **row,
    }
    return Action(**whole)  # type: ignore[arg-type]


REPLICAS = Parameter(name="replicas", kind=ParameterKind.INTEGER, default="6", minimum="1", maximum="12")
HOST = Parameter(name="host", kind=ParameterKind.HOST, default="8.8.8.8")
MEMORY = Parameter(name="memory", kind=ParameterKind.QUANTITY, default="4Gi", minimum="256Mi", optional=True)
MODE = Parameter(name="mode", kind=ParameterKind.CHOICE, default="true", choices=("true", "false"), optional=True)
NOTE = Parameter(name="note", kind=ParameterKind.TEXT, default="fine")
REVISION = Parameter(name="revision", kind=ParameterKind.INTEGER, minimum="1", optional=True)

SCALE = made(Verb.SCALE, parameters=(REPLICAS,), arguments={"replicas": "{replicas}"}, inverse=ActionId("router.act"))
PING = made(Verb.EXEC, parameters=(HOST,), argv=("ping", "-c", "4", "{host}"))
SET_MODE = made(
    Verb.SET_ENV,
    parameters=(MODE,),
    arguments={"name": "FALLBACK_MODE", "value": "{mode}"},
    inverse=ActionId("router.act"),
)
LIMIT = made(Verb.SET_RESOURCES, parameters=(MEMORY,), arguments={"memory": "{memory}"})
UNDO = made(Verb.UNDO, parameters=(REVISION,), arguments={"to_revision": "{revision}"}, inverse=ActionId("router.act"))


@pytest.mark.clause("M3")
@pytest.mark.parametrize(
    ("action", "values", "line"),
    [
        (made(Verb.RESTART), {}, "kubectl rollout restart deployment/router -n agentic-flow"),
        (UNDO, {}, "kubectl rollout undo deployment/router -n agentic-flow"),
        (UNDO, {"revision": 3}, "kubectl rollout undo deployment/router --to-revision=3 -n agentic-flow"),
        (SCALE, {}, "kubectl scale deployment/router --replicas=6 -n agentic-flow"),
        (SCALE, {"replicas": 4}, "kubectl scale deployment/router --replicas=4 -n agentic-flow"),
        (SET_MODE, {}, "kubectl set env deployment/router FALLBACK_MODE=true -n agentic-flow"),
        (SET_MODE, {"mode": None}, "kubectl set env deployment/router FALLBACK_MODE- -n agentic-flow"),
        (LIMIT, {}, "kubectl set resources deployment/router --limits=memory=4Gi -n agentic-flow"),
        (PING, {}, "kubectl exec deployment/router -n agentic-flow -- ping -c 4 8.8.8.8"),
    ],
)
def test_a_person_reads_the_equal_line_of_kubectl(action: Action, values: dict[str, object], line: str) -> None:
    assert render(action, values).shown == line


@pytest.mark.parametrize(
    ("action", "values", "says"),
    [
        (SCALE, {"replicas": 0}, "too little"),
        (SCALE, {"replicas": "13"}, "too much"),
        (SCALE, {"replicas": -1}, "read as a flag"),
        (SCALE, {"replicas": "6 --all"}, "no whole number"),
        (SCALE, {"replicas": 6.0}, "wrong type"),
        (SCALE, {"replicas": True}, "no whole number"),
        (SCALE, {"replicas": None}, "no value"),
        (SCALE, {"replicas": "06"}, "no whole number"),
        (PING, {"host": "-f"}, "read as a flag"),
        (PING, {"host": "8.8.8.8 -f"}, "neither a host name"),
        (PING, {"host": "8.8.8.8\n-f"}, "cannot be seen"),
        (PING, {"host": "a\0b"}, "cannot be seen"),
        (PING, {"host": "$(reboot)"}, "neither a host name"),
        (PING, {"host": ""}, "neither a host name"),
        (PING, {"host": ["8.8.8.8", "-f"]}, "wrong type"),
        (PING, {"host": "h" * 300}, "300 characters"),
        (SET_MODE, {"mode": "true OTHER=1"}, "not among the choices"),
        (LIMIT, {"memory": "4Gi,cpu=64"}, "no quantity"),
        (LIMIT, {"memory": "4GiB"}, "no quantity"),
        (LIMIT, {"memory": "1Mi"}, "too little"),
        (made(Verb.EXEC, parameters=(NOTE,), argv=("say", "{note}")), {"note": "a; reboot"}, "may not stand there"),
        (made(Verb.EXEC, parameters=(NOTE,), argv=("say", "{note}")), {"note": "--force"}, "read as a flag"),
        (made(Verb.EXEC, parameters=(NOTE,), argv=("say", "{note}")), {"note": "a\u202eb"}, "cannot be seen"),
    ],
)
def test_a_value_that_would_be_more_than_a_value_is_refused(
    action: Action, values: dict[str, object], says: str
) -> None:
    with pytest.raises(Refused, match=says) as refused:
        render(action, values)
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert next(iter(values)) in refused.value.detail


def test_a_parameter_that_the_action_does_not_have_is_refused() -> None:
    with pytest.raises(Refused, match='no parameter "force"') as refused:
        render(SCALE, {"force": "true"})
    assert refused.value.reason is Reason.UNKNOWN_PARAMETER
    assert "replicas" in refused.value.remedy


@given(st.text(max_size=40))
def test_no_host_can_be_anything_but_one_word_of_the_vector(text: str) -> None:
    try:
        rendered = render(PING, {"host": text})
    except Refused:
        return
    assert rendered.argv == ("ping", "-c", "4", text)
    assert shlex.split(rendered.shown)[-1] == text
    assert text == shlex.quote(text)
    assert not text.startswith("-")


@given(st.from_regex(PLAIN_TEXT, fullmatch=True))
def test_a_plain_text_means_nothing_to_a_shell(text: str) -> None:
    assert not text or shlex.quote(text) == text


@pytest.mark.clause("M4")
def test_another_value_is_another_digest_and_the_same_one_is_the_same() -> None:
    assert render(SCALE, {"replicas": 6}).digest == render(SCALE).digest
    assert render(SCALE, {"replicas": 5}).digest != render(SCALE).digest


@pytest.mark.clause("M3")
def test_an_undo_names_the_revision_that_was_found_to_be_from_before_the_incident() -> None:
    found = pinned(render(UNDO), {"revision": "7", "pinned": "4"})
    assert found.shown == "kubectl rollout undo deployment/router --to-revision=4 -n agentic-flow"
    assert found.digest != render(UNDO).digest
    assert pinned(found, {"pinned": "5"}) == found
    assert pinned(render(SCALE), {"pinned": "5"}) == render(SCALE)


@pytest.mark.parametrize(
    ("action", "before", "values"),
    [
        (SCALE, {"replicas": "4"}, {"replicas": "4"}),
        (SET_MODE, {"value": "false"}, {"mode": "false"}),
        (SET_MODE, {}, {"mode": None}),
        (UNDO, {"revision": "7", "pinned": "4"}, {"revision": "7"}),
        (LIMIT, {"memory": "1Gi"}, None),
    ],
)
def test_what_is_taken_back_goes_to_the_state_before(
    action: Action, before: dict[str, str], values: dict[str, str | None] | None
) -> None:
    assert taking_back(action, render(action), before) == values


def test_a_quantity_is_compared_by_what_it_comes_to() -> None:
    assert amount("4Gi") > amount("4G") > amount("4000Mi") * 0
    assert amount("1500m") * 2 == 3
