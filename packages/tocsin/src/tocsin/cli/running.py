"""The life of a server: listen, open the store, wire, start, say so, run until told to end, and let go in order."""

import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn
import uvloop
from whenever import TimeDelta

from tocsin.cli.banner import Banner
from tocsin.cli.logs import set_up
from tocsin.cli.session import Failed
from tocsin.cli.settings import Settings, SettingsError
from tocsin.cli.wiring import Tocsin, open_store, rulebook, wire
from tocsin.cli.wiring_channels import secrets
from tocsin.core.limits import STOPS_WITHIN
from tocsin.core.rules import Rulebook
from tocsin.playbook.problems import PlaybookErrors
from tocsin.store.port import Store, StoreUnavailable
from tocsin.web.app import create_app
from tocsin.web.auth import first_token

_log = logging.getLogger("tocsin")

REQUESTS_END_WITHIN_S: Final = 5
"""How long requests under way may take once the end was asked for. An accepted body is kept in milliseconds."""

BACKLOG: Final = 2_048
"""Connections that wait to be taken: a storm of senders must not be refused at the door."""


def run(settings: Settings) -> int:
    """Serve until told to end; answer the exit status."""
    os.umask(0o077)  # The database says who is on call and what went wrong: that is its owner's business.
    set_up(settings.log_level, settings.log_format)
    rules = _rules(settings)
    with _listening(settings) as listener:
        return uvloop.run(_serve(settings, rules, listener))


def _rules(settings: Settings) -> Rulebook:
    try:
        return rulebook(settings)
    except PlaybookErrors as error:
        count = len(error.problems)
        raise Failed(
            f"the playbook {settings.playbook} cannot be used; {count} problem{'s' if count > 1 else ''}:\n{error}",
            "Correct it, or name another one with --playbook. `tocsin playbook check` shows the same.",
        ) from error


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Take the address before anything else: a second server must fail here, and say why."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except (OSError, UnicodeError) as error:
            raise Failed(
                f"cannot listen on {settings.host}:{settings.port}: {getattr(error, 'strerror', None) or error}",
                "Choose another with --port or TOCSIN_PORT, or end what listens there.",
            ) from error
        listener.setblocking(False)
        yield listener


async def _serve(settings: Settings, rules: Rulebook, listener: socket.socket) -> int:
    try:
        store = await open_store(settings.database_path)
        tocsin = await _wired(settings, rules, store)
    except (SettingsError, StoreUnavailable) as error:
        raise Failed(str(error)) from error
    try:
        await tocsin.engine.start()
        app = create_app(tocsin.engine, tocsin.queries, tocsin.links, tocsin.reload, secrets(settings), tocsin.replies)

        async def ready() -> None:
            # Made when it can be shown: a token that a failed start has kept would open nothing to anybody.
            Banner(tocsin, rules).write(await first_token(store, tocsin.engine.clock))

        return await _run(tocsin, _Server(app, ready), listener)
    finally:
        await tocsin.close()


async def _wired(settings: Settings, rules: Rulebook, store: Store) -> Tocsin:
    try:
        return await wire(settings, rules, store)
    except BaseException:
        await store.close()
        raise


async def _run(tocsin: Tocsin, server: "_Server", listener: socket.socket) -> int:
    engine = asyncio.create_task(tocsin.engine.run())
    engine.add_done_callback(lambda _: server.end())  # An engine that broke must not leave a web that accepts.
    with _Signals(tocsin, server, engine).handled():
        await server.serve(sockets=[listener])
        tocsin.engine.stop()  # If it was not a signal that ended the server.
        await asyncio.wait([engine])
    if not server.started:
        return 1
    if engine.cancelled():
        return 1  # Whoever asked twice did not want to wait; what was under way is tried again at the next start.
    if (fault := engine.exception()) is not None:
        _log.critical("the engine broke; start again: nothing that was accepted is lost", exc_info=fault)
        return 1
    return 0


def ends_within(limit: TimeDelta) -> None:
    """End this process after so long whatever holds it, and say on stderr where it was held.

    The clock for it is a thread that needs nothing of Python's: neither a loop that is stuck nor a thread that cannot
    be called back keeps it from that. Ended like this is like being killed, which loses nothing.
    """
    faulthandler.dump_traceback_later(limit.total("seconds"), exit=True)


class _Server(uvicorn.Server):
    """Uvicorn without its own handling of signals, in a loop that is ours."""

    def __init__(self, app: Any, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=REQUESTS_END_WITHIN_S,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, then say so."""
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # All that is alive now stays alive; the collector need not look at it again.
            gc.enable()
            await self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the engine's end."""
        yield

    def end(self) -> None:
        """Stop accepting, and wait for the requests under way; from now on the time counts."""
        first, self.should_exit = not self.should_exit, True
        if first:
            ends_within(STOPS_WITHIN)

    def end_now(self) -> None:
        """Do not wait."""
        self.force_exit = True


class _Signals:
    """What signals ask for: SIGTERM and SIGINT the end, and asked twice at once; SIGHUP the playbook anew."""

    def __init__(self, tocsin: Tocsin, server: _Server, engine: "asyncio.Task[None]") -> None:
        self._tocsin = tocsin
        self._server = server
        self._engine = engine
        self._reloading: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle them while this lasts."""
        loop = asyncio.get_running_loop()
        ends = (signal.SIGTERM, signal.SIGINT)
        for each in ends:
            loop.add_signal_handler(each, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            yield
        finally:
            for each in (*ends, signal.SIGHUP):
                loop.remove_signal_handler(each)

    def _end(self) -> None:
        if self._server.should_exit:
            self._server.end_now()
            self._engine.cancel()
        self._server.end()
        self._tocsin.engine.stop()  # Requests under way need none of its loops, and those must not begin anything now.

    def _reload(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._read_again())

    async def _read_again(self) -> None:
        try:
            rules = await self._tocsin.reload()
        except PlaybookErrors as error:
            _log.error("the playbook was not reloaded; %s stays in force:\n%s", self._in_force(), error)
        except StoreUnavailable as error:
            _log.error("the playbook was not reloaded; %s stays in force: %s", self._in_force(), error)
        else:
            _log.warning("playbook %s %s is in force for new incidents", rules.id, rules.version)

    def _in_force(self) -> str:
        return self._tocsin.engine.playbooks.current.version
