r"""Figures that answer: sliders and handles, and numbers that a reader's browser works out from the rules.

A figure says once, in Python, how its numbers follow from its controls. The functions that say so are
traced (:mod:`lrbook.trace`), so that the browser does the operations of the rules themselves; called with
numbers, they give the still picture, which stays where no script runs, and what a test compares with.

>>> from lrbook import CosineDecay, Quadratic, SGD
>>> figure = schedules({"cosine": CosineDecay(lr=1.0, decay_steps=50)}, steps=50)
>>> [control.name for control in figure.controls]
['lr', 'decay_steps', 'alpha']
>>> round(float(figure.numbers(decay_steps=20.0)["sequences"]["cosine"]["distance"][-1]), 9)
10.5
>>> figure = descents({"SGD": SGD(0.1)}, Quadratic([1.0, 5.0]), start=(2.0, 1.0), steps=20)
>>> float(figure.numbers(lr=0.2)["sequences"]["SGD"]["y"][1])
0.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import replace
from typing import Any

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import square
from lrbook.figure import Figure, short
from lrbook.hyperparameters import BELOW_ONE, COUNT, FRACTION, Hyperparameters, _rules
from lrbook.parts import (
    Button,
    Choice,
    Controls,
    Handle,
    Levels,
    Line,
    Of,
    Panel,
    Point,
    Sequence,
    Slider,
    Switch,
    Words,
)
from lrbook.stepping import Optimizer

__all__ = [
    "Button", "Choice", "Figure", "Handle", "Levels", "Line", "Of", "Panel", "Point", "Sequence", "Slider",
    "Switch", "Words", "curve", "descents", "path", "place", "rates", "responses", "schedules", "short",
    "sliders",
]  # fmt: skip

# how far a slider goes, by the name of what it moves; elsewhere the rule of the hyperparameter decides
RANGES: dict[str, tuple[float, float, str]] = {
    "lr": (1e-4, 10.0, "log"),
    "decay_rate": (0.01, 10.0, "log"),
    "power": (0.25, 4.0, "log"),
    "eps": (1e-12, 1.0, "log"),
}


def sliders(made: Hyperparameters, of: str = "") -> tuple[list[Any], Callable[[Controls], Any]]:
    """A control for each number and flag of a schedule or an optimizer, and what makes it of their values.

    Where there are several, `of` says in their names and labels whose they are.

    >>> from types import SimpleNamespace
    >>> from lrbook import Momentum
    >>> found, make = sliders(Momentum(lr=0.1, beta=0.5))
    >>> [(control.name, control.value) for control in found], make(SimpleNamespace(lr=0.2, beta=0.0))
    ([('lr', 0.1), ('beta', 0.5)], Momentum(lr=0.2, beta=0.0))
    """
    found: dict[str, Any] = {}
    for name, (kind, *rules) in _rules(type(made)).items():  # type: ignore[arg-type]
        value, key = getattr(made, name), f"{_key(of)}_{name}" if of else name
        label = f"{name}, {of}" if of else name
        if kind is bool:
            found[name] = Switch(key, (value, not value), label)
        elif type(value) in (int, float):
            low, high, scale = _reach(name, value, rules)
            whole = COUNT in rules or name == "decay_steps"
            found[name] = Slider(key, min(low, value), max(high, value), value, label, scale, whole)
    names = {name: control.name for name, control in found.items()}
    return list(found.values()), lambda c: replace(
        made, **{name: getattr(c, key) for name, key in names.items()}
    )


def _reach(name: str, value: Any, rules: list[Any]) -> tuple[float, float, str]:
    """How far a slider goes, and on which scale."""
    if name in RANGES:
        return RANGES[name]
    if BELOW_ONE in rules:
        return 0.0, 0.999, "toward1"
    if FRACTION in rules:
        return 0.0, 1.0, "linear"
    if COUNT in rules or name == "decay_steps":
        return float(name == "decay_steps"), max(2 * value, 99), "linear"
    return 0.0, 2.0 * value or 1.0, "linear"


def schedules(
    curves: Mapping[str, Any],
    steps: int | str,
    controls: Rows[Any] = (),
    *,
    bowl: Callable[[Controls], Any] | None = None,
    start: Rows[float] = (1.0,),
    say: str = "",
) -> Figure:
    """Schedules, the distance they cover, and on a noisy bowl the expected loss, exactly.

    Parameters
    ----------
    curves : mapping of labels to schedules, or to functions of the controls that make one
        What is drawn. A schedule has a control for each of its numbers and flags.
    steps : int or str
        How many updates, or the name of the control that says so.
    controls : sequence
        What the functions are given.
    bowl : function of the controls that makes a Quadratic, optional
        Where the loss is worked out, from `start`.
    say : str
        See :class:`Figure`; ``{label_distance}`` and ``{label_loss}`` are known.
    """
    found, made = _opened(curves, Schedule)
    sequences = {label: rates(make, steps, bowl, start) for label, make in made.items()}
    values: dict[str, Any] = {f"{_key(label)}_distance": Of(label, "distance") for label in made}
    if bowl:
        values |= {f"{_key(label)}_loss": Of(label, "loss") for label in made}
    shown = [("rate", "learning rate", ""), ("distance", "distance covered", "_distance")]
    panels = [
        Panel(title, "step [updates]", tuple(Line(x, x, column, note=note and _key(x) + note) for x in made))
        for column, title, note in (shown + [("loss", "expected loss", "_loss")] if bowl else shown)
    ]
    if bowl:
        panels[-1] = replace(panels[-1], ylog=True)
    say = say or "; ".join(f"{label} covers {{{_key(label)}_distance}}" for label in made) + "."
    return Figure(panels, [*controls, *found], sequences, values, say)


def _opened(
    given: Mapping[str, Any], kind: type[Hyperparameters]
) -> tuple[list[Any], dict[str, Callable[[Controls], Any]]]:
    """The controls of those that are of the kind, and for each label what makes one of them."""
    controls: list[Any] = []
    made = dict(given)
    for label, one in given.items():
        if isinstance(one, kind):
            found, made[label] = sliders(one, "" if len(given) == 1 else label)
            controls += found
    return controls, made


def _once(make: Callable[[Controls], Any]) -> Callable[[Controls], Any]:
    """The function, asked once for each set of controls, and not at each step."""
    last: list[Any] = [None, None]

    def made(c: Controls) -> Any:
        if last[0] is not c:
            last[:] = c, make(c)
        return last[1]

    return made


def _key(label: str) -> str:
    """A label as a part of a name."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in label)


