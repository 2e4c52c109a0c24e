"""What may be a hyperparameter is checked once, for every field of every class, and then kept."""

import copy
import dataclasses
import inspect
import math
import pickle
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy

import lrbook
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
    Digits,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    Momentum,
    NaturalExpDecay,
    Nesterov,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Quadratic,
    Restarts,
    RMSprop,
    Rosenbrock,
    Scaled,
    Slope,
    Split,
    Turned,
    Warmup,
    WithL2,
    WithWeightDecay,
)
from lrbook.hyperparameters import (
    COUNT,
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    Hyperparameters,
    as_count,
    as_value,
    exact,
    require,
)

# The contract: names, their order and their defaults. A change here breaks users.
CONTRACT = {
    PiecewiseConstant: "(boundaries, values)",
    ExponentialDecay: "(lr, decay_steps, decay_rate, staircase=False)",
    NaturalExpDecay: "(lr, decay_steps, decay_rate, staircase=False)",
    PolynomialDecay: "(lr, decay_steps, end_lr=0.0001, power=1.0, cycle=False)",
    InverseTimeDecay: "(lr, decay_steps, decay_rate, staircase=False)",
    CosineDecay: "(lr, decay_steps, alpha=0.0)",
    LinearCosineDecay: "(lr, decay_steps, num_periods=0.5, alpha=0.0, beta=0.001)",
    NoisyLinearCosineDecay: (
        "(lr, decay_steps, initial_variance=1.0, variance_decay=0.55, "
        "num_periods=0.5, alpha=0.0, beta=0.001, seed=0)"
    ),
    SGD: "(lr=0.01)",
    Momentum: "(lr=0.01, beta=0.9)",
    Nesterov: "(lr=0.01, beta=0.9)",
    Adagrad: "(lr=0.01, eps=1e-08, eps_inside=True)",
    RMSprop: "(lr=0.001, beta=0.9, eps=1e-08, eps_inside=True)",
    Adadelta: "(lr=1.0, beta=0.95, eps=1e-06)",
    Adam: "(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, eps_inside=False)",
    AdamW: "(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, eps_inside=False, weight_decay=0.01)",
    Constant: "(lr)",
    Scaled: "(schedule, factor)",
    Warmup: "(steps, then, start=0.0, shift=True)",
    Chain: "(schedules, boundaries)",
    Restarts: "(schedule, period, growth=1.0, decay=1.0)",
    WithL2: "(optimizer, lam)",
    WithWeightDecay: "(optimizer, lam, only=*)",
    ClipByGlobalNorm: "(optimizer, norm, runs=0)",
    Split: "(optimizers)",
    Quadratic: "(eigenvalues, noise=0.0)",
    Rosenbrock: "(a=1.0, b=100.0)",
    Turned: "(problem, axes)",
    Slope: "(size=1.0)",
    Digits: "(hidden=0, batch_size=0, held_out=450)",
}

# values for the fields, all different from the defaults
GIVEN = {
    "lr": 0.5,
    "decay_steps": 10,
    "decay_rate": 0.75,
    "staircase": True,
    "end_lr": 0.125,
    "power": 2.0,
    "cycle": True,
    "alpha": 0.25,
    "beta": 0.0625,
    "num_periods": 1.5,
    "initial_variance": 2.0,
    "variance_decay": 0.375,
    "seed": 3,
    "boundaries": (10, 20),
    "values": (1.0, 0.5, 0.25),
    "eigenvalues": 4.0,
    "noise": 0.75,
    "a": 2.0,
    "b": 50.0,
    "hidden": 8,
    "batch_size": 16,
    "held_out": 400,
    "beta1": 0.5,
    "beta2": 0.75,
    "eps": 1e-4,
    "eps_inside": True,
    "weight_decay": 0.5,
    "optimizer": SGD(0.25),
    "lam": 0.125,
    "schedule": CosineDecay(0.25, 10),
    "factor": 0.5,
    "steps": 7,
    "then": CosineDecay(0.75, 10),
    "start": 0.25,
    "shift": False,
    "schedules": (Constant(0.5), CosineDecay(0.25, 10), Constant(0.125)),
    "period": 5,
    "growth": 2.0,
    "decay": 0.75,
    "only": "W*",
    "problem": Quadratic(2.0),
    "axes": [[1.0]],
    "size": 3.0,
    "norm": 3.0,
    "runs": 1,
    "optimizers": (("W", SGD(0.25)), ("*", SGD(0.5))),
}

