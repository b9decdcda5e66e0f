"""The losses for NumPy: functions of logits and target."""

from unifocal_numpy.losses import *  # noqa: F403
from unifocal_numpy.losses import __all__ as __all__
