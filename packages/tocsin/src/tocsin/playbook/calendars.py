"""The playbook's business hours, as the core counts them."""

from typing import Final, get_args

from tocsin.core.rules import BusinessCalendar
from tocsin.playbook.base import Weekday
from tocsin.playbook.sections import CalendarDoc

_NUMBERS: Final = {name: number for number, name in enumerate(get_args(Weekday), start=1)}


def calendar(doc: CalendarDoc) -> BusinessCalendar:
    """Answer the calendar in the core's words: ISO weekday numbers."""
    return BusinessCalendar(
        zone=doc.zone,
        opens_at=doc.opens_at,
        closes_at=doc.closes_at,
        weekdays=tuple(_NUMBERS[name] for name in doc.weekdays),
        holidays=doc.holidays,
    )
