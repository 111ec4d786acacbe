"""What a cluster may refuse and do while it is acted upon, and what is said of it."""

import asyncio
import base64
import copy
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from whenever import Instant, TimeDelta

from tocsin.actions.kubernetes.rights import rights
from tocsin.actions.kubernetes.target import KubernetesTarget
from tocsin.actions.port import Captured, Cause, Result, Unreachable
from tocsin.core.actions import Action, ActionId, Parameter, ParameterKind, Rendered, TargetKind, Verb
from tocsin.core.rendering import pinned, render, taking_back

from ..standins.kubernetes import Cluster, Program, User, serving_cluster
from ..standins.server import Request, Response, free_port, serving
from .acts import act
from .clusters import kubeconfig

NOW = Instant.from_utc(2026, 1, 5, 14, 32)
NOTHING = Captured()
GOOD, BAD = "booster:1.9.0", "booster:1.9.1"


def on_booster(verb: Verb, **row: object) -> Rendered:
    changes = verb not in (Verb.LOGS, Verb.GET, Verb.HISTORY)
    whole: dict[str, object] = {"workload": "deployment/booster", "namespace": "agentic-flow", "changes": changes}
    return act(verb, TargetKind.KUBERNETES, **(whole | row))


RESTART = on_booster(Verb.RESTART)


def target(config: str, context: str = "") -> KubernetesTarget:
    return KubernetesTarget(lambda: NOW, config, context)


@pytest.fixture
async def cluster() -> Cluster:
    made = Cluster()
    made.deploy("booster", GOOD)
    await made.settle()
    return made


@pytest.fixture
async def url(cluster: Cluster) -> AsyncIterator[str]:
    async with serving_cluster(cluster) as address:
        yield address


@pytest.fixture
def config(tmp_path: Path, url: str) -> str:
    return kubeconfig(tmp_path, url)


async def test_the_server_rehearses_and_nothing_is_changed(cluster: Cluster, config: str) -> None:
    scale = on_booster(Verb.SCALE, arguments={"replicas": "5"})
    assert (await target(config).rehearse(scale, NOTHING)).status == "succeeded"
    assert cluster.get("deployments", "agentic-flow", "booster")["spec"]["replicas"] == 2


async def test_what_the_server_would_refuse_is_heard_in_the_rehearsal(cluster: Cluster, config: str) -> None:
    cluster.deploy("booster", GOOD, resources={"requests": {"memory": "2Gi"}})
    await cluster.settle()
    less = on_booster(Verb.SET_RESOURCES, arguments={"memory": "1Gi"})
    result = await target(config).rehearse(less, NOTHING)
    assert result.status == "failed"
    assert "must be less than or equal to memory limit" in result.output
    assert (await target(config).run(less, NOTHING)).status == "failed"


async def test_a_restart_is_stamped_as_kubectl_stamps_it(cluster: Cluster, config: str) -> None:
    assert (await target(config).run(RESTART, NOTHING)).status == "succeeded"
    template = cluster.get("deployments", "agentic-flow", "booster")["spec"]["template"]
    assert template["metadata"]["annotations"] == {"kubectl.kubernetes.io/restartedAt": "2026-01-05T14:32:00Z"}


async def test_a_rollout_that_gives_up_is_a_failure_that_says_why(cluster: Cluster, config: str) -> None:
    cluster.broken.add(BAD)
    cluster.deploy("booster", BAD)
    result = await target(config).run(RESTART, NOTHING)
    assert (result.status, result.exit_status) == ("failed", 1)
    assert "the change was made" in result.output
    assert "ProgressDeadlineExceeded" in result.output
    assert result.facts["image"] == BAD


async def test_a_rollout_that_takes_too_long_says_how_far_it_has_come(cluster: Cluster, config: str) -> None:
    cluster.paused = True
    slow = on_booster(Verb.RESTART, time_limit=TimeDelta(seconds=1))
    result = await target(config).run(slow, NOTHING)
    assert result.status == "failed"
    assert "is not in place after 1 s: the change has not been taken up yet" in result.output
    assert result.remedy


