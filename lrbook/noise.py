"""Random numbers that depend on a seed and a step alone, not on the order of asking."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from lrbook.elementary import NUMBERS, cospi, floating, floor, is_symbolic, library, log, minimum, sqrt, word


def standard_normal(seed: Any, step: Any) -> Any:
    r"""A draw from the standard normal distribution for each `step`, the same however it is asked for.

    The bits of the step are scrambled, 32 at a time, by shifts and products :cite:p:`wellons2018` into two
    uniform numbers :math:`u, v`, and those by Box and Muller's transform into

    .. math:: z = \sqrt{-2 \ln u}\, \cos 2\pi v.

    Parameters
    ----------
    seed : int
        Chooses the sequence; >= 0.
    step : number, array or SymPy expression
        Where to look in the sequence; >= 0. A symbol gives the symbol ``z``, which stands for the draw.

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
    if type(step) in NUMBERS:
        return _normal(seed, step)
    if is_symbolic(step):
        sympy = sys.modules["sympy"]
        if not step.is_number:
            return sympy.Symbol("z", real=True)
        return sympy.Float(standard_normal(int(seed), float(step)))
    lib, wide = library(step), floating(step)
    dtype = step.dtype if lib.isdtype(step.dtype, "real floating") else wide
    with np.errstate(over="ignore"):  # of scalars, whose products are to lose their upper bits
        return lib.astype(_normal(seed, lib.astype(step, wide)), dtype)


def _normal(seed: Any, step: Any) -> Any:
    """The draw for a number, or an array of floats."""
    low, above, below = _words(step)
    bits = _scrambled(_scrambled(low ^ _key(seed)) ^ above ^ below)
    u = (_real(bits) + 0.5) / 2.0**32  # in (0, 1), so that its logarithm is finite
    v = _real(_scrambled(bits ^ 0x1E3779B9)) / 2.0**32  # in [0, 1)
    return sqrt(-2 * log(u)) * cospi(2 * v)


def _words(step: Any) -> tuple[Any, Any, Any]:
    """The lowest 32 bits of the whole part of a step, the 32 above them, and the first 32 behind the point.

    Steps from 2**64 on share the upper word.
    """
    if type(step) in NUMBERS:
        whole = int(step)
        below = 0 if whole == step else int((step - whole) * 2.0**32)
        return whole & 0xFFFFFFFF, min(whole >> 32, 0xFFFFFFFF) if whole >> 32 else 0, below
    whole = floor(step)
    upper = floor(whole / 2.0**32)
    low = word(whole - upper * 2.0**32)
    return low, word(minimum(upper, 2.0**32 - 1)), word((step - whole) * 2.0**32)


def _key(seed: Any) -> Any:
    """31 scrambled bits for each seed, so that neighbouring seeds have nothing in common."""
    return _key_of(seed) if type(seed) is int else _scrambled_seed(seed)


def _scrambled_seed(seed: Any) -> Any:
    return _scrambled(_scrambled(word(seed) ^ 0x2545F491) ^ word(seed / 2.0**32)) >> 1


_key_of = cache(_scrambled_seed)


def _scrambled(x: Any) -> Any:
    """A change in one of the 32 bits of `x` changes about half of the result's.

    An array of words keeps the lowest 32 bits of a product by itself. The factors are below 2**31, which
    every array library takes beside such an array.
    """
    if type(x) is int:
        x = (x ^ (x >> 16)) * 0x21F0AAAD & 0xFFFFFFFF
        x = (x ^ (x >> 15)) * 0x735A2D97 & 0xFFFFFFFF
    else:
        x = (x ^ (x >> 16)) * 0x21F0AAAD
        x = (x ^ (x >> 15)) * 0x735A2D97
    return x ^ (x >> 15)


def _real(x: Any) -> Any:
    """Words as floats."""
    return x if type(x) is int else library(x).astype(x, floating(x))
