"""Secret calendar addresses and imported calendars over HTTP (O4)."""

from typing import Any

import pytest
from icalendar import Calendar
from whenever import TimeDelta

from tocsin.web.auth import REFRESHED_EVERY, Role

from ..builders import changed
from .town import SUNDAY, Town

PRIMARY = "sre-primary"
INES = "ines-moreau"


def path_of(url: str) -> str:
    return url.removeprefix("https://tocsin.example")


def events(document: bytes) -> list[Any]:
    return list(Calendar.from_ical(document).walk("VEVENT"))


@pytest.fixture
async def feed(town: Town) -> Any:
    await town.engine.start()
    return await town.post("/api/v1/oncall/feeds", {}, role=Role.RESPONDER, person=INES)


@pytest.mark.clause("O4")
async def test_a_persons_feed_holds_their_shifts_and_opens_without_a_token(town: Town, feed: Any) -> None:
    answer = await town.ask("GET", path_of(feed["me"]), role=None)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    summaries = {str(event["SUMMARY"]) for event in events(answer.content)}
    assert summaries == {"SRE primary: Ines Moreau", "SRE secondary: Ines Moreau"}
    whole = await town.ask("GET", path_of(feed["all"]), role=None)
    assert len(events(whole.content)) > len(events(answer.content))
    one = await town.ask("GET", path_of(feed["rotations"][PRIMARY]), role=None)
    assert {str(event["SUMMARY"]).partition(":")[0] for event in events(one.content)} == {"SRE primary"}


