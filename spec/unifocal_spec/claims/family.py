"""The one family: each of the ten losses is a point of

    a · (1/W) Σ_i w Σ_c ω_c (1 − p_c)^γ_c t_c (−log p_c)  +  b · mean_c (1 − TI_c(α_c, β_c))^κ_c

up to a constant. This is the unification that Fig. 1 of the paper draws, in the form that is true:
the focusing and the exponent of each class are coefficients of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from unifocal_spec.claims.claim import HALF, ByRarity, Claim, EveryClass, Value

_PIXEL = {"a": 1, "b": 0}
_REGION = {"a": 0, "b": 1}
_BOTH = {"a": lambda lam: lam, "b": lambda lam: 1 - lam}

_CROSS_ENTROPY = {"omega": EveryClass(1), "gamma": EveryClass(0)}
_DICE = {"alpha": EveryClass(HALF), "beta": EveryClass(HALF), "kappa": EveryClass(1)}
_ASYMMETRIC_FOCAL = {
    "omega": lambda delta: ByRarity(delta, 1 - delta),
    "gamma": lambda gamma: ByRarity(0, gamma),
}
_ASYMMETRIC_FOCAL_TVERSKY = {
    "alpha": lambda delta: EveryClass(1 - delta),
    "beta": lambda delta: EveryClass(delta),
    "kappa": lambda gamma: ByRarity(1 - gamma, 1),
}
_ASYMMETRIC_TEXT = "α_c = 1 − δ, β_c = δ, κ_c = 1 − γ (rare) or 1"


def _member(
    special: str,
    text: str,
    *at: Mapping[str, Value],
    constant: Value = 0,
    constant_text: str = "",
) -> Claim:
    merged = {name: value for part in at for name, value in part.items()}
    return Claim(
        "family",
        merged,
        special,
        text,
        constant=constant,
        constant_text=constant_text,
        source="the unification",
    )


FAMILY: tuple[Claim, ...] = (
    _member("cross_entropy", "a = 1, b = 0, ω_c = 1, γ_c = 0", _PIXEL, _CROSS_ENTROPY, _DICE),
    _member(
        "focal",
        "a = 1, b = 0, ω_c = α_c, γ_c = γ",
        _PIXEL,
        {"omega": lambda alpha: alpha, "gamma": lambda gamma: EveryClass(gamma)},
        _DICE,
    ),
    _member("dice", "a = 0, b = 1, α_c = ½, β_c = ½, κ_c = 1", _REGION, _CROSS_ENTROPY, _DICE),
    _member(
        "tversky",
        "a = 0, b = 1, α_c = α, β_c = β, κ_c = 1",
        _REGION,
        _CROSS_ENTROPY,
        {
            "alpha": lambda alpha: EveryClass(alpha),
            "beta": lambda beta: EveryClass(beta),
            "kappa": EveryClass(1),
        },
    ),
    _member(
        "focal_tversky",
        "a = 0, b = 1, α_c = α, β_c = β, κ_c = 1/γ",
        _REGION,
        _CROSS_ENTROPY,
        {
            "alpha": lambda alpha: EveryClass(alpha),
            "beta": lambda beta: EveryClass(beta),
            "kappa": lambda gamma: EveryClass(1 / gamma),
        },
    ),
    _member(
        "combo",
        "a = α, b = 1 − α, ω_c = β_c, γ_c = 0, α_c = ½, β_c = ½, κ_c = 1",
        {"a": lambda alpha: alpha, "b": lambda alpha: 1 - alpha},
        {"omega": lambda beta: beta, "gamma": EveryClass(0)},
        _DICE,
        constant=lambda alpha: 1 - alpha,
        constant_text="plus 1 − α",
    ),
    _member(
        "hybrid_focal",
        "a = λ, b = 1 − λ, ω_c and γ_c of the focal half, α_c, β_c and κ_c = 1/γ of the other",
        _BOTH,
        {
            "omega": lambda focal_alpha: focal_alpha,
            "gamma": lambda focal_gamma: EveryClass(focal_gamma),
            "alpha": lambda tversky_alpha: EveryClass(tversky_alpha),
            "beta": lambda tversky_beta: EveryClass(tversky_beta),
            "kappa": lambda tversky_gamma: EveryClass(1 / tversky_gamma),
        },
    ),
    _member(
        "asymmetric_focal",
        "a = 1, b = 0, ω_c = δ (rare) or 1 − δ, γ_c = 0 (rare) or γ",
        _PIXEL,
        _ASYMMETRIC_FOCAL,
        _DICE,
    ),
    _member(
        "asymmetric_focal_tversky",
        f"a = 0, b = 1, {_ASYMMETRIC_TEXT}",
        _REGION,
        _CROSS_ENTROPY,
        _ASYMMETRIC_FOCAL_TVERSKY,
    ),
    _member(
        "unified_focal",
        f"a = λ, b = 1 − λ, ω_c = δ (rare) or 1 − δ, γ_c = 0 (rare) or γ, {_ASYMMETRIC_TEXT}",
        _BOTH,
        _ASYMMETRIC_FOCAL,
        _ASYMMETRIC_FOCAL_TVERSKY,
    ),
)
"""The ten losses as points of the family, one claim each."""
