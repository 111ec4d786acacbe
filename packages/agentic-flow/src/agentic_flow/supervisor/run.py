"""Runs the supervisor: its control address, and under it the services."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from agentic_flow.chassis.problem import Problem, answer_fault, answer_http_error, answer_problem
from agentic_flow.supervisor.catalog import Service, catalog
from agentic_flow.supervisor.control import ControlDesk
from agentic_flow.supervisor.deployment import Deployment
from agentic_flow.supervisor.replica import Launch, reserve
from agentic_flow.supervisor.revisions import Plan, first_plan
from agentic_flow.supervisor.state import Control, State


@dataclass(frozen=True)
class Options:
    """How the supervisor is started."""

    state: Path
    releases: Path
    host: str = "127.0.0.1"
    port: int = 8080
    control_port: int = 7700
    replicas: int = 1
    environment: Mapping[str, str] | None = None
    allow_faults: bool = False


def run(options: Options) -> None:
    """Supervise until SIGTERM or SIGINT; then nothing is left running."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("uvicorn", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    state, services = State(options.state), catalog(options.releases)
    with state.lock():
        plans = {name: state.plans().get(name) or _first(options, service) for name, service in services.items()}
        with reserve("127.0.0.1", options.control_port) as control, reserve(options.host, options.port) as held:
            state.announce(Control(f"http://127.0.0.1:{control.getsockname()[1]}", os.getpid()))
            app = _make_app(options, state, services, plans, held.getsockname()[1])
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="on", server_header=False, loop="asyncio"
            )
            uvicorn.Server(config).run(sockets=[control])


def _make_app(
    options: Options, state: State, services: dict[str, Service], plans: dict[str, Plan], port: int
) -> Starlette:
    http = httpx.AsyncClient(trust_env=False)
    desk = ControlDesk(services, state.token(), http)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with http:
            try:
                for name, plan in plans.items():
                    launch = _launch(options, state, services[name], port)
                    desk.deployments[name] = Deployment(plan, launch, http, state.save)
                    await desk.deployments[name].start()
                yield
            finally:
                for deployment in desk.deployments.values():
                    await deployment.stop()

    return Starlette(
        routes=desk.routes(),
        exception_handlers={Problem: answer_problem, HTTPException: answer_http_error, Exception: answer_fault},
        lifespan=lifespan,
    )


def _launch(options: Options, state: State, service: Service, port: int) -> Launch:
    """The port is held by a socket that never listens, so that it stays ours while replicas come and go."""
    return Launch(
        service=service.name,
        host=options.host,
        port=port,
        arguments=("--allow-faults",) if options.allow_faults else (),
        environment={"RELEASES": str(service.releases.resolve()), "ADMIN_TOKEN": state.token()},
    )


def _first(options: Options, service: Service) -> Plan:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return first_plan(service.name, service.current_release(), options.replicas, options.environment or {}, at)
