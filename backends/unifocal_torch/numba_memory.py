"""Rows of pixels in memory, which Numba's kernels read and write whatever their dtype and strides.

Kernels are told of an array by numbers alone, so that one compilation serves all of them: that of
its dtype, the bytes of an entry, its address, and its strides in bytes along samples, channels and
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import intrinsic

from unifocal_torch.numba_engine import DTYPES
from unifocal_torch.numba_halves import from_bfloat16, from_float16, to_bfloat16, to_float16
from unifocal_torch.numba_math import inner

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8)

FLOAT32, FLOAT64, FLOAT16, BFLOAT16 = map(DTYPES.__getitem__, _FLOATS)
INT64, INT32, INT16, INT8 = map(DTYPES.__getitem__, _INTEGERS)


def _pointer(kind: Any) -> Callable[[int], Any]:
    """Return a function from an address to a pointer."""

    @intrinsic
    def pointer(context, address):
        def cast(context, builder, signature, arguments):
            kind_of_pointer = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], kind_of_pointer)

        return types.CPointer(kind)(types.int64), cast

    return pointer


@inner
def _same(x):
    return x


def _reader(kind: Any, value: Callable[[Any], Any]) -> Callable[..., None]:
    """Return a function that reads n neighbours of a kind into every row."""
    at = _pointer(kind)

    @inner
    def read(address, by_channel, n, rows):
        for c in range(rows.shape[0]):
            given = at(address + c * by_channel)
            for i in range(n):
                rows[c, i] = value(given[i])

    return read


def _writer(kind: Any, value: Callable[[Any], Any]) -> Callable[..., None]:
    """Return a function that writes every row as n neighbours of a kind."""
    at = _pointer(kind)

    @inner
    def write(address, by_channel, n, rows):
        for c in range(rows.shape[0]):
            written = at(address + c * by_channel)
            for i in range(n):
                written[i] = value(rows[c, i])

    return write


def _mover(kind: Any) -> Callable[..., None]:
    """Return a function that copies entries of the kind's width, whatever their strides."""
    at = _pointer(kind)

    @inner
    def move(source, source_strides, target, target_strides, channels, n):
        for c in range(channels):
            x, y = source + c * source_strides[0], target + c * target_strides[0]
            for i in range(n):
                at(y + i * target_strides[1])[0] = at(x + i * source_strides[1])[0]

    return move


_read_float32, _read_float64 = _reader(types.float32, _same), _reader(types.float64, _same)
_read_float16 = _reader(types.uint16, from_float16)
_read_bfloat16 = _reader(types.uint16, from_bfloat16)
_read_int64, _read_int32 = _reader(types.int64, np.int64), _reader(types.int32, np.int64)
_read_int16, _read_int8 = _reader(types.int16, np.int64), _reader(types.int8, np.int64)
_read_uint8 = _reader(types.uint8, np.int64)

_write_float32 = _writer(types.float32, np.float32)
_write_float64 = _writer(types.float64, np.float64)
_write_float16 = _writer(types.uint16, to_float16)
_write_bfloat16 = _writer(types.uint16, to_bfloat16)

_move_1, _move_2 = _mover(types.uint8), _mover(types.uint16)
_move_4, _move_8 = _mover(types.uint32), _mover(types.uint64)


@inner
def _move(size, source, source_strides, target, target_strides, channels, n):
    if size == 8:
        _move_8(source, source_strides, target, target_strides, channels, n)
    elif size == 4:
        _move_4(source, source_strides, target, target_strides, channels, n)
    elif size == 2:
        _move_2(source, source_strides, target, target_strides, channels, n)
    else:
        _move_1(source, source_strides, target, target_strides, channels, n)


@inner
def _locate(array, sample, channel, pixel):
    """Return the address of a pixel, and the strides along channels and pixels."""
    _, _, address, by_sample, by_channel, by_pixel = array
    address += sample * by_sample + channel * by_channel + pixel * by_pixel
    return address, (by_channel, by_pixel)


@inner
def _near(spare, size):
    """Return the address of spare memory for rows of neighbours, and its strides."""
    return np.int64(spare.ctypes.data), (np.int64(spare.shape[1]) * spare.itemsize, size)


@inner
def _gather(array, sample, channel, pixel, channels, n, spare):
    """Return address and stride of rows of neighbours, a copy in `spare` if they are apart."""
    size, (address, strides) = array[1], _locate(array, sample, channel, pixel)
    if strides[1] == size:
        return address, strides[0]
    near, near_strides = _near(spare, size)
    _move(size, address, strides, near, near_strides, channels, n)
    return near, near_strides[0]


@inner
def read_integers(array, sample, channel, pixel, n, spare, rows):
    """Read n integers of every channel from `channel` on into rows of int64."""
    dtype = array[0]
    address, stride = _gather(array, sample, channel, pixel, rows.shape[0], n, spare)
    if dtype == INT64:
        _read_int64(address, stride, n, rows)
    elif dtype == INT32:
        _read_int32(address, stride, n, rows)
    elif dtype == INT16:
        _read_int16(address, stride, n, rows)
    elif dtype == INT8:
        _read_int8(address, stride, n, rows)
    else:
        _read_uint8(address, stride, n, rows)


@inner
def read_numbers(array, sample, channel, pixel, n, spare, integers, rows):
    """Read n numbers of any dtype of every channel from `channel` on into rows of floats."""
    dtype = array[0]
    if dtype > BFLOAT16:
        read_integers(array, sample, channel, pixel, n, spare, integers[: rows.shape[0]])
        for c in range(rows.shape[0]):
            for i in range(n):
                rows[c, i] = rows.dtype.type(integers[c, i])
        return
    address, stride = _gather(array, sample, channel, pixel, rows.shape[0], n, spare)
    if dtype == FLOAT32:
        _read_float32(address, stride, n, rows)
    elif dtype == FLOAT64:
        _read_float64(address, stride, n, rows)
    elif dtype == FLOAT16:
        _read_float16(address, stride, n, rows)
    else:
        _read_bfloat16(address, stride, n, rows)


@inner
def write_numbers(array, sample, channel, pixel, n, spare, rows):
    """Write rows as n floats of any dtype of every channel from `channel` on, rounded once."""
    dtype, size, (address, strides) = array[0], array[1], _locate(array, sample, channel, pixel)
    near, near_strides = (address, strides) if strides[1] == size else _near(spare, size)
    if dtype == FLOAT32:
        _write_float32(near, near_strides[0], n, rows)
    elif dtype == FLOAT64:
        _write_float64(near, near_strides[0], n, rows)
    elif dtype == FLOAT16:
        _write_float16(near, near_strides[0], n, rows)
    else:
        _write_bfloat16(near, near_strides[0], n, rows)
    if near != address:
        _move(size, near, near_strides, address, strides, rows.shape[0], n)
