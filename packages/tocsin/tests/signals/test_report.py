"""Reports from people (C6)."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.alert import Answers, Observation
from tocsin.signals.port import Decoder, Unreadable
from tocsin.signals.report import ReportDecoder

REPORT = {
    "title": "Nobody can start an agent",
    "component": "swarm-coordination",
    "all_users": True,
    "data_lost": False,
    "share": 0.4,
    "description": "Since the deployment at noon.\nSupport has 12 tickets.",
    "reporter": "kim",
}


def decoder() -> Decoder:
    numbers = itertools.count(1)
    return ReportDecoder(lambda: f"new-{next(numbers)}")


def observed(reader: Decoder, **changed: Any) -> Observation:
    ((part, count),) = reader.split(json.dumps({**REPORT, **changed}).encode())
    (observation,) = reader.observations(part)
    assert count == 1
    return observation


@pytest.mark.clause("C6")
def test_the_answers_to_the_questions_come_with_the_report() -> None:
    report = observed(decoder(), key="ticket-77")

    assert report.answers == Answers(all_users=True, data_lost=False, share=0.4)
    assert report.status == "firing"
    assert report.fingerprint == "report:ticket-77"
    assert report.labels == {"alertname": "Report", "component": "swarm-coordination", "reporter": "kim"}
    assert report.annotations["summary"] == "Nobody can start an agent"
    assert "12 tickets" in report.annotations["description"]


def test_a_report_sent_twice_under_one_key_is_one_alert_and_without_a_key_two() -> None:
    reader = decoder()

    keyed = {observed(reader, key="k").fingerprint for _ in range(2)}
    unkeyed = {observed(reader).fingerprint for _ in range(2)}

    assert (len(keyed), len(unkeyed)) == (1, 2)


def test_a_part_reads_the_same_however_often_it_is_read() -> None:
    reader = decoder()
    ((part, _),) = reader.split(json.dumps(REPORT).encode())

    assert reader.observations(part) == reader.observations(part) == decoder().observations(part)


@pytest.mark.parametrize(
    ("given", "share"), [("25 %", 0.25), ("7.5%", 0.075), ("100%", 1.0), (0, 0.0), (1, 1.0), (None, None)]
)
def test_a_share_is_a_number_or_per_cent(given: Any, share: float | None) -> None:
    answers = observed(decoder(), share=given).answers

    assert answers is not None
    assert answers.share == share


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"title": ""}, "$.title"),
        ({"title": " \n"}, "$.title"),
        ({"title": "x" * 201}, "$.title"),
        ({"share": 25}, "$.share"),
        ({"share": -0.1}, "$.share"),
        ({"share": "many"}, "$.share"),
        ({"share": "300 %"}, "$.share"),
        ({"all_users": "yes"}, "$.all_users"),
        ({"description": "x" * 20_001}, "$.description"),
        ({"alluser": True}, "alluser"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place_and_an_example(changed: Any, place: str) -> None:
    with pytest.raises(Unreadable) as refused:
        observed(decoder(), **changed)

    assert place in refused.value.detail
    assert '"share": 0.25' in refused.value.remedy


@settings(deadline=None)
@given(st.binary(max_size=100) | st.dictionaries(st.sampled_from(list(REPORT)), st.text() | st.floats()).map(
    lambda value: json.dumps(value).encode()
))  # fmt: skip
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    reader = decoder()
    try:
        parts = reader.split(content)
    except Unreadable:
        return
    assert [len(reader.observations(part)) for part, _ in parts] == [1]