async def test_a_watch_that_is_cut_is_taken_up_again_and_the_change_is_not(cluster: Cluster, config: str) -> None:
    cluster.cuts = 1
    assert (await target(config).run(RESTART, NOTHING)).status == "succeeded"
    assert cluster.cuts == 0
    assert [method for method, _ in cluster.requests].count("PATCH") == 1


async def test_a_version_that_is_too_old_to_watch_from_is_read_anew(cluster: Cluster, config: str) -> None:
    cluster.expired = 1
    assert (await target(config).run(RESTART, NOTHING)).status == "succeeded"
    assert cluster.expired == 0
    assert [method for method, _ in cluster.requests].count("PATCH") == 1


async def test_a_change_whose_rollout_cannot_be_watched_is_unknown(cluster: Cluster, config: str) -> None:
    rights_but_watch = {f"{each.group}/{each.resource}:{each.verb}" for each in rights(Verb.RESTART, "deployment")}
    cluster.users = {"token-of-tocsin": User("tocsin", frozenset(rights_but_watch - {"apps/deployments:watch"}))}
    cluster.paused = True
    result = await target(config).run(RESTART, NOTHING)
    assert result.status == "unknown"
    assert result.output.startswith("the change was made, but how it goes on cannot be seen")
    assert 'verbs: ["watch"]' in result.remedy


async def test_a_revision_that_is_gone_when_it_is_to_run_is_not_replaced_by_another(
    cluster: Cluster, config: str
) -> None:
    cluster.deploy("booster", BAD)
    await cluster.settle()
    undo = on_booster(Verb.UNDO, arguments={"to_revision": "7"})
    result = await target(config).run(undo, Captured({"pinned": "7", "pinned_image": GOOD}))
    assert (result.status, "no revision 7 any more" in result.output) == ("failed", True)
    assert [method for method, _ in cluster.requests].count("PATCH") == 0


@pytest.mark.clause("M3", "M5")
@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"valueFrom": {"secretKeyRef": {"name": "pool", "key": "size"}}}, "secretKeyRef"),
        (None, "booster has none, proxy has 8"),
    ],
)
async def test_what_no_one_value_brings_back_is_not_offered_to_be_taken_back(
    cluster: Cluster, config: str, env: dict[str, object] | None, shown: str
) -> None:
    cluster.deploy("booster", GOOD, env=[{"name": "POOL", **env}] if env else [])
    if env is None:
        workload = copy.deepcopy(cluster.get("deployments", "agentic-flow", "booster"))
        proxy = {"name": "proxy", "image": "proxy:1", "env": [{"name": "POOL", "value": "8"}]}
        workload["spec"]["template"]["spec"]["containers"].append(proxy)
        cluster.put("deployments", workload)
    await cluster.settle()
    size = Parameter(name="value", kind=ParameterKind.INTEGER, default="500", optional=True)
    action = Action(
        id=ActionId("booster.pool"), clause="M3", title="Pool", target=TargetKind.KUBERNETES, verb=Verb.SET_ENV,
        workload="deployment/booster", namespace="agentic-flow", arguments={"name": "POOL", "value": "{value}"},
        parameters=(size,), changes=True, inverse=ActionId("booster.pool"),
    )  # fmt: skip
    before = await target(config).capture(render(action))
    assert "value" not in before.facts
    assert shown in before.facts["value_by_container"]
    assert taking_back(action, render(action), before.facts) is None


async def test_nothing_is_tried_twice(cluster: Cluster, config: str) -> None:
    await target(config).run(RESTART, NOTHING)
    assert [method for method, _ in cluster.requests].count("PATCH") == 1


async def test_an_undo_whose_revision_has_changed_meanwhile_is_not_made(cluster: Cluster, config: str) -> None:
    cluster.deploy("booster", BAD)
    await cluster.settle()
    undo = on_booster(Verb.UNDO, arguments={"to_revision": "1"})
    approved = Captured({"pinned": "1", "pinned_image": "booster:1.8.0"})
    result = await target(config).run(undo, approved)
    assert result.status == "failed"
    assert "runs booster:1.9.0 now, not booster:1.8.0" in result.output
    assert (
        cluster.get("deployments", "agentic-flow", "booster")["spec"]["template"]["spec"]["containers"][0]["image"]
        == BAD
    )


