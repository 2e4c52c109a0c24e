"""Problems: gradients against differences of losses, noise against its law, the data as published."""

import re

import numpy as np
import pytest
import sympy

from lrbook import (
    SGD,
    Adagrad,
    Digits,
    InverseTimeDecay,
    Quadratic,
    Rosenbrock,
    Slope,
    Turned,
    descend,
    load_digits,
)
from lrbook.problems import rotation


def differences(problem, theta, width):
    """The gradient of a scalar loss by central differences.

    Their error is of the order of width² from the curvature of the slope and of 1e-16 / width from
    rounding: near 1e-10 for a width of 1e-5 and losses of order 1.
    """
    gradient = np.zeros_like(theta)
    for index in np.ndindex(theta.shape):
        shift = np.zeros_like(theta)
        shift[index] = width
        gradient[index] = (problem.loss(theta + shift) - problem.loss(theta - shift)) / (2 * width)
    return gradient


@pytest.mark.parametrize(
    ("problem", "theta"),
    [
        (Quadratic([1.0, 10.0, -0.5]), np.array([2.0, -1.0, 0.3])),
        (Rosenbrock(), np.array([-1.2, 1.0])),
        (Rosenbrock(a=0.5, b=3.0), np.array([0.7, -0.2])),
    ],
)
def test_the_gradient_is_the_slope_of_the_loss(problem, theta):
    np.testing.assert_allclose(
        problem.gradient(theta), differences(problem, theta, 1e-5), rtol=1e-6, atol=1e-7
    )


def test_losses_worked_by_hand():
    # (1·2² + 10·1²) / 2 = 7; (1 + 1.2)² + 100 (1 - 1.44)² = 4.84 + 19.36
    assert Quadratic([1.0, 10.0]).loss(np.array([2.0, 1.0])) == 7
    assert Rosenbrock().loss(np.array([-1.2, 1.0])) == pytest.approx(24.2, rel=1e-12)
    assert Rosenbrock(a=2.0).loss(np.array([2.0, 4.0])) == 0
    np.testing.assert_array_equal(Rosenbrock(a=2.0).gradient(np.array([2.0, 4.0])), [0, 0])


def test_leading_axes_are_separate_runs():
    theta = np.arange(12.0).reshape(2, 3, 2)
    for problem in (Quadratic([1.0, 3.0]), Rosenbrock()):
        assert problem.loss(theta).shape == (2, 3)
        assert problem.loss(theta)[1, 2] == problem.loss(theta[1, 2])
        np.testing.assert_array_equal(problem.gradient(theta)[1, 2], problem.gradient(theta[1, 2]))


def test_the_noise_of_a_gradient_has_the_stated_deviation_and_no_mean():
    problem, theta, n = Quadratic([2.0, 0.5], noise=3.0), np.ones((100_000, 2)), 100_000
    noise = problem.gradient(theta, np.random.default_rng(0)) - problem.gradient(theta)
    assert np.all(np.abs(noise.mean(axis=0)) < 5 * 3 / np.sqrt(n))
    assert np.all(np.abs(noise.std(axis=0) / 3 - 1) < 5 / np.sqrt(2 * n))
    np.testing.assert_array_equal(problem.gradient(theta), problem.eigenvalues * theta)


def test_the_expected_update_is_the_mean_of_the_squared_update():
    lam, sigma, eta, square, theta, xi = sympy.symbols("lambda sigma eta E theta xi", positive=True)
    update = sympy.expand((theta - eta * (lam * theta + sigma * xi)) ** 2)
    mean = update.coeff(xi, 0).subs(theta**2, square) + update.coeff(xi, 2)  # E[xi] = 0, E[xi²] = 1
    assert sympy.simplify(Quadratic(lam, noise=sigma).expected_update(square, eta) - mean) == 0


def test_the_expected_square_is_that_of_many_runs():
    problem, rates, n = Quadratic([1.0, 0.2], noise=0.5), 0.5 / np.arange(1, 31), 40_000
    exact = problem.expected_square(np.array([2.0, -1.0]), rates)
    theta, rng = np.tile([2.0, -1.0], (n, 1)), np.random.default_rng(1)
    for t, rate in enumerate(rates):
        theta = theta - rate * problem.gradient(theta, rng)
        squares = theta**2
        assert np.all(np.abs(squares.mean(axis=0) - exact[t + 1]) < 5 * squares.std(axis=0) / np.sqrt(n))


