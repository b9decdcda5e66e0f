"""Numba's kernels: parity with 50 digits and with tensor code, and when they run."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
numba = pytest.importorskip("numba", reason="Numba is not installed")

import unifocal_torch as ut  # noqa: E402
from tests.backends.arrays import volume  # noqa: E402
from tests.backends.kernel_checks import *  # noqa: E402, F403
from tests.backends.kernel_checks import (  # noqa: E402
    EVERY_KIND,
    EVERY_LOSS,
    GOLDEN,
    Way,
    doubles,
    vector_name,
)
from tests.parity.bounds import assert_gradient, assert_value  # noqa: E402
from tests.parity.leaning import hold_kinds  # noqa: E402
from unifocal.certificate.backends import Backend  # noqa: E402
from unifocal_torch import numba_engine, numba_halves, numba_math  # noqa: E402

HALVES = [torch.float16, torch.bfloat16]
F32 = numba.types.float32


def taken() -> AbstractContextManager[Way]:
    """Within it, Numba's kernels take what they cover."""
    return Way(numba_engine, ut.use_numba).taken()


@pytest.fixture(autouse=True)
def way() -> Iterator[Way]:
    with taken() as numba_way:
        yield numba_way


# Against 50 digits --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values(way, vector, dtype):
    value, gradient = way.run_golden(vector, dtype)
    assert_value(value.sum(), float(vector.value), np.dtype(dtype))
    assert_gradient(gradient.numpy(), vector.gradient.astype(float), np.dtype(dtype))


def test_pixels_of_few_kinds():
    hold_kinds(Backend.TORCH)


# Against tensor code ------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("classes", [2, 5, 17])
def test_several_rows_and_tasks(way, name, classes):
    way.hold_to_blocks(name, *doubles(131, 127, classes=classes))


@EVERY_LOSS
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_float32_rounded_once(way, name, dtype):
    """To hold for labels and for values per class, which half precision may give as well."""
    z, t = doubles(131, 37)
    z = (4 * z).to(dtype)
    soft = torch.softmax(z.float(), 1).to(dtype)
    for target, keywords in ((t, {}), (soft, {}), (soft, {"activation": "sigmoid"})):
        wide = target.float() if target.is_floating_point() else target
        value, gradient = way.run(name, z, target, **keywords)
        wanted, slope = way.run(name, z.float(), wide, **keywords)
        assert torch.equal(value, wanted)
        assert torch.equal(gradient, slope.to(dtype))
    assert way.calls == (6, 6)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_in_any_order_and_beside_others(way, dtype):
    z, t = doubles(6, 7, axis=-1)
    z = z.to(dtype)
    way.hold_to_blocks("unified_focal", z, t, axis=-1, precision="exact")
    soft = torch.softmax(z.double(), -1)
    others = {torch.float16, torch.bfloat16, torch.float32} - {dtype}
    for other in others:
        weight = torch.rand(6, 7).to(other)
        keywords = {"axis": -1, "weight": weight, "precision": "exact"}
        way.hold_to_blocks("unified_focal", z, soft.to(other), **keywords)


INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]


@EVERY_KIND
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_any_dtype_and_stride(way, name, dtype):
    """As labels, as values per class and as weights."""
    z, t = doubles(9, 5, classes=2)
    apart = torch.stack([t, t], dim=-1).to(dtype)[..., 0]
    way.hold_to_blocks(name, z, apart, weight=apart)
    one_hot = torch.nn.functional.one_hot(t, 2).to(dtype)
    for values in (one_hot.movedim(-1, 1), one_hot.movedim(-1, 1).contiguous()):
        way.hold_to_blocks(name, z, values)
        way.hold_to_blocks(name, z, values, activation="sigmoid", weight=apart)


