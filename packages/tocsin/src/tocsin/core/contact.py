"""How a person wants to be paged: by which kinds, how soon, how often again, and when only the worst may ring.

The steps of one page are laid out from the instant of the page, and nothing else: `ring_after` answers when the next
one comes, `kinds_between` what it is. What would ring in somebody's quiet hours waits for their end, unless its
severity may ring then. There are no timers here either: asked late, the steps that were slept through are one.
"""

from enum import StrEnum
from typing import Final

import msgspec
from whenever import Instant, Time, TimeDelta

from tocsin.core.ids import Severity


class MethodKind(StrEnum):
    """How a person is reached, as the playbook speaks of it (E2). Which channel carries it, the person's entry says."""

    PAGER = "pager"
    PHONE = "phone"
    SMS = "sms"
    PUSH = "push"
    SLACK = "slack"
    EMAIL = "email"
    CONSOLE = "console"


RINGING: Final = frozenset({MethodKind.PAGER, MethodKind.PHONE, MethodKind.SMS})
"""The kinds that wake whoever sleeps. The others wait until somebody looks."""


class NotificationRule(msgspec.Struct, frozen=True):
    """One line of how somebody wants to be paged: by these kinds at once, so long after the page, every so long."""

    by: tuple[MethodKind, ...]
    after: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta.ZERO)  # Its schema can be told.
    every: TimeDelta | None = None
    severities: tuple[Severity, ...] = ()
    """For pages of these severities only; empty: for all."""


class QuietHours(msgspec.Struct, frozen=True):
    """Hours of the wall clock in which pages of other severities than these do not ring, but wait for the end."""

    starts_at: Time
    ends_at: Time
    zone: str
    rings: tuple[Severity, ...]


class Span(msgspec.Struct, frozen=True):
    """One stretch of quiet hours."""

    starts_at: Instant
    ends_at: Instant


Quiet = tuple[QuietHours, ...]


def quiet_span(quiet: Quiet, severity: Severity, at: Instant) -> Span | None:
    """Answer the quiet hours that an instant lies in, for pages of this severity; None if they may ring."""
    spans = (_span(hours, at) for hours in quiet if severity not in hours.rings)
    return max((span for span in spans if span), key=lambda span: span.ends_at, default=None)


def _span(hours: QuietHours, at: Instant) -> Span | None:
    today = at.to_tz(hours.zone).date()
    for day in (today.subtract(days=1), today):  # The night before may not be over.
        ends_on = day if hours.starts_at < hours.ends_at else day.add(days=1)
        starts_at = day.at(hours.starts_at).assume_tz(hours.zone, disambiguation="compatible").to_instant()
        ends_at = ends_on.at(hours.ends_at).assume_tz(hours.zone, disambiguation="compatible").to_instant()
        if starts_at <= at < ends_at:
            return Span(starts_at, ends_at)
    return None


def ring_after(
    plan: tuple[NotificationRule, ...], quiet: Quiet, severity: Severity, paged_at: Instant, at: Instant
) -> Instant | None:
    """Answer when the next step of a page comes after an instant; None if there is none."""
    coming = (_next(rule, kind, quiet, severity, paged_at, at) for rule in plan for kind in rule.by)
    return min((each for each in coming if each is not None), default=None)


def kinds_between(
    plan: tuple[NotificationRule, ...], quiet: Quiet, severity: Severity, paged_at: Instant, last: Instant, now: Instant
) -> tuple[MethodKind, ...]:
    """Answer the kinds by which it is time to ask, given when it was last: each once, however late it is."""
    due = (
        kind
        for rule in plan
        for kind in rule.by
        if (at := _next(rule, kind, quiet, severity, paged_at, last)) is not None and at <= now
    )
    return tuple(dict.fromkeys(due))


def _next(
    rule: NotificationRule, kind: MethodKind, quiet: Quiet, severity: Severity, paged_at: Instant, at: Instant
) -> Instant | None:
    """Answer when one kind of one line comes next after an instant, put off to the end of quiet hours if it rings."""
    first: Instant = paged_at + rule.after
    rings = kind in RINGING and bool(quiet)
    if rings and (now := quiet_span(quiet, severity, at)) is not None and _falls(rule, first, now.starts_at, at):
        return now.ends_at
    following = _following(rule, first, at)
    if following is None or not rings:
        return following
    then = quiet_span(quiet, severity, following)
    return then.ends_at if then else following


def _following(rule: NotificationRule, first: Instant, at: Instant) -> Instant | None:
    if first > at:
        return first
    if rule.every is None:
        return None
    return first + rule.every * (int((at - first) / rule.every) + 1)


def _falls(rule: NotificationRule, first: Instant, since: Instant, until: Instant) -> bool:
    """Tell whether a step falls between two instants, both included."""
    if first >= since:
        return first <= until
    following = _following(rule, first, since - TimeDelta(nanoseconds=1))
    return following is not None and following <= until