POSITIVE_FIELDS = {
    "lr",
    "decay_steps",
    "decay_rate",
    "power",
    "num_periods",
    "b",
    "steps",
    "period",
    "decay",
    "norm",
}
NON_NEGATIVE_FIELDS = {
    "end_lr",
    "beta",
    "initial_variance",
    "variance_decay",
    "noise",
    "eps",
    "weight_decay",
    "lam",
    "factor",
    "start",
}
COUNT_FIELDS = {"seed", "hidden", "batch_size", "held_out", "runs"}
FLAGS = {"staircase", "cycle", "eps_inside", "shift"}
OTHER = {  # fields that are no single number, and for each another value
    "boundaries": (10, 21),
    "values": (1.0, 0.5, 0.0),
    "optimizer": SGD(0.125),
    "schedule": CosineDecay(0.25, 11),
    "then": CosineDecay(0.75, 11),
    "schedules": (Constant(0.5), CosineDecay(0.25, 10), Constant(0.25)),
    "only": "b",
    "problem": Rosenbrock(),
    "axes": [[-1.0]],
    "optimizers": (("W", SGD(0.25)), ("b", SGD(0.5))),
}


def field_names(cls):
    return [field.name for field in dataclasses.fields(cls)]


def made(cls, **changes):
    return cls(**{name: GIVEN[name] for name in field_names(cls)} | changes)


def words_of(cls, name):
    if name == "alpha":  # a fraction of lr, or what is added to a line
        return "in [0, 1]" if cls is CosineDecay else ">= 0"
    if name in {"beta1", "beta2"} or (name == "beta" and issubclass(cls, lrbook.Optimizer)):
        return "in [0, 1)"
    if name == "lr" and cls in (PolynomialDecay, Constant):  # where a rate may start, or stay
        return ">= 0"
    if name == "growth":
        return ">= 1"
    if name in POSITIVE_FIELDS:
        return "> 0"
    if name in NON_NEGATIVE_FIELDS:
        return ">= 0"
    if name in COUNT_FIELDS:
        return "a whole number >= 0"
    return "a number"


NUMERIC_FIELDS = [
    (cls, name) for cls in CONTRACT for name in field_names(cls) if name not in FLAGS | set(OTHER)
]
every_class = pytest.mark.parametrize("cls", CONTRACT, ids=lambda cls: cls.__name__)
every_number = pytest.mark.parametrize(
    ("cls", "name"), NUMERIC_FIELDS, ids=lambda x: x if isinstance(x, str) else x.__name__
)


def test_the_contract_covers_every_class_of_the_package_that_has_hyperparameters():
    public = {getattr(lrbook, name) for name in lrbook.__all__}
    with_fields = {
        cls
        for cls in public
        if inspect.isclass(cls) and issubclass(cls, Hyperparameters) and dataclasses.fields(cls)
    }
    assert with_fields == set(CONTRACT)


@every_class
def test_names_order_and_defaults_of_the_fields_are_those_of_the_design(cls):
    parameters = inspect.signature(cls).parameters.values()
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    text = str(inspect.Signature(bare))
    assert text.replace("'", "") == CONTRACT[cls]
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in bare)


@every_class
def test_positional_and_keyword_arguments_make_equal_objects_that_give_back_what_they_got(cls):
    values = [GIVEN[name] for name in field_names(cls)]
    schedule = cls(*values)
    assert schedule == made(cls)
    assert [getattr(schedule, name) for name in field_names(cls)] == values