# Who we are, and what we may.


@pytest.mark.parametrize("user", [{"token": "wrong"}, {}])
async def test_a_cluster_that_does_not_know_us_is_said_so(tmp_path: Path, url: str, user: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match="does not know us") as refused:
        await target(kubeconfig(tmp_path, url, user)).capture(RESTART)
    assert refused.value.cause is Cause.UNAUTHORISED
    assert "token or certificate" in refused.value.remedy


@pytest.mark.parametrize(
    ("verb", "row"),
    [
        (Verb.RESTART, {}),
        (Verb.UNDO, {}),
        (Verb.SCALE, {"arguments": {"replicas": "3"}}),
        (Verb.SET_ENV, {"arguments": {"name": "A", "value": "B"}}),
        (Verb.SET_RESOURCES, {"arguments": {"memory": "4Gi"}}),
        (Verb.LOGS, {}),
        (Verb.HISTORY, {}),
        (Verb.EXEC, {"argv": ("true",)}),
        (Verb.GET, {}),
        (Verb.GET, {"workload": "", "arguments": {"what": "pods"}}),
    ],
)
@pytest.mark.parametrize("workload", ["deployment/booster", "statefulset/store"])
async def test_the_rights_of_the_table_are_enough_and_none_is_too_many(
    cluster: Cluster, config: str, workload: str, verb: Verb, row: dict[str, object]
) -> None:
    kind = workload.partition("/")[0]
    if kind == "statefulset" and verb in (Verb.UNDO, Verb.HISTORY):
        return  # Which it does not have.
    cluster.programs[("true",)] = Program()
    cluster.set_up("store", GOOD)
    action = on_booster(verb, **({"workload": workload} | row))
    needed = {
        f"{right.group}/{right.resource}:{right.verb}": right for right in rights(verb, kind if action.workload else "")
    }
    await _changed_by_somebody(cluster, workload, "first")
    cluster.users = {"token-of-tocsin": User("tocsin", frozenset(needed))}
    assert await _refused(target(config), action) is None
    for missing, right in needed.items():
        await _changed_by_somebody(cluster, workload, missing)
        cluster.users = {"token-of-tocsin": User("tocsin", frozenset(needed) - {missing})}
        cluster.paused = right.verb == "watch"  # Else a quick controller may leave nothing to wait for.
        remedy = await _refused(target(config), action)
        assert remedy is not None, f"{missing} was not missed"
        assert right.rule in remedy


async def _changed_by_somebody(cluster: Cluster, workload: str, what: str) -> None:
    """Have the workload be another one than before, so that whatever is done to it is a change."""
    kind, _, name = workload.partition("/")
    anew = copy.deepcopy(cluster.get(f"{kind}s", "agentic-flow", name))
    anew["spec"]["replicas"] = 2
    anew["spec"]["template"]["metadata"]["annotations"] = {"what": what}
    anew["spec"]["template"]["spec"]["containers"][0] = {"name": name, "image": f"{name}:{len(what)}"}
    cluster.put(f"{kind}s", anew)
    await cluster.settle()


async def _refused(one: KubernetesTarget, action: Rendered) -> str | None:
    """Answer the remedy of a refusal, wherever on the way it comes."""
    try:
        before = await one.capture(action)
    except Unreachable as error:
        return error.remedy
    result = await one.run(pinned(action, before.facts), before)
    return result.remedy if result.status != "succeeded" else None


