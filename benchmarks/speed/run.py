"""Which processes are needed, and which have been run already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from benchmarks import store
from benchmarks.speed import bandwidth, machine
from benchmarks.speed.subjects import CROSS_ENTROPY, KERAS, MODES, SUBJECTS
from benchmarks.speed.targets import TARGETS
from benchmarks.speed.workloads import CLASSES, SIZES, WORKLOADS

PROMISED = frozenset(chain.from_iterable(target.named() for target in TARGETS if target.quick))
GROWING = frozenset(chain.from_iterable(target.named() for target in TARGETS if target.series))
SEEN = GROWING | {key for runtime, key in CROSS_ENTROPY.items() if runtime not in KERAS}
"""Whose time is taken over sizes and classes: for the targets, and the plots."""
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
HONEST = {"TF_ENABLE_ONEDNN_OPTS": "0"}
"""For memory: oneDNN's allocator keeps what TensorFlow frees, and no later call needs any more."""
DEADLINE = 3600.0
"""Seconds for a process, which would otherwise be waited for without end."""


@dataclass(frozen=True)
class Profile:
    """How much is measured."""

    turns: int
    patience: float
    """Seconds for one subject on one workload."""
    everything: bool
    """Every loss in every mode, and every size; else most of what the targets name."""


QUICK = Profile(turns=7, patience=1.5, everything=False)
FULL = Profile(turns=15, patience=5.0, everything=True)


@dataclass(frozen=True)
class Cell:
    """What one process measures on one workload."""

    measure: str
    runtime: str
    workload: str
    subjects: tuple[str, ...]

    def config(self, profile: Profile, conditions: store.Json) -> store.Json:
        """What identifies a result."""
        turns = {"turns": profile.turns, "patience": profile.patience}
        return {
            "measure": self.measure,
            "runtime": self.runtime,
            "workload": self.workload,
            "subjects": list(self.subjects),
            **(turns if self.measure == "time" else {}),
            "conditions": conditions,
        }

    def path(self, folder: Path, config: store.Json) -> Path:
        """Readable first, unique by the hash at its end."""
        subject = f"-{self.subjects[0].replace('/', '-')}" if self.measure == "memory" else ""
        name = f"{self.measure}-{self.runtime}-{self.workload}{subject}"
        return folder / f"{name}-{store.fingerprint(config)}.json"


def _timed(workload: str, profile: Profile) -> frozenset[str]:
    if workload == "half":
        return frozenset()
    if workload in SIZES or workload in CLASSES:
        return SEEN
    every = profile.everything and workload in ("kits19", "bus")
    return frozenset(SUBJECTS) if every else PROMISED


def _weighed(workload: str, profile: Profile) -> frozenset[str]:
    """Whose memory is measured, which takes a process for each."""
    if profile.everything and workload == "kits19":
        return frozenset(SUBJECTS)
    return frozenset(
        key
        for target in TARGETS
        if target.measure != "time" and workload in target.workloads
        for key in target.subjects
    )


def cells(profile: Profile, workloads: Iterable[str], patterns: Iterable[str]) -> list[Cell]:
    """What is to be measured, the processes that share a runtime side by side."""
    wanted = [key for key in SUBJECTS if any(fnmatch(key, pattern) for pattern in patterns)]
    workloads = list(workloads)
    found = []
    for runtime in MODES:
        mine = [key for key in wanted if SUBJECTS[key].runtime == runtime]
        for workload in workloads:
            keys = tuple(key for key in mine if key in _timed(workload, profile))
            found += [Cell("time", runtime, workload, keys)] if keys else []
        found += [
            Cell("memory", runtime, workload, (key,))
            for workload in workloads
            for key in mine
            if key in _weighed(workload, profile)
        ]
    return found


def default_workloads(profile: Profile) -> list[str]:
    """Half precision, sizes and classes take longer than the rest together."""
    return list(WORKLOADS) if profile.everything else ["kits19", "bus", "tiny"]


def _processes(jobs: list[store.Json]) -> Iterator[list[store.Json]]:
    """Times of a runtime share a process; each memory figure has one of its own."""
    for runtime in MODES:
        mine = [job for job in jobs if job["config"]["runtime"] == runtime]
        together = [job for job in mine if job["config"]["measure"] == "time"]
        yield from ([together] if together else [])
        yield from ([job] for job in mine if job["config"]["measure"] == "memory")


def _run(jobs: list[store.Json]) -> str | None:
    """Run a process; why it failed, or None."""
    weighs = jobs[0]["config"]["measure"] == "memory"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.child"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **QUIET, **(HONEST if weighs else {})},
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {DEADLINE:.0f} seconds"
    if not done.returncode:
        return None
    said = done.stderr.strip().splitlines() or ["nothing said"]
    return f"status {done.returncode}: {said[-1]}"[:300]


def measure(
    out: Path, profile: Profile, workloads: Iterable[str], patterns: Iterable[str], fresh: bool
) -> store.Json:
    """Measure what is missing; return everything that was asked for."""
    load, conditions = machine.load(), machine.described()
    jobs: list[store.Json] = []
    for cell in cells(profile, workloads, patterns):
        config = cell.config(profile, conditions)
        path = cell.path(out / "cells", config)
        jobs.append({"path": str(path.resolve()), "config": config, "load": load})
    missing = [job for job in jobs if fresh or store.read(Path(job["path"])) is None]
    copied = bandwidth.copied()
    processes = list(_processes(missing))
    failed = {}
    for process in (bar := tqdm(processes, unit="process")):
        config = process[0]["config"]
        bar.set_postfix_str(f"{config['measure']} {config['runtime']}")
        if complaint := _run(process):
            failed[", ".join(config["subjects"])] = complaint
    records = [r for job in jobs if (r := store.read(Path(job["path"]))) is not None]
    tqdm.write(f"{len(missing)} cells measured, {len(jobs) - len(missing)} resumed from {out}")
    return {
        "conditions": conditions,
        "bandwidth": copied,
        "failed": failed,
        "cells": records,
    }
