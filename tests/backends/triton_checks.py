"""Triton's kernels, run by Triton's interpreter or, where there is one, by a GPU.

Triton reads `TRITON_INTERPRET` when a kernel is defined, so `test_triton.py` runs this file in a
process for each. Every call here asserts that the kernels ran, or that they did not.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import unifocal as uf
import unifocal_torch as ut
from tests.backends.arrays import KINDS, NAMES, volume
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import golden
from unifocal.certificate.bounds import GRADIENT, excuse
from unifocal.certificate.golden import Golden
from unifocal_torch import engine, triton_engine, triton_math, triton_terms

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
EVERY_KIND = pytest.mark.parametrize("name", KINDS)
DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
GOLDEN = [v for loss in NAMES for v in golden.load(loss) if v.keywords["activation"] != "none"]


class Calls:
    """How often the kernels were called."""

    sums = gradients = 0


@contextlib.contextmanager
def kernels() -> Iterator[Calls]:
    """Let the kernels take what they cover, and count their calls."""
    counted, fused_sums, fused_gradient = Calls(), engine.fused_sums, engine.fused_gradient

    def sums(*arguments: Any) -> Any:
        counted.sums += 1
        return fused_sums(*arguments)

    def gradient(*arguments: Any) -> Any:
        counted.gradients += 1
        return fused_gradient(*arguments)

    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, the interpreter, of infinities
        monkeypatch.setattr(engine, "fused_sums", sums)
        monkeypatch.setattr(engine, "fused_gradient", gradient)
        ut.use_triton(True)
        yield counted
        ut.use_triton(None)


@pytest.fixture(autouse=True)
def calls() -> Iterator[Calls]:
    with kernels() as counted:
        yield counted


def run(
    name: str, z: Any, t: Any, weight: torch.Tensor | None = None, **keywords: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.as_tensor(z).detach().to(DEVICE).requires_grad_()
    weight = None if weight is None else weight.to(DEVICE)
    value = getattr(ut, name)(z, torch.as_tensor(t).to(DEVICE), weight=weight, **keywords)
    value.sum().backward()
    return value.detach().cpu(), z.grad.cpu()


def blocks(name: str, *arguments: Any, **keywords: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Run without the kernels."""
    ut.use_triton(False)
    both = run(name, *arguments, **keywords)
    ut.use_triton(True)
    return both


def hold_to_blocks(calls: Calls, name: str, z: Any, t: Any, **keywords: Any) -> None:
    wanted = blocks(name, z, t, **keywords)
    assert (calls.sums, calls.gradients) == (0, 0)
    value, gradient = run(name, z, t, **keywords)
    assert (calls.sums, calls.gradients) == (1, 1)
    assert value.dtype == wanted[0].dtype
    assert gradient.dtype == wanted[1].dtype
    torch.testing.assert_close(value, wanted[0], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient, wanted[1], rtol=1e-10, atol=1e-15)


def doubles(*spatial: int, **keywords: Any) -> tuple[torch.Tensor, torch.Tensor]:
    z, t = volume(*spatial, **keywords)
    return torch.from_numpy(z).double(), torch.from_numpy(t)


# Against 50 digits --------------------------------------------------------------------------------


def hold(calls: Calls, vector: Golden, dtype: str, precision: str = "native") -> None:
    kind = getattr(torch, dtype)
    z, t, w = (None if x is None else torch.tensor(x)
               for x in (vector.logits, vector.target, vector.weight))  # fmt: skip
    t = t.to(kind) if t.is_floating_point() else t
    w = None if w is None else w.to(kind)
    value, gradient = run(
        vector.loss, z.to(kind), t, weight=w, precision=precision, **vector.keywords
    )
    assert (calls.sums, calls.gradients) == (1, 1)
    bound = "exact" if precision == "exact" else dtype
    assert_value(value.sum(), float(vector.value), np.dtype(str(value.dtype)[6:]))
    wanted = vector.gradient.astype(float)
    error = np.abs(gradient.double().numpy() - wanted).max()
    # The interpreter truncates to bfloat16, where a GPU rounds to nearest: see the compiled code.
    truncated = dtype == "bfloat16" and DEVICE == "cpu"
    allowed = GRADIENT[bound] * (2 if truncated else 1)
    assert error <= allowed * np.abs(wanted).max() + torch.finfo(kind).smallest_normal


def vector_name(vector: Golden) -> str:
    return f"{vector.loss}, {vector.name}"


@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values_in_float64(calls, vector):
    hold(calls, vector, "float64")


@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values_in_float32(calls, vector):
    exact = excuse(vector.loss, vector.name, "float32") is not None
    hold(calls, vector, "float32", "exact" if exact else "native")


