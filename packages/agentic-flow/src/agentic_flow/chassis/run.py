"""Runs a service with uvicorn until it is told to stop.

A service listens on an address of its own choosing, or on sockets it inherits from the supervisor: the shared port,
where the kernel spreads connections over the replicas, and a port of its own, where this replica can be asked alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvicorn

from agentic_flow.chassis.app import Access, make_app
from agentic_flow.chassis.component import Component
from agentic_flow.chassis.limits import BACKLOG, GRACEFUL_STOP_SECONDS, KEEP_ALIVE_SECONDS

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Listening:
    """Where to listen: on inherited sockets if there are any, else on host and port."""

    host: str = "127.0.0.1"
    port: int = 0
    inherited: Sequence[int] = field(default_factory=tuple)

    def sockets(self) -> list[socket.socket]:
        """Open the sockets."""
        if self.inherited:
            return [socket.socket(fileno=number) for number in self.inherited]
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((self.host, self.port))
        return [opened]


def run(component: Component, listening: Listening, access: Access) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().addHandler(component.metrics.log)
    config = uvicorn.Config(
        make_app(component, access),
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_STOP_SECONDS,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    sockets = listening.sockets()
    gc.freeze()  # What is loaded by now stays; the collector need not look at it again in the middle of a request.
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(uvicorn.Server(config), component, sockets))


async def _serve(server: uvicorn.Server, component: Component, sockets: list[socket.socket]) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, component.reload)
    addresses = ", ".join("{}:{}".format(*opened.getsockname()[:2]) for opened in sockets)
    logging.getLogger(component.name).info("listening on %s, process %d", addresses, os.getpid())
    await server.serve(sockets=sockets)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It died before we could ask.
        sys.exit(1)


def limit_memory(mebibytes: int) -> None:
    """Bound the process's own memory: heap and private writable pages, not shared libraries or reserved addresses."""
    size = mebibytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
