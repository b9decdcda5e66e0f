"""PyTorch's own cross-entropy, plain and with its options under our names."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from benchmarks.conformance.peer import Array, Peer
from benchmarks.conformance.peers.torch_modules import evaluate


def _cross_entropy(logits: Array, target: Array) -> Any:
    return evaluate(functional.cross_entropy, logits, torch.from_numpy(target))


def _with_options(
    logits: Array,
    target: Array,
    *,
    class_weights: list[float] | None = None,
    ignore_index: int | None = None,
) -> Any:
    weight = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float64)
    ignored = -100 if ignore_index is None else ignore_index

    def loss(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(z, t, weight=weight, ignore_index=ignored)

    return evaluate(loss, logits, torch.from_numpy(target))


def _peer(call: str, function: Any) -> Peer:
    return Peer("PyTorch", "torch", call, "cross_entropy", function)


PEERS = [
    _peer("cross_entropy()", _cross_entropy),
    _peer("cross_entropy(weight=class weights, ignore_index=index)", _with_options),
]
