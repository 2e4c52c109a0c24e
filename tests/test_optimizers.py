"""Optimizers: the rule is pure, the step is the rule in place, and nothing is half done."""

import numpy as np
import pytest
import sympy

from lrbook import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    CosineDecay,
    Digits,
    ExponentialDecay,
    Momentum,
    Nesterov,
    Optimizer,
    Quadratic,
    RMSprop,
    Split,
    State,
    WithL2,
    WithWeightDecay,
    descend,
)
from lrbook.hyperparameters import hyperparameters
from lrbook.stepping import BLOCK_BYTES


@hyperparameters
class Remembering(Optimizer):
    """A rule with two slots, to test what the base class does with them."""

    lr: float = 0.1

    def rule(self, theta, g, lr, t, last, total):
        return theta - lr * (g + last) / t, g, total + g * g


ALL = [
    SGD(0.1),
    Momentum(0.1),
    Nesterov(0.1),
    Adagrad(0.1),
    Adagrad(0.1, eps_inside=False),
    RMSprop(0.1),
    Adadelta(),
    Adam(0.1),
    Adam(0.1, eps_inside=True),
    AdamW(0.1),
    WithL2(Momentum(0.1), 0.3),
    WithL2(Nesterov(0.1), 0.3),
    WithWeightDecay(Adagrad(0.1), 0.3),
    WithL2(WithWeightDecay(Adam(0.1), 0.2), 0.1),
    Remembering(),
]
everyone = pytest.mark.parametrize("opt", ALL, ids=repr)


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
@everyone
def test_the_blocked_step_equals_the_rule_on_whole_arrays_bit_for_bit(opt, dtype):
    block = BLOCK_BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    for shape in [(), (0,), (1,), (block - 1,), (block,), (block + 1,), (3, block), (2 * block + 7,)]:
        theta = np.asarray(rng.standard_normal(shape)).astype(dtype)
        state, whole = opt.init(theta), theta.copy()
        slots = tuple(np.zeros_like(theta) for _ in opt.slot_names)
        for t in (1, 2):
            g = np.asarray(rng.standard_normal(shape)).astype(dtype)
            opt.gradient_point(theta, state)
            opt.step(theta, g, state)
            with np.errstate(all="ignore"):  # squares may vanish in halves
                whole, *slots = opt.rule(whole, g, opt.lr, t, *slots)
            np.testing.assert_array_equal(theta, np.asarray(whole).astype(dtype))
            for mine, expected in zip(state.slots["theta"].values(), slots, strict=True):
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
    state = State(0, {name: {} for name in arrays})
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
    ("lr", "error", "message"),
    [
        (lambda step: float("nan"), ValueError, "lr must be finite, got nan at step 0"),
        (lambda step: np.array([0.1, np.inf]), ValueError, "lr must be finite"),
        (
            np.array([[1.0], [2.0]]),
            ValueError,
            r"lr must line up with the first axes of b, of shape \(4,\), got shape \(2, 1\)",
        ),
        (lambda step: "0.1", TypeError, "lr must be a number or an array, got '0.1' at step 0"),
        (lambda step: None, TypeError, "lr must be a number or an array, got None at step 0"),
        (lambda step: [0.1], TypeError, r"lr must be a number or an array, got \[0\.1\] at step 0"),
    ],
)
def test_a_rate_that_cannot_be_used_changes_nothing(lr, error, message):
    theta = {"a": np.ones((2, 3)), "b": np.ones(4)}
    opt = SGD(lr)
    state = opt.init(theta)
    with pytest.raises(error, match=message):
        opt.step(theta, {"a": np.ones((2, 3)), "b": np.ones(4)}, state)
    assert np.all(theta["a"] == 1)
    assert state.t == 0


def test_the_class_of_a_schedule_is_no_rate():
    with pytest.raises(TypeError, match=r"lr must be .* a schedule, got the class ExponentialDecay"):
        SGD(ExponentialDecay)


def test_states_are_equal_only_with_the_same_updates_and_the_same_slots():
    theta, opt = np.ones(3), Momentum(0.1)
    one, other = opt.init(theta), opt.init(theta)
    assert one == other
    opt.step(theta, np.ones(3), one)
    assert one != other
    opt.step(theta.copy(), np.ones(3), other)
    assert one == other
    other.slots["theta"]["m"][2] += 1e-9
    assert one != other
    other.slots["theta"]["m"][2] = one.slots["theta"]["m"][2]
    other.t = 2
    assert one != other
    assert one != (1, one.slots)
    few, many = opt.init({"a": theta}), opt.init({"a": theta, "b": theta})
    assert few != many
    assert many != few


