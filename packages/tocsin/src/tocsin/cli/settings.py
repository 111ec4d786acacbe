"""What an operator can set: from the environment, from a TOML file, from files that hold one secret each.

A setting has one name. ``TOCSIN_SMTP_HOST`` in the environment is ``smtp_host`` in the file; the environment wins. A
secret can be read from a file, by the same name with ``_FILE`` at its end, so that it need not stand in either.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from tocsin.cli.settings_providers import PROVIDER_SECRETS, PROVIDER_URLS, ProviderSettings

PREFIX: Final = "TOCSIN_"
SECRETS: Final = ("slack_token", "smtp_password", "webhook_secret", "link_secret", *PROVIDER_SECRETS)
_FOR_THE_WATCHDOG: Final = "TOCSIN_WATCHDOG_"
_FOR_CLIENTS: Final = ("url", "token", "config")
"""Variables that the other commands read; a server passes over them."""

_Port = Annotated[int, Meta(ge=1, le=65535)]


class SettingsError(Exception):
    """A setting cannot be used; the message names it and the way out."""


class Settings(ProviderSettings, frozen=True, kw_only=True):
    """All that can be set. The defaults are a Tocsin that works on one machine with nothing set up."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: _Port = 8700
    base_url: str = ""
    """How people reach this server; it stands in acknowledge links. Empty: made of host and port."""
    database: str = ""
    """The database's file. Empty: in the user's data directory."""
    playbook: str = "agentic-flow"
    """A playbook's folder, or the name of a shipped one."""
    playbook_speed: Annotated[float, Meta(gt=0, le=100_000)] = 1.0
    """Divides every duration of the playbook: for demonstrations and drills."""
    prometheus_url: str = ""
    """Where objectives are asked for. Empty: nothing is measured, so nothing can be verified."""
    prometheus_sources: dict[str, str] = msgspec.field(default_factory=dict)
    """Further ones by name, for components and objectives that name a source."""
    slack_token: str = ""
    slack_base_url: str = "https://slack.com/api"
    smtp_host: str = ""
    smtp_port: _Port = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = ""
    smtp_security: Literal["starttls", "tls", "plain"] = "starttls"
    webhook_allow: tuple[str, ...] = ()
    """Hosts and beginnings of URLs that pages may be posted to."""
    webhook_secret: str = ""
    """Signs what is posted."""
    link_secret: str = ""
    """Signs acknowledge links. Empty: made once and kept beside the database."""
    workloads: Literal["kubernetes", "supervisor"] = "kubernetes"
    """What runs the workloads that the playbook's actions speak of."""
    kubeconfig: str = ""
    """A kubeconfig. Empty: the service account of the pod, else ``$KUBECONFIG``, else ``~/.kube/config``."""
    kube_context: str = ""
    """The kubeconfig's context. Empty: its current one."""
    supervisor_state: str = ".agentic-flow"
    """The state directory of the supervisor."""
    commands: tuple[str, ...] = ()
    """Programs of this machine that actions may run, by name. Empty: none."""
    command_directory: str = "."
    """Where they are run."""
    deadman_url: str = ""
    """Pinged while everything works: an external service that hears nothing raises the alarm."""
    deadman_every_s: Annotated[float, Meta(ge=15, le=86_400)] = 60
    deadman_method: Literal["GET", "POST"] = "GET"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["text", "json"] = "text"

    def __repr__(self) -> str:
        """Show where this listens, and no secret."""
        return f"Settings({self.host}:{self.port})"

    @property
    def url(self) -> str:
        """Answer how people reach this server."""
        return (self.base_url or f"http://{_spoken(self.host)}:{self.port}").rstrip("/")

    @property
    def database_path(self) -> Path:
        """Answer the database's file."""
        return Path(self.database).expanduser() if self.database else data_folder() / "tocsin.db"


