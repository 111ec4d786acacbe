"""The supervisor's own HTTP interface: for local callers with the token.

GET  /services                    all of them          GET  /services/NAME             one
GET  /services/NAME/logs?tail=N   its last lines       GET  /targets                   for Prometheus' HTTP discovery
POST /services/NAME/VERB          restart, undo, scale, env, resources, deploy, reload, fault, clear-faults
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentic_flow.chassis.faults import FaultOrder, require_local, require_token
from agentic_flow.chassis.problem import Problem, decode, read_body
from agentic_flow.supervisor import revisions
from agentic_flow.supervisor.catalog import Service, short_name
from agentic_flow.supervisor.deployment import Deployment
from agentic_flow.supervisor.limits import MAX_CONTROL_BODY_BYTES, MAX_LOG_LINES
from agentic_flow.supervisor.revisions import OrderRefused


class UndoOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Go back, to a revision if one is named."""

    to_revision: int | None = None


class ScaleOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Run so many replicas."""

    replicas: int


class EnvironmentOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Set variables; null removes one."""

    set: dict[str, str | None]


class ResourcesOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Bound the memory of each replica; null lifts the bound."""

    memory_mib: int | None


class DeployOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Run another release; with `gate`, only if it proves healthy before the old one is stopped."""

    release: str
    gate: bool = False


Verb = Callable[[Service, Deployment, bytes], Awaitable[Any]]


class ControlDesk:
    """Takes orders."""

    def __init__(self, services: dict[str, Service], token: str, http: httpx.AsyncClient) -> None:
        self.deployments: dict[str, Deployment] = {}
        self._services = services
        self._token = token
        self._http = http
        self._verbs: dict[str, Verb] = {
            "restart": self._restart,
            "undo": self._undo,
            "scale": self._scale,
            "env": self._set_environment,
            "resources": self._set_resources,
            "deploy": self._deploy,
            "reload": self._reload,
            "fault": self._fault,
            "clear-faults": self._clear_faults,
        }

    def routes(self) -> list[Route]:
        """Give the paths."""
        return [
            Route("/services", self._all),
            Route("/services/{name}", self._one),
            Route("/services/{name}/logs", self._logs),
            Route("/services/{name}/{verb}", self._order, methods=["POST"]),
            Route("/targets", self._targets),
        ]

    async def _all(self, request: Request) -> Response:
        self._admit(request)
        return _json([await deployment.describe() for deployment in self.deployments.values()])

    async def _one(self, request: Request) -> Response:
        self._admit(request)
        _, deployment = self._find(request)
        return _json(await deployment.describe())

    async def _logs(self, request: Request) -> Response:
        self._admit(request)
        _, deployment = self._find(request)
        tail = request.query_params.get("tail", "100")
        if not tail.isdecimal() or len(tail) > len(str(MAX_LOG_LINES)):
            raise Problem(422, "Unexpected number", f"tail is {tail[:20]!r}.", f"Use 0 to {MAX_LOG_LINES}.")
        return _json({"lines": deployment.logs(int(tail))})

    async def _order(self, request: Request) -> Response:
        self._admit(request)
        service, deployment = self._find(request)
        verb = self._verbs.get(request.path_params["verb"])
        if verb is None:
            raise Problem(404, "No such verb", "The service is not told so.", f"Use {', '.join(self._verbs)}.")
        body = await read_body(request, MAX_CONTROL_BODY_BYTES)
        try:
            # An order once begun is carried out, whether or not its caller stays to hear how it ended.
            return _json(await asyncio.shield(asyncio.ensure_future(verb(service, deployment, body or b"{}"))))
        except OrderRefused as refused:
            raise Problem(422, "Order refused", refused.sentence, refused.remedy) from None

    async def _targets(self, request: Request) -> Response:
        require_local(request)
        return _json(
            [
                {
                    "targets": [replica.url.removeprefix("http://")],
                    "labels": {"job": self._services[name].deployment, "replica": replica.name},
                }
                for name, deployment in self.deployments.items()
                for replica in deployment.replicas
            ]
        )

    async def _restart(self, service: Service, deployment: Deployment, _: bytes) -> Any:
        return await self._change(service, deployment, revisions.restart)

    async def _undo(self, service: Service, deployment: Deployment, body: bytes) -> Any:
        order = decode(UndoOrder, body)
        return await self._change(service, deployment, lambda plan, at: revisions.undo(plan, order.to_revision, at))

    async def _scale(self, _: Service, deployment: Deployment, body: bytes) -> Any:
        order = decode(ScaleOrder, body)
        return await deployment.scale(lambda plan: revisions.scale(plan, order.replicas))

    async def _set_environment(self, service: Service, deployment: Deployment, body: bytes) -> Any:
        order = decode(EnvironmentOrder, body)
        return await self._change(service, deployment, lambda plan, at: revisions.set_environment(plan, order.set, at))

    async def _set_resources(self, service: Service, deployment: Deployment, body: bytes) -> Any:
        order = decode(ResourcesOrder, body)
        return await self._change(
            service, deployment, lambda plan, at: revisions.set_memory(plan, order.memory_mib, at)
        )

    async def _deploy(self, service: Service, deployment: Deployment, body: bytes) -> Any:
        order = decode(DeployOrder, body)
        service.require_release(order.release)
        return await self._change(
            service, deployment, lambda plan, at: revisions.deploy(plan, order.release, at), order.gate
        )

    async def _reload(self, _: Service, deployment: Deployment, __: bytes) -> Any:
        deployment.reload()
        return await deployment.describe()

    async def _fault(self, _: Service, deployment: Deployment, body: bytes) -> Any:
        decode(FaultOrder, body)
        return await self._tell_replicas(deployment, "POST", body)

    async def _clear_faults(self, _: Service, deployment: Deployment, __: bytes) -> Any:
        return await self._tell_replicas(deployment, "DELETE", b"")

    async def _change(
        self,
        service: Service,
        deployment: Deployment,
        step: Callable[[revisions.Plan, str], revisions.Plan],
        gate: bool = False,
    ) -> Any:
        described = await deployment.change(step, gate)
        service.activate(deployment.plan.current.release)
        return described

    async def _tell_replicas(self, deployment: Deployment, method: str, body: bytes) -> Any:
        """Faults live in a process: each replica is told at its own address."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answers = {}
        for replica in deployment.replicas:
            try:
                answer = await self._http.request(method, f"{replica.url}/admin/faults", content=body, headers=headers)
            except httpx.HTTPError as error:
                raise Problem(502, "Replica silent", f"{replica.name}: {type(error).__name__}", "Try again.") from None
            if answer.is_error:
                told = answer.json()
                raise Problem(answer.status_code, told["title"], f"{replica.name}: {told['detail']}", told["remedy"])
            answers[replica.name] = answer.json()["active"]
        return {"active": answers}

    def _admit(self, request: Request) -> None:
        require_local(request)
        require_token(request, self._token)

    def _find(self, request: Request) -> tuple[Service, Deployment]:
        name = short_name(request.path_params["name"])
        if name not in self.deployments:
            raise Problem(404, "No such service", f"There is no {name[:40]!r}.", f"Use {', '.join(self.deployments)}.")
        return self._services[name], self.deployments[name]


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
