"""Numba's kernels: one pass over the pixels for the sums, and one for the gradient.

A task is a block of pixels of one problem (sample × sigmoid channel). It goes through them a row of
WIDTH pixels at a time; what is computed of a row stays in the processor's nearest cache, class by
class in arrays (classes, WIDTH). So loops run over neighbouring pixels, and become vector
instructions. A kernel does the tasks from `first` to `last`; others may do theirs meanwhile.

They compute what `unifocal.engine.probabilities` and `unifocal.engine.pixels` do, and as carefully:
what is small is summed, never got as a difference.

Arguments of both kernels: the number of `channels` and of `pixels`; logits z and target t,
(N, C, M) or (N, M), and weight w, (N, M), as `numba_memory` knows arrays; `index`, whether the
target holds class indices; `table`, class weights and coefficients, (1 + COUNT, classes), in the
dtype of arithmetic;
`term`, the number of the pixel term in `numba_terms`, or −1; `region`, whether there is a region
term; `sigmoid`, whether a channel is a problem of its own; `weighted`, whether there is a weight,
else w is not read; `ignoring`, whether the label `ignore` is ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit

from unifocal_torch import numba_halves, numba_math, numba_memory, numba_terms
from unifocal_torch.numba_math import exp, log
from unifocal_torch.numba_memory import read_integers, read_numbers, write_numbers
from unifocal_torch.numba_terms import (
    GRADIENT_READS,
    VALUE_READS,
    pixel_gradients,
    pixel_values,
)

WIDTH = 256
"""Pixels in a row."""

BLOCK = 1 << 14
"""Pixels in a task."""

COLUMNS = 3
"""Sums that are not per class: W, the labels out of range, and the pixel sum."""

SOURCES = hashlib.sha256(
    b"".join(
        Path(module.__file__).read_bytes()
        for module in (numba_halves, numba_math, numba_memory, numba_terms)
    )
).hexdigest()
"""What kernels are compiled from but for this file, whose changes Numba's cache sees by itself."""

row_function = numba_math.inner

# Adding may take place in any order, as vector instructions need; nothing else may be rearranged.
summing_function = numba_math.inner(fastmath={"reassoc"})


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel, or find it in Numba's cache on disk, which goes by names."""
    function.__qualname__ += f"_{SOURCES[:16]}"
    return njit(error_model="numpy", nogil=True, cache=True)(function)


# Reading ------------------------------------------------------------------------------------------


