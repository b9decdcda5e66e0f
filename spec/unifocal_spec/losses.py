"""The ten losses, each written once, beside the paper's equation.

    p    probability of class c at one pixel      log_p = log p,  log_q = log(1 − p)
    t    target of class c at that pixel, in [0, 1]
    TP = Σ w p t,  FP = Σ w p (1 − t),  FN = Σ w (1 − p) t      sums of one class in one region

Equation numbers are those of Yeung et al., arXiv:2102.04525. Where the print is wrong, `errata/`
says so and these functions are what we implement. A power of 1 − p is written exp(γ log_q), which
is finite for every γ ≥ 0, also where p is 0 or 1.
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import Array, ClassSet, ClassWeight, Loss, Number

# Pixel terms: one class at one pixel -----------------------------------------------------------


def cross_entropy_pixel(xp: Any, log_p: Array, log_q: Array, t: Array) -> Array:
    """(2)  t (−log p)."""
    return -t * log_p


def focal_pixel(
    xp: Any, log_p: Array, log_q: Array, t: Array, *, alpha: Array, gamma: Array
) -> Array:
    """(6), (7)  α_c (1 − p)^γ t (−log p)."""
    return alpha * xp.exp(gamma * log_q) * cross_entropy_pixel(xp, log_p, log_q, t)


def modified_cross_entropy_pixel(
    xp: Any, log_p: Array, log_q: Array, t: Array, *, beta: Array
) -> Array:
    """(14)  β_c t (−log p)."""
    return beta * cross_entropy_pixel(xp, log_p, log_q, t)


def hybrid_focal_pixel(
    xp: Any, log_p: Array, log_q: Array, t: Array, *, focal_alpha: Array, focal_gamma: Array
) -> Array:
    """(15), its focal half."""
    return focal_pixel(xp, log_p, log_q, t, alpha=focal_alpha, gamma=focal_gamma)


def asymmetric_focal_pixel(
    xp: Any, log_p: Array, log_q: Array, t: Array, *, delta: Array, gamma: Array, rare: Array
) -> Array:
    """(17)  δ t (−log p) for a rare class, (1 − δ) (1 − p)^γ t (−log p) for the others."""
    focusing = xp.where(rare, delta, (1 - delta) * xp.exp(gamma * log_q))
    return focusing * cross_entropy_pixel(xp, log_p, log_q, t)


# Region terms: the sums of one class -----------------------------------------------------------


def tversky_region(
    xp: Any, tp: Array, fp: Array, fn: Array, smooth: Array, *, alpha: Array, beta: Array
) -> Array:
    """(10), (11)  1 − TI = (α FP + β FN) / (TP + α FP + β FN + s), free of cancellation."""
    error = alpha * fp + beta * fn
    return error / (tp + error + smooth)


def dice_region(xp: Any, tp: Array, fp: Array, fn: Array, smooth: Array) -> Array:
    """(8), (9)  1 − TI(½, ½)."""
    return tversky_region(xp, tp, fp, fn, smooth, alpha=0.5, beta=0.5)


def focal_tversky_region(
    xp: Any,
    tp: Array,
    fp: Array,
    fn: Array,
    smooth: Array,
    *,
    alpha: Array,
    beta: Array,
    gamma: Array,
) -> Array:
    """(12)  (1 − TI(α, β))^(1/γ)."""
    return tversky_region(xp, tp, fp, fn, smooth, alpha=alpha, beta=beta) ** (1 / gamma)


def minus_dice_index_region(xp: Any, tp: Array, fp: Array, fn: Array, smooth: Array) -> Array:
    """(13), its Dice half  −TI(½, ½)."""
    return dice_region(xp, tp, fp, fn, smooth) - 1


def hybrid_focal_region(
    xp: Any,
    tp: Array,
    fp: Array,
    fn: Array,
    smooth: Array,
    *,
    tversky_alpha: Array,
    tversky_beta: Array,
    tversky_gamma: Array,
) -> Array:
    """(15), its focal Tversky half."""
    return focal_tversky_region(
        xp, tp, fp, fn, smooth, alpha=tversky_alpha, beta=tversky_beta, gamma=tversky_gamma
    )


def asymmetric_focal_tversky_region(
    xp: Any,
    tp: Array,
    fp: Array,
    fn: Array,
    smooth: Array,
    *,
    delta: Array,
    gamma: Array,
    rare: Array,
) -> Array:
    """(18), (19)  (1 − TI(1 − δ, δ))^(1 − γ) for a rare class, 1 − TI(1 − δ, δ) for the others."""
    error = tversky_region(xp, tp, fp, fn, smooth, alpha=1 - delta, beta=delta)
    return xp.where(rare, error ** (1 - gamma), error)


# Combinations of the two averages --------------------------------------------------------------


def combo_combine(xp: Any, pixel: Array, region: Array, *, alpha: Array) -> Array:
    """(13)  α mCE − (1 − α) mean TI."""
    return alpha * pixel + (1 - alpha) * region


def balance_combine(xp: Any, pixel: Array, region: Array, *, lam: Array) -> Array:
    """(15), (20)  λ pixel part + (1 − λ) region part."""
    return lam * pixel + (1 - lam) * region


# The losses ------------------------------------------------------------------------------------

_FALSE_POSITIVES = Number(0.3, "α, the weight of false positives")
_FALSE_NEGATIVES = Number(0.7, "β, the weight of false negatives")
_DELTA = Number(
    0.6, "δ, the weight of the rare classes and of false negatives; 1 − δ weighs the rest", high=1.0
)
_RARE = ClassSet(None, "the class indices treated as rare; None: every class but 0")
_LAM = Number(
    0.5, "λ, the share of the pixel part; 1 − λ is the share of the region part", high=1.0
)

cross_entropy = Loss(
    "cross_entropy",
    "Cross-entropy between target and prediction.",
    "(1/W) Σ_i w Σ_c t_c (−log p_c)",
    "(2)",
    pixel=cross_entropy_pixel,
)

focal = Loss(
    "focal",
    "Cross-entropy that turns away from pixels already predicted well.",
    "(1/W) Σ_i w Σ_c α_c (1 − p_c)^γ t_c (−log p_c)",
    "(6), (7)",
    pixel=focal_pixel,
    hyperparameters={
        "alpha": ClassWeight(
            0.25, "α, the class weights: a number a means 1 − a for class 0 and a for the others"
        ),
        "gamma": Number(2.0, "γ ≥ 0, how strongly easy pixels are suppressed"),
    },
)

dice = Loss(
    "dice",
    "One minus the soft Dice similarity coefficient.",
    "mean_c (1 − TI_c(½, ½))",
    "(8), (9)",
    region=dice_region,
)

tversky = Loss(
    "tversky",
    "One minus the Tversky index, which weighs false positives and false negatives apart.",
    "mean_c (1 − TI_c(α, β))",
    "(10), (11)",
    region=tversky_region,
    hyperparameters={"alpha": _FALSE_POSITIVES, "beta": _FALSE_NEGATIVES},
)

focal_tversky = Loss(
    "focal_tversky",
    "A power of the Tversky loss of each class.",
    "mean_c (1 − TI_c(α, β))^(1/γ)",
    "(12)",
    region=focal_tversky_region,
    hyperparameters={
        "alpha": _FALSE_POSITIVES,
        "beta": _FALSE_NEGATIVES,
        "gamma": Number(
            4 / 3, "γ > 0; above 1 it enhances classes near a perfect prediction", positive=True
        ),
    },
)

combo = Loss(
    "combo",
    "Weighted cross-entropy minus the soft Dice coefficient.",
    "α (1/W) Σ_i w Σ_c β_c t_c (−log p_c) − (1 − α) mean_c TI_c(½, ½)",
    "(13), (14)",
    pixel=modified_cross_entropy_pixel,
    region=minus_dice_index_region,
    combine=combo_combine,
    hyperparameters={
        "alpha": Number(0.5, "α, the share of cross-entropy; 1 − α is the share of Dice", high=1.0),
        "beta": ClassWeight(
            0.5, "β, the class weights: a number b means 1 − b for class 0 and b for the others"
        ),
    },
)

hybrid_focal = Loss(
    "hybrid_focal",
    "The focal loss and the focal Tversky loss together.",
    "λ focal + (1 − λ) focal_tversky",
    "(15)",
    pixel=hybrid_focal_pixel,
    region=hybrid_focal_region,
    combine=balance_combine,
    hyperparameters={
        "lam": _LAM,
        "focal_alpha": focal.hyperparameters["alpha"],
        "focal_gamma": focal.hyperparameters["gamma"],
        "tversky_alpha": focal_tversky.hyperparameters["alpha"],
        "tversky_beta": focal_tversky.hyperparameters["beta"],
        "tversky_gamma": focal_tversky.hyperparameters["gamma"],
    },
)

asymmetric_focal = Loss(
    "asymmetric_focal",
    "The focal loss that suppresses easy pixels of the common classes only.",
    "(1/W) Σ_i w Σ_c [rare: δ; else (1 − δ)(1 − p_c)^γ] t_c (−log p_c)",
    "(17)",
    pixel=asymmetric_focal_pixel,
    hyperparameters={
        "delta": _DELTA,
        "gamma": Number(0.2, "γ ≥ 0, how strongly easy pixels of common classes are suppressed"),
        "rare": _RARE,
    },
)

asymmetric_focal_tversky = Loss(
    "asymmetric_focal_tversky",
    "The focal Tversky loss that enhances the rare classes only.",
    "mean_c [rare: (1 − TI_c(1 − δ, δ))^(1 − γ); else 1 − TI_c(1 − δ, δ)]",
    "(18), (19)",
    region=asymmetric_focal_tversky_region,
    hyperparameters={
        "delta": _DELTA,
        "gamma": Number(0.2, "γ in [0, 1], how strongly the rare classes are enhanced", high=1.0),
        "rare": _RARE,
    },
)

unified_focal = Loss(
    "unified_focal",
    "The Unified Focal loss: asymmetric focal and asymmetric focal Tversky, sharing δ and γ.",
    "λ asymmetric_focal + (1 − λ) asymmetric_focal_tversky",
    "(20)",
    pixel=asymmetric_focal.pixel,
    region=asymmetric_focal_tversky.region,
    combine=balance_combine,
    hyperparameters={
        "lam": _LAM,
        "delta": _DELTA,
        "gamma": Number(
            0.2, "γ in [0, 1], suppresses easy common pixels and enhances rare classes", high=1.0
        ),
        "rare": _RARE,
    },
)

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        cross_entropy,
        focal,
        dice,
        tversky,
        focal_tversky,
        combo,
        hybrid_focal,
        asymmetric_focal,
        asymmetric_focal_tversky,
        unified_focal,
    )
}
"""Every loss of the package, by name."""
