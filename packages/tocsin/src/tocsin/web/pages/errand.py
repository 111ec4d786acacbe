"""The page behind the signed link of a test page or a hand-off: one button, and nothing that sounds like an alarm."""

from html import escape
from http import HTTPStatus

from litestar import Response
from whenever import Instant

from tocsin.core.kinds import ASKED, Kind
from tocsin.core.rules import Rulebook
from tocsin.core.stages import Stage
from tocsin.engine.links import Grant
from tocsin.engine.queries import View
from tocsin.web.pages.layout import facts, page, points

_WORDS = {
    Kind.DRILL: ("TEST", "The test page reached me", "Nothing is wrong. This tests whether a page reaches you."),
    Kind.HANDOFF: ("Hand-off", "I accept the hand-off", "From then on pages go to you alone."),
}


def errand(view: View, grant: Grant, rules: Rulebook, now: Instant) -> Response[str]:
    """Answer the page of an errand: a question to the person whom it asks, and to anybody else how it stands."""
    word, button, meaning = _WORDS[view.kind]
    names = {role: rules.people[each].name if each in rules.people else each for role, each in view.roles.items()}
    head = (
        f'<div class="top"><span class="tone">{escape(word)}</span><span class="soft">{escape(view.id)}</span></div>'
        f"<h1>{escape(view.title)}</h1>"
        f"{facts({role.replace('_', ' ').capitalize(): name for role, name in names.items()} | {'Why': view.because})}"
    )
    asked = view.roles.get(ASKED[view.kind])
    if view.stage is Stage.RESOLVED or grant.person in view.responders:
        said = "Thank you, that is all." if grant.person in view.responders else "It is over. Nothing is asked of you."
        below = f'<div class="said"><strong>{said}</strong><br>{escape(_next(view))}</div>'
    elif grant.person == asked:
        below = f'<p>{escape(meaning)}</p><form method="post"><button type="submit">{escape(button)}</button></form>'
    else:
        below = f"<p>{escape(names.get(ASKED[view.kind], 'Somebody else'))} is asked, not you.</p>"
    packet = points("What is handed over", tuple(view.description.splitlines())) if view.description else ""
    return page(f"{word}: {view.title}", "good", head + below + packet, HTTPStatus.OK)


def _next(view: View) -> str:
    return "" if view.stage is Stage.RESOLVED else f"Next: {view.next_action}"
