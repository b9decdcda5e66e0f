"""The calls that parity is tested on: every pair of choices occurs in at least one case.

The full product of the choices below has tens of thousands of calls; nearly every fault is one of
a single choice or of two together, and a pairwise covering needs a few dozen calls. Each loss is
held to all of them where a call is cheap. Where every call is compiled anew, the loss counts as one
choice more, ``FEW``; around what is compiled already, each loss and each choice come once,
``FEWEST``.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from unifocal.certificate.backends import Backend
from unifocal.certificate.golden_inputs import OTHER_HYPER

CHOICES: dict[str, list[Any]] = {
    "classes": [2, 3, 5, "one sigmoid channel", "three sigmoid channels"],
    "spatial": [(), (4,), (2, 2), (2, 1, 2)],
    "target": ["index", "bool", "one-hot", "soft"],
    "masked": ["nothing", "ignore_index", "weight", "ignore_index and weight"],
    "dtype": ["float64", "float32"],
    "label_dtype": ["int64", "uint8", "int32"],
    "activation": ["logits", "none"],
    "axis": [1, -1],
    "over": ["sample", "batch"],
    "reduction": ["mean", "sum"],
    "class_reduction": ["mean", "sum"],
    "absent": ["include", "skip"],
    "include_background": [True, False],
    "class_weights": [False, True],
    "missing_class": [False, True],
    "hyper": ["default", "other"],
}

LOSSES = list(OTHER_HYPER)
VARIED = ("cross_entropy", "dice", "combo", "unified_focal")
"""A loss of the label's class alone, one of regions, one whose parts cancel, and one of all."""


def each_loss(backends: Iterable[Backend], losses: Iterable[str] = LOSSES) -> pytest.MarkDecorator:
    """Run a test by loss and backend, where every call is compiled anew on a few losses only.

    It is for what is asked of an engine, which the losses share; ``FEW`` and the golden vectors
    hold each loss to its numbers wherever it runs.
    """
    calls = [
        pytest.param(loss, backend, id=f"{loss}-{backend.name}")
        for loss in losses
        for backend in backends
        if loss in VARIED or not backend.compiles
    ]
    return pytest.mark.parametrize(("loss", "backend"), calls)


def _sigmoid(case: dict[str, Any]) -> bool:
    return isinstance(case["classes"], str)


def _possible(case: dict[str, Any]) -> bool:
    index = case["target"] in ("index", "bool")
    if _sigmoid(case) and case["activation"] == "none":
        return False
    if case["classes"] == "three sigmoid channels" and index:
        return False  # a class index does not say what each channel is
    if case["target"] == "bool" and case["classes"] not in (2, "one sigmoid channel"):
        return False
    return case["target"] == "index" or "ignore_index" not in case["masked"]


def _pairs(case: dict[str, Any]) -> set[tuple[str, str]]:
    return set(itertools.combinations((f"{k}={v}" for k, v in case.items()), 2))


def _covering(candidates: int = 4000) -> Iterator[dict[str, Any]]:
    """Pick, from many possible calls, always the one with most pairs not seen before."""
    rng = random.Random(0)
    drawn = ({k: rng.choice(v) for k, v in CHOICES.items()} for _ in range(candidates))
    pool = [(case, _pairs(case)) for case in drawn if _possible(case)]
    missing = set().union(*(pairs for _, pairs in pool))
    while missing:
        best, pairs = max(pool, key=lambda entry: len(entry[1] & missing))
        missing -= pairs
        yield best


