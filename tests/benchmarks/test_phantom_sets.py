"""Phantoms of the three data sets: their imbalance, their layouts, and their physics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("PIL", "joblib", "nibabel", "scipy", "tqdm"):
    pytest.importorskip(module, reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.datasets import Dataset, DatasetError, open_dataset  # noqa: E402
from benchmarks.reproduce.datasets.check import FOREGROUND  # noqa: E402
from benchmarks.reproduce.phantoms import MODALITIES, fields, mri, write_phantoms  # noqa: E402
from benchmarks.reproduce.phantoms.tissue import Grid, speckle  # noqa: E402

SHAPES = {"bus": (64, 80), "brats": (32, 32, 24), "kits19": (24, 40, 40)}
CASES = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms")
    for kind, shape in SHAPES.items():
        write_phantoms(kind, root / kind, CASES, 0, shape)
    return root


@pytest.mark.parametrize("kind", list(SHAPES))
def test_the_readers_find_every_case_with_every_class(folder: Path, kind: str) -> None:
    data = open_dataset(kind, folder / kind)
    assert len(data.cases) == CASES
    for name in data.cases:
        case = data.read(name)
        assert case.image.shape == SHAPES[kind]
        assert set(np.unique(case.label)) == set(range(len(data.classes)))


@pytest.mark.parametrize("kind", list(SHAPES))
def test_the_imbalance_is_the_papers(folder: Path, kind: str) -> None:
    found = 100 * open_dataset(kind, folder / kind).foreground().mean(axis=0)
    assert found == pytest.approx(list(FOREGROUND[kind].values()), rel=0.1)


@pytest.mark.parametrize("kind", list(SHAPES))
@pytest.mark.parametrize("seed", range(3))
def test_the_planned_shares_have_the_papers_mean_for_every_seed(kind: str, seed: int) -> None:
    plan = MODALITIES[kind].plan(np.random.default_rng(seed), 160)
    shares = np.array([[share for share in case if not isinstance(share, bool)] for case in plan])
    wanted = [share / 100 for share in FOREGROUND[kind].values()]
    assert shares.mean(axis=0) == pytest.approx(wanted, rel=0.1)
    assert (shares > 0).all()
    assert (shares.std(axis=0) > 0.2 * shares.mean(axis=0)).all()


@pytest.mark.parametrize("kind", ["brats", "kits19"])
def test_voxels_have_the_size_that_keeps_the_field_of_view(folder: Path, kind: str) -> None:
    data = open_dataset(kind, folder / kind)
    extent = np.multiply(data.read(data.cases[0]).spacing, SHAPES[kind])
    assert extent == pytest.approx(MODALITIES[kind].EXTENT, rel=1e-5)


def same(one: Dataset, other: Dataset) -> bool:
    pairs = ((one.read(name), other.read(name)) for name in one.cases)
    return all(
        np.array_equal(a.image, b.image) and np.array_equal(a.label, b.label) for a, b in pairs
    )


@pytest.mark.parametrize("kind", list(SHAPES))
def test_a_seed_is_one_data_set(folder: Path, tmp_path: Path, kind: str) -> None:
    first, again, other = (
        open_dataset(kind, write_phantoms(kind, root, CASES, seed, SHAPES[kind]))
        for root, seed in ((folder / kind, 0), (tmp_path / "again", 0), (tmp_path / "other", 1))
    )
    assert same(first, again)
    assert not same(first, other)


def test_a_folder_of_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"phantoms\.json: expected phantoms of .*'seed': 1"):
        write_phantoms("bus", folder / "bus", CASES, 1, SHAPES["bus"])
    with pytest.raises(DatasetError, match="found None"):
        write_phantoms("bus", tmp_path, CASES, 0)
    assert not list(folder.glob("*.unfinished"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("mnist", 3, None), "kind: expected one of bus, brats, kits19, got 'mnist'"),
        (("kits19", 205, None), "cases: expected 1 to 204 of kits19, got 205"),
        (("brats", 3, (32, 32)), "shape: expected 3 numbers from 24 up"),
        (("bus", 3, (16, 64)), "shape: expected 2 numbers from 24 up"),
    ],
)
def test_refuses_what_cannot_be_made(tmp_path: Path, arguments: tuple, expected: str) -> None:
    kind, cases, shape = arguments
    with pytest.raises(ValueError, match=expected):
        write_phantoms(kind, tmp_path / "set", cases, 0, shape)
    assert not list(tmp_path.iterdir())


# Physics ------------------------------------------------------------------------------------------


def test_speckle_is_rayleigh_distributed() -> None:
    envelope = speckle(np.random.default_rng(0), Grid.of(400, 400))
    # mean over standard deviation of a Rayleigh variable, 1.913 whatever its scale
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)
    assert (envelope**2).mean() == pytest.approx(1, rel=0.03)


def test_lesions_are_darker_than_the_rest_on_average(folder: Path) -> None:
    data = open_dataset("bus", folder / "bus")
    cases = [data.read(name) for name in data.cases]
    contrast = [c.image[c.label == 1].mean() - c.image[c.label == 0].mean() for c in cases]
    assert np.mean(contrast) < 0


def test_noise_of_the_magnitude_is_rician() -> None:
    # without signal or bias a Rician magnitude is a Rayleigh one
    nothing = np.zeros((40, 40, 40), np.float32)
    image = mri.scan(np.random.default_rng(0), nothing - 0.0, np.ones_like(nothing, bool))
    assert image.min() > 0
    assert image.mean() / image.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.15)


def test_the_rim_enhances_and_the_skull_is_gone(folder: Path) -> None:
    data = open_dataset("brats", folder / "brats")
    for name in data.cases:
        image, label, _ = data.read(name)
        assert image[label == 1].mean() > 1.1 * image[(image > 0) & (label == 0)].mean()
        assert (image == 0).mean() > 0.7


def test_hounsfield_units_of_air_fat_and_kidney(folder: Path) -> None:
    data = open_dataset("kits19", folder / "kits19")
    for name in data.cases:
        image, label, _ = data.read(name)
        assert np.median(image[:, 0, 0]) == pytest.approx(-1000, abs=30)
        assert 40 < np.median(image[label == 1]) < 220
        assert (np.abs(image + 100) < 30).mean() > 0.05


def test_the_lowest_pixels_of_a_field() -> None:
    field = np.array([[3.0, 1.0], [2.0, 0.0]], np.float32)
    np.testing.assert_array_equal(fields.lowest(field, 2), [[False, True], [False, True]])
    right = np.array([[True, False], [True, False]])
    np.testing.assert_array_equal(fields.lowest(field, 1, right), [[False, False], [True, False]])
    with pytest.raises(ValueError, match="count: expected at most 2 pixels, got 3"):
        fields.lowest(field, 3, right)


def test_smooth_noise_has_its_correlation_length() -> None:
    field = fields.smooth_noise(np.random.default_rng(0), (400, 400), (0, 4))
    # correlation of white noise under a Gaussian of SD s at distance d: exp(-d^2 / (4 s^2))
    apart = (field[:, :-4] * field[:, 4:]).mean()
    assert apart == pytest.approx(np.exp(-1 / 4), abs=0.02)
    assert (field[:-1] * field[1:]).mean() == pytest.approx(0, abs=0.02)
