"""Time and memory: the command at its smallest, and the arithmetic of what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(module) is None for module in ("matplotlib", "tqdm", "typer")),
        reason="the benchmark needs the extra 'benchmarks'",
    ),
    # one worker, which builds the module's fixture once
    pytest.mark.xdist_group("speed"),
]

ROOT = Path(__file__).parents[2]
OURS, THEIRS = "torch/eager/unifocal.unified_focal", "torch/eager/PyTorch.cross_entropy"
COMPILED = "torch/compile/unifocal.unified_focal"


def cell(workload: str, **measured: Any) -> dict[str, Any]:
    """A finished cell with logits of 1000 bytes and labels of 500."""
    config = {"measure": "time", "runtime": "torch", "workload": workload, "subjects": []}
    known = {"config": config, "logits": 1000, "labels": 500, "threads": 2, "load": 0.0}
    return known | {"failed": {}} | measured


def record(*cells: dict[str, Any], load: float = 0.0) -> dict[str, Any]:
    from benchmarks.speed import report

    conditions = {
        "processor": "an abacus",
        "cores": 2,
        "system": "none",
        "python": "3.11",
        "versions": {"numpy": "2.0"},
    }
    found = [c | {"load": load} for c in cells]
    return report.judge({"conditions": conditions, "bandwidth": 1e9, "failed": {}, "cells": found})


def verdict(title: str, *cells: dict[str, Any]) -> dict[str, Any]:
    (row,) = [r for r in record(*cells)["targets"] if r["target"] == title]
    return row


# Arithmetic ---------------------------------------------------------------------------------------


def test_a_ratio_is_the_median_over_turns_not_the_ratio_of_medians() -> None:
    from benchmarks.speed.timing import ratio, spread

    # the third turn was disturbed for both, the fifth for theirs
    assert ratio([2, 2, 20, 3, 2], [1, 1, 10, 1, 4]) == (2.0, 2.0, 2.0)
    assert spread([1, 2, 3, 4, 5]) == (3, 2, 4)
    assert spread([7]) == (7, 7, 7)


def test_a_turn_that_one_of_them_left_out_is_no_ratio() -> None:
    from benchmarks.speed.timing import ratio

    assert ratio([6, 6], [2, 3, 1000]) == (2.5, 2.25, 2.75)


def test_every_second_turn_goes_backwards_and_patience_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from benchmarks.speed import timing

    now, said = [0.0], []

    def lasts(name: str, seconds: float):
        def call() -> None:
            said.append(name)
            now[0] += seconds

        return call

    monkeypatch.setattr(timing, "perf_counter", lambda: now[0])
    calls = {"short": lasts("short", 1.0), "long": lasts("long", 4.0)}
    seconds = timing.take_turns(calls, 4, patience=8.0)
    assert seconds == {"short": [1.0] * 4, "long": [4.0] * 2}
    assert said[2:] == ["short", "long", "long", "short", "short", "short"]


def test_the_bound_reads_twice_and_writes_once() -> None:
    from benchmarks.speed.bandwidth import bound

    assert bound(logits=100, labels=10, bandwidth=32.0) == (200 + 20 + 100) / 32


# Verdicts -----------------------------------------------------------------------------------------

CROSS_ENTROPY = "PyTorch eager / `F.cross_entropy`"  # at most 1.8


@pytest.mark.parametrize(
    ("seconds", "wanted"), [((1.7, 1.8), "met"), ((1.7, 1.9), "missed"), ((1.9, 1.7), "missed")]
)
def test_a_target_is_met_on_all_workloads(seconds: tuple[float, float], wanted: str) -> None:
    cells = [
        cell(workload, seconds={OURS: [s], THEIRS: [1.0]})
        for workload, s in zip(("kits19", "bus"), seconds, strict=True)
    ]
    assert verdict(CROSS_ENTROPY, *cells)["verdict"] == wanted


def test_a_target_without_figures_is_not_measured() -> None:
    alone = cell("kits19", seconds={OURS: [1.0]})
    elsewhere = cell("1e4", seconds={OURS: [1.0], THEIRS: [1.0]})
    assert verdict(CROSS_ENTROPY, alone, elsewhere)["verdict"] == "not measured"


def test_memory_is_over_the_logits_and_labels_are_not_saved_twice() -> None:
    weighed = cell("bus", peak={OURS: [1500, 1700, 9000]}, saved={OURS: [1500]})
    peak = verdict("PyTorch eager, extra peak memory", weighed)
    assert (peak["figures"]["bus"]["median"], peak["verdict"]) == (1.7, "missed")
    saved = verdict("PyTorch eager, saved for backward beside the labels", weighed)
    assert (saved["figures"]["bus"]["median"], saved["verdict"]) == (1.0, "met")


@pytest.mark.parametrize(("slowest", "wanted"), [(1.04, "met"), (1.1, "missed")])
def test_the_slowest_other_loss_is_held_to_unified_focal(slowest: float, wanted: str) -> None:
    from unifocal_spec import LOSSES

    seconds = {f"torch/eager/unifocal.{loss}": [0.5] for loss in LOSSES}
    seconds |= {OURS: [1.0], "torch/eager/unifocal.focal": [slowest]}
    family = "PyTorch eager, every other loss / `unified_focal`"
    found = verdict(family, cell("kits19", seconds=seconds))
    assert (found["figures"]["kits19"]["median"], found["verdict"]) == (slowest, wanted)
    del seconds["torch/eager/unifocal.dice"]
    assert verdict(family, cell("kits19", seconds=seconds))["verdict"] == "not measured"


def series(workloads: dict[str, Any], **figures: list[float]) -> list[dict[str, Any]]:
    """A cell for every workload of a series, with logits as large as they are."""
    return [
        cell(name, **{measure: {OURS: [values[i]]} for measure, values in figures.items()})
        | {"logits": workload.pixels * workload.classes}
        for i, (name, workload) in enumerate(workloads.items())
    ]


@pytest.mark.parametrize(
    ("seconds", "growth"),
    [
        ([9.0, 10.0, 100.0, 1e3, 1e4], 1),  # calling takes longer than computing at first
        ([1.0, 10.0, 100.0, 1e3, 2e4], 2),  # a cache is left
        ([1e0, 1e2, 1e4, 1e6, 1e8], 1e4),  # quadratic
    ],
)
def test_linear_time_is_a_time_of_a_logit_that_does_not_grow(
    seconds: list[float], growth: float
) -> None:
    from benchmarks.speed.workloads import SIZES

    row = "PyTorch eager, time of a logit, growth over 10⁴ … 10⁸ pixels"
    found = verdict(row, *series(SIZES, seconds=seconds))
    assert found["figures"]["series"]["median"] == pytest.approx(growth)
    assert found["verdict"] == ("met" if growth <= 1.5 else "missed")
    assert verdict(row, *series(SIZES, seconds=seconds)[:-1])["verdict"] == "not measured"


def test_time_over_classes_has_a_row_of_its_own() -> None:
    from benchmarks.speed.workloads import CLASSES

    row = "PyTorch eager, time of a logit, growth over 2 … 64 classes"
    found = verdict(row, *series(CLASSES, seconds=[2.0, 4.0, 8.0, 16.0, 32.0, 128.0]))
    assert (found["figures"]["series"]["median"], found["verdict"]) == (2, "missed")


def test_constant_memory_is_a_peak_that_grows_by_the_gradient() -> None:
    from benchmarks.speed.workloads import SIZES

    row = "PyTorch eager, peak memory for a further byte of logits, the gradient's included"
    sizes = [workload.pixels * workload.classes for workload in SIZES.values()]
    constant = verdict(row, *series(SIZES, peak=[10_000 + size for size in sizes]))
    assert (constant["figures"]["series"]["median"], constant["verdict"]) == (1, "met")
    twice = verdict(row, *series(SIZES, peak=[10_000 + 2 * size for size in sizes]))
    assert (twice["figures"]["series"]["median"], twice["verdict"]) == (2, "missed")


def test_a_float32_copy_of_half_precision_misses_its_target() -> None:
    row = "PyTorch eager, extra peak memory for float16"
    gradient, copy = 1000, 2000
    assert verdict(row, cell("half", peak={OURS: [gradient + 400]}))["verdict"] == "met"
    assert verdict(row, cell("half", peak={OURS: [gradient + copy]}))["verdict"] == "missed"


def test_half_precision_logits_have_half_the_bytes() -> None:
    from benchmarks.speed.runtimes import NumPy
    from benchmarks.speed.workloads import WORKLOADS, Workload

    small = Workload("", 1, 2, (3, 5), "float16")
    logits, _ = NumPy().arrays(small)
    assert (str(logits.dtype), logits.nbytes) == ("float16", NumPy().sizes(small)[0])
    assert WORKLOADS["half"].dtype == "float16"


def test_the_report_shows_a_missed_target_as_missed() -> None:
    from benchmarks.speed import report

    slow = record(cell("kits19", seconds={OURS: [3.0, 3.0], THEIRS: [1.0, 1.0]}))
    for text in (report.page(slow), report.excerpt(slow)):
        (line,) = [x for x in text.splitlines() if x.startswith(f"| {CROSS_ENTROPY} |")]
        assert line == f"| {CROSS_ENTROPY} | 1.8 | 3.00 |  |  | **missed** |"


def test_the_report_says_when_the_machine_was_busy_and_what_did_not_run() -> None:
    from benchmarks.speed import report

    failed = cell("bus", seconds={}) | {"failed": {THEIRS: "torch is not installed"}}
    assert "machine was busy" in report.page(record(failed, load=1.5))
    assert "machine was busy" not in report.page(record(failed, load=0.1))
    assert f"* `{THEIRS} on bus`: torch is not installed" in report.page(record(failed))


def test_the_excerpt_replaces_what_stood_between_the_markers() -> None:
    from benchmarks.speed.report import BEGIN, END, insert

    once = insert(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert insert(once, "new") == once
    with pytest.raises(ValueError, match="one part between"):
        insert("no markers", "new")


def test_the_readme_has_the_markers_and_every_target_names_subjects() -> None:
    from benchmarks.speed.report import insert
    from benchmarks.speed.subjects import SUBJECTS
    from benchmarks.speed.targets import TARGETS

    insert((ROOT / "README.md").read_text("utf-8"), "")
    assert {key for target in TARGETS for key in target.named()} <= SUBJECTS.keys()


# What is measured ---------------------------------------------------------------------------------


def test_the_full_profile_times_everything_on_both_batches_and_weighs_it_on_one() -> None:
    from benchmarks.speed.run import FULL, QUICK, cells, default_workloads
    from benchmarks.speed.subjects import SUBJECTS
    from benchmarks.speed.targets import WAYS
    from benchmarks.speed.workloads import WORKLOADS

    assert default_workloads(FULL) == list(WORKLOADS)
    found = cells(FULL, default_workloads(FULL), ["*"])
    for workload in ("kits19", "bus"):
        timed = [key for c in found if (c.measure, c.workload) == ("time", workload)
                 for key in c.subjects]  # fmt: skip
        assert sorted(timed) == sorted(SUBJECTS)
    weighed = [c.subjects for c in found if (c.measure, c.workload) == ("memory", "kits19")]
    assert sorted(weighed) == sorted((key,) for key in SUBJECTS)
    assert not [c for c in found if (c.measure, c.workload) == ("memory", "tiny")]
    for workload in ("1e8", "c64"):
        (timed,) = {
            c for c in found if (c.measure, c.workload, c.runtime) == ("time", workload, "torch")
        }
        assert set(timed.subjects) == {OURS, THEIRS, COMPILED}
    assert [c.subjects for c in found if c.workload == "half"] == [
        (f"{way}/unifocal.unified_focal",) for way in WAYS.values()
    ]
    quick = cells(QUICK, default_workloads(QUICK), ["*"])
    assert {c.workload for c in quick} == {"kits19", "bus", "tiny"}
    assert {key for c in quick for key in c.subjects} < set(SUBJECTS)


CROSS_ENTROPIES = [
    *("numpy/eager/unifocal", "torch/eager/unifocal", "torch/compile/unifocal"),
    *("torch/eager/PyTorch", "torch/compile/PyTorch", "jax/eager/unifocal", "jax/jit/unifocal"),
    *("jax/jit/Optax", "tensorflow/eager/unifocal", "tensorflow/function/unifocal"),
    *("tensorflow/xla/unifocal", "tensorflow/function/TensorFlow", "tensorflow/xla/TensorFlow"),
]


@pytest.mark.parametrize("library", CROSS_ENTROPIES)
def test_every_runtime_gives_value_and_gradient(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of cross-entropy, −mean log p of the label, with (p − one-hot) / pixels."""
    import numpy as np

    from benchmarks.speed import runtimes
    from benchmarks.speed.subjects import SUBJECTS
    from benchmarks.speed.workloads import WORKLOADS

    subject, tiny = SUBJECTS[f"{library}.cross_entropy"], WORKLOADS["tiny"]
    torch = pytest.importorskip("torch")
    eager = partial(torch.compile, backend="aot_eager")  # no minutes of compiling C++
    monkeypatch.setattr(torch, "compile", eager)
    pytest.importorskip(subject.runtime)
    pytest.importorskip("optax" if subject.library == "Optax" else subject.runtime)
    framework = runtimes.load(subject.runtime)
    loss, arrays = subject.build(), framework.arrays(tiny)
    call = framework.call(loss, subject.mode, *arrays)
    value, gradient = call()

    z, t = tiny.logits(-1).astype(float), tiny.labels(np.int64)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    hit = np.eye(tiny.classes)[t]
    assert float(value) == pytest.approx(-np.log((p * hit).sum(axis=-1)).mean(), rel=1e-6)
    gradient = gradient[0] if isinstance(gradient, tuple) else gradient
    found = np.moveaxis(np.asarray(gradient), framework.axis, -1)
    np.testing.assert_allclose(found, (p - hit) / tiny.pixels, rtol=1e-5, atol=1e-8)
    assert framework.threads() >= 1
    assert (framework.peak(call) is None) == (sys.platform != "linux")
    assert framework.saved(loss, subject.mode, *arrays) in (None, 0)  # 64 pixels are below 4 KiB


