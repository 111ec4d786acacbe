"""The stand-in for Kubernetes against the real ``kubectl``: what that client takes for a cluster, is enough of one."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trustme

from ..actions.clusters import kubeconfig
from .kubernetes import Cluster, Program, serving_cluster
from .kubernetes.patches import BadPatch, json_patch, merge, strategic

NS = "agentic-flow"


class Person:
    """Somebody with ``kubectl``."""

    def __init__(self, cluster: Cluster, config: str, home: Path) -> None:
        self.cluster = cluster
        self._environ = {"KUBECONFIG": config, "HOME": str(home), "PATH": os.environ["PATH"]}

    async def kubectl(self, *words: str, fails: bool = False) -> str:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            "-n",
            NS,
            *words,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
        assert bool(process.returncode) == fails, said
        return said

    async def version(self) -> int:
        said = json.loads(await self.kubectl("version", "--client", "-o", "json"))
        return int(said["clientVersion"]["minor"].rstrip("+"))

    def images(self) -> list[str]:
        return [one["spec"]["containers"][0]["image"] for one in self.cluster.listed("pods", NS)]


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    cluster = Cluster()
    cluster.deploy("booster", "booster:1.9.0")
    cluster.set_up("db", "db:1")
    await cluster.settle()
    authority, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    known = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
    async with serving_cluster(cluster, tls) as url:  # kubectl gives no token to a server that it cannot know.
        yield Person(cluster, kubeconfig(tmp_path, url, **known), tmp_path)


@pytest.mark.needs("kubectl")
async def test_kubectl_sees_what_there_is(person: Person) -> None:
    pods = await person.kubectl("get", "pods")
    assert pods.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert "booster" in await person.kubectl("get", "deployment/booster")
    assert "db" in await person.kubectl("get", "statefulset/db")
    assert '"nobody" not found' in await person.kubectl("get", "deployment/nobody", fails=True)
    person.cluster.lines["booster:1.9.0"] = ["one", "two", "three"]
    name = person.cluster.listed("pods", NS)[0]["metadata"]["name"]
    assert (await person.kubectl("logs", name, "--tail=2")).splitlines() == ["two", "three"]


@pytest.mark.needs("kubectl")
async def test_kubectl_rolls_out_and_back(person: Person) -> None:
    await person.kubectl("rollout", "restart", "deployment/booster")
    assert "successfully rolled out" in await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    person.cluster.deploy("booster", "booster:1.9.1")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    assert set(person.images()) == {"booster:1.9.1", "db:1"}
    history = await person.kubectl("rollout", "history", "deployment/booster")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3"]
    await person.kubectl("rollout", "undo", "deployment/booster", "--to-revision=1")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    assert set(person.images()) == {"booster:1.9.0", "db:1"}


@pytest.mark.needs("kubectl")
async def test_kubectl_falls_into_the_trap_that_tocsin_avoids(person: Person) -> None:
    person.cluster.deploy("booster", "booster:1.9.1")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    await person.kubectl("rollout", "restart", "deployment/booster")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    await person.kubectl("rollout", "undo", "deployment/booster")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    assert set(person.images()) == {"booster:1.9.1", "db:1"}, "undone, and as broken as before"


@pytest.mark.needs("kubectl")
async def test_kubectl_scales_and_sets(person: Person) -> None:
    await person.kubectl("scale", "deployment/booster", "--replicas=4")
    await person.kubectl("scale", "statefulset/db", "--replicas=3")
    await person.kubectl("set", "env", "deployment/booster", "MAX_CONNECTIONS=500", "MODE=x")
    await person.kubectl("set", "env", "deployment/booster", "MODE-")
    await person.kubectl("set", "resources", "deployment/booster", "--limits=memory=4Gi")
    await person.kubectl("rollout", "status", "deployment/booster", "--timeout=20s")
    spec = person.cluster.get("deployments", NS, "booster")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert (spec["replicas"], container["env"]) == (4, [{"name": "MAX_CONNECTIONS", "value": "500"}])
    assert container["resources"]["limits"] == {"memory": "4Gi"}
    assert len([image for image in person.images() if image == "db:1"]) == 3


@pytest.mark.needs("kubectl")
async def test_kubectl_runs_a_program_in_a_pod(person: Person) -> None:
    if await person.version() < 31:
        pytest.skip("a kubectl before 1.31 speaks SPDY")
    person.cluster.programs[("db", "stats")] = Program(out="rows 5\n", err="slow\n", code=3)
    said = await person.kubectl("exec", "deployment/booster", "--", "db", "stats", fails=True)
    assert {"rows 5", "slow", "command terminated with exit code 3"} <= set(said.splitlines())


@pytest.mark.needs("kubectl")
async def test_kubectl_tries_without_doing(person: Person) -> None:
    if await person.version() < 27:
        pytest.skip("a kubectl before 1.27 first asks for the API's description as protobuf")
    await person.kubectl("set", "env", "deployment/booster", "A=B", "--dry-run=server")
    assert person.cluster.get("deployments", NS, "booster")["spec"]["template"]["spec"]["containers"][0]["env"] == []


@pytest.mark.parametrize(
    ("kind", "body", "code", "says"),
    [
        ("application/json", b"{}", 415, "unknown format"),
        ("application/merge-patch+json", b"{", 400, "cannot be read"),
        ("application/merge-patch+json", b'{"spec": {"replicas": -1}}', 422, "greater than or equal to 0"),
        ("application/merge-patch+json", b'{"spec": {"replicas": "2"}}', 400, "int32"),
        ("application/merge-patch+json", b'{"metadata": {"resourceVersion": "1"}}', 409, "has been modified"),
        ("application/merge-patch+json", b'{"spec": {"selector": {"matchLabels": {"app": "x"}}}}', 422, "immutable"),
        (
            "application/json-patch+json",
            b'[{"op": "test", "path": "/spec/replicas", "value": 7}]',
            422,
            "testing value",
        ),
        ("application/strategic-merge-patch+json", b"[]", 422, "an object"),
        (
            "application/strategic-merge-patch+json",
            b'{"spec": {"template": {"spec": {"containers": [{"name": "booster", "env": [{"name": "A B"}]}]}}}}',
            422,
            "Invalid value",
        ),
        (
            "application/strategic-merge-patch+json",
            b'{"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}',
            422,
            "merge key",
        ),
    ],
)
async def test_what_the_api_refuses_is_refused(kind: str, body: bytes, code: int, says: str) -> None:
    cluster = Cluster()
    cluster.deploy("booster", "booster:1.9.0")
    async with serving_cluster(cluster) as url, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.patch(
            f"{url}/apis/apps/v1/namespaces/{NS}/deployments/booster",
            content=body,
            headers={"Content-Type": kind, "Authorization": "Bearer token-of-tocsin"},
        )
    assert answer.status_code == code, answer.text
    assert answer.json()["kind"] == "Status"
    assert says in answer.json()["message"]


def test_patches_do_what_the_rfcs_say() -> None:
    assert merge({"a": "b", "c": {"d": "e", "f": "g"}}, {"a": "z", "c": {"f": None}}) == {"a": "z", "c": {"d": "e"}}
    assert merge([1, 2], {"a": None}) == {}
    assert json_patch({"a": [1, 2]}, [{"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/a/0"}]) == {
        "a": [2, 3]
    }
    with pytest.raises(BadPatch):
        json_patch({}, [{"op": "replace", "path": "/a", "value": 1}])


def test_a_strategic_merge_takes_lists_apart_by_their_keys() -> None:
    before = {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}], "args": [1, 2]}
    patch = {
        "$setElementOrder/containers": [{"name": "a"}],
        "containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}, {"name": "X", "$patch": "delete"}]}],
        "args": [3],
    }
    assert strategic(before, patch) == {
        "containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "b"}],
        "args": [3],
    }
