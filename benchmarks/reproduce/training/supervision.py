"""Deep supervision: every head is trained, on labels of its own resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Objective = Callable[[Any, Any], Any]
"""The loss of labels and of what the network gives: logits, or those of every head."""


def head_weights(kind: str, heads: int) -> list[float]:
    """What each head's loss is multiplied by, full resolution first.

    ``paper`` is eq. 22 as printed, 2^−(stride length × stride width), a level's stride being
    2^level: from the third head on next to nothing, and the depth of a volume does not count.
    ``nnunet`` is 2^−level, normalised.
    """
    if kind == "paper":
        return [2.0 ** -(4**level) for level in range(heads)]
    if kind == "nnunet":
        total = sum(2.0**-level for level in range(heads))
        return [2.0**-level / total for level in range(heads)]
    raise ValueError(f"deep_supervision must be none, paper or nnunet, got {kind!r}")


def subsampled(labels: Any, logits: Any) -> Any:
    """Every n-th label along each axis, so many as there are logits."""
    strides = (a // b for a, b in zip(labels.shape[1:], logits.shape[1:-1], strict=True))
    return labels[(slice(None), *(slice(None, None, stride) for stride in strides))]


def objective(loss: Callable[[Any, Any], Any], deep_supervision: str) -> Objective:
    """``loss`` on the only head, or the weighted sum over all heads."""
    if deep_supervision == "none":
        return loss

    def of_all_heads(labels: Any, heads: Sequence[Any]) -> Any:
        weights = head_weights(deep_supervision, len(heads))
        return sum(w * loss(subsampled(labels, h), h) for w, h in zip(weights, heads, strict=True))

    return of_all_heads