def test_the_best_rates_along_one_curvature_fall_like_one_over_t():
    curvature, sigma, start = 0.5, 2.0, 3.0
    r = sigma**2 / (curvature**2 * start**2)
    problem = Quadratic([curvature], noise=sigma)
    best = problem.best_rates([start], np.full(30, 0.2))
    np.testing.assert_allclose(
        best, InverseTimeDecay(1 / (curvature * (1 + r)), 1, 1 / (1 + r))(np.arange(30))
    )


def test_no_small_change_of_the_best_rates_is_better_and_the_search_forgets_where_it_began():
    problem, start, rng = (
        Quadratic([0.05, 0.3, 1.0], noise=0.2),
        np.array([1.0, -2.0, 1.0]),
        np.random.default_rng(0),
    )
    best = problem.best_rates(start, np.full(40, 0.1))
    np.testing.assert_allclose(problem.best_rates(start, np.linspace(1.0, 0.0, 40)), best, rtol=1e-6)
    least = problem.expected_loss(start, best)[-1]
    changed = best[:, np.newaxis] * (1 + 0.03 * rng.standard_normal((40, 200)))
    assert (problem.expected_loss(start, changed)[-1] > least).all()
    slope = [
        problem.expected_loss(start, np.stack([best + 1e-6 * e, best - 1e-6 * e], axis=1))[-1] @ [1, -1]
        for e in np.eye(40)
    ]
    np.testing.assert_allclose(slope, 0, atol=1e-12)  # against losses near 0.02


def test_best_rates_are_found_for_many_noises_at_once():
    noises = np.array([0.1, 1.0])
    together = Quadratic([0.1, 1.0], noise=noises[:, np.newaxis]).best_rates(np.ones(2), np.full(9, 0.1))
    for column, noise in zip(together.T, noises, strict=True):
        alone = Quadratic([0.1, 1.0], noise=noise).best_rates(np.ones(2), np.full(9, 0.1))
        np.testing.assert_allclose(column, alone, rtol=1e-7)
    assert Quadratic([1.0], noise=1.0).best_rates([1.0], np.empty(0)).shape == (0,)


@pytest.mark.parametrize("method", ["expected_square", "expected_loss", "best_rates"])
@pytest.mark.parametrize(
    ("rates", "error", "message"),
    [
        (0.1, ValueError, "rates must have a first axis, the steps, got the number 0.1"),
        ([0.1, float("nan")], ValueError, "rates must be finite and a number, got nan"),
        ([0.1, float("inf")], ValueError, "rates must be finite and a number, got inf"),
        (["0.1"], TypeError, "rates must be real numbers, got dtype <U3"),
        (None, TypeError, "rates must be a number, an array or a SymPy expression, got None"),
    ],
)
def test_rates_that_are_none_are_refused(method, rates, error, message):
    with pytest.raises(error, match=message):
        getattr(Quadratic([1.0], noise=1.0), method)([1.0], rates)


def test_a_single_curvature_may_be_a_number():
    rates = np.linspace(0.5, 0.1, 5)
    number, array = (Quadratic(curvature, noise=0.3).expected_loss(1.0, rates) for curvature in (2.0, [2.0]))
    np.testing.assert_array_equal(number, array)


def test_best_rates_whose_squares_overflow_are_not_returned():
    problem = Quadratic(np.geomspace(1e-7, 1, 5), noise=1e-6)
    with pytest.raises(RuntimeError, match="they still move"):
        problem.best_rates(np.ones(5), np.full(200, 0.1), sweeps=30)


