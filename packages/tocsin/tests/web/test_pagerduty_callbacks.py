"""What PagerDuty calls back with: it counts here, it is announced, and nobody else can say it (D2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from whenever import TimeDelta

from tocsin.channels.port import DeliveryKey
from tocsin.core.commands import Acknowledge, Reopen, Resolve
from tocsin.core.events import Actor, NoteAdded
from tocsin.core.ids import ChannelName, IncidentId, PersonId
from tocsin.core.limits import CALLBACK_MAX
from tocsin.core.messages import MessageKind, Settlement
from tocsin.core.rules import MethodKind, Rulebook

from ..standins.pagerduty import ping, signature, webhook
from .providers import Remembering, address_of, by_providers
from .town import Town

ON_CALL = "tomasz-zielinski"


class Paged(Town):
    """A town whose people are reached by PagerDuty and Slack."""

    def __init__(self, rules: Rulebook) -> None:
        self.pagerduty = Remembering(settles=True)
        self.slack = Remembering()
        channels = {ChannelName("pagerduty"): self.pagerduty, ChannelName("slack"): self.slack}
        super().__init__(by_providers(rules), channels=channels)

    async def page(self, **more: Any) -> tuple[IncidentId, DeliveryKey]:
        """An incident, and the key of the page that the one on call got."""
        incident = await self.declared(**more)
        await self.deliver()
        return incident, self.key(incident)

    def key(self, incident: IncidentId) -> DeliveryKey:
        keys = [key for message, key in self.pagerduty.to(ON_CALL) if message.incident == incident]
        return keys[-1]

    def now(self) -> str:
        return self.clock.now().format_iso()

    async def tell(self, body: bytes, secret: str = "the new secret", **headers: str) -> httpx.Response:
        given = {"X-PagerDuty-Signature": signature(body, secret), **headers}
        return await self.ask("POST", "/callbacks/pagerduty", body, role=None, headers=given)

    async def acknowledge(self, key: str, user: str = ON_CALL, **more: Any) -> httpx.Response:
        return await self.tell(webhook("incident.acknowledged", key, more.pop("at", self.now()), user=user, **more))

    async def view(self, incident: IncidentId) -> Any:
        return await self.get(f"/api/v1/incidents/{incident}")

    async def notes(self, incident: IncidentId) -> list[str]:
        return [each.text for each in await self.store.timeline(incident) if isinstance(each, NoteAdded)]


@pytest.fixture
async def town(agentic_flow: Rulebook) -> AsyncIterator[Paged]:
    made = Paged(agentic_flow)
    await made.engine.start()
    yield made
    await made.http.aclose()


@pytest.mark.clause("D2")
async def test_an_acknowledgment_in_pagerduty_is_one_here_and_is_announced_in_slack(town: Paged) -> None:
    incident, key = await town.page()

    answer = await town.acknowledge(key)
    await town.deliver()

    assert answer.status_code == 202
    view = await town.view(incident)
    assert (view["acknowledged"], view["responders"]) == (True, [ON_CALL])
    timeline = (await town.get(f"/api/v1/incidents/{incident}/timeline"))["events"]
    (by,) = [line["event"]["by"] for line in timeline if line["event"]["type"] == "acknowledged"]
    assert (by["person"], by["via"]) == (ON_CALL, "pagerduty")
    announced = [message.subject for message, _ in town.slack.to("#incidents")]
    assert any("acknowledged by Tomasz Zielinski" in subject for subject in announced)
    assert town.called_back("pagerduty", "done") == 1


@pytest.mark.clause("D2")
async def test_an_acknowledgment_anywhere_else_is_told_to_pagerduty(town: Paged) -> None:
    incident, key = await town.page()

    await town.ask("POST", town.link(incident, ON_CALL), role=None)
    await town.deliver()

    told = [message.settles for message, _ in town.pagerduty.to(ON_CALL) if message.kind is MessageKind.SETTLED]
    assert [(each.page, each.how, each.receipt) for each in told if each] == [
        (key, Settlement.ACKNOWLEDGED, f"r-{key}")
    ]


async def test_the_end_of_the_incident_is_told_to_pagerduty(town: Paged) -> None:
    incident, key = await town.page()
    await town.acknowledge(key)
    await town.engine.handle(incident, Resolve(by=Actor(PersonId(ON_CALL)), override_reason="false alarm"))
    await town.deliver()

    told = [message.settles for message, _ in town.pagerduty.to(ON_CALL) if message.settles]
    assert [each.how for each in told if each] == [Settlement.ACKNOWLEDGED, Settlement.RESOLVED]


async def test_a_page_that_never_left_needs_no_end(town: Paged) -> None:
    incident = await town.declared()  # Nothing was delivered yet.
    await town.ask("POST", town.link(incident, ON_CALL), role=None)
    await town.deliver()

    assert town.pagerduty.to(ON_CALL) == []


@pytest.mark.clause("V1", "V4")
async def test_a_resolution_in_pagerduty_resolves_nothing_here_and_is_noted(town: Paged) -> None:
    incident, key = await town.page()

    answer = await town.tell(webhook("incident.resolved", key, town.now(), user=ON_CALL, name="Tomasz Z."))

    assert answer.status_code == 202
    assert (await town.view(incident))["stage"] == "investigating"
    (note,) = await town.notes(incident)
    assert note.startswith("Tomasz Z. resolved the page in PagerDuty. The incident stays open")


async def test_an_escalation_in_pagerduty_is_noted(town: Paged) -> None:
    incident, key = await town.page()

    await town.tell(webhook("incident.escalated", key, town.now(), user=ON_CALL))

    assert await town.notes(incident) == ["Earline Greenholt escalated in PagerDuty to Earline Greenholt"]


async def test_what_our_own_events_did_there_asks_for_nothing(town: Paged) -> None:
    incident, key = await town.page()
    before = (await town.view(incident))["size"]

    for kind in ("incident.acknowledged", "incident.resolved"):
        echo = webhook(kind, key, town.now(), user="PF9KMXH", agent_type="service_reference")
        assert (await town.tell(echo)).json()["result"] == "nothing_asked"
    assert (await town.tell(ping(town.now()))).status_code == 202
    assert (await town.tell(webhook("incident.priority_updated", key, town.now()))).status_code == 202

    assert (await town.view(incident))["size"] == before


async def test_a_forged_callback_is_refused_unread_and_counted(town: Paged) -> None:
    incident, key = await town.page()
    body = webhook("incident.acknowledged", key, town.now(), user=ON_CALL)
    good = signature(body, "the new secret")

    for header in ("", "v1=", "v1=00", good[:-1], good.upper(), good.replace("v1=", "v0="), "v1=é", "x" * 10_000):
        answer = await town.tell(body, **{"X-PagerDuty-Signature": header})
        assert answer.status_code == 403, header
        assert "TOCSIN_PAGERDUTY_WEBHOOK_SECRET" in answer.json()["remedy"]
    assert (await town.tell(b"not even JSON", "another secret")).status_code == 403
    changed = webhook("incident.acknowledged", key, town.now(), user="aisha-bello")
    assert (await town.tell(changed, **{"X-PagerDuty-Signature": good})).status_code == 403

    assert not (await town.view(incident))["acknowledged"]
    assert town.refused("callback_forged") == 10


@pytest.mark.parametrize("header", ["the old secret", "the new secret"])
async def test_while_the_secret_is_changed_both_are_good(town: Paged, header: str) -> None:
    _, key = await town.page()

    assert (await town.acknowledge(key)).status_code == 202
    body = webhook("incident.acknowledged", key, town.now(), id="another")
    signed = f"{signature(body, 'a stranger')},{signature(body, header)}"
    assert (await town.tell(body, **{"X-PagerDuty-Signature": signed})).status_code == 202


async def test_a_signed_body_that_is_none_of_theirs_is_refused_with_a_remedy(town: Paged) -> None:
    for body in (b"", b"{", b"[]", b'{"event":{}}', b'{"event":{"event_type":"incident.acknowledged"}}', b"\xff"):
        answer = await town.tell(body)
        assert (answer.status_code, answer.json()["reason"]) == (400, "unreadable"), body
    deep = (
        b'{"event":{"event_type":"x","occurred_at":"2026-11-22T03:00:00Z","data":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
    )
    assert (await town.tell(deep)).status_code < 500
    assert (await town.tell(webhook("incident.acknowledged", "k", "yesterday"))).status_code == 400


async def test_a_body_over_the_limit_is_not_read_to_its_end(town: Paged) -> None:
    answer = await town.tell(b"x" * 300_000)
    assert answer.status_code == 413
    assert f"{CALLBACK_MAX:,} bytes at /callbacks" in answer.json()["detail"]


async def test_a_page_that_is_not_ours_is_counted_and_not_sent_again(town: Paged) -> None:
    answer = await town.acknowledge("a service of somebody else")

    assert (answer.status_code, answer.json()["result"]) == (202, "unknown_page")
    assert town.called_back("pagerduty", "unknown_page") == 1


async def test_somebody_the_playbook_does_not_know_does_not_count_and_it_is_said_where_they_look(town: Paged) -> None:
    incident, key = await town.page()

    answer = await town.acknowledge(key, "PSTRANGE")

    assert answer.json()["result"] == "unknown_person"
    assert not (await town.view(incident))["acknowledged"]
    (note,) = await town.notes(incident)
    assert note.startswith("Not counted: acknowledge by way of pagerduty. Earline Greenholt / PSTRANGE is nobody")


async def test_a_person_is_known_by_the_e_mail_address_as_well(town: Paged) -> None:
    incident, key = await town.page()
    mail = address_of(town.rules, ON_CALL, MethodKind.EMAIL)
    agent = {"id": "PXPGF42", "type": "user_reference", "summary": "T.", "email": mail.upper()}

    await town.acknowledge(key, agent=agent)

    assert (await town.view(incident))["responders"] == [ON_CALL]


async def test_the_same_answer_twice_is_one(town: Paged) -> None:
    incident, key = await town.page()
    await town.acknowledge(key)
    size = (await town.view(incident))["size"]

    assert (await town.acknowledge(key)).json()["result"] == "repeated"
    assert (await town.acknowledge(key, id="sent by another subscription")).json()["result"] == "already_so"

    assert (await town.view(incident))["size"] == size


async def test_an_answer_from_before_it_was_opened_again_does_not_count(town: Paged) -> None:
    incident, key = await town.page()
    before = town.now()
    somebody = Actor(PersonId("aisha-bello"))
    await town.engine.handle(incident, Acknowledge(by=somebody))
    await town.engine.handle(incident, Resolve(by=somebody, override_reason="well"))
    town.clock.passes(TimeDelta(minutes=10))
    await town.engine.handle(incident, Reopen(by=somebody, reason="it came back"))

    answer = await town.acknowledge(key, at=before)

    assert answer.json()["result"] == "stale"
    assert not (await town.view(incident))["acknowledged"]
    town.clock.passes(TimeDelta(minutes=1))
    assert (await town.acknowledge(key, id="now")).json()["result"] == "done"


async def test_an_acknowledgment_of_what_is_resolved_is_refused_in_words(town: Paged) -> None:
    incident, key = await town.page()
    await town.engine.handle(incident, Resolve(by=Actor(PersonId("aisha-bello"), commands=True), override_reason="x"))

    answer = await town.acknowledge(key)

    assert (answer.status_code, answer.json()["result"]) == (202, "refused")
    assert "resolved" in answer.json()["said"]


async def test_what_could_not_be_kept_is_sent_again_and_then_counts(town: Paged) -> None:
    incident, key = await town.page()
    town.store.fails = True
    assert (await town.acknowledge(key)).status_code == 503
    town.store.fails = False

    assert (await town.acknowledge(key)).json()["result"] == "done"
    assert (await town.view(incident))["acknowledged"]


async def test_two_people_by_two_ways_at_the_same_instant_are_both_on_it_and_one_leads(town: Paged) -> None:
    incident, key = await town.page()

    answers = await asyncio.gather(
        town.acknowledge(key), *(town.ask("POST", town.link(incident, "aisha-bello"), role=None) for _ in range(3))
    )

    assert all(answer.is_success for answer in answers)
    view = await town.view(incident)
    assert sorted(view["responders"]) == ["aisha-bello", ON_CALL]
    assert view["commander"] in view["responders"]


async def test_without_a_secret_the_door_is_closed_and_says_so(agentic_flow: Rulebook) -> None:
    town = Paged(agentic_flow)
    town.site.secrets = type(town.site.secrets)()
    await town.engine.start()
    answer = await town.acknowledge("k")
    assert (answer.status_code, answer.json()["reason"]) == (404, "callback_off")
    assert "TOCSIN_PAGERDUTY_WEBHOOK_SECRET" in answer.json()["remedy"]
    await town.http.aclose()
