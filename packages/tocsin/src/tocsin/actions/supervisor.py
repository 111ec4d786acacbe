"""The supervisor of services on one machine: a cluster's verbs without a cluster, over its control address.

It writes its address and its token into its state directory (``control.json``, ``token``); both are read anew for each
action, since a supervisor that was started again listens elsewhere. A change there answers when it is in place.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from whenever import Instant

from tocsin.actions.output import kept
from tocsin.actions.port import Captured, Cause, Result, Unreachable, broken_off
from tocsin.core.actions import CARRIED, Rendered, TargetKind, Verb
from tocsin.core.rendering import mebibytes
from tocsin.core.revisions import Revision, before_incident

ANSWER_MAX: Final = 8 * 1024 * 1024
"""Bytes of an answer. Five thousand lines of a log have less."""

READY_WITHIN_S: Final = 6.0
"""Seconds that replicas get to become ready after a change; a service starts in one or two."""

ASKS_EVERY_S: Final = 0.25
_CAPTURE_WITHIN_S: Final = 10.0


class _Revision(msgspec.Struct):
    number: int
    cause: str = ""
    at: str = ""
    release: str = ""
    environment: dict[str, str] = {}
    memory_mib: int | None = None


class _Process(msgspec.Struct):
    name: str
    status: str = ""
    release: str = ""
    error: str | None = None


class _Service(msgspec.Struct):
    service: str
    replicas: int
    ready: int
    revision: int
    release: str
    rollout: str
    processes: list[_Process] = []
    history: list[_Revision] = []


class _Lines(msgspec.Struct):
    lines: list[str]


class _Problem(msgspec.Struct):
    detail: str = ""
    remedy: str = ""


class _Control(msgspec.Struct):
    url: str


class SupervisorTarget:
    """Speaks to the supervisor whose state directory it is given."""

    def __init__(self, http: httpx.AsyncClient, state: Path, ready_within_s: float = READY_WITHIN_S) -> None:
        self._http = http
        self._state = state
        self._ready_within_s = ready_within_s

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer the state before."""
        if action.verb not in CARRIED[TargetKind.SUPERVISOR]:
            raise Unreachable(
                Cause.UNSUPPORTED, f"the supervisor has no {action.verb}", "use a cluster for this action"
            )
        if not action.workload:
            await self._ask("GET", "", list[_Service], _CAPTURE_WITHIN_S)
            return Captured()
        service = await self._service(action)
        facts = _facts(service, action)
        if action.verb is Verb.UNDO:
            facts |= _pinned(service, action, since)
        return Captured(facts)

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Say that the supervisor has no dry run, once it is known to know the service."""
        return Result("succeeded", "the supervisor cannot rehearse; the service is there")

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Give the order."""
        made: list[_Service] = []
        try:
            async with asyncio.timeout(action.time_limit_s):
                return await self._run(action, made)
        except Unreachable as error:
            so_far = "the change was made, but how it goes on cannot be seen: " if made else ""
            return Result("unknown" if made else "failed", f"{so_far}{error.why}", remedy=error.remedy)
        except (TimeoutError, httpx.HTTPError):
            return Result(
                broken_off(action),
                "the supervisor gave no whole answer",
                remedy="look at the service: agentic-flow get",
            )

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _run(self, action: Rendered, made: list[_Service]) -> Result:
        within = float(action.time_limit_s)
        if action.verb is Verb.LOGS:
            lines = await self._ask(
                "GET", f"/{_name(action)}/logs?tail={action.arguments.get('tail', '100')}", _Lines, within
            )
            return _said("\n".join(lines.lines))
        if action.verb is Verb.GET and not action.workload:
            services = await self._ask("GET", "", list[_Service], within)
            return _said("\n".join(_told(service) for service in services))
        if action.verb in (Verb.GET, Verb.HISTORY):
            service = await self._service(action)
            return _said(_told(service) if action.verb is Verb.GET else _history(service))
        verb, order = _order(action)
        made.append(await self._ask("POST", f"/{_name(action)}/{verb}", _Service, within, order))
        return _changed(await self._settled(action, made[0]), action)

    async def _settled(self, action: Rendered, service: _Service) -> _Service:
        """Ask until every replica is ready, or there is no more patience."""
        try:
            async with asyncio.timeout(self._ready_within_s):
                while service.ready < service.replicas:
                    await asyncio.sleep(ASKS_EVERY_S)
                    service = await self._service(action)
        except TimeoutError:
            pass  # How it is now is the answer.
        return service

    async def _service(self, action: Rendered) -> _Service:
        found: _Service = await self._ask("GET", f"/{_name(action)}", _Service, _CAPTURE_WITHIN_S)
        return found

    async def _ask(
        self, method: str, path: str, kind: type[Any], within: float, order: Mapping[str, Any] | None = None
    ) -> Any:
        url, token = self._address()
        try:
            async with asyncio.timeout(within):
                answer = await self._http.request(
                    method,
                    f"{url}/services{path}",
                    content=None if order is None else msgspec.json.encode(order),
                    headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
                    timeout=within,
                    follow_redirects=False,
                )
        except httpx.ConnectError:
            raise Unreachable(Cause.ABSENT, f"no supervisor listens at {url}", "start one: agentic-flow up") from None
        except (httpx.HTTPError, TimeoutError):
            if order is not None:
                raise
            raise Unreachable(Cause.TIMED_OUT, f"the supervisor at {url} does not answer", "look at it") from None
        if order is not None and answer.is_server_error:
            answer.raise_for_status()  # It stumbled over the order: how far it came, nobody knows.
        return _read(answer, kind, url)

    def _address(self) -> tuple[str, str]:
        try:
            control = msgspec.json.decode((self._state / "control.json").read_bytes(), type=_Control)
            token = (self._state / "token").read_text(encoding="utf8").strip()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            raise Unreachable(
                Cause.ABSENT,
                f"no supervisor has announced itself in {self._state}",
                "start one with agentic-flow up, or point TOCSIN_SUPERVISOR_STATE to its state directory",
            ) from None
        return control.url, token


