"""Definitions that use every operation of the contract, as a user would write them.

Each function stands in one term, so a fault in one is not hidden by another. Case distinctions
multiply when they meet in one expression, hence a part holds few of them.
"""

from __future__ import annotations

from unifocal import ClassSet, ClassWeight, Loss, Number


def smooth_pixel(xp, log_p, log_q, t, *, alpha, beta, rare):
    unary = (
        xp.cos(log_p)
        + xp.cosh(t)
        + xp.exp(2 * log_q)
        + xp.expm1(log_p)
        + xp.log(2 - log_p)
        + xp.log1p(xp.square(log_p))
        + xp.sin(log_p)
        + xp.sinh(t)
        + xp.tanh(log_p)
        + xp.pow(1 - log_p, beta)
    )
    return alpha * t * (unary + xp.where(rare, xp.sqrt(1 - log_p), xp.abs(log_p)))


def kinked_region(xp, tp, fp, fn, smooth, *, alpha):
    share = fp / (tp + fp + fn + smooth)
    kinks = xp.maximum(share, 0.125) + xp.minimum(share, alpha) * xp.sign(share - 0.2)
    return kinks + xp.where(share >= 0.3, share, 2 * share) + xp.abs(share - 0.15)


def hyper_combine(xp, pixel, region, *, lam):
    """Subexpressions of hyperparameters alone: plain Python numbers in native code."""
    gains = xp.exp(-lam) + xp.sqrt(lam) + xp.tanh(lam) + xp.square(lam) + xp.abs(lam - 2)
    return gains * xp.log(xp.cosh(pixel)) + xp.maximum(lam, 0.7) * xp.sign(lam - 0.1) * region


coverage = Loss(
    "coverage",
    "Every operation of the contract.",
    "every operation",
    pixel=smooth_pixel,
    region=kinked_region,
    combine=hyper_combine,
    hyperparameters={
        "alpha": ClassWeight(0.25, "α"),
        "beta": Number(1.5, "β"),
        "rare": ClassSet(None, "rare"),
        "lam": Number(0.5, "λ"),
    },
)


def elsewhere_pixel(xp, log_p, log_q, t, *, beta):
    return (1 - t) * xp.exp(beta * log_p) - t * log_p * xp.exp(-beta)


def square_root_region(xp, tp, fp, fn, smooth, *, beta):
    return xp.sqrt(fn / (tp + fn + smooth)) + xp.pow(fp / (tp + fp + smooth), beta)


def scaled_combine(xp, pixel, region, *, lam):
    return xp.where(lam > 0.5, pixel * region, pixel + region)


elsewhere = Loss(
    "elsewhere",
    "A pixel term of every class, powers, and a case distinction on a hyperparameter.",
    "mean (1 − t) p^β",
    pixel=elsewhere_pixel,
    region=square_root_region,
    combine=scaled_combine,
    hyperparameters={"beta": Number(0.75, "β"), "lam": Number(0.25, "λ")},
)

DEFINITIONS = (coverage, elsewhere)
