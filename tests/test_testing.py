"""The checks of exercises: planted mistakes are found and named, right answers pass."""

import re

import numpy as np
import pytest
import sympy

from lrbook import (
    SGD,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    Momentum,
    NaturalExpDecay,
    Nesterov,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    WithL2,
    WithWeightDecay,
)
from lrbook.testing import assert_same_optimizer, assert_same_schedule, check

COSINE = CosineDecay(0.1, 50, 0.01)
PIECES = PiecewiseConstant([10, 20], [1.0, 0.5, 0.1])
NATURAL = NaturalExpDecay(1.0, 40, 0.5)
STAIRS = ExponentialDecay(1.0, 10, 0.5, staircase=True)


def found(mine, theirs, **kwargs):
    with pytest.raises(AssertionError) as caught:
        assert_same_schedule(mine, theirs, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("schedule", [COSINE, PIECES, STAIRS, PolynomialDecay(0.1, 7)])
def test_equal_schedules_pass(schedule):
    assert_same_schedule(schedule, schedule)
    assert_same_schedule(lambda t: schedule(t) * (1 + 1e-12), schedule)


def test_a_difference_is_reported_with_its_first_step_and_both_values():
    message = found(lambda t: COSINE(t) + (0.01 if t == 37 else 0), COSINE, steps=range(60))
    assert "first differ at step 37" in message
    assert str(COSINE(37)) in message


@pytest.mark.parametrize(
    ("mine", "theirs", "meaning"),
    [
        (lambda t: 1.0 if t <= 10 else 0.5 if t <= 20 else 0.1, PIECES, "compare < with <="),
        (lambda t: 0.5 ** ((max(t, 1) - 1) // 10), STAIRS, "compare < with <="),
        (lambda t: 0.1 - (0.1 - 1e-4) * t / 50, PolynomialDecay(0.1, 50), "a clamp is missing"),
        (lambda t: NATURAL(min(t, 40)), NATURAL, "the other has no clamp"),
        (lambda t: 2 * COSINE(t), COSINE, "Yours is 2 times the other"),
    ],
)
def test_a_usual_mistake_is_named(mine, theirs, meaning):
    assert meaning in found(mine, theirs)


EVERY = [  # of 12,000 steps or so, 30 epochs of 400 updates
    PiecewiseConstant([4000, 8000], [1.0, 0.5, 0.1]),
    ExponentialDecay(1.0, 4000, 0.5),
    ExponentialDecay(1.0, 4000, 0.5, staircase=True),
    NaturalExpDecay(1.0, 4000, 0.5),
    PolynomialDecay(1.0, 12_000),
    PolynomialDecay(1.0, 4000, cycle=True),
    InverseTimeDecay(1.0, 4000, 0.5),
    CosineDecay(1.0, 12_000, 0.01),
    LinearCosineDecay(1.0, 12_000, num_periods=2.5),
    NoisyLinearCosineDecay(1.0, 12_000),
]
every = pytest.mark.parametrize("schedule", EVERY, ids=lambda s: type(s).__name__)


@every
@pytest.mark.parametrize(
    ("mistake", "meaning"),
    [
        (lambda schedule, t: schedule(t + 1), "one step early"),
        (lambda schedule, t: schedule(max(t - 1, 0)), "one step late|compare < with <="),
        (lambda schedule, t: 0.1 * schedule(t), "Yours is 0.1 times the other"),
    ],
)
def test_a_planted_mistake_is_named_for_every_schedule(schedule, mistake, meaning):
    assert re.search(meaning, found(lambda t: mistake(schedule, t), schedule))


def test_only_a_schedule_that_holds_its_rate_is_told_of_its_boundaries():
    for schedule in EVERY:
        meaning = found(lambda t, schedule=schedule: schedule(max(t - 1, 0)), schedule)
        holds = isinstance(schedule, PiecewiseConstant) or getattr(schedule, "staircase", False)
        assert ("compare < with <=" in meaning) == holds, meaning


@pytest.mark.parametrize("schedule", EVERY[:-1], ids=lambda s: type(s).__name__)
def test_epochs_for_updates_are_named_for_every_schedule_without_noise(schedule):
    fast, slow = (lambda t: schedule(400 * t)), (lambda t: schedule(t / 400))
    assert "Yours is 400 times as fast: are its lengths in epochs" in found(fast, schedule)
    assert "Yours is 400 times as slow: are its lengths in updates" in found(slow, schedule)
    assert "Yours is 400 times as slow" in found(lambda t: schedule(t // 400), schedule)  # once an epoch


def test_an_unusual_mistake_is_not_given_a_wrong_name():
    message = found(lambda t: 0.1 * 0.9**t, COSINE)
    assert message.endswith(str(COSINE(1)))
    assert found(lambda t: 0.3, COSINE, steps=[5]).endswith(str(COSINE(5)))


@pytest.mark.parametrize("wrong", [lambda t: None, lambda t: "0.1", lambda t: True, lambda t: np.ones(2)])
def test_what_is_not_a_number_is_said_to_be_none(wrong):
    assert "yours must give a number at every step" in found(wrong, COSINE)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps must name at least one step"):
        assert_same_schedule(COSINE, COSINE, steps=[])


def test_equal_optimizers_pass_and_different_rates_do_not():
    assert_same_optimizer(SGD(COSINE), SGD(COSINE))
    assert_same_optimizer(lambda theta, g, lr, t: (theta - lr * g,), SGD(0.3))
    with pytest.raises(
        AssertionError, match=r"first differ at update 1: the step is 0\.2 times what it should"
    ):
        assert_same_optimizer(SGD(0.1), SGD(0.5))
    with pytest.raises(AssertionError, match="first differ at update 1: the parameters are off by"):
        assert_same_optimizer(lambda theta, g, lr, t: (theta - lr * g**3,), SGD(0.5))
    with pytest.raises(AssertionError, match="opposite sign"):
        assert_same_optimizer(lambda theta, g, lr, t: (theta + lr * g,), SGD(0.5))
    with pytest.raises(AssertionError, match="first differ at update 4"):
        assert_same_optimizer(lambda theta, g, lr, t: (theta - lr * g * (t < 4),), SGD(0.5))


x = sympy.Symbol("x", positive=True)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (2 / 3, 2 / 3),
        (0.66666666, 2 / 3),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (True, np.True_),
        ((x + 1) ** 2, x**2 + 2 * x + 1),
        ("x + 1", sympy.Symbol("x") + 1),
        (CosineDecay(0.1, 50, 0.01), COSINE),
        (lambda t: COSINE(t), COSINE),
        (SGD(0.1), SGD(0.1)),
        (lambda theta, g, lr, t: (theta - lr * g,), SGD(0.1)),
    ],
)
def test_a_right_answer_is_said_to_be_right(answer, right, capsys):
    check(answer, right)
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (0.667, 2 / 3),
        (-2 / 3, 2 / 3),
        (float("nan"), 2 / 3),
        (True, 1),
        (None, 0.5),
        ("abc", 0.5),
        (np.ones(3), np.ones(2)),
        (x + 2, x + 1),
        ("x +", x + 1),
        (5, COSINE),
        (0.1, SGD(0.1)),
        (CosineDecay(0.1, 51, 0.01), COSINE),
        (SGD(0.2), SGD(0.1)),
    ],
)
def test_a_wrong_answer_is_refused_and_the_right_one_is_not_said(answer, right):
    with pytest.raises(AssertionError) as caught:
        check(answer, right, hint="Think again.")
    if isinstance(right, float):
        assert re.fullmatch(rf"{re.escape(str(answer))} is not it(: .*)?\. Think again\.", str(caught.value))
        assert str(right)[:5] not in str(caught.value).removeprefix(str(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.667, "too large, by less than a tenth"),
        (0.8, "too large, by more than a tenth"),
        (0.1, "too small, by more than a factor of two"),
        (-0.6, "the sign is another"),
        (float("nan"), r"nan is not it\.$"),
    ],
)
def test_a_wrong_number_is_told_in_which_direction(answer, words):
    with pytest.raises(AssertionError, match=words):
        check(answer, 2 / 3)