_CAUSES: Final = {401: Cause.UNAUTHORISED, 403: Cause.FORBIDDEN, 404: Cause.NOT_FOUND}


def _read(answer: httpx.Response, kind: type[Any], url: str) -> Any:
    try:
        if answer.is_success and len(answer.content) <= ANSWER_MAX:
            return msgspec.json.decode(answer.content, type=kind)
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreachable(
            Cause.REFUSED, f"what answers at {url} is no supervisor", "check the state directory"
        ) from None
    raise Unreachable(_CAUSES.get(answer.status_code, Cause.REFUSED), problem.detail, problem.remedy)


def _name(action: Rendered) -> str:
    kind, _, name = action.workload.partition("/")
    if kind != "deployment":
        raise Unreachable(Cause.UNSUPPORTED, f"the supervisor has no {kind}", "it runs deployments only")
    return name


def _order(action: Rendered) -> tuple[str, dict[str, Any]]:
    given = action.arguments
    match action.verb:
        case Verb.RESTART:
            return "restart", {}
        case Verb.UNDO if "to_revision" in given:
            return "undo", {"to_revision": int(given["to_revision"])}
        case Verb.UNDO:
            raise Unreachable(
                Cause.REFUSED, "no revision was pinned", "capture the state before, and pin what it found"
            )
        case Verb.SCALE:
            return "scale", {"replicas": int(given["replicas"])}
        case Verb.SET_ENV:
            return "env", {"set": {given["name"]: given.get("value")}}
        case Verb.SET_RESOURCES if "cpu" not in given:
            return "resources", {"memory_mib": mebibytes(given["memory"]) if "memory" in given else None}
        case verb:
            raise Unreachable(Cause.UNSUPPORTED, f"the supervisor has no {verb}", "use another action")


def _facts(service: _Service, action: Rendered) -> dict[str, str]:
    """Answer what a service is set to. An approval signs it, so nothing is in it that changes by itself."""
    facts = {
        "replicas": str(service.replicas),
        "revision": str(service.revision),
        "image": service.release,
    }
    now = next((one for one in service.history if one.number == service.revision), None)
    if now is not None and action.verb is Verb.SET_ENV and action.arguments["name"] in now.environment:
        facts["value"] = now.environment[action.arguments["name"]]
    if now is not None and action.verb is Verb.SET_RESOURCES and now.memory_mib is not None:
        facts["memory"] = f"{now.memory_mib}Mi"
    return facts


def _pinned(service: _Service, action: Rendered, since: Instant | None) -> dict[str, str]:
    history = [_revision(one) for one in service.history]
    named = action.arguments.get("to_revision")
    if named is not None:
        found = next((one for one in history if str(one.number) == named), None)
        why = "named by the person who asks"
    else:
        wanted = before_incident(history, service.revision, since)
        found, why = (wanted.revision, wanted.why) if wanted else (None, "")
    if found is None:
        known = ", ".join(f"{one.number} ({one.image})" for one in history)
        raise Unreachable(
            Cause.NOT_FOUND,
            "there is no revision from before the incident that runs something else"
            if named is None
            else f"there is no revision {named}",
            f"name one of {known}, or deploy the release you want",
        )
    return {"pinned": str(found.number), "pinned_image": found.image, "pinned_why": why}


def _revision(one: _Revision) -> Revision:
    template = msgspec.json.encode((one.release, one.environment, one.memory_mib), order="sorted")
    try:
        at = Instant.parse_iso(one.at)
    except ValueError:
        at = None
    return Revision(one.number, one.release, hashlib.sha256(template).hexdigest(), at)


def _changed(service: _Service, action: Rendered) -> Result:
    said, cut = kept(_told(service))
    facts = _facts(service, action) | {"ready": str(service.ready)}
    if service.rollout == "complete" and service.ready >= service.replicas:
        return Result("succeeded", said, 0, cut, facts)
    why = f"the change is made, but the rollout is {service.rollout}: {service.ready} of {service.replicas} ready"
    return Result(
        "failed", f"{why}\n{said}", 1, cut, facts, "read the logs; take the change back if it made things worse"
    )


def _said(text: str) -> Result:
    said, cut = kept(text)
    return Result("succeeded", said, 0, cut)


def _told(service: _Service) -> str:
    lines = [
        f"{service.service}: release {service.release}, revision {service.revision}, "
        f"{service.ready}/{service.replicas} ready, rollout {service.rollout}"
    ]
    for process in service.processes:
        error = f"  {process.error}" if process.error else ""
        lines.append(f"  {process.name}  {process.status}  release {process.release}{error}")
    return "\n".join(lines)


def _history(service: _Service) -> str:
    return "\n".join(f"{one.number:>3}  {one.release:<12}  {one.at}  {one.cause}" for one in service.history)
