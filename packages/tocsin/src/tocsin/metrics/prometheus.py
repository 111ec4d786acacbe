"""Figures from Prometheus, by instant queries, and from health endpoints, by asking them.

No data is never taken for good news: whatever does not come out as one finite number comes out as no value and why.
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

import httpx
import msgspec
from whenever import Instant

from tocsin.core.outbound import AllowList
from tocsin.metrics.port import Figure

ANSWER_MAX: Final = 1024 * 1024
"""Bytes of an answer. One sample takes a few hundred; a query that selects a thousand series was not meant."""

AT_ONCE: Final = 8
"""Queries under way at the same time. Prometheus itself runs twenty, and others ask it too."""

_WHY_MAX: Final = 300


class PrometheusMeasurements:
    """Asks one Prometheus, and the health endpoints of an allow-list."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, probes: Iterable[str] = (), timeout_s: float = 10
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/api/v1/query"
        self._probes = AllowList(probes)
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer the one number that a query gives now, or gave then."""
        if source:
            return Figure(None, f'there is no source "{source}" here; name it in TOCSIN_PROMETHEUS_SOURCES')
        form = {"query": query, "timeout": f"{self._timeout_s:g}s"}
        if at is not None:
            form["time"] = f"{at.timestamp()}"
        try:
            async with self._turns, asyncio.timeout(self._timeout_s):
                status, body = await self._exchange("POST", self._url, form)
        except (httpx.TimeoutException, TimeoutError):
            return Figure(None, "Prometheus did not answer in time")
        except httpx.HTTPError as error:
            return Figure(None, f"Prometheus is unreachable: {type(error).__name__}")
        if len(body) > ANSWER_MAX:
            return Figure(None, "the answer is too large; the query must select one series")
        return _figure(status, body)

    async def probe(self, url: str) -> Figure:
        """Answer 1 if a health endpoint answers with 2xx, else 0 and why."""
        refusal = self._probes.refusal(url)
        if refusal:
            return Figure(0, refusal)
        try:
            async with self._turns, asyncio.timeout(self._timeout_s):
                status, _ = await self._exchange("GET", url, None)
        except (httpx.TimeoutException, TimeoutError):
            return Figure(0, "the health endpoint did not answer in time")
        except httpx.HTTPError as error:
            return Figure(0, f"the health endpoint is unreachable: {type(error).__name__}")
        return Figure(1) if httpx.codes.is_success(status) else Figure(0, f"the health endpoint answered {status}")

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _exchange(self, method: str, url: str, form: dict[str, str] | None) -> tuple[int, bytes]:
        """Make one request and read its answer, up to just beyond the limit. Redirects are not followed."""
        read = bytearray()
        async with self._http.stream(
            method,
            url,
            data=form,
            headers={"Accept-Encoding": "identity"},  # A small packed answer must not become a huge one.
            timeout=self._timeout_s,
            follow_redirects=False,
        ) as answer:
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > ANSWER_MAX:
                    break
        return answer.status_code, bytes(read)


class _Sample(msgspec.Struct):
    value: tuple[float, str] | None = None
    """Time and number; absent for a native histogram."""


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error_type: str = msgspec.field(default="", name="errorType")
    error: str = ""


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


def _figure(status: int, body: bytes) -> Figure:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status != "success":
            said = " ".join(f"{answer.error_type}: {answer.error}".split())
            return Figure(None, f"Prometheus refused the query: {said}"[:_WHY_MAX])
        if status == httpx.codes.OK and answer.data is not None:
            return _read(answer.data)
    except _UNREADABLE:
        pass  # Said below: whatever it was, it is no answer of Prometheus.
    return Figure(None, f"what answered {status} is not Prometheus; check the base URL")


def _read(data: _Data) -> Figure:
    match data.kind:
        case "scalar":
            return _number(_decoded(data, tuple[float, str])[1])
        case "vector":
            return _sample(_decoded(data, list[_Sample]))
        case kind:
            return Figure(None, f"the query gives a {kind}, not one number")


def _sample(samples: list[_Sample]) -> Figure:
    if not samples:
        return Figure(None, "no series matches the query")
    if len(samples) > 1:
        return Figure(None, f"the query gives {len(samples)} series; aggregate it to one")
    value = samples[0].value
    return _number(value[1]) if value else Figure(None, "the query gives a histogram, not one number")


def _number(text: str) -> Figure:
    value = float(text)
    if math.isnan(value):
        return Figure(None, "not a number: there was nothing to divide or to take a quantile of")
    if math.isinf(value):
        return Figure(None, f"{text} is no measurement: something was divided by zero")
    return Figure(value)


def _decoded(data: _Data, kind: Any) -> Any:
    return msgspec.json.decode(data.result, type=kind)
