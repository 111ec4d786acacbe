"""Which parts a running Tocsin is made of: the only file that names concrete adapters.

Each adapter is loaded when a setting asks for it, so a Tocsin without Slack does not pay for Slack, in time or memory.
"""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from tocsin.actions.port import Target
from tocsin.channels.port import Channel
from tocsin.channels.rooms_port import Bridges, Rooms
from tocsin.cli.files import folder_of
from tocsin.cli.session import Failed
from tocsin.cli.settings import Settings, SettingsError, load
from tocsin.cli.wiring_channels import calls_out, replies, wire_channels
from tocsin.cli.wiring_targets import targets
from tocsin.core.actions import TargetKind
from tocsin.core.ids import ChannelName
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance, Clock, Numbers, SystemClock
from tocsin.engine.contacts import Contacts
from tocsin.engine.diagnostics import Diagnoser
from tocsin.engine.dispatcher import Dispatcher
from tocsin.engine.errands import Errands
from tocsin.engine.grouping import Grouping
from tocsin.engine.handler import Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.intake import Intake
from tocsin.engine.links import Links
from tocsin.engine.packets import Packets
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.pulse import Ping
from tocsin.engine.queries import Queries
from tocsin.engine.reconciler import Reconciler
from tocsin.engine.rota import Rota
from tocsin.engine.serve import Engine
from tocsin.engine.telemetry import Telemetry
from tocsin.engine.watcher import Watcher
from tocsin.metrics.port import Figure, History
from tocsin.playbook.load import load_rulebook
from tocsin.signals.alertmanager import AlertmanagerDecoder
from tocsin.signals.port import Decoder
from tocsin.signals.report import ReportDecoder
from tocsin.store.lock import StoreInUse
from tocsin.store.migrations import SchemaTooNew, stored_revision
from tocsin.store.port import Store, StoreUnavailable
from tocsin.store.sqlite import SqliteStore

if TYPE_CHECKING:
    import httpx

    from tocsin.metrics.sources import Sources


_SECRET_BYTES: Final = 32


def rulebook(settings: Settings) -> Rulebook:
    """Read the playbook that the settings name. Raises `PlaybookErrors`."""
    return load_rulebook(
        folder_of(settings.playbook), speed=settings.playbook_speed, workloads=TargetKind(settings.workloads)
    )


async def open_store(path: Path) -> SqliteStore:
    """Open the database for this process alone. Raises `SettingsError` with the way out, or `StoreUnavailable`."""
    try:
        return await SqliteStore.open(path)
    except (StoreInUse, SchemaTooNew) as error:
        raise SettingsError(str(error)) from error
    except OSError as error:
        raise SettingsError(
            f"TOCSIN_DATABASE: {path} cannot be used: {error}. Name a file in a folder of yours."
        ) from error


def database_of(given: str | None) -> Path:
    """Answer the database that was given, or that the settings name; fails if they cannot be read."""
    try:
        return load(database=given).database_path
    except SettingsError as error:
        raise Failed(str(error)) from error


@asynccontextmanager
async def held_store(given: str | None) -> AsyncIterator[Store]:
    """Hold the database while no server does; fails if one does."""
    try:
        store = await open_store(database_of(given))
    except (SettingsError, StoreUnavailable) as error:
        raise Failed(str(error)) from error
    try:
        yield store
    except StoreUnavailable as error:
        raise Failed(str(error)) from error
    finally:
        await store.close()


def schema_of(path: Path) -> str | None:
    """Answer the revision of a database's schema; None if there is no database yet."""
    if not path.exists():
        return None
    engine = sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    )
    try:
        with engine.connect() as connection:
            return stored_revision(connection)
    except sa.exc.DatabaseError as error:
        raise Failed(f"cannot use {path} as a database: {error.orig}") from error
    finally:
        engine.dispose()


def link_secret(settings: Settings) -> bytes:
    """Answer what signs acknowledge links: as set, or made once and kept beside the database for its owner alone."""
    if settings.link_secret:
        return settings.link_secret.encode()
    path = settings.database_path.with_name(settings.database_path.name + ".link-secret")
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _kept_secret(path)
    with os.fdopen(file, "w") as out:
        out.write(made := secrets.token_hex(_SECRET_BYTES))
        out.flush()
        os.fsync(out.fileno())
    return made.encode()


def _kept_secret(path: Path) -> bytes:
    kept = path.read_bytes().strip()
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others. Take that from them: chmod 600 {path}")
    if len(kept) < _SECRET_BYTES:
        raise SettingsError(f"{path} is incomplete. Remove it: the next start makes another, and older links end.")
    return kept


