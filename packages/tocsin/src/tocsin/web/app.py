"""The application: every route, one guard, one handler of errors, nothing else in the way."""

from functools import cache

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler
from whenever import Date, Instant, Time, TimeDelta

from tocsin.core.limits import BODY_MAX, CALLBACK_MAX
from tocsin.engine.links import Links
from tocsin.engine.queries import Queries
from tocsin.engine.serve import Engine
from tocsin.store.codec import enc_hook
from tocsin.web import openapi
from tocsin.web.api import (
    actions,
    acts,
    arrangements,
    calendars,
    classify,
    contacts,
    diagnostics,
    errands,
    health,
    incidents,
    oncall,
    pages,
    playbook,
    signals,
    silences,
    tokens,
)
from tocsin.web.auth import authorize
from tocsin.web.callbacks import pagerduty, slack, twilio
from tocsin.web.callbacks.doors import Replies, Secrets
from tocsin.web.ingest import Ingest
from tocsin.web.pages import acknowledge, approval
from tocsin.web.problems import answering
from tocsin.web.site import Reload, Site, provide_caller, provide_site


def create_app(
    engine: Engine,
    queries: Queries,
    links: Links,
    reload: Reload,
    secrets: Secrets | None = None,
    replies: Replies | None = None,
) -> Litestar:
    """Make the application over a running engine. Starting and stopping the engine is its caller's business.

    ``reload`` reads the playbook anew and puts it in force; what it raises is answered as a problem. ``secrets`` are
    what providers sign their callbacks with, ``replies`` says something to whoever asked by way of one.
    """
    site = Site(engine, queries, links, reload, secrets, replies)
    app = Litestar(
        route_handlers=_routes(),
        dependencies={
            "site": Provide(provide_site, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
        },
        guards=[authorize],
        exception_handlers={Exception: answering(engine.telemetry)},
        type_encoders=dict.fromkeys((Instant, Date, Time, TimeDelta), enc_hook),
        request_max_body_size=BODY_MAX,
        state=State({"site": site}),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    site.describe = cache(lambda: openapi.document(app))
    app.asgi_handler = Ingest(site, app.asgi_handler)
    return app


def _routes() -> list[ControllerRouterHandler]:
    """Answer every route, grouped by what it is about."""
    return [
        health.health,
        health.metrics,
        openapi.serve,
        acknowledge.show,
        acknowledge.answer,
        *approval.handlers(),
        Router("/signals", route_handlers=[signals.alertmanager, signals.heartbeat, signals.report]),
        Router(
            "/callbacks",
            route_handlers=[
                pagerduty.webhook,
                *(slack.interactivity, slack.command, slack.events),
                *(twilio.voice, twilio.sms, twilio.status),
            ],
            request_max_body_size=CALLBACK_MAX,
        ),
        *_api(),
    ]


def _api() -> list[Router]:
    """Answer the routes for programs, the command line among them."""
    return [
        Router("/api/v1", route_handlers=[signals.show, diagnostics.attachment, *oncall.HANDLERS, classify.classify]),
        Router(
            "/api/v1/incidents",
            route_handlers=[
                incidents.declare,
                *incidents.ASKED,
                diagnostics.diagnostics,
                *acts.handlers(),
                *actions.handlers(),
            ],
        ),
        Router("/api/v1", route_handlers=[health.unaccounted, *errands.handlers(), *contacts.handlers()]),
        Router("/api/v1/pages", route_handlers=[pages.listed, pages.acknowledge]),
        *arrangements.routers(),
        *calendars.routers(),
        Router("/api/v1/silences", route_handlers=[silences.listed, silences.create, silences.end]),
        Router("/api/v1/tokens", route_handlers=[tokens.listed, tokens.create, tokens.revoke]),
        Router("/api/v1/playbook", route_handlers=[playbook.show, playbook.reload]),
    ]
