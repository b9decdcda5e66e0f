"""What is measured. To add a library's loss, add a line to `PEERS`.

A peer gets what our losses get, logits and class indices: where it wants probabilities or one-hot
targets, making them is part of its figure. Everything else is its default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unifocal.dispatch import load_backend
from unifocal_spec import LOSSES

Loss = Callable[[Any, Any], Any]
"""A scalar loss of (logits, class indices), arrays of the framework."""

MODES = {
    "numpy": ("eager",),
    "torch": ("eager", "compile"),
    "jax": ("eager", "jit"),
    "tensorflow": ("eager", "function", "xla"),
    "keras-torch": ("eager",),
    "keras-jax": ("jit",),
    "keras-tensorflow": ("function",),
}
"""The ways that a framework runs code. Under Keras, the one that `fit` uses."""

KERAS = tuple(runtime for runtime in MODES if runtime.startswith("keras-"))


@dataclass(frozen=True)
class Subject:
    """A loss on a framework, in one of its modes."""

    runtime: str
    mode: str
    library: str
    name: str
    build: Callable[[], Loss]
    """Imports the library and returns the loss."""

    @property
    def key(self) -> str:
        """What it is called in records and on the command line."""
        return f"{self.runtime}/{self.mode}/{self.library}.{self.name}"


def _ours(runtime: str, loss: str) -> Callable[[], Loss]:
    def build() -> Loss:
        if runtime == "numpy":  # its gradient comes through the front door
            import unifocal

            return getattr(unifocal, loss)
        if runtime in KERAS:
            import unifocal_keras

            kind = "".join(word.capitalize() for word in loss.split("_"))
            return _swapped(getattr(unifocal_keras, kind)(axis=-1))
        return getattr(load_backend(runtime, "losses"), loss)

    return build


def _swapped(loss: Loss) -> Loss:
    """Keras puts the target first."""
    return lambda z, t: loss(t, z)


# Other libraries ----------------------------------------------------------------------------------


def _torch_cross_entropy() -> Loss:
    from torch.nn import functional

    return functional.cross_entropy


def _monai(name: str) -> Callable[[], Loss]:
    def build() -> Loss:
        from monai import losses

        activation = "use_softmax" if name == "FocalLoss" else "softmax"
        loss = getattr(losses, name)(to_onehot_y=True, **{activation: True})
        return lambda z, t: loss(z, t[:, None])

    return build


def _smp(name: str) -> Callable[[], Loss]:
    def build() -> Loss:
        from benchmarks.conformance.peers.smp import losses

        return getattr(losses, name)("multiclass")

    return build


def _kornia(name: str, **keywords: Any) -> Callable[[], Loss]:
    def build() -> Loss:
        from kornia import losses

        return lambda z, t: getattr(losses, name)(z, t, **keywords)

    return build


def _nnunet_dice() -> Loss:
    import torch
    from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

    loss = MemoryEfficientSoftDiceLoss(lambda z: torch.softmax(z, 1), ddp=False)
    return lambda z, t: loss(z, t[:, None])


def _optax_cross_entropy() -> Loss:
    from optax import losses

    return lambda z, t: losses.softmax_cross_entropy_with_integer_labels(z, t).mean()


def _optax_dice() -> Loss:
    import jax
    from optax import losses

    return lambda z, t: losses.dice_loss(z, jax.nn.one_hot(t, z.shape[-1])).mean()


def _tensorflow_cross_entropy() -> Loss:
    import tensorflow as tf

    def loss(z: Any, t: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(t, z))

    return loss


def _keras_cross_entropy() -> Loss:
    import keras

    return _swapped(keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def _keras_focal() -> Loss:
    import keras

    loss = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    return lambda z, t: loss(keras.ops.one_hot(t, z.shape[-1]), z)


def _keras_region(name: str) -> Callable[[], Loss]:
    def build() -> Loss:
        import keras

        loss = getattr(keras.losses, name)()

        def of_logits(z: Any, t: Any) -> Any:
            return loss(keras.ops.one_hot(t, z.shape[-1]), keras.ops.softmax(z))

        return of_logits

    return build


PEERS = [
    Subject("torch", "eager", "PyTorch", "cross_entropy", _torch_cross_entropy),
    Subject("torch", "compile", "PyTorch", "cross_entropy", _torch_cross_entropy),
    Subject("torch", "eager", "MONAI", "DiceCELoss", _monai("DiceCELoss")),
    Subject("torch", "eager", "MONAI", "DiceFocalLoss", _monai("DiceFocalLoss")),
    Subject("torch", "eager", "MONAI", "DiceLoss", _monai("DiceLoss")),
    Subject("torch", "eager", "MONAI", "FocalLoss", _monai("FocalLoss")),
    Subject("torch", "eager", "MONAI", "TverskyLoss", _monai("TverskyLoss")),
    Subject("torch", "eager", "SMP", "DiceLoss", _smp("DiceLoss")),
    Subject("torch", "eager", "SMP", "FocalLoss", _smp("FocalLoss")),
    Subject("torch", "eager", "SMP", "TverskyLoss", _smp("TverskyLoss")),
    Subject("torch", "eager", "Kornia", "dice_loss", _kornia("dice_loss")),
    Subject(
        *("torch", "eager", "Kornia", "focal_loss"),
        _kornia("focal_loss", alpha=0.25, reduction="mean"),
    ),
    Subject(
        *("torch", "eager", "Kornia", "tversky_loss"),
        _kornia("tversky_loss", alpha=0.3, beta=0.7),
    ),
    Subject("torch", "eager", "nnU-Net", "MemoryEfficientSoftDiceLoss", _nnunet_dice),
    Subject("jax", "jit", "Optax", "cross_entropy", _optax_cross_entropy),
    Subject("jax", "jit", "Optax", "dice_loss", _optax_dice),
    Subject("tensorflow", "function", "TensorFlow", "cross_entropy", _tensorflow_cross_entropy),
    Subject("tensorflow", "xla", "TensorFlow", "cross_entropy", _tensorflow_cross_entropy),
    *(
        Subject(runtime, MODES[runtime][0], "Keras", name, build)
        for runtime in KERAS
        for name, build in (
            ("SparseCategoricalCrossentropy", _keras_cross_entropy),
            ("CategoricalFocalCrossentropy", _keras_focal),
            ("Dice", _keras_region("Dice")),
            ("Tversky", _keras_region("Tversky")),
        )
    ),
]

OURS = [
    Subject(runtime, mode, "unifocal", loss, _ours(runtime, loss))
    for runtime, modes in MODES.items()
    for mode in modes
    for loss in LOSSES
]

SUBJECTS = {subject.key: subject for subject in (*OURS, *PEERS)}

CROSS_ENTROPY = {
    "torch": "torch/eager/PyTorch.cross_entropy",
    "jax": "jax/jit/Optax.cross_entropy",
    "tensorflow": "tensorflow/function/TensorFlow.cross_entropy",
    **{
        runtime: f"{runtime}/{MODES[runtime][0]}/Keras.SparseCategoricalCrossentropy"
        for runtime in KERAS
    },
}
"""By runtime: the framework's own cross-entropy, which a user knows."""
