"""What Numba's and Triton's kernels are both held to; each of their test files asks for all of it.

A file that imports these tests has a fixture `way`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import unifocal as uf
import unifocal_torch as ut
from tests.backends.arrays import KINDS, NAMES, volume
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import golden
from unifocal.certificate.golden import Golden
from unifocal_spec import OPTIONS
from unifocal_torch import engine
from unifocal_torch.engine import evaluate
from unifocal_torch.losses import KERNELS

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
EVERY_KIND = pytest.mark.parametrize("name", KINDS)
GOLDEN = [v for loss in NAMES for v in golden.load(loss) if v.keywords["activation"] != "none"]
"""Kernels leave probabilities to tensor code."""


@dataclass
class Way:
    """A way through kernels, and how often they were called."""

    engine: ModuleType
    use: Callable[[bool | None], None]
    device: str = "cpu"
    sums: int = 0
    gradients: int = 0

    @contextmanager
    def taken(self) -> Iterator[Way]:
        """Let the kernels take what they cover, and count their calls from 0."""
        self.sums = self.gradients = 0
        pixel_sums, gradient = self.engine.pixel_sums, self.engine.gradient

        def counted_sums(*arguments: Any) -> Any:
            self.sums += 1
            return pixel_sums(*arguments)

        def counted_gradient(*arguments: Any) -> Any:
            self.gradients += 1
            return gradient(*arguments)

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(self.engine, "pixel_sums", counted_sums)
            monkeypatch.setattr(self.engine, "gradient", counted_gradient)
            self.use(True)
            yield self
            self.use(None)

    @property
    def calls(self) -> tuple[int, int]:
        """How often the kernels were called, for sums and for gradients."""
        return self.sums, self.gradients

    def run(
        self, name: str, z: Any, t: Any, weight: torch.Tensor | None = None, **keywords: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value and gradient of a loss."""
        z = torch.as_tensor(z).detach().to(self.device).requires_grad_()
        weight = None if weight is None else weight.to(self.device)
        t = torch.as_tensor(t).to(self.device)
        value = getattr(ut, name)(z, t, weight=weight, **keywords)
        value.sum().backward()
        return value.detach().cpu(), z.grad.cpu()

    def blocks(self, *arguments: Any, **keywords: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Run without the kernels."""
        self.use(False)
        both = self.run(*arguments, **keywords)
        self.use(True)
        return both

    def hold_to_blocks(self, *arguments: Any, **keywords: Any) -> None:
        """The kernels take both passes, and find what tensor code does."""
        before = self.calls
        wanted = self.blocks(*arguments, **keywords)
        assert self.calls == before
        found = self.run(*arguments, **keywords)
        assert self.calls == (before[0] + 1, before[1] + 1)
        for x, y, rtol, atol in zip(found, wanted, (1e-12, 1e-10), (1e-14, 1e-15), strict=True):
            assert x.dtype == y.dtype
            torch.testing.assert_close(x, y, rtol=rtol, atol=atol)

    def run_golden(
        self, vector: Golden, dtype: str, precision: str = "native"
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value and gradient of a golden vector, by the kernels."""
        kind = getattr(torch, dtype)
        z, t, w = (
            None if x is None else torch.tensor(x)
            for x in (vector.logits, vector.target, vector.weight)
        )
        t = t.to(kind) if t.is_floating_point() else t
        w = None if w is None else w.to(kind)
        before = self.calls
        both = self.run(
            vector.loss, z.to(kind), t, weight=w, precision=precision, **vector.keywords
        )
        assert self.calls == (before[0] + 1, before[1] + 1)
        return both


def vector_name(vector: Golden) -> str:
    """The name of a test."""
    return f"{vector.loss}, {vector.name}"


def doubles(*spatial: int, **keywords: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Float64 logits, and labels."""
    z, t = volume(*spatial, **keywords)
    return torch.from_numpy(z).double(), torch.from_numpy(t)


# What they compute --------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values_of_float32_terms(
    way: Way, vector: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of many pixels: so few would be summed in float64."""
    monkeypatch.setattr(engine, "sums_dtype", lambda *call: call[2].dtype)
    value, gradient = way.run_golden(vector, "float32")
    assert_value(value.sum(), float(vector.value), np.dtype("float32"))
    assert_gradient(gradient.numpy(), vector.gradient.astype(float), np.dtype("float32"))


@EVERY_KIND
def test_labels_and_weights_of_any_dtype(way: Way, name: str) -> None:
    z, t = doubles(9, 5, classes=2)
    way.hold_to_blocks(name, z, t.bool(), weight=torch.rand(5) > 0.3, class_weights=[0.5, 2.0])
    for label in (torch.uint8, torch.int32):
        way.hold_to_blocks(name, z, t.to(label), weight=torch.randint(3, (2, 1, 5)))


@EVERY_KIND
def test_nan_logits_are_nan(way: Way, name: str) -> None:
    z, t = doubles(4)
    z[0, 1, 2] = float("nan")
    value, gradient = way.run(name, z, t, reduction="none")
    assert value.isnan().tolist() == [True, False]
    assert gradient[0, :, 2].isnan().all()
    assert gradient[1].isfinite().all()


@EVERY_KIND
def test_ignored_pixels_may_hold_anything(way: Way, name: str) -> None:
    z, t = doubles(9, 5)
    t[:, 3] = -1
    z[:, :, 3] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e300, 0])
    way.hold_to_blocks(name, z, t, ignore_index=-1)
    gradient = way.run(name, z, t, ignore_index=-1)[1]
    assert (gradient[:, :, 3] == 0).all()


