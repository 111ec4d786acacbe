"""The frame of every page: one style sheet, light and dark, nothing fetched from anywhere."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from litestar import Response

from tocsin.core.messages import Link
from tocsin.core.outbound import is_web_url

_STYLE: Final = """
:root{color-scheme:light dark;--ground:#f4f3f0;--card:#fff;--ink:#1b1d21;--soft:#5d636d;--line:#dedcd6;--act:#14532d;
--act-ink:#fff;--worst:#b3161d;--bad:#a8480a;--mild:#7a5c00;--calm:#2f5d8a;--good:#14532d}
@media(prefers-color-scheme:dark){:root{--ground:#121417;--card:#1c1f24;--ink:#eceef1;--soft:#a2a9b4;--line:#31363e;
--act:#35c26d;--act-ink:#06210f;--worst:#ff6b68;--bad:#ff9d57;--mild:#e6c04c;--calm:#7fb4ea;--good:#5fd992}}
.tone-worst{--tone:var(--worst)}.tone-bad{--tone:var(--bad)}.tone-mild{--tone:var(--mild)}
.tone-calm{--tone:var(--calm)}.tone-good{--tone:var(--good)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:17px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:34rem;margin:0 auto;padding:1rem 1rem 2rem}
.card{background:var(--card);border:1px solid var(--line);border-top:6px solid var(--tone);border-radius:14px;
padding:1.1rem 1.15rem 1.25rem}
.top{display:flex;justify-content:space-between;gap:.75rem;align-items:baseline;font-weight:650}
.tone{color:var(--tone)}
.soft{color:var(--soft);font-weight:500}
h1{font-size:1.5rem;line-height:1.2;margin:.55rem 0 .35rem;overflow-wrap:anywhere}
p{margin:.35rem 0}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem .9rem;margin:1rem 0 0;padding-top:.9rem;
border-top:1px solid var(--line)}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
form{margin:1.15rem 0 0}
button{width:100%;min-height:4.1rem;border:0;border-radius:14px;background:var(--act);color:var(--act-ink);
font:inherit;font-size:1.35rem;font-weight:700;cursor:pointer}
button.quiet,button.no{min-height:3.1rem;font-size:1.1rem;background:transparent;color:var(--ink);
border:2px solid var(--line)}
.cannot{margin-top:1.6rem;padding-top:1.1rem;border-top:1px solid var(--line);display:grid;gap:.6rem}
label{color:var(--soft)}
input{width:100%;min-height:3rem;padding:0 .8rem;border:2px solid var(--line);border-radius:12px;
background:var(--ground);color:var(--ink);font:inherit}
input:focus-visible,button:focus-visible,a:focus-visible{outline:4px solid var(--calm);outline-offset:3px}
.next{margin:1.15rem 0 0}
.next h2{font-size:1rem;margin:0 0 .3rem}
.next ul{margin:0;padding-left:1.15rem}
.next li{margin:.25rem 0}
.ways ul{list-style:none;padding:0}
.ways a{display:block;padding:.6rem 0;color:var(--calm)}
.said{margin:1.1rem 0 0;padding:.85rem 1rem;border-radius:12px;border:2px solid var(--good);font-size:1.1rem}
.said.late{border-color:var(--worst)}
code{font:.92em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
"""
_CODE: Final = re.compile(r"`([^`]+)`")
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final[Mapping[str, str]] = {
    # A page behind a signed link is for one person: not for caches, search engines, frames or the next page's log.
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
TONES: Final = ("worst", "bad", "mild", "calm")
"""From the worst severity on; those after the last share it."""


def page(title: str, tone: str, inner: str, status: int, headers: Mapping[str, str] | None = None) -> Response[str]:
    """Answer a page; ``inner`` is HTML already, ``title`` is not."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><article class="card tone-{tone}">{inner}</article></main></body></html>'
    )
    return Response(html, status_code=status, media_type="text/html", headers={**_HEADERS, **(headers or {})})


def prose(text: str) -> str:
    """Answer a sentence as HTML: it begins with a capital, and what stands in backticks is set as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text[:1].upper() + text[1:]))


def facts(rows: Mapping[str, str]) -> str:
    """Answer a list of labelled facts; what is empty is left out."""
    lines = (f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows.items() if value)
    return f"<dl>{''.join(lines)}</dl>"


def points(heading: str, lines: tuple[str, ...]) -> str:
    """Answer a short list under a heading."""
    items = "".join(f"<li>{prose(line)}</li>" for line in lines if line)
    return f'<section class="next"><h2>{escape(heading)}</h2><ul>{items}</ul></section>'


def ways(heading: str, links: Iterable[Link]) -> str:
    """Answer links under a heading, each high enough for a thumb; nothing without any."""
    items = "".join(
        f'<li><a href="{escape(link.url)}">{escape(link.label)}</a></li>' for link in links if is_web_url(link.url)
    )
    return f'<section class="next ways"><h2>{escape(heading)}</h2><ul>{items}</ul></section>' if items else ""
