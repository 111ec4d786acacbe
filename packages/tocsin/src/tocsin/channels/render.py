"""What the channels share in showing a message: safe characters, cutting with a mark, the plain block of text.

An alert's text is written by whoever can make a service fail. So nothing of it may move a terminal's cursor, begin a
new header, or turn the direction of the words around it, whichever way it goes out.
"""

import re
from typing import Final

from tocsin.core.messages import Link, Message, MessageKind
from tocsin.core.outbound import is_web_url

CUT: Final = "…"
"""Stands where something was left out."""

WORDS: Final = {
    MessageKind.ALARM: "ALARM",
    MessageKind.PAGE: "PAGE",
    MessageKind.REMINDER: "REMINDER",
    MessageKind.NOTICE: "NOTICE",
    MessageKind.ANNOUNCEMENT: "UPDATE",
    MessageKind.SETTLED: "SETTLED",
    MessageKind.ENTRY: "NEWS",
    MessageKind.SUMMARY: "NOW",
}
"""What each kind of message is called where there is only text."""

# Control characters but tab and line feed, half surrogates, and the marks that turn the direction of text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Replace what a screen would obey instead of show. Lines stay lines."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Fold a text into one line."""
    return " ".join(printable(text).split())


def cut(text: str, most: int) -> str:
    """Shorten a text to ``most`` characters, marking where it was cut."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def headline(message: Message) -> str:
    """Say in one line what is wanted and about what; enough by itself."""
    subject = one_line(message.subject)
    words = [message.settles.how.value.upper() if message.settles else WORDS[message.kind]]
    if message.drill:
        words.insert(0, "DRILL")
    if message.severity not in subject:
        words.append(one_line(message.severity))
    return f"{' '.join(words)} · {subject}"


def body(message: Message) -> str:
    """Answer the text without a first line that only repeats the subject."""
    text = printable(message.text).strip()
    first, _, rest = text.partition("\n")
    return rest.strip() if " ".join(first.split()) == one_line(message.subject) else text


def facts(message: Message) -> list[tuple[str, str]]:
    """Answer the labelled figures, safe to show."""
    return [(one_line(fact.label), printable(fact.value).strip()) for fact in message.facts]


def links(message: Message) -> list[Link]:
    """Answer the links that lead to a web page; anything else has no place under a finger."""
    return [Link(one_line(link.label), link.url) for link in message.links if is_web_url(link.url)]


def answers(message: Message) -> list[tuple[str, str]]:
    """Answer the links by which the one person of a page answers it."""
    both = (("Acknowledge", message.acknowledge_url), ("I cannot", message.decline_url))
    return [(label, url) for label, url in both if is_web_url(url)]


def plain(message: Message) -> str:
    """Write a message as plain text: the headline, the text, facts, links, and how to acknowledge."""
    labelled = facts(message)
    width = max((len(label) for label, _ in labelled), default=0)
    parts = [
        headline(message),
        body(message),
        "\n".join(f"{label:<{width}}  {value}" for label, value in labelled),
        "\n".join(f"{link.label}: {link.url}" for link in links(message)),
        "\n".join(f"{label}: {url}" for label, url in answers(message)),
    ]
    return "\n\n".join(part for part in parts if part)
