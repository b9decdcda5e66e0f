"""The loss of a volume that does not fit in memory, and its gradient, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unifocal.dispatch import backend_of, load_backend, native_code, split_keywords


class Accumulator:
    """The loss of many pieces as if they were one array, exactly: its sums are added up.

    Feed the pieces to `add`, in any order; `value` is then the loss of the whole, and `gradient`
    of a piece that part of the whole's gradient that belongs to its logits. Nothing is kept but a
    few sums per class, so a piece may be freed as soon as it was added.

    With `over="sample"` every piece holds the same samples, each in the same place, and other
    pixels of them. With `over="batch"` pieces may be any samples and pixels: all are one region.

    `loss` is a function of this package, such as `unifocal.dice`, or what `unifocal.compile`
    returned; the keywords are its own, but for `weight`, which comes with each piece.

    >>> import numpy as np, unifocal as uf
    >>> logits, target = np.zeros((1, 2, 6)), np.array([[0, 0, 0, 1, 1, 1]])
    >>> pieces = [(logits[..., i : i + 2], target[:, i : i + 2]) for i in (0, 2, 4)]
    >>> whole = uf.Accumulator(uf.dice)
    >>> for piece in pieces:
    ...     whole.add(*piece)
    >>> float(whole.value()) == float(uf.dice(logits, target))
    True
    >>> whole.gradient(*pieces[0]).shape
    (1, 2, 2)
    """

    def __init__(self, loss: Callable[..., Any], **keywords: Any) -> None:
        if "weight" in keywords:
            raise TypeError("weight comes with each piece: add(logits, target, weight=weight)")
        self._code = native_code(loss)
        options, self._hyper = split_keywords(keywords)
        del options["weight"]
        self._options = options
        self._backend = ""
        self._plan: Any = None
        self._sums: Any = None
        self._like: Any = None

    def add(self, logits: Any, target: Any, *, weight: Any = None) -> None:
        """Add the sums of a piece to those of the pieces before it."""
        backend = backend_of(logits)
        if self._sums is not None and backend != self._backend:
            raise TypeError(f"logits must be an array of {self._backend}, got one of {backend}")
        engine = load_backend(backend)
        plan, sums = engine.piece_sums(
            self._code(backend), logits, target, weight=weight, **self._keywords()
        )
        if self._sums is not None:
            self._check(plan, sums)
            sums = engine.add_sums(self._sums, sums)
        self._backend, self._plan, self._sums = backend, plan, sums
        # The dtype of the loss: an array of its own, for a slice would keep the piece in memory.
        self._like = load_backend(backend, "namespace").zeros_like(logits[:0])

    def value(self) -> Any:
        """Return the loss of all pieces that were added."""
        engine = load_backend(self._added())
        return engine.loss_of_sums(self._code(self._backend), self._plan, self._sums, self._like)

    def gradient(self, logits: Any, target: Any, *, weight: Any = None) -> Any:
        """Return the gradient of `value()` by the logits of a piece that was added."""
        engine = load_backend(self._added())
        return engine.piece_gradient(
            self._code(self._backend),
            self._sums,
            logits,
            target,
            weight=weight,
            **self._keywords(),
        )

    def _keywords(self) -> dict[str, Any]:
        return {"hyper": self._hyper, **self._options}

    def _added(self) -> str:
        if self._sums is None:
            raise ValueError("no piece was added: call add(logits, target) first")
        return self._backend

    def _check(self, plan: Any, sums: Any) -> None:
        """Pieces of one whole have the same classes and, if samples are regions, samples."""
        if plan != self._plan:
            raise ValueError(
                f"logits must have {self._plan.channels} channels along axis {self._plan.axis} and "
                f"target the same form in every piece, got {plan.channels} along {plan.axis}"
            )
        wanted, got = self._sums.weight.shape[0], sums.weight.shape[0]
        if got != wanted:
            raise ValueError(
                f"logits must hold the same {wanted} samples in every piece, got {got}; "
                'with over="batch" pieces may be any samples'
            )
