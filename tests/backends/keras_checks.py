"""What Keras users rely on, for the backend of Keras that this process has.

Keras holds one backend per process, so `test_keras.py` runs this file once for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import unifocal as uf
import unifocal_keras as uk
from tests.backends.arrays import NAMES, class_name, volume

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
TRAINS = keras.backend.backend() != "numpy"
needs_training = pytest.mark.skipif(not TRAINS, reason="Keras does not train on NumPy")
SAMPLES = 4


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Global settings of Keras as they were, and the same random numbers for every test."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    """Predictions (4, 5, 6, 3) and labels (4, 5, 6)."""
    return volume(5, 6, samples=SAMPLES, axis=-1)


def _loss(name: str, **keywords: Any) -> Any:
    return getattr(uk, class_name(name))(**keywords)


def _number(x: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def _equal(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(_number(found), wanted, rtol=1e-6, atol=1e-7)


front = {name: partial(getattr(uf, name), axis=-1) for name in NAMES}


# Values -------------------------------------------------------------------------------------------


@EVERY_LOSS
def test_the_value_is_that_of_the_front_door(name):
    z, t = _arrays()
    _equal(_loss(name)(t, z), front[name](z, t))


@EVERY_LOSS
@pytest.mark.parametrize("kind", ["trailing axis", "float labels", "one-hot", "soft"])
def test_targets_as_keras_users_have_them(name, kind):
    z, t = _arrays()
    soft = np.eye(3)[t] * 0.9 + 0.1 / 3
    given = {"trailing axis": t[..., None], "float labels": t * 1.0, "one-hot": np.eye(3)[t]}
    wanted = front[name](z, soft if kind == "soft" else t)
    _equal(_loss(name)(given.get(kind, soft), z), wanted)


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("dtype", ["int64", "bool", "float32"])
def test_one_sigmoid_channel(dtype, trailing):
    z, t = _arrays()
    t = t > 0
    given = t.astype(dtype)[..., None] if trailing else t.astype(dtype)
    wanted = front["dice"](z[..., :1], t, activation="sigmoid")
    _equal(uk.Dice(activation="sigmoid")(given, z[..., :1]), wanted)


@pytest.mark.parametrize("trailing", [False, True])
def test_one_sigmoid_channel_with_ignored_pixels(trailing):
    z, t = _arrays()
    t = np.where(t == 2, 255, t)
    wanted = front["unified_focal"](z[..., :1], t, activation="sigmoid", ignore_index=255)
    loss = uk.UnifiedFocal(activation="sigmoid", ignore_index=255)
    _equal(loss(t[..., None] if trailing else t, z[..., :1]), wanted)


def test_ignored_pixels():
    z, t = _arrays()
    t = np.where(t == 2, 255, t)
    _equal(uk.Dice(ignore_index=255)(t, z), front["dice"](z, t, ignore_index=255))


@pytest.mark.parametrize("trailing", [False, True])
def test_channels_first_by_the_image_data_format(trailing):
    z, t = _arrays()
    wanted = front["unified_focal"](z, t)
    keras.config.set_image_data_format("channels_first")
    _equal(uk.UnifiedFocal()(t[:, None] if trailing else t, np.moveaxis(z, -1, 1)), wanted)


def test_a_given_axis_beats_the_image_data_format():
    z, t = _arrays()
    wanted = front["dice"](z, t)
    _equal(uk.Dice(axis=1)(t, np.moveaxis(z, -1, 1)), wanted)
    keras.config.set_image_data_format("channels_first")
    _equal(uk.Dice(axis=-1)(t, z), wanted)


# Weights and reductions ---------------------------------------------------------------------------


def test_a_weight_per_sample_weighs_losses():
    """As everywhere in Keras: the weighted losses, summed, over the number of samples."""
    z, t = _arrays()
    weight = np.array([1.0, 2.0, 0.0, 0.5])
    wanted = (weight * front["dice"](z, t, reduction="none")).sum() / SAMPLES
    _equal(uk.Dice()(t, z, sample_weight=weight), wanted)


@pytest.mark.parametrize("trailing", [False, True])
def test_a_weight_per_pixel_goes_into_the_sums(trailing):
    z, t = _arrays()
    weight = np.random.default_rng(1).random(t.shape).astype("float32")
    given = weight[..., None] if trailing else weight
    _equal(uk.Dice()(t, z, sample_weight=given), front["dice"](z, t, weight=weight))


def test_weights_of_another_rank_are_refused():
    """(N, 1) is neither one weight per sample nor one per pixel."""
    z, t = _arrays()
    with pytest.raises(ValueError, match=r"weight must be broadcastable to \(4, 5, 6\)"):
        uk.Dice()(t, z, sample_weight=np.ones((SAMPLES, 1)))


@EVERY_LOSS
def test_a_batch_as_one_region(name):
    z, t = _arrays()
    _equal(_loss(name, over="batch")(t, z), front[name](z, t, over="batch"))


def test_a_weight_per_sample_inside_a_batch():
    """With one loss for the batch, a sample's weight is that of its pixels."""
    z, t = _arrays()
    weight = np.array([1.0, 2.0, 0.0, 0.5])
    wanted = front["dice"](z, t, over="batch", weight=weight[:, None, None])
    _equal(uk.Dice(over="batch")(t, z, sample_weight=weight), wanted)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "none", None])
