"""The page behind a signed link: looking changes nothing, the button acknowledges, a bad link says what to do."""

import pytest
from whenever import TimeDelta

from tocsin.core.ids import IncidentId, PersonId
from tocsin.engine.links import Links
from tocsin.web.auth import Role

from .town import Town, alerts

ON_CALL = "tomasz-zielinski"


async def _size(town: Town, incident: IncidentId) -> int:
    size: int = (await town.get(f"/api/v1/incidents/{incident}"))["size"]
    return size


async def test_looking_at_the_page_acknowledges_nothing(town: Town) -> None:
    incident = await town.declared()
    before = await _size(town, incident)
    for _ in range(3):
        answer = await town.ask("GET", town.link(incident, ON_CALL), role=None)
        assert answer.status_code == 200
    assert await _size(town, incident) == before
    assert not (await town.get(f"/api/v1/incidents/{incident}"))["acknowledged"]


async def test_the_page_says_what_how_badly_since_when_and_who_is_asked(town: Town) -> None:
    await town.post("/signals/alertmanager", alerts("Down"))
    await town.take_in()
    town.clock.passes(TimeDelta(minutes=4))
    page = (await town.ask("GET", town.link(IncidentId("INC-1"), ON_CALL), role=None)).text
    for words in (
        "SEV2 Major Degradation",
        "INC-1",
        "Down is not well",
        "since 02:58 UTC, 6 min ago",
        "Agent Booster",
        "1 firing",
        "nobody yet; asked: Tomasz Zielinski",
        "Acknowledge",
        "I cannot",
        "What happens then",
    ):
        assert words in page, words
    assert page.count("<button") == 2
    assert "<script" not in page


@pytest.mark.clause("D2")
async def test_the_button_acknowledges_for_the_person_of_the_link_and_says_what_is_next(town: Town) -> None:
    incident = await town.declared()
    link = town.link(incident, ON_CALL)
    answer = await town.ask("POST", link, role=None)
    assert answer.status_code == 200
    assert "You are on it." in answer.text
    view = await town.get(f"/api/v1/incidents/{incident}")
    assert f"Next: {view['next_action']}" in answer.text
    assert len(view["links"]) == 3
    for way in view["links"]:
        assert f'<a href="{way["url"]}">{way["label"]}</a>' in answer.text
    assert view["responders"] == [ON_CALL]
    timeline = (await town.get(f"/api/v1/incidents/{incident}/timeline"))["events"]
    by = [line["event"]["by"] for line in timeline if line["event"]["type"] == "acknowledged"]
    assert by == [{"person": ON_CALL, "via": "link", "commands": False}]
    size = await _size(town, incident)
    assert "You are on it." in (await town.ask("POST", link, role=None)).text  # A second tap.
    assert "You are on it." in (await town.ask("GET", link, role=None)).text
    assert await _size(town, incident) == size


@pytest.mark.clause("E4")
async def test_i_cannot_asks_the_next_person_at_once_and_may_be_thought_better_of(town: Town) -> None:
    incident = await town.declared(severity="SEV2")
    link = town.link(incident, ON_CALL)
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    page = (await town.ask("POST", link, b"act=decline&reason=on+a+plane", role=None, headers=form)).text

    assert "You said that you cannot." in page
    timeline = (await town.get(f"/api/v1/incidents/{incident}/timeline"))["events"]
    declined = [line["event"] for line in timeline if line["event"]["type"] == "page_declined"]
    assert [event["reason"] for event in declined] == ["on a plane"]
    assert len([line for line in timeline if line["event"]["type"] == "person_paged"]) == 2
    size = await _size(town, incident)
    await town.ask("POST", link, b"act=decline", role=None, headers=form)
    assert await _size(town, incident) == size, "a second tap"
    assert "You are on it." in (await town.ask("POST", link, b"act=acknowledge", role=None, headers=form)).text


async def test_whoever_was_woken_by_a_storm_sees_all_that_waits_and_answers_it_in_one_act(town: Town) -> None:
    first = await town.declared(severity="SEV2")
    others = [await town.declared(title=f"Trouble {place}", severity="SEV2") for place in range(24)]
    link = town.link(first, ON_CALL)

    page = (await town.ask("GET", link, role=None)).text
    assert "Also waiting for you: 24" in page
    assert "Trouble 3" in page
    assert "And 5 more" in page
    assert "Acknowledge all 25" in page

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    after = (await town.ask("POST", link, b"act=all", role=None, headers=form)).text
    assert "You are on it." in after
    assert "Acknowledge all" not in after
    for incident in (first, *others):
        assert (await town.get(f"/api/v1/incidents/{incident}"))["responders"] == [ON_CALL]


