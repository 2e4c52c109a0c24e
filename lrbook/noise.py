"""Random numbers that depend on a seed and a step alone, not on the order of asking."""

from __future__ import annotations

import sys
from functools import cache
from struct import Struct
from typing import Any

import numpy as np

from lrbook.elementary import is_array, is_symbolic, library

_MASK = 2**64 - 1
_AS_BYTES = Struct("<d").pack
_AS_BITS = Struct("<Q").unpack


def standard_normal(seed: int, step: Any) -> Any:
    r"""A draw from the standard normal distribution for each `step`, the same however it is asked for.

    The 64 bits of the step are scrambled by the SplitMix64 finalizer into two uniform numbers
    :math:`u, v`, and those by Box and Muller's transform into

    .. math:: z = \sqrt{-2 \ln u}\, \cos 2\pi v.

    Parameters
    ----------
    seed : int
        Chooses the sequence; >= 0.
    step : number, array or SymPy expression
        Where to look in the sequence. A symbol gives the symbol ``z``, which stands for the draw.

    Returns
    -------
    Of the kind and shape of `step`, and of its dtype if that is a floating-point one.

    Examples
    --------
    >>> one = standard_normal(0, 7)
    >>> many = standard_normal(0, np.array([[3.0, 7.0]]))
    >>> bool(one == many[0, 1]), many.shape
    (True, (1, 2))
    """
    if is_symbolic(step):
        sympy = sys.modules["sympy"]
        if not step.is_number:
            return sympy.Symbol("z", real=True)
        return sympy.Float(standard_normal(seed, float(step)))
    lib = library(step)
    x = _scramble(_bits(step) ^ _key(int(seed)))
    u = ((x >> 32) + 0.5) / 2**32  # in (0, 1), so that its logarithm is finite
    v = (x & 0xFFFFFFFF) / 2**32  # in [0, 1)
    z = lib.sqrt(-2 * lib.log(u)) * lib.cos(2 * lib.pi * v)
    if not is_array(step):
        return z
    return z.reshape(step.shape).astype(step.dtype if step.dtype.kind == "f" else np.float64)


def _bits(step: Any) -> Any:
    """The 64 bits of `step` as a double, as an unsigned integer or an array of them.

    Zero is added because -0.0 equals 0.0 and has other bits.
    """
    if is_array(step):
        return (np.atleast_1d(step).astype(np.float64) + 0.0).view(np.uint64)
    return _AS_BITS(_AS_BYTES(step + 0.0))[0]


@cache
def _key(seed: int) -> int:
    """64 scrambled bits for each seed, so that neighbouring seeds have nothing in common."""
    return int(_scramble(seed + 0x9E3779B97F4A7C15 & _MASK))


def _scramble(x: Any) -> Any:
    """SplitMix64's finalizer: a change in one bit of `x` changes about half of the result's."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)
