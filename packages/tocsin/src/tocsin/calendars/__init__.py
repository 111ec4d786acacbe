"""Calendars in the format that all calendar programs share: iCalendar (RFC 5545), written and read."""
