"""The losses for TensorFlow: functions of logits and target."""

from unifocal.dispatch import require

require("tensorflow")

from unifocal_tensorflow.losses import *  # noqa: E402, F403
from unifocal_tensorflow.losses import __all__ as __all__  # noqa: E402
