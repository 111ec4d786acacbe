"""One HTTP attempt, with everything the world can do to it turned into a value."""

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec
from whenever import TimeDelta

from tocsin.channels.port import Deferred

ANSWER_MAX: Final = 64 * 1024
"""Bytes read of a provider's answer. Receipts and refusals are far shorter; the rest is left unread."""

WAIT_MAX_S: Final = 3_600
"""The longest wait that a provider's word is taken for, in seconds. A slip of theirs must not silence us for a year."""


class Answer(msgspec.Struct, frozen=True):
    """What a provider said."""

    status: int
    headers: httpx.Headers
    body: bytes


async def post(
    http: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str], timeout_s: float
) -> Answer | Deferred:
    """Post a body once. Redirects are not followed: they would carry secrets to an address nobody allowed."""
    return await _ask(http, "POST", url, content, headers, timeout_s, ANSWER_MAX)


async def get(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], timeout_s: float, most: int
) -> Answer | Deferred:
    """Fetch once, and no more than ``most`` bytes."""
    return await _ask(http, "GET", url, b"", headers, timeout_s, most)


async def _ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
    most: int,
) -> Answer | Deferred:
    sent = {**headers, "Accept-Encoding": "identity"}  # A small packed answer must not become a huge one.
    try:
        async with (
            asyncio.timeout(timeout_s),  # For the whole; httpx alone would let a provider drip one byte at a time.
            http.stream(
                method, url, content=content, headers=sent, timeout=timeout_s, follow_redirects=False
            ) as answer,
        ):
            return Answer(answer.status_code, answer.headers, await _beginning(answer, most))
    except (httpx.TimeoutException, TimeoutError):
        # It may have arrived all the same. The key makes it safe to ask again.
        return Deferred(why="no answer in time")
    except httpx.HTTPError as error:
        return Deferred(why=f"unreachable: {type(error).__name__}")


async def _beginning(answer: httpx.Response, most: int) -> bytes:
    read = bytearray()
    async for chunk in answer.aiter_raw():
        read += chunk
        if len(read) > most:
            break
    return bytes(read[:most])


def wait(answer: Answer) -> TimeDelta | None:
    """Answer how long the provider asks us to wait. The date form is left to our own back-off."""
    seconds = answer.headers.get("Retry-After", "").strip()
    if not (seconds.isascii() and seconds.isdecimal()):
        return None
    return TimeDelta(seconds=min(int(seconds[:9]), WAIT_MAX_S))
