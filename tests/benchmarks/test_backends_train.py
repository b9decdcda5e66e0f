"""Backends train alike from one start; half precision and several devices run, here on CPUs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("batchgenerators", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.phantoms import write_phantoms
from benchmarks.reproduce.training.agreement import AT_START, ON_CURVE, compare

ROOT = Path(__file__).parents[2]
BACKENDS = ("torch", "tensorflow", "jax")

# one worker, which writes the images once
pytestmark = pytest.mark.xdist_group("backends train")

START = """
import json, sys
from pathlib import Path

backend, images, out, overrides = sys.argv[1:]
if backend == "tensorflow":
    import tensorflow as tf

    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from benchmarks.reproduce.__main__ import choose_backend
from benchmarks.reproduce.experiments import grid

choose_backend(backend)
from benchmarks.reproduce.experiments import jobs


def small(name, overrides):
    overrides = {"epochs": 2, "filters": 2, "depth": 2, "batch": 4, **overrides}
    (job,) = grid.plan("quick", ("bus",), backend, losses=["unified_focal"], overrides=overrides)
    return job, jobs.Place("quick", Path(out, name), {"bus": Path(images)})


planned = [small(name, changed) for name, changed in json.loads(overrides).items()]
"""
RUN = """
for job in planned:
    jobs.run(*job)
"""
# What still holds a group of processes when it is destroyed may wait for its threads for ever.
RUN_TOGETHER = (
    """
import gc
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

destroy = distributed.destroy_process_group


def destroyed():
    assert not any(isinstance(x, DistributedDataParallel) for x in gc.get_objects())
    destroy()


distributed.destroy_process_group = destroyed
"""
    + RUN
)
RECORD = """
from benchmarks.reproduce.losses import build
from benchmarks.reproduce.training.agreement import record

job, place = small("", {})
prepared = place.prepared("bus")
cases = jobs.split_of(prepared, job.settings, 0).train
record(
    place.out / "record.npz",
    build("unified_focal", {}),
    job.settings,
    prepared,
    cases,
    place.out.parent / "start.npz",
)
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms("bus", tmp_path_factory.mktemp("bus") / "images", 16, 0, (32, 32))


def run(
    code: str, backend: str, images: Path, out: Path, together: bool = False, **overrides: Any
) -> None:
    """Run code in a process of its own, or in two that train together; a keyword is a small job."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    starter = [sys.executable]
    if together:
        starter += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = out / "script.py"
    out.mkdir(parents=True, exist_ok=True)
    script.write_text(START + code, "utf-8")
    subprocess.run(
        [*starter, str(script), backend, str(images), str(out), json.dumps(overrides)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            # TensorFlow itself imports Keras, so this must stand before the script chooses; what
            # is there may come from another test.
            "KERAS_BACKEND": backend,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        check=True,
        timeout=600,
    )


def result(out: Path) -> dict[str, Any]:
    (path,) = (out / "jobs").glob("*.json")
    return json.loads(path.read_text("utf-8"))


JOBS = {"one": {}, "half": {"precision": "mixed_float16"}, "two": {"distribution": "data"}}
"""On one device, with layers in half precision, on two devices."""


@pytest.fixture(scope="module")
def folder(images: Path, tmp_path_factory: pytest.TempPathFactory):
    """What a backend leaves: each of the jobs, and its first twenty steps from shared weights.

    All share a process, where the framework lets them, because it takes long to start.
    """
    out = tmp_path_factory.mktemp("backends")

    @cache
    def of(backend: str) -> Path:
        jobs = JOBS
        if backend == "torch":  # a process for each device
            jobs = {name: JOBS[name] for name in ("one", "half")}
            run(RUN_TOGETHER, backend, images, out / backend, together=True, two=JOBS["two"])
        run(RECORD + RUN, backend, images, out / backend, **jobs)
        return out / backend

    return of


@pytest.mark.parametrize(("one", "other"), list(combinations(BACKENDS, 2)))
def test_backends_compute_the_same_from_the_same_start(folder, one: str, other: str) -> None:
    found = compare(folder(one) / "record.npz", folder(other) / "record.npz")
    assert found.loss <= AT_START
    assert found.gradient <= AT_START
    assert found.curve <= ON_CURVE


def test_epochs_are_timed_in_turns(images: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.reproduce", "--data", str(images)]
    command += ["--out", str(tmp_path), "--filters", "2", "--depth", "1", "--losses", "dice,focal"]
    timed = subprocess.run(
        [*command, "timing", "--turns", "2"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for loss in ("Dice", "Focal"):
        assert re.search(rf"{loss} +│ \d+\.\d\d \(.*\) +│ –", timed.stdout)


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_may_compute_in_half_precision(folder, backend: str) -> None:
    history = result(folder(backend) / "half")["history"]  # with scaled gradients
    assert len(history) == 2
    assert all(0 < epoch["loss"] < 2 for epoch in history)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_devices_train_like_one(folder, backend: str) -> None:
    one, two = (result(folder(backend) / name) for name in ("one", "two"))
    # On PyTorch each device has the statistics of batch norm to itself.
    tolerance = 0.1 if backend == "torch" else 1e-3
    assert two["first_loss"] == pytest.approx(one["first_loss"], rel=tolerance)
    losses = [[epoch["loss"] for epoch in record["history"]] for record in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=tolerance)
