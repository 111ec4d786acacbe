"""Slack's ways in: the buttons of a page, `/incident`, and the question whether this address is ours.

Slack waits three seconds. What is asked is done at once and answered in the same breath; should that take longer, Slack
hears that it is under way, and the rest at the reply address that it gave.
"""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from whenever import Instant

from tocsin.core.commands import MarkMessage
from tocsin.core.events import Actor
from tocsin.engine.answers import person_of
from tocsin.signals import slack as decoder
from tocsin.signals import slack_events
from tocsin.store.port import Conflict, StoreUnavailable
from tocsin.web.callbacks.doors import closed
from tocsin.web.callbacks.incident_command import answer_command
from tocsin.web.problems import explain
from tocsin.web.site import Site, TheSite, says

ANSWERS_WITHIN_S: Final = 2.0
"""Seconds after which Slack hears that it is under way. It gives up after three."""

UNDER_WAY: Final = "It takes a little longer; the answer follows here."


class Spoken(msgspec.Struct, frozen=True):
    """What one person is shown in Slack."""

    text: str
    response_type: str = "ephemeral"


class Challenged(msgspec.Struct, frozen=True):
    """The answer to Slack's question whether an address is ours."""

    challenge: str


@post(
    "/slack/interactivity",
    status_code=HTTPStatus.OK,
    opt=says(None, answers=str, media_type="text/plain", takes_example="Slack's interaction, signed"),
)
async def interactivity(request: Request[Any, Any, Any], site: TheSite) -> Response[str]:
    """Take a button that somebody pressed under a page."""
    body, at = await _signed(request, site)
    pressed = decoder.interaction(body, at)
    if pressed is not None:
        said = await _within(site, _take(site, pressed), pressed.reply_url)
        site.later(site.reply(pressed.reply_url, said))
    return Response("", media_type="text/plain")  # Anything said here would take the place of the message.


@post("/slack/command", status_code=HTTPStatus.OK, opt=says(None, takes_example="Slack's slash command, signed"))
async def command(request: Request[Any, Any, Any], site: TheSite) -> Spoken:
    """Do what somebody asked for by `/incident`."""
    body, _ = await _signed(request, site)
    asked = decoder.slash_command(body)
    return Spoken(await _within(site, answer_command(site, asked), asked.reply_url))


@post("/slack/events", status_code=HTTPStatus.OK, opt=says(None, takes_example="Slack's Events API, signed"))
async def events(request: Request[Any, Any, Any], site: TheSite) -> Challenged:
    """Answer that this address is ours; take a message that was marked 📌 in an incident's room into its timeline.

    Every other event is taken as heard. What could not be kept is refused, and Slack tells it again.
    """
    body, _ = await _signed(request, site)
    marked = slack_events.marked(body)
    if marked is not None:
        await _mark(site, marked)
    return Challenged(decoder.challenge(body))


async def _mark(site: Site, marked: slack_events.Marked) -> None:
    incident = await site.queries.of_room(marked.channel)
    if incident is None:
        return  # A message of some other Slack channel.
    person = person_of(site.rules, decoder.VIA, (marked.user,))
    by = Actor(person=person, via=decoder.VIA)
    await site.engine.handle(incident, MarkMessage(by=by, message=marked.message))
    site.engine.telemetry.callbacks.labels(decoder.VIA, "done").inc()


async def _signed(request: Request[Any, Any, Any], site: Site) -> tuple[bytes, Instant]:
    if not site.secrets.slack:
        raise closed("requests of Slack", "TOCSIN_SLACK_SIGNING_SECRET")
    body = await request.body()
    time = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    return body, decoder.verify(body, time, signature, site.secrets.slack, site.engine.clock.now())


async def _take(site: Site, pressed: decoder.Interaction) -> str:
    taken = await site.answers.take(pressed.answer)
    about = f"{taken.incident}: " if taken.incident else ""
    return f"{about}{taken.said}"


async def _within(site: Site, work: Awaitable[str], reply_url: str) -> str:
    """Answer what came of it; that it is under way, if it takes too long; or that it could not be kept."""
    task = asyncio.ensure_future(_spoken(site, work))
    await asyncio.wait({task}, timeout=ANSWERS_WITHIN_S)
    if task.done():
        return task.result()
    site.later(_follow(site, task, reply_url))
    return UNDER_WAY


async def _follow(site: Site, task: "asyncio.Future[str]", reply_url: str) -> None:
    await site.reply(reply_url, await task)


async def _spoken(site: Site, work: Awaitable[str]) -> str:
    try:
        return await work
    except (StoreUnavailable, Conflict) as error:
        found = explain(error, site.engine.telemetry, "/callbacks/slack")
        return f"NOT done: {found.detail}. Do it again in a moment."