@EVERY_KIND
def test_strides_are_followed(way: Way, name: str) -> None:
    """Neither classes last nor every other pixel is copied; a gradient has the logits' strides."""
    z, t = doubles(6, 7, axis=-1)
    way.hold_to_blocks(name, z, t, axis=-1)
    z, t = doubles(6, 14)
    way.hold_to_blocks(name, z[..., ::2], t[..., ::2])


@EVERY_KIND
def test_options(way: Way, name: str) -> None:
    z, t = doubles(6, 7)
    left_out = {"include_background": False, "absent": "skip", "class_reduction": "sum"}
    way.hold_to_blocks(name, z, t, over="batch", **left_out)
    soft = torch.rand(2, 3, 6, 7, dtype=torch.float64)
    way.hold_to_blocks(name, z, soft, activation="sigmoid", weight=torch.rand(6, 7))
    way.hold_to_blocks(name, z, soft)


def test_delta_near_one_keeps_its_digits(way: Way) -> None:
    """1 − δ is a number of Python's, not a difference in float32."""
    z, t = volume(8, 8)
    keywords = {"delta": 1 - 1e-6, "rare": [], "lam": 1.0}
    wanted, slope = way.blocks("unified_focal", z.astype(float), t, **keywords)
    value, gradient = way.run("unified_focal", z, t, **keywords)
    assert way.sums == 1
    assert float(value) == pytest.approx(float(wanted), rel=2.4e-7)
    assert (gradient - slope).abs().max() <= 5e-6 * slope.abs().max()


@EVERY_KIND
def test_repetition_gives_the_same_bits(way: Way, name: str) -> None:
    z, t = volume(40, 30)
    first, second = way.run(name, z, t), way.run(name, z, t)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# When they are taken ------------------------------------------------------------------------------


def test_functional_gradients(way: Way) -> None:
    z, t = doubles(4)
    on_device = t.to(way.device)
    found = torch.func.grad(lambda z: ut.unified_focal(z, on_device))(z.to(way.device))
    assert way.calls == (1, 1)
    torch.testing.assert_close(found.cpu(), way.blocks("unified_focal", z, t)[1])


def test_pieces(way: Way) -> None:
    """The sums and the gradient of a piece take the kernels too."""
    z, t = (x.to(way.device) for x in doubles(6))
    whole = uf.Accumulator(uf.unified_focal)
    whole.add(z[..., :4], t[..., :4])
    whole.add(z[..., 4:], t[..., 4:])
    gradient = whole.gradient(z[..., 4:], t[..., 4:])
    assert way.calls == (2, 1)
    wanted = way.blocks("unified_focal", z, t)
    torch.testing.assert_close(whole.value().cpu(), wanted[0])
    torch.testing.assert_close(gradient.cpu(), wanted[1][..., 4:])


def test_probabilities_and_no_pixels_are_left_to_tensor_code(way: Way) -> None:
    z, t = doubles(4)
    way.run("unified_focal", torch.softmax(z, 1), t, activation="none")
    way.run("dice", torch.zeros(2, 3, 0), torch.zeros(2, 0, dtype=torch.int64))
    assert way.calls == (0, 0)


def test_losses_of_others_are_left_to_tensor_code(way: Way) -> None:
    """A kernel of the same name may have another pixel term."""
    z, t = (x.to(way.device) for x in doubles(4))
    kernel = replace(KERNELS["dice"])
    options = {**OPTIONS, "hyper": {n: h.default for n, h in kernel.hyperparameters.items()}}
    evaluate(kernel, z, t, **options)
    assert way.calls == (0, 0)


def test_vmap_is_left_to_tensor_code(way: Way) -> None:
    z, t = (x.to(way.device) for x in doubles(4, samples=6))
    split = z.reshape(3, 2, 3, 4), t.reshape(3, 2, 4)
    found = torch.vmap(ut.unified_focal)(*split)
    assert way.calls == (0, 0)
    pairs = zip(*split, strict=True)
    wanted = torch.stack([way.blocks("unified_focal", *pair)[0] for pair in pairs])
    torch.testing.assert_close(found.cpu(), wanted)
