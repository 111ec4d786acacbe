"""The page behind a link that asks for an approval: exactly what would run, and two buttons (M4).

Looking approves nothing. The link is for one person, one run, one digest and until one instant; whether that person may
approve is asked when the page is shown and again when a button is pressed.
"""

from html import escape
from http import HTTPStatus
from typing import Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from whenever import Instant

from tocsin.core.commands import ApproveMitigation, RejectMitigation
from tocsin.core.events import Actor
from tocsin.engine.links import ApprovalGrant
from tocsin.engine.queries import View
from tocsin.engine.run_views import RunView
from tocsin.web.api.incidents import shown
from tocsin.web.pages.acknowledge import EXPECTED, clock, names
from tocsin.web.pages.layout import facts, page, points, prose
from tocsin.web.problems import Declined, Fault, explain, headers_of
from tocsin.web.site import Site, TheSite, says

_OPEN: Final = says(None, answers=str, media_type="text/html")
_TONES: Final = {"low": "calm", "medium": "bad", "high": "worst"}
_DIGEST_SHOWN: Final = 16


@get("/p/{token:str}", opt=_OPEN)
async def show(site: TheSite, token: FromPath[str]) -> Response[str]:
    """Show exactly what would run, and who may approve it. Nothing is approved by looking."""
    try:
        grant, view, run = await _granted(site, token)
    except EXPECTED as error:
        return _problem(site, error)
    return _answer(site, grant, view, run, token)


@post("/p/{token:str}/approve", status_code=HTTPStatus.OK, opt=_OPEN)
async def approve(site: TheSite, token: FromPath[str]) -> Response[str]:
    """Approve what the link was made for, as the person whom it was made for."""
    try:
        grant, _, _ = await _granted(site, token)
        by = Actor(person=grant.person, via="link")
        await site.engine.handle(grant.incident, ApproveMitigation(by=by, run=grant.run, digest=grant.digest))
        grant, view, run = await _granted(site, token)
    except EXPECTED as error:
        return _problem(site, error)
    return _answer(site, grant, view, run, token)


@post("/p/{token:str}/reject", status_code=HTTPStatus.OK, opt=_OPEN)
async def reject(site: TheSite, token: FromPath[str]) -> Response[str]:
    """Reject what the link was made for, as the person whom it was made for."""
    try:
        grant, _, _ = await _granted(site, token)
        by = Actor(person=grant.person, via="link")
        await site.engine.handle(grant.incident, RejectMitigation(by=by, run=grant.run))
        grant, view, run = await _granted(site, token)
    except EXPECTED as error:
        return _problem(site, error)
    return _answer(site, grant, view, run, token)


async def _granted(site: Site, token: str) -> tuple[ApprovalGrant, View, RunView]:
    grant = site.links.check_approval(token, site.engine.clock.now())
    view = await shown(site, grant.incident)
    run = next((each for each in view.runs if each.id == grant.run), None)
    if run is None or run.digest != grant.digest:
        detail = f"{grant.run} of {grant.incident} is not what this link was made for"
        raise Declined(
            HTTPStatus.GONE, Fault.LINK_EXPIRED, detail, f"Look at it as it is: `tocsin show {grant.incident}`."
        )
    return grant, view, run


def _answer(site: Site, grant: ApprovalGrant, view: View, run: RunView, token: str) -> Response[str]:
    now = site.engine.clock.now()
    below = _question(site, grant, view, run, token) if run.state == "waiting" else _told(run, view)
    tone = _TONES[run.risk] if run.state == "waiting" else "good"
    return page(f"{run.id} {run.title}", tone, _head(site, view, run, now) + below, HTTPStatus.OK)


def _head(site: Site, view: View, run: RunView, now: Instant) -> str:
    rules = site.rules
    before = ", ".join(f"{name} {value}" for name, value in sorted(run.before.items()) if name != "pinned_why")
    rows = {
        "Incident": f"{view.severity} {view.title}",
        "Target": f"{run.target}, {run.component}",
        "State before": before,
        "Goes back to": run.before.get("pinned_why", ""),
        "Risk": run.risk,
        "Expected": run.expects,
        "Asked by": names((run.asked_by,), rules) if run.asked_by else "Tocsin",
        "Approved by": names(tuple(each.person for each in run.approvals), rules),
        "Good until": clock(run.expires_at, now),
        "Signs": f"{run.digest[:_DIGEST_SHOWN]}…",
    }
    return (
        f'<div class="top"><span class="tone">{escape(run.id)} {escape(run.title)}</span>'
        f'<span class="soft">{escape(view.id)}</span></div>'
        f'<h1>What would run</h1><p class="said"><code>{escape(run.shown)}</code></p>{facts(rows)}'
    )


def _question(site: Site, grant: ApprovalGrant, view: View, run: RunView, token: str) -> str:
    name = names((grant.person,), site.rules)
    if grant.person not in run.waits_for:
        signed = any(each.person == grant.person for each in run.approvals)
        leader = names(run.waits_for[:1], site.rules) or "nobody yet"
        said = "You have approved it." if signed else "You may not approve it: you do not command this incident."
        return f'<div class="said"><strong>{escape(said)}</strong><br>It waits for {escape(leader)}.</div>'
    path = f"/p/{escape(token)}"
    two = f"{run.needs} people must approve it; you are one." if run.needs > 1 else ""
    return (
        f'<form method="post" action="{path}/approve"><button type="submit">Approve</button></form>'
        f'<form method="post" action="{path}/reject"><button class="no" type="submit">Reject</button></form>'
        f'<p class="soft">as {escape(name)}</p>'
        + points(
            "What happens then",
            (
                two,
                "The state is captured once more; if it has changed, nothing is done.",
                "It runs once, and its output goes to the timeline and the incident's channel.",
                "The objectives are watched, and the timeline says whether it helped.",
            ),
        )
    )


def _told(run: RunView, view: View) -> str:
    words = {
        "ready": "Approved; it begins now.",
        "running": "It is being done.",
        "rejected": "It was rejected. Nothing is done.",
        "withdrawn": "It was taken back. Nothing is done.",
        "expired": "It has expired. Nothing is done.",
    }
    said = words.get(run.state) or f"It has ended: {(run.outcome or 'over').replace('_', ' ')}. {run.why}".strip()
    return (
        f'<div class="said"><strong>{escape(said)}</strong></div>'
        f"{points('Look', (f'`tocsin show {view.id}`', run.remedy))}"
    )


def _problem(site: Site, error: Exception) -> Response[str]:
    found = explain(error, site.engine.telemetry, "/p/")
    inner = (
        f'<div class="top"><span class="tone">Nothing was approved</span></div><h1>{prose(found.detail)}</h1>'
        f"<p>{prose(found.remedy)}</p>"
    )
    return page("Nothing was approved", "worst", inner, found.status, headers_of(found))


def handlers() -> list[HTTPRouteHandler]:
    """Answer the routes."""
    return [show, approve, reject]
