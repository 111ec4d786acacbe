"""The page behind a signed link: what is wrong, how badly, since when, and the answers that one may give to it.

Looking at the page changes nothing, because mail scanners and chat previews follow links. Only a button answers, and
pressing it twice does no harm. Whoever was woken by a storm sees all that waits for them, and answers it in one act.
"""

from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath
from whenever import Instant

from tocsin.core.commands import Acknowledge, Decline, Refused
from tocsin.core.events import Actor
from tocsin.core.ids import PersonId
from tocsin.core.kinds import Kind
from tocsin.core.rules import Rulebook
from tocsin.core.stages import Stage
from tocsin.engine.links import Grant, LinkRefused
from tocsin.engine.open_pages import Waiting, acknowledge_all, waiting
from tocsin.engine.queries import View
from tocsin.store.port import Conflict, StoreUnavailable
from tocsin.web.pages.errand import errand
from tocsin.web.pages.layout import TONES, facts, page, points, prose, ways
from tocsin.web.problems import Declined, Fault, explain, headers_of
from tocsin.web.site import Site, TheSite, says

EXPECTED: Final = (LinkRefused, Refused, Declined, StoreUnavailable, Conflict)
"""What may go wrong although nothing of ours is: answered with a page that says what to do."""
_LISTED: Final = 20
"""Pages that are listed beside the link's own; the others are counted."""
_REASON_MAX: Final = 400
_I_CANNOT: Final = (
    '<form method="post" class="cannot"><label for="reason">Cannot take it? Whoever is next is asked at once.</label>'
    f'<input id="reason" name="reason" maxlength="{_REASON_MAX}" placeholder="Why, if you like" autocomplete="off">'
    '<button type="submit" name="act" value="decline" class="quiet">I cannot</button></form>'
)
_OPEN: Final = says(None, answers=str, media_type="text/html")


@get("/a/{token:str}", opt=_OPEN)
async def show(site: TheSite, token: FromPath[str]) -> Response[str]:
    """Show the incident that a link is about, with the button. Nothing is acknowledged by looking."""
    try:
        grant, view = await _granted(site, token)
    except EXPECTED as error:
        return _problem(site, error, token="")
    return await _incident(site, grant, view)


@post("/a/{token:str}", status_code=HTTPStatus.OK, opt=_OPEN)
async def answer(request: Request[Any, Any, Any], site: TheSite, token: FromPath[str]) -> Response[str]:
    """Answer for the person whom the link was made for, and say what to do next. Without a word it acknowledges."""
    try:
        grant, view = await _granted(site, token)
        form = await request.form()
        act, by = str(form.get("act", "acknowledge")), Actor(person=grant.person, via="link")
        if act == "all":
            await acknowledge_all(site.engine, by)
        elif view.stage is not Stage.RESOLVED:
            reason = str(form.get("reason", ""))[:_REASON_MAX]
            command = Decline(by=by, reason=reason) if act == "decline" else Acknowledge(by=by)
            await site.engine.handle(grant.incident, command)
        view = await _view(site, grant)
    except EXPECTED as error:
        return _problem(site, error, token)
    return await _incident(site, grant, view)


async def _granted(site: Site, token: str) -> tuple[Grant, View]:
    grant = site.links.check(token, site.engine.clock.now())
    return grant, await _view(site, grant)


async def _view(site: Site, grant: Grant) -> View:
    view = await site.queries.view(grant.incident, site.engine.clock.now())
    if view is None:
        detail = f"there is no incident {grant.incident} any more"
        raise Declined(HTTPStatus.NOT_FOUND, Fault.NOT_FOUND, detail, "Ask in the incident's channel.")
    return view


async def _incident(site: Site, grant: Grant, view: View) -> Response[str]:
    rules, now = site.rules, site.engine.clock.now()
    if view.kind is not Kind.INCIDENT:
        return errand(view, grant, rules, now)
    open_pages = await waiting(site.engine, grant.person, _LISTED)
    count = len(site.engine.handler.awake.waiting_for(grant.person))
    resolved, answered = view.stage is Stage.RESOLVED, grant.person in view.responders
    asked = grant.person in view.waiting_for  # Again, perhaps: whoever fell asleep is.
    others = _others(open_pages, count, grant, now)
    if resolved:
        below = _over(view, now) + others
    elif answered and not asked:
        below = _yours(grant, view, rules) + others
    else:
        below = _question(grant, view, rules, others)
    tone = "good" if resolved else TONES[min(rules.rank(view.severity), len(TONES) - 1)]
    return page(f"{view.severity} {view.title}", tone, _head(view, rules, now) + below, HTTPStatus.OK)


def _head(view: View, rules: Rulebook, now: Instant) -> str:
    meaning = next((each.name for each in rules.severities if each.id == view.severity), "")
    since = f"since {clock(view.detected_at, now)}, {_ago(view.detected_at, now)}" if view.detected_at else ""
    components = ", ".join(
        rules.components[each].name if each in rules.components else each for each in view.components
    )
    clause = f"clause {view.clause}" if view.clause else ""
    because = "" if view.because in view.title else view.because  # Once is enough at three in the morning.
    rows = {
        "Affected": components,
        "Why": f"{because} ({clause})" if because and clause else because or clause,
        "Alerts": f"{view.firing} firing" if view.firing else "",
        "Differs": view.summary[0] if view.summary else "",
        "In hand": _in_hand(view, rules),
    }
    return (
        f'<div class="top"><span class="tone">{escape(view.severity)} {escape(meaning)}</span>'
        f'<span class="soft">{escape(view.id)}</span></div>'
        f'<h1>{escape(view.title)}</h1><p class="soft">{escape(since)}</p>{facts(rows)}'
    )


