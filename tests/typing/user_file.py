"""What a user writes, held to strict type checking: nothing here is run."""

from __future__ import annotations

from typing import Any, assert_type

import jax
import numpy as np
import torch
from numpy.typing import NDArray

import unifocal as uf
import unifocal_jax
import unifocal_keras
import unifocal_numpy
import unifocal_tensorflow
import unifocal_torch
from unifocal_spec import LOSSES, evaluate


def front_door(logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The front door gives back the kind of array that it was given."""
    loss = uf.unified_focal(logits, target, lam=0.5, delta=0.6, gamma=0.2, rare=[1, 2])
    assert_type(loss, torch.Tensor)
    assert_type(uf.generalised_focal(logits, target), torch.Tensor)
    return loss + uf.dice(logits, target, weight=mask, over="batch", include_background=False)


def numpy_arrays(logits: NDArray[np.float32], target: NDArray[np.uint8]) -> float:
    """Logits and target differ in dtype, and still it is one kind of array."""
    value, gradient = uf.value_and_grad(uf.focal)(logits, target, alpha=None, ignore_index=255)
    assert_type(gradient, Any)
    total = unifocal_numpy.focal(logits, target) + uf.focal(logits, target)
    return float(value) + float(total)


class Network(torch.nn.Module):
    """A module that holds its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Conv3d(8, 3, kernel_size=1)
        self.loss = unifocal_torch.UnifiedFocalLoss(delta=0.7, class_weights=[0.5, 1.0, 2.0])
        self.auxiliary = unifocal_torch.TverskyLoss(alpha=0.3, beta=0.7, absent="skip")

    def forward(self, features: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch."""
        logits: torch.Tensor = self.head(features)
        return unifocal_torch.combo(logits, target) + self.loss.forward(logits, target)


@jax.jit
def jax_step(logits: jax.Array, target: jax.Array) -> jax.Array:
    """One gradient, under jit; classes come last."""

    def loss(z: jax.Array) -> jax.Array:
        return unifocal_jax.asymmetric_focal_tversky(z, target, smooth=1.0)

    gradient: jax.Array = jax.grad(loss)(logits)
    return gradient


def keras_losses() -> list[Any]:
    """Losses for `model.compile`."""
    return [
        unifocal_keras.UnifiedFocal(lam=0.5, reduction="sum_over_batch_size"),
        unifocal_keras.FocalTversky(gamma=4 / 3, axis=-1, name="lesion"),
    ]


def tensorflow_function(logits: Any, target: Any) -> Any:
    """TensorFlow ships no types: only keywords are checked."""
    return unifocal_tensorflow.hybrid_focal(logits, target, focal_gamma=2.0, reduction="none")


def poly1_pixel(xp: Any, log_p: Any, log_q: Any, t: Any, *, epsilon: float) -> Any:
    """A loss of one's own."""
    return t * (epsilon * xp.exp(log_q) - log_p)


def own_loss(logits: torch.Tensor, target: torch.Tensor) -> Any:
    """It is compiled for every backend, and its definition can be evaluated as it stands."""
    definition = uf.Loss(
        "poly1",
        "Cross-entropy plus ε (1 − p).",
        "(1/W) Σ_i w Σ_c t_c (−log p_c + ε (1 − p_c))",
        pixel=poly1_pixel,
        hyperparameters={"epsilon": uf.Number(1.0, "ε, the weight of 1 − p")},
    )
    poly1 = uf.compile(definition)
    assert_type(poly1, uf.CompiledLoss)
    assert_type(LOSSES["dice"], uf.Loss)
    return poly1(logits, target, epsilon=2.0) + evaluate(definition, np, logits, target)


def wrong(logits: torch.Tensor, target: torch.Tensor) -> None:
    """Mistakes that the checker must see: each comment would be an error if it did not."""
    uf.dice(logits, target, over="image")  # pyright: ignore[reportArgumentType]
    uf.tversky(logits, target, delta=0.6)  # pyright: ignore[reportCallIssue]
    unifocal_torch.FocalLoss(gamma="2")  # pyright: ignore[reportArgumentType]
    uf.missing(logits, target)  # pyright: ignore[reportAttributeAccessIssue]
