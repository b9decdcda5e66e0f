"""The networks have exactly the weights that arithmetic gives, and start alike everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.network.unet import build, count
from benchmarks.reproduce.network.valid import sizes
from benchmarks.reproduce.network.weights import load_weights, write_initial_weights


@pytest.mark.parametrize(
    ("architecture", "shape", "filters", "depth", "classes", "channels", "expected"),
    [
        ("miscnn", (32, 32), 32, 4, 2, 1, 7_765_442),
        ("miscnn", (16, 16, 16), 32, 4, 2, 1, 22_581_250),
        ("ronneberger2015", (32, 32), 64, 4, 2, 1, 31_030_658),
        # Çiçek prints 19,069,955, which counts one number per batch norm's channel (2336 of them)
        # and no bias (896) of an up-convolution
        ("cicek2016", (8, 8, 8), 32, 3, 3, 3, 19_069_955 + 2336 + 896),
    ],
)
def test_weights_are_counted(
    architecture, shape, filters, depth, classes, channels, expected
) -> None:
    model = build(
        architecture,
        shape=shape,
        filters=filters,
        depth=depth,
        classes=classes,
        channels=channels,
    )
    assert count(model) == expected
    assert model.output_shape == (None, *shape, classes)


def test_ronneberger_sees_572_pixels_to_give_388() -> None:
    assert sizes(388, 4) == (572, 388)


def test_every_level_of_the_decoder_has_a_head() -> None:
    model = build("miscnn", shape=(16, 24), classes=3, filters=2, depth=3, deep_supervision=True)
    assert [tuple(shape[1:]) for shape in model.output_shape] == [
        (16, 24, 3),
        (8, 12, 3),
        (4, 6, 3),
    ]


def test_heads_change_no_other_weight_of_the_start(tmp_path: Path) -> None:
    for name, deep in (("one", False), ("all", True)):
        model = build("miscnn", shape=(8, 8), classes=2, filters=2, depth=2, deep_supervision=deep)
        write_initial_weights(tmp_path / f"{name}.npz", model, seed=3)
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "all.npz") as more:
        assert set(more) - set(one) == {"logits1/kernel", "logits1/bias"}
        assert all(np.array_equal(one[key], more[key]) for key in one)
        # Glorot's limit of the first kernel: 9 pixels, 1 channel in, 2 out
        assert np.abs(one["down0_conv1/kernel"]).max() <= np.sqrt(6 / (9 * 1 + 9 * 2))
    with pytest.raises(ValueError, match=r"one\.npz: wanted logits1/kernel of shape"):
        load_weights(tmp_path / "one.npz", model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "vnet"}, "architecture must be one of miscnn"),
        ({"shape": (8,)}, "shape must have 2 or 3 dimensions"),
        ({"shape": (8, 10)}, "shape must be multiples of 4 at depth 2"),
        ({"depth": 0}, "depth must be at least 1"),
        (
            {"architecture": "ronneberger2015", "deep_supervision": True},
            "deep_supervision needs same padding",
        ),
    ],
)
def test_refuses_what_cannot_be_built(changes, message: str) -> None:
    given = {"architecture": "miscnn", "shape": (8, 8), "classes": 2, "filters": 2, "depth": 2}
    with pytest.raises(ValueError, match=message):
        build(**given | changes)