@every_number
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 10**400, np.float32("nan"), np.array([1.0, np.inf])]
)
def test_what_is_not_finite_is_a_value_error_that_names_the_field_and_the_value(cls, name, value):
    if isinstance(value, np.ndarray) and name in COUNT_FIELDS:
        with pytest.raises(TypeError, match=rf"^{name} must be one whole number"):
            made(cls, **{name: value})
        return
    with pytest.raises(ValueError, match=rf"^{name} must be finite and ") as caught:
        made(cls, **{name: value})
    got = {"nan": "nan", "inf": "inf", "-inf": "-inf", "[ 1. inf]": "inf"}.get(str(value), str(value))
    assert str(caught.value) == f"{name} must be finite and {words_of(cls, name)}, got {got}"


BREACHES = {
    "> 0": [0, 0.0, -0.0, -1, -1e-300, np.float32(-2), np.int8(0)],
    ">= 0": [-1, -1e-300, np.float64(-2.5)],
    ">= 1": [-1, 0, 1 - 2**-53, np.float64(0.5)],
    "in [0, 1]": [-1, -1e-300, 1.0000000000000002, 2, np.float64(1.5)],
    "in [0, 1)": [-1, -1e-300, 1, 1.0, 2, np.float64(1.5)],
    "a whole number >= 0": [-1, 0.5, 1.5, np.float64(2.25), np.int64(-2)],
    "a number": [],
}
KEEPS = {
    "> 0": [5e-324, 1, 1.0, 1e308, np.float32(2), np.uint8(3), Fraction(1, 3)],
    ">= 0": [0, 0.0, 5e-324, 7, np.int16(2)],
    ">= 1": [1, 1.0, 1e308, np.int16(2), np.float32(1.5)],
    "in [0, 1]": [0, 1, 0.0, 1.0, 0.5, np.float32(0.5)],
    "in [0, 1)": [0, 0.0, 0.5, 1 - 2**-53, np.float32(0.5)],
    "a whole number >= 0": [0, 1, 5.0, np.int64(7), np.uint8(3), np.array(4)],
    "a number": [0, -1.5, 3, np.float32(-2)],
}


@every_number
def test_a_value_that_breaks_the_rule_of_its_field_is_an_error_in_the_same_words(cls, name):
    words = words_of(cls, name)
    for value in BREACHES[words]:
        with pytest.raises(ValueError, match="must be") as caught:
            made(cls, **{name: value})
        plain = value.item() if isinstance(value, np.generic) else value
        assert str(caught.value) == f"{name} must be {words}, got {plain!r}"


@every_number
def test_a_value_on_the_right_side_of_the_edge_is_kept_as_a_python_number(cls, name):
    for value in KEEPS[words_of(cls, name)]:
        kept = getattr(made(cls, **{name: value}), name)
        assert kept == float(value)
        assert type(kept) in (int, float)


@every_number
@pytest.mark.parametrize(
    "value",
    ["1", b"1", None, 1j, True, np.True_, Decimal(1), {}, {1}, object(), np.complex128(1)]
    + [np.array(["1"]), np.array([1, None]), [True], [1j], [None], [[1], [1, 2]]],
    ids=repr,
)
def test_a_value_of_the_wrong_type_is_a_type_error_that_names_the_field(cls, name, value):
    with pytest.raises(TypeError, match=rf"^{name} must be "):
        made(cls, **{name: value})


@every_number
@pytest.mark.parametrize(
    "value", [sympy.I, sympy.true, sympy.Symbol("x") > 0, sympy.Symbol("x", imaginary=True)], ids=str
)
def test_a_symbol_that_cannot_be_a_real_number_is_a_type_error_that_names_the_field(cls, name, value):
    with pytest.raises(TypeError, match=rf"^{name} must be "):
        made(cls, **{name: value})


