"""Take secrets out of what a program said, before it is kept or shown to anybody.

Rather a harmless word too many than a key too few: what follows a name such as ``password`` or ``token`` goes, whatever
it looks like. What has the shape of a known kind of key goes wherever it stands.
"""

import re
from typing import Final

GONE: Final = "[redacted]"

_PEM: Final = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*)-----.*?(?:-----END (?P=kind)-----|\Z)", re.DOTALL
)
_SCHEME: Final = re.compile(r"\b(?P<scheme>Bearer|Basic|ApiKey|Splunk)(?P<gap>\s+)(?P<secret>[^\s'\",;]{6,})", re.I)
_HEADER: Final = re.compile(
    r"(?P<name>\b(?:set-)?cookie|\bauthorization|\bproxy-authorization|\bx-[a-z-]*(?:key|token|secret))"
    r"(?P<gap>['\"]?\s*:\s*)(?P<secret>[^\r\n]+)",
    re.I,
)
_URL: Final = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]*://)(?P<secret>[^\s/@'\"<>]+)@", re.I)
_NAMED: Final = re.compile(
    r"(?P<name>[\"']?[\w.-]*(?:pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signing[_-]?key|encryption[_-]?key|credentials?|_key|_pwd|\bpwd|_dsn|connection[_-]?string)[\w.-]*[\"']?)"
    r"(?P<gap>\s*(?:=>?|:)\s*)(?!\[redacted\])"
    r"(?P<secret>\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'|[^\s\"',;}\]]+)",
    re.I,
)
_FLAGGED: Final = re.compile(
    r"(?P<name>--?[\w-]*(?:pass(?:word|wd|phrase)?|secret|token|api-?key|access-?key)(?:\s+))(?!\[redacted\])(?P<secret>[^\s-][^\s]*)",
    re.I,
)
_SHAPED: Final = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"  # JSON Web Token
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"  # Slack
    r"|\bhttps://hooks\.slack\.com/services/[A-Za-z0-9/]+"
    r"|\bsk-[A-Za-z0-9_-]{16,}|\bsk_(?:live|test)_[A-Za-z0-9]{12,}"  # model providers, Stripe
    r"|\bAIza[A-Za-z0-9_-]{30,}"  # Google
    r"|\b(?:hf|npm|pypi|dop_v1|SG|tcs)[_-][A-Za-z0-9_-]{20,}"
)


def redacted(text: str) -> str:
    """Answer a text without its secrets. Doing it twice changes nothing."""
    text = _PEM.sub(lambda found: f"-----BEGIN {found['kind']}----- {GONE}", text)
    text = _HEADER.sub(lambda found: f"{found['name']}{found['gap']}{GONE}", text)
    text = _URL.sub(lambda found: f"{found['start']}{GONE}@", text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']}{found['gap']}{GONE}", text)
    text = _NAMED.sub(lambda found: f"{found['name']}{found['gap']}{GONE}", text)
    text = _FLAGGED.sub(lambda found: f"{found['name']}{GONE}", text)
    return _SHAPED.sub(GONE, text)


def bounded(text: str, most: int) -> tuple[str, bool]:
    """Cut the middle out of a text longer than so many bytes; answer it and whether anything was cut.

    The beginning says what was run and the end how it ended; what is between is most often the same line again.
    """
    raw = text.encode()
    if len(raw) <= most:
        return text, False
    head, tail = most // 4, most - most // 4
    begins = raw[:head].decode(errors="ignore").rpartition("\n")[0] or raw[:head].decode(errors="ignore")
    ends = raw[-tail:].decode(errors="ignore").partition("\n")[2] or raw[-tail:].decode(errors="ignore")
    gone = len(raw) - len(begins.encode()) - len(ends.encode())
    return f"{begins}\n[{gone} bytes left out]\n{ends}", True
