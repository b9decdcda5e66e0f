"""From a trained network to the masks of whole cases, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.inputs.preprocess import Prepared
from benchmarks.reproduce.inputs.sliding import sliding_window
from benchmarks.reproduce.metrics import METRICS, Scores, average, scores_per_class
from benchmarks.reproduce.training.loop import finite
from benchmarks.reproduce.training.steps import Step
from benchmarks.store import Json

if TYPE_CHECKING:
    from benchmarks.reproduce.settings import Settings

Mask = NDArray[np.uint8]


def padded_probabilities(
    step: Step, images: NDArray[np.float32], batch: int
) -> NDArray[np.float32]:
    """The probabilities of at most ``batch`` images, computed on exactly so many: one program."""
    missing = np.zeros((batch - len(images), *images.shape[1:]), images.dtype)
    return step.probabilities(np.concatenate([images, missing]))[: len(images)]


def masks(step: Step, prepared: Prepared, cases: Sequence[int], settings: Settings) -> list[Mask]:
    """The most probable class of every pixel; whole images in batches, larger ones in windows."""

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return padded_probabilities(step, images, settings.batch)

    if settings.overlap is None:
        parts = [cases[i : i + settings.batch] for i in range(0, len(cases), settings.batch)]
        stacks = (predict(np.stack([prepared.image(int(i)) for i in part])) for part in parts)
        predictions = (probabilities for stack in stacks for probabilities in stack)
    else:
        overlap = settings.overlap
        predictions = (
            sliding_window(predict, prepared.image(int(i)), settings.shape, overlap, settings.batch)
            for i in cases
        )
    return [probabilities.argmax(-1).astype(np.uint8) for probabilities in predictions]


def score(prepared: Prepared, predictions: dict[int, Mask]) -> Json:
    """The metrics of every case and foreground class, their means, and what was undefined."""
    foreground = prepared.classes[1:]
    scored = {
        prepared.cases[i]: scores_per_class(mask, prepared.label(i), prepared.classes)
        for i, mask in predictions.items()
    }

    def of_class(name: str) -> list[Scores | None]:
        return [case[name] for case in scored.values()]

    return {
        "cases": {
            case: {name: s and s._asdict() for name, s in of_classes.items()}
            for case, of_classes in scored.items()
        },
        "mean": {
            name: {
                metric: finite(value)
                for metric, value in zip(METRICS, average(of_class(name)), strict=True)
            }
            for name in foreground
        },
        "undefined": {name: sum(s is None for s in of_class(name)) for name in foreground},
        "empty_predictions": {
            name: sum(not (mask == index).any() for mask in predictions.values())
            for index, name in enumerate(foreground, start=1)
        },
    }
