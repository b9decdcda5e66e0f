"""Which loss is a special case of which, and which arrows of the paper's Fig. 1 are false.

A claim holds for every image, target, number of classes, weight and option, and for every value of
what it leaves free. Only a constant knows about options: it is that of a mean over classes. With
class_reduction="sum" it is multiplied by Σ_c ω_c, and a region without weighted pixels or counted
classes has none, because its loss is 0.
"""

from __future__ import annotations

from fractions import Fraction

from unifocal_spec.claims.claim import HALF, Claim, EveryClass, Unreachable
from unifocal_spec.claims.family import FAMILY

SPECIAL_CASES: tuple[Claim, ...] = (
    Claim("focal", {"gamma": 0, "alpha": None}, "cross_entropy", "γ = 0, α = None"),
    Claim("focal", {"gamma": 0, "alpha": HALF}, "cross_entropy", "γ = 0, α = ½", factor=HALF),
    Claim("tversky", {"alpha": HALF, "beta": HALF}, "dice", "α = ½, β = ½"),
    Claim(
        "tversky",
        {"alpha": lambda b: 1 / (1 + b**2), "beta": lambda b: b**2 / (1 + b**2)},
        "asymmetric_similarity",
        "α = 1/(1 + B²), β = B²/(1 + B²)",
        source="§II-D",
    ),
    Claim("focal_tversky", {"gamma": 1}, "tversky", "γ = 1"),
    Claim("combo", {"alpha": 0}, "dice", "α = 0", constant=-1, constant_text="minus 1"),
    Claim("combo", {"alpha": 1, "beta": HALF}, "cross_entropy", "α = 1, β = ½", factor=HALF),
    Claim(
        "hybrid_focal",
        {"lam": 1},
        "focal",
        "λ = 1",
        {"alpha": lambda focal_alpha: focal_alpha, "gamma": lambda focal_gamma: focal_gamma},
    ),
    Claim(
        "hybrid_focal",
        {"lam": 0},
        "focal_tversky",
        "λ = 0",
        {
            "alpha": lambda tversky_alpha: tversky_alpha,
            "beta": lambda tversky_beta: tversky_beta,
            "gamma": lambda tversky_gamma: tversky_gamma,
        },
    ),
    Claim(
        "asymmetric_focal",
        {"gamma": 0, "delta": HALF},
        "cross_entropy",
        "γ = 0, δ = ½",
        factor=HALF,
    ),
    Claim(
        "asymmetric_focal",
        {"rare": EveryClass(False)},
        "focal",
        "rare = {}",
        {"alpha": lambda delta: EveryClass(1 - delta)},
        special_text="α_c = 1 − δ for every c",
        source="the set of rare classes as a parameter",
    ),
    Claim(
        "asymmetric_focal_tversky",
        {"gamma": 0},
        "tversky",
        "γ = 0",
        {"alpha": lambda delta: 1 - delta, "beta": lambda delta: delta},
        special_text="α = 1 − δ, β = δ",
    ),
    Claim("asymmetric_focal_tversky", {"gamma": 0, "delta": HALF}, "dice", "γ = 0, δ = ½"),
    Claim(
        "asymmetric_focal_tversky",
        {"rare": EveryClass(True)},
        "focal_tversky",
        "rare = all classes",
        {
            "alpha": lambda delta: 1 - delta,
            "beta": lambda delta: delta,
            "gamma": lambda gamma: 1 / (1 - gamma),
        },
        special_text="γ′ = 1/(1 − γ), α = 1 − δ, β = δ",
        source="the set of rare classes as a parameter",
    ),
    Claim("unified_focal", {"lam": 1}, "asymmetric_focal", "λ = 1"),
    Claim("unified_focal", {"lam": 0}, "asymmetric_focal_tversky", "λ = 0"),
    Claim(
        "unified_focal",
        {"lam": 1, "gamma": 0, "delta": HALF},
        "cross_entropy",
        "λ = 1, γ = 0, δ = ½",
        factor=HALF,
    ),
    Claim("unified_focal", {"lam": 0, "gamma": 0, "delta": HALF}, "dice", "λ = 0, γ = 0, δ = ½"),
    Claim(
        "unified_focal",
        {"gamma": 0, "delta": HALF},
        "combo",
        "γ = 0, δ = ½",
        {"alpha": lambda lam: lam, "beta": HALF},
        constant=lambda lam: 1 - lam,
        special_text="α = λ, β = ½",
        constant_text="plus 1 − λ",
    ),
)
"""The exact special cases among the losses."""

