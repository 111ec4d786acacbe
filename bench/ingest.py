"""How many alerts are taken in, each durable before its 2xx, beside Alertmanager, which keeps them in memory only."""

import re
import subprocess
import time
from pathlib import Path

import yaml
from demo.processes import Processes, free_port, program, ticks

from bench.server import Server, playbook
from bench.table import Row

SECONDS = 6
CONNECTIONS = 64

_LUA = """
-- Every alert is new: its own service and instance. One sender, one alert body as Prometheus makes it.
local batch, shape, token = {batch}, "{shape}", "{token}"
local sent, thread_id, threads = 0, 0, 0
function setup(thread) threads = threads + 1; thread:set("thread_id", threads) end
local labels = '"alertname":"Bench","severity":"SEV4","component":"agent-booster","service":"s%d","instance":"%d-%d"'
local annotations = '"summary":"Something is measured that should not be","description":"{padding}"'
function alert()
  sent = sent + 1
  local own = string.format(labels, sent % {services}, thread_id, sent)
  if shape == "v2" then
    return '{{"labels":{{' .. own .. '}},"annotations":{{' .. annotations .. '}},"generatorURL":"http://p/g"}}'
  end
  return '{{"status":"firing","labels":{{' .. own .. '}},"annotations":{{' .. annotations ..
    '}},"startsAt":"{now}","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g","fingerprint":"f' ..
    thread_id .. "x" .. sent .. '"}}'
end
function request()
  local alerts = {{}}
  for i = 1, batch do alerts[i] = alert() end
  local body = "[" .. table.concat(alerts, ",") .. "]"
  if shape == "v4" then
    body = '{{"version":"4","groupKey":"g","truncatedAlerts":0,"status":"firing","receiver":"tocsin",' ..
      '"groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://a",' ..
      '"alerts":' .. body .. '}}'
  end
  return wrk.format("POST", nil, {{["Content-Type"]="application/json",["Authorization"]="Bearer " .. token}}, body)
end
"""


def run(folder: Path) -> list[Row]:
    """Measure both, batch by batch, one after the other."""
    rows: list[Row] = []
    for batch, target in ((50, "≥ 10,000"), (1, "≥ 2,500")):
        ours, p99, drained = _tocsin(folder / f"tocsin-{batch}", batch)
        theirs, their_p99 = _alertmanager(folder / f"alertmanager-{batch}", batch)
        name = f"batches of {batch}" if batch > 1 else "one by one"
        rows += [
            Row(f"alerts accepted durably, {name}", ours, "alerts/s", target, ours / theirs, "Alertmanager"),
            Row(f"p99 of a request, {name}", p99, "ms", "", p99 / their_p99, "Alertmanager"),
            Row(f"alerts brought to incidents while and after, {name}", drained, "alerts/s"),
            Row(f"Alertmanager, in memory, {name}", theirs, "alerts/s"),
        ]
    return rows


def _tocsin(folder: Path, batch: int) -> tuple[float, float, float]:
    folder.mkdir(parents=True)
    playbook(folder, "http://127.0.0.1:9/none")
    processes = Processes(folder)
    server = Server(folder, processes, {})
    try:
        server.start()
        script = _script(folder, batch, "v4", server.token)
        begun = time.monotonic()
        rate, p99 = _wrk(f"{server.url}/signals/alertmanager", script)
        for _ in ticks(120, every_s=0.25):
            if server.metric("tocsin_signals_waiting") == 0:
                break
        seen = sum(server.metrics("tocsin_alerts_total").values())
        unaccounted = server.metric("tocsin_unaccounted_obligations")
        assert unaccounted == 0, f"{unaccounted} obligations are unaccounted for"
        return rate * batch, p99, seen / (time.monotonic() - begun)
    finally:
        processes.stop()


def _alertmanager(folder: Path, batch: int) -> tuple[float, float]:
    folder.mkdir(parents=True)
    config = folder / "alertmanager.yaml"
    route = {"receiver": "none", "group_by": ["service"]}
    config.write_text(yaml.safe_dump({"route": route, "receivers": [{"name": "none"}]}), encoding="utf8")
    processes, port = Processes(folder), free_port()
    try:
        processes.start(
            "alertmanager",
            program("prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        )
        processes.wait_ready("alertmanager", f"http://127.0.0.1:{port}/-/ready")
        rate, p99 = _wrk(f"http://127.0.0.1:{port}/api/v2/alerts", _script(folder, batch, "v2", ""))
        return rate * batch, p99
    finally:
        processes.stop()


def _script(folder: Path, batch: int, shape: str, token: str) -> Path:
    path = folder / "load.lua"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = _LUA.format(batch=batch, shape=shape, token=token, padding="x" * 120, services=200, now=now)
    path.write_text(text, encoding="utf8")
    return path


def _wrk(url: str, script: Path) -> tuple[float, float]:
    """Answer requests a second and the p99 in milliseconds. Fails if any answer is not 2xx."""
    argv = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script), url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError(f"some requests were refused:\n{done.stdout}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))  # type: ignore[union-attr]  # wrk prints it always.
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout).groups()  # type: ignore[union-attr]  # as above.
    return rate, float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
