"""Triton's kernels: the checks next door, and what they compile to, which needs no GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("triton", reason="Triton is not installed")

from tests.backends import ptx  # noqa: E402
from tests.backends.ptx import Case  # noqa: E402
from unifocal_torch.triton_engine import CLASSES  # noqa: E402

HERE = Path(__file__).parent
CAPABILITIES = pytest.mark.parametrize("capability", [80, 90], ids="sm_{}".format)
BOTH = pytest.mark.parametrize("gradient", [False, True], ids=["sums", "gradient"])
CASES = [
    *(Case("unified_focal", classes, False) for classes in (2, 3, 4, 5, CLASSES[torch.float32])),
    Case("unified_focal", 3, False, last=True),
    Case("cross_entropy", 3, False),
    Case("dice", 3, False),
    Case("hybrid_focal", 4, False, weight=True),
    Case("unified_focal", 3, False, torch.float16, torch.uint8),
    Case("unified_focal", 3, False, torch.bfloat16, torch.uint8, weight=True),
    Case("unified_focal", CLASSES[torch.float64], False, torch.float64),
    Case("unified_focal", 4, False, precision="exact"),
    Case("unified_focal", 4, False, target=torch.float32),
    Case("hybrid_focal", 1, False, activation="sigmoid"),
    Case("hybrid_focal", 3, False, target=torch.float32, activation="sigmoid"),
]


def name(case: Case) -> str:
    kind = "soft" if case.soft else "index"
    dtype = str(case.logits).removeprefix("torch.")
    others = ["weight"] * case.weight + ["last"] * case.last
    return "-".join(
        [case.loss, str(case.classes), dtype, case.precision, case.activation, kind, *others]
    )


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    """Compile into a folder of our own; kernels of this process must not be interpreted."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "triton"))
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("TRITON_INTERPRET is set: Triton compiles nothing")


@pytest.mark.parametrize("interpreter", [True, False], ids=["interpreter", "GPU"])
def test_parity(interpreter):
    """Parity, options and determinism."""
    if not interpreter and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    command += ["--no-showlocals", "--tb=short", str(HERE / "triton_checks.py")]
    ran = subprocess.run(
        command,
        env=os.environ | {"TRITON_INTERPRET": str(int(interpreter))},
        capture_output=True,
        text=True,
        cwd=HERE.parents[1],
        check=False,
    )
    if ran.returncode != 0:
        pytest.fail(f"{ran.stdout[-6000:]}{ran.stderr[-1000:]}", pytrace=False)


@CAPABILITIES
@BOTH
@pytest.mark.parametrize("case", CASES, ids=name)
def test_no_register_is_spilled(case, gradient, capability, tmp_path):
    compiled = ptx.compile_kernel(replace(case, gradient=gradient), capability)
    used = ptx.resources(compiled, tmp_path)
    assert used["STACK"] == used["LOCAL"] == 0
    assert used["REG"] <= 255
    assert not re.search(r"\b(ld|st)\.local\b|\.local \.align", compiled.ptx)


@CAPABILITIES
@BOTH
@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_pixel_is_loaded_once_and_stored_once(case, gradient, capability):
    """The code has no loop, so that each of its instructions runs at most once."""
    case = replace(case, gradient=gradient)
    compiled = ptx.compile_kernel(case, capability)
    moved = ptx.bytes_per_thread(compiled)
    problem = 1 if case.activation == "sigmoid" else case.classes
    classes = 2 if case.activation == "sigmoid" else case.classes
    share = compiled.pixels // compiled.threads
    per_pixel = {
        ("ld", "z"): problem * case.logits.itemsize,
        ("ld", "t"): (problem if case.soft else 1) * case.target.itemsize,
        ("ld", "w"): 4 * case.weight,
        ("st", "dz"): problem * case.logits.itemsize * gradient,
    }
    for place, size in per_pixel.items():
        assert moved.pop(place, 0) == size * share, place

    # The rest is a few numbers per tile or problem, the same for all of its threads.
    kernel = ptx.KERNELS[case.loss]
    number = 8 if case.precision == "exact" else max(4, case.logits.itemsize)
    count = 3 * classes * (kernel.region is not None) + (kernel.pixel is not None)
    if gradient:
        assert moved.pop(("ld", "slopes")) == number * count
    else:
        assert moved.pop(("st", "sums")) == 8 * (1 + count)
    table = moved.pop(("ld", "table"), 0)
    assert table % (number * classes) == 0
    assert not moved
    assert not ptx.has_loop(compiled)


@CAPABILITIES
def test_no_atomics(capability):
    for gradient in (False, True):
        code = ptx.compile_kernel(Case("unified_focal", 3, gradient), capability).ptx
        assert not re.search(r"\b(atom|red)\.", code)


@CAPABILITIES
def test_half_precision_is_rounded_to_nearest(capability):
    case = Case("unified_focal", 3, True, torch.bfloat16, torch.uint8)
    assert "cvt.rn.bf16" in ptx.compile_kernel(case, capability).ptx
    case = replace(case, logits=torch.float16)
    assert "cvt.rn.f16" in ptx.compile_kernel(case, capability).ptx
