"""Three U-Nets, each once for 2-D and 3-D and for every backend of Keras.

The paper names Ronneberger's and Çiçek's networks but ran MIScnn's standard one; here each goes
under its own name. They differ in few traits, so that one definition serves all.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import keras
import numpy as np
from keras import layers

from benchmarks.reproduce.network.heads import head
from benchmarks.reproduce.network.valid import centre, mirrored, sizes

Architecture = Literal["miscnn", "ronneberger2015", "cicek2016"]


class Traits(NamedTuple):
    """What one published U-Net does differently from another."""

    norm: Literal["after", "before"] | None
    """Where batch norm stands, seen from the ReLU."""
    padding: Literal["same", "valid"] = "same"
    doubles_before_pooling: bool = False
    """The second convolution before a pooling doubles the channels, not the first one after it."""
    dropout: float = 0.0
    """At the end of the contracting path: on its last two levels."""
    start: Literal["glorot", "he"] = "glorot"
    """How ``weights`` draws kernels."""


ARCHITECTURES: dict[Architecture, Traits] = {
    "miscnn": Traits(norm="after"),
    "ronneberger2015": Traits(norm=None, padding="valid", dropout=0.5, start="he"),
    "cicek2016": Traits(norm="before", doubles_before_pooling=True),
}


class Parts(NamedTuple):
    """The layers whose names in Keras end with the number of dimensions."""

    convolution: type[layers.Layer]
    up: type[layers.Layer]
    pooling: type[layers.Layer]

    @classmethod
    def of(cls, dimensions: int) -> Parts:
        """Those for pictures, or those for volumes."""
        names = ("Conv{}D", "Conv{}DTranspose", "MaxPooling{}D")
        return cls(*(getattr(layers, name.format(dimensions)) for name in names))


def check(architecture: str, shape: tuple[int, ...], depth: int, deep_supervision: bool) -> None:
    """Refuse what cannot be built, naming the argument."""
    if architecture not in get_args(Architecture):
        known = ", ".join(get_args(Architecture))
        raise ValueError(f"architecture must be one of {known}, got {architecture!r}")
    if len(shape) not in (2, 3):
        raise ValueError(f"shape must have 2 or 3 dimensions, got {shape}")
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    valid = ARCHITECTURES[architecture].padding == "valid"
    if not valid and any(size % 2**depth for size in shape):
        raise ValueError(f"shape must be multiples of {2**depth} at depth {depth}, got {shape}")
    if valid and deep_supervision:
        raise ValueError(
            f"deep_supervision needs same padding: the lower grids of {architecture} "
            "lie between the pixels of the labels"
        )


def build(
    architecture: Architecture,
    *,
    shape: tuple[int, ...],
    classes: int,
    filters: int,
    depth: int,
    deep_supervision: bool = False,
    batch_norm_momentum: float = 0.99,
    channels: int = 1,
    synchronised: bool = False,
    seed: int = 0,
) -> keras.Model:
    """``filters`` doubling over ``depth`` poolings; logits of the image's shape, classes last.

    With deep supervision, a list of logits: one per level of the decoder, full resolution first.
    Kernels are zero until ``weights`` gives them their start. An architecture of valid padding sees
    the image mirrored at its borders. ``synchronised`` makes TensorFlow's devices share the
    statistics of batch norm; ``seed`` is that of dropout.
    """
    check(architecture, shape, depth, deep_supervision)
    traits, parts = ARCHITECTURES[architecture], Parts.of(len(shape))

    def convolve(x: keras.KerasTensor, width: int, name: str, number: int) -> keras.KerasTensor:
        x = parts.convolution(
            width,
            3,
            padding=traits.padding,
            # batch norm right behind it would take a bias away again
            use_bias=traits.norm != "before",
            kernel_initializer="zeros",
            name=f"{name}_conv{number}",
        )(x)
        norm = layers.BatchNormalization(
            momentum=batch_norm_momentum,
            epsilon=1e-3,
            synchronized=synchronised,
            name=f"{name}_norm{number}",
        )
        if traits.norm == "before":
            x = norm(x)
        x = layers.ReLU(name=f"{name}_relu{number}")(x)
        return norm(x) if traits.norm == "after" else x

    def block(x: keras.KerasTensor, widths: tuple[int, int], name: str) -> keras.KerasTensor:
        for number, width in enumerate(widths, start=1):
            x = convolve(x, width, name, number)
        return x

    def down(x: keras.KerasTensor, level: int, name: str) -> keras.KerasTensor:
        width = filters * 2**level
        x = block(x, (width, 2 * width if traits.doubles_before_pooling else width), name)
        if traits.dropout and level >= depth - 1:
            x = layers.Dropout(traits.dropout, seed=seed + level, name=f"{name}_dropout")(x)
        return x

    def up(x: keras.KerasTensor, skip: keras.KerasTensor, level: int) -> keras.KerasTensor:
        name, width = f"up{level}", skip.shape[-1]
        # Çiçek's up-convolution keeps the channels; the others halve them
        wide = x.shape[-1] if traits.doubles_before_pooling else width
        x = parts.up(wide, 2, strides=2, kernel_initializer="zeros", name=name)(x)
        x = layers.Concatenate(name=f"{name}_skip")([x, centre(skip, x.shape[1:-1])])
        return block(x, (width, width), name)

    inputs = x = keras.Input((*shape, channels), name="image")
    if traits.padding == "valid":
        x = mirrored(x, [sizes(size, depth).seen for size in shape])
    skips = []
    for level in range(depth):
        skips.append(down(x, level, f"down{level}"))
        x = parts.pooling(2, name=f"pool{level}")(skips[-1])
    x = down(x, depth, "middle")
    outputs = []
    for level in reversed(range(depth)):
        x = up(x, skips[level], level)
        if level == 0 or deep_supervision:
            outputs.insert(0, head(parts.convolution, x, classes, level))
    outputs[0] = centre(outputs[0], shape)
    return keras.Model(inputs, outputs if deep_supervision else outputs[0], name=architecture)


def count(model: keras.Model) -> int:
    """How many numbers training changes."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
