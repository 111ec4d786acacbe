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

    from tocsin.channels.twilio import Account
    from tocsin.web.callbacks.doors import Replies, Secrets


def calls_out(settings: Settings) -> bool:
    """Tell whether anything that is set up speaks HTTP to the outside."""
    slack = settings.slack_token or settings.slack_signing_secret
    asked = (
        settings.prometheus_url,
        settings.prometheus_sources,
        slack,
        settings.webhook_allow,
        settings.deadman_url,
        settings.twilio_account_sid,
        settings.zoom_account_id,
        _pagerduty_asked(settings),
    )
    return any(asked)


def secrets(settings: Settings) -> "Secrets":
    """Answer what providers sign their callbacks with."""
    from tocsin.web.callbacks.doors import Secrets  # noqa: PLC0415 - a watchdog has channels and no web.

    return Secrets(
        pagerduty=settings.pagerduty_webhook_secret,
        slack=settings.slack_signing_secret,
        twilio=settings.twilio_auth_token,
        base_url=settings.url,
    )


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
    if settings.twilio_account_sid and http is not None:
        made["voice"] = lambda: _voice(settings, http)
        made["sms"] = lambda: _sms(settings, http)
    if settings.apprise_urls:
        made["apprise"] = lambda: _apprise(settings)
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


def _voice(settings: Settings, http: "httpx.AsyncClient") -> Channel:
    from tocsin.channels.twilio import VoiceChannel  # noqa: PLC0415

    return VoiceChannel(http, _twilio(settings))


def _sms(settings: Settings, http: "httpx.AsyncClient") -> Channel:
    from tocsin.channels.twilio import SmsChannel  # noqa: PLC0415

    return SmsChannel(http, _twilio(settings))


def _twilio(settings: Settings) -> "Account":
    from tocsin.channels.twilio import Account  # noqa: PLC0415

    return Account(
        sid=settings.twilio_account_sid,
        token=settings.twilio_auth_token,
        sender=settings.twilio_from,
        base_url=settings.twilio_url,
        # Without an address of its own this server is reached on this machine only, and not by Twilio.
        callbacks=settings.url if settings.base_url else "",
    )


def _apprise(settings: Settings) -> Channel:
    from importlib.util import find_spec  # noqa: PLC0415

    from tocsin.channels.apprise import AppriseChannel  # noqa: PLC0415 - and Apprise itself with the first message.

    if find_spec("apprise") is None:
        raise SettingsError("TOCSIN_APPRISE_URLS: Apprise is not installed. Install it: pip install 'tocsin[apprise]'")
    return AppriseChannel(settings.apprise_urls)
