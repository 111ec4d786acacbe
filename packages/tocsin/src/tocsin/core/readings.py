"""What an output says, by the kind of thing it is: in one line, and what of it is worth a line of the summary.

Outputs come from the watched system and from strangers, so all of this takes any text and answers something.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from whenever import Instant

from tocsin.core.diagnostics import Reading
from tocsin.core.limits import SUMMARY_LINE_MAX
from tocsin.core.loglines import Errors, lines, new_errors

REFUSED: Final = "answered "
"""How the answer of a web address begins that was not a success: with its status."""

KINDS_SHOWN: Final = 3
"""Kinds of new errors named in a line; the others are counted."""


class Said(msgspec.Struct, frozen=True):
    """An output, read."""

    line: str
    """What it says, in one line."""
    concerns: tuple[str, ...] = ()
    """What a responder should hear of at once."""
    release: str = ""
    """The release in use, if it names one."""


def read(reading: Reading, output: str, since: Instant | None) -> Said:
    """Read an output; ``since`` is when the last healthy stretch ended."""
    return _READERS[reading](output, since)


def shortened(text: str, most: int = SUMMARY_LINE_MAX) -> str:
    """Answer a text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _text(output: str, _: Instant | None) -> Said:
    first = next((line for line in output.splitlines() if line.strip()), "")
    return Said(shortened(first) or "nothing")


def _logs(output: str, since: Instant | None) -> Said:
    errors = new_errors(output, since)
    count = len(output.splitlines())
    what = "new error lines" if errors.dated else "error lines, new or old"
    concerns = (shortened(f"{errors.lines} {what}: {_kinds(errors)}", SUMMARY_LINE_MAX * 2),) if errors.kinds else ()
    return Said(f"{count} lines, {errors.lines or 'no'} {what}", concerns)


def _kinds(errors: Errors) -> str:
    shown = "; ".join(f"{kind.count} × “{kind.example}”" for kind in errors.kinds[:KINDS_SHOWN])
    more = len(errors.kinds) - KINDS_SHOWN
    return f"{shown}; {more} other kinds" if more > 0 else shown


def _health(output: str, since: Instant | None) -> Said:
    document = _object(output)
    if document is None:
        said = _text(output, since)
        refused = output.startswith(REFUSED)
        return Said(said.line, (f"health: {said.line}",) if refused else ())
    status = _word(document, "status")
    release = _word(document, "release", "version")
    wrong = _word(document, "error", "message", "detail", "reason")
    named = f"release {release}" if release else ""
    line = shortened(", ".join(part for part in (status, named, wrong) if part)) or "an answer without a status"
    well = status.lower() in ("healthy", "ok", "up", "pass", "ready", "") and not wrong
    return Said(line, () if well else (f"health: {shortened(f'{status}: {wrong}' if wrong else status)}",), release)


def _workloads(output: str, since: Instant | None) -> Said:
    rows = list(_pods(output))
    if not rows:
        return _replicas(output, since)
    unwell = [row for row in rows if row[1] or row[2]]
    ready = sum(not why for _, _, why in rows)
    concerns = tuple(shortened(_unwell(*row)) for row in unwell[:KINDS_SHOWN])
    return Said(f"{ready} of {len(rows)} ready, {sum(row[1] for row in rows)} restarts", concerns)


def _replicas(output: str, since: Instant | None) -> Said:
    """Read what the supervisor says of a service: a line for it, and an indented one for each replica."""
    missing = [found for found in _READY.finditer(output) if int(found[1]) < int(found[2])]
    unwell = (line for line in output.splitlines() if missing and line[:1].isspace() and not _WELL.search(line))
    return Said(_text(output, since).line, tuple(shortened(line) for line in list(unwell)[:KINDS_SHOWN]))


_READY: Final = re.compile(r"\b(\d{1,6})/(\d{1,6}) ready\b")
_WELL: Final = re.compile(r"\s(?:ready|running|healthy)\s")


def _unwell(name: str, restarts: int, why: str) -> str:
    times = f"{restarts} restart{'s' if restarts != 1 else ''}" if restarts else ""
    return f"{name}: {', '.join(part for part in (times, why) if part)}"


