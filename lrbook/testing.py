"""Checks of an answer that say what is wrong with it: for exercises, and for tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import is_symbolic
from lrbook.stepping import Optimizer
from lrbook.wrappers import WithL2, WithWeightDecay

ScheduleLike = Callable[[Any], Any]


def assert_same_schedule(
    mine: ScheduleLike,
    theirs: ScheduleLike,
    steps: Iterable[int] | None = None,
    *,
    rtol: float = 1e-9,
) -> None:
    """Raise an `AssertionError` that says where two schedules first differ, and what that suggests.

    Parameters
    ----------
    mine : function of a step
        The schedule in question.
    theirs : function of a step
        The schedule it should equal.
    steps : iterable of int, optional
        Where to compare. The default covers both sides of every edge of `theirs`, of a staircase or a
        saw-tooth those of its first three, and a sweep of 500 steps to twice the last of them.
    rtol : float
        The difference that is allowed, relative to the larger of the rate and a thousandth of the
        largest one.

    Examples
    --------
    >>> from lrbook import PiecewiseConstant
    >>> right = PiecewiseConstant([10], [1.0, 0.1])
    >>> assert_same_schedule(lambda t: 1.0 if t <= 10 else 0.1, right)
    Traceback (most recent call last):
    AssertionError: the schedules first differ at step 10: yours gives 1.0, the other 0.1. They differ \
