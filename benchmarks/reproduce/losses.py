"""The losses that are compared, in the order of the paper's tables after cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

from unifocal_spec import LOSSES, evaluate


class Compared(NamedTuple):
    """A loss: its title in tables and its class in ``unifocal_keras``."""

    title: str
    keras_class: str


COMPARED = {
    "cross_entropy": Compared("Cross-entropy", "CrossEntropy"),
    "focal": Compared("Focal", "Focal"),
    "dice": Compared("Dice", "Dice"),
    "tversky": Compared("Tversky", "Tversky"),
    "focal_tversky": Compared("Focal Tversky", "FocalTversky"),
    "combo": Compared("Combo", "Combo"),
    "hybrid_focal": Compared("Hybrid Focal", "HybridFocal"),
    "unified_focal": Compared("Unified Focal", "UnifiedFocal"),
    "asymmetric_focal": Compared("Asymmetric Focal", "AsymmetricFocal"),
    "asymmetric_focal_tversky": Compared("Asymmetric Focal Tversky", "AsymmetricFocalTversky"),
}
PRINTED = {
    "asymmetric_focal_printed": "Asymmetric Focal, eq. 17 as printed",
    "asymmetric_focal_tversky_printed": "Asymmetric Focal Tversky, eq. 18 as printed",
}
"""Negative controls: what the errata say cannot have been meant."""

TITLES = {name: compared.title for name, compared in COMPARED.items()} | PRINTED

Objective = Callable[[Any, Any], Any]
"""The loss of labels and logits, classes last."""


def build(name: str, hyperparameters: Mapping[str, float]) -> Objective:
    """The loss on the active backend of Keras; what is not named keeps its default, the paper's.

    Keras is imported here, because the command line reads the names above before it may be.
    """
    import keras

    import unifocal_keras

    if name == "asymmetric_focal_printed":
        return _by_definition(hyperparameters)
    if name == "asymmetric_focal_tversky_printed":
        # (18) as printed has δ on false positives.
        name = "asymmetric_focal_tversky"
        delta = hyperparameters.get("delta", LOSSES[name].hyperparameters["delta"].default)
        hyperparameters = {**hyperparameters, "delta": 1 - delta}
    each: Objective = getattr(unifocal_keras, COMPARED[name].keras_class)(
        **hyperparameters, reduction=None
    )
    # Keras' own mean is a device's share of it where TensorFlow has several; a step has the whole.
    return lambda labels, logits: keras.ops.mean(each(labels, logits))


def equation_17_pixel(
    xp: Any, log_p: Any, log_q: Any, t: Any, *, delta: Any, gamma: Any, rare: Any
) -> Any:
    """(17) as printed, two classes: −δ y_r log p_r − (1 − δ) Σ_{c≠r} (1 − p_c)^γ log p_r.

    The sum over the common class has the probability of the rare one, which is 1 − p, and no y.
    """
    return xp.where(rare, -delta * t * log_p, -(1 - delta) * xp.exp(gamma * log_q) * log_q)


EQUATION_17 = replace(
    LOSSES["asymmetric_focal"],
    name="asymmetric_focal_printed",
    summary="Equation (17) as it is printed.",
    pixel=equation_17_pixel,
)

NAMESPACES = {
    "torch": "array_api_compat.torch",
    "tensorflow": "unifocal_tensorflow.namespace",
    "jax": "jax.numpy",
}


def _by_definition(hyperparameters: Mapping[str, float]) -> Objective:
    """(17) as printed, run as it is written and differentiated by the framework.

    It cannot be compiled: its slope is unbounded where the common class is certain.
    """
    import keras

    xp = import_module(NAMESPACES[keras.backend.backend()])
    return lambda labels, logits: evaluate(
        EQUATION_17, xp, logits, labels, axis=-1, **hyperparameters
    )
