"""Learning curves, the recall-precision plane, scores per case, and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from matplotlib.lines import Line2D

from benchmarks.reproduce.hypotheses.contrasts import per_unit
from benchmarks.reproduce.hypotheses.statistics import Ranks, ranks
from benchmarks.reproduce.report import paper
from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.records import BACKENDS, Records, in_order, loss_title
from benchmarks.store import Json
from unifocal.certificate.figures import COLOURS, STYLE, element

LOSS_COLOURS = {
    "cross_entropy": "#7f7f7f",
    "focal": "#d55e00",
    "dice": "#0072b2",
    "tversky": "#56b4e9",
    "focal_tversky": "#009e73",
    "combo": "#e69f00",
    "hybrid_focal": "#cc79a7",
    "unified_focal": "#000000",
}
MARKERS = dict(zip(LOSS_COLOURS, "Xov^sDPd", strict=True))


def _compared(records: Records) -> pd.DataFrame:
    scores = records.scores
    return scores[(scores["experiment"] == "comparison") & scores["loss"].isin(LOSS_COLOURS)]


# Learning curves ----------------------------------------------------------------------------------


def _median(histories: Sequence[Sequence[Json]], name: str) -> list[float]:
    """Over folds, as far as all of them went."""
    epochs = min(map(len, histories))
    values = pd.DataFrame([[epoch[name] for epoch in h[:epochs]] for h in histories], dtype=float)
    return [float(value) for value in values.median()]


def learning_curves(records: Records) -> list[Block]:
    """For each data set, a panel per loss: training and validation on every backend."""
    figures: list[Block] = []
    jobs = [job for job in records.jobs if job["job"]["experiment"] == "comparison"]
    for dataset in dict.fromkeys(job["job"]["dataset"] for job in jobs):
        mine = [job for job in jobs if job["job"]["dataset"] == dataset]
        losses = in_order(job["job"]["loss"] for job in mine)
        rows = -(-len(losses) // 4)
        with mpl.rc_context(STYLE | {"font.size": 9}):
            plot = Plot(figsize=(10.5, 0.5 + 2.1 * rows), layout="constrained")
            panels = plot.subplots(rows, 4, squeeze=False).flat
            for loss, axes in zip(losses, panels, strict=False):
                _curves(axes, [job for job in mine if job["job"]["loss"] == loss])
                axes.set_title(loss_title(loss), fontsize=9)
            for axes in list(panels):
                axes.set_axis_off()
            labels = {
                label: line
                for axes in plot.axes
                for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            plot.legend(
                labels.values(), labels.keys(), loc="outside upper center", ncols=6, frameon=False
            )
            caption = f"{records.titles[dataset]}: loss over epochs, median over folds"
            figures.append(Figure(f"curves-{dataset}", caption, element(plot)))
    return figures or ["No job of the comparison has finished."]


def _curves(axes: Axes, jobs: Sequence[Json]) -> None:
    for backend in BACKENDS:
        histories = [job["history"] for job in jobs if job["job"]["backend"] == backend]
        if not histories:
            continue
        title = BACKENDS[backend]
        for name, label, style in (
            ("loss", "training", (0, (3, 2))),
            ("validation_loss", "validation", "-"),
        ):
            values = _median(histories, name)
            line: Any = {"linestyle": style, "linewidth": 1.1, "color": COLOURS[title]}
            axes.plot(range(1, len(values) + 1), values, **line, label=f"{title}, {label}")
    axes.tick_params(labelsize=8)


# The recall-precision plane -----------------------------------------------------------------------


def plane(records: Records) -> list[Block]:
    """Where each loss lies between missing and inventing, and where the paper has it."""
    scores = _compared(records)
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


# Scores per case ----------------------------------------------------------------------------------


def per_case(records: Records) -> list[Block]:
    """The DSC of every test case, which means do not show."""
    figures: list[Block] = []
    for dataset, scores in _compared(records).groupby("dataset", sort=False):
        losses = in_order(scores["loss"])[::-1]
        cases = scores.groupby(["loss", "fold", "case"])["dsc"].mean().dropna()
        with mpl.rc_context(STYLE):
            plot = Plot(figsize=(9, 0.8 + 0.32 * len(losses)), layout="constrained")
            axes = plot.subplots()
            boxes = axes.boxplot(
                [cases[loss].to_numpy() for loss in losses],
                orientation="horizontal",
                tick_labels=[loss_title(loss) for loss in losses],
                widths=0.6,
                patch_artist=True,
                flierprops={"markersize": 2.5, "markeredgewidth": 0.5},
                medianprops={"color": "white", "linewidth": 1.5},
            )
            for box, loss in zip(boxes["boxes"], losses, strict=True):
                box.set(facecolor=LOSS_COLOURS[loss], linewidth=0)
            axes.set(xlabel="DSC of a test case", xlim=(-0.01, 1.01))
            title = records.titles[dataset]
            caption = f"{title}: DSC per test case, mean over backends and classes"
            figures.append(Figure(f"cases-{dataset}", caption, element(plot)))
    return figures


# Critical differences -----------------------------------------------------------------------------


def critical_difference(records: Records) -> list[Block]:
    """Mean ranks; what a bar connects is not told apart."""
    blocks: list[Block] = []
    for dataset, scores in _compared(records).groupby("dataset", sort=False):
        table = scores.pivot_table(
            index=["backend", "fold", "case"], columns="loss", values="dsc"
        ).dropna()
        sample = per_unit(table)
        if len(sample.values) < 2 or table.shape[1] < 3:
            continue
        found = ranks(sample.values)
        caption = (
            f"{records.titles[dataset]}: mean rank by DSC over {len(sample.values)} {sample.unit}, "
            f"Friedman p = {found.p:.2g}; a bar connects what Nemenyi's test does not tell apart "
            f"(critical difference {found.critical:.2f})"
        )
        blocks.append(Figure(f"ranks-{dataset}", caption, _ranks(found, list(table.columns))))
    return blocks or ["Ranks need three losses on the same cases."]


def cliques(ordered: Sequence[float], critical: float) -> list[tuple[int, int]]:
    """First and last of each largest run of ranks within the critical difference."""
    runs: list[tuple[int, int]] = []
    for first, rank in enumerate(ordered):
        last = max(i for i, other in enumerate(ordered) if other - rank < critical)
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs


def _ranks(found: Ranks, losses: Sequence[str]) -> str:
    order = np.argsort(found.means)
    ordered = [float(found.means[i]) for i in order]
    runs = cliques(ordered, found.critical)
    k, half = len(order), -(-len(order) // 2)
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(9, 1.0 + 0.24 * half + 0.14 * len(runs)), layout="constrained")
        axes = plot.subplots()
        axes.xaxis.tick_top()
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.spines["top"].set_visible(True)
        below = 0.5 + 0.35 * len(runs)
        axes.set(xlim=(0.2 - 0.3 * k, k + 0.8 + 0.3 * k), xticks=range(1, k + 1), yticks=[])
        axes.set_ylim(-below - 0.65 * half, 0)
        axes.spines["top"].set_bounds(1, k)
        for level, (first, last) in enumerate(runs):
            y = -0.4 - 0.35 * level
            axes.plot([ordered[first] - 0.06, ordered[last] + 0.06], [y, y], color="#333", lw=3)
        for place, i in enumerate(order):
            left = place < half
            y = -below - 0.6 * (place if left else k - 1 - place)
            end = 0.8 if left else k + 0.2
            colour = LOSS_COLOURS[losses[i]]
            axes.plot([ordered[place], ordered[place], end], [0, y, y], color=colour, lw=1)
            text = f"{loss_title(losses[i])}  {ordered[place]:.2f}"
            axes.text(end, y, f" {text} ", ha="right" if left else "left", va="center", fontsize=9)
        return element(plot)