@pytest.mark.parametrize("body", [b"act=wave", b"\xff\xfe=&&&", b"act=decline&act=all&reason=" + b"x" * 5_000])
async def test_a_form_that_says_anything_else_breaks_nothing(town: Town, body: bytes) -> None:
    incident = await town.declared()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await town.ask("POST", town.link(incident, ON_CALL), body, role=None, headers=form)
    assert answer.status_code == 200


async def test_a_second_person_sees_who_leads_and_can_join(town: Town) -> None:
    incident = await town.declared()
    await town.ask("POST", town.link(incident, ON_CALL), role=None)
    page = (await town.ask("GET", town.link(incident, "aisha-bello"), role=None)).text
    assert "Tomasz Zielinski leads; you join." in page
    joined = await town.ask("POST", town.link(incident, "aisha-bello"), role=None)
    assert "Also on it: Tomasz Zielinski." in joined.text


async def test_a_resolved_incident_asks_for_nothing(town: Town) -> None:
    incident = await town.declared()
    await town.post(f"/api/v1/incidents/{incident}/resolve", {"override_reason": "false alarm"})
    size = await _size(town, incident)
    for method in ("GET", "POST"):
        answer = await town.ask(method, town.link(incident, ON_CALL), role=None)
        assert (answer.status_code, "It is resolved" in answer.text, "<button" in answer.text) == (200, True, False)
    assert await _size(town, incident) == size


async def test_a_forged_link_acknowledges_nothing(town: Town) -> None:
    incident = await town.declared()
    forged = Links(b"another secret", "").token(incident, PersonId(ON_CALL), town.clock.now())
    other = town.links.token(incident, PersonId("aisha-bello"), town.clock.now())
    mixed = f"{forged.split('.')[0]}.{other.split('.')[1]}"
    for token in (forged, mixed, "x", "x.y", "a.b.c", "%C3%A9.%C3%A9", "%00"):
        for method in ("GET", "POST"):
            answer = await town.ask(method, f"/a/{token}", role=None)
            assert answer.status_code == 403, token
            assert "tocsin ack" in answer.text
    assert not (await town.get(f"/api/v1/incidents/{incident}"))["acknowledged"]
    assert town.refused("link_forged") == 14


async def test_an_old_link_is_gone_and_says_what_to_do(town: Town) -> None:
    incident = await town.declared()
    link = town.link(incident, ON_CALL)
    town.clock.passes(TimeDelta(hours=25))
    for method in ("GET", "POST"):
        answer = await town.ask(method, link, role=None)
        assert answer.status_code == 410
        assert "newest page" in answer.text
    assert not (await town.get(f"/api/v1/incidents/{incident}"))["acknowledged"]


async def test_a_link_to_an_incident_that_is_no_more_is_not_found(town: Town) -> None:
    assert (await town.ask("POST", town.link(IncidentId("INC-9"), ON_CALL), role=None)).status_code == 404


async def test_the_page_says_so_when_the_acknowledgment_could_not_be_kept(town: Town) -> None:
    incident = await town.declared()
    town.store.fails = True
    answer = await town.ask("POST", town.link(incident, ON_CALL), role=None)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "Not acknowledged" in answer.text
    assert "Try again" in answer.text
    town.store.fails = False
    assert not (await town.get(f"/api/v1/incidents/{incident}"))["acknowledged"]


async def test_what_people_write_cannot_become_part_of_the_page(town: Town) -> None:
    incident = await town.declared(title='<script>alert(1)</script>"&')
    for method in ("GET", "POST"):
        page = (await town.ask(method, town.link(incident, ON_CALL), role=None)).text
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;" in page


async def test_the_page_is_for_one_person_and_fetches_nothing(town: Town) -> None:
    incident = await town.declared()
    answer = await town.ask("GET", town.link(incident, ON_CALL), role=None)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text


async def test_somebody_who_does_not_take_command_is_told_that_others_are_still_asked(town: Town) -> None:
    helper = next(person.id for person in town.rules.people.values() if not person.takes_command)
    incident = await town.declared()
    page = (await town.ask("GET", town.link(incident, helper), role=None)).text
    assert "somebody who can take command is still asked" in page
    await town.ask("POST", town.link(incident, helper), role=None)
    view = await town.get(f"/api/v1/incidents/{incident}", role=Role.VIEWER)
    assert (view["acknowledged"], view["responders"]) == (False, [helper])
