"""The losses for TensorFlow: functions of logits and target."""

from unifocal.dispatch import require

require("tensorflow")

from unifocal_tensorflow import losses  # noqa: E402
from unifocal_tensorflow.losses import *  # noqa: E402, F403
from unifocal_tensorflow.xla import use_xla  # noqa: E402

__all__ = [*losses.__all__, "use_xla"]
