"""The losses for PyTorch: functions of logits and target, and one `nn.Module` per loss."""

from unifocal.dispatch import require

require("torch")

from unifocal_torch import losses, modules  # noqa: E402
from unifocal_torch.losses import *  # noqa: E402, F403
from unifocal_torch.modules import *  # noqa: E402, F403
from unifocal_torch.numba_engine import use_numba  # noqa: E402
from unifocal_torch.triton_engine import use_triton  # noqa: E402

__all__ = [*losses.__all__, *modules.__all__, "use_numba", "use_triton"]
