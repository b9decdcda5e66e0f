"""The names a definition may use, and those it may not take.

A loss definition is elementwise: it sees one pixel of one class, or the sums of one class, and
never an axis. The reference evaluation, which goes from logits to the loss, needs a few names
more. Both sets are Array API names, so NumPy, array-api-strict, PyTorch, JAX, TensorFlow (through
`unifocal_tensorflow.namespace`), mpmath and SymPy can all serve as `xp`.
"""

from typing import Any

ELEMENTWISE = frozenset(
    {
        "abs",
        "cos",
        "cosh",
        "exp",
        "expm1",
        "log",
        "log1p",
        "maximum",
        "minimum",
        "pow",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "square",
        "tanh",
        "where",
    }
)
"""What the pixel term, the region term and the combination of a loss may call."""

STRUCTURE = frozenset(
    {
        "arange",
        "argmax",
        "asarray",
        "astype",
        "bool",
        "broadcast_to",
        "concat",
        "expand_dims",
        "int64",
        "logical_and",
        "logical_or",
        "mean",
        "moveaxis",
        "ones",
        "reshape",
        "sum",
        "zeros_like",
    }
)
"""What the reference evaluation may call besides."""

OPTIONS: dict[str, Any] = {
    "axis": 1,
    "activation": "softmax",
    "weight": None,
    "ignore_index": None,
    "class_weights": None,
    "include_background": True,
    "absent": "include",
    "over": "sample",
    "reduction": "mean",
    "class_reduction": "mean",
    "smooth": 1e-5,
    "precision": "native",
}
"""The keywords common to every loss, with their defaults: no hyperparameter may be called so."""
