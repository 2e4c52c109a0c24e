"""Checks that say what is wrong: for exercises, for claims in prose, and for the package's own tests."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Real
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from lrbook.elementary import in_notebook, is_symbolic
from lrbook.optimizers import Optimizer
from lrbook.schedules import Schedule

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
    meaning = _meaning(mine, theirs, at, ours, right, same, rtol)
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
    values = [schedule(int(step)) for step in steps]
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
    """Raise an `AssertionError` that says at which update two optimizers first differ.

    Both are given the same start and the same random gradients. If a rate is a schedule, the rates are
    compared first, at the steps that tell schedules apart.

    Parameters
    ----------
    mine : Optimizer, or a function with the signature of its ``rule``
        The optimizer in question.
    theirs : Optimizer
        The optimizer it should equal.
    steps : int
        The updates to compare.
    seed : int
        Of the start and the gradients.
    rtol : float
        The difference that is allowed, relative to the largest step.

    Examples
    --------
    >>> from lrbook import SGD
    >>> assert_same_optimizer(lambda theta, g, lr, t: (theta + lr * g,), SGD(lr=0.5))
    Traceback (most recent call last):
    AssertionError: the optimizers first differ at update 1: the step has the opposite sign
    """
    if isinstance(mine, Optimizer) and (callable(mine.lr) or callable(theirs.lr)):
        telling = {step for opt in (mine, theirs) for step in _telling_steps(opt.lr)}
        assert_same_schedule(mine.rate, theirs.rate, telling, rtol=rtol)
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(5)
    slots = tuple(np.zeros(5) for _ in theirs.slot_names)
    state, other = (start, *slots), (start, *slots)
    rule, rate = (mine.rule, mine.rate) if isinstance(mine, Optimizer) else (mine, theirs.rate)
    for t in range(1, steps + 1):
        g = rng.standard_normal(5)
        before = other[0]
        state = tuple(rule(state[0], g, rate(t - 1), t, *state[1:]))
        other = theirs.rule(other[0], g, theirs.rate(t - 1), t, *other[1:])
        step, right = state[0] - before, other[0] - before
        if not np.abs(step - right).max() <= rtol * np.abs(right).max():
            meaning = f"the parameters are off by up to {np.abs(step - right).max():.3g}"
            if np.allclose(step, -right):
                meaning = "the step has the opposite sign"
            raise AssertionError(f"the optimizers first differ at update {t}: {meaning}")


def check(answer: Any, right: Any, hint: str = "", *, rtol: float = 1e-6) -> None:
    """Check a reader's answer to an exercise: say so if it is right, raise if it is not.

    Parameters
    ----------
    answer : number, array, SymPy expression, schedule, optimizer, or ``...``
        The reader's answer; ``...`` means that there is none yet.
    right : of the same kind
        What it should equal.
    hint : str
        What to say to a wrong number. The right one is never said.
    rtol : float
        The difference that is allowed, relative to the right value.

    Examples
    --------
    >>> check(..., 2 / 3)
    No answer yet: put yours in place of the dots.
    >>> check(0.667, 2 / 3, rtol=1e-3)
    Right.
    >>> check(1.5, 2 / 3, hint="Which of the two is the larger?")
    Traceback (most recent call last):
    AssertionError: 1.5 is not it. Which of the two is the larger?
    """
    if answer is ...:
        print("No answer yet: put yours in place of the dots.")
        return
    if isinstance(right, (Schedule, Optimizer)):
        if not callable(answer) and not isinstance(answer, Optimizer):
            raise AssertionError(f"{answer!r} is not it: a {type(right).__name__} is asked for")
        same: Any = assert_same_schedule if isinstance(right, Schedule) else assert_same_optimizer
        same(answer, right, rtol=rtol)
    elif not _same_value(answer, right, rtol):
        raise AssertionError(f"{answer} is not it. {hint}".rstrip())
    print("Right.")


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
    except (TypeError, ValueError, SyntaxError):
        return False


def recordings() -> list[dict[str, Any]]:
    """What real libraries gave: the files in ``tests/reference`` of the book's source, one a library.

    They are looked for in the working directory and in the folders above it.

    >>> [recording["library"] for recording in recordings()]
    ['keras', 'optax', 'tensorflow', 'torch']
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        files = sorted((folder / "tests" / "reference").glob("*.json"))
        if files:
            return [json.loads(file.read_text(encoding="utf-8")) for file in files]
    raise FileNotFoundError("tests/reference is not here: run this inside a copy of the book's source")