def test_a_state_of_another_optimizer_is_refused():
    theta = np.ones(2)
    with pytest.raises(
        ValueError, match=r"state of theta must have the slots \['last', 'total'\] of Remembering, got \[\]"
    ):
        Remembering().step(theta, np.ones(2), SGD().init(theta))


def test_parameters_that_cannot_be_written_are_refused():
    theta = np.ones(2)
    theta.flags.writeable = False
    with pytest.raises(TypeError, match="theta must be writable"):
        SGD().step(theta, np.ones(2), State(0, {"theta": {}}))
    with pytest.raises(TypeError, match="theta must be an array or a mapping"):
        SGD().init([1.0, 2.0])


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf")])
def test_a_rate_that_is_no_positive_number_is_refused(lr):
    with pytest.raises(ValueError, match=r"^lr must be .*> 0, got"):
        SGD(lr)


theta, g, eta, t = sympy.symbols("theta g eta t")
m, v, G, E = sympy.symbols("m v G E", positive=True)
beta, beta1, beta2, eps, lam = sympy.symbols("beta beta_1 beta_2 epsilon lambda", positive=True)
G_new = beta * G + (1 - beta) * g**2
m_new, v_new = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
m_hat, v_hat = m_new / (1 - beta1**t), v_new / (1 - beta2**t)
delta = -sympy.sqrt(E + eps) / sympy.sqrt(G_new + eps) * g
DERIVED = [  # as the sources print them
    (Momentum(beta=beta), (m,), (theta - beta * m - eta * g, beta * m + eta * g)),
    (Nesterov(beta=beta), (m,), (theta - beta * m - eta * g, beta * m + eta * g)),
    (Adagrad(eps=eps), (G,), (theta - eta * g / sympy.sqrt(G + g**2 + eps), G + g**2)),
    (Adagrad(eps=eps, eps_inside=False), (G,), (theta - eta * g / (sympy.sqrt(G + g**2) + eps), G + g**2)),
    (RMSprop(beta=beta, eps=eps), (G,), (theta - eta * g / sympy.sqrt(G_new + eps), G_new)),
    (Adadelta(beta=beta, eps=eps), (G, E), (theta + eta * delta, G_new, beta * E + (1 - beta) * delta**2)),
    (
        Adam(beta1=beta1, beta2=beta2, eps=eps),
        (m, v),
        (theta - eta * m_hat / (sympy.sqrt(v_hat) + eps), m_new, v_new),
    ),
    (
        Adam(beta1=beta1, beta2=beta2, eps=eps, eps_inside=True),
        (m, v),
        (theta - eta * m_hat / sympy.sqrt(v_hat + eps), m_new, v_new),
    ),
    (
        AdamW(beta1=beta1, beta2=beta2, eps=eps, weight_decay=lam),
        (m, v),
        (theta - eta * m_hat / (sympy.sqrt(v_hat) + eps) - eta * lam * theta, m_new, v_new),
    ),
    (WithL2(SGD(), lam), (), (theta - eta * (g + lam * theta),)),
    (WithWeightDecay(SGD(), lam), (), (theta - eta * g - eta * lam * theta,)),
    (
        WithL2(Nesterov(beta=beta), lam),
        (m,),
        (
            theta - beta * m - eta * (g + lam * (theta - beta * m)),
            beta * m + eta * (g + lam * (theta - beta * m)),
        ),
    ),
]


@pytest.mark.parametrize(("opt", "slots", "expected"), DERIVED, ids=lambda x: repr(x)[:40])
def test_a_rule_with_symbols_is_its_formula(opt, slots, expected):
    for mine, right in zip(opt.rule(theta, g, eta, t, *slots), expected, strict=True):
        assert sympy.simplify(mine - right) == 0


