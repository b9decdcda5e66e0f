"""What processor, devices and versions a certificate names, on machines that are not here."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unifocal.certificate import devices, environment
from unifocal.certificate.backends import Backend
from unifocal.certificate.devices import Device
from unifocal.certificate.measure import PRECISIONS, Report, Settings, measure


def nothing(*_: object) -> None:
    """Hears how far a measurement is."""


@pytest.fixture
def bare_processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system without Linux' list of processors."""
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    devices.processor.cache_clear()
    yield
    devices.processor.cache_clear()


def test_a_processor_has_a_name_everywhere(
    bare_processor: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices.platform, "processor", lambda: "an abacus")
    monkeypatch.delattr(devices.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(devices.os, "cpu_count", lambda: 3)
    assert devices.processor() == "an abacus, 3 cores"
    monkeypatch.setattr(devices.platform, "processor", lambda: "")
    monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
    devices.processor.cache_clear()
    assert devices.processor() == "arm64, 3 cores"


def test_pytorch_takes_cuda_before_a_macs_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    cpu, gpu = devices.devices("torch")
    assert (cpu.kind, cpu.native, cpu.has_float64) == ("cpu", "cpu", True)
    assert gpu == Device("gpu", "a card", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    _, gpu = devices.devices("torch")
    assert (gpu.kind, gpu.native, gpu.has_float64) == ("gpu", "mps", False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.devices("torch") == [cpu]


@pytest.mark.parametrize(("platform", "kind"), [("tpu", "tpu"), ("gpu", "gpu"), ("METAL", "gpu")])
def test_jax_accelerates_with_its_default_device(
    platform: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jax = pytest.importorskip("jax")
    here = jax.local_devices(backend="cpu")
    there = SimpleNamespace(platform=platform, device_kind="a chip")
    monkeypatch.setattr(jax, "local_devices", lambda backend=None: here if backend else [there])
    assert devices.devices("jax")[1:] == [Device(kind, "a chip", there)]


def test_tensorflow_names_its_first_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    tf = pytest.importorskip("tensorflow")
    details = {"first": {"device_name": "a card"}, "second": {}}
    found = [SimpleNamespace(name=name) for name in details]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: found)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details[gpu.name])
    assert devices.devices("tensorflow")[1:] == [Device("gpu", "a card", "/GPU:0")]
    del found[0]
    assert devices.devices("tensorflow")[1:] == [Device("gpu", "second", "/GPU:0")]


def test_only_jax_and_tensorflow_are_told_where_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    module = SimpleNamespace(
        default_device=lambda native: calls.append(native) or contextlib.nullcontext(),
        device=lambda native: calls.append(native) or contextlib.nullcontext(),
    )
    monkeypatch.setattr(devices, "import_module", lambda _: module)
    for framework in ("numpy", "torch", "jax", "tensorflow"):
        with devices.placement(framework, Device("gpu", "", framework)):
            pass
        with devices.placement(framework, None):
            pass
    assert calls == ["jax", "tensorflow"]


# What is measured on them -------------------------------------------------------------------------


def test_a_kind_of_device_that_is_not_there_is_said_to_be_missing() -> None:
    (report,) = measure(Backend.TORCH, Settings(("dice",), "tpu", quick=True), nothing)
    wanted = {("dice", precision): "this machine has no tpu for it" for precision in PRECISIONS}
    assert (report.device, report.unavailable) == ("tpu", wanted)


def test_a_device_without_float64_is_measured_in_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    from unifocal.certificate import measure as module

    half = Device("gpu", "half of NumPy", None, has_float64=False)
    monkeypatch.setattr(module, "devices", lambda _: [half])
    (report,) = measure(Backend.NUMPY, Settings(("dice",), None, quick=True), nothing)
    assert isinstance(report, Report)
    assert set(report.unavailable) == {("dice", "float64"), ("dice", "exact")}
    assert set(report.found) == {("dice", p) for p in ("float32", "float16", "bfloat16")}


@pytest.mark.parametrize("backend", [Backend.TORCH_COMPILE, Backend.TENSORFLOW_XLA])
def test_a_compiler_that_fails_is_quoted(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    from unifocal.certificate import backends

    def broken() -> Any:
        raise RuntimeError("no assembler\nand much more")

    pytest.importorskip(backend.framework)
    assert backend.unavailable() is None
    monkeypatch.setitem(backends._COMPILERS, backend, lambda: lambda _: broken())
    assert backend.unavailable() == "RuntimeError: no assembler"


# Where a number came from -------------------------------------------------------------------------


def test_versions_are_those_of_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.version("a-package-that-nobody-has") is None
    there = {"tensorflow": ["tensorflow-cpu"]}
    monkeypatch.setattr(environment.metadata, "packages_distributions", lambda: there)
    monkeypatch.setattr(environment.metadata, "version", lambda name: f"that of {name}")
    assert environment.version("tensorflow") == "that of tensorflow-cpu"
    assert environment.version("torch") == "that of torch"


@pytest.mark.parametrize("error", [FileNotFoundError, subprocess.CalledProcessError(1, "git")])
def test_a_copy_outside_of_git_has_no_commit(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(environment.subprocess, "run", run)
    assert environment.commit() is None
