"""Finished jobs as the reproduction writes them, made up with known effects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reproduce.metrics import METRICS

Json = dict[str, Any]
Level = Callable[[Json], dict[str, float]]

SEVEN = ("focal", "dice", "tversky", "focal_tversky", "combo", "hybrid_focal", "unified_focal")
TITLES = {"bus-phantoms": "BUS2017 phantoms", "kits19-phantoms": "KiTS19 phantoms"}
CLASSES = {"kits19-phantoms": ["background", "kidney", "tumour"]}
CASES, SIZE = 12, 24


def flat(dsc: float = 0.75, precision: float = 0.8, recall: float = 0.7) -> dict[str, float]:
    return {"dsc": dsc, "precision": precision, "recall": recall}


def condition(loss: str, **changes: Any) -> Json:
    """A job's conditions; the first fold of the comparison unless something else is said."""
    return {
        "experiment": "comparison",
        "dataset": "bus-phantoms",
        "loss": loss,
        "hyperparameters": {},
        "optimiser": "sgd",
        "deep_supervision": "none",
        "fold": 0,
        "seed": 0,
        "backend": "torch",
    } | changes


def everywhere(
    conditions: Iterable[Json], folds: int = 5, backends: tuple[str, ...] = ("torch",)
) -> list[Json]:
    """The same conditions on every fold and backend."""
    return [
        c | {"fold": fold, "backend": backend}
        for c in conditions
        for fold in range(folds)
        for backend in backends
    ]


def name(condition: Json) -> str:
    given = "-".join(f"{k}{v}" for k, v in condition["hyperparameters"].items())
    parts = [v for k, v in condition.items() if k != "hyperparameters"]
    return "-".join(map(str, [*parts, given]))


def job(condition: Json, level: Level, noise: float = 0.01, epochs: int = 5) -> Json:
    """A finished job: the level of its condition, the difficulty of each case, and some noise."""
    dataset, fold = condition["dataset"], condition["fold"]
    classes = CLASSES.get(dataset, ["background", "lesion"])
    cases = [f"case_{fold}{i:02}" for i in range(CASES)]
    shared = np.random.default_rng([7, fold])  # what all jobs of a fold have in common
    own = np.random.default_rng(list(name(condition).encode()))
    difficulty = shared.normal(0, 0.05, CASES)
    scores: Json = {}
    for case, hard in zip(cases, difficulty, strict=True):
        scores[case] = {
            c: {
                m: float(np.clip(level(condition)[m] + hard + own.normal(0, noise), 0, 1))
                for m in METRICS
            }
            for c in classes[1:]
        }
    means = {
        c: {m: float(np.mean([scores[case][c][m] for case in cases])) for m in METRICS}
        for c in classes[1:]
    }
    history = [
        {
            "loss": 1.0 / (1 + epoch),
            "validation_loss": 1.1 / (1 + epoch),
            "learning_rate": 0.01,
            "seconds": 2.0,
            "seconds_in_step": 1.9,
            "seconds_waiting": 0.05,
        }
        for epoch in range(epochs)
    ]
    return {
        "job": condition,
        "name": name(condition),
        "dataset_title": TITLES[dataset],
        "profile": "hour",
        "settings": {"architecture": "miscnn", "epochs": epochs, "filters": 8},
        "data": {
            "cases": 5 * CASES,
            "foreground": dict.fromkeys(classes[1:], 0.048),
            "fingerprint": "0123456789ab",
            "classes": classes,
        },
        "split": {"train": ["a"], "validation": ["b"], "test": cases},
        "versions": {"python": "3.13", "keras": "3.15", condition["backend"]: "2.0"},
        "commit": "abc1234",
        "device": "2 cores of a <test> machine",
        "conventions": {"delta": "weighs false negatives", "metrics": "per case from the argmax"},
        "first_loss": 1.0,
        "selected_epoch": epochs - 1,
        "cases": scores,
        "mean": means,
        "undefined": dict.fromkeys(classes[1:], 1),
        "empty_predictions": dict.fromkeys(classes[1:], 2),
        "seconds": 2.0 * epochs,
        "seconds_in_step": 1.9 * epochs,
        "seconds_waiting": 0.05 * epochs,
        "history": history,
    }


def disc(centre: float, radius: float) -> Any:
    i, j = np.indices((SIZE, SIZE))
    return ((i - centre) ** 2 + (j - centre) ** 2 < radius**2).astype(np.uint8)


def write(results: Path, jobs: Iterable[Json]) -> None:
    """The files of jobs: JSON, masks, and the examples of their data sets."""
    (results / "jobs").mkdir(parents=True, exist_ok=True)
    (results / "examples").mkdir(exist_ok=True)
    for one in jobs:
        path = results / "jobs" / one["name"]
        Path(f"{path}.json").write_text(json.dumps(one), "utf-8")
        cases = one["split"]["test"]
        np.savez_compressed(f"{path}.npz", **{c: disc(13, 5 + i % 3) for i, c in enumerate(cases)})
        if one["job"]["fold"] == 0:
            image = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
            np.savez_compressed(
                results / "examples" / f"{one['job']['dataset']}.npz",
                **{f"{c}/image": image + disc(12, 6) for c in cases},
                **{f"{c}/label": disc(12, 6) for c in cases},
                **{f"{c}/slice": np.int64(-1) for c in cases},
            )
