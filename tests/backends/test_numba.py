"""Numba's kernels: parity with 50 digits and with tensor code, and when they run."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
numba = pytest.importorskip("numba", reason="Numba is not installed")

import unifocal as uf  # noqa: E402
import unifocal_torch as ut  # noqa: E402
from tests.backends.arrays import KINDS, NAMES, volume  # noqa: E402
from tests.parity.bounds import assert_gradient, assert_value  # noqa: E402
from unifocal.certificate import golden  # noqa: E402
from unifocal.certificate.bounds import excuse  # noqa: E402
from unifocal.certificate.golden import Golden  # noqa: E402
from unifocal_torch import numba_engine, numba_math  # noqa: E402

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
EVERY_KIND = pytest.mark.parametrize("name", KINDS)
GOLDEN = [v for loss in NAMES for v in golden.load(loss) if v.keywords["activation"] != "none"]


class Calls:
    """How often the kernels were called."""

    sums = gradients = 0


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Let the kernels take what they cover, and count their calls."""
    counted = Calls()
    numba_sums, numba_gradient = numba_engine.numba_sums, numba_engine.numba_gradient

    def sums(*arguments: Any) -> Any:
        counted.sums += 1
        return numba_sums(*arguments)

    def gradient(*arguments: Any) -> Any:
        counted.gradients += 1
        return numba_gradient(*arguments)

    monkeypatch.setattr(numba_engine, "numba_sums", sums)
    monkeypatch.setattr(numba_engine, "numba_gradient", gradient)
    ut.use_numba(True)
    yield counted
    ut.use_numba(None)


def run(name: str, z: Any, t: Any, **keywords: Any) -> tuple[Any, Any]:
    z = torch.as_tensor(z).detach().clone().requires_grad_()
    value = getattr(ut, name)(z, torch.as_tensor(t), **keywords)
    value.sum().backward()
    return value.detach(), z.grad


def blocks(name: str, *arguments: Any, **keywords: Any) -> tuple[Any, Any]:
    """Run without the kernels."""
    ut.use_numba(False)
    both = run(name, *arguments, **keywords)
    ut.use_numba(True)
    return both


def hold_to_blocks(calls: Calls, name: str, z: Any, t: Any, **keywords: Any) -> None:
    wanted = blocks(name, z, t, **keywords)
    before = calls.sums, calls.gradients
    found = run(name, z, t, **keywords)
    assert (calls.sums, calls.gradients) == (before[0] + 1, before[1] + 1)
    for x, y, rtol, atol in zip(found, wanted, (1e-12, 1e-10), (1e-14, 1e-15), strict=True):
        assert x.dtype == y.dtype
        torch.testing.assert_close(x, y, rtol=rtol, atol=atol)


def doubles(*spatial: int, **keywords: Any) -> tuple[Any, Any]:
    z, t = volume(*spatial, **keywords)
    return torch.from_numpy(z).double(), torch.from_numpy(t)


# Against 50 digits --------------------------------------------------------------------------------


def vector_name(vector: Golden) -> str:
    return f"{vector.loss}, {vector.name}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values(calls, vector, dtype):
    kind = getattr(torch, dtype)
    exact = excuse(vector.loss, vector.name, dtype) is not None
    z, t, w = (
        None if x is None else torch.tensor(x)
        for x in (vector.logits, vector.target, vector.weight)
    )
    t = t.to(kind) if t.is_floating_point() else t
    w = None if w is None else w.to(kind)
    precision = "exact" if exact else "native"
    value, gradient = run(
        vector.loss, z.to(kind), t, weight=w, precision=precision, **vector.keywords
    )
    assert (calls.sums, calls.gradients) == (1, 1)
    assert_value(value.sum(), float(vector.value), np.dtype(dtype))
    assert_gradient(gradient.numpy(), vector.gradient.astype(float), np.dtype(dtype))


# Against tensor code ------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("classes", [2, 5, 17])
def test_several_rows_and_tasks(calls, name, classes):
    hold_to_blocks(calls, name, *doubles(131, 127, classes=classes))


@EVERY_KIND
def test_labels_and_weights_of_any_dtype(calls, name):
    z, t = doubles(9, 5, classes=2)
    hold_to_blocks(calls, name, z, t.bool(), weight=torch.rand(5) > 0.3, class_weights=[0.5, 2.0])
    hold_to_blocks(calls, name, z, t.to(torch.uint8), weight=torch.randint(3, (2, 1, 5)))


@EVERY_KIND
def test_dtypes_that_numba_lacks(calls, name):
    z, t = doubles(9, 5)
    hold_to_blocks(calls, name, z, t.to(torch.uint64))
    soft = torch.nn.functional.one_hot(t, 3).movedim(-1, 1) * 0.5 + 0.25
    weight = torch.rand(5).to(torch.float16)
    hold_to_blocks(calls, name, z, soft.to(torch.bfloat16), weight=weight)


@EVERY_KIND
def test_ignored_pixels_may_hold_anything(calls, name):
    z, t = doubles(9, 5)
    t[:, 3] = -1
    z[:, :, 3] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e300, 0])
    hold_to_blocks(calls, name, z, t, ignore_index=-1)
    assert (run(name, z, t, ignore_index=-1)[1][:, :, 3] == 0).all()


@EVERY_KIND
@pytest.mark.parametrize("label", [3, -1, 2**32])
def test_a_label_out_of_range_is_refused(calls, name, label):
    z, t = doubles(9, 5)
    t[1, 2, 3] = label
    with pytest.raises(ValueError, match="got a label out of range"):
        run(name, z, t)
    assert calls.sums == 1
    assert run(name, z, t, ignore_index=label)[0].isfinite()


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
    z, t = doubles(6, 7, axis=-1)
    hold_to_blocks(calls, name, z, t, axis=-1)
    z, t = doubles(6, 14)
    hold_to_blocks(calls, name, z[..., ::2], t[..., ::2])


