"""Losses as others might write them, each with a convention of its own: NumPy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
EPSILON = 1e-5


def softmax(logits: Array, axis: int = 1) -> Array:
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(target: Array, classes: int) -> Array:
    return np.moveaxis(np.eye(classes)[target], -1, 1)


def log_softmax(logits: Array) -> Array:
    z = logits - logits.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def sums(logits: Array, target: Array) -> tuple[Array, Array, Array]:
    """TP, FP and FN, per sample and class."""
    p, t = softmax(logits), one_hot(target, logits.shape[1])
    pixels = tuple(range(2, p.ndim))
    return (p * t).sum(pixels), (p * (1 - t)).sum(pixels), ((1 - p) * t).sum(pixels)


def index(
    sums_: tuple[Array, Array, Array], alpha: float, beta: float, s: float = EPSILON
) -> Array:
    tp, fp, fn = sums_
    return (tp + s) / (tp + alpha * fp + beta * fn + s)


# Pixel losses


def cross_entropy_sum(logits: Array, target: Array) -> float:
    return -(one_hot(target, logits.shape[1]) * log_softmax(logits)).sum()


def cross_entropy_over_classes(logits: Array, target: Array) -> float:
    return -(one_hot(target, logits.shape[1]) * log_softmax(logits)).mean()


def clipped_cross_entropy(logits: Array, target: Array) -> float:
    p = np.clip(softmax(logits), 1e-7, 1 - 1e-7)
    return -(one_hot(target, logits.shape[1]) * np.log(p)).sum(axis=1).mean()


def _focal(logits: Array, target: Array, factor: Any, exponent: float) -> float:
    p = softmax(logits)
    terms = (1 - p) ** exponent * one_hot(target, p.shape[1]) * -log_softmax(logits)
    of_class = np.array([factor(c) for c in range(p.shape[1])])
    return (np.moveaxis(terms, 1, -1) * of_class).sum(axis=-1).mean()


def focal_same_alpha(logits: Array, target: Array, alpha: float, gamma: float) -> float:
    return _focal(logits, target, lambda c: alpha, gamma)


def focal_swapped_alpha(logits: Array, target: Array, alpha: float, gamma: float) -> float:
    return _focal(logits, target, lambda c: 1 - alpha if c else alpha, gamma)


def focal_one_minus_gamma(logits: Array, target: Array, alpha: float, gamma: float) -> float:
    return _focal(logits, target, lambda c: alpha if c else 1 - alpha, 1 - gamma)


def sigmoid_focal(logits: Array, target: Array, alpha: float, gamma: float) -> float:
    p, t = 1 / (1 + np.exp(-logits)), one_hot(target, logits.shape[1])
    p_t, alpha_t = np.where(t == 1, p, 1 - p), np.where(t == 1, alpha, 1 - alpha)
    log_p_t = -np.logaddexp(0, np.where(t == 1, -logits, logits))
    return (-alpha_t * (1 - p_t) ** gamma * log_p_t).mean()


# Region losses


def swapped_tversky(logits: Array, target: Array, alpha: float, beta: float) -> float:
    return (1 - index(sums(logits, target), beta, alpha)).mean()


def focal_tversky_gamma(
    logits: Array, target: Array, alpha: float, beta: float, gamma: float
) -> float:
    return ((1 - index(sums(logits, target), alpha, beta)) ** gamma).mean()


def focal_tversky_of_the_mean(
    logits: Array, target: Array, alpha: float, beta: float, gamma: float
) -> float:
    losses = 1 - index(sums(logits, target), alpha, beta)
    return (losses.mean(axis=1) ** (1 / gamma)).mean()


def dice_smooth_one(logits: Array, target: Array) -> float:
    return (1 - index(sums(logits, target), 0.5, 0.5, 1.0)).mean()


def dice_half_of_its_smooth(logits: Array, target: Array, smooth: float) -> float:
    tp, fp, fn = sums(logits, target)
    return (1 - (2 * tp + smooth) / (2 * tp + fp + fn + smooth)).mean()


def dice_of_squares(logits: Array, target: Array) -> float:
    p, t = softmax(logits), one_hot(target, logits.shape[1])
    pixels = tuple(range(2, p.ndim))
    both = 2 * (p * t).sum(pixels) + 2 * EPSILON
    return (1 - both / ((p * p).sum(pixels) + (t * t).sum(pixels) + 2 * EPSILON)).mean()


def jaccard(logits: Array, target: Array) -> float:
    return (1 - index(sums(logits, target), 1, 1)).mean()


def batch_dice(logits: Array, target: Array) -> float:
    tp, fp, fn = (s.sum(axis=0) for s in sums(logits, target))
    return (1 - index((tp, fp, fn), 0.5, 0.5)).mean()


def pooled_dice(logits: Array, target: Array) -> float:
    tp, fp, fn = (s.sum() for s in sums(logits, target))
    return float(1 - index((tp, fp, fn), 0.5, 0.5))


def foreground_dice(logits: Array, target: Array) -> float:
    return (1 - index(sums(logits, target), 0.5, 0.5))[:, 1:].mean()


def class_one_dice(logits: Array, target: Array) -> float:
    return (1 - index(sums(logits, target), 0.5, 0.5))[:, 1].mean()


def summed_dice(logits: Array, target: Array) -> float:
    return (1 - index(sums(logits, target), 0.5, 0.5)).sum(axis=1).mean()


def absent_as_zero_dice(logits: Array, target: Array) -> float:
    tp, fp, fn = sums(logits, target)
    return ((1 - index((tp, fp, fn), 0.5, 0.5)) * (tp + fn > 0)).mean()


def absent_left_out_dice(logits: Array, target: Array) -> float:
    tp, fp, fn = sums(logits, target)
    present = tp + fn > 0
    losses = (1 - index((tp, fp, fn), 0.5, 0.5)) * present
    return (losses.sum(axis=1) / present.sum(axis=1)).mean()


def dice_of_probabilities_last(p: Array, t: Array) -> float:
    """Channels last, one-hot targets, probabilities."""
    if t.shape != p.shape:
        raise ValueError(f"one value per class is wanted, not {t.shape}")
    pixels = tuple(range(1, p.ndim - 1))
    both = (p * t).sum(pixels) + EPSILON
    return (1 - both / ((p.sum(pixels) + t.sum(pixels)) / 2 + EPSILON)).mean()


def two_class_dice(logits: Array, target: Array) -> float:
    if logits.shape[1] != 2:
        raise ValueError("two classes are wanted")
    return (1 - index(sums(logits, target), 0.5, 0.5)).mean()


# Both parts


def _unified(logits: Array, target: Array, pixel_share: float, delta: float, gamma: float) -> float:
    p, t = softmax(logits), one_hot(target, logits.shape[1])
    ce = -t * log_softmax(logits)
    background = (1 - delta) * (1 - p[:, :1]) ** gamma * ce[:, :1]
    pixel = np.concatenate([background, delta * ce[:, 1:]], axis=1).sum(axis=1).mean()
    losses = 1 - index(sums(logits, target), 1 - delta, delta)
    region = np.concatenate([losses[:, :1], losses[:, 1:] ** (1 - gamma)], axis=1).mean()
    return pixel_share * pixel + (1 - pixel_share) * region


def unified_lam_on_region(
    logits: Array, target: Array, lam: float, delta: float, gamma: float
) -> float:
    return _unified(logits, target, 1 - lam, delta, gamma)


def unified_delta_swapped(
    logits: Array, target: Array, lam: float, delta: float, gamma: float
) -> float:
    return _unified(logits, target, lam, 1 - delta, gamma)


def combo_plus_dice_loss(logits: Array, target: Array, alpha: float, beta: float) -> float:
    cross_entropy = _focal(logits, target, lambda c: beta if c else 1 - beta, 0.0)
    dice = (1 - index(sums(logits, target), 0.5, 0.5)).mean()
    return alpha * cross_entropy + (1 - alpha) * dice


# What cannot be understood


def strange(logits: Array, target: Array) -> float:
    return np.sqrt(abs(dice_smooth_one(logits, target)) + logits.std())


def per_sample(logits: Array, target: Array) -> Array:
    return (1 - index(sums(logits, target), 0.5, 0.5)).mean(axis=1)


def words(logits: Array, target: Array) -> str:
    return "much"


def wrong_gradient(logits: Array, target: Array) -> tuple[float, Array]:
    return 1.0, np.zeros(3)


A_NUMBER = 3
