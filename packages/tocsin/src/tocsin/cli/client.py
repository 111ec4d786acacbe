"""The way to a running server: one request, its answer as JSON, or an error that a person can act on."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

TIMEOUT_S: Final = 30.0
"""For one request. A busy server answers within milliseconds; one that is stuck should not hold us."""

_START: Final = "Start it with `tocsin serve`, or name another one with --url or TOCSIN_URL."


class Problem(Exception):
    """The server said no, or there was none to say it. ``said`` is its answer as problem+json."""

    def __init__(self, title: str, remedy: str = "", said: Mapping[str, Any] | None = None) -> None:
        super().__init__(title)
        self.title = title
        self.remedy = remedy
        self.said: Mapping[str, Any] = said or {"title": title, "detail": title, "remedy": remedy, "reason": "client"}


class Client:
    """Speaks to one server with one token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._has_token = bool(token)

    def get(self, path: str, **query: object) -> Any:
        """Ask. Raises `Problem`."""
        return self._exchange(
            "GET", path, {name: _word(value) for name, value in query.items() if value is not None}, None
        )

    def text(self, path: str) -> str:
        """Ask for plain text. Raises `Problem`."""
        answer = self._answered("GET", path, {}, None)
        return answer.text if answer.is_success else str(self._read(answer))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Act. What is None is left out. Raises `Problem`."""
        given = {name: value for name, value in body.items() if value is not None}
        return self._exchange("POST", path, {}, msgspec.json.encode(given))

    def send(self, path: str, content: bytes, media_type: str, **query: object) -> Any:
        """Hand over a document that is not JSON. Raises `Problem`."""
        given = {name: _word(value) for name, value in query.items() if value is not None}
        return self._exchange("POST", path, given, content, media_type)

    def delete(self, path: str) -> Any:
        """End or revoke something. Raises `Problem`."""
        return self._exchange("DELETE", path, {}, None)

    def _exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        media_type: str = "application/json",
    ) -> Any:
        return self._read(self._answered(method, path, query, body, media_type))

    def _answered(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        media_type: str = "application/json",
    ) -> httpx.Response:
        headers = {**self._headers, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = media_type
        try:
            return httpx.request(
                method, self._url + path, params=query, content=body, headers=headers, timeout=TIMEOUT_S
            )
        except httpx.InvalidURL as error:
            raise Problem(f'"{self._url}" is no URL: {error}', "Write it as http://127.0.0.1:8700.") from error
        except httpx.TimeoutException as error:
            raise Problem(f"Tocsin at {self._url} did not answer in {TIMEOUT_S:.0f} s", "Look at its log.") from error
        except (httpx.HTTPError, UnicodeError) as error:
            raise Problem(f"no Tocsin answers at {self._url} ({type(error).__name__})", _START) from error

    def _read(self, answer: httpx.Response) -> Any:
        try:
            document = msgspec.json.decode(answer.content) if answer.content else None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            title = f"what answered {answer.status_code} at {self._url} is not Tocsin"
            raise Problem(title, "Check --url and TOCSIN_URL.") from error
        if answer.is_success:
            return document
        raise self._problem(answer.status_code, document)

    def _problem(self, status: int, document: Any) -> Problem:
        said = document if isinstance(document, dict) else {"title": f"the server answered {status}", "status": status}
        title = str(said.get("detail") or said.get("title") or f"the server answered {status}")
        remedy = str(said.get("remedy") or "")
        if said.get("reason") == "person_missing" and "link that names" in remedy:  # Who types has no link.
            remedy = "Say whose act it is with --by PERSON, or use a token made with --person."
        if status == httpx.codes.UNAUTHORIZED and not self._has_token:
            remedy = (
                "Give a token with --token or TOCSIN_TOKEN. `tocsin serve` printed the first one; "
                "with the server stopped, `tocsin token create --offline` makes another."
            )
        return Problem(title, remedy, said)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
