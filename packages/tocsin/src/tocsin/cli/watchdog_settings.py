"""What a watchdog can be told: everything under ``TOCSIN_WATCHDOG_``, so that it shares nothing with its server.

The settings of its channels have the server's names behind that prefix (``TOCSIN_WATCHDOG_SLACK_TOKEN``).
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from whenever import TimeDelta

from tocsin.cli.settings import PREFIX, Settings, SettingsError, data_folder, load, secret_in
from tocsin.watchdog.judge import Limits

WATCHDOG: Final = f"{PREFIX}WATCHDOG_"
_CHANNELS: Final = ("slack_", "smtp_", "webhook_", "pagerduty_", "twilio_", "apprise_", "log_")
"""How the settings begin that a watchdog takes over from a server's."""

_Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class WatchdogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be set beside the channels."""

    url: str = "http://127.0.0.1:8700"
    """The server to watch."""
    token: str = ""
    """A viewer's token, for the server's figures."""
    database: str = ""
    """The watchdog's own small file. Empty: in the user's data directory."""
    pages: tuple[str, ...] = ()
    """Whom to page: ``channel:address``, all of them at once."""
    every_s: _Seconds = 15
    """How often to look."""
    late_s: _Seconds = 60
    """How old the heartbeat may be, and how long a trouble must last before it is an alarm."""
    lag_s: _Seconds = 120
    """How long a signal or a message may wait."""
    drift_s: _Seconds = 10
    """How far the server's clock may be off."""
    unaccounted: Annotated[int, Meta(ge=0)] = 0
    """How many obligations may be owed by nobody."""
    again_s: _Seconds = 300
    """How often the alarm is repeated until somebody answers or all is well."""

    def __repr__(self) -> str:
        """Show what is watched, and no secret."""
        return f"WatchdogSettings({self.url})"

    @property
    def database_path(self) -> Path:
        """Answer the watchdog's file."""
        return Path(self.database).expanduser() if self.database else data_folder() / "watchdog.db"

    @property
    def limits(self) -> Limits:
        """Answer what is too much."""
        return Limits(
            late=TimeDelta(seconds=self.late_s),
            lag=TimeDelta(seconds=self.lag_s),
            drift=TimeDelta(seconds=self.drift_s),
            unaccounted=self.unaccounted,
            again_every=TimeDelta(seconds=self.again_s),
        )


def watchdog_settings(environ: Mapping[str, str] | None = None) -> tuple[WatchdogSettings, Settings]:
    """Read the watchdog's settings and those of its channels. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    given = {name.removeprefix(WATCHDOG).lower(): value for name, value in environ.items() if name.startswith(WATCHDOG)}
    own: dict[str, Any] = {}
    channels: dict[str, str] = {}
    for name, value in given.items():
        if not value:
            continue
        if name.startswith(_CHANNELS):
            channels[PREFIX + name.upper()] = value
        elif name == "token_file":
            own["token"] = secret_in(Path(value), f"{WATCHDOG}TOKEN_FILE")
        else:
            own[name] = _converted(name, value)
    _refuse_strangers(channels)
    own.setdefault("url", environ.get("TOCSIN_URL") or "http://127.0.0.1:8700")
    own.setdefault("token", environ.get("TOCSIN_TOKEN") or "")
    return WatchdogSettings(**own), load(environ=channels)


def _converted(name: str, value: str) -> Any:
    kinds = {field.name: field.type for field in msgspec.structs.fields(WatchdogSettings)}
    called = WATCHDOG + name.upper()
    if name not in kinds:
        close = get_close_matches(name, [*kinds, "token_file"], 1)
        meant = f"; did you mean {WATCHDOG}{close[0].upper()}?" if close else "; see docs/trust.md"
        raise SettingsError(f"{called} is not a setting of the watchdog{meant}")
    try:
        return msgspec.convert(value.split() if name == "pages" else value, kinds[name], strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        raise SettingsError(f'{called}: "{value}" cannot be used: {text[:1].lower()}{text[1:]}.') from error


def _refuse_strangers(channels: Mapping[str, str]) -> None:
    """Refuse a misspelt setting of a channel: a watchdog that cannot speak is worth nothing."""
    known = {f"{PREFIX}{name.upper()}{end}" for name in Settings.__struct_fields__ for end in ("", "_FILE")}
    for name in channels:
        if name not in known:
            close = get_close_matches(name, known, 1)
            meant = f"; did you mean {WATCHDOG}{close[0].removeprefix(PREFIX)}?" if close else ""
            raise SettingsError(f"{WATCHDOG}{name.removeprefix(PREFIX)} is not a setting of a channel{meant}")
