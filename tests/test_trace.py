"""What is written down of a rule computes what the rule computes, in Python and in V8."""

import dataclasses
import json

import numpy as np
import pytest
import sympy

from lrbook import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Chain,
    ClipByGlobalNorm,
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    Momentum,
    NaturalExpDecay,
    Nesterov,
    NoisyLinearCosineDecay,
    Optimizer,
    PiecewiseConstant,
    PolynomialDecay,
    Restarts,
    RMSprop,
    Scaled,
    Schedule,
    Split,
    Warmup,
    WithL2,
    WithWeightDecay,
)
from lrbook.elementary import ceil, maximum, minimum, sign, where, word
from lrbook.hyperparameters import Hyperparameters, hyperparameters
from lrbook.problems import Quadratic, Rosenbrock, Turned, rotation
from lrbook.trace import javascript as trace_javascript
from lrbook.trace import trace, traced

SETTINGS = 500


def some(rng, low, high):
    """A number between two positive ones, as often small as large."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def horizon(rng):
    return int(rng.integers(1, 200)) if rng.random() < 0.5 else some(rng, 0.5, 200)


RANDOM = {
    "piecewise": lambda r: PiecewiseConstant(
        sorted(r.choice(np.arange(1, 200), 3, replace=False).tolist()), r.uniform(0, 1, 4).tolist()
    ),
    "exponential": lambda r: ExponentialDecay(
        some(r, 1e-4, 1), horizon(r), some(r, 0.01, 2), r.random() < 0.5
    ),
    "natural": lambda r: NaturalExpDecay(some(r, 1e-4, 1), horizon(r), some(r, 0.01, 2), r.random() < 0.5),
    "polynomial": lambda r: PolynomialDecay(
        some(r, 1e-4, 1), horizon(r), some(r, 1e-6, 1), some(r, 0.2, 5), r.random() < 0.5
    ),
    "inverse": lambda r: InverseTimeDecay(some(r, 1e-4, 1), horizon(r), some(r, 0.01, 2), r.random() < 0.5),
    "cosine": lambda r: CosineDecay(some(r, 1e-4, 1), horizon(r), r.uniform()),
    "linear cosine": lambda r: LinearCosineDecay(
        some(r, 1e-4, 1), horizon(r), some(r, 0.2, 5), r.uniform(), r.uniform()
    ),
    "noisy": lambda r: NoisyLinearCosineDecay(
        some(r, 1e-4, 1), horizon(r), r.uniform(), r.uniform(), some(r, 0.2, 5), seed=int(r.integers(2**40))
    ),
    "constant": lambda r: Constant(r.uniform()),
    "scaled": lambda r: Scaled(RANDOM["inverse"](r), r.uniform()),
    "warmup": lambda r: Warmup(horizon(r), RANDOM["polynomial"](r), r.uniform(), r.random() < 0.5),
    "chain": lambda r: Chain([RANDOM["inverse"](r), RANDOM["exponential"](r)], [int(r.integers(1, 200))]),
    "restarts": lambda r: Restarts(
        RANDOM["polynomial"](r), horizon(r), float(r.choice([1, 2, r.uniform(1, 3)])), some(r, 0.2, 1)
    ),
    "nested": lambda r: Warmup(
        horizon(r),
        Chain([RANDOM["restarts"](r), Scaled(RANDOM["cosine"](r), 0.5)], [int(r.integers(1, 200))]),
    ),
}
# where V8's exp, log, cos or, once in thousands, pow is one unit in the last place away from that of C
ROUNDED_OTHERWISE = {"natural", "cosine", "linear cosine", "noisy", "restarts", "nested"}


def settings(x):
    """The numbers in the fields, in order, but for an optimizer's rate."""
    for field in dataclasses.fields(x):
        value = getattr(x, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(x, Optimizer) and field.name == "lr":
                continue
            if isinstance(one, Hyperparameters):
                yield from settings(one)
            elif type(one) in (int, float):
                yield one


def in_v8(javascript_engine, functions, arguments):
    """The values of JavaScript functions at lists of arguments, one list for each."""
    calls = f"[{', '.join(functions)}].map((f, i) => {json.dumps(arguments)}[i].map(a => f(...a)))"
    text = javascript_engine(f"JSON.stringify({calls}, (_, x) => x === Infinity ? 'inf' : x)")
    return json.loads(text)


def one_function_for_each_kind(made):
    """The JavaScript of each, which depends on classes and flags alone, made once."""
    known = {}
    for x in made:
        if shape(x) not in known:
            known[shape(x)] = trace_javascript(x)
    return [known[shape(x)] for x in made]


def shape(x):
    parts = (getattr(x, field.name) for field in dataclasses.fields(x))
    inner = (shape_of(part) for part in parts)
    return (type(x), *inner)


def shape_of(part):
    if isinstance(part, Hyperparameters):
        return shape(part)
    if isinstance(part, tuple):
        return tuple(map(shape_of, part))
    return part if isinstance(part, (bool, str)) else None


@pytest.mark.parametrize("name", RANDOM)
def test_the_javascript_of_a_schedule_gives_the_floats_of_python(name, javascript):
    rng = np.random.default_rng(0)
    made = [RANDOM[name](rng) for _ in range(SETTINGS)]
    steps = [[0, 1, *rng.integers(0, 400, 3).tolist(), rng.uniform(0, 400), 1e6] for _ in made]
    arguments = [[[t, *settings(x)] for t in of_x] for x, of_x in zip(made, steps, strict=True)]
    there = np.array(in_v8(javascript, one_function_for_each_kind(made), arguments), dtype=float)
    here = np.array([[x(t) for t in of_x] for x, of_x in zip(made, steps, strict=True)])
    if name == "natural":  # exp: one unit in the last place of the rate itself
        assert np.all(np.abs(there - here) <= 2 * np.spacing(here))
    elif name in ROUNDED_OTHERWISE:  # what is added to 1, or taken from it, is rounded where the rate is high
        highest = np.array([[max(np.abs(x(np.arange(400.0))).max(), getattr(x, "lr", 0))] for x in made])
        assert np.all(np.abs(there - here) <= 2 * np.spacing(highest))
    else:
        np.testing.assert_array_equal(there, here)
    assert (there == here).mean() > 0.9


STEPPERS = {
    "SGD": lambda r: SGD(),
    "momentum": lambda r: Momentum(0.1, r.uniform()),
    "Nesterov": lambda r: Nesterov(0.1, r.uniform()),
    "Adagrad": lambda r: Adagrad(0.1, some(r, 1e-10, 1), r.random() < 0.5),
    "RMSprop": lambda r: RMSprop(0.1, r.uniform(), some(r, 1e-10, 1), r.random() < 0.5),
    "Adadelta": lambda r: Adadelta(1.0, r.uniform(), some(r, 1e-10, 1)),
    "Adam": lambda r: Adam(0.1, r.uniform(), r.uniform(), some(r, 1e-10, 1), r.random() < 0.5),
    "AdamW": lambda r: AdamW(0.1, r.uniform(), r.uniform(), some(r, 1e-10, 1), False, r.uniform()),
    "L2": lambda r: WithL2(STEPPERS["Nesterov"](r), r.uniform()),
    "decay": lambda r: WithWeightDecay(STEPPERS["RMSprop"](r), r.uniform()),
    "both": lambda r: WithL2(WithWeightDecay(STEPPERS["Adam"](r), r.uniform()), r.uniform()),
}


@pytest.mark.parametrize("name", STEPPERS)
def test_the_javascript_of_an_optimizer_gives_the_floats_of_python(name, javascript):
    rng = np.random.default_rng(1)
    made = [STEPPERS[name](rng) for _ in range(SETTINGS)]
    given = [
        [rng.normal(), rng.normal(), some(rng, 1e-4, 1), int(rng.integers(1, 2000))]
        + rng.exponential(size=len(x.slot_names)).tolist()
        for x in made
    ]
    arguments = [[[*values, *settings(x)]] for x, values in zip(made, given, strict=True)]
    there = np.array(in_v8(javascript, one_function_for_each_kind(made), arguments))[:, 0]
    np.testing.assert_array_equal(there, [x.rule(*values) for x, values in zip(made, given, strict=True)])


def test_the_place_where_an_optimizer_looks_can_be_traced_too(javascript):
    opt = WithL2(Nesterov(beta=0.7), 0.1)
    written = trace_javascript(opt, "point")
    assert javascript(f"({written})(2.5, 0.3, 0.7, 0.1)") == opt.point(2.5, 0.3)
    assert javascript(f"({trace_javascript(SGD(), 'point')})(2.5)") == 2.5
    assert trace_javascript(SGD()).splitlines()[1] == "  return [theta - (lr * g)];"


ALL = [(name, make) for names in (RANDOM, STEPPERS) for name, make in names.items()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "make"), ALL, ids=[name for name, _ in ALL])
def test_a_trace_gives_the_bits_of_the_rule_on_arrays(name, make, dtype):
    if (name, dtype) == ("noisy", np.float32):
        dtype = np.float64  # the rule draws its noise in this
    rng = np.random.default_rng(2)
    x = make(rng)
    record = trace(x)
    arrays = [rng.exponential(size=50).astype(dtype) * 20 for _ in record.inputs]
    if isinstance(x, Optimizer):
        arrays[2], arrays[3] = 0.01, 7  # the rate and the count are numbers
    with np.errstate(all="ignore"):
        expected, given = x.rule(*arrays), record(*arrays, *settings(x))
    for mine, right in zip(np.atleast_2d(given), np.atleast_2d(expected), strict=True):
        np.testing.assert_array_equal(mine, right)
    assert np.asarray(given).dtype == np.asarray(expected).dtype