@every_number
def test_a_symbolic_value_is_refused_exactly_if_it_must_break_the_rule(cls, name):
    words = words_of(cls, name)
    for value in (sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.Symbol("x") + sympy.oo):
        with pytest.raises((ValueError, TypeError), match=rf"^{name} must be "):
            made(cls, **{name: value})
    negative = [sympy.Integer(-1), sympy.Rational(-1, 2), -sympy.pi]
    refused = {
        "> 0": [sympy.Integer(0), sympy.Symbol("x", nonpositive=True), *negative],
        ">= 0": [sympy.Symbol("x", negative=True), *negative],
        ">= 1": [sympy.Rational(1, 2), sympy.Symbol("x", negative=True), *negative],
        "in [0, 1]": [sympy.Rational(3, 2), sympy.Symbol("x", negative=True), *negative],
        "in [0, 1)": [sympy.Integer(1), sympy.Symbol("x", negative=True), *negative],
        "a whole number >= 0": [sympy.Rational(3, 2), sympy.Integer(-1)],
        "a number": [],
    }[words]
    for value in refused:
        with pytest.raises(ValueError, match=rf"^{name} must be {re.escape(words)}, got "):
            made(cls, **{name: value})
    accepted = [] if words == "in [0, 1)" else [sympy.Integer(1)]
    if name not in COUNT_FIELDS:
        accepted += [sympy.Symbol("x", positive=True), sympy.Symbol("x")]
        accepted.append(sympy.Rational(3, 2) if words == ">= 1" else sympy.Rational(1, 2))
    if words not in ("> 0", ">= 1"):
        accepted.append(sympy.Integer(0))
    for value in accepted:
        assert getattr(made(cls, **{name: value}), name) == value


@pytest.mark.parametrize("name", sorted(COUNT_FIELDS))
def test_a_count_is_one_whole_number_and_kept_as_an_int(name):
    cls = {"seed": NoisyLinearCosineDecay, "runs": ClipByGlobalNorm}.get(name, Digits)
    assert type(getattr(made(cls, **{name: 7.0}), name)) is int
    for value in (np.array([1, 2]), [3], sympy.Symbol("k", integer=True)):
        with pytest.raises(TypeError, match=rf"^{name} must be one whole number, got "):
            made(cls, **{name: value})


@every_class
def test_a_flag_is_true_or_false_and_nothing_like_it(cls):
    for name in FLAGS.intersection(field_names(cls)):
        for value in (0, 1, 1.0, None, "yes", sympy.true, np.array(True), [True]):
            with pytest.raises(TypeError, match=rf"^{name} must be True or False, got "):
                made(cls, **{name: value})
        for value in (True, False, np.True_, np.False_):
            assert getattr(made(cls, **{name: value}), name) is bool(value)


# PiecewiseConstant: sequences


@pytest.mark.parametrize("name", ["boundaries", "values"])
@pytest.mark.parametrize("given", [1, 1.0, "12", b"12", None, np.array(1.0), iter([1]), {1: 2}, {1}])
def test_what_is_not_a_sequence_is_refused_by_name(name, given):
    with pytest.raises(TypeError, match=rf"^{name} must be a sequence of numbers, got "):
        PiecewiseConstant(**{"boundaries": [1], "values": [1.0, 0.5]} | {name: given})


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [
        ([0], [1, 2], "boundaries[0] must be > 0, got 0"),
        ([1, -2], [1, 2, 3], "boundaries[1] must be > 0, got -2"),
        ([1], [1, -2.5], "values[1] must be >= 0, got -2.5"),
        ([math.nan], [1, 2], "boundaries[0] must be finite and > 0, got nan"),
        ([1], [math.inf, 2], "values[0] must be finite and >= 0, got inf"),
        ([1, 2], [1, 2], "values must be one more than boundaries, got 2 values and 2 boundaries"),
        ([], [], "values must be one more than boundaries, got 0 values and 0 boundaries"),
        ([3, 3], [1, 2, 3], "boundaries must be in increasing order, got 3 after 3 at index 1"),
        ([1, 5, 4], [1, 2, 3, 4], "boundaries must be in increasing order, got 4 after 5 at index 2"),
        ([sympy.Integer(0)], [1, 2], "boundaries[0] must be > 0, got 0"),
    ],
)
def test_boundaries_and_values_are_held_to_their_rules(boundaries, values, message):
    with pytest.raises(ValueError, match="must be") as caught:
        PiecewiseConstant(boundaries, values)
    assert str(caught.value) == message


