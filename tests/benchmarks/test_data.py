"""The UDIAT reader: what it accepts, what it refuses by name, and how cases become folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the reproduction needs the extra 'benchmarks'")
Image = pytest.importorskip("PIL.Image", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.data import DatasetError, batches, read_case, read_dataset, split  # noqa: E402

CASES = 12


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_set(root: Path, images: str, masks: str, cases: int = CASES) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = 255
    for i in range(1, cases + 1):
        write_png(root / images / f"{i:06d}.png", rng.integers(0, 256, (30, 40), dtype=np.uint8))
        write_png(root / masks / f"{i:06d}.png", mask)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_set(tmp_path, "original", "GT")
    return tmp_path


def test_standardises_every_image_and_keeps_the_share_of_the_mask(root: Path) -> None:
    data = read_dataset(root, 16)
    assert data.images.shape == (CASES, 16, 16, 1)
    assert data.images.dtype == np.float32
    np.testing.assert_allclose(data.images.mean((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(data.images.std((1, 2, 3)), 1, atol=1e-6)
    assert set(np.unique(data.masks)) == {0, 1}
    assert data.masks.mean() == pytest.approx(200 / 1200, abs=0.04)


@pytest.mark.parametrize(
    "layout", [("original", "gt"), ("Benign", "Benign_mask"), ("Malignant", "Malignant_mask")]
)
def test_reads_the_other_layouts(tmp_path: Path, layout: tuple[str, str]) -> None:
    write_set(tmp_path, *layout)
    assert len(read_dataset(tmp_path, 16).cases) == CASES


def test_benign_and_malignant_cases_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("Benign", "Malignant"):
        write_set(tmp_path, name, f"{name}_mask")
    assert len(set(read_dataset(tmp_path, 16).cases)) == 2 * CASES


def test_ignores_what_file_systems_leave_behind(root: Path) -> None:
    for name in ("original/._000001.png", "original/Thumbs.db", "GT/.DS_Store"):
        (root / name).write_bytes(b"no image")
    assert len(read_dataset(root, 16).cases) == CASES


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "1"])
def test_reads_grey_levels_from_any_png(root: Path, mode: str) -> None:
    path = root / "original/000001.png"
    grey = Image.open(path).point(lambda value: 255 * (value > 127))
    if mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path)
    else:
        grey.convert(mode).save(path)
    grey.save(root / "plain.png")
    mask = root / "GT/000001.png"
    image, expected = read_case(path, mask, 16)[0], read_case(root / "plain.png", mask, 16)[0]
    np.testing.assert_allclose(image, expected, atol=1e-5)


def missing_mask(root: Path) -> str:
    (root / "GT/000003.png").unlink()
    return "GT/000003.png: expected"


def missing_image(root: Path) -> str:
    (root / "original/000003.png").unlink()
    return "original/000003.png: expected"


def grey_mask(root: Path) -> str:
    write_png(root / "GT/000002.png", np.full((30, 40), 128, np.uint8))
    return "GT/000002.png: expected a mask of 0 and 255 only, found 128"


def other_size(root: Path) -> str:
    write_png(root / "GT/000002.png", np.zeros((30, 41), np.uint8))
    return "GT/000002.png: expected 40 x 30 pixels"


def broken_png(root: Path) -> str:
    path = root / "original/000002.png"
    path.write_bytes(path.read_bytes()[:200])
    return "original/000002.png: expected a readable PNG"


def constant_image(root: Path) -> str:
    write_png(root / "original/000002.png", np.full((30, 40), 7, np.uint8))
    return "original/000002.png: expected an image, found a constant"


def no_layout(root: Path) -> str:
    (root / "GT").rename(root / "labels")
    return "expected folders 'original' and 'GT'"


def too_few(root: Path) -> str:
    for folder in ("original", "GT"):
        for i in range(6, CASES + 1):
            (root / folder / f"{i:06d}.png").unlink()
    return "expected at least 10 cases, found 5"


@pytest.mark.parametrize(
    "spoil",
    [
        missing_mask,
        missing_image,
        grey_mask,
        other_size,
        broken_png,
        constant_image,
        no_layout,
        too_few,
    ],
)
def test_names_the_file_and_what_was_expected(root: Path, spoil) -> None:
    expected = spoil(root)
    with pytest.raises(DatasetError) as error:
        read_dataset(root, 16)
    assert expected in error.value.args[0].replace("\\", "/")


def test_the_fingerprint_follows_the_pixels(root: Path) -> None:
    before = read_dataset(root, 16).fingerprint()
    assert read_dataset(root, 16).fingerprint() == before
    write_png(root / "GT/000001.png", np.zeros((30, 40), np.uint8))
    assert read_dataset(root, 16).fingerprint() != before


def test_folds_test_every_case_once_and_never_train_on_it() -> None:
    folds = [split(163, fold, 0, 0.2) for fold in range(5)]
    assert sorted(i for fold in folds for i in fold.test) == list(range(163))
    for fold in folds:
        assert sorted([*fold.train, *fold.validation, *fold.test]) == list(range(163))


def test_batches_are_full_new_each_epoch_and_repeatable() -> None:
    train = np.arange(100, 121)
    first, second = (batches(train, 8, epoch, 0) for epoch in (0, 1))
    assert [len(part) for part in first] == [8, 8]
    assert set(np.concatenate(first)) <= set(train)
    assert len(set(np.concatenate(first))) == 16
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, batches(train, 8, 0, 0))


def test_a_batch_larger_than_the_fold_is_the_fold() -> None:
    (only,) = batches(np.arange(5), 32, 0, 0)
    assert sorted(only) == list(range(5))