def claim(name: str, value: Any, low: float, high: float, form: str = "{:.3g}") -> None:
    """Hold a number that the prose states: it must lie in [low, high], and the page prints it.

    In a notebook the formatted value is stored under `name`, where the text picks it up; elsewhere only
    the check is made. A band is there to fail: one that is wider than the digits on the page, or digits
    that misstate the value, are refused whatever the value is.

    Parameters
    ----------
    name : str
        What the number is called.
    value : number
        What was computed.
    low, high : number
        The band in which what the prose says of it is true: at most two units of the last printed digit
        wide.
    form : str
        How the page prints it, to within a tenth of the value unless it is printed as a power of ten.

    Examples
    --------
    >>> claim("stability limit", 2 / 3.0, 0.66, 0.67, "{:.2f}")
    >>> claim("stability limit", 2 / 2.0, 0.66, 0.67, "{:.2f}")
    Traceback (most recent call last):
    AssertionError: stability limit must be in [0.66, 0.67], got 1.0
    >>> claim("stability limit", 2 / 3.0, 0.5, 0.8)
    Traceback (most recent call last):
    AssertionError: the band of stability limit, [0.5, 0.8], must be no wider than two units of the last \
digit of 0.667, 0.002
    """
    if np.ndim(value) or not low <= value <= high:
        raise AssertionError(f"{name} must be in [{low}, {high}], got {value}")
    printed, digit = _as_printed(value, form)
    if high - low > 2 * digit * (1 + 1e-9):
        raise AssertionError(
            f"the band of {name}, [{low}, {high}], must be no wider than two units of the last digit "
            f"of {form.format(value)}, {2 * digit:.3g}"
        )
    if "e}" not in form and abs(printed - value) > 0.1 * abs(value):
        raise AssertionError(
            f"{name} must be printed to within a tenth of it, got {form.format(value)} for {value}"
        )
    if in_notebook():
        show: Any = sys.modules["IPython"].display.display
        show(
            {"text/plain": repr(form.format(value))},
            raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": ""}},
        )


def _as_printed(value: Any, form: str) -> tuple[float, float]:
    """The number that a reader reads when `value` is printed by `form`, and the unit of its last digit."""
    (spec,) = [spec for _, field, spec, _ in Formatter().parse(form) if field is not None]
    text = format(value, spec or "").replace(",", "")
    percent = 0.01 if text.endswith("%") else 1.0
    number = Decimal(text.rstrip("%"))
    return float(number) * percent, 10.0 ** int(number.as_tuple().exponent) * percent


def replayed(record: dict[str, Any]) -> np.ndarray:
    """The path that `lrbook` takes where a library's was recorded: one of the ``trajectories``.

    >>> (adam,) = [r for r in recordings()[3]["trajectories"] if r["call"] == "torch.optim.Adam([x], lr=0.1)"]
    >>> bool(np.abs(replayed(adam) - adam["theta"]).max() < 1e-12)
    True
    """
    opt, curvature = _made(record["optimizer"], record["kwargs"]), np.array(record["curvature"])
    theta = np.array(record["theta"][0])
    state = opt.init(theta)
    path = [theta.copy()]
    for _ in record["theta"][1:]:
        opt.step(theta, curvature * opt.gradient_point(theta, state), state)
        path.append(np.array(theta if record["point"] == "theta" else opt.gradient_point(theta, state)))
    return np.array(path)


def _made(name: str, kwargs: dict[str, Any]) -> Any:
    """The `lrbook` object with these keyword arguments, nested ones included."""
    import lrbook

    kwargs = {
        key: _made(value.get("schedule") or value["optimizer"], value["kwargs"])
        if isinstance(value, dict)
        else value
        for key, value in kwargs.items()
    }
    return getattr(lrbook, name)(**kwargs)


def optimizer_table(*names: str) -> str:
    """A Markdown table of the recorded runs of these optimizers, each compared with `lrbook`.

    A run that the recordings say `lrbook` reproduces must agree to 1e-10, or to 2e-6 where the library
    computed in 32 bits; any other must not.

    >>> print(optimizer_table("Adadelta").splitlines()[0])
    | library | call | rate | largest difference | |
    """
    rows = ["| library | call | rate | largest difference | |", "|---|---|---|---|---|"]
    for library in recordings():
        for record in library["trajectories"]:
            if record["optimizer"] not in names:
                continue
            off = float(np.abs(replayed(record) - record["theta"]).max())
            close = off < {"float64": 1e-10, "float32": 2e-6}[record["dtype"]]
            if record["agrees"] != close:
                raise AssertionError(f"{record['call']} is off by {off}, recorded: agrees {record['agrees']}")
            falls = "schedule" in json.dumps(record["kwargs"])
            call = re.sub(
                r"[\w.]*(exponential_d|ExponentialD)ecay\((\([^)]*\)|[^()])*\)", "schedule", record["call"]
            )
            note = record.get("note") or "the same"
            rows.append(
                f"| {library['library']} {library['version']} | `{call.split(';')[0]}` "
                f"| {'falls' if falls else 'constant'} | {off:.0e} | {note} |"
            )
    return "\n".join(rows)
