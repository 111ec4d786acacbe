"""The settings of providers: pagers, telephones, chat and the hundred others."""

from typing import Final

import msgspec

PROVIDER_SECRETS: Final = (
    "pagerduty_routing_key",
    "pagerduty_routes",
    "pagerduty_webhook_secret",
    "slack_signing_secret",
    "twilio_auth_token",
    "zoom_client_secret",
    "apprise_urls",
)
"""Settings that may be read from a file of their own."""

PROVIDER_URLS: Final = ("pagerduty_url", "slack_hooks_url", "twilio_url", "zoom_url", "zoom_api_url")


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set of providers. Nothing set: the provider is not used."""

    pagerduty_routing_key: str = ""
    """The integration key for every address that ``pagerduty_routes`` does not name."""
    pagerduty_routes: dict[str, str] = {}
    """Address to integration key."""
    pagerduty_url: str = "https://events.pagerduty.com"
    pagerduty_webhook_secret: tuple[str, ...] = ()
    """Signs what PagerDuty calls back with; several while it is being changed."""
    slack_signing_secret: str = ""
    """Signs what Slack sends; opens the ways in for its buttons and `/incident`."""
    slack_hooks_url: str = "https://hooks.slack.com"
    """Where the reply addresses that Slack gives may lead, and nowhere else."""
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    """Who we are to Twilio; it signs its callbacks with the same token."""
    twilio_from: str = ""
    """The number that calls and writes: +15550100123."""
    twilio_url: str = "https://api.twilio.com"
    apprise_urls: dict[str, str] = {}
    """Name to Apprise URL; the name ``*`` serves all other addresses, which stand for ``{address}`` in it."""
    zoom_account_id: str = ""
    zoom_client_id: str = ""
    zoom_client_secret: str = ""
    """Who we are to Zoom: a Server-to-Server OAuth app."""
    zoom_user: str = ""
    """In whose name calls are made: an e-mail address, or Zoom's id of the user."""
    zoom_url: str = "https://zoom.us"
    zoom_api_url: str = "https://api.zoom.us/v2"
