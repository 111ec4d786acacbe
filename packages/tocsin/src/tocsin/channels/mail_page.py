"""The HTML of an e-mail: one column, large type, one button, nothing loaded from anywhere."""

from html import escape
from typing import Final

from tocsin.channels.render import answers, body, facts, headline, links
from tocsin.core.messages import Message, MessageKind
from tocsin.core.outbound import is_web_url

_ACCENTS: Final = {
    MessageKind.ALARM: "#b00020",
    MessageKind.PAGE: "#b00020",
    MessageKind.REMINDER: "#8a5a00",
    MessageKind.NOTICE: "#1f4e79",
    MessageKind.ANNOUNCEMENT: "#1f4e79",
    MessageKind.SETTLED: "#14532d",
    MessageKind.ENTRY: "#1f4e79",
    MessageKind.SUMMARY: "#1f4e79",
}
"""Dark enough for white text on it (contrast 5:1 and more)."""

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


def page(message: Message) -> str:
    """Write a message as an HTML page for a mail reader. Styles stand on the elements: many readers drop the rest."""
    accent = _ACCENTS[message.kind]
    title = escape(headline(message))
    parts = [
        f'<h1 style="margin:0 0 16px;font-size:20px;line-height:1.3;color:{accent}">{title}</h1>',
        _button(message.acknowledge_url, accent),
        _second(message.decline_url),
        _text(body(message)),
        _facts(facts(message)),
        "".join(_link(link.label, link.url) for link in links(message)),
        *(_address(label, url) for label, url in answers(message)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light"><title>{title}</title></head>\n'
        f'<body style="margin:0;padding:16px;background:#ffffff;color:#1a1a1a;{_FONT};'
        'font-size:16px;line-height:1.5">\n'
        f'<div style="max-width:600px;margin:0 auto;border-top:6px solid {accent};padding-top:16px">\n'
        + "\n".join(part for part in parts if part)
        + "\n</div></body></html>\n"
    )


def _button(url: str, accent: str) -> str:
    if not is_web_url(url):
        return ""
    return (
        f'<p style="margin:0 0 20px"><a href="{escape(url)}" style="display:block;padding:16px;text-align:center;'
        f"background:{accent};color:#ffffff;font-size:18px;font-weight:600;text-decoration:none;border-radius:6px"
        '">Acknowledge</a></p>'
    )


def _text(text: str) -> str:
    if not text:
        return ""
    return f'<p style="margin:0 0 16px;white-space:pre-wrap;overflow-wrap:anywhere">{escape(text)}</p>'


def _facts(labelled: list[tuple[str, str]]) -> str:
    rows = "".join(
        f'<dt style="font-size:13px;color:#5a5a5a">{escape(label)}</dt>'
        f'<dd style="margin:0 0 10px;white-space:pre-wrap;overflow-wrap:anywhere">{escape(value)}</dd>'
        for label, value in labelled
    )
    return f'<dl style="margin:0 0 16px">{rows}</dl>' if rows else ""


def _link(label: str, url: str) -> str:
    return f'<p style="margin:0 0 12px"><a href="{escape(url)}" style="color:#1f4e79">{escape(label or url)}</a></p>'


def _second(url: str) -> str:
    """Write the other answer smaller: it must be found, and not be hit instead of the first."""
    if not is_web_url(url):
        return ""
    return (
        f'<p style="margin:0 0 20px;text-align:center"><a href="{escape(url)}" style="display:inline-block;'
        'padding:12px;color:#1f4e79;font-size:16px">I cannot: ask whoever is next</a></p>'
    )


def _address(label: str, url: str) -> str:
    """Write a link out, for readers that show no button."""
    shown = f"{label}: {escape(url)}"
    return f'<p style="margin:16px 0 0;font-size:13px;color:#5a5a5a;overflow-wrap:anywhere">{shown}</p>'
