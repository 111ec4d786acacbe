"""How soon it is ready and how large it is, beside Alertmanager."""

import time
from pathlib import Path

import httpx
from demo.processes import Processes, free_port, program

from bench.server import Server, playbook
from bench.table import Row, percentile

STARTS = 5


def run(folder: Path) -> list[Row]:
    """Start both several times; look at the size once each has been quiet for a moment."""
    folder.mkdir(parents=True)
    playbook(folder, "http://127.0.0.1:9/none")
    ours, our_size = zip(*(_tocsin(folder) for _ in range(STARTS)), strict=True)
    theirs, their_size = zip(*(_alertmanager(folder) for _ in range(STARTS)), strict=True)
    middle, their_middle = percentile(list(ours), 0.5), percentile(list(theirs), 0.5)
    return [
        Row("start to ready, median", middle, "s", "< 1", middle / their_middle, "Alertmanager"),
        Row("resident memory, idle", our_size[-1], "MB", "< 120", our_size[-1] / their_size[-1], "Alertmanager"),
    ]


def _tocsin(folder: Path) -> tuple[float, float]:
    processes = Processes(folder)
    server = Server(folder, processes, {})
    server.token = "known"
    try:
        begun = time.monotonic()
        processes.start("tocsin", program("tocsin"), "serve", env=server.env)
        ready_after = _ready(f"{server.url}/health", begun)
        time.sleep(1)
        return ready_after, resident_mb(processes.pid("tocsin"))
    finally:
        processes.stop()


def _alertmanager(folder: Path) -> tuple[float, float]:
    config = folder / "alertmanager.yaml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf8")
    processes, port = Processes(folder), free_port()
    try:
        begun = time.monotonic()
        processes.start(
            "alertmanager",
            program("prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        ready_after = _ready(f"http://127.0.0.1:{port}/-/ready", begun)
        time.sleep(1)
        return ready_after, resident_mb(processes.pid("alertmanager"))
    finally:
        processes.stop()


def _ready(url: str, begun: float) -> float:
    while time.monotonic() - begun < 20:
        try:
            if httpx.get(url, timeout=1).is_success:
                return time.monotonic() - begun
        except httpx.HTTPError:
            time.sleep(0.005)
    raise RuntimeError(f"not ready: {url}")


def resident_mb(pid: int) -> float:
    """Answer a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6
