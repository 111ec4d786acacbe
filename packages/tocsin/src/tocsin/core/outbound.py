"""Where Tocsin may call to: a list of addresses, and the one question whether a URL is among them.

Addresses come from playbooks and from people's entries, so a URL is not a reason to call it: without the list, whoever
may edit a contact method could make this machine speak to its own metadata service. Everything that different readers
of a URL read differently (user names, backslashes, dots in paths) is refused rather than understood.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def is_web_url(url: str) -> bool:
    """Tell whether this is a plain ``http`` or ``https`` URL that is read the same way everywhere."""
    return _split(url) is not None


class AllowList:
    """The addresses that may be called: a host (``hooks.example.org``: HTTPS, any path) or the beginning of a URL.

    The beginning ends at a path's segment: ``https://x.example/a`` allows ``/a`` and ``/a/b`` but not ``/ab``.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = tuple(_entry(each) for each in entries)

    def refusal(self, url: str) -> str | None:
        """Answer why a URL may not be called; nothing, if it may."""
        parts = _split(url)
        if parts is None:
            return "the address is not a plain http or https URL"
        if any(_covers(entry, parts) for entry in self._entries):
            return None
        return f"{parts.scheme}://{parts.netloc} is not on the list of addresses that may be called; add it there"


def _entry(text: str) -> SplitResult:
    parts = _split(text if "://" in text else f"https://{text}")
    if parts is None:
        raise ValueError(f'"{text}" is neither a host nor the beginning of an http or https URL')
    return parts


def _split(url: str) -> SplitResult | None:
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        known = parts.scheme in _PORTS and _AUTHORITY.fullmatch(parts.netloc) and (parts.port or 1) > 0
    except ValueError:
        return None
    if not known or any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        return None
    return parts


def _covers(entry: SplitResult, url: SplitResult) -> bool:
    return _origin(entry) == _origin(url) and _begins(url.path or "/", entry.path or "/")


def _origin(url: SplitResult) -> tuple[str, str, int]:
    return url.scheme, (url.hostname or "").lower(), url.port or _PORTS[url.scheme]


def _begins(path: str, start: str) -> bool:
    return path == start or path.startswith(start if start.endswith("/") else f"{start}/")
