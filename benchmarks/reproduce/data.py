"""Images and masks in the UDIAT layout, and which case is in which fold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from sklearn.model_selection import KFold, train_test_split

from benchmarks.reproduce.settings import FOLDS

# (images, masks), as the data set is found on disk
LAYOUTS = (
    ("original", "GT"),
    ("original", "gt"),
    ("Benign", "Benign_mask"),
    ("Malignant", "Malignant_mask"),
)


class DatasetError(ValueError):
    """A data set that is not what the layout promises; the message names the file."""


@dataclass(frozen=True)
class Dataset:
    """Standardised images (N, size, size, 1) with index masks (N, size, size)."""

    name: str
    cases: tuple[str, ...]
    images: NDArray[np.float32]
    masks: NDArray[np.uint8]

    def fingerprint(self) -> str:
        """Equal for equal pixels, so that results name the data they were measured on."""
        digest = hashlib.sha256(self.images.tobytes())
        digest.update(self.masks.tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Split:
    """Case numbers of one fold."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def find_pairs(root: Path) -> dict[str, tuple[Path, Path]]:
    """Every case's image and mask, by case name."""
    pairs: dict[str, tuple[Path, Path]] = {}
    present = [(i, m) for i, m in LAYOUTS if (root / i).is_dir() and (root / m).is_dir()]
    if not present:
        raise DatasetError(f"{root}: expected folders 'original' and 'GT' with one PNG per case")
    for image_folder, mask_folder in present:
        images, masks = _pngs(root / image_folder), _pngs(root / mask_folder)
        for name in sorted(images.keys() ^ masks.keys()):
            missing, found = (mask_folder, images) if name in images else (image_folder, masks)
            raise DatasetError(f"{root / missing / name}: expected, to go with {found[name]}")
        prefix = "" if image_folder == "original" else f"{image_folder}/"
        pairs |= {prefix + Path(n).stem: (images[n], masks[n]) for n in sorted(images)}
    if not pairs:
        raise DatasetError(f"{root / present[0][0]}: expected at least one PNG")
    return pairs


def _pngs(folder: Path) -> dict[str, Path]:
    files = (f for f in folder.iterdir() if f.suffix.lower() == ".png")
    return {f.name: f for f in files if not f.name.startswith(".")}


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DatasetError(f"{path}: expected a readable PNG ({error})") from error


def read_mask(path: Path) -> Image.Image:
    """The mask as it is on disk, 0 and 255; anything between would need a guess."""
    mask = _open(path).convert("L")
    unexpected = np.setdiff1d(np.asarray(mask), [0, 255])
    if unexpected.size:
        raise DatasetError(f"{path}: expected a mask of 0 and 255 only, found {unexpected[0]}")
    return mask


def read_case(
    image_path: Path, mask_path: Path, size: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """One case at the network's size: image with mean 0 and SD 1, mask of 0 and 1."""
    image, mask = _open(image_path), read_mask(mask_path)
    if image.size != mask.size:
        raise DatasetError(
            f"{mask_path}: expected {image.width} x {image.height} pixels like {image_path}, "
            f"found {mask.width} x {mask.height}"
        )
    grey = image if image.mode.startswith(("I", "F")) else image.convert("L")
    small = grey.convert("F").resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, dtype=np.float64)
    if pixels.std() == 0:
        raise DatasetError(f"{image_path}: expected an image, found a constant {pixels.flat[0]}")
    standard = (pixels - pixels.mean()) / pixels.std()
    share = np.asarray(mask.convert("F").resize((size, size), Image.Resampling.BILINEAR))
    return standard.astype(np.float32), (share >= 127.5).astype(np.uint8)


def read_dataset(root: Path, size: int) -> Dataset:
    """The whole data set in memory, in the order of the case names."""
    pairs = find_pairs(root)
    if len(pairs) < 2 * FOLDS:
        raise DatasetError(f"{root}: expected at least {2 * FOLDS} cases, found {len(pairs)}")
    images, masks = zip(*(read_case(*pair, size) for pair in pairs.values()), strict=True)
    return Dataset(root.resolve().name, tuple(pairs), np.stack(images)[..., None], np.stack(masks))


def split(cases: int, fold: int, seed: int, validation: float) -> Split:
    """One random assignment for all losses: fold ``fold`` of five tests, a share validates."""
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    rest, test = list(folds.split(np.arange(cases)))[fold]
    train, valid = train_test_split(rest, test_size=validation, random_state=seed + fold)
    return Split(np.sort(train), np.sort(valid), test)


def batches(train: NDArray[np.int64], batch: int, epoch: int, seed: int) -> list[NDArray[np.int64]]:
    """The case numbers of each step of an epoch: NumPy's order, hence the same on every backend."""
    order = np.random.default_rng([seed, epoch]).permutation(train)
    size = min(batch, len(order))
    return list(order[: len(order) // size * size].reshape(-1, size))
