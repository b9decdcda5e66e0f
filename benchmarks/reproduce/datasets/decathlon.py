"""Medical Segmentation Decathlon, and nnU-Net's raw data, which descends from it.

``dataset.json`` names the classes; cases lie in ``imagesTr`` and ``labelsTr``. nnU-Net numbers the
channels (``case_0000.nii.gz``) and maps class names to values, where the Decathlon maps values to
names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.reproduce.datasets.dataset import Dataset, DatasetError, Files, existing, folder
from benchmarks.reproduce.datasets.nifti import open_nifti

SUFFIX = ".nii.gz"


def open_decathlon(root: Path) -> Dataset:
    """The data set at ``root``, which holds ``dataset.json``."""
    description = existing(root / "dataset.json", "the description of the data set")
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{description}: expected JSON ({error})") from error
    names = _classes(description, content)
    return Dataset(
        kind="decathlon",
        name=root.resolve().name,
        dimensions=3,
        classes=tuple(names.values()),
        files=_find(root),
        values={value: index for index, value in enumerate(names)},
        open=open_nifti,
    )


def _classes(description: Path, content: Any) -> dict[int, str]:
    """The name of every value in a label file, in the order of the values."""
    labels = content.get("labels") if isinstance(content, dict) else None
    try:
        pairs = [(k, v) if str(k).isdigit() else (v, k) for k, v in labels.items()]
        names = {int(value): str(name) for value, name in pairs}
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{description}: expected 'labels' with one name and one value for each class, "
            f"found {labels!r}"
        ) from error
    if min(names, default=1) != 0 or len(names) < 2:
        raise DatasetError(f"{description}: expected 'labels' from 0, the background, up")
    return dict(sorted(names.items()))


def _find(root: Path) -> dict[str, Files]:
    """Labels and, for each, its image: with nnU-Net's number of the first channel or without."""
    images, labels = folder(root, "imagesTr"), folder(root, "labelsTr")
    found = sorted(f for f in labels.glob(f"*{SUFFIX}") if not f.name.startswith("."))
    if not found:
        raise DatasetError(f"{labels}: expected at least one {SUFFIX} file")
    files = {}
    for label in found:
        case = label.name.removesuffix(SUFFIX)
        numbered = images / f"{case}_0000{SUFFIX}"
        plain = existing(images / label.name, "the image") if not numbered.is_file() else numbered
        files[case] = Files(plain, label)
    return files
