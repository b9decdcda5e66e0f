"""The Triton kernels: one pass over the pixels for the sums, and one for the gradient.

One program handles a tile: BLOCK pixels of one problem (sample × sigmoid channel). It loads each of
their logits, targets and weights once, as they are stored, and widens them in registers. All
classes of a pixel are held by one thread, in a tuple with one block per class, so nothing is padded
and sums over classes need no other thread.

They compute what `unifocal.engine.probabilities` and `unifocal.engine.pixels` do, and as carefully:
what is small is summed, never got as a difference.

Arguments of both kernels: logits z, target t and weight w (or None), and their strides by sample,
class and pixel; `table`, class weights and coefficients, (1 + COUNT, CLASSES). Upper-case ones are
known at compile time: TERM, the pixel term of `triton_terms` or its derivative, or None; REGION,
whether there is a region term; SIGMOID, the number of sigmoid channels, 0 for softmax; INDEX,
whether the target holds class indices, of which IGNORE is ignored; DTYPE, that of arithmetic.
"""

from __future__ import annotations

import triton
import triton.language as tl

from unifocal_torch.triton_math import exp, log, log1p, reciprocal

# Reading ----------------------------------------------------------------------------------------


@triton.jit
def _place(tiles, SIGMOID: tl.constexpr, BLOCK: tl.constexpr):
    """Return sample, sigmoid channel and pixels of this program, in 64 bits."""
    problem = (tl.program_id(0) // tiles).to(tl.int64)
    pixel = (tl.program_id(0) % tiles).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if SIGMOID:
        sample, channel = problem // SIGMOID, problem % SIGMOID
    else:
        sample, channel = problem, problem * 0
    return sample, channel, pixel


@triton.jit
def _load_classes(
    start,
    by_class,
    inside,
    FIRST: tl.constexpr,
    CLASSES: tl.constexpr,
    SIGMOID: tl.constexpr,
    DTYPE: tl.constexpr,
):
    """Load one block per class; a sigmoid channel x has the classes (FIRST − x, x) or (0, x)."""
    if SIGMOID:
        x = tl.load(start, mask=inside, other=0).to(DTYPE)
        values = (FIRST - x if FIRST else tl.zeros_like(x), x)
    else:
        values = ()
        for _ in tl.static_range(CLASSES):
            values = values + (tl.load(start, mask=inside, other=0).to(DTYPE),)
            start += by_class  # not c times it, which may not fit in 32 bits
    return values


@triton.jit
def _where_kept(weight, values, CLASSES: tl.constexpr):
    """Blank what is ignored, which may be inf or nan."""
    kept = ()
    for c in tl.static_range(CLASSES):
        kept = kept + (tl.where(weight != 0, values[c], 0),)
    return kept


@triton.jit
def _read_tile(
    z,
    t,
    w,
    pixels,
    tiles,
    z_by,
    t_by,
    w_by,
    CLASSES: tl.constexpr,
    SIGMOID: tl.constexpr,
    INDEX: tl.constexpr,
    IGNORE: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Return logits per class, targets per class (bools for class indices), W and the weights.

    W is the weights once more, nan where a label is out of range and not ignored.
    """
    sample, channel, pixel = _place(tiles, SIGMOID, BLOCK)
    inside = pixel < pixels

    if w is None:
        weight = inside.to(DTYPE)
    else:
        weight = tl.load(w + sample * w_by[0] + pixel * w_by[1], mask=inside, other=0).to(DTYPE)

    start = t + sample * t_by[0] + channel * t_by[1] + pixel * t_by[2]
    if INDEX:
        label = tl.load(start, mask=inside, other=0).to(tl.int64)
        if IGNORE is not None:
            weight = tl.where(label == IGNORE, 0, weight)
        wrong = ((label < 0) | (label >= CLASSES)) & (weight != 0)
        count = tl.where(wrong, float("nan"), weight)
        targets = ()
        for c in tl.static_range(CLASSES):
            targets = targets + (label == c,)
    else:
        count = weight
        given = _load_classes(start, t_by[1], inside, 1, CLASSES, SIGMOID, DTYPE)
        targets = _where_kept(weight, given, CLASSES)

    start = z + sample * z_by[0] + channel * z_by[1] + pixel * z_by[2]
    given = _load_classes(start, z_by[1], inside, 0, CLASSES, SIGMOID, DTYPE)
    return _where_kept(weight, given, CLASSES), targets, count, weight


@triton.jit
def _coefficients(table, c, COUNT: tl.constexpr, CLASSES: tl.constexpr):
    """Load the class weight and the coefficients of the pixel term for class c."""
    values = ()
    for row in tl.static_range(1 + COUNT):
        values = values + (tl.load(table + row * CLASSES + c),)
    return values


@triton.jit
def _coefficients_of_label(table, targets, COUNT: tl.constexpr, CLASSES: tl.constexpr):
    """Load the class weight and the coefficients of the pixel term for each pixel's class."""
    values = ()
    for row in tl.static_range(1 + COUNT):
        picked = tl.load(table + row * CLASSES)
        for c in tl.static_range(1, CLASSES):
            picked = tl.where(targets[c], tl.load(table + row * CLASSES + c), picked)
        values = values + (picked,)
    return values


# Probabilities ----------------------------------------------------------------------------------


@triton.jit
def _softmax(z, CLASSES: tl.constexpr):
    """Return d = z − max z, e^d, where z is the largest and how often, s and 1 / (1 + s).

    s is the sum of exponentials without that of the largest logit, which is 1: it is left out, not
    subtracted afterwards, so that 1 − p keeps its relative precision.
    """
    largest = z[0]
    for c in tl.static_range(1, CLASSES):
        largest = tl.maximum(largest, z[c])
    d, e, top = (), (), ()
    s = tl.zeros_like(largest)
    ties = tl.zeros_like(largest)
    for c in tl.static_range(CLASSES):
        d = d + (z[c] - largest,)
        e = e + (exp(d[c]),)
        top = top + (z[c] == largest,)
        s += tl.where(top[c], 0, e[c])
        ties += tl.where(top[c], 1, 0)
    s += ties - 1
    return d, e, top, ties, s, reciprocal(1 + s)


@triton.jit
def _pick(targets, values, CLASSES: tl.constexpr):
    """Return the value of the label's class, 0 where there is none."""
    picked = tl.zeros_like(values[0])
    for c in tl.static_range(CLASSES):
        picked = tl.where(targets[c], values[c], picked)
    return picked


@triton.jit
def _complement(e, s, scale):
    """1 − p, without cancellation."""
    return (s + (1 - e)) * scale


@triton.jit
def _logarithms(d, q, s, DTYPE: tl.constexpr):
    """Return log p and log(1 − p), finite also where p = 1."""
    if DTYPE == tl.float64:
        q = tl.maximum(q, 2.2250738585072014e-308)
    else:
        q = tl.maximum(q, 1.1754943508222875e-38)
    return d - log1p(s), log(q)


# The two passes ---------------------------------------------------------------------------------


@triton.jit
def _total(x):
    """Add the pixels of a tile up in float64, always in the same order."""
    return tl.sum(x.to(tl.float64), axis=0)


@triton.jit
def sums_kernel(
    sums,
    z,
    t,
    w,
    table,
    pixels,
    tiles,
    z_by,
    t_by,
    w_by,
    TERM: tl.constexpr,
    COUNT: tl.constexpr,
    REGION: tl.constexpr,
    CLASSES: tl.constexpr,
    SIGMOID: tl.constexpr,
    INDEX: tl.constexpr,
    IGNORE: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write W, the pixel sum, and TP, FP and FN per class of a tile, those that the loss has."""
    z, t, count, weight = _read_tile(
        z, t, w, pixels, tiles, z_by, t_by, w_by, CLASSES, SIGMOID, INDEX, IGNORE, DTYPE, BLOCK
    )
    d, e, _, _, s, scale = _softmax(z, CLASSES)
    columns: tl.constexpr = 1 + (TERM is not None) + 3 * CLASSES * REGION
    out = sums + tl.program_id(0).to(tl.int64) * columns
    tl.store(out, _total(count))

    if INDEX:
        q = _complement(_pick(t, e, CLASSES), s, scale)
    if TERM is not None:
        if INDEX:
            k = _coefficients_of_label(table, t, COUNT, CLASSES)
            log_p, log_q = _logarithms(_pick(t, d, CLASSES), q, s, DTYPE)
            pixel = k[0] * TERM(log_p, log_q, 1.0, k)
        else:
            pixel = tl.zeros_like(s)
            for c in tl.static_range(CLASSES):
                k = _coefficients(table, c, COUNT, CLASSES)
                log_p, log_q = _logarithms(d[c], _complement(e[c], s, scale), s, DTYPE)
                pixel += k[0] * TERM(log_p, log_q, t[c], k)
        tl.store(out + 1, _total(weight * pixel))

    if REGION:
        out += 1 + (TERM is not None)
        for c in tl.static_range(CLASSES):
            p = e[c] * scale
            if INDEX:
                tp = tl.where(t[c], p, 0)
                fp = tl.where(t[c], 0, p)
                fn = tl.where(t[c], q, 0)
            else:
                tp = p * t[c]
                fp = p * (1 - t[c])
                fn = _complement(e[c], s, scale) * t[c]
            tl.store(out + c, _total(weight * tp))
            tl.store(out + CLASSES + c, _total(weight * fp))
            tl.store(out + 2 * CLASSES + c, _total(weight * fn))


@triton.jit
def _by_probability(slopes, t, CLASSES: tl.constexpr, INDEX: tl.constexpr):
    """Return ∂L/∂p per class, from ∂L/∂TP, ∂L/∂FP and ∂L/∂FN per class."""
    values = ()
    for c in tl.static_range(CLASSES):
        tp = tl.load(slopes + c)
        fp = tl.load(slopes + CLASSES + c)
        fn = tl.load(slopes + 2 * CLASSES + c)
        if INDEX:
            values = values + (tl.where(t[c], tp - fn, fp),)
        else:
            values = values + (t[c] * (tp - fn) + (1 - t[c]) * fp,)
    return values


@triton.jit
def _region_chain(by_p, e, scale, top, ties, CLASSES: tl.constexpr):
    """Return ∂L/∂z per class from ∂L/∂p: p (s − Σ p s) for s = ∂L/∂p but for a constant.

    The constant is that of the largest class: a sum over the others alone does not cancel.
    """
    at_top = tl.zeros_like(ties)
    for c in tl.static_range(CLASSES):
        at_top += tl.where(top[c], by_p[c], 0)
    at_top = at_top / ties
    mean = tl.zeros_like(ties)
    for c in tl.static_range(CLASSES):
        mean += e[c] * scale * (by_p[c] - at_top)
    dz = ()
    for c in tl.static_range(CLASSES):
        dz = dz + (e[c] * scale * (by_p[c] - at_top - mean),)
    return dz


@triton.jit
def _pixel_chain_of_label(slope, t, e, q, scale, CLASSES: tl.constexpr):
    """Return ∂L/∂z per class from ∂L/∂log p of the label's class."""
    dz = ()
    for c in tl.static_range(CLASSES):
        dz = dz + (slope * tl.where(t[c], q, -e[c] * scale),)
    return dz


@triton.jit
def _pixel_chain(by_log_p, e, s, scale, CLASSES: tl.constexpr):
    """Return ∂L/∂z per class from ∂L/∂log p per class."""
    total = by_log_p[0]
    for c in tl.static_range(1, CLASSES):
        total += by_log_p[c]
    dz = ()
    for c in tl.static_range(CLASSES):
        q = _complement(e[c], s, scale)
        dz = dz + (by_log_p[c] * q - e[c] * scale * (total - by_log_p[c]),)
    return dz


@triton.jit
def gradient_kernel(
    dz,
    z,
    t,
    w,
    table,
    slopes,
    pixels,
    tiles,
    dz_by,
    z_by,
    t_by,
    w_by,
    TERM: tl.constexpr,
    COUNT: tl.constexpr,
    REGION: tl.constexpr,
    CLASSES: tl.constexpr,
    SIGMOID: tl.constexpr,
    INDEX: tl.constexpr,
    IGNORE: tl.constexpr,
    DTYPE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write ∂L/∂z of a tile, from `slopes`: per problem, ∂L by what `sums_kernel` sums but W."""
    z, t, _, weight = _read_tile(
        z, t, w, pixels, tiles, z_by, t_by, w_by, CLASSES, SIGMOID, INDEX, IGNORE, DTYPE, BLOCK
    )
    d, e, top, ties, s, scale = _softmax(z, CLASSES)
    columns: tl.constexpr = (TERM is not None) + 3 * CLASSES * REGION
    slopes += (tl.program_id(0) // tiles).to(tl.int64) * columns

    if TERM is not None:
        if INDEX:
            k = _coefficients_of_label(table, t, COUNT, CLASSES)
            q = _complement(_pick(t, e, CLASSES), s, scale)
            log_p, log_q = _logarithms(_pick(t, d, CLASSES), q, s, DTYPE)
            slope = tl.load(slopes) * k[0] * TERM(log_p, log_q, 1.0, k)
            by_z = _pixel_chain_of_label(slope, t, e, q, scale, CLASSES)
        else:
            by_log_p = ()
            for c in tl.static_range(CLASSES):
                k = _coefficients(table, c, COUNT, CLASSES)
                log_p, log_q = _logarithms(d[c], _complement(e[c], s, scale), s, DTYPE)
                slope = tl.load(slopes) * k[0] * TERM(log_p, log_q, t[c], k)
                by_log_p = by_log_p + (slope,)
            by_z = _pixel_chain(by_log_p, e, s, scale, CLASSES)
    if REGION:
        by_p = _by_probability(slopes + (TERM is not None), t, CLASSES, INDEX)
        region = _region_chain(by_p, e, scale, top, ties, CLASSES)
        if TERM is not None:
            pixel, by_z = by_z, ()
            for c in tl.static_range(CLASSES):
                by_z = by_z + (pixel[c] + region[c],)
        else:
            by_z = region

    sample, channel, pixel = _place(tiles, SIGMOID, BLOCK)
    dz += sample * dz_by[0] + channel * dz_by[1] + pixel * dz_by[2]
    for c in tl.static_range(1 if SIGMOID else 0, CLASSES):
        # The slopes themselves may be nan.
        tl.store(dz, tl.where(weight != 0, weight * by_z[c], 0), mask=pixel < pixels)
        dz += dz_by[1]