def _pods(output: str) -> Iterator[tuple[str, int, str]]:
    """Read a table as ``kubectl get pods`` prints it: name, restarts, and why it is not ready."""
    lines = output.splitlines()
    heads = re.split(r"\s{2,}", lines[0].strip().lower()) if lines else []
    if not {"name", "ready"} <= set(heads):
        return
    for line in lines[1:]:
        cells = dict(zip(heads, re.split(r"\s{2,}", line.strip()), strict=False))
        shown = cells.get("ready", "")
        ready, _, wanted = shown.partition("/")
        times = re.match(r"\d+", cells.get("restarts", ""))
        state = cells.get("status", "")
        well = ready == wanted and state in ("Running", "Completed", "Succeeded", "")
        yield cells.get("name", "?"), int(times[0]) if times else 0, "" if well else state or f"{shown} ready"


def _targets(output: str, since: Instant | None) -> Said:
    """Read series, one a line: which of the targets do not answer."""
    values = [(line, line.rpartition(" ")[2]) for line in output.splitlines() if line.strip()]
    down = [line.rpartition(" ")[0] for line, value in values if value in ("0", "-0")]
    said = f"{len(values) - len(down)} of {len(values)} up"
    concerns = (shortened(f"targets: {said}; down: {', '.join(down[:KINDS_SHOWN])}"),) if down else ()
    return Said(said if values else "no targets", concerns)


def _changes(output: str, since: Instant | None) -> Said:
    """Read a history, the newest last: what was changed since the last healthy stretch is worth a word."""
    rows = [line for line in output.splitlines() if line.strip()]
    new = [line for line in lines(output) if line.text and line.at and since and line.at >= since]
    concerns = (f"changed at {clock(line.at)}: {line.text}" for line in new[-KINDS_SHOWN:] if line.at)
    return Said(shortened(rows[-1]) if rows else "no changes known", tuple(map(shortened, concerns)))


def clock(at: Instant) -> str:
    """Write the time of day as it is said."""
    return f"{at.format_iso()[11:19]} UTC"


def _page(output: str, since: Instant | None) -> Said:
    document = _object(output)
    status = document.get("status") if document else None
    if document is not None and isinstance(status, dict):
        return _status_page(document, status)
    return _text(output, since)


def _status_page(document: Mapping[str, Any], status: Mapping[str, Any]) -> Said:
    """Read ``/api/v2/summary.json`` of a Statuspage."""
    name = _word(_part(document, "page"), "name") or "the provider"
    said = _word(status, "description") or _word(status, "indicator") or "no status"
    worst = [
        f"{_word(part, 'name')} {_word(part, 'status').replace('_', ' ')}"
        for part in _parts(document, "components")
        if not part.get("group") and _word(part, "status") not in ("operational", "")
    ]
    incidents = [f"“{_word(each, 'name')}”" for each in _parts(document, "incidents")]
    well = _word(status, "indicator") in ("none", "") and not worst and not incidents
    line = shortened(f"{name}: {'; '.join([said, *worst[:KINDS_SHOWN], *incidents[:KINDS_SHOWN]])}")
    return Said(line, () if well else (f"provider {line}",))


_READERS: Final[Mapping[Reading, Callable[[str, Instant | None], Said]]] = {
    Reading.TEXT: _text,
    Reading.LOGS: _logs,
    Reading.HEALTH: _health,
    Reading.WORKLOADS: _workloads,
    Reading.TARGETS: _targets,
    Reading.CHANGES: _changes,
    Reading.PAGE: _page,
}


def _object(output: str) -> dict[str, Any] | None:
    """Read a JSON object; None if it is none. What stands around it, as a status line does, is passed over."""
    begins = output.find("{")
    if begins < 0:
        return None
    try:
        found = msgspec.json.decode(output[begins : output.rfind("}") + 1])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _parts(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _word(document: Mapping[str, Any], *names: str) -> str:
    """Answer the first of these that is a text or a number."""
    for name in names:
        found = document.get(name)
        if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found).strip():
            return shortened(str(found))
    return ""