DEFAULTS = [v for v in GOLDEN if v.name in ("defaults", "soft target", "one sigmoid channel")]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("vector", DEFAULTS, ids=vector_name)
def test_golden_values_in_half_precision(calls, vector, dtype):
    hold(calls, vector, dtype)


@pytest.mark.parametrize("vector", DEFAULTS, ids=vector_name)
def test_golden_values_when_exact(calls, vector):
    hold(calls, vector, "float32", "exact")


# Against tensor code ------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("classes", [2, 5, 8])
def test_several_tiles(calls, name, classes):
    hold_to_blocks(calls, name, *doubles(17, 11, samples=3, classes=classes))


@EVERY_KIND
def test_labels_and_weights_of_any_dtype(calls, name):
    z, t = doubles(9, 5, classes=2)
    keywords = {"class_weights": [0.5, 2.0], "weight": torch.rand(5) > 0.3}
    hold_to_blocks(calls, name, z, t.bool(), **keywords)
    for label in (torch.uint8, torch.int32):
        calls.sums = calls.gradients = 0
        hold_to_blocks(calls, name, z, t.to(label), weight=torch.randint(3, (2, 1, 5)))


@EVERY_KIND
def test_ignored_pixels_may_hold_anything(calls, name):
    z, t = doubles(9, 5)
    t[:, 3] = -1
    z[:, :, 3] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e300, 0])
    hold_to_blocks(calls, name, z, t, ignore_index=-1)
    gradient = run(name, z, t, ignore_index=-1)[1]
    assert (gradient[:, :, 3] == 0).all()


@EVERY_KIND
def test_a_label_out_of_range_is_nan(name):
    z, t = doubles(9, 5)
    t[1, 2, 3] = 3
    value, gradient = run(name, z, t, reduction="none")
    assert value.isnan().tolist() == [False, True]
    assert gradient[0].isfinite().all()
    assert gradient[1].isnan().all()
    value, gradient = run(name, z, t, ignore_index=3)
    assert value.isfinite()
    assert gradient.isfinite().all()


@EVERY_KIND
def test_nan_logits_are_nan(name):
    z, t = doubles(4)
    z[0, 1, 2] = float("nan")
    value, gradient = run(name, z, t, reduction="none")
    assert value.isnan().tolist() == [True, False]
    assert gradient[0, :, 2].isnan().all()
    assert gradient[1].isfinite().all()


@EVERY_KIND
def test_strides_are_followed(calls, name):
    """Neither classes last nor every other pixel is copied; a gradient has the logits' strides."""
    z, t = doubles(6, 7, axis=-1)
    hold_to_blocks(calls, name, z, t, axis=-1)
    calls.sums = calls.gradients = 0
    z, t = doubles(6, 14)
    hold_to_blocks(calls, name, z[..., ::2], t[..., ::2])


@EVERY_KIND
def test_options(calls, name):
    z, t = doubles(6, 7)
    left_out = {"include_background": False, "absent": "skip", "class_reduction": "sum"}
    hold_to_blocks(calls, name, z, t, over="batch", **left_out)
    calls.sums = calls.gradients = 0
    soft = torch.rand(2, 3, 6, 7, dtype=torch.float64)
    hold_to_blocks(calls, name, z, soft, activation="sigmoid", weight=torch.rand(6, 7))


def test_delta_near_one_keeps_its_digits(calls):
    """1 − δ is a number of Python's, not a difference in float32."""
    z, t = volume(8, 8)
    keywords = {"delta": 1 - 1e-6, "rare": []}
    wanted, slope = blocks("unified_focal", z.astype(float), t, lam=1.0, **keywords)
    value, gradient = run("unified_focal", z, t, lam=1.0, **keywords)
    assert calls.sums == 1
    assert float(value) == pytest.approx(float(wanted), rel=2.4e-7)
    assert_gradient(gradient.numpy(), slope.numpy(), np.dtype("float32"))


# Determinism --------------------------------------------------------------------------------------


@EVERY_KIND
def test_repetition_gives_the_same_bits(name):
    z, t = volume(40, 30)
    first, second = run(name, z, t), run(name, z, t)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@EVERY_KIND
@pytest.mark.parametrize("size", [64, 2048])
def test_the_size_of_a_tile_does_not_matter(monkeypatch, name, size):
    z, t = doubles(25, 23)
    value, gradient = run(name, z, t)
    monkeypatch.setattr(triton_engine, "tile", lambda *_: {"BLOCK": size, "num_warps": 4})
    again, other = run(name, z, t)
    assert float(again) == pytest.approx(float(value), rel=1e-15)
    torch.testing.assert_close(other, gradient, rtol=1e-14, atol=1e-15 * float(gradient.max()))


