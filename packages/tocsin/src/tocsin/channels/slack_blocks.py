"""A message as Block Kit, within the limits that Slack publishes, with nothing in it that Slack would obey."""

from collections.abc import Iterator
from typing import Any, Final

from tocsin.channels.render import CUT, body, cut, facts, headline, links, one_line, printable
from tocsin.core.messages import Message, MessageKind
from tocsin.core.outbound import is_web_url

HEADER_MAX: Final = 150
SECTION_MAX: Final = 3_000
FIELDS_MAX: Final = 10
FIELD_MAX: Final = 2_000
URL_MAX: Final = 3_000
VALUE_MAX: Final = 2_000
CONFIRM_MAX: Final = 300
FALLBACK_MAX: Final = 4_000
"""Characters that Slack documents for each part; it refuses the whole message when one is longer."""

SECTIONS_MAX: Final = 3
"""Sections of text. The whole of a long note stands in the console; a Slack channel is for reading along."""

_FACT_MAX: Final = 600
_LINKS_MAX: Final = 10


def blocks(message: Message, answered_as: str = "") -> list[dict[str, Any]]:
    """Lay a message out: headline, buttons, text, figures, links.

    With a name to be answered as, the buttons of a page come back to us under it; else there is one that is a link.
    """
    if message.kind is MessageKind.ENTRY:
        said = printable(message.text or message.subject).strip()
        return [_section(text) for text in _sections(f"DRILL · {said}" if message.drill else said)]
    first = headline(message)
    # A first line that the header cuts must stand below it in full.
    text = body(message) if len(escaped(first)) <= HEADER_MAX else printable(message.text).strip()
    return [
        {"type": "header", "text": {"type": "plain_text", "text": cut_escaped(first, HEADER_MAX)}},
        *_buttons(message, answered_as),
        *(_section(text) for text in _sections(text)),
        *_fields(message),
        *_links(message),
    ]


def fallback(message: Message) -> str:
    """Answer what a notification on a phone shows."""
    if message.kind is MessageKind.ENTRY:
        return cut_escaped(one_line(f"{message.severity} {message.incident} · {message.subject}"), FALLBACK_MAX)
    return cut_escaped(headline(message), FALLBACK_MAX)


def escaped(text: str) -> str:
    """Take from a text what Slack would read as a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut_escaped(text: str, most: int) -> str:
    """Escape a text and shorten it to ``most`` characters without cutting through an escaped one."""
    whole = escaped(text)
    if len(whole) <= most:
        return whole
    end = most - len(CUT)
    begun = whole.rfind("&", max(0, end - 4), end)
    if begun >= 0 and whole.find(";", begun, end) < 0:
        end = begun
    return whole[:end] + CUT


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _sections(text: str) -> Iterator[str]:
    """Cut a text into sections, at line ends where there are any."""
    for place in range(SECTIONS_MAX):
        if not text:
            return
        piece = _first(text)
        rest = text[len(piece) :].lstrip("\n")
        last = place == SECTIONS_MAX - 1
        yield cut_escaped(text, SECTION_MAX) if last else escaped(piece)
        text = rest


def _first(text: str) -> str:
    """Answer the longest beginning that fits one section."""
    if len(escaped(text)) <= SECTION_MAX:
        return text
    low, high = 1, SECTION_MAX
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(escaped(text[:middle])) <= SECTION_MAX else (low, middle - 1)
    line_end = text.rfind("\n", low // 2, low)
    return text[: line_end if line_end > 0 else low]


def _buttons(message: Message, answered_as: str) -> Iterator[dict[str, Any]]:
    named = bool(answered_as) and len(answered_as) <= VALUE_MAX
    if named and message.decides:
        yield {"type": "actions", "elements": [*_decisions(answered_as, message.decides)]}
        return
    asked = message.kind is MessageKind.PAGE and named
    elements = list(_answers(answered_as)) if asked else []
    url = message.acknowledge_url
    if is_web_url(url) and len(url) <= URL_MAX:
        elements.append(_button("acknowledge", "Open" if asked else "Acknowledge", url=url))
    if elements and message.kind in (MessageKind.ALARM, MessageKind.PAGE):
        elements[0]["style"] = "danger"
    if elements:
        yield {"type": "actions", "elements": elements}


def _answers(value: str) -> Iterator[dict[str, Any]]:
    yield _button("tocsin.acknowledge", "Acknowledge", value=value)
    yield _button("tocsin.decline", "I cannot", value=value)
    # Calling the next level wakes people: a thumb that slipped must not.
    sure = {
        "title": {"type": "plain_text", "text": "Call the next level?"},
        "text": {"type": "plain_text", "text": "Its people are paged at once."},
        "confirm": {"type": "plain_text", "text": "Call them"},
        "deny": {"type": "plain_text", "text": "Not now"},
    }
    yield _button("tocsin.escalate", "Escalate", value=value, confirm=sure)


def _decisions(value: str, shown: str) -> Iterator[dict[str, Any]]:
    """Yes asks once more, with the exact words that would run; no does nothing, so it asks nothing."""
    sure = {
        "title": {"type": "plain_text", "text": "Approve exactly this?"},
        "text": {"type": "plain_text", "text": cut(one_line(shown), CONFIRM_MAX)},
        "confirm": {"type": "plain_text", "text": "Approve"},
        "deny": {"type": "plain_text", "text": "Not yet"},
    }
    yield _button("tocsin.approve", "Approve", value=value, style="primary", confirm=sure)
    yield _button("tocsin.reject", "Reject", value=value)


def _button(action: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, **more}


def _fields(message: Message) -> Iterator[dict[str, Any]]:
    shown = [
        _mrkdwn(f"*{cut_escaped(label, 100)}*\n{cut_escaped(value, _FACT_MAX)}") for label, value in facts(message)
    ]
    if shown:
        yield {"type": "section", "fields": shown[:FIELDS_MAX]}


def _links(message: Message) -> Iterator[dict[str, Any]]:
    shown = [_link(link.label, link.url) for link in links(message)[:_LINKS_MAX]]
    fitting = cut_lines([each for each in shown if each], SECTION_MAX)
    if fitting:
        yield _section(fitting)


def _link(label: str, url: str) -> str:
    # A bar would end the address and a bracket the link; both may stand percent-encoded in a URL.
    target = escaped(url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E"))
    return f"<{target}|{cut_escaped(one_line(label) or 'link', 75)}>" if len(target) <= URL_MAX else ""


def cut_lines(lines: list[str], most: int) -> str:
    """Join as many whole lines as fit ``most`` characters."""
    kept = ""
    for line in lines:
        if len(kept) + len(line) + 1 > most:
            break
        kept = f"{kept}\n{line}" if kept else line
    return kept
