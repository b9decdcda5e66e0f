"""The U-Nets, one definition for 2-D and 3-D, and the start that every backend shares."""

from benchmarks.reproduce.network.unet import ARCHITECTURES, build
from benchmarks.reproduce.network.weights import load_weights, write_initial_weights

__all__ = ["ARCHITECTURES", "build", "load_weights", "write_initial_weights"]
