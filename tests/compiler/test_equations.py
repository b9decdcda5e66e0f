"""The rendered mathematics: complete, deterministic, and LaTeX that survives Markdown."""

import re

import pytest
import sympy as sp

from unifocal.compiler.equations import pages
from unifocal.compiler.latex import abbreviations, latex
from unifocal.compiler.trace import trace
from unifocal_spec import LOSSES
from unifocal_spec.claims.table import SPECIAL_CASES
from unifocal_spec.errata.table import ERRATA

MACROS = (
    "alpha beta boldsymbol begin cases cdot cr delta end frac gamma hat in kappa lambda lbrace left"
    " ln log mathbf mathcal mathrm max neq omega partial qquad quad rbrace right sum text times"
)
"""Every macro that occurs, each of which MathJax knows."""

PAGES = pages()


def formulas(text):
    return re.findall(r"\$\$\n(.*?)\n\$\$", text, re.DOTALL)


def test_one_page_for_every_loss_and_an_index():
    assert list(PAGES) == ["README.md", *(f"{name}.md" for name in LOSSES)]
    for name in LOSSES:
        assert f"({name}.md)" in PAGES["README.md"]


def test_pages_are_deterministic():
    assert pages() == PAGES


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_latex_is_well_formed(text):
    assert text.count("$$") == 2 * len(formulas(text))
    for formula in formulas(text):
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\left") == formula.count(r"\right")
        assert formula.count(r"\begin{cases}") == formula.count(r"\end{cases}")
        assert set(re.findall(r"\\([a-zA-Z]+)", formula)) <= set(MACROS.split())
        assert not re.search(r"\\[^a-zA-Z]", formula), "Markdown would take this backslash"
        assert not re.search(r"_p\b|log_|smooth|one_minus|Piecewise", formula)


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_markdown_is_well_formed(text):
    assert not re.search(r"[ \t]\n|\n\n\n", text)
    assert text.endswith("\n")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_every_special_case_stands_on_both_pages():
    for claim in SPECIAL_CASES:
        assert claim.statement in PAGES[f"{claim.general}.md"]
        if claim.special in LOSSES:
            assert claim.statement in PAGES[f"{claim.special}.md"]


def test_every_erratum_stands_in_the_index_and_on_the_pages_it_concerns():
    for erratum in ERRATA:
        assert erratum.why in PAGES["README.md"]
        for name in erratum.losses:
            assert erratum.latex in PAGES[f"{name}.md"]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("cross_entropy", r"f_c = - t_c \log p_c"),
        ("focal", r"f_c = - \alpha_c \left(1 - p_c\right)^{\gamma} t_c \log p_c"),
        ("focal", r"\left(\gamma \frac{p_c}{1 - p_c} \log p_c - 1\right)"),
        ("tversky", r"E_c = \alpha \mathrm{FP}_c + \beta \mathrm{FN}_c"),
        ("tversky", r"{\partial \mathrm{TP}_c} = - \frac{E_c}{D_c^{2}}"),
        ("focal_tversky", r"g_c = \left(\frac{E_c}{D_c}\right)^{\frac{1}{\gamma}}"),
        ("unified_focal", r"L = \lambda A + \left(1 - \lambda\right) R"),
        ("unified_focal", r"E_c = \delta \mathrm{FN}_c + \left(1 - \delta\right) \mathrm{FP}_c"),
    ],
)
def test_formulas(name, formula):
    assert formula in PAGES[f"{name}.md"]


def test_abbreviations_are_exact():
    part = trace(LOSSES["dice"])["region"]
    short = abbreviations(part.value)
    tp, fp, fn, smooth = sp.symbols("tp fp fn smooth", nonnegative=True)
    assert sp.expand(short.error - (fp + fn) / 2) == 0
    assert latex(LOSSES["dice"], part.gradient[1], short) == r"\frac{\mathrm{TP}_c + s}{2 D_c^{2}}"
    # (tp + s)/(2 D²) by hand
    slope = sp.diff((fp + fn) / 2 / (tp + (fp + fn) / 2 + smooth), fp)
    by_hand = (tp + smooth) / (2 * (tp + (fp + fn) / 2 + smooth) ** 2)
    assert sp.simplify(slope - by_hand) == 0
