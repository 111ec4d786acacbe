"""Silences and maintenance windows: alerts that are kept quiet for a while, by whom and why."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core.alert import Matcher, Silence
from tocsin.core.ids import SilenceId
from tocsin.core.limits import MATCHER_LENGTH_MAX, MATCHERS_MAX, SILENCE_MAX, SILENCES_MAX
from tocsin.playbook.words import duration
from tocsin.store.port import Change
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Text, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheCaller, TheSite, says

_REPEATED_REPEAT: Final = re.compile(r"[*+}][^()]*\)\s*[*+{]")
"""A repeat inside a repeat, ``(a+)+``: some values take such a pattern longer than anybody waits."""


class Silences(msgspec.Struct, frozen=True):
    """Silences and maintenance windows, in order of arrival."""

    silences: tuple[Silence, ...]


class MatcherBody(Body, frozen=True, kw_only=True):
    """A condition on one label, as in Alertmanager. A regular expression must match the whole value."""

    label: Annotated[str, Meta(min_length=1, max_length=200)]
    value: Annotated[str, Meta(max_length=MATCHER_LENGTH_MAX)]
    is_regex: bool = False
    is_equal: bool = True


class SilenceBody(Body, frozen=True, kw_only=True):
    """Keep alerts quiet for a while."""

    matchers: Annotated[tuple[MatcherBody, ...], Meta(max_length=MATCHERS_MAX)]
    """All of them must hold."""
    reason: Text
    kind: Literal["silence", "maintenance"] = "silence"
    starts_at: Instant | None = None
    """Now, if absent."""
    ends_at: Instant | None = None
    lasts: Annotated[str, Meta(max_length=40)] | None = msgspec.field(default=None, name="for")
    """How long, ``2h`` or ``PT2H``; instead of the end."""


@get("/", opt=says(Role.VIEWER))
async def listed(
    site: TheSite,
    all: Annotated[bool, QueryParameter(description="Those that are over, too.")] = False,
) -> Silences:
    """List silences and maintenance windows that are not over."""
    now = None if all else site.engine.clock.now()
    return Silences(await site.engine.store.silences(ending_after=now))


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=SilenceBody))
async def create(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Silence:
    """Keep alerts quiet for a while; their author is the token's."""
    body = await taken(request, SilenceBody)
    now = site.engine.clock.now()
    if len(await site.engine.store.silences(ending_after=now)) >= SILENCES_MAX:
        detail = f"there are {SILENCES_MAX} silences already"
        raise Declined(HTTPStatus.CONFLICT, Fault.TOO_MANY, detail, "End some of them first.")
    starts_at, ends_at = _span(body, now)
    if not body.reason.strip():
        raise _wrong("a silence needs a reason", "Say why these alerts may be passed over.", "$.reason")
    silence = Silence(
        id=site.engine.chance.silence_id(),
        kind=body.kind,
        matchers=_matchers(body),
        starts_at=starts_at,
        ends_at=ends_at,
        author=caller.author,
        reason=body.reason.strip(),
    )
    await site.engine.store.commit(Change(silences=(silence,)))
    return silence


@delete("/{silence:str}", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER))
async def end(site: TheSite, silence: FromPath[str]) -> Silence:
    """End a silence early. One that is over stays as it is."""
    known = next((each for each in await site.engine.store.silences() if each.id == silence), None)
    if known is None:
        detail = f'there is no silence "{silence[:80]}"'
        raise Declined(HTTPStatus.NOT_FOUND, Fault.NOT_FOUND, detail, "List the silences and check the id.")
    now = site.engine.clock.now()
    if known.ended_early_at is not None or known.ends_at <= now:
        return known
    ended = replace(known, ended_early_at=now)
    await site.engine.store.commit(Change(silences=(ended,)))
    site.engine.ring("intake")
    return ended


def _wrong(detail: str, remedy: str, place: str) -> Declined:
    return Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.WRONG_SILENCE, detail, remedy, place)


def _span(body: SilenceBody, now: Instant) -> tuple[Instant, Instant]:
    starts_at = body.starts_at or now
    if (body.ends_at is None) == (body.lasts is None):
        raise _wrong("it must be said when the silence ends", "Give either `ends_at` or `for`.", "$.ends_at")
    ends_at = body.ends_at if body.ends_at is not None else _after(starts_at, body.lasts or "")
    if ends_at <= starts_at:
        raise _wrong("the silence ends before it starts", "Give an end after the start.", "$.ends_at")
    if ends_at <= now:
        raise _wrong("the silence is over already", "Give an end in the future.", "$.ends_at")
    if ends_at - starts_at > SILENCE_MAX or starts_at - now > SILENCE_MAX:
        days = int(SILENCE_MAX.total("hours")) // 24
        raise _wrong(f"a silence may begin {days} days ahead and last {days} days", "Give a nearer end.", "$.ends_at")
    return starts_at, ends_at


def _after(starts_at: Instant, lasts: str) -> Instant:
    try:
        span = TimeDelta.parse_iso(lasts) if lasts[:1] in "Pp" else duration(lasts)
        return starts_at + min(span, SILENCE_MAX * 2)
    except ValueError:
        raise _wrong(f'"{lasts}" is not a duration', "Write one like 30m, 2h, 1d or PT2H.", "$.for") from None


def _matchers(body: SilenceBody) -> tuple[Matcher, ...]:
    if not body.matchers:
        raise _wrong("a silence without a matcher would cover everything", "Give at least one matcher.", "$.matchers")
    matchers = tuple(_matcher(each, place) for place, each in enumerate(body.matchers))
    nothing = Silence(
        id=SilenceId(""),
        kind="silence",
        matchers=matchers,
        starts_at=Instant.MIN,
        ends_at=Instant.MAX,
        author="",
        reason="",
    )
    if nothing.covers({}, Instant.MIN):
        remedy = "Let at least one matcher ask for a value, or everything would be kept quiet."
        raise _wrong("these matchers cover even an alert without labels", remedy, "$.matchers")
    return matchers


def _matcher(body: MatcherBody, place: int) -> Matcher:
    where = f"$.matchers[{place}].value"
    if body.is_regex:
        try:
            re.compile(body.value)
        except (re.error, RecursionError, OverflowError) as error:
            raise _wrong(f"no regular expression: {error}", "Check the brackets and repeats.", where) from None
        if _REPEATED_REPEAT.search(body.value):
            detail = "a repeat inside a repeat may take longer than anybody waits"
            raise _wrong(detail, "Write it without nested repeats.", where)
    return Matcher(body.label, body.value, body.is_regex, body.is_equal)