@pytest.mark.parametrize(
    ("problem", "options", "error", "message"),
    [
        (Quadratic([1.0]), {}, ValueError, "noise must be > 0 for best rates, got 0.0"),
        (Quadratic([1.0, -1.0], noise=1.0), {}, ValueError, "eigenvalues must be > 0 for best rates"),
        (Quadratic([0.1, 1.0], noise=1.0), {"sweeps": 1}, RuntimeError, "must settle within sweeps, got 1,"),
        (Quadratic([1.0], noise=1.0), {"sweeps": -1}, ValueError, "sweeps must be a whole number"),
    ],
)  # fmt: skip
def test_best_rates_that_do_not_exist_or_are_not_reached_are_not_returned(problem, options, error, message):
    with pytest.raises(error, match=message):
        problem.best_rates(np.ones(1), np.full(5, 0.1), **options)


def test_the_expected_loss_is_the_loss_of_the_expected_squares():
    problem, rates = Quadratic([0.5, 2.0], noise=0.3), np.linspace(0.5, 0.1, 12).reshape(4, 3)
    squares = problem.expected_square([2.0, -1.0], rates)
    by_hand = 0.5 * (0.5 * squares[..., 0] + 2.0 * squares[..., 1])
    loss = problem.expected_loss([2.0, -1.0], rates)
    assert loss.shape == (5, 3)
    np.testing.assert_allclose(loss, by_hand, rtol=1e-14)


def test_the_expected_square_sweeps_over_settings():
    rates = np.stack([np.full(5, 0.1), np.full(5, 0.3)], axis=1)
    together = Quadratic([1.0, 2.0], noise=1.0).expected_square(np.ones(2), rates)
    assert together.shape == (6, 2, 2)
    alone = Quadratic([1.0, 2.0], noise=1.0).expected_square(1.0, rates[:, 1])
    np.testing.assert_array_equal(together[:, 1], alone)


# --- the digits


def test_the_digits_are_the_published_ones_and_cannot_be_changed():
    images, labels = load_digits()
    assert images.shape == (1797, 64)
    assert images.min() == 0
    assert images.max() == 1
    # the counts that the repository of the data states for its test set
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert load_digits()[0] is images
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0] = 1


