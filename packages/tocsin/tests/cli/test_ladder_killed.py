"""The ladder of a SEV1, live: a real server that is killed at every step of it and started again (E2, E4).

A minute of the playbook is six tenths of a second here. The first page is torn down in the middle: the provider has it
and has not answered yet. No page may be lost, and what comes twice must carry the key by which the provider knows it.
"""

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ..standins.receiver import Receiver
from ..standins.server import Request, Response, serving
from .conftest import Served, Start, quiet_playbook

SPEED = 100
RUNGS = ("sre-primary", "sre-secondary", "mara-lindqvist", "henrik-vogel", "grace-okafor")


class Provider(Receiver):
    """Takes pages over, and remembers whom each request was for."""

    def __init__(self) -> None:
        super().__init__()
        self.on_first: Callable[[], None] | None = None
        self.attempts: Counter[str] = Counter()

    async def handle(self, request: Request) -> Response:
        self.attempts[request.headers.get("idempotency-key", "")] += 1
        if self.on_first is not None:
            before, self.on_first = self.on_first, None
            before()  # Torn down before there is an answer.
            return Response(503)
        return await super().handle(request)

    def has_paged(self, person: str, rung: int) -> bool:
        """Tell whether a page reached somebody since this rung was climbed."""
        paths = [(parse_qs(urlsplit(each.path).query).get("who", [""])[0], each) for each in list(self.requests)]
        return sum(who == person for who, _ in paths) > (1 if person == "mara-lindqvist" and rung == 2 else 0)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider in a thread of its own, since the test waits for processes."""
    found, ready = Provider(), threading.Event()
    over: list[Callable[[], object]] = []

    async def serves() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with serving(found.handle) as base:
            found.url = f"{base}/hooks/tocsin"
            over.append(lambda: loop.call_soon_threadsafe(ended.set))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serves()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield found
    over[0]()
    thread.join(10)


def by_webhook(folder: Path, url: str) -> Path:
    """Answer a playbook whose pagers and phones are a provider's."""
    target = quiet_playbook(folder)
    about, people, ladders = target / "playbook.yaml", target / "people.yaml", target / "escalation.yaml"
    about.write_text(re.sub(r"(pager|phone): console", r"\1: webhook", about.read_text()))
    text, name = [], ""
    for line in people.read_text().splitlines():
        named = re.fullmatch(r"  ([a-z-]+):", line)
        name = named.group(1) if named else name
        text.append(re.sub(r"kind: (pager|phone), address: [^}]+", rf'kind: \1, address: "{url}?who={name}"', line))
    people.write_text("\n".join(text) + "\n")
    ladders.write_text(
        re.sub(r'kind: phone, address: "[^"]+"', f'kind: phone, address: "{url}?who=desk"', ladders.read_text())
    )
    return target


def pages(server: Served, incident: str) -> list[dict[str, Any]]:
    return [event for event in _timeline(server, incident) if event["type"] == "person_paged"]


@pytest.mark.clause("E2", "E3", "E4")
def test_a_server_killed_at_every_step_of_the_ladder_loses_no_page(
    serve: Start, provider: Provider, tmp_path: Path
) -> None:
    server = serve(
        TOCSIN_PLAYBOOK=str(by_webhook(tmp_path, provider.url)),
        TOCSIN_PLAYBOOK_SPEED=str(SPEED),
        TOCSIN_WEBHOOK_ALLOW=provider.url,
        TOCSIN_DATABASE=str(tmp_path / "tocsin.db"),
    )
    on_call = {each["rotation"]: each["person"] for each in server.request("GET", "/api/v1/oncall").json()["oncall"]}
    ladder = [on_call.get(name, name) for name in RUNGS]
    provider.on_first = server.process.kill
    incident = _declare(server)

    for place, person in enumerate(ladder):
        if place:
            server.until(lambda person=person, place=place: provider.has_paged(person, place))  # type: ignore[misc]
        server.end(signal.SIGKILL)
        server.again()

    server.until(lambda: _all_delivered(server, incident, provider))
    paged = pages(server, incident)
    asked = [page["person"] for page in paged if ".ladder." in str(page["rule"])]
    assert asked == ladder, "each rung once, in order, over five deaths"
    assert Counter((page["person"], page["rule"]) for page in paged).most_common(1)[0][1] == 1
    ledger = server.request("GET", f"/api/v1/incidents/{incident}/ledger").json()
    ours = [each for each in ledger["messages"] if each["intent"]["channel"] == "webhook"]
    kept = {each["intent"]["id"] for each in ours}
    assert set(provider.attempts) == kept, "what came twice came under the same key"
    twice = sum(provider.attempts.values()) - len(kept)
    print(f"{len(kept)} pages by webhook, {twice} of {sum(provider.attempts.values())} requests were duplicates")
    assert 1 <= twice <= 3 * len(ladder), "at most what was under way at each death"
    assert ledger["unaccounted"] == 0


@pytest.mark.clause("E2", "C2", "K1")
def test_what_came_due_while_the_server_was_dead_is_done_once_and_late(serve: Start, tmp_path: Path) -> None:
    server = serve(
        TOCSIN_PLAYBOOK=str(quiet_playbook(tmp_path)),
        TOCSIN_PLAYBOOK_SPEED="600",  # Twenty minutes are two seconds: dying and starting takes as long.
        TOCSIN_DATABASE=str(tmp_path / "tocsin.db"),
    )
    incident = _declare(server)
    server.end(signal.SIGKILL)
    died_with = _last_at(tmp_path / "tocsin.db")
    server.again()

    owed = {"sev1.ladder.2", "sev1.acknowledge", "sev1.update.incident-channel"}
    server.until(lambda: owed <= {event.get("rule") for event in _timeline(server, incident)})

    done = [event for event in _timeline(server, incident) if event["type"] in ("step_taken", "deadline_missed")]
    once = Counter((event["rule"], event["due_at"]) for event in done)
    assert once.most_common(1)[0][1] == 1, "each once"
    after = [event for event in done if event["at"] > died_with]
    late = [event for event in after if event["at"] == after[0]["at"] and event["due_at"] < event["at"]]
    assert late, "what came due in between is done in the first moment after the return, and says that it is late"
    assert len({event["rule"] for event in late}) == len(late)


def _last_at(database: Path) -> str:
    """Read when the last event was written before the server died."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM events").fetchall()
    return max(str(json.loads(body)["at"]) for (body,) in rows)


def _timeline(server: Served, incident: str) -> list[dict[str, Any]]:
    lines = server.request("GET", f"/api/v1/incidents/{incident}/timeline", params={"limit": 1000}).json()["events"]
    return [line["event"] for line in lines]


def _declare(server: Served) -> str:
    """Declare an incident; the server dies while it pages, perhaps before it has answered."""
    body = {"title": "Agent Booster is down", "component": "agent-booster", "severity": "SEV1"}
    with contextlib.suppress(httpx.HTTPError):
        server.request("POST", "/api/v1/incidents", json=body)
    return "INC-1"


def _all_delivered(server: Served, incident: str, provider: Provider) -> bool:
    messages = server.request("GET", f"/api/v1/incidents/{incident}/ledger").json()["messages"]
    wanted = {each["intent"]["id"] for each in messages if each["intent"]["channel"] == "webhook"}
    return wanted <= set(provider.messages)
