"""A user's own definition, in a file outside the package, on every backend."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sympy", reason="compiling a definition needs SymPy")

import unifocal as uf
import unifocal_spec
from tests import differences
from tests.front.arrays import autodiff, calls, native
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.compiler.lint import ContractError
from unifocal.compiler.trace import DerivativeError

FLOAT64 = np.dtype("float64")

USER_FILE = '''
from unifocal import ClassSet, ClassWeight, Loss, Number

def poly_pixel(xp, log_p, log_q, t, *, epsilon):
    """Poly-1 (Leng et al. 2022)  t (−log p + ε (1 − p))."""
    return t * (epsilon * xp.exp(log_q) - log_p)

def elsewhere_pixel(xp, log_p, log_q, t):
    return (1 - t) * xp.exp(log_p)

def brier_pixel(xp, log_p, log_q, t):
    return xp.square(t - xp.exp(log_p))

def chosen_pixel(xp, log_p, log_q, t, *, omega, rare):
    return xp.where(rare, omega, 0.5 * omega) * -t * log_p

def jaccard_region(xp, tp, fp, fn, smooth):
    """1 − |A ∩ B| / |A ∪ B|, smoothed."""
    return (fp + fn) / (tp + fp + fn + smooth)

def dice_region(xp, tp, fp, fn, smooth):
    return (fp + fn) / (2 * tp + fp + fn + 2 * smooth)

def log_cosh_combine(xp, pixel, region):
    return xp.log(xp.cosh(region))

def product_combine(xp, pixel, region, *, lam):
    return pixel ** lam * xp.sqrt(region)

poly = Loss("poly", "Cross-entropy with a first-order term.", "…", pixel=poly_pixel,
            hyperparameters={"epsilon": Number(1.0, "ε")})
elsewhere = Loss("elsewhere", "The probability of every wrong class.", "…", pixel=elsewhere_pixel)
brier = Loss("brier", "The Brier score.", "Σ (t − p)²", pixel=brier_pixel)
chosen = Loss("chosen", "Weights and a set of classes.", "…", pixel=chosen_pixel,
              hyperparameters={"omega": ClassWeight([1.0, 2.0, 0.5], "ω"),
                               "rare": ClassSet(None, "rare")})
jaccard = Loss("jaccard", "One minus the Jaccard index.", "1 − J", region=jaccard_region)
log_cosh_dice = Loss("log_cosh_dice", "log cosh of Dice (Jadon 2020).", "log cosh D",
                     region=dice_region, combine=log_cosh_combine)
product = Loss("product", "A product of both parts.", "P^λ √R", pixel=elsewhere_pixel,
               region=jaccard_region, combine=product_combine,
               hyperparameters={"lam": Number(1.5, "λ")})
'''
NAMES = ["poly", "elsewhere", "brier", "chosen", "jaccard", "log_cosh_dice", "product"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"over": "batch", "class_weights": [0.5, 1.0, 2.0]},
    {"absent": "skip", "include_background": False, "class_reduction": "sum"},
]


@pytest.fixture(scope="module")
def user(tmp_path_factory) -> ModuleType:
    """The user's file, imported from where the user has it."""
    path = tmp_path_factory.mktemp("elsewhere") / "my_losses.py"
    path.write_text(USER_FILE, encoding="utf-8")
    return _imported(path)


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
@pytest.mark.parametrize("name", NAMES)
def test_parity_with_the_definition(backend, user, name, soft):
    definition, arrays = getattr(user, name), calls(soft=soft)
    loss, given = uf.compile(definition), native(backend, arrays)
    value = unifocal_spec.evaluate(definition, np, **arrays)
    _, gradient = differences.value_and_grad(definition, **arrays)
    found = uf.value_and_grad(loss)(**given)
    assert_value(loss(**given), value, FLOAT64)
    assert_value(found[0], value, FLOAT64)
    assert_gradient(np.asarray(found[1]), gradient, FLOAT64)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["brier", "product"])
def test_the_common_keywords_work(backend, user, name, options):
    definition, arrays = getattr(user, name), calls()
    value, gradient = differences.value_and_grad(definition, **arrays, **options)
    found = uf.value_and_grad(uf.compile(definition))(**native(backend, arrays), **options)
    assert_value(found[0], value, FLOAT64)
    assert_gradient(np.asarray(found[1]), gradient, FLOAT64)


@pytest.mark.parametrize("sigmoid_target", ["index", "values"])
def test_sigmoid(backend, user, sigmoid_target):
    arrays = calls(sigmoid=True)
    if sigmoid_target == "index":
        arrays |= {"logits": arrays["logits"][:, :1], "target": calls()["target"] > 0}
    keywords = {"activation": "sigmoid"}
    value, gradient = differences.value_and_grad(user.brier, **arrays, **keywords)
    found = uf.value_and_grad(uf.compile(user.brier))(**native(backend, arrays), **keywords)
    assert_value(found[0], value, FLOAT64)
    assert_gradient(np.asarray(found[1]), gradient, FLOAT64)


