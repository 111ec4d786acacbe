"""A Tocsin to be measured: the installed command, with a playbook that groups by service and pages by webhook."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import httpx
import yaml
from demo.processes import Processes, free_port, program, ticks

from tocsin.playbook.load import shipped


class Server:
    """One `tocsin serve` and the token it printed."""

    def __init__(self, folder: Path, processes: Processes, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._processes = processes
        self.env = {
            "TOCSIN_PORT": str(self.port),
            "TOCSIN_BASE_URL": self.url,
            "TOCSIN_DATABASE": str(folder / "tocsin.db"),
            "TOCSIN_PLAYBOOK": str(folder / "playbook"),
            # What is installed has been compiled; where a variable forbids to keep that, each start would do it again.
            "PYTHONDONTWRITEBYTECODE": "",
            **env,
        }
        self.token = ""

    def start(self, name: str = "tocsin") -> None:
        """Start it and wait until it is ready."""
        log = self._processes.start(name, program("tocsin"), "serve", env=self.env)
        self._processes.wait_ready(name, f"{self.url}/health")
        for _ in ticks(5 if not self.token else 0):
            found = re.search(r"tcn_[A-Za-z0-9_-]+", log.read_text(encoding="utf8"))
            if found:
                self.token = found.group(0)
                return

    def metric(self, name: str) -> float:
        """Answer one of its metrics."""
        return next(iter(self.metrics(name).values()), 0.0)

    def metrics(self, name: str) -> dict[str, float]:
        """Answer every series of one of its metrics."""
        headers = {"Authorization": f"Bearer {self.token}"}
        text = httpx.get(f"{self.url}/metrics", headers=headers, timeout=30).text
        found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
        return {labels: float(value) for labels, value in found}


def playbook(folder: Path, pages_to: str) -> None:
    """Copy the shipped playbook, grouped by service so that every service is an incident, and paging to one address."""
    shutil.copytree(shipped("agentic-flow"), folder / "playbook")
    path = folder / "playbook" / "playbook.yaml"
    book = yaml.safe_load(path.read_text(encoding="utf8"))
    book["grouping"]["by"] = ["service"]
    book["next_review_on"] = "2999-01-01"
    book["channels"].update(pager="webhook", phone="webhook")
    path.write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf8")
    path = folder / "playbook" / "people.yaml"
    staff = yaml.safe_load(path.read_text(encoding="utf8"))
    for entry in staff["people"].values():
        for method in entry["methods"]:
            if method["kind"] in ("pager", "phone"):
                method["address"] = pages_to
    path.write_text(yaml.safe_dump(staff, sort_keys=False), encoding="utf8")
    path = folder / "playbook" / "escalation.yaml"
    ladder = yaml.safe_load(path.read_text(encoding="utf8"))
    for method in ladder["emergency"]["methods"]:
        method["address"] = pages_to
    # Every incident rings here: else whoever is awake is told of the others quietly, and nothing could be timed.
    del ladder["storm"]
    path.write_text(yaml.safe_dump(ladder, sort_keys=False), encoding="utf8")
