"""Each finding of the lint, by a copy of the minimal playbook that is broken in one place."""

import shutil
from pathlib import Path

import pytest
from whenever import Date

from tocsin.playbook.lint import lint
from tocsin.playbook.load import load, load_rulebook, shipped
from tocsin.playbook.problems import PlaybookErrors, Problem

from .conftest import Break

TODAY = Date(2026, 6, 1)


def findings(folder: Path) -> list[Problem]:
    return lint(load(folder), today=TODAY, configured=("console", "email"))


def only(folder: Path, check: str) -> Problem:
    found = findings(folder)
    assert [one.check for one in found] == [check], found
    (one,) = found
    assert one.line > 0
    assert one.message
    assert one.remedy
    return one


@pytest.mark.parametrize("name", ["agentic-flow", "minimal"])
def test_the_shipped_playbooks_are_clean(name: str) -> None:
    assert lint(load(shipped(name)), today=Date(2025, 11, 10), configured=("console",)) == []


MAJOR_ACK = "      acknowledge: {within: 10m, owner: rotation shop}\n"

# file, what is replaced, by what; the check, the line's text, the key.
BROKEN = {
    "an audience in a room that no incident gets": (
        ("communication.yaml", "    public: true\n", "    public: true\n    in_room: true\n"),
        ("no-rooms", "audiences.customers.in_room"),
    ),
    "a severity whose roles do not lead": (
        ("severities.yaml", "fill: {responder: rotation shop}", "fill: {lead: rotation shop}"),
        ("led-by-nobody", "severities[1].roles.fill"),
    ),
    "a target that leaves no time": (
        ("severities.yaml", MAJOR_ACK, MAJOR_ACK.replace("10m", "0m")),
        ("no-time", "severities[0].targets.acknowledge.within"),
    ),
    "a watch that proves nothing over time": (
        ("playbook.yaml", "holds_for: 10m", "holds_for: 0m"),
        ("no-watch", "watch.holds_for"),
    ),
    "a bridge with a place for nothing": (
        (
            "playbook.yaml",
            'watch: {holds_for: 10m, clause: "4"}',
            'watch: {holds_for: 10m, clause: "4"}\n'
            'bridge: {url: "https://meet.example/{room}", severities: [MAJOR], clause: x}',
        ),
        ("bad-address", "bridge.url"),
    ),
    "a bridge without an address": (
        (
            "playbook.yaml",
            'watch: {holds_for: 10m, clause: "4"}',
            'watch: {holds_for: 10m, clause: "4"}\nbridge: {severities: [MAJOR], clause: x}',
        ),
        ("bad-address", "bridge"),
    ),
    "bridges made by what is not set up": (
        (
            "playbook.yaml",
            'watch: {holds_for: 10m, clause: "4"}',
            'watch: {holds_for: 10m, clause: "4"}\nbridge: {by: zoom, severities: [MAJOR], clause: x}',
        ),
        ("channel-not-set-up", "bridge.by"),
    ),
    "rooms for a severity that is none": (
        (
            "playbook.yaml",
            'watch: {holds_for: 10m, clause: "4"}',
            'watch: {holds_for: 10m, clause: "4"}\nrooms: {severities: [SEV9], archive_after: 2w, clause: x}',
        ),
        ("unknown-severity", "rooms.severities[0]"),
    ),
    "an error log that nothing looks at": (
        ("components/orders.yaml", "", "\nerrors: sum(rate(errors_total[$window]))\n"),
        ("unwatched-errors", "errors"),
    ),
    "an approval that outlives the night": (
        (
            "playbook.yaml",
            'watch: {holds_for: 10m, clause: "4"}',
            'watch: {holds_for: 10m, clause: "4"}\nmitigations: {expires_within: 8h}',
        ),
        ("approval-time", "mitigations.expires_within"),
    ),
    "a severity without an acknowledgment target": (
        ("severities.yaml", MAJOR_ACK, ""),
        ("no-acknowledge-target", "severities[0].targets"),
    ),
    "a level that nothing leads to": (
        (
            "escalation.yaml",
            "    reached: [{severities: [MAJOR], open_for: 1h}]",
            "    reached: []\n  - {number: 3, name: Bank, contact: rosa, clause: x}",
        ),
        ("unreachable-level", "levels[1]"),
    ),
    "a level's condition that is none": (
        ("escalation.yaml", "open_for: 1h", "declared: false"),
        ("unreachable-level", "levels[0].reached[0]"),
    ),
    "a level's condition that is two": (
        ("escalation.yaml", "open_for: 1h", "open_for: 1h, declared: true"),
        ("unreachable-level", "levels[0].reached[0]"),
    ),
    "a level for more components than there are": (
        ("escalation.yaml", "open_for: 1h", "several_components: true"),
        ("unreachable-level", "levels[0].reached[0]"),
    ),
    "a rung that goes down": (
        (
            "escalation.yaml",
            "{contact: on-duty}, {contact: rosa, level: 2}",
            "{contact: on-duty, level: 2}, {contact: rosa, level: 2}",
        ),
        ("unreachable-rung", "ladders.MAJOR.rungs[1].level"),
    ),
    "a second rung that comes too late": (
        ("escalation.yaml", "{contact: on-duty}, ", "{contact: on-duty, waits: 11m}, "),
        ("late-rung", "ladders.MAJOR.rungs[0]"),
    ),
    "a notification rule by a kind that the person lacks": (
        ("people.yaml", "    name: Emil\n", "    name: Emil\n    notify: [{by: [phone]}, {by: [sms], after: 2m}]\n"),
        ("no-method", "people.emil.notify[1].by"),
    ),
    "a notification rule that rings without a pause": (
        ("people.yaml", "    name: Emil\n", "    name: Emil\n    notify: [{by: [phone], every: 10s}]\n"),
        ("rings-too-often", "people.emil.notify[0].every"),
    ),
    "notification rules that begin with waiting": (
        (
            "people.yaml",
            "    name: Emil\n",
            "    name: Emil\n    notify: [{by: [phone], after: 2m, severities: [MAJOR]}]\n",
        ),
        ("nothing-at-once", "people.emil.notify"),
    ),
    "notification rules by which the worst never rings": (
        ("people.yaml", "    name: Rosa\n", "    name: Rosa\n    notify: [{by: [email]}]\n"),
        ("never-rings", "people.rosa.notify"),
    ),
    "an alarm that asks an emergency contact who is not there": (
        ("escalation.yaml", "again_every: 20m, clause", "again_every: 20m, do: [page emergency contact], clause"),
        ("no-emergency-contact", "ladders.MAJOR.alarm.do"),
    ),
    "an emergency contact without any address": (
        ("escalation.yaml", "contacts:\n", 'emergency: {name: Desk, clause: "3"}\ncontacts:\n'),
        ("no-emergency-contact", "emergency"),
    ),
    "an emergency contact with an address that cannot be right": (
        (
            "escalation.yaml",
            "contacts:\n",
            'emergency: {name: Desk, methods: [{kind: phone, address: "12"}], clause: "3"}\ncontacts:\n',
        ),
        ("bad-address", "emergency.methods[0].address"),
    ),
    "quiet hours that silence the worst": (
        (
            "people.yaml",
            "    name: Emil\n",
            '    name: Emil\n    quiet: [{starts_at: "22:00", ends_at: "07:00", zone: UTC, rings: [MINOR]}]\n',
        ),
        ("silences-the-worst", "people.emil.quiet[0].rings"),
    ),
    "quiet hours without an end": (
        (
            "people.yaml",
            "    name: Emil\n",
            '    name: Emil\n    quiet: [{starts_at: "22:00", ends_at: "22:00", zone: UTC, rings: [MAJOR]}]\n',
        ),
        ("quiet-for-ever", "people.emil.quiet[0]"),
    ),
    "quiet hours in a zone that does not exist": (
        (
            "people.yaml",
            "    name: Emil\n",
            '    name: Emil\n    quiet: [{starts_at: "22:00", ends_at: "07:00", zone: Moon/Mare, rings: [MAJOR]}]\n',
        ),
        ("unknown-zone", "people.emil.quiet[0].zone"),
    ),
    "a severity that nobody hears of": (
        ("escalation.yaml", "    rungs: [{contact: on-duty, tells: true}]", "    rungs: []"),
        ("nobody-hears", "severities[1].id"),
    ),
    "a contact reached by nothing": (
        ("escalation.yaml", "by: [phone], answers_within: 20m", "by: [], answers_within: 20m"),
        ("no-method", "contacts.rosa.by"),
    ),
    "an empty rotation": (
        ("rotations.yaml", "[rosa, emil]", "[]"),
        ("rotation-gap", "rotations.shop.people"),
    ),
    "a rotation that starts in the future": (
        ("rotations.yaml", "2025-01-01", "2026-06-02"),
        ("rotation-gap", "rotations.shop.starts_on"),
    ),
    "a rotation in a zone that does not exist": (
        ("rotations.yaml", "Europe/Lisbon", "Europe/Lisboa"),
        ("unknown-zone", "rotations.shop.zone"),
    ),
    "a person who cannot be reached": (
        (
            "people.yaml",
            '    methods:\n      - {kind: phone, address: "+15550100002"}\n'
            "      - {kind: email, address: emil@beans.example}",
            "    methods: []",
        ),
        ("no-method", "people.emil"),
    ),
    "an e-mail address that is none": (
        ("people.yaml", "rosa@beans.example", "rosa.beans.example"),
        ("bad-address", "people.rosa.methods[1].address"),
    ),
    "a phone number that is none": (
        ("people.yaml", "+15550100002", "five-five-five"),
        ("bad-address", "people.emil.methods[0].address"),
    ),
    "a webhook that is no URL": (
        ("people.yaml", '{kind: phone, address: "+15550100002"}', "{kind: push, channel: webhook, address: beans}"),
        ("bad-address", "people.emil.methods[0].address"),
    ),
    "a deadline owned by nobody": (
        ("severities.yaml", "resolution: {within: 2h, owner: role incident_commander}", "resolution: {within: 2h}"),
        ("owned-by-nobody", "severities[0].targets.resolution"),
    ),
    "a deadline owned by a role that is not filled": (
        ("communication.yaml", "every: 1h\n    owner: role incident_commander", "every: 1h\n    owner: role responder"),
        ("owned-by-nobody", "cadences[0].owner"),
    ),
    "a cadence longer than its escalation": (
        ("communication.yaml", "escalates_within: 2h", "escalates_within: 59m"),
        ("cadence-escalation", "cadences[0].escalates_within"),
    ),
    "an escalation to nobody": (
        ("communication.yaml", "    escalates_to: tell person rosa by phone\n", ""),
        ("cadence-escalation", "cadences[0]"),
    ),
    "a public cadence that no audience reads": (
        ("communication.yaml", "severities: [MAJOR, MINOR]\n    public", "severities: [MAJOR]\n    public"),
        ("cadence-without-audience", "cadences[1].audience"),
    ),
    "a severity that may come to owe nothing": (
        (
            "communication.yaml",
            '  - {audience: customers, severities: [MINOR], every: 1d, owner: role responder, clause: "5"}\n',
            "",
        ),
        ("owes-nothing", "severities[1].id"),
    ),
    "a cadence of no time": (
        ("communication.yaml", "every: 1d", "every: 0s"),
        ("no-time", "cadences[1].every"),
    ),
    "announcements that nothing carries": (
        ("communication.yaml", "    public: true", "    public: true\n    announces: [declared]"),
        ("unread-audience", "audiences.customers"),
    ),
    "an audience whose address is none": (
        ("communication.yaml", "    public: true", "    public: true\n    through: email\n    address: everybody"),
        ("bad-address", "audiences.customers.address"),
    ),
    "a component without an objective": (
        ("components/orders.yaml", 'clause: "6"}\nthresholds', 'clause: "6", verify: false}\nthresholds'),
        ("no-objective", "objectives"),
    ),
    "a component without an owner": (
        ("components/orders.yaml", "owner: shop\n", ""),
        ("no-owner", ""),
    ),
    "thresholds the wrong way round": (
        ("components/orders.yaml", "bound: 10.0", "bound: 1.5"),
        ("threshold-order", "thresholds[1].bound"),
    ),
    "an objective looser than its threshold": (
        ("components/orders.yaml", 'holds: "<", bound: 0.5', 'holds: "<", bound: 3'),
        ("loose-objective", "objectives[0].bound"),
    ),
    "a latency that should be high": (
        ("components/orders.yaml", 'holds: "<", bound: 0.5', 'holds: ">", bound: 0.5'),
        ("bad-bound", "objectives[0]"),
    ),
    "a threshold without an indicator": (
        ("components/orders.yaml", "severity: MINOR, latency_of: http_request_duration_seconds, ", "severity: MINOR, "),
        ("no-query", "thresholds[0]"),
    ),
    "PromQL that does not parse": (
        (
            "components/orders.yaml",
            "severity: MINOR, latency_of: http_request_duration_seconds",
            'severity: MINOR, query: "sum(rate(x[$window])"',
        ),
        ("promql", "thresholds[0].query"),
    ),
    "PromQL that answers no number": (
        (
            "components/orders.yaml",
            "severity: MINOR, latency_of: http_request_duration_seconds",
            'severity: MINOR, query: "x[5m]"',
        ),
        ("promql", "thresholds[0].query"),
    ),
    "PromQL with a word that stands for nothing": (
        (
            "components/orders.yaml",
            "severity: MINOR, latency_of: http_request_duration_seconds",
            'severity: MINOR, query: "rate(x[$windw])"',
        ),
        ("promql", "thresholds[0].query"),
    ),
    "a window under four scrapes": (
        ("components/orders.yaml", "job: orders", "job: orders\nwindow: 59s"),
        ("short-window", "window"),
    ),
    "business hours that end before they begin": (
        ("playbook.yaml", "watch:", 'calendar: {opens_at: "17:00", closes_at: "09:00"}\nwatch:'),
        ("no-time", "calendar"),
    ),
    "an overdue review": (
        ("playbook.yaml", "next_review_on: 2027-01-05", "next_review_on: 2026-05-31"),
        ("review-overdue", "next_review_on"),
    ),
    "a channel that is not set up": (
        ("playbook.yaml", "phone: console", "phone: webhook"),
        ("channel-not-set-up", "channels.phone"),
    ),
    "an id given twice": (
        ("severities.yaml", "- id: MINOR", "- id: Major"),
        ("duplicate", "severities[1].id"),
    ),
    "turns of no length": (("rotations.yaml", "    shift_days: 3\n", ""), ("no-turn", "rotations.shop")),
    "turns of two lengths": (
        ("rotations.yaml", "shift_days: 3", "shift_days: 3\n    turn: 12h"),
        ("no-turn", "rotations.shop"),
    ),
    "hours at which nobody is on call": (
        ("rotations.yaml", "shift_days: 3", 'shift_days: 3\n    only: [{starts_at: "09:00", ends_at: "17:00"}]'),
        ("rotation-gap", "rotations.shop.only"),
    ),
    "a layer of nobody": (
        (
            "rotations.yaml",
            "shift_days: 3",
            "shift_days: 3\n    layers: [{people: [], turn: 1d, starts_on: 2025-01-01}]",
        ),
        ("rotation-gap", "rotations.shop.layers[0].people"),
    ),
    "a layer with somebody unknown": (
        (
            "rotations.yaml",
            "shift_days: 3",
            "shift_days: 3\n    layers: [{people: [emile], turn: 1d, starts_on: 2025-01-01}]",
        ),
        ("unknown-person", "rotations.shop.layers[0].people[0]"),
    ),
    "more people at once than there are": (
        ("rotations.yaml", "shift_days: 3", "shift_days: 3\n    at_once: 3"),
        ("rotation-gap", "rotations.shop.at_once"),
    ),
    "a person in a zone that does not exist": (
        ("people.yaml", "name: Rosa", "name: Rosa\n    zone: Europe/Lisboa"),
        ("unknown-zone", "people.rosa.zone"),
    ),
    "an unknown severity of what is found ahead": (
        ("rotations.yaml", "rotations:", "ahead: {looks: 7d, severity: MINR, clause: x}\nrotations:"),
        ("unknown-severity", "ahead.severity"),
    ),
    "an unused rotation": (
        (
            "rotations.yaml",
            "rotations:",
            "rotations:\n  spare: {name: Spare, clause: x, people: [rosa], shift_days: 7, starts_on: 2025-01-06}",
        ),
        ("unused-rotation", "rotations.spare"),
    ),
    "a flag that nothing waits for": (
        ("escalation.yaml", "levels:", "flags: {fire: The shop burns}\nlevels:"),
        ("unused-flag", "flags.fire"),
    ),
    "an unknown person": (
        ("rotations.yaml", "[rosa, emil]", "[rosa, emile]"),
        ("unknown-person", "rotations.shop.people[1]"),
    ),
    "an unknown audience": (
        ("communication.yaml", "- audience: customers", "- audience: costumers"),
        ("unknown-audience", "cadences[0].audience"),
    ),
    "an unknown contact": (
        ("escalation.yaml", "rungs: [{contact: on-duty, tells: true}]", "rungs: [{contact: on-duti, tells: true}]"),
        ("unknown-contact", "ladders.MINOR.rungs[0].contact"),
    ),
    "an unknown flag": (
        ("escalation.yaml", "open_for: 1h", "flag: fire"),
        ("unknown-flag", "levels[0].reached[0].flag"),
    ),
    "an unknown severity": (
        ("classification.yaml", "fallback: MAJOR", "fallback: MAYOR"),
        ("unknown-severity", "fallback"),
    ),
    "an unknown owner": (("components/orders.yaml", "owner: shop", "owner: shopp"), ("unknown-rotation", "owner")),
    "an unknown role": (
        ("severities.yaml", "owner: role incident_commander", "owner: role incident_comander"),
        ("unknown-role", "severities[0].targets.resolution.owner"),
    ),
    "an unknown component": (
        ("heartbeats.yaml", "", 'heartbeats: {a: {within: 5m, severity: MINOR, component: order, clause: "6"}}\n'),
        ("unknown-component", "heartbeats.a.component"),
    ),
    "an unknown channel": (
        (
            "people.yaml",
            '{kind: phone, address: "+15550100002"}',
            '{kind: phone, channel: console, address: "+15550100002"}\n      - {kind: push, channel: slak, address: x}',
        ),
        ("unknown-channel", "people.emil.methods[1]"),
    ),
    "a stand-in that does not exist": (
        ("playbook.yaml", "phone: console,", "phone: [console, slak],"),
        ("unknown-channel", "channels.phone"),
    ),
    "a channel that stands in for itself": (
        ("playbook.yaml", "phone: console,", "phone: [console, console],"),
        ("unknown-channel", "channels.phone"),
    ),
    "nothing that carries a kind": (
        ("playbook.yaml", "phone: console,", "phone: [],"),
        ("unknown-channel", "channels.phone"),
    ),
    "a kind that no channel carries": (
        (
            "people.yaml",
            '{kind: phone, address: "+15550100002"}',
            '{kind: phone, address: "+15550100002"}\n      - {kind: pager, address: x}',
        ),
        ("unknown-channel", "people.emil.methods[1]"),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_lint_finds(broken: Break, what: str) -> None:
    (file, before, after), (check, key) = BROKEN[what]
    found = findings(broken(file, before, after))
    mine = [one for one in found if (one.check, one.key) == (check, key)]
    assert len(mine) == 1, found
    (one,) = mine
    assert one.line > 0
    assert one.message
    assert one.remedy


ROW = (
    'deadlines:\n  - {{id: tidy, clause: "8", title: tidy up, severities: [MAJOR], within: 1h, '
    "owner: role incident_commander, {}}}\n"
)


@pytest.mark.parametrize(
    ("marks", "check", "remedy"),
    [
        ("after: mitigatd", "unknown-mark", 'did you mean "mitigated"?'),
        ("after: opened, until: [stage.monitorin]", "unknown-mark", 'did you mean "stage.monitoring"?'),
        ("after: opened, until: [updated.costumers]", "unknown-mark", 'did you mean "updated.customers"?'),
        ("after: opened, ends: [level.7]", "unknown-mark", 'did you mean "level.2"?'),
        ("after: rule.tidi", "unknown-mark", 'did you mean "tidy"?'),
        ("after: resolved, ends: [resolved]", "never-due", "take resolved out of ends"),
        ("after: opened, every: 0s", "no-time", "write at least 1s"),
    ],
)
def test_lint_finds_marks_that_lead_nowhere(broken: Break, marks: str, check: str, remedy: str) -> None:
    found = only(broken("deadlines.yaml", "", ROW.format(marks)), check)
    assert (found.file, found.line, found.remedy) == ("deadlines.yaml", 2, remedy)


def test_lint_finds_a_row_that_only_reminds_nobody(broken: Break) -> None:
    row = ROW.replace("owner: role incident_commander, ", "").format("after: opened")
    assert only(broken("deadlines.yaml", "", row), "owned-by-nobody").key == "deadlines[0]"


def test_lint_finds_two_rows_of_one_name(broken: Break) -> None:
    row = ROW.format("after: opened")
    found = only(broken("deadlines.yaml", "", row + row.splitlines()[1] + "\n"), "duplicate")
    assert "first on deadlines.yaml:2" in found.message


def test_lint_finds_a_name_that_is_tocsins_own(broken: Break) -> None:
    row = ROW.replace("id: tidy", "id: alarm").format("after: opened")
    assert only(broken("deadlines.yaml", "", row), "duplicate").key == "deadlines[0].id"


def test_lint_finds_a_milestone_that_nothing_waits_for(broken: Break) -> None:
    found = only(broken("deadlines.yaml", "", "milestones: {painted: The shop is painted}\n"), "unused-milestone")
    assert (found.severity, found.key) == ("warning", "milestones.painted")


def test_lint_finds_a_playbook_without_components(broken: Break) -> None:
    found = findings(broken("components/orders.yaml", after=None))
    assert "no-component" in [one.check for one in found]


def test_lint_finds_targets_that_grow_stricter_with_milder_severities(broken: Break) -> None:
    folder = broken("severities.yaml", "within: 1d, owner: rotation shop", "within: 5m, owner: rotation shop")
    found = only(folder, "target-order")
    assert found.severity == "warning"


def test_a_finding_reads_as_a_sentence_with_its_place(broken: Break) -> None:
    found = only(broken("severities.yaml", MAJOR_ACK, ""), "no-acknowledge-target")
    assert str(found) == (
        "severities.yaml:6: severities[0].targets: error: MAJOR has no acknowledgment target. "
        'Remedy: add "acknowledge: {within: …, owner: …}".'
    )


def test_lint_finds_somebody_whom_one_ladder_asks_twice(tmp_path: Path) -> None:
    folder = tmp_path / "playbook"
    shutil.copytree(shipped("agentic-flow"), folder)
    rotations = folder / "rotations.yaml"
    backups = "[tomasz-zielinski, aisha-bello, daniel-kerr, ines-moreau]"
    rotations.write_text(rotations.read_text().replace(backups, "[aisha-bello, tomasz-zielinski]"))
    (found,) = [one for one in lint(load(folder)) if one.check == "double-booking"]
    assert found.key == "rotations.sre-secondary"
    assert found.severity == "warning"
    assert "first on 2025-01-13" in found.message


@pytest.mark.parametrize(
    "hours",
    [
        '{starts_at: "17:00", ends_at: "09:00"}, {weekdays: [saturday, sunday], starts_at: "17:00", ends_at: "09:00"}',
        '{starts_at: "17:00", ends_at: "09:00"}, {weekdays: [saturday, sunday], starts_at: "00:00", ends_at: "00:00"}, '
        '{weekdays: [sunday], starts_at: "20:00", ends_at: "09:00"}',
    ],
)
def test_layers_that_together_cover_the_week_leave_no_gap(broken: Break, hours: str) -> None:
    office = '{people: [emil], turn: 1w, starts_on: 2025-01-01, only: [{starts_at: "09:00", ends_at: "17:00"}]}'
    day = ', {weekdays: [saturday, sunday], starts_at: "09:00", ends_at: "17:00"}'
    folder = broken(
        "rotations.yaml", "shift_days: 3", f"shift_days: 3\n    only: [{hours}{day}]\n    layers: [{office}]"
    )
    assert findings(folder) == []


def test_a_gap_that_the_playbook_allows_is_none(broken: Break) -> None:
    only = 'shift_days: 3\n    gaps_allowed: true\n    only: [{starts_at: "09:00", ends_at: "17:00"}]'
    assert findings(broken("rotations.yaml", "shift_days: 3", only)) == []


def test_warnings_do_not_keep_a_playbook_from_loading(broken: Break) -> None:
    folder = broken("components/orders.yaml", "owner: shop\n", "")
    assert only(folder, "no-owner").severity == "warning"
    assert load_rulebook(folder).components


def test_errors_do(broken: Break) -> None:
    with pytest.raises(PlaybookErrors):
        load_rulebook(broken("severities.yaml", MAJOR_ACK, ""))


def test_channels_that_stand_in_for_one_another_have_one_name_when_compiled(broken: Break) -> None:
    folder = broken("playbook.yaml", "phone: console,", "phone: [voice, console],")
    assert {one.check for one in findings(folder)} == {"channel-not-set-up"}
    rules = load_rulebook(folder)
    assert "voice+console" in rules.channels()
