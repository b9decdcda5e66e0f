"""The calls that tell conventions apart, where the golden vectors only say that something is wrong.

Four samples of 4 × 5 pixels, so that no axis can be taken for another. In some probes a class is
missing from a sample or from the batch, and hardly predicted either: how it counts, and how small a
`smooth` is, shows nowhere else. No probability is below 1e-7, where implementations clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unifocal.conformance.reading import Activation, Array, Probabilities

HYPER: dict[str, dict[str, Any]] = {
    "cross_entropy": {},
    "focal": {"alpha": 0.35, "gamma": 0.6},
    "dice": {},
    "tversky": {"alpha": 0.35, "beta": 0.85},
    "focal_tversky": {"alpha": 0.35, "beta": 0.85, "gamma": 0.7},
    "combo": {"alpha": 0.3, "beta": 0.85},
    "hybrid_focal": {
        "lam": 0.3,
        "focal_alpha": 0.35,
        "focal_gamma": 0.6,
        "tversky_alpha": 0.35,
        "tversky_beta": 0.85,
        "tversky_gamma": 0.7,
    },
    "asymmetric_focal": {"delta": 0.65, "gamma": 0.4},
    "asymmetric_focal_tversky": {"delta": 0.65, "gamma": 0.4},
    "unified_focal": {"lam": 0.3, "delta": 0.65, "gamma": 0.4},
}
"""Hyperparameters of the probes: x, 1 − x and 1/x are far apart, for every x of them."""

SMOOTH = 0.125
"""`smooth` of the probes, where an implementation takes it."""

_FAINT, _FAINTER = -4.0, -11.0


@dataclass(frozen=True)
class Probes:
    """A stack of calls of one shape."""

    logits: Array
    """(B, N, C, H, W)."""
    labels: Array
    """(B, N, H, W)."""

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.logits.shape[2])

    def probabilities(self, activation: Activation) -> Probabilities:
        """Return what readings are evaluated on."""
        return Probabilities(self.logits, self.labels, activation)


def _without(labels: Array, missing: int) -> Array:
    """Labels where another class stands for the missing one."""
    return np.where(labels == missing, (missing + 1) % 2, labels)


def _lacking(
    logits: Array, labels: Array, missing: int, level: float | None, samples: slice
) -> tuple[Array, Array]:
    """Take a class from some samples; `level` is its logit, up to a little variety."""
    logits, labels = logits.copy(), labels.copy()
    labels[samples] = _without(labels[samples], missing)
    if level is not None:
        logits[samples, missing] = level + logits[samples, missing] / 8
    return logits, labels


def make(classes: int) -> Probes:
    """Return the probes with so many classes, 2 or more."""
    rng = np.random.default_rng(classes)
    last = classes - 1
    lacking: list[tuple[int, float | None, slice]] = [(last, None, slice(0, 1))]
    lacking += [(c, level, slice(None)) for c in (1, last) for level in (None, _FAINT, _FAINTER)]
    calls = []
    for case in (None, *lacking):
        logits = rng.normal(size=(4, classes, 4, 5))
        labels = rng.choice(classes, size=(4, 4, 5), p=_frequencies(classes))
        labels[:, 0, :classes] = np.arange(classes)
        calls.append((logits, labels) if case is None else _lacking(logits, labels, *case))
    return Probes(*(np.stack(arrays) for arrays in zip(*calls, strict=True)))


def saturated(classes: int) -> Probes:
    """Return one probe of logits ±20: half of the pixels certain and right, half certain and wrong.

    The right class of a wrong pixel has p = e^-40. Whoever clips p at 1e-7 finds 16 for its
    cross-entropy, not 40.
    """
    labels = np.arange(4 * 4 * 5).reshape(1, 4, 4, 5) % classes
    named = np.where(np.arange(5) < 3, labels, (labels + 1) % classes)
    logits = np.where(np.eye(classes)[named] == 1, 20.0, -20.0)
    return Probes(np.moveaxis(logits, -1, 2), labels)


def _frequencies(classes: int) -> Array:
    """Class 0 most often, then ever more rarely."""
    shares = 0.5 ** np.arange(classes)
    return np.asarray(shares / shares.sum())
