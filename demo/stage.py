"""The stage: a watched service under load, Prometheus, Alertmanager and Tocsin, all real and all on this machine."""

import contextlib
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from demo.phones import Phones
from demo.processes import DemoFailed, Processes, free_port, program, run, ticks
from tocsin.playbook.load import shipped

SPEED = 60
"""How many times faster than the playbook says everything goes: a minute passes in a second."""

GOOD, BAD = "1.9.0", "1.9.1"
COMPONENT = "agent-booster"
_ORDER = ("pager", "email", "phone", "slack")


class Stage:
    """Everything that runs, and where it can be reached."""

    def __init__(self, folder: Path, phones: Phones) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.phones = phones
        self.processes = Processes(folder)
        self.booster_url = f"http://127.0.0.1:{free_port()}"
        self.prometheus_url = f"http://127.0.0.1:{free_port()}"
        self.alertmanager_url = f"http://127.0.0.1:{free_port()}"
        self.tocsin_url = f"http://127.0.0.1:{free_port()}"
        self.token = ""
        self._tokens: dict[str, str] = {}

    def start(self) -> None:
        """Start everything, each when what it needs is there."""
        self._start_booster()
        self._start_tocsin()
        self._start_watching()

    def stop(self) -> None:
        """End everything."""
        self.processes.stop()

    def flow(self, *argv: str) -> str:
        """Run a command of the watched platform's operators."""
        return run(program("agentic-flow"), *argv, env={"AGENTIC_FLOW_STATE": str(self.folder / "flow")})

    def tocsin(self, *argv: str) -> str:
        """Run a command of Tocsin."""
        env = {"TOCSIN_URL": self.tocsin_url, "TOCSIN_TOKEN": self.token}
        return run(program("tocsin"), *argv, env=env)

    def tocsin_as(self, person: str, *argv: str) -> str:
        """Run a command of Tocsin with somebody's own token: an approval is personal."""
        if person not in self._tokens:
            said = self.tocsin("token", "create", "--name", person, "--role", "responder", "--person", person)
            self._tokens[person] = re.search(r"tcn_[A-Za-z0-9_-]+", said).group(0)  # type: ignore[union-attr]
        env = {"TOCSIN_URL": self.tocsin_url, "TOCSIN_TOKEN": self._tokens[person]}
        return run(program("tocsin"), *argv, env=env)

    def get(self, path: str, **query: str | int) -> Any:
        """Ask Tocsin's API."""
        answer = httpx.get(f"{self.tocsin_url}{path}", params=query, headers=self._headers(), timeout=5)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **body: object) -> httpx.Response:
        """Act through Tocsin's API; a refusal is an answer."""
        return httpx.post(f"{self.tocsin_url}{path}", json=body, headers=self._headers(), timeout=5)

    def metrics(self) -> str:
        """Answer Tocsin's own metrics."""
        return httpx.get(f"{self.tocsin_url}/metrics", headers=self._headers(), timeout=5).text

    def health(self) -> str:
        """Answer what Agent Booster says of itself, in a line."""
        answer = httpx.get(f"{self.booster_url}/health", timeout=5)
        said = answer.json()
        wrong = said.get("error", "")
        return f"{answer.status_code} {said.get('status', '')}, release {said.get('release')} {wrong}".strip()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _start_booster(self) -> None:
        releases = self.folder / "releases"
        self.flow("release", "build", str(releases), GOOD)
        self.flow("release", "build", str(releases), BAD, "--target", "wasm32-wasi")
        self.flow("release", "activate", str(releases), GOOD)
        flow = program("agentic-flow")
        state = ("--state", str(self.folder / "flow"))
        ports = ("--port", _port(self.booster_url), "--control-port", str(free_port()))
        self.processes.start("booster", flow, "up", *state, "--releases", str(releases), *ports)
        self.processes.wait_ready("booster", f"{self.booster_url}/health")
        small = ("--largest", "4000")  # So that the objectives hold with room to spare on two shared cores.
        steady = ("--rate", "40", "--seconds", "1800", *small)
        self.processes.start("load", flow, "load", "--url", self.booster_url, *steady)

    def _start_tocsin(self) -> None:
        env = {
            "TOCSIN_PORT": _port(self.tocsin_url),
            "TOCSIN_BASE_URL": self.tocsin_url,
            "TOCSIN_DATABASE": str(self.folder / "tocsin.db"),
            "TOCSIN_PLAYBOOK": str(self._playbook()),
            "TOCSIN_PLAYBOOK_SPEED": str(SPEED),
            "TOCSIN_PROMETHEUS_URL": self.prometheus_url,
            "TOCSIN_WEBHOOK_ALLOW": self.phones.url,
            "TOCSIN_WORKLOADS": "supervisor",
            "TOCSIN_SUPERVISOR_STATE": str(self.folder / "flow"),
            "TOCSIN_SMTP_HOST": "127.0.0.1",
            "TOCSIN_SMTP_PORT": str(self.phones.smtp_port),
            "TOCSIN_SMTP_SECURITY": "plain",
            "TOCSIN_SMTP_FROM": "tocsin@agenticflow.example",
        }
        log = self.processes.start("tocsin", program("tocsin"), "serve", env=env)
        self.processes.wait_ready("tocsin", f"{self.tocsin_url}/health")
        self.token = _token(log)

    def _playbook(self) -> Path:
        """Copy the shipped playbook, with this machine's addresses and the phones of the demonstration in it."""
        folder = self.folder / "playbook"
        shutil.copytree(shipped("agentic-flow"), folder)
        with _edited(folder / "playbook.yaml") as book:
            book["channels"].update(pager="webhook", phone="webhook", email="email")
            # The shipped playbook's own review is overdue, which Tocsin rightly reports (Q2); not today's story.
            book["next_review_on"] = date.today() + timedelta(days=30)  # noqa: DTZ011 - a day in a playbook is a local one.
        with _edited(folder / "components" / f"{COMPONENT}.yaml") as component:
            component["health_url"] = f"{self.booster_url}/health"
        with _edited(folder / "people.yaml") as staff:
            for person, entry in staff["people"].items():
                # If the pager fails, the mailbox is next: two channels that are really here.
                entry["methods"].sort(key=lambda method: _ORDER.index(method["kind"]))
                self._call_here(person, entry)
        with _edited(folder / "escalation.yaml") as escalation:
            self._call_here("operations-desk", escalation["emergency"])
        return folder

    def _call_here(self, person: str, entry: Any) -> None:
        for method in entry["methods"]:
            if method["kind"] in ("pager", "phone"):
                method["address"] = f"{self.phones.url}/{person}"

    def _start_watching(self) -> None:
        rules = self.folder / "rules.yaml"
        chosen = ("--speed", str(SPEED), "--component", COMPONENT, "--output", str(rules))
        run(program("tocsin"), "playbook", "rules", str(self.folder / "playbook"), *chosen)
        run(program("promtool"), "check", "rules", str(rules))
        self._start_alertmanager()
        self._start_prometheus(rules)

    def _start_alertmanager(self) -> None:
        receiver = {
            "name": "tocsin",
            "webhook_configs": [
                {
                    "url": f"{self.tocsin_url}/signals/alertmanager",
                    "send_resolved": True,
                    "http_config": {"authorization": {"credentials": self.token}},
                }
            ],
        }
        route = {
            "receiver": "tocsin",
            "group_by": ["component"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "10s",
        }
        config = self._written("alertmanager.yaml", {"route": route, "receivers": [receiver]})
        self.processes.start(
            "alertmanager",
            program("prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={self.folder / 'alertmanager'}",
            f"--web.listen-address={_address(self.alertmanager_url)}",
            "--cluster.listen-address=",
        )
        self.processes.wait_ready("alertmanager", f"{self.alertmanager_url}/-/ready")

    def _start_prometheus(self, rules: Path) -> None:
        document = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules.resolve())],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [_address(self.alertmanager_url)]}]}]},
            "scrape_configs": [
                {"job_name": COMPONENT, "static_configs": [{"targets": [_address(self.booster_url)]}]},
            ],
        }
        config = self._written("prometheus.yaml", document)
        self.processes.start(
            "prometheus",
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address={_address(self.prometheus_url)}",
        )
        self.processes.wait_ready("prometheus", f"{self.prometheus_url}/-/ready")

    def _written(self, name: str, document: object) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(document), encoding="utf8")
        return path


@contextlib.contextmanager
def _edited(path: Path) -> Any:
    document = yaml.safe_load(path.read_text(encoding="utf8"))
    yield document
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf8")


def _port(url: str) -> str:
    return url.rsplit(":", 1)[1]


def _address(url: str) -> str:
    return url.removeprefix("http://")


def _token(log: Path) -> str:
    for _ in ticks(5):
        found = re.search(r"tcn_[A-Za-z0-9_-]+", log.read_text(encoding="utf8"))
        if found:
            return found.group(0)
    raise DemoFailed(f"Tocsin printed no first token; see {log}")
