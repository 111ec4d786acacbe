"""How a simulation reads: the timeline with its clauses, the promises kept and missed, and who was woken when."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from whenever import Instant

from tocsin.core import events as e
from tocsin.core.events import AnyEvent
from tocsin.core.narration import clause_of, narrate
from tocsin.core.rules import Rulebook
from tocsin.core.scorecard import Promise
from tocsin.simulate.figures import Distribution, Percentiles
from tocsin.simulate.run import Outcome, Story, Woken

STORIES_SHOWN = 12
"""Timelines shown whole. A year has hundreds; the tables tell of all of them."""

_UNSAID = (e.StepTaken, e.PageDelivered)
"""What only repeats what the line before or after it says."""


def transcript(outcome: Outcome, rules: Rulebook) -> str:
    """Tell what happened, so that somebody can read it at three in the morning."""
    parts = [f"{outcome.title}\nseed {outcome.seed}, from {_full(outcome.starts_at)} to {_full(outcome.ended_at)}"]
    for story in outcome.incidents[:STORIES_SHOWN]:
        parts.append("\n".join([_heading(story), *_timeline(story, rules)]))
    if len(outcome.incidents) > STORIES_SHOWN:
        parts.append(f"… and {len(outcome.incidents) - STORIES_SHOWN} incidents more")
    parts.append("\n".join(["TARGETS KEPT AND MISSED", *_promises(outcome.incidents)]))
    parts.append("\n".join(["WHO WAS WOKEN, AND WHEN", *_woken(outcome.woken, rules)]))
    parts.append(_ending(outcome))
    return "\n\n".join(parts) + "\n"


def _full(at: Instant) -> str:
    return f"{_day(at)} {at.format_iso()[11:16]} UTC"


def _day(at: Instant) -> str:
    date = at.to_tz("UTC").date()
    return f"{date.day_of_week().name[:3].title()} {date.format_iso()}"


def _date(at: Instant) -> str:
    return f"{at.format_iso()[5:10]} {_clock(at)}"


def _clock(at: Instant) -> str:
    return at.format_iso()[11:19]


def _heading(story: Story) -> str:
    state = f"resolved {_date(story.resolved_at)}" if story.resolved_at else "still open"
    level = f", escalated to level {story.level}" if story.level else ""
    return f"{story.incident}  {story.severity}  {story.title}  ({_full(story.detected_at)}; {state}{level})"


def _timeline(story: Story, rules: Rulebook) -> Iterator[str]:
    said = [event for event in _told(story.timeline) if not isinstance(event, _UNSAID)]
    day = ""
    for at, moment in groupby(said, key=lambda event: event.at):
        today = _day(at)
        if today != day:
            yield f"  {today} (times in UTC)"
            day = today
        for clause, line in _moment(list(moment), rules):
            yield f"  {_clock(at)}  {clause:<3} {line}"


def _told(timeline: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
    """Leave out measurements that say what the last one said: a watch has hundreds."""
    last: object = None
    for event in timeline:
        if isinstance(event, e.ObjectivesMeasured):
            now = event.verdict, event.because, event.window_began_at
            if now == last:
                continue
            last = now
        yield event


def _moment(events: Sequence[AnyEvent], rules: Rulebook) -> Iterator[tuple[str, str]]:
    """Answer the lines of one instant: what was missed, and who was reminded of it, is one of them."""
    overdue = [event for event in events if isinstance(event, e.DeadlineMissed)]
    reminders = [event for event in events if isinstance(event, e.PersonTold) and event.reminder]
    if overdue:
        names = dict.fromkeys(rules.people[each.person].name for each in reminders if each.person in rules.people)
        told = f" (reminded: {', '.join(names)})" if names else ""
        clauses = dict.fromkeys(clause_of(each) for each in overdue)
        yield next(iter(clauses)), "Missed: " + "; ".join(_missed(each) for each in overdue) + told
    rest = [event for event in events if event not in overdue and event not in reminders]
    for _, group in groupby(rest, key=_sameness):
        alike = list(group)
        yield clause_of(alike[0]), _line(alike, rules)


def _missed(event: e.DeadlineMissed) -> str:
    return f"{event.title} ({event.rounds} times in a row)" if event.rounds > 1 else event.title


def _sameness(event: AnyEvent) -> object:
    """Answer a key that events share which are told in one line."""
    match event:
        case e.PersonPaged():
            return "paged", event.at, event.reason, tuple(method.kind for method in event.methods)
        case _:
            return id(event)


def _line(alike: Sequence[AnyEvent], rules: Rulebook) -> str:
    line = narrate(alike[0], rules)
    if len(alike) == 1:
        return line
    people = [event.person for event in alike if isinstance(event, e.PersonPaged)]
    names = ", ".join(rules.people[person].name if person in rules.people else person for person in people)
    _, _, how = line.partition(" by ")
    return f"Paged {names} by {how}"


def _promises(stories: Iterable[Story]) -> Iterator[str]:
    rows = [(story, promise) for story in stories for promise in story.promises]
    for story, promise in rows[:200]:
        yield f"  {_mark(promise)} {story.incident:<7} {promise.clause:<4} {promise.title}{_when(promise)}"
    if len(rows) > 200:
        yield f"  … and {len(rows) - 200} more"
    counts = {state: sum(promise.state == state for _, promise in rows) for state in ("kept", "missed", "open")}
    yield f"  {counts['kept']} kept, {counts['missed']} missed, {counts['open']} not yet due"


def _mark(promise: Promise) -> str:
    return {"kept": "kept  ", "missed": "MISSED", "open": "open  "}[promise.state]


def _when(promise: Promise) -> str:
    if promise.rounds:
        return (
            f": {promise.rounds} round{'s' if promise.rounds != 1 else ''} missed, the last at {_date(promise.due_at)}"
        )
    if promise.met_at is None:
        return f": was due {_date(promise.due_at)}" if promise.state == "missed" else f": due {_date(promise.due_at)}"
    early = (promise.due_at - promise.met_at).total("seconds")
    return f": {_span(abs(early))} {'before' if early >= 0 else 'after'} it was due"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _woken(woken: Sequence[Woken], rules: Rulebook) -> Iterator[str]:
    if not woken:
        yield "  nobody"
        return
    by_person: dict[str, list[Woken]] = {}
    for each in woken:
        by_person.setdefault(each.person, []).append(each)
    for person, rings in by_person.items():
        name = rules.people[rings[0].person].name if person in rules.people else person
        first = ", ".join(f"{_date(each.at)} by {each.by.value}" for each in rings[:4])
        more = f" and {len(rings) - 4} times more" if len(rings) > 4 else ""
        night = sum(each.night for each in rings)
        yield f"  {name:<20} {first}{more}{f'  ({night} at night)' if night else ''}"


def _ending(outcome: Outcome) -> str:
    plural = "es" if outcome.crashes != 1 else ""
    crashes = f", {outcome.crashes} crash{plural} survived" if outcome.crashes else ""
    if not outcome.broken:
        return f"All laws held over {outcome.writes} writes{crashes}."
    return "\n".join([f"BROKEN LAWS ({outcome.writes} writes{crashes})", *(f"  {each}" for each in outcome.broken)])


def distributions(spread: Distribution, rules: Rulebook) -> str:
    """Tell how many runs spread."""
    last = spread.first_seed + spread.runs - 1
    lines = [
        spread.title,
        f"{spread.runs} runs, seeds {spread.first_seed} to {last}; {spread.incidents} incidents, "
        f"{spread.acknowledged} acknowledged",
        "",
        *_times("TIME TO ACKNOWLEDGE", spread.time_to_acknowledge_s.items()),
        *_times("TIME TO RESOLVE", spread.time_to_resolve_s.items()),
        "WHO IS WOKEN IN ONE RUN, ON AVERAGE",
    ]
    for person, number in spread.rang.items():
        name = rules.people[person].name if person in rules.people else person
        lines.append(f"  {name:<20} {number:6.2f} times, {spread.rang_at_night.get(person, 0.0):6.2f} at night")
    night = spread.night_pages
    lines += ["  nobody"] * (not spread.rang)
    lines += [f"  night pages in a run: p50 {night.p50:.0f}, p90 {night.p90:.0f}, worst {night.worst:.0f}", ""]
    lines.append("TARGETS MISSED")
    for each in spread.promises:
        if each.missed:
            # Of a cadence only the rounds that were missed are counted, so there is no share to tell.
            share = f"{each.missed / (each.missed + each.kept):4.0%}" if each.kept else "    "
            lines.append(f"  {each.missed:5} times {share}  {each.clause:<4} {each.title}")
    lines += ["  none"] * (not any(each.missed for each in spread.promises))
    lines += ["", *(spread.broken or ("All laws held in every run.",))]
    return "\n".join(lines) + "\n"


def _times(heading: str, rows: Iterable[tuple[str, Percentiles]]) -> Iterator[str]:
    yield f"{heading:<24} {'p50':>12} {'p90':>12} {'p99':>12} {'worst':>12}"
    for severity, each in rows:
        spans = (each.p50, each.p90, each.p99, each.worst)
        yield f"  {severity:<22} " + " ".join(f"{_span(span) if span is not None else '-':>12}" for span in spans)
    yield ""