def load(config: Path | None = None, environ: Mapping[str, str] | None = None, **given: object) -> Settings:
    """Read the settings: defaults, then the file, then the environment, then what was given. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    named = config or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    values: dict[str, Any] = {}
    if named is not None:
        values |= _from_file(named)
    values |= _from_environment(environ)
    values |= {name: _converted(name, value, f"--{name}") for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(Settings(), **values)
    _check(settings)
    return settings


def strangers(environ: Mapping[str, str] | None = None) -> list[str]:
    """Answer, for each variable that looks like a setting but is none, what to say of it."""
    environ = os.environ if environ is None else environ
    ours = (name for name in environ if name.startswith(PREFIX) and not name.startswith(_FOR_THE_WATCHDOG))
    names = {name.removeprefix(PREFIX).lower() for name in ours}
    known = _known()
    return [f"{PREFIX}{name.upper()} is not a setting{_meant(name, True)}" for name in sorted(names - known)]


def _known() -> set[str]:
    return {*Settings.__struct_fields__, *_FOR_CLIENTS, *(f"{secret}_file" for secret in SECRETS)}


def _meant(name: str, variable: bool = False) -> str:
    close = get_close_matches(name, _known() - set(_FOR_CLIENTS), 1)
    if not close:
        return ""
    return f'; did you mean "{PREFIX + close[0].upper() if variable else close[0]}"?'


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Name an existing file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}. Write one `name = value` a line.") from error
    for name in document:
        if name not in _known() or name in _FOR_CLIENTS:
            raise SettingsError(f'{path}: "{name}" is not a setting{_meant(name) or "; see docs/operating.md"}')
    return _with_secrets(document, lambda name: f"{path}: {name}")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in _known() and value != ""
    }
    for name in _FOR_CLIENTS:
        found.pop(name, None)
    return _with_secrets(found, lambda name: PREFIX + name.upper())


def _with_secrets(raw: Mapping[str, Any], called: Any) -> dict[str, Any]:
    """Convert values to their kinds and read the files that hold secrets."""
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name.endswith("_file") and name.removesuffix("_file") in SECRETS:
            secret = name.removesuffix("_file")
            if secret in raw:
                raise SettingsError(f"{called(secret)} and {called(name)} are both given. Keep one of them.")
            values[secret] = _converted(secret, secret_in(Path(str(value)), called(name)), called(name))
        else:
            values[name] = _converted(name, value, called(name))
    return values


def secret_in(path: Path, called: str) -> str:
    """Read the one secret that a file holds. Raises `SettingsError`."""
    try:
        secret = path.expanduser().read_text(encoding="utf8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{called}: {path} cannot be read: {error}. Check that it is there and readable."
        ) from error
    if not secret:
        raise SettingsError(f"{called}: {path} is empty. Write the secret into it, on one line.")
    return secret


def _converted(name: str, value: object, called: str) -> Any:
    kind = next(field.type for field in msgspec.structs.fields(Settings) if field.name == name)
    if isinstance(value, str):
        value = _parts(value, kind, called)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "the value" if name in SECRETS else f'"{value}"'
        raise SettingsError(
            f"{called}: {shown} cannot be used: {_lower(str(error))}. {_REMEDIES.get(name, '')}".strip()
        ) from error


def _parts(value: str, kind: Any, called: str) -> object:
    """Cut a text into the list or the table that a setting is made of."""
    if kind == tuple[str, ...]:
        return value.replace(",", " ").split()
    if kind != dict[str, str]:
        return value
    pairs = [part.partition("=") for part in value.split()]
    if not all(name and sign and rest for name, sign, rest in pairs):
        raise SettingsError(f"{called}: not every part is a name and a value. Write name=value, separated by spaces.")
    return {name: rest for name, _, rest in pairs}


_REMEDIES: Final = {
    "prometheus_sources": "Give names and URLs: eu=http://prometheus.eu:9090 us=http://prometheus.us:9090.",
    "port": "Give a free port from 1 to 65535, such as 8700.",
    "playbook_speed": "Give a number above 0: 1 is as the playbook says, 60 makes a minute a second.",
    "smtp_port": "Give the relay's port: 587 for starttls, 465 for tls.",
    "smtp_security": "Give starttls, tls or plain.",
    "log_level": "Give debug, info, warning or error.",
    "log_format": "Give text or json.",
    "workloads": "Give kubernetes or supervisor.",
    "commands": "Give names of programs, separated by commas.",
    "deadman_method": "Give GET or POST.",
    "deadman_every_s": "Give seconds, 15 or more.",
    "webhook_allow": "Give hosts or beginnings of URLs, separated by commas.",
}


def _check(settings: Settings) -> None:
    for name in ("base_url", "prometheus_url", "deadman_url", "slack_base_url", *PROVIDER_URLS):
        value = getattr(settings, name)
        if value and not value.startswith(("http://", "https://")):
            raise SettingsError(f'{PREFIX}{name.upper()}: "{value}" is no URL. Write it with http:// or https://.')
    for source, value in settings.prometheus_sources.items():
        if not value.startswith(("http://", "https://")):
            raise SettingsError(
                f'{PREFIX}PROMETHEUS_SOURCES: "{value}" of "{source}" is no URL. Write it with http:// or https://.'
            )
    _check_whole(settings, "twilio", ("account_sid", "auth_token", "from"), "account SID, auth token and sender")
    _check_whole(settings, "zoom", _ZOOM, "account id, client id, client secret and user")
    if settings.smtp_host and not settings.smtp_from:
        raise SettingsError(
            "TOCSIN_SMTP_FROM is missing: mails need a sender. Give an address such as tocsin@example.org."
        )
    if settings.link_secret and len(settings.link_secret) < _LINK_SECRET_MIN:
        raise SettingsError(
            f"TOCSIN_LINK_SECRET is shorter than {_LINK_SECRET_MIN} characters. "
            "Give a long random one, or none: then one is made and kept beside the database."
        )


def _check_whole(settings: Settings, provider: str, names: tuple[str, ...], needs: str) -> None:
    """Refuse a provider that is set up by half."""
    missing = [f"{PREFIX}{provider}_{name}".upper() for name in names if not getattr(settings, f"{provider}_{name}")]
    if missing and len(missing) < len(names):
        raise SettingsError(f"{' and '.join(missing)}: missing. {provider.capitalize()} needs {needs}.")


_ZOOM: Final = ("account_id", "client_id", "client_secret", "user")
_LINK_SECRET_MIN: Final = 16


def data_folder() -> Path:
    """Answer where this user's data lives unless something else is said."""
    from platformdirs import user_data_path  # noqa: PLC0415 - only who did not say where the database is needs it.

    return user_data_path("tocsin", appauthor=False)


def _spoken(host: str) -> str:
    """Answer a host as it stands in a URL: whoever listens everywhere is reached on this machine, too."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - it is only recognised here.
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