@EVERY_KIND
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, *HALVES])
def test_values_and_weights_of_any_dtype_and_stride(way, name, dtype):
    z, t = doubles(9, 5)
    values = (torch.nn.functional.one_hot(t, 3) * 0.5 + 0.25).to(dtype)
    weight = torch.rand(9, 10).to(dtype)[:, ::2]
    for soft in (values.movedim(-1, 1), values.movedim(-1, 1).contiguous()):
        way.hold_to_blocks(name, z, soft, weight=weight)


def test_one_compilation_serves_every_call(way):
    """What is computed in decides alone; a call of another kind must not wait for a compiler."""
    from unifocal_torch import numba_kernels

    z, t = doubles(131, 127)  # of few pixels the terms would be in float64
    soft = torch.softmax(z, 1)
    for target in (t, t.to(torch.uint8), soft, soft.half()):
        for logits in (z.float(), z.half(), z.movedim(1, -1).contiguous().movedim(-1, 1).float()):
            way.run("unified_focal", logits, target, weight=torch.rand(127))
    for kernel in (numba_kernels.sums_kernel, numba_kernels.gradient_kernel):
        computed = [argument for s in kernel.signatures for argument in s if argument == F32]
        assert len(computed) == 1


def test_dtypes_and_numbers_that_cannot_be_read(way):
    z, t = doubles(4)
    way.run("dice", z, t.to(torch.uint64))
    negative = torch.complex(z, -z).conj().imag  # its memory holds −z
    assert negative.is_neg()
    value = ut.dice(negative, t)
    assert way.calls == (0, 0)
    assert value == ut.dice(z, t)


@EVERY_KIND
@pytest.mark.parametrize("classes", [2, 3])
def test_infinite_logits_are_nan(way, name, classes):
    """As in tensor code: of a network that has diverged no loss is 0."""
    z, t = doubles(4, classes=classes)
    z[0, :, 2] = -torch.inf
    z[0, 0, 2] = torch.inf
    for value, gradient in (way.run(name, z, t), way.blocks(name, z, t)):
        assert value.isnan()
        assert gradient[0, :, 2].isnan().all()


@EVERY_KIND
@pytest.mark.parametrize("label", [3, -1, 2**32])
def test_a_label_out_of_range_is_refused(way, name, label):
    z, t = doubles(9, 5)
    t[1, 2, 3] = label
    with pytest.raises(ValueError, match="got a label out of range"):
        way.run(name, z, t)
    assert way.sums == 1
    assert way.run(name, z, t, ignore_index=label)[0].isfinite()


# Threads and processes ----------------------------------------------------------------------------


@contextmanager
def several_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("tasks", "threads"), [(1, 3), (8, 3), (50, 2), (7, 1)])
def test_every_task_is_done_once(tasks, threads):
    """A kernel would write beyond its arrays if there were more."""
    done = []
    numba_engine._run(lambda first, last: done.extend(range(first, last)), tasks, threads)
    assert sorted(done) == list(range(tasks))


def test_the_number_of_threads_does_not_matter(way):
    z, t = volume(300, 200)
    one = way.run("unified_focal", z, t)
    with several_threads():
        assert all(map(torch.equal, one, way.run("unified_focal", z, t)))


def test_calls_from_several_threads(way):
    z, t = volume(300, 200)
    wanted = way.run("unified_focal", z, t)
    with several_threads(), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: way.run("unified_focal", z, t), range(4)))
    assert all(torch.equal(value, wanted[0]) for value, _ in found)
    assert all(torch.equal(gradient, wanted[1]) for _, gradient in found)


