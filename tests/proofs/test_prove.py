"""The prover can fail the other way: wrong claims and broken definitions are found out."""

from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp

from unifocal.compiler.trace import SMOOTH
from unifocal.proofs.assemble import affine_combination, generic_image, image_of, whole_loss
from unifocal.proofs.decide import have_no_solution, is_positive, is_zero
from unifocal.proofs.prove import UndecidedError, prove, prove_all, table
from unifocal_spec import LOSSES
from unifocal_spec.claims.claim import DEFINITIONS, HALF, Claim, EveryClass, Unreachable
from unifocal_spec.claims.table import SPECIAL_CASES, UNREACHABLE
from unifocal_spec.errata.erratum import Reading
from unifocal_spec.errata.table import ERRATA
from unifocal_spec.losses import tversky_region

pytestmark = pytest.mark.timeout(60)

WRONG = [
    Claim("focal", {"gamma": 0, "alpha": HALF}, "cross_entropy", "factor 1, not ½"),
    Claim("focal", {"gamma": 1, "alpha": None}, "cross_entropy", "γ = 1, not 0"),
    Claim(
        "asymmetric_focal_tversky",
        {"gamma": 0},
        "tversky",
        "α and β swapped",
        {"alpha": lambda delta: delta, "beta": lambda delta: 1 - delta},
    ),
    Claim("combo", {"alpha": 0}, "dice", "constant +1, not −1", constant=1),
    Claim("unified_focal", {"lam": 0}, "asymmetric_focal", "λ = 0, not 1"),
    Claim(
        "asymmetric_focal",
        {"rare": EveryClass(False)},
        "focal",
        "α_c = δ, not 1 − δ",
        {"alpha": lambda delta: EveryClass(delta)},
    ),
    Claim("hybrid_focal", {"lam": HALF}, "combo", "another loss altogether", {"alpha": HALF}),
]


@pytest.mark.parametrize("claim", WRONG, ids=lambda c: c.text)
def test_a_wrong_claim_is_refuted(claim):
    verdict = prove(claim)
    assert verdict.decided == "refuted"
    assert not verdict.ok
    assert abs(verdict.witness.value) > 1e-3


@pytest.mark.parametrize("claim", SPECIAL_CASES, ids=lambda c: f"{c.general}: {c.statement}")
def test_a_true_claim_with_another_factor_is_refuted(claim):
    assert prove(replace(claim, factor=Fraction(2, 3))).decided == "refuted"


def _swapped_region(xp, tp, fp, fn, smooth, *, alpha, beta):
    return tversky_region(xp, tp, fn, fp, smooth, alpha=alpha, beta=beta)


def _nearly_dice_region(xp, tp, fp, fn, smooth):
    return tversky_region(xp, tp, fp, fn, smooth, alpha=0.5, beta=0.500001)


@pytest.mark.parametrize(
    ("name", "part"),
    [("tversky", _swapped_region), ("dice", _nearly_dice_region)],
)
def test_a_corrupted_definition_makes_true_claims_fail(monkeypatch, name, part):
    monkeypatch.setitem(DEFINITIONS, name, replace(LOSSES[name], region=part))
    failed = [c for c in SPECIAL_CASES if name in (c.general, c.special) and not prove(c).ok]
    assert failed


def test_a_claim_that_is_neither_is_undecided():
    # Off by less than a refutation asks for, and by more than nothing.
    claim = replace(SPECIAL_CASES[2], constant=Fraction(1, 10**40))
    with pytest.raises(UndecidedError, match="neither proved nor refuted"):
        prove(claim)


def test_a_property_that_is_neither_is_undecided():
    # Positive but at x = 3, where nothing looks.
    stated = replace(
        ERRATA[0].properties[1], relation="positive", quantity=lambda xp, form, x: (x - 3) ** 2
    )
    with pytest.raises(UndecidedError, match="neither proved nor refuted"):
        prove(Reading("nowhere", stated, stated.implemented, holds=True))


def test_a_combination_that_is_not_affine_is_undecided():
    def product(xp, pixel, region, *, lam):
        return lam * pixel * region

    loss = replace(LOSSES["unified_focal"], combine=product)
    with pytest.raises(UndecidedError, match="not affine"):
        affine_combination(loss, {"lam": sp.Symbol("lam")})


