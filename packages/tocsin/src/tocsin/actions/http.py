"""URLs of the allow-list: one request, its answer bounded, redirects not followed."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import httpx
from whenever import Instant

from tocsin.actions.output import Output, clean
from tocsin.actions.port import Captured, Cause, Result, Unreachable, broken_off
from tocsin.core.actions import Rendered, Verb
from tocsin.core.outbound import AllowList

READ_MAX: Final = 1024 * 1024
"""Bytes read of an answer; a status page has some tens of thousands."""


class HttpTarget:
    """Asks and tells URLs. The list is made of those that the actions of the playbook in force name."""

    def __init__(self, http: httpx.AsyncClient, allowed: Callable[[], Iterable[str]]) -> None:
        self._http = http
        self._allowed = allowed

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer that nothing is known of the state before. Raises `Unreachable` for a URL that is not allowed."""
        refusal = AllowList(self._allowed()).refusal(action.arguments["url"])
        if refusal:
            raise Unreachable(Cause.FORBIDDEN, refusal, "name the URL in an action of the playbook")
        return Captured()

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Say that a request cannot be tried without making it."""
        return Result("succeeded", "a request cannot be rehearsed; the address is allowed")

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Make the request."""
        refusal = AllowList(self._allowed()).refusal(action.arguments["url"])
        if refusal:
            return Result("failed", refusal)
        try:
            async with asyncio.timeout(action.time_limit_s):
                return await self._exchange(action)
        except httpx.ConnectError as error:
            return Result("failed", f"{action.arguments['url']} is unreachable: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError):
            return Result(broken_off(action), "no whole answer came in time")

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _exchange(self, action: Rendered) -> Result:
        output = Output()
        posts = action.verb is Verb.HTTP_POST
        async with self._http.stream(
            "POST" if posts else "GET",
            action.arguments["url"],
            content=action.arguments.get("body", "").encode() if posts else None,
            headers={"Accept-Encoding": "identity"},  # A small packed answer must not become a huge one.
            timeout=action.time_limit_s,
            follow_redirects=False,
        ) as answer:
            async for chunk in answer.aiter_raw():
                output.add(chunk)
                if output.total > READ_MAX:
                    break
        status = answer.status_code
        if answer.is_success:
            return Result("succeeded", output.text, status, output.truncated)
        moved = f" to {answer.headers['Location'][:200]}" if "Location" in answer.headers else ""
        said = clean(f"answered {status}{moved}\n") + output.text
        return Result("failed", f"{said}".rstrip(), status, output.truncated)
