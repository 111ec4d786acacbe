"""From an alert that was accepted to its page at the channel: when it is quiet, and in a storm."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
from demo.processes import Processes

from bench.server import Server, playbook
from bench.table import Row, percentile

PROBES = 60
PROBE_EVERY_S = 0.15
STORM_PER_S = 1_000
STORM_BATCH = 10


class Pager:
    """Takes pages and notes when the first one for each service came."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Begin to take pages; answer the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length"))
                self._note(lines[0].split()[1].decode(), await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _note(self, path: str, body: bytes) -> None:
        message: dict[str, Any] = json.loads(body)
        subject = message["subject"]
        if message["kind"] == "page" and "probe-" in subject:
            name = "probe-" + subject.split("probe-")[1].split()[0]
            self.arrived.setdefault(name, time.monotonic())


def run(folder: Path) -> list[Row]:
    """Measure idle, then in the storm."""
    folder.mkdir(parents=True)
    return asyncio.run(_run(folder))


async def _run(folder: Path) -> list[Row]:
    pager = Pager()
    address = f"{await pager.start()}/pager"
    playbook(folder, address)
    processes = Processes(folder)
    server = Server(folder, processes, {"TOCSIN_WEBHOOK_ALLOW": address})
    try:
        await asyncio.to_thread(server.start)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {server.token}"}, timeout=10) as http:
            idle = await _probes(http, server, pager, "idle")
            storm = asyncio.create_task(_storm(http, server))
            stormy = await _probes(http, server, pager, "storm")
            storm.cancel()
        return [
            *_rows("idle", idle, None),
            *_rows(f"in a storm of {STORM_PER_S} alerts/s", stormy, percentile(idle, 0.99)),
        ]
    finally:
        await asyncio.to_thread(processes.stop)


def _rows(when: str, values: list[float], idle_p99: float | None) -> list[Row]:
    p50, p99 = percentile(values, 0.5) * 1000, percentile(values, 0.99) * 1000
    return [
        Row(f"accepted alert to page, {when}, p50", p50, "ms"),
        Row(
            f"accepted alert to page, {when}, p99",
            p99,
            "ms",
            "< 100" if idle_p99 else "",
            p99 / (idle_p99 * 1000) if idle_p99 else None,
            "idle",
        ),
    ]


async def _probes(http: httpx.AsyncClient, server: Server, pager: Pager, when: str) -> list[float]:
    """Send alerts of services never seen before, each a SEV1 of its own, and wait for their pages."""
    accepted: dict[str, float] = {}
    for number in range(PROBES):
        name = f"probe-{when}-{number}"
        await _send(http, server, [_alert(name, "SEV1", f"{name} is down")])
        accepted[name] = time.monotonic()
        await asyncio.sleep(PROBE_EVERY_S)
    for _ in range(200):
        if all(name in pager.arrived for name in accepted):
            break
        await asyncio.sleep(0.05)
    missing = [name for name in accepted if name not in pager.arrived]
    assert not missing, f"no page came for {missing}"
    return [max(0.0, pager.arrived[name] - at) for name, at in accepted.items()]


async def _storm(http: httpx.AsyncClient, server: Server) -> None:
    """Send new alerts of ten services at a steady rate until cancelled; at most for a minute."""
    begun, sent = time.monotonic(), 0
    while time.monotonic() - begun < 60:
        names = range(sent, sent + STORM_BATCH)
        await _send(http, server, [_alert(f"storm-{each % 10}", "SEV3", f"storm {each}", each) for each in names])
        sent += STORM_BATCH
        await asyncio.sleep(max(0.0, begun + sent / STORM_PER_S - time.monotonic()))


def _alert(service: str, severity: str, summary: str, number: int = 0) -> dict[str, Any]:
    labels = {"alertname": "Bench", "severity": severity, "component": "agent-booster", "service": service}
    return {
        "status": "firing",
        "labels": {**labels, "instance": str(number)},
        "annotations": {"summary": summary},
        "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"{service}-{number}",
    }


async def _send(http: httpx.AsyncClient, server: Server, alerts: list[dict[str, Any]]) -> None:
    body = {
        "version": "4",
        "groupKey": "bench",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tocsin",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    }
    answer = await http.post(f"{server.url}/signals/alertmanager", json=body)
    answer.raise_for_status()
