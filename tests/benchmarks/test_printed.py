"""The negative controls are equations 17 and 18 as the paper prints them, and can be trained."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("batchgenerators", reason="the reproduction needs the extra 'benchmarks'")

# one worker, which starts each backend once
pytestmark = pytest.mark.xdist_group("printed")

ROOT = Path(__file__).parents[2]
DELTA, GAMMA = 0.9, 0.2

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(2, 4, 4, 2)).astype(np.float32)
LABELS = {"mixed": rng.integers(0, 2, (2, 4, 4)), "none": np.zeros((2, 4, 4), int)}
LABELS["mixed"][:, 0, 0], LABELS["mixed"][:, 0, 1] = 0, 1  # both classes in each image

# A network whose logits are its input, so that the gradient by its bias is that of a shift.
CODE = """
import json, sys

from benchmarks.reproduce.__main__ import choose_backend

backend, given = sys.argv[1], json.loads(sys.argv[2])
choose_backend(backend)
import keras
import numpy as np

from benchmarks.reproduce.losses import build
from benchmarks.reproduce.training.distribution import Devices
from benchmarks.reproduce.training.steps import make_step

images = np.float32(given["logits"])
found = {}
for name in given["losses"]:
    for which, labels in given["labels"].items():
        model = keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Conv2D(2, 1)])
        model.set_weights([np.eye(2)[None, None], np.zeros(2)])
        loss = build(name, {"delta": given["delta"], "gamma": given["gamma"]})
        step = make_step(model, loss, keras.optimizers.SGD(0.01), Devices())
        batch = images, np.uint8(labels)
        value, (_, shift) = step.gradients(*batch)
        step.train(*batch)
        step.settle()
        found[f"{name}/{which}"] = [value, shift.tolist(), step.loss(*batch)]
print(json.dumps(found))
"""
LOSSES = ("asymmetric_focal_printed", "asymmetric_focal_tversky_printed", "asymmetric_focal")


@cache
def found(backend: str) -> dict[str, Any]:
    """Value, gradient of a shift of the logits, and the value after a step, by loss and labels."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    given = {
        "logits": LOGITS.tolist(),
        "labels": {which: labels.tolist() for which, labels in LABELS.items()},
        "losses": LOSSES,
        "delta": DELTA,
        "gamma": GAMMA,
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, backend, json.dumps(given)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits)
    return powers / powers.sum(-1, keepdims=True)


def equation_17(p: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """−δ y_r log p_r − (1 − δ) (1 − p_c)^γ log p_r, a pixel's mean; r the lesion."""
    log_r = np.log(p[..., 1])
    return float((-DELTA * y * log_r - (1 - DELTA) * (1 - p[..., 0]) ** GAMMA * log_r).mean())


def equation_18(p: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """δ on false positives; the classes' and the images' mean of 1 − TI, (1 − TI)^(1 − γ)."""

    def complement(c: int) -> NDArray[np.float64]:
        here, truth = p[..., c], y == c
        tp, fp, fn = (
            array.sum(axis=(1, 2)) for array in (here * truth, here * ~truth, (1 - here) * truth)
        )
        return 1 - tp / (tp + DELTA * fp + (1 - DELTA) * fn)

    return float(np.mean((complement(0) + complement(1) ** (1 - GAMMA)) / 2))


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("asymmetric_focal_printed", equation_17),
        ("asymmetric_focal_tversky_printed", equation_18),
    ],
)
def test_value_and_slope_are_those_of_the_printed_equation(
    backend: str, name: str, printed: Any
) -> None:
    value, shift, after = found(backend)[f"{name}/mixed"]
    logits, labels = LOGITS.astype(float), LABELS["mixed"]
    assert value == pytest.approx(printed(softmax(logits), labels), rel=1e-5)
    h = 1e-5
    slope = [
        (printed(softmax(logits + d), labels) - printed(softmax(logits - d), labels)) / (2 * h)
        for d in h * np.eye(2)
    ]
    assert shift == pytest.approx(slope, rel=1e-4, abs=1e-6)
    assert after < value  # it can be trained


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_equation_17_rewards_false_positives_as_printed(backend: str) -> None:
    """Where there is no lesion at all, raising its logit lowers the loss; as meant, it does not."""
    lesion = {name: found(backend)[f"{name}/none"][1][1] for name in LOSSES}
    assert lesion["asymmetric_focal_printed"] < 0 < lesion["asymmetric_focal"]
