"""Who may do what: tokens, roles, revocation, and in whose name an act is done."""

import msgspec
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable
from tocsin.web.auth import REFRESHED_EVERY, Role, first_token, make_token

from .town import SUNDAY, SetClock, Town, alerts

OPEN = {
    *("/health", "/schema/openapi.json", "/a/{token}"),
    *("/ical/{key}/me.ics", "/ical/{key}/all.ics", "/ical/{key}/rotations/{file}"),
}
NEEDED = {
    "/metrics": Role.VIEWER,
    "/signals/alertmanager": Role.SENDER,
    "/signals/heartbeat/{name}": Role.SENDER,
    "/signals/report": Role.RESPONDER,
    "/api/v1/incidents/{incident}/role": Role.COMMANDER,
    "/api/v1/incidents/{incident}/close": Role.COMMANDER,
    "/api/v1/attachments/{digest}": Role.RESPONDER,
    "/api/v1/playbook/reload": Role.ADMIN,
    "/api/v1/oncall/imports/{rotation}": Role.COMMANDER,
}


def _needed(path: str, method: str) -> Role:
    if path.startswith("/api/v1/tokens"):
        return Role.ADMIN
    reads = method == "GET" or path == "/api/v1/classify"
    return NEEDED.get(path, Role.VIEWER if reads else Role.RESPONDER)


def _routes(town: Town) -> list[tuple[str, str]]:

    paths = msgspec.json.decode(town.site.describe())["paths"]
    return [(path, method.upper()) for path, methods in paths.items() for method in methods]


