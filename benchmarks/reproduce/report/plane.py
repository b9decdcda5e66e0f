"""The recall-precision plane, with the paper's points beside ours."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

from benchmarks.reproduce.report import paper
from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.losses import LOSS_COLOURS, MARKERS, compared
from benchmarks.reproduce.report.records import Records, loss_title
from benchmarks.store import Json
from unifocal.certificate.figures import STYLE, element


def plane(records: Records) -> list[Block]:
    """Where each loss lies between missing and inventing, and where the paper has it."""
    scores = compared(records)
    if scores.empty:
        return ["No job of the comparison has finished."]
    datasets = list(dict.fromkeys(scores["dataset"]))
    rows = -(-len(datasets) // 3)
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(10.5, 0.6 + 3.7 * rows), layout="constrained")
        panels = plot.subplots(rows, 3, squeeze=False).flat
        for dataset, axes in zip(datasets, panels, strict=False):
            _plane(axes, scores[scores["dataset"] == dataset], paper.comparison(dataset))
            axes.set_title(records.titles[dataset], fontsize=10)
        for axes in list(panels):
            axes.set_axis_off()
        handles = [
            Line2D([], [], color=colour, marker=MARKERS[x], linestyle="none", label=loss_title(x))
            for x, colour in LOSS_COLOURS.items()
        ]
        plot.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    caption = (
        "Precision over recall, mean over folds, backends and classes. Hollow: the paper's. Grey: "
        "lines of equal F1, which is the DSC of one case"
    )
    return [Figure("recall-precision", caption, element(plot))]


_FAINT: Any = {"fontsize": 7, "color": "#999999"}


def _plane(axes: Axes, scores: pd.DataFrame, published: dict[str, Json]) -> None:
    ours = scores.groupby("loss")[["recall", "precision"]].mean()
    theirs = {loss: _mean_of_classes(row) for loss, row in published.items()}
    points = np.array([*ours.to_numpy(), *theirs.values()])
    low, high = np.nanmin(points, axis=0) - 0.06, np.minimum(np.nanmax(points, axis=0) + 0.06, 1)
    for f1 in np.arange(0.1, 1, 0.1):
        recall = np.linspace(f1 / 2 + 1e-3, 1, 400)
        precision = f1 * recall / (2 * recall - f1)
        axes.plot(recall, precision, color="#dddddd", linewidth=0.8, zorder=0)
        seen = (recall > low[0]) & (precision < high[1]) & (precision > low[1]) & (recall < high[0])
        if seen.any():  # named where it comes in
            at = (recall[seen][0], precision[seen][0])
            axes.annotate(f"{f1:.1f}", at, (3, -8), textcoords="offset points", **_FAINT)
    for loss, colour in LOSS_COLOURS.items():
        marker: Any = {"marker": MARKERS[loss], "color": colour, "linestyle": "none"}
        if loss in ours.index:
            axes.plot(*ours.loc[loss], **marker, markersize=7)
        if loss in theirs:
            axes.plot(*theirs[loss], **marker, markersize=7, fillstyle="none", alpha=0.8)
    axes.set(xlabel="recall", ylabel="precision", xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _mean_of_classes(row: Json) -> tuple[float, float]:
    """Recall and precision."""

    def mean(metric: str) -> float:
        return float(np.mean([v["mean"] for name, v in row.items() if name.startswith(metric)]))

    return mean("recall"), mean("precision")
