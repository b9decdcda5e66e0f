"""Piece by piece, the loss and the gradient of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unifocal as uf
from tests.cases import each_loss
from tests.parity.bounds import assert_gradient, assert_value
from tests.precision import EAGER, float64
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend

CUTS = [slice(0, 1), slice(1, 5), slice(5, 9)]  # JAX compiles each width
FLOAT64 = np.dtype("float64")


def whole(samples: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    z, t = rng.normal(size=(samples, 3, 9)), rng.integers(0, 3, size=(samples, 9))
    t[0, 2] = 255
    return z, t, rng.uniform(0.5, 2, size=(samples, 9))


def run(
    backend: Backend, loss: str, pieces: list[tuple[np.ndarray, ...]], **keywords: Any
) -> tuple[float, list[np.ndarray]]:
    """Value, and the gradient of every piece."""
    with float64(backend):
        total = uf.Accumulator(getattr(uf, loss), **keywords)
        native = [tuple(map(backend.asarray, piece)) for piece in pieces]
        for z, t, w in native:
            total.add(z, t, weight=w)
        gradients = [np.asarray(total.gradient(z, t, weight=w)) for z, t, w in native]
        return float(total.value()), gradients


@pytest.mark.parametrize("over", ["sample", "batch"])
@each_loss(EAGER)
def test_pieces_of_every_sample(backend: Backend, loss: str, over: str) -> None:
    z, t, w = whole()
    keywords = {"over": over, "ignore_index": 255}
    pieces = [(z[..., cut].copy(), t[:, cut].copy(), w[:, cut].copy()) for cut in CUTS]
    value, gradients = run(backend, loss, pieces, **keywords)
    wanted, by_logits = oracle.value_and_grad(loss, z, t, w, **keywords)
    assert_value(value, wanted, FLOAT64)
    assert_gradient(np.concatenate(gradients, axis=2), by_logits, FLOAT64)


def test_a_batch_may_be_fed_in_batches_of_any_size(backend: Backend) -> None:
    """As the devices of data-parallel training hold it: the Dice loss of all is not their mean."""
    z, t, w = whole(samples=3)
    pieces = [(z[:2], t[:2], w[:2]), (z[2:], t[2:], w[2:])]
    keywords = {"over": "batch", "ignore_index": 255}
    value, gradients = run(backend, "dice", pieces, **keywords)
    wanted, by_logits = oracle.value_and_grad("dice", z, t, w, **keywords)
    assert_value(value, wanted, FLOAT64)
    assert_gradient(np.concatenate(gradients), by_logits, FLOAT64)
    alone = [float(uf.dice(*piece[:2], weight=piece[2], **keywords)) for piece in pieces]
    assert abs(np.mean(alone) - value) > 1e-3


def test_losses_of_samples(backend: Backend) -> None:
    z, t, w = whole()
    with float64(backend):
        total = uf.Accumulator(uf.unified_focal, reduction="none", ignore_index=255)
        for cut in CUTS:
            arrays = (z[..., cut], t[:, cut], w[:, cut])
            piece, labels, weight = (backend.asarray(x.copy()) for x in arrays)
            total.add(piece, labels, weight=weight)
        value = np.asarray(total.value())
    for i in range(2):
        wanted = oracle.value("unified_focal", z[i : i + 1], t[i : i + 1], w[i : i + 1], **IGNORE)
        assert_value(value[i], wanted, FLOAT64)


IGNORE = {"ignore_index": 255}


def test_mistakes_are_named() -> None:
    z, t = np.zeros((2, 3, 4)), np.zeros((2, 4), int)
    with pytest.raises(TypeError, match="weight comes with each piece"):
        uf.Accumulator(uf.dice, weight=np.ones(4))
    with pytest.raises(TypeError, match="loss must be a loss of unifocal"):
        uf.Accumulator(np.sum)
    total = uf.Accumulator(uf.dice)
    with pytest.raises(ValueError, match="no piece was added"):
        total.value()
    with pytest.raises(ValueError, match="no piece was added"):
        total.gradient(z, t)
    total.add(z, t)
    with pytest.raises(ValueError, match="3 channels along axis 1"):
        total.add(np.zeros((2, 4, 4)), t)
    with pytest.raises(ValueError, match="the same 2 samples in every piece, got 1"):
        total.add(z[:1], t[:1])


def test_pieces_of_two_frameworks_do_not_mix() -> None:
    torch = pytest.importorskip("torch")
    z, t = np.zeros((2, 3, 4)), np.zeros((2, 4), int)
    total = uf.Accumulator(uf.dice)
    total.add(z, t)
    with pytest.raises(TypeError, match="logits must be an array of numpy, got one of torch"):
        total.add(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.int64))