class Measured:
    """The measurements of one Prometheus or several, and of the health endpoints that the playbook in force names."""

    def __init__(self, http: "httpx.AsyncClient", url: str, named: Mapping[str, str], playbooks: Playbooks) -> None:
        self._http = http
        self._url = url
        self._named = named
        self._playbooks = playbooks
        self._made_for: Rulebook | None = None

    @property
    def _inner(self) -> "Sources":
        """Made anew after a reload: which addresses may be probed is decided when it is made."""
        from tocsin.metrics.prometheus import PrometheusMeasurements  # noqa: PLC0415 - as the module says.
        from tocsin.metrics.sources import Sources  # noqa: PLC0415

        rules = self._playbooks.current
        if self._made_for is not rules:
            probes = [component.health_url for component in rules.components.values() if component.health_url]
            named = {name: PrometheusMeasurements(self._http, url, probes) for name, url in self._named.items()}
            unnamed = PrometheusMeasurements(self._http, self._url, probes) if self._url else None
            self._made = Sources(unnamed, named)
            self._made_for = rules
        return self._made

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer one number, now or as it was."""
        return await self._inner.ask(query, source, at)

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        """Answer how it went between two instants."""
        return await self._inner.history(query, since, until, every, source)

    async def probe(self, url: str) -> Figure:
        """Answer how a health endpoint is."""
        return await self._inner.probe(url)

    async def close(self) -> None:
        """Do nothing: the connections belong to whoever gave them."""


class Tocsin:
    """A wired Tocsin: the engine, the questions it answers, the application, and everything that wants to be closed."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        channels: Mapping[ChannelName, Channel],
        http: "httpx.AsyncClient | None",
        links: Links,
        targets: Mapping[TargetKind, Target],
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.channels = channels
        self.queries = Queries(engine.store, engine.handler)
        self.links = links
        self.targets = targets
        self.replies = replies(settings, http)
        self._http = http

    async def reload(self) -> Rulebook:
        """Read the playbook again, in a thread: nobody waits for it; and put it in force. Raises `PlaybookErrors`."""
        rules = await asyncio.to_thread(rulebook, self.settings)
        await self.engine.reload(rules)
        return rules

    async def close(self) -> None:
        """Let go of everything, the store last: what ends may still have something to write down."""
        for channel in self.channels.values():
            await channel.close()
        for target in self.targets.values():
            await target.close()
        if self._http is not None:
            await self._http.aclose()
        await self.engine.store.close()


async def wire(settings: Settings, rules: Rulebook, store: Store) -> Tocsin:
    """Put the parts together. Raises `SettingsError`."""
    clock, chance, telemetry = SystemClock(), Chance(), Telemetry()
    http = _http() if calls_out(settings) else None
    channels = wire_channels(settings, clock, http)
    links = Links(link_secret(settings), settings.url)
    playbooks = Playbooks(store, rules)
    playbooks.settles = channels.settling
    for name in rules.channels():
        channels.get(name)  # Those joined of several are made before their pace is asked for.
    handler = Handler(store, playbooks, telemetry)
    heartbeats = Heartbeats(store, playbooks)
    numbers = Numbers(store)
    grouping = Grouping(store, handler, numbers)
    decoders: dict[str, Decoder] = {"alertmanager": AlertmanagerDecoder(), "report": ReportDecoder(chance.signal_id)}
    reached = targets(settings, playbooks, clock)
    measured = _measured(settings, http, playbooks)
    rota = Rota(store, playbooks, chance, channels)
    rooms, bridges = _rooms(settings, http), _bridges(settings, clock, http)
    dispatcher = Dispatcher(store, handler, channels, links.sign, clock, chance, telemetry, rooms, bridges)
    # With turns of its own: what is compared for a summary must tear no gap into a watch.
    compared = _measured(settings, http, playbooks)
    engine = Engine(
        rota=rota,
        store=store,
        clock=clock,
        chance=chance,
        numbers=numbers,
        playbooks=playbooks,
        handler=handler,
        heartbeats=heartbeats,
        intake=Intake(store, handler, grouping, heartbeats, decoders, chance, telemetry),
        reconciler=Reconciler(store, handler, telemetry),
        dispatcher=dispatcher,
        watcher=Watcher(store, handler, measured, telemetry) if measured else None,
        errands=Errands(store, handler, numbers, Packets(store, handler)),
        contacts=Contacts(store, playbooks, channels, dispatcher.health, links, chance),
        diagnoser=Diagnoser(store, handler, reached, compared, clock, telemetry),
        telemetry=telemetry,
        targets=reached,
    )
    if settings.deadman_url and http is not None:
        engine.pulse.ping = _deadman(settings, http)
        engine.pulse.pings_every = TimeDelta(seconds=settings.deadman_every_s)
    return Tocsin(settings, engine, channels, http, links, reached)


def _deadman(settings: Settings, http: "httpx.AsyncClient") -> Ping:
    from tocsin.channels.deadman import DeadmanPing  # noqa: PLC0415 - as the module says.

    return DeadmanPing(http, settings.deadman_url, settings.deadman_method)


def _measured(settings: Settings, http: "httpx.AsyncClient | None", playbooks: Playbooks) -> Measured | None:
    if http is None or not (settings.prometheus_url or settings.prometheus_sources):
        return None
    return Measured(http, settings.prometheus_url, settings.prometheus_sources, playbooks)


def _http() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415 - as the module says.

    # No proxy of the environment: whom we call is decided by the allow-list, not by a variable.
    # Whose certificates are trusted may well be a variable's: an authority of one's own is named by SSL_CERT_FILE.
    return httpx.AsyncClient(
        trust_env=False,
        verify=httpx.create_ssl_context(),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
    )


def _rooms(settings: Settings, http: "httpx.AsyncClient | None") -> Rooms | None:
    if not settings.slack_token or http is None:
        return None
    from tocsin.channels.slack_rooms import SlackRooms  # noqa: PLC0415

    return SlackRooms(http, settings.slack_token, settings.slack_base_url)


def _bridges(settings: Settings, clock: Clock, http: "httpx.AsyncClient | None") -> Bridges | None:
    if not settings.zoom_account_id or http is None:
        return None
    from tocsin.channels.zoom import ZoomApp, ZoomBridges  # noqa: PLC0415

    app = ZoomApp(
        account=settings.zoom_account_id,
        client=settings.zoom_client_id,
        secret=settings.zoom_client_secret,
        user=settings.zoom_user,
        url=settings.zoom_url,
        api_url=settings.zoom_api_url,
    )
    return ZoomBridges(http, app, clock.now)
