"""The array names a definition may use.

A loss definition is elementwise: it sees one pixel of one class, or the sums of one class, and
never an axis. The reference evaluation, which goes from logits to the loss, needs a few names
more. Both sets are Array API names, so NumPy, array-api-strict, PyTorch, JAX, TensorFlow (through
`unifocal_tensorflow.namespace`), mpmath and SymPy can all serve as `xp`.
"""

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
        "float64",
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
