"""Write shifts as an iCalendar feed that calendar programs subscribe to (RFC 5545).

A shift keeps its UID as long as it begins at the same instant for the same person, so that a program updates it and
does not add another. The document depends on the shifts alone and not on the clock: asked again, it is the same bytes,
and an ``ETag`` over them says so.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from whenever import Instant

from tocsin.core.oncall import Because, Gap, Shift

_OCTETS_PER_LINE: Final = 75
_REFRESH: Final = "PT15M"


def feed(
    name: str, shifts: Iterable[Shift], gaps: Iterable[Gap], names: Mapping[str, str], changed_at: Instant
) -> bytes:
    """Answer the feed of some shifts; ``changed_at`` is when they were last arranged."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tocsin//On call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{_REFRESH}",
        f"X-PUBLISHED-TTL:{_REFRESH}",
    ]
    for shift in shifts:
        lines += _shift(shift, names, changed_at)
    for gap in gaps:
        lines += _gap(gap, names, changed_at)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines).encode()


def etag(document: bytes) -> str:
    """Answer what tells one version of a document from another."""
    return f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def _shift(shift: Shift, names: Mapping[str, str], changed_at: Instant) -> Sequence[str]:
    who, where = names.get(shift.person, shift.person), names.get(shift.rotation, shift.rotation)
    stands_in = f" (for {names.get(shift.instead_of, shift.instead_of)})" if shift.instead_of else ""
    said = f"On call in {where}, by {_SAID[shift.because]}."
    return _event(
        f"{shift.rotation}.{shift.person}.{_stamp(shift.starts_at)}@tocsin",
        shift.starts_at,
        shift.ends_at,
        f"{where}: {who}{stands_in}",
        said,
        changed_at,
    )


_SAID: Final = {
    Because.TURN: "turn",
    Because.AWAY: "turn of somebody who is away",
    Because.OVERRIDE: "override",
    Because.SWAP: "swap",
    Because.CALENDAR: "imported calendar",
}


def _gap(gap: Gap, names: Mapping[str, str], changed_at: Instant) -> Sequence[str]:
    where = names.get(gap.rotation, gap.rotation)
    uid = f"{gap.rotation}.gap.{_stamp(gap.starts_at)}@tocsin"
    return _event(uid, gap.starts_at, gap.ends_at, f"{where}: NOBODY", "Nobody is on call.", changed_at)


def _event(
    uid: str, starts_at: Instant, ends_at: Instant, summary: str, description: str, changed_at: Instant
) -> Sequence[str]:
    return (
        "BEGIN:VEVENT",
        f"UID:{_escaped(uid)}",
        f"DTSTAMP:{_stamp(changed_at)}",
        f"DTSTART:{_stamp(starts_at)}",
        f"DTEND:{_stamp(ends_at)}",
        f"SUMMARY:{_escaped(summary)}",
        f"DESCRIPTION:{_escaped(description)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    )


def _stamp(at: Instant) -> str:
    """Write an instant in UTC: no program needs to know a zone."""
    text = at.round("second", mode="floor").format_iso()
    return text.replace("-", "").replace(":", "")


def _escaped(text: str) -> str:
    """Write a text value: what the format uses itself is escaped, other control characters are left out."""
    plain = text.replace("\r\n", "\n").replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "".join(one for one in plain.replace("\n", "\\n") if one >= " " and one != "\x7f")


def _folded(line: str) -> str:
    """Break a line after at most 75 octets, and never inside a character."""
    parts: list[str] = []
    part, size = "", 0
    for one in line:
        octets = len(one.encode())
        if size + octets > _OCTETS_PER_LINE:
            parts.append(part)
            part, size = " ", 1
        part += one
        size += octets
    return "\r\n".join([*parts, part])
