"""The embedded phantoms: their share of lesion, their files, and that a seed means one data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("PIL", "scipy", "sklearn", "tqdm"):
    pytest.importorskip(module, reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.breast_phantoms import lesion_areas, write_phantoms  # noqa: E402
from benchmarks.reproduce.data import find_pairs, read_case, read_dataset  # noqa: E402
from benchmarks.reproduce.tissue import Grid, speckle  # noqa: E402

CASES = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("phantoms") / "seed0", CASES, 0)


def test_lesions_cover_4_8_percent_of_a_set(folder: Path) -> None:
    share = read_dataset(folder, 128).masks.mean()
    assert share == pytest.approx(0.048, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_the_areas_of_a_set_average_to_4_8_percent(seed: int) -> None:
    areas = lesion_areas(163, np.random.default_rng(seed))
    assert areas.mean() == pytest.approx(0.048, rel=1e-12)
    assert areas.std() == pytest.approx(0.039, abs=0.004)
    assert 0.003 < areas.min() < areas.max() < 0.17


def test_every_image_has_a_lesion_darker_than_the_rest_on_average(folder: Path) -> None:
    contrast = []
    for pair in find_pairs(folder).values():
        image, mask = read_case(*pair, 128)
        assert mask.any()
        contrast.append(image[mask == 1].mean() - image[mask == 0].mean())
    assert np.mean(contrast) < -0.3


def test_a_seed_is_one_data_set(folder: Path, tmp_path: Path) -> None:
    again = write_phantoms(tmp_path / "again", CASES, 0)
    other = write_phantoms(tmp_path / "other", CASES, 1)
    fingerprint = read_dataset(folder, 32).fingerprint()
    assert read_dataset(again, 32).fingerprint() == fingerprint
    assert read_dataset(other, 32).fingerprint() != fingerprint


def test_an_interrupted_set_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "set.unfinished/original").mkdir(parents=True)
    (tmp_path / "set.unfinished/original/000099.png").write_bytes(b"half")
    assert len(find_pairs(write_phantoms(tmp_path / "set", 3, 0))) == 3


def test_speckle_is_rayleigh_distributed() -> None:
    envelope = speckle(np.random.default_rng(0), Grid.of(400, 400))
    # mean over standard deviation of a Rayleigh variable, 1.913 whatever its scale
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)
    assert (envelope**2).mean() == pytest.approx(1, rel=0.03)
