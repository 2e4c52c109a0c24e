"""Optimizers: the rule is pure, the step is the rule in place, and nothing is half done."""

import numpy as np
import pytest
import sympy

from lrbook import SGD, CosineDecay, Optimizer, State
from lrbook.optimizers import BLOCK_BYTES


class Remembering(Optimizer):
    """A rule with two slots, to test what the base class does with them."""

    slot_names = ("last", "sum")

    def __init__(self, lr=0.1):
        object.__setattr__(self, "lr", lr)

    _plain = True

    def rule(self, theta, g, lr, t, last, total):
        return theta - lr * (g + last) / t, g, total + g * g


def test_sgd_goes_against_the_gradient_by_the_rate():
    # 4 - 0.5 · 12 = -2, then -2 - 0.5 · (-6) = 1
    theta, opt = np.array([4.0]), SGD(lr=0.5)
    state = opt.init(theta)
    for expected in (-2.0, 1.0):
        opt.step(theta, 3 * theta, state)
        assert theta[0] == expected
    assert state.t == 2


def test_the_rule_is_pure_and_takes_symbols():
    theta, g, lr = sympy.symbols("theta g eta")
    assert SGD().rule(theta, g, lr, 1) == (theta - lr * g,)
    array, gradient = np.ones(3), np.arange(3.0)
    (new,) = SGD().rule(array, gradient, 0.5, 1)
    np.testing.assert_array_equal(new, [1, 0.5, 0])
    np.testing.assert_array_equal(array, np.ones(3))


def test_the_base_class_has_no_rule():
    with pytest.raises(NotImplementedError):
        Optimizer().rule(1, 1, 1, 1)


def test_defaults_are_those_promised():
    assert SGD().lr == 0.01
    assert repr(SGD()) == "SGD(lr=0.01)"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("opt", [SGD(0.1), Remembering()], ids=["SGD", "with slots"])
def test_the_blocked_step_equals_the_rule_on_whole_arrays_bit_for_bit(opt, dtype):
    block = BLOCK_BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    for shape in [(), (0,), (1,), (block - 1,), (block,), (block + 1,), (3, block), (2 * block + 7,)]:
        theta = np.asarray(rng.standard_normal(shape)).astype(dtype)
        state, whole = opt.init(theta), theta.copy()
        slots = tuple(np.zeros_like(theta) for _ in opt.slot_names)
        for t in (1, 2):
            g = np.asarray(rng.standard_normal(shape)).astype(dtype)
            opt.step(theta, g, state)
            whole, *slots = opt.rule(whole, g, opt.lr, t, *slots)
            np.testing.assert_array_equal(theta, np.asarray(whole).astype(dtype))
            for mine, expected in zip(state.slots["theta"], slots, strict=True):
                np.testing.assert_array_equal(mine, expected)
        assert theta.dtype == dtype


def test_arrays_in_any_layout_are_updated_in_place():
    base = np.zeros((600, 400))
    for view in (base.T, base[::2, 1::3], np.asfortranarray(base)):
        opt = SGD(1.0)
        opt.step(view, np.ones(view.shape), opt.init(view))
        assert np.all(view == -1)
        view[...] = 0


def test_a_mapping_of_parameters_is_updated_in_place():
    theta = {"W": np.ones((2, 3)), "b": np.zeros(3)}
    opt = SGD(0.5)
    state = opt.init(theta)
    assert opt.gradient_point(theta, state) is theta
    opt.step(theta, {"W": np.ones((2, 3)), "b": np.full(3, 2)}, state)
    np.testing.assert_array_equal(theta["W"], np.full((2, 3), 0.5))
    np.testing.assert_array_equal(theta["b"], np.full(3, -1.0))


def test_the_schedule_is_asked_with_the_updates_already_made_and_the_rate_is_returned():
    asked = []

    def schedule(step):
        asked.append(step)
        return CosineDecay(1.0, 3)(step)

    theta, opt = np.zeros(2), SGD(schedule)
    state = opt.init(theta)
    used = [opt.step(theta, np.ones(2), state) for _ in range(4)]
    assert asked == [0, 1, 2, 3]
    assert used == [CosineDecay(1.0, 3)(step) for step in range(4)]
    np.testing.assert_allclose(theta, -sum(used))


