"""The playbook's business hours, as the core counts them."""

from tocsin.core.rules import BusinessCalendar
from tocsin.playbook.base import WEEKDAYS
from tocsin.playbook.sections import CalendarDoc


def calendar(doc: CalendarDoc) -> BusinessCalendar:
    """Answer the calendar in the core's words: ISO weekday numbers."""
    return BusinessCalendar(
        zone=doc.zone,
        opens_at=doc.opens_at,
        closes_at=doc.closes_at,
        weekdays=tuple(WEEKDAYS[name] for name in doc.weekdays),
        holidays=doc.holidays,
    )
