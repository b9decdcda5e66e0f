"""The report of made-up jobs: what stands on it, and that it needs nothing beside it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("matplotlib", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("pandas", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("yaml", reason="the reproduction needs the extra 'benchmarks'")

import pandas as pd

import unifocal
from benchmarks.reproduce.hypotheses import verdicts
from benchmarks.reproduce.metrics import estimate
from benchmarks.reproduce.report import paper, shapes, unification, write
from benchmarks.reproduce.report.examples import choose, overlay, slice_of
from benchmarks.reproduce.report.ranking import cliques
from benchmarks.reproduce.report.records import Records, over_folds
from benchmarks.reproduce.report.sweeps import of_sweep
from tests.benchmarks import synthetic_jobs as jobs
from tests.benchmarks.synthetic_jobs import SEVEN, condition, everywhere, flat
from unifocal_spec.claims import SPECIAL_CASES

# one worker, which draws the report once
pytestmark = pytest.mark.xdist_group("report")

SECTIONS = (
    "What held and what did not",
    "Hypotheses",
    "What is missing",
    "Tables 3 to 5",
    "Table 2",
    "Tables 6 to 8",
    "Control: the optimiser",
    "Control: equations as printed",
    "Fig. 1",
    "Fig. 2",
    "Fig. 3",
    "Learning curves",
    "Agreement of the backends",
    "Where the time goes",
    "Conventions in force",
)


def everything() -> list[jobs.Json]:
    """A few jobs of every kind."""
    compared = [condition(loss) for loss in ("cross_entropy", *SEVEN)]
    settings = [{"delta": 0.1, "gamma": 0.0}, {"gamma": 0.0}, {"delta": 0.9, "gamma": 0.0}]
    settings += [{"lam": 0.0}, {"lam": 1.0}]
    return [
        *everywhere(compared, folds=3),
        *everywhere(compared[:3], folds=2, backends=("jax",)),
        *(c | {"dataset": "kits19-phantoms", "optimiser": "adam"} for c in compared),
        *(c | {"experiment": "optimiser", "optimiser": "adam"} for c in compared[:3]),
        *(condition("unified_focal", experiment="sweep", hyperparameters=s) for s in settings),
        condition("unified_focal", experiment="deep_supervision", deep_supervision="paper"),
        condition("asymmetric_focal_printed", experiment="control"),
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    jobs.write(results, [jobs.job(c, lambda c: flat()) for c in everything()])
    return write(results, results / "report").parent


class Page(HTMLParser):
    """What a page loads, and the elements that are still open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [v for k, v in given.items() if k in ("src", "data", "srcset") and v]
        self.loads += [v for k, v in given.items() if k == "href" and tag != "a" and v]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "br", "img"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(report: Path) -> None:
    text = (report / "index.html").read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert [x for x in page.loads if not x.startswith(("#", "data:image/png;base64,"))] == []
    assert "<script" not in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@pytest.mark.parametrize("name", ["index.html", "report.md"])
def test_every_section_table_and_verdict_is_there(report: Path, name: str) -> None:
    text = (report / name).read_text("utf-8")
    for section in SECTIONS:
        assert section in text
    for table in ("Table 3", "Table 5", "Table 6", "Table 2"):
        assert f"beside {table}" in text or f", {table}" in text
    for number in ("0.814 ± 0.027", "0.751 ± 0.058", "0.948 ± 0.009", "0.555 ± 0.138"):
        assert number in re.sub("</?small>", "", text)  # of the paper's Tables 3, 5, 6 and 2
    assert "within <small>" not in text  # a margin, which is no interval
    assert "Table 4 (BraTS20): no job" in text
    assert "weighs false negatives" in text
    assert "abc1234" in text
    # nothing unresolved
    assert not re.search(r"\{\w*\}|\bnan\b|\bNone\b(?!<|\n|,| \|)|%\(|\$\{", _words(text))