def test_what_cannot_run_is_named_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.speed import child, runtimes
    from benchmarks.speed.subjects import SUBJECTS, Subject
    from benchmarks.speed.workloads import WORKLOADS

    def refuse() -> Any:
        raise ValueError("first line\nsecond line")

    def lack() -> Any:
        raise ModuleNotFoundError("no module", name="abacus")

    for name, build in (("refuses", refuse), ("lacks", lack)):
        monkeypatch.setitem(SUBJECTS, name, Subject("numpy", "eager", "Abacus", name, build))
    sound = "numpy/eager/unifocal.dice"
    framework = runtimes.load("numpy")
    arrays = framework.arrays(WORKLOADS["tiny"])
    _, calls, failed = child.ready(framework, ["refuses", sound, "lacks"], arrays)
    assert set(calls) == {sound}
    assert failed == {"refuses": "ValueError: first line", "lacks": "abacus is not installed"}


@pytest.mark.parametrize(
    ("ends", "complaint"),
    [
        (0, None),
        (-9, "status -9: killed"),
        (subprocess.TimeoutExpired("python", 3600), "no answer in 3600 seconds"),
    ],
    ids=["well", "killed", "hung"],
)
def test_a_process_that_ends_badly_is_named(
    ends: Any, complaint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.speed import run

    def process(command: Any, **_: Any) -> Any:
        if isinstance(ends, Exception):
            raise ends
        return subprocess.CompletedProcess(command, ends, "", "started\nkilled\n")

    monkeypatch.setattr(run.subprocess, "run", process)
    assert run._run([{"config": {"measure": "time"}}]) == complaint


@pytest.mark.parametrize(("measure", "allocator"), [("memory", "0"), ("time", None)])
def test_no_allocator_hides_what_is_freed_where_memory_is_measured(
    measure: str, allocator: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.speed import run

    seen = {}

    def process(command: Any, *, env: dict[str, str], **_: Any) -> Any:
        seen.update(env)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setattr(run.subprocess, "run", process)
    run._run([{"config": {"measure": measure}}])
    assert seen.get("TF_ENABLE_ONEDNN_OPTS") == allocator


# Measuring ----------------------------------------------------------------------------------------


def test_the_peak_is_known_on_linux_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.speed import memory

    monkeypatch.setattr(sys, "platform", "abacus")
    assert memory.host_peak(lambda: None) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is the Linux kernel's")
def test_the_peak_is_that_of_one_call() -> None:
    import numpy as np

    from benchmarks.speed.memory import host_peak

    size = 64 << 20

    def call() -> Any:
        passing = np.ones(size, np.uint8)
        return passing[: size // 4].copy()

    call()  # a peak before it does not count
    peak = host_peak(call)
    assert peak is not None
    assert peak == pytest.approx(1.25 * size, rel=0.05)  # the kernel counts pages in batches


def bench(out: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "--out", str(out), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options of a run that takes seconds: two losses on PyTorch, little to do."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    subjects = "torch/eager/unifocal.unified_focal,torch/eager/PyTorch.*"
    return ("--workloads", "tiny,1e4", "--subjects", subjects)


def test_the_command_writes_what_it_promises_and_repeats_nothing(
    tmp_path: Path, small: tuple[str, ...]
) -> None:
    assert "3 cells measured, 0 resumed" in bench(tmp_path, *small)
    for name in ("speed.json", "speed.md", "time.png", "memory.png"):
        assert (tmp_path / name).stat().st_size > 0
    found = json.loads((tmp_path / "speed.json").read_text())
    assert found["bandwidth"] > 0
    assert {"torch", "numpy"} <= found["conditions"]["versions"].keys()
    timed, sized, weighed = found["cells"]
    assert {len(seconds) for seconds in timed["seconds"].values()} == {7}
    assert set(sized["seconds"]) == {OURS, THEIRS}
    # index labels have 64 bits, as many as two float32 logits
    assert weighed["saved"][OURS] == [weighed["logits"] + weighed["labels"]] == [160_000]
    assert len(weighed["peak"][OURS]) == (5 if sys.platform == "linux" else 0)
    assert "one image of 8×8" in (tmp_path / "speed.md").read_text("utf-8")
    assert "0 cells measured, 3 resumed" in bench(tmp_path, *small)
    assert "3 cells measured, 0 resumed" in bench(tmp_path, *small, "--fresh")


@pytest.mark.parametrize("beneath", ["torch", "jax", "tensorflow"])
def test_keras_on_each_of_its_backends(tmp_path: Path, beneath: str) -> None:
    for module in ("keras", beneath):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    bench(tmp_path, "--workloads", "tiny", "--subjects", f"keras-{beneath}/*")
    (timed,) = json.loads((tmp_path / "speed.json").read_text())["cells"]
    assert timed["failed"] == {}
    assert len(timed["seconds"]) == 2 * len(("dice", "tversky", "focal"))


def test_refuses_a_workload_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--workloads", "huge", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "huge: choose from kits19" in done.stderr
