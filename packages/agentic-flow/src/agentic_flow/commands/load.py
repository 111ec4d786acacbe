"""`load` puts a service under a steady load of real edits, and holds every answer against the right one."""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus
from itertools import cycle
from time import perf_counter

import click
import msgspec

from agentic_flow.booster.limits import MAX_SOURCE_BYTES
from agentic_flow.commands.caller import Answer, Caller, Unreachable
from agentic_flow.workload import Sample, samples

MAX_SECONDS = 24 * 3600.0
_SAMPLES = 400
_LARGEST_BYTES = 20_000
_TIMEOUT_S = 5.0
_MAX_WAITING = 1000  # Requests under way; a service that hangs must not take the generator down.


@click.command("load")
@click.option("--url", default="http://127.0.0.1:8080", show_default=True)
@click.option("--rate", type=click.FloatRange(0.1, 5000), default=50.0, show_default=True, help="Edits per second.")
@click.option("--seconds", type=click.FloatRange(0.1, MAX_SECONDS), default=60.0, show_default=True)
@click.option("--report-every", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--largest",
    metavar="BYTES",
    type=click.IntRange(1000, MAX_SOURCE_BYTES),
    default=_LARGEST_BYTES,
    show_default=True,
    help="Edit only files smaller than this.",
)
def load(url: str, rate: float, seconds: float, report_every: float, seed: int, largest: int) -> None:
    """Send edits of standard library files at a steady rate, and count how they end."""
    drawn = samples(0, largest, _SAMPLES, seed)
    if not drawn:
        raise click.ClickException(f"no file below {largest} bytes lends itself to an edit")
    try:
        generator = Generator(url, drawn, rate)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    click.echo("seconds       ok  refused   failed  unreachable    wrong   p95_ms")
    total = asyncio.run(generator.run(seconds, report_every))
    click.echo("total   " + _line(total, []))
    if total["wrong"]:
        raise SystemExit(1)


class Generator:
    """Sends at its own pace, whether or not answers come: callers do not slow down because a service does."""

    def __init__(self, url: str, drawn: list[Sample], rate: float) -> None:
        self._caller = Caller(url.rstrip("/") + "/transform", _TIMEOUT_S)
        self._samples = cycle([self._prepared(sample) for sample in drawn])
        self._rate = rate
        self._counts: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._times: list[float] = []

    async def run(self, seconds: float, report_every: float) -> Counter[str]:
        """Send for so long; give the counts by how the edits ended."""
        reporting = asyncio.create_task(self._report(report_every))
        await self._send_all(seconds)
        reporting.cancel()
        self._caller.close()
        self._total += self._counts
        return self._total

    def _prepared(self, sample: Sample) -> tuple[bytes, str]:
        return self._caller.request(msgspec.json.encode(sample.request())), sample.expected

    async def _send_all(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        start, under_way = loop.time(), set[asyncio.Task[None]]()
        for number in range(int(seconds * self._rate)):
            await asyncio.sleep(max(0.0, start + number / self._rate - loop.time()))
            if len(under_way) >= _MAX_WAITING:
                self._counts["unreachable"] += 1
                continue
            task = asyncio.create_task(self._send())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _send(self) -> None:
        request, expected = next(self._samples)
        since = perf_counter()
        try:
            answer = await self._caller.send(request)
        except Unreachable:
            self._counts["unreachable"] += 1
            return
        self._times.append(perf_counter() - since)
        self._counts[_verdict(answer, expected)] += 1

    async def _report(self, every: float) -> None:
        start = perf_counter()
        while True:
            await asyncio.sleep(every)
            click.echo(f"{perf_counter() - start:7.1f} " + _line(self._counts, self._times))
            self._total += self._counts
            self._counts, self._times = Counter(), []


class _Output(msgspec.Struct):
    """The one field that is looked at."""

    output: str


def _verdict(answer: Answer, expected: str) -> str:
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    if answer.status != HTTPStatus.OK:
        return "refused"
    return "ok" if msgspec.json.decode(answer.body, type=_Output).output == expected else "wrong"


def _line(counts: Counter[str], times: list[float]) -> str:
    p95 = f"{sorted(times)[int(len(times) * 0.95)] * 1000:8.2f}" if times else "       -"
    return (
        f"{counts['ok']:8d} {counts['refused']:8d} {counts['failed']:8d} {counts['unreachable']:12d} "
        f"{counts['wrong']:8d} {p95}"
    )
