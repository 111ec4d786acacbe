"""What became of many messages of one incident: brought together, written at once, each with its own end (E2, E4)."""

import asyncio

import pytest

from tocsin.core import events as e
from tocsin.core.commands import RecordDelivery
from tocsin.core.ids import IncidentId, IntentId, PageId
from tocsin.core.limits import DELIVERY_LEASE
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Attempt, Change, StoreUnavailable

from ..builders import TUESDAY_MORNING
from .conftest import RememberingChannel, Whole, rules_now
from .told import alert

NOW = TUESDAY_MORNING
OUTAGE = "agent-booster.down"
INCIDENT = IncidentId("INC-1")


class WatchedStore(MemoryStore):
    """Counts what is written to incidents, and is away when told so."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.away = False

    async def commit(self, change: Change) -> None:
        if self.away:
            raise StoreUnavailable("the disk is gone")
        self.written += bool(change.appends)
        await super().commit(change)


@pytest.fixture
async def whole() -> Whole:
    """An outage whose pages are all with their channel, and whose outcomes are not told yet."""
    made = await Whole(WatchedStore(), rules_now(), NOW, RememberingChannel()).start()
    await made.alerts(alert(OUTAGE, since=NOW))
    return made


async def told(whole: Whole, **changed: str) -> list[BaseException | None]:
    """Tell what became of every page, all while somebody else writes to the incident."""
    pages = [page for page in await whole.of(e.PersonPaged) if isinstance(page, e.PersonPaged)]
    assert len(pages) > 1
    async with whole.handler.holding((INCIDENT,)):
        telling = [asyncio.ensure_future(_told(whole, page, **changed)) for page in pages]
        await asyncio.sleep(0)
        assert not any(each.done() for each in telling)
    return await asyncio.gather(*telling, return_exceptions=True)


async def _told(whole: Whole, page: e.PersonPaged, **changed: str) -> None:
    place = page.page.rpartition(".")[2]
    command = RecordDelivery(page=page.page, method=page.methods[0], **{"receipt": f"r-{place}", **changed})
    attempt = Attempt(IntentId(f"{INCIDENT}.{place}.0"), whole.clock.now(), "accepted", command.receipt, None)
    await whole.handler.record(INCIDENT, command, attempt)


def receipts(events: list[e.AnyEvent]) -> dict[PageId, str]:
    return {each.page: each.receipt for each in events if isinstance(each, e.PageDelivered)}


@pytest.mark.clause("E2")
async def test_outcomes_that_come_together_are_written_at_once_and_each_page_has_its_own(whole: Whole) -> None:
    before, owed = whole.store.written, (await whole.store.counts(NOW)).intents_waiting

    assert not any(await told(whole))

    pages = [page.page for page in await whole.of(e.PersonPaged) if isinstance(page, e.PersonPaged)]
    expected = {page: f"r-{page.rpartition('.')[2]}" for page in pages}
    assert receipts(await whole.of(e.PageDelivered)) == expected
    assert whole.store.written == before + 1
    assert (await whole.store.counts(NOW)).intents_waiting == owed - len(pages)


@pytest.mark.clause("E4")
async def test_of_outcomes_that_come_together_each_failure_goes_on_to_its_own_next_method(whole: Whole) -> None:
    assert not any(await told(whole, receipt="", why="no such device"))

    failed = [each for each in await whole.of(e.PageAttemptFailed) if isinstance(each, e.PageAttemptFailed)]
    assert len({each.page for each in failed}) == len(await whole.of(e.PersonPaged))


@pytest.mark.clause("E2")
async def test_outcomes_that_could_not_be_kept_are_told_to_each_who_brought_one_and_come_again(whole: Whole) -> None:
    whole.store.away = True

    refused = await told(whole)

    assert {type(each) for each in refused} == {StoreUnavailable}
    whole.store.away = False
    whole.clock.at += DELIVERY_LEASE
    await whole.dispatch()
    assert set(receipts(await whole.of(e.PageDelivered))) == {
        page.page for page in await whole.of(e.PersonPaged) if isinstance(page, e.PersonPaged)
    }


async def test_whoever_is_stopped_while_waiting_stops_nobody_else(whole: Whole) -> None:
    pages = [page for page in await whole.of(e.PersonPaged) if isinstance(page, e.PersonPaged)]
    async with whole.handler.holding((INCIDENT,)):
        first, second = (asyncio.ensure_future(_told(whole, page)) for page in pages[:2])
        await asyncio.sleep(0)
        first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    assert second.exception() is None
    assert set(receipts(await whole.of(e.PageDelivered))) == {page.page for page in pages[:2]}