async def test_a_cluster_that_cannot_prove_who_it_is_is_told_from_one_that_is_down(
    cluster: Cluster, tmp_path: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    stranger = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    async with serving_cluster(cluster, tls) as url:
        config = kubeconfig(tmp_path, url, **{"certificate-authority-data": stranger})
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED") as refused:
            await target(config).capture(RESTART)
    assert "certificate-authority" in refused.value.remedy


async def test_what_a_cluster_quotes_in_a_refusal_has_no_secret_in_it(tmp_path: Path) -> None:
    async def refuses(_: Request) -> Response:
        said = {"kind": "Status", "code": 422, "message": 'admission webhook "policy" denied it: password=hunter2'}
        return Response(422, json.dumps(said).encode())

    async with serving(refuses) as url:
        with pytest.raises(Unreachable) as refused:
            await target(kubeconfig(tmp_path, url)).capture(RESTART)
        result = await target(kubeconfig(tmp_path, url)).run(RESTART, NOTHING)
    assert refused.value.why.endswith("password=[redacted]")
    assert result.output.endswith("password=[redacted]")


async def test_a_cluster_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, f"http://127.0.0.1:{await free_port()}")
    with pytest.raises(Unreachable) as absent:
        await target(config).capture(RESTART)
    assert absent.value.cause is Cause.ABSENT
    assert (await target(config).run(RESTART, NOTHING)).status == "failed"


async def test_something_else_at_the_address_is_said_so(tmp_path: Path) -> None:
    async def page(_: Request) -> Response:
        return Response(200, b"<html>")

    async with serving(page) as url:
        with pytest.raises(Unreachable, match="not the API of Kubernetes"):
            await target(kubeconfig(tmp_path, url)).capture(RESTART)


async def test_a_change_that_nobody_answers_is_unknown_and_not_repeated(cluster: Cluster, tmp_path: Path) -> None:
    patches = []

    async def proxy(request: Request) -> Response:
        if request.method == "PATCH":
            patches.append(request)
            return Response(504, b"")
        return Response(200, json.dumps(cluster.get("deployments", "agentic-flow", "booster")).encode())

    async with serving(proxy) as url:
        result = await target(kubeconfig(tmp_path, url)).run(RESTART, NOTHING)
    assert result.status == "unknown"
    assert "look" in result.remedy
    assert len(patches) == 1


# The ways in.


async def test_another_context_leads_elsewhere_and_a_missing_one_nowhere(config: str) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        await target(config, "there").capture(RESTART)
    with pytest.raises(Unreachable, match='no context "nowhere"') as missing:
        await target(config, "nowhere").capture(RESTART)
    assert "here, there" in missing.value.remedy


@pytest.mark.parametrize("text", ["", "[]", "clusters: 5", "contexts: [{}]", "\0", "current-context: x"])
async def test_a_kubeconfig_that_is_none_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken"
    await asyncio.to_thread(path.write_text, text)
    with pytest.raises(Unreachable) as refused:
        await target(str(path)).capture(RESTART)
    assert refused.value.cause is Cause.ABSENT
    assert refused.value.remedy
    with pytest.raises(Unreachable, match="no kubeconfig"):
        await target(str(tmp_path / "none")).capture(RESTART)


async def test_a_token_may_lie_in_a_file_and_come_from_a_plug_in(tmp_path: Path, url: str) -> None:
    file = tmp_path / "token"
    await asyncio.to_thread(file.write_text, "token-of-tocsin\n")
    await target(kubeconfig(tmp_path, url, {"tokenFile": "token"})).capture(RESTART)
    credential = '{"kind": "ExecCredential", "status": {"token": "token-of-tocsin"}}'
    plug_in = {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo", "args": [credential]}
    await target(kubeconfig(tmp_path, url, {"exec": plug_in})).capture(RESTART)
    with pytest.raises(Unreachable, match="gave no credentials"):
        await target(kubeconfig(tmp_path, url, {"exec": {**plug_in, "args": ["nothing"]}})).capture(RESTART)
    with pytest.raises(Unreachable, match="cannot be run"):
        await target(kubeconfig(tmp_path, url, {"exec": {**plug_in, "command": "no-such-plug-in"}})).capture(RESTART)


async def test_a_token_is_not_sent_where_it_could_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="not encrypted"):
        await target(kubeconfig(tmp_path, "http://cluster.example:6443")).capture(RESTART)


