"""What is shipped is complete, and says the same everywhere."""

import re
import tomllib
from importlib import import_module

import pytest
import yaml

import unifocal
from tests.house.paths import FRAMEWORKS, PACKAGES, ROOT
from unifocal_spec import LOSSES

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def class_name(loss: str) -> str:
    return "".join(word.capitalize() for word in loss.split("_"))


EXPORTS = {
    "unifocal": set(LOSSES),
    "unifocal_jax": set(LOSSES),
    "unifocal_keras": set(map(class_name, LOSSES)),
    "unifocal_numpy": set(LOSSES),
    "unifocal_spec": {"LOSSES"},
    "unifocal_tensorflow": set(LOSSES),
    "unifocal_torch": set(LOSSES) | {f"{class_name(loss)}Loss" for loss in LOSSES},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_exports_every_loss(package: str) -> None:
    framework = package.removeprefix("unifocal_")
    if framework in FRAMEWORKS:
        pytest.importorskip(framework)
    names = import_module(package).__all__
    assert len(set(names)) == len(names)
    assert EXPORTS[package] <= set(names)
    assert all(hasattr(import_module(package), name) for name in names)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax", "tensorflow"])
def test_every_backend_has_the_same_files(backend: str) -> None:
    files = {path.name for path in PACKAGES[f"unifocal_{backend}"].iterdir()}
    assert {"__init__.py", "engine.py", "losses.py", "namespace.py"} <= files


def test_the_two_names_of_the_unified_focal_loss_are_one_object() -> None:
    assert unifocal.generalised_focal is unifocal.unified_focal


def test_every_backend_has_an_extra() -> None:
    extras = set(PYPROJECT["project"]["optional-dependencies"])
    backends = {name.removeprefix("unifocal_") for name in PACKAGES if name.startswith("unifocal_")}
    assert backends - {"numpy", "spec"} <= extras


def test_generated_code_is_made_with_the_formatter_that_checks_it() -> None:
    extras, groups = PYPROJECT["project"]["optional-dependencies"], PYPROJECT["dependency-groups"]
    pins = [r for rs in (extras["compiler"], groups["lint"]) for r in rs if r.startswith("ruff")]
    assert pins == [f"ruff=={pins[0].partition('==')[2]}"] * 2


def test_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert str(citation["version"]) == unifocal.__version__
    assert citation["license"] == PYPROJECT["project"]["license"]
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == [
        "Yeung",
        "Sala",
        "Schönlieb",
        "Rundo",
    ]
    assert (paper["volume"], paper["start"], paper["year"]) == (95, 102026, 2022)


def test_changelog_speaks_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"\b{re.escape(unifocal.__version__)}\b", changelog)
