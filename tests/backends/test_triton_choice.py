"""When Triton's kernels may run: on new enough software and hardware, and where they are wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from unifocal_torch import triton_engine as engine  # noqa: E402

installed, new_enough = engine._installed.__wrapped__, engine._new_enough.__wrapped__
ON_CUDA = SimpleNamespace(is_cuda=True, get_device=lambda: 0)


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which nothing is missing, and no TensorFlow is loaded."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.4.0"))
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setattr(torch.version, "hip", None)
    return monkeypatch


@pytest.mark.parametrize("version", ["3.4.0", "3.10.1+git", "4.0.0"])
def test_new_enough_versions(complete: pytest.MonkeyPatch, version: str) -> None:
    complete.setitem(sys.modules, "triton", SimpleNamespace(__version__=version))
    assert installed()


@pytest.mark.parametrize("version", ["2.1.0", "3.3.9"])
def test_versions_that_are_too_old(complete: pytest.MonkeyPatch, version: str) -> None:
    complete.setitem(sys.modules, "triton", SimpleNamespace(__version__=version))
    assert not installed()


def test_without_triton(complete: pytest.MonkeyPatch) -> None:
    complete.setitem(sys.modules, "triton", None)  # importing it raises
    assert not installed()


def test_triton_is_not_loaded_after_tensorflow(complete: pytest.MonkeyPatch) -> None:
    complete.setitem(sys.modules, "tensorflow", SimpleNamespace())
    assert installed()  # it was there before
    complete.delitem(sys.modules, "triton")
    assert not installed()
    assert "triton" not in sys.modules


def test_launchers_need_a_c_compiler(complete: pytest.MonkeyPatch) -> None:
    complete.delenv("CC")
    for compilers, wanted in (({"gcc"}, True), ({"clang"}, True), (set(), False)):
        there = {name: f"/bin/{name}" for name in compilers}
        complete.setattr(engine.shutil, "which", there.get)
        assert installed() == wanted


def test_the_gpus_of_amd_are_left_out(complete: pytest.MonkeyPatch) -> None:
    complete.setattr(torch.version, "hip", "6.2")
    assert not installed()


@pytest.mark.parametrize(
    ("capability", "wanted"), [((7, 5), False), ((8, 0), True), ((8, 9), True), ((9, 0), True)]
)
def test_gpus_that_are_new_enough(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], wanted: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert new_enough(0) == wanted
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not new_enough(0)


@pytest.fixture
def left_to_itself() -> Iterator[None]:
    engine.use_triton(None)
    yield
    engine.use_triton(None)


@pytest.mark.parametrize(
    ("software", "hardware", "wanted"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_cuda_tensors_need_software_and_hardware(
    monkeypatch: pytest.MonkeyPatch,
    left_to_itself: None,
    software: bool,
    hardware: bool,
    wanted: bool,
) -> None:
    monkeypatch.delenv("UNIFOCAL_TRITON", raising=False)
    monkeypatch.setattr(engine, "_installed", lambda: software)
    monkeypatch.setattr(engine, "_new_enough", lambda device: hardware)
    assert engine._available(ON_CUDA) == wanted
    monkeypatch.setenv("UNIFOCAL_TRITON", "0")
    assert not engine._available(ON_CUDA)
    engine.use_triton(True)  # said in the program, it counts for more
    assert engine._available(ON_CUDA) == wanted
    engine.use_triton(False)
    assert not engine._available(ON_CUDA)
