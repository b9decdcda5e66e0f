"""BraTS20: T1-weighted MR with contrast agent; the class is the enhancing tumour.

``MICCAI_BraTS2020_TrainingData/BraTS20_Training_001/BraTS20_Training_001_t1ce.nii.gz``, the labels
in ``…_seg.nii.gz``. Of the 369 cases the paper uses those with enhancing tumour: 342.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.reproduce.datasets.dataset import Dataset, DatasetError, Files, existing, folder
from benchmarks.reproduce.datasets.nifti import open_nifti

FOLDER = "MICCAI_BraTS2020_TrainingData"
# What the copies in plain NIfTI call the mask of BraTS20_Training_355.
MISNAMED = {"BraTS20_Training_355": "W39_1998.09.19_Segm"}

# Necrosis 1, oedema 2, enhancing tumour 4. Until 2016 the challenge had a class 3, non-enhancing
# tumour, since merged into 1.
VALUES = {0: 0, 1: 0, 2: 0, 3: 0, 4: 1}


def open_brats(root: Path) -> Dataset:
    """The data set at ``root``, which holds ``FOLDER`` or the folders of the cases."""
    home = folder(root, FOLDER, ".")
    cases = sorted(f for f in home.glob("BraTS20_Training_*") if f.is_dir())
    if not cases:
        raise DatasetError(f"{home}: expected a folder 'BraTS20_Training_001' for each case")
    return Dataset(
        kind="brats",
        name=root.resolve().name,
        dimensions=3,
        classes=("background", "enhancing tumour"),
        files={case.name: _files(case) for case in cases},
        values=VALUES,
        open=open_nifti,
        required=(1,),
    )


def _files(case: Path) -> Files:
    return Files(_volume(case, f"{case.name}_t1ce"), _volume(case, f"{case.name}_seg"))


def _volume(case: Path, stem: str) -> Path:
    """The compressed file, the plain one, or the mask under its wrong name."""
    stems = [stem]
    if stem.endswith("_seg") and case.name in MISNAMED:
        stems.append(MISNAMED[case.name])
    for name in (f"{s}{suffix}" for s in stems for suffix in (".nii.gz", ".nii")):
        if (case / name).is_file():
            return case / name
    return existing(case / f"{stem}.nii.gz", "this volume, or the same as .nii")
