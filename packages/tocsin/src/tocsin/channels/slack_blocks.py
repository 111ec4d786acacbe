"""A message as Block Kit, within the limits that Slack publishes, with nothing in it that Slack would obey."""

from collections.abc import Iterator
from typing import Any, Final

from tocsin.channels.render import CUT, body, facts, headline, links, one_line
from tocsin.core.messages import Message, MessageKind
from tocsin.core.outbound import is_web_url

HEADER_MAX: Final = 150
SECTION_MAX: Final = 3_000
FIELDS_MAX: Final = 10
FIELD_MAX: Final = 2_000
URL_MAX: Final = 3_000
FALLBACK_MAX: Final = 4_000
"""Characters that Slack documents for each part; it refuses the whole message when one is longer."""

SECTIONS_MAX: Final = 3
"""Sections of text. The whole of a long note stands in the console; a Slack channel is for reading along."""

_FACT_MAX: Final = 600
_LINKS_MAX: Final = 10


def blocks(message: Message) -> list[dict[str, Any]]:
    """Lay a message out: headline, acknowledge button, text, figures, links."""
    return [
        {"type": "header", "text": {"type": "plain_text", "text": cut_escaped(headline(message), HEADER_MAX)}},
        *_button(message),
        *(_section(text) for text in _sections(body(message))),
        *_fields(message),
        *_links(message),
    ]


def fallback(message: Message) -> str:
    """Answer what a notification on a phone shows."""
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


def _button(message: Message) -> Iterator[dict[str, Any]]:
    url = message.acknowledge_url
    if not is_web_url(url) or len(url) > URL_MAX:
        return
    button: dict[str, Any] = {
        "type": "button",
        "action_id": "acknowledge",
        "text": {"type": "plain_text", "text": "Acknowledge"},
        "url": url,
    }
    if message.kind in (MessageKind.ALARM, MessageKind.PAGE):
        button["style"] = "danger"
    yield {"type": "actions", "elements": [button]}


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