@dataclass(frozen=True)
class Case:
    """One call: arrays, and keywords but for the hyperparameters."""

    name: str
    choices: dict[str, Any]
    seed: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.choices["dtype"])

    def hyper(self, loss: str) -> dict[str, Any]:
        return OTHER_HYPER[loss] if self.choices["hyper"] == "other" else {}

    def keywords(self) -> dict[str, Any]:
        c = self.choices
        keys = ("axis", "over", "reduction", "class_reduction", "absent", "include_background")
        keywords = {key: c[key] for key in keys}
        keywords["activation"] = (
            "sigmoid" if _sigmoid(c) else "none" if c["activation"] == "none" else "softmax"
        )
        if "ignore_index" in c["masked"]:
            keywords["ignore_index"] = 255
        if c["class_weights"]:
            count = 2 if _sigmoid(c) else c["classes"]
            keywords["class_weights"] = [0.5, 2.0, 1.0, 0.25, 3.0][:count]
        return keywords

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return logits, target and weight."""
        c, rng = self.choices, np.random.default_rng(self.seed)
        channels = {"one sigmoid channel": 1, "three sigmoid channels": 3}.get(
            c["classes"], c["classes"]
        )
        classes = 2 if _sigmoid(c) else channels
        shape = (2, *c["spatial"])
        z = rng.normal(scale=2.0, size=(*shape, channels))
        if c["activation"] == "none":
            z = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        top = classes - 1 if c["missing_class"] else classes
        label = rng.integers(0, top, size=shape)
        if c["target"] == "index":
            t = label
            if "ignore_index" in c["masked"]:
                t = np.where(rng.random(shape) < 0.3, 255, t)
                t[(0, *(0,) * len(c["spatial"]))] = 0  # keep one pixel at least
            t = t.astype("int64" if c["label_dtype"] == "int64" else c["label_dtype"])
        elif c["target"] == "bool":
            t = label.astype(bool)
        elif _sigmoid(c):
            t = rng.random(z.shape)
            t = (t > 0.5).astype(self.dtype) if c["target"] == "one-hot" else t
        elif c["target"] == "one-hot":
            t = np.eye(classes)[label]
        else:
            t = rng.random(z.shape)
            t = t / t.sum(axis=-1, keepdims=True)
        weight = None
        if "weight" in c["masked"]:
            weight = rng.uniform(0.5, 2.0, size=shape)
            weight[(1, *(0,) * len(c["spatial"]))] = 0.0 if c["spatial"] else 1.0
            weight = weight.astype(self.dtype)
        z = np.moveaxis(z, -1, c["axis"]).astype(self.dtype)
        if t.ndim == z.ndim:
            t = np.moveaxis(t, -1, c["axis"]).astype(self.dtype)
        return np.ascontiguousarray(z), np.ascontiguousarray(t), weight


def _name(choices: dict[str, Any]) -> str:
    words = (choices["classes"], len(choices["spatial"]), choices["target"], choices["dtype"])
    return "{} classes, {}-d, {}, {}".format(*words)


CASES = [Case(f"{i} ({_name(choices)})", choices, seed=i) for i, choices in enumerate(_covering())]


def _few() -> Iterator[tuple[str, Case]]:
    """Pick calls by every loss with every choice, and no call more often than it must be."""
    used = dict.fromkeys(range(len(CASES)), 0)
    for loss in LOSSES:
        values = {case.seed: {f"{k}={v}" for k, v in case.choices.items()} for case in CASES}
        missing = set().union(*values.values())
        while missing:
            best = max(values, key=lambda i: (len(values[i] & missing), -used[i]))
            missing -= values[best]
            used[best] += 1
            yield loss, CASES[best]
    for number, times in used.items():
        if not times:
            yield LOSSES[number % len(LOSSES)], CASES[number]


FEW = frozenset((loss, case.name) for loss, case in _few())
"""Loss and case: every loss with every choice, and every case, hence every pair of choices."""


def _fewest() -> Iterator[tuple[str, Case]]:
    """Pick a call of each loss, always the one whose choices were made least before."""
    made: Counter[str] = Counter()

    def rare(case: Case) -> float:
        return sum(0.5 ** made[f"{k}={v}"] for k, v in case.choices.items())

    for loss in LOSSES:
        best = max(CASES, key=rare)
        made.update(f"{k}={v}" for k, v in best.choices.items())
        yield loss, best


FEWEST = frozenset((loss, case.name) for loss, case in _fewest())
"""Loss and case: every loss once, and every choice in some case."""