def _words(text: str) -> str:
    """Without styles, drawings, and the one statement of a set without elements."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", text, flags=re.DOTALL)
    return text.replace("rare = {}", "").replace("α = None", "")


def test_what_a_device_calls_itself_is_no_markup(report: Path) -> None:
    assert "a &lt;test&gt; machine" in (report / "index.html").read_text("utf-8")


def test_every_figure_of_the_markdown_exists_and_all_is_small(report: Path) -> None:
    named = re.findall(r"!\[.*?\]\((.*?)\)", (report / "report.md").read_text("utf-8"))
    assert set(named) == {f"figures/{path.name}" for path in (report / "figures").iterdir()}
    assert sum(path.stat().st_size for path in report.rglob("*") if path.is_file()) < 3e6


def test_the_summary_has_every_verdict(report: Path) -> None:
    summary = json.loads((report / "summary.json").read_text("utf-8"))
    _, hypotheses = verdicts.registered()
    assert {row["id"] for row in summary["hypotheses"]} == {h.id for h in hypotheses}
    assert summary["jobs"] == len(everything())
    (dice,) = (
        row
        for row in summary["means"]
        if (row["loss"], row["backend"], row["dataset"], row["experiment"])
        == ("dice", "torch", "bus-phantoms", "comparison")
    )
    assert dice["folds"] == 3
    assert dice["dsc"]["mean"] == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("conditions", [[], [condition("dice")], [condition("focal", fold=3)]])
def test_a_report_can_be_made_at_any_time(tmp_path: Path, conditions: list[jobs.Json]) -> None:
    jobs.write(tmp_path, [jobs.job(c, lambda c: flat()) for c in conditions])
    text = write(tmp_path, tmp_path / "report").read_text("utf-8")
    assert "no data" in text
    assert "Table 8 (KiTS19): no job" in text
    assert Page(text).open == []


def test_a_report_keeps_no_figure_of_an_earlier_one(tmp_path: Path) -> None:
    mine = tmp_path / "report" / "figures" / "mine.svg"
    mine.parent.mkdir(parents=True)
    mine.touch()
    for dataset in ("bus-phantoms", "kits19-phantoms"):
        results = tmp_path / dataset
        made = condition("dice") | {"dataset": dataset}
        jobs.write(results, [jobs.job(made, lambda c: flat())])
        report = write(results, tmp_path / "report").parent
        shown = {path.stem for path in (report / "figures").iterdir()}
        assert f"curves-{dataset}" in shown
    assert "curves-bus-phantoms" not in shown
    assert mine.exists()


def test_means_are_over_cases_first_and_then_over_folds(tmp_path: Path) -> None:
    made = [jobs.job(condition("dice", fold=f), lambda c: flat()) for f in range(3)]
    jobs.write(tmp_path, made)
    by_hand = [np.mean([c["lesion"]["dsc"] for c in job["cases"].values()]) for job in made]
    found = over_folds(Records.read(tmp_path).scores, "dsc")
    assert found == pytest.approx(estimate(by_hand))


@pytest.mark.parametrize("alone", [False, True])
def test_what_training_could_not_say_is_shown_as_missing(tmp_path: Path, alone: bool) -> None:
    lost = jobs.job(condition("dice", backend="jax"), lambda c: flat())
    found = [] if alone else [jobs.job(condition("dice"), lambda c: flat())]
    lost |= {"first_loss": None, "selected_epoch": None}
    lost["history"] = [epoch | {"validation_loss": None} for epoch in lost["history"]]
    lost["cases"] = {case: {"lesion": None} for case in lost["cases"]}
    lost["mean"] = {"lesion": {"dsc": None, "precision": None, "recall": None}}
    jobs.write(tmp_path, [lost, *found])
    text = write(tmp_path, tmp_path / "report").read_text("utf-8")
    assert not re.search(r"\bnan\b|\bNone\b", _words(text))


def test_a_sweep_is_shown_on_the_folds_and_backends_that_all_of_it_has(tmp_path: Path) -> None:
    point = condition("unified_focal", experiment="sweep", hyperparameters={"lam": 0.0})
    made = [point, *everywhere([condition("unified_focal")], folds=3, backends=("torch", "jax"))]
    jobs.write(tmp_path, [jobs.job(c, lambda c: flat()) for c in made])
    part = of_sweep(Records.read(tmp_path).scores, "lam")
    assert set(zip(part["lam"], part["backend"], part["fold"], strict=True)) == {
        (0.0, "torch", 0),
        (0.5, "torch", 0),
    }


# The paper ----------------------------------------------------------------------------------------


def test_the_paper_s_numbers_are_found_by_loss_class_and_level() -> None:
    assert paper.estimate(paper.comparison("bus")["unified_focal"], "dsc") == (0.814, 0.027)
    assert paper.estimate(paper.comparison("kits19-phantoms")["focal"], "recall", "tumour") == (
        0.549,
        0.086,
    )
    assert paper.comparison("hippocampus") == {}


def test_the_worst_row_of_lambda_is_the_focal_loss_alone() -> None:
    rows = paper.sweep("lam")
    worst = min(rows, key=lambda level: rows[level]["DSC"]["mean"])
    assert worst == 1.0
    assert len(rows) == 11


def test_table_2_has_thirty_settings() -> None:
    gamma = set(paper.sweep("gamma")) - {0.0}  # that one is the row 0.6 of delta
    assert len(paper.sweep("delta")) + len(gamma) + len(paper.sweep("lam")) == 30


# The figures --------------------------------------------------------------------------------------


def test_fig_1_leaves_out_only_what_another_arrow_implies() -> None:
    drawn = {(c.general, c.special) for c in unification.drawn(SPECIAL_CASES)}
    assert ("unified_focal", "combo") in drawn
    assert ("asymmetric_focal_tversky", "tversky") in drawn
    assert ("unified_focal", "cross_entropy") not in drawn  # by way of asymmetric_focal
    assert ("asymmetric_focal", "cross_entropy") in drawn  # by no other way


def test_fig_1_knows_the_kinds_of_losses() -> None:
    claims = unification.drawn(SPECIAL_CASES)
    kinds = {"focal": "pixel", "asymmetric_focal": "pixel", "tversky": "region"}
    kinds |= {"combo": "compound", "hybrid_focal": "compound", "unified_focal": "compound"}
    assert {loss: unification.kind(loss, claims) for loss in kinds} == kinds


def test_fig_1_s_false_arrows_are_those_of_the_errata() -> None:
    false = unification.never(unification.drawn(SPECIAL_CASES))
    assert ("unified_focal", "hybrid_focal") in false
    assert ("unified_focal", "cross_entropy") not in false


def test_fig_2_is_the_textbook_s_curve() -> None:
    p = shapes.P
    focal = shapes.one_pixel(unifocal.asymmetric_focal, 0, gamma=0.5, delta=0.6)
    assert focal == pytest.approx(0.4 * (1 - p) ** 0.5 * -np.log(p), abs=1e-9)
    region = shapes.one_pixel(
        unifocal.asymmetric_focal_tversky, 1, gamma=0.2, delta=0.6, smooth=1e-12
    )
    assert region == pytest.approx((1 - p / (p + 0.6 * (1 - p))) ** 0.8, abs=1e-9)


def test_fig_3_shows_best_median_and_worst_and_no_case_without_a_score() -> None:
    dsc = pd.Series({"a": 0.5, "b": np.nan, "c": 0.9, "d": 0.1})
    assert choose(dsc) == {"best": "c", "median": "a", "worst": "d"}
    assert choose(dsc[["b"]]) == {}


def test_fig_3_tints_hits_and_errors_alone() -> None:
    image = np.array([[0.0, 0.0, 0.0, 1.0]])
    tinted = overlay(image, np.uint8([[1, 1, 0, 0]]), np.uint8([[1, 2, 1, 0]]))
    assert len({tuple(pixel) for pixel in tinted[0]}) == 4  # a hit, a wrong class, a miss, nothing
    assert tinted[0, 3] == pytest.approx(1)


def test_fig_3_finds_a_slice_by_its_shape() -> None:
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    assert np.array_equal(slice_of(volume, 1, (3, 4)), volume[1])
    assert np.array_equal(slice_of(volume, 3, (2, 3)), volume[..., 3])
    assert np.array_equal(slice_of(volume[0], -1, (3, 4)), volume[0])
    with pytest.raises(ValueError, match="mask: expected slices"):
        slice_of(volume, 0, (5, 5))


def test_bars_connect_what_is_closer_than_the_critical_difference() -> None:
    assert cliques([1.0, 1.5, 2.4, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert cliques([1.0, 3.0], 1.0) == []
    assert cliques([1.0, 1.2, 1.4], 1.0) == [(0, 2)]
