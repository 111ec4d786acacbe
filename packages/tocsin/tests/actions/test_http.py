"""URLs of the list, and whatever a web server may do."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from whenever import TimeDelta

from tocsin.actions.http import READ_MAX, HttpTarget
from tocsin.actions.port import Captured, Cause, Unreachable
from tocsin.core.actions import Rendered, TargetKind, Verb

from ..standins.server import Request, Response, free_port, never, serving
from .acts import act

BEFORE = Captured()


class Site:
    """A web site that answers by path."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def handle(self, request: Request) -> Response:
        self.asked.append(request)
        match request.path:
            case "/status":
                return Response(200, b"All systems operational")
            case "/moved":
                return Response(302, b"", {"location": "http://169.254.169.254/?token=abcdef"})
            case "/flood":
                return Response(200, b"x" * (4 * READ_MAX))
            case "/broken":
                return Response(500, b"token=abcdef\n")
            case "/hangs":
                return await never()
            case _:
                return Response(404)


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str, HttpTarget]]:
    made = Site()
    async with serving(made.handle) as url, httpx.AsyncClient(trust_env=False) as http:
        yield made, url, HttpTarget(http, lambda: [url])


def get(url: str, verb: Verb = Verb.HTTP_GET, **row: object) -> Rendered:
    arguments = {"url": url} | ({"body": '{"a": 1}'} if verb is Verb.HTTP_POST else {})
    return act(verb, TargetKind.HTTP, arguments=arguments, **row)


@pytest.mark.clause("M3")
async def test_a_status_page_is_read(site: tuple[Site, str, HttpTarget]) -> None:
    _, url, target = site
    await target.capture(get(f"{url}/status"))
    result = await target.run(get(f"{url}/status"), BEFORE)
    assert (result.status, result.exit_status, result.output) == ("succeeded", 200, "All systems operational")


async def test_something_is_posted(site: tuple[Site, str, HttpTarget]) -> None:
    made, url, target = site
    assert (await target.run(get(f"{url}/status", Verb.HTTP_POST, changes=True), BEFORE)).status == "succeeded"
    assert [(one.method, one.body) for one in made.asked] == [("POST", b'{"a": 1}')]


@pytest.mark.parametrize(
    ("path", "says"), [("/moved", "answered 302"), ("/broken", "token=[redacted]"), ("/none", "answered 404")]
)
async def test_what_is_no_success_failed(site: tuple[Site, str, HttpTarget], path: str, says: str) -> None:
    made, url, target = site
    result = await target.run(get(url + path), BEFORE)
    assert result.status == "failed"
    assert says in result.output
    assert "abcdef" not in result.output
    assert len(made.asked) == 1, "one attempt, and no redirect followed"


async def test_a_flood_is_cut(site: tuple[Site, str, HttpTarget]) -> None:
    _, url, target = site
    result = await target.run(get(f"{url}/flood"), BEFORE)
    assert result.truncated
    assert len(result.output) < 80_000
    left_out = re.search(r"\[(\d+) bytes left out]", result.output)
    assert left_out is not None
    assert int(left_out[1]) < 2 * READ_MAX, "what nobody reads is not fetched"


async def test_no_answer_leaves_a_change_unknown_and_a_reading_failed(site: tuple[Site, str, HttpTarget]) -> None:
    _, url, target = site
    short = TimeDelta(seconds=1)
    assert (await target.run(get(f"{url}/hangs", time_limit=short), BEFORE)).status == "failed"
    posted = get(f"{url}/hangs", Verb.HTTP_POST, changes=True, time_limit=short)
    assert (await target.run(posted, BEFORE)).status == "unknown"


async def test_nobody_there_is_a_failure_even_of_a_change() -> None:
    url = f"http://127.0.0.1:{await free_port()}"
    async with httpx.AsyncClient(trust_env=False) as http:
        result = await HttpTarget(http, lambda: [url]).run(get(url, Verb.HTTP_POST, changes=True), BEFORE)
    assert result.status == "failed"


async def test_a_url_that_is_not_on_the_list_is_not_called(site: tuple[Site, str, HttpTarget]) -> None:
    made, _, target = site
    action = get("http://169.254.169.254/latest/meta-data")
    with pytest.raises(Unreachable) as refused:
        await target.capture(action)
    assert refused.value.cause is Cause.FORBIDDEN
    assert (await target.run(action, BEFORE)).status == "failed"
    assert made.asked == []
