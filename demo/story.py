"""The story: module load failure → SEV1 → the secondary answers → diagnosed → rolled back as approved → resolved."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from demo.narrator import Narrator
from demo.processes import DemoFailed, ticks
from demo.stage import BAD, COMPONENT, GOOD, SPEED, Stage

ANSWERS_AFTER_S = 2.0
"""How long the secondary needs to find the phone."""

UNDO = f"{COMPONENT}.undo"

Line = dict[str, Any]
Wanted = Callable[[Line], bool]


def is_event(name: str, **fields: object) -> Wanted:
    """Make a test for a timeline's entry."""
    return lambda line: line["event"]["type"] == name and all(line["event"].get(k) == v for k, v in fields.items())


class Story:
    """Plays the story against a stage and tells it as it happens."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        self._stage = stage
        self._tell = narrator
        self._seen: list[Line] = []
        self._incident = ""
        self._posted: dict[str, float] = {}

    def play(self) -> None:
        """Play all of it. Raises `DemoFailed` if something does not happen in its time."""
        secondary = self._set_the_scene()
        self._break_it()
        self._detection()
        self._diagnosis()
        self._ladder(secondary)
        self._updates(secondary)
        self._mitigation(secondary)
        self._watch(secondary)
        self._accounts()

    def _set_the_scene(self) -> str:
        on_call = {each["rotation"]: each for each in self._stage.get("/api/v1/oncall")["oncall"]}
        primary, secondary = on_call["sre-primary"], on_call["sre-secondary"]
        self._tell.chapter("The scene")
        self._tell.say(
            f"Agent Booster {GOOD} edits real code, 40 edits a second. Prometheus and Alertmanager watch it."
        )
        self._tell.say(f"Every duration of the playbook is divided by {SPEED}: a minute passes in a second.")
        self._tell.say(
            f"On call: {primary['person_name']}, who sleeps soundly; {secondary['person_name']} stands by (O1)."
        )
        self._tell.say("The provider of pagers has lost the secondary's device. Nobody knows it yet.")
        self._stage.phones.lose(secondary["person"])
        self._stage.phones.will_answer(secondary["person"], ANSWERS_AFTER_S)
        self._steady()
        return str(secondary["person"])

    def _steady(self) -> None:
        """Wait until the service has been measured and is well, so that what follows is the story's doing."""
        busy = 'sum(rate(agent_booster_operations_total{result="ok"}[5s])) > 20'
        # A few playbook minutes of it, or there is no healthy hour to compare with.
        query = f"count_over_time(({busy})[30s:1s]) >= 10"
        for _ in ticks(45, every_s=0.5):
            if self._prometheus(query):
                return
        raise DemoFailed("Prometheus does not see Agent Booster at work")

    def _prometheus(self, query: str) -> list[Any]:
        answer = httpx.get(f"{self._stage.prometheus_url}/api/v1/query", params={"query": query}, timeout=5)
        result: list[Any] = answer.json()["data"]["result"]
        return result

    def _break_it(self) -> None:
        self._tell.chapter("The break")
        self._tell.say(f"Release {BAD} is deployed. Its module was built for the wrong target.")
        self._stage.flow("deploy", "booster", BAD)
        health = self._stage.health()
        self._tell.say(f"Health endpoint: {health}")

    def _detection(self) -> None:
        self._tell.chapter("Detection")
        for _ in ticks(40, every_s=0.2):
            found = self._stage.get("/api/v1/incidents", open="true")["incidents"]
            mine = [each for each in found if COMPONENT in each["components"]]
            if mine:
                self._incident = mine[0]["id"]
                break
        else:
            raise DemoFailed("no incident was opened within 40 s of the break")
        self._until("SEV1 is set by the classification table (C3)", self._is_sev1, within_s=30)

    def _is_sev1(self, line: Line) -> bool:
        event = line["event"]
        return "SEV1" in (event.get("severity"), event.get("after")) and event["type"] in (
            "incident_declared",
            "severity_raised",
        )

    def _diagnosis(self) -> None:
        self._tell.chapter("A look around")
        wanted = is_event("diagnostics_gathered")
        gathered = self._until("it is known what differs from the last healthy hour (D3, M2)", wanted, within_s=30)
        for line in gathered["event"]["summary"]:
            self._tell.say(line)
        if not any(f"{GOOD} → {BAD}" in line for line in gathered["event"]["summary"]):
            raise DemoFailed("the diagnostics did not notice that the release has changed")

    def _ladder(self, secondary: str) -> None:
        self._tell.chapter("The ladder")
        self._until("the secondary is paged (E4)", is_event("person_paged", person=secondary), within_s=20)
        self._until("the pager fails and the mailbox is asked (E4)", self._went_on_by_mail, within_s=10)
        acknowledged = self._until("somebody answers (D2)", is_event("acknowledged"), within_s=20)
        if acknowledged["event"]["by"]["person"] != secondary:
            raise DemoFailed("somebody else than the secondary acknowledged")

    def _went_on_by_mail(self, line: Line) -> bool:
        following = line["event"].get("next") or {}
        return bool(line["event"]["type"] == "page_attempt_failed" and following.get("channel") == "email")

    def _updates(self, commander: str) -> None:
        self._tell.chapter("Keeping people informed")
        self._act(
            "update", audience="stakeholders", text=f"Recent deployment {BAD} fails to load its module.", by=commander
        )
        self._act("stage", stage="identified", by=commander)
        wanted = is_event("deadline_missed", clause="K1")
        self._until("an update falls due and is asked for (K1)", wanted, within_s=15)
        self._act("update", audience="incident-channel", text="Rolling back.", by=commander)

    def _mitigation(self, commander: str) -> None:
        self._tell.chapter("Mitigation before root cause")
        best = self._stage.get(f"/api/v1/incidents/{self._incident}/actions")["actions"][0]
        if best["action"] != UNDO:
            raise DemoFailed(f"the first thing suggested is {best['action']} and not {UNDO}")
        self._tell.say(f"Suggested first: {best['title']}, {best['risk']} risk, because: {'; '.join(best['fits'])}.")
        lead = self._stage.get(f"/api/v1/incidents/{self._incident}")["roles"]["technical_lead"]
        self._typed(lead, "mitigate", self._incident, UNDO)
        self._refused(lead)
        self._typed(commander, "approve", self._incident, "R1", "--yes")
        self._look()
        self._tell.say(f"Health endpoint: {self._stage.health()}")
        judged = self._until("the measurements say whether it helped (M5)", is_event("mitigation_judged"), within_s=25)
        if judged["event"]["verdict"] != "improved":
            raise DemoFailed(f"the rollback did not help: {judged['text']}")

    def _typed(self, person: str, *argv: str) -> None:
        """Tell what somebody types, and what is answered."""
        self._tell.say(f"{person}: tocsin {' '.join(argv)}")
        self._tell.screen(self._stage.tocsin_as(person, *argv))

    def _refused(self, person: str) -> None:
        """See that nobody but the commander may approve, whoever asked for it."""
        try:
            self._stage.tocsin_as(person, "approve", self._incident, "R1", "--yes")
        except DemoFailed as refused:
            if "only the Incident Commander may approve" not in str(refused):
                raise
            self._tell.say(f"{person} may not approve it: only the Incident Commander may (M4).")
            return
        raise DemoFailed(f"{person} approved what only the commander may")

    def _watch(self, commander: str) -> None:
        self._tell.chapter("Proof")
        self._act("stage", stage="monitoring", by=commander)
        refused = self._stage.post(f"/api/v1/incidents/{self._incident}/resolve", by=commander)
        if refused.status_code != 409:
            raise DemoFailed(f"an unproven resolution was answered with {refused.status_code}")
        self._tell.say(f"Too early to call it resolved: {refused.json()['detail']} (V2).")
        self._until("the objectives hold", is_event("objectives_measured", verdict="held"), within_s=45)
        for gone in ticks(75, every_s=0.5):
            self._look()
            self._keep_informed(gone, commander)
            if self._stage.post(f"/api/v1/incidents/{self._incident}/resolve", by=commander).is_success:
                break
        resolved = self._until("resolved", is_event("incident_resolved"), within_s=5)
        if not resolved["event"].get("verified"):
            raise DemoFailed("it was resolved without proof")

    def _keep_informed(self, gone_s: float, commander: str) -> None:
        """Post the updates that the cadences ask for while the watch runs, each when its time has come (K1)."""
        for audience, every_s in (("incident-channel", 4), ("stakeholders", 13), ("status-page", 13)):
            if gone_s >= self._posted.get(audience, 0.0):
                self._posted[audience] = gone_s + every_s
                text = "A fix has been deployed and we are monitoring the results."
                self._act("update", audience=audience, text=f"{text} ({gone_s:.0f} s)", by=commander)

    def _accounts(self) -> None:
        self._tell.chapter("The accounts")
        promises = self._stage.get(f"/api/v1/incidents/{self._incident}/deadlines")["promises"]
        self._tell.promises(promises, SPEED)
        ledger = self._stage.get(f"/api/v1/incidents/{self._incident}/ledger")
        self._tell.ledger(ledger)
        metrics = self._stage.metrics()
        found = re.search(r"^tocsin_unaccounted_obligations (\S+)", metrics, re.MULTILINE)
        if found is None or float(found.group(1)) != 0:
            raise DemoFailed("some obligation is unaccounted for")
        self._tell.say("Unaccounted obligations: 0.")

    def _act(self, act: str, **body: str) -> None:
        answer = self._stage.post(f"/api/v1/incidents/{self._incident}/{act}", **body)
        if not answer.is_success:
            raise DemoFailed(f"{act} was refused: {answer.text}")
        self._look()

    def _until(self, what: str, wanted: Wanted, within_s: float) -> Line:
        """Tell the timeline until an entry has come that is wanted."""
        for _ in ticks(within_s, every_s=0.2):
            self._look()
            found = next((line for line in self._seen if wanted(line)), None)
            if found is not None:
                return found
            self._stage.processes.check()
        raise DemoFailed(f"it did not happen within {within_s:.0f} s: {what}")

    def _look(self) -> None:
        for line in self._new_lines():
            self._seen.append(line)
            self._tell.line(line)

    def _new_lines(self) -> Iterator[Line]:
        path = f"/api/v1/incidents/{self._incident}/timeline"
        yield from self._stage.get(path, after=len(self._seen), limit=200)["events"]
