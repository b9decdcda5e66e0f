"""Keras models trained with the losses, for the backend of Keras that this process has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

import unifocal as uf
import unifocal_keras as uk

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "numpy", reason="Keras does not train on NumPy"
)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


def _problem() -> tuple[np.ndarray, np.ndarray]:
    """Pixels whose class is the sign of their first channel."""
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 2)).astype("float32")
    return x, (x[..., 0] > 0).astype("int64")


def _model(loss: Any, channels: int = 2, **keywords: Any) -> Any:
    layers = [keras.layers.Input((8, 8, 2)), keras.layers.Conv2D(channels, 1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.1), loss, **keywords)
    return model


def _history(model: Any, y: np.ndarray, **keywords: Any) -> list[float]:
    x, _ = _problem()
    return model.fit(x, y, epochs=8, batch_size=8, verbose=0, **keywords).history["loss"]


def _decreases(losses: list[float]) -> None:
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    "loss",
    [uk.UnifiedFocal(), uk.Dice(over="batch"), uk.Focal(), uk.Combo(class_weights=[1.0, 2.0])],
    ids=lambda loss: loss.name,
)
def test_an_easy_problem_is_learned(loss):
    _decreases(_history(_model(loss), _problem()[1]))


def test_labels_with_a_trailing_axis():
    _decreases(_history(_model(uk.UnifiedFocal()), _problem()[1][..., None]))


def test_one_sigmoid_channel():
    loss = uk.UnifiedFocal(activation="sigmoid")
    _decreases(_history(_model(loss, channels=1), _problem()[1][..., None]))


@pytest.mark.parametrize("shape", [(16,), (16, 8, 8)], ids=["sample", "pixel"])
def test_sample_weights(shape):
    weight = np.random.default_rng(1).uniform(0.5, 1.5, size=shape)
    model = _model(uk.UnifiedFocal(), weighted_metrics=[])
    _decreases(_history(model, _problem()[1], sample_weight=weight))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    model = _model(uk.UnifiedFocal())
    assert model.compute_dtype == policy.removeprefix("mixed_")
    _decreases(_history(model, _problem()[1]))


def test_evaluation_is_the_front_door():
    x, y = _problem()
    model = _model(uk.UnifiedFocal(over="batch"))
    logits = model.predict(x, verbose=0)
    wanted = uf.unified_focal(logits, y, axis=-1, over="batch")
    found = model.evaluate(x, y, batch_size=16, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_compiled_model_is_saved_and_loaded(tmp_path):
    x, y = _problem()
    model = _model(uk.UnifiedFocal(delta=0.7, rare=[1], class_weights=[1.0, 2.0]))
    _history(model, y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.loss) is uk.UnifiedFocal
    assert again.loss.get_config() == model.loss.get_config()
    found, wanted = (m.evaluate(x, y, verbose=0) for m in (again, model))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert np.isfinite(again.fit(x, y, verbose=0).history["loss"]).all()
