"""MONAI: class indices with an axis of length 1, one-hot by `to_onehot_y`."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import (
    AsymmetricUnifiedFocalLoss,
    DiceCELoss,
    DiceLoss,
    FocalLoss,
    TverskyLoss,
)
from monai.losses.unified_focal_loss import AsymmetricFocalLoss, AsymmetricFocalTverskyLoss

from benchmarks.conformance.peer import Array, Peer
from benchmarks.conformance.peers.torch_modules import evaluate, indices


def _run(loss: torch.nn.Module, logits: Array, target: Array) -> tuple[float, Array]:
    return evaluate(loss, logits, indices(target)[:, None])


def _dice(logits: Array, target: Array) -> Any:
    return _run(DiceLoss(softmax=True, to_onehot_y=True), logits, target)


def _squared_dice(logits: Array, target: Array) -> Any:
    return _run(DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True), logits, target)


def _tversky(logits: Array, target: Array, alpha: float, beta: float) -> Any:
    loss = TverskyLoss(softmax=True, to_onehot_y=True, alpha=alpha, beta=beta)
    return _run(loss, logits, target)


def _focal(logits: Array, target: Array, alpha: Any, gamma: float) -> Any:
    loss = FocalLoss(use_softmax=True, to_onehot_y=True, alpha=alpha, gamma=gamma)
    return _run(loss, logits, target)


def _sigmoid_focal(logits: Array, target: Array, alpha: Any, gamma: float) -> Any:
    return _run(FocalLoss(to_onehot_y=True, alpha=alpha, gamma=gamma), logits, target)


def _dice_ce(logits: Array, target: Array, alpha: float) -> Any:
    loss = DiceCELoss(softmax=True, to_onehot_y=True, lambda_ce=alpha, lambda_dice=1 - alpha)
    return _run(loss, logits, target)


def _asymmetric_focal(logits: Array, target: Array, delta: float, gamma: float) -> Any:
    return _run(AsymmetricFocalLoss(to_onehot_y=True, delta=delta, gamma=gamma), logits, target)


def _asymmetric_focal_tversky(logits: Array, target: Array, delta: float, gamma: float) -> Any:
    loss = AsymmetricFocalTverskyLoss(to_onehot_y=True, delta=delta, gamma=gamma)
    return _run(loss, logits, target)


def _unified_focal(logits: Array, target: Array, lam: float, delta: float, gamma: float) -> Any:
    loss = AsymmetricUnifiedFocalLoss(to_onehot_y=True, weight=lam, delta=delta, gamma=gamma)
    return _run(loss, logits, target)


def _peer(call: str, loss: str, function: Any) -> Peer:
    return Peer("MONAI", "monai", call, loss, function)


PEERS = [
    _peer("DiceLoss(softmax=True)", "dice", _dice),
    _peer("DiceLoss(softmax=True, squared_pred=True)", "dice", _squared_dice),
    _peer("TverskyLoss(softmax=True, alpha=α, beta=β)", "tversky", _tversky),
    _peer("FocalLoss(use_softmax=True, alpha=α, gamma=γ)", "focal", _focal),
    _peer("FocalLoss(alpha=α, gamma=γ)", "focal", _sigmoid_focal),
    _peer("DiceCELoss(softmax=True, lambda_ce=α, lambda_dice=1 − α)", "combo", _dice_ce),
    _peer("AsymmetricFocalLoss(delta=δ, gamma=γ)", "asymmetric_focal", _asymmetric_focal),
    _peer(
        "AsymmetricFocalTverskyLoss(delta=δ, gamma=γ)",
        "asymmetric_focal_tversky",
        _asymmetric_focal_tversky,
    ),
    _peer(
        "AsymmetricUnifiedFocalLoss(weight=λ, delta=δ, gamma=γ)", "unified_focal", _unified_focal
    ),
]
