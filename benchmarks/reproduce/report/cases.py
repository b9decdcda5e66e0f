"""Scores per case, which means do not show."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.losses import LOSS_COLOURS, compared
from benchmarks.reproduce.report.records import Records, in_order, loss_title
from unifocal.certificate.figures import STYLE, element


def per_case(records: Records) -> list[Block]:
    """The DSC of every test case, which means do not show."""
    figures: list[Block] = []
    for dataset, scores in compared(records).groupby("dataset", sort=False):
        cases = scores.groupby(["loss", "fold", "case"])["dsc"].mean()
        losses = in_order(scores["loss"])[::-1]
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
