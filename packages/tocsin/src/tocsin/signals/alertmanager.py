"""Alertmanager's webhook, version 4: one body, a group of alerts, each firing or resolved.

The alerts of a body are decoded straight into a struct of just the fields that matter. A small body, which is nearly
every one, is its own only part; a large one is checked whole and then cut between its alerts, copied as they came.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, Literal

import msgspec
from whenever import Instant

from tocsin.core.alert import Observation
from tocsin.core.ids import AlertFingerprint
from tocsin.core.limits import ALERTS_PER_SIGNAL, BODY_MAX, LABEL_LENGTH_MAX, LABELS_MAX
from tocsin.signals.port import Unreadable

TRUNCATED: Final = "tocsin_truncated_alerts"
"""The annotation, on the first alert of a body, that says how many alerts Alertmanager left out of it."""

LABELS_CUT: Final = "tocsin_labels_cut"
"""The annotation that says how many labels or annotations an alert had beyond the limit."""

FINGERPRINT_MAX: Final = 128
"""Characters of a sender's fingerprint; Alertmanager's has 16. A longer one is replaced by its digest."""

_REMEDY: Final = "Send Alertmanager's webhook, version 4, as its `webhook_configs` receiver does."
_GZIP: Final = b"\x1f\x8b"
_NO_TIME: Final = Instant.from_utc(1, 1, 1)
"""What Go writes for a time that is not set."""


class _Alert(msgspec.Struct, gc=False):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    started_at: Instant | None = msgspec.field(default=None, name="startsAt")
    ended_at: Instant | None = msgspec.field(default=None, name="endsAt")
    generator_url: str = msgspec.field(default="", name="generatorURL")
    fingerprint: str = ""


class _Body(msgspec.Struct):
    version: Literal["4"]
    alerts: list[_Alert]
    truncated: int = msgspec.field(default=0, name="truncatedAlerts")


class _Envelope(msgspec.Struct, omit_defaults=True):
    """The same body with its alerts left as they came."""

    version: Literal["4"]
    alerts: list[msgspec.Raw]
    truncated: int = msgspec.field(default=0, name="truncatedAlerts")


def _instant(kind: type, value: Any) -> Any:
    """Read a time; the one type here that `msgspec` does not know."""
    if kind is not Instant or not isinstance(value, str):
        raise ValueError("Expected a time as RFC 3339 text, such as 2026-01-31T14:05:00Z")
    return Instant.parse_iso(value)


_body = msgspec.json.Decoder(_Body, dec_hook=_instant)
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


class AlertmanagerDecoder:
    """Reads what Alertmanager's webhook receiver sends."""

    def split(self, body: bytes) -> tuple[tuple[bytes, int], ...]:
        """Check a body as sent and cut it into parts of at most `ALERTS_PER_SIGNAL` alerts, each with their number."""
        if len(body) > BODY_MAX:
            raise Unreadable(f"the body has {len(body)} bytes; {BODY_MAX} is the most", "Set `max_alerts` lower.")
        read = _read(body)
        if read.truncated > 0 and not read.alerts:
            raise Unreadable(
                f"{read.truncated} alerts were left out and none was sent",
                "Set `max_alerts` of the webhook receiver to 0, so that Alertmanager leaves none out.",
            )
        if len(read.alerts) <= ALERTS_PER_SIGNAL:
            return ((body, len(read.alerts)),) if read.alerts else ()
        return tuple(_parts(_envelope.decode(body)))

    def observations(self, part: bytes) -> tuple[Observation, ...]:
        """Read one part that `split` made."""
        read = _read(part)
        if b"\\u0000" in part:
            # The one character that a database column may not hold.
            for alert in read.alerts:
                alert.labels = _without_nul(alert.labels)
                alert.annotations = _without_nul(alert.annotations)
                alert.fingerprint = alert.fingerprint.replace("\0", "\ufffd")
        if read.truncated > 0 and read.alerts:
            read.alerts[0].annotations[TRUNCATED] = str(read.truncated)
        return tuple([_observation(alert) for alert in read.alerts])


def _read(body: bytes) -> _Body:
    try:
        return _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if body.startswith(_GZIP):
            raise Unreadable("the body is compressed with gzip", "Send it as it is, uncompressed.") from error
        raise Unreadable(str(error), _REMEDY) from error
    except RecursionError as error:
        raise Unreadable("the body is nested too deeply", _REMEDY) from error


def _parts(body: _Envelope) -> Iterator[tuple[bytes, int]]:
    for start in range(0, len(body.alerts), ALERTS_PER_SIGNAL):
        alerts = body.alerts[start : start + ALERTS_PER_SIGNAL]
        # Only one part may speak of the alerts left out, else they would be counted once for each.
        part = _Envelope(body.version, alerts, 0 if start else body.truncated)
        yield _encoder.encode(part), len(alerts)


def _observation(alert: _Alert) -> Observation:
    fingerprint = alert.fingerprint or _digest(alert.labels)
    ended_at = alert.ended_at
    labels, annotations = alert.labels, alert.annotations
    if _too_large(labels) or _too_large(annotations):
        labels, annotations = _bounded(labels, annotations)
    return Observation(
        AlertFingerprint(fingerprint if len(fingerprint) <= FINGERPRINT_MAX else _digest({"": fingerprint})),
        alert.status,
        labels,
        annotations,
        None if alert.started_at == _NO_TIME else alert.started_at,
        None if ended_at == _NO_TIME or alert.status == "firing" else ended_at,
    )


def _digest(labels: dict[str, str]) -> str:
    """Answer the same name for the same labels, in whatever order they were sent."""
    return hashlib.sha256(_encoder.encode(sorted(labels.items()))).hexdigest()[:16]


def _too_large(pairs: dict[str, str]) -> bool:
    if len(pairs) > LABELS_MAX:
        return True
    for name, value in pairs.items():  # noqa: SIM110 - half the time of any() on the hot path.
        if len(value) > LABEL_LENGTH_MAX or len(name) > LABEL_LENGTH_MAX:
            return True
    return False


def _bounded(labels: dict[str, str], annotations: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    left_out = max(0, len(labels) - LABELS_MAX) + max(0, len(annotations) - LABELS_MAX)
    kept_labels, kept = _kept(labels, "alertname"), _kept(annotations, TRUNCATED)
    if left_out:
        kept[LABELS_CUT] = str(left_out)
    return kept_labels, kept


def _kept(pairs: dict[str, str], always: str) -> dict[str, str]:
    kept = dict(islice(pairs.items(), LABELS_MAX))
    if always in pairs and always not in kept:
        kept.popitem()
        kept[always] = pairs[always]
    return {_shortened(name): _shortened(value) for name, value in kept.items()}


def _shortened(text: str) -> str:
    return text if len(text) <= LABEL_LENGTH_MAX else text[: LABEL_LENGTH_MAX - 1] + "…"


def _without_nul(pairs: dict[str, str]) -> dict[str, str]:
    return {name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in pairs.items()}
