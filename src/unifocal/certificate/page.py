"""The certificate as one HTML page that needs nothing beside it."""

from __future__ import annotations

from html import escape
from typing import Any

from unifocal.certificate import figures, tables
from unifocal.certificate.figures import COLOURS, SHAPES, Panel, framework
from unifocal.certificate.tables import Table

Json = dict[str, Any]

CSS = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5f5f5f; --line: #dcdcdc; --page: #fff;
  --band: #f5f5f3; --good: #00664b; --bad: #a33b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e6; --soft: #a8a8a6; --line: #3c3c3c;
  --page: #191919; --band: #242424; --good: #5fd0ae; --bad: #ff9d66; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --page: #fff;
  --band: #f2f2f2; --good: #00664b; --bad: #a33b00; } details { break-inside: avoid; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 400 1rem/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; font-weight: 300; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; font-weight: 500; margin: 3rem 0 .5rem; }
p, li, dd { max-width: 46rem; }
.verdict { font-size: 1.15rem; margin: 0 0 1.5rem; }
.holds { color: var(--good); } .exceeds, .failed { color: var(--bad); font-weight: 600; }
.unavailable, .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .8rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); }
th:first-child, td:first-child { text-align: left; }
.words2 td:nth-child(2), .words2 th:nth-child(2) { text-align: left; }
td:first-child, th:first-child { padding-left: 0; position: sticky; left: 0;
  background: var(--page); }
