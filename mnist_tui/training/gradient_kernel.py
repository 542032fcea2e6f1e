"""The arithmetic of `pooled_gradients`: loops over images, windows and filters, compiled by Numba.

They are compiled once for a processor and kept among the user's caches, so that only the first training waits for it
(4 s on two cores). The loops divide the images of a batch among threads and do not hold Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import import_module
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from mnist_tui.paths import cache_folder

settings: Any = import_module("numba.core.config")
"""Numba's settings, which come from the environment: CACHE_DIR from NUMBA_CACHE_DIR."""
settings.DISABLE_JIT = 0  # NUMBA_DISABLE_JIT would leave Python's loops, thousands of times slower
Floats = NDArray[np.float32]

LANES = 16
"""Rows are padded to a multiple of this length: 16 float32 fill a register of AVX-512, two of AVX2, four of NEON."""
CHUNKS = 96, 48, LANES
"""The code is compiled for rows of these lengths; their sums stay in registers while rows are added up."""
CACHE_LINE = 64
"""Bytes. An array whose address is a multiple is read faster, and TensorFlow uses it as it is; it copies any other."""
LOOPS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""How Numba compiles: without Python's lock, and dividing as NumPy does."""


def gradients(
    images: Floats,
    kernel: Floats,
    sums: Floats,
    upstream: Floats,
    *,
    window: tuple[int, int],
    padding: tuple[int, int],
    threads: int,
) -> tuple[Floats, Floats]:
    """Return the gradients of a convolution's images and kernel from that of its pooled sums, in the shapes of both.

    Args:
        images: ``(images, height, width, channels)``.
        kernel: ``(rows, columns, channels, filters)``.
        sums: what the convolution returned, without bias, ``(images, height, width, filters)``.
        upstream: the gradient of the pooled sums, ``(images, pooled height, pooled width, filters)``.
        window: the rows and columns of a pooling window, and its strides.
        padding: the rows of zeros above an image, and the columns to its left.
        threads: the number of threads. Another number adds in another order, which gives other rounding errors.
    """
    count, height, width, channels = images.shape
    rows, columns, _, filters = kernel.shape
    length = columns * channels
    by_filter = _aligned((filters, rows, _padded(length)))
    by_filter[..., :length] = kernel.transpose(3, 0, 1, 2).reshape(filters, rows, length)
    by_filter[..., length:] = 0
    of_images, of_kernel = _aligned(images.shape), _aligned(kernel.shape)
    parts = _aligned((threads, by_filter.size))
    seen = upstream.shape[1] * window[0] + rows - 1, upstream.shape[2] * window[1] + columns - 1
    room = _padded(seen[0] * seen[1] * channels) + LANES
    shape = np.array([channels, rows, columns, *window, *padding])

    def compute(part: int) -> None:
        _compute(
            images.reshape(count, height, width * channels),
            sums,
            upstream,
            by_filter.reshape(-1),
            parts[part],
            of_images.reshape(count, height, width * channels),
            _aligned((2, room)),
            shape,
            count * part // threads,
            count * (part + 1) // threads,
        )

    others = [_helpers(threads).submit(compute, part) for part in range(1, threads)]
    compute(0)
    for each in others:
        each.result()
    total = parts.sum(axis=0).reshape(by_filter.shape)[..., :length]
    of_kernel[...] = total.reshape(filters, rows, columns, channels).transpose(1, 2, 3, 0)
    return of_images, of_kernel


@lru_cache
def _helpers(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads - 1), "gradients")


def _aligned(shape: tuple[int, ...]) -> Floats:
    """Return an array that begins at a multiple of `CACHE_LINE`; its values are arbitrary."""
    size = int(np.prod(shape)) * 4
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(np.float32).reshape(shape)


