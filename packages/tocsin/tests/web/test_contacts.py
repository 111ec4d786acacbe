"""Codes over HTTP: sent the real way, never kept or shown, limited in tries; and who can be paged now."""

import re
from collections.abc import AsyncIterator

import pytest
from whenever import TimeDelta

from tocsin.channels.port import Accepted, DeliveryKey, Outcome, Rejected
from tocsin.core.ids import ChannelName
from tocsin.core.limits import CODE_AGAIN_AFTER, CODE_LIVES_FOR, CODE_TRIES_MAX
from tocsin.core.messages import Message
from tocsin.web.auth import Role

from ..builders import rulebook
from .town import Town

INES = "ines-moreau"
CONSOLE = ChannelName("console")


class Phone:
    """What the code arrives on."""

    pace = 1000.0

    def __init__(self) -> None:
        self.got: list[tuple[str, Message]] = []
        self.outcome: Outcome = Accepted("r1")

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        self.got.append((address, message))
        return self.outcome

    async def close(self) -> None:
        pass

    @property
    def code(self) -> str:
        found = re.search(r"\b\d{6}\b", self.got[-1][1].subject)
        assert found is not None
        return found.group(0)


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
async def town(phone: Phone) -> AsyncIterator[Town]:
    made = Town(rulebook(), channels={CONSOLE: phone})
    await made.engine.start()
    yield made
    await made.http.aclose()


async def _verify(town: Town, method: str = "phone") -> None:
    await town.post("/api/v1/contacts/verify", {"method": method}, role=Role.RESPONDER, person=INES)
    await town.engine.dispatcher.step(town.clock.now())
    await town.engine.dispatcher.settle()


async def _confirm(town: Town, code: str) -> tuple[int, str]:
    answer = await town.ask("POST", "/api/v1/contacts/confirm", {"code": code}, role=Role.RESPONDER, person=INES)
    return answer.status_code, answer.json().get("reason", "")


async def test_a_code_goes_out_the_real_way_and_confirms_the_address_it_went_to(town: Town, phone: Phone) -> None:
    await _verify(town)
    address, message = phone.got[-1]
    assert address == "+15550100000"
    assert phone.code in message.text
    assert not message.acknowledge_url
    assert await _confirm(town, phone.code) == (200, "")
    people = (await town.get("/api/v1/readiness"))["people"]
    routes = {route["kind"]: route for each in people if each["person"] == INES for route in each["routes"]}
    assert (routes["phone"]["verified"], routes["email"]["verified"]) == (True, False)


async def test_the_code_stands_nowhere_but_in_the_message(town: Town, phone: Phone) -> None:
    await _verify(town)
    (intent,) = [each.intent for each in town.store._deliveries.values() if each.intent.message.verifies]
    assert phone.code not in repr(intent)
    assert phone.code not in repr(await town.store.verifications())


async def test_a_wrong_code_and_five_of_them_are_refused(town: Town, phone: Phone) -> None:
    await _verify(town)
    wrong = "000000" if phone.code != "000000" else "111111"
    for _ in range(CODE_TRIES_MAX - 1):
        assert await _confirm(town, wrong) == (409, "code_wrong")
    assert await _confirm(town, wrong) == (409, "code_locked")
    assert await _confirm(town, phone.code) == (409, "code_locked")
    assert town.refused("code_wrong") == CODE_TRIES_MAX - 1
    again = await town.ask("POST", "/api/v1/contacts/verify", {"method": "phone"}, role=Role.RESPONDER, person=INES)
    assert again.json()["reason"] == "code_just_sent", "nobody gets five tries more, or rings a phone, at will"
    town.clock.passes(CODE_AGAIN_AFTER)
    await _verify(town)
    assert await _confirm(town, phone.code) == (200, "")


async def test_the_code_of_one_person_confirms_nothing_for_another_and_costs_them_no_try(
    town: Town, phone: Phone
) -> None:
    await _verify(town)
    body = {"code": phone.code}
    theirs = await town.ask("POST", "/api/v1/contacts/confirm", body, role=Role.RESPONDER, person="aisha-bello")
    assert (theirs.status_code, theirs.json()["reason"]) == (409, "code_not_asked")
    for _ in range(CODE_TRIES_MAX):
        await town.ask("POST", "/api/v1/contacts/confirm", {"code": "no"}, role=Role.RESPONDER, person="aisha-bello")
    assert await _confirm(town, phone.code) == (200, "")


async def test_an_old_code_and_a_second_one_at_once_are_refused(town: Town, phone: Phone) -> None:
    await _verify(town)
    again = await town.ask("POST", "/api/v1/contacts/verify", {"method": "phone"}, role=Role.RESPONDER, person=INES)
    assert (again.status_code, again.json()["reason"]) == (409, "code_just_sent")
    town.clock.passes(CODE_LIVES_FOR)
    assert await _confirm(town, phone.code) == (409, "code_expired")
    await _verify(town)
    assert await _confirm(town, phone.code) == (200, "")
    assert await _confirm(town, phone.code) == (409, "code_not_asked")


@pytest.mark.parametrize(
    ("body", "role", "person", "status", "reason"),
    [
        ({"method": "fax"}, Role.RESPONDER, INES, 422, "unknown_method"),
        ({"method": "phone", "person": "nobody"}, Role.COMMANDER, "", 422, "unknown_person"),
        ({"method": "phone", "person": "aisha-bello"}, Role.RESPONDER, INES, 403, "forbidden"),
        ({"method": "phone"}, Role.COMMANDER, "", 422, "missing_field"),
        ({"method": "phone"}, Role.VIEWER, INES, 403, "forbidden"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(
    town: Town, body: dict[str, str], role: Role, person: str, status: int, reason: str
) -> None:
    answer = await town.ask("POST", "/api/v1/contacts/verify", body, role=role, person=person)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_a_code_that_cannot_be_delivered_harms_nobody_else(town: Town, phone: Phone) -> None:
    phone.outcome = Rejected("no such number")
    await _verify(town)
    counted = town.telemetry.registry.get_sample_value
    assert counted("tocsin_faults_total", {"step": "dispatcher"}) is None
    assert (await town.store.counts(town.clock.now())).dead_letters == 1
    assert (await town.store.counts(town.clock.now())).unaccounted == 0


async def test_a_commander_may_confirm_for_somebody_who_reads_the_code_out(town: Town, phone: Phone) -> None:
    await town.post("/api/v1/contacts/verify", {"person": INES, "method": "slack"}, role=Role.COMMANDER)
    await town.engine.dispatcher.step(town.clock.now())
    await town.engine.dispatcher.settle()
    town.clock.passes(TimeDelta(minutes=1))
    done = await town.post("/api/v1/contacts/confirm", {"person": INES, "code": phone.code}, role=Role.COMMANDER)
    assert (done["kind"], done["verified_at"] is not None) == ("slack", True)
