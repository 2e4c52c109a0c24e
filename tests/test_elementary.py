"""The elementary functions answer in kind, and with the same value, for numbers, arrays, symbols."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from lrbook import elementary
from lrbook.elementary import (
    ceil,
    cos,
    cospi,
    exp,
    floor,
    in_notebook,
    is_array,
    is_symbolic,
    library,
    log,
    maximum,
    minimum,
    power,
    sign,
    sin,
    sqrt,
    where,
)

x, y = sympy.symbols("x y", positive=True)

# function, SymPy's own, and points where it is defined
UNARY = [
    (cos, sympy.cos, [-2.5, 0.0, 1.0, 3.0]),
    (sin, sympy.sin, [-2.5, 0.0, 1.0, 3.0]),
    (cospi, lambda z: sympy.cos(sympy.pi * z), [-0.5, 0.0, 0.25, 1.0, 3.75]),
    (exp, sympy.exp, [-3.0, 0.0, 1.0, 2.5]),
    (log, sympy.log, [0.1, 1.0, 2.0, 1e10]),
    (sqrt, sympy.sqrt, [0.0, 0.25, 2.0, 1e10]),
    (floor, sympy.floor, [-1.5, -1.0, 0.0, 0.5, 2.0, 2.999]),
    (ceil, sympy.ceiling, [-1.5, -1.0, 0.0, 0.5, 2.0, 2.001]),
    (sign, sympy.sign, [-3.5, -0.0, 0.0, 1e-300, 7.0]),
]
BINARY = [
    (minimum, sympy.Min, [(1.0, 2.0), (2.0, 1.0), (-3.0, -3.0)]),
    (maximum, sympy.Max, [(1.0, 2.0), (2.0, 1.0), (-3.0, -3.0)]),
    (power, sympy.Pow, [(2.0, 0.5), (0.25, 3.0), (0.0, 2.0), (5.0, 0.0), (3.0, -1.0)]),
]


@pytest.mark.parametrize(("function", "symbolic", "points"), UNARY, ids=lambda f: str(f)[:20])
def test_a_function_of_one_argument_has_the_same_value_for_every_kind(function, symbolic, points):
    expression = function(x)
    assert expression == symbolic(x)
    many = function(np.array(points))
    assert isinstance(many, np.ndarray)
    for point, one_of_many in zip(points, many, strict=True):
        one = function(point)
        assert isinstance(one, (int, float))
        right = float(symbolic(sympy.Rational(point)))  # evaluated by mpmath, not by libm
        # cospi rounds its argument, up to 12, before the cosine: half of 2**-49 = 1e-15
        close = pytest.approx(right, rel=1e-15, abs=2e-15 if function is cospi else 2e-16)
        assert one == close
        assert one_of_many == close


@pytest.mark.parametrize(("function", "symbolic", "points"), BINARY, ids=lambda f: str(f)[:20])
def test_a_function_of_two_arguments_has_the_same_value_for_every_kind(function, symbolic, points):
    assert function(x, y) == symbolic(x, y)
    many = function(*np.array(points).T)
    for (a, b), one_of_many in zip(points, many, strict=True):
        right = float(symbolic(sympy.Rational(a), sympy.Rational(b)))
        for got in (
            function(a, b),
            one_of_many,
            function(np.array(a), b),
            function(a, np.float64(b)),
            function(sympy.Rational(a), b),
            function(a, sympy.Rational(b)),
        ):
            assert float(got) == pytest.approx(right, rel=1e-15)


def test_cospi_of_a_symbol_keeps_pi_exact():
    assert cospi(sympy.Rational(1, 3)) == sympy.Rational(1, 2)  # cos 60 degrees
    assert cospi(x).diff(x) == -sympy.pi * sympy.sin(sympy.pi * x)


def test_a_float_that_overflows_is_infinite_as_with_arrays():
    assert exp(1000.0) == math.inf  # ln(1.8e308) = 709.8
    assert exp(709.0) == pytest.approx(8.218407461554972e307, rel=1e-15)
    assert power(10.0, 309.0) == math.inf
    assert power(10.0, 308.0) == pytest.approx(1e308, rel=1e-14)
    with np.errstate(over="ignore"):
        assert exp(np.array([1000.0]))[0] == power(np.array([10.0]), 309.0)[0] == math.inf


def test_zero_to_a_negative_power_is_infinite_for_numbers_as_for_arrays():
    with np.errstate(divide="ignore"):
        assert power(0.0, -1.0) == power(np.array([0.0]), -1.0)[0] == math.inf


def test_power_of_whole_numbers_is_a_float():
    got = power(2, 3)
    assert (got, type(got)) == (8.0, float)


def test_power_of_whole_numbers_is_not_computed_with_millions_of_digits():
    class Whole(int):
        def __pow__(self, other):
            raise AssertionError("a staircase with decay_rate=2 at step 10**12 would never end")

    assert elementary._pow(Whole(2), 10**12) == math.inf


def test_floor_and_ceil_of_a_float_that_overflowed_stay_infinite_as_with_arrays():
    assert floor(math.inf) == ceil(math.inf) == math.inf


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_minimum_and_maximum_are_two_of_a_pair(a, b):
    assert minimum(a, b) <= maximum(a, b)
    assert minimum(a, b) + maximum(a, b) == a + b
    assert (minimum(np.array([a]), b)[0], maximum(np.array([a]), b)[0]) == (
        minimum(a, b),
        maximum(a, b),
    )


@given(st.floats(-1e9, 1e9))
def test_floor_and_ceil_are_the_neighbouring_whole_numbers(a):
    assert floor(a) <= a < floor(a) + 1
    assert ceil(a) - 1 < a <= ceil(a)
    assert (floor(np.array([a]))[0], ceil(np.array([a]))[0]) == (floor(a), ceil(a))


def test_where_takes_the_first_value_where_the_condition_holds():
    assert where(True, 1.0, 2.0) == 1.0
    assert where(False, 1.0, 2.0) == 2.0
    assert where(np.True_, 1.0, 2.0) == 1.0
    assert where(np.array([True, False]), 1.0, np.array([2.0, 3.0])).tolist() == [1.0, 3.0]


def test_where_broadcasts_arrays_also_if_the_condition_is_one_flag():
    # a shape that depended on the value of the step would break a sweep
    assert np.shape(where(False, np.array([1.0, 2.0]), 3.0)) == (2,)
    assert np.shape(where(True, 3.0, np.array([1.0, 2.0]))) == (2,)


def test_where_with_symbols_is_one_flat_piecewise_in_which_the_last_condition_made_wins():
    inner = where(x >= 1, 20, 10)
    outer = where(x >= 2, 30, inner)
    assert outer == sympy.Piecewise((30, x >= 2), (20, x >= 1), (10, True))
    assert len(outer.args) == 3
    assert [outer.subs(x, at) for at in (sympy.Rational(1, 2), 1, 2, 3)] == [10, 20, 30, 30]


def test_symbols_win_over_arrays_and_arrays_over_numbers():
    assert library(1, np.array([2.0])) is np
    assert library(np.array([2.0]), x).cos is sympy.cos
    assert library(1.0, x).pi is sympy.pi
    assert library(True) is np  # a flag is not a number


def test_an_array_of_another_library_is_computed_by_that_library():
    answer = object()

    class Foreign:
        def __array_namespace__(self):
            return SimpleNamespace(exp=lambda z: answer, minimum=lambda a, b: (a, b))

    foreign = Foreign()
    assert is_array(foreign)
    assert exp(foreign) is answer
    assert minimum(1.0, foreign) == (1.0, foreign)


@pytest.mark.parametrize(
    ("value", "array"),
    [(np.array([1.0]), True), (np.float32(1), True), (np.array(1), True), (1.0, False)]
    + [([1.0], False), (x, False), ("x", False), (None, False)],
)
def test_arrays_are_told_from_everything_else(value, array):
    assert is_array(value) is array


@pytest.mark.parametrize(
    ("value", "symbol"),
    [(x, True), (sympy.Integer(1), True), (x > 1, True), (sympy.true, True)]
    + [(1, False), (np.array([1]), False), ("x", False), (None, False)],
)
def test_symbols_are_told_from_everything_else(value, symbol):
    assert is_symbolic(value) is symbol


def test_nothing_is_symbolic_as_long_as_sympy_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "sympy")
    assert is_symbolic(x) is False
    assert elementary.cos(0.0) == 1.0
    assert "sympy" not in sys.modules


@pytest.mark.parametrize(("shell", "answer"), [(SimpleNamespace(kernel=1), True), (None, False)])
def test_a_kernel_is_what_makes_a_notebook(monkeypatch, shell, answer):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert in_notebook() is answer
