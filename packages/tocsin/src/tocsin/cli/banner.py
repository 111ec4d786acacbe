"""What `tocsin serve` says when it is ready: where it is, what it runs, what is missing, what to do next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from tocsin.cli.settings import strangers
from tocsin.cli.wiring import Tocsin
from tocsin.core.ids import ChannelName
from tocsin.core.rules import JOINS, Rulebook

_HOW: Final = {
    "webhook": "TOCSIN_WEBHOOK_ALLOW",
    "email": "TOCSIN_SMTP_HOST and TOCSIN_SMTP_FROM",
    "slack": "TOCSIN_SLACK_TOKEN",
    "voice": "TOCSIN_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM",
    "sms": "TOCSIN_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM",
    "apprise": "TOCSIN_APPRISE_URLS",
    "pagerduty": "TOCSIN_PAGERDUTY_ROUTING_KEY",
}


class Banner:
    """The first lines of a server."""

    def __init__(self, tocsin: Tocsin, rules: Rulebook) -> None:
        self._tocsin = tocsin
        self._rules = rules

    def write(self, token: str | None) -> None:
        """Write them; with the first token, if one was made."""
        click.echo("\n".join([*self.lines(), *self._first(token), ""]))

    def lines(self) -> Iterator[str]:
        """Answer what stands, and what is missing."""
        settings, rules = self._tocsin.settings, self._rules
        yield f"Tocsin is ready: {settings.url}"
        if settings.playbook_speed != 1:
            yield ""
            yield f"  !! DRILL: everything goes {settings.playbook_speed:g} times as fast as the playbook says."
            yield "  !! Unset TOCSIN_PLAYBOOK_SPEED before you rely on it."
            yield ""
        yield f"  playbook    {rules.id} {rules.version}: {rules.title}"
        yield f"  database    {_short(settings.database_path)}"
        yield f"  channels    {', '.join(self._tocsin.channels)}"
        for name in sorted(self._unserved()):
            remedy = _HOW.get(name, f"one of {', '.join(['console', *_HOW])}, in playbook.yaml")
            yield f"  !! missing  {name}: the playbook uses it; set {remedy}"
        yield f"  rooms       {_rooms(rules)}"
        if rules.bridge_by == "zoom" and not settings.zoom_account_id:
            remedy = "TOCSIN_ZOOM_ACCOUNT_ID, _CLIENT_ID, _CLIENT_SECRET and _USER"
            yield f"  !! missing  zoom: the playbook has it make the bridges; set {remedy}"
        sources = [settings.prometheus_url, *(f"{key}: {url}" for key, url in settings.prometheus_sources.items())]
        if any(sources):
            yield f"  objectives  asked of {', '.join(each for each in sources if each)}"
        else:
            yield "  objectives  not measured: set TOCSIN_PROMETHEUS_URL, or nothing can be verified"
        for source in self._unknown_sources():
            yield f"  !! missing  source {source}: the playbook asks it; name it in TOCSIN_PROMETHEUS_SOURCES"
        if not _is_local(settings.host):
            yield f"  listens on  {settings.host}:{settings.port}, without TLS: put a proxy in front of it"
        for stranger in strangers():
            yield f"  !! ignored  {stranger}"

    def _unserved(self) -> set[ChannelName]:
        """Answer the channels that the playbook speaks of and nothing carries."""
        asked = {ChannelName(part) for name in self._rules.channels() for part in name.split(JOINS)}
        return asked - set(self._tocsin.channels)

    def _unknown_sources(self) -> Iterator[str]:
        """Answer the sources that the playbook asks and nothing is configured for."""
        parts = self._rules.components.values()
        logs = {part.errors.source for part in parts if part.errors}
        asked = {one.source for part in parts for one in part.objectives} | logs
        yield from sorted(asked - {"", *self._tocsin.settings.prometheus_sources})

    def _first(self, token: str | None) -> Iterator[str]:
        url = self._tocsin.settings.url
        yield ""
        if token is not None:
            yield "The first token, with the role admin. It is shown this once; only its hash is kept:"
            yield f"  {token}"
            yield ""
        yield "Next, in another terminal:"
        given = [] if url == "http://127.0.0.1:8700" else [f"TOCSIN_URL={url}"]
        exported = [*given, f"TOCSIN_TOKEN={token or '<your token>'}"]
        yield f"  export {' '.join(exported)}"
        yield "  tocsin oncall"
        component = next(iter(self._rules.components), "COMPONENT")
        yield f'  tocsin declare "A first try" --component {component} --share 1%'


def _rooms(rules: Rulebook) -> str:
    if rules.rooms is None:
        return "none: incidents get no Slack channel unless the playbook asks for them and lets slack carry slack"
    return f"a Slack channel for each {' and '.join(rules.rooms.severities)}"


def _short(path: Path) -> str:
    try:
        return f"~/{path.absolute().relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
