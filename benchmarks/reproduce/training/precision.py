"""Mixed precision: layers in half precision, weights and loss in float32, gradients scaled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def policy(precision: str) -> Iterator[None]:
    """Keras' dtype policy for the layers that are made inside."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def scaled(optimiser: keras.optimizers.Optimizer, precision: str) -> keras.optimizers.Optimizer:
    """The optimiser with the loss scaled up against underflow, which only float16 needs."""
    if precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimiser)
    return optimiser