@pytest.mark.parametrize("bad", ["1", None, True, 1j, sympy.I])
def test_an_entry_of_the_wrong_type_is_a_type_error_that_names_its_index(bad):
    with pytest.raises(TypeError, match=r"^boundaries\[0\] must be "):
        PiecewiseConstant([bad], [1.0, 0.5])
    with pytest.raises(TypeError, match=r"^values\[1\] must be "):
        PiecewiseConstant([1], [1.0, bad])


def test_symbolic_boundaries_are_refused_only_if_surely_out_of_order():
    s, r = sympy.symbols("s r", positive=True)
    PiecewiseConstant([s, r], [1, 2, 3])
    PiecewiseConstant([s, 2 * s], [1, 2, 3])
    with pytest.raises(ValueError, match="boundaries must be in increasing order, got s after 2"):
        PiecewiseConstant([2 * s, s], [1, 2, 3])


def test_boundaries_and_values_become_tuples_whatever_sequence_they_were():
    right = PiecewiseConstant((1, 2), (3.0, 2.0, 1.0))
    assert (right.boundaries, right.values) == ((1, 2), (3.0, 2.0, 1.0))
    assert PiecewiseConstant([1, 2], [3.0, 2.0, 1.0]) == right
    assert PiecewiseConstant(range(1, 3), np.array([3.0, 2.0, 1.0])) == right
    assert all(type(x) is int for x in PiecewiseConstant(np.array([1, 2]), (3, 2, 1)).boundaries)


def test_zero_is_a_value_to_which_a_rate_may_drop():
    assert PiecewiseConstant([1], [0.5, 0]).values == (0.5, 0)


# frozen values


