"""The page of departures, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.conformance.peer import Peer
from unifocal.conformance import Finding, Report

HEAD = """\
<!-- Written by `python -m benchmarks.conformance`. Do not edit. -->

# What other libraries' losses compute

`python -m unifocal conformance MODULE:FUNCTION` finds out which conventions a loss follows, by its
numbers alone. This is what it says about losses of other libraries. They are asked for logits and
class indices where they can take them (MONAI's `to_onehot_y=True` is left out below), they get our
hyperparameters where they have them, and everything else is their default. A departure is a number
that differs from this project's definition. Whether it is meant is not for this page to say.

    nox -s conformance        # installs the libraries, writes this page

"""

EXPLAINED = """
* *held to*: the loss of ours that it is compared with.
* *departures*: each convention that differs. **What the library does** stands before what ours does
  in brackets, with the option by which ours does the same, and with what gives the same numbers, so
  that they cannot tell. A golden vector is named where it fails although the departures listed do
  not explain it.
* *within*: the largest relative deviation of the library from the conventions found, on probes in
  float64. A library may compute in float32.
* *golden*: how many golden vectors it gives within 1e-5, how many not, and how many its signature
  cannot ask for.

Smoothing is counted in pixels, as s in (TP + s) / (TP + α FP + β FN + s); a library that writes
Dice as (2 TP + s) / (Σ p + Σ t + s) has half its s here. "Logits of ±20" compares a library with
its own conventions where the prediction is certain, and sometimes wrong: whoever clips p is off.
"""


@dataclass(frozen=True)
class Row:
    """A loss and what was found."""

    peer: Peer
    report: Report


def _departure(finding: Finding) -> str:
    parts = [finding.ours]
    if finding.keywords:
        pairs = ", ".join(f"{name}={value!r}" for name, value in finding.keywords.items())
        parts.append(f"`{pairs}`")
    if finding.alternatives:
        parts.append("same numbers: " + ", ".join(finding.alternatives))
    return f"{finding.dimension}: **{finding.found}** ({'; '.join(parts)})"


def _undecided(report: Report) -> Iterator[str]:
    """What is as ours, or otherwise, with the same numbers; how little one smooths, left aside."""
    for finding in report.findings:
        if finding.alternatives and not finding.departs and finding.dimension != "smoothing":
            ways = " or ".join((finding.found, *finding.alternatives))
            yield f"{finding.dimension}: {ways}: the same numbers"


def _departures(report: Report) -> str:
    if not report.fits:
        return "no combination of the named conventions gives its numbers"
    failed = (f'golden vector "{g.name}": {g.detail}' for g in report.unexplained)
    found = [*map(_departure, report.departures), *_undecided(report), *failed]
    return "<br>".join(found) or "none"


def _row(row: Row) -> str:
    report = row.report
    golden = " / ".join(str(report.count(o)) for o in ("passed", "failed", "not asked"))
    within = f"{report.deviation:.0e}" if report.fits else f"nearest: {report.deviation:.0e}"
    cells = (
        row.peer.library,
        f"`{row.peer.call}`",
        f"`{report.loss}`",
        _departures(report),
        within,
        golden,
    )
    return "| " + " | ".join(cells) + " |"


def text(rows: Iterable[Row]) -> str:
    """Return the page."""
    rows = list(rows)
    versions = {row.peer.library: row.peer.version for row in rows}
    listed = ", ".join(f"{library} {version}" for library, version in versions.items())
    table = [
        f"Inspected on {datetime.now(UTC):%Y-%m-%d}: {listed}.",
        "",
        "| library | loss | held to | departures | within | golden: passed / failed / not asked |",
        "|---|---|---|---|---|---|",
        *map(_row, rows),
    ]
    return HEAD + "\n".join(table) + "\n" + EXPLAINED