def momentum_by(change):
    """The rule of momentum with one mistake in it."""

    def rule(theta, g, lr, t, m):
        m = 0.9 * m + lr * change(g)
        return theta - m, m

    return rule


def in_place(theta, g, lr, t, m):
    m *= 0.9
    m += lr * g
    theta -= m


def adam(theta, g, lr, t, m, v, shift=0, eps=0.0):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    t = t + shift
    return theta - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t) + eps) + 1e-8 * (eps == 0)), m, v


@pytest.mark.parametrize(
    "mine", [in_place, lambda *a: (in_place(*a), (a[0], a[4]))[1], momentum_by(lambda g: g)]
)
def test_an_answer_may_update_in_place_and_return_or_not(mine):
    assert_same_optimizer(mine, Momentum(0.1))


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (lambda *a: adam(*a, shift=10**9), Adam(), "no bias correction"),
        (lambda *a: adam(*a, shift=1), Adam(), "count of updates is one too high"),
        (lambda theta, g, lr, t: (theta - lr * g / (t - 1 or 1),), SGD(), "update 3"),
        (lambda *a: adam(*a, eps=1e-8), Adam(), "eps stands inside the root"),
        (momentum_by(lambda g: 0.1 * g), Momentum(), "buffer is an average"),
        (WithL2(Adam(), 0.1), AdamW(weight_decay=0.1), "an L2 penalty where a decay"),
        (WithL2(Momentum(), 0.1), WithWeightDecay(Momentum(), 0.1), "an L2 penalty where a decay"),
        (WithWeightDecay(Momentum(), 0.1), WithL2(Momentum(), 0.1), "a decay of the weights where an L2"),
        (Momentum(0.1), Nesterov(0.1), "gradient at different places before update 2"),
        (lambda theta, g, lr, t: theta - lr * g, SGD(), "a tuple, .* yours a ndarray: is a comma missing"),
        (lambda theta, g, lr, t, m: (theta - lr * g,), Momentum(), "returns 2 arrays of the shape of theta"),
        (lambda theta, g, lr, t: (theta[7],), SGD(), "update 1 of yours raises IndexError"),
        (lambda theta, g, lr, t: ("a",), SGD(), "arrays of the shape of theta"),
    ],
)
def test_a_mistake_in_an_optimizer_is_named(mine, theirs, words):
    with pytest.raises(AssertionError, match=words):
        check(mine, theirs)


