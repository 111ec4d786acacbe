"""What Twilio calls back with: keys, replies, and what became of calls and text messages. Answered in TwiML."""

from http import HTTPStatus
from typing import Any, Final
from xml.sax.saxutils import escape

from litestar import Request, Response, post
from litestar.params import FromPath

from tocsin.core.ids import IntentId
from tocsin.engine.answers import Result, Taken
from tocsin.signals import twilio as decoder
from tocsin.store.port import Conflict, StoreUnavailable
from tocsin.web.callbacks.doors import closed
from tocsin.web.problems import explain
from tocsin.web.site import Site, TheSite, says

_TWIML: Final = "text/xml"
_SIGNED: Final = says(None, answers=str, media_type=_TWIML, takes_example="Twilio's form, signed")
_KEYS: Final = "Press 1 to take it. Press 2 if you cannot."
_WORDS: Final = "Reply ack 42 to take INC-42, no 42 if you cannot."
_NOT_KEPT: Final = "It is not done, because it could not be kept."


@post("/twilio/voice/{page:str}", status_code=HTTPStatus.OK, opt=_SIGNED)
async def voice(request: Request[Any, Any, Any], site: TheSite, page: FromPath[str]) -> Response[str]:
    """Take the key that was pressed under a page that is being said."""
    fields = await _signed(request, site)
    answer = decoder.pressed(fields, page)
    if answer is None:
        return _twiml(_again(request, site, _KEYS))
    try:
        taken = await site.answers.take(answer)
    except (StoreUnavailable, Conflict) as error:
        explain(error, site.engine.telemetry, "/callbacks/twilio")
        return _twiml(_again(request, site, f"{_NOT_KEPT} {_KEYS}"))
    return _twiml(f"<Say>{escape(_said(taken))}</Say>")


@post("/twilio/sms", status_code=HTTPStatus.OK, opt=_SIGNED)
async def sms(request: Request[Any, Any, Any], site: TheSite) -> Response[str]:
    """Take a text message that came back."""
    fields = await _signed(request, site)
    answer = decoder.replied(fields)
    if answer is None:
        site.engine.telemetry.callbacks.labels(decoder.VIA, "not_understood").inc()
        return _message(f"Not understood. {_WORDS}")
    try:
        return _message(_said(await site.answers.take(answer)))
    except (StoreUnavailable, Conflict) as error:
        explain(error, site.engine.telemetry, "/callbacks/twilio")
        return _message(f"{_NOT_KEPT} Send it again.")


@post("/twilio/status/{page:str}", status_code=HTTPStatus.OK, opt=_SIGNED)
async def status(request: Request[Any, Any, Any], site: TheSite, page: FromPath[str]) -> Response[str]:
    """Take what Twilio reports of a call or a text message: a receipt, or a failure that the next method follows."""
    report = decoder.reported(await _signed(request, site))
    if report is None:
        return _twiml("")
    key, said = IntentId(page), f"{report.sid} {report.status}"
    if report.came is decoder.Came.FAILED:
        ours = await site.receipts.failed(key, f"Twilio: {said}")
    else:
        ours = await site.receipts.arrived(key, said, final=report.came is decoder.Came.ARRIVED)
    result = report.came.value if ours else Result.UNKNOWN_PAGE.value
    site.engine.telemetry.callbacks.labels(decoder.VIA, result).inc()
    return _twiml("")


async def _signed(request: Request[Any, Any, Any], site: Site) -> decoder.Fields:
    if not site.secrets.twilio:
        raise closed("callbacks of Twilio", "TOCSIN_TWILIO_AUTH_TOKEN")
    fields = decoder.form(await request.body())
    decoder.verify(_called(request, site), fields, request.headers.get("x-twilio-signature", ""), site.secrets.twilio)
    return fields


def _called(request: Request[Any, Any, Any], site: Site) -> str:
    """Answer the address that Twilio called: ours as it is known outside, whatever a proxy made of it."""
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    query = request.scope["query_string"].decode("latin-1")
    return f"{site.secrets.base_url}{path}" + (f"?{query}" if query else "")


def _said(taken: Taken) -> str:
    about = f"{taken.incident}: " if taken.incident else ""
    return f"{about}{taken.said}"


def _again(request: Request[Any, Any, Any], site: Site, said: str) -> str:
    target = escape(_called(request, site), {'"': "&quot;"})
    return f'<Gather numDigits="1" method="POST" action="{target}"><Say>{escape(said)}</Say></Gather>'


def _message(said: str) -> Response[str]:
    return _twiml(f"<Message>{escape(said)}</Message>")


def _twiml(inner: str) -> Response[str]:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>', media_type=_TWIML)
