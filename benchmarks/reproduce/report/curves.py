"""Learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.records import BACKENDS, Records, in_order, loss_title
from benchmarks.store import Json
from unifocal.certificate.figures import COLOURS, STYLE, element


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
