"""Overrides, swaps and absences over HTTP: who may arrange what, when it counts, and what is refused (O4)."""

from typing import Any

import pytest
from whenever import TimeDelta

from tocsin.core.rules import Rulebook
from tocsin.store.port import Adoption, Change, PlaybookVersion
from tocsin.web.auth import Role

from ..builders import changed
from .town import SUNDAY, Town

PRIMARY = "sre-primary"
DAY = TimeDelta(hours=24)
HOUR = TimeDelta(hours=1)


def at(hours: float) -> str:
    """So many hours after the clock of the tests."""
    return (SUNDAY + HOUR * hours).format_iso()


async def on(town: Town, rotation: str = PRIMARY, hours: float = 0) -> Any:
    roster = await town.get(f"/api/v1/oncall?at={at(hours)}")
    return next(each["person"] for each in roster["oncall"] if each["rotation"] == rotation)


async def refused(town: Town, path: str, body: Any, reason: str, **more: Any) -> Any:
    answer = await town.ask("POST", path, body, **more)
    problem = answer.json()
    assert problem["reason"] == reason, problem
    assert problem["remedy"]
    assert town.refused(reason) >= 1
    return problem


@pytest.fixture
async def holder(town: Town) -> str:
    await town.engine.start()
    return str(await on(town))


def other_than(*people: str) -> str:
    sres = ("ines-moreau", "tomasz-zielinski", "aisha-bello", "daniel-kerr")
    return next(each for each in sres if each not in people)


@pytest.mark.clause("O4")
async def test_take_my_shift_until(town: Town, holder: str) -> None:
    stand_in = other_than(holder)
    body = {"rotation": PRIMARY, "person": stand_in, "ends_at": at(5), "reason": "dentist"}
    answer = await town.post("/api/v1/overrides", body, role=Role.RESPONDER, person=holder)
    (kept,) = answer["kept"]
    assert (kept["author"], kept["reason"], kept["starts_at"]) == (holder, "dentist", SUNDAY.format_iso())
    assert [await on(town, hours=hours) for hours in (0, 4.9, 5)] == [stand_in, stand_in, holder]
    situation = await town.engine.playbooks.situation(None, SUNDAY)
    assert situation.duty[kept["rotation"]] == (stand_in,), "a page of this second goes to the stand-in"
    assert situation.shift_ends_at(kept["rotation"], kept["person"]) == SUNDAY + HOUR * 5


@pytest.mark.clause("O4")
async def test_an_override_is_withdrawn_and_not_forgotten(town: Town, holder: str) -> None:
    stand_in = other_than(holder)
    body = {"rotation": PRIMARY, "person": stand_in, "ends_at": at(9)}
    (kept,) = (await town.post("/api/v1/overrides", body, person=holder))["kept"]
    town.clock.passes(HOUR * 2)
    for _ in range(2):
        answer = await town.ask("DELETE", f"/api/v1/overrides/{kept['id']}", role=Role.RESPONDER, person=holder)
        assert answer.json()["kept"][0]["withdrawn_at"] == at(2)
    assert not (await town.get("/api/v1/overrides"))["overrides"]
    (told,) = (await town.get("/api/v1/overrides?all=1"))["overrides"]
    assert (told["withdrawn_by"], told["ends_at"]) == (holder, at(9))
    assert [await on(town, hours=hours) for hours in (1, 3)] == [stand_in, holder], "what was, was"


@pytest.mark.clause("O4")
async def test_a_responder_arranges_their_own_shifts_and_a_commander_anybodys(town: Town, holder: str) -> None:
    stranger, stand_in = other_than(holder), other_than(holder, other_than(holder))
    body = {"rotation": PRIMARY, "person": stand_in, "ends_at": at(5)}
    await refused(town, "/api/v1/overrides", body, "not_yours", role=Role.RESPONDER, person=stranger)
    await town.post("/api/v1/overrides", {**body, "person": stranger}, role=Role.RESPONDER, person=stranger)
    await town.post("/api/v1/overrides", body, role=Role.COMMANDER, person=stranger)
    leave = {"person": holder, "ends_at": at(5)}
    await refused(town, "/api/v1/away", leave, "not_yours", role=Role.RESPONDER, person=stranger)
    await town.post("/api/v1/away", leave, role=Role.COMMANDER, person=stranger)


