"""PyTorch: half precision, autocast, memory formats, and what is kept for backward."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import unifocal  # noqa: E402
import unifocal_torch as ut  # noqa: E402
from tests.backends.arrays import NAMES, relative, unbalanced_volume, volume  # noqa: E402
from unifocal_torch import blocks  # noqa: E402

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
EVERY_LOSS = pytest.mark.parametrize("name", NAMES)


def _tensors(*spatial: int, **keywords: int) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, volume(*(spatial or (5, 6)), **keywords)))


def _value_and_grad(loss, logits, *arguments, **keywords):
    logits = logits.detach().requires_grad_()
    value = loss(logits, *arguments, **keywords)
    value.backward()
    return value.detach(), logits.grad


# Half precision -----------------------------------------------------------------------------------


@HALF
@EVERY_LOSS
def test_half_precision_is_for_storage_only(name, dtype):
    """The loss of rounded logits is exact for them; only its gradient is rounded, once."""
    z, t = _tensors(16, 16)
    z, loss = z.to(dtype), getattr(ut, name)
    value, gradient = _value_and_grad(loss, z, t)
    full_value, full_gradient = _value_and_grad(loss, z.float(), t)
    assert value.dtype == torch.float32
    assert relative(value, full_value) <= 1e-6
    assert gradient.dtype == dtype
    assert torch.equal(gradient, full_gradient.to(dtype))


@HALF
def test_autocast(dtype):
    z, t = _tensors(16, 16)
    layer = torch.nn.Conv2d(3, 3, 1)
    with torch.autocast("cpu", dtype):
        logits = layer(z)
        value = ut.UnifiedFocalLoss()(logits, t)
    assert (logits.dtype, value.dtype) == (dtype, torch.float32)
    assert relative(value.detach(), ut.unified_focal(logits.detach().double(), t)) <= 1e-6
    value.backward()
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.isfinite().all()


def test_half_precision_sums_do_not_overflow():
    """float16 ends at 65504, fewer than the pixels here."""
    z = torch.zeros(1, 2, 300, 300, dtype=torch.float16)
    t = torch.zeros(1, 300, 300, dtype=torch.int64)
    assert relative(ut.cross_entropy(z, t), np.log(2.0)) <= 1e-6


# Memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda z: z.to(memory_format=torch.channels_last),
    lambda z: z.transpose(2, 3).contiguous().transpose(2, 3),
    lambda z: torch.stack((z, z), dim=-1)[..., 0],
    lambda z: torch.cat((z, z), dim=1)[:, :3],
], ids=["channels_last", "transposed", "strided", "sliced"])  # fmt: skip
def test_memory_formats_do_not_change_the_result(make):
    z, t = _tensors(7, 9)
    assert not make(z).is_contiguous()
    value, gradient = _value_and_grad(ut.unified_focal, make(z), t)
    wanted = _value_and_grad(ut.unified_focal, z, t)
    assert torch.equal(value, wanted[0])
    assert torch.equal(gradient, wanted[1])


@EVERY_LOSS
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_backward_keeps_logits_labels_and_small_sums(name, activation):
    channels = 1 if activation == "sigmoid" else 3
    z, t = _tensors(64, 64, classes=channels)
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x)
    with hooks:
        getattr(ut, name)(z.requires_grad_(), t.to(torch.uint8), activation=activation)
    assert sum(x.nbytes for x in kept) <= z.nbytes + t.numel() + 4096


@pytest.mark.parametrize("block", [1, 7, 100, 1 << 30])
@EVERY_LOSS
def test_block_size_does_not_matter(name, block, monkeypatch):
    z, t = _tensors(11, 5)
    wanted = _value_and_grad(getattr(ut, name), z, t)
    monkeypatch.setattr(blocks, "BLOCK", block)
    value, gradient = _value_and_grad(getattr(ut, name), z, t)
    assert relative(value, wanted[0]) <= 1e-6
    assert relative(gradient, wanted[1]) <= 1e-6


@EVERY_LOSS
def test_float32_sums_of_a_large_volume(name):
    z, t = map(torch.from_numpy, unbalanced_volume(axis=1))
    wanted = getattr(unifocal, name)(z.double().numpy(), t.numpy())
    assert relative(getattr(ut, name)(z, t), wanted) <= 1e-6


@pytest.mark.parametrize("side", [8, 1024], ids=["small", "large"])
def test_a_gradient_lies_in_memory_as_the_logits_do(side):
    """Also one that is large enough for large pages; a network would otherwise copy it."""
    z, t = _tensors(side, side)
    z = z.to(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(ut.dice(z, t), z)
    assert gradient.stride() == z.stride()
    wanted = unifocal.value_and_grad(unifocal.dice)(z.detach().numpy(), t.numpy())[1]
    assert relative(gradient, wanted) <= 1e-6


# Pieces -------------------------------------------------------------------------------------------


def test_pieces_are_not_recorded_by_autograd():
    """Sums that require a gradient would hold every piece in memory."""
    z, t = _tensors()
    total = unifocal.Accumulator(unifocal.unified_focal)
    total.add(z.requires_grad_(), t)
    assert not total.value().requires_grad
    assert not total.gradient(z, t).requires_grad


def test_blocks_are_for_the_processor_alone(monkeypatch):
    """On an accelerator, and for a compiler, all pixels are one block."""
    z = torch.empty(2, 3, blocks.BLOCK, device="meta")
    assert blocks.cut(z) == [slice(None)]
    on_processor = torch.empty(2, 3, blocks.BLOCK)
    assert len(blocks.cut(on_processor)) == 7
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert blocks.cut(on_processor) == [slice(None)]