only where the rate jumps: compare < with <=, a boundary belongs to the new value
    """
    at = np.array(sorted({int(t) for t in (_telling_steps(theirs) if steps is None else steps)}))
    if at.size == 0:
        raise ValueError("steps must name at least one step, got none")
    ours, right = _values(mine, at, "yours"), _values(theirs, at, "the other")
    scale = np.maximum(np.abs(right), 1e-3 * np.abs(right).max())
    same = np.abs(ours - right) <= rtol * scale
    if same.all():
        return
    first = int(np.argmin(same))
    message = (
        f"the schedules first differ at step {at[first]}: yours gives {ours[first]}, the other {right[first]}"
    )
    try:
        meaning = _meaning(mine, theirs, at, ours, right, same, rtol)
    except AssertionError:  # the diagnosis asks at other steps, where a table may have no entry
        meaning = ""
    raise AssertionError(f"{message}. {meaning}" if meaning else message)


def _telling_steps(schedule: Any) -> list[int]:
    """The steps at which schedules like `schedule` tend to differ: its edges, and a sweep past them."""
    period = getattr(schedule, "decay_steps", 100)
    repeats = getattr(schedule, "staircase", False) or getattr(schedule, "cycle", False)
    edges = [*getattr(schedule, "boundaries", ()), period, *([2 * period, 3 * period] if repeats else [])]
    edges = [float(np.max(edge)) for edge in edges]
    around = [int(edge) + shift for edge in edges for shift in (-1, 0, 1, 2)]
    sweep = np.linspace(0, 2 * max(edges) + 2, 500)
    return [0, 1, 2, *(step for step in around if step >= 0), *map(int, sweep)]


def _values(schedule: ScheduleLike, steps: np.ndarray, name: str) -> np.ndarray:
    """The rates at `steps`, asked for one by one."""
    values = []
    for step in steps:
        try:
            values.append(schedule(int(step)))
        except Exception as error:
            raise AssertionError(f"{name} raises {type(error).__name__} at step {step}: {error}") from None
    if not all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise AssertionError(f"{name} must give a number at every step, got {kinds}")
    return np.array(values, dtype=float)


def _meaning(
    mine: ScheduleLike,
    theirs: ScheduleLike,
    at: np.ndarray,
    ours: np.ndarray,
    right: np.ndarray,
    same: np.ndarray,
    rtol: float,
) -> str:
    """The usual mistake that makes such a difference, or nothing."""

    def close(a: Any, b: Any) -> bool:
        return np.allclose(a, b, rtol=max(rtol, 1e-9), atol=0)

    wrong = at[~same]
    before = _values(theirs, np.maximum(wrong - 1, 0), "the other")
    if same.mean() > 0.9 and close(ours[~same], before) and not close(right[~same], before):
        return "They differ only where the rate jumps: compare < with <=, a boundary belongs to the new value"
    if at.size < 3:
        return ""  # too little to tell one mistake from another
    if close(ours, _values(theirs, at + 1, "the other")):
        return "Yours is one step early: the first update uses step 0"
    if close(ours[1:], _values(theirs, np.maximum(at[1:] - 1, 0), "the other")):
        return "Yours is one step late: the first update uses step 0"
    if n := _pace(mine, theirs, at, wrong, rtol):
        return f"Yours is {n} times as fast: are its lengths in epochs, and its steps updates?"
    if n := _pace(theirs, mine, at, wrong, rtol):
        return f"Yours is {n} times as slow: are its lengths in updates, and its steps epochs?"
    if same[at < wrong[0]].all() and (~same[at >= wrong[0]]).mean() > 0.9:
        if np.ptp(right[~same]) == 0:
            return "They agree until the other holds its last value: a clamp is missing"
        if np.ptp(ours[~same]) == 0:
            return "They agree until yours holds its last value: the other has no clamp"
    ratio = ours[right != 0] / right[right != 0]
    if ratio.size and close(ratio, ratio[0]):
        return f"Yours is {ratio[0]:.6g} times the other at every step"
    return ""


def _pace(fast: ScheduleLike, slow: ScheduleLike, at: np.ndarray, wrong: np.ndarray, rtol: float) -> int:
    """How many steps of `slow` each step of `fast` covers, if a whole number above 1; otherwise 0.

    A first pass over all numbers looks at three steps, a second over what is left at all of them.
    """

    def agree(steps: np.ndarray, n: np.ndarray) -> Any:
        a, b = _values(fast, steps, "one"), _values(slow, n * steps, "one")
        return np.isclose(a, b, rtol=max(rtol, 1e-9), atol=0)

    n = np.arange(2, 2001)
    for step in wrong[[0, wrong.size // 2, -1]]:
        n = n[agree(np.full(n.size, step), n)]
    return next((int(k) for k in n if agree(np.unique(at // k), np.array(k)).all()), 0)


def assert_same_optimizer(
    mine: Any, theirs: Optimizer, steps: int = 20, *, seed: int = 0, rtol: float = 1e-9
) -> None:
    """Raise an `AssertionError` that says at which update two optimizers first differ, and by what mistake.

    Both are given the same start and the same random gradients; compared are the parameters, the slots
    and, between optimizers, the place where the gradient is taken. If a rate is a schedule, the rates are
    compared first, at the steps that tell schedules apart.

    Parameters
    ----------
    mine : Optimizer, or a function with the signature of its ``rule``
        The optimizer in question. A function may also change its arguments in place.
    theirs : Optimizer
        The optimizer it should equal.
    steps : int
        The updates to compare.
    seed : int
        Of the start and the gradients.
    rtol : float
        The difference that is allowed, relative to the largest step or the largest entry of a slot.

    Examples
    --------
    >>> from lrbook import SGD, Adam
    >>> assert_same_optimizer(lambda theta, g, lr, t: (theta + lr * g,), SGD(lr=0.5))
    Traceback (most recent call last):
    AssertionError: the optimizers first differ at update 1: the step has the opposite sign
    >>> def uncorrected(theta, g, lr, t, m, v):
    ...     m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    ...     return theta - lr * m / (np.sqrt(v) + 1e-8), m, v
    >>> assert_same_optimizer(uncorrected, Adam())
    Traceback (most recent call last):
    AssertionError: the optimizers first differ at update 1: yours has no bias correction
    """
    if isinstance(mine, Optimizer) and (callable(mine.lr) or callable(theirs.lr)):
        telling = {step for opt in (mine, theirs) for step in _telling_steps(opt.lr)}
        assert_same_schedule(mine.rate, theirs.rate, telling, rtol=rtol)
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(5)
    state = other = (start, *theirs.start(start))
    rule, rate = (mine.rule, mine.rate) if isinstance(mine, Optimizer) else (mine, theirs.rate)
    for t in range(1, steps + 1):
        g = rng.standard_normal(5) * [1, 1, 1e-2, 1e-5, 1e-8]  # small enough to show where an epsilon stands
        if isinstance(mine, Optimizer) and not np.array_equal(mine.point(*other), theirs.point(*other)):
            raise AssertionError(f"the optimizers take their gradient at different places before update {t}")
        lr = theirs.rate(t - 1)
        new = theirs.rule(other[0], g, lr, t, *other[1:])
        state = _updated(rule, state, g, rate(t - 1), t)
        if not _same_update(state, new, other, rtol):
            meaning = _mistake(state, theirs, other, g, lr, t)
            raise AssertionError(f"the optimizers first differ at update {t}: {meaning}")
        other = new


def _same_update(mine: Any, theirs: Any, before: Any, rtol: float) -> bool:
    """Whether two new states are the same: steps by the largest one, each slot by its largest entry."""
    scales = [np.abs(theirs[0] - before[0]).max(), *(np.abs(slot).max() for slot in theirs[1:])]
    return all(np.abs(a - b).max() <= rtol * scale for a, b, scale in zip(mine, theirs, scales, strict=True))


def _updated(rule: Any, state: tuple[Any, ...], g: Any, lr: Any, t: int) -> tuple[Any, ...]:
    """What a reader's rule makes of a state: its copies are its own, and every failure is told."""
    given = [np.array(part) for part in state]
    try:
        made = rule(given[0], g.copy(), lr, t, *given[1:])
    except Exception as error:
        raise AssertionError(f"update {t} of yours raises {type(error).__name__}: {error}") from None
    made = tuple(given) if made is None else made  # changed in place, and nothing returned
    if not isinstance(made, (tuple, list)):
        raise AssertionError(
            "a rule returns a tuple, the new theta and then the new slots, "
            f"yours a {type(made).__name__}: is a comma missing?"
        )
    if len(made) != len(state) or any(np.shape(part) != g.shape for part in made):
        shapes = [np.shape(part) for part in made]
        raise AssertionError(f"a rule returns {len(state)} arrays of the shape of theta, yours {shapes}")
    return tuple(np.asarray(part, dtype=float) for part in made)


