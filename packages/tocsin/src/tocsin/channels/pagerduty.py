"""Pages by PagerDuty's Events API, version 2: triggered here, and acknowledged and resolved there when they are here.

The key of a message is PagerDuty's ``dedup_key``. A page sent twice is one incident there, and its end finds it again
after a restart. PagerDuty decides by an integration key which of its services rings; which address stands for which
key is a setting, because an integration key is a secret and a playbook is not.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from tocsin.channels.http import Answer, post, wait
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.render import body, cut, facts, headline, links, one_line
from tocsin.core.messages import Message, MessageKind, Settlement
from tocsin.core.outbound import is_web_url

SUMMARY_MAX: Final = 1_024
"""Characters of a summary; PagerDuty refuses the whole event when it is longer."""

TEXT_MAX: Final = 20_000
FACTS_MAX: Final = 50
LINKS_MAX: Final = 20
FACT_MAX: Final = 2_000
"""Together far below the 512 KB that PagerDuty takes."""

KEY_MAX: Final = 255
"""Characters of a ``dedup_key``. Ours have about twenty."""

_SAID_MAX: Final = 200
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}(@[A-Za-z0-9.-]{1,190})?")

_SEVERITIES: Final = {
    MessageKind.ALARM: "critical",
    MessageKind.PAGE: "critical",
    MessageKind.REMINDER: "warning",
    MessageKind.NOTICE: "info",
    MessageKind.ANNOUNCEMENT: "info",
    MessageKind.ENTRY: "info",
    MessageKind.SUMMARY: "info",
    MessageKind.SETTLED: "info",
}
"""What kind of message is how urgent there. A service with dynamic notifications rings for ``critical`` only."""

_ACTIONS: Final = {
    Settlement.ACKNOWLEDGED: "acknowledge",
    Settlement.DECLINED: "resolve",  # Tocsin asks the next person; PagerDuty must not ask by its own policy as well.
    Settlement.RESOLVED: "resolve",
}


class PagerDutyChannel:
    """Sends events to PagerDuty; the address is a name from the settings, or any name if there is one key for all."""

    settles = True

    def __init__(
        self,
        http: httpx.AsyncClient,
        routes: Mapping[str, str],
        default_route: str = "",
        base_url: str = "https://events.pagerduty.com",
        timeout_s: float = 10,
        pace: float = 10,
    ) -> None:
        self._http = http
        self._routes = routes
        self._default = default_route
        self._url = f"{base_url.rstrip('/')}/v2/enqueue"
        self._timeout_s = timeout_s
        self._pace = pace

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Send one event."""
        if not _ADDRESS.fullmatch(address):
            return Rejected(why="the address is no name, user id or e-mail address of PagerDuty")
        route = self._routes.get(address) or self._default
        if not route:
            return Rejected(why=f"no integration key is set for {address}; add it to TOCSIN_PAGERDUTY_ROUTES")
        event = {"routing_key": route, **_event(message, key)}
        headers = {"Content-Type": "application/json"}
        answer = await post(self._http, self._url, msgspec.json.encode(event), headers, self._timeout_s)
        return answer if isinstance(answer, Deferred) else _outcome(answer, event["dedup_key"], route)

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()


def _event(message: Message, key: DeliveryKey) -> dict[str, Any]:
    if message.settles is not None:
        return {"event_action": _ACTIONS[message.settles.how], "dedup_key": message.settles.page[:KEY_MAX]}
    event: dict[str, Any] = {
        "event_action": "trigger",
        "dedup_key": key[:KEY_MAX],
        "payload": _payload(message),
        "links": [{"href": link.url, "text": link.label} for link in links(message)[:LINKS_MAX]],
        "client": "Tocsin",
    }
    if is_web_url(message.acknowledge_url):
        event["client_url"] = message.acknowledge_url
    return event


def _payload(message: Message) -> dict[str, Any]:
    labelled = facts(message)[:FACTS_MAX]
    details = {label: cut(value, FACT_MAX) for label, value in labelled}
    component = details.get("Component", "")
    return {
        "summary": cut(headline(message), SUMMARY_MAX),
        "source": component or "tocsin",
        "severity": _SEVERITIES[message.kind],
        "component": component,
        "group": one_line(message.incident),
        "class": one_line(message.severity),
        "custom_details": {**details, "text": cut(body(message), TEXT_MAX)},
    }


class _Said(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    dedup_key: str = ""
    errors: tuple[str, ...] = ()


def _outcome(answer: Answer, key: str, route: str) -> Outcome:
    match answer.status:
        case 429:
            return Deferred(why="PagerDuty asked to slow down", wait=wait(answer))
        case 408:
            return Deferred(why="PagerDuty gave up waiting", wait=wait(answer))
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Deferred(why=f"PagerDuty failed with {status}", wait=wait(answer))
    said = _said(answer)
    if answer.status == httpx.codes.ACCEPTED:
        if said is None or said.dedup_key != key:
            return Deferred(why="PagerDuty answered something that is not its protocol")
        return Accepted(receipt=said.dedup_key)
    if answer.status == httpx.codes.BAD_REQUEST:
        errors = cut(one_line("; ".join(said.errors if said else ())).replace(route, "[secret]"), _SAID_MAX)
        return Rejected(why=f"PagerDuty calls the event invalid; check the integration key: {errors}".rstrip(": "))
    return Rejected(why=f"PagerDuty refused with {answer.status}; check the base URL and the integration key")


def _said(answer: Answer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
