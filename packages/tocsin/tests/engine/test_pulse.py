"""The pulse: it beats while every loop steps and the store commits, and the dead man's switch hears nothing else."""

import httpx
import pytest
from whenever import Instant, TimeDelta

from tocsin.channels.deadman import DeadmanPing
from tocsin.core.limits import LOOP_STALLED_AFTER, PULSE_EVERY
from tocsin.engine.errands import ALIVE
from tocsin.engine.pulse import Pulse
from tocsin.engine.telemetry import Telemetry
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable

NOON = Instant.from_utc(2026, 11, 24, 12)


class Full(MemoryStore):
    """A store whose disk is full."""

    async def commit(self, change: Change) -> None:
        raise StoreUnavailable("the disk is full")


class Pings:
    """Counts pings; answers what it was told to."""

    def __init__(self) -> None:
        self.count = 0
        self.why = ""

    async def __call__(self) -> str:
        self.count += 1
        return self.why


def pulse(store: MemoryStore | None = None) -> tuple[Pulse, Pings, Telemetry]:
    telemetry, pings = Telemetry(), Pings()
    made = Pulse(store or MemoryStore(), telemetry)
    made.ping = pings
    made.stepped("reconciler", NOON)
    return made, pings, telemetry


async def test_it_beats_and_pings_while_everything_steps() -> None:
    store = MemoryStore()
    made, pings, telemetry = pulse(store)
    assert await made.step(NOON) == NOON + PULSE_EVERY
    assert (await store.beats())[ALIVE].seen_at == made.beat_at == NOON
    for second in range(1, 60):
        at = NOON + TimeDelta(seconds=second)
        made.stepped("reconciler", at)
        await made.step(at)
    assert pings.count == 1
    at = NOON + TimeDelta(seconds=60)
    made.stepped("reconciler", at)
    await made.step(at)
    assert pings.count == 2
    sampled = telemetry.registry.get_sample_value
    assert sampled("tocsin_deadman_pings_total", {"result": "heard"}) == 2
    assert sampled("tocsin_heartbeat_timestamp_seconds") == at.timestamp()


async def test_a_sign_of_life_that_is_too_long_ago_is_overdue() -> None:
    made, _, _ = pulse()
    late = NOON + PULSE_EVERY + LOOP_STALLED_AFTER
    assert not made.overdue(late)
    await made.step(NOON)
    assert not made.overdue(late)
    assert made.overdue(late + TimeDelta(seconds=1))


async def test_what_is_kept_is_how_far_the_errands_have_looked() -> None:
    store = MemoryStore()
    made, _, _ = pulse(store)
    looked = NOON - TimeDelta(seconds=1)
    made.stepped("errands", looked)
    await made.step(NOON)
    assert (await store.beats())[ALIVE].seen_at == looked
    assert made.beat_at == NOON


async def test_a_loop_that_does_not_come_back_stops_the_pulse_until_it_does() -> None:
    made, pings, _ = pulse()
    late = NOON + LOOP_STALLED_AFTER + TimeDelta(seconds=1)
    assert await made.step(late) == late + TimeDelta(seconds=1)
    assert (made.beat_at, pings.count, made.stalled(late)) == (None, 0, ("reconciler",))
    made.stepped("reconciler", late)
    await made.step(late)
    assert (made.beat_at, pings.count) == (late, 1)


async def test_without_a_commit_there_is_no_beat_and_no_ping() -> None:
    made, pings, _ = pulse(Full())
    with pytest.raises(StoreUnavailable):
        await made.step(NOON)
    assert (made.beat_at, pings.count) == (None, 0)


async def test_a_ping_that_was_not_heard_is_counted_and_said_again_with_the_next_beat() -> None:
    made, pings, telemetry = pulse()
    pings.why = "answered 500"
    await made.step(NOON)
    await made.step(NOON + PULSE_EVERY)
    assert pings.count == 2
    assert telemetry.registry.get_sample_value("tocsin_deadman_pings_total", {"result": "failed"}) == 2


async def test_a_clock_that_is_set_back_does_not_silence_the_pulse() -> None:
    made, _, _ = pulse()
    await made.step(NOON)
    before = NOON - TimeDelta(hours=1)
    made.stepped("reconciler", before)
    await made.step(before)
    assert made.beat_at == before


@pytest.mark.parametrize(
    ("answer", "why"),
    [(httpx.Response(200), ""), (httpx.Response(302), "answered 302"), (httpx.Response(500), "answered 500")],
)
async def test_what_the_external_service_says_is_told_as_it_is(answer: httpx.Response, why: str) -> None:
    asked: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(answers)) as http:
        assert await DeadmanPing(http, "https://hc.example/ping", "POST")() == why
    assert asked == ["POST"]


async def test_a_service_that_is_not_there_is_an_answer_too() -> None:
    def refuses(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuses)) as http:
        assert await DeadmanPing(http, "https://hc.example/ping")() == "unreachable: ConnectError"