async def test_every_route_but_the_open_ones_asks_for_a_token_and_for_just_the_role_it_needs(town: Town) -> None:
    roles = list(Role)
    for path, method in _routes(town):
        named = path.replace("{", "").replace("}", "")
        without = await town.ask(method, named, b"{", role=None)
        if path in OPEN or path.startswith(("/callbacks/", "/p/")):  # Those are signed, by their providers or by us.
            assert without.status_code != 401, path
            continue
        assert (without.status_code, without.json()["reason"]) == (401, "unauthorized"), path
        needed = roles.index(_needed(path, method))
        if needed:
            below = await town.ask(method, named, b"{", role=roles[needed - 1])
            assert (below.status_code, below.json()["reason"]) == (403, "forbidden"), path
            assert roles[needed].value in below.json()["detail"]
        enough = await town.ask(method, named, b"{", role=roles[needed])
        assert enough.status_code not in (401, 403), (path, method)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer tcn_",
        "Bearer tcn_0_",
        "Bearer tcn_0000000000_secret",
        "Basic dXNlcjpwYXNz",
        "Bearer " + "x" * 4000,
        "Bearer tcn_é_ü".encode().decode("latin-1"),
    ],
)
async def test_a_token_that_is_none_is_refused_with_the_way_to_one(town: Town, header: str) -> None:
    for method, path in (("GET", "/api/v1/incidents"), ("POST", "/signals/alertmanager")):
        answer = await town.ask(method, path, role=None, headers={"Authorization": header} if header else {})
        assert (answer.status_code, answer.json()["reason"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "tocsin token create" in answer.json()["remedy"]


async def test_the_right_id_with_a_wrong_secret_is_refused(town: Town) -> None:
    plain = await town.token(Role.ADMIN)
    answer = await town.ask("GET", "/api/v1/incidents", role=None, headers={"Authorization": f"Bearer {plain}x"})
    assert answer.status_code == 401


async def test_a_made_token_works_at_once_and_its_secret_is_kept_nowhere(town: Town) -> None:
    made = await town.post("/api/v1/tokens", {"name": "pager", "role": "viewer", "person": "tomasz-zielinski"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await town.ask("GET", "/api/v1/incidents", role=None, headers=headers)).status_code == 200
    secret = made["token"].split("_", 2)[2]
    listed = await town.ask("GET", "/api/v1/tokens")
    assert secret not in listed.text
    assert "hash" not in listed.text
    assert secret not in repr(await town.known_tokens())


async def test_a_revoked_token_stops_at_once(town: Town) -> None:
    made = await town.post("/api/v1/tokens", {"name": "sender", "role": "sender"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await town.ask("POST", "/signals/alertmanager", alerts("A"), role=None, headers=headers)).status_code == 202
    revoked = await town.ask("DELETE", f"/api/v1/tokens/{made['id']}")
    assert (revoked.status_code, revoked.json()["revoked_at"]) == (200, "2026-11-22T03:00:00Z")
    answer = await town.ask("POST", "/signals/alertmanager", alerts("A"), role=None, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "the token was revoked")
    again = await town.ask("DELETE", f"/api/v1/tokens/{made['id']}")
    assert again.json() == revoked.json()


async def test_a_token_that_another_process_revoked_stops_within_seconds(town: Town) -> None:
    await town.get("/api/v1/incidents")
    (token,) = await town.known_tokens()
    await town.store.commit(Change(tokens=(replace(token, revoked_at=town.clock.now()),)))
    town.clock.passes(REFRESHED_EVERY)
    assert (await town.ask("GET", "/api/v1/incidents")).status_code == 401


async def test_a_clock_that_was_set_back_keeps_no_revoked_token_alive(town: Town) -> None:
    await town.get("/api/v1/incidents")
    (token,) = await town.known_tokens()
    earlier = town.clock.now() - TimeDelta(hours=2)
    await town.store.commit(Change(tokens=(replace(token, revoked_at=earlier),)))
    town.clock.at = town.clock.at - TimeDelta(hours=1)
    assert (await town.ask("GET", "/api/v1/incidents")).status_code == 401


async def test_a_role_that_this_version_does_not_know_may_do_nothing(town: Town) -> None:
    token, plain = make_token("later", Role.VIEWER, "", town.clock.now())
    await town.site.tokens.keep(replace(token, role="emperor"))
    for path in ("/api/v1/incidents", "/metrics"):
        answer = await town.ask("GET", path, role=None, headers={"Authorization": f"Bearer {plain}"})
        assert answer.status_code == 403


async def test_the_last_admin_token_cannot_be_revoked(town: Town) -> None:
    await town.token(Role.ADMIN)
    (token,) = await town.known_tokens()
    answer = await town.ask("DELETE", f"/api/v1/tokens/{token.id}")
    assert (answer.status_code, answer.json()["reason"]) == (409, "last_admin")
    await town.post("/api/v1/tokens", {"name": "another", "role": "admin"})
    assert (await town.ask("DELETE", f"/api/v1/tokens/{token.id}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"name": "x", "role": "king"}, 400, "wrong_type"),
        ({"name": "", "role": "viewer"}, 400, "wrong_type"),
        ({"role": "viewer"}, 400, "missing_field"),
        ({"name": "x", "role": "viewer", "person": "nobody"}, 422, "unknown_person"),
    ],
)
async def test_a_bad_wish_for_a_token_makes_none(town: Town, body: object, status: int, reason: str) -> None:
    answer = await town.ask("POST", "/api/v1/tokens", body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert len(await town.known_tokens()) == 1
    assert (await town.ask("DELETE", "/api/v1/tokens/none")).status_code == 404


async def test_an_act_is_done_in_the_name_of_the_tokens_person(town: Town) -> None:
    path = f"/api/v1/incidents/{await town.declared()}/acknowledge"
    done = await town.post(path, {}, role=Role.RESPONDER, person="tomasz-zielinski")
    by = done["events"][0]["event"]["by"]
    assert by == {"person": "tomasz-zielinski", "via": "api", "commands": False}
    own = {"by": "tomasz-zielinski"}
    assert (await town.post(path, own, role=Role.RESPONDER, person="tomasz-zielinski"))["events"] == []


async def test_only_a_commander_acts_in_the_name_of_another(town: Town) -> None:
    path = f"/api/v1/incidents/{await town.declared()}/acknowledge"
    body = {"by": "aisha-bello"}
    answer = await town.ask("POST", path, body, role=Role.RESPONDER, person="tomasz-zielinski")
    assert (answer.status_code, answer.json()["place"]) == (403, "$.by")
    done = await town.post(path, body, role=Role.COMMANDER)
    assert done["incident"]["responders"] == ["aisha-bello"]


async def test_the_first_token_is_made_once() -> None:
    store, clock = MemoryStore(), SetClock(SUNDAY)
    plain = await first_token(store, clock)
    assert plain is not None
    assert [token.role for token in await store.tokens()] == ["admin"]
    assert plain.startswith(f"tcn_{(await store.tokens())[0].id}_")
    assert await first_token(store, clock) is None


async def test_nobody_gets_in_while_the_tokens_cannot_be_read(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:

    async def fails() -> None:
        raise StoreUnavailable("gone")

    await town.token(Role.ADMIN)
    monkeypatch.setattr(town.store, "tokens", fails)
    assert (await town.ask("GET", "/api/v1/incidents")).status_code == 503
