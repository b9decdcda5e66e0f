"""Every backend gives the golden values, and the golden files are what they say."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import unifocal
import unifocal_spec
from tests.parity.bounds import assert_gradient, assert_value
from tests.precision import native_terms
from unifocal.certificate import golden, golden_inputs, oracle, padding
from unifocal.certificate.backends import Backend
from unifocal.certificate.golden import Golden
from unifocal_spec import LOSSES, OPTIONS

FOLDER = Path(unifocal_spec.__file__).parent / "golden"
GOLDEN = [vector for loss in LOSSES for vector in golden.load(loss)]
EAGER = [b for b in Backend if not b.compiles]
COMPILED = [b for b in Backend if b.compiles]


def name(vector: Golden) -> str:
    return f"{vector.loss}, {vector.name}"


@cache
def document(loss: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{loss}.json").read_text("utf-8"))


def rounded(x: np.ndarray | None, dtype: str) -> np.ndarray | None:
    return x.astype(dtype) if x is not None and x.dtype.kind == "f" else x


def hold(backend: Backend, vector: Golden, dtype: str) -> None:
    assert dtype in vector.exact_in
    arrays = (rounded(x, dtype) for x in (vector.logits, vector.target, vector.weight))
    value, gradient = backend.value_and_grad(vector.loss, *arrays, **vector.keywords)
    assert_value(value, float(vector.value), np.dtype(dtype))
    assert_gradient(gradient, vector.gradient.astype(float), np.dtype(dtype))


@pytest.mark.parametrize("backend", EAGER, ids=lambda b: b.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("vector", GOLDEN, ids=name)
def test_eager_backends_give_the_golden_values(
    vector: Golden, backend: Backend, dtype: str
) -> None:
    hold(backend, vector, dtype)


@pytest.mark.parametrize("backend", EAGER, ids=lambda b: b.name)
@pytest.mark.parametrize("vector", GOLDEN, ids=name)
def test_so_do_float32_terms(vector: Golden, backend: Backend) -> None:
    """As of many pixels: so few would be summed in float64."""
    with native_terms(backend):
        hold(backend, vector, "float32")


@pytest.mark.parametrize("backend", COMPILED, ids=lambda b: b.name)
@pytest.mark.parametrize("loss", LOSSES)
def test_compiled_backends_give_those_that_fit_one_shape(loss: str, backend: Backend) -> None:
    run, float64 = backend.runner(loss, axis=1), np.dtype("float64")
    vectors = [vector for vector in golden.load(loss) if padding.fits(vector)]
    assert len(vectors) > 10
    for vector in vectors:
        value, gradient = run(*padding.pad(vector, pixels=64))
        scale = padding.scale(vector)
        assert_value(value * scale, float(vector.value), float64)
        assert_gradient(
            padding.cut(gradient, vector) * scale, vector.gradient.astype(float), float64
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_files_follow_the_schema(loss: str) -> None:
    schema = json.loads((FOLDER / "schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document(loss))
    assert document(loss)["loss"] == loss


@pytest.mark.parametrize("loss", LOSSES)
def test_every_keyword_is_explicit(loss: str) -> None:
    for case in document(loss)["cases"]:
        assert set(case["options"]) == set(OPTIONS) - {"weight", "precision"}
        assert set(case["hyperparameters"]) == set(LOSSES[loss].hyperparameters)


@pytest.mark.parametrize("loss", LOSSES)
def test_files_hold_the_inputs_that_are_asked_for(loss: str) -> None:
    found = [(v.name, v.logits.tolist(), v.target.tolist(), v.keywords) for v in golden.load(loss)]
    assert found == [
        (call.name, call.logits.tolist(), call.target.tolist(), call.options | call.hyper)
        for call in golden_inputs.inputs(loss)
    ]


@pytest.mark.parametrize("vector", GOLDEN, ids=name)
def test_inputs_are_exact_in_the_dtypes_they_say(vector: Golden) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtypes = {"bfloat16": ml_dtypes.bfloat16} | {f"float{n}": f"float{n}" for n in (16, 32, 64)}
    floats = [x for x in (vector.logits, vector.target, vector.weight) if x is not None]
    for dtype, kind in dtypes.items():
        exact = all((x.astype(kind).astype(x.dtype) == x).all() for x in floats)
        assert exact == (dtype in vector.exact_in)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_number_has_thirty_digits(loss: str) -> None:
    for case in document(loss)["cases"]:
        for number in (case["value"], *case["gradient"]["data"]):
            assert re.fullmatch(r"0|-?\d\.\d{29}(e[+-]?\d+)?", number), (case["name"], number)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_readme_has_the_formula(loss: str) -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert f"| `{loss}` | {LOSSES[loss].formula} |" in readme


def agree(found: Decimal, wanted: Decimal) -> bool:
    return abs(found - wanted) <= abs(wanted) * Decimal("1e-29")


@pytest.mark.parametrize("loss", LOSSES)
def test_all_thirty_digits_are_right(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More digits and another step change nothing: neither rounding nor truncation shows."""
    monkeypatch.setattr(oracle, "STEP_DIGITS", 27)
    monkeypatch.setattr(oracle, "_RIGHT_DIGITS", 90)
    for call in golden_inputs.inputs(loss):
        if abs(call.logits).max() > 1000:  # thousands of digits: `golden --check` computes them
            continue
        vector = next(v for v in golden.load(loss) if v.name == call.name)
        case = golden.compute(loss, call)
        assert agree(Decimal(case["value"]), vector.value), call.name
        pairs = zip(case["gradient"]["data"], vector.gradient.flat, strict=True)
        assert all(agree(Decimal(x), y) for x, y in pairs), call.name


@pytest.mark.parametrize("loss", LOSSES)
def test_files_are_what_the_oracle_computes(loss: str) -> None:
    found = {case["name"]: case for case in document(loss)["cases"]}
    for call in golden_inputs.inputs(loss)[:2]:
        assert json.loads(json.dumps(golden.compute(loss, call))) == found[call.name]


def test_files_are_written_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = golden_inputs.inputs("dice")[-1:]
    monkeypatch.setattr(golden, "_folder", lambda: tmp_path)
    monkeypatch.setattr(golden, "LOSSES", ["dice"])
    monkeypatch.setattr(golden, "inputs", lambda loss: few)
    assert golden.write() == ["dice.json"]
    assert golden.write() == []
    assert golden.check() == ""
    file = tmp_path / "dice.json"
    file.write_text(file.read_text("utf-8").replace('"value": "', '"value": "1'), "utf-8")
    assert '-   "value": "1' in golden.check()


def test_an_entry_may_be_too_small_for_a_float() -> None:
    smallest = min(abs(g) for v in GOLDEN for g in v.gradient.flat if g)
    assert 0 < smallest < Decimal("1e-8000")
    assert float(smallest) == 0


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="loss must be one of"):
        golden.load("lovász")


def test_a_vector_is_a_call_of_the_front_door() -> None:
    vector = golden.load("dice")[0]
    value = unifocal.dice(vector.logits, vector.target, weight=vector.weight, **vector.keywords)
    assert_value(value, float(vector.value), vector.logits.dtype)
