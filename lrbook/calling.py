"""How a schedule is called: what a step may be, and what comes back."""

from __future__ import annotations

import math
import sys
from typing import Any, overload

import numpy as np

from lrbook.elementary import NUMBERS, floating, is_array, is_symbolic
from lrbook.hyperparameters import NON_NEGATIVE, Hyperparameters, as_value, exact, require, unboxed

LARGEST = sys.float_info.max
BLOCK = 16384  # elements: a block and its temporaries, 128 KiB each in float64, stay in the cache


class Schedule(Hyperparameters):
    """A learning rate as a function of the step: what all schedules have in common.

    A schedule is called with a number, an array or a SymPy expression and answers in kind. Its
    hyperparameters may be arrays, which broadcast against the step, or symbols.

    ==========================  ==============================================================
    `step`                      the rate
    ==========================  ==============================================================
    a Python number             a float
    an array of any shape       an array of that shape; float32 stays float32, whole numbers
                                give float64, or what the array's library has for its default
    a list or tuple             as the array of it
    a SymPy expression          a SymPy expression, with decimals read as exact fractions
    ==========================  ==============================================================

    Raises
    ------
    ValueError
        If a hyperparameter breaks its rule (when the schedule is made), or a step is negative, NaN
        or infinite. The message names the argument, the value and the rule.
    TypeError
        If a hyperparameter or a step is not numeric.
    """

    @overload
    def __call__(self, step: float) -> float: ...
    @overload
    def __call__(self, step: np.ndarray) -> np.ndarray: ...
    @overload
    def __call__(self, step: Any) -> Any: ...
    def __call__(self, step: Any) -> Any:
        """The rate of the update made after `step` others."""
        if type(step) in NUMBERS and self._plain and 0 <= step <= LARGEST:
            return float(self.rule(step))
        step = as_value("step", step)
        if self._symbolic or is_symbolic(step):
            step = unboxed(step)
            require("step", step, NON_NEGATIVE)
            return self._exact.rule(exact(step))
        if not isinstance(step, (np.ndarray, np.generic)):
            require("step", step, NON_NEGATIVE)
            return self._shaped(self.rule(_floating(step)), step)
        dtype = _working_dtype(step.dtype)
        with np.errstate(all="ignore"):  # a growing rate overflows to infinity, as for numbers
            if step.size <= BLOCK or not self._plain:
                rate = self._shaped(self.rule(_checked(step, dtype)), step)
            else:
                rate = self._long(step.reshape(-1), dtype).reshape(step.shape)
            return rate.astype(step.dtype) if step.dtype == np.float16 else rate

    def rule(self, step: Any) -> Any:
        """The formula itself, without checks."""
        raise NotImplementedError

    def _long(self, step: np.ndarray, dtype: Any) -> np.ndarray:
        """The rates at a long row of steps: by machine code if that can be had, else block by block."""
        from lrbook import fast  # it stands on this module, and is not needed for short rows

        rate = fast.rates(self, step, dtype)
        if rate is None:
            rate = np.empty(step.shape, dtype)
            for i in range(0, step.size, BLOCK):
                rate[i : i + BLOCK] = self.rule(_checked(step[i : i + BLOCK], dtype))
        return rate

    def _shaped(self, rate: Any, step: Any) -> Any:
        """`rate` with an entry for each step and each setting, whether or not the rule looks at them."""
        shape = np.shape(step)
        if not self._plain:
            settings = (np.shape(x) for _, x in self._settings() if is_array(x))
            shape = np.broadcast_shapes(shape, *settings)
        if np.shape(rate) == shape:
            return rate
        lib = step.__array_namespace__() if hasattr(step, "__array_namespace__") else np
        if not is_array(rate):
            rate = lib.asarray(rate, dtype=_floating(step).dtype if is_array(step) else np.float64)
        return lib.broadcast_to(rate, shape) + lib.zeros_like(rate)


def _working_dtype(dtype: Any) -> Any:
    """What to compute in: whole numbers in float64, halves in float32, which has room for horizons."""
    if dtype.kind in "iu":
        return np.dtype(np.float64)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _floating(step: Any) -> Any:
    """An array of any library, with whole numbers as its default floating-point numbers."""
    if not is_array(step):
        return step
    lib = step.__array_namespace__()
    if not lib.isdtype(step.dtype, "integral"):
        return step
    return lib.astype(step, floating(step))


def _checked(step: Any, dtype: Any) -> Any:
    """`step` in `dtype`, once it is sure that none of it is negative, NaN or infinite."""
    step = step.astype(dtype, copy=False)
    if not sound(step):
        require("step", step, NON_NEGATIVE)
    return step


def sound(step: np.ndarray) -> bool:
    """A first look at floats, in one pass: whether all of them are finite, and 0.0 or more.

    Read as whole numbers, the bits of floats from 0.0 on are in their order, and after all of them come
    those of infinity, of NaN, and of -0.0 and what is below.
    """
    if step.itemsize > 8:
        return False  # there are no whole numbers as long: a second look is needed
    bits = np.dtype(f"{step.dtype.byteorder}u{step.itemsize}")
    infinity = np.array(math.inf, step.dtype).view(bits)
    return not step.size or bool(step.view(bits).max() < infinity)