def _in_hand(view: View, rules: Rulebook) -> str:
    if view.responders:
        return names(view.responders, rules)
    waiting = names(view.waiting_for, rules)
    return f"nobody yet; asked: {waiting}" if waiting else "nobody yet"


def _question(grant: Grant, view: View, rules: Rulebook, others: str) -> str:
    name = names((grant.person,), rules)
    known = rules.people.get(grant.person)
    takes_command = known is None or known.takes_command
    leader = view.commander if view.commander in view.responders else ""
    if leader:
        lead = f"{names((PersonId(leader),), rules)} leads; you join."
    elif takes_command:
        lead = "You take it in hand and lead until you hand it over."
    else:
        lead = "Your page has its answer; somebody who can take command is still asked."
    then = (
        lead,
        "" if view.acknowledged or not takes_command else "Nobody else is woken for want of an answer.",
        "Your name and the time go into the timeline.",
        "The next page shows what is due first.",
    )
    buttons = (
        f'<form method="post"><button type="submit" name="act" value="acknowledge">Acknowledge</button></form>'
        f'<p class="soft">I am on it, as {escape(name)}</p>'
    )
    refused = _refusal(grant, view)
    return refused + buttons + others + points("What happens then", then) + ("" if refused else _I_CANNOT)


def _refusal(grant: Grant, view: View) -> str:
    if grant.person not in view.declined or grant.person in view.waiting_for:
        return ""  # Asked anew since, one may say so anew.
    others = "others were asked" if view.waiting_for or view.responders else "nobody else has been found yet"
    return (
        f'<div class="said"><strong>You said that you cannot.</strong><br>It is noted, and {others}. '
        "If you can after all, acknowledge it.</div>"
    )


def _others(open_pages: Sequence[Waiting], count: int, grant: Grant, now: Instant) -> str:
    """Show what else waits for the same person, and the one button that answers all of it."""
    here = any(each.incident == grant.incident for each in open_pages)
    others = [each for each in open_pages if each.incident != grant.incident]
    if not others:
        return ""
    lines = tuple(f"{each.severity} {each.incident}: {each.title}, {_ago(each.paged_at, now)}" for each in others)
    more = count - len(others) - here
    button = f'<button type="submit" name="act" value="all" class="quiet">Acknowledge all {count}</button>'
    heading = f"Also waiting for you: {count - here}"
    rest = (f"and {more} more",) if more > 0 else ()
    return f'<form method="post">{button}</form>{points(heading, (*lines, *rest))}'


def _yours(grant: Grant, view: View, rules: Rulebook) -> str:
    late = "overdue" in view.next_action
    others = [each for each in view.responders if each != grant.person]
    roles = [role.replace("_", " ") for role, person in view.roles.items() if person == grant.person]
    lines = (
        f"You are {' and '.join(roles)}." if roles else "",
        f"Also on it: {names(others, rules)}." if others else "",
        f"Say what you see: `tocsin note {view.id} …`",
        f"All that is due: `tocsin show {view.id}`",
    )
    return (
        f'<div class="said{" late" if late else ""}"><strong>You are on it.</strong>'
        f"<br>Next: {escape(view.next_action)}</div>"
        f"{points(names((grant.person,), rules), lines)}"
        f"{ways('Where to look', view.links)}"
    )


def _over(view: View, now: Instant) -> str:
    when = f" {_ago(view.resolved_at, now)}" if view.resolved_at else ""
    return f'<div class="said"><strong>It is resolved{escape(when)}.</strong><br>Nothing is asked of you now.</div>'


def _problem(site: Site, error: Exception, token: str) -> Response[str]:
    found = explain(error, site.engine.telemetry, "/a/")
    again = ""
    if token and found.status == HTTPStatus.SERVICE_UNAVAILABLE:
        again = '<form method="post"><button type="submit">Try again</button></form>'
    inner = (
        f'<div class="top"><span class="tone">Not acknowledged</span></div><h1>{prose(found.detail)}</h1>'
        f"<p>{prose(found.remedy)}</p>{again}"
    )
    return page("Not acknowledged", "worst", inner, found.status, headers_of(found))


def names(people: Sequence[PersonId], rules: Rulebook) -> str:
    """Name people as others call them."""
    return ", ".join(rules.people[each].name if each in rules.people else each for each in people)


def clock(at: Instant, now: Instant) -> str:
    """Say when something is, with its day if that is not today."""
    here, today = at.to_tz("UTC"), now.to_tz("UTC").date()
    day = "" if here.date() == today else f"{here.date()} "
    return f"{day}{here.hour:02}:{here.minute:02} UTC"


def _ago(at: Instant, now: Instant) -> str:
    minutes = int((now - at).total("minutes"))
    if minutes < 1:
        return "just now"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min ago" if hours else f"{minutes} min ago"
