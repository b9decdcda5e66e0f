"""segmentation-models-pytorch: its losses in the mode "multiclass".

Only the folder of losses is imported: the package itself imports torchvision and timm, which the
losses do not use.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.conformance.peer import Array, Peer
from benchmarks.conformance.peers.torch_modules import evaluate, indices

PACKAGE = "segmentation_models_pytorch"


def _losses() -> ModuleType:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    folder = Path(found.origin).parent / "losses"
    spec = spec_from_file_location(
        f"{PACKAGE}_losses", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


losses = _losses()


def _dice(logits: Array, target: Array) -> Any:
    return evaluate(losses.DiceLoss("multiclass"), logits, indices(target))


def _tversky(logits: Array, target: Array, alpha: float, beta: float) -> Any:
    loss = losses.TverskyLoss("multiclass", alpha=alpha, beta=beta)
    return evaluate(loss, logits, indices(target))


def _focal_tversky(logits: Array, target: Array, alpha: float, beta: float, gamma: float) -> Any:
    loss = losses.TverskyLoss("multiclass", alpha=alpha, beta=beta, gamma=gamma)
    return evaluate(loss, logits, indices(target))


def _focal(logits: Array, target: Array, alpha: float, gamma: float) -> Any:
    loss = losses.FocalLoss("multiclass", alpha=alpha, gamma=gamma)
    return evaluate(loss, logits, indices(target))


def _peer(call: str, loss: str, function: Any) -> Peer:
    return Peer("segmentation-models-pytorch", PACKAGE, call, loss, function)


PEERS = [
    _peer('DiceLoss("multiclass")', "dice", _dice),
    _peer('TverskyLoss("multiclass", alpha=α, beta=β)', "tversky", _tversky),
    _peer('TverskyLoss("multiclass", alpha=α, beta=β, gamma=γ)', "focal_tversky", _focal_tversky),
    _peer('FocalLoss("multiclass", alpha=α, gamma=γ)', "focal", _focal),
]
