"""Errors as callers see them."""

from __future__ import annotations

import json

import msgspec
import pytest

from agentic_flow.chassis.problem import Problem, Result, decode


class Order(msgspec.Struct, forbid_unknown_fields=True):
    size: int


@pytest.mark.parametrize(
    ("status", "whose"), [(400, Result.REFUSED), (499, Result.REFUSED), (500, Result.FAILED), (503, Result.FAILED)]
)
def test_the_status_says_whose_fault_it_is(status: int, whose: Result) -> None:
    answer = Problem(status, "Title", "Detail.", "Remedy.", {"Retry-After": "1"}, reason="why").response()
    assert (answer.status_code, answer.media_type) == (status, "application/problem+json")
    assert answer.headers["retry-after"] == "1"
    document = json.loads(bytes(answer.body))
    assert (document["result"], document["remedy"], document["reason"]) == (whose, "Remedy.", "why")


def test_a_document_of_the_expected_form_is_read() -> None:
    assert decode(Order, b'{"size": 3}') == Order(3)


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b"\xff", 400), (b"[]", 422), (b'{"size": "3"}', 422), (b"{}", 422)]
)
def test_what_cannot_be_read_is_the_callers_to_mend(body: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        decode(Order, body)
    assert (caught.value.status, caught.value.result) == (status, Result.REFUSED)
