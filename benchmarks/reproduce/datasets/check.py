"""What a data set should be according to the paper, beside what it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# The text's number of cases, and Table 1: per cent of an image, averaged over the data set.
CASES = {"bus": 163, "brats": 342, "kits19": 204}
FOREGROUND = {
    "bus": {"lesion": 4.8},
    "brats": {"enhancing tumour": 0.2},
    "kits19": {"kidney": 0.8, "tumour": 0.2},
}


class Described(Protocol):
    """A data set on disk, or prepared."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def cases(self) -> tuple[str, ...]: ...  # noqa: D102
    def foreground(self) -> NDArray[np.float64]: ...  # noqa: D102


class Row(NamedTuple):
    """A quantity, what was found, and what the paper has: None where it says nothing."""

    quantity: str
    found: float
    paper: float | None

    @property
    def agrees(self) -> bool | None:
        """To the digits that the paper prints."""
        if self.paper is None:
            return None
        return round(self.found, 0 if self.paper > 100 else 1) == self.paper


def check(data: Described) -> list[Row]:
    """The number of cases, and the mean percentage of every foreground class."""
    percentages = 100 * data.foreground().mean(axis=0)
    printed = FOREGROUND.get(data.kind, {})
    return [
        Row("cases", len(data.cases), CASES.get(data.kind)),
        *(
            Row(f"{name}, %", float(found), printed.get(name))
            for name, found in zip(data.classes[1:], percentages, strict=True)
        ),
    ]


def report(data: Described) -> str:
    """The check as lines of text. A subset, or a phantom, departs and is used all the same."""
    lines = [f"{data.name} ({data.kind})"]
    for quantity, found, paper in check(data):
        text = f"  {quantity}: {found:.4g}"
        if paper is not None:
            verdict = "as in" if Row(quantity, found, paper).agrees else "differs from"
            text += f" ({verdict} the paper: {paper:g})"
        lines.append(text)
    return "\n".join(lines)