def _padded(length: int) -> int:
    return -(-length // LANES) * LANES


def _adder(length: int) -> Any:
    """Return a function for compiled code that adds weighted rows of a fixed length.

    ``add(out, at, rows, start, offsets, weights, first, last)`` adds to ``out[at : at + length]`` the sum over i from
    `first` to `last` of ``weights[i] * rows[start + offsets[i] : start + offsets[i] + length]``. All arrays are flat.
    LLVM's vectors are written down because Numba's own loops would store and load the sums for each row.
    """

    @intrinsic
    def add(
        _context: Any, out: Any, at: Any, rows: Any, start: Any, offsets: Any, weights: Any, first: Any, last: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def data(position: int) -> Any:
                array = context.make_array(signature.args[position])(context, builder, arguments[position])
                return array.data

            index = ir.IntType(64)
            vector, lanes = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
            nothing, zeros = ir.Constant(vector, ir.Undefined), ir.Constant(vector, [0.0] * LANES)
            fused = {"flags": ("contract",)}

            def at_place(array: Any, place: Any, number: int) -> Any:
                pointer = builder.gep(array, [builder.add(place, index(number * LANES))])
                return builder.bitcast(pointer, vector.as_pointer())

            _, place, _, begin, _, _, low, high = arguments
            sums = [cgutils.alloca_once(builder, vector) for _ in range(length // LANES)]
            for each in sums:
                builder.store(zeros, each)
            with cgutils.for_range_slice(builder, low, high, index(1)) as (position, _):
                offset = builder.load(builder.gep(data(4), [position]))
                row = builder.add(builder.sext(offset, index), begin)
                weight = builder.load(builder.gep(data(5), [position]))
                weight = builder.insert_element(nothing, weight, ir.IntType(32)(0))
                weight = builder.shuffle_vector(weight, nothing, ir.Constant(lanes, [0] * LANES))
                for number, each in enumerate(sums):
                    product = builder.fmul(builder.load(at_place(data(2), row, number), align=4), weight, **fused)
                    builder.store(builder.fadd(builder.load(each), product, **fused), each)
            for number, each in enumerate(sums):
                pointer = at_place(data(0), place, number)
                builder.store(builder.fadd(builder.load(pointer, align=4), builder.load(each)), pointer, align=4)
            return context.get_dummy_value()

        return numba.void(out, at, rows, start, offsets, weights, first, last), generate

    return add


_add_longest, _add_middle, _add_shortest = (_adder(length) for length in CHUNKS)


def _compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function at once, or reads what was compiled before."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            settings.CACHE_DIR = settings.CACHE_DIR or str(cache_folder() / "compiled")
            return numba.njit(signature, cache=True, **LOOPS)(function)
        except Exception:  # no home, no folder to write to, a full disk, a damaged file: for this process alone
            return numba.njit(signature, **LOOPS)(function)

    return decorate


@numba.njit(**LOOPS)
def _add_rows(
    length: int, out: Any, at: int, rows: Any, start: int, offsets: Any, weights: Any, first: int, last: int
) -> None:
    """Add weighted rows of a padded length, chunk by chunk."""
    done = 0
    while length - done >= CHUNKS[0]:
        _add_longest(out, at + done, rows, start + done, offsets, weights, first, last)
        done += CHUNKS[0]
    if length - done >= CHUNKS[1]:
        _add_middle(out, at + done, rows, start + done, offsets, weights, first, last)
        done += CHUNKS[1]
    while done < length:
        _add_shortest(out, at + done, rows, start + done, offsets, weights, first, last)
        done += LANES


@numba.njit(**LOOPS)
def _find_largest(sums: Any, top: int, left: int, down: int, across: int, largest: Any, place_of: Any) -> None:
    """Write each filter's largest sum in a window, and its place, counted row by row; the first of equal ones."""
    for place in range(down * across):
        candidates = sums[top + place // across, left + place % across]
        for each in range(len(candidates)):
            is_larger = place == 0 or candidates[each] > largest[each]
            largest[each] = candidates[each] if is_larger else largest[each]
            place_of[each] = place if is_larger else place_of[each]


@_compiled("void(f4[:,:,::1], f4[:,:,:,::1], f4[:,:,:,::1], f4[::1], f4[::1], f4[:,:,::1], f4[:,::1], i8[::1], i8, i8)")
def _compute(
    images: Any,
    sums: Any,
    upstream: Any,
    kernel: Any,
    of_kernel: Any,
    of_images: Any,
    scratch: Any,
    shape: Any,
    first: int,
    last: int,
) -> None:
    """Write the gradients of some images of a batch, and the part of the kernel's gradient that these images give.

    In each window only a filter's largest sum has a gradient. The gradient of a filter is the sum of the patches of the
    images that gave its largest sums, each times the gradient of that sum; the gradient of an image is the sum of the
    filters, laid where their sums are largest, each times that gradient. Gradients of 0, as ReLU gives, are left out.

    Args:
        images: ``(images, height, width · channels)``.
        sums, upstream: as in `gradients`.
        kernel: ``(filters, rows, padded row)``, flat; the padding is 0.
        of_kernel: like `kernel`, to be written.
        of_images: like `images`, to be written.
        scratch: ``(2, n)``, room for an image and for its gradient, both with their padding.
        shape: channels, rows and columns of the kernel, rows and columns of a window, rows and columns of padding.
        first, last: the images, from `first` up to but not including `last`.
    """
    channels, rows, columns, down, across, above, before = shape
    height, width = images.shape[1], images.shape[2]
    pooled_height, pooled_width, filters = upstream.shape[1], upstream.shape[2], upstream.shape[3]
    row = len(kernel) // (filters * rows)
    # the windows see this much of an image with its padding
    line = (pooled_width * across + columns - 1) * channels
    seen_rows = min(height, pooled_height * down + rows - 1 - above)
    seen = min(width, line - before * channels)
    image, of_image = scratch[0], scratch[1]
    image[:] = 0
    of_kernel[:] = 0

    places, windows = down * across, pooled_height * pooled_width
    largest, place_of = np.zeros(filters, np.float32), np.zeros(filters, np.int32)
    # lists: which filters are largest at each place of a window, and where in an image each filter is
    offsets_at, weights_at = np.zeros(places * filters, np.int32), np.zeros(places * filters, np.float32)
    offsets_of, weights_of = np.zeros(filters * windows, np.int32), np.zeros(filters * windows, np.float32)
    count_at, count_of = np.zeros(places, np.int64), np.zeros(filters, np.int64)

    for number in range(first, last):
        for y in range(seen_rows):
            start = (above + y) * line + before * channels
            image[start : start + seen] = images[number, y, :seen]
        of_image[:] = 0
        count_of[:] = 0
        for window in range(windows):
            top, left = window // pooled_width * down, window % pooled_width * across
            corner = top * line + left * channels
            _find_largest(sums[number], top, left, down, across, largest, place_of)
            count_at[:] = 0
            weights = upstream[number, top // down, left // across]
            for each in range(filters):
                weight, place = weights[each], place_of[each]
                # a weight of 0 is written too but not counted, so that the next one replaces it: faster than a branch
                counted = 1 if weight != 0 else 0
                entry = place * filters + count_at[place]
                offsets_at[entry], weights_at[entry] = each * rows * row, weight
                count_at[place] += counted
                entry = each * windows + count_of[each]
                offsets_of[entry] = corner + place // across * line + place % across * channels
                weights_of[entry] = weight
                count_of[each] += counted
            for place in range(places):
                entry = place * filters
                end = entry + count_at[place]
                for y in range(rows if end > entry else 0):
                    at = corner + (place // across + y) * line + place % across * channels
                    _add_rows(row, of_image, at, kernel, y * row, offsets_at, weights_at, entry, end)
        for each in range(filters):
            entry = each * windows
            end = entry + count_of[each]
            for y in range(rows):
                at = (each * rows + y) * row
                _add_rows(row, of_kernel, at, image, y * line, offsets_of, weights_of, entry, end)
        of_images[number, seen_rows:] = 0
        for y in range(seen_rows):
            start = (above + y) * line + before * channels
            of_images[number, y, :seen] = of_image[start : start + seen]
            of_images[number, y, seen:] = 0
