"""PyTorch: the names that behave differently on an accelerator, and under a compiler."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from unifocal_torch import namespace  # noqa: E402


def test_what_has_no_values_is_not_looked_at():
    there, elsewhere = torch.zeros(2), torch.zeros(2, device="meta")
    assert namespace._in_memory(there)
    assert not namespace._in_memory(elsewhere)
    assert namespace.vector((1.0, 2.0), elsewhere).device == elsewhere.device
    assert namespace.arange_like(3, elsewhere).device == elsewhere.device


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_large_memory_is_laid_out_as_it_is_asked_for(monkeypatch, dtype):
    x = torch.zeros(2, 3, 4, 5, dtype=dtype).to(memory_format=torch.channels_last)
    for large in (1, 10**6):
        monkeypatch.setattr(namespace, "LARGE", large)
        found = namespace.empty_like(x)
        assert (found.shape, found.stride(), found.dtype) == (x.shape, x.stride(), dtype)
        assert (found.fill_(7) == 7).all()


@pytest.mark.parametrize("compiling", [False, True])
def test_expm1_keeps_its_digits_everywhere(monkeypatch, compiling):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    half = np.geomspace(1e-300, 700, 5000)
    x = np.concatenate([-half, [-1.0, 0.0, 1.0], half])
    found = namespace.expm1(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, np.expm1(x), rtol=1e-15, atol=0)


@pytest.mark.parametrize("few", [0, 8])
@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_where_chooses_the_same_bits(monkeypatch, dtype, compiling, few):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    monkeypatch.setattr(namespace, "FEW", few)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-40, 1.5, -2.0])
    x, y = special.to(dtype), special.flip(0).to(dtype)
    chosen = torch.arange(8) % 3 == 0
    found = namespace.where(chosen, x, y)
    wanted = torch.stack([x[i] if chosen[i] else y[i] for i in range(8)])
    assert found.numpy().tobytes() == wanted.numpy().tobytes()
