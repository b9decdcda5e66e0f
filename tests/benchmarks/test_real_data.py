"""The readers on genuine files, where the machine has them beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("PIL", "nibabel"):
    pytest.importorskip(module, reason="the reproduction needs the extra 'benchmarks'")

import nibabel  # noqa: E402

from benchmarks.reproduce.datasets import Dataset, DatasetError, open_dataset  # noqa: E402
from benchmarks.reproduce.datasets.check import check  # noqa: E402

SHARED = Path(__file__).parents[2].resolve().parent / "shared" / "data"


def real(kind: str, folder: str) -> Dataset:
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{SHARED / folder} is not on this machine")
    return open_dataset(kind, SHARED / folder)


def test_163_ultrasound_images_with_4_8_percent_lesion() -> None:
    cases, lesion = check(real("bus", "bus"))
    assert (cases.found, cases.agrees) == (163, True)
    assert lesion.agrees


def test_ultrasound_images_have_the_size_of_their_masks() -> None:
    data = real("bus", "bus")
    for name in data.cases[::20]:
        assert data.read(name).image.std() > 0


def test_100_hippocampi_with_two_classes() -> None:
    data = real("decathlon", "Task04_Hippocampus")
    assert data.classes == ("background", "Anterior", "Posterior")
    assert len(data.cases) == 100
    # the percentages that come with the data
    assert 100 * data.foreground().mean(axis=0) == pytest.approx([2.7, 2.5], abs=0.05)
    case = data.read(data.cases[0])
    assert case.image.shape == case.label.shape
    assert case.spacing == (1, 1, 1)


def test_six_brains_with_enhancing_tumour() -> None:
    data = real("brats", "brats")
    assert len(data.files) == 6
    case = data.read("BraTS20_Training_001")
    assert case.image.shape == (240, 240, 155)
    assert case.spacing == (1, 1, 1)
    assert case.label.max() == 1


def test_24_kidney_label_volumes_with_genuine_headers() -> None:
    data = real("kits19", "kits19")
    headers = [nibabel.load(data.files[name].label) for name in data.cases]
    assert len(headers) == 24
    assert {image.shape[1:] for image in headers} == {(512, 512)}
    assert {str(image.get_data_dtype()) for image in headers} == {"uint8", "uint16"}
    assert all(np.min(image.affine) < 0 for image in headers)


@pytest.mark.parametrize("name", ["case_00061", "case_00039"], ids=["uint8", "uint16"])
def test_kidney_labels_without_ct(name: str) -> None:
    data = real("kits19", "kits19")
    label = data.label(name)
    assert set(np.unique(label)) == {0, 1, 2}
    assert label.shape[1:] == (512, 512)
    with pytest.raises(DatasetError, match=rf"{name}.imaging\.nii\.gz: expected a NIfTI file"):
        data.read(name)