async def test_certificates_prove_who_the_cluster_is_and_who_we_are(cluster: Cluster, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_OPTIONAL
    ours = authority.issue_cert("tocsin@example.org", common_name="tocsin")
    user = {
        "client-certificate-data": base64.b64encode(ours.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(ours.private_key_pem.bytes()).decode(),
    }
    right, wrong = (base64.b64encode(one.cert_pem.bytes()).decode() for one in (authority, stranger))
    cluster.programs[("true",)] = Program(out="well")
    async with serving_cluster(cluster, tls) as url:
        known = kubeconfig(tmp_path, url, user, **{"certificate-authority-data": right})
        assert (await target(known).capture(RESTART)).facts["image"] == GOOD
        assert (await target(known).run(on_booster(Verb.EXEC, argv=("true",)), NOTHING)).output == "well"
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await target(kubeconfig(tmp_path, url, user, **{"certificate-authority-data": wrong})).capture(RESTART)


async def test_in_a_pod_its_service_account_is_the_way(cluster: Cluster, tmp_path: Path) -> None:
    from tocsin.actions.kubernetes.access import access

    authority = trustme.CA()
    await asyncio.to_thread(authority.cert_pem.write_to_path, str(tmp_path / "ca.crt"))
    await asyncio.to_thread((tmp_path / "token").write_text, "token-of-tocsin")
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = await access("", "", environ, tmp_path)
    assert (found.server, found.token) == ("https://10.0.0.1:6443", "token-of-tocsin")


# Exec.


async def ran(config: str, *argv: str, changes: bool = True, limit: float = 20) -> Result:
    action = on_booster(Verb.EXEC, argv=argv, changes=changes, time_limit=TimeDelta(seconds=limit))
    return await target(config).run(action, NOTHING)


async def test_how_a_program_in_a_pod_ends_is_its_exit_status(cluster: Cluster, config: str) -> None:
    cluster.programs[("db", "stats")] = Program(out="rows 5\n", err="token=abc123\n", code=3)
    result = await ran(config, "db", "stats")
    assert (result.status, result.exit_status) == ("failed", 3)
    assert result.output.splitlines()[:2] == ["rows 5", "token=[redacted]"]
    assert (await ran(config, "no-such-program")).exit_status == 127


async def test_words_reach_the_pod_as_they_are(cluster: Cluster, config: str) -> None:
    words = ("say", "a b", "$(id)", "&x=1#", "ü")
    cluster.programs[words] = Program(out="heard")
    assert (await ran(config, *words)).output == "heard"


async def test_a_program_in_a_pod_that_hangs_or_breaks_off_is_unknown(cluster: Cluster, config: str) -> None:
    cluster.programs[("hang",)] = Program(out="begun", hangs=True)
    cluster.programs[("break",)] = Program(out="half", breaks_off=True)
    assert (await ran(config, "hang", limit=1)).status == "unknown"
    assert (await ran(config, "hang", limit=1, changes=False)).status == "failed"
    broken = await ran(config, "break")
    assert broken.status == "unknown"
    assert "half" in broken.output


async def test_a_program_in_a_pod_that_floods_is_no_longer_listened_to(cluster: Cluster, config: str) -> None:
    cluster.programs[("flood",)] = Program(floods=True)
    result = await ran(config, "flood", changes=False)
    assert result.status == "failed"
    assert "more than 16 MiB" in result.output


async def test_where_nothing_runs_nothing_is_run(cluster: Cluster, config: str) -> None:
    cluster.deploy("idle", GOOD, replicas=0)
    await cluster.settle()
    idle = on_booster(Verb.EXEC, workload="deployment/idle", argv=("true",))
    with pytest.raises(Unreachable, match="has no pods"):
        await target(config).capture(idle)
    named = on_booster(Verb.LOGS, container="sidecar")
    result = await target(config).run(named, NOTHING)
    assert (result.status, result.output) == ("failed", 'there is no container "sidecar"')
    assert "booster" in result.remedy


async def test_an_undo_of_a_stateful_set_is_not_pretended(cluster: Cluster, config: str) -> None:
    cluster.set_up("db", GOOD)
    await cluster.settle()
    with pytest.raises(Unreachable) as refused:
        await target(config).capture(on_booster(Verb.UNDO, workload="statefulset/db"))
    assert refused.value.cause is Cause.UNSUPPORTED
    assert (
        await target(config).run(on_booster(Verb.RESTART, workload="statefulset/db"), NOTHING)
    ).status == "succeeded"
