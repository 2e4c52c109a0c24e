"""Elementary functions that look at their argument.

Each function here takes numbers, arrays or SymPy symbols, and answers in kind: `math` for Python
numbers, the array's own library for arrays, SymPy for symbols. A rule written with them and with
arithmetic alone is at once the training loop's float, the vectorized kernel and the formula on the
page. SymPy is never imported here: a symbol can only arrive if its owner has imported it.

>>> cos(0.0)
1.0
>>> import numpy as np, sympy
>>> maximum(np.array([1.0, 3.0]), 2)
array([2., 3.])
>>> cospi(sympy.Symbol("x"))
cos(pi*x)
"""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

NUMBERS = (float, int)  # bool, a subclass of int, is not a number here


def is_symbolic(x: Any) -> bool:
    """Whether `x` is a SymPy object, found out without importing SymPy."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(x, (sympy.Basic, sympy.logic.boolalg.Boolean))


def is_array(x: Any) -> bool:
    """Whether `x` is an array, or a NumPy scalar, which is an array of no dimensions."""
    return type(x) not in NUMBERS and (isinstance(x, np.generic) or hasattr(x, "__array_namespace__"))


def is_traced(x: Any) -> bool:
    """Whether `x` is a number of a rule that is being written down, or an array with such numbers."""
    if isinstance(x, np.ndarray):
        return x.dtype == object and any(map(is_traced, x.flat))
    return getattr(type(x), "traced", False)


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, found out without importing IPython."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def library(*arguments: Any) -> Any:
    """The library that computes with `arguments`, not all numbers: symbols win over arrays."""
    if any(is_symbolic(x) for x in arguments):
        return _symbols()
    for x in arguments:
        if hasattr(x, "__array_namespace__"):
            return x.__array_namespace__()
    return np


def floating(x: Any) -> Any:
    """The dtype in which an array's library computes by default: float64, but for JAX float32."""
    return x.__array_namespace__().__array_namespace_info__().default_dtypes()["real floating"]


def _pow(x: float, y: float) -> float:
    """`x ** y`, infinite where it overflows or divides by zero, as arrays have it."""
    try:
        return float(float(x) ** y)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _whole(rounded: Any, x: float) -> Any:
    """`rounded(x)`, or `x` itself if it is infinite, as arrays have it."""
    return rounded(x) if math.isfinite(x) else x


def _exp(x: float) -> float:
    """`exp(x)`, infinite where it overflows, as arrays have it."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _symbols() -> SimpleNamespace:
    """SymPy's names for the functions of this module."""
    sympy = sys.modules["sympy"]
    return SimpleNamespace(
        pi=sympy.pi,
        cos=sympy.cos,
        sin=sympy.sin,
        exp=sympy.exp,
        log=sympy.log,
        sqrt=sympy.sqrt,
        pow=sympy.Pow,
        floor=sympy.floor,
        ceil=sympy.ceiling,
        sign=sympy.sign,
        minimum=sympy.Min,
        maximum=sympy.Max,
        where=_piecewise,
    )


def _piecewise(condition: Any, x: Any, y: Any) -> Any:
    """One flat SymPy Piecewise, also where `y` is one."""
    sympy = sys.modules["sympy"]
    rest = y.args if isinstance(y, sympy.Piecewise) else [(y, True)]
    return sympy.Piecewise((x, condition), *rest)


# Each asks first whether it is given numbers, since a training loop asks at every step.


def cos(x: Any) -> Any:
    """The cosine of `x` radians."""
    return math.cos(x) if type(x) in NUMBERS else library(x).cos(x)


def sin(x: Any) -> Any:
    """The sine of `x` radians."""
    return math.sin(x) if type(x) in NUMBERS else library(x).sin(x)


def cospi(x: Any) -> Any:
    """cos(πx): with symbols π stays π, so that a formula can be simplified."""
    if type(x) in NUMBERS:
        return math.cos(math.pi * x)
    lib = library(x)
    return lib.cos(lib.pi * x)


def exp(x: Any) -> Any:
    """e to the power `x`; a float that would overflow is infinite."""
    return _exp(x) if type(x) in NUMBERS else library(x).exp(x)


def log(x: Any) -> Any:
    """The natural logarithm of `x` > 0."""
    return math.log(x) if type(x) in NUMBERS else library(x).log(x)


def sqrt(x: Any) -> Any:
    """The square root of `x` >= 0."""
    return math.sqrt(x) if type(x) in NUMBERS else library(x).sqrt(x)


def square(x: Any) -> Any:
    """`x` times itself: rounded alike everywhere, which the power of a number need not be."""
    return x * x


def power(x: Any, y: Any) -> Any:
    """`x` to the power `y`, for `x` >= 0; infinite where a float would overflow, or 0 stands below a line."""
    if type(y) in NUMBERS:
        if y in (1, 2):
            return x * 1 if y == 1 else square(x)
        if type(x) in NUMBERS:
            return _pow(x, y)
    return library(x, y).pow(x, y)


def floor(x: Any) -> Any:
    """The largest whole number not above `x`."""
    return _whole(math.floor, x) if type(x) in NUMBERS else library(x).floor(x)


def ceil(x: Any) -> Any:
    """The smallest whole number not below `x`."""
    return _whole(math.ceil, x) if type(x) in NUMBERS else library(x).ceil(x)


def sign(x: Any) -> Any:
    """-1, 0 or 1: the sign of `x`."""
    return (x > 0) - (x < 0) if type(x) in NUMBERS else library(x).sign(x)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of `x` and `y`, element by element."""
    if type(x) in NUMBERS and type(y) in NUMBERS:
        return y if y < x else x
    return library(x, y).minimum(x, y)


def maximum(x: Any, y: Any) -> Any:
    """The larger of `x` and `y`, element by element."""
    if type(x) in NUMBERS and type(y) in NUMBERS:
        return y if y > x else x
    return library(x, y).maximum(x, y)


def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where `condition` holds and `y` elsewhere."""
    if type(condition) is bool:
        if type(x) in NUMBERS and type(y) in NUMBERS:
            return x if condition else y
        if not any(is_array(v) and not is_traced(v) for v in (x, y)):
            return x if condition else y  # with arrays the shape must not depend on the condition
    lib = library(condition, x, y)
    return lib.where(lib.asarray(condition) if isinstance(condition, bool) else condition, x, y)


def filled(value: Any, x: Any) -> Any:
    """`value` wherever `x` is: of the shape and dtype of `x` if that is an array and `value` a number."""
    if type(x) not in NUMBERS and is_array(x) and not hasattr(value, "shape"):
        return library(x).full_like(x, value)
    return value


def word(x: Any) -> Any:
    """The whole part of `x`, in [0, 2**32), as a whole number of 32 bits without a sign."""
    if type(x) in NUMBERS:
        return int(x) & 0xFFFFFFFF
    lib = library(x)
    return lib.word(x) if hasattr(lib, "word") else lib.astype(x, lib.uint32)
