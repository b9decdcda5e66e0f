"""Supported, contradicted, not resolved, or no data: corrected within each family of tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from benchmarks.reproduce.hypotheses.evidence import Evidence, Hypothesis, Rules, weigh
from benchmarks.reproduce.hypotheses.statistics import holm

REGISTRY = Path(__file__).with_name("hypotheses.yaml")

SUPPORTED, CONTRADICTED = "supported", "contradicted"
NOT_RESOLVED, NO_DATA = "not resolved", "no data"


class Verdict(NamedTuple):
    """What a data set says to a hypothesis; no data set where none has the conditions."""

    hypothesis: Hypothesis
    dataset: str | None
    evidence: Evidence | None
    p: float | None
    """Two-sided, corrected."""
    verdict: str


def registered(path: Path = REGISTRY) -> tuple[Rules, list[Hypothesis]]:
    """The rules and the hypotheses, in the order of the file."""
    content = yaml.safe_load(path.read_text("utf-8"))
    rules = Rules(*(content[name] for name in Rules._fields))
    return rules, [Hypothesis(**entry) for entry in content["hypotheses"]]


def decide(evidence: Evidence, p: float, alpha: float) -> str:
    """Either answer needs a corrected p of at most alpha; neither is forced."""
    if p > alpha:
        return NOT_RESOLVED
    favour, against = evidence.directions
    return SUPPORTED if favour < against else CONTRADICTED


def judge(frame: pd.DataFrame, hypotheses: Iterable[Hypothesis], rules: Rules) -> list[Verdict]:
    """A verdict for every hypothesis and data set that has its conditions."""
    undecided: list[tuple[Hypothesis, str | None, Evidence | None]] = []
    for hypothesis in hypotheses:
        found = [
            (hypothesis, str(dataset), evidence)
            for dataset, part in frame.groupby("dataset")
            if (evidence := weigh(hypothesis, part, rules)) is not None
        ]
        undecided += found or [(hypothesis, None, None)]
    corrected = _corrected(undecided)
    return [
        Verdict(hypothesis, dataset, evidence, p, decide(evidence, p, rules.alpha))
        if evidence is not None and p is not None
        else Verdict(hypothesis, None, None, None, NO_DATA)
        for (hypothesis, dataset, evidence), p in zip(undecided, corrected, strict=True)
    ]


def _corrected(
    rows: list[tuple[Hypothesis, str | None, Evidence | None]],
) -> list[float | None]:
    """Holm's p within each family, in the order of the rows."""
    corrected: list[float | None] = [None] * len(rows)
    for family in {hypothesis.family for hypothesis, _, _ in rows}:
        tested = [
            (i, e.directions.p) for i, (h, _, e) in enumerate(rows) if e and h.family == family
        ]
        for (i, _), p in zip(tested, holm([p for _, p in tested]), strict=True):
            corrected[i] = p
    return corrected
