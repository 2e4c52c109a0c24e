"""Loops of machine code give the bits of NumPy, or NumPy is asked: nobody can tell but by the time."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from test_trace import RANDOM

from lrbook import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    CosineDecay,
    InverseTimeDecay,
    Momentum,
    Nesterov,
    NoisyLinearCosineDecay,
    Optimizer,
    PiecewiseConstant,
    PolynomialDecay,
    Quadratic,
    RMSprop,
    Schedule,
    Split,
    WithL2,
    WithWeightDecay,
    fast,
    machine,
)
from lrbook.calling import sound
from lrbook.elementary import ceil, exp, floor, maximum, minimum, sign, sqrt, where
from lrbook.hyperparameters import hyperparameters
from lrbook.trace import Operation

OPTIMIZERS = [
    SGD(0.1),
    Momentum(0.1, 0.8),
    Nesterov(0.1, 0.8),
    Adagrad(0.1),
    Adagrad(0.1, eps_inside=False),
    RMSprop(0.1, 0.7),
    RMSprop(0.1, eps_inside=False),
    Adadelta(0.7),
    Adam(0.1),
    Adam(0.1, eps_inside=True),
    AdamW(0.1, weight_decay=0.3),
    WithL2(Nesterov(0.1), 0.2),
    WithWeightDecay(RMSprop(0.1), 0.2),
    ClipByGlobalNorm(Adam(0.1), 1.0),
    Adam(CosineDecay(0.1, 3)),
]
FEW = fast.SMALLEST // 4  # entries: for these tests a loop is worth while from here on
EDGES = [FEW + k for k in (0, 1, machine.LANES - 1, machine.LANES, machine.LANES + 1)]


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """Loops from fewer entries on, in several threads, so that the tests are quick."""
    monkeypatch.setattr(fast, "SMALLEST", FEW)
    monkeypatch.setattr(fast, "LONGEST", FEW)
    monkeypatch.setattr(fast, "LANES_A_THREAD", FEW // 8)
    monkeypatch.setattr(fast, "ROOM", 4001)
    monkeypatch.delenv("LRBOOK_FAST", raising=False)


@pytest.fixture
def both(monkeypatch):
    """Call a function with loops, and without."""

    def called(function):
        monkeypatch.delenv("LRBOOK_FAST", raising=False)
        mine = function()
        monkeypatch.setenv("LRBOOK_FAST", "0")
        theirs = function()
        monkeypatch.delenv("LRBOOK_FAST")
        return mine, theirs

    return called


def fresh(x):
    """The same optimizer or schedule, of which no loop has been made yet."""
    return dataclasses.replace(x)


def three_steps(opt, size, dtype):
    draws = np.random.default_rng(0)
    theta = draws.standard_normal(size).astype(dtype)
    state = opt.init(theta)
    for _ in range(3):
        opt.gradient_point(theta, state)
        opt.step(theta, (draws.standard_normal(size) * 10.0 ** draws.integers(-3, 3)).astype(dtype), state)
    return theta, state


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("opt", OPTIMIZERS, ids=repr)
def test_steps_have_the_bits_of_numpy(opt, dtype, both):
    opt = fresh(opt)
    (theta, state), (by_numpy, state_by_numpy) = both(lambda: three_steps(opt, FEW + 7, dtype))
    np.testing.assert_array_equal(theta, by_numpy)
    assert state == state_by_numpy
    assert opt._loops[np.dtype(dtype)] is not None


@pytest.mark.parametrize("threads", ["1", "2", "3"])
@pytest.mark.parametrize("size", EDGES)
def test_no_entry_is_left_out_at_an_edge_of_a_block_or_a_thread(size, threads, both, monkeypatch):
    monkeypatch.setenv("LRBOOK_THREADS", threads)
    assert fast.threads(size) == int(threads)
    (theta, _), (by_numpy, _) = both(lambda: three_steps(AdamW(0.1), size, np.float32))
    np.testing.assert_array_equal(theta, by_numpy)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.float16])
@pytest.mark.parametrize("name", RANDOM)
def test_rates_have_the_bits_of_numpy(name, dtype, both):
    draws = np.random.default_rng(1)
    for _ in range(2):
        schedule = RANDOM[name](draws)
        steps = np.concatenate([np.linspace(0, 400, FEW + 3), [0, 1e4, 6e4]]).astype(dtype)
        mine, by_numpy = both(lambda schedule=schedule, steps=steps: schedule(steps))
        np.testing.assert_array_equal(mine, by_numpy)
        assert mine.dtype == by_numpy.dtype
        works_in = np.float64 if dtype == np.int64 else np.float32 if dtype == np.float16 else dtype
        drawn_in_double = name == "noisy" and works_in == np.float32
        assert (schedule._loops[np.dtype(works_in)] is None) == drawn_in_double


def test_rates_of_rows_and_of_every_other_step_keep_their_shape(both):
    steps = np.arange(4.0 * FEW).reshape(2, -1)[:, ::2]
    mine, by_numpy = both(lambda: CosineDecay(0.1, FEW)(steps))
    assert mine.shape == steps.shape
    np.testing.assert_array_equal(mine, by_numpy)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_bad_step_is_refused_in_the_same_words_wherever_it_stands(bad, both):
    steps = np.arange(2.0 * FEW)
    steps[[-1, 3 * FEW // 2]] = -2.0
    steps[3 * FEW // 2 - 1] = bad

    def refused():
        with pytest.raises(ValueError, match="step must be") as error:
            InverseTimeDecay(0.1, 10, 0.5)(steps)
        return str(error.value)

    mine, by_numpy = both(refused)
    assert mine == by_numpy


@pytest.mark.parametrize("dtype", [">f8", "<f8", ">f4", "longdouble", ">i8"])
def test_steps_of_any_width_and_order_of_bytes_are_looked_at(dtype, both):
    steps = np.arange(FEW + 1).astype(dtype)
    mine, by_numpy = both(lambda: InverseTimeDecay(0.1, 10, 0.5)(steps))
    np.testing.assert_array_equal(mine, by_numpy)
    assert mine[20] == 0.05 or mine.dtype != np.float64
    for bad in (-1,) if dtype == ">i8" else (-1.0, np.nan, np.inf):
        steps[7] = bad
        with pytest.raises(ValueError, match="step must be"):
            InverseTimeDecay(0.1, 10, 0.5)(steps)
        with pytest.raises(ValueError, match="step must be"):
            InverseTimeDecay(0.1, 10, 0.5)(steps[:10])


def test_a_step_of_minus_zero_is_a_step(both):
    steps = np.full(FEW + 1, -0.0)
    mine, by_numpy = both(lambda: CosineDecay(0.1, 10)(steps))
    np.testing.assert_array_equal(mine, by_numpy)
    assert np.all(mine == 0.1)


def test_a_bad_gradient_anywhere_changes_nothing(both):
    def tried():
        theta, opt = {"a": np.ones(FEW), "b": np.ones(2 * FEW)}, Adam(0.1)
        state = opt.init(theta)
        gradient = {name: np.ones_like(part) for name, part in theta.items()}
        gradient["b"][-1] = np.nan
        with pytest.raises(ValueError, match="gradient of b must be finite, got 1 values") as error:
            opt.step(theta, gradient, state)
        assert all(np.all(part == 1) for part in theta.values())
        assert state == opt.init(theta)
        return str(error.value)

    mine, by_numpy = both(tried)
    assert mine == by_numpy


def test_gradients_whose_squares_overflow_are_taken(both):
    def tried():
        theta = np.zeros(FEW, np.float32)
        SGD(1e-30).step(theta, np.full(FEW, 1e30, np.float32), SGD().init(theta))
        return theta

    mine, by_numpy = both(tried)
    np.testing.assert_array_equal(mine, by_numpy)
    assert np.all(mine == -1)


def test_a_rule_that_divides_by_zero_warns_neither_way(both):
    @hyperparameters
    class Harmonic(Schedule):
        def rule(self, step):
            return 1 / step

    for size in (10, FEW + 1):
        mine, by_numpy = both(lambda size=size: Harmonic()(np.arange(size)))
        np.testing.assert_array_equal(mine, by_numpy)
        assert mine[0] == np.inf


def test_each_part_of_a_split_has_its_own_loop(both):
    opt = Split({"w": Adam(0.1), "*": SGD(0.2)})

    def run():
        theta = {"w": np.ones(FEW), "b": np.ones(FEW)}
        opt.step(theta, {"w": np.ones(FEW), "b": np.full(FEW, 2.0)}, opt.init(theta))
        return theta["w"], theta["b"]

    mine, by_numpy = both(run)
    np.testing.assert_array_equal(mine, by_numpy)
    assert [len(part._loops) for _, part in opt.optimizers] == [1, 1]


@hyperparameters
class Own(Optimizer):
    """An optimizer with the rule of whoever makes it."""

    lr: float = 0.1
    how: object = None

    def rule(self, theta, g, lr, t, m):
        return self.how(theta, g, lr, t, m)


def noisy(theta, g, lr, t, m):
    return theta - lr * g * np.random.default_rng().random(), m


OWN = {  # rules, and whether a loop can have NumPy's bits
    "signs": (lambda theta, g, lr, t, m: (theta - lr * sign(g), sign(m - m)), True),
    "rounded": (lambda theta, g, lr, t, m: (floor(theta) - lr * ceil(g), m), True),
    "clipped": (
        lambda theta, g, lr, t, m: (theta - lr * minimum(maximum(g, -0.5), 0.5), maximum(m, g)),
        True,
    ),
    "chosen": (lambda theta, g, lr, t, m: (where(g * m > 0, theta - lr, theta), -g), True),
    "chosen by number": (lambda theta, g, lr, t, m: (where(t > 1, theta - g, theta), m + 1), True),
    "NaN first": (lambda theta, g, lr, t, m: (maximum(sqrt(g), 0.5), minimum(sqrt(g), 0.5)), True),
    "of NaN": (lambda theta, g, lr, t, m: (sign(sqrt(g)), minimum(sqrt(g), maximum(1.0, sqrt(g)))), True),
    "constant memory": (lambda theta, g, lr, t, m: (theta - g, 0.5 + 0 * m), True),
    "two numbers": (lambda theta, g, lr, t, m: (theta - where(g > 0, 0.1, 0.3), m), False),
    "exponential": (lambda theta, g, lr, t, m: (theta - lr * exp(-g * g) * g, m), False),
    "cubed": (lambda theta, g, lr, t, m: (theta - lr * g**3, m), False),
    "truth": (lambda theta, g, lr, t, m: (theta - lr * (g > 0), m), False),
    "double": (lambda theta, g, lr, t, m: (theta - np.float64(0.1) * g, m), False),
    "numpy's": (lambda theta, g, lr, t, m: (theta - lr * np.sign(g), m), False),
}


@pytest.mark.parametrize("name", OWN)
def test_a_rule_of_ones_own_has_a_loop_only_if_it_keeps_numpys_bits(name, both):
    rule, possible = OWN[name]
    opt = Own(how=rule)
    if name == "double":
        assert both(lambda: three_steps(opt, FEW, np.float64)) is not None
    (theta, state), (by_numpy, state_by_numpy) = both(lambda: three_steps(opt, FEW, np.float32))
    np.testing.assert_array_equal(theta, by_numpy)
    np.testing.assert_array_equal(state.slots["theta"]["m"], state_by_numpy.slots["theta"]["m"])
    assert (opt._loops[np.dtype(np.float32)] is not None) == possible


def test_arrays_that_lie_side_by_side_are_apart():
    row, opt = np.ones(2 * FEW), SGD(0.5)
    opt.step(row[:FEW], row[FEW:], opt.init(row[:FEW]))
    assert np.all(row[:FEW] == 0.5)
    assert opt._loops[np.dtype(float)] is not None


def test_a_rule_that_draws_random_numbers_is_left_to_numpy():
    opt = Own(how=noisy)
    theta, _ = three_steps(opt, FEW, np.float64)
    assert opt._loops[np.dtype(np.float64)] is None
    assert not np.array_equal(theta, three_steps(opt, FEW, np.float64)[0])


def test_what_a_loop_could_not_take_is_left_to_numpy():
    opt, other = Adam(0.1), Adam(0.1)
    theta, wide = np.ones(FEW, np.float32), np.ones(FEW, np.float32)
    opt.step(theta, np.ones(FEW), opt.init(theta))  # a gradient of another dtype
    half = np.ones(FEW, np.float16)
    opt.step(half, half.copy(), opt.init(half))
    opt.step(wide, wide, opt.init(wide))  # arrays that are the same
    shared = np.ones(FEW + 1)
    opt.step(shared[1:], shared[:-1], opt.init(shared[1:]))
    opt.step(np.ones((FEW, 2))[:, 0], np.ones(FEW), opt.init(np.ones(FEW)))  # with gaps
    assert opt._loops == {}
    Adam(np.full(FEW, 0.1)).step(np.ones(FEW), np.ones(FEW), other.init(np.ones(FEW)))
    assert other._loops == {}


@pytest.mark.parametrize("rule", [lambda step: 0.5, lambda step: step], ids=["flat", "itself"])
def test_a_rule_that_does_nothing_is_left_to_numpy(rule, both):
    @hyperparameters
    class Still(Schedule):
        def rule(self, step):
            return rule(step)

    still = Still()
    mine, by_numpy = both(lambda: still(np.arange(FEW + 1)))
    np.testing.assert_array_equal(mine, by_numpy)
    assert list(still._loops.values()) == [None]


@pytest.mark.parametrize("power", [1, 1.0, 2, 2.0, 0.5, 3])
def test_first_and_second_powers_are_products_as_they_are_for_numpy(power, both):
    schedule = PolynomialDecay(0.1, FEW, power=power)
    mine, by_numpy = both(lambda: schedule(np.arange(FEW + 1)))
    np.testing.assert_array_equal(mine, by_numpy)
    assert (schedule._loops[np.dtype(float)].block is None) == (power in (1, 2))


def test_a_power_written_with_stars_is_left_to_python(both):
    @hyperparameters
    class Falling(Schedule):
        def rule(self, step):
            return (step + 1.0) ** -0.5

    falling = Falling()
    mine, by_numpy = both(lambda: falling(np.arange(FEW + 1)))
    np.testing.assert_array_equal(mine, by_numpy)
    assert falling._loops[np.dtype(float)] is not None


def test_a_schedule_may_end_with_a_function_of_numpys(both):
    @hyperparameters
    class Falling(Schedule):
        def rule(self, step):
            return exp(-step / 100)

    falling = Falling()
    mine, by_numpy = both(lambda: falling(np.arange(FEW + 1)))
    np.testing.assert_array_equal(mine, by_numpy)
    assert falling._loops[np.dtype(float)] is not None


BOWLS = {
    "nine curvatures": (Quadratic(np.geomspace(0.01, 1, 9), 0.1), (150, 7, 20)),
    "one": (Quadratic([2.0]), (3000, 70)),
    "noise of each direction": (Quadratic([1.0, -0.5], noise=[0.1, 0.0]), (300, 101)),
    "bowls of runs": (Quadratic(np.linspace(0.1, 1, 70 * 3).reshape(70, 3), 0.3), (200, 5, 70)),
    "no runs": (Quadratic(np.linspace(0, 1, 100)), (1000,)),
    "single precision": (Quadratic(np.linspace(0, 1, 9, dtype=np.float32), 0.1), (150, 140)),
    "overflow": (Quadratic([1.0], noise=1.0), (600, 99)),
    "more digits": (Quadratic(np.array([1.0], np.longdouble) / 3), (600, 99)),
}


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("name", BOWLS)
def test_expected_losses_have_the_bits_of_numpy(name, threads, both, monkeypatch):
    monkeypatch.setenv("LRBOOK_THREADS", threads)
    monkeypatch.setattr(fast, "LANES_OF_RUNS", 64)
    monkeypatch.setattr(fast, "LANES_A_THREAD", 16)
    built, make = [], fast._recursion
    monkeypatch.setattr(fast, "_recursion", lambda *given: built.append(make(*given)) or built[-1])
    bowl, shape = BOWLS[name]
    rates = np.random.default_rng(0).uniform(0, 100 if name == "overflow" else 1, shape)
    for part, every in ((bowl.expected_loss, 1), (bowl.expected_square, 7), (bowl.expected_loss, 10**6)):
        mine, by_numpy = both(lambda part=part, every=every: part(1.5, rates, every))
        np.testing.assert_array_equal(mine, by_numpy)
        np.testing.assert_array_equal(mine[-1], part(1.5, rates)[-1])
    assert (len(built) > 0) == (name not in ("more digits", "no runs"))


def test_a_loop_that_differs_in_a_bit_is_not_used(monkeypatch):
    """As where another machine's instructions round otherwise: here a product that is a quotient."""
    monkeypatch.setitem(machine.ON_FLOATS, "mul", "fdiv")
    opt, schedule = SGD(0.3), PiecewiseConstant([2.0], [0.1, 0.2])
    theta = np.zeros(FEW)
    opt.step(theta, np.ones(FEW), opt.init(theta))
    assert np.all(theta == -0.3)
    assert list(opt._loops.values()) == [None]
    monkeypatch.setitem(machine.COMPARED, "ge", "olt")
    assert schedule(np.arange(FEW + 1))[0] == 0.1
    assert list(schedule._loops.values()) == [None]