def test_defaults_of_all_are_those_promised():
    assert repr(Momentum()) == "Momentum(lr=0.01, beta=0.9)"
    assert repr(Nesterov()) == "Nesterov(lr=0.01, beta=0.9)"
    assert repr(Adagrad()) == "Adagrad(lr=0.01, eps=1e-08, eps_inside=True)"
    assert repr(RMSprop()) == "RMSprop(lr=0.001, beta=0.9, eps=1e-08, eps_inside=True)"
    assert repr(Adadelta()) == "Adadelta(lr=1.0, beta=0.95, eps=1e-06)"
    assert repr(Adam()) == "Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, eps_inside=False)"
    assert (
        repr(AdamW())
        == "AdamW(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, eps_inside=False, weight_decay=0.01)"
    )
    assert repr(WithL2(SGD(), 0.1)) == "WithL2(optimizer=SGD(lr=0.01), lam=0.1)"


def test_momentum_adds_what_is_left_of_the_last_step():
    # rate 0.5, beta 0.5, gradient θ: 4; m = 2, 2; m = 1 + 1 = 2, 0; m = 1 + 0 = 1, -1
    run = descend(Quadratic([1.0]), np.array([4.0]), Momentum(0.5, 0.5), 3)
    np.testing.assert_array_equal(run.theta[:, 0], [4, 2, 0, -1])


def test_nesterov_takes_the_gradient_where_momentum_would_take_it():
    # 4; m = 2, 2; look at 2 - 1 = 1: m = 1 + 0.5 = 1.5, 0.5
    run = descend(Quadratic([1.0]), np.array([4.0]), Nesterov(0.5, 0.5), 2)
    np.testing.assert_array_equal(run.theta[:, 0], [4, 2, 0.5])
    theta = {"a": np.ones(2)}
    opt = Nesterov(0.5, 0.5)
    state = opt.init(theta)
    opt.gradient_point(theta, state)
    opt.step(theta, {"a": np.ones(2)}, state)
    np.testing.assert_array_equal(opt.gradient_point(theta, state)["a"], np.full(2, 0.5 - 0.25))


def test_adamw_is_adam_with_weight_decay_around_it():
    for schedule in (0.1, CosineDecay(0.1, 10)):
        runs = [
            descend(Quadratic([1.0, 4.0]), np.ones(2), opt, 15).theta
            for opt in (AdamW(schedule, weight_decay=0.3), WithWeightDecay(Adam(schedule), 0.3))
        ]
        np.testing.assert_array_equal(*runs)
        assert not np.allclose(runs[0], descend(Quadratic([1.0, 4.0]), np.ones(2), Adam(schedule), 15).theta)


def test_l2_is_the_gradient_of_the_penalized_loss():
    # a penalty of 0.5 on a curvature of 1 is a curvature of 1.5
    for inner in (SGD(0.1), Momentum(0.1), Nesterov(0.1), RMSprop(0.1), Adadelta(), Adam(0.1)):
        penalized = descend(Quadratic([1.0]), np.ones(1), WithL2(inner, 0.5), 20).theta
        np.testing.assert_allclose(
            penalized, descend(Quadratic([1.5]), np.ones(1), inner, 20).theta, rtol=1e-9
        )


@everyone
def test_a_run_resumed_from_a_file_equals_the_run_that_never_stopped_bit_for_bit(opt, tmp_path):
    problem, start = Quadratic([1.0, 0.3, 0.1]), {"a": np.ones(3), "b c/d": np.full((2, 3), 2.0)}

    def go_on(theta, state, steps):
        for _ in range(steps):
            point = opt.gradient_point(theta, state)
            opt.step(theta, {name: problem.gradient(x) for name, x in point.items()}, state)

    whole = {name: x.copy() for name, x in start.items()}
    state = opt.init(whole)
    go_on(whole, state, 10)
    halved = {name: x.copy() for name, x in start.items()}
    before = opt.init(halved)
    go_on(halved, before, 4)
    before.save(tmp_path / "state.npz")
    after = State.load(tmp_path / "state.npz")
    assert after.t == 4
    go_on(halved, after, 6)
    for name in start:
        np.testing.assert_array_equal(halved[name], whole[name])