FALSE: tuple[Claim, ...] = (
    Claim(
        "focal",
        {"gamma": 0},
        "cross_entropy",
        "γ = 0, any α",
        holds=False,
        source="§II-B, below (6)",
    ),
    Claim(
        "unified_focal",
        {"lam": 1, "gamma": 0},
        "cross_entropy",
        "λ = 1, γ = 0, any δ",
        holds=False,
    ),
    Claim(
        "unified_focal",
        {"lam": 1, "gamma": 0, "delta": HALF},
        "cross_entropy",
        "λ = 1, γ = 0, δ = ½",
        holds=False,
        source="§II-H",
    ),
    Claim(
        "unified_focal",
        {"gamma": 0, "delta": HALF},
        "combo",
        "γ = 0, δ = ½",
        {"alpha": lambda lam: lam, "beta": HALF},
        special_text="α = λ, β = ½",
        holds=False,
        source="§II-H: all losses described so far are special cases",
    ),
)
"""What the paper says or draws and what is not so, as it stands."""

_PAPER_TVERSKY = {"alpha": Fraction(3, 10), "beta": Fraction(7, 10)}
_PAPER_HYBRID = {
    "lam": HALF,
    "focal_alpha": Fraction(1, 4),
    "focal_gamma": 2,
    "tversky_alpha": Fraction(3, 10),
    "tversky_beta": Fraction(7, 10),
    "tversky_gamma": Fraction(4, 3),
}

UNREACHABLE: tuple[Unreachable, ...] = (
    Unreachable(
        "unified_focal",
        {"rare": None},
        "focal",
        "no λ, δ, γ with the default rare: `focal` with γ = 2 and any α > 0",
        {"gamma": 2},
    ),
    Unreachable(
        "unified_focal",
        {"rare": None},
        "focal_tversky",
        "no λ, δ, γ with the default rare: `focal_tversky` with its defaults",
        _PAPER_TVERSKY | {"gamma": Fraction(4, 3)},
    ),
    Unreachable(
        "unified_focal",
        {},
        "hybrid_focal",
        "no λ, δ, γ and no set of rare classes: `hybrid_focal` with its defaults",
        _PAPER_HYBRID,
    ),
    Unreachable(
        "hybrid_focal",
        {
            "focal_gamma": lambda gamma: gamma,
            "tversky_gamma": lambda gamma: gamma,
            "tversky_alpha": Fraction(3, 10),
            "tversky_beta": Fraction(7, 10),
        },
        "hybrid_focal",
        "no common γ, whatever λ and α: `hybrid_focal` with γ = 2 and 4/3",
        _PAPER_HYBRID,
        source="§II-H: γ as one of the functionally equivalent hyperparameters",
    ),
    Unreachable(
        "family",
        {
            "gamma": lambda gamma: EveryClass(gamma),
            "kappa": lambda gamma: EveryClass(1 - gamma),
            "alpha": EveryClass(Fraction(3, 10)),
            "beta": EveryClass(Fraction(7, 10)),
        },
        "hybrid_focal",
        "no common γ with γ_c = γ, κ_c = 1 − γ, whatever a, b, ω_c: `hybrid_focal` with γ = 2, 4/3",
        _PAPER_HYBRID,
        source="§II-H: γ as one of the functionally equivalent hyperparameters",
    ),
    Unreachable(
        "unified_focal",
        {"lam": 1, "gamma": 0, "rare": None},
        "cross_entropy",
        "λ = 1, γ = 0, no δ: `cross_entropy` itself",
        up_to_factor=False,
    ),
    Unreachable(
        "unified_focal",
        {"lam": 1, "gamma": 0, "rare": None},
        "cross_entropy",
        "λ = 1, γ = 0, no δ but ½: a multiple of `cross_entropy`",
        excluding={"delta": HALF},
    ),
    Unreachable(
        "focal_tversky",
        _PAPER_TVERSKY,
        "tversky",
        "no γ but 1, so no γ near 0 either: a multiple of `tversky`, at α = 0.3, β = 0.7",
        _PAPER_TVERSKY,
        excluding={"gamma": Fraction(1)},
        source="Fig. 1, γ = 0 on the arrow from (12) to Tversky",
    ),
)
"""What no choice of hyperparameters reaches."""

CLAIMS: tuple[Claim, ...] = (*SPECIAL_CASES, *FAMILY, *FALSE)
"""Every claim of an equality, true or false."""