def test_fast_0_turns_loops_off(monkeypatch):
    monkeypatch.setenv("LRBOOK_FAST", "0")
    opt = Adam(0.1)
    three_steps(opt, FEW, np.float32)
    assert opt._loops == {}
    assert not fast.enabled()


def test_without_llvmlite_nothing_is_missing(tmp_path):
    """In a process that cannot import it, the same bits come from NumPy."""
    code = f"""
import sys
sys.modules["llvmlite"] = None
import numpy as np
from lrbook import Adam, CosineDecay, fast
assert not fast.enabled()
theta = np.random.default_rng(0).standard_normal({fast.SMALLEST * 4})
Adam(0.1).step(theta, theta.copy(), Adam().init(theta))
theta = np.append(theta, CosineDecay(0.1, 10**5)(np.arange({fast.LONGEST * 16})))
np.save(r"{tmp_path / "theta.npy"}", theta)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    theta = np.random.default_rng(0).standard_normal(fast.SMALLEST * 4)
    Adam(0.1).step(theta, theta.copy(), Adam().init(theta))
    rates = CosineDecay(0.1, 10**5)(np.arange(fast.LONGEST * 16))
    np.testing.assert_array_equal(np.load(tmp_path / "theta.npy"), np.append(theta, rates))


@pytest.mark.parametrize("given", ["", "0", "-1", "many"])
def test_a_number_of_threads_that_is_none_is_not_heard(given, monkeypatch):
    monkeypatch.setenv("LRBOOK_THREADS", given)
    assert fast.threads() == fast._processors()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_threads_of_its_own(monkeypatch):
    monkeypatch.setenv("LRBOOK_THREADS", "2")
    theta, _ = three_steps(Adam(0.1), FEW, np.float32)
    child = os.fork()
    if not child:  # pragma: no cover - counted in the parent alone
        os._exit(not np.array_equal(three_steps(Adam(0.1), FEW, np.float32)[0], theta))
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_in_one_thread_is_raised_after_the_others_have_ended():
    ended = []

    def part(cut):
        if cut.start == 0:
            raise RuntimeError("first")
        ended.append(cut)

    with pytest.raises(RuntimeError, match="first"):
        machine.spread(part, 10 * machine.LANES, 3)
    assert len(ended) == 2

    def other(cut):
        if cut.start:
            raise RuntimeError("other")

    with pytest.raises(RuntimeError, match="other"):
        machine.spread(other, 10 * machine.LANES, 2)


def test_a_loop_is_given_all_its_arrays_whole():
    loop = machine.Loop([], np.float64, {"x": 1.0})
    x = np.zeros(5)
    loop(np.ones((1, 1)), [x])
    assert np.all(x == 1)
    with pytest.raises(ValueError, match="all its arrays"):
        loop(np.ones((1, 1)), [x, x])
    with pytest.raises(ValueError, match="all its arrays"):
        machine.Loop([], np.float64, {"x": "y"}, lanes=["y"])(np.ones((1, 0)), [x, np.zeros(4)])


def test_the_sign_of_minus_zero_is_that_of_numpy():
    loop = machine.Loop([Operation("s", "sign", ("x",), False)], np.float64, {"x": "s"})
    x = np.array([-0.0, 0.0, -2.0, np.inf, np.nan])
    right = np.sign(x)
    loop(np.zeros((1, 0)), [x])
    np.testing.assert_array_equal(x, right)
    np.testing.assert_array_equal(np.signbit(x[:4]), np.signbit(right[:4]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [-1.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, -1e-45])
def test_a_loop_that_watches_an_array_sees_what_is_unsound_in_any_lane(bad, dtype):
    loop = machine.Loop([], dtype, {}, lanes=["x"], watch="x")
    tiny = np.finfo(dtype).smallest_subnormal
    for size in (1, machine.LANES, 2 * machine.LANES + 3):
        x = np.full(size, tiny, dtype)
        x[size // 2] = np.finfo(dtype).max
        assert loop(np.zeros((1, 0)), [x])
        for lane in {0, size // 2, size - 1}:
            wrong = x.copy()
            wrong[lane] = bad
            assert not loop(np.zeros((1, 0)), [wrong])
            assert not sound(wrong)
        assert sound(x)


def test_the_same_loop_is_built_once():
    before = set(machine._BUILT)
    three_steps(Momentum(0.123, 0.4), FEW, np.float64)
    middle = set(machine._BUILT)
    three_steps(Momentum(0.321, 0.6), FEW, np.float64)
    assert set(machine._BUILT) == middle >= before


def test_noise_is_made_of_the_same_words(both):
    noisy = NoisyLinearCosineDecay(0.1, 1000, seed=2**40 + 3)
    steps = np.concatenate([np.arange(FEW) * 1.5, [2.0**33, 2.0**70]])
    mine, by_numpy = both(lambda: noisy(steps))
    np.testing.assert_array_equal(mine, by_numpy)
    assert noisy._loops[np.dtype(np.float64)] is not None
