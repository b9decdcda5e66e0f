"""Heads: from the features of a decoder's level to the logits of the classes."""

from __future__ import annotations

import keras
from keras import layers


def head(
    convolution: type[layers.Layer],
    features: keras.KerasTensor,
    classes: int,
    level: int,
) -> keras.KerasTensor:
    """The logits on the grid of ``level``, in float32 whatever the network computes in."""
    name = f"logits{level}" if level else "logits"
    return convolution(classes, 1, kernel_initializer="zeros", dtype="float32", name=name)(features)