def test_the_frameworks_own_autodiff(backend, user):
    arrays = calls()
    given = native(backend, arrays)
    loss = partial(uf.compile(user.product), weight=given["weight"])
    found = autodiff(backend, loss, given["logits"], given["target"])
    assert_gradient(found, differences.value_and_grad(user.product, **arrays)[1], FLOAT64)


# Known formulas -----------------------------------------------------------------------------------


def test_jaccard_of_masks_is_counted_by_hand(backend, user):
    """Class 1: 3 pixels in common of 6 in either; class 0: 2 of 5."""
    truth = np.array([[1, 1, 1, 1, 1, 0, 0, 0]])
    guess = np.array([[1, 1, 1, 0, 0, 1, 0, 0]])
    probabilities = np.stack((1.0 - guess, 1.0 * guess), axis=1)
    arrays = native(backend, {"logits": probabilities, "target": truth})
    found = uf.compile(user.jaccard)(**arrays, activation="none", smooth=1e-12)
    assert_value(found, ((1 - 3 / 6) + (1 - 2 / 5)) / 2, np.dtype("float32"))


def test_jaccard_is_a_function_of_dice(backend, user):
    """J = D/(2 − D) per class, so 1 − J = 2d/(1 + d) for d = 1 − D, at the same smoothing."""
    given = native(backend, calls())
    one_class = {"class_weights": [0.0, 1.0, 0.0], "reduction": "none"}
    d = np.asarray(uf.dice(**given, **one_class))
    found = np.asarray(uf.compile(user.jaccard)(**given, **one_class))
    np.testing.assert_allclose(found, 2 * d / (1 + d), rtol=1e-13)


def test_log_cosh_dice_is_log_cosh_of_dice(backend, user):
    given = native(backend, calls())
    wanted = np.log(np.cosh(float(uf.dice(**given, over="batch"))))
    assert_value(uf.compile(user.log_cosh_dice)(**given, over="batch"), wanted, FLOAT64)


def test_poly_without_its_term_is_cross_entropy(backend, user):
    given = native(backend, calls())
    found = uf.compile(user.poly)(**given, epsilon=0.0)
    assert_value(found, uf.cross_entropy(**given), FLOAT64)


# What a user sees of it ---------------------------------------------------------------------------


def test_the_compiled_loss_tells_what_it_is(user):
    loss = uf.compile(user.jaccard)
    assert repr(loss) == "unifocal.compile(jaccard)"
    assert loss.__name__ == "jaccard"
    assert loss.__doc__ == "One minus the Jaccard index.\n\n    L = 1 − J"
    assert loss.definition is user.jaccard


def test_the_native_code_can_be_read(backend, user):
    source = uf.compile(user.jaccard).source(backend.framework)
    compile(source, "jaccard", "exec")
    assert "def jaccard_region(" in source
    assert "def jaccard_region_gradient(" in source
    assert "1 − |A ∩ B| / |A ∪ B|, smoothed." in source


def test_two_losses_of_one_name_stay_apart(user):
    other = uf.Loss("jaccard", "Another.", "…", region=user.dice_region)
    arrays = calls()
    found = uf.compile(user.jaccard)(**arrays), uf.compile(other)(**arrays)
    assert found[0] != found[1]
    assert_value(found[1], unifocal_spec.evaluate(other, np, **arrays), FLOAT64)


def test_what_is_no_definition_is_named():
    with pytest.raises(TypeError, match=r"definition must be a unifocal_spec\.Loss, got"):
        uf.compile(uf.dice)


def test_unknown_keywords_are_named(backend, user):
    given = native(backend, calls())
    with pytest.raises(TypeError, match=r"unknown keyword 'beta'.* \['epsilon'"):
        uf.compile(user.poly)(**given, beta=1.0)


BAD = {
    "return t.clip(0, 1)": (ContractError, r"mine, line 2: a method or attribute \.clip"),
    "return -t * log_p if t > 0 else t": (ContractError, "conditional expression: use xp.where"),
    "return xp.sort(t)": (ContractError, r"xp\.sort, which is not in the contract"),
    "return -(1 - t) * log_q": (DerivativeError, "unbounded or undecided at p = 1"),
}


@pytest.mark.parametrize(("body", "wanted"), BAD.items())
def test_a_bad_definition_says_what_is_wrong(tmp_path, body, wanted):
    path = tmp_path / "mine.py"
    path.write_text(f"def mine(xp, log_p, log_q, t):\n    {body}\n", encoding="utf-8")
    definition = uf.Loss("bad", "One sentence.", "formula", pixel=_imported(path).mine)
    with pytest.raises(wanted[0], match=wanted[1]):
        uf.compile(definition)(**calls())


WITHOUT_SYMPY = """
    import sys
    sys.modules["sympy"] = None  # as if it were not installed
    import numpy as np
    import unifocal as uf

    def mine(xp, log_p, log_q, t):
        return -t * log_p

    loss = uf.compile(uf.Loss("mine", "One sentence.", "formula", pixel=mine))
    try:
        loss(np.zeros((1, 2)), np.array([0]))
    except uf.MissingFrameworkError as error:
        print(error)
"""


def test_without_the_compiler_the_extra_is_named(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(WITHOUT_SYMPY), encoding="utf-8")
    ran = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == (
        "compiling a definition needs sympy: pip install unifocal[compiler]"
    )