def test_the_file_of_the_digits_carries_its_licence_and_source():
    from importlib import resources

    with resources.files("lrbook").joinpath("data/digits.npz").open("rb") as file:
        data = np.load(file)
        assert "CC BY 4.0" in str(data["licence"])
        assert "10.24432/C50P49" in str(data["source"])


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_gradient_of_the_classifier_is_the_slope_of_its_loss(hidden):
    problem = Digits(hidden=hidden)
    rng = np.random.default_rng(3)
    theta = {k: a + 0.3 * rng.standard_normal(a.shape) for k, a in problem.start(1).items()}
    gradient = problem.gradient(theta)
    assert list(gradient) == list(theta)
    for name, array in theta.items():
        for index in list(np.ndindex(array.shape))[:: max(1, array.size // 7)]:
            ends = []
            for sign in (1, -1):
                moved = {k: a.copy() for k, a in theta.items()}
                moved[name][index] += sign * 1e-5
                ends.append(problem.loss(moved))
            assert gradient[name][index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-8)


def test_a_blank_classifier_has_the_loss_of_guessing():
    assert Digits().loss(Digits().start()) == pytest.approx(np.log(10), rel=1e-14)


def test_huge_scores_do_not_overflow():
    problem = Digits()
    theta = {"W": 1e4 * np.random.default_rng(0).standard_normal((64, 10)), "b": np.zeros(10)}
    assert np.isfinite(problem.loss(theta))
    assert all(np.isfinite(g).all() for g in problem.gradient(theta).values())


def test_a_batch_gives_the_exact_gradient_on_average():
    problem, runs = Digits(batch_size=8), 3000
    rng = np.random.default_rng(0)
    theta = {"W": 0.1 * rng.standard_normal((64, 10)), "b": np.zeros(10)}
    many = {k: np.broadcast_to(a, (runs, *a.shape)) for k, a in theta.items()}
    noisy, exact = problem.gradient(many, rng), problem.gradient(theta)
    for name in exact:
        error = noisy[name].std(axis=0) / np.sqrt(runs) + 1e-12
        assert (np.abs(noisy[name].mean(axis=0) - exact[name]) / error).max() < 5.5  # of 650 entries
    np.testing.assert_array_equal(Digits().gradient(theta, rng)["W"], exact["W"])  # no batch, no noise


def test_many_classifiers_run_at_once():
    problem = Digits(hidden=4)
    one, other = problem.start(0), problem.start(1)
    assert not np.array_equal(one["V"], other["V"])
    both = {k: np.stack([one[k], other[k]]) for k in one}
    np.testing.assert_allclose(problem.loss(both), [problem.loss(one), problem.loss(other)], rtol=1e-12)
    np.testing.assert_allclose(
        problem.gradient(both)["V"][1], problem.gradient(other)["V"], rtol=1e-9, atol=1e-15
    )
    assert problem.accuracy(both).shape == (2,)


def test_accuracy_is_measured_on_images_that_training_does_not_see():
    _, labels = load_digits()
    problem = Digits(held_out=450)
    theta = problem.start()
    assert problem.accuracy(theta) == (labels[-450:] == 0).mean()  # all scores equal: the first digit
    seen = Digits(held_out=1796)  # one image is left to train on
    assert seen.loss(theta) == pytest.approx(np.log(10))
    p_right = seen.gradient(theta)["b"]
    assert p_right[labels[0]] == pytest.approx(0.1 - 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"held_out": 1797}, "held_out must be < 1797"),
        ({"hidden": -1}, "hidden must be a whole number >= 0, got -1"),
        ({"hidden": 2.5}, "hidden must be a whole number >= 0, got 2.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Digits(**settings)


def test_accuracy_without_held_out_images_is_refused():
    with pytest.raises(ValueError, match="held_out must be > 0"):
        Digits(held_out=0).accuracy(Digits().start())


def test_the_first_weights_have_variance_one_over_inputs():
    weights = Digits(hidden=400).start(seed=3)
    assert np.isclose(weights["V"].std(), 1 / 8, rtol=0.02)
    assert np.isclose(weights["W"].std(), 1 / 20, rtol=0.05)


def test_every_training_image_is_drawn_and_no_other():
    class Recorded:
        def integers(self, high, size):
            self.high = high
            return np.zeros(size, dtype=int)

    rng, problem = Recorded(), Digits(batch_size=2, held_out=450)
    problem.gradient(problem.start(), rng)
    assert rng.high == 1347  # 1797 - 450


def test_each_search_for_best_rates_goes_on_until_its_own_rates_settle():
    # beside rates near a million, which settle at once, those near 1 seem to stand still
    both = Quadratic(np.array([[1.0, 3.0], [1e-6, 1e-6]]), noise=np.array([[0.1], [1e-7]]))
    start, rates = [1.0, 1.0], np.full((20, 2), 0.1)
    together = both.best_rates(start, rates, rtol=1e-6, sweeps=5000)
    alone = Quadratic([1.0, 3.0], noise=0.1).best_rates(start, rates[:, 0], rtol=1e-6, sweeps=5000)
    np.testing.assert_allclose(together[:, 0], alone, rtol=1e-12)


@pytest.mark.parametrize(
    "problem",
    [Quadratic([1.0, 2.0], noise=[0.0, 1.0]), Quadratic([0.0, 2.0], noise=1.0)],
    ids=["noise", "curvature"],
)
def test_one_direction_without_noise_or_curvature_has_no_best_rates(problem):
    with pytest.raises(ValueError, match="must be > 0 for best rates"):
        problem.best_rates([1.0, 1.0], np.full(4, 0.1))


def test_a_matrix_is_not_taken_for_eigenvalues():
    with pytest.raises(ValueError, match="eigenvalues must be the curvatures themselves, got a symmetric"):
        Quadratic([[2.0, 1.0], [1.0, 2.0]])
    for fine in (3.0, [[3.0]], [[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]]):
        Quadratic(fine)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda theta: theta["W"],
            "must be a mapping with the names ['V', 'c', 'W', 'b'], got ndarray",
        ),
        (
            lambda theta: theta | {"d": theta["b"]},
            "'W', 'b'], got ['V', 'c', 'W', 'b', 'd']",
        ),
        (lambda theta: {"W": theta["W"]}, "must be a mapping with the names"),
        (lambda theta: theta | {"c": theta["c"][:1]}, "theta['c'] must have shape (..., 8), got (1,)"),
        (lambda theta: theta | {"W": theta["W"].T}, "theta['W'] must have shape (..., 8, 10), got (10, 8)"),
        (lambda theta: theta | {"b": theta["b"][None]}, "the same first axes, its runs, in all parameters"),
    ],
)
def test_parameters_of_another_network_are_refused(change, message):
    problem = Digits(hidden=8)
    theta = change(problem.start())
    for ask in (problem.loss, problem.gradient, problem.accuracy):
        with pytest.raises(ValueError, match=re.escape(message)):
            ask(theta)