REACHABLE = [
    Unreachable(
        "unified_focal",
        {"rare": EveryClass(False)},
        "focal",
        "without rare classes: λ = 1, γ = 2, δ = ½",
        {"alpha": EveryClass(HALF), "gamma": 2},
    ),
    Unreachable("family", {}, "hybrid_focal", "the family holds it", UNREACHABLE[2].special_at),
    Unreachable(
        "unified_focal",
        {"lam": 1, "gamma": 0, "rare": None},
        "cross_entropy",
        "δ = ½, up to a factor",
    ),
    Unreachable(
        "focal_tversky",
        {"alpha": Fraction(3, 10), "beta": Fraction(7, 10)},
        "tversky",
        "γ = 1",
        {"alpha": Fraction(3, 10), "beta": Fraction(7, 10)},
    ),
    Unreachable(
        "hybrid_focal",
        {"tversky_alpha": Fraction(3, 10), "tversky_beta": Fraction(7, 10)},
        "hybrid_focal",
        "itself",
        UNREACHABLE[2].special_at,
    ),
]


@pytest.mark.parametrize("claim", REACHABLE, ids=lambda c: c.text)
def test_what_can_be_reached_is_not_proved_unreachable(claim):
    with pytest.raises(UndecidedError, match="may be a solution"):
        prove(claim)


def test_everything_is_decided_as_stated():
    verdicts = prove_all()
    assert [v.claim.statement for v in verdicts if not v.ok] == []
    *lines, total = table(verdicts).splitlines()
    assert len(lines) == len(verdicts)
    assert " 0 not as stated" in total


def test_the_table_says_what_failed():
    verdict = prove(WRONG[0])
    line, total = table([verdict]).splitlines()
    assert line.startswith("FAILED refuted")
    assert "1 not as stated" in total


# Whole losses, against arithmetic by hand -------------------------------------------------------


def test_a_whole_loss_by_hand():
    half, third = sp.Rational(1, 2), sp.Rational(1, 3)
    image = image_of([((1 - third, third), (0, 1)), ((half, half), (1, 0))])
    # Foreground: TP = 1/3, FP = 1/2, FN = 2/3. Background: TP = 1/2, FP = 2/3, FN = 1/2.
    foreground = sp.Rational(7, 12) / (third + sp.Rational(7, 12))
    background = sp.Rational(7, 12) / (half + sp.Rational(7, 12))
    dice = whole_loss(LOSSES["dice"], {}, image, (1, 3), smooth=0)
    assert dice == (background + 3 * foreground) / 4
    cross_entropy = whole_loss(LOSSES["cross_entropy"], {}, image, (1, 3))
    assert is_zero(cross_entropy - (3 * sp.log(3) + sp.log(2)) / 2)


def test_a_generic_image_knows_nothing_but_its_sums():
    value = whole_loss(LOSSES["dice"], {}, generic_image(2), (1, 1))
    assert {s.name for s in value.free_symbols} == {
        "tp_0",
        "tp_1",
        "fp_0",
        "fp_1",
        "fn_0",
        "fn_1",
        SMOOTH.name,
    }


# What can be decided ----------------------------------------------------------------------------

X, Y = sp.symbols("x y", positive=True)


def test_is_zero():
    assert is_zero(sp.exp(X) * sp.exp(Y) - sp.exp(X + Y))
    assert is_zero((X**2 - 1) / (X - 1) - X - 1)
    assert not is_zero(X * sp.Rational(1, 10**40))


@pytest.mark.parametrize(
    ("expression", "positive"),
    [
        (X + Y, True),
        (1 / X - 1 / (X + Y), True),
        (sp.exp(X) - 1, True),
        (1 - sp.exp(-X), True),
        (X - Y, False),
        (sp.exp(-X) - sp.exp(-Y), False),
        (sp.exp(X) - 2, False),
    ],
    ids=str,
)
def test_is_positive(expression, positive):
    assert is_positive(expression) == positive


@pytest.mark.parametrize(
    ("equations", "nonzero", "impossible"),
    [
        ([(X, 1), (X, 2)], [], True),
        ([(X, 1), (X * Y, 2)], [], False),
        ([(X * Y, 1), (X * Y**2, 1)], [Y - 1], True),
        ([(X / (1 + X), 1)], [], True),
        ([(2**-X, sp.Rational(1, 4)), (X, 3)], [], True),
        ([(2**-X, sp.Rational(1, 4)), (X, 2)], [], False),
        ([(3 * 2**-X, Y), (3 * 4**-X, Y)], [X], True),
        ([(0, X)], [X], True),
        ([(X**Y, 2)], [], False),
    ],
    ids=str,
)
def test_equations_without_a_solution(equations, nonzero, impossible):
    assert have_no_solution(equations, [X, Y], nonzero) == impossible
