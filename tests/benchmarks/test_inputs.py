"""From cases to batches and back: preprocessing, cache, augmentation, patches, sliding windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("PIL", "batchgenerators", "joblib", "nibabel", "skimage", "tqdm"):
    pytest.importorskip(module, reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.datasets import Case, DatasetError, open_dataset  # noqa: E402
from benchmarks.reproduce.datasets.check import check  # noqa: E402
from benchmarks.reproduce.inputs.augment import augment, drawing_from, margin  # noqa: E402
from benchmarks.reproduce.inputs.batches import Batches, prefetch  # noqa: E402
from benchmarks.reproduce.inputs.patches import crop, random_start  # noqa: E402
from benchmarks.reproduce.inputs.preprocess import Prepared, Preprocessing, prepare  # noqa: E402
from benchmarks.reproduce.inputs.sliding import sliding_window, starts  # noqa: E402
from tests.benchmarks.test_datasets import write_bus, write_kits  # noqa: E402


def case(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Case:
    image = np.random.default_rng(0).normal(50, 20, shape).astype(np.float32)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(n // 4, n // 2) for n in shape)] = 1
    return Case(image, label, spacing)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = tmp_path_factory.mktemp("data")
    data = open_dataset("bus", write_bus(root / "bus", cases=7))
    return prepare(data, Preprocessing(shape=(16, 24)), root / "cache")


# Preprocessing ------------------------------------------------------------------------------------


def test_standardises_every_image_and_keeps_the_share_of_the_label(prepared: Prepared) -> None:
    for i in range(7):
        assert prepared.image(i).shape == (16, 24, 1)
        assert prepared.image(i).dtype == np.float32
        assert prepared.image(i).mean() == pytest.approx(0, abs=1e-6)
        assert prepared.image(i).std() == pytest.approx(1, abs=1e-6)
        assert prepared.label(i).dtype == np.uint8
        assert prepared.label(i).mean() == pytest.approx(200 / 1200, abs=0.04)


def test_resamples_to_a_spacing() -> None:
    image, label = Preprocessing(spacing=(3.0, 2.0, 1.0))(case((8, 8, 8), (3.0, 1.0, 2.0)))
    assert image.shape == label.shape == (8, 4, 16)
    assert label.mean() == pytest.approx(1 / 64, abs=0.01)


def test_clips_before_it_standardises() -> None:
    image, _ = Preprocessing(clip=(40, 60))(case((32, 32), (1.0, 1.0)))
    low, high = image.min(), image.max()
    assert (np.isclose(image, low) | np.isclose(image, high)).mean() > 0.5
    assert image.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"shape": (8, 8), "spacing": (1.0, 1.0)}, "shape, spacing: expected one at most"),
        ({"shape": (8, 0)}, "shape: expected positive numbers"),
        ({"clip": (3, 3)}, "clip: expected a lower and a higher bound"),
    ],
)
def test_refuses_parameters_without_meaning(arguments: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Preprocessing(**arguments)


def test_a_constant_image_is_named(tmp_path: Path) -> None:
    from PIL import Image

    root = write_bus(tmp_path / "bus")
    Image.fromarray(np.full((30, 40), 7, np.uint8)).save(root / "original/000002.png")
    with pytest.raises(DatasetError, match=r"000002\.png: expected an image, found a constant 7"):
        prepare(open_dataset("bus", root), Preprocessing(), tmp_path / "cache")


def test_a_second_preparation_writes_nothing(tmp_path: Path) -> None:
    data = open_dataset("kits19", write_kits(tmp_path / "kits"))
    first = prepare(data, Preprocessing(), tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    again = prepare(data, Preprocessing(), tmp_path / "cache")
    assert again == first
    assert before == {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    assert check(first) == check(data)


def test_a_preparation_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    data = open_dataset("kits19", write_kits(tmp_path / "kits"))
    first = prepare(data, Preprocessing(), tmp_path / "cache")
    kept = first.folder / "0000-image.npy"
    before = kept.stat().st_mtime_ns
    for name in ("prepared.json", "0002.json", "0002-label.npy"):
        (first.folder / name).unlink()
    assert prepare(data, Preprocessing(), tmp_path / "cache") == first
    assert kept.stat().st_mtime_ns == before
    assert np.load(first.folder / "0002-label.npy").any()


def test_other_parameters_and_other_files_are_another_preparation(tmp_path: Path) -> None:
    root = write_bus(tmp_path / "bus")

    def folder(preprocessing: Preprocessing) -> Path:
        return prepare(open_dataset("bus", root), preprocessing, tmp_path / "cache").folder

    first, other = folder(Preprocessing()), folder(Preprocessing(clip=(0, 9)))
    (root / "GT/000003.png").unlink()
    (root / "original/000003.png").unlink()
    assert len({first, other, folder(Preprocessing())}) == 3


def test_the_fingerprint_follows_the_pixels_and_nothing_else(tmp_path: Path) -> None:
    one, same = (
        prepare(open_dataset("bus", write_bus(tmp_path / n)), Preprocessing(), tmp_path / "cache")
        for n in ("one", "same")
    )
    assert one.folder != same.folder
    assert one.fingerprint == same.fingerprint
    smaller = prepare(
        open_dataset("bus", tmp_path / "one"), Preprocessing(shape=(8, 8)), tmp_path / "cache"
    )
    assert smaller.fingerprint != one.fingerprint


# Augmentation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(24, 32), (12, 16, 16)])
def test_augmentation_is_a_function_of_its_generator(shape: tuple[int, ...]) -> None:
    image, label, _ = case(shape, (1.0,) * len(shape))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, again, other = (
        [augment(np.random.default_rng([s, i]), image, label, shape) for i in range(12)]
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    for (a, la), (b, lb) in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(la, lb)
        assert a.shape == la.shape == shape
        assert (a.dtype, la.dtype) == (np.float32, np.uint8)
        assert set(np.unique(la)) <= {0, 1}
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(one, other, strict=True))


def test_images_and_labels_move_together() -> None:
    # an image that is its own label, but for the interpolation
    label = np.zeros((48, 48), np.uint8)
    label[10:30, 20:40] = 1
    image = label.astype(np.float32)
    for i in range(40):
        a, b = augment(np.random.default_rng(i), image, label, (48, 48))
        assert ((a > (a.min() + a.max()) / 2) == b).mean() > 0.95


def test_mirroring_leaves_half_of_the_samples_alone_on_each_axis() -> None:
    image = np.add.outer(np.arange(9), 10 * np.arange(9)).astype(np.float32)
    label = np.zeros_like(image, np.uint8)
    samples = [augment(np.random.default_rng(i), image, label, (9, 9))[0] for i in range(400)]
    for axis in (0, 1):
        ascending = np.mean([np.diff(a, axis=axis).mean() > 0 for a in samples])
        # five standard deviations of 400 tosses
        assert ascending == pytest.approx(0.5, abs=5 * 0.5 / 20)
    # exactly as before or mirrored: no gamma, deformation, rotation or scaling, 0.85 each
    flips = [image[::i, ::j] for i in (1, -1) for j in (1, -1)]
    alone = np.mean([any(np.array_equal(a, f) for f in flips) for a in samples])
    assert alone == pytest.approx(0.85**4, abs=5 * 0.5 / 20)


def test_the_global_generator_is_given_back_after_an_error() -> None:
    before = np.random.get_bit_generator()
    with pytest.raises(KeyError), drawing_from(np.random.default_rng(0)):
        raise KeyError
    assert np.random.get_bit_generator() is before


@pytest.mark.parametrize("patch", [(32, 64), (16, 32, 32)])
def test_the_margin_holds_what_turns(patch: tuple[int, ...]) -> None:
    # a sample of ones has no border of zeros within reach, unless an elastic one
    box = tuple(p + 2 * m for p, m in zip(patch, margin(patch), strict=True))
    ones = np.ones(box, np.uint8)
    noise = np.random.default_rng(0).normal(size=box).astype(np.float32)
    whole = [augment(np.random.default_rng(i), noise, ones, patch)[1].mean() for i in range(15)]
    assert np.mean(np.array(whole) == 1) > 0.8


# Patches ------------------------------------------------------------------------------------------


def test_a_crop_is_zero_beyond_the_image() -> None:
    array = np.arange(1, 7).reshape(2, 3)
    np.testing.assert_array_equal(crop(array, (0, 1), (2, 2)), array[:, 1:])
    np.testing.assert_array_equal(crop(array, (-1, 2), (3, 3)), [[0, 0, 0], [3, 0, 0], [6, 0, 0]])
    assert not crop(array, (5, 5), (2, 2)).any()


def test_patches_begin_everywhere_they_may() -> None:
    rng = np.random.default_rng(0)
    begun = {tuple(random_start(rng, (5, 2), (3, 3))) for _ in range(200)}
    assert begun == {(row, column) for row in (0, 1, 2) for column in (-1, 0)}


# Batches ------------------------------------------------------------------------------------------


def test_an_epoch_is_every_case_once_in_a_new_order(prepared: Prepared) -> None:
    batches = Batches(prepared, range(7), batch=2, seed=0)
    assert batches.steps == 3
    first, second = batches.order(0), batches.order(1)
    assert len(set(first.flat)) == 6
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, Batches(prepared, range(7), batch=2, seed=0).order(0))
    assert not np.array_equal(first, Batches(prepared, range(7), batch=2, seed=1).order(0))


def test_an_epoch_of_given_length_goes_round(prepared: Prepared) -> None:
    order = Batches(prepared, range(7), batch=2, steps=7).order(0)
    assert order.shape == (7, 2)
    np.testing.assert_array_equal(np.bincount(order.ravel()), [2] * 7)


def test_a_batch_larger_than_the_cases_is_the_cases(prepared: Prepared) -> None:
    batches = Batches(prepared, [1, 4], batch=32)
    assert batches.steps == 1
    assert sorted(batches.order(0)[0]) == [1, 4]


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("patch", [None, (8, 8)])
def test_batches_are_a_function_of_seed_epoch_and_step(
    prepared: Prepared, augmented: bool, patch: tuple[int, ...] | None
) -> None:
    batches = Batches(prepared, range(7), batch=3, patch=patch, augment=augmented, seed=5)
    images, labels = batches(2, 1)
    assert images.shape == (3, *(patch or (16, 24)), 1)
    assert labels.shape == images.shape[:-1]
    assert (images.dtype, labels.dtype) == (np.float32, np.uint8)
    batches(0, 0)
    for one, again in zip((images, labels), batches(2, 1), strict=True):
        np.testing.assert_array_equal(one, again)


def test_batches_computed_ahead_are_the_same_in_the_same_order(prepared: Prepared) -> None:
    batches = Batches(prepared, range(7), batch=1, augment=True, steps=6)
    for step, (images, labels) in enumerate(prefetch(batches, 3, first_step=2, workers=1), 2):
        expected = batches(3, step)
        np.testing.assert_array_equal(images, expected[0])
        np.testing.assert_array_equal(labels, expected[1])
    assert step == 5
    unfinished = prefetch(batches, 0, workers=1)
    next(unfinished)
    unfinished.close()


def test_whole_images_need_no_process(prepared: Prepared) -> None:
    batches = Batches(prepared, range(7), batch=2)
    for step, (images, _) in enumerate(prefetch(batches, 0)):
        np.testing.assert_array_equal(images, batches(0, step)[0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"cases": []}, "cases: expected at least one, got none"),
        ({"batch": 0}, "batch, steps: expected at least 1, got 0 and None"),
        ({"steps": 0}, "batch, steps: expected at least 1, got 1 and 0"),
        ({"patch": (8, 8, 8)}, r"patch: expected 2 numbers, got \(8, 8, 8\)"),
    ],
)
def test_refuses_batches_that_cannot_be(prepared: Prepared, arguments: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Batches(prepared, **{"cases": range(7), "batch": 1} | arguments)


# Sliding windows ----------------------------------------------------------------------------------


def test_windows_cover_an_axis_and_end_with_it() -> None:
    assert starts(10, 4, 2) == [0, 2, 4, 6]
    assert starts(11, 4, 2) == [0, 2, 4, 6, 7]
    assert starts(4, 4, 2) == starts(3, 4, 2) == [0]


@pytest.mark.parametrize("shape", [(9, 7), (3, 12), (8, 6, 5)])
def test_the_mean_of_a_pointwise_prediction_is_the_prediction(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=(*shape, 1)).astype(np.float32)
    patch, overlap = (4,) * len(shape), (2,) * len(shape)

    def predict(windows: np.ndarray) -> np.ndarray:
        assert len(windows) <= 3
        return np.concatenate([windows, -2 * windows], -1)

    found = sliding_window(predict, image, patch, overlap, batch=3)
    np.testing.assert_allclose(found, np.concatenate([image, -2 * image], -1), atol=1e-6)


def test_overlapping_predictions_are_averaged() -> None:
    numbers = iter([1.0, 4.0])

    def predict(windows: np.ndarray) -> np.ndarray:
        return np.full_like(windows, next(numbers))

    found = sliding_window(predict, np.zeros((6, 1), np.float32), (4,), (2,), batch=1)
    np.testing.assert_array_equal(found[:, 0], [1, 1, 2.5, 2.5, 4, 4])


def test_an_overlap_as_large_as_the_patch_never_ends() -> None:
    with pytest.raises(ValueError, match="overlap: expected 0 to less than the patch"):
        sliding_window(lambda x: x, np.zeros((6, 6, 1), np.float32), (4, 4), (2, 4), batch=1)
