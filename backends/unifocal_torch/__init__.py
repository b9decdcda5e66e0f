"""The losses for PyTorch: functions of logits and target, and one `nn.Module` per loss."""

from unifocal_torch import losses, modules
from unifocal_torch.losses import *  # noqa: F403
from unifocal_torch.modules import *  # noqa: F403

__all__ = [*losses.__all__, *modules.__all__]
