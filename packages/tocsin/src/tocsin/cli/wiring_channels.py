"""Which channels a running Tocsin has: the other half of the wiring, by the same rule.

Each adapter is loaded when a setting asks for it, so a Tocsin without Slack does not pay for Slack, in time or memory.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tocsin.channels.console import ConsoleChannel
from tocsin.channels.failover import ChannelTable
from tocsin.channels.port import Channel
from tocsin.cli.settings import Settings, SettingsError
from tocsin.core.ids import ChannelName
from tocsin.engine.clock import Clock

if TYPE_CHECKING:
    import httpx

    from tocsin.web.callbacks.doors import Replies, Secrets


def calls_out(settings: Settings) -> bool:
    """Tell whether anything that is set up speaks HTTP to the outside."""
    slack = settings.slack_token or settings.slack_signing_secret
    asked = (
        settings.prometheus_url,
        slack,
        settings.webhook_allow,
        settings.deadman_url,
        _pagerduty_asked(settings),
    )
    return any(asked)


def secrets(settings: Settings) -> "Secrets":
    """Answer what providers sign their callbacks with."""
    from tocsin.web.callbacks.doors import Secrets  # noqa: PLC0415 - a watchdog has channels and no web.

    return Secrets(pagerduty=settings.pagerduty_webhook_secret, slack=settings.slack_signing_secret)


def replies(settings: Settings, http: "httpx.AsyncClient | None") -> "Replies | None":
    """Answer what speaks to whoever asked something by way of a provider."""
    if not settings.slack_signing_secret or http is None:
        return None
    from tocsin.channels.slack_replies import SlackReplies  # noqa: PLC0415

    return SlackReplies(http, settings.slack_hooks_url)


def _pagerduty_asked(settings: Settings) -> bool:
    return bool(settings.pagerduty_routing_key or settings.pagerduty_routes)


def wire_channels(settings: Settings, clock: Clock, http: "httpx.AsyncClient | None") -> ChannelTable:
    """Make the channels that the settings ask for. Raises `SettingsError`."""
    made: dict[str, Callable[[], Channel]] = {"console": _console}
    if settings.webhook_allow and http is not None:
        made["webhook"] = lambda: _webhook(settings, clock, http)
    if settings.slack_token and http is not None:
        made["slack"] = lambda: _slack(settings, http)
    if settings.smtp_host:
        made["email"] = lambda: _email(settings, clock)
    if _pagerduty_asked(settings) and http is not None:
        made["pagerduty"] = lambda: _pagerduty(settings, http)
    return ChannelTable({ChannelName(name): make() for name, make in made.items()}, clock.now)


def _console() -> Channel:
    import sys  # noqa: PLC0415 - looked at now, so that a redirected output is the redirected one.

    return ConsoleChannel(sys.stdout)


def _webhook(settings: Settings, clock: Clock, http: "httpx.AsyncClient") -> Channel:
    from tocsin.channels.webhook import WebhookChannel  # noqa: PLC0415

    try:
        return WebhookChannel(http, settings.webhook_allow, clock.now, settings.webhook_secret)
    except ValueError as error:
        raise SettingsError(f"TOCSIN_WEBHOOK_ALLOW: {error}. Write a host, or the beginning of a URL.") from error


def _slack(settings: Settings, http: "httpx.AsyncClient") -> Channel:
    from tocsin.channels.slack import SlackChannel  # noqa: PLC0415

    answers = bool(settings.slack_signing_secret)
    return SlackChannel(http, settings.slack_token, settings.slack_base_url, answers=answers)


def _email(settings: Settings, clock: Clock) -> Channel:
    from tocsin.channels.email import EmailChannel, Relay  # noqa: PLC0415

    relay = Relay(
        host=settings.smtp_host,
        sender=settings.smtp_from,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_user,
        password=settings.smtp_password,
    )
    try:
        return EmailChannel(relay, clock.now)
    except ValueError as error:
        raise SettingsError(f"TOCSIN_SMTP_FROM: {error}. Give one plain address.") from error


def _pagerduty(settings: Settings, http: "httpx.AsyncClient") -> Channel:
    from tocsin.channels.pagerduty import PagerDutyChannel  # noqa: PLC0415

    return PagerDutyChannel(http, settings.pagerduty_routes, settings.pagerduty_routing_key, settings.pagerduty_url)
