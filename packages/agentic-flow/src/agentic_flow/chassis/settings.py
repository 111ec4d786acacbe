"""Reads settings from the environment; a wrong value stops the start with a sentence, not with a traceback."""

from __future__ import annotations

from collections.abc import Mapping

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


class SettingsError(Exception):
    """A setting has a value it cannot have."""


class Environment:
    """The environment, read by type and within bounds."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        """Read a text."""
        return self._variables.get(name, default)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number within bounds."""
        raw = self._variables.get(name, str(default))
        try:
            value = int(raw)
        except ValueError:
            raise SettingsError(f"{name} must be a whole number, not {raw!r}") from None
        if not least <= value <= most:
            raise SettingsError(f"{name} must lie between {least} and {most}, not be {value}")
        return value

    def share(self, name: str, default: float) -> float:
        """Read a share between 0 and 1."""
        raw = self._variables.get(name, str(default))
        try:
            value = float(raw)
        except ValueError:
            raise SettingsError(f"{name} must be a number, not {raw!r}") from None
        if not 0.0 <= value <= 1.0:
            raise SettingsError(f"{name} must lie between 0 and 1, not be {raw}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Read a yes or no."""
        raw = self._variables.get(name, str(default)).strip().lower()
        if raw not in _TRUE | _FALSE:
            raise SettingsError(f"{name} must be true or false, not {raw!r}")
        return raw in _TRUE
