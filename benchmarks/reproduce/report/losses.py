"""The losses of the comparison as they are drawn."""

from __future__ import annotations

import pandas as pd

from benchmarks.reproduce.hypotheses.contrasts import select
from benchmarks.reproduce.report.records import Records

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


def compared(records: Records) -> pd.DataFrame:
    """What could be scored in the comparison."""
    condition = {"experiment": "comparison", "loss": list(LOSS_COLOURS)}
    return select(records.scores, condition).dropna(subset="dsc")
