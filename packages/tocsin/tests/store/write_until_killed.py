"""Writes to a store without end, and says on standard output what it was promised. Its test kills it."""

import asyncio
import sys
from pathlib import Path

from msgspec.structs import replace
from whenever import Instant

from tocsin.core.events import NoteAdded
from tocsin.core.ids import SignalId
from tocsin.store.port import Append, Change, Headline, Signal
from tocsin.store.sqlite import SqliteStore

NOON = Instant.from_utc(2026, 3, 1, 12)


async def main(path: Path) -> None:
    store = await SqliteStore.open(path)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_append(store))
        for producer in range(8):
            tasks.create_task(_accept(store, producer))


async def _accept(store: SqliteStore, producer: int) -> None:
    for number in range(100_000):
        name = f"{producer}-{number}"
        signal = Signal(SignalId(name), "alertmanager", name.encode() * 100, NOON, 1)
        await store.commit(Change(signals=(signal,)))
        print("signal", name, flush=True)


async def _append(store: SqliteStore) -> None:
    """Write a timeline whose headline always names the number of its events, so that half a change would show."""
    opening = _opening()
    await store.commit(Change(appends=(opening,)))
    print("event 1", flush=True)
    for number in range(2, 100_000):
        headline = replace(opening.headline, title=str(number))
        note = NoteAdded(at=NOON.add(minutes=1), text=str(number))
        await store.commit(Change(appends=(Append(headline, number - 1, (note,)),)))
        print("event", number, flush=True)


def _opening() -> Append:
    from importlib.util import module_from_spec, spec_from_file_location

    # This runs as a program, so its neighbours in the test package are found by their file.
    values = Path(__file__).parents[1] / "contracts" / "store_values.py"
    spec = spec_from_file_location("store_values", values)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    opening: Append = module.opening(1)
    headline: Headline = replace(opening.headline, title="1")
    return replace(opening, headline=headline)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
