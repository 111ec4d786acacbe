"""The playbook in force, as far as those who act by it need to know it, and its reload."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from litestar import get, post
from whenever import Date

from tocsin.core.ids import AudienceId, ComponentId, PersonId, RoleName, RotationId
from tocsin.core.rules import Rulebook, SeverityDefinition
from tocsin.web.auth import Role
from tocsin.web.site import TheSite, says


class ComponentView(msgspec.Struct, frozen=True):
    """A part of the watched system."""

    id: ComponentId
    name: str
    team: str
    owner: RotationId | None
    dashboard_url: str


class AudienceView(msgspec.Struct, frozen=True):
    """Who is kept informed."""

    id: AudienceId
    name: str
    public: bool


class PersonView(msgspec.Struct, frozen=True):
    """Somebody who can be named. How a person is reached is nobody's business but the outbox's."""

    id: PersonId
    name: str


class LevelView(msgspec.Struct, frozen=True):
    """An escalation level (E1)."""

    number: int
    name: str
    clause: str


class PlaybookView(msgspec.Struct, frozen=True):
    """The playbook in force: all the names that a command may use, with what they mean."""

    id: str
    version: str
    title: str
    owner: str
    next_review_on: Date
    severities: tuple[SeverityDefinition, ...]
    """Worst first, each with its definition and examples (C1)."""
    components: tuple[ComponentView, ...]
    roles: tuple[RoleName, ...]
    flags: Mapping[str, str]
    milestones: Mapping[str, str]
    audiences: tuple[AudienceView, ...]
    people: tuple[PersonView, ...]
    levels: tuple[LevelView, ...]
    heartbeats: tuple[str, ...]
    links: Mapping[str, str]


@get("/", opt=says(Role.VIEWER))
async def show(site: TheSite) -> PlaybookView:
    """Answer the playbook in force."""
    return _view(site.rules)


@post("/reload", status_code=HTTPStatus.OK, opt=says(Role.ADMIN))
async def reload(site: TheSite) -> PlaybookView:
    """Read the playbook's folder anew. If anything is wrong with it, the one in force stays in force."""
    await site.reload()
    return _view(site.rules)


def _view(rules: Rulebook) -> PlaybookView:
    roles = dict.fromkeys(role for named in rules.roles.values() for role in named)
    return PlaybookView(
        id=rules.id,
        version=rules.version,
        title=rules.title,
        owner=rules.owner,
        next_review_on=rules.next_review_on,
        severities=rules.severities,
        components=tuple(
            ComponentView(each.id, each.name, each.team, each.owner, each.dashboard_url)
            for each in rules.components.values()
        ),
        roles=tuple(roles),
        flags=rules.flags,
        milestones=rules.milestones,
        audiences=tuple(AudienceView(each.id, each.name, each.public) for each in rules.audiences.values()),
        people=tuple(PersonView(each.id, each.name) for each in rules.people.values()),
        levels=tuple(LevelView(each.number, each.name, each.clause) for each in rules.levels),
        heartbeats=tuple(rules.heartbeats),
        links=rules.links,
    )
