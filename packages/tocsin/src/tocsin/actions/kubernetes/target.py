"""The cluster as a target: each verb as the requests that ``kubectl`` makes for it, one attempt, awaited to its end."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec
from whenever import Instant

from tocsin.actions.kubernetes import pods, rollout
from tocsin.actions.kubernetes.access import Access, access
from tocsin.actions.kubernetes.api import JSON, MERGE, STRATEGIC, Api, Lost
from tocsin.actions.kubernetes.rights import PATCH_DEPLOYMENT, PATCH_SET, READ_LOGS, SCALE_DEPLOYMENT, SCALE_SET, Right
from tocsin.actions.output import kept
from tocsin.actions.port import Captured, Cause, Result, Unreachable, broken_off
from tocsin.core.actions import READS, RUNS, Rendered, Verb
from tocsin.core.revisions import before_incident

CAPTURE_WITHIN_S: Final = 15.0
"""Seconds for reading the state before, and for a rehearsal: three or four short requests."""

READ_AFTER_S: Final = 5.0
"""Seconds to say how far a rollout has come that did not end in time."""


class _Change(msgspec.Struct, frozen=True):
    """One patch."""

    path: str
    right: Right
    kind: str
    body: Any


class KubernetesTarget:
    """Speaks to the cluster that a kubeconfig, or the pod's own service account, leads to."""

    def __init__(self, now: Callable[[], Instant], kubeconfig: str = "", context: str = "") -> None:
        self._now = now
        self._kubeconfig = kubeconfig
        self._context = context

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer the state before."""
        try:
            async with asyncio.timeout(CAPTURE_WITHIN_S), Api(await self._access()) as api:
                return Captured(await self._captured(api, action, since))
        except TimeoutError:
            raise Unreachable(Cause.TIMED_OUT, "the cluster does not answer in time", "check that it is up") from None

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Let the server try the change without making it (``dryRun=All``)."""
        if action.verb in READS | RUNS:
            return Result("succeeded", "there is nothing to rehearse in what reads, or in a program")
        try:
            async with asyncio.timeout(CAPTURE_WITHIN_S), Api(await self._access()) as api:
                change = await self._change(api, action, before)
                await api.patch(change.path, change.right, change.kind, change.body, dry_run=True)
        except Unreachable as error:
            return Result("failed", error.why, remedy=error.remedy)
        except TimeoutError:
            return Result("failed", "the cluster does not answer in time", remedy="check that it is up")
        return Result("succeeded", "the server would take the change")

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Do it, and stay until it is in place."""
        patched: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(action.time_limit_s), Api(await self._access()) as api:
                if action.verb in READS:
                    return await _read(api, action)
                if action.verb is Verb.EXEC:
                    return await _exec(api, action)
                change = await self._change(api, action, before)
                patched.append(await api.patch(change.path, change.right, change.kind, change.body))
                workload = await rollout.settled(api, action, await rollout.read(api, action))
                return await _result(api, action, workload)
        except Unreachable as error:
            made = "the change was made, but how it goes on cannot be seen: " if patched else ""
            return Result("unknown" if patched else "failed", f"{made}{error.why}", remedy=error.remedy)
        except (Lost, httpx.HTTPError) as error:
            return Result(broken_off(action), str(error), remedy="look at the workload before anything else is tried")
        except TimeoutError:
            return await self._late(action, bool(patched))

    async def close(self) -> None:
        """Nothing is held between actions."""

    async def _access(self) -> Access:
        return await access(self._kubeconfig, self._context)

    async def _captured(self, api: Api, action: Rendered, since: Instant | None) -> dict[str, str]:
        if not action.workload:
            return {}
        workload = await rollout.read(api, action)
        found = rollout.facts(workload, action)
        if action.verb is Verb.UNDO:
            found |= await _pinned(api, action, workload, since)
        if action.verb is Verb.EXEC:
            pods.container(pods.running(await pods.pods(api, action)), action)  # That there is one; which, may change.
        return found

    async def _change(self, api: Api, action: Rendered, before: Captured) -> _Change:
        workload = await rollout.read(api, action)
        is_set = action.workload.startswith("statefulset/")
        where, right = rollout.path(action), PATCH_SET if is_set else PATCH_DEPLOYMENT
        match action.verb:
            case Verb.SCALE:
                body: Any = {"spec": {"replicas": int(action.arguments["replicas"])}}
                return _Change(f"{where}/scale", SCALE_SET if is_set else SCALE_DEPLOYMENT, MERGE, body)
            case Verb.UNDO:
                template = await _template(api, action, workload, before)
                return _Change(where, right, JSON, [{"op": "replace", "path": "/spec/template", "value": template}])
            case Verb.RESTART:
                stamp = {rollout.RESTARTED: self._now().round("second").format_iso()}
                body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
            case Verb.SET_ENV:
                body = _in_containers(workload, action, {"env": [_variable(action.arguments)]})
            case Verb.SET_RESOURCES:
                limits = {name: action.arguments.get(name) for name in _limited(action)}
                body = _in_containers(workload, action, {"resources": {"limits": limits}})
            case verb:
                raise Unreachable(Cause.UNSUPPORTED, f"a cluster knows no {verb}", "use another target")
        return _Change(where, right, STRATEGIC, body)

    async def _late(self, action: Rendered, patched: bool) -> Result:
        """Say how far it has come, if that can still be heard."""
        if not patched:
            why = f"it did not end within {action.time_limit_s} s"
            return Result(broken_off(action), why, remedy="look at the workload before anything else is tried")
        try:
            async with asyncio.timeout(READ_AFTER_S), Api(await self._access()) as api:
                workload = await rollout.read(api, action)
        except (Unreachable, httpx.HTTPError, TimeoutError):
            return Result(
                "unknown", "the change was made; how it goes on cannot be seen", remedy="look at the workload"
            )
        why = f"the change was made, but is not in place after {action.time_limit_s} s: {rollout.progress(workload)[1]}"
        return Result(
            "failed", why, facts=rollout.facts(workload, action) | rollout.health(workload),
            remedy="look at its pods and logs; take the change back if it made things worse",
        )  # fmt: skip


async def _pinned(api: Api, action: Rendered, workload: dict[str, Any], since: Instant | None) -> dict[str, str]:
    known = await rollout.history(api, action, workload)
    current = int((workload["metadata"].get("annotations") or {}).get(rollout.REVISION, "0"))
    named = action.arguments.get("to_revision")
    if named is not None:
        found = next((one.revision for one in known if str(one.revision.number) == named), None)
        why = "named by the person who asks"
    else:
        wanted = before_incident((one.revision for one in known), current, since)
        found, why = (wanted.revision, wanted.why) if wanted else (None, "")
    if found is None:
        there = ", ".join(f"{one.revision.number} ({one.revision.image})" for one in known) or "none"
        what = (
            f"no revision {named}" if named is not None else "no revision from before the incident with anything else"
        )
        raise Unreachable(Cause.NOT_FOUND, f"there is {what}", f"name one of {there}, or deploy the release you want")
    return {"pinned": str(found.number), "pinned_image": found.image, "pinned_why": why}


async def _template(api: Api, action: Rendered, workload: dict[str, Any], before: Captured) -> dict[str, Any]:
    number = action.arguments.get("to_revision")
    if number is None:
        raise Unreachable(Cause.REFUSED, "no revision was pinned", "capture the state before, and pin what it found")
    known = await rollout.history(api, action, workload)
    found = next((one for one in known if str(one.revision.number) == number), None)
    if found is None:
        raise Unreachable(
            Cause.NOT_FOUND, f"there is no revision {number} any more", "look at the history and ask again"
        )
    approved = before.facts.get("pinned_image")
    if approved is not None and before.facts.get("pinned") == number and approved != found.revision.image:
        why = f"revision {number} runs {found.revision.image} now, not {approved}"
        raise Unreachable(Cause.REFUSED, why, "somebody changed the history; capture and approve anew")
    return found.template


def _in_containers(workload: dict[str, Any], action: Rendered, change: Mapping[str, Any]) -> dict[str, Any]:
    chosen = [{"name": one["name"], **change} for one in rollout.containers(workload, action)]
    return {"spec": {"template": {"spec": {"containers": chosen}}}}


def _variable(given: Mapping[str, str]) -> dict[str, Any]:
    if "value" not in given:
        return {"name": given["name"], "$patch": "delete"}
    # What came from a secret or a field before would stand beside the value, and the server would refuse both.
    return {"name": given["name"], "value": given["value"], "valueFrom": None}


def _limited(action: Rendered) -> list[str]:
    """Answer the limits that an action speaks of; one whose value was left out is taken away."""
    named = [name for name in ("memory", "cpu") if name in action.arguments or name in action.parameters]
    return named or ["memory"]


async def _read(api: Api, action: Rendered) -> Result:
    if action.verb is Verb.LOGS:
        return await _logs(api, action)
    if action.verb is Verb.GET:
        said, cut = kept(await pods.listed(api, action))
        return Result("succeeded", said, 0, cut)
    workload = await rollout.read(api, action)
    known = await rollout.history(api, action, workload)
    lines = [f"{'REVISION':<10}{'CREATED':<22}IMAGE"]
    for one in known:
        at = one.revision.at.format_iso() if one.revision.at else ""
        cause = f"  {one.cause}" if one.cause else ""
        lines.append(f"{one.revision.number:<10}{at:<22}{one.revision.image}{cause}")
    said, cut = kept("\n".join(lines))
    return Result("succeeded", said, 0, cut)


async def _logs(api: Api, action: Rendered) -> Result:
    """Read the newest pod: after a bad deployment it is the one that has something to say."""
    found = await pods.pods(api, action)
    pod = found[0]
    name = pod["metadata"]["name"]
    where = f"/api/v1/namespaces/{action.namespace}/pods/{name}/log"
    tail = action.arguments.get("tail", "100")
    said = await api.text(where, READ_LOGS, container=pods.container(pod, action), tailLines=tail)
    head = f"pod/{name}, the newest of {len(found)}"
    return Result("succeeded", f"{head}\n{said.text}".rstrip(), 0, said.truncated)


async def _exec(api: Api, action: Rendered) -> Result:
    from tocsin.actions.kubernetes.exec import execute  # noqa: PLC0415 - WebSocket is loaded for nothing else.

    pod = pods.running(await pods.pods(api, action))
    name, container = pod["metadata"]["name"], pods.container(pod, action)
    ended = await execute(api.access, action.namespace, name, container, action.argv)
    facts = {"pod": name, "container": container}
    if ended.code == 0:
        return Result("succeeded", ended.output.text, 0, ended.output.truncated, facts)
    said = "\n".join(part for part in (ended.output.text, f"[{ended.why}]") if part)
    return Result("failed", said, ended.code, ended.output.truncated, facts)


async def _result(api: Api, action: Rendered, workload: dict[str, Any]) -> Result:
    done, how = rollout.progress(workload)
    facts = rollout.facts(workload, action) | rollout.health(workload)
    if done:
        return Result("succeeded", f"{action.workload}: {facts['image']}, {how}", 0, facts=facts)
    why = rollout.stuck(workload) or how
    return Result(
        "failed", f"the change was made, but the rollout has given up: {why}; {how}", 1, facts=facts,
        remedy="look at its pods and logs; take the change back if it made things worse",
    )  # fmt: skip