@pytest.mark.clause("O4")
@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"starts_at": at(9), "ends_at": at(8)}, "wrong_span", "before it begins"),
        ({"ends_at": at(-1)}, "wrong_span", "was over"),
        ({"ends_at": at(24 * 400)}, "wrong_span", "366 days"),
        ({"rotation": "sre-primry"}, "unknown_rotation", "sre-primry"),
        ({"person": "nobody-known"}, "unknown_person", "nobody-known"),
        ({"instead_of": "nobody-known"}, "unknown_person", "nobody-known"),
    ],
)
async def test_an_override_that_cannot_be_is_refused_with_the_way_out(
    town: Town, holder: str, change: dict[str, str], reason: str, said: str
) -> None:
    body = {"rotation": PRIMARY, "person": other_than(holder), "ends_at": at(5), **change}
    problem = await refused(town, "/api/v1/overrides", body, reason)
    assert said in problem["detail"]
    assert not (await town.get("/api/v1/overrides?all=1"))["overrides"]


@pytest.mark.clause("O4")
async def test_an_override_that_began_before_now_begins_now(town: Town, holder: str) -> None:
    body = {"rotation": PRIMARY, "person": other_than(holder), "starts_at": at(-5), "ends_at": at(5)}
    (kept,) = (await town.post("/api/v1/overrides", body))["kept"]
    assert kept["starts_at"] == at(0)


@pytest.mark.clause("O4")
async def test_a_swap_counts_once_the_other_has_accepted_it(town: Town, holder: str) -> None:
    other = other_than(holder)
    body = {"rotation": PRIMARY, "other": other, "ends_at": at(5), "reason": "a concert"}
    (asked,) = (await town.post("/api/v1/swaps", body, role=Role.RESPONDER, person=holder))["kept"]
    path = f"/api/v1/swaps/{asked['id']}"
    assert await on(town) == holder, "asked is not answered"
    await refused(town, f"{path}/accept", {}, "not_yours", role=Role.RESPONDER, person=holder)

    swap, override = (await town.post(f"{path}/accept", {}, role=Role.RESPONDER, person=other))["kept"]
    assert (swap["accepted"], override["swap"], override["instead_of"]) == (True, swap["id"], holder)
    assert [await on(town, hours=hours) for hours in (0, 5)] == [other, holder]

    again = await town.post(f"{path}/accept", {}, role=Role.RESPONDER, person=other)
    assert [each["id"] for each in again["kept"]] == [swap["id"]], "a second tap is agreement"
    assert len((await town.get("/api/v1/overrides"))["overrides"]) == 1
    await refused(town, f"{path}/decline", {}, "already_answered", role=Role.RESPONDER, person=other)


@pytest.mark.clause("O4")
async def test_a_swap_against_another_shift_changes_both_and_is_withdrawn_as_a_whole(town: Town, holder: str) -> None:
    monday = SUNDAY + TimeDelta(hours=21)
    other = await on(town, hours=30)
    takes = {"rotation": PRIMARY, "starts_at": at(30), "ends_at": at(40)}
    body = {"rotation": PRIMARY, "other": other, "ends_at": monday.format_iso(), "takes": takes, "asked_by": holder}
    (asked,) = (await town.post("/api/v1/swaps", body))["kept"]
    kept = (await town.post(f"/api/v1/swaps/{asked['id']}/accept", {"by": other}))["kept"]
    assert [await on(town, hours=hours) for hours in (1, 22, 31, 41)] == [other, other, holder, other]

    ended = await town.ask("DELETE", f"/api/v1/overrides/{kept[1]['id']}")
    assert sorted(each["id"] for each in ended.json()["kept"]) == sorted(each["id"] for each in kept[1:])
    assert [await on(town, hours=hours) for hours in (1, 31)] == [holder, other]