def test_reductions(reduction):
    z, t = _arrays()
    each = front["dice"](z, t, reduction="none")
    wanted = {"sum": each.sum(), "none": each, None: each}.get(reduction, each.mean())
    _equal(uk.Dice(reduction=reduction)(t, z), wanted)


def test_mean_with_sample_weight():
    z, t = _arrays()
    weight = np.array([1.0, 2.0, 0.0, 0.5])
    wanted = np.average(front["dice"](z, t, reduction="none"), weights=weight)
    _equal(uk.Dice(reduction="mean_with_sample_weight")(t, z, sample_weight=weight), wanted)


# Configuration ------------------------------------------------------------------------------------

CONFIGURED = {
    "lam": 0.3,
    "delta": 0.7,
    "gamma": 0.4,
    "rare": (1,),
    "class_weights": np.array([1.0, 2.0, 0.5]),
    "reduction": "sum",
    "name": "mine",
}
AGAIN = {
    "from_config": lambda loss: type(loss).from_config(loss.get_config()),
    "serialize": lambda loss: keras.losses.deserialize(keras.losses.serialize(loss)),
    "json": lambda loss: keras.losses.deserialize(
        json.loads(json.dumps(keras.losses.serialize(loss)))
    ),
}


@pytest.mark.parametrize("how", AGAIN)
@pytest.mark.parametrize("rare", [None, (1,), {1, 2}, np.array([2])], ids=repr)
def test_a_configured_loss_comes_back(how, rare):
    z, t = _arrays()
    loss = uk.UnifiedFocal(**CONFIGURED | {"rare": rare})
    again = AGAIN[how](loss)
    assert type(again) is uk.UnifiedFocal
    assert again.name == "mine"
    _equal(again(t, z), _number(loss(t, z)))


@EVERY_LOSS
def test_every_loss_comes_back(name):
    config = _loss(name).get_config()
    assert config["name"] == name
    assert _loss(name).from_config(config).get_config() == config


def test_mistakes_are_named_early():
    with pytest.raises(ValueError, match="over must be one of"):
        uk.Dice(over="image")
    with pytest.raises(ValueError, match="gamma must be >= 0, got -1"):
        uk.Focal(gamma=-1)


def test_a_label_out_of_range_is_an_error():
    z, t = _arrays()
    with pytest.raises(ValueError, match="class indices from 0 to 2"):
        uk.Dice()(t + 1, z)
