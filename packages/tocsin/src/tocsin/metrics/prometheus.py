"""Figures from Prometheus, by instant queries and over a span, and from health endpoints, by asking them.

No data is never taken for good news: whatever does not come out as one finite number comes out as no value and why.
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

import httpx
import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.limits import HISTORY_POINTS_MAX
from tocsin.core.outbound import AllowList
from tocsin.metrics.port import Figure, History, Series

_NO_SOURCE: Final = 'there is no source "{}" here; name it in TOCSIN_PROMETHEUS_SOURCES'

ANSWER_MAX: Final = 1024 * 1024
"""Bytes of an answer. One sample takes a few hundred; a query that selects a thousand series was not meant."""

AT_ONCE: Final = 8
"""Queries under way at the same time. Prometheus itself runs twenty, and others ask it too."""

SERIES_MAX: Final = 50
"""Series taken of one answer over a span: a baseline compares a few."""

_WHY_MAX: Final = 300


class PrometheusMeasurements:
    """Asks one Prometheus, and the health endpoints of an allow-list."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, probes: Iterable[str] = (), timeout_s: float = 10
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/api/v1/query"
        self._range_url = f"{base_url.rstrip('/')}/api/v1/query_range"
        self._probes = AllowList(probes)
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer the one number that a query gives now, or gave then."""
        if source:
            return Figure(None, _NO_SOURCE.format(source))
        form = {"query": query}
        if at is not None:
            form["time"] = f"{at.timestamp()}"
        answer = await self._asked(self._url, form)
        return Figure(None, answer) if isinstance(answer, str) else _figure(*answer)

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        """Answer how a query went between two instants, at no more points than are asked for at once."""
        if source:
            return History(why=_NO_SOURCE.format(source))
        step_s = max(every.total("seconds"), (until - since).total("seconds") / HISTORY_POINTS_MAX, 0.001)
        form = {
            "query": query,
            "start": f"{since.timestamp(unit='millisecond') / 1000:.3f}",
            "end": f"{until.timestamp(unit='millisecond') / 1000:.3f}",
            "step": f"{step_s:.3f}",
        }
        answer = await self._asked(self._range_url, form)
        return History(why=answer) if isinstance(answer, str) else _history(*answer)

    async def _asked(self, url: str, form: dict[str, str]) -> tuple[int, bytes] | str:
        """Answer status and body, or why there is no answer."""
        timed = form | {"timeout": f"{self._timeout_s:g}s"}
        try:
            async with self._turns, asyncio.timeout(self._timeout_s):
                status, body = await self._exchange("POST", url, timed)
        except (httpx.TimeoutException, TimeoutError):
            return "Prometheus did not answer in time"
        except httpx.HTTPError as error:
            return f"Prometheus is unreachable: {type(error).__name__}"
        if len(body) > ANSWER_MAX:
            return "the answer is too large; the query must select one series"
        return status, body

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


class _Row(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    """Absent for native histograms."""


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
        found = _data(status, body)
        return Figure(None, found) if isinstance(found, str) else _read(found)
    except _UNREADABLE:
        return Figure(None, _STRANGER.format(status=status))


def _history(status: int, body: bytes) -> History:
    try:
        found = _data(status, body)
        if isinstance(found, str):
            return History(why=found)
        if found.kind != "matrix":
            return History(why=f"the query gives a {found.kind} over a span")
        rows: list[_Row] = _decoded(found, list[_Row])
        series = tuple(Series(row.metric, _points(row.values)) for row in rows[:SERIES_MAX])
    except _UNREADABLE:
        return History(why=_STRANGER.format(status=status))
    return History(series, "" if series else "no series matches the query in that span")


def _points(values: list[tuple[float, str]]) -> tuple[tuple[Instant, float], ...]:
    read = ((at, float(text)) for at, text in values)
    return tuple((Instant.from_timestamp(at), value) for at, value in read if math.isfinite(value))


_STRANGER: Final = "what answered {status} is not Prometheus; check the base URL"


def _data(status: int, body: bytes) -> _Data | str:
    """Answer what was found, or why there is nothing."""
    answer = msgspec.json.decode(body, type=_Answer)
    if answer.status != "success":
        said = " ".join(f"{answer.error_type}: {answer.error}".split())
        return f"Prometheus refused the query: {said}"[:_WHY_MAX]
    if status == httpx.codes.OK and answer.data is not None:
        return answer.data
    return _STRANGER.format(status=status)


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
