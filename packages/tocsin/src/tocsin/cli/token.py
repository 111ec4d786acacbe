"""``tocsin token``: who may do what over HTTP. Only hashes are kept; a token's text is shown once."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.output import clock_time
from tocsin.cli.session import Failed, session, talks

if TYPE_CHECKING:
    from tocsin.store.port import Token

ROLES = ("sender", "viewer", "responder", "commander", "admin")

_offline = click.option("--offline", is_flag=True, help="Write to the database itself; the server must be stopped.")
_database = click.option(
    "--database", metavar="FILE", help="With --offline; else TOCSIN_DATABASE, else your data directory."
)


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of the API.

    Roles, each with the rights of those before it: sender (signals only), viewer, responder, commander, admin.
    """


@token.command()
@click.option("--name", required=True, help="What it is for, or whose it is.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What it may do.")
@click.option("--person", default="", help="The person of the playbook in whose name it acts.")
@_offline
@_database
@talks
def create(name: str, role: str, person: str, offline: bool, database: str | None) -> None:
    """Make a token and show it, this once.

    \b
    tocsin token create --name alertmanager --role sender
    tocsin token create --name "Ines, phone" --role responder --person ines-moreau
    tocsin token create --name rescue --role admin --offline
    """
    if offline:
        answer = asyncio.run(_created_offline(name, role, person, database))
    else:
        answer = session().post("/api/v1/tokens", {"name": name, "role": role, "person": person})
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    screen.line("Shown this once; only its hash is kept:")
    screen.line((answer["token"], "bold"), indent=2)


@token.command("list")
@_offline
@_database
@talks
def list_tokens(offline: bool, database: str | None) -> None:
    """List the tokens: whose, which role, since when, revoked or not. Never their text.

    \b
    tocsin token list
    """
    found = asyncio.run(_listed_offline(database)) if offline else session().get("/api/v1/tokens")["tokens"]
    screen = session().screen
    if screen.as_json:
        screen.json({"tokens": found})
        return
    screen.table(("id", "role", "person", "made", "revoked", "name"), [_row(each) for each in found])


@token.command()
@click.argument("token_id", metavar="ID")
@_offline
@_database
@talks
def revoke(token_id: str, offline: bool, database: str | None) -> None:
    """Revoke a token, by the id that `tocsin token list` shows. It ends within two seconds, everywhere.

    \b
    tocsin token revoke 3f9c1a20be
    """
    if offline:
        asyncio.run(_revoked_offline(token_id, database))
    else:
        session().delete(f"/api/v1/tokens/{token_id}")
    screen = session().screen
    if screen.as_json:
        screen.json({"revoked": token_id})
    else:
        screen.line(f"{token_id} is revoked.")


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    made, revoked = clock_time(each["created_at"], date=True), each.get("revoked_at")
    return (each["id"], each["role"], each["person"] or "–", made, clock_time(revoked, date=True), each["name"])


def _shown(kept: "Token") -> dict[str, Any]:
    return {
        "id": kept.id,
        "name": kept.name,
        "role": kept.role,
        "person": kept.person,
        "created_at": kept.created_at.format_iso(),
        "revoked_at": kept.revoked_at and kept.revoked_at.format_iso(),
    }


async def _created_offline(name: str, role: str, person: str, database: str | None) -> dict[str, Any]:
    from tocsin.cli.wiring import held_store  # noqa: PLC0415 - the way over HTTP needs none of it.
    from tocsin.engine.clock import SystemClock  # noqa: PLC0415
    from tocsin.store.port import Change  # noqa: PLC0415
    from tocsin.web.auth import Role, make_token  # noqa: PLC0415

    async with held_store(database) as store:
        kept, plain = make_token(name, Role(role), person, SystemClock().now())
        await store.commit(Change(tokens=(kept,)))
    return {"token": plain, **_shown(kept)}


async def _listed_offline(database: str | None) -> list[dict[str, Any]]:
    from tocsin.cli.wiring import held_store  # noqa: PLC0415 - as above.

    async with held_store(database) as store:
        return [_shown(each) for each in await store.tokens()]


async def _revoked_offline(token_id: str, database: str | None) -> None:
    from msgspec.structs import replace  # noqa: PLC0415 - as above.

    from tocsin.cli.wiring import held_store  # noqa: PLC0415
    from tocsin.engine.clock import SystemClock  # noqa: PLC0415
    from tocsin.store.port import Change  # noqa: PLC0415

    async with held_store(database) as store:
        kept = next((each for each in await store.tokens() if each.id == token_id), None)
        if kept is None:
            raise Failed(f'there is no token "{token_id}"', "`tocsin token list --offline` shows them.")
        if kept.revoked_at is None:
            await store.commit(Change(tokens=(replace(kept, revoked_at=SystemClock().now()),)))
