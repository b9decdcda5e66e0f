"""The losses for TensorFlow: functions of logits and target."""

from unifocal_tensorflow.losses import *  # noqa: F403
from unifocal_tensorflow.losses import __all__ as __all__
