"""The manifests: valid by the published schemas, whole, and no right more or less than the playbook needs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tocsin.actions.kubernetes.rights import Right, rights, table
from tocsin.cli.settings import load, strangers
from tocsin.core.actions import TargetKind
from tocsin.core.rules import Rulebook
from tocsin.playbook.load import load_rulebook, shipped

ROOT = Path(__file__).parents[4]
MANIFESTS = ROOT / "deploy/kubernetes"
PAGE = ROOT / "docs/kubernetes.md"
BEGIN, END = "<!-- rights: made by tocsin.actions.kubernetes.rights -->\n", "<!-- end of rights -->"
SCHEMAS = "1.32"
NAMED = {"deployments", "deployments/scale", "statefulsets", "statefulsets/scale"}
"""Resources whose rules can be narrowed to names, for whoever asks for one object by its name."""


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text()):
                yield path, document


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [document for _, document in documents() if document["kind"] in kinds]


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook(shipped("agentic-flow"))


@pytest.mark.parametrize(
    ("path", "document"),
    [pytest.param(path, one, id=f"{one['kind']}-{one['metadata']['name']}") for path, one in documents()],
)
def test_each_is_valid_by_the_published_schema(path: Path, document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, SCHEMAS, strict=True)
    assert document["kind"] == "Namespace" or document["metadata"]["namespace"], path


@pytest.mark.needs("kubectl")
def test_kustomize_renders_every_one_of_them() -> None:
    rendered = subprocess.run(["kubectl", "kustomize", str(MANIFESTS)], check=True, capture_output=True, text=True)
    found = {(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(rendered.stdout)}
    assert found == {(one["kind"], one["metadata"]["name"]) for _, one in documents()}


def test_every_workload_of_the_playbook_is_there_and_can_be_disturbed_and_reached(book: Rulebook) -> None:
    there = {f"{one['kind'].lower()}/{one['metadata']['name']}": one for one in of_kind("Deployment", "StatefulSet")}
    acted_upon = {action.workload for action in book.actions.values() if action.workload}
    assert acted_upon == there.keys() - {"deployment/tocsin"}
    for kind in ("Service", "PodDisruptionBudget"):
        assert {one["metadata"]["name"] for one in of_kind(kind)} == {name.partition("/")[2] for name in there}


@pytest.mark.parametrize(
    "workload", [pytest.param(one, id=one["metadata"]["name"]) for one in of_kind("Deployment", "StatefulSet")]
)
def test_every_pod_is_probed_bounded_and_without_power(workload: dict[str, Any]) -> None:
    spec = workload["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    for container in spec["containers"]:
        assert {"readinessProbe", "livenessProbe"} <= container.keys()
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert spec["automountServiceAccountToken"] == (workload["metadata"]["name"] == "tocsin")


def test_every_pod_is_behind_a_policy() -> None:
    policies = of_kind("NetworkPolicy")
    assert {one["metadata"]["namespace"] for one in policies} == {"tocsin", "agentic-flow"}
    (closed,) = [one for one in policies if one["spec"]["podSelector"] == {}]
    assert closed["spec"]["policyTypes"] == ["Ingress", "Egress"]


def needed(book: Rulebook) -> dict[Right, set[str]]:
    """What the playbook's actions ask of the cluster; of what can be narrowed, on which names."""
    found: dict[Right, set[str]] = {}
    for action in book.actions.values():
        if action.target is TargetKind.KUBERNETES:
            kind, _, name = action.workload.partition("/")
            for right in rights(action.verb, kind):
                found.setdefault(right, set()).update({name} if right.resource in NAMED else ())
    return found


def test_the_role_is_what_the_playbook_needs_and_nothing_more(book: Rulebook) -> None:
    (role,) = of_kind("Role")
    given: dict[Right, set[str]] = {}
    for rule in role["rules"]:
        for right in (Right(*which) for which in _each(rule)):
            given.setdefault(right, set()).update(rule.get("resourceNames", ()))
    assert given == needed(book)
    (binding,) = of_kind("RoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [(one["name"], one["namespace"]) for one in binding["subjects"]] == [("tocsin", "tocsin")]


def _each(rule: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield group, resource, verb


def test_the_page_says_why_each_right_is_needed() -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    written = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if os.environ.get("TOCSIN_WRITE_DOCS"):
        PAGE.write_text(written)
    assert text == written, "run this test again with TOCSIN_WRITE_DOCS=1, then look at the difference"


def test_the_settings_that_the_pod_is_given_are_settings() -> None:
    (config,) = of_kind("ConfigMap")
    assert strangers(config["data"]) == []
    settings = load(environ=config["data"])
    (claim,) = [one for one in of_kind("Deployment") if one["metadata"]["name"] == "tocsin"]
    mounts = claim["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert str(settings.database_path.parent) in [mount["mountPath"] for mount in mounts]
    assert settings.workloads == "kubernetes"