def curve(function: Callable[[Any, Controls], Any], low: float, high: float) -> Sequence:
    """A function of one number, drawn from `low` to `high`; its columns are ``x`` and ``y``.

    >>> line = curve(lambda x, c: 2 * x, 0.0, 1.0)
    >>> [tuple(map(float, row)) for row in line.run(line.steps, None)][-1]
    (1.0, 2.0)
    """
    points = 240

    def output(t: Any, state: Any, c: Controls) -> tuple[Any, Any]:
        x = low + (high - low) * (t / points)
        return x, function(x, c)

    return Sequence(("x", "y"), output, points)


def rates(
    make: Callable[[Controls], Any],
    steps: int | str,
    bowl: Callable[[Controls], Any] | None = None,
    start: Any = (1.0,),
    best: tuple[str, str, tuple[float, ...]] | None = None,
) -> Sequence:
    """A schedule's ``rate``, the ``distance`` before each step, and on a bowl the expected ``loss``.

    `start` is the place where all runs on the bowl begin, or a function of the controls that gives it.
    """
    make, bowl = _once(make), bowl and _once(bowl)

    def begin(c: Controls) -> tuple[Any, ...]:
        return (0.0, *(square(x) for x in (start(c) if callable(start) else start))) if bowl else (0.0,)

    def update(t: Any, state: Any, c: Controls) -> tuple[Any, ...]:
        rate, (distance, *squares) = make(c)(t), state
        if bowl:
            each = rate[:, np.newaxis] if isinstance(rate, np.ndarray) else rate  # one of each candidate
            squares = bowl(c).expected_update(np.array(squares).T, each).T
        return (distance + rate, *squares)

    def output(t: Any, state: Any, c: Controls) -> tuple[Any, ...]:
        shown = (make(c)(t), state[0])
        return (*shown, bowl(c).mean_loss(np.array(state[1:]).T)) if bowl else shown

    return Sequence(("rate", "distance", "loss")[: 2 + bool(bowl)], output, steps, begin, update, best)


