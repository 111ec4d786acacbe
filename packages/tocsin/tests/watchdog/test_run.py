"""The watchdog at work: a server that answers wrongly in every way, a memory that outlives it, its own channels."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, DeliveryKey, Outcome, Rejected
from tocsin.core.messages import Message, MessageKind
from tocsin.watchdog.judge import Finding, Limits, Trouble, answered
from tocsin.watchdog.memory import Memory
from tocsin.watchdog.probe import Probe
from tocsin.watchdog.run import Watchdog, Way

NOON = Instant.from_utc(2026, 11, 24, 12)
FIGURES = "# HELP x\ntocsin_obligation_lag_seconds {lag}\ntocsin_unaccounted_obligations {stray}\n"


class Server:
    """A server that answers what it is told to."""

    def __init__(self) -> None:
        self.clock_off = 0.0
        self.beat_age: float | None = 5.0
        self.lag = self.stray = 0.0
        self.token = "viewer"
        self.status = 200
        self.health: bytes | None = None
        self.metrics: str | None = None
        self.down = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        if request.url.path == "/health":
            return httpx.Response(self.status, content=self.health or self._health())
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401)
        return httpx.Response(200, text=self.metrics or FIGURES.format(lag=self.lag, stray=self.stray))

    def _health(self) -> bytes:
        now = NOON + TimeDelta(seconds=self.clock_off)
        beat = "null" if self.beat_age is None else f'"{(now - TimeDelta(seconds=self.beat_age)).format_iso()}"'
        return f'{{"status":"ok","version":"1","playbook":"p","now":"{now.format_iso()}","beat_at":{beat}}}'.encode()


async def look(server: Server, token: str = "viewer", url: str = "http://tocsin") -> list[Trouble]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(server.answer)) as http:
        findings = await Probe(http, url, token, Limits(), lambda: NOON).look()
    assert all(finding.words for finding in findings)
    return [finding.trouble for finding in findings]


def broken(change: Callable[[Server], None]) -> Server:
    server = Server()
    change(server)
    return server


async def test_a_server_that_works_is_well() -> None:
    assert await look(Server()) == []


@pytest.mark.parametrize(
    ("wrong", "troubles"),
    [
        ({"down": True}, [Trouble.UNREACHABLE]),
        ({"status": 503}, [Trouble.UNWELL]),
        ({"health": b"<html>hello</html>"}, [Trouble.STRANGER]),
        ({"health": b'{"status":"ok"}'}, [Trouble.STRANGER]),
        ({"health": b'{"status":"ok","now":"noon","beat_at":null}'}, [Trouble.STRANGER]),
        ({"beat_age": None}, [Trouble.HEARTBEAT]),
        ({"beat_age": 61}, [Trouble.HEARTBEAT]),
        ({"clock_off": 11}, [Trouble.DRIFT]),
        ({"clock_off": -11}, [Trouble.DRIFT]),
        ({"token": "another"}, [Trouble.TOKEN]),
        ({"lag": 121}, [Trouble.LAG]),
        ({"stray": 1}, [Trouble.UNACCOUNTED]),
        ({"metrics": "up 1\n"}, [Trouble.STRANGER]),
        ({"beat_age": 300, "clock_off": 60, "lag": 500}, [Trouble.HEARTBEAT, Trouble.DRIFT, Trouble.LAG]),
    ],
)
async def test_whatever_is_wrong_is_named(wrong: dict[str, object], troubles: list[Trouble]) -> None:
    def change(server: Server) -> None:
        for name, value in wrong.items():
            setattr(server, name, value)

    assert await look(broken(change)) == troubles


async def test_no_token_and_a_wrong_address_count_as_unwell() -> None:
    assert await look(Server(), token="") == [Trouble.TOKEN]
    assert await look(Server(), url="http://") == [Trouble.UNREACHABLE]


class Scripted:
    """Finds what it is told to find."""

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()

    async def look(self) -> tuple[Finding, ...]:
        return self.findings


class Remembers:
    """A channel that remembers, and refuses if told to."""

    pace = 100.0

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.outcome: Outcome | Exception = Accepted("r1")

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if isinstance(self.outcome, Accepted):
            self.got.append(message)
        return self.outcome

    async def close(self) -> None:
        pass


class Kennel:
    """A watchdog with two ways, whose clock and server are scripted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOON
        self.probe = Scripted()
        self.first, self.second = Remembers(), Remembers()
        self.dog = self._dog()

    def _dog(self) -> Watchdog:
        channels = {"webhook": self.first, "slack": self.second}
        ways = (Way("webhook", "https://a"), Way("slack", "U1"))
        self.memory = Memory(self.path)
        limits = Limits(late=TimeDelta(seconds=30))
        return Watchdog(self.probe, self.memory, channels, ways, limits, lambda: self.now, "http://tocsin")

    async def at(self, second: int) -> None:
        self.now = NOON + TimeDelta(seconds=second)
        await self.dog.step()

    def restarted(self) -> None:
        self.memory.close()
        self.dog = self._dog()

    @property
    def heard(self) -> list[str]:
        return [message.kind.value for message in self.first.got]


@pytest.fixture
def kennel(tmp_path: Path) -> Kennel:
    return Kennel(tmp_path / "watchdog.db")


GONE = (Finding(Trouble.UNREACHABLE, "nothing answers"),)


async def test_an_alarm_goes_out_by_every_way_and_says_again_when_all_is_well(kennel: Kennel) -> None:
    kennel.probe.findings = GONE
    await kennel.at(0)
    await kennel.at(30)
    assert (kennel.heard, len(kennel.second.got)) == (["alarm"], 1)
    kennel.probe.findings = ()
    await kennel.at(45)
    assert kennel.heard == ["alarm", "notice"]
    assert kennel.first.got[0].kind is MessageKind.ALARM


async def test_a_restart_of_the_watchdog_neither_forgets_nor_repeats_an_alarm(kennel: Kennel) -> None:
    kennel.probe.findings = GONE
    await kennel.at(0)
    kennel.restarted()
    await kennel.at(30)
    kennel.restarted()
    await kennel.at(45)
    assert kennel.heard == ["alarm"]
    kennel.restarted()
    kennel.probe.findings = ()
    await kennel.at(60)
    assert kennel.heard == ["alarm", "notice"]


async def test_one_way_that_fails_or_breaks_does_not_silence_the_other(kennel: Kennel) -> None:
    kennel.probe.findings = GONE
    kennel.first.outcome = Rejected("no such address")
    kennel.second.outcome = RuntimeError("a bug")
    await kennel.at(0)
    await kennel.at(30)
    assert [each.outcome for each in kennel.memory.last_sent(5)] == ["rejected", "rejected"]
    kennel.second.outcome = Accepted("r2")
    await kennel.at(45)
    await kennel.at(60)
    assert len(kennel.second.got) == 1, "said once, as soon as somebody took it"


async def test_an_answer_that_is_given_meanwhile_is_seen_at_the_next_look(kennel: Kennel) -> None:
    kennel.probe.findings = GONE
    await kennel.at(0)
    await kennel.at(30)
    other = Memory(kennel.path)
    other.change(lambda state: answered(state, "ines", kennel.now))
    other.close()
    await kennel.at(1000)
    assert kennel.heard == ["alarm"]
