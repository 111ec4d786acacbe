"""Which revision of a workload is the one from before the incident.

"The one before" is the wrong answer. A restart is a revision, so is a changed variable: after either, the revision
before the current one runs the same broken image. So the wanted revision is found by what it runs and since when.
"""

from collections.abc import Callable, Iterable

import msgspec
from whenever import Instant


class Revision(msgspec.Struct, frozen=True):
    """One state that a workload was in."""

    number: int
    image: str
    """The images of its containers, or the release: what was deployed."""
    template: str
    """All of what runs, as a digest; a restart leaves it as it is."""
    at: Instant | None = None
    """When it first came to be."""


class Wanted(msgspec.Struct, frozen=True):
    """The revision to go back to, and why it is that one."""

    revision: Revision
    why: str


def before_incident(history: Iterable[Revision], current: int, since: Instant | None = None) -> Wanted | None:
    """Answer the newest revision that runs something else than what is suspected; None if there is none.

    Suspected is what runs now and, if it is known when the incident was detected, what was deployed last before that;
    what came after that is no state to go back to. An image is looked at first, then everything else.
    """
    known = sorted(history, key=lambda one: one.number)
    now = [one for one in known if one.number == current]
    old = [one for one in known if since is None or one.at is None or one.at <= since]
    last = sorted((one for one in old if one.at is not None), key=lambda one: (one.at, one.number))[-1:]
    suspects = (*now, *(last if since is not None else ()))
    for what, differs in _DIFFERENCES:
        found = [one for one in old if not any(differs(one) == differs(suspect) for suspect in suspects)]
        if found and suspects:
            wanted = found[-1]
            return Wanted(wanted, f"the newest revision with {what} than {suspects[-1].image}: {wanted.image}")
    return None


_DIFFERENCES: tuple[tuple[str, Callable[[Revision], str]], ...] = (
    ("another image", lambda one: one.image),
    ("other settings", lambda one: one.template),
)
