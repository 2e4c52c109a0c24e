"""The schedules: hand-worked points, independent derivations, properties, impostors, wrong input."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from lrbook import (
    Chain,
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    NaturalExpDecay,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Restarts,
    Scaled,
    Schedule,
    Warmup,
)
from lrbook.calling import BLOCK
from lrbook.hyperparameters import hyperparameters
from lrbook.noise import standard_normal

RTOL = 1e-12  # float64 carries 16 digits, and no formula here has more than some ten operations

t, T, eta, k, s, alpha, beta, v, c = sympy.symbols("t T eta k s alpha beta v c", positive=True)
z = sympy.Symbol("z", real=True)
at_any_step = sympy.Symbol("t", nonnegative=True)  # a positive one would not admit step 0

ONE_OF_EACH = [
    PiecewiseConstant([10, 20], [1.0, 0.5, 0.1]),
    ExponentialDecay(0.5, 10, 0.3),
    ExponentialDecay(0.5, 10, 0.3, staircase=True),
    NaturalExpDecay(0.5, 10, 0.3),
    NaturalExpDecay(0.5, 10, 0.3, staircase=True),
    PolynomialDecay(0.5, 30),
    PolynomialDecay(0.5, 30, end_lr=0.01, power=0.5, cycle=True),
    InverseTimeDecay(0.5, 10, 0.3),
    InverseTimeDecay(0.5, 10, 0.3, staircase=True),
    CosineDecay(0.5, 30, 0.1),
    LinearCosineDecay(0.5, 30, 1.5, 0.1, 0.01),
    NoisyLinearCosineDecay(0.5, 30, seed=7),
    Constant(0.3),
    Scaled(ExponentialDecay(0.5, 10, 0.3), 0.7),
    Warmup(7, CosineDecay(0.5, 30, 0.1)),
    Warmup(7, PolynomialDecay(0.5, 30, 0.01, 2.0), 0.1, shift=False),
    Chain([PolynomialDecay(0, 10, 0.5), Constant(0.5), CosineDecay(0.5, 20)], [10, 25]),
    Restarts(CosineDecay(0.5, 12, 0.1), 12),
    Restarts(PolynomialDecay(0.5, 5, 0.01), 5, growth=2, decay=0.7),
    Warmup(4, Chain([Restarts(CosineDecay(0.5, 9), 9), Scaled(InverseTimeDecay(0.5, 5, 1.0), 0.5)], [20])),
]
each = pytest.mark.parametrize("schedule", ONE_OF_EACH, ids=lambda it: repr(it)[:40])


# --- hand-worked points


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (PiecewiseConstant([10, 20], [4, 2, 1]), {0: 4, 9: 4, 10: 2, 19: 2, 20: 1, 10**9: 1}),
        (PiecewiseConstant([], [0.3]), {0: 0.3, 5: 0.3}),
        # 8 · (1/4)^(t/4): 8, 8·1/2, 8·1/4, 8·1/16
        (ExponentialDecay(8, 4, 0.25), {0: 8, 2: 4, 4: 2, 8: 0.5}),
        (ExponentialDecay(8, 4, 0.25, staircase=True), {0: 8, 3: 8, 4: 2, 7: 2, 8: 0.5}),
        # 8 · exp(-ln 4 · t/4) is the same curve
        (NaturalExpDecay(8, 4, np.log(4)), {0: 8, 2: 4, 4: 2, 8: 0.5}),
        (NaturalExpDecay(8, 4, np.log(4), staircase=True), {3: 8, 4: 2, 7: 2, 8: 0.5}),
        # (9 - 1)(1 - t/4) + 1: 9, 7, 5, 3, 1, then held
        (PolynomialDecay(9, 4, end_lr=1), {0: 9, 1: 7, 2: 5, 3: 3, 4: 1, 5: 1, 400: 1}),
        # squares of 1, 3/4, 1/2, 1/4, 0 times 8, plus 1
        (PolynomialDecay(9, 4, end_lr=1, power=2), {0: 9, 1: 5.5, 2: 3, 3: 1.5, 4: 1, 9: 1}),
        # the horizon moves on to 8 and 12 after 4 and 8: 1 - 5/8 = 3/8, 1 - 9/12 = 1/4
        (PolynomialDecay(9, 4, end_lr=1, cycle=True), {0: 9, 3: 3, 4: 1, 5: 4, 8: 1, 9: 3, 12: 1}),
        # a default end above lr: the rate rises
        (PolynomialDecay(2e-5, 10), {0: 2e-5, 5: 6e-5, 10: 1e-4, 11: 1e-4}),
        # 6 / (1 + 2t/4): 6/1, 6/2, 6/3, 6/5
        (InverseTimeDecay(6, 4, 2), {0: 6, 2: 3, 4: 2, 8: 1.2}),
        (InverseTimeDecay(6, 4, 2, staircase=True), {0: 6, 3: 6, 4: 2, 7: 2, 8: 1.2}),
        # 4 (1 + cos)/2 with cos 0, π/3, π/2, 2π/3, π = 1, 1/2, 0, -1/2, -1
        (CosineDecay(4, 6), {0: 4, 2: 3, 3: 2, 4: 1, 6: 0, 7: 0, 10**6: 0}),
        # (1 - 1/4) · {4, 3, 2, 1, 0} + 1
        (CosineDecay(4, 6, alpha=0.25), {0: 4, 2: 3.25, 3: 2.5, 4: 1.75, 6: 1, 7: 1}),
        # 4 [(1 - u)(1 + cos πu)/2 + 1/1000]: u = 0, 1/2, 1
        (LinearCosineDecay(4, 6), {0: 4.004, 3: 1.004, 6: 0.004, 7: 0.004}),
        # n = 1: cos 2πu is 1, -1, 1 at u = 0, 1/2, 1; (1/2 + 1 - u) · {1, 0, 1}, no floor
        (LinearCosineDecay(4, 6, num_periods=1, alpha=0.5, beta=0), {0: 6, 3: 0, 6: 2, 60: 2}),
        (NoisyLinearCosineDecay(4, 6, initial_variance=0), {0: 4.004, 3: 1.004, 6: 0.004}),
    ],
)
def test_a_schedule_goes_through_the_points_worked_by_hand(schedule, points):
    for step, rate in points.items():
        assert schedule(step) == pytest.approx(rate, rel=RTOL, abs=1e-15), step
    steps = np.array(list(points))
    np.testing.assert_allclose(schedule(steps), list(points.values()), rtol=RTOL, atol=1e-15)


# --- the formula, derived another way


def before_horizon(expression):
    return expression.subs(sympy.Min(T, t), t)


def test_exponential_decay_is_what_loses_the_same_part_in_every_step():
    rate = sympy.Function("rate")
    n = sympy.Symbol("n", integer=True, nonnegative=True)
    q = sympy.Symbol("q", positive=True)
    solved = sympy.rsolve(rate(n + 1) - q * rate(n), rate(n), {rate(0): eta})
    assert sympy.simplify(solved.subs(q, k ** (1 / s)) - ExponentialDecay(eta, s, k)(n)) == 0


def test_natural_decay_solves_the_equation_of_decay():
    rate = sympy.Function("rate")
    solved = sympy.dsolve(rate(t).diff(t) + k / s * rate(t), rate(t), ics={rate(0): eta}).rhs
    assert sympy.simplify(solved - NaturalExpDecay(eta, s, k)(t)) == 0


def test_inverse_time_decay_falls_with_the_square_of_the_rate():
    rate = InverseTimeDecay(eta, s, k)(t)
    assert sympy.simplify(sympy.diff(rate, t) + k / (s * eta) * rate**2) == 0
    assert rate.subs(t, 0) == eta


def test_cosine_decay_is_the_square_of_a_cosine_of_half_the_angle():
    squared = eta * ((1 - alpha) * sympy.cos(sympy.pi * t / (2 * T)) ** 2 + alpha)
    by_code = CosineDecay(eta, T, alpha)(t)
    assert sympy.simplify(sympy.expand_trig(before_horizon(by_code) - squared).rewrite(sympy.exp)) == 0
    assert sympy.simplify(by_code.subs(sympy.Min(T, t), T) - alpha * eta) == 0


def test_polynomial_decay_is_fixed_by_its_ends_and_its_elasticity():
    p, end = sympy.symbols("p end", positive=True)
    by_code = before_horizon(PolynomialDecay(eta, T, end_lr=end, power=p)(t))
    above = by_code - end
    assert sympy.simplify(by_code.subs(t, 0) - eta) == 0
    assert sympy.simplify(by_code.subs(t, T) - end) == 0
    assert sympy.simplify(sympy.diff(above, t) * (T - t) / above + p) == 0


def test_linear_cosine_is_the_product_of_the_line_and_the_cosine():
    line = before_horizon(PolynomialDecay(1, T, end_lr=0)(t))
    cosine = before_horizon(CosineDecay(1, T)(t))
    by_code = before_horizon(LinearCosineDecay(eta, T, alpha=alpha, beta=beta)(t))
    assert sympy.simplify(by_code - eta * ((alpha + line) * cosine + beta)) == 0


def test_the_noise_has_the_stated_deviation_and_enters_linearly():
    by_code = before_horizon(NoisyLinearCosineDecay(eta, T, v, c, alpha=alpha, beta=beta)(t))
    mean = before_horizon(LinearCosineDecay(eta, T, alpha=alpha, beta=beta)(t))
    cosine = before_horizon(CosineDecay(1, T)(t))
    assert sympy.simplify(by_code.subs(z, 0) - mean) == 0
    deviation = sympy.diff(by_code, z)
    assert not deviation.has(z)
    assert sympy.simplify(deviation**2 - (eta * cosine) ** 2 * v / (1 + t) ** c) == 0


def test_piecewise_constant_gives_one_flat_sympy_piecewise():
    b = sympy.Symbol("b", positive=True)
    by_code = PiecewiseConstant([b, 2 * b], [eta, eta / 2, eta / 10])(t)
    assert isinstance(by_code, sympy.Piecewise)
    assert len(by_code.args) == 3
    assert not any(value.has(sympy.Piecewise) for value, _ in by_code.args)
    for at, value in ((b / 2, eta), (b, eta / 2), (3 * b / 2, eta / 2), (2 * b, eta / 10), (9 * b, eta / 10)):
        assert sympy.simplify(by_code.subs(t, at)) == value


@each
def test_symbols_and_numbers_give_the_same_values(schedule):
    expression = schedule(at_any_step)
    for step in (0, 1, 7, 10, 13, 20, 29, 30, 31, 47):
        exact = expression.subs({at_any_step: step, z: standard_normal(7, step)})
        assert float(exact) == pytest.approx(schedule(step), rel=RTOL, abs=1e-15), step
        if not isinstance(schedule, NoisyLinearCosineDecay):
            assert float(schedule(sympy.Integer(step))) == pytest.approx(schedule(step), rel=RTOL, abs=1e-15)


@each
def test_a_symbolic_schedule_can_be_typeset_differentiated_and_run_as_javascript(schedule, javascript):
    expression = schedule(at_any_step)
    assert "0.5" not in sympy.latex(expression)  # decimals are read as exact fractions
    sympy.diff(expression, at_any_step)
    source = sympy.jscode(expression)
    assert "Not supported" not in source
    for step in (0, 3, 10, 19, 20, 29, 30, 44):
        value = javascript(
            f"(() => {{ const t = {step}, z = {standard_normal(7, step)!r}; return {source} }})()"
        )
        assert value == pytest.approx(schedule(step), rel=1e-10, abs=1e-15)


def test_symbolic_schedules_can_be_summed_and_integrated():
    n = sympy.Symbol("n", integer=True, positive=True)
    total = sympy.summation(ExponentialDecay(1, 1, sympy.Rational(1, 2))(n - 1), (n, 1, sympy.oo))
    assert total == 2  # 1 + 1/2 + 1/4 + …
    mean = sympy.integrate(before_horizon(CosineDecay(eta, T, alpha)(t)), (t, 0, T)) / T
    assert sympy.simplify(mean - eta * (1 + alpha) / 2) == 0
    assert sympy.integrate(NaturalExpDecay(eta, s, k)(t), (t, 0, sympy.oo)) == eta * s / k
    assert (
        sympy.simplify(
            sympy.integrate(InverseTimeDecay(eta, s, k)(t), (t, 0, s / k)) - eta * s * sympy.log(2) / k
        )
        == 0
    )


def test_held_schedules_integrate_past_their_horizon():
    # half the peak over the horizon, then the floor for as long again
    assert (
        sympy.simplify(
            sympy.integrate(CosineDecay(eta, T, alpha)(t), (t, 0, 2 * T)) - T * eta * (1 + 3 * alpha) / 2
        )
        == 0
    )
    assert (
        sympy.simplify(sympy.integrate(PolynomialDecay(eta, T, end_lr=0)(t), (t, 0, 2 * T)) - T * eta / 2)
        == 0
    )
    assert sympy.integrate(PiecewiseConstant([10, 20], [1.0, 0.5, 0.1])(t), (t, 0, 30)) == 16  # 10 + 5 + 1


def test_a_symbolic_hyperparameter_makes_the_answer_exact_at_a_number_too():
    assert CosineDecay(eta, 4)(1) == eta * (sympy.sqrt(2) / 4 + sympy.Rational(1, 2))
    assert ExponentialDecay(eta, 10, 0.5)(np.float64(10)) == eta / 2


# --- properties

positive = st.floats(1e-3, 1e3)
steps = st.integers(0, 10_000)
horizons = st.integers(1, 3000)


@given(lr=positive, horizon=horizons, alpha=st.floats(0, 1), step=steps)
def test_cosine_stays_between_its_floor_and_its_peak_falls_and_then_holds(lr, horizon, alpha, step):
    schedule = CosineDecay(lr, horizon, alpha)
    slack = 1e-12 * lr
    assert alpha * lr - slack <= schedule(step) <= lr + slack
    assert schedule(step + 1) <= schedule(step) + slack
    assert schedule(horizon + step) == pytest.approx(alpha * lr, abs=slack)
    assert schedule(0) == pytest.approx(lr, rel=RTOL)
    half = CosineDecay(lr, 2 * horizon, alpha)(horizon)
    assert half == pytest.approx(lr * (1 + alpha) / 2, rel=RTOL)


@given(lr=positive, period=horizons, k=st.floats(0.01, 0.99), step=steps)
def test_exponential_forgets_its_age_and_the_staircase_is_never_below_it(lr, period, k, step):
    smooth, stairs = ExponentialDecay(lr, period, k), ExponentialDecay(lr, period, k, staircase=True)
    assert smooth(step + period) == pytest.approx(k * smooth(step), rel=1e-9, abs=1e-300)
    assert stairs(step) >= smooth(step) * (1 - 1e-9)
    assert NaturalExpDecay(lr, period, -np.log(k))(step) == pytest.approx(smooth(step), rel=1e-9, abs=1e-300)


@given(lr=positive, end=st.floats(0, 1e3), horizon=horizons, power=st.floats(0.1, 5), step=steps)
def test_polynomial_stays_between_its_ends_and_holds_the_last(lr, end, horizon, power, step):
    low, high = min(lr, end), max(lr, end)
    for cycle in (False, True):
        schedule = PolynomialDecay(lr, horizon, end, power, cycle)
        assert low - 1e-9 * high <= schedule(step) <= high * (1 + 1e-9)
        assert schedule(horizon) == pytest.approx(end, abs=1e-12 * high)
    assert PolynomialDecay(lr, horizon, end, power)(horizon + step) == pytest.approx(end, abs=1e-12 * high)


@given(horizon=st.floats(1e-3, 1e3), step=st.floats(0, 1e6))
def test_rounding_never_takes_a_cycle_out_of_its_range(horizon, step):
    rate = PolynomialDecay(1.0, horizon, end_lr=0.0, power=0.5, cycle=True)(step)
    assert 0 <= rate <= 1


@given(lr=positive, period=horizons, k=positive, step=steps)
def test_the_reciprocal_of_inverse_time_is_a_straight_line(lr, period, k, step):
    schedule = InverseTimeDecay(lr, period, k)
    assert 1 / schedule(step) == pytest.approx((1 + k * step / period) / lr, rel=1e-12)


@each
@given(step=steps, factor=st.floats(0.1, 10))
def test_a_schedule_does_not_depend_on_what_was_asked_before(schedule, step, factor):
    first = schedule(step)
    schedule(np.arange(50))
    schedule(step + 1)
    assert schedule(step) == first


@each
def test_a_vector_equals_its_scalars_in_any_shape_and_layout(schedule):
    flat = np.arange(60)
    one_by_one = np.array([schedule(int(step)) for step in flat])
    np.testing.assert_allclose(schedule(flat), one_by_one, rtol=RTOL, atol=1e-15)
    np.testing.assert_array_equal(schedule(flat.reshape(3, 4, 5)), schedule(flat).reshape(3, 4, 5))
    np.testing.assert_array_equal(schedule(flat[::-2]), schedule(flat)[::-2])
    np.testing.assert_array_equal(
        schedule(np.asfortranarray(flat.reshape(6, 10))), schedule(flat).reshape(6, 10)
    )
    np.testing.assert_array_equal(schedule(flat.tolist()), schedule(flat))
    assert schedule(np.array(7)) == pytest.approx(schedule(7), rel=RTOL)
    assert np.shape(schedule(np.array(7))) == ()
    assert schedule(np.array([])).shape == (0,)
    assert schedule(np.zeros((2, 0))).shape == (2, 0)


@each
def test_blocks_do_not_show(schedule):
    for size in (BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3):
        long = np.arange(size) % 61
        small = schedule(np.arange(61))
        np.testing.assert_array_equal(schedule(long), small[long])
        np.testing.assert_array_equal(schedule(long.reshape(1, -1)), small[long].reshape(1, -1))
    assert schedule(np.arange(BLOCK + 1, dtype=np.float32)).dtype == np.float32


@each
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float64])
def test_whole_numbers_give_float64(schedule, dtype):
    rates = schedule(np.arange(60, dtype=dtype))
    assert rates.dtype == np.float64
    np.testing.assert_array_equal(rates, schedule(np.arange(60.0)))
    assert type(schedule(3)) is float


@each
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float16, 5e-3)])
def test_short_floats_stay_short(schedule, dtype, rtol):
    rates = schedule(np.arange(60, dtype=dtype))
    assert rates.dtype == dtype
    np.testing.assert_allclose(rates, schedule(np.arange(60)), rtol=rtol, atol=1e-3)
    assert schedule(dtype(3)).dtype == dtype


def test_float16_steps_may_have_a_horizon_beyond_its_range():
    rates = CosineDecay(1.0, 10**6)(np.array([0, 1000], dtype=np.float16))
    np.testing.assert_allclose(rates, [1, 1])


@pytest.mark.parametrize(
    ("cls", "settings", "field"),
    [
        (ExponentialDecay, {"lr": 1.0, "decay_steps": 10, "decay_rate": 0.5}, None),
        (NaturalExpDecay, {"lr": 1.0, "decay_steps": 10, "decay_rate": 0.5}, None),
        (InverseTimeDecay, {"lr": 1.0, "decay_steps": 10, "decay_rate": 0.5}, None),
        (PolynomialDecay, {"lr": 1.0, "decay_steps": 10, "end_lr": 0.1, "power": 2.0}, None),
        (CosineDecay, {"lr": 1.0, "decay_steps": 10, "alpha": 0.1}, None),
        (
            LinearCosineDecay,
            {"lr": 1.0, "decay_steps": 10, "num_periods": 1.5, "alpha": 0.1, "beta": 0.2},
            None,
        ),
    ],
)
def test_each_hyperparameter_may_be_an_array_that_broadcasts(cls, settings, field):
    for name, value in settings.items():
        many = np.array([value, 0.5 * value, 0.25 * value])
        rates = cls(**{**settings, name: many})(np.arange(12)[:, np.newaxis])
        assert rates.shape == (12, 3)
        for column, single in enumerate(many):
            alone = cls(**{**settings, name: single})(np.arange(12))
            np.testing.assert_allclose(rates[:, column], alone, rtol=RTOL, atol=1e-15)
    assert cls(**{**settings, "lr": np.ones(3)})(2).shape == (3,)


def test_values_of_pieces_may_be_arrays_and_the_shape_is_the_same_at_every_step():
    schedule = PiecewiseConstant([3], [1.0, np.array([0.5, 0.1])])
    np.testing.assert_array_equal(schedule(2), [1, 1])
    np.testing.assert_array_equal(schedule(3), [0.5, 0.1])
    np.testing.assert_array_equal(schedule(np.array([[2], [3]])), [[1, 1], [0.5, 0.1]])


@pytest.mark.parametrize("huge", [1e18, 10**18, 1e300])
def test_huge_steps_have_a_limit(huge):
    assert CosineDecay(1.0, 10, 0.1)(huge) == pytest.approx(0.1)
    assert ExponentialDecay(1.0, 10, 0.5)(huge) == 0
    assert ExponentialDecay(1.0, 1e-300, 0.5, staircase=True)(1e18) == 0
    assert NaturalExpDecay(1.0, 10, 0.5)(huge) == 0
    assert 0 < InverseTimeDecay(1.0, 10, 0.5)(huge) < 1e-15
    assert PiecewiseConstant([3], [1.0, 0.5])(huge) == 0.5
    assert ExponentialDecay(1.0, 1, 10)(huge) == np.inf
    assert ExponentialDecay(1.0, 1, 10)(np.array([huge], dtype=float))[0] == np.inf


# --- the noise of the noisy schedule


def test_without_variance_the_noisy_schedule_is_the_linear_cosine():
    at = np.arange(200)
    quiet = NoisyLinearCosineDecay(0.3, 100, initial_variance=0.0, num_periods=1.5, alpha=0.1, beta=0.2)
    np.testing.assert_array_equal(quiet(at), LinearCosineDecay(0.3, 100, 1.5, 0.1, 0.2)(at))


def test_a_noisy_rate_is_the_same_whichever_way_it_is_asked_for():
    schedule = NoisyLinearCosineDecay(1.0, 100, seed=3)
    together = schedule(np.arange(50))
    assert schedule(20) == pytest.approx(together[20], rel=1e-14)
    assert schedule(np.array([41, 20]))[1] == together[20]
    assert schedule(np.float64(20)) == together[20]
    assert float(schedule(sympy.Integer(20))) == pytest.approx(together[20], rel=1e-14)
    assert schedule(np.array([20], dtype=np.float32))[0] == pytest.approx(together[20], rel=1e-5)
    assert NoisyLinearCosineDecay(1.0, 100, seed=4)(20) != schedule(20)


def test_noisy_rates_have_the_mean_and_deviation_of_the_formula():
    draws = np.array([NoisyLinearCosineDecay(2.0, 100, seed=seed)(np.array([0, 50])) for seed in range(4000)])
    # at 0: 2 · [1 ± 1 + 0.001]; at 50: 2 · [(0.5 ± 51^-0.275) · 0.5 + 0.001]
    mean, deviation = np.array([2.002, 0.502]), np.array([2.0, 51**-0.275])
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5 * deviation / np.sqrt(4000))
    assert np.all(np.abs(draws.std(axis=0) / deviation - 1) < 5 / np.sqrt(2 * 4000))


# --- impostors: near misses that the tolerance of these tests must reject

at = np.linspace(0, 200, 401)
u = np.minimum(at, 100) / 100
IMPOSTORS = {
    "a cubic for the cosine": (CosineDecay(1.0, 100), 1 - 3 * u**2 + 2 * u**3),
    "a cosine that is not held": (CosineDecay(1.0, 100), (1 + np.cos(np.pi * at / 100)) / 2),
    "pi cut to 3.1416": (CosineDecay(1.0, 100), (1 + np.cos(3.1416 * u)) / 2),
    "base and exponent mistaken": (ExponentialDecay(1.0, 100, 0.6), np.exp(-0.6 * at / 100)),
    "the period left out": (NaturalExpDecay(1.0, 100, 0.6), np.exp(-0.6 * at)),
    "a rounded staircase": (ExponentialDecay(1.0, 100, 0.6, True), 0.6 ** np.round(at / 100)),
    "a line that is not held": (PolynomialDecay(1.0, 100, 0.0), 1 - at / 100),
    "an end that is a fraction": (PolynomialDecay(0.5, 100, 0.1), 0.5 * ((1 - 0.1) * (1 - u) + 0.1)),
    "a denominator one step late": (InverseTimeDecay(1.0, 100, 0.6), 1 / (1 + 0.6 * (at + 1) / 100)),
    "a sum for the product": (LinearCosineDecay(1.0, 100), (1 - u + (1 + np.cos(np.pi * u)) / 2) / 2 + 0.001),
    "the floor left out": (LinearCosineDecay(1.0, 100), (1 - u) * (1 + np.cos(np.pi * u)) / 2),
    "the wrong side of a boundary": (PiecewiseConstant([50], [1.0, 0.1]), np.where(at <= 50, 1.0, 0.1)),
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_the_tolerance_rejects_an_impostor(name):
    schedule, impostor = IMPOSTORS[name]
    with pytest.raises(AssertionError, match="Not equal"):
        np.testing.assert_allclose(impostor, schedule(at), rtol=RTOL, atol=1e-15)


# --- wrong input


@each
@pytest.mark.parametrize(
    ("step", "shown"),
    [(-1, "-1"), (-0.5, "-0.5"), (float("nan"), "nan"), (float("inf"), "inf"), (10**400, "1000")],
)
def test_a_step_that_is_negative_or_not_finite_is_refused_by_name_and_value(schedule, step, shown):
    with pytest.raises(ValueError, match=rf"^step must be .*>= 0, got {shown}"):
        schedule(step)
    if step != 10**400:
        hidden = np.zeros(BLOCK + 10)
        hidden[BLOCK + 5] = step
        with pytest.raises(ValueError, match=rf"^step must be .*>= 0, got {shown}"):
            schedule(hidden)


@each
@pytest.mark.parametrize("step", [sympy.Integer(-1), sympy.Symbol("n", negative=True), sympy.nan, sympy.oo])
def test_a_symbolic_step_that_must_be_wrong_is_refused(schedule, step):
    with pytest.raises(ValueError, match=r"^step must be "):
        schedule(step)


@each
@pytest.mark.parametrize(
    "step",
    [
        "3",
        None,
        True,
        1j,
        object(),
        np.array(["3"]),
        np.array([True]),
        np.array([t], dtype=object),
        [[1, 2], [3]],
    ],
    ids=repr,
)
def test_a_step_that_is_not_a_number_is_a_type_error(schedule, step):
    with pytest.raises(TypeError, match=r"^step must be "):
        schedule(step)


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [
        ([20, 10], [1, 0.5, 0.1], r"boundaries must be in increasing order, got 10 after 20 at index 1"),
        ([10, 10], [1, 0.5, 0.1], r"boundaries must be in increasing order, got 10 after 10"),
        ([10], [1], r"values must be one more than boundaries, got 1 values and 1 boundaries"),
        ([10], [1, 0.5, 0.1], r"values must be one more than boundaries"),
        ([0], [1, 0.5], r"boundaries\[0\] must be > 0, got 0"),
        ([5, float("nan")], [1, 0.5, 0.1], r"boundaries\[1\] must be finite and > 0, got nan"),
        ([5], [1, -0.5], r"values\[1\] must be >= 0, got -0.5"),
        ([5], [1, float("inf")], r"values\[1\] must be finite"),
        ([2 * k, k], [eta, 1, 1], r"boundaries must be in increasing order"),
    ],
)
def test_boundaries_and_values_that_do_not_fit_are_refused(boundaries, values, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseConstant(boundaries, values)


@pytest.mark.parametrize("boundaries", ["10", 10, {10: 1}, np.array(10), ["a"], [None]])
def test_boundaries_that_are_not_a_sequence_of_numbers_are_a_type_error(boundaries):
    with pytest.raises(TypeError, match=r"^boundaries"):
        PiecewiseConstant(boundaries, [1.0, 0.1])


def test_symbols_and_arrays_cannot_be_mixed():
    with pytest.raises(TypeError, match="symbols and arrays cannot be mixed"):
        CosineDecay(np.array([0.1, 0.2]), 10)(t)
    with pytest.raises(TypeError, match="symbols and arrays cannot be mixed"):
        CosineDecay(eta, 10)(np.arange(3))


def test_the_base_class_has_no_formula():
    with pytest.raises(NotImplementedError):
        Schedule().rule(0)


def test_a_setting_that_is_an_array_meets_the_steps_of_many_blocks():
    # taken block by block, 2 rows of settings would meet the wrong steps
    steps = np.arange(BLOCK + 3)
    both = ExponentialDecay(np.array([[0.1], [0.2]]), 1000, 0.5)(np.stack([steps, steps]))
    for row, lr in zip(both, (0.1, 0.2), strict=True):
        np.testing.assert_array_equal(row, ExponentialDecay(lr, 1000, 0.5)(steps))


def test_boundaries_out_of_order_in_one_run_of_many_are_refused():
    with pytest.raises(ValueError, match="boundaries"):
        PiecewiseConstant([np.array([1, 5]), np.array([3, 4])], [1.0, 0.5, 0.1])


def test_a_draw_above_zero_lifts_the_rate_and_one_below_lowers_it():
    steps = np.arange(50)  # the cosine, over half a period, is above zero
    noisy = NoisyLinearCosineDecay(1.0, 100, num_periods=0.25, seed=3)(steps)
    quiet = LinearCosineDecay(1.0, 100, num_periods=0.25)(steps)
    np.testing.assert_array_equal(np.sign(noisy - quiet), np.sign(standard_normal(3, steps)))


def test_a_rule_that_does_not_look_at_the_step_gives_a_rate_for_each_all_the_same():
    @hyperparameters
    class Stubborn(Schedule):
        lr: float = 0.5

        def rule(self, step):
            return self.lr

    for size in (0, 1, 7, BLOCK, BLOCK + 1):
        for dtype in (np.float32, np.float64, np.int64):
            rates = Stubborn()(np.zeros(size, dtype))
            assert (rates.shape, set(rates.tolist())) == ((size,), {0.5} if size else set())
            assert rates.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert Stubborn()(3) == 0.5
    assert Stubborn()(np.zeros((2, 3))).shape == (2, 3)
    assert Stubborn(np.array([0.5, 0.25]))(np.zeros((3, 1))).tolist() == 3 * [[0.5, 0.25]]


def test_a_line_may_start_at_zero():
    np.testing.assert_array_equal(PolynomialDecay(0, 4, end_lr=1.0)(np.arange(6)), [0, 0.25, 0.5, 0.75, 1, 1])


# --- schedules made of schedules


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        # from 0 to 8 in 4 steps, then 8 · 2^(-(t-4)/2)
        (Warmup(4, ExponentialDecay(8, 2, 0.5)), {0: 0, 1: 2, 3: 6, 4: 8, 6: 4, 8: 2}),
        # from a quarter of 8: 2, then three quarters of 8 more in 3 steps
        (Warmup(3, Constant(8), start=0.25), {0: 2, 1: 4, 2: 6, 3: 8, 99: 8}),
        # the line is a factor: t/4 · 8 · 2^(-t/2)
        (Warmup(4, ExponentialDecay(8, 2, 0.5), shift=False), {0: 0, 2: 2, 4: 2, 6: 1}),
        # a start above 1 comes down: 3, 2, 1 times 5
        (Warmup(2, Constant(5), start=3), {0: 15, 1: 10, 2: 5, 3: 5}),
        # each from its own beginning
        (Chain([Constant(3), ExponentialDecay(8, 1, 0.5)], [4]), {0: 3, 3: 3, 4: 8, 5: 4, 6: 2}),
        (Chain([Constant(3)], []), {0: 3, 9: 3}),
        # 4, 3, 2, 1 and again
        (Restarts(PolynomialDecay(4, 4, end_lr=0), 4), {0: 4, 3: 1, 4: 4, 7: 1, 8: 4, 4000: 4}),
        # cycles of 2, 4, 8: begin at 0, 2, 6, 14; peaks 4, 2, 1, 1/2
        (
            Restarts(PolynomialDecay(4, 2, end_lr=0), 2, growth=2, decay=0.5),
            {0: 4, 1: 2, 2: 2, 4: 1, 6: 1, 10: 0.5, 14: 0.5},
        ),
        # cycles of 1, 3, 9 begin at 0, 1, 4, 13
        (Restarts(PolynomialDecay(9, 1, end_lr=0), 1, growth=3), {0: 9, 1: 9, 3: 3, 4: 9, 12: 1, 13: 9}),
        (Scaled(InverseTimeDecay(6, 4, 2), 0.5), {0: 3, 4: 1}),
        (Constant(0), {0: 0, 7: 0}),
    ],
    ids=lambda x: repr(x)[:50],
)
def test_a_composed_schedule_goes_through_the_points_worked_by_hand(schedule, points):
    for step, rate in points.items():
        assert schedule(step) == pytest.approx(rate, rel=RTOL, abs=1e-15), step
    steps = np.array(list(points))
    np.testing.assert_allclose(schedule(steps), list(points.values()), rtol=RTOL, atol=1e-15)


@given(
    period=st.integers(1, 1000),
    growth=st.one_of(st.just(1), st.just(1.0), st.integers(2, 5), st.floats(1.01, 4)),
    cycles=st.integers(0, 12),
)
def test_a_cycle_begins_where_the_lengths_of_those_before_it_add_up_to(period, growth, cycles):
    begin = period * float(sum(growth**i for i in range(cycles)))
    schedule = Restarts(PolynomialDecay(1.0, 1.0, end_lr=0.0), 1.0, growth) if period == 1 else None
    schedule = schedule or Restarts(PolynomialDecay(1.0, period, end_lr=0.0), period, growth)
    assert schedule(begin * (1 + 1e-9)) == pytest.approx(1.0, abs=1e-6)  # the top of the new cycle
    if begin:
        assert schedule(begin * (1 - 1e-9)) == pytest.approx(0.0, abs=1e-6)  # the end of the old one
    if type(growth) is int:
        assert schedule(begin) == 1.0  # sums of whole numbers are exact: so is the edge


def test_a_warmup_ends_exactly_at_the_rate_it_leads_to():
    rng = np.random.default_rng(0)
    for start in rng.uniform(0, 1, 500):
        schedule = Warmup(7, Constant(0.3), start=float(start))
        assert (schedule(7), schedule(8), schedule(0)) == (0.3, 0.3, pytest.approx(0.3 * start, rel=1e-15))


def test_what_comes_later_is_not_asked_before_its_time():
    asked = []

    @hyperparameters
    class Watched(Schedule):
        lr: float = 1.0

        def rule(self, step):
            asked.append(step)
            return self.lr + 0 * step

    Warmup(5, Watched())(2)
    Chain([Constant(1.0), Watched()], [5])(3)
    assert asked == [0, 0]


def test_a_composed_schedule_with_symbols_is_its_formula():
    line = Warmup(s, CosineDecay(eta, T))(t)
    assert sympy.simplify(line.subs(t, s / 2) - eta / 2) == 0
    assert sympy.simplify(line.subs(t, s + T / 2) - eta / 2) == 0
    again = Restarts(PolynomialDecay(eta, s, end_lr=0), s)(t)
    assert sympy.simplify(again.subs(t, 7 * s / 2) - eta / 2) == 0
    row = Chain([Constant(eta), Constant(c)], [s])(t)
    assert row == sympy.Piecewise((c, t >= s), (eta, True))


def test_settings_of_composed_schedules_broadcast_against_the_step_by_the_same_rule():
    steps, peaks, lengths = np.arange(30.0), np.array([[0.1], [0.2]]), np.array([[3], [8]])

    def made(peak, length):
        return [
            Constant(peak),
            Scaled(Constant(0.5), peak),
            Warmup(length, CosineDecay(peak, 10)),
            Chain([Constant(peak), Constant(0.3)], [length]),
            Restarts(CosineDecay(peak, 5), length, growth=1 + peak),
            PiecewiseConstant([length], [peak, 0.0]),
        ]

    for i, schedule in enumerate(made(peaks, lengths)):
        together = schedule(steps)
        assert together.shape == (2, 30)
        for k in range(2):
            alone = made(float(peaks[k, 0]), int(lengths[k, 0]))[i]
            np.testing.assert_allclose(together[k], alone(steps), rtol=RTOL)
        assert schedule(3).shape == (2, 1)
        assert schedule(np.float64(3)).shape == (2, 1)


def test_growths_of_one_and_more_go_on_side_by_side():
    together = Restarts(CosineDecay(1.0, 5), 5, growth=np.array([1.0, 2.0, 1.5]))(np.arange(40.0)[:, None])
    for i, growth in enumerate([1.0, 2.0, 1.5]):
        alone = Restarts(CosineDecay(1.0, 5), 5, growth=growth)(np.arange(40.0))
        np.testing.assert_allclose(together[:, i], alone, rtol=RTOL)