def _mistake(mine: Any, theirs: Optimizer, before: tuple[Any, ...], g: Any, lr: Any, t: int) -> str:
    """The usual mistake that makes this new state in place of the right one."""
    theta, *slots = before

    def made_by(opt: Any, g: Any = g, t: int = t) -> Any:
        return opt.rule(theta, g, lr, t, *slots)

    opt: Any = theirs
    variants: dict[str, Callable[[], Any]] = {
        "yours has no bias correction": lambda: made_by(opt, t=10**9),
        "its count of updates is one too high: t is 1 for the first": lambda: made_by(opt, t=t + 1),
        "its count of updates is one too low: t is 1 for the first": lambda: made_by(opt, t=t - 1),
        "its buffer is an average: (1 - beta) g is added where g belongs": lambda: made_by(
            opt, (1 - opt.beta) * g
        ),
        "eps stands inside the root for outside, or the other way round": lambda: made_by(
            replace(opt, eps_inside=not opt.eps_inside)
        ),
        "it is an L2 penalty where a decay of the weights is asked for": lambda: made_by(_as_penalty(opt)),
        "it is a decay of the weights where an L2 penalty is asked for": lambda: made_by(
            WithWeightDecay(opt.optimizer, opt.lam)
        ),
    }
    for meaning, variant in variants.items():
        with suppress(AttributeError, TypeError, ZeroDivisionError), np.errstate(all="ignore"):
            if _same_update(mine, variant(), before, 1e-7):
                return meaning
    right = made_by(theirs)
    step, right_step = mine[0] - theta, right[0] - theta
    off = np.abs(step - right_step).max()
    if off <= 1e-9 * np.abs(right_step).max():
        name, off = max(
            (
                (name, np.abs(a - b).max())
                for name, a, b in zip(theirs.slot_names, mine[1:], right[1:], strict=True)
            ),
            key=lambda found: found[1],
        )
        return f"the step is the same, but slot {name} is off by up to {off:.3g}"
    ratio = float(step @ right_step / (right_step @ right_step))
    if np.abs(step - ratio * right_step).max() > 1e-7 * np.abs(step).max():
        return f"the parameters are off by up to {off:.3g}"
    return (
        "the step has the opposite sign"
        if np.isclose(ratio, -1)
        else f"the step is {ratio:.6g} times what it should be"
    )


def _as_penalty(opt: Any) -> Optimizer:
    """An optimizer with weight decay, with an L2 penalty of the same strength in its place."""
    if isinstance(opt, WithWeightDecay):
        return WithL2(opt.optimizer, opt.lam)
    return WithL2(replace(opt, weight_decay=0.0), opt.weight_decay)


