"""Take secrets out of what a program said, before it is kept or shown to anybody.

Rather a harmless word too many than a key too few: what follows a name such as ``password`` or ``token`` goes, whatever
it looks like. What has the shape of a known kind of key goes wherever it stands.
"""

import re
from typing import Final

GONE: Final = "[redacted]"

# Every pattern is linear in the text: no part of it may be read again from each of its places. Whoever can make a
# program print a long line must not be able to stop the machine that pages people.
_PEM: Final = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z0-9 ]{0,40})-----.*?(?:-----END (?P=kind)-----|\Z)", re.DOTALL
)
_PEM_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z0-9 ]{0,40}-----")
_PEM_LINE: Final = re.compile(r"[ \t]*[A-Za-z0-9+/=]{1,120}[ \t\r]*")
_SCHEME: Final = re.compile(
    r"\b(?P<scheme>Bearer|Basic|ApiKey|Splunk)(?P<gap>\s{1,8})(?P<secret>[^\s'\",;]{6,})", re.IGNORECASE
)
_HEADER: Final = re.compile(
    r"(?P<name>\b(?:set-)?cookie|\b(?:proxy-)?authorization|\bx-[a-z-]{0,40}(?:key|token|secret))"
    r"(?P<gap>['\"]?\s{0,8}:\s{0,8})(?P<secret>[^\r\n]+)",
    re.IGNORECASE,
)
_URL: Final = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]{0,20}://)(?P<secret>[^\s/@'\"<>]{1,512})@", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"(?P<name>(?:pass(?:word|wd|phrase)|secret|token|(?:api|access|private|signing|encryption)[_-]?key|credential|_key"
    r"|[_-]pwd|\bpwd|_dsn|connection[_-]?string)[\w.-]{0,64}[\"']?)"
    r"(?P<gap>\s{0,8}(?:=>?|:)\s{0,8})(?!\[redacted\])"
    r"(?P<secret>\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'|[\"']?[^\s\"',;}\]]+)",
    re.IGNORECASE,
)
_FLAGGED: Final = re.compile(
    r"(?P<name>-(?:pass(?:word|wd|phrase)?|secret|token|api-?key|access-?key)\s{1,8})(?!\[redacted\])(?P<secret>[^\s-]\S*)",
    re.IGNORECASE,
)
_USER: Final = re.compile(
    r"(?P<name>(?<![\w-])(?:-u|--(?:proxy-)?user)[\s=]{1,8})(?!\[redacted\])(?P<secret>[^\s:]{1,256}:\S+)"
)
"""As ``curl -u name:password``."""
_SHAPED: Final = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}"  # JSON Web Token
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
    text = _without_beheaded_keys(text)
    text = _HEADER.sub(lambda found: f"{found['name']}{found['gap']}{GONE}", text)
    text = _URL.sub(lambda found: f"{found['start']}{GONE}@", text)
    text = _SCHEME.sub(lambda found: f"{found['scheme']}{found['gap']}{GONE}", text)
    text = _NAMED.sub(lambda found: f"{found['name']}{found['gap']}{GONE}", text)
    text = _FLAGGED.sub(lambda found: f"{found['name']}{GONE}", text)
    text = _USER.sub(lambda found: f"{found['name']}{GONE}", text)
    return _SHAPED.sub(GONE, text)


def _without_beheaded_keys(text: str) -> str:
    """Take out the lines of a key whose beginning was left out, as at the start of the last lines of a log."""
    if not _PEM_END.search(text):
        return text
    kept: list[str] = []
    for line in text.split("\n"):
        if _PEM_END.search(line) and kept and _PEM_LINE.fullmatch(kept[-1]):
            while kept and _PEM_LINE.fullmatch(kept[-1]):
                kept.pop()
            kept.append(GONE)
        kept.append(line)
    return "\n".join(kept)


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
