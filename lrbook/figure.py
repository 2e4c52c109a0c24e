"""A live figure: its numbers, its words, and the code that it becomes."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from string import Formatter
from types import SimpleNamespace
from typing import Any

import numpy as np

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
    Words,
)
from lrbook.trace import javascript, traced


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

    def first(self) -> SimpleNamespace:
        """The controls before anything is moved."""
        return SimpleNamespace(**{control.name: control.value for control in self.controls})

    def numbers(self, **moved: Any) -> dict[str, Any]:
        """All numbers of the figure, with these controls moved: its sequences, and its values."""
        c = self.first()
        unknown = set(moved) - set(vars(c))
        if unknown:
            raise ValueError(f"the controls of the figure are {list(vars(c))}, got {sorted(unknown)}")
        vars(c).update(moved)
        sequences, best = {}, {}
        with np.errstate(all="ignore"):  # a run that leaves is shown as one
            for name, sequence in self.sequences.items():
                sequences[name], best[name] = sequence.numbers(c)
            for name, value in self.values.items():
                setattr(c, name, self._value(value, c, sequences, best))
        return {"sequences": sequences, "values": {name: getattr(c, name) for name in self.values}, "at": c}

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
                    "value": control.value,
                }
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

        picture, said = plots.still(self), self.words()
        encoded = base64.b64encode(plots.one_window(picture).encode()).decode()
        image = f'<img alt="{html.escape(said)}" src="data:image/svg+xml;base64,{encoded}">'
        script = f"\n<script>\n{_script()}</script>" if _brings(said) else ""
        return {"text/html": self.element(image) + script, "image/svg+xml": picture, "text/plain": said}


_first: list[str] = []  # what the figure said that brought the script to this kernel's notebook


def _brings(said: str) -> bool:
    """Whether the figure that says this brings the script: the first of a notebook does, whenever shown."""
    if not _first:
        _first.append(said)
    return _first[0] == said


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
        size = len(sequence.start(self.figure.first()))
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
        if isinstance(mark, Point):
            made |= {axis: self.function(at) if callable(at := getattr(mark, axis)) else at for axis in "xy"}
        if isinstance(mark, Handle):
            made["sets"] = {name: self.function(f, ["across", "up"]) for name, f in mark.sets.items()}
        return made