@pytest.mark.clause("O4")
async def test_a_swap_that_was_withdrawn_after_all_is_not_said_to_count_when_it_is_accepted_again(
    town: Town, holder: str
) -> None:
    other = other_than(holder)
    body = {"rotation": PRIMARY, "other": other, "ends_at": at(5)}
    (asked,) = (await town.post("/api/v1/swaps", body, person=holder))["kept"]
    await town.post(f"/api/v1/swaps/{asked['id']}/accept", {}, person=other)
    await town.ask("DELETE", f"/api/v1/swaps/{asked['id']}", person=holder)
    await refused(town, f"/api/v1/swaps/{asked['id']}/accept", {}, "already_answered", person=other)
    assert await on(town, hours=1) == holder


@pytest.mark.clause("O4")
async def test_nobody_swaps_with_themselves(town: Town, holder: str) -> None:
    body = {"rotation": PRIMARY, "other": holder, "ends_at": at(5)}
    problem = await refused(town, "/api/v1/swaps", body, "overlaps", person=holder)
    assert "themselves" in problem["detail"]


@pytest.mark.clause("O4")
async def test_a_declined_swap_changes_nothing(town: Town, holder: str) -> None:
    other = other_than(holder)
    body = {"rotation": PRIMARY, "other": other, "ends_at": at(5)}
    (asked,) = (await town.post("/api/v1/swaps", body, person=holder))["kept"]
    for _ in range(2):
        (told,) = (await town.post(f"/api/v1/swaps/{asked['id']}/decline", {}, person=other))["kept"]
        assert told["accepted"] is False
    await refused(town, f"/api/v1/swaps/{asked['id']}/accept", {}, "already_answered", person=other)
    assert await on(town, hours=1) == holder


@pytest.mark.clause("O4")
async def test_swaps_that_overlap_are_refused(town: Town, holder: str) -> None:
    body = {"rotation": PRIMARY, "other": other_than(holder), "ends_at": at(5)}
    (asked,) = (await town.post("/api/v1/swaps", body, person=holder))["kept"]
    second = {**body, "starts_at": at(4), "ends_at": at(6)}
    problem = await refused(town, "/api/v1/swaps", second, "overlaps", person=holder)
    assert asked["id"] in problem["detail"]
    await town.ask("DELETE", f"/api/v1/swaps/{asked['id']}", person=holder)
    await town.post("/api/v1/swaps", second, person=holder)
    await refused(town, f"/api/v1/swaps/{asked['id']}/accept", {}, "already_answered")


@pytest.mark.clause("O4")
async def test_a_swap_of_a_shift_that_somebody_else_has_by_now_is_refused(town: Town, holder: str) -> None:
    other, third = other_than(holder), other_than(holder, other_than(holder))
    body = {"rotation": PRIMARY, "other": other, "ends_at": at(5)}
    (asked,) = (await town.post("/api/v1/swaps", body, person=holder))["kept"]
    await town.post("/api/v1/overrides", {"rotation": PRIMARY, "person": third, "ends_at": at(2)})
    problem = await refused(town, f"/api/v1/swaps/{asked['id']}/accept", {}, "not_on_call", person=other)
    assert holder in problem["detail"]
    await refused(town, "/api/v1/swaps", {**body, "other": holder, "asked_by": other}, "not_on_call")


@pytest.mark.clause("O4")
async def test_a_swap_accepted_late_counts_from_then_on_and_one_that_is_over_not_at_all(
    town: Town, holder: str
) -> None:
    other = other_than(holder)
    body = {"rotation": PRIMARY, "other": other, "ends_at": at(5)}
    (asked,) = (await town.post("/api/v1/swaps", body, person=holder))["kept"]
    town.clock.passes(HOUR * 2)
    _, override = (await town.post(f"/api/v1/swaps/{asked['id']}/accept", {"by": other}))["kept"]
    assert override["starts_at"] == at(2)

    (late,) = (await town.post("/api/v1/swaps", {**body, "ends_at": at(9), "starts_at": at(8)}, person=holder))["kept"]
    town.clock.passes(HOUR * 8)
    await refused(town, f"/api/v1/swaps/{late['id']}/accept", {}, "wrong_span", person=other)


