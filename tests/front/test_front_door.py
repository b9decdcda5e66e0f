"""`unifocal.*`: one set of functions for the arrays of every framework."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

import unifocal as uf
from tests.backends.arrays import NAMES
from tests.front.arrays import autodiff, calls, is_native, native
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
FLOAT64 = np.dtype("float64")


@cache
def _wanted(name: str, sigmoid: bool = False) -> tuple[float, np.ndarray]:
    """Value and gradient by the 50-digit loops, which share no code with the package."""
    activation = "sigmoid" if sigmoid else "softmax"
    return oracle.value_and_grad(name, *calls(sigmoid=sigmoid).values(), activation=activation)


def _dtype_name(x: object) -> str:
    """float32, as `torch.float32`, `tf.float32` and NumPy's dtypes alike are called."""
    return str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")


@EVERY_LOSS
def test_the_array_picks_the_backend(backend, name):
    arrays = native(backend, calls())
    value = getattr(uf, name)(**arrays)
    assert is_native(backend, value)
    assert value.shape == ()
    assert_value(value, _wanted(name)[0], FLOAT64)


@EVERY_LOSS
def test_the_frameworks_own_autodiff(backend, name):
    arrays = native(backend, calls())
    loss = partial(getattr(uf, name), weight=arrays["weight"])
    found = autodiff(backend, loss, arrays["logits"], arrays["target"])
    assert_gradient(found, _wanted(name)[1], FLOAT64)


def test_a_soft_target_is_no_label_however_large(backend):
    """Cross-entropy is linear in its target."""
    arrays = calls(soft=True)
    value, _ = oracle.value_and_grad("cross_entropy", *arrays.values())
    found = uf.cross_entropy(**native(backend, arrays | {"target": 10 * arrays["target"]}))
    assert_value(found, 10 * value, FLOAT64)


@EVERY_LOSS
@pytest.mark.parametrize("sigmoid", [False, True], ids=["softmax", "sigmoid"])
def test_value_and_grad_needs_no_autodiff(backend, name, sigmoid):
    arrays = native(backend, calls(sigmoid=sigmoid))
    activation = "sigmoid" if sigmoid else "softmax"
    value, gradient = uf.value_and_grad(getattr(uf, name))(**arrays, activation=activation)
    assert is_native(backend, value)
    assert is_native(backend, gradient)
    assert_value(value, _wanted(name, sigmoid)[0], FLOAT64)
    assert_gradient(np.asarray(gradient), _wanted(name, sigmoid)[1], FLOAT64)


@cache
def _volumes(soft: bool) -> tuple[dict[str, np.ndarray], tuple[float, np.ndarray]]:
    """Arrays with three axes of pixels, so that no move undoes itself; and truth."""
    arrays = {name: np.stack((x, x[::-1], x), axis=-1) for name, x in calls(soft=soft).items()}
    return arrays, oracle.value_and_grad("unified_focal", *arrays.values())


@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
@pytest.mark.parametrize("axis", [1, 2, 3, 4, -1])
def test_the_class_axis_may_be_any_but_the_first(backend, axis, soft):
    arrays, (wanted, by_logits) = _volumes(soft)
    moved = {"logits", "target"} if soft else {"logits"}
    arrays = {n: np.moveaxis(x, 1, axis) if n in moved else x for n, x in arrays.items()}
    value, gradient = uf.value_and_grad(uf.unified_focal)(**native(backend, arrays), axis=axis)
    assert_value(value, wanted, FLOAT64)
    assert_gradient(np.moveaxis(np.asarray(gradient), axis, 1), by_logits, FLOAT64)


def test_the_preprints_name_is_the_same_object():
    assert uf.generalised_focal is uf.unified_focal