@everyone
def test_hyperparameters_given_as_arrays_run_many_configurations_at_once(opt):
    if not hasattr(opt, "beta") or isinstance(opt, Remembering):
        betas, make = (
            None,
            lambda beta, lr: type(opt)(lr) if not hasattr(opt, "lam") else type(opt)(SGD(lr), 0.3),
        )
    else:
        betas, make = np.array([[0.5], [0.9]]), lambda beta, lr: type(opt)(lr, beta)
    rates = np.array([[0.1], [0.2]])
    together = descend(Quadratic([1.0, 4.0]), np.ones((2, 2)), make(betas, rates), 10)
    for i in range(2):
        beta = None if betas is None else float(betas[i, 0])
        alone = descend(Quadratic([1.0, 4.0]), np.ones(2), make(beta, float(rates[i, 0])), 10)
        np.testing.assert_allclose(together.theta[:, i], alone.theta, rtol=1e-12)


def test_half_precision_parameters_keep_their_state_in_single_when_asked():
    # 1e-4 squared is 1e-8, which float16 cannot hold: with its state in halves Adam would divide by zero
    theta, opt = np.zeros(2, dtype=np.float16), Adam(lr=0.01)
    state = opt.init(theta, dtype=np.float32)
    assert [slot.dtype for slot in state.slots["theta"].values()] == [np.float32, np.float32]
    opt.step(theta, np.full(2, 1e-4, dtype=np.float16), state)
    assert theta.dtype == np.float16
    np.testing.assert_allclose(theta, -0.01, rtol=1e-3)
    halves = np.zeros(2, dtype=np.float16)
    opt.step(halves, np.full(2, 1e-4, dtype=np.float16), opt.init(halves))
    assert not np.isfinite(halves).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Momentum(beta=1.0), ValueError, r"beta must be in \[0, 1\), got 1.0"),
        (lambda: Adam(beta2=-0.1), ValueError, r"beta2 must be in \[0, 1\), got -0.1"),
        (lambda: Adam(eps=-1e-8), ValueError, "eps must be >= 0, got -1e-08"),
        (lambda: Adam(eps_inside=1), TypeError, "eps_inside must be True or False, got 1"),
        (
            lambda: AdamW(weight_decay=float("nan")),
            ValueError,
            "weight_decay must be finite and >= 0, got nan",
        ),
        (lambda: WithL2(SGD(), -1), ValueError, "lam must be >= 0, got -1"),
        (lambda: WithWeightDecay(0.1, 0.1), TypeError, "optimizer must be an Optimizer, got 0.1"),
    ],
)
def test_hyperparameters_that_break_a_rule_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_path_is_saved_and_found_under_the_name_that_was_given(tmp_path):
    state = Momentum().init(np.ones(2))
    for path in (tmp_path / "state", str(tmp_path / "state.bin")):
        state.save(path)
        assert State.load(path).slots["theta"]["m"].tolist() == [0.0, 0.0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state", "state.bin"]


@pytest.mark.parametrize(
    ("opt", "name"),
    [
        (Momentum(beta=np.array([0.5, 0.9])), "beta"),
        (WithL2(SGD(), np.array([0.5, 0.9])), "lam"),
        (WithWeightDecay(Adam(eps=np.array([1e-8, 1e-4])), 0.1), "eps"),
    ],
)
def test_a_setting_that_fits_one_parameter_and_not_another_changes_neither(opt, name):
    theta = {"a": np.ones(2), "b": np.ones(3)}
    state = opt.init(theta)
    g = {key: np.ones_like(array) for key, array in theta.items()}
    with pytest.raises(
        ValueError, match=rf"{name} must line up with the first axes of b, of shape \(3,\), got shape \(2,\)"
    ):
        opt.step(theta, g, state)
    assert state.t == 0
    assert all(np.all(array == 1) for array in theta.values())
    opt.step(two := {"a": theta["a"]}, {"a": g["a"]}, opt.init(two))


@pytest.mark.parametrize(
    "opt",
    [
        Momentum(np.array([[0.1], [0.2]]), 0.9),
        Momentum(0.1, np.array([[0.9], [0.5]])),
        Momentum(lambda step: np.array([[0.1], [0.2]]), 0.9),
    ],
    ids=["rate", "setting", "schedule"],
)
def test_a_setting_for_each_run_meets_its_run_however_many_blocks_there_are(opt):
    theta = np.ones((2, BLOCK_BYTES // 8 + 5))
    small, g = np.ones((2, 1)), np.full((2, 1), 3.0)
    state, small_state = opt.init(theta), opt.init(small)
    for _ in range(3):
        opt.step(theta, np.broadcast_to(g, theta.shape).copy(), state)
        opt.step(small, g, small_state)
    np.testing.assert_array_equal(theta, np.broadcast_to(small, theta.shape))
    assert small[0, 0] != small[1, 0]


def test_parameters_that_do_not_lie_in_order_are_updated_all_the_same():
    # blocks of a reshaped copy would be updated, and the parameters not
    wide = np.ones((BLOCK_BYTES // 8, 4))
    theta, opt = wide[:, ::2], SGD(0.5)
    opt.step(theta, np.ones(theta.shape), opt.init(theta))
    assert np.all(wide == [0.5, 1, 0.5, 1])


def test_a_state_of_parameters_of_another_shape_is_refused_before_anything_changes():
    theta, opt = np.ones(2), Momentum(0.1)
    with pytest.raises(ValueError, match=r"state of theta must be arrays of shape \(2,\), got \[\(1,\)\]"):
        opt.step(theta, np.ones(2), opt.init(np.ones(1)))
    assert np.all(theta == 1)


def test_a_state_that_names_other_parameters_is_refused():
    opt = Momentum(0.1)
    state = opt.init({"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(ValueError, match="must name the same parameters"):
        opt.step({"a": np.ones(2)}, {"a": np.ones(2)}, state)


def test_a_scalar_that_cannot_be_changed_in_place_is_no_parameter():
    with pytest.raises(TypeError, match="theta must be an array"):
        SGD().init(np.float64(1))


# --- what a state belongs to, and where a gradient is taken


def test_an_optimizer_refuses_the_state_of_one_with_other_slots_by_their_names():
    theta = np.ones(2)
    with pytest.raises(ValueError, match=r"must have the slots \['m'\] of Momentum, got \['G'\]"):
        Momentum().step(theta, np.ones(2), RMSprop().init(theta))
    assert np.all(theta == 1)


@pytest.mark.parametrize(
    "opt", [Nesterov(0.1), WithL2(Nesterov(0.1), 0.1), Split({"*": Nesterov(0.1)})], ids=repr
)
def test_a_loop_that_forgets_to_look_ahead_is_told_so_before_anything_changes(opt):
    theta = np.ones(2)
    state = opt.init(theta)
    with pytest.raises(ValueError, match=r"takes its gradient elsewhere than at theta: .*gradient_point"):
        opt.step(theta, np.ones(2), state)
    assert (state.t, theta.tolist()) == (0, [1, 1])
    opt.gradient_point(theta, state)
    opt.step(theta, np.ones(2), state)
    with pytest.raises(ValueError, match="before each step"):  # asked once is not asked each time
        opt.step(theta, np.ones(2), state)


def test_an_optimizer_that_does_not_look_ahead_need_not_be_asked():
    theta = np.ones(2)
    for opt in (SGD(), WithL2(Momentum(), 0.1), WithWeightDecay(Adam(), 0.1)):
        opt.step(theta, np.ones(2), opt.init(theta))


def test_the_place_of_the_gradient_is_not_asked_of_a_state_of_other_parameters():
    with pytest.raises(ValueError, match="theta and state must name the same parameters"):
        Nesterov().gradient_point({"a": np.ones(2)}, Nesterov().init(np.ones(2)))


@pytest.mark.parametrize(
    "opt",
    [
        Adam(eps=0),
        Adam(eps=np.array([0, 1e-8, 0])),
        RMSprop(eps=0.0),
        Adagrad(eps=0),
        Adadelta(eps=0),
        WithL2(AdamW(eps=0), 0.0),
    ],
    ids=repr,
)
def test_a_gradient_of_zero_over_a_root_of_zero_is_refused_before_anything_changes(opt):
    theta = {"a": np.ones(3), "b": np.ones(3)}
    state = opt.init(theta)
    with pytest.raises(ValueError, match="eps must be > 0 where a gradient has been 0 from the start, got 0"):
        opt.step(theta, {"a": np.ones(3), "b": np.array([0.0, 1.0, 1.0])}, state)
    assert all(np.all(array == 1) for array in theta.values())
    assert state == opt.init(theta)
    opt.step(theta, {"a": np.ones(3), "b": np.ones(3)}, state)  # without one it works


def test_a_gradient_of_zero_far_inside_a_large_array_is_refused_before_anything_changes():
    theta, opt = np.ones(3 * BLOCK_BYTES), Adam(eps=0)
    g = np.ones_like(theta)
    g[-1] = 0
    state = opt.init(theta)
    with pytest.raises(ValueError, match="got 0 and 1 such entries of theta"):
        opt.step(theta, g, state)
    assert np.all(theta == 1)
    assert state == opt.init(theta)


def test_a_parameter_that_was_no_number_before_is_not_blamed_on_eps():
    theta, opt = np.array([np.nan, 1.0]), Adam(eps=0)
    opt.step(theta, np.ones(2), opt.init(theta))
    assert np.isnan(theta).tolist() == [True, False]


def test_a_setting_with_more_axes_than_a_parameter_changes_nothing():
    theta = {"a": np.ones((2, 3)), "b": np.ones(2)}
    g = {name: np.ones_like(array) for name, array in theta.items()}
    opt = SGD(np.ones((2, 3)))
    with pytest.raises(
        ValueError, match=r"lr must line up with the first axes of b, of shape \(2,\), got shape \(2, 3\)"
    ):
        opt.step(theta, g, opt.init(theta))
    assert all(np.all(array == 1) for array in theta.values())


def test_a_gradient_of_zero_after_others_is_no_matter_without_eps():
    theta, opt = np.ones(2), Adam(0.1, eps=0)
    state = opt.init(theta)
    opt.step(theta, np.ones(2), state)
    opt.step(theta, np.zeros(2), state)
    assert np.isfinite(theta).all()


@pytest.mark.parametrize("theta", [{"a": {"b": np.ones(2)}}, {"a": np.arange(2)}, {"a": [1.0]}])
def test_a_state_is_not_made_for_what_cannot_be_updated(theta):
    with pytest.raises(TypeError, match="a must be an array of floating-point numbers, got"):
        Adam().init(theta)


# --- rules that mix entries, and slots that are no zeros


@hyperparameters
class Normalized(Optimizer):
    """A step of fixed length: the norm is that of the whole array, not of a block of it."""

    lr: float = 0.1
    elementwise = False

    def rule(self, theta, g, lr, t):
        return (theta - lr * g / np.sqrt((g * g).sum()),)


@hyperparameters
class Muon(Optimizer):
    """Steps along the nearest orthogonal matrix."""

    lr: float = 0.05
    beta: float = 0.9
    elementwise = False

    def rule(self, theta, g, lr, t, m):
        m = self.beta * m + g
        x = m / (np.sqrt((m * m).sum(axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(5):
            a = x @ np.swapaxes(x, -1, -2)
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return theta - lr * x, m


@hyperparameters
class Shampoo(Optimizer):
    """Slots of other shapes than theta, that do not begin at zero."""

    lr: float = 0.1
    eps: float = 1e-6
    elementwise = False

    def start(self, theta):
        return tuple(self.eps * np.eye(n) for n in theta.shape)

    def rule(self, theta, g, lr, t, L, R):
        L, R = L + g @ g.T, R + g.T @ g
        return theta - lr * self._root(L) @ g @ self._root(R), L, R

    def _root(self, a):
        values, vectors = np.linalg.eigh(a)
        return (vectors * np.maximum(values, 1e-12) ** -0.25) @ vectors.T


@hyperparameters
class ScheduleFree(Optimizer):
    """A slot that begins where theta does, and a gradient taken between the two."""

    lr: float = 0.5
    beta: float = 0.9

    def start(self, theta):
        return (theta,)

    def point(self, theta, z):
        return (1 - self.beta) * z + self.beta * theta

    def rule(self, theta, g, lr, t, z):
        z = z - lr * g
        return theta + (z - theta) / t, z


def test_a_rule_with_a_norm_is_right_at_every_size():
    for size in (5, BLOCK_BYTES // 8, BLOCK_BYTES // 8 + 1, 3 * BLOCK_BYTES):
        theta, opt = np.zeros(size), Normalized(lr=1.0)
        opt.step(theta, np.full(size, 3.0), opt.init(theta))
        assert np.sqrt((theta**2).sum()) == pytest.approx(1.0, rel=1e-12)


def test_slots_are_named_by_the_rule_itself():
    assert [opt.slot_names for opt in (SGD(), Momentum(), Nesterov(), Adadelta(), AdamW())] == [
        (),
        ("m",),
        ("m",),
        ("G", "E"),
        ("m", "v"),
    ]
    assert WithL2(Adam(), 0.1).slot_names == ("m", "v")
    assert Shampoo().slot_names == ("L", "R")
    assert Optimizer().slot_names == ()


@pytest.mark.parametrize(
    "opt",
    [
        Split({"[VW]": Muon(), "*": Adam(0.01)}),
        Split({"[VW]": Shampoo(), "*": Adam(0.01)}),
        ClipByGlobalNorm(Split({"[VW]": WithWeightDecay(Muon(), 0.01), "*": Nesterov(0.1)}), 1.0),
        ScheduleFree(),
    ],
    ids=repr,
)
def test_the_base_assumes_neither_zero_slots_nor_their_shape_nor_one_rule_for_all(opt, tmp_path):
    problem = Digits(hidden=8)
    theta = problem.start()
    before, state = problem.loss(theta), opt.init(theta)
    for t in range(40):
        if t == 20:
            state.save(tmp_path / "state.npz")
            state = State.load(tmp_path / "state.npz")
        opt.step(theta, problem.gradient(opt.gradient_point(theta, state)), state)
    whole = descend(problem, problem.start(), opt, 40, every=40)
    assert whole.loss[-1] == problem.loss(theta) < 0.6 * before


def test_a_slot_that_starts_at_theta_is_a_copy_of_it():
    theta = np.ones(2)
    state = ScheduleFree().init(theta)
    theta[0] = 5
    assert state.slots["theta"]["z"].tolist() == [1, 1]


def test_a_rule_that_returns_too_little_changes_nothing():
    @hyperparameters
    class Forgetful(Optimizer):
        lr: float = 0.1

        def rule(self, theta, g, lr, t, m):
            return (theta - lr * g,)

    theta = np.ones(2)
    with pytest.raises(ValueError, match="rule of Forgetful must return theta and 1 slots, got 1 values"):
        Forgetful().step(theta, np.ones(2), Forgetful().init(theta))
    assert np.all(theta == 1)


# --- each parameter by its name


def test_each_parameter_is_updated_by_the_first_optimizer_whose_pattern_matches():
    opt = Split({"W*": Momentum(0.1), "W2": SGD(9.0), "*": SGD(lr=CosineDecay(1.0, 4))})
    theta = {"W2": np.zeros(2), "b": np.zeros(2)}
    state = opt.init(theta)
    ones = {name: np.ones(2) for name in theta}
    assert opt.step(theta, ones, state) == {"W*": 0.1, "W2": 9.0, "*": 1.0}
    opt.step(theta, ones, state)
    np.testing.assert_allclose(theta["W2"], -0.1 - 0.19)
    np.testing.assert_allclose(theta["b"], -1.0 - CosineDecay(1.0, 4)(1))
    assert {name: list(slots) for name, slots in state.slots.items()} == {"W2": ["m"], "b": []}
    assert opt.lr["W*"] == 0.1


def test_a_parameter_without_an_optimizer_is_refused_by_name():
    with pytest.raises(ValueError, match=r"a pattern of Split must match 'b', got \['W'\]"):
        Split({"W": SGD()}).init({"W": np.ones(2), "b": np.ones(2)})
    with pytest.raises(ValueError, match="optimizers must be at least one, got none"):
        Split({})


def test_a_split_looks_ahead_if_one_of_its_optimizers_does():
    assert Split({"W": Nesterov(), "*": SGD()}).looks_ahead
    assert not Split({"W": Momentum(), "*": SGD()}).looks_ahead


def test_a_run_records_the_rate_of_each_part():
    problem = Digits()
    run = descend(problem, problem.start(), Split({"W": SGD(CosineDecay(0.5, 4)), "b": SGD(0.1)}), 4)
    np.testing.assert_array_equal(run.lr["W"], CosineDecay(0.5, 4)(np.arange(4)))
    np.testing.assert_array_equal(run.lr["b"], np.full(4, 0.1))


def test_only_the_parameters_whose_name_matches_decay():
    theta = {"W": np.ones(2), "b": np.ones(2)}
    zero = {name: np.zeros(2) for name in theta}
    for opt in (
        WithWeightDecay(Adam(0.5), 0.2, only="W"),
        WithWeightDecay(Split({"b": SGD(0.5), "*": Adam(0.5)}), 0.2, only="W"),
        Split({"W": AdamW(0.5, weight_decay=0.2), "*": Adam(0.5)}),
    ):
        here = {name: array.copy() for name, array in theta.items()}
        opt.step(here, zero, opt.init(here))
        assert (here["W"].tolist(), here["b"].tolist()) == ([0.9, 0.9], [1, 1])


# --- all gradients at once


def test_a_long_gradient_is_shortened_to_the_limit_over_all_parameters_together():
    theta = {"a": np.zeros(2), "b": np.zeros((1, 2))}
    opt = ClipByGlobalNorm(SGD(1.0), norm=2.0)
    g = {"a": np.array([3.0, 0.0]), "b": np.array([[0.0, 4.0]])}  # of length 5
    opt.step(theta, g, opt.init(theta))
    np.testing.assert_allclose(theta["a"], [-1.2, 0], rtol=1e-15)
    np.testing.assert_allclose(theta["b"], [[0, -1.6]], rtol=1e-15)
    np.testing.assert_array_equal(g["a"], [3, 0])


def test_a_short_gradient_stays_bit_for_bit_and_so_does_one_of_zero():
    for g in (np.array([0.3, -0.4]), np.zeros(2), np.array([1, 0])):
        theta, opt = np.zeros(2), ClipByGlobalNorm(SGD(1.0), norm=1.0)
        opt.step(theta, g, opt.init(theta))
        np.testing.assert_array_equal(theta, -g)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_norm_neither_overflows_nor_vanishes_with_its_squares(dtype):
    for scale in (np.finfo(dtype).max / 8, np.finfo(dtype).smallest_normal * 8):
        theta, opt = np.zeros(2, dtype), ClipByGlobalNorm(SGD(1.0), norm=float(scale))
        opt.step(theta, np.array([3, 4], dtype) * dtype(scale), opt.init(theta))
        assert theta.dtype == dtype
        np.testing.assert_allclose(theta / dtype(scale), [-0.6, -0.8], rtol=5e-3)


def test_each_run_is_clipped_by_its_own_norm():
    problem = Digits()
    rates, limits = np.array([0.5, 2.0]), np.array([0.1, 1e9])
    start = {name: np.stack([array, array]) for name, array in problem.start().items()}
    together = descend(problem, start, ClipByGlobalNorm(Momentum(rates), limits, runs=1), 5)
    for i in range(2):
        opt = ClipByGlobalNorm(Momentum(float(rates[i])), float(limits[i]))
        alone = descend(problem, problem.start(), opt, 5)
        np.testing.assert_allclose(together.loss[:, i], alone.loss, rtol=1e-12)


def test_a_part_of_a_split_is_clipped_by_itself():
    opt = Split({"a": ClipByGlobalNorm(SGD(1.0), 1.0), "*": SGD(1.0)})
    theta = {"a": np.zeros(1), "b": np.zeros(1)}
    opt.step(theta, {"a": np.array([5.0]), "b": np.array([5.0])}, opt.init(theta))
    assert (theta["a"].item(), theta["b"].item()) == (-1, -5)


def test_a_limit_on_a_part_that_no_parameter_belongs_to_limits_nothing():
    opt = Split({"a": ClipByGlobalNorm(SGD(1.0), 1.0), "*": SGD(1.0)})
    theta = {"b": np.zeros(1)}
    opt.step(theta, {"b": np.array([5.0])}, opt.init(theta))
    assert theta["b"].item() == -5


# --- many runs at once


@pytest.mark.parametrize(
    "make",
    [
        lambda rate, beta: Momentum(rate, beta),
        lambda rate, beta: Nesterov(rate, beta),
        lambda rate, beta: WithL2(RMSprop(rate, beta), beta),
        lambda rate, beta: WithWeightDecay(Adam(rate, beta), beta, only="W"),
        lambda rate, beta: Split({"W": Momentum(rate, beta), "*": Adam(rate, beta)}),
    ],
)
def test_many_runs_go_on_at_once_for_mappings_too(make):
    problem, rates, betas = Digits(hidden=4), np.array([0.01, 0.03]), np.array([0.5, 0.9])
    start = {name: np.stack([array, array]) for name, array in problem.start().items()}
    together = descend(problem, start, make(rates, betas), 5)
    for i in range(2):
        alone = descend(problem, problem.start(), make(float(rates[i]), float(betas[i])), 5)
        np.testing.assert_allclose(together.loss[:, i], alone.loss, rtol=1e-12)
    assert abs(together.loss[-1, 0] - together.loss[-1, 1]) > 1e-3
