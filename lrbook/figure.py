"""What a live figure is made of: controls, sequences of numbers, marks, and the code that it becomes."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from keyword import iskeyword
from string import Formatter
from types import SimpleNamespace
from typing import Any

import numpy as np

from lrbook.trace import javascript, traced

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
    """A mark that follows the controls: a cross, or a line across the panel where `x` or `y` is left out."""

    label: str
    x: Function | None = None
    y: Function | None = None


@dataclass(frozen=True)
class Handle:
    """What is dragged: it stands at controls, by their names, or at functions of them, and sets the controls.

    Where `x` or `y` is left out it is a line across the panel. What it stands at by name it sets;
    `sets` has functions of the place it is dragged to, and of the controls, for anything else.
    """

    label: str
    x: str | Function | None = None
    y: str | Function | None = None
    sets: Mapping[str, Callable[[Any, Any, Controls], Any]] = field(default_factory=dict)

    def at(self, c: Controls) -> tuple[float | None, float | None]:
        """Where it stands."""
        x, y = (float(getattr(c, a) if isinstance(a, str) else a(c)) if a else None for a in (self.x, self.y))
        return x, y


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


@dataclass(frozen=True)
class Figure:
    """A figure with controls: its last expression in a cell shows it.

    Parameters
    ----------
    panels : sequence of Panel
        What is drawn, left to right.
    controls : sequence of Slider, Choice and Switch
        What is moved.
    sequences : mapping of names to Sequence
        What is computed of the controls.
    values : mapping of names to functions of the controls, Of, or Words
        Single numbers and words, in order; each is among the controls of those after it.
    say : str
        The figure in words, with ``{name}`` for a control or a value.
    buttons : sequence of Button
        Besides the one that puts everything back.
    ranked : bool
        Whether the lines are listed by the values beside their labels, the smallest first.
    """

    panels: Rows[Panel]
    controls: Rows[Any]
    sequences: Mapping[str, Sequence]
    values: Mapping[str, Any] = field(default_factory=dict)
    say: str = ""
    buttons: Rows[Button] = ()
    ranked: bool = False

    def __post_init__(self) -> None:
        names = [control.name for control in self.controls]
        if len(set(names)) != len(names):
            raise ValueError(f"controls must have names that differ, got {names}")
        marks = [mark for panel in self.panels for mark in panel.marks if isinstance(mark, Line)]
        for mark in marks:
            self._check(f"line {mark.label!r}", mark.sequence, mark.y, *([mark.x] if mark.x else []))
        for name, value in self.values.items():
            if isinstance(value, Of):
                self._check(f"value {name!r}", value.sequence, *([value.column] if value.column else []))
        said = {name for _, name, _, _ in Formatter().parse(self.say) if name is not None}
        asked = said | {mark.note for mark in marks if mark.note}
        moved = {name for button in self.buttons for name in button.sets}
        for unknown in (asked - {*names, *self.values}, moved - set(names)):
            if unknown:
                raise ValueError(
                    f"a figure may say and set what it has, the controls {names} and the values "
                    f"{list(self.values)}, got {sorted(unknown)}"
                )

    def _check(self, what: str, sequence: str, *columns: str) -> None:
        """Refuse a sequence or a column that the figure has not."""
        if sequence not in self.sequences:
            raise ValueError(f"the {what} must be of a sequence of {list(self.sequences)}, got {sequence!r}")
        for column in columns:
            if column not in self.sequences[sequence].columns:
                raise ValueError(
                    f"the {what} must be of a column of {self.sequences[sequence].columns}, got {column!r}"
                )

    def numbers(self, **moved: Any) -> dict[str, Any]:
        """All numbers of the figure, with these controls moved: its sequences, and its values."""
        c = SimpleNamespace(**{control.name: control.value for control in self.controls})
        unknown = set(moved) - set(vars(c))
        if unknown:
            raise ValueError(f"the controls of the figure are {list(vars(c))}, got {sorted(unknown)}")
        vars(c).update(moved)
        sequences, best = {}, {}
        with np.errstate(all="ignore"):  # a run that leaves is shown as one
            for name, sequence in self.sequences.items():
                steps, settings = self._steps(sequence, c), SimpleNamespace(**vars(c))
                if sequence.best:
                    best[name] = self._best(sequence, steps, c)
                    setattr(settings, sequence.best[0], best[name])
                columns = zip(*sequence.run(steps, settings), strict=True)
                made = [np.array(column, dtype=float) for column in columns]
                sequences[name] = dict(zip(sequence.columns, made, strict=True))
            for name, value in self.values.items():
                setattr(c, name, self._value(value, c, sequences, best))
        return {"sequences": sequences, "values": {name: getattr(c, name) for name in self.values}, "at": c}

    @staticmethod
    def _steps(sequence: Sequence, c: Controls) -> int:
        """How many updates the sequence makes."""
        return int(getattr(c, sequence.steps)) if isinstance(sequence.steps, str) else sequence.steps

    @staticmethod
    def _best(sequence: Sequence, steps: int, c: Controls) -> float:
        """The candidate with which the column ends lowest: of every eighth, then 4, 2, 1 to either side."""
        name, column, candidates = sequence.best or ("", "", ())
        every = SimpleNamespace(**vars(c) | {name: np.array(candidates)})  # all at once, as an array
        last = list(sequence.run(steps, every))[-1][sequence.columns.index(column)]
        ends = np.broadcast_to(np.where(np.isnan(last), np.inf, last), len(candidates))
        at = EVERY * int(np.argmin(ends[::EVERY]))
        for step in (4, 2, 1):
            at = min((at, at - step, at + step), key=lambda k: ends[k] if 0 <= k < len(ends) else np.inf)
        return candidates[at]

    @staticmethod
    def _value(value: Any, c: Controls, sequences: Any, best: Any) -> Any:
        """A single number or word."""
        if isinstance(value, Words):
            number = value.number(c)
            below = (word for limit, word in zip(value.limits, value.words, strict=False) if number < limit)
            return next(below, value.words[-1])
        if not isinstance(value, Of):
            return float(value(c))
        if value.which == "best":
            return best[value.sequence]
        column = sequences[value.sequence][value.column]
        return float({"last": column[-1], "largest": column.max(), "smallest": column.min()}[value.which])

    def words(self, **moved: Any) -> str:
        """What the figure says of itself with these controls moved."""
        settings = vars(self.numbers(**moved)["at"])
        return self.say.format(**{k: short(v) if isinstance(v, float) else v for k, v in settings.items()})

    def data(self) -> dict[str, Any]:
        """All that a script needs, as JSON has it; the functions are sources of JavaScript."""
        code = _Code(self)
        return {
            "controls": [
                {
                    "kind": type(control).__name__.lower(),
                    **vars(control),
                    "label": control.label or control.name,
                }
                | {"value": control.value}
                for control in self.controls
            ],
            "sequences": {name: code.sequence(sequence) for name, sequence in self.sequences.items()},
            "values": {name: code.value(value) for name, value in self.values.items()},
            "panels": [code.panel(panel) for panel in self.panels],
            "buttons": [
                {"label": b.label, "sets": {name: code.function(f) for name, f in b.sets.items()}}
                for b in self.buttons
            ],
            "say": self.say,
            "ranked": self.ranked,
        }

    def element(self, inside: str) -> str:
        """The HTML element: its data, and `inside` it what is shown without scripts."""
        data = json.dumps(self.data(), separators=(",", ":")).replace("<", "\\u003c")
        return f'<lr-figure><script type="application/json">{data}</script>{inside}</lr-figure>'

    def __repr__(self) -> str:
        return self.words()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from lrbook import plots

        picture = plots.still(self)
        encoded = base64.b64encode(picture.encode()).decode()
        image = f'<img alt="{html.escape(self.words())}" src="data:image/svg+xml;base64,{encoded}">'
        script = f"\n<script>\n{_script()}</script>" if _brings(self) else ""
        return {
            "text/html": self.element(image) + script,
            "image/svg+xml": picture,
            "text/plain": repr(self),
        }


_first: list[str] = []  # what the figure said that brought the script to this kernel's notebook


def _brings(figure: Figure) -> bool:
    """Whether the figure brings the script: the first of a notebook does, whenever it is shown."""
    if not _first:
        _first.append(repr(figure))
    return _first[0] == repr(figure)


def _script() -> str:
    """The script that makes figures answer."""
    return resources.files("lrbook").joinpath("live.js").read_text("utf8")


def short(x: float) -> str:
    """A number to three digits, as a figure's words have it.

    >>> short(0.1), short(1234.6), short(1e-7), short(999.9), short(float("inf"))
    ('0.1', '1235', '1e-7', '1000', '∞')
    """
    if not np.isfinite(x):
        return "∞"
    if x != 0 and not 1e-3 <= abs(x) < 1e5:
        head, tail = f"{x:.1e}".split("e")
        return f"{head.removesuffix('.0')}e{int(tail)}"
    return f"{x:.0f}" if abs(x) >= 1000 else f"{float(f'{x:.3g}'):g}"


class _Asked(SimpleNamespace):
    """Controls that note which choices are asked for."""

    def __init__(self, choices: dict[str, Choice], chosen: dict[str, Any], asked: dict[str, Any]) -> None:
        super().__init__(_choices=choices, _chosen=chosen, _asked=asked)

    def __getattr__(self, name: str) -> Any:  # what is not a slider
        if name not in self._choices:
            raise AttributeError(f"the figure has no control {name!r}")
        self._asked.setdefault(name, self._choices[name].options)
        return self._chosen.get(name, self._choices[name].value)


class _Code:
    """Turns the functions of a figure into JavaScript: one source, or one for each choice it depends on."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.choices = {control.name: control for control in figure.controls if isinstance(control, Choice)}
        best = [sequence.best[0] for sequence in figure.sequences.values() if sequence.best]
        sliders = [control.name for control in figure.controls if isinstance(control, Slider)]
        self.sliders = list(dict.fromkeys([*sliders, *best]))
        self.known: list[str] = []  # the values so far

    def function(self, function: Callable[..., Any], inputs: Rows[str] = ()) -> Any:
        """The source of ``function(*inputs, c)``, and which controls it looks at."""
        asked: dict[str, tuple[Any, ...]] = {}  # the choices that it looks at, and what they offer
        while True:
            known = tuple(asked)
            cases = {
                "|".join(map(str, options)): self.case(
                    function, inputs, dict(zip(known, options, strict=True)), asked
                )
                for options in product(*asked.values())
            }
            if tuple(asked) == known:
                return {"by": known, "cases": cases} if known else cases[""]

    def case(self, function: Any, inputs: Rows[str], chosen: dict[str, Any], asked: dict[str, Any]) -> Any:
        """The source for one choice of each; those that are not among them are noted in `asked`."""
        settings = [*self.sliders, *self.known]

        def call(*values: Any) -> Any:
            c = _Asked(self.choices, chosen, asked)
            vars(c).update(zip(settings, values[len(inputs) :], strict=True))
            return function(*values[: len(inputs)], c)

        record = traced(call, inputs, settings)
        used = {x for operation in record.operations for x in operation.arguments}
        used |= set(record.results if isinstance(record.results, tuple) else [record.results])
        record.settings = [name for name in settings if name in used]
        return {"js": javascript(record), "uses": record.settings}

    def sequence(self, sequence: Sequence) -> dict[str, Any]:
        """The functions of a sequence, its state taken apart."""
        c = SimpleNamespace(**{control.name: control.value for control in self.figure.controls})
        size = len(sequence.start(c))
        state = [f"s{i}" for i in range(size)]
        return {
            "columns": sequence.columns,
            "steps": sequence.steps,
            "size": size,
            "start": self.function(lambda c: tuple(sequence.start(c))),
            "update": self.function(lambda t, *s: tuple(sequence.update(t, s[:-1], s[-1])), ["t", *state]),
            "output": self.function(lambda t, *s: tuple(sequence.output(t, s[:-1], s[-1])), ["t", *state]),
            "best": sequence.best,
        }

    def value(self, value: Any) -> dict[str, Any]:
        """A single number or word; those after it may use it."""
        if isinstance(value, Of):
            made = vars(value)
        elif isinstance(value, Words):
            made = {"number": self.function(value.number), "limits": value.limits, "words": value.words}
        else:
            made = {"number": self.function(value)}
        self.known = list(self.figure.values)[: len(self.known) + 1]
        return made

    def panel(self, panel: Panel) -> dict[str, Any]:
        """The axes and the marks."""
        return vars(panel) | {"marks": [self.mark(mark) for mark in panel.marks]}

    def mark(self, mark: Any) -> dict[str, Any]:
        """What is drawn, its functions as sources."""
        made = {"kind": type(mark).__name__.lower(), **vars(mark)}
        if isinstance(mark, Levels):
            made["function"] = self.function(mark.function, ["across", "up"])
        if isinstance(mark, (Point, Handle)):
            made |= {axis: self.function(at) if callable(at := getattr(mark, axis)) else at for axis in "xy"}
        if isinstance(mark, Handle):
            made["sets"] = {name: self.function(f, ["across", "up"]) for name, f in mark.sets.items()}
        return made
