"""The losses that are compared, in the order of the paper's Table 3 after cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras


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
}


def build(name: str) -> keras.losses.Loss:
    """The loss under its default hyperparameters, which are the paper's.

    Imported here, because the command line reads the names above before Keras may be imported.
    """
    import unifocal_keras

    loss: keras.losses.Loss = getattr(unifocal_keras, COMPARED[name].keras_class)()
    return loss