@every_class
def test_an_object_cannot_be_changed(cls):
    it = made(cls)
    for name in field_names(cls):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(it, name, 1.0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(it, name)
    assert it == made(cls)


def test_an_array_is_kept_as_a_read_only_copy_so_that_a_checked_value_stays_checked():
    rates = np.array([1.0, 2.0])
    for held in (
        CosineDecay(rates, 10).lr,
        PiecewiseConstant([1], [0.5, rates]).values[1],
        SGD(lr=rates).lr,
        Quadratic(rates).eigenvalues,
    ):
        with pytest.raises(ValueError, match="read-only"):
            held[0] = -5.0
        rates[0] = -7.0
        assert held.tolist() == [1.0, 2.0]
        rates[0] = 1.0
    assert rates.flags.writeable


@every_class
def test_equal_fields_make_equal_objects_with_equal_hashes_and_any_other_field_an_unequal_one(cls):
    it = made(cls)
    assert it == made(cls)
    if cls is not Turned:  # it holds an array, which has no hash
        assert hash(it) == hash(made(cls))
        assert len({it, made(cls)}) == 1
    for name in field_names(cls):
        if name in FLAGS:
            other = not GIVEN[name]
        elif name in OTHER:
            other = OTHER[name]
        elif name == "runs":
            other = 2
        else:
            other = 0 if words_of(cls, name) == "in [0, 1)" else 1
        assert it != made(cls, **{name: other})
    assert it != 5
    assert it != it._fields()


def test_two_classes_with_equal_fields_are_not_equal():
    assert ExponentialDecay(1.0, 10, 0.5) != NaturalExpDecay(1.0, 10, 0.5)
    assert len({ExponentialDecay(1.0, 10, 0.5), NaturalExpDecay(1.0, 10, 0.5)}) == 2


def test_a_whole_number_and_the_float_it_equals_make_equal_objects_with_equal_hashes():
    assert CosineDecay(1, 10) == CosineDecay(1.0, 10.0)
    assert hash(CosineDecay(1, 10)) == hash(CosineDecay(1.0, 10.0))
    assert CosineDecay(1, 2**53 + 1) != CosineDecay(1, 2.0**53)


def test_arrays_are_compared_element_by_element():
    assert CosineDecay(np.array([1.0, 2.0]), 10) == CosineDecay([1, 2], 10)
    assert CosineDecay(np.array([1.0, 2.0]), 10) != CosineDecay([1, 3], 10)
    assert CosineDecay(np.array([1.0, 1.0]), 10) != CosineDecay(1.0, 10)
    one = PiecewiseConstant([3], [np.array([1.0, 2.0]), 0.1])
    assert one == PiecewiseConstant([3], [np.array([1.0, 2.0]), 0.1])
    assert one != PiecewiseConstant([3], [np.array([1.0, 3.0]), 0.1])
    assert one != PiecewiseConstant([3], [np.array([1.0, 2.0, 3.0]), 0.1])
    assert PiecewiseConstant([1], [1, 2]) != PiecewiseConstant([1, 2], [1, 2, 3])


def test_an_object_with_an_array_has_no_hash_like_the_array_itself():
    with pytest.raises(TypeError, match="unhashable"):
        hash(CosineDecay(np.array([1.0]), 10))


def test_symbols_are_compared_as_symbols():
    eta, other = sympy.symbols("eta other", positive=True)
    assert CosineDecay(eta, 10) == CosineDecay(eta, 10)
    assert CosineDecay(eta, 10) != CosineDecay(other, 10)
    assert hash(CosineDecay(eta, 10)) == hash(CosineDecay(eta, 10))


def test_an_optimizer_is_equal_if_its_schedule_is():
    assert SGD(CosineDecay(1, 10)) == SGD(CosineDecay(1, 10))
    assert SGD(CosineDecay(1, 10)) != SGD(CosineDecay(1, 11))
    assert SGD(CosineDecay(1, 10)) != SGD(1.0)
    assert hash(SGD(CosineDecay(1, 10))) == hash(SGD(CosineDecay(1, 10)))


WORLD = {cls.__name__: cls for cls in CONTRACT} | {"array": np.array}
ODD = [
    SGD(CosineDecay(0.5, 10)),
    CosineDecay(np.array([0.1, 1 / 3]), 10),
    PiecewiseConstant([np.array([1, 2]), 5], [np.array([1.0, 0.7]), 0.5, np.float64(0.25)]),
    ExponentialDecay(1.0, 10, 0.5, np.True_),
    LinearCosineDecay(1 / 3, 1e300, 5e-324),
]


EXACT = [it for it in ODD if not hasattr(getattr(it, "lr", 0.0), "shape")]  # arrays print few digits


@pytest.mark.parametrize("it", [*map(made, CONTRACT), *EXACT], ids=lambda it: type(it).__name__)
def test_the_repr_is_the_expression_that_makes_an_equal_object(it):
    again = eval(repr(it), WORLD)
    assert type(again) is type(it)
    assert again == it


def test_the_repr_reads_like_the_call():
    assert repr(CosineDecay(0.1, 1000)) == "CosineDecay(lr=0.1, decay_steps=1000, alpha=0.0)"


@pytest.mark.parametrize("it", [*map(made, CONTRACT), *ODD], ids=lambda it: type(it).__name__)
def test_copies_and_pickles_are_equal_also_after_use(it):
    if callable(it):
        it(3)  # fills what is cached
    if callable(it) and it._plain:
        it(sympy.Symbol("t"))
    for again in (
        pickle.loads(pickle.dumps(it)),
        copy.copy(it),
        copy.deepcopy(it),
        dataclasses.replace(it),
    ):
        assert again == it
        assert repr(again) == repr(it)


def test_replace_changes_one_field_and_checks_it_and_forgets_what_was_cached():
    symbolic = CosineDecay(sympy.Symbol("eta"), 10)
    assert sympy.Symbol("eta") in symbolic(3).free_symbols
    assert dataclasses.replace(symbolic, lr=2.0)(0) == 2.0
    with pytest.raises(ValueError, match="lr must be > 0, got 0"):
        dataclasses.replace(symbolic, lr=0)


# the helpers


@pytest.mark.parametrize(
    ("rule", "holds", "fails"),
    [
        (POSITIVE, [1e-300, 1], [0, -1]),
        (NON_NEGATIVE, [0, 1], [-1e-300]),
        (FRACTION, [0, 1, 0.5], [-1e-300, 1.0000000000000002]),
        (COUNT, [0, 1, 2.0], [-1, 0.5]),
    ],
    ids=lambda x: getattr(x, "words", None),
)
def test_a_rule_holds_for_numbers_arrays_and_symbols_alike(rule, holds, fails):
    for value in holds:
        require("x", value, rule)
        require("x", np.array([value]), rule)
        require("x", sympy.Rational(value), rule)
    for value in fails:
        for kind in (float, lambda v: np.array([1 / 4 * 0, v, v]), sympy.Rational):
            with pytest.raises(ValueError, match=f"^x must be {re.escape(rule.words)}, got "):
                require("x", kind(value), rule) if rule is not POSITIVE else require(
                    "x", np.array([1, value]) if kind not in (float, sympy.Rational) else kind(value), rule
                )


def test_the_first_element_that_breaks_the_rule_is_the_one_named():
    with pytest.raises(ValueError, match=r"^x must be > 0, got -2$"):
        require("x", np.array([[1, -2], [-3, 1]]), POSITIVE)
    with pytest.raises(ValueError, match=r"^x must be finite and > 0, got inf$"):
        require("x", np.array([1.0, -2.0, np.inf]), POSITIVE)  # finiteness is looked at first


def test_an_empty_array_breaks_no_rule():
    require("x", np.array([]), POSITIVE)


def test_the_largest_float_is_finite_and_the_next_whole_number_is_not():
    largest = int(1.7976931348623157e308)
    require("x", largest, POSITIVE)
    require("x", -largest, COUNT_FREE)
    for value in (largest + 1, -largest - 1):
        with pytest.raises(ValueError, match=r"^x must be finite"):
            require("x", value, COUNT_FREE)


COUNT_FREE = dataclasses.replace(POSITIVE, words="a number", holds=lambda x: x == x)


def test_a_value_keeps_its_kind():
    assert (as_value("x", 3), type(as_value("x", 3))) == (3, int)
    assert as_value("x", Fraction(1, 4)) == 0.25
    assert type(as_value("x", Fraction(1, 4))) is float
    assert as_value("x", [1, 2]).dtype.kind == "i"
    assert as_value("x", (1.0, 2)).dtype == np.float64
    array = np.array([1.0])
    assert as_value("x", array) is array
    assert as_value("x", sympy.pi) is sympy.pi


def test_a_count_that_is_given_is_returned_as_an_int():
    assert [as_count("n", n) for n in (3, 3.0, np.int64(3), sympy.Integer(3))] == [3] * 4
    assert all(type(as_count("n", n)) is int for n in (3.0, np.int8(3), sympy.Integer(3)))


def test_a_decimal_becomes_the_fraction_it_was_meant_to_be():
    assert exact(0.1) == sympy.Rational(1, 10)
    assert exact(1e-4) == sympy.Rational(1, 10000)
    assert exact(1e300) == sympy.Integer(10) ** 300
    assert exact(2) == sympy.Integer(2)
    assert exact((0.5, (3, sympy.pi))) == (sympy.Rational(1, 2), (3, sympy.pi))
    assert exact(math.inf) == sympy.oo
    assert exact(True) is True
    with pytest.raises(TypeError, match="symbols and arrays cannot be mixed"):
        exact(np.array([1.0]))


@pytest.mark.parametrize("ratio", [(1, 3), (2, 7), (22, 7), (1, 999_983), (355, 113), (-5, 6), (10**6, 3)])
def test_the_float_of_a_fraction_is_read_as_that_fraction(ratio):
    fraction = Fraction(*ratio)
    assert exact(float(fraction)) == sympy.Rational(*ratio)
    if fraction > 0:
        assert CosineDecay(fraction, 10)(sympy.Integer(0)) == sympy.Rational(*ratio)


@pytest.mark.parametrize(
    "text", ["0.1234567891", "3.14159265359", "1e-300", "0.00001234567", "123456.7890123"]
)
def test_a_decimal_of_up_to_fifteen_digits_is_read_as_it_is_written(text):
    assert exact(float(text)) == sympy.Rational(text)


def test_what_a_copy_or_a_pickle_takes_along_is_the_fields_alone():
    it = CosineDecay(sympy.Symbol("eta"), 10)
    it(3)
    assert set(vars(it)) > {"lr", "decay_steps", "alpha"}  # something was worked out and kept
    for again in (copy.copy(it), copy.deepcopy(it), pickle.loads(pickle.dumps(it))):
        assert set(vars(again)) == {"lr", "decay_steps", "alpha"}


class ByHand(lrbook.Schedule):
    """A schedule that is no dataclass."""

    def __init__(self, height):
        object.__setattr__(self, "height", height)

    def rule(self, step):
        return self.height / (1 + step)


def test_a_class_that_makes_itself_by_hand_is_called_copied_and_pickled_like_the_others():
    it = ByHand(6.0)
    assert (it(2), it(np.array([0.0, 1.0])).tolist()) == (2.0, [6.0, 3.0])
    assert it(sympy.Symbol("t", positive=True)) == 6.0 / (1 + sympy.Symbol("t", positive=True))
    for again in (copy.copy(it), copy.deepcopy(it), pickle.loads(pickle.dumps(it))):
        assert again(2) == 2.0


def test_an_object_is_no_sequence_of_its_fields():
    with pytest.raises(TypeError, match="not iterable"):
        iter(CosineDecay(0.1, 10))
    with pytest.raises(TypeError):
        0.1 in CosineDecay(0.1, 10)  # noqa: B015


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Warmup(5, 0.1), "then must be a Schedule, got 0.1"),
        (lambda: Warmup(5, CosineDecay), "then must be a Schedule, got <class"),
        (lambda: Scaled(SGD(), 0.1), "schedule must be a Schedule, got SGD"),
        (lambda: Chain(Constant(0.1), []), "schedules must be a sequence of Schedules, got Constant"),
        (lambda: Chain([Constant(0.1), 0.1], [5]), "schedules must be a sequence of Schedules, got"),
        (lambda: WithL2(CosineDecay(0.1, 10), 0.1), "optimizer must be an Optimizer, got CosineDecay"),
        (lambda: WithWeightDecay(SGD(), 0.1, 5), "only must be a str, got 5"),
        (lambda: Split(SGD()), "optimizers must map patterns to Optimizers, got SGD"),
        (lambda: Split({"W": 0.1}), "optimizers must map a str to an Optimizer, got 'W': 0.1"),
        (lambda: Split({3: SGD()}), "optimizers must map a str to an Optimizer, got 3: SGD"),
    ],
)
def test_what_stands_inside_must_be_of_its_kind(make, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        make()


@every_class
def test_objects_with_arrays_are_compared_element_by_element_whatever_their_class(cls):
    """A class that lets dataclasses write its own comparison asks an array whether it is true."""
    name = next((name for name in field_names(cls) if (cls, name) in NUMERIC_FIELDS), None)
    if cls is Digits or name is None:
        assert made(cls) == made(cls)
        return
    base = np.asarray(GIVEN[name], dtype=float)
    one, same, other = (made(cls, **{name: base * np.ones(2) * [1, k]}) for k in (1, 1, 0.875))
    assert one == same
    assert one != other