def test_an_array_of_rates_runs_many_configurations_at_once():
    rates = np.array([[0.1], [0.2]])
    theta = np.ones((2, 3))
    opt = SGD(rates)
    opt.step(theta, np.ones((2, 3)), opt.init(theta))
    np.testing.assert_allclose(theta, [[0.9] * 3, [0.8] * 3])


def test_a_zero_dimensional_gradient_from_arithmetic_is_welcome():
    theta, opt = np.array(1.0), SGD(0.5)
    opt.step(theta, 2 * theta, opt.init(theta))  # 2 * theta is a NumPy scalar
    assert theta == 0


@pytest.mark.parametrize(
    ("theta", "g", "error", "message"),
    [
        (np.ones(2), np.array([1, np.nan]), ValueError, "gradient of theta must be finite, got 1 value"),
        (np.ones(2), np.array([-np.inf, np.inf]), ValueError, "must be finite, got 2 value"),
        (
            {"a": np.ones(2), "b": np.ones(1)},
            {"a": np.ones(2), "b": np.array([np.inf])},
            ValueError,
            "of b must be",
        ),
        (np.ones(2), np.ones(3), ValueError, r"gradient of theta must have its shape \(2,\), got \(3,\)"),
        ({"a": np.ones(2)}, {"b": np.ones(2)}, ValueError, "must name the same parameters"),
        (np.ones(2), [1.0, 1.0], TypeError, "gradient must be an array or a mapping"),
        (
            np.ones(2),
            {"theta": [1.0, 1.0]},
            TypeError,
            "gradient of theta must be an array of real numbers, got list",
        ),
        (
            np.ones(2),
            np.array([1j, 1]),
            TypeError,
            "gradient of theta must be an array of real numbers, got complex",
        ),
        (np.arange(2), np.ones(2), TypeError, "theta must be an array of floating-point numbers, got int"),
        (
            {"a": [1.0]},
            {"a": np.ones(1)},
            TypeError,
            "a must be an array of floating-point numbers, got list",
        ),
    ],
)
def test_wrong_input_is_refused_and_leaves_everything_as_it_was(theta, g, error, message):
    opt = SGD(0.1)
    arrays = theta if isinstance(theta, dict) else {"theta": theta}
    before = {name: np.copy(array) for name, array in arrays.items()}
    state = State(0, dict.fromkeys(arrays, ()))
    with pytest.raises(error, match=message):
        opt.step(theta, g, state)
    assert state.t == 0
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_sum_that_overflows_is_not_mistaken_for_an_infinite_gradient():
    theta, opt = np.zeros(3, dtype=np.float32), SGD(1e-38)
    opt.step(theta, np.full(3, 3e38, dtype=np.float32), opt.init(theta))
    np.testing.assert_allclose(theta, -3, rtol=1e-6)


@pytest.mark.parametrize(
    ("lr", "message"),
    [
        (lambda step: float("nan"), "lr must be finite, got nan at step 0"),
        (np.array([[1.0], [2.0]]), r"lr must broadcast to the shape \(4,\) of b, got shape \(2, 1\)"),
    ],
)
def test_a_rate_that_cannot_be_used_changes_nothing(lr, message):
    theta = {"a": np.ones((2, 3)), "b": np.ones(4)}
    opt = SGD(lr)
    state = opt.init(theta)
    with pytest.raises(ValueError, match=message):
        opt.step(theta, {"a": np.ones((2, 3)), "b": np.ones(4)}, state)
    assert np.all(theta["a"] == 1)
    assert state.t == 0


def test_a_state_of_another_optimizer_is_refused():
    theta = np.ones(2)
    with pytest.raises(ValueError, match=r"state of theta must be 2 arrays of shape \(2,\), got \[\]"):
        Remembering().step(theta, np.ones(2), SGD().init(theta))


def test_parameters_that_cannot_be_written_are_refused():
    theta = np.ones(2)
    theta.flags.writeable = False
    with pytest.raises(TypeError, match="theta must be writable"):
        SGD().step(theta, np.ones(2), State(0, {"theta": ()}))
    with pytest.raises(TypeError, match="theta must be an array or a mapping"):
        SGD().init([1.0, 2.0])


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf")])
def test_a_rate_that_is_no_positive_number_is_refused(lr):
    with pytest.raises(ValueError, match=r"^lr must be .*> 0, got"):
        SGD(lr)
