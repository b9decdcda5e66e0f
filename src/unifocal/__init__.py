"""Losses for class-imbalanced segmentation, identical on NumPy, PyTorch, JAX and TensorFlow.

Importing this package imports no framework; each function uses the one its arrays belong to.
"""

from unifocal.accumulate import Accumulator
from unifocal.custom import CompiledLoss
from unifocal.custom import compile_definition as compile
from unifocal.dispatch import MissingFrameworkError, value_and_grad
from unifocal.losses import (
    asymmetric_focal,
    asymmetric_focal_tversky,
    combo,
    cross_entropy,
    dice,
    focal,
    focal_tversky,
    hybrid_focal,
    tversky,
    unified_focal,
)
from unifocal_spec import ClassSet, ClassWeight, Loss, Number

__version__ = "0.1.0"

generalised_focal = unified_focal
"""The name of `unified_focal` in the preprint."""

__all__ = [
    "Accumulator",
    "ClassSet",
    "ClassWeight",
    "CompiledLoss",
    "Loss",
    "MissingFrameworkError",
    "Number",
    "asymmetric_focal",
    "asymmetric_focal_tversky",
    "combo",
    "compile",
    "cross_entropy",
    "dice",
    "focal",
    "focal_tversky",
    "generalised_focal",
    "hybrid_focal",
    "tversky",
    "unified_focal",
    "value_and_grad",
]
