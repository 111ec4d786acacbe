"""A report from a person: the questions by which it is classified (C6), answered."""

import re
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec.structs import replace

from tocsin.core.alert import Answers, Observation
from tocsin.core.ids import AlertFingerprint
from tocsin.core.limits import NOTE_LENGTH_MAX, TITLE_LENGTH_MAX
from tocsin.signals.port import Unreadable

ALERT_NAME: Final = "Report"
"""What a report is called among the alerts."""

_NAME_MAX: Final = 200
_KEY_MAX: Final = 200
_PER_CENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*")
_REMEDY: Final = (
    'Send {"title": "…", "component": "…", "all_users": false, "data_lost": false, "share": 0.25, '
    '"description": "…", "reporter": "…", "key": "…"}; only the title is required, '
    'and a share is a number from 0 to 1 or "25 %".'
)

_Name = Annotated[str, msgspec.Meta(max_length=_NAME_MAX)]


class _Report(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_LENGTH_MAX)]
    component: _Name = ""
    all_users: bool = False
    data_lost: bool = False
    share: float | str | None = None
    description: Annotated[str, msgspec.Meta(max_length=NOTE_LENGTH_MAX)] = ""
    reporter: _Name = ""
    key: Annotated[str, msgspec.Meta(max_length=_KEY_MAX)] = ""


_decoder = msgspec.json.Decoder(_Report)


class ReportDecoder:
    """Reads reports. A report sent twice under one key is one alert; one without a key gets a new one each time.

    The key goes into the part, so that a part is read the same however often that is done.
    """

    def __init__(self, new_key: Callable[[], str]) -> None:
        self._new_key = new_key

    def split(self, body: bytes) -> tuple[tuple[bytes, int], ...]:
        """Check a report and answer it as the one part, with its key in it."""
        report = _read(body)
        return ((msgspec.json.encode(replace(report, key=report.key or self._new_key())), 1),)

    def observations(self, part: bytes) -> tuple[Observation, ...]:
        """Read one part that `split` made."""
        report = _read(part)
        labels = {"alertname": ALERT_NAME, "component": report.component, "reporter": report.reporter}
        annotations = {"summary": " ".join(report.title.split()), "description": report.description}
        observation = Observation(
            fingerprint=AlertFingerprint(f"report:{report.key}"),
            status="firing",
            labels={name: value for name, value in labels.items() if value},
            annotations={name: value for name, value in annotations.items() if value},
            answers=Answers(report.all_users, report.data_lost, _share(report.share)),
        )
        return (observation,)


def _read(body: bytes) -> _Report:
    try:
        report = _decoder.decode(body.replace(b"\\u0000", b"\\ufffd"))  # A database column may hold anything else.
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error), _REMEDY) from error
    except RecursionError as error:
        raise Unreadable("the report is nested too deeply", _REMEDY) from error
    if not report.title.strip():
        raise Unreadable("the title is empty - at `$.title`", _REMEDY)
    _share(report.share)
    return report


def _share(given: float | str | None) -> float | None:
    """Answer a share from 0 to 1. A bare 25 could mean either thing, so it is refused."""
    if given is None:
        return None
    if isinstance(given, str):
        found = _PER_CENT.fullmatch(given)
        if found is None:
            raise Unreadable(f'"{given[:40]}" is no share - at `$.share`', _REMEDY)
        given = float(found[1]) / 100
    if not 0 <= given <= 1:
        raise Unreadable(f"{given:g} is not between 0 and 1 - at `$.share`", _REMEDY)
    return given
