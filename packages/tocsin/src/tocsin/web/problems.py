"""One place that turns whatever went wrong into an answer: what, why, and what to do about it (RFC 9457)."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from tocsin.core.commands import Reason, Refused
from tocsin.core.limits import BODY_MAX, CALLBACK_MAX
from tocsin.engine.links import LinkExpired, LinkRefused
from tocsin.engine.telemetry import Telemetry
from tocsin.playbook.problems import PlaybookErrors
from tocsin.playbook.problems import Problem as PlaybookProblem
from tocsin.signals.port import Forged, Unreadable
from tocsin.store.codec import encode
from tocsin.store.port import Conflict, StoreUnavailable

MEDIA_TYPE: Final = "application/problem+json"
NAMES: Final = "https://tocsin.dev/problems/"
"""A problem's type is a name under this; nothing is ever fetched from there."""

RETRY_AFTER_S: Final = "1"
_PLACE: Final = re.compile(r" - at `([^`]+)`$")
_ALLOWED: Final = "allow"


class Fault(StrEnum):
    """Why a request was refused before the core saw it: a closed list, each a metric label and a problem type."""

    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    WRONG_PARAMETER = "wrong_parameter"
    BAD_REQUEST = "bad_request"
    UNKNOWN_HEARTBEAT = "unknown_heartbeat"
    UNKNOWN_THRESHOLD = "unknown_threshold"
    UNKNOWN_ANSWERS = "unknown_answers"
    WRONG_SILENCE = "wrong_silence"
    WRONG_TIME = "wrong_time"
    WRONG_CALENDAR = "wrong_calendar"
    TOO_MANY = "too_many"
    LAST_ADMIN = "last_admin"
    LINK_FORGED = "link_forged"
    LINK_EXPIRED = "link_expired"
    CALLBACK_FORGED = "callback_forged"
    CALLBACK_STALE = "callback_stale"
    CALLBACK_OFF = "callback_off"
    PLAYBOOK_INVALID = "playbook_invalid"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERNAL = "internal"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why a request was not carried out, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    reason: str
    place: str = ""
    """Where in the body or among the parameters."""
    problems: tuple[PlaybookProblem, ...] = ()
    """All that is wrong with a playbook."""


class Declined(Exception):
    """The caller asked for what the web itself cannot answer."""

    def __init__(self, status: int, fault: Fault, detail: str, remedy: str, place: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.fault = fault
        self.detail = detail
        self.remedy = remedy
        self.place = place


class BodyTooLarge(Exception):
    """The body goes over `BODY_MAX`."""


def problem(
    status: int,
    reason: StrEnum,
    detail: str,
    remedy: str,
    place: str = "",
    problems: tuple[PlaybookProblem, ...] = (),
) -> Problem:
    """Make a problem; its type and its title follow from the reason."""
    return Problem(
        type=f"{NAMES}{reason.value}",
        title=reason.value.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        remedy=remedy,
        reason=reason.value,
        place=place,
        problems=problems,
    )


_STATUS: Final[Mapping[Reason, HTTPStatus]] = {
    Reason.NOT_COMMANDER: HTTPStatus.FORBIDDEN,
    Reason.NOT_DECLARED: HTTPStatus.NOT_FOUND,
    Reason.NOT_YOURS: HTTPStatus.FORBIDDEN,
    Reason.UNKNOWN_ARRANGEMENT: HTTPStatus.NOT_FOUND,
    Reason.WRONG_SPAN: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def _refused(error: Refused) -> Problem:
    status = _STATUS.get(error.reason, HTTPStatus.CONFLICT)
    if error.reason.value.startswith("unknown_") and error.reason not in _STATUS:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(status, error.reason, error.detail, error.remedy)


def _declined(error: Declined) -> Problem:
    return problem(error.status, error.fault, error.detail, error.remedy, error.place)


def _unreadable(error: Unreadable) -> Problem:
    place = place_of(error.detail)
    return problem(HTTPStatus.BAD_REQUEST, Fault.UNREADABLE, error.detail, error.remedy, place)


def _unavailable(error: Exception) -> Problem:
    detail = f"nothing of this was kept: {error}"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, Fault.STORE_UNAVAILABLE, detail, "Send it again in a second.")


def _playbook(error: PlaybookErrors) -> Problem:
    detail = f"the playbook has {len(error.problems)} problems; the one in force stays in force"
    remedy = "Put right what is listed under problems, check with `tocsin playbook check`, and reload again."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(status, Fault.PLAYBOOK_INVALID, detail, remedy, problems=tuple(error.problems))


def _parameter(error: ValidationException) -> Problem:
    found = error.extra if isinstance(error.extra, list) else []
    first: Mapping[str, Any] = found[0] if found and isinstance(found[0], Mapping) else {}
    detail = str(first.get("message", error.detail))
    remedy = "Look the parameter up in /schema/openapi.json."
    return problem(HTTPStatus.BAD_REQUEST, Fault.WRONG_PARAMETER, detail, remedy, str(first.get("key", "")))


def _not_found(_: NotFoundException) -> Problem:
    return problem(
        HTTPStatus.NOT_FOUND, Fault.NOT_FOUND, "there is no such route", "All routes stand in /schema/openapi.json."
    )


def _method(error: MethodNotAllowedException) -> Problem:
    allowed = (error.headers or {}).get(_ALLOWED, "")
    remedy = f"Use one of {allowed}." if allowed else "All routes stand in /schema/openapi.json."
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, Fault.METHOD_NOT_ALLOWED, "this route has no such method", remedy)