def test_the_same_step_from_another_memory_is_not_the_same_optimizer():
    def forgets(theta, g, lr, t, m):
        m = 0.9 * m + lr * g
        return theta - m, m if t < 5 else 0 * m

    with pytest.raises(AssertionError, match="at update 5: the step is the same, but slot m is off"):
        assert_same_optimizer(forgets, Momentum())


@pytest.mark.parametrize(
    ("answer", "right"), [(SGD(0.1), COSINE), (COSINE, SGD(0.1)), (CosineDecay, COSINE), (SGD, SGD(0.1))]
)
def test_an_answer_of_another_kind_is_told_what_is_asked_for(answer, right):
    with pytest.raises(AssertionError, match=f"a {type(right).__name__} is asked for"):
        check(answer, right)


def test_a_table_with_a_wrong_entry_is_told_where_and_not_where_the_diagnosis_failed():
    table = [1.0] * 10 + [0.5] * 10 + [0.1] * 30
    table[3] = 0.7
    with pytest.raises(AssertionError, match=r"first differ at step 3: yours gives 0\.7"):
        assert_same_schedule(lambda t: table[t], PIECES, range(50))
    with pytest.raises(AssertionError, match="yours raises IndexError at step 50"):
        assert_same_schedule(lambda t: table[t], PIECES, range(60))


def test_a_question_with_many_answers_says_how_far_off_one_is(capsys):
    loss_of = lambda rate: (rate - 0.1) ** 2  # noqa: E731
    for answer in (0.1, 0.15):
        check(answer, measure=loss_of, below=0.01)
    check(0.5, measure=loss_of, above=0.1, below=0.2)
    assert capsys.readouterr().out == "Right.\n" * 3
    with pytest.raises(AssertionError, match=r"^not yet: yours gives 0\.16, wanted below 0\.01\. Lower\?$"):
        check(0.5, measure=loss_of, below=0.01, hint="Lower?")
    with pytest.raises(AssertionError, match=r"wanted above 1 and below 2$"):
        check(0.5, measure=loss_of, above=1, below=2)
    with pytest.raises(AssertionError, match="wanted below"):
        check(float("nan"), measure=loss_of, below=0.01)