def _in_a_child(connection: Any, z: Any, t: Any) -> None:
    connection.send(float(ut.unified_focal(z, t)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_child_has_threads_of_its_own():
    if multiprocessing.current_process().daemon:
        pytest.skip("the child of a judge of mutants may have no children")
    z, t = (torch.from_numpy(x) for x in volume(300, 200))
    with several_threads():
        wanted = float(ut.unified_focal(z, t))
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        child = context.Process(target=_in_a_child, args=(there, z, t))
        child.start()
        assert here.poll(60)
        assert here.recv() == wanted
        child.join()


# What is left to tensor code ----------------------------------------------------------------------


def test_switches(way, monkeypatch):
    z, t = doubles(4)
    monkeypatch.setenv("UNIFOCAL_NUMBA", "0")
    way.run("dice", z, t)
    assert way.sums == 1  # said in the program, it counts for more
    ut.use_numba(None)
    way.run("dice", z, t)
    monkeypatch.delenv("UNIFOCAL_NUMBA")
    ut.use_numba(False)
    way.run("dice", z, t)
    assert way.sums == 1
    ut.use_numba(None)
    way.run("dice", z, t)
    assert way.sums == 2


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (None, False),  # importing it raises
        (SimpleNamespace(__version__="0.67.9"), False),
        (SimpleNamespace(__version__="0.68.0rc1"), True),
        (SimpleNamespace(__version__="1.0.0"), True),
    ],
)
def test_numba_must_be_there_and_new_enough(way, monkeypatch, module, wanted):
    monkeypatch.setitem(sys.modules, "numba", module)
    installed = numba_engine._installed.__wrapped__()
    assert installed == wanted
    monkeypatch.setattr(numba_engine, "_installed", lambda: installed)
    way.run("dice", *doubles(4))
    assert way.sums == wanted


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "expm1"])
def test_exponentials_up_to_the_largest_number(name, dtype):
    """Whose power of two is no number of its own; and down to the smallest."""
    function = getattr(numba_math, name)

    @numba.njit
    def apply(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    information = np.finfo(dtype)
    top, bottom = np.log(information.max, dtype=dtype), np.log(information.tiny, dtype=dtype)
    x = np.array([0.999 * top, 1.01 * top, np.inf, 0.999 * bottom, -np.inf], dtype)
    y = np.empty_like(x)
    apply(x, y)
    with mpmath.workdps(50):
        wanted = [float(getattr(mpmath, name)(mpmath.mpf(float(v)))) for v in x[[0, 3]]]
    assert y[[0, 3]] == pytest.approx(wanted, rel=4 * float(information.eps))
    assert y[1] == y[2] == np.inf
    assert y[4] == (0 if name == "exp" else -1)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p"])
def test_only_compiled_code_calls_them(name):
    with pytest.raises(NotImplementedError):
        getattr(numba_math, name)(1.0)


def _bits(x: torch.Tensor) -> np.ndarray:
    return x.view(torch.int16).numpy().view(np.uint16)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("dtype", HALVES)
def test_every_half_is_read(dtype):
    read = getattr(numba_halves, f"from_{_name(dtype)}")

    @numba.njit
    def apply(bits, y):
        for i in range(bits.size):
            y[i] = read(bits[i])

    halves = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    found = torch.empty(2**16)
    apply(_bits(halves), found.numpy())
    wanted = halves.float()
    assert torch.equal(found.isnan(), wanted.isnan())
    kept = ~wanted.isnan()
    assert torch.equal(found[kept].view(torch.int32), wanted[kept].view(torch.int32))


@pytest.mark.parametrize("dtype", HALVES)
def test_floats_are_rounded_to_the_nearest_half(dtype):
    """Held to PyTorch: every half, what lies in the middle of two, and their neighbours."""

    write = getattr(numba_halves, f"to_{_name(dtype)}")

    @numba.njit
    def apply(x, y):
        for i in range(x.size):
            y[i] = write(x[i])

    step = 2**12 if dtype is torch.float16 else 2**15
    grid = np.arange(0, 2**32, step, dtype=np.int64)
    near = np.concatenate([grid - 1, grid, grid + 1]) % 2**32
    x = torch.from_numpy(near.astype(np.uint32).view(np.float32))
    found = torch.empty(x.shape, dtype=dtype)
    apply(x.numpy(), _bits(found))
    wanted = x.to(dtype)
    assert torch.equal(found.isnan(), x.isnan())
    kept = ~x.isnan()
    assert np.array_equal(_bits(found[kept]), _bits(wanted[kept]))