@pytest.mark.clause("O4")
async def test_a_feed_that_did_not_change_is_not_sent_again(town: Town, feed: Any) -> None:
    path = path_of(feed["all"])
    first = await town.ask("GET", path, role=None)
    town.clock.passes(TimeDelta(hours=2))
    same = await town.ask("GET", path, role=None, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])

    body = {"rotation": PRIMARY, "person": INES, "ends_at": (SUNDAY + TimeDelta(hours=9)).format_iso()}
    await town.post("/api/v1/overrides", body)
    other = await town.ask("GET", path, role=None, headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    names = {str(event["UID"]) for event in events(first.content)}
    new = [event for event in events(other.content) if str(event["UID"]) not in names]
    assert any("(for " in str(event["SUMMARY"]) for event in new)


@pytest.mark.clause("O4")
async def test_events_keep_their_names_from_day_to_day(town: Town, feed: Any) -> None:
    path = path_of(feed["me"])
    today = {str(event["UID"]) for event in events((await town.ask("GET", path, role=None)).content)}
    town.clock.passes(TimeDelta(hours=24))
    tomorrow = {str(event["UID"]) for event in events((await town.ask("GET", path, role=None)).content)}
    assert len(today & tomorrow) >= len(today) - 1


@pytest.mark.clause("O4")
async def test_a_revoked_a_forged_and_another_kind_of_token_open_nothing(town: Town, feed: Any) -> None:
    key = path_of(feed["me"]).split("/")[2]
    admin = await town.token(Role.ADMIN)
    for forged in (key[:-1] + ("B" if key[-1] == "A" else "A"), "x", "_", admin.removeprefix("tcn_"), f"{key}ü"):
        answer = await town.ask("GET", f"/ical/{forged}/me.ics", role=None)
        assert (answer.status_code, answer.json()["reason"]) == (404, "link_forged")
    assert town.refused("link_forged") == 5
    bearer = await town.ask("GET", "/api/v1/oncall", role=None, headers={"Authorization": f"Bearer tcn_{key}"})
    assert bearer.status_code == 403, "the address opens no route"

    revoked = await town.ask("DELETE", f"/api/v1/oncall/feeds/{INES}", role=Role.RESPONDER, person=INES)
    assert revoked.json()["revoked"] == 1
    town.clock.passes(REFRESHED_EVERY)
    assert (await town.ask("GET", path_of(feed["me"]), role=None)).status_code == 404


@pytest.mark.clause("O4")
async def test_only_a_hash_of_the_secret_is_kept_and_an_admin_can_revoke_it(town: Town, feed: Any) -> None:
    key = path_of(feed["me"]).split("/")[2]
    (kept,) = [token for token in await town.known_tokens() if token.role == "feed"]
    assert key.partition("_")[2] not in repr(kept)
    answer = await town.ask("DELETE", f"/api/v1/tokens/{feed['id']}")
    assert answer.is_success
    town.clock.passes(REFRESHED_EVERY)
    assert (await town.ask("GET", path_of(feed["me"]), role=None)).status_code == 404


@pytest.mark.clause("O4")
async def test_addresses_are_made_for_oneself_or_by_a_commander_and_not_without_end(town: Town, feed: Any) -> None:
    answer = await town.ask("POST", "/api/v1/oncall/feeds", {"person": "daniel-kerr"}, role=Role.RESPONDER, person=INES)
    assert answer.status_code == 403
    for _ in range(9):
        await town.post("/api/v1/oncall/feeds", {"person": INES}, role=Role.COMMANDER)
    answer = await town.ask("POST", "/api/v1/oncall/feeds", {"person": INES})
    assert (answer.status_code, answer.json()["reason"]) == (409, "too_many")
    assert (await town.ask("POST", "/api/v1/oncall/feeds", {})).json()["reason"] == "missing_field"


SHIFTS = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:1\r
DTSTART:20261122T060000Z\r
DTEND:20261122T120000Z\r
RRULE:FREQ=DAILY;COUNT=3\r
SUMMARY:Daniel Kerr\r
END:VEVENT\r
END:VCALENDAR\r
"""


@pytest.fixture
async def importing(town: Town) -> Town:
    rotations = {**town.rules.rotations}
    rotations[next(key for key in rotations if key == PRIMARY)] = changed(rotations[PRIMARY], imports=True)  # type: ignore[index]
    town.next_rules = changed(town.rules, version="2", rotations=rotations)
    await town.engine.start()
    await town.post("/api/v1/playbook/reload")
    return town


async def on(town: Town, hours: float) -> str:
    at = (SUNDAY + TimeDelta(hours=1) * hours).format_iso()
    roster = await town.get(f"/api/v1/oncall?at={at}")
    return next(each["person"] for each in roster["oncall"] if each["rotation"] == PRIMARY)


@pytest.mark.clause("O4")
async def test_an_imported_calendar_says_who_is_on_call_and_is_replaced_as_a_whole(importing: Town) -> None:
    town = importing
    by_turn = await on(town, 1)
    answer = await town.ask("POST", f"/api/v1/oncall/imports/{PRIMARY}?source=duty.ics", SHIFTS, role=Role.COMMANDER)
    assert (answer.status_code, answer.json()["shifts"]) == (201, 3)
    assert [await on(town, hours) for hours in (1, 4, 10)] == [by_turn, "daniel-kerr", by_turn]
    assert await on(town, 28) == "daniel-kerr"

    other = SHIFTS.replace(b"Daniel Kerr", b"aisha-bello").replace(b"RRULE:FREQ=DAILY;COUNT=3\r\n", b"")
    await town.ask("POST", f"/api/v1/oncall/imports/{PRIMARY}", other)
    assert await on(town, 4) == "aisha-bello"
    assert await on(town, 28) != "daniel-kerr"


@pytest.mark.clause("O4")
async def test_an_import_that_cannot_be_leaves_the_last_one_in_force(importing: Town) -> None:
    town = importing
    await town.ask("POST", f"/api/v1/oncall/imports/{PRIMARY}", SHIFTS)
    for body, said in (
        (SHIFTS.replace(b"Daniel Kerr", b"Zoe"), "Zoe"),
        (b"no calendar", "no iCalendar"),
        (b"BEGIN:VCALENDAR" + b"x" * 10_000_000, "bytes"),
    ):
        answer = await town.ask("POST", f"/api/v1/oncall/imports/{PRIMARY}", body)
        assert (answer.status_code, answer.json()["reason"]) == (422, "wrong_calendar")
        assert said in answer.json()["detail"]
    assert await on(town, 4) == "daniel-kerr"
    assert town.refused("wrong_calendar") == 3
    unknown = await town.ask("POST", "/api/v1/oncall/imports/sre-primry", SHIFTS)
    assert unknown.json()["reason"] == "unknown_rotation"
    not_allowed = await town.ask("POST", "/api/v1/oncall/imports/sre-secondary", SHIFTS)
    assert (not_allowed.status_code, "imports: true" in not_allowed.json()["remedy"]) == (409, True)