tr.allowed td { background: var(--band); color: var(--soft); }
tr.allowed td:first-child { padding-left: .4rem; }
.panels { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; padding: .75rem .75rem .5rem; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { color: #333; font-size: .95rem; }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .5rem 0 1rem;
  padding: .5rem .75rem; font-size: .88rem; background: #fff; color: #333;
  border: 1px solid var(--line); border-radius: 6px; }
.keys svg { vertical-align: middle; margin-right: .45rem; }
summary { cursor: pointer; padding: .35rem 0; }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
@media (max-width: 40rem) { main { padding: 1.5rem 1rem 3rem; } dl { display: block; }
  dd { margin-bottom: .5rem; } th, td { padding: .25rem .5rem; } }
"""

_MARKERS = {
    "o": '<circle cx="19" cy="7" r="4"/>',
    "^": '<path d="M19 2.5 23.5 11h-9z"/>',
    "s": '<path d="M15.5 3.5h7v7h-7z"/>',
    "D": '<path d="M19 2.5 23.5 7 19 11.5 14.5 7z"/>',
}


# Pieces -------------------------------------------------------------------------------------------


def tag(name: str, content: str, kind: str = "") -> str:
    """An element."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<{name}{attribute}>{content}</{name}>"


def _class_of(cell: str) -> str:
    """Colour what a bound says; the words say it too."""
    for verdict, text in tables.VERDICTS.items():
        if cell == text:
            return verdict
    return "exceeds" if cell.endswith(" exceeds") else ""


def _row(cells: list[str]) -> str:
    texts = "".join(tag("td", escape(cell), _class_of(cell)) for cell in cells)
    return tag("tr", texts, "allowed" if cells[0] == "allowed" else "")


def _table(table: Table) -> str:
    head = tag("tr", "".join(tag("th", escape(column)) for column in table.columns))
    body = "\n".join(_row(row) for row in table.rows)
    content = tag("thead", head) + "\n" + tag("tbody", body)
    return tag("div", tag("table", content, f"words{table.words}"), "scroll")


def _list(items: list[str]) -> str:
    return tag("ul", "".join(tag("li", escape(item)) for item in items)) if items else ""


def _definitions(pairs: list[tuple[str, str]]) -> str:
    return tag("dl", "".join(tag("dt", escape(a)) + tag("dd", escape(b)) for a, b in pairs))


def _figure(panel: Panel) -> str:
    svg = panel.svg.replace('role="img"', f'role="img" aria-label="{escape(panel.caption)}"', 1)
    return tag("figure", tag("figcaption", escape(panel.caption)) + svg)


def _panels(panels: list[Panel]) -> str:
    return tag("div", "\n".join(map(_figure, panels)), "panels")


def _key(line: Json) -> str:
    """A line's sample and name."""
    name, ours = framework(line), line["who"] == "ours"
    dash, fill = ("", COLOURS[name]) if ours else (' stroke-dasharray="4 3"', "#fff")
    sample = (
        f'<svg width="38" height="14" aria-hidden="true" stroke="{COLOURS[name]}" fill="{fill}">'
        f'<path d="M1 7h36"{dash}/>{_MARKERS[SHAPES[name]]}</svg>'
    )
    who = "unifocal on" if ours else "plain"
    return tag("span", sample + escape(f"{who} {line['backend']}"))


def _keys(lines: list[Json]) -> str:
    """The lines' names, this project's first."""
    named = {(line["who"], line["backend"]): line for line in lines}
    ordered = sorted(named.values(), key=lambda line: line["who"] != "ours")
    return tag("div", "".join(map(_key, ordered)), "keys")


# Sections -----------------------------------------------------------------------------------------


def _plots(certificate: Json) -> list[str]:
    lines = certificate["sizes"]["lines"]
    return [
        tag("h2", "Error over the size of a problem"),
        tag(
            "p",
            "One float32 volume of two classes, a few pixels of them foreground: the largest error "
            "of up to five random ones. “Plain” is the textbook formula in the framework's own "
            "functions (softmax, one-hot, logarithm, sum), which sum in float32.",
        ),
        _keys(lines),
        _panels(figures.size_panels(certificate)),
        tag("h2", "Error over the size of the logits"),
        tag(
            "p",
            "unified_focal of 48 float32 pixels, all for the right label or all for the wrong one. "
            "The loss of a right prediction tends to 0: plain code rounds 1 − p and log p to 0, so "
            "that no digit is left; its derivative becomes nan, and the value too once 0 · log 0 "
            "appears in it. That of a wrong one grows with the logits: plain code gets p = 0, "
            "whose logarithm is infinite. Errors below the smallest normal float32 count as 0; "
            "near it JAX and TensorFlow lose digits on CPUs, where their arithmetic knows no "
            "smaller numbers.",
        ),
        _keys(certificate["magnitudes"]["lines"]),
        _panels(figures.magnitude_panels(certificate)),
    ]


def _details(certificate: Json) -> list[str]:
    sections = []
    for precision in tables.precisions(certificate):
        table = tables.details(certificate, precision)
        summary = tag("summary", escape(table.title))
        sections.append(tag("details", summary + _table(table)))
    return sections


def render(certificate: Json) -> str:
    """Return the whole page."""
    overview, between = tables.overview(certificate), tables.differences(certificate)
    kind = "holds" if certificate["holds"] else "exceeds"
    body = [
        tag("h1", escape(tables.heading(certificate))),
        tag("p", escape(tables.verdict(certificate)), f"verdict {kind}"),
        _definitions(tables.made_with(certificate)),
        tag("h2", escape(overview.title)),
        _table(overview),
        tag("p", escape(tables.EXACT), "soft"),
        _list(list(tables.exceptions(certificate))),
    ]
    if between:
        body += [tag("h2", escape(between.title)), _table(between)]
    if same := tables.same_bits(certificate):
        body.append(tag("p", escape(same)))
    if certificate["sizes"]["lines"]:
        body += _plots(certificate)
    body += [tag("h2", "Every loss"), *_details(certificate)]
    body += [tag("h2", "What the numbers are"), _definitions(list(tables.DEFINITIONS.items()))]
    return document(tables.heading(certificate), "\n".join(body))


def document(title: str, body: str, css: str = CSS) -> str:
    """A page that loads nothing."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{css}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
