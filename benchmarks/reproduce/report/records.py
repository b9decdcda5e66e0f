"""The finished jobs as tables, and their numbers in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from benchmarks.reproduce.hypotheses import Verdict, judge, load, observations, registered
from benchmarks.reproduce.hypotheses.observations import COLUMNS, settings_of
from benchmarks.reproduce.losses import TITLES
from benchmarks.reproduce.metrics import Estimate, estimate
from benchmarks.store import Json

BACKENDS = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}
HEADINGS = {"dsc": "DSC", "precision": "Precision", "recall": "Recall"}
SYMBOLS = {"delta": "δ", "gamma": "γ", "lam": "λ"}
NOTHING = "–"


def loss_title(loss: str) -> str:
    """A loss as it is shown."""
    return TITLES[loss]


def in_order(losses: Iterable[str]) -> list[str]:
    """The paper's order, controls after it."""
    return sorted(set(losses), key=list(TITLES).index)


def over_folds(scores: pd.DataFrame, metric: str) -> Estimate | None:
    """Mean and t-interval over folds of the mean over a fold's cases; None without a score."""
    folds = scores.groupby("fold")[metric].mean().dropna()
    return estimate(folds.tolist()) if len(folds) else None


def shown(found: Estimate | None) -> str:
    """As the paper prints it."""
    return NOTHING if found is None else str(found)


def on_the_same(scores: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The scores of the trainings for whose backend and fold there are others to compare with."""
    keys = ["backend", "fold"]
    return scores.merge(others[keys].drop_duplicates(), on=keys)


def signed(number: float, digits: int = 3) -> str:
    """A difference, with a sign that is as wide as a plus."""
    return f"{number:+.{digits}f}".replace("-", "−")


@dataclass(frozen=True)
class Records:
    """All finished jobs of a folder."""

    folder: Path
    jobs: list[Json]

    @classmethod
    def read(cls, results: Path) -> Records:
        """Everything in a folder of results."""
        return cls(results, load(results))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row for each job, case and class."""
        return observations(self.jobs)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row for each job."""
        kept = ("first_loss", "seconds", "seconds_in_step", "seconds_waiting")
        rows = [
            settings_of(job["job"])
            | {name: job[name] for name in kept}
            | {"name": job["name"], "epochs": len(job["history"])}
            for job in self.jobs
        ]
        conditions = COLUMNS[: COLUMNS.index("class")]
        frame = pd.DataFrame(rows, columns=[*conditions, *kept, "name", "epochs"])
        return frame.astype(dict.fromkeys(kept, float))

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the jobs say to the registered hypotheses."""
        rules, hypotheses = registered()
        return judge(self.scores, hypotheses, rules)

    @cached_property
    def titles(self) -> dict[str, str]:
        """The data sets that have jobs."""
        return {job["job"]["dataset"]: job["dataset_title"] for job in self.jobs}

    def backends(self, scores: pd.DataFrame) -> list[str]:
        """The backends in some scores, in the usual order."""
        found = set(scores["backend"])
        return [*(b for b in BACKENDS if b in found), *sorted(found - set(BACKENDS))]