@row_function
def _place(task, pixels, sigmoid, channels):
    """Return problem, sample, channel, and the first and last pixel of a task."""
    blocks = -(-pixels // BLOCK)
    problem = task // blocks
    first = (task % blocks) * BLOCK
    sample, channel = problem, 0
    if sigmoid:
        sample, channel = problem // channels, problem % channels
    return problem, sample, channel, first, min(first + BLOCK, pixels)


@row_function
def _of_channels(sigmoid, rows):
    """Return the rows that have channels: of two classes of a sigmoid channel, the second."""
    return rows[1:] if sigmoid else rows


@row_function
def _fill(n, number, row):
    for i in range(n):
        row[i] = number


@row_function
def _sort(n, classes, ignoring, ignore, given, label, weight):
    """Unweight the labels to ignore, and count those out of range, which become 0."""
    zero = weight.dtype.type(0)
    if ignoring:
        for i in range(n):
            weight[i] = zero if given[i] == ignore else weight[i]
    wrong = 0
    for i in range(n):
        outside = (given[i] < 0) | (given[i] >= classes)
        label[i] = np.int32(0 if outside else given[i])
        wrong += outside & (weight[i] != zero)
    return wrong


@row_function
def _one_hot(label, n, rows):
    one, zero = rows.dtype.type(1), rows.dtype.type(0)
    for c in range(rows.shape[0]):
        named = np.int32(c)
        for i in range(n):
            rows[c, i] = one if label[i] == named else zero


@row_function
def _blank(weight, n, rows):
    """Blank what is ignored, which may be inf or nan."""
    zero = rows.dtype.type(0)
    for c in range(rows.shape[0]):
        for i in range(n):
            rows[c, i] = zero if weight[i] == zero else rows[c, i]


@row_function
def _read(
    z,
    t,
    w,
    index,
    sample,
    channel,
    at,
    n,
    region,
    sigmoid,
    weighted,
    ignoring,
    ignore,
    d,
    hit,
    spare,
    integers,
    label,
    weights,
):
    """Read a row of logits, targets and weights; return the number of labels out of range.

    Labels and weights are the same along channels.
    """
    one, zero, wrong, weight = d.dtype.type(1), d.dtype.type(0), 0, weights[0]
    if weighted:
        read_numbers(w, sample, channel, at, n, spare, integers, weights)
    elif ignoring:
        _fill(n, one, weight)
    read_numbers(z, sample, channel, at, n, spare, integers, _of_channels(sigmoid, d))
    if index:
        read_integers(t, sample, channel, at, n, spare, integers[:1])
        wrong = _sort(n, d.shape[0], ignoring, ignore, integers[0], label, weight)
        if region:
            _one_hot(label, n, hit)
    else:
        read_numbers(t, sample, channel, at, n, spare, integers, _of_channels(sigmoid, hit))
    if sigmoid:
        _fill(n, zero, d[0])
        if not index:
            for i in range(n):
                hit[0, i] = one - hit[1, i]
    if weighted or ignoring:
        _blank(weight, n, d)
        _blank(weight, n, hit)
    return wrong


# Probabilities ------------------------------------------------------------------------------------


@row_function
def _softmax_of_two(n, d, e, s, ties, scale):
    one, zero = d.dtype.type(1), d.dtype.type(0)
    for i in range(n):
        scale[i] = d[1, i] if d[1, i] > d[0, i] else d[0, i]
    for c in range(2):
        for i in range(n):
            d[c, i] -= scale[i]
    for i in range(n):
        ties[i] = one if d[0, i] == d[1, i] else zero
    for i in range(n):
        s[i] = exp(d[0, i] + d[1, i])
    for i in range(n):
        e[0, i] = one if d[0, i] == zero else s[i]
    for i in range(n):
        e[1, i] = one if d[1, i] == zero else s[i]
    for i in range(n):
        scale[i] = one / (one + s[i])


@row_function
def _softmax(n, d, e, s, ties, scale):
    """Turn the logits in d into differences from the largest, and e into their exponentials.

    s is the sum of e but for one of those at the top, so that 1 − p keeps its relative precision;
    ties + 1 of them are there, and p = e · scale.
    """
    one, zero = d.dtype.type(1), d.dtype.type(0)
    classes = d.shape[0]
    if classes == 2:  # the same numbers by half as many exponentials
        _softmax_of_two(n, d, e, s, ties, scale)
        return
    for i in range(n):
        scale[i] = d[0, i]
    for c in range(1, classes):
        for i in range(n):
            scale[i] = d[c, i] if d[c, i] > scale[i] else scale[i]
    for i in range(n):
        s[i] = zero
    for i in range(n):
        ties[i] = -one
    for c in range(classes):
        for i in range(n):
            x = d[c, i] - scale[i]
            d[c, i] = x
            e[c, i] = exp(x)
        for i in range(n):
            top = d[c, i] == zero
            s[i] += zero if top else e[c, i]
            ties[i] += one if top else zero
    for i in range(n):
        x = s[i] + ties[i]
        s[i] = x
        scale[i] = one / (one + x)


@row_function
def _complement(e, s, scale):
    """1 − p, without cancellation."""
    return (s + (type(e)(1) - e)) * scale


@row_function
def _pick(n, label, rows, picked):
    """Take what belongs to the label's class; a sum, since stores under a mask are slow."""
    zero = picked.dtype.type(0)
    for i in range(n):
        picked[i] = zero
    for c in range(rows.shape[0]):
        named = np.int32(c)
        for i in range(n):
            picked[i] += rows[c, i] if label[i] == named else zero


@row_function
def _choose(index, c, n, label, rows, one):
    """Take what belongs to a class: to that of each pixel's label, or to class c of all."""
    if index:
        _pick(n, label, rows, one)
    else:
        for i in range(n):
            one[i] = rows[c, i]


@row_function
def _log_p(n, d, s, scale, log_p):
    """Write d − log(1 + s); scale, which is 1 / (1 + s), serves for the rounding of 1 + s."""
    one = s.dtype.type(1)
    for i in range(n):
        norm = one + s[i]
        log_p[i] = d[i] - (log(norm) + (s[i] - (norm - one)) * scale[i])


@row_function
def _log_q(n, e, s, scale, tiny, log_q):
    """Write log(1 − p), finite also where p = 1."""
    for i in range(n):
        q = _complement(e[i], s[i], scale[i])
        log_q[i] = log(tiny if q < tiny else q)


@row_function
def _odds(n, e, s, tiny, y):
    """Write p / (1 − p), finite also where p = 1."""
    one = y.dtype.type(1)
    for i in range(n):
        others = s[i] + (one - e[i])
        y[i] = e[i] / (tiny if others < tiny else others)


@row_function
def _add_where(n, label, named, value, row):
    zero = row.dtype.type(0)
    for i in range(n):
        row[i] += value if label[i] == named else zero


@row_function
def _coefficients_of_label(table, label, n, k):
    """Give every pixel the coefficients of its label's class."""
    for j in range(table.shape[0]):
        if np.all(table[j] == table[j, 0]):
            _fill(n, table[j, 0], k[j])
        else:
            _fill(n, table.dtype.type(0), k[j])
            for c in range(table.shape[1]):
                _add_where(n, label, np.int32(c), table[j, c], k[j])


@row_function
def _coefficients_of_class(table, c, n, k):
    for j in range(table.shape[0]):
        for i in range(n):
            k[j, i] = table[j, c]


@row_function
def _coefficients(index, c, n, label, table, k):
    """Give every pixel the coefficients of a class."""
    if index:
        _coefficients_of_label(table, label, n, k)
    else:
        _coefficients_of_class(table, c, n, k)


# The sums -----------------------------------------------------------------------------------------


@row_function
def _in_tp(w, t, e, s, scale):
    return np.float64(w * (e * scale * t))


@row_function
def _in_fp(w, t, e, s, scale):
    return np.float64(w * (e * scale * (type(t)(1) - t)))


@row_function
def _in_fn(w, t, e, s, scale):
    return np.float64(w * (_complement(e, s, scale) * t))


@row_function
def _product(x, y):
    return np.float64(x * y)


@summing_function
def _add_regions(n, weight, hit, e, s, scale, sums):
    """Add TP, FP and FN per class of a row."""
    classes = e.shape[0]
    for c in range(classes):
        tp = fp = fn = 0.0
        for i in range(n):
            tp += _in_tp(weight[i], hit[c, i], e[c, i], s[i], scale[i])
            fp += _in_fp(weight[i], hit[c, i], e[c, i], s[i], scale[i])
            fn += _in_fn(weight[i], hit[c, i], e[c, i], s[i], scale[i])
        sums[COLUMNS + c] += tp
        sums[COLUMNS + classes + c] += fp
        sums[COLUMNS + 2 * classes + c] += fn


@summing_function
def _dot(n, x, y):
    """Add up products in float64."""
    total = 0.0
    for i in range(n):
        total += _product(x[i], y[i])
    return total


@kernel
def sums_kernel(
    first,
    last,
    parts,
    tiny,
    index,
    table,
    term,
    region,
    sigmoid,
    ignoring,
    ignore,
    channels,
    pixels,
    z,
    t,
    w,
    weighted,
):
    """Write W, labels out of range, the pixel sum, and TP, FP and FN per class of the tasks."""
    dtype, classes = table.dtype, table.shape[1]
    d, e, hit = (
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
    )
    s, ties, scale = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    one_d, one_e = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    log_p, log_q = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    value, k = np.empty(WIDTH, dtype), np.empty((table.shape[0], WIDTH), dtype)
    weights, ones = np.ones((1, WIDTH), dtype), np.ones(WIDTH, dtype)
    weight = weights[0]
    spare, integers = np.empty((classes, WIDTH), np.uint64), np.empty((classes, WIDTH), np.int64)
    label = np.empty(WIDTH, np.int32)
    with_log_p, with_log_q = VALUE_READS[max(term, 0)]
    for task in range(first, last):
        _, sample, channel, start, end = _place(task, pixels, sigmoid, channels)
        sums = parts[task]
        sums[:] = 0
        for at in range(start, end, WIDTH):
            n = min(WIDTH, end - at)
            sums[1] += _read(
                *(z, t, w, index, sample, channel, at, n),
                *(region, sigmoid, weighted, ignoring, ignore),
                *(d, hit, spare, integers, label, weights),
            )
            _softmax(n, d, e, s, ties, scale)
            sums[0] += _dot(n, weight, ones)
            if region:
                _add_regions(n, weight, hit, e, s, scale, sums)
            if term >= 0:
                for c in range(1 if index else classes):
                    _coefficients(index, c, n, label, table, k)
                    if with_log_p:
                        _choose(index, c, n, label, d, one_d)
                        _log_p(n, one_d, s, scale, log_p)
                    if with_log_q:
                        _choose(index, c, n, label, e, one_e)
                        _log_q(n, one_e, s, scale, tiny, log_q)
                    pixel_values(term, n, log_p, log_q, ones if index else hit[c], k, value)
                    sums[2] += _dot(n, weight, value)


# The gradient -------------------------------------------------------------------------------------


@row_function
def _region_chain(n, slopes, hit, d, e, ties, scale, at_top, mean, dz):
    """Write ∂L/∂z: p (s − Σ p s) for s = ∂L/∂p but for a constant.

    The constant is that of the largest class: a sum over the others alone does not cancel.
    """
    one, zero = e.dtype.type(1), e.dtype.type(0)
    classes = e.shape[0]
    for i in range(n):
        at_top[i] = zero
    for i in range(n):
        mean[i] = zero
    for c in range(classes):
        inside = slopes[1 + c] - slopes[1 + 2 * classes + c]
        outside = slopes[1 + classes + c]
        for i in range(n):
            dz[c, i] = hit[c, i] * inside + (one - hit[c, i]) * outside
        for i in range(n):
            at_top[i] += dz[c, i] if d[c, i] == zero else zero
    for i in range(n):
        at_top[i] /= one + ties[i]
    for c in range(classes):
        for i in range(n):
            dz[c, i] -= at_top[i]
        for i in range(n):
            mean[i] += e[c, i] * scale[i] * dz[c, i]
    for c in range(classes):
        for i in range(n):
            dz[c, i] = e[c, i] * scale[i] * (dz[c, i] - mean[i])


@row_function
def _add_pixel_chain_of_label(n, by, slope, label, e, s, scale, dz):
    """Add ∂L/∂z per class from ∂L/∂log p of the label's class."""
    for c in range(dz.shape[0]):
        named = np.int32(c)
        for i in range(n):
            q = _complement(e[c, i], s[i], scale[i])
            dz[c, i] += slope * by[i] * (q if label[i] == named else -e[c, i] * scale[i])


@row_function
def _add_pixel_chain(n, by, slope, e, s, scale, total, dz):
    """Add ∂L/∂z per class from ∂L/∂log p per class."""
    for i in range(n):
        total[i] = by.dtype.type(0)
    for c in range(dz.shape[0]):
        for i in range(n):
            by[c, i] *= slope
        for i in range(n):
            total[i] += by[c, i]
    for c in range(dz.shape[0]):
        for i in range(n):
            q = _complement(e[c, i], s[i], scale[i])
            dz[c, i] += by[c, i] * q - e[c, i] * scale[i] * (total[i] - by[c, i])


@row_function
def _weigh(weight, n, rows):
    """Multiply by the weights; the slopes themselves may be nan."""
    zero = weight.dtype.type(0)
    for c in range(rows.shape[0]):
        for i in range(n):
            rows[c, i] = zero if weight[i] == zero else weight[i] * rows[c, i]


@kernel
def gradient_kernel(
    first,
    last,
    gradient,
    slopes,
    tiny,
    index,
    table,
    term,
    region,
    sigmoid,
    ignoring,
    ignore,
    channels,
    pixels,
    z,
    t,
    w,
    weighted,
):
    """Write ∂L/∂z of the tasks; `slopes` holds, per problem, ∂L by the pixel sum and TP, FP, FN."""
    dtype, classes = table.dtype, table.shape[1]
    d, e, hit, dz, by = (
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
        np.empty((classes, WIDTH), dtype),
    )
    s, ties, scale = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    one_d, one_e = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    log_p, log_q = np.empty(WIDTH, dtype), np.empty(WIDTH, dtype)
    k = np.empty((table.shape[0], WIDTH), dtype)
    weights, ones = np.ones((1, WIDTH), dtype), np.ones(WIDTH, dtype)
    weight = weights[0]
    spare, integers = np.empty((classes, WIDTH), np.uint64), np.empty((classes, WIDTH), np.int64)
    label = np.empty(WIDTH, np.int32)
    with_log_p, with_log_q, with_odds = GRADIENT_READS[max(term, 0)]
    for task in range(first, last):
        problem, sample, channel, start, end = _place(task, pixels, sigmoid, channels)
        slope = slopes[problem]
        for at in range(start, end, WIDTH):
            n = min(WIDTH, end - at)
            _read(
                *(z, t, w, index, sample, channel, at, n),
                *(region, sigmoid, weighted, ignoring, ignore),
                *(d, hit, spare, integers, label, weights),
            )
            _softmax(n, d, e, s, ties, scale)
            if region:
                _region_chain(n, slope, hit, d, e, ties, scale, log_p, log_q, dz)
            else:
                dz[:] = 0
            if term >= 0:
                for c in range(1 if index else classes):
                    _coefficients(index, c, n, label, table, k)
                    if with_log_p:
                        _choose(index, c, n, label, d, one_d)
                        _log_p(n, one_d, s, scale, log_p)
                    if with_log_q or with_odds:
                        _choose(index, c, n, label, e, one_e)
                    if with_log_q:
                        _log_q(n, one_e, s, scale, tiny, log_q)
                    if with_odds:
                        _odds(n, one_e, s, tiny, by[c])
                    pixel_gradients(term, n, log_p, log_q, ones if index else hit[c], k, by[c])
                if index:
                    _add_pixel_chain_of_label(n, by[0], slope[0], label, e, s, scale, dz)
                else:
                    _add_pixel_chain(n, by, slope[0], e, s, scale, log_p, dz)
            if weighted or ignoring:
                _weigh(weight, n, dz)
            write_numbers(gradient, sample, channel, at, n, spare, _of_channels(sigmoid, dz))
