"""Scenarios: a story told in a YAML file. What breaks and when, how people answer, what the channels do to messages.

Every key is explained at its field below. Spans are written ``90s``, ``5m``, ``1h30m``; where a span may vary it is
written ``30s..5m`` and drawn evenly. Offsets (``at``, ``from``, ``until``) count from ``starts_at``.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml
from whenever import Instant, TimeDelta

from tocsin.core.rules import MethodKind
from tocsin.playbook.words import duration
from tocsin.simulate.dice import dice

SHIPPED: Final = Path(__file__).parent / "scenarios"
SCENARIO_SIZE_MAX: Final = 256 * 1024
"""Bytes of a scenario file. The largest shipped one has three thousand."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A probability or a part of a whole."""

Mending = Literal["by mitigation", "by itself", "never"]
"""How what broke is well again."""


class Spread:
    """A span of time that varies between two others."""

    __slots__ = ("least", "most")

    def __init__(self, least: TimeDelta, most: TimeDelta) -> None:
        self.least = least
        self.most = most

    def drawn(self, *named: object) -> TimeDelta:
        """Answer one span from between the two, in whole seconds, by the dice of that name."""
        seconds = dice(*named).uniform(self.least.total("seconds"), self.most.total("seconds"))
        return TimeDelta(seconds=round(seconds))


def _spread(text: str) -> Spread:
    least, dots, most = text.partition("..")
    spread = Spread(duration(least), duration(most if dots else least))
    if spread.most < spread.least:
        raise ValueError(f'"{text}" ends before it begins; write the shorter span first')
    return spread


_AT_ONCE: Final = _spread("0s")
_NEVER_ENDS: Final = duration("366d")


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """What all parts of a scenario share: an unknown key is an error."""


class Answering(Struct, frozen=True):
    """How some people answer pages. The first row that fits a page decides."""

    answers: Share
    """The chance that one page, or one notice, by one method leads to an acknowledgment."""
    after: Spread = _AT_ONCE
    """How long it takes from the ringing to the answer."""
    who: tuple[str, ...] = ()
    """Ids of people; none means everybody."""
    by: tuple[MethodKind, ...] = ()
    """Contact methods; none means all."""
    when: Literal["always", "day", "night"] = "always"
    """Night is from 22:00 to 07:00 in the zone of the playbook's calendar."""
    declines: Share = 0.0
    """The chance that an answer is "I cannot"."""


class Asking(Struct, frozen=True):
    """One line of how people want to be paged."""

    by: tuple[MethodKind, ...]
    after: TimeDelta = TimeDelta.ZERO
    every: TimeDelta | None = None


class Wish(Struct, frozen=True):
    """How some people want to be paged, whatever the playbook says of them."""

    notify: tuple[Asking, ...]
    who: tuple[str, ...] = ()
    """Ids of people; none means everybody. Kinds that somebody has no method of are left out for them."""
    quiet_but_for: tuple[str, ...] = ()
    """If set: from 22:00 to 07:00 UTC only pages of these severities ring."""


class Team(Struct, frozen=True):
    """How those who took an incident in hand work on it."""

    diligence: Share = 0.9
    """The chance that something owed (an update, a milestone) is done in time."""
    identifies_after: Spread = _spread("3m..15m")
    mitigates_after: Spread = _spread("10m..30m")
    """From the acknowledgment to a mitigation, and from a failed one to the next."""
    mitigation_helps: Share = 0.8
    by_actions: Share = 0.0
    """The chance that an incident is fought with the playbook's actions, approved and run, and not by hand."""
    approves_after: Spread = _spread("10s..2m")
    """From the asking for an action to the commander's approval."""
    monitors_after: Spread = _spread("1m..5m")
    """From the measured recovery to stage monitoring."""
    resolves_after: Spread = _spread("0s..3m")
    """From the proof of recovery to the declaration."""
    overrides: Share = 0.0
    """The chance that the commander does not wait for the proof but resolves with a reason (V4)."""


class Breakage(Struct, frozen=True):
    """Something breaks."""

    component: str
    severity: str = ""
    """Which severity its alert means: the playbook's first threshold of the component with it is breached."""
    threshold: str = ""
    """Or the threshold by its id."""
    labels: dict[str, str] = {}
    """Or any alert, by its labels."""
    at: TimeDelta = TimeDelta.ZERO
    alerts: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    """How many alerts fire (one for each instance)."""
    detected_after: Spread = _AT_ONCE
    mends: Mending = "by mitigation"
    recovers_after: Spread = _spread("30s..2m")
    """From the mitigation that helps (or, by itself, from the breakage) to good figures."""
    flaps: Spread | None = None
    """If set, its alerts come and go, so long each, until it is well."""
    no_data: bool = False
    """Its objectives answer nothing while it is broken, instead of bad figures."""


class Rate(Struct, frozen=True):
    """Breakages that come by chance, evenly over the run."""

    severity: str
    a_year: Annotated[float, msgspec.Meta(ge=0, le=100_000)]
    components: tuple[str, ...] = ()
    """One of these each time; none means any component of the playbook."""
    alerts: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    mends: Mending = "by mitigation"
    recovers_after: Spread = _spread("30s..2m")
    flaps: Spread | None = None


