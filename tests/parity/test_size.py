"""float32 at any size: sums over millions of pixels are as good as sums over ten."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.cases import LOSSES
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate.backends import Backend

EAGER = [b for b in Backend if b.mode == "eager"]
COMPILED = [b for b in Backend if b.mode != "eager"]
EVERY_TERM = ("unified_focal", "hybrid_focal", "combo")
"""Between them these losses have every pixel term and every region term."""

KITS = (2, 3, 80, 160, 160)
SMALLER = (2, 3, 40, 80, 80)


@cache
def volume(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right most of the time, and labels of which 1 in 100 is foreground."""
    rng = np.random.default_rng(7)
    t = (rng.random((shape[0], *shape[2:])) < 0.01).astype("uint8")
    t += t * (rng.random(t.shape) < 0.3)
    z = rng.normal(scale=2, size=shape).astype("float32")
    z[:, 0] += 3
    return z, t


@cache
def truth(loss: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    z, t = volume(shape)
    return Backend.NUMPY.value_and_grad(loss, z.astype("float64"), t, axis=1)


def hold(backend: Backend, loss: str, shape: tuple[int, ...]) -> None:
    value, gradient = backend.value_and_grad(loss, *volume(shape), axis=1)
    wanted, by_logits = truth(loss, shape)
    assert_value(value, wanted, np.dtype("float32"))
    assert_gradient(gradient, by_logits, np.dtype("float32"))


@pytest.mark.xdist_group("volumes")
@pytest.mark.parametrize("backend", EAGER, ids=lambda b: b.name)
@pytest.mark.parametrize("loss", EVERY_TERM)
def test_a_patch_of_kits(backend: Backend, loss: str) -> None:
    hold(backend, loss, KITS)


@pytest.mark.xdist_group("volumes")
@pytest.mark.parametrize("backend", COMPILED, ids=lambda b: b.name)
def test_a_patch_of_kits_compiled(backend: Backend) -> None:
    hold(backend, "unified_focal", KITS)


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_on_a_smaller_patch(backend: Backend, loss: str) -> None:
    hold(backend, loss, SMALLER)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("loss", EVERY_TERM)
def test_threads_do_not_matter(loss: str, threads: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch lets its threads be set")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        hold(Backend.TORCH, loss, SMALLER)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("block", [1000, 1 << 14, 1 << 30])
@pytest.mark.parametrize(
    ("backend", "module"), [(Backend.NUMPY, "engine"), (Backend.TORCH, "blocks")]
)
def test_blocks_do_not_matter(
    backend: Backend, module: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.losses()
    monkeypatch.setattr(f"unifocal_{backend.framework}.{module}.BLOCK", block)
    hold(backend, "unified_focal", SMALLER)