def check(
    answer: Any,
    right: Any = None,
    hint: str = "",
    *,
    rtol: float = 1e-6,
    measure: Callable[[Any], Any] | None = None,
    below: float | None = None,
    above: float | None = None,
) -> None:
    """Check a reader's answer to an exercise: say so if it is right, raise if it is not.

    Parameters
    ----------
    answer : number, array, SymPy expression, schedule, optimizer, or ``...``
        The reader's answer; ``...`` means that there is none yet.
    right : of the same kind
        What it should equal.
    hint : str
        What to say to a wrong answer. The right one is never said.
    rtol : float
        The difference that is allowed, relative to the right value.
    measure : function of the answer, optional
        For a question with many right answers: the number that counts, in place of `right`. If it raises
        an `AssertionError`, its words are what the reader is told.
    below, above : number, optional
        What the measured number must be below, or above.

    Examples
    --------
    >>> check(..., 2 / 3)
    No answer yet: put yours in place of the dots.
    >>> check(0.667, 2 / 3, rtol=1e-3)
    Right.
    >>> check(1.5, 2 / 3, hint="Which of the two is the larger?")
    Traceback (most recent call last):
    AssertionError: 1.5 is not it: too large, by more than a factor of two. Which of the two is the larger?
    >>> check(0.3, measure=lambda x: (x - 0.1) ** 2, below=0.01)
    Traceback (most recent call last):
    AssertionError: not yet: yours gives 0.04, wanted below 0.01
    """
    if answer is ...:
        print("No answer yet: put yours in place of the dots.")
        return
    if measure is not None:
        _check_measured(answer, measure, below, above, hint)
    elif isinstance(right, (Schedule, Optimizer)):
        other = Schedule if isinstance(right, Optimizer) else Optimizer
        if isinstance(answer, (type, other)) or not (callable(answer) or isinstance(answer, Optimizer)):
            raise AssertionError(f"{answer!r} is not it: a {type(right).__name__} is asked for")
        same: Any = assert_same_schedule if isinstance(right, Schedule) else assert_same_optimizer
        same(answer, right, rtol=rtol)
    elif not _same_value(answer, right, rtol):
        raise AssertionError(f"{answer} is not it{_how_far(answer, right)}. {hint}".rstrip())
    print("Right.")


def _check_measured(
    answer: Any, measure: Callable[[Any], Any], below: float | None, above: float | None, hint: str
) -> None:
    """Refuse an answer whose measured number is not where it should be, or that cannot be measured."""
    try:
        value: Any = measure(answer)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{answer!r} cannot be tried: {type(error).__name__}: {error}") from None
    if np.ndim(value) or not isinstance(value, (int, float, np.number)):
        raise AssertionError(f"{answer!r} must lead to one number, got {value!r}")
    value = float(value)
    good = (below is None or value < below) and (above is None or value > above)
    if not good:
        wanted = " and ".join(
            f"{word} {limit:.4g}" for word, limit in (("above", above), ("below", below)) if limit is not None
        )
        raise AssertionError(f"not yet: yours gives {value:.4g}, wanted {wanted}. {hint}".rstrip(" ."))


def _how_far(answer: Any, right: Any) -> str:
    """In which direction a wrong number is wrong, and roughly by how much; nothing of other kinds."""
    numbers = all(isinstance(x, Real) and not isinstance(x, bool) for x in (answer, right))
    if not numbers or not np.isfinite(answer) or right == 0:
        return ""
    if answer * right <= 0:
        return ": the sign is another"
    factor = max(answer / right, right / answer)
    sizes = {2: "more than a factor of two", 1.1: "more than a tenth", 0: "less than a tenth"}
    size = next(words for least, words in sizes.items() if factor > least)
    return f": too {'large' if abs(answer) > abs(right) else 'small'}, by {size}"


def _same_value(answer: Any, right: Any, rtol: float) -> bool:
    """Whether a number, an array or an expression is right; one of another kind is not."""
    try:
        if is_symbolic(right):
            sympy = sys.modules["sympy"]
            answer = sympy.sympify(answer)
            return bool(answer == right or sympy.simplify(answer - right) == 0)
        if isinstance(answer, (bool, np.bool_)) != isinstance(right, (bool, np.bool_)):
            return False
        return np.shape(answer) == np.shape(right) and np.allclose(answer, right, rtol=rtol, atol=0)
    except (TypeError, ValueError, SyntaxError, AttributeError):
        return False
