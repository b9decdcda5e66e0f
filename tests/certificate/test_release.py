"""The certificate that is checked in holds its bounds, covers everything, and is what is shown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import unifocal
from tests.house.paths import ROOT
from unifocal.certificate import bounds, markdown
from unifocal.certificate.measure import PRECISIONS
from unifocal.certificate.summary import SCHEMA, TITLES
from unifocal_spec import LOSSES

FOLDER = ROOT / "benchmarks" / "certificate"
CERTIFICATE = json.loads((FOLDER / "certificate.json").read_text("utf-8"))
ROWS = CERTIFICATE["rows"]


def name(row: dict[str, Any]) -> str:
    return f"{row['loss']}, {row['backend']}, {row['precision']}"


def test_it_is_of_this_version() -> None:
    assert CERTIFICATE["schema"] == SCHEMA
    assert CERTIFICATE["unifocal"] == unifocal.__version__
    assert re.fullmatch(r"[0-9a-f]{40}", CERTIFICATE["commit"]), "not made from a clean commit"


def test_it_names_what_it_was_made_with() -> None:
    assert set(CERTIFICATE["versions"]) == {"python", "numpy", "torch", "jax", "tensorflow"}
    assert all(re.match(r"\d+\.\d+", version) for version in CERTIFICATE["versions"].values())
    assert set(CERTIFICATE["devices"]) == set(TITLES.values())
    assert CERTIFICATE["not_installed"] == []


def test_it_covers_everything() -> None:
    found = [(row["loss"], row["backend"], row["precision"]) for row in ROWS]
    assert len(found) == len(set(found))
    assert set(found) == {(x, b, p) for x in LOSSES for b in TITLES.values() for p in PRECISIONS}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_row_holds_its_bounds(row: dict[str, Any]) -> None:
    assert row["cases"] > 10
    value, precision = row["value"], row["precision"]
    assert value["relative"] <= bounds.VALUE[precision]
    assert row["gradient"]["relative"] <= bounds.GRADIENT[precision]
    assert (row["misrounded"] or 0) <= bounds.MISROUNDED
    assert row["verdict"] == "holds"


def test_every_backend_gives_the_same_bits() -> None:
    same = CERTIFICATE["identity"]
    assert same["backends"] == len(TITLES)
    assert same["values"] == 1
    assert same["per_million"] <= bounds.APART
    assert same["ulp"] <= 1


def test_no_two_backends_are_further_apart_than_their_bounds_allow() -> None:
    for row in CERTIFICATE["between"]:
        assert row["value"] <= 2 * bounds.VALUE[row["precision"]]
        assert row["gradient"] <= 2 * bounds.GRADIENT[row["precision"]]


def test_the_text_is_that_of_the_numbers() -> None:
    assert (FOLDER / "certificate.md").read_text("utf-8") == markdown.render(CERTIFICATE)


def test_the_readme_shows_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    begin, end = readme.index(markdown.BEGIN), readme.index(markdown.END)
    assert readme[begin + len(markdown.BEGIN) : end].strip() == markdown.excerpt(CERTIFICATE)


def test_the_page_is_small_and_of_the_same_run() -> None:
    page = (FOLDER / "certificate.html").read_text("utf-8")
    assert len(page.encode()) < 400_000
    assert CERTIFICATE["commit"] in page
