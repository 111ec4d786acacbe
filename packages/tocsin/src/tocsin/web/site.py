"""What every route needs: the engine and its neighbours, who asks, and what a route says of itself."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.di import NamedDependency

from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import ComponentId
from tocsin.core.rules import Rulebook
from tocsin.engine.links import Links
from tocsin.engine.queries import Queries
from tocsin.engine.serve import Engine
from tocsin.web.auth import Caller, Role, Tokens
from tocsin.web.bodies import Body

VERSION: Final = version("tocsin")

Reload = Callable[[], Awaitable[Rulebook]]
"""Reads the playbook anew and puts it in force. Raises `PlaybookErrors`; the one in force then stays."""


class Site:
    """The parts behind the routes."""

    def __init__(self, engine: Engine, queries: Queries, links: Links, reload: Reload) -> None:
        self.engine = engine
        self.queries = queries
        self.links = links
        self.reload = reload
        self.tokens = Tokens(engine.store, engine.clock)
        self.description = b""
        """The OpenAPI document, once the application stands."""

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


def says(
    role: Role | None,
    *,
    takes: type[Body] | None = None,
    answers: Any = None,
    takes_example: str = "",
    media_type: str = "application/json",
) -> dict[str, Any]:
    """Answer the options of a route: who may call it (None: anybody), and what goes in and out."""
    return {"role": role, "said": Said(takes, answers, takes_example, media_type)}


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
