"""The readers: every layout on disk, what they refuse by name, and what the check reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

for module in ("PIL", "nibabel", "sklearn"):
    pytest.importorskip(module, reason="the reproduction needs the extra 'benchmarks'")

import nibabel  # noqa: E402
from PIL import Image  # noqa: E402

from benchmarks.reproduce.datasets import DatasetError, open_dataset  # noqa: E402
from benchmarks.reproduce.datasets.check import check, report  # noqa: E402
from benchmarks.reproduce.datasets.folds import split  # noqa: E402
from benchmarks.reproduce.datasets.kits import NUMBERS  # noqa: E402

ROWS, COLUMNS = 30, 40
LABEL = np.zeros((4, 5, 6), np.uint8)
LABEL[1:3, 1:3, 1:3] = 1  # 8 of 120 voxels
IMAGE = np.arange(120, dtype=np.int16).reshape(4, 5, 6)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_bus(root: Path, images: str = "original", masks: str = "GT", cases: int = 3) -> Path:
    mask = np.zeros((ROWS, COLUMNS), np.uint8)
    mask[10:20, 10:30] = 255
    for i in range(1, cases + 1):
        grey = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 256
        write_png(root / images / f"{i:06d}.png", grey.astype(np.uint8))
        write_png(root / masks / f"{i:06d}.png", mask)
    return root


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)


def write_brats(root: Path, cases: int = 3, suffix: str = ".nii.gz") -> Path:
    for number in range(1, cases + 1):
        stem = root / "MICCAI_BraTS2020_TrainingData" / f"BraTS20_Training_{number:03d}"
        write_nifti(stem / f"{stem.name}_t1ce{suffix}", IMAGE)
        write_nifti(stem / f"{stem.name}_seg{suffix}", 4 * LABEL)
    return root


def write_kits(root: Path, numbers: tuple[int, ...] = (0, 1, 2)) -> Path:
    for number in numbers:
        folder = root / "data" / f"case_{number:05d}"
        affine = np.flipud(np.diag([-3.0, -0.8, -0.7]))
        full = np.eye(4)
        full[:3, :3] = affine
        write_nifti(folder / "imaging.nii.gz", IMAGE, full)
        write_nifti(folder / "segmentation.nii.gz", LABEL, full)
    return root


def write_decathlon(root: Path, numbered: bool = False) -> Path:
    first = "_0000" if numbered else ""
    for name in ("a_001", "a_002"):
        write_nifti(root / "imagesTr" / f"{name}{first}.nii.gz", IMAGE)
        write_nifti(root / "labelsTr" / f"{name}.nii.gz", 2 * LABEL)
    labels = {"0": "background", "1": "front", "2": "back"}
    if numbered:
        labels = {name: int(value) for value, name in labels.items()}
    (root / "dataset.json").write_text(json.dumps({"name": "A", "labels": labels}))
    return root


WRITERS: dict[str, Callable[[Path], Path]] = {
    "bus": write_bus,
    "brats": write_brats,
    "kits19": write_kits,
    "decathlon": write_decathlon,
}


@pytest.mark.parametrize("kind", list(WRITERS))
def test_every_kind_is_read_through_one_interface(kind: str, tmp_path: Path) -> None:
    data = open_dataset(kind, WRITERS[kind](tmp_path))
    assert data.kind == kind
    assert data.classes[0] == "background"
    for name in data.cases:
        case = data.read(name)
        assert case.image.dtype == np.float32
        assert case.label.dtype == np.uint8
        assert case.image.shape == case.label.shape
        assert case.image.ndim == len(case.spacing) == data.dimensions
        assert set(np.unique(case.label)) <= set(range(len(data.classes)))
        np.testing.assert_array_equal(case.label, data.label(name))


# Layouts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layout",
    [
        ("original", "GT"),
        ("original", "gt"),
        ("Benign", "Benign_mask"),
        ("Malignant", "Malignant_mask"),
    ],
)
def test_bus_in_all_its_folders(tmp_path: Path, layout: tuple[str, str]) -> None:
    data = open_dataset("bus", write_bus(tmp_path, *layout))
    assert len(data.cases) == 3
    assert data.foreground() == pytest.approx(200 / 1200)


def test_benign_and_malignant_cases_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("Benign", "Malignant"):
        write_bus(tmp_path, name, f"{name}_mask")
    assert len(set(open_dataset("bus", tmp_path).cases)) == 6


def test_what_file_systems_leave_behind_is_no_case(tmp_path: Path) -> None:
    write_bus(tmp_path)
    for name in ("original/._000001.png", "original/Thumbs.db", "GT/.DS_Store"):
        (tmp_path / name).write_bytes(b"no image")
    assert len(open_dataset("bus", tmp_path).cases) == 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "1"])
def test_grey_levels_from_any_png(tmp_path: Path, mode: str) -> None:
    path = write_bus(tmp_path) / "original/000001.png"
    black_and_white = Image.open(path).point(lambda value: 255 * (value > 127))
    if mode == "I;16":
        Image.fromarray(np.asarray(black_and_white).astype(np.uint16) * 257).save(path)
    else:
        black_and_white.convert(mode).save(path)
    image = open_dataset("bus", tmp_path).read("000001").image
    np.testing.assert_array_equal(image / image.max(), np.asarray(black_and_white) / 255)


def test_brats_is_the_enhancing_tumour_and_needs_one(tmp_path: Path) -> None:
    root = write_brats(tmp_path)
    other = np.where(LABEL, [1, 1, 1, 2, 2, 2], 0).astype(np.uint8)
    second = root / "MICCAI_BraTS2020_TrainingData/BraTS20_Training_002"
    write_nifti(second / "BraTS20_Training_002_seg.nii.gz", other)
    data = open_dataset("brats", root)
    assert data.cases == ("BraTS20_Training_001", "BraTS20_Training_003")
    assert set(data.files) == {f"BraTS20_Training_{i:03d}" for i in (1, 2, 3)}
    assert not data.label("BraTS20_Training_002").any()
    np.testing.assert_array_equal(data.label("BraTS20_Training_001"), LABEL)


@pytest.mark.parametrize("home", [".", "MICCAI_BraTS2020_TrainingData"])
def test_brats_in_plain_nifti_with_its_misnamed_mask(tmp_path: Path, home: str) -> None:
    root = write_brats(tmp_path, cases=1, suffix=".nii") / "MICCAI_BraTS2020_TrainingData"
    case = root / "BraTS20_Training_355"
    write_nifti(case / "BraTS20_Training_355_t1ce.nii", IMAGE)
    write_nifti(case / "W39_1998.09.19_Segm.nii", 4 * LABEL)
    data = open_dataset("brats", tmp_path / home)
    np.testing.assert_array_equal(data.read("BraTS20_Training_355").label, LABEL)


def test_kits_leaves_out_what_the_paper_leaves_out(tmp_path: Path) -> None:
    left_out = (15, 23, 37, 68, 125, 133)
    data = open_dataset("kits19", write_kits(tmp_path, (14, *left_out, 209, 210)))
    assert data.cases == ("case_00014", "case_00209")
    assert len(NUMBERS) == 204


def test_kits_spacing_is_positive_and_in_the_order_of_the_axes(tmp_path: Path) -> None:
    spacing = open_dataset("kits19", write_kits(tmp_path)).read("case_00000").spacing
    assert spacing == pytest.approx((3.0, 0.8, 0.7))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int16])
def test_labels_in_any_dtype(tmp_path: Path, dtype: type) -> None:
    root = write_kits(tmp_path)
    write_nifti(root / "data/case_00001/segmentation.nii.gz", (2 * LABEL).astype(dtype))
    np.testing.assert_array_equal(open_dataset("kits19", root).label("case_00001"), 2 * LABEL)


def test_labels_are_read_where_the_ct_is_missing(tmp_path: Path) -> None:
    root = write_kits(tmp_path)
    (root / "data/case_00001/imaging.nii.gz").unlink()
    data = open_dataset("kits19", root)
    assert data.foreground()[:, 0] == pytest.approx(8 / 120)
    with pytest.raises(DatasetError, match=r"case_00001.imaging\.nii\.gz: expected a NIfTI file"):
        data.read("case_00001")


@pytest.mark.parametrize("numbered", [False, True], ids=["decathlon", "nnunet"])
def test_the_classes_of_a_decathlon_come_from_its_description(
    tmp_path: Path, numbered: bool
) -> None:
    data = open_dataset("decathlon", write_decathlon(tmp_path, numbered))
    assert data.classes == ("background", "front", "back")
    assert data.cases == ("a_001", "a_002")
    np.testing.assert_array_equal(data.read("a_001").label, 2 * LABEL)


# Refusals -----------------------------------------------------------------------------------------


def bus_without_a_mask(root: Path) -> str:
    (write_bus(root) / "GT/000003.png").unlink()
    return "GT/000003.png: expected, to go with"


def bus_without_an_image(root: Path) -> str:
    (write_bus(root) / "original/000003.png").unlink()
    return "original/000003.png: expected, to go with"


def bus_with_a_grey_mask(root: Path) -> str:
    write_png(write_bus(root) / "GT/000002.png", np.full((ROWS, COLUMNS), 128, np.uint8))
    return "GT/000002.png: expected the labels 0, 255 only, found 128"


def bus_of_two_sizes(root: Path) -> str:
    write_png(write_bus(root) / "GT/000002.png", np.zeros((ROWS, COLUMNS + 1), np.uint8))
    return "GT/000002.png: expected 30 x 40 pixels like"


def bus_broken(root: Path) -> str:
    path = write_bus(root) / "original/000002.png"
    path.write_bytes(path.read_bytes()[:60])
    return "original/000002.png: expected a readable PNG"


def bus_without_layout(root: Path) -> str:
    (write_bus(root) / "GT").rename(root / "labels")
    return "expected folders 'original' and 'GT'"


def bus_empty(root: Path) -> str:
    write_bus(root, cases=0)
    for folder in ("original", "GT"):
        (root / folder).mkdir()
    return "original: expected at least one PNG"


def brats_without_cases(root: Path) -> str:
    return "expected a folder 'BraTS20_Training_001' for each case"


def brats_without_t1ce(root: Path) -> str:
    stem = "MICCAI_BraTS2020_TrainingData/BraTS20_Training_002/BraTS20_Training_002"
    (write_brats(root) / f"{stem}_t1ce.nii.gz").unlink()
    return f"{stem}_t1ce.nii.gz: expected this volume, or the same as .nii"


def brats_with_another_label(root: Path) -> str:
    stem = "MICCAI_BraTS2020_TrainingData/BraTS20_Training_002/BraTS20_Training_002"
    write_nifti(write_brats(root) / f"{stem}_seg.nii.gz", 7 * LABEL)
    return f"{stem}_seg.nii.gz: expected the labels 0, 1, 2, 3, 4 only, found 7"


def kits_without_cases(root: Path) -> str:
    return "expected a folder 'case_00000' for each case"


def kits_without_labels(root: Path) -> str:
    (write_kits(root) / "data/case_00002/segmentation.nii.gz").unlink()
    return "data/case_00002/segmentation.nii.gz: expected the labels of case_00002"


def kits_with_negative_labels(root: Path) -> str:
    write_nifti(
        write_kits(root) / "data/case_00000/segmentation.nii.gz", LABEL.astype(np.int16) - 1
    )
    return "case_00000/segmentation.nii.gz: expected the labels 0, 1, 2 only, found -1"


def kits_broken(root: Path) -> str:
    path = write_kits(root) / "data/case_00000/imaging.nii.gz"
    path.write_bytes(path.read_bytes()[:100])
    return "data/case_00000/imaging.nii.gz: expected a readable NIfTI file"


def kits_with_a_series(root: Path) -> str:
    write_nifti(
        write_kits(root) / "data/case_00000/imaging.nii.gz", np.zeros((4, 5, 6, 2), np.uint8)
    )
    return "data/case_00000/imaging.nii.gz: expected one volume, found 4 x 5 x 6 x 2"


def decathlon_without_description(root: Path) -> str:
    (write_decathlon(root) / "dataset.json").unlink()
    return "dataset.json: expected the description of the data set"


def decathlon_with_broken_description(root: Path) -> str:
    (write_decathlon(root) / "dataset.json").write_text("{")
    return "dataset.json: expected JSON"


def decathlon_without_labels(root: Path) -> str:
    (write_decathlon(root) / "dataset.json").write_text("{}")
    return "dataset.json: expected 'labels' with one name and one value for each class, found None"


def decathlon_without_background(root: Path) -> str:
    (write_decathlon(root) / "dataset.json").write_text('{"labels": {"1": "organ"}}')
    return "dataset.json: expected 'labels' from 0, the background, up"


def decathlon_without_an_image(root: Path) -> str:
    (write_decathlon(root) / "imagesTr/a_002.nii.gz").unlink()
    return "imagesTr/a_002.nii.gz: expected the image"


def decathlon_without_a_folder(root: Path) -> str:
    (write_decathlon(root) / "labelsTr").rename(root / "labels")
    return "expected a folder 'labelsTr'"


SPOILED = [
    bus_without_a_mask,
    bus_without_an_image,
    bus_with_a_grey_mask,
    bus_of_two_sizes,
    bus_broken,
    bus_without_layout,
    bus_empty,
    brats_without_cases,
    brats_without_t1ce,
    brats_with_another_label,
    kits_without_cases,
    kits_without_labels,
    kits_with_negative_labels,
    kits_broken,
    kits_with_a_series,
    decathlon_without_description,
    decathlon_with_broken_description,
    decathlon_without_labels,
    decathlon_without_background,
    decathlon_without_an_image,
    decathlon_without_a_folder,
]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_names_the_file_and_what_was_expected(tmp_path: Path, spoil: Callable[[Path], str]) -> None:
    expected = spoil(tmp_path)
    kind = spoil.__name__.split("_")[0].replace("kits", "kits19")
    with pytest.raises(DatasetError) as error:
        read_all(kind, tmp_path)
    message = str(error.value).replace("\\", "/")
    assert expected in message
    assert message.startswith(str(tmp_path).replace("\\", "/"))


def read_all(kind: str, root: Path) -> None:
    data = open_dataset(kind, root)
    for name in data.cases:
        data.read(name)


def test_an_unknown_kind_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kind: expected one of bus, brats, kits19, decathlon"):
        open_dataset("mnist", tmp_path)
    with pytest.raises(DatasetError, match="nowhere: expected the folder of the data set"):
        open_dataset("bus", tmp_path / "nowhere")


# The check ----------------------------------------------------------------------------------------


def test_the_check_compares_counts_and_shares_with_the_paper(tmp_path: Path) -> None:
    cases, kidney, tumour = check(open_dataset("kits19", write_kits(tmp_path)))
    assert (cases.found, cases.paper, cases.agrees) == (3, 204, False)
    assert (kidney.found, kidney.paper) == (pytest.approx(100 * 8 / 120), 0.8)
    assert (tumour.found, tumour.paper, tumour.agrees) == (0, 0.2, False)


@pytest.mark.parametrize(("found", "agrees"), [(4.83, True), (4.86, False), (4.75001, True)])
def test_shares_agree_to_the_digits_of_the_paper(found: float, agrees: bool) -> None:
    from benchmarks.reproduce.datasets.check import Row

    assert Row("lesion, %", found, 4.8).agrees is agrees


def test_the_report_says_what_differs_and_nothing_where_the_paper_is_silent(tmp_path: Path) -> None:
    text = report(open_dataset("bus", write_bus(tmp_path / "bus")))
    assert "cases: 3 (differs from the paper: 163)" in text
    assert "lesion, %: 16.67 (differs from the paper: 4.8)" in text
    assert "paper" not in report(open_dataset("decathlon", write_decathlon(tmp_path / "other")))


# Folds --------------------------------------------------------------------------------------------


def test_folds_test_every_case_once_and_never_train_on_it() -> None:
    folds = [split(163, fold, seed=0) for fold in range(5)]
    assert sorted(i for fold in folds for i in fold.test) == list(range(163))
    for fold in folds:
        assert sorted([*fold.train, *fold.validation, *fold.test]) == list(range(163))


def test_a_fold_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="cases: expected at least 10 for 5 folds, got 9"):
        split(9, 0, seed=0)
    with pytest.raises(ValueError, match="fold: expected 0 to 4, got 5"):
        split(20, 5, seed=0)
