"""The mathematics of every loss as Markdown with LaTeX, rendered from the definitions.

Formula and gradient come from the symbolic run of a definition, special cases from the claims, and
the paper's print from the errata. `pages` returns the files of `spec/unifocal_spec/equations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from unifocal.compiler.latex import Abbreviations, abbreviations, hyperparameter, latex
from unifocal.compiler.trace import TracedPart, trace
from unifocal_spec import LOSSES, Loss
from unifocal_spec.claims.family import FAMILY
from unifocal_spec.claims.table import FALSE, SPECIAL_CASES, UNREACHABLE
from unifocal_spec.errata.table import ERRATA

NOTE = "<!-- Generated from the definitions, the claims and the errata. Do not edit. -->"

PIXEL_PART = r"A = \frac{1}{W} \sum_i w_i \sum_c \omega_c f_c(p_{ic}, t_{ic})"
REGION_PART = (
    r"R = \frac{\sum_c \omega_c g_c(\mathrm{TP}_c, \mathrm{FP}_c, \mathrm{FN}_c)}{\sum_c \omega_c}"
)
SUMS = (
    r"\mathrm{TP}_c = \sum_i w_i p_{ic} t_{ic},\quad"
    r" \mathrm{FP}_c = \sum_i w_i p_{ic} (1 - t_{ic}),\quad"
    r" \mathrm{FN}_c = \sum_i w_i (1 - p_{ic}) t_{ic},\quad W = \sum_i w_i"
)
PIXEL_CHAIN = (
    r"\frac{\partial L}{\partial z_{ik}} = u_{ik} - p_{ik} \sum_c u_{ic},\qquad"
    r" u_{ic} = \frac{\partial L}{\partial A} \frac{w_i \omega_c}{W}"
    r" \frac{\partial f_c}{\partial \log p_c}"
)
REGION_CHAIN = (
    r"\frac{\partial L}{\partial z_{ik}} = p_{ik} \left(v_{ik} - \sum_c p_{ic} v_{ic}\right),\qquad"
    r" v_{ic} = \frac{\partial L}{\partial R} \frac{w_i \omega_c}{\sum_j \omega_j}"
    r" \left(\frac{\partial g_c}{\partial \mathrm{TP}_c} t_{ic}"
    r" + \frac{\partial g_c}{\partial \mathrm{FP}_c} (1 - t_{ic})"
    r" - \frac{\partial g_c}{\partial \mathrm{FN}_c} t_{ic}\right)"
)
FAMILY_FORMULA = (
    r"L = a \frac{1}{W} \sum_i w_i \sum_c \omega_c (1 - p_{ic})^{\gamma_c} t_{ic} (-\log p_{ic})"
    r" + b \frac{1}{C} \sum_c \left(1 - \mathrm{TI}_c(\alpha_c, \beta_c)\right)^{\kappa_c}"
    r" + \text{const}"
)

_SUM_NAMES = ("TP", "FP", "FN")
_PART_NAMES = ("A", "R")


def _display(formula: str) -> str:
    return f"$$\n{formula}\n$$"


def _bullets(lines: Iterable[str]) -> list[str]:
    return ["\n".join(f"* {line}" for line in lines)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _link(name: str) -> str:
    return f"[`{name}`]({name}.md)"


# The sections of a page -------------------------------------------------------------------------


def _formula(loss: Loss, parts: dict[str, TracedPart]) -> Iterator[str]:
    yield "## Formula"
    combined = latex(loss, parts["combine"].value) if loss.combine else "A" if loss.pixel else "R"
    yield _display(f"L = {combined}")
    if loss.pixel:
        yield "The pixel part is the mean over the weighted pixels of the terms of all classes:"
        yield _display(rf"{PIXEL_PART},\qquad f_c = {latex(loss, parts['pixel'].value)}")
    if loss.region:
        short = abbreviations(parts["region"].value)
        yield "The region part is the mean over classes, in each region:"
        yield _display(rf"{REGION_PART},\qquad g_c = {latex(loss, parts['region'].value, short)}")
        if short:
            yield _display(
                rf"E_c = {latex(loss, short.error)},\qquad D_c = \mathrm{{TP}}_c + E_c + s"
            )


def _slope(above: str, below: str, value: str) -> str:
    return _display(rf"\frac{{\partial {above}}}{{\partial {below}}} = {value}")


def _gradient(loss: Loss, parts: dict[str, TracedPart]) -> Iterator[str]:
    yield "## Gradient"
    if loss.combine:
        for name, value in zip(_PART_NAMES, parts["combine"].gradient, strict=True):
            yield _slope("L", name, latex(loss, value))
    if loss.pixel:
        yield _slope("f_c", r"\log p_c", latex(loss, parts["pixel"].gradient[0]))
    if loss.region:
        yield from _region_gradient(loss, parts["region"], abbreviations(parts["region"].value))
    if loss.pixel:
        yield "From the pixel part to the logits z of a softmax:"
        yield _display(PIXEL_CHAIN)
    if loss.region:
        yield "From the region part to the logits z of a softmax:"
        yield _display(REGION_CHAIN)
    if loss.pixel and loss.region:
        yield "The two add up."


def _region_gradient(loss: Loss, region: TracedPart, short: Abbreviations | None) -> Iterator[str]:
    slopes = [latex(loss, value, short) for value in region.gradient]
    for name, value in zip(_SUM_NAMES, slopes, strict=True):
        yield _slope("g_c", rf"\mathrm{{{name}}}_c", value)
    if any(r"\left(\frac{E_c}{D_c}\right)^" in value for value in slopes):
        yield "A negative power of E/D counts as 0 where E = 0: the gradient by the logits is 0."


def _hyperparameters(loss: Loss) -> Iterator[str]:
    if not loss.hyperparameters:
        return
    yield "## Hyperparameters"
    yield _table(
        ("name", "symbol", "default", "meaning"),
        (
            (f"`{name}`", f"${hyperparameter(loss, name)}$", _default(h.default), h.meaning)
            for name, h in loss.hyperparameters.items()
        ),
    )


def _default(value: object) -> str:
    return "4/3" if value == 4 / 3 else str(value)


def _cases(loss: Loss) -> Iterator[str]:
    below = [c.statement for c in SPECIAL_CASES if c.general == loss.name]
    above = [c for c in SPECIAL_CASES if c.special == loss.name]
    if below:
        yield "## Special cases, proved"
        yield from _bullets(below)
    if above:
        yield "## Is itself a special case, proved"
        yield from _bullets(f"of {_link(c.general)}, at {c.statement}" for c in above)
    yield "## In the one family, proved"
    yield from _bullets(c.statement for c in FAMILY if c.special == loss.name)
    wrong = [c for c in FALSE if loss.name in (c.general, c.special)]
    if wrong:
        yield "## Said but not so, refuted"
        yield from _bullets(f"`{c.general}` at {c.statement} ({c.source})" for c in wrong)
    out = [c for c in UNREACHABLE if loss.name in (c.general, c.special)]
    if out:
        yield "## Out of reach, proved"
        yield from _bullets(f"`{c.general}`, {c.statement}" for c in out)


def _paper(loss: Loss) -> Iterator[str]:
    rows = [e for e in ERRATA if loss.name in e.losses]
    if not rows:
        return
    yield "## What the paper prints"
    for erratum in rows:
        yield f"### {erratum.place}: {erratum.printed}"
        if erratum.latex:
            yield _display(erratum.latex)
        yield from _bullets([f"Why not: {erratum.why}.", f"Here: {erratum.implemented}."])
        if erratum.properties:
            yield "Proved of what is implemented here, refuted of the other:"
            yield from _bullets(p.statement for p in erratum.properties)


def page(loss: Loss) -> str:
    """Return the page of one loss."""
    parts = trace(loss)
    blocks = [
        NOTE,
        f"# `{loss.name}`",
        f"{loss.summary} Equation{'s' * (',' in loss.paper)} {loss.paper} of the paper.",
        *_formula(loss, parts),
        *_gradient(loss, parts),
        *_hyperparameters(loss),
        *_cases(loss),
        *_paper(loss),
        "Symbols: see the [index](README.md).",
    ]
    return "\n\n".join(blocks) + "\n"


# The index --------------------------------------------------------------------------------------

SYMBOLS = (
    ("z, p", "logits and class probabilities, p = softmax z"),
    ("t", "target, one value in [0, 1] per class"),
    ("w", "weight of a pixel, 1 by default, 0 where ignored; W is the sum of them"),
    ("i, c", "pixel and class; class 0 is background, C is the number of classes"),
    ("ω", "`class_weights`, 1 by default"),
    ("s", "`smooth`, in pixels"),
    ("f, A", "pixel term of one class at one pixel, and the mean over pixels"),
    ("g, R", "region term of one class, and the mean over classes"),
    ("TI(α, β)", "Tversky index (TP + s) / (TP + α FP + β FN + s); 1 − TI = E/D"),
)


def _losses() -> Iterator[str]:
    yield "## Losses"
    yield _table(
        ("loss", "formula", "equation"),
        ((_link(loss.name), loss.formula, loss.paper) for loss in LOSSES.values()),
    )
    yield "## Symbols"
    yield _table(("symbol", "meaning"), SYMBOLS)
    yield _display(SUMS)
    yield (
        "Sums run over the pixels of one region: a sample, or the whole batch with "
        '`over="batch"`. A power of 1 − p is computed as an exponential of log(1 − p), and the '
        "factor p/(1 − p) · log p, which lies in [−1, 0], as log p / expm1(−log p): both are "
        "finite for every p."
    )


def _unification() -> Iterator[str]:
    yield "## The unification"
    yield "Every loss is a point of one family, up to a constant:"
    yield _display(FAMILY_FORMULA)
    yield _table(
        ("loss", "is the family at"),
        ((_link(c.special), c.statement) for c in FAMILY),
    )
    yield "Special cases among the losses, proved for every image, target and number of classes:"
    yield _table(("loss", "at"), ((_link(c.general), c.statement) for c in SPECIAL_CASES))
    yield "Said or drawn in the paper, and refuted:"
    yield _table(
        ("loss", "at", "where"), ((_link(c.general), c.statement, c.source) for c in FALSE)
    )
    yield "What no choice of hyperparameters reaches, proved:"
    yield _table(("loss", "with"), ((f"`{c.general}`", c.statement) for c in UNREACHABLE))


def _errata() -> Iterator[str]:
    yield "## Errata of the paper"
    yield _table(
        ("place", "printed", "why not", "here"),
        ((e.place, e.printed, e.why, e.implemented) for e in ERRATA),
    )


def index() -> str:
    """Return the index of all pages."""
    blocks = [NOTE, "# Equations", *_losses(), *_unification(), *_errata()]
    return "\n\n".join(blocks) + "\n"


def pages() -> dict[str, str]:
    """Return every page by its file name, the index as README.md."""
    return {"README.md": index()} | {f"{name}.md": page(loss) for name, loss in LOSSES.items()}