@pytest.mark.clause("O4")
async def test_whoever_is_next_stands_in_for_somebody_away_and_the_double_booking_is_told_at_once(
    town: Town, holder: str
) -> None:
    backup = await on(town, "sre-secondary")
    answer = await town.post("/api/v1/away", {"ends_at": at(9), "reason": "at sea"}, person=holder)
    assert await on(town) == backup, "the secondary is next week's primary, so the next in turn"
    (warning,) = answer["warnings"]
    assert (warning["kind"], warning["person"]) == ("double", backup)
    assert warning["remedy"].startswith("tocsin override add sre-secondary PERSON --from")


@pytest.mark.clause("O4")
async def test_if_all_are_away_the_gap_is_told_and_opens_one_incident_until_it_is_mended(
    town: Town, holder: str
) -> None:
    owners = town.rules.rotations["agentdb-owners"].people
    for person in owners:
        answer = await town.post("/api/v1/away", {"person": person, "starts_at": at(48), "ends_at": at(72)})
    assert [each["kind"] for each in answer["warnings"]] == ["gap"]
    for _ in range(3):
        await town.take_in()
        town.clock.passes(HOUR * 2)
    (incident,) = await about_the_calendar(town)
    assert (incident["severity"], "nobody is on call in AgentDB owners" in incident["title"]) == ("SEV4", True)
    assert (await town.get(f"/api/v1/incidents/{incident['id']}"))["firing"] == 1

    await town.ask("DELETE", f"/api/v1/away/{answer['kept'][0]['id']}")
    await town.take_in()
    assert (await town.get(f"/api/v1/incidents/{incident['id']}"))["firing"] == 0
    assert len(await about_the_calendar(town)) == 1


async def about_the_calendar(town: Town) -> list[Any]:
    """The incidents that are not about the heartbeat which nobody beats here."""
    incidents = (await town.get("/api/v1/incidents"))["incidents"]
    return [each for each in incidents if "on call" in each["title"]]


@pytest.mark.clause("O4")
async def test_a_restart_reports_nothing_twice_and_ends_what_the_new_playbook_mended(town: Town, holder: str) -> None:
    lonely = town.rules.rotations["agentdb-owners"]
    for person in lonely.people:
        await town.post("/api/v1/away", {"person": person, "starts_at": at(48), "ends_at": at(72)})
    await town.take_in()
    allowed = {**town.rules.rotations, lonely.id: changed(lonely, gaps_allowed=True)}
    after = Town(changed(town.rules, version="2", rotations=allowed), town.store)
    await after.engine.start()
    await after.take_in()
    (incident,) = await about_the_calendar(after)
    assert (await after.get(f"/api/v1/incidents/{incident['id']}"))["firing"] == 0


@pytest.mark.clause("O4")
async def test_the_shift_of_somebody_who_leaves_the_playbook_falls_to_the_next(town: Town, holder: str) -> None:
    town.next_rules = without(town.rules, holder, version="2")
    people = town.rules.rotations[PRIMARY].people
    following = people[(people.index(holder) + 1) % len(people)]
    await town.post("/api/v1/playbook/reload")
    assert await on(town) == following
    (told,) = [each for each in (await town.get("/api/v1/overrides"))["overrides"] if each["rotation"] == PRIMARY]
    assert (told["author"], holder in told["reason"]) == ("tocsin", True)
    assert told["ends_at"] == "2026-11-23T00:00:00Z", "until the shift would have ended"


def without(rules: Rulebook, person: str, **more: Any) -> Rulebook:
    """The playbook without somebody."""
    rotations = {
        key: changed(each, people=tuple(one for one in each.people if one != person))
        for key, each in rules.rotations.items()
    }
    people = {key: each for key, each in rules.people.items() if key != person}
    return changed(rules, rotations=rotations, people=people, **more)