def _http(error: HTTPException) -> Problem:
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_large()
    known = isinstance(error, ClientException)
    return problem(
        error.status_code,
        Fault.BAD_REQUEST if known else Fault.INTERNAL,
        error.detail,
        "Look the route up in /schema/openapi.json.",
    )


def _too_large(_: BodyTooLarge) -> Problem:
    return too_large()


def _link(error: LinkRefused) -> Problem:
    expired = isinstance(error, LinkExpired)
    status, fault = (HTTPStatus.GONE, Fault.LINK_EXPIRED) if expired else (HTTPStatus.FORBIDDEN, Fault.LINK_FORGED)
    remedy = "Follow the link of the newest page as it came, or use `tocsin list` and `tocsin ack`."
    return problem(status, fault, str(error), remedy)


def _forged(error: Forged) -> Problem:
    fault = Fault.CALLBACK_STALE if error.stale else Fault.CALLBACK_FORGED
    return problem(HTTPStatus.FORBIDDEN, fault, error.detail, error.remedy)


def too_large() -> Problem:
    """Answer that a body goes over the limit."""
    detail = f"the body is larger than is taken: {CALLBACK_MAX:,} bytes at /callbacks, {BODY_MAX:,} elsewhere"
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Fault.TOO_LARGE, detail, "Send it in several parts.")


_MAKERS: Final[Mapping[type[Exception], Callable[[Any], Problem]]] = {
    Declined: _declined,
    Refused: _refused,
    Unreadable: _unreadable,
    StoreUnavailable: _unavailable,
    Conflict: _unavailable,
    PlaybookErrors: _playbook,
    LinkRefused: _link,
    Forged: _forged,
    BodyTooLarge: _too_large,
    ValidationException: _parameter,
    NotFoundException: _not_found,
    MethodNotAllowedException: _method,
    HTTPException: _http,
}


def problem_of(error: Exception) -> Problem | None:
    """Answer the problem that an error is to its caller; None if the fault is ours."""
    for kind in type(error).__mro__:
        maker = _MAKERS.get(kind)
        if maker is not None:
            return maker(error)
    return None


def explain(error: Exception, telemetry: Telemetry, where: str) -> Problem:
    """Answer the problem that an error is, and count it. A fault of ours is recorded with its trace, not shown."""
    found = problem_of(error)
    if found is None or found.reason == Fault.INTERNAL:
        telemetry.fault("web", error, where)
        remedy = "Look into the server's log; if a page depends on this, reach the person directly."
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, Fault.INTERNAL, "this is a fault of Tocsin's own", remedy)
    telemetry.refused.labels(found.reason).inc()
    return found


def headers_of(found: Problem) -> dict[str, str]:
    """Answer the headers that belong to a problem."""
    if found.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": RETRY_AFTER_S}
    if found.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="tocsin"'}
    return {}


def answering(telemetry: Telemetry) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """Make the one handler of every error."""

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        found = explain(error, telemetry, request.url.path)
        headers = headers_of(found)
        if isinstance(error, MethodNotAllowedException) and error.headers:
            headers["Allow"] = error.headers.get(_ALLOWED, "")
        return Response(encode(found), status_code=found.status, media_type=MEDIA_TYPE, headers=headers)

    return answer


def place_of(detail: str) -> str:
    """Answer the place that an error of `msgspec` names: ``$.matchers[0].value``; empty if it names none."""
    found = _PLACE.search(detail)
    return found[1] if found else ""
