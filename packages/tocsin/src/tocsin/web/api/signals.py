"""Signals in: what watches the system, what beats, and what people report."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType
from whenever import Instant

from tocsin.core.classify import UNASSIGNED, component_of
from tocsin.core.ids import SignalId
from tocsin.store.port import Handled, SignalRecord
from tocsin.web.auth import Role
from tocsin.web.bodies import did_you_mean
from tocsin.web.ingest import AcceptedAlerts, accepted
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import Site, TheSite, known_component, says


class Accepted(msgspec.Struct, frozen=True):
    """A signal was kept: from here on it is Tocsin's to answer for."""

    signals: tuple[SignalId, ...]
    """Its ids; a large body becomes several."""


class Beaten(msgspec.Struct, frozen=True):
    """A sign of life was noted."""

    heartbeat: str
    at: Instant


class SignalView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a signal. ``handled`` is null while the intake still owes it."""

    id: SignalId
    source: str
    received_at: Instant
    alerts: int
    handled: Handled | None
    body: bytes | UnsetType = UNSET
    """As it was kept, base64; only if asked for."""


class _Named(msgspec.Struct, frozen=True):
    """Of a report, the one field that only the playbook can check."""

    component: str = ""


@post(
    "/alertmanager",
    status_code=HTTPStatus.ACCEPTED,
    opt=says(Role.SENDER, takes_example="Alertmanager's webhook, version 4"),
)
async def alertmanager(request: Request[Any, Any, Any], site: TheSite) -> AcceptedAlerts:
    """Take in what Alertmanager's webhook receiver sends. The answer comes after the alerts are durable.

    Described here; `Ingest` answers it without the framework, unless a proxy has written the path in another way.
    """
    kept = await site.engine.accept("alertmanager", await request.body())
    return accepted(kept)


@post("/heartbeat/{name:str}", status_code=HTTPStatus.ACCEPTED, opt=says(Role.SENDER))
async def heartbeat(request: Request[Any, Any, Any], site: TheSite, name: FromPath[str]) -> Beaten:
    """Note a sign of life; its absence is the alert. Whatever body comes with it is passed over."""
    await request.body()
    now = site.engine.clock.now()
    if not await site.engine.heartbeats.beat(name, now):
        remedy = did_you_mean(name, site.rules.heartbeats, "the playbook's heartbeats are")
        raise Declined(HTTPStatus.NOT_FOUND, Fault.UNKNOWN_HEARTBEAT, f'there is no heartbeat "{name}"', remedy)
    site.engine.ring()
    return Beaten(name, now)


@post(
    "/report",
    status_code=HTTPStatus.ACCEPTED,
    opt=says(
        Role.RESPONDER,
        takes_example="title, and if known component, all_users, data_lost, share, description, reporter, key",
    ),
)
async def report(request: Request[Any, Any, Any], site: TheSite) -> Accepted:
    """Take in what a person reports; it is classified by the answers (C6)."""
    body = await request.body()
    _check_component(body, site)
    kept = await site.engine.accept("report", body)
    return Accepted(tuple(signal.id for signal in kept))


def _check_component(body: bytes, site: Site) -> None:
    """Refuse a component that the playbook does not have: a person can still put it right, unlike a machine."""
    try:
        named = msgspec.json.decode(body, type=_Named).component
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # The decoder of reports says better what is wrong.
    if named and component_of(site.rules, {"component": named}) == UNASSIGNED:
        known_component(named, site.rules)


@get("/signals/{signal:str}", opt=says(Role.VIEWER))
async def show(
    site: TheSite,
    signal: FromPath[str],
    with_body: Annotated[bool, QueryParameter(name="body", description="With the body as kept, base64.")] = False,
) -> SignalView:
    """Answer what became of a signal."""
    record = await site.engine.store.signal(SignalId(signal))
    if record is None:
        detail = f'there is no signal "{signal[:80]}"'
        raise Declined(HTTPStatus.NOT_FOUND, Fault.NOT_FOUND, detail, "Ids stand in the answer to whoever sent it.")
    return _view(record, with_body)


def _view(record: SignalRecord, with_body: bool) -> SignalView:
    signal = record.signal
    return SignalView(
        id=signal.id,
        source=signal.source,
        received_at=signal.received_at,
        alerts=signal.alerts,
        handled=record.handled,
        body=signal.body if with_body else UNSET,
    )
