"""Errors as the caller sees them: what happened, whose fault it is, and what to do about it.

Every error is an `application/problem+json` document with a `remedy` and a `result`: *refused* is the caller's to
mend (4xx), *failed* is ours (5xx). A failure is never HTTP 200.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

T = TypeVar("T")


class Result(StrEnum):
    """How an operation ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class Problem(Exception):
    """An error with all that its answer needs."""

    def __init__(
        self, status: int, title: str, detail: str, remedy: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.headers = headers or {}
        self.more = more

    @property
    def result(self) -> Result:
        """Say whose fault it is."""
        return Result.FAILED if self.status >= 500 else Result.REFUSED

    def document(self) -> dict[str, Any]:
        """Give the problem as a document."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
            "result": self.result,
            **self.more,
        }

    def response(self) -> Response:
        """Give the problem as an HTTP answer."""
        return Response(
            msgspec.json.encode(self.document()),
            status_code=self.status,
            media_type="application/problem+json",
            headers=self.headers,
        )


async def answer_problem(_: Request, error: Exception) -> Response:
    """Answer with the problem that was raised."""
    assert isinstance(error, Problem)
    return error.response()


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Give the framework's own errors (no such path, wrong method) the same form."""
    assert isinstance(error, HTTPException)
    remedy = "Check the path and the method."
    return Problem(error.status_code, error.detail, error.detail, remedy, dict(error.headers or {})).response()


async def answer_fault(_: Request, error: Exception) -> Response:
    """Answer for an error nobody foresaw; the traceback goes to the log, not to the caller."""
    return Problem(
        500, "Internal error", f"The service failed: {type(error).__name__}.", "Try again; then read the logs."
    ).response()


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read a request's body, but never more of it than allowed."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise Problem(
                    413, "Too large", f"A body may have {most_bytes} bytes.", "Send less, or several requests."
                )
    except ClientDisconnect:
        raise Problem(400, "Incomplete body", "The connection closed within the body.", "Send it again.") from None
    return bytes(body)


def decode(kind: type[T], body: bytes) -> T:
    """Read a JSON document of the expected form."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, "Unexpected document", str(error), "Send the fields the service documents.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "Not JSON", f"The body is not JSON: {error}", "Send a JSON document.") from None