@EVERY_KIND
def test_options(calls, name):
    z, t = doubles(6, 7)
    left_out = {"include_background": False, "absent": "skip", "class_reduction": "sum"}
    hold_to_blocks(calls, name, z, t, over="batch", **left_out)
    soft = torch.rand(2, 3, 6, 7, dtype=torch.float64)
    hold_to_blocks(calls, name, z, soft, activation="sigmoid", weight=torch.rand(6, 7))
    hold_to_blocks(calls, name, z, soft)


def test_pieces(calls):
    z, t = doubles(6)
    whole = uf.Accumulator(uf.unified_focal)
    whole.add(z[..., :4], t[..., :4])
    whole.add(z[..., 4:], t[..., 4:])
    gradient = whole.gradient(z[..., 4:], t[..., 4:])
    assert (calls.sums, calls.gradients) == (2, 1)
    wanted = blocks("unified_focal", z, t)
    torch.testing.assert_close(whole.value(), wanted[0])
    torch.testing.assert_close(gradient, wanted[1][..., 4:])


# Threads and processes ----------------------------------------------------------------------------


@pytest.fixture
def several_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_does_not_matter(several_threads):
    z, t = volume(300, 200)
    many = run("unified_focal", z, t)
    torch.set_num_threads(1)
    assert all(map(torch.equal, many, run("unified_focal", z, t)))


def test_calls_from_several_threads(several_threads):
    z, t = volume(300, 200)
    wanted = run("unified_focal", z, t)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(run("unified_focal", z, t))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(torch.equal(value, wanted[0]) for value, _ in found)
    assert all(torch.equal(gradient, wanted[1]) for _, gradient in found)


def _in_a_child(connection: Any, z: Any, t: Any) -> None:
    connection.send(float(ut.unified_focal(z, t)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_child_has_threads_of_its_own(several_threads):
    z, t = (torch.from_numpy(x) for x in volume(300, 200))
    wanted = float(ut.unified_focal(z, t))
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_in_a_child, args=(there, z, t))
    child.start()
    assert here.poll(60)
    assert here.recv() == wanted
    child.join()


# What is left to tensor code ----------------------------------------------------------------------


def test_switches(calls, monkeypatch):
    z, t = doubles(4)
    monkeypatch.setenv("UNIFOCAL_NUMBA", "0")
    run("dice", z, t)
    assert calls.sums == 1  # said in the program, it counts for more
    ut.use_numba(None)
    run("dice", z, t)
    monkeypatch.delenv("UNIFOCAL_NUMBA")
    ut.use_numba(False)
    run("dice", z, t)
    assert calls.sums == 1
    ut.use_numba(None)
    run("dice", z, t)
    assert calls.sums == 2


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (None, False),  # importing it raises
        (SimpleNamespace(__version__="0.67.9"), False),
        (SimpleNamespace(__version__="0.68.0rc1"), True),
        (SimpleNamespace(__version__="1.0.0"), True),
    ],
)
def test_numba_must_be_there_and_new_enough(calls, monkeypatch, module, wanted):
    monkeypatch.setitem(sys.modules, "numba", module)
    installed = numba_engine._installed.__wrapped__()
    assert installed == wanted
    monkeypatch.setattr(numba_engine, "_installed", lambda: installed)
    run("dice", *doubles(4))
    assert calls.sums == wanted


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_left_to_tensor_code(calls, dtype):
    z, t = doubles(4)
    run("unified_focal", z.to(dtype), t)
    assert calls.sums == 0


def test_probabilities_and_no_pixels_are_left_to_tensor_code(calls):
    z, t = doubles(4)
    run("unified_focal", torch.softmax(z, 1), t, activation="none")
    run("dice", torch.zeros(2, 3, 0), torch.zeros(2, 0, dtype=torch.int64))
    assert calls.sums == calls.gradients == 0


def test_vmap_is_left_to_tensor_code(calls):
    z, t = doubles(4, samples=6)
    torch.vmap(ut.unified_focal)(z.reshape(3, 2, 3, 4), t.reshape(3, 2, 4))
    assert calls.sums == 0


def test_functional_gradients(calls):
    z, t = doubles(4)
    found = torch.func.grad(lambda z: ut.unified_focal(z, t))(z)
    assert (calls.sums, calls.gradients) == (1, 1)
    torch.testing.assert_close(found, blocks("unified_focal", z, t)[1])


def test_importing_the_losses_imports_no_numba():
    code = "import sys, unifocal_torch; print('numba' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


# Functions ----------------------------------------------------------------------------------------

HALF = np.geomspace(1e-30, 80, 300)
AROUND_ONE = np.concatenate([np.geomspace(1e-37, 1e30, 300), np.linspace(0.4, 2.5, 300)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("exp", np.concatenate([-HALF, HALF])),
        ("expm1", np.concatenate([-HALF, HALF])),
        ("log", AROUND_ONE),
        ("log1p", AROUND_ONE),
    ],
)
def test_functions_against_fifty_digits(name, points, dtype):
    function, x = getattr(numba_math, name), points.astype(dtype)

    @numba.njit
    def apply(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    y = np.empty_like(x)
    apply(x, y)
    with mpmath.workdps(50):
        wanted = [getattr(mpmath, name)(mpmath.mpf(float(v))) for v in x]
        errors = [
            abs(mpmath.mpf(float(a)) - b) / abs(b) for a, b in zip(y, wanted, strict=True) if b
        ]
    assert max(errors) <= np.finfo(dtype).eps