def test_a_turned_problem_is_the_same_problem_seen_from_its_own_axes():
    bowl, axes = Quadratic([1.0, 9.0], noise=0.5), rotation(30)
    turned, theta = Turned(bowl, axes), np.array([[2.0, -1.0], [0.3, 0.4]])
    np.testing.assert_allclose(turned.loss(theta @ axes.T), bowl.loss(theta), rtol=1e-14)
    np.testing.assert_allclose(turned.gradient(theta @ axes.T), bowl.gradient(theta) @ axes.T, rtol=1e-13)
    ours, plain = (
        problem.gradient(point, np.random.default_rng(0))
        for problem, point in ((turned, theta @ axes.T), (bowl, theta))
    )
    np.testing.assert_allclose(ours, plain @ axes.T, rtol=1e-13)


def test_plain_descent_does_not_see_a_turn_and_adagrad_does():
    axes = rotation(45)
    for opt, same in ((SGD(0.1), True), (Adagrad(0.1), False)):
        straight = descend(Quadratic([1.0, 9.0]), np.ones(2), opt, 20).theta[-1]
        turned = descend(Turned(Quadratic([1.0, 9.0]), axes), axes @ np.ones(2), opt, 20).theta[-1]
        assert np.allclose(axes @ straight, turned, rtol=1e-12) == same


@pytest.mark.parametrize("axes", [[[1.0, 0.0], [1.0, 1.0]], [1.0, 0.0], 2.0, np.eye(2)[:1]])
def test_axes_that_are_not_orthogonal_are_refused(axes):
    with pytest.raises(ValueError, match="axes must be the columns of an orthogonal matrix, got"):
        Turned(Quadratic([1.0, 2.0]), axes)


def test_a_rotation_turns_against_the_clock_and_by_degrees():
    np.testing.assert_allclose(rotation(90) @ [0, 1], [1, 0], atol=1e-15)
    np.testing.assert_allclose(rotation(30) @ rotation(60), rotation(90), atol=1e-15)


def test_a_slope_is_as_steep_everywhere():
    slope = Slope(-2.0)
    assert slope.loss(np.array([[1.0, 2.0], [0.0, 0.0]])).tolist() == [-6, 0]
    assert slope.gradient(np.zeros((2, 3), np.float32)).dtype == np.float32
    assert descend(slope, np.zeros(1), SGD(0.5), 3).theta[:, 0].tolist() == [0, 1, 2, 3]


def test_expected_losses_are_recorded_after_every_so_many_updates_and_the_last():
    bowl, rates = Quadratic([1.0, 4.0], noise=0.1), np.linspace(0.4, 0.01, 10)
    whole = bowl.expected_loss([1.0, 1.0], rates)
    np.testing.assert_array_equal(bowl.expected_loss([1.0, 1.0], rates, every=3), whole[[0, 3, 6, 9, 10]])
    np.testing.assert_array_equal(bowl.expected_loss([1.0, 1.0], rates, every=5), whole[[0, 5, 10]])
    squares = bowl.expected_square([1.0, 1.0], rates)
    np.testing.assert_array_equal(bowl.expected_square([1.0, 1.0], rates, every=99), squares[[0, 10]])
    np.testing.assert_array_equal(bowl.expected_square([1.0, 1.0], rates, every=5.0), squares[[0, 5, 10]])
    with pytest.raises(ValueError, match="every must be >= 1, got 0"):
        bowl.expected_loss([1.0, 1.0], rates, every=0)
