"""Mean ranks with their critical difference (Friedman and Nemenyi)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.hypotheses.contrasts import per_unit
from benchmarks.reproduce.hypotheses.statistics import Ranks, ranks
from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.losses import LOSS_COLOURS, compared
from benchmarks.reproduce.report.records import Records, loss_title
from unifocal.certificate.figures import STYLE, element


def critical_difference(records: Records) -> list[Block]:
    """Mean ranks; what a bar connects is not told apart."""
    blocks: list[Block] = []
    for dataset, scores in compared(records).groupby("dataset", sort=False):
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
