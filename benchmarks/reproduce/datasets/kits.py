"""KiTS19: abdominal CT with kidneys and kidney tumours.

``data/case_00000/imaging.nii.gz`` with ``segmentation.nii.gz``, axes (slices, rows, columns). The
first 210 cases have labels, of which the paper leaves six out for their doubtful quality: 204.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.reproduce.datasets.dataset import Dataset, DatasetError, Files, existing, folder
from benchmarks.reproduce.datasets.nifti import open_nifti

LABELLED = 210
EXCLUDED = frozenset({15, 23, 37, 68, 125, 133})
NUMBERS = tuple(n for n in range(LABELLED) if n not in EXCLUDED)


def case_name(number: int) -> str:
    """The folder of a case."""
    return f"case_{number:05d}"


def open_kits(root: Path) -> Dataset:
    """The data set at ``root``; CT that is missing is missed when it is read."""
    home = folder(root, "data", ".")
    cases = [home / name for name in map(case_name, NUMBERS) if (home / name).is_dir()]
    if not cases:
        raise DatasetError(f"{home}: expected a folder {case_name(0)!r} for each case")
    return Dataset(
        kind="kits19",
        name=root.resolve().name,
        dimensions=3,
        classes=("background", "kidney", "tumour"),
        files={case.name: _files(case) for case in cases},
        values={0: 0, 1: 1, 2: 2},
        open=open_nifti,
    )


def _files(case: Path) -> Files:
    label = existing(case / "segmentation.nii.gz", f"the labels of {case.name}")
    return Files(case / "imaging.nii.gz", label)