def test_an_operation_is_uniform_if_it_depends_on_settings_alone():
    record = trace(Adam())
    uniform = {str(operation) for operation in record.operations if operation.uniform}
    assert {"x1 = beta1 * m"}.isdisjoint(uniform)
    written = " ".join(uniform)
    assert all(part in written for part in ("1 - beta1", "pow(beta1, t)", "1 - beta2", "pow(beta2, t)"))
    assert "theta" not in written
    assert " g" not in written


def test_the_same_operation_is_written_down_once():
    functions = [(operation.function, operation.arguments) for operation in trace(Adadelta()).operations]
    assert len(set(functions)) == len(functions)


def test_flags_are_read_and_numbers_are_left_open():
    inside, outside = trace(Adam(eps_inside=True)), trace(Adam(eps_inside=False))
    assert inside.settings == outside.settings == ["beta1", "beta2", "eps"]
    assert str(inside) != str(outside)
    assert str(trace(Adam(0.1, 0.5))) == str(trace(Adam(0.2, 0.8)))
    assert trace(Warmup(5, CosineDecay(0.1, 10))).settings == [
        "steps",
        "then_lr",
        "then_decay_steps",
        "then_alpha",
        "start",
    ]
    assert trace(PiecewiseConstant([3, 5], [1, 2, 3])).settings == [
        "boundaries_0",
        "boundaries_1",
        "values_0",
        "values_1",
        "values_2",
    ]