def test_hyperparameters_reach_the_backend(backend):
    arrays = calls()
    hyper = {"lam": 0.2, "delta": 0.8, "gamma": 0.6, "rare": [2]}
    wanted = oracle.value_and_grad("unified_focal", *arrays.values(), **hyper)[0]
    assert_value(uf.generalised_focal(**native(backend, arrays), **hyper), wanted, FLOAT64)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_the_dtype_of_the_result(backend, dtype):
    """Half precision is for storage: its loss is float32, its gradient of its own dtype."""
    arrays = calls()
    arrays["logits"] = arrays["logits"].astype(dtype)
    value, gradient = uf.value_and_grad(uf.dice)(**native(backend, arrays))
    assert _dtype_name(value) == ("float64" if dtype == "float64" else "float32")
    assert _dtype_name(gradient) == dtype


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_shapes_of_reductions(backend, reduction):
    arrays = native(backend, calls())
    value = uf.unified_focal(**arrays, reduction=reduction)
    assert tuple(value.shape) == ((2,) if reduction == "none" else ())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reductions_of_the_losses_of_samples(backend, reduction):
    arrays = native(backend, calls())
    each = np.asarray(uf.unified_focal(**arrays, reduction="none"))
    wanted = each.mean() if reduction == "mean" else each.sum()
    assert_value(uf.unified_focal(**arrays, reduction=reduction), wanted, FLOAT64)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_batch_has_one_loss(backend, reduction):
    arrays = calls()
    wanted = oracle.value_and_grad("unified_focal", *arrays.values(), over="batch")[0]
    found = uf.unified_focal(**native(backend, arrays), over="batch", reduction=reduction)
    assert tuple(found.shape) == ()
    assert_value(found, wanted, FLOAT64)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 2, 2, 2), (1, 3, 2, 1, 2, 1)])
def test_any_number_of_dimensions(backend, shape):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=shape)
    target = rng.integers(0, 3, size=shape[:1] + shape[2:])
    wanted = oracle.value_and_grad("unified_focal", logits, target)
    arrays = native(backend, {"logits": logits, "target": target})
    value, gradient = uf.value_and_grad(uf.unified_focal)(**arrays)
    assert_value(value, wanted[0], FLOAT64)
    assert_gradient(np.asarray(gradient), wanted[1], FLOAT64)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0)], ids=["no samples", "no pixels"])
def test_nothing_to_average_does_not_crash(backend, shape):
    """A region without pixels has loss 0; a sum over no samples is 0 as well."""
    arrays = {"logits": np.zeros(shape), "target": np.zeros(shape[:1] + shape[2:], dtype="int64")}
    assert float(uf.unified_focal(**native(backend, arrays), reduction="sum")) == 0.0


@pytest.mark.parametrize("sigmoid", [False, True], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
def test_arguments_are_left_as_they_are(backend, soft, sigmoid):
    arrays = calls(soft=soft, sigmoid=sigmoid)
    if arrays["target"].ndim != 4:
        arrays["target"][0, 0, 0] = 255  # ignored pixels are blanked inside, not in place
    arrays["weight"][0, 1, 1] = 0.0
    arrays["logits"][0, :, 1, 1] = np.inf
    given = native(backend, {name: x.copy() for name, x in arrays.items()})
    keywords = {"activation": "sigmoid" if sigmoid else "softmax"}
    if arrays["target"].ndim == 3:
        keywords["ignore_index"] = 255
    uf.value_and_grad(uf.unified_focal)(**given, **keywords)
    for name, x in arrays.items():
        np.testing.assert_array_equal(np.asarray(given[name]), x)


def test_read_only_arrays_are_accepted():
    """Arrays that come from files and other processes often are."""
    arrays = calls()
    for x in arrays.values():
        x.flags.writeable = False
    uf.value_and_grad(uf.unified_focal)(**arrays)


def test_value_and_grad_takes_losses_of_the_package_alone():
    with pytest.raises(TypeError, match="loss must be a loss of unifocal or the result of"):
        uf.value_and_grad(np.mean)


def test_subclasses_of_arrays_belong_to_their_framework():
    torch = pytest.importorskip("torch")
    arrays = native(Backend.TORCH, calls())
    parameter = torch.nn.Parameter(arrays["logits"])
    value = uf.dice(parameter, arrays["target"])
    value.backward()
    assert parameter.grad is not None
