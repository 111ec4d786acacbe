"""Every store keeps the store contract, and they all agree. PostgreSQL joins by one more name in `STORES`."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tocsin.core.alert import Disposition
from tocsin.core.ids import RunId
from tocsin.core.messages import MessageKind
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Adoption, Change, Conflict, Held, Lease, Store
from tocsin.store.sqlite import SqliteStore

from .run_contract import BOOSTER, a_run
from .store_contract import StoreContract, everything
from .store_values import (
    a_beat,
    a_gathering,
    a_note,
    a_playbook,
    a_signal,
    a_silence,
    a_token,
    after,
    an_alert,
    an_attachment,
    an_attempt,
    an_import,
    an_intent,
    an_override,
    following,
    handled,
    incident_id,
)


async def _in_memory(_folder: Path) -> Store:
    return MemoryStore()


async def _in_sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "tocsin.sqlite")


STORES: dict[str, Callable[[Path], Awaitable[Store]]] = {"memory": _in_memory, "sqlite": _in_sqlite}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = await STORES[request.param](tmp_path)
    yield opened
    await opened.close()


class TestStore(StoreContract):
    """Run on each of `STORES`."""


# Few names and few instants, so that histories collide with themselves.
_names = st.sampled_from("abcdefgh")
_numbers = st.integers(1, 4)
_minutes = st.integers(0, 12)
_maybe_minutes = st.none() | _minutes
_maybe_instants = st.builds(lambda minute: None if minute is None else after(minute), _maybe_minutes)
_incidents = st.builds(incident_id, _numbers)


def _some(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=3).map(tuple)


_alerts = st.builds(
    an_alert,
    _names,
    status=st.sampled_from(["firing", "resolved"]),
    disposition=st.sampled_from(Disposition),
    incident=st.none() | _incidents,
    severity=st.sampled_from(["SEV1", "SEV2"]),
    started_at=st.builds(after, _minutes),
    recheck_at=_maybe_instants,
)
# A group belongs to its incident for good, so it follows from the number.
_appends = st.builds(
    lambda number, wrong_by, texts, **headline: following(
        number, wrong_by, *map(a_note, texts), group_key="ab"[number % 2], **headline
    ),
    _numbers,
    st.sampled_from([0, 0, 0, 0, 1, -1]),
    st.lists(st.text("xy\N{SNOWMAN}", max_size=2), min_size=1, max_size=2),
    next_due_at=_maybe_instants,
    resolved_at=_maybe_instants,
)
_runs = st.builds(
    lambda number, run, holds, owed, verdict: a_run(
        number,
        run,
        holds=BOOSTER if holds else None,
        state="started" if holds else "over",
        next_at=owed,
        verdict=verdict,
    ),
    _numbers,
    st.sampled_from(["R1", "R2"]),
    st.booleans(),
    _maybe_instants,
    st.sampled_from(["", "improved", "worse", "no_data"]),
)
_leases = st.builds(lambda number, minute: Lease(incident_id(number), RunId("R1"), after(minute)), _numbers, _minutes)
_changes = st.builds(
    Change,
    signals=_some(st.builds(a_signal, _names, alerts=st.integers(0, 3), body=st.binary(max_size=3), minute=_minutes)),
    handled=_some(st.builds(handled, _names, minute=_minutes)),
    alerts=_some(_alerts),
    appends=st.lists(_appends, max_size=2).map(tuple),
    intents=_some(
        st.builds(
            an_intent,
            _names,
            kind=st.sampled_from(MessageKind),
            minute=_minutes,
            channel=st.sampled_from(["slack", "email"]),
            number=_numbers,
        )
    ),
    attempts=_some(
        st.builds(
            an_attempt,
            _names,
            minute=_minutes,
            outcome=st.sampled_from(["accepted", "deferred", "rejected"]),
            again=_maybe_minutes,
        )
    ),
    silences=_some(st.builds(a_silence, _names, ends=_minutes, ended_early=_maybe_minutes)),
    tokens=_some(st.builds(a_token, _names, revoked=_maybe_minutes)),
    runs=_some(_runs),
    leases=_some(_leases),
    beats=_some(st.builds(a_beat, _names, seen=_minutes, missing=_maybe_minutes)),
    playbooks=_some(st.builds(a_playbook, st.sampled_from("12"), st.binary(max_size=3))),
    arrangements=_some(st.builds(an_override, _names, ends=_minutes, withdrawn=_maybe_minutes)),
    imports=_some(st.builds(an_import, _names, rotation=st.sampled_from("xy"), minute=_minutes)),
    adoptions=_some(st.builds(Adoption, st.sampled_from("12"), _minutes.map(after))),
    gatherings=_some(st.builds(a_gathering, _names, rank=st.integers(0, 2), ended=st.booleans(), minute=_minutes)),
    attachments=_some(st.builds(an_attachment, _names, minute=_minutes, body=st.binary(max_size=3))),
)
_claims = st.tuples(
    _minutes, _minutes, st.integers(1, 4), st.dictionaries(st.sampled_from(["slack", "email"]), st.integers(0, 2))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_changes | _claims, max_size=12))
def test_all_stores_give_the_same_answers_after_the_same_history(
    history: list[Change | tuple[int, int, int, dict[str, int]]],
) -> None:
    async def lives(make: Callable[[Path], Awaitable[Store]], folder: Path) -> list[object]:
        store = await make(folder)
        told: list[object] = []
        try:
            for step in history:
                told.append(await _take(store, step))
            return [*told, *await everything(store)]
        finally:
            await store.close()

    answers = {}
    for name, make in STORES.items():
        with tempfile.TemporaryDirectory() as folder:
            answers[name] = asyncio.run(lives(make, Path(folder)))
    reference = answers.pop("memory")
    for name, answer in answers.items():
        assert answer == reference, name


async def _take(store: Store, step: Change | tuple[int, int, int, dict[str, int]]) -> object:
    if isinstance(step, Change):
        try:
            await store.commit(await _aimed(store, step))
        except Conflict:
            return "conflict"
        except Held as held:
            return str(held)
        return "kept"
    minute, lease, limit, busy = step
    return await store.claim(after(minute), after(minute + lease), limit, busy)


async def _aimed(store: Store, change: Change) -> Change:
    """Let appends expect what is there, so that most succeed; ``expected`` so far says by how much to be wrong."""
    appends = [
        replace(append, expected=append.expected + len(await store.timeline(append.headline.id)))
        for append in change.appends
    ]
    return replace(change, appends=tuple(appends))