@hyperparameters
class Branching(Schedule):
    lr: float = 0.1

    def rule(self, step):
        return self.lr if step > 3 else 0.0


@hyperparameters
class Equal(Schedule):
    lr: float = 0.1

    def rule(self, step):
        return where(step == 3, self.lr, 0.0)


@hyperparameters
class Borrowed(Schedule):
    lr: float = 0.1

    def rule(self, step):
        return self.lr * np.tanh(step)


@hyperparameters
class Whole(Optimizer):
    lr: float = 0.1
    elementwise = False

    def rule(self, theta, g, lr, t):
        return (theta - lr * g / np.sqrt((g * g).sum()),)


@hyperparameters
class Foreign(Schedule):
    lr: float = 0.1

    def rule(self, step):
        return where(step >= 3, "high", self.lr)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (Branching(), "must not branch on a value: use lrbook.elementary.where"),
        (Equal(), "must not ask whether values are equal"),
        (Borrowed(), "ufunc"),
        (Foreign(), "must compute with numbers alone, got 'high'"),
        (Whole(), "must update each entry by itself, got Whole"),
        (ClipByGlobalNorm(SGD(), 1.0), "must update each entry by itself, got ClipByGlobalNorm"),
        (WithL2(ClipByGlobalNorm(SGD(), 1.0), 0.1), "must update each entry by itself, got WithL2"),
        (Split({"*": SGD()}), "must update each entry by itself, got Split"),
        (CosineDecay(np.ones(2), 10), r"lr must be a number to be traced, got array"),
        (CosineDecay(sympy.Symbol("eta"), 10), "lr must be a number to be traced, got eta"),
        (lambda step: 0.1, "a Schedule or an Optimizer is traced, got"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_cannot_be_written_down_is_refused_with_the_reason(x, message):
    with pytest.raises(TypeError, match=message):
        trace(x)


def test_a_rule_of_ones_own_may_put_the_step_in_the_exponent(javascript):
    @hyperparameters
    class Halved(Schedule):
        lr: float = 0.3

        def rule(self, step):
            return -((self.lr * 0.5**step) ** 2)

    written = trace_javascript(Halved())
    assert [javascript(f"({written})({t}, 0.3)") for t in range(5)] == [Halved().rule(t) for t in range(5)]


def test_the_sign_of_a_value_is_that_of_python(javascript):
    @hyperparameters
    class Signed(Schedule):
        lr: float = 0.3

        def rule(self, step):
            return sign(step - 3) * ceil(self.lr)

    written = trace_javascript(Signed())
    assert [javascript(f"({written})({t}, 0.3)") for t in (2, 3, 4)] == [-1, 0, 1]
    assert trace(Signed())(np.array([2.0, 3, 4]), 0.3).tolist() == [-1, 0, 1]


def test_odd_names_and_numbers_of_a_rule_of_ones_own_are_no_trouble(javascript):
    @hyperparameters
    class Odd(Schedule):
        x1: float = 0.5
        x3: float = 2.0

        def rule(self, step):
            sides = (step * 0.0 + self.x1) * (step * -0.0 - self.x3)
            back = -step
            return minimum(-back, maximum(-2 - sides, -float("inf"))) - -self.x3

    steps = [0.0, 1.5, 7.0]
    written, record = trace_javascript(Odd()), trace(Odd())
    assert len({o.name for o in record.operations} | {"x1", "x3"}) == len(record.operations) + 2
    expected = [Odd().rule(t) for t in steps]
    assert [javascript(f"({written})({t}, 0.5, 2.0)") for t in steps] == expected
    assert record(np.array(steps), 0.5, 2.0).tolist() == expected
    assert sum(o.function == "mul" for o in record.operations) == 3  # 0.0 and -0.0 are two numbers


def test_what_is_used_twice_is_computed_once():
    written = trace_javascript(Adam())
    assert all(
        written.count(once) == 1 for once in ("beta1 * m", "beta2 * v", "Math.pow(beta1", "Math.sqrt(")
    )


def test_a_word_is_read_without_a_sign(javascript):
    @hyperparameters
    class Words(Schedule):
        lr: float = 0.5

        def rule(self, step):
            return self.lr * word(step * 2.0**31)

    written = trace_javascript(Words())
    for step in (0, 1, 1.5, 3, 5):
        assert javascript(f"({written})({step}, 0.5)") == Words().rule(step) == 2.0**30 * (step % 2)
    np.testing.assert_array_equal(Words().rule(np.array([1.0, 1.5, 3])), 2.0**30 * np.array([1, 1.5, 1]))


def test_a_constant_result_needs_no_operation(javascript):
    @hyperparameters
    class Fixed(Schedule):
        lr: float = 0.1

        def rule(self, step):
            return 0.25

    assert javascript(f"({trace_javascript(Fixed())})(3, 0.1)") == 0.25
    assert trace(Fixed())(3, 0.1) == 0.25


def everything(x, y, angle, count, rate):
    """Schedules, an optimizer and problems, made and asked inside one function."""
    theta = np.array([x, y])
    bowl = Turned(Quadratic([1.0, rate]), rotation(angle))
    drops = PiecewiseConstant([minimum(rate, count), maximum(rate, count) + 1], [1.0, rate, 0.1])
    noisy = NoisyLinearCosineDecay(rate, count, seed=count)
    return (
        bowl.loss(theta),
        *bowl.gradient(theta),
        *Rosenbrock(b=rate).gradient(theta),
        Quadratic([rate, 2.0], noise=rate).expected_update(np.array([x * x, y * y]), 0.1)[0],
        drops(x),
        noisy(y),
        *Adam(CosineDecay(rate, count)).rule(x, y, rate, 3.0, 0.5, 0.25),
    )


def test_a_function_that_makes_schedules_optimizers_and_problems_can_be_traced(javascript):
    """Its numbers may be what they are made of: they are checked when they have values, and not before."""
    names = ["x", "y", "angle", "count", "rate"]
    code = trace_javascript(traced(everything, names[:2], names[2:]))
    rng = np.random.default_rng(5)
    for _ in range(100):
        values = [*rng.uniform(0, 3, 2).tolist(), float(rng.uniform(0, 90)), int(rng.integers(1, 20)), 0.7]
        values[4] = float(rng.uniform(0.01, 2))
        found = json.loads(javascript(f"JSON.stringify(({code})(...{values}))"))
        assert found == pytest.approx([float(v) for v in everything(*values)], rel=1e-12, abs=1e-15)


def test_what_no_result_needs_is_not_written_down():
    record = traced(lambda x, rate: (CosineDecay(rate, 10)(x), x + 1)[1], ["x"], ["rate"])
    assert trace_javascript(record) == "(x, rate) => {\n  return x + 1;\n}"


def test_an_array_meets_a_traced_number_entry_by_entry():
    record = traced(lambda x: tuple(1 - np.array([2.0, 3.0]) * x), ["x"])
    assert trace_javascript(record) == "(x) => {\n  return [1 - (2.0 * x), 1 - (3.0 * x)];\n}"
    assert traced(lambda x: (x - np.array([2.0, 3.0]))[1], ["x"])(5.0) == 2.0


def test_a_function_of_numpy_is_refused_for_a_traced_number():
    with pytest.raises(TypeError):
        traced(lambda x: np.sqrt(x), ["x"])


def test_a_word_of_text_is_no_traced_number():
    with pytest.raises(TypeError, match="got dtype"):
        Quadratic(np.array(["a", 1.0], dtype=object))
