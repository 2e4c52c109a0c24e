"""The noise: normal, independent, and a function of seed and step alone."""

import math

import numpy as np
import pytest
import sympy

from lrbook.noise import standard_normal

N = 1_000_000


def test_the_draws_are_standard_normal_in_every_moment_that_counts():
    draws = standard_normal(0, np.arange(N))
    # standard errors of mean, variance, skewness and kurtosis of n normal numbers
    assert abs(draws.mean()) < 5 / math.sqrt(N)
    assert abs(draws.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs((draws**3).mean()) < 5 * math.sqrt(15 / N)
    assert abs((draws**4).mean() - 3) < 5 * math.sqrt(96 / N)


def test_the_draws_have_the_normal_distribution_function():
    draws = np.sort(standard_normal(1, np.arange(100_000)))
    normal = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in draws])
    gap = np.abs(normal - np.arange(1, 100_001) / 100_000).max()
    assert gap * math.sqrt(100_000) < 1.95  # Kolmogorov and Smirnov's limit for one in a thousand


@pytest.mark.parametrize("lag", [1, 2, 64, 1024])
def test_neighbouring_steps_and_seeds_have_nothing_in_common(lag):
    draws = standard_normal(0, np.arange(N))
    assert abs((draws[:-lag] * draws[lag:]).mean()) < 5 / math.sqrt(N)
    other = standard_normal(lag, np.arange(N))
    assert abs((draws * other).mean()) < 5 / math.sqrt(N)
    assert abs((draws**2 * other**2).mean() - 1) < 5 * math.sqrt(8 / N)


@pytest.mark.parametrize(
    ("seed", "steps"),
    [
        (0, np.arange(100_000) / 100),  # epochs
        (3, np.arange(100_000) / 1024),
        (0, 2.0**32 * np.arange(100_000)),
        (0, 2.0**45 + np.arange(100_000)),
        (2**33, np.arange(100_000)),
        (2**40 + 1, np.arange(100_000) / 7),
    ],
    ids=["hundredths", "parts of 1024", "multiples of 2^32", "beyond 2^45", "long seed", "sevenths"],
)
def test_steps_that_are_no_small_whole_numbers_and_long_seeds_draw_as_well(seed, steps):
    draws = standard_normal(seed, steps)
    n = draws.size
    assert np.unique(draws).size > 0.99 * n
    assert abs(draws.mean()) < 5 / math.sqrt(n)
    assert abs(draws.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((draws[:-1] * draws[1:]).mean()) < 5 / math.sqrt(n)
    assert abs((draws * standard_normal(0, np.arange(n) + 0.5)).mean()) < 5 / math.sqrt(n)


def test_seeds_that_differ_in_their_upper_bits_alone_are_other_seeds():
    steps = np.arange(100_000)
    draws, other = standard_normal(5, steps), standard_normal(5 + 2**32, steps)
    assert not np.any(draws == other)
    assert abs((draws * other).mean()) < 5 / math.sqrt(steps.size)


def test_a_draw_depends_on_seed_and_step_alone():
    together = standard_normal(5, np.arange(100))
    shuffled = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(standard_normal(5, shuffled), together[shuffled])
    np.testing.assert_array_equal(standard_normal(5, np.arange(100.0).reshape(4, 25)).ravel(), together)
    for step in range(100):
        assert standard_normal(5, step) == pytest.approx(together[step], rel=1e-13)
    for step in (2.5, 2.0**40 + 0.25, 2.0**53, 2.0**70, 1e300):
        assert standard_normal(5, step) == pytest.approx(standard_normal(5, np.array([step]))[0], rel=1e-13)
    assert standard_normal(5, -0.0) == standard_normal(5, 0)
    assert standard_normal(5, np.array([-0.0])) == standard_normal(5, np.array([0.0]))
    assert standard_normal(5, 2.5) != standard_normal(5, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_kind_of_the_step_is_kept(dtype):
    draws = standard_normal(0, np.arange(5, dtype=dtype))
    assert draws.dtype == dtype
    assert standard_normal(0, np.array(3, dtype=dtype)).shape == ()
    assert standard_normal(0, dtype(3)).dtype == dtype
    assert standard_normal(0, np.arange(3)).dtype == np.float64
    assert type(standard_normal(0, 3)) is float


def test_a_symbol_stands_for_the_draw_and_an_exact_number_gives_it():
    assert standard_normal(0, sympy.Symbol("t")) == sympy.Symbol("z", real=True)
    assert float(standard_normal(0, sympy.Integer(3))) == standard_normal(0, 3)


def test_drift_alarm_the_first_draws_are_those_recorded_when_this_was_written():
    recorded = [0.2839437961018471, -1.1805129249914434, -1.9699972654312823, 0.8339669729355889]
    np.testing.assert_allclose(standard_normal(0, np.arange(4)), recorded, rtol=1e-12)
