"""One cell: a loss on a fold, through Keras' own trainer, with batches and weights from NumPy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.cells import Result
from benchmarks.reproduce.data import Dataset, Split, batches
from benchmarks.reproduce.losses import build
from benchmarks.reproduce.metrics import average, scores
from benchmarks.reproduce.settings import Settings
from benchmarks.reproduce.unet import load_weights, unet

Epoch = dict[str, float | None]


def optimiser(settings: Settings) -> keras.optimizers.Optimizer:
    """The paper's SGD with Nesterov momentum, or Adam to separate the loss from its scale."""
    if settings.optimiser == "adam":
        return keras.optimizers.Adam(settings.learning_rate)
    return keras.optimizers.SGD(
        settings.learning_rate, momentum=settings.momentum, nesterov=settings.momentum > 0
    )


def network(settings: Settings, weights: Path) -> keras.Model:
    """The U-Net at its shared start."""
    model = unet(settings.size, settings.filters, settings.depth, settings.batch_norm_momentum)
    load_weights(weights, model)
    return model


def chunks(cases: NDArray[np.int64], batch: int) -> list[NDArray[np.int64]]:
    """All ``cases`` in order, at most ``batch`` at a time."""
    return [cases[i : i + batch] for i in range(0, len(cases), batch)]


def evaluate(model: keras.Model, data: Dataset, cases: NDArray[np.int64], batch: int) -> float:
    """The mean loss over ``cases``, each batch weighing as many cases as it has."""
    parts = chunks(cases, batch)
    losses = [float(model.test_on_batch(data.images[p], data.masks[p])) for p in parts]
    return float(np.average(losses, weights=[len(p) for p in parts]))


def predict(
    model: keras.Model, data: Dataset, cases: NDArray[np.int64], batch: int
) -> NDArray[np.uint8]:
    """The argmax masks of ``cases``."""
    logits = [model.predict_on_batch(data.images[part]) for part in chunks(cases, batch)]
    masks: NDArray[np.uint8] = np.concatenate(logits).argmax(-1).astype(np.uint8)
    return masks


def fit(
    model: keras.Model,
    data: Dataset,
    fold: Split,
    settings: Settings,
    on_epoch: Callable[[Epoch], None],
) -> tuple[float, list[Epoch], int | None]:
    """Train; leave the weights of the lowest validation loss in ``model``.

    Returns the loss of the first step, the epochs, and which epoch was selected: None where no
    validation loss was finite, in which case the model keeps its last weights.
    """
    history: list[Epoch] = []
    first, best = math.nan, math.inf
    chosen, best_weights = None, None
    for epoch in range(settings.epochs):
        rate = settings.learning_rate * (1 - epoch / settings.epochs) ** 0.9
        model.optimizer.learning_rate = rate
        steps = batches(fold.train, settings.batch, epoch, settings.seed)
        losses = [float(model.train_on_batch(data.images[p], data.masks[p])) for p in steps]
        first = losses[0] if epoch == 0 else first
        validation = evaluate(model, data, fold.validation, settings.batch)
        if validation < best:
            best, chosen, best_weights = validation, epoch, model.get_weights()
        history.append(
            {
                "loss": finite(float(np.mean(losses))),
                "validation_loss": finite(validation),
                "learning_rate": rate,
            }
        )
        on_epoch(history[-1])
    if best_weights is not None:
        model.set_weights(best_weights)
    return first, history, chosen


def finite(value: float) -> float | None:
    """JSON has no nan and no infinity."""
    return value if math.isfinite(value) else None


def train_cell(
    loss: str,
    data: Dataset,
    fold: Split,
    settings: Settings,
    weights: Path,
    on_epoch: Callable[[Epoch], None],
) -> Result:
    """Train and test one loss on one fold."""
    start = time.perf_counter()
    keras.utils.clear_session()
    model = network(settings, weights)
    model.compile(optimizer=optimiser(settings), loss=build(loss))
    first, history, chosen = fit(model, data, fold, settings, on_epoch)
    predictions = predict(model, data, fold.test, settings.batch)
    scored = [scores(p, data.masks[i]) for p, i in zip(predictions, fold.test, strict=True)]
    names = [data.cases[i] for i in fold.test]
    mean = {metric: finite(value) for metric, value in average(scored)._asdict().items()}
    result: dict[str, Any] = {
        "first_loss": finite(first),
        "selected_epoch": chosen,
        "seconds": round(time.perf_counter() - start, 2),
        "mean": mean,
        "undefined": sum(s is None for s in scored),
        "empty_predictions": int(sum(not p.any() for p in predictions)),
        "cases": {n: s and s._asdict() for n, s in zip(names, scored, strict=True)},
        "history": history,
    }
    return Result({"result": result}, predictions)


def first_losses(
    names: list[str], data: Dataset, fold: Split, settings: Settings, weights: Path
) -> dict[str, float]:
    """Every loss at the first training step, before any update."""
    part = batches(fold.train, settings.batch, 0, settings.seed)[0]
    logits = network(settings, weights)(data.images[part], training=True)
    values = {name: build(name)(data.masks[part], logits) for name in names}
    return {name: float(keras.ops.convert_to_numpy(value)) for name, value in values.items()}
