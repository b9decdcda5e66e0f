"""Bad calls: on every backend one error that names the argument, what came and what was wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import unifocal as uf
from tests.front.arrays import calls, native
from unifocal import Number
from unifocal_spec.losses import LOSSES

LABELS = calls()["target"]
SOFT = calls(soft=True)["target"]


def _label(value: int) -> np.ndarray:
    target = LABELS.copy()
    target[1, 0, 1] = value
    return target


# changed arguments of a good call: (type of the error, what its message must hold)
ARRAYS: list[tuple[dict[str, Any], type, str]] = [
    ({"logits": [1.0]}, TypeError, "logits must be an array of NumPy, PyTorch.*builtins.list"),
    ({"logits": None}, TypeError, "logits must be an array of .*NoneType"),
    ({"logits": 1.5}, TypeError, "logits must be an array of .*float"),
    ({"target": [1]}, TypeError, "target must be a .*, got list"),
    ({"target": None}, TypeError, "target must be a .*, got NoneType"),
    ({"weight": [1.0]}, TypeError, "weight must be a .*, got list"),
    ({"weight": 1.0}, TypeError, "weight must be a .*, got float"),
    ({"logits": np.ones((2, 3, 2, 2), "int64")}, TypeError, "logits .*floating.* got .*int64"),
    ({"logits": np.ones((2, 3, 2, 2), "bool")}, TypeError, "logits .*floating.* got .*bool"),
    ({"logits": np.ones((2, 3, 2, 2), "complex128")}, TypeError, "logits .*floating.*complex128"),
    ({"logits": np.ones(3)}, ValueError, r"logits must have a sample axis.*\(3,\)"),
    ({"logits": np.ones((2, 1, 2, 2))}, ValueError, 'at least 2 channels .*activation="sigmoid"'),
    ({"target": LABELS[:, :1]}, ValueError, r"target must have shape \(2, 2, 2\) .*\(2, 1, 2\)"),
    ({"target": SOFT[:, :2]}, ValueError, r"target must have shape .*\(2, 3, 2, 2\).*got"),
    ({"target": LABELS[0]}, ValueError, "target must have shape"),
    ({"target": LABELS[:, None]}, ValueError, "target must have shape"),
    ({"target": LABELS * 1.0}, TypeError, "target of the index shape .*integer or bool dtype"),
    ({"target": LABELS * 1j}, TypeError, "target .*"),
    ({"target": SOFT * 1j}, TypeError, "target .*"),
    ({"weight": SOFT}, ValueError, r"weight must be broadcastable to \(2, 2, 2\), got"),
    ({"weight": np.ones((3, 2, 2))}, ValueError, r"weight must be broadcastable.*\(3, 2, 2\)"),
    ({"weight": np.ones((2, 2, 2), "complex128")}, TypeError, "weight .*"),
    ({"target": _label(3)}, ValueError, "target must hold class indices from 0 to 2"),
    ({"target": _label(-1)}, ValueError, "target must hold class indices from 0 to 2"),
    ({"target": _label(255)}, ValueError, "from 0 to 2, got a label out of range"),
    ({"target": _label(3), "ignore_index": 255}, ValueError, "or ignore_index=255"),
]

OPTIONS: list[tuple[dict[str, Any], type, str]] = [
    ({"axis": 0}, ValueError, "axis must name the class axis .*sample axis 0, got 0"),
    ({"axis": -4}, ValueError, "axis must name the class axis .*got -4"),
    ({"axis": 4}, ValueError, "axis must name the class axis .*got 4"),
    ({"axis": 1.0}, TypeError, "axis must be an int, got 1.0"),
    ({"axis": True}, TypeError, "axis must be an int, got True"),
    ({"axis": None}, TypeError, "axis must be an int, got None"),
    ({"axis": 2}, ValueError, "target must have shape"),
    ({"activation": "sigmoid"}, ValueError, "target .* sigmoid with 3 channels"),
    ({"activation": "relu"}, ValueError, "activation must be one of .*softmax.*got 'relu'"),
    ({"activation": True}, ValueError, "activation must be one of .*got True"),
    ({"over": "image"}, ValueError, "over must be one of .*sample.*batch.*got 'image'"),
    ({"reduction": None}, ValueError, "reduction must be one of .*none.*got None"),
    ({"class_reduction": "none"}, ValueError, "class_reduction must be one of .*got 'none'"),
    ({"absent": "ignore"}, ValueError, "absent must be one of .*skip.*got 'ignore'"),
    ({"include_background": 1}, TypeError, "include_background must be a bool, got 1"),
    ({"ignore_index": 1.0}, TypeError, "ignore_index must be an int or None, got 1.0"),
    ({"ignore_index": True}, TypeError, "ignore_index must be an int or None, got True"),
    ({"ignore_index": 0, "target": SOFT}, ValueError, "ignore_index needs .*class indices"),
    ({"class_weights": 2.0}, TypeError, "class_weights must be a sequence of 3 numbers, got 2.0"),
    ({"class_weights": [1, 2]}, ValueError, r"class_weights must be 3 numbers.*got \[1, 2\]"),
    ({"class_weights": [1, 2, -1]}, ValueError, "class_weights must be 3 numbers >= 0"),
    ({"class_weights": ["a", 1, 1]}, TypeError, "class_weights must be .* number, got 'a'"),
    ({"class_weights": [np.nan, 1, 1]}, TypeError, "class_weights must be a finite"),
    ({"smooth": 0}, ValueError, "smooth must be > 0.*got 0"),
    ({"smooth": -1.0}, ValueError, "smooth must be > 0.*got -1.0"),
    ({"smooth": np.nan}, TypeError, "smooth must be a finite Python number, got nan"),
    ({"smooth": "small"}, TypeError, "smooth must be a finite Python number, got 'small'"),
    ({"alpha": 0.5}, TypeError, "alpha"),
    ({"weights": None}, TypeError, "weights"),
]

HYPER: list[tuple[dict[str, Any], type, str]] = [
    ({"gamma": -0.1}, ValueError, "gamma must be >= 0 and <= 1, got -0.1"),
    ({"gamma": 1.5}, ValueError, "gamma must be >= 0 and <= 1, got 1.5"),
    ({"lam": 2}, ValueError, "lam must be >= 0 and <= 1, got 2"),
    ({"delta": "big"}, TypeError, "delta must be a finite Python number, got 'big'"),
    ({"delta": np.inf}, TypeError, "delta must be a finite Python number, got inf"),
    ({"delta": None}, TypeError, "delta must be a finite Python number, got None"),
    ({"rare": 1}, TypeError, "rare must be an iterable of class indices or None, got 1"),
    ({"rare": [3]}, ValueError, "rare must hold class indices from 0 to 2, got 3"),
    ({"rare": [0.5]}, ValueError, "rare must hold class indices from 0 to 2, got 0.5"),
    ({"rare": "12"}, ValueError, "rare must hold class indices from 0 to 2, got '1'"),
]

OTHER_LOSSES: list[tuple[str, dict[str, Any], type, str]] = [
    ("focal", {"alpha": [1.0, 1.0]}, ValueError, r"alpha must have one entry per class \(3\)"),
    ("focal", {"alpha": 1.5}, ValueError, "alpha must be between 0 and 1, got 1.5"),
    ("focal", {"alpha": [1.0, -1.0, 1.0]}, ValueError, "alpha must be entries >= 0"),
    ("focal_tversky", {"gamma": 0}, ValueError, "gamma must be > 0, got 0"),
    ("tversky", {"beta": -1}, ValueError, "beta must be >= 0, got -1"),
    ("combo", {"alpha": 1.1}, ValueError, "alpha must be >= 0 and <= 1, got 1.1"),
    ("dice", {"gamma": 1.0}, TypeError, "gamma"),
]


def _name(value: Any) -> str | None:
    """Short names for the table's rows."""
    if not isinstance(value, dict):
        return None
    return ", ".join(
        f"{k}={v.dtype}{list(v.shape)}" if isinstance(v, np.ndarray) else f"{k}={v!r}"
        for k, v in value.items()
    )


