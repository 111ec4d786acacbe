"""What happens to a page: somebody's answer was demanded, again, in vain, or refused. Part of the stored format."""

from whenever import Instant

from tocsin.core.contact import NotificationRule
from tocsin.core.event import Event
from tocsin.core.ids import PageId, PersonId, RuleId
from tocsin.core.rules import Method


class PersonPaged(Event, frozen=True, kw_only=True, tag="person_paged"):
    """One person's answer was demanded. Who was on call is recorded here and never computed again."""

    page: PageId
    person: PersonId
    rule: RuleId | None
    clause: str = ""
    reason: str = ""
    methods: tuple[Method, ...] = ()
    """Tried now, all at once."""
    later: tuple[Method, ...] = ()
    """Tried one after the other if all of those fail."""
    plan: tuple[NotificationRule, ...] = ()
    """How this person is asked again while there is no answer, as it stood at the page."""
    next_at: Instant | None = None
    """When the next step of that comes."""
    asks: bool = False
    """Whether this page asks for somebody to take the incident in hand, so that anybody's doing so ends its steps."""
    quiet: bool = False
    """It does not ring, because the person is awake already for something as severe."""
    beside: int = 0
    """How many other incidents wait for this person's answer."""


class PageRepeated(Event, frozen=True, kw_only=True, tag="page_repeated"):
    """A page without an answer came to its next step: the same person was asked again, or by one more method."""

    page: PageId
    person: PersonId
    step: int
    """Counted from the page itself, which is 1."""
    due_at: Instant
    methods: tuple[Method, ...] = ()
    next_at: Instant | None = None
    quiet: bool = False
    """As in the page: awake already, so it did not ring. Without methods nothing was sent at all."""
    beside: int = 0


class PageDelivered(Event, frozen=True, kw_only=True, tag="page_delivered"):
    """A provider took a page over and gave a receipt."""

    page: PageId
    method: Method
    receipt: str


class PageAttemptFailed(Event, frozen=True, kw_only=True, tag="page_attempt_failed"):
    """One contact method failed for good; ``next`` names the one tried now."""

    page: PageId
    method: Method
    why: str
    next: Method | None = None


class PersonUnreachable(Event, frozen=True, kw_only=True, tag="person_unreachable"):
    """Every contact method of a paged person failed."""

    page: PageId
    person: PersonId
    rule: RuleId | None = None


class PageDeclined(Event, frozen=True, kw_only=True, tag="page_declined"):
    """A paged person said that they cannot take it."""

    page: PageId
    person: PersonId
    rule: RuleId | None = None
    reason: str = ""
