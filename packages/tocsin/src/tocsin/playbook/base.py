"""What all sections of a playbook share: the kinds of words, and how strict a document is."""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
"""An id: letters, digits, dots, dashes and underscores."""
Line = Annotated[str, Meta(min_length=1, max_length=400)]
Clause = Annotated[str, Meta(min_length=1, max_length=40)]
Share = Annotated[float, Meta(ge=0, le=1)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final = {name: number for number, name in enumerate(get_args(Weekday), start=1)}
"""The core's numbers of the weekdays: Monday is 1."""


class Doc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a document share: keyword-only, frozen, no key that nobody reads."""