class ChannelFault(Struct, frozen=True):
    """What a channel does to messages for a while. The chances are thrown one after another, in this order."""

    channel: str = "*"
    """``pager``, ``phone``, ``slack``, ``email`` …, or ``*`` for all."""
    from_: TimeDelta = TimeDelta.ZERO
    until: TimeDelta = _NEVER_ENDS
    unreachable: Share = 0.0
    """No answer, and not delivered."""
    refused: Share = 0.0
    """Refused for good."""
    slow_down: Share = 0.0
    """429: not now, ask again in half a minute."""
    unsure: Share = 0.0
    """Delivered, but the answer got lost."""
    lost: Share = 0.0
    """Taken over with a receipt, and never delivered."""
    doubled: Share = 0.0
    """Delivered twice."""
    delayed: Spread = _AT_ONCE
    """From the receipt to the ringing."""


class Outage(Struct, frozen=True):
    """The store cannot keep anything for a while."""

    at: TimeDelta
    lasts: TimeDelta


class ClockJump(Struct, frozen=True):
    """The machine's clock is set forward, or back."""

    at: TimeDelta
    forward: TimeDelta = TimeDelta.ZERO
    back: TimeDelta = TimeDelta.ZERO


class Mishaps(Struct, frozen=True):
    """What happens to Tocsin itself."""

    crashes: Share = 0.0
    """The chance at each write that the process dies, half of them right before it and half right after."""
    restarts_after: Spread = _spread("2s..20s")
    outages: tuple[Outage, ...] = ()
    clock: tuple[ClockJump, ...] = ()
    late_ticks: Spread = _AT_ONCE
    """How late each wake-up is."""
    extra_ticks: bool = False
    """Every step is taken twice, and once more a little early."""


class Quiet(Struct, frozen=True):
    """A silence or a maintenance window set by somebody beforehand."""

    label: str
    value: str
    from_: TimeDelta
    until: TimeDelta
    kind: Literal["silence", "maintenance"] = "silence"
    reason: str = "planned work"


class Scenario(Struct, frozen=True):
    """One story."""

    title: str
    starts_at: Instant
    lasts: TimeDelta
    about: str = ""
    people: tuple[Answering, ...] = (Answering(answers=0.9, after=_spread("30s..4m")),)
    """Whom no row fits does not answer."""
    wishes: tuple[Wish, ...] = ()
    team: Team = Team()
    service: tuple[Breakage, ...] = ()
    rates: tuple[Rate, ...] = ()
    channels: tuple[ChannelFault, ...] = ()
    mishaps: Mishaps = Mishaps()
    quiet: tuple[Quiet, ...] = ()
    resends_every: TimeDelta = duration("4h")
    """How often the sender repeats what still fires (Alertmanager's ``repeat_interval``)."""
    watch_every: TimeDelta | None = None
    """How often the objectives are asked; the playbook's figure if it is not set."""
    heartbeats: Literal["beat", "left out"] = "beat"
    """A long story may leave them out: a sign of life every few minutes is most of the work of a quiet year."""
    heartbeats_stop_at: TimeDelta | None = None
    """When they fall silent; never if it is not set."""
    review_overdue: bool = False
    """Whether the playbook's own review may be found overdue (Q2), whatever the year of the story."""


class ScenarioError(Exception):
    """The scenario cannot be played: names the file, the key and the remedy."""


def shipped() -> tuple[str, ...]:
    """Name the scenarios that come with Tocsin."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def load(name: str) -> Scenario:
    """Read a scenario: a shipped one by its name, or any by the path of its file. Raises `ScenarioError`."""
    path = SHIPPED / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        raw = path.read_bytes()
    except OSError as error:
        known = ", ".join(shipped())
        raise ScenarioError(f'there is no scenario "{name}". Remedy: name a file or one of {known}.') from error
    return read(raw, str(path.name))


def read(raw: bytes, file: str) -> Scenario:
    """Read a scenario's text; ``file`` is what errors call it. Raises `ScenarioError`."""
    if len(raw) > SCENARIO_SIZE_MAX:
        raise ScenarioError(f"{file}: {len(raw)} bytes; {SCENARIO_SIZE_MAX} is the most. Remedy: shorten it.")
    try:
        document = yaml.safe_load(raw)
        scenario = msgspec.convert(document, Scenario, dec_hook=_hook)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: this is no YAML: {error}. Remedy: correct the place it names.") from error
    except (msgspec.ValidationError, RecursionError) as error:
        raise ScenarioError(f"{file}: {error}. Remedy: see the shipped scenarios, or correct the key.") from error
    _check(scenario, file)
    return scenario


def _hook(kind: type, value: Any) -> Any:
    # YAML reads an unquoted time by itself; both ways of writing one are right.
    if kind is Instant:
        return Instant.parse_iso(value) if isinstance(value, str) else Instant(value)
    if kind is TimeDelta:
        return duration(str(value))
    if kind is Spread:
        return _spread(str(value))
    raise NotImplementedError(f"a scenario has no {kind.__name__}")


def _check(scenario: Scenario, file: str) -> None:
    if scenario.lasts <= TimeDelta.ZERO:
        raise ScenarioError(f"{file}: `$.lasts` is nothing. Remedy: write how long it runs, such as 6h.")
    for place, breakage in enumerate(scenario.service):
        if sum(map(bool, (breakage.severity, breakage.threshold, breakage.labels))) != 1:
            key = f"`$.service[{place}]`"
            raise ScenarioError(f"{file}: {key} needs exactly one of severity, threshold and labels. Remedy: name one.")
