"""Losses that claims speak of but that the package does not offer: the family, and 1 − F_B.

They are definitions like those of `losses.py`, so the same machinery runs, proves and evaluates
them. A coefficient of the family is one number per class and is always given as a sequence.
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import Array, ClassWeight, Loss, Number
from unifocal_spec.losses import focal_pixel, tversky_region


def family_pixel(
    xp: Any, log_p: Array, log_q: Array, t: Array, *, omega: Array, gamma: Array
) -> Array:
    """Return ω_c (1 − p)^γ_c t (−log p)."""
    return focal_pixel(xp, log_p, log_q, t, alpha=omega, gamma=gamma)


def family_region(
    xp: Any,
    tp: Array,
    fp: Array,
    fn: Array,
    smooth: Array,
    *,
    alpha: Array,
    beta: Array,
    kappa: Array,
) -> Array:
    """Return (1 − TI(α_c, β_c))^κ_c."""
    return tversky_region(xp, tp, fp, fn, smooth, alpha=alpha, beta=beta) ** kappa


def family_combine(xp: Any, pixel: Array, region: Array, *, a: Array, b: Array) -> Array:
    """Return a · pixel part + b · region part."""
    return a * pixel + b * region


def asymmetric_similarity_region(
    xp: Any, tp: Array, fp: Array, fn: Array, smooth: Array, *, b: Array
) -> Array:
    """Return 1 − F_B, F_B = (1 + B²)(TP + s) / ((1 + B²)(TP + s) + B² FN + FP).

    The score F_B as it is usually written, TP smoothed by s as in the Tversky index.
    """
    hits = (1 + b**2) * (tp + smooth)
    return 1 - hits / (hits + b**2 * fn + fp)


family = Loss(
    "family",
    "the one family of all losses",
    "a (1/W) Σ_i w Σ_c ω_c (1 − p_c)^γ_c t_c (−log p_c) + b mean_c (1 − TI_c(α_c, β_c))^κ_c",
    pixel=family_pixel,
    region=family_region,
    combine=family_combine,
    hyperparameters={
        "a": Number(1.0, "a, the factor of the pixel part"),
        "b": Number(1.0, "b, the factor of the region part"),
        "omega": ClassWeight(None, "ω_c, the weight of class c in the pixel part"),
        "gamma": ClassWeight(None, "γ_c, the focusing of class c"),
        "alpha": ClassWeight(None, "α_c, the weight of false positives of class c"),
        "beta": ClassWeight(None, "β_c, the weight of false negatives of class c"),
        "kappa": ClassWeight(None, "κ_c, the exponent of class c in the region part"),
    },
)

asymmetric_similarity = Loss(
    "asymmetric_similarity",
    "1 − F_B, the asymmetric similarity loss",
    "mean_c (1 − F_B)",
    region=asymmetric_similarity_region,
    hyperparameters={"b": Number(1.0, "B, how much recall counts against precision")},
)

AUXILIARY: dict[str, Loss] = {loss.name: loss for loss in (family, asymmetric_similarity)}
"""Every auxiliary loss, by name."""
