"""Alertmanager's webhook, in the shapes that Alertmanager documents."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from tocsin.core.alert import Observation
from tocsin.core.limits import ALERTS_PER_SIGNAL, BODY_MAX, LABEL_LENGTH_MAX, LABELS_MAX
from tocsin.signals.alertmanager import FINGERPRINT_MAX, LABELS_CUT, TRUNCATED, AlertmanagerDecoder
from tocsin.signals.port import Decoder, Unreadable

DECODER: Decoder = AlertmanagerDecoder()

FIRING = {
    "status": "firing",
    "labels": {
        "alertname": "AgentBoosterDown",
        "component": "agent-booster",
        "instance": "10.0.3.17:9100",
        "severity": "critical",
    },
    "annotations": {"summary": "No operation of Agent Booster succeeds"},
    "startsAt": "2026-01-31T14:05:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    "fingerprint": "8d4b5a2f1c3e6f70",
}
RESOLVED = {
    **FIRING,
    "status": "resolved",
    "endsAt": "2026-01-31T15:35:00.000000001+01:00",
    "fingerprint": "aa4b5a2f1c3e6f70",
}


def sent(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {
        "receiver": "tocsin",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "AgentBoosterDown"},
        "commonLabels": {"alertname": "AgentBoosterDown"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org:9093",
        "version": "4",
        "groupKey": '{}:{alertname="AgentBoosterDown"}',
        "truncatedAlerts": 0,
        **more,
    }


def body(*alerts: Any, **more: Any) -> bytes:
    return json.dumps(sent(*alerts, **more)).encode()


def observed(content: bytes) -> list[Observation]:
    return [observation for part, _ in DECODER.split(content) for observation in DECODER.observations(part)]


def read_or_refused(content: bytes) -> list[str]:
    """Answer the remedy that a refusal names; anything else that is raised is a fault."""
    try:
        observed(content)
    except Unreadable as refusal:
        return [refusal.remedy]
    return []


def numbered(count: int) -> list[dict[str, Any]]:
    return [{**FIRING, "fingerprint": f"{number:016x}", "labels": {"n": str(number)}} for number in range(count)]


def test_a_firing_and_a_resolved_alert_of_one_group_are_read_as_sent() -> None:
    firing, resolved = observed(body(FIRING, RESOLVED))

    assert firing == Observation(
        fingerprint="8d4b5a2f1c3e6f70",  # type: ignore[arg-type]
        status="firing",
        labels=FIRING["labels"],  # type: ignore[arg-type]
        annotations=FIRING["annotations"],  # type: ignore[arg-type]
        started_at=Instant.from_utc(2026, 1, 31, hour=14, minute=5, nanosecond=123_456_789),
        ended_at=None,
    )
    assert resolved.status == "resolved"
    assert resolved.ended_at == Instant.from_utc(2026, 1, 31, hour=14, minute=35, nanosecond=1)


def test_a_small_body_is_its_own_only_part() -> None:
    content = body(*numbered(ALERTS_PER_SIGNAL))

    assert DECODER.split(content) == ((content, ALERTS_PER_SIGNAL),)


def test_ten_thousand_alerts_in_one_body_are_cut_and_none_is_lost() -> None:
    parts = DECODER.split(body(*numbered(10_000)))

    assert [count for _, count in parts] == [ALERTS_PER_SIGNAL] * 40
    read = [observation.labels["n"] for part, _ in parts for observation in DECODER.observations(part)]
    assert read == [str(number) for number in range(10_000)]


labels = st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4)
alerts = st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved"]), "labels": labels},
    optional={
        "annotations": labels,
        "startsAt": st.sampled_from([FIRING["startsAt"], "2026-02-28T23:59:59-07:00", "0001-01-01T00:00:00Z", None]),
        "endsAt": st.sampled_from([RESOLVED["endsAt"], "0001-01-01T00:00:00Z"]),
        "generatorURL": st.text(max_size=5),
        "unknown": st.just({"deep": [1, None, True]}),
    },
)


@settings(deadline=None, max_examples=50)
@given(st.lists(alerts, max_size=3), st.integers(0, 2 * ALERTS_PER_SIGNAL + 1), st.integers(0, 3))
def test_every_alert_is_observed_exactly_once_and_in_order(
    some: list[dict[str, Any]], repeated: int, truncated: int
) -> None:
    every = (some * (repeated // len(some) + 1))[:repeated] if some else []
    every = [{**alert, "fingerprint": str(number)} for number, alert in enumerate(every)]
    content = body(*every, truncatedAlerts=truncated if every else 0)

    parts = DECODER.split(content)
    read = [observation for part, _ in parts for observation in DECODER.observations(part)]

    assert [each.fingerprint for each in read] == [str(number) for number in range(len(every))]
    assert [each.status for each in read] == [alert["status"] for alert in every]
    assert [count for _, count in parts] == [len(DECODER.observations(part)) for part, _ in parts]
    assert all(count <= ALERTS_PER_SIGNAL for _, count in parts)
    assert sum(int(each.annotations.get(TRUNCATED, 0)) for each in read) == (truncated if every else 0)
    for alert, observation in zip(every, read, strict=True):
        assert observation.labels == {
            name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in alert["labels"].items()
        }


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    remedies = read_or_refused(content)

    assert all(remedies)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(sent())), st.sampled_from(sorted(FIRING)), json_values, json_values)
def test_a_body_with_any_value_in_any_place_is_read_or_refused(outer: str, inner: str, one: Any, other: Any) -> None:
    content = {**sent({**FIRING, inner: one}), outer: other}

    assert all(read_or_refused(json.dumps(content).encode()))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `version`"),
        (body(version="3"), "$.version"),
        (body(FIRING, {**FIRING, "status": "unknown"}), "$.alerts[1].status"),
        (body({**FIRING, "labels": {"a": 1}}), "$.alerts[0].labels[...]"),
        (body({**FIRING, "startsAt": "yesterday"}), "$.alerts[0].startsAt"),
        (body({**FIRING, "endsAt": 1700000000}), "$.alerts[0].endsAt"),
        (body({**FIRING, "labels": None}), "$.alerts[0].labels"),
        (body(FIRING).replace(b"AgentBoosterDown", b"\xff\xfe"), "utf-8"),
        (body(FIRING)[:-1] + b',"x":' + b"[" * 100_000, "nested too deeply"),
        (body(alerts="none"), "$.alerts"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_the_remedy(content: bytes, place: str) -> None:
    with pytest.raises(Unreadable) as refused:
        DECODER.split(content)

    assert place in refused.value.detail
    assert "webhook, version 4" in refused.value.remedy


def test_one_bad_alert_among_thousands_refuses_the_body_before_anything_is_accepted() -> None:
    with pytest.raises(Unreadable, match=r"\$\.alerts\[999\]\.startsAt"):
        DECODER.split(body(*numbered(999), {**FIRING, "startsAt": "?"}))


def test_a_body_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(Unreadable, match=str(BODY_MAX)):
        DECODER.split(b" " * (BODY_MAX + 1))


def test_alerts_that_alertmanager_left_out_are_told_with_the_first() -> None:
    read = observed(body(*numbered(2 * ALERTS_PER_SIGNAL), truncatedAlerts=17))

    assert [place for place, each in enumerate(read) if TRUNCATED in each.annotations] == [0]
    assert read[0].annotations[TRUNCATED] == "17"


def test_a_body_that_left_out_everything_is_refused_for_else_it_would_be_lost() -> None:
    with pytest.raises(Unreadable) as refused:
        DECODER.split(body(truncatedAlerts=3))

    assert "max_alerts" in refused.value.remedy


def test_no_alerts_are_no_parts() -> None:
    assert DECODER.split(body()) == ()


def test_an_alert_without_fingerprint_has_the_same_one_whatever_the_order_of_its_labels() -> None:
    without = {name: value for name, value in FIRING.items() if name != "fingerprint"}
    backwards = {**without, "labels": dict(reversed(FIRING["labels"].items()))}  # type: ignore[attr-defined]
    another = {**without, "labels": {"alertname": "Other"}}

    one, same, other = (each.fingerprint for each in observed(body(without, backwards, another)))

    assert one == same
    assert one != other


def test_a_fingerprint_without_measure_is_replaced_by_a_digest_that_keeps_it_apart() -> None:
    read = observed(body({**FIRING, "fingerprint": "a" * 9_999}, {**FIRING, "fingerprint": "a" * 9_998}))

    assert len({each.fingerprint for each in read}) == 2
    assert all(len(each.fingerprint) <= FINGERPRINT_MAX for each in read)


def test_a_long_value_is_cut_and_marked() -> None:
    (read,) = observed(body({**FIRING, "annotations": {"log": "x" * (LABEL_LENGTH_MAX + 1)}}))

    assert read.annotations["log"] == "x" * (LABEL_LENGTH_MAX - 1) + "…"


def test_labels_beyond_the_limit_are_left_out_and_counted_and_the_name_stays() -> None:
    many = {f"label{number:03}": "x" for number in range(LABELS_MAX + 9)} | {"alertname": "Last"}

    (read,) = observed(body({**FIRING, "labels": many}))

    assert len(read.labels) == LABELS_MAX
    assert read.labels["alertname"] == "Last"
    assert read.annotations[LABELS_CUT] == "10"


def test_a_nul_is_replaced_for_no_database_keeps_it() -> None:
    (read,) = observed(body({**FIRING, "labels": {"a\0": "b\0c"}, "annotations": {"d": "\0"}, "fingerprint": "\0"}))

    assert (read.labels, read.annotations, read.fingerprint) == ({"a\ufffd": "b\ufffdc"}, {"d": "\ufffd"}, "\ufffd")


def test_an_alert_that_fires_has_not_ended_whatever_end_its_sender_foresees() -> None:
    (read,) = observed(body({**FIRING, "endsAt": "2026-01-31T14:09:00Z"}))

    assert read.ended_at is None


def test_a_time_that_is_not_set_is_no_time() -> None:
    (read,) = observed(body({**FIRING, "startsAt": "0001-01-01T00:00:00Z"}))

    assert (read.started_at, read.ended_at) == (None, None)
