"""One SEV1 to a whole company: from the declaration until every recipient's page is at the channel."""

import asyncio
import time
from pathlib import Path

import httpx
import yaml
from demo.processes import Processes

from bench.paging import Pager
from bench.server import Server, playbook
from bench.table import Row

RECIPIENTS = 1_300
GOALERT_S = RECIPIENTS / (5 / 5)
"""What GoAlert documents for as many: five messages in five seconds, so 21 minutes. Stated, not measured here."""

GIVES_UP_AFTER_S = 180


class Channel(Pager):
    """Takes messages; notes when the first one for each recipient came, and how many came to them in all."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def _note(self, path: str, body: bytes) -> None:
        self.taken += path.startswith("/r")
        self.arrived.setdefault(path, time.monotonic())


def run(folder: Path) -> list[Row]:
    """Declare one SEV1 and wait until everybody was paged."""
    folder.mkdir(parents=True)
    return asyncio.run(_run(folder))


async def _run(folder: Path) -> list[Row]:
    channel = Channel()
    url = await channel.start()
    playbook(folder, f"{url}/staff")
    _hire(folder, url)
    processes = Processes(folder)
    server = Server(folder, processes, {"TOCSIN_WEBHOOK_ALLOW": url})
    try:
        await asyncio.to_thread(server.start)
        begun = time.monotonic()
        body = {"title": "Nothing works", "component": "agent-booster", "severity": "SEV1"}
        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            (await http.post(f"{server.url}/api/v1/incidents", json=body)).raise_for_status()
        declared = time.monotonic() - begun
        took = await _all_paged(channel, begun)
        return _rows(channel, declared, took)
    finally:
        await asyncio.to_thread(processes.stop)


def _rows(channel: Channel, declared: float, took: float) -> list[Row]:
    mine = sorted(at for path, at in channel.arrived.items() if path.startswith("/r"))
    assert len(mine) == RECIPIENTS
    return [
        Row(f"one SEV1 that pages {RECIPIENTS:,}: the declaration is durable", declared, "s"),
        Row(f"one SEV1 to {RECIPIENTS:,} recipients, all at the channel", took, "s", "", took / GOALERT_S, "GoAlert"),
        Row("pages handed over", RECIPIENTS / took, "/s"),
        Row("duplicates among them", channel.taken - len(mine), ""),
    ]


async def _all_paged(channel: Channel, begun: float) -> float:
    """Answer after how long the last recipient's page came."""
    while time.monotonic() - begun < GIVES_UP_AFTER_S:
        mine = [at for path, at in channel.arrived.items() if path.startswith("/r")]
        if len(mine) == RECIPIENTS:
            return max(mine) - begun
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {len(channel.arrived)} of {RECIPIENTS} were paged within {GIVES_UP_AFTER_S} s")


def _hire(folder: Path, url: str) -> None:
    """Give the playbook a whole company that a SEV1 pages at once."""
    path = folder / "playbook" / "people.yaml"
    staff = yaml.safe_load(path.read_text(encoding="utf8"))
    for number in range(RECIPIENTS):
        methods = [{"kind": "pager", "address": f"{url}/r{number}"}]
        staff["people"][f"r{number}"] = {"name": f"Recipient {number}", "takes_command": False, "methods": methods}
    path.write_text(yaml.safe_dump(staff, sort_keys=False), encoding="utf8")
    path = folder / "playbook" / "severities.yaml"
    book = yaml.safe_load(path.read_text(encoding="utf8"))
    worst = next(each for each in book["severities"] if each["id"] == "SEV1")
    worst["on_declaration"]["do"] += [f"page person r{number} by pager" for number in range(RECIPIENTS)]
    path.write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf8")
