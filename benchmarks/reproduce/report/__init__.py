"""The report: the paper's tables and figures beside ours, and what became of the hypotheses.

    records.py      the finished jobs as tables
    paper.py        the paper's numbers
    content.py      what a report is made of, whatever it is written in
    outline.py      the sections in their order; what each says:
    findings.py         hypotheses and what is missing
    tables.py           Tables 3 to 8, the control of the optimiser, printed equations
    sweeps.py           Table 2
    backends.py         their agreement, and where their time goes
    unification.py      Fig. 1, from the proved claims
    shapes.py           Fig. 2, from the generated losses
    examples.py         Fig. 3, from the predictions
    plane.py            recall and precision
    cases.py            every test case
    ranking.py          critical differences
    curves.py           learning curves
    html.py, text.py    the same content as a page and as Markdown

It is made from whatever jobs there are, and says what is missing.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.reproduce.report import html, text
from benchmarks.reproduce.report.findings import summary
from benchmarks.reproduce.report.outline import report
from benchmarks.reproduce.report.records import Records


def write(results: Path, out: Path) -> Path:
    """Write the report of all finished jobs as HTML, Markdown and JSON; the page's path."""
    records = Records.read(results)
    content = report(records)
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    page.write_text(html.render(content), encoding="utf-8")
    text.write(content, out)
    (out / "summary.json").write_text(
        json.dumps(summary(records), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return page