def _refused(backend: Any, loss: Any, changed: dict[str, Any], error: type, wanted: str) -> None:
    arguments = native(backend, calls() | changed)
    with pytest.raises(error, match=f"(?s){wanted}") as caught:
        loss(**arguments)
    assert len(str(caught.value)) < 400, "an error is a sentence"


@pytest.mark.parametrize(("changed", "error", "wanted"), ARRAYS + OPTIONS + HYPER, ids=_name)
def test_a_bad_call_is_named(backend, changed, error, wanted):
    _refused(backend, uf.unified_focal, changed, error, wanted)


@pytest.mark.parametrize(("name", "changed", "error", "wanted"), OTHER_LOSSES, ids=_name)
def test_bad_hyperparameters_of_other_losses(backend, name, changed, error, wanted):
    _refused(backend, getattr(uf, name), changed, error, wanted)


def _outside() -> Iterator[tuple[str, dict[str, float]]]:
    """A value on either side of the range that each number is defined with."""
    for loss in LOSSES.values():
        for name, number in loss.hyperparameters.items():
            if isinstance(number, Number):
                yield loss.name, {name: number.low if number.positive else number.low - 0.1}
                if number.high < math.inf:
                    yield loss.name, {name: number.high + 0.1}


@pytest.mark.parametrize(("loss", "changed"), list(_outside()), ids=_name)
def test_a_number_out_of_its_range(backend, loss, changed):
    (name,) = changed
    _refused(backend, getattr(uf, loss), changed, ValueError, f"{name} must be >=? ")


@pytest.mark.parametrize(("changed", "error", "wanted"), ARRAYS[:8] + OPTIONS[:8], ids=_name)
def test_value_and_grad_names_the_same(backend, changed, error, wanted):
    _refused(backend, uf.value_and_grad(uf.unified_focal), changed, error, wanted)


def test_value_and_grad_needs_a_scalar(backend):
    both = uf.value_and_grad(uf.dice)
    wanted = 'reduction must be "mean" or "sum" for a gradient'
    _refused(backend, both, {"reduction": "none"}, ValueError, wanted)


@pytest.mark.parametrize("name", ["target", "weight"])
def test_arrays_of_two_frameworks_do_not_mix(backend, name):
    """A silent copy between frameworks would hide a mistake, and break autodiff."""
    other = "torch" if backend.framework == "numpy" else "numpy"
    if other == "torch":
        pytest.importorskip("torch")
    arguments = native(backend, calls())
    foreign = calls()[name]
    arguments[name] = native(type(backend)[other.upper()], {name: foreign})[name]
    with pytest.raises(TypeError, match=f"^{name} must be a .*, got (ndarray|Tensor)"):
        uf.unified_focal(**arguments)


@pytest.mark.parametrize("value", [3, -1, 255])
def test_a_wrong_label_without_weight_is_no_error(backend, value):
    """Its pixel takes part in nothing, so no label can be wrong there."""
    arrays = calls() | {"target": _label(value)}
    arrays["weight"][1, 0, 1] = 0.0
    right = calls() | {"weight": arrays["weight"]}
    found = uf.unified_focal(**native(backend, arrays))
    assert float(found) == float(uf.unified_focal(**native(backend, right)))
