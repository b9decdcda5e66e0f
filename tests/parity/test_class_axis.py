"""The pixels of a block, with classes last as two of the engines keep them, in NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import unifocal_numpy.engine as engine
from tests.cases import CASES, LOSSES, Case
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend


@cache
def truth(loss: str, number: int) -> tuple[float, np.ndarray]:
    case = CASES[number]
    return oracle.value_and_grad(loss, *case.arrays(), **case.keywords(), **case.hyper(loss))


def turned(x: Any) -> Any:
    """(N, C, M) as (N, M, C), and the way back; what has no class axis stays as it is."""
    return np.swapaxes(x, 1, 2) if x.ndim == 3 else x


def put_classes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine of NumPy give its blocks to the shared functions with classes last."""
    read_block, block_sums = engine.read_block, engine.block_sums
    block_gradient, spread_slopes = engine.block_gradient, engine.spread_slopes

    def read(xp: Any, kernel: Any, plan: Any, z: Any, t: Any, w: Any, k: int) -> Any:
        return read_block(xp, kernel, plan, turned(z), turned(t), w, 2)

    monkeypatch.setattr(engine, "read_block", read)
    monkeypatch.setattr(engine, "block_sums", lambda *x: block_sums(*x[:-1], 2))
    monkeypatch.setattr(engine, "block_gradient", lambda *x: turned(block_gradient(*x[:-1], 2)))
    monkeypatch.setattr(engine, "spread_slopes", lambda *x: spread_slopes(*x[:-1], 2))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("loss", LOSSES)
def test_classes_last(loss: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    put_classes_last(monkeypatch)
    call = case.keywords() | case.hyper(loss)
    value, gradient = Backend.NUMPY.value_and_grad(loss, *case.arrays(), **call)
    wanted, by_logits = truth(loss, CASES.index(case))
    assert_value(value, wanted, case.dtype)
    assert_gradient(gradient, by_logits, case.dtype)


@pytest.mark.parametrize("loss", LOSSES)
def test_classes_last_without_a_pixel(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_classes_last(monkeypatch)
    z, t = np.zeros((2, 3, 0)), np.zeros((2, 0), int)
    value, gradient = Backend.NUMPY.value_and_grad(loss, z, t, axis=1)
    assert value == 0
    assert gradient.shape == z.shape
