"""What every route needs: the engine and its neighbours, who asks, and what a route says of itself."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.di import NamedDependency

from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import ComponentId
from tocsin.core.rules import Rulebook
from tocsin.engine.answers import Answers
from tocsin.engine.errand_views import ErrandViews
from tocsin.engine.links import Links
from tocsin.engine.queries import Queries
from tocsin.engine.receipts import Receipts
from tocsin.engine.serve import Engine
from tocsin.web.auth import Caller, Role, Tokens
from tocsin.web.bodies import Body
from tocsin.web.callbacks.doors import Replies, Secrets

VERSION: Final = version("tocsin")

Reload = Callable[[], Awaitable[Rulebook]]
"""Reads the playbook anew and puts it in force. Raises `PlaybookErrors`; the one in force then stays."""


class Site:
    """The parts behind the routes."""

    def __init__(
        self,
        engine: Engine,
        queries: Queries,
        links: Links,
        reload: Reload,
        secrets: Secrets | None = None,
        replies: Replies | None = None,
    ) -> None:
        self.engine = engine
        self.queries = queries
        self.errands = ErrandViews(engine.store, engine.handler)
        self.links = links
        self.reload = reload
        self.tokens = Tokens(engine.store, engine.clock)
        self.answers = Answers(engine)
        self.receipts = Receipts(engine)
        self.secrets = secrets or Secrets()
        self._replies = replies
        self._later: set[asyncio.Task[object]] = set()
        self.describe: Callable[[], bytes] = bytes
        """Answers the OpenAPI document once the application stands; written when it is first asked for."""

    async def reply(self, url: str, text: str) -> bool:
        """Say something to whoever asked by way of a provider; tell whether it was taken."""
        return await self._replies.reply(url, text) if self._replies and url else False

    def later(self, work: Coroutine[object, object, object]) -> None:
        """Let work go on after the answer; what must not be lost has been kept before."""
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._later.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.engine.telemetry.fault("web", fault, "after the answer")

    @property
    def rules(self) -> Rulebook:
        """Answer the playbook in force."""
        return self.engine.playbooks.current


TheSite = NamedDependency[Site]
TheCaller = NamedDependency[Caller]


class Said(msgspec.Struct, frozen=True):
    """What a route says of itself, beyond its signature: for the OpenAPI document."""

    takes: type[Body] | None = None
    answers: Any = None
    """The type of the answer where the handler writes the answer by hand; else its return type counts."""
    takes_example: str = ""
    """What an untyped body is, in words."""
    media_type: str = "application/json"
    takes_media_type: str = "application/json"
    """Of an untyped body; what is not JSON is described as text."""


def says(
    role: Role | None,
    *,
    takes: type[Body] | None = None,
    answers: Any = None,
    takes_example: str = "",
    media_type: str = "application/json",
    takes_media_type: str = "application/json",
) -> dict[str, Any]:
    """Answer the options of a route: who may call it (None: anybody), and what goes in and out."""
    return {"role": role, "said": Said(takes, answers, takes_example, media_type, takes_media_type)}


def provide_site(request: Request[Any, Any, Any]) -> Site:
    """Hand the site to a handler."""
    site: Site = request.app.state.site
    return site


def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """Hand a handler whoever the guard let pass."""
    caller: Caller = request.scope["user"]
    return caller


def known_component(component: str, rules: Rulebook) -> ComponentId:
    """Answer a component of the playbook. Raises `Refused`, naming those there are."""
    if component not in rules.components:
        names = ", ".join(rules.components)
        raise Refused(Reason.UNKNOWN_COMPONENT, f'there is no component "{component}"', f"choose one of {names}")
    return ComponentId(component)
