"""The ping to a dead man's switch: an external service that raises the alarm when it hears nothing from us."""

import asyncio
from typing import Final, Literal

import httpx

TIMEOUT_S: Final = 5.0
"""For one ping: it must not hold up the heartbeat behind it."""


class DeadmanPing:
    """Asks one URL, which the operator has set; redirects are not followed."""

    def __init__(self, http: httpx.AsyncClient, url: str, method: Literal["GET", "POST"] = "GET") -> None:
        self._http = http
        self._url = url
        self._method = method

    async def __call__(self) -> str:
        """Ping once; answer why it was not heard, or nothing if it was."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._http.stream(self._method, self._url, timeout=TIMEOUT_S, follow_redirects=False) as answer,
            ):
                return "" if answer.is_success else f"answered {answer.status_code}"
        except (httpx.TimeoutException, TimeoutError):
            return "no answer in time"
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return f"unreachable: {type(error).__name__}"