@pytest.mark.parametrize("answer", ["abc", None, [1, 2], COSINE])
def test_an_answer_that_cannot_be_measured_ends_in_words(answer):
    with pytest.raises(AssertionError, match=r"cannot be tried: TypeError|must lead to one number"):
        check(answer, measure=lambda x: x - 0.1 if x is not None else np.ones(2), below=1)


def test_a_rule_of_the_question_speaks_for_itself():
    def measure(schedule):
        assert schedule(9) < schedule(0), "the rate must fall"
        return 0.0

    with pytest.raises(AssertionError, match=r"^the rate must fall"):
        check(lambda t: 1.0, measure=measure, below=1)


def test_dots_are_no_answer_yet(capsys):
    check(..., 2 / 3)
    assert capsys.readouterr().out.startswith("No answer yet")


def test_a_schedule_that_drops_late_is_not_a_constant_rate():
    late = SGD(PiecewiseConstant([30], [0.1, 0.01]))
    for mine, theirs in ((SGD(0.1), late), (late, SGD(0.1))):
        with pytest.raises(AssertionError, match="the schedules first differ at step 30"):
            check(mine, theirs)
    check(SGD(lambda t: 0.1 if t < 30 else 0.01), late)


def test_a_staircase_that_is_wrong_at_its_second_edge_only_is_seen():
    right = ExponentialDecay(1.0, 1000, 0.5, staircase=True)
    with pytest.raises(AssertionError, match="first differ at step 2000"):
        assert_same_schedule(lambda t: right(1999) if t == 2000 else right(t), right)


def test_a_small_rate_that_is_wrong_is_seen_beside_large_ones():
    right = ExponentialDecay(1.0, 100, 0.01)
    with pytest.raises(AssertionError, match="first differ at step"):
        assert_same_schedule(lambda t: right(t) * (1 if t < 100 else 1.0001), right, rtol=1e-6)


def test_check_passes_its_tolerance_on():
    almost = ExponentialDecay(0.1 * (1 + 1e-4), 100, 0.5)
    check(almost, ExponentialDecay(0.1, 100, 0.5), rtol=1e-3)
    with pytest.raises(AssertionError):
        check(almost, ExponentialDecay(0.1, 100, 0.5), rtol=1e-5)


def test_a_small_number_is_compared_as_closely_as_a_large_one():
    with pytest.raises(AssertionError):
        check(2e-7, 1e-7)


def test_a_mistake_that_shows_after_ten_updates_is_seen():
    def late(theta, g, lr, t):
        return (theta - lr * g * (2 if t > 10 else 1),)

    with pytest.raises(AssertionError, match="first differ at update 11"):
        assert_same_optimizer(late, SGD(0.1))


def test_a_step_is_compared_with_steps_and_not_with_the_parameters():
    with pytest.raises(AssertionError, match="first differ at update 1"):
        assert_same_optimizer(SGD(1e-10 * 1.5), SGD(1e-10))


def test_a_schedule_that_goes_wrong_long_after_its_end_is_seen():
    right = CosineDecay(0.1, 100)
    with pytest.raises(AssertionError, match=r"first differ at step 1[5-9]"):
        assert_same_schedule(lambda t: right(t) if t < 150 else 0.01, right)


def test_a_wrong_answer_in_place_is_told_its_own_mistake():
    def uphill(theta, g, lr, t):
        theta += lr * g

    with pytest.raises(AssertionError, match="the step has the opposite sign"):
        assert_same_optimizer(uphill, SGD(0.1))


@pytest.mark.parametrize("side", ["below", "above"])
def test_a_number_at_the_limit_is_not_beyond_it(side):
    with pytest.raises(AssertionError, match=f"wanted {side} 0.5"):
        check(0.5, measure=float, **{side: 0.5})
