"""The API server: HTTP/1.1 with streams that do not end, and the upgrade to WebSocket for exec."""

import asyncio
import copy
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from . import documents, patches
from .checks import check
from .cluster import Cluster, Object, Refused, User, matching
from .exec import converse

_PATH = re.compile(
    r"/(?:api/v1|apis/apps/v1)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?"
)
CUT = b"\0cut"
_GROUPS = {"pods": "", "deployments": "apps", "statefulsets": "apps", "replicasets": "apps"}
_PATCHES = {
    "application/strategic-merge-patch+json": patches.strategic,
    "application/merge-patch+json": patches.merge,
    "application/json-patch+json": patches.json_patch,
}


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    params: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    common_name: str | None
    """Of the client's certificate."""

    def param(self, name: str) -> str:
        return self.params.get(name, [""])[0]


@dataclass
class Answered:
    """One answer; a stream has lines that come when they come."""

    code: int
    document: Any = None
    stream: AsyncIterator[bytes] | None = None
    text: bytes | None = None


@asynccontextmanager
async def serving_cluster(cluster: Cluster, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve until left, the controllers at work; answer the address."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _serve(cluster, reader, writer)
        except (ConnectionError, asyncio.CancelledError, h11.ProtocolError, asyncio.IncompleteReadError):
            pass  # The client has left, or the test is over.
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    work = asyncio.create_task(cluster.work())
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    finally:
        work.cancel()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(work, *tasks, return_exceptions=True)


async def _serve(cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER)
    while (asked := await _asked(connection, reader, writer)) is not None:
        cluster.requests.append((asked.method, asked.path))
        try:
            if asked.headers.get("upgrade", "").lower() == "websocket":
                await _upgraded(cluster, asked, reader, writer)
                return
            answer = _answer(cluster, asked)
        except Refused as refused:
            answer = Answered(
                refused.code, documents.status(refused.code, refused.reason, refused.message, refused.details)
            )
        await _send(connection, writer, answer)
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _asked(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Asked | None:
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            url = urlsplit(request.target.decode())
            headers = {name.decode().lower(): value.decode() for name, value in request.headers}
            peer = writer.get_extra_info("peercert") or {}
            names = {key: value for part in peer.get("subject", ()) for key, value in part}
            return Asked(
                request.method.decode(), unquote(url.path), parse_qs(url.query), headers, body, names.get("commonName")
            )
        elif event is h11.PAUSED:
            return None
        else:
            return None


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answered) -> None:
    if answer.stream is not None:
        headers = [("content-type", "application/json"), ("transfer-encoding", "chunked")]
        writer.write(connection.send(h11.Response(status_code=answer.code, headers=headers)) or b"")
        async for line in answer.stream:
            writer.write(connection.send(h11.Data(data=line)) or b"")
            await writer.drain()
            if line.endswith(CUT):
                raise ConnectionAbortedError
    else:
        kind = "application/json" if answer.text is None else "text/plain"
        body = answer.text if answer.text is not None else json.dumps(answer.document).encode()
        headers = [("content-type", kind), ("content-length", str(len(body)))]
        writer.write(connection.send(h11.Response(status_code=answer.code, headers=headers)) or b"")
        writer.write(connection.send(h11.Data(data=body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()


def _answer(cluster: Cluster, asked: Asked) -> Answered:
    user = _user(cluster, asked)
    if asked.path in documents.DISCOVERY:
        return Answered(200, documents.DISCOVERY[asked.path])
    space = re.fullmatch(r"/api/v1/namespaces/([^/]+)", asked.path)
    if space is not None and asked.method == "GET":
        return Answered(200, cluster.namespace(space[1]))
    found = _PATH.fullmatch(asked.path)
    if found is None or found["resource"] not in _GROUPS:
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    resource, namespace, name, sub = found["resource"], found["namespace"] or "", found["name"], found["sub"]
    if (resource == "pods") != asked.path.startswith("/api/"):
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    verb = _verb(asked, name)
    _may(user, resource, sub, verb, namespace, name)
    if name is None:
        return _many(cluster, asked, resource, namespace)
    match sub, asked.method:
        case None, "GET":
            return Answered(200, _shown(cluster, asked, resource, [cluster.get(resource, namespace, name)], one=True))
        case None, "PATCH" if resource in ("deployments", "statefulsets"):
            return Answered(200, _patched(cluster, asked, resource, namespace, name))
        case "scale", "GET" if resource in ("deployments", "statefulsets"):
            return Answered(200, documents.scale(cluster.get(resource, namespace, name)))
        case "scale", "PATCH" if resource in ("deployments", "statefulsets"):
            return Answered(200, _scaled(cluster, asked, resource, namespace, name))
        case "log", "GET" if resource == "pods":
            return Answered(200, text=_log(cluster, asked, namespace, name))
        case "exec", _ if resource == "pods":
            raise Refused(400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr, by an upgrade")
        case None | "scale", _:
            raise Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    raise Refused(404, "NotFound", "the server could not find the requested resource")


def _verb(asked: Asked, name: str | None) -> str:
    if asked.method == "GET":
        return "get" if name else "watch" if asked.param("watch") in ("true", "1") else "list"
    return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[asked.method]


def _user(cluster: Cluster, asked: Asked) -> User:
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer" and token in cluster.users:
        return cluster.users[token]
    if asked.common_name is not None:
        return next(
            (user for user in cluster.users.values() if user.name == asked.common_name),
            User(asked.common_name, frozenset()),
        )
    raise Refused(401, "Unauthorized", "Unauthorized")


def _may(user: User, resource: str, sub: str | None, verb: str, namespace: str, name: str | None) -> None:
    group = _GROUPS[resource]
    whole = f"{resource}/{sub}" if sub else resource
    if "*" in user.may or f"{group}/{whole}:{verb}" in user.may:
        return
    what = f"{resource}{'.' + group if group else ''}{f' {json.dumps(name)}' if name else ''}"
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    raise Refused(
        403, "Forbidden",
        f'{what} is forbidden: User "{user.name}" cannot {verb} resource "{whole}" in API group "{group}"{where}',
    )  # fmt: skip


def _many(cluster: Cluster, asked: Asked, resource: str, namespace: str) -> Answered:
    if asked.method != "GET":
        raise Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    chosen, name = matching(asked.param("labelSelector")), _field(asked)
    if asked.param("watch") in ("true", "1"):
        if cluster.expired:
            cluster.expired -= 1
            raise Refused(
                410, "Expired", f"too old resource version: {asked.param('resourceVersion')} ({cluster.version})"
            )
        return Answered(200, stream=_watch(cluster, asked, resource, namespace, chosen, name))
    items = [
        one for one in cluster.listed(resource, namespace) if chosen(one) and name in ("", one["metadata"]["name"])
    ]
    return Answered(200, _shown(cluster, asked, resource, items))


def _field(asked: Asked) -> str:
    selector = asked.param("fieldSelector")
    if not selector:
        return ""
    key, _, value = selector.partition("=")
    if key != "metadata.name":
        raise Refused(400, "BadRequest", f"field label not supported: {key}")
    return value.lstrip("=")


def _shown(cluster: Cluster, asked: Asked, resource: str, items: list[Object], one: bool = False) -> Object:
    if "as=Table" in asked.headers.get("accept", ""):
        return documents.table(resource, items, cluster.version)
    return items[0] if one else documents.listing(resource, items, cluster.version)


async def _watch(
    cluster: Cluster, asked: Asked, resource: str, namespace: str, chosen: Any, name: str
) -> AsyncIterator[bytes]:
    """Tell what changed since a version, and what changes from now on."""
    if cluster.cuts:
        cluster.cuts -= 1
        yield b'{"type": "MODIFI' + CUT
    since = int(asked.param("resourceVersion") or cluster.version)
    if not asked.param("resourceVersion"):
        for one in cluster.listed(resource, namespace):
            if chosen(one) and name in ("", one["metadata"]["name"]):
                yield json.dumps({"type": "ADDED", "object": one}).encode() + b"\n"
    loop = asyncio.get_running_loop()
    ends = loop.time() + min(float(asked.param("timeoutSeconds") or 300), 300)
    while loop.time() < ends:
        changed = cluster.changed
        for version, kind, of, one in list(cluster.events):
            mine = of == resource and namespace in ("", one["metadata"]["namespace"])
            if version > since and mine and chosen(one) and name in ("", one["metadata"]["name"]):
                yield json.dumps({"type": kind, "object": one}).encode() + b"\n"
        since = cluster.version
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                await changed.wait()


def _patched(cluster: Cluster, asked: Asked, resource: str, namespace: str, name: str) -> Object:
    old = cluster.get(resource, namespace, name)
    new = _applied(asked, old, tuple(_PATCHES))
    if new["metadata"]["name"] != name or new["metadata"]["namespace"] != namespace:
        raise Refused(400, "BadRequest", "the name of the object does not match the name on the URL")
    check(resource, new, old)
    new["status"] = copy.deepcopy(old["status"])  # Which a patch of the object itself cannot touch.
    return new if _is_dry(asked) else cluster.put(resource, new)


def _scaled(cluster: Cluster, asked: Asked, resource: str, namespace: str, name: str) -> Object:
    old = cluster.get(resource, namespace, name)
    wanted = _applied(asked, documents.scale(old), tuple(_PATCHES)[1:])
    new = copy.deepcopy(old)
    new["spec"]["replicas"] = wanted["spec"]["replicas"]
    check(resource, new, old)
    return documents.scale(new if _is_dry(asked) else cluster.put(resource, new))


def _applied(asked: Asked, old: Object, kinds: tuple[str, ...]) -> Object:
    kind = asked.headers.get("content-type", "").partition(";")[0]
    if kind not in kinds:
        raise Refused(
            415, "UnsupportedMediaType",
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(kinds)}",
        )  # fmt: skip
    try:
        new: Object = _PATCHES[kind](copy.deepcopy(old), json.loads(asked.body))
        return new
    except patches.BadPatch as error:
        raise Refused(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(400, "BadRequest", f"the patch cannot be read: {error}") from None


def _is_dry(asked: Asked) -> bool:
    dry = asked.param("dryRun")
    if dry not in ("", "All"):
        raise Refused(
            422, "Invalid", f'PatchOptions is invalid: dryRun: Unsupported value: "{dry}": supported values: "All"'
        )
    return bool(dry)


def container_of(pod: Object, asked: Asked) -> str:
    """The container that is asked for; if there are several, it must be named."""
    names = [one["name"] for one in pod["spec"]["containers"]]
    wanted = asked.param("container")
    if not wanted and len(names) > 1:
        raise Refused(
            400,
            "BadRequest",
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: {names}",
        )
    if wanted and wanted not in names:
        raise Refused(400, "BadRequest", f"container {wanted} is not valid for pod {pod['metadata']['name']}")
    return wanted or names[0]


def _log(cluster: Cluster, asked: Asked, namespace: str, name: str) -> bytes:
    pod = cluster.get("pods", namespace, name)
    wanted = container_of(pod, asked)
    image = next(one["image"] for one in pod["spec"]["containers"] if one["name"] == wanted)
    lines = cluster.lines.get(image, [])
    tail = asked.param("tailLines")
    if tail and not re.fullmatch(r"\d+", tail):
        raise Refused(400, "BadRequest", "tailLines must be a number that is not negative")
    kept = lines[len(lines) - min(int(tail), len(lines)) :] if tail else lines
    return "".join(f"{line}\n" for line in kept).encode()


async def _upgraded(cluster: Cluster, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse an exec with a plain answer, or go on in WebSocket."""
    try:
        user, found = _user(cluster, asked), _PATH.fullmatch(asked.path)
        if found is None or found["resource"] != "pods" or found["sub"] != "exec":
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        for verb in ("get", "create"):
            _may(user, "pods", "exec", verb, found["namespace"], found["name"])
        pod = cluster.get("pods", found["namespace"], found["name"])
        container = container_of(pod, asked)
        argv = tuple(asked.params.get("command", ()))
        if not argv:
            raise Refused(400, "BadRequest", "you must specify at least 1 command for the container")
        if pod["status"]["phase"] != "Running":
            raise Refused(500, "InternalError", "container not found")
    except Refused as refused:
        body = json.dumps(documents.status(refused.code, refused.reason, refused.message, refused.details)).encode()
        head = (
            f"HTTP/1.1 {refused.code} Refused\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        return
    cluster.executed.append((found["name"], container, argv))
    await converse(cluster, asked.headers, argv, reader, writer)
