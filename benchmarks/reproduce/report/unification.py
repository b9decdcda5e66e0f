"""Fig. 1 from the claims themselves, each decided before it is drawn."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.report.content import Block, Bullets, Figure, Table
from unifocal.certificate.figures import STYLE, element
from unifocal_spec.claims import SPECIAL_CASES, UNREACHABLE, Claim

LEAVES = {"cross_entropy": "pixel", "dice": "region", "asymmetric_similarity": "region"}
"""Where the arrows end, and which kind of loss each is."""

COLOURS = {"pixel": "#d55e00", "region": "#0072b2", "compound": "#6a3d9a"}
FALSE_COLOUR = "#b0b0b0"
SHIFT = 0.45

Place = tuple[float, float]


def drawn(claims: Sequence[Claim]) -> list[Claim]:
    """The claims that no other one implies by asking for less."""
    return [
        claim
        for claim in claims
        if not any(
            other.general == claim.general and other.at.items() < claim.at.items()
            for other in claims
        )
    ]


def kind(loss: str, claims: Sequence[Claim]) -> str:
    """Pixel or region by where its arrows lead, compound if to both."""
    if loss in LEAVES:
        return LEAVES[loss]
    kinds = {kind(claim.special, claims) for claim in claims if claim.general == loss}
    return kinds.pop() if len(kinds) == 1 else "compound"


def height(loss: str, claims: Sequence[Claim]) -> int:
    """The longest way down to a leaf."""
    below = [height(claim.special, claims) for claim in claims if claim.general == loss]
    return 1 + max(below) if below else 0


def _shift(group: str, level: int) -> float:
    """Neighbouring levels apart, and those in the middle against those at its sides."""
    return SHIFT * (-1) ** (level + (group == "compound"))


def places(claims: Sequence[Claim]) -> dict[str, Place]:
    """Pixel losses on the left, region losses on the right, compound ones between.

    Neighbouring levels are shifted apart, so that no arrow runs through a loss between its ends.
    """
    losses = dict.fromkeys(name for claim in claims for name in (claim.general, claim.special))
    rows: dict[tuple[str, int], list[str]] = defaultdict(list)
    for loss in losses:
        rows[kind(loss, claims), height(loss, claims)].append(loss)
    centre = {"pixel": 0.0, "compound": 2.6, "region": 5.2}
    return {
        loss: (centre[group] + _shift(group, level) + 1.3 * (i - (len(row) - 1) / 2), float(level))
        for (group, level), row in rows.items()
        for i, loss in enumerate(row)
    }


def _shown(loss: str) -> str:
    return {"asymmetric_similarity": "1 − F_B"}.get(loss, loss.replace("_", " "))


def _spelled(statement: str) -> str:
    """A statement with the names of losses in words."""
    return re.sub(r"`(\w+)`", lambda found: _shown(found[1]), statement)


def _box(axes: Axes, loss: str, place: Place, colour: str) -> None:
    axes.text(
        *place,
        _shown(loss),
        ha="center",
        va="center",
        fontsize=10,
        color="white",
        bbox={"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "white"},
        zorder=4,
    )


def _arrow(axes: Axes, start: Place, end: Place, colour: str, dashed: bool) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linestyle": (0, (4, 3)) if dashed else "-",
            "linewidth": 1.1,
            "shrinkA": 16,
            "shrinkB": 16,
            "connectionstyle": f"arc3,rad={0.22 if dashed else 0}",
        },
        zorder=1 if dashed else 2,
    )


def _label(axes: Axes, start: Place, end: Place, texts: Sequence[str]) -> None:
    at = 0.45
    x, y = (a + at * (b - a) for a, b in zip(start, end, strict=True))
    axes.text(
        x,
        y,
        "\n".join(text.replace(", β", ",\nβ") for text in texts),
        ha="center",
        va="center",
        fontsize=8,
        color="#333333",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        zorder=3,
    )


def figure() -> Figure:
    """What equals what at which values, and in grey what Fig. 1 draws but is not so."""
    claims = drawn(SPECIAL_CASES)
    where = places(claims)
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for claim in claims:
        arrows[claim.general, claim.special].append(claim.text)
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(10.5, 6.8), layout="constrained")
        axes = plot.subplots()
        axes.set_axis_off()
        for general, special in never(claims):
            _arrow(axes, where[general], where[special], FALSE_COLOUR, dashed=True)
        for (general, special), texts in arrows.items():
            colour = COLOURS[kind(general, claims)]
            _arrow(axes, where[general], where[special], colour, dashed=False)
            _label(axes, where[general], where[special], texts)
        for loss, place in where.items():
            _box(axes, loss, place, COLOURS[kind(loss, claims)])
        x, y = zip(*where.values(), strict=True)
        axes.set(xlim=(min(x) - 0.8, max(x) + 0.8), ylim=(min(y) - 0.4, max(y) + 0.4))
        caption = (
            "Fig. 1 as it is true: an arrow leads to a special case, at the values beside it, up "
            "to a factor and a constant. Dashed: reached by no values of λ, δ and γ"
        )
        return Figure("fig1-unification", caption, element(plot))


def never(claims: Sequence[Claim]) -> list[tuple[str, str]]:
    """Pairs of drawn losses of which the second is out of reach, though Fig. 1 has an arrow."""
    known = {name for claim in claims for name in (claim.general, claim.special)}
    reached = {(claim.general, claim.special) for claim in SPECIAL_CASES}
    pairs = ((claim.general, claim.special) for claim in UNREACHABLE)
    return [
        (a, b)
        for a, b in dict.fromkeys(pairs)
        if {a, b} <= known and a != b and (a, b) not in reached
    ]


@cache
def decided() -> dict[str, str] | None:
    """How each statement was decided, by its text; None where SymPy is not installed."""
    if find_spec("sympy") is None:
        return None
    from unifocal.proofs.prove import prove

    return {f"{c.about} {c.statement}": prove(c).decided for c in (*SPECIAL_CASES, *UNREACHABLE)}


def blocks() -> list[Block]:
    """The figure and the statements behind it."""
    found = decided()
    if found is None:
        return [figure(), "SymPy is not installed here, so the claims were not decided again."]
    rows = [
        {
            "general": _shown(claim.general),
            "at": claim.text,
            "equals": _spelled(claim.statement.partition(": ")[2]),
            "decided": found[f"{claim.about} {claim.statement}"],
        }
        for claim in SPECIAL_CASES
    ]
    unreachable = [
        f"{_shown(claim.general)}: {_spelled(claim.statement)} "
        f"({found[f'{claim.about} {claim.statement}']})"
        for claim in UNREACHABLE
    ]
    return [
        figure(),
        Table("The special cases, decided on symbols while this report was made", rows, words=4),
        "Out of reach:",
        Bullets(unreachable),
    ]
