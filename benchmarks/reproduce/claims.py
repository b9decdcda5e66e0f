"""What the paper says about the losses, as hypotheses written down before any run.

Each is a paired difference per test case, so a claim is supported, contradicted or undecided; no
ranking is forced out of noise. The intervals are over cases and say nothing about another training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.reproduce.metrics import Estimate, Scores, estimate

PIXEL = ("cross_entropy", "focal")
REGION = ("dice", "tversky", "focal_tversky")
COMPOUND = ("combo", "hybrid_focal", "unified_focal")


class Claim(NamedTuple):
    """The mean ``metric`` of the losses ``higher`` exceeds that of the losses ``lower``."""

    text: str
    metric: str
    higher: tuple[str, ...]
    lower: tuple[str, ...]


CLAIMS = (
    Claim("Region and compound losses beat Focal", "dsc", (*REGION, *COMPOUND), ("focal",)),
    Claim(
        "Region and compound losses recall more than Focal",
        "recall",
        (*REGION, *COMPOUND),
        ("focal",),
    ),
    Claim("Region losses beat pixel losses", "dsc", REGION, PIXEL),
    Claim("Compound losses beat pixel losses", "dsc", COMPOUND, PIXEL),
    Claim("Compound losses beat region losses", "dsc", COMPOUND, REGION),
    Claim("Tversky has more recall than Dice", "recall", ("tversky",), ("dice",)),
    Claim("Tversky has less precision than Dice", "precision", ("dice",), ("tversky",)),
    Claim(
        "Unified Focal beats the mean of the paper's others",
        "dsc",
        ("unified_focal",),
        ("focal", *REGION, "combo", "hybrid_focal"),
    ),
    Claim("Unified Focal beats Hybrid Focal", "dsc", ("unified_focal",), ("hybrid_focal",)),
)


def differences(claim: Claim, scores: Mapping[str, Mapping[str, Scores | None]]) -> list[float]:
    """Higher minus lower for every case that all the claim's losses could be scored on."""
    losses = claim.higher + claim.lower
    paired = []
    for case in scores[losses[0]]:
        scored = {loss: scores[loss][case] for loss in losses}
        values = {n: getattr(s, claim.metric) for n, s in scored.items() if s is not None}
        if len(values) == len(losses):
            higher, lower = ([values[n] for n in side] for side in (claim.higher, claim.lower))
            paired.append(float(np.mean(higher) - np.mean(lower)))
    return paired


def verdict(difference: Estimate) -> str:
    """Supported or contradicted only where the interval excludes zero."""
    if difference.ci95 is None or abs(difference.mean) <= difference.ci95:
        return "undecided"
    return "supported" if difference.mean > 0 else "contradicted"


def judge(scores: Mapping[str, Mapping[str, Scores | None]]) -> list[dict[str, Any]]:
    """Every claim whose losses all have scores, with its difference and verdict."""
    rows = []
    for claim in CLAIMS:
        if not set(claim.higher + claim.lower) <= scores.keys():
            continue
        paired = differences(claim, scores)
        if paired:
            difference = estimate(paired)
            rows.append(
                {
                    "claim": claim.text,
                    "metric": claim.metric,
                    "cases": len(paired),
                    "difference": difference.mean,
                    "ci95": difference.ci95,
                    "verdict": verdict(difference),
                }
            )
    return rows
