"""The cluster's API: one request, bounded, and its refusals as what they mean and what mends them."""

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from tocsin.actions.kubernetes.access import Access
from tocsin.actions.kubernetes.rights import Right
from tocsin.actions.output import Output
from tocsin.actions.port import Cause, Unreachable

ANSWER_MAX: Final = 32 * 1024 * 1024
"""Bytes of an answer. A list of a thousand pods has some ten megabytes."""

STRATEGIC: Final = "application/strategic-merge-patch+json"
MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json-patch+json"
TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io, application/json"

_FIELD_MANAGER: Final = "tocsin"


class Lost(Exception):
    """A change was sent and no answer was heard: it may have been made."""


class Api:
    """A connection to the API for one action."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._http = httpx.AsyncClient(
            base_url=access.server,
            verify=access.tls
            or False,  # Without TLS there is nothing to verify, and the authorities take long to read.
            headers={"Accept-Encoding": "identity", **bearer(access)},
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - every action has a limit of its own around all that it does.
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, right: Right, accept: str = "application/json", **params: str) -> Any:
        """Read an object or a list of them."""
        return await self._document("GET", path, right, params, {"Accept": accept})

    async def patch(self, path: str, right: Right, kind: str, body: Any, *, dry_run: bool = False) -> Any:
        """Change an object, or let the server try whether it could be changed. Raises `Lost`."""
        params = {"fieldManager": _FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        headers = {"Content-Type": kind, "Accept": "application/json"}
        return await self._document("PATCH", path, right, params, headers, msgspec.json.encode(body))

    async def text(self, path: str, right: Right, **params: str) -> Output:
        """Read text, such as a log."""
        output = Output()
        async with self._answer("GET", path, right, params, {}) as answer:
            async for chunk in answer.aiter_raw():
                output.add(chunk)
                if output.total > ANSWER_MAX:
                    break
        return output

    async def watch(self, path: str, right: Right, **params: str) -> AsyncGenerator[dict[str, Any], None]:
        """Answer what changes, until the server ends the stream."""
        async with self._answer("GET", path, right, {**params, "watch": "true"}, {}) as answer:
            rest = b""
            async for chunk in answer.aiter_raw():
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > ANSWER_MAX:
                    return
                for line in lines:
                    if line.strip():
                        yield msgspec.json.decode(line)

    async def _document(
        self, method: str, path: str, right: Right, params: Mapping[str, str], headers: dict[str, str],
        content: bytes | None = None,
    ) -> Any:  # fmt: skip
        read = bytearray()
        async with self._answer(method, path, right, params, headers, content) as answer:
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > ANSWER_MAX:
                    raise Unreachable(Cause.REFUSED, "the answer is too large", "narrow the action down")
        try:
            return msgspec.json.decode(bytes(read))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _stranger(self.access, answer.status_code) from None

    def _answer(
        self, method: str, path: str, right: Right, params: Mapping[str, str], headers: dict[str, str],
        content: bytes | None = None,
    ) -> "_Answer":  # fmt: skip
        name = self.access.server_name
        request = self._http.build_request(
            method, path, params=params, headers=headers, content=content,
            extensions={"sni_hostname": name} if name else None,
        )  # fmt: skip
        return _Answer(self._http, request, self.access, right)


class _Answer:
    """An answer as it comes in; what is no success is raised as what it means."""

    def __init__(self, http: httpx.AsyncClient, request: httpx.Request, access: Access, right: Right) -> None:
        self._http = http
        self._request = request
        self._access = access
        self._right = right
        self._changes = request.method not in ("GET",) and "dryRun" not in request.url.params

    async def __aenter__(self) -> httpx.Response:
        try:
            self._response = await self._http.send(self._request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise absent(self._access, error) from None
        except httpx.HTTPError as error:
            if self._changes:
                raise Lost(f"the connection broke: {type(error).__name__}") from None
            raise absent(self._access, error) from None
        if not self._response.is_success:
            body = await self._beginning()
            await self._response.aclose()
            if self._changes and self._response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise Lost(f"the API answered {self._response.status_code}")
            raise refusal(self._access, self._right, self._response.status_code, body)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.aclose()
        if isinstance(error, httpx.HTTPError):
            if self._changes:
                raise Lost(f"the connection broke: {type(error).__name__}") from None
            raise absent(self._access, error) from None

    async def _beginning(self) -> bytes:
        read = bytearray()
        async for chunk in self._response.aiter_raw():
            read += chunk
            if len(read) > _REFUSAL_MAX:
                break
        return bytes(read[:_REFUSAL_MAX])


_REFUSAL_MAX: Final = 64 * 1024


def bearer(access: Access) -> dict[str, str]:
    """Answer the header that says who we are."""
    return {"Authorization": f"Bearer {access.token}"} if access.token else {}


def absent(access: Access, error: Exception) -> Unreachable:
    """Say that nobody answers."""
    why = f"{access.called} at {access.server} does not answer: {type(error).__name__}: {str(error)[:200]}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        remedy = "check certificate-authority and tls-server-name of the kubeconfig, or whether it is another cluster"
        return Unreachable(Cause.ABSENT, why, remedy)
    return Unreachable(Cause.ABSENT, why, "check that it is up, and the kubeconfig: kubectl cluster-info")


def refusal(access: Access, right: Right, status: int, body: bytes) -> Unreachable:
    """Say what a refusal means, and what would mend it."""
    message = _message(body)
    if message is None:
        return _stranger(access, status)
    match status:
        case 401:
            return Unreachable(
                Cause.UNAUTHORISED,
                f"{access.called} does not know us: {message}",
                "the token or certificate is wrong or has expired; give Tocsin a new one",
            )
        case 403:
            return Unreachable(
                Cause.FORBIDDEN, message, f"add to Tocsin's Role: {right.rule}; docs/kubernetes.md says why"
            )
        case 404:
            return Unreachable(Cause.NOT_FOUND, message, "check the workload's name and namespace in the playbook")
        case 409:
            return Unreachable(
                Cause.REFUSED, message, "somebody else changed it at the same moment; look, then ask again"
            )
        case 429:
            return Unreachable(Cause.REFUSED, f"the API asks to slow down: {message}", "ask again in a moment")
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unreachable(Cause.REFUSED, f"the API failed with {status}: {message}", "look at the cluster")
        case _:
            return Unreachable(Cause.REFUSED, message, "the values cannot be taken; choose others")


def _message(body: bytes) -> str | None:
    try:
        status = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return str(status.get("message") or "")[:1000] if status.get("kind") == "Status" else None


def _stranger(access: Access, status: int) -> Unreachable:
    why = f"what answers {status} at {access.server} is not the API of Kubernetes"
    return Unreachable(Cause.ABSENT, why, "check the cluster's address in the kubeconfig")
