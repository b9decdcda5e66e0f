"""Table 2: Unified Focal over δ, γ and λ, beside the paper's numbers."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.hypotheses.contrasts import select
from benchmarks.reproduce.hypotheses.observations import VARIED
from benchmarks.reproduce.metrics import METRICS
from benchmarks.reproduce.report import paper
from benchmarks.reproduce.report.content import Block, Figure, Table
from benchmarks.reproduce.report.records import HEADINGS, SYMBOLS, Records, on_the_same, over_folds
from benchmarks.reproduce.report.tables import estimates, folds_note, highest, side_by_side
from unifocal.certificate.figures import STYLE, element

FIXED = {
    "delta": {"gamma": 0, "lam": 0.5},
    "gamma": {"delta": 0.6, "lam": 0.5},
    "lam": {"delta": 0.6, "gamma": 0.2},
}
COLOURS = {"dsc": "#000000", "precision": "#0072b2", "recall": "#d55e00"}

_TURNED = " λ is the weight of the Focal half, as in the equations; the paper's column is reversed."


def of_sweep(scores: pd.DataFrame, over: str) -> pd.DataFrame:
    """What Table 2 varies, and the same points wherever else they were trained."""
    plain = {"loss": "unified_focal", "deep_supervision": "none"}
    found = select(scores, plain | FIXED[over] | {"experiment": ["sweep", "comparison"]})
    found = on_the_same(found, select(found, {"experiment": "sweep"}))
    return found if found[over].nunique() > 1 else found.iloc[:0]


def sections(records: Records) -> list[Block]:
    """For each data set a figure, and a table for each hyperparameter."""
    blocks: list[Block] = []
    swept = records.scores[records.scores["experiment"] == "sweep"]
    for dataset in dict.fromkeys(swept["dataset"]):
        scores = records.scores[records.scores["dataset"] == dataset]
        parts = {over: part for over in VARIED if not (part := of_sweep(scores, over)).empty}
        theirs = paper.family(dataset) == "bus"
        if parts:
            blocks.append(_figure(records.titles[dataset], dataset, parts, theirs))
        blocks += [
            _table(records, records.titles[dataset], over, part, theirs)
            for over, part in parts.items()
        ]
    return blocks or ["No job of the sweeps has finished."]


def _table(records: Records, title: str, over: str, part: pd.DataFrame, theirs: bool) -> Table:
    published, backends = paper.sweep(over) if theirs else {}, records.backends(part)
    rows = []
    for level in sorted({*part[over], *published}):
        row = published.get(level)
        beside = {m: paper.estimate(row, m) if row else None for m in METRICS} if theirs else {}
        found = estimates(part[part[over] == level], backends, beside)
        rows.append({SYMBOLS[over]: f"{level:g}"} | side_by_side(found))
    fixed = ", ".join(f"{SYMBOLS[name]} = {value:g}" for name, value in FIXED[over].items())
    note = folds_note(part, backends) + (_TURNED if over == "lam" and theirs else "")
    return Table(f"{title}: {SYMBOLS[over]} with {fixed}, Table 2", highest(rows), note)


def _figure(title: str, dataset: str, parts: dict[str, pd.DataFrame], theirs: bool) -> Figure:
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(10.5, 3.4), layout="constrained")
        panels = plot.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        for axes, (over, part) in zip(panels, parts.items(), strict=True):
            for metric, colour in COLOURS.items():
                levels = sorted(part[over].unique())
                found = [over_folds(part[part[over] == level], metric) for level in levels]
                axes.errorbar(
                    levels,
                    [e.mean if e else float("nan") for e in found],
                    [e.ci95 or 0 if e else 0 for e in found],
                    color=colour,
                    marker="o",
                    markersize=4,
                    linewidth=1.4,
                    elinewidth=0.7,
                    label=HEADINGS[metric],
                )
                published = paper.sweep(over) if theirs else {}
                estimates_ = [paper.estimate(row, metric) for row in published.values()]
                axes.plot(
                    list(published),
                    [e.mean if e else float("nan") for e in estimates_],
                    color=colour,
                    linestyle=(0, (4, 2)),
                    linewidth=1,
                    label=f"{HEADINGS[metric]}, paper" if theirs else None,
                )
            axes.set_xlabel(SYMBOLS[over])
        handles, labels = panels[0].get_legend_handles_labels()
        plot.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False)
        caption = f"{title}: the three metrics over δ, γ and λ, mean over backends, with intervals"
        return Figure(f"sweeps-{dataset}", caption, element(plot))
