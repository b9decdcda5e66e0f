"""The report as one page that loads nothing."""

from __future__ import annotations

import base64
import re
from html import escape

from benchmarks.reproduce.hypotheses import verdicts
from benchmarks.reproduce.report.content import Block, Bullets, Definitions, Figure, Report, Table
from unifocal.certificate.page import CSS, document, tag

STYLE = (
    CSS
    + """
main { max-width: 76rem; }
caption, .note { text-align: left; color: var(--soft); font-size: .9rem; max-width: 60rem; }
caption { font-weight: 500; color: var(--ink); padding: 0 0 .3rem; }
.scroll { margin: 1.2rem 0 .3rem; } .note { margin: 0 0 1.2rem; }
th { vertical-align: bottom; } td small { font-size: inherit; }
.dense td small { display: block; font-size: .9em; color: var(--soft); font-weight: 400; }
.dense td { vertical-align: top; line-height: 1.25; }
.dense td, .dense th { padding-left: .5rem; padding-right: .5rem; }
.wide { white-space: normal; min-width: 15rem; }
.supported { color: var(--good); } .contradicted { color: var(--bad); font-weight: 600; }
.not-resolved, .no-data { color: var(--soft); }
figure { margin: 1.2rem 0; } figure img { display: block; width: 100%; height: auto; }
nav { columns: 16rem; margin: 1.5rem 0 0; font-size: .9rem; } nav a { color: inherit; }
nav a { display: block; padding: .1rem 0; }
"""
)

_VERDICTS = {
    verdicts.SUPPORTED,
    verdicts.CONTRADICTED,
    verdicts.NOT_RESOLVED,
    verdicts.NO_DATA,
}
_LONG = 40  # characters of text from which a cell may break
_DENSE = 8  # columns above which a table is set dense


def _inline(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))


def _cell(text: str) -> str:
    """A long text may break; an interval stands below its mean where a table is dense."""
    kind = text.replace(" ", "-") if text in _VERDICTS else "wide" if len(text) > _LONG else ""
    shown = re.sub(r"(?<=\d) (± [\d.]+)", r" <small>\1</small>", _inline(text))
    return tag("td", shown, kind)


def _table(table: Table) -> str:
    names = (escape(name).replace(", ", "<br>") for name in table.rows[0])
    head = tag("tr", "".join(tag("th", name) for name in names))
    rows = "\n".join(tag("tr", "".join(map(_cell, row.values()))) for row in table.rows)
    parts = tag("caption", escape(table.caption)) + tag("thead", head) + tag("tbody", rows)
    dense = " dense" if len(table.rows[0]) > _DENSE else ""
    shown = tag("div", tag("table", parts, f"words{table.words}{dense}"), "scroll")
    return shown + (tag("p", _inline(table.note), "note") if table.note else "")


def _figure(figure: Figure) -> str:
    label = escape(figure.caption)
    if isinstance(figure.image, bytes):
        data = base64.b64encode(figure.image).decode()
        image = f'<img src="data:image/png;base64,{data}" alt="{label}">'
    else:
        image = figure.image.replace('role="img"', f'role="img" aria-label="{label}"', 1)
    return tag("figure", image + tag("figcaption", label))


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)
        case Bullets(items):
            return tag("ul", "".join(tag("li", _inline(item)) for item in items))
        case Definitions(items):
            pairs = items.items()
            return tag("dl", "".join(tag("dt", escape(a)) + tag("dd", escape(b)) for a, b in pairs))
    return tag("p", _inline(block))


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def render(report: Report) -> str:
    """The whole page."""
    first, *rest = report.sections
    body = [tag("h1", escape(report.title)), tag("p", escape(first.title), "verdict")]
    body += map(_block, first.blocks)
    links = (f'<a href="#{_anchor(s.title)}">{escape(s.title)}</a>' for s in rest)
    body.append(tag("nav", "".join(links)))
    for section in rest:
        body.append(f'<h2 id="{_anchor(section.title)}">{escape(section.title)}</h2>')
        body += map(_block, section.blocks)
    return document(report.title, "\n".join(body), STYLE)
