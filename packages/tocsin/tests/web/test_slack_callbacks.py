"""Slack's buttons and `/incident`: signed, at once, by people of the playbook, in words (D2, E4, R2, O4)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import Clock, SignatureVerifier
from whenever import TimeDelta

from tocsin.channels.slack import SlackChannel
from tocsin.channels.slack_replies import SlackReplies
from tocsin.core.commands import Resolve
from tocsin.core.events import Actor, NoteAdded
from tocsin.core.ids import ChannelName, IncidentId, PersonId
from tocsin.core.rules import MethodKind, Rulebook
from tocsin.web.auth import Role
from tocsin.web.callbacks import slack as slack_callbacks

from ..standins.slack import SIGNING_SECRET, TOKEN, Slack, pressed, slack, typed
from .providers import Remembering, address_of, by_providers
from .town import Town

ON_CALL = "tomasz-zielinski"


class Chatting(Town):
    """A town whose people are reached in a stand-in of Slack."""

    def __init__(self, rules: Rulebook, state: Slack) -> None:
        self.slack = state
        self.client = httpx.AsyncClient(trust_env=False)
        channel = SlackChannel(self.client, TOKEN, state.base_url, answers=True, pace=1000)
        channels = {ChannelName("slack"): channel, ChannelName("pagerduty"): Remembering(settles=True)}
        super().__init__(by_providers(rules), channels=channels)
        self.hooks = state.base_url.removesuffix("/api")
        self.site._replies = SlackReplies(self.client, f"{self.hooks}/actions")
        self.user = address_of(rules, ON_CALL, MethodKind.SLACK)
        state.channels = {**state.channels, "C0ROOM": "incident-room", "C0SRE": "sre-oncall", "C0ENG": "engineering"}
        for person in rules.people.values():
            state.channels |= {each.address: each.address for each in person.methods if each.kind is MethodKind.SLACK}

    async def page(self) -> IncidentId:
        """An incident whose page the one on call has got by Slack."""
        self.channels_for(ON_CALL, MethodKind.SLACK)
        incident = await self.declared()
        await self.deliver()
        return incident

    async def proposed(self, incident: IncidentId) -> dict[str, Any]:
        """A rollback that somebody asked for, and the commander was told of."""
        body = {"action": "agent-booster.undo", "values": {}}
        answer = await self.post(
            f"/api/v1/incidents/{incident}/mitigations", body, role=Role.RESPONDER, person="daniel-kerr"
        )
        await self.deliver()
        run: dict[str, Any] = answer["run"]
        return run

    def channels_for(self, person: str, kind: MethodKind) -> None:
        """Let a person be reached by one kind of contact before all others."""
        from msgspec.structs import replace

        known = self.rules.people[PersonId(person)]
        methods = tuple(sorted(known.methods, key=lambda method: method.kind is not kind))
        rows = {**self.rules.people, known.id: replace(known, methods=methods[:1])}
        self.engine.playbooks.current = self.rules = replace(self.rules, people=rows)
        self.engine.playbooks._by_version[self.rules.version] = self.rules

    def shown(self, user: str = "") -> dict[str, Any]:
        """The last page that a person was shown."""
        mine = [each for each in self.slack.messages if each["channel"] == (user or self.user)]
        return mine[-1]

    def buttons(self, message: dict[str, Any]) -> list[str]:
        return [
            each["action_id"]
            for block in message["blocks"]
            for each in block.get("elements", [])
            if each["type"] == "button"
        ]

    async def send(
        self, path: str, body: bytes, *, secret: str = SIGNING_SECRET, ago_s: int = 0, **headers: str
    ) -> Any:
        at = str(self.clock.now().timestamp() - ago_s)
        signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
        assert signature is not None
        given = {
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        }
        return await self.ask("POST", f"/callbacks/slack/{path}", body, role=None, headers=given)

    def reply_url(self, number: int = 1) -> str:
        return f"{self.hooks}/actions/T0/{number}/abc"

    async def press(self, action: str, user: str = "", trigger: str = "13345224609.1", **more: Any) -> httpx.Response:
        body = pressed(self.shown(), action, user or self.user, more.pop("reply_url", self.reply_url()), trigger)
        answer: httpx.Response = await self.send("interactivity", body, **more)
        await self.settled()
        return answer

    async def type(self, text: str, user: str = "", **more: Any) -> str:
        answer = await self.send("command", typed(text, user or self.user, self.reply_url(), **more))
        assert answer.status_code == 200, answer.text
        assert answer.json()["response_type"] == "ephemeral"
        return str(answer.json()["text"])

    async def settled(self) -> None:
        """Let what goes on after an answer end."""
        while self.site._later:
            await asyncio.gather(*self.site._later)

    async def view(self, incident: IncidentId) -> Any:
        return await self.get(f"/api/v1/incidents/{incident}")

    def said(self) -> list[str]:
        return [said["text"] for _, said in self.slack.replies]


@pytest.fixture
async def town(agentic_flow: Rulebook) -> AsyncIterator[Chatting]:
    async with slack() as state:
        made = Chatting(agentic_flow, state)
        await made.engine.start()
        yield made
        await made.http.aclose()
        await made.client.aclose()


@pytest.mark.clause("D2")
async def test_the_button_acknowledges_for_whoever_pressed_it_and_then_is_gone(town: Chatting) -> None:
    incident = await town.page()
    assert town.buttons(town.shown()) == ["tocsin.acknowledge", "tocsin.decline", "tocsin.escalate", "acknowledge"]

    answer = await town.press("tocsin.acknowledge")
    await town.deliver()

    assert (answer.status_code, answer.text) == (200, "")
    view = await town.view(incident)
    assert (view["acknowledged"], view["responders"]) == (True, [ON_CALL])
    assert town.said() == [f"{incident}: You are on it."]
    assert town.buttons(town.shown()) == []
    assert town.shown()["text"].startswith("ACKNOWLEDGED · SEV1")
    (by,) = [each.by for each in await town.store.timeline(incident) if type(each).__name__ == "Acknowledged"]
    assert (by.person, by.via) == (ON_CALL, "slack")


@pytest.mark.clause("M4")
async def test_the_commander_approves_by_a_button_exactly_what_the_message_shows(town: Chatting) -> None:
    incident = await town.page()
    await town.press("tocsin.acknowledge")
    run = await town.proposed(incident)

    asked = town.shown()
    assert town.buttons(asked) == ["tocsin.approve", "tocsin.reject"]
    assert run["shown"] in json.dumps(asked["blocks"])
    (sure,) = [each["confirm"]["text"]["text"] for block in asked["blocks"] for each in block.get("elements", [])[:1]]
    assert sure == run["shown"], "the last question repeats what would run, word for word"

    stranger = town.rules.people[PersonId("daniel-kerr")]
    other = next(each.address for each in stranger.methods if each.kind is MethodKind.SLACK)
    await town.press("tocsin.approve", user=other, trigger="t1")
    assert "only the Incident Commander may approve" in town.said()[-1]

    await town.press("tocsin.approve", trigger="t2")
    assert town.said()[-1].startswith(f"{incident}: Approved.")
    view = await town.view(incident)
    assert [(each["person"], each["authority"]) for each in view["runs"][0]["approvals"]] == [(ON_CALL, "commander")]
    (approval,) = [each for each in await town.store.timeline(incident) if type(each).__name__ == "MitigationApproved"]
    assert approval.by.via == "slack"


@pytest.mark.clause("M4")
async def test_a_run_is_rejected_by_a_button_and_nothing_is_done(town: Chatting) -> None:
    incident = await town.page()
    await town.press("tocsin.acknowledge")
    await town.proposed(incident)

    await town.press("tocsin.reject", trigger="t1")

    assert town.said()[-1] == f"{incident}: Rejected: nothing is done."
    assert (await town.view(incident))["runs"][0]["state"] == "rejected"


@pytest.mark.clause("M4")
async def test_a_page_carries_no_approval_whatever_its_button_says(town: Chatting) -> None:
    incident = await town.page()
    body = pressed(town.shown(), "tocsin.acknowledge", town.user, town.reply_url()).replace(
        b"tocsin.acknowledge", b"tocsin.approve"
    )

    await town.send("interactivity", body)
    await town.settled()

    assert town.said()[-1] == f"{incident}: nothing waits for an approval under this message"


@pytest.mark.clause("E4")
async def test_whoever_cannot_says_so_by_a_button_and_the_next_is_asked(town: Chatting) -> None:
    incident = await town.page()

    await town.press("tocsin.decline")

    view = await town.view(incident)
    assert not view["acknowledged"]
    assert ON_CALL not in view["waiting_for"]
    assert town.said() == [f"{incident}: Understood: whoever is next is asked."]


@pytest.mark.clause("E1")
async def test_the_next_level_is_called_by_a_button_once(town: Chatting) -> None:
    incident = await town.page()
    before = (await town.view(incident))["level"]

    await town.press("tocsin.escalate")
    await town.press("tocsin.escalate")

    assert (await town.view(incident))["level"] == before + 1
    assert town.called_back("slack", "repeated") == 1


async def test_following_the_link_under_a_page_is_told_by_slack_and_asks_for_nothing(town: Chatting) -> None:
    incident = await town.page()

    assert (await town.press("acknowledge")).status_code == 200

    assert not (await town.view(incident))["acknowledged"]
    assert town.said() == []


async def test_somebody_the_playbook_does_not_know_is_told_so(town: Chatting) -> None:
    incident = await town.page()

    await town.press("tocsin.acknowledge", user="U0STRANGER")

    assert not (await town.view(incident))["acknowledged"]
    assert "U0STRANGER is nobody in the playbook" in town.said()[0]
    assert town.called_back("slack", "unknown_person") == 1
    notes = [each.text for each in await town.store.timeline(incident) if isinstance(each, NoteAdded)]
    assert notes[0].startswith("Not counted: acknowledge by way of slack.")


async def test_a_button_of_a_page_that_is_over_says_why_not(town: Chatting) -> None:
    incident = await town.page()
    message = town.shown()
    await town.engine.handle(incident, Resolve(by=Actor(PersonId("x"), commands=True), override_reason="well"))
    body = pressed(message, "tocsin.acknowledge", town.user, town.reply_url())

    await town.send("interactivity", body)
    await town.settled()

    assert "resolved" in town.said()[0]


@pytest.mark.parametrize("path", ["interactivity", "command", "events"])
async def test_what_slack_has_not_signed_just_now_is_refused_unread_and_counted(town: Chatting, path: str) -> None:
    incident = await town.page()
    body = pressed(town.shown(), "tocsin.acknowledge", town.user, town.reply_url())
    forged = [
        {"secret": "another secret"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "9" * 30},
        {"X-Slack-Request-Timestamp": str(town.clock.now().timestamp() - 1)},
    ]
    for headers in forged:
        answer = await town.send(path, body, **headers)
        assert (answer.status_code, answer.json()["reason"]) == (403, "callback_forged"), headers
    for ago_s in (301, -301, 86_400):
        answer = await town.send(path, body, ago_s=ago_s)
        assert (answer.status_code, answer.json()["reason"]) == (403, "callback_stale")
    assert (town.refused("callback_forged"), town.refused("callback_stale")) == (7, 3)
    assert not (await town.view(incident))["acknowledged"]


def test_slacks_own_verifier_and_ours_agree() -> None:
    from whenever import Instant

    from tocsin.signals.port import Forged
    from tocsin.signals.slack import verify

    class At(Clock):
        def now(self) -> float:
            return 1_600_000_000.0

    theirs = SignatureVerifier(SIGNING_SECRET, At())
    body = b"token=x&text=%F0%9F%9A%A8"
    for time in ("1600000000", "1599999701", "1599999699", "1600000299", "1600000301"):
        good = theirs.generate_signature(timestamp=time, body=body)
        assert good is not None
        for signature in (good, good[:-1] + "0", good.upper()):
            expected = theirs.is_valid(body, time, signature)
            try:
                verify(body, time, signature, SIGNING_SECRET, Instant.from_timestamp(1_600_000_000))
                found = True
            except Forged:
                found = False
            assert found == expected, (time, signature)


async def test_what_is_signed_but_none_of_theirs_is_refused_with_a_remedy(town: Chatting) -> None:
    bodies: dict[str, list[bytes]] = {
        "interactivity": [
            b"",
            b"payload=",
            b"payload=[]",
            b"payload=%ff",
            "payload=é".encode(),
            b"&".join([b"a=b"] * 99),
        ],
        "command": [b"", b"text=list", b"user_id=&command=x"],
        "events": [b"", b"[]", b"{"],
    }
    for path, sent in bodies.items():
        for body in sent:
            answer = await town.send(path, body)
            assert (answer.status_code, answer.json()["reason"]) == (400, "unreadable"), (path, body)
    view = urlencode({"payload": json.dumps({"type": "view_submission", "user": {"id": "U1"}})}).encode()
    assert (await town.send("interactivity", view)).status_code == 200
    assert (await town.send("command", b"x" * 300_000)).status_code == 413


async def test_slack_is_told_that_this_address_is_ours(town: Chatting) -> None:
    body = json.dumps({"token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV", "type": "url_verification"}).encode()
    assert (await town.send("events", body)).json() == {"challenge": "3eZbrw1aBm2rZgRNFdxV"}
    assert (await town.send("events", b'{"type":"event_callback","event":{"type":"message"}}')).status_code == 200


async def test_a_reply_goes_to_slacks_own_host_and_nowhere_else(town: Chatting) -> None:
    await town.page()
    for number, url in enumerate(("http://169.254.169.254/latest", "https://hooks.slack.com.evil.example/x", "")):
        answer = await town.press("tocsin.acknowledge", reply_url=url, trigger=f"t{number}")
        assert answer.status_code == 200
    assert town.slack.replies == []


async def test_a_button_whose_answer_could_not_be_kept_says_so(town: Chatting) -> None:
    incident = await town.page()
    town.store.fails = True
    await town.press("tocsin.acknowledge")
    assert town.said()[0].startswith("NOT done: nothing of this was kept")
    town.store.fails = False

    await town.press("tocsin.acknowledge")
    assert (await town.view(incident))["acknowledged"]


async def test_what_takes_long_is_answered_at_once_and_the_rest_follows(
    town: Chatting, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await town.page()
    monkeypatch.setattr(slack_callbacks, "ANSWERS_WITHIN_S", 0)
    town.store.held = asyncio.Event()

    assert await town.type(f"ack {incident}") == slack_callbacks.UNDER_WAY
    town.store.held.set()
    await town.settled()

    assert town.said()[0].startswith(f"You are on *{incident}*.")
    assert (await town.view(incident))["acknowledged"]


async def test_help_is_there_for_whoever_does_not_know_the_words(town: Chatting) -> None:
    for text in ("", "help", "HELP"):
        assert "*/incident create NAME*" in await town.type(text)
    assert "There is no `destroy`" in await town.type("destroy <!channel>")
    assert "nobody in the playbook" in await town.type("list", user="U0STRANGER")


@pytest.mark.clause("R2", "C6")
async def test_an_incident_is_created_by_its_name(town: Chatting) -> None:
    assert await town.type("list") == "Nothing is open."
    said = await town.type("create sev1-agent-booster-down")

    assert said.startswith("*INC-1* is open as SEV1.")
    view = await town.view(IncidentId("INC-1"))
    assert (view["severity"], view["components"], view["title"]) == ("SEV1", ["agent-booster"], "Agent booster down")
    assert view["because"] == f"named by {ON_CALL}, who declared it"
    listed = await town.type("list")
    assert listed == "*INC-1* SEV1 Agent booster down · investigating, *nobody has it in hand*"

    assert "is open as SEV2" in await town.type("create AgentDB answers <!channel> slowly"), "rather a page too many"
    assert "&lt;!channel&gt;" in await town.type("list")


async def test_an_incident_without_a_name_or_a_component_is_refused_with_the_choices(town: Chatting) -> None:
    assert "The incident has no name".lower() in (await town.type("create")).lower()
    assert "agent-booster" in await town.type("create everything is slow")
    assert await town.type("list") == "Nothing is open."


async def test_a_responder_does_all_the_rest_by_a_few_words(town: Chatting) -> None:
    assert "nothing is open" in await town.type("ack")
    await town.type("create sev1-agent-booster-down")
    assert (await town.type("ack")).startswith("You are on *INC-1*. Next: ")
    assert await town.type("note 1 the module does not load") == "*INC-1*: Noted."
    assert "told stakeholders" in await town.type("update inc-1 stakeholders We are rolling back")
    assert "told stakeholders" in await town.type("update We know more", channel="C0INCIDENTS", name="incidents")
    assert "name one of" in (await town.type("update hello", channel="C0LUNCH", name="lunch")).lower()
    assert "is called" in await town.type("escalate it spreads")
    assert "there is no incident INC-77" in await town.type("ack INC-77")
    await town.type("create sev2-agentdb-slow")
    assert "2 incidents are open" in await town.type("ack")
    assert "Understood" in await town.type("cannot INC-2 on a train")

    timeline = (await town.get("/api/v1/incidents/INC-1/timeline"))["events"]
    texts = " ".join(line["text"] for line in timeline)
    assert "the module does not load" in texts
    assert "We are rolling back" in texts


@pytest.mark.clause("O4")
async def test_who_is_on_call_is_asked_in_slack(town: Chatting) -> None:
    assert "Tomasz Zielinski" in await town.type("oncall")


async def test_two_people_at_the_same_instant_by_slack_and_by_pagerduty_are_both_on_it(town: Chatting) -> None:
    from ..standins.pagerduty import signature, webhook

    incident = await town.page()
    secondary = next(person for person in (await town.view(incident))["waiting_for"] if person != ON_CALL)
    pager = town.rules.people[secondary].methods
    key = pressed(town.shown(), "tocsin.acknowledge", town.user, town.reply_url())
    value = json.loads(httpx.QueryParams(key.decode())["payload"])["actions"][0]["value"]
    address = next((each.address for each in pager if each.kind is MethodKind.EMAIL), "")
    agent = {"id": "PX", "type": "user_reference", "email": address}
    body = webhook("incident.acknowledged", value, town.clock.now().format_iso(), agent=agent)
    headers = {"X-PagerDuty-Signature": signature(body, "the new secret")}

    answers = await asyncio.gather(
        town.press("tocsin.acknowledge"),
        town.ask("POST", "/callbacks/pagerduty", body, role=None, headers=headers),
    )

    assert [answer.status_code for answer in answers] == [200, 202]
    view = await town.view(incident)
    assert sorted(view["responders"]) == sorted([ON_CALL, secondary])
    assert view["commander"] in view["responders"]


async def test_without_a_secret_the_door_is_closed(town: Chatting) -> None:
    town.site.secrets = type(town.site.secrets)()
    answer = await town.send("command", b"x=y")
    assert (answer.status_code, answer.json()["reason"]) == (404, "callback_off")
    town.clock.passes(TimeDelta(seconds=1))
