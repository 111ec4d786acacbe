"""The pages of an incident that have no answer yet, folded from what happened to them."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.contact import NotificationRule
from tocsin.core.ids import PageId, PersonId, RuleId
from tocsin.core.page_events import PageAttemptFailed, PageDelivered, PageRepeated, PersonPaged
from tocsin.core.rules import Method


class OpenPage(msgspec.Struct, frozen=True):
    """A page that has no answer yet."""

    page: PageId
    person: PersonId
    rule: RuleId | None
    paged_at: Instant
    trying: tuple[Method, ...]
    later: tuple[Method, ...]
    delivered: bool = False
    plan: tuple[NotificationRule, ...] = ()
    asks: bool = False
    """Whether anybody's taking the incident in hand ends its steps."""
    step: int = 1
    stepped_at: Instant | None = None
    """When the last step after the page itself was taken."""
    next_at: Instant | None = None
    """When the next one comes; None if none does."""
    rang_at: Instant | None = None
    """When it last rang; None if it was kept quiet so far."""
    told_at: Instant | None = None
    """When it last sent anything."""

    @property
    def last_at(self) -> Instant:
        """Answer when the person was last asked."""
        return self.stepped_at or self.paged_at


Pages = Mapping[PageId, OpenPage]


def paged(pages: Pages, event: PersonPaged) -> Pages:
    """Answer the pages with one more. It is the one that rings from now on; the person's earlier ones only wait.

    One for the same reason takes the earlier one's place, so an alarm that sounds for days leaves one page each.
    """
    kept = {
        key: replace(page, next_at=None) if page.person == event.person and page.next_at else page
        for key, page in pages.items()
        if page.person != event.person or page.rule != event.rule
    }
    kept[event.page] = OpenPage(
        page=event.page,
        person=event.person,
        rule=event.rule,
        paged_at=event.at,
        trying=event.methods,
        later=event.later,
        plan=event.plan,
        asks=event.asks,
        next_at=event.next_at,
        rang_at=None if event.quiet else event.at,
        told_at=event.at if event.methods else None,
    )
    return kept


def repeated(pages: Pages, event: PageRepeated) -> Pages:
    """Answer the pages after one came to its next step."""
    page = pages.get(event.page)
    if page is None:
        return pages  # Answered in the meantime.
    anew = tuple(method for method in event.methods if method not in page.trying)
    after = replace(
        page,
        trying=(*page.trying, *anew),
        later=tuple(method for method in page.later if method not in anew),
        step=event.step,
        stepped_at=event.at,
        next_at=event.next_at,
        rang_at=page.rang_at if event.quiet else event.at,
        told_at=event.at if event.methods else page.told_at,
    )
    return {**pages, event.page: after}


def delivered(pages: Pages, event: PageDelivered) -> Pages:
    """Answer the pages after a provider took one over."""
    page = pages.get(event.page)
    return pages if page is None else {**pages, event.page: replace(page, delivered=True)}


def moved_on(pages: Pages, event: PageAttemptFailed) -> Pages:
    """Answer the pages after a method of one failed and the next is tried, if there is one."""
    page = pages.get(event.page)
    if page is None:
        return pages
    trying = tuple(method for method in page.trying if method != event.method)
    if event.next is not None:
        trying = (*trying, event.next)
    later = tuple(method for method in page.later if method != event.next)
    return {**pages, event.page: replace(page, trying=trying, later=later)}


def in_hand(pages: Pages) -> Pages:
    """Answer the pages after somebody took the incident in hand: those that asked for just that ring no more."""
    if not any(page.asks and page.next_at for page in pages.values()):
        return pages
    return {key: replace(page, next_at=None) if page.asks else page for key, page in pages.items()}