# What is left to tensor code ----------------------------------------------------------------------


def test_switched_off(calls, monkeypatch):
    z, t = doubles(4)
    ut.use_triton(False)
    run("dice", z, t)
    ut.use_triton(None)
    assert triton_engine._wanted()
    monkeypatch.setenv("UNIFOCAL_TRITON", "0")
    assert not triton_engine._wanted()
    run("dice", z, t)
    assert calls.sums == calls.gradients == 0


def test_tensors_in_memory_must_be_asked_for():
    ut.use_triton(None)
    assert not triton_engine.triton_available(torch.zeros(1))


def test_probabilities_are_left_to_tensor_code(calls):
    z, t = doubles(4)
    run("unified_focal", torch.softmax(z, 1), t, activation="none")
    assert calls.sums == calls.gradients == 0


def test_many_classes_are_left_to_tensor_code(calls):
    z, t = doubles(4, classes=9)
    run("unified_focal", z, t)
    assert calls.sums == 0
    run("unified_focal", z.float(), t)
    assert calls.sums == 1


def test_no_pixels(calls):
    run("dice", torch.zeros(2, 3, 0), torch.zeros(2, 0, dtype=torch.int64))
    assert calls.sums == 0


def test_functional_gradients():
    z, t = doubles(4)
    on_device = t.to(DEVICE)
    found = torch.func.grad(lambda z: ut.unified_focal(z, on_device))(z.to(DEVICE))
    torch.testing.assert_close(found.cpu(), blocks("unified_focal", z, t)[1])


def test_pieces(calls):
    """The sums and the gradient of a piece take the kernels too."""
    z, t = (x.to(DEVICE) for x in doubles(6))
    whole = uf.Accumulator(uf.unified_focal)
    whole.add(z[..., :4], t[..., :4])
    whole.add(z[..., 4:], t[..., 4:])
    gradient = whole.gradient(z[..., 4:], t[..., 4:])
    assert (calls.sums, calls.gradients) == (2, 1)
    wanted = blocks("unified_focal", z, t)
    torch.testing.assert_close(whole.value().cpu(), wanted[0])
    torch.testing.assert_close(gradient.cpu(), wanted[1][..., 4:])


def test_vmap(calls):
    z, t = (x.to(DEVICE) for x in doubles(4, samples=6))
    split = z.reshape(3, 2, 3, 4), t.reshape(3, 2, 4)
    found = torch.vmap(ut.unified_focal)(*split)
    wanted = torch.stack([blocks("unified_focal", *pair)[0] for pair in zip(*split, strict=True)])
    torch.testing.assert_close(found.cpu(), wanted)
    assert calls.sums == 0


def test_every_term_has_as_many_coefficients_as_it_says():
    """More would be read from beyond the table."""
    for term in filter(None, triton_terms.TERMS.values()):
        found = term.coefficients(**dict.fromkeys(term.hyper, 0.5))
        assert len(found) == term.coefficient_count


# Functions ----------------------------------------------------------------------------------------


@triton.jit
def _apply(y, x, FUNCTION: tl.constexpr, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(y + i, FUNCTION(tl.load(x + i)))


RECIPROCAL = (triton_math.reciprocal, lambda x: 1 / x, np.geomspace(1, 1e6, 1024))
LOG1P = (triton_math.log1p, mpmath.log1p, np.geomspace(1e-300, 15, 1024))
HALF = np.geomspace(1e-30, 80, 512)
EXPM1 = (triton_math.expm1, mpmath.expm1, np.concatenate([-10 * HALF, HALF]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("function", "exact", "points"),
    [RECIPROCAL, LOG1P, EXPM1],
    ids=["reciprocal", "log1p", "expm1"],
)
def test_functions_against_fifty_digits(function, exact, points, dtype):
    x = torch.tensor(points, dtype=dtype)
    x = x[x.abs() >= torch.finfo(dtype).tiny]
    x = torch.cat([x, x[-1:].expand(1024 - len(x))]).to(DEVICE)
    y = torch.empty_like(x)
    _apply[(1,)](y, x, FUNCTION=function, SIZE=1024)
    with mpmath.workdps(50):
        wanted = [exact(mpmath.mpf(v)) for v in x.tolist()]
        errors = [abs(mpmath.mpf(a) / b - 1) for a, b in zip(y.tolist(), wanted, strict=True)]
    assert max(errors) <= 2 * torch.finfo(dtype).eps
