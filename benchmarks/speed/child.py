"""One process of measurements: jobs as JSON from standard input, a file for each when done."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import store
from benchmarks.speed import runtimes, timing
from benchmarks.speed.subjects import SUBJECTS, Loss
from benchmarks.speed.workloads import WORKLOADS

Arrays = tuple[Any, Any]

PEAKS = 5
"""How often a peak is taken: on little work, what the kernel and the allocator round up counts."""


def described(error: Exception) -> str:
    """An error in one line; a library that is not there is no error."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]


def ready(
    framework: runtimes.NumPy, keys: list[str], arrays: Arrays
) -> tuple[dict[str, Loss], dict[str, runtimes.Call], dict[str, str]]:
    """Losses and calls that have run once, and why others have not.

    Anything can go wrong in another library; that must not cost the figures of the rest.
    """
    losses, calls, failed = {}, {}, {}
    for key in keys:
        try:
            losses[key] = SUBJECTS[key].build()
            calls[key] = framework.call(losses[key], SUBJECTS[key].mode, *arrays)
            calls[key]()
        except Exception as error:
            calls.pop(key, None)
            failed[key] = described(error)
    return losses, calls, failed


def measured(framework: runtimes.NumPy, config: store.Json) -> store.Json:
    """What one job asks for."""
    workload = WORKLOADS[config["workload"]]
    arrays, (logits, labels) = framework.arrays(workload), framework.sizes(workload)
    losses, calls, failed = ready(framework, config["subjects"], arrays)
    record = {
        "config": config,
        "threads": framework.threads(),
        "logits": logits,
        "labels": labels,
        "failed": failed,
    }
    if config["measure"] == "time":
        seconds = timing.take_turns(calls, config["turns"], config["patience"])
        return record | {"seconds": seconds}
    peaks = {key: known(framework.peak(call) for _ in range(PEAKS)) for key, call in calls.items()}
    saved = {
        key: known([framework.saved(losses[key], SUBJECTS[key].mode, *arrays)]) for key in calls
    }
    return record | {"peak": peaks, "saved": saved}


def known(sizes: Iterable[int | None]) -> list[int]:
    """Without those that cannot be told."""
    return [size for size in sizes if size is not None]


def main() -> None:
    """Do the jobs, which are of one runtime."""
    jobs = json.load(sys.stdin)
    framework = runtimes.load(jobs[0]["config"]["runtime"])
    for job in jobs:
        store.write(Path(job["path"]), measured(framework, job["config"]) | {"load": job["load"]})


if __name__ == "__main__":
    main()