@pytest.mark.clause("O4")
async def test_who_was_on_call_is_answered_by_the_playbook_in_force_then(town: Town, holder: str) -> None:
    stand_in = other_than(holder)
    await town.post("/api/v1/overrides", {"rotation": PRIMARY, "person": stand_in, "ends_at": at(2)})
    town.clock.passes(HOUR * 4)
    reversed_turns = changed(
        town.rules.rotations[PRIMARY], people=tuple(reversed(town.rules.rotations[PRIMARY].people))
    )
    town.next_rules = changed(
        town.rules, version="2", rotations={**town.rules.rotations, reversed_turns.id: reversed_turns}
    )
    await town.post("/api/v1/playbook/reload")
    town.clock.passes(HOUR * 4)
    now_on = await on(town, hours=8)
    assert now_on != holder
    assert [await on(town, hours=hours) for hours in (1, 3, 5)] == [stand_in, holder, now_on]

    history = await town.get(f"/api/v1/oncall/calendar?since={at(-24)}&until={at(8)}&rotation={PRIMARY}")
    assert history["known_since"] == at(0)
    told = [(each["person"], each["starts_at"], each["because"]) for each in history["shifts"]]
    assert told == [(stand_in, at(0), "override"), (holder, at(2), "turn"), (now_on, at(4), "turn")]
    before = await town.get(f"/api/v1/oncall?at={at(-24)}")
    assert before["known"] is False


@pytest.mark.clause("O4")
async def test_a_year_ahead_and_a_year_back_are_answered_at_once(town: Town, holder: str) -> None:
    town.clock.passes(DAY * 366)
    year = TimeDelta(hours=24 * 365)
    span = f"since={(town.clock.now() - year).format_iso()}&until={(town.clock.now() + year).format_iso()}"
    calendar = await town.get(f"/api/v1/oncall/calendar?{span}&rotation={PRIMARY}")
    assert calendar["gaps"] == []
    ends = {each["ends_at"] for each in calendar["shifts"]} | {calendar["since"]}
    assert all(each["starts_at"] in ends for each in calendar["shifts"])
    assert len(calendar["shifts"]) >= 104
    for where in ("since=yesterday", f"since={at(0)}&until={at(-1)}", f"until={at(24 * 1500)}"):
        answer = await town.ask("GET", f"/api/v1/oncall/calendar?{where}")
        assert answer.json()["reason"] == "wrong_time"


@pytest.mark.clause("O4")
async def test_pages_are_counted_by_person_week_night_and_rotation(town: Town, holder: str) -> None:
    await town.declared()
    town.clock.passes(HOUR)
    load = await town.get("/api/v1/oncall/load?weeks=2")
    (ours,) = [each for each in load["people"] if each["person"] == holder]
    assert (ours["pages"], ours["at_night"], ours["weeks"][0]["nights"], ours["weeks"][1]["pages"]) == (1, 1, 1, 0)
    assert ours["rotations"] == {PRIMARY: 1}
    assert load["warnings"] == []


@pytest.mark.clause("O4")
async def test_a_load_over_the_playbooks_limits_is_told_and_opens_an_incident_once(town: Town, holder: str) -> None:
    assert town.rules.fairness is not None
    town.next_rules = changed(town.rules, version="2", fairness=changed(town.rules.fairness, pages_per_week=1))
    await town.post("/api/v1/playbook/reload")
    await town.declared()
    await town.declared(component="agentdb")
    for _ in range(2):
        town.clock.passes(HOUR * 2)
        await town.take_in()
    (warning, *_) = (await town.get("/api/v1/oncall/load"))["warnings"]
    assert "the limit is 1" in warning
    titles = [each["title"] for each in (await town.get("/api/v1/incidents"))["incidents"]]
    assert sum("was paged" in title for title in titles) == 1


@pytest.mark.clause("O4")
async def test_a_version_of_the_playbook_that_cannot_be_read_any_more_is_not_known_and_no_reason_to_stop(
    town: Town,
) -> None:
    old = PlaybookVersion("0", b"of another age", SUNDAY - DAY * 9)
    await town.store.commit(Change(playbooks=(old,), adoptions=(Adoption("0", old.loaded_at),)))
    await town.engine.start()
    assert (await town.get(f"/api/v1/oncall?at={at(-24)}"))["known"] is False
    assert (await town.get("/api/v1/oncall"))["known"] is True


async def test_what_is_not_there_cannot_be_withdrawn_or_answered(town: Town, holder: str) -> None:
    for path in ("overrides", "swaps", "away"):
        answer = await town.ask("DELETE", f"/api/v1/{path}/OVR-0000000000")
        assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_arrangement")
    assert (await town.ask("POST", "/api/v1/swaps/SWAP-0/accept", {})).status_code == 404
