"""What PagerDuty calls back with: an acknowledgment there is an acknowledgment here, and is announced as such (D2)."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, post

from tocsin.signals.pagerduty import read, verify
from tocsin.web.callbacks.doors import closed
from tocsin.web.site import TheSite, says


class Heard(msgspec.Struct, frozen=True):
    """What became of a callback."""

    result: str
    said: str = ""


@post(
    "/pagerduty",
    status_code=HTTPStatus.ACCEPTED,
    opt=says(None, takes_example="PagerDuty's webhook, version 3, signed"),
)
async def webhook(request: Request[Any, Any, Any], site: TheSite) -> Heard:
    """Take what a webhook subscription of PagerDuty tells. The answer comes after it is durable."""
    if not site.secrets.pagerduty:
        raise closed("webhooks of PagerDuty", "TOCSIN_PAGERDUTY_WEBHOOK_SECRET")
    body = await request.body()
    verify(body, request.headers.get("x-pagerduty-signature", ""), site.secrets.pagerduty)
    answer = read(body)
    if answer is None:
        return Heard("nothing_asked")
    taken = await site.answers.take(answer)
    return Heard(taken.result.value, taken.said)