def responses(
    make: Callable[[Controls], Any], gradient: Callable[[Any, Controls], Any], steps: int | str, made: int = 0
) -> Sequence:
    """What :func:`lrbook.steps_of` gives, the ``step`` of each gradient in rates, and the ``distance``.

    ``gradient(t, c)`` is the gradient of the update made after t others; the optimizer counts `made` more.
    """
    make = _once(make)

    def begin(c: Controls) -> tuple[Any, ...]:
        return (0.0, *(float(slot) for slot in make(c).start(np.zeros(()))))

    def update(t: Any, state: Any, c: Controls) -> tuple[Any, ...]:
        distance, *memory = state
        moved, *memory = make(c).rule(0.0, gradient(t, c), 1.0, t + 1 + made, *memory)
        return (distance - moved, *memory)

    def output(t: Any, state: Any, c: Controls) -> tuple[Any, Any]:
        return update(t, state, c)[0] - state[0], state[0]

    return Sequence(("step", "distance"), output, steps, begin, update)


def descents(
    optimizers: Mapping[str, Any],
    problem: Any,
    start: tuple[float, float],
    steps: int | str,
    controls: Rows[Any] = (),
    *,
    view: tuple[tuple[float, float], tuple[float, float]] = ((-2.5, 2.5), (-2.5, 2.5)),
    loss_range: tuple[float, float] | None = None,
    say: str = "",
) -> Figure:
    """Optimizers on a landscape of two parameters, from a start that can be dragged, and their losses.

    Parameters
    ----------
    optimizers : mapping of labels to optimizers, or to functions of the controls that make one
        An optimizer has a control for each of its numbers and flags.
    problem : Problem, or a function of the controls that makes one
        The landscape.
    start : tuple of two numbers
        Where all begin: the controls ``start_x`` and ``start_y``.
    steps : int or str
        How many updates, or the name of the control that says so.
    controls : sequence
        What the functions are given.
    view, loss_range : ranges
        What is seen of the plane, and of the loss.
    say : str
        See :class:`Figure`; ``{label_loss}`` is known.
    """
    found, made = _opened(optimizers, Optimizer)
    begin = [
        Slider(f"start_{axis}", low, high, x, f"start, {axis}")
        for axis, (low, high), x in zip("xy", view, start, strict=True)
    ]
    where = problem if callable(problem) else lambda c: problem
    sequences = {
        label: path(make, where, lambda c: (c.start_x, c.start_y), steps) for label, make in made.items()
    }
    plane = Panel(
        "path",
        "first parameter",
        (
            Levels(lambda x, y, c: where(c).loss(place(x, y))),
            *(Line(x, x, "y", x="x", note=f"{_key(x)}_loss") for x in made),
            Handle("start", "start_x", "start_y"),
        ),
        *view,
        "second parameter",
    )
    losses = Panel("loss", "step [updates]", tuple(Line(x, x, "loss") for x in made), y=loss_range, ylog=True)
    values = {f"{_key(label)}_loss": Of(label, "loss") for label in made}
    say = say or "Loss at the end: " + ", ".join(f"{label} {{{_key(label)}_loss}}" for label in made) + "."
    return Figure([plane, losses], [*begin, *controls, *found], sequences, values, say)


def place(*theta: Any) -> np.ndarray:
    """Parameters as an array that computes entry by entry, in the order of a traced function."""
    return np.array(theta, dtype=object)


def path(
    make: Callable[[Controls], Any],
    problem: Callable[[Controls], Any],
    start: Callable[[Controls], tuple[Any, ...]],
    steps: int | str,
) -> Sequence:
    """What :func:`lrbook.descend` records of a run in two parameters: ``x``, ``y`` and ``loss``."""
    make, problem = _once(make), _once(problem)

    def begin(c: Controls) -> tuple[Any, ...]:
        theta = np.array(start(c))
        return (*theta, *(x for slot in make(c).start(theta) for x in slot))

    def update(t: Any, state: Any, c: Controls) -> tuple[Any, ...]:
        opt, (x, y, *slots) = make(c), state
        entries = [(x, *slots[::2]), (y, *slots[1::2])]
        gradient = problem(c).gradient(place(*(opt.point(*entry) for entry in entries)))
        new = [
            opt.rule(theta, g, opt.rate(t), t + 1, *memory)
            for (theta, *memory), g in zip(entries, gradient, strict=True)
        ]
        return tuple(x for both in zip(*new, strict=True) for x in both)

    def output(t: Any, state: Any, c: Controls) -> tuple[Any, ...]:
        return *state[:2], problem(c).loss(place(*state[:2]))

    return Sequence(("x", "y", "loss"), output, steps, begin, update)
