"""Volumes on disk and sliding windows: in whatever pieces they come, the loss is the whole's."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unifocal as uf
from tests.cases import LOSSES
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate.backends import Backend

SHAPE = (5, 7, 6)
IGNORED = 255
FLOAT64 = np.dtype("float64")
KINDS = ["cross_entropy", "dice", "unified_focal"]

Array = np.ndarray[Any, Any]


def volume(dtype: Any = FLOAT64) -> tuple[Array, Array]:
    """Logits (1, 3, 5, 7, 6), and labels of which a tenth, and all of a slab, is ignored."""
    rng = np.random.default_rng(21)
    logits = rng.normal(scale=2.0, size=(1, 3, *SHAPE)).astype(dtype)
    labels = rng.integers(0, 3, size=(1, *SHAPE)).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.1] = IGNORED
    labels[:, 3] = IGNORED
    return logits, labels


def one_shot(loss: str, logits: Array, labels: Array, **keywords: Any) -> tuple[Any, Any]:
    both = uf.value_and_grad(getattr(uf, loss))
    return both(logits, labels, ignore_index=IGNORED, **keywords)


# Files --------------------------------------------------------------------------------------------


@pytest.fixture(params=["npy", "nifti"])
def mapped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Any]:
    """The volume in files of which only what is asked for is read; classes last in NIfTI's."""
    logits, labels = volume()
    if request.param == "npy":
        for name, x in (("logits", logits), ("labels", labels)):
            np.save(tmp_path / name, x)
        return tuple(np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in ("logits", "labels"))
    nibabel = pytest.importorskip("nibabel")
    for name, x in (("logits", np.moveaxis(logits[0], 0, -1)), ("labels", labels[0])):
        nibabel.save(nibabel.Nifti1Image(x, np.eye(4)), tmp_path / f"{name}.nii")

    class Mapped:
        """A NIfTI file as (1, C, X, Y, Z) or (1, X, Y, Z), read by slices of X."""

        def __init__(self, name: str) -> None:
            self.proxy = nibabel.load(tmp_path / f"{name}.nii").dataobj

        def __getitem__(self, place: tuple[Any, ...]) -> Array:
            slab = np.asarray(self.proxy[place[-1]])
            return (np.moveaxis(slab, -1, 0) if slab.ndim == 4 else slab)[None]

    return Mapped("logits"), Mapped("labels")


@pytest.mark.parametrize("loss", KINDS)
def test_slabs_of_a_volume_on_disk(backend: Backend, mapped: tuple[Any, Any], loss: str) -> None:
    """Of different thickness, one of them ignored from end to end."""
    logits, labels = mapped
    slabs = [slice(a, b) for a, b in pairwise((0, 1, 3, 4, 5))]

    def read(slab: slice) -> list[Any]:
        cut = logits[:, :, slab], labels[:, slab]
        if backend is Backend.NUMPY:
            return list(cut)  # as it lies in the file
        return [backend.asarray(np.array(x)) for x in cut]

    whole = uf.Accumulator(getattr(uf, loss), ignore_index=IGNORED)
    for slab in slabs:
        whole.add(*read(slab))
    gradients = [np.asarray(whole.gradient(*read(slab))) for slab in slabs]
    wanted, gradient = one_shot(loss, *volume())
    assert_value(float(whole.value()), wanted, FLOAT64)
    assert_gradient(np.concatenate(gradients, axis=2), gradient, FLOAT64)


# Windows ------------------------------------------------------------------------------------------


def windows(size: int, step: int) -> list[tuple[slice, ...]]:
    """Cubes that slide over the volume; at its far faces they are cut off."""
    begins = [range(0, n, step) for n in SHAPE]
    return [tuple(slice(a, a + size) for a in corner) for corner in product(*begins)]


@pytest.mark.parametrize("size", [2, 3], ids=["side by side", "overlapping"])
@pytest.mark.parametrize("loss", LOSSES)
def test_sliding_windows(loss: str, size: int) -> None:
    """Where windows overlap, each has its share of a pixel's weight, and all shares are one pixel.

    A pixel's gradient is then the sum of what its windows give it.
    """
    logits, labels = volume()
    sliding, shares = windows(size, step=2), np.zeros(SHAPE)
    for window in sliding:
        shares[window] += 1
    assert shares.max() == (1 if size == 2 else 8)

    def piece(window: tuple[slice, ...]) -> dict[str, Array]:
        target = labels[:, *window]
        return {
            "logits": logits[:, :, *window],
            "target": target,
            "weight": 1 / shares[window][None],
        }

    whole, found = uf.Accumulator(getattr(uf, loss), ignore_index=IGNORED), np.zeros_like(logits)
    for window in sliding:
        whole.add(**piece(window))
    for window in sliding:
        found[:, :, *window] += whole.gradient(**piece(window))
    wanted, gradient = one_shot(loss, logits, labels)
    assert_value(float(whole.value()), wanted, FLOAT64)
    assert_gradient(found, gradient, FLOAT64)


# Borders ------------------------------------------------------------------------------------------

PIXELS = int(np.prod(SHAPE))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(cuts=st.sets(st.integers(1, PIXELS - 1), max_size=20), loss=st.sampled_from(LOSSES))
def test_borders_may_lie_anywhere(cuts: set[int], loss: str) -> None:
    """Under `precision="exact"` not a bit tells where they were."""
    logits, labels = (x.reshape(*x.shape[:-3], PIXELS) for x in volume(np.float32))
    pieces = [slice(a, b) for a, b in pairwise((0, *sorted(cuts), PIXELS))]
    keywords = {"ignore_index": IGNORED, "precision": "exact"}
    whole = uf.Accumulator(getattr(uf, loss), **keywords)
    for piece in pieces:
        whole.add(logits[..., piece], labels[:, piece])
    found = [whole.gradient(logits[..., piece], labels[:, piece]) for piece in pieces]
    wanted, gradient = one_shot(loss, logits, labels, precision="exact")
    assert whole.value() == wanted
    np.testing.assert_array_equal(np.concatenate(found, axis=-1), gradient)


def test_a_piece_may_be_freed_when_it_was_added(backend: Backend) -> None:
    logits, labels = (backend.asarray(x) for x in volume())
    whole = uf.Accumulator(uf.unified_focal, ignore_index=IGNORED)
    whole.add(logits, labels)
    added = weakref.ref(logits)
    del logits
    gc.collect()
    assert added() is None
    assert np.isfinite(float(whole.value()))
