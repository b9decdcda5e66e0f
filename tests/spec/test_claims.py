"""The unification: every row of it is there, is decided as stated, and holds in numbers."""

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from array_api_compat import numpy as xp

from unifocal.proofs.prove import prove
from unifocal_spec import LOSSES, evaluate
from unifocal_spec.claims.auxiliary import asymmetric_similarity
from unifocal_spec.claims.claim import DEFINITIONS, EveryClass
from unifocal_spec.claims.family import FAMILY
from unifocal_spec.claims.table import CLAIMS, FALSE, SPECIAL_CASES, UNREACHABLE
from unifocal_spec.definition import ClassSet, ClassWeight

TABLE = [
    ("focal", "γ = 0, α = None", "cross_entropy", 1),
    ("focal", "γ = 0, α = ½", "cross_entropy", Fraction(1, 2)),
    ("tversky", "α = ½, β = ½", "dice", 1),
    ("tversky", "α = 1/(1 + B²), β = B²/(1 + B²)", "asymmetric_similarity", 1),
    ("focal_tversky", "γ = 1", "tversky", 1),
    ("combo", "α = 0", "dice", 1),
    ("combo", "α = 1, β = ½", "cross_entropy", Fraction(1, 2)),
    ("hybrid_focal", "λ = 1", "focal", 1),
    ("hybrid_focal", "λ = 0", "focal_tversky", 1),
    ("asymmetric_focal", "γ = 0, δ = ½", "cross_entropy", Fraction(1, 2)),
    ("asymmetric_focal", "rare = {}", "focal", 1),
    ("asymmetric_focal_tversky", "γ = 0", "tversky", 1),
    ("asymmetric_focal_tversky", "γ = 0, δ = ½", "dice", 1),
    ("asymmetric_focal_tversky", "rare = all classes", "focal_tversky", 1),
    ("unified_focal", "λ = 1", "asymmetric_focal", 1),
    ("unified_focal", "λ = 0", "asymmetric_focal_tversky", 1),
    ("unified_focal", "λ = 1, γ = 0, δ = ½", "cross_entropy", Fraction(1, 2)),
    ("unified_focal", "λ = 0, γ = 0, δ = ½", "dice", 1),
    ("unified_focal", "γ = 0, δ = ½", "combo", 1),
]
"""The table of the unification: general loss, where, special loss, factor."""

NAMES = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lam", "B": "b"}


def name(claim):
    return f"{claim.general}: {claim.statement}"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("claim", [*CLAIMS, *UNREACHABLE], ids=name)
def test_every_claim_is_decided_as_stated(claim):
    verdict = prove(claim)
    assert verdict.decided == ("proved" if claim.holds else "refuted")
    assert (verdict.witness is None) == claim.holds


def test_every_row_of_the_table_is_claimed():
    assert [(c.general, c.text, c.special, c.factor) for c in SPECIAL_CASES] == TABLE


def test_every_loss_is_claimed_to_be_in_the_family():
    assert [claim.special for claim in FAMILY] == list(LOSSES)


def test_constants_of_the_special_cases():
    constants = {name(c): c for c in SPECIAL_CASES if c.constant != 0}
    assert list(constants) == [
        "combo: α = 0: `dice`, minus 1",
        "unified_focal: γ = 0, δ = ½: `combo` with α = λ, β = ½, plus 1 − λ",
    ]
    to_dice, to_combo = constants.values()
    assert to_dice.numeric(2, beta=0.5).constant == -1
    assert to_combo.numeric(2, lam=0.3, rare=None).constant == pytest.approx(0.7)


def _as_ascii(text):
    for spelled, ascii_ in (*NAMES.items(), ("½", "1/2"), ("−", "-"), ("²", "**2")):
        text = text.replace(spelled, ascii_)
    return text


def _spelled(text):
    """Read "α = 1 − δ, β = δ" as {"alpha": 1 - delta, "beta": delta}."""
    found = re.findall(r"([αβγδλ])(?:_c)?′? = ([^,]*?)(?: for every c)?(?:,|$)", text)
    symbols = {n: sp.Symbol(n) for n in NAMES.values()}
    return {NAMES[k]: sp.sympify(_as_ascii(v), symbols) for k, v in found}


def _stated(at, claim):
    free = {n: sp.Symbol(n) for n in claim.free}
    values = {}
    for key, value in at.items():
        value = value(*(free[n] for n in value.__code__.co_varnames)) if callable(value) else value
        if isinstance(value, EveryClass):
            value = value.value
        if not isinstance(value, bool):
            values[key] = sp.sympify(value)
    return values


@pytest.mark.parametrize(
    "claim", [c for c in (*SPECIAL_CASES, *FALSE) if c.general != "hybrid_focal"], ids=name
)
def test_the_statement_spells_what_is_claimed(claim):
    condition = claim.text.removesuffix(", any α").removesuffix(", any δ")
    assert _same(_spelled(condition), _stated(claim.at, claim))
    assert _same(_spelled(claim.special_text), _stated(claim.special_at, claim))


def _same(spelled, stated):
    equal = (
        sp.simplify(v - stated[k]) == 0 if v is not None else stated[k] is None
        for k, v in spelled.items()
    )
    return spelled.keys() == stated.keys() and all(equal)


# In numbers -------------------------------------------------------------------------------------


def _free_values(claim, classes):
    rng = np.random.default_rng(0)
    values = {}
    for key, kind in claim.free.items():
        if isinstance(kind, ClassSet):
            values[key] = (0, 2)
        elif isinstance(kind, ClassWeight):
            values[key] = tuple(rng.uniform(0.2, 0.8, classes))
        else:
            values[key] = rng.uniform(0.2, 0.8)
    return values


def _difference(claim, **options):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 3, 5))
    target = rng.dirichlet(np.ones(3), size=(2, 5)).transpose(0, 2, 1)
    point = claim.numeric(3, **_free_values(claim, 3))
    general = evaluate(DEFINITIONS[claim.general], xp, logits, target, **point.general, **options)
    special = evaluate(DEFINITIONS[claim.special], xp, logits, target, **point.special, **options)
    return float(general - point.factor * special - point.constant)


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.holds], ids=name)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"over": "batch"},
        {"class_weights": (0.5, 2.0, 1.0), "include_background": False},
        {"smooth": 3.0, "absent": "skip"},
    ],
    ids=str,
)
def test_true_claims_hold_in_numbers(claim, options):
    assert abs(_difference(claim, **options)) < 1e-14


@pytest.mark.parametrize("claim", FALSE, ids=name)
def test_false_claims_fail_in_numbers(claim):
    assert abs(_difference(claim)) > 1e-3


def test_sets_of_classes_become_indices():
    none, everyone = (c for c in SPECIAL_CASES if isinstance(c.at.get("rare"), EveryClass))
    assert none.numeric(3, delta=0.6, gamma=2.0).general["rare"] == ()
    assert none.numeric(3, delta=0.6, gamma=2.0).special["alpha"] == (0.4, 0.4, 0.4)
    assert everyone.numeric(3, delta=0.6, gamma=0.2).general["rare"] == (0, 1, 2)
    assert everyone.numeric(3, delta=0.6, gamma=0.2).special["gamma"] == pytest.approx(1.25)


def test_the_asymmetric_similarity_loss_is_one_minus_the_f_score():
    # F₂ = 5 TP / (5 TP + 4 FN + FP) = 15/24
    assert asymmetric_similarity.region(xp, 3.0, 1.0, 2.0, 0.0, b=2.0) == pytest.approx(3 / 8)
