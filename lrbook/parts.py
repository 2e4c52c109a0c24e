"""What a live figure is made of: controls, sequences of numbers, and marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from types import SimpleNamespace
from typing import Any

import numpy as np

Controls = Any  # the value of each control, by its name; a function that is given them may be traced
Function = Callable[[Controls], Any]

# --- what a reader moves


@dataclass(frozen=True)
class Slider:
    """A number between `low` and `high`, whose slider moves evenly on a scale.

    The scale is ``"linear"``, ``"log"``, or ``"toward1"``, where 1 − value is what a log scale would have.
    """

    name: str
    low: float
    high: float
    value: float
    label: str = ""
    scale: str = "linear"
    whole: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.scale not in ("linear", "log", "toward1"):
            raise ValueError(f"scale must be linear, log or toward1, got {self.scale!r}")
        if not (-np.inf < self.low <= self.value <= self.high < np.inf and self.low < self.high):
            raise ValueError(
                f"{self.name} must have low <= value <= high, and low < high, "
                f"got {self.low}, {self.value}, {self.high}"
            )
        if (self.scale == "log" and self.low <= 0) or (self.scale == "toward1" and self.high >= 1):
            raise ValueError(f"{self.name} leaves its {self.scale} scale, got {self.low} to {self.high}")


@dataclass(frozen=True)
class Choice:
    """One of several words, the first to begin with; its rules are traced once for each."""

    name: str
    options: tuple[Any, ...]
    label: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(set(self.options)) != len(self.options) or len(self.options) < 2:
            raise ValueError(f"{self.name} must have options that differ, two or more, got {self.options}")

    @property
    def value(self) -> Any:
        """What it is before anybody chooses."""
        return self.options[0]


@dataclass(frozen=True)
class Switch(Choice):
    """On or off, as `value` says."""

    options: tuple[Any, ...] = (False, True)


@dataclass(frozen=True)
class Button:
    """What sets controls to values that are worked out from all of them, such as the best ones."""

    label: str
    sets: Mapping[str, Function]


# inputs of functions, and words of JavaScript that Python leaves free
RESERVED = {
    "t", "at", "across", "up", "var", "let", "const", "new", "this", "function", "switch", "case",
    "default", "do", "enum", "export", "extends", "super", "static", "typeof", "void", "throw", "catch",
    "delete", "instanceof", "debugger", "eval", "arguments", "null", "true", "false", "undefined",
}  # fmt: skip


def _check_name(name: str) -> None:
    """Refuse a name that a script could not use, or uses for something else."""
    letter, rest = name[:1], name[1:]
    good = name.isidentifier() and name.isascii() and not iskeyword(name) and name not in RESERVED
    if not good or (letter in "sx" and rest.isdigit()):
        raise ValueError(f"the name of a control must be free for a variable of a script, got {name!r}")


# --- what follows from it

EVERY = 8  # candidates: where these are lowest, those between are looked at


@dataclass(frozen=True)
class Sequence:
    """Numbers at each of `steps` + 1 steps: a state that is updated, and what is shown of it.

    ``start(c)`` is the state at step 0, a tuple; ``update(t, state, c)`` the next one;
    ``output(t, state, c)`` gives a number for each of the `columns`. With `best`, the name of a control, a
    column and candidates, that control has the candidate with which the column ends lowest, if the end
    has one valley as a function of it.
    """

    columns: tuple[str, ...]
    output: Callable[..., tuple[Any, ...]]
    steps: int | str
    start: Callable[..., tuple[Any, ...]] = lambda c: ()
    update: Callable[..., tuple[Any, ...]] = lambda t, state, c: ()
    best: tuple[str, str, tuple[float, ...]] | None = None

    def run(self, steps: int, c: Controls) -> Iterator[tuple[Any, ...]]:
        """What is shown at each step."""
        state = tuple(np.float64(x) if np.ndim(x) == 0 else x for x in self.start(c))
        for t in range(steps + 1):
            yield self.output(float(t), state, c)
            state = tuple(self.update(float(t), state, c))

    def numbers(self, c: Controls) -> tuple[dict[str, np.ndarray], float | None]:
        """The columns, by name, and the best value of a control, where one is looked for."""
        steps = int(getattr(c, self.steps)) if isinstance(self.steps, str) else self.steps
        best = None
        if self.best:
            name, column, candidates = self.best
            every = _with(c, name, np.array(candidates))  # all at once, as an array
            ends = list(self.run(steps, every))[-1][self.columns.index(column)]
            best = candidates[_lowest(np.broadcast_to(ends, len(candidates)))]
            c = _with(c, name, best)
        columns = zip(*self.run(steps, c), strict=True)
        made = [np.array(column, dtype=float) for column in columns]
        return dict(zip(self.columns, made, strict=True)), best


def _with(c: Controls, name: str, value: Any) -> Controls:
    """The controls with one of them changed."""
    return SimpleNamespace(**vars(c) | {name: value})


def _lowest(ends: np.ndarray) -> int:
    """Where a valley is lowest: of every eighth place, then 4, 2 and 1 to either side."""
    ends = np.where(np.isnan(ends), np.inf, ends)
    at = EVERY * int(np.argmin(ends[::EVERY]))
    for step in (4, 2, 1):
        at = min((at, at - step, at + step), key=lambda k: ends[k] if 0 <= k < len(ends) else np.inf)
    return at


@dataclass(frozen=True)
class Of:
    """A column's ``"last"``, ``"largest"`` or ``"smallest"`` number, or a sequence's ``"best"`` control."""

    sequence: str
    column: str = ""
    which: str = "last"


@dataclass(frozen=True)
class Words:
    """The first word whose limit lies above a number, or the last word."""

    number: Function
    limits: tuple[float, ...]
    words: tuple[str, ...]


# --- what is drawn


@dataclass(frozen=True)
class Line:
    """A column of a sequence over another, or over the step; lines of one label have one colour."""

    label: str
    sequence: str
    y: str
    x: str | None = None
    note: str = ""  # the name of a value that stands beside the label
    look: str = "line"  # or "stairs", "dots", "dashed", "thin"


@dataclass(frozen=True)
class Levels:
    """Where a function of the plane has one value: `values`, or eight of them down from its highest."""

    function: Callable[[Any, Any, Controls], Any]
    values: tuple[float, ...] = ()
    filled: bool = False


@dataclass(frozen=True)
class Point:
    """A mark at functions of the controls, or at controls by their names.

    It is a cross, or a line across the panel where `x` or `y` is left out.
    """

    label: str
    x: str | Function | None = None
    y: str | Function | None = None

    def at(self, c: Controls) -> tuple[float | None, float | None]:
        """Where it stands."""
        x, y = (float(getattr(c, a) if isinstance(a, str) else a(c)) if a else None for a in (self.x, self.y))
        return x, y


@dataclass(frozen=True)
class Handle(Point):
    """A point that is dragged. The controls that it stands at by name it sets.

    `sets` has functions of the place it is dragged to, and of the controls, for others.
    """

    sets: Mapping[str, Callable[[Any, Any, Controls], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """Axes with marks in them. A range is (low, high), or None where the numbers decide."""

    title: str
    xlabel: str
    marks: tuple[Any, ...]
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    ylabel: str = ""
    xlog: bool = False
    ylog: bool = False
