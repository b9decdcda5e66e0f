"""One process holds all frameworks: PyTorch first, TensorFlow after it, and no log noise."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

try:
    import torch
except ModuleNotFoundError:
    pass
else:
    torch.set_num_threads(1)  # pytest-xdist uses the other cores
