"""BUS2017-B (UDIAT): breast ultrasound with a lesion in each image.

``original/000001.png`` with ``GT/000001.png``; also found as ``gt``, and as ``Benign`` and
``Malignant`` with a folder of masks beside each.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.reproduce.datasets.dataset import Dataset, DatasetError, Files
from benchmarks.reproduce.datasets.png import open_png

# (images, masks), as the data set is found on disk
LAYOUTS = (
    ("original", "GT"),
    ("original", "gt"),
    ("Benign", "Benign_mask"),
    ("Malignant", "Malignant_mask"),
)


def open_bus(root: Path) -> Dataset:
    """The data set at ``root``."""
    return Dataset(
        kind="bus",
        name=root.resolve().name,
        dimensions=2,
        classes=("background", "lesion"),
        files=find_pairs(root),
        values={0: 0, 255: 1},
        open=open_png,
    )


def find_pairs(root: Path) -> dict[str, Files]:
    """Every case's image and mask, by case name."""
    present = [(i, m) for i, m in LAYOUTS if (root / i).is_dir() and (root / m).is_dir()]
    if not present:
        raise DatasetError(f"{root}: expected folders 'original' and 'GT' with one PNG per case")
    pairs: dict[str, Files] = {}
    for image_folder, mask_folder in present:
        images, masks = _pngs(root / image_folder), _pngs(root / mask_folder)
        for name in sorted(images.keys() ^ masks.keys()):
            missing, found = (mask_folder, images) if name in images else (image_folder, masks)
            raise DatasetError(f"{root / missing / name}: expected, to go with {found[name]}")
        prefix = "" if image_folder == "original" else f"{image_folder}/"
        pairs |= {prefix + Path(n).stem: Files(images[n], masks[n]) for n in sorted(images)}
    if not pairs:
        raise DatasetError(f"{root / present[0][0]}: expected at least one PNG")
    return pairs


def _pngs(folder: Path) -> dict[str, Path]:
    files = (f for f in folder.iterdir() if f.suffix.lower() == ".png")
    return {f.name: f for f in files if not f.name.startswith(".")}
