r"""A rule written down: its operations, in the order in which NumPy does them, and JavaScript made of them.

A rule takes whatever has arithmetic. Given ``Traced`` values it runs unchanged, and each operation
is recorded. SymPy cannot serve for this: it rewrites 1 - β as -(β - 1), which rounds to another number.

>>> from lrbook import ExponentialDecay, Momentum
>>> print(trace(ExponentialDecay(lr=0.1, decay_steps=10, decay_rate=0.5)))
step; lr, decay_steps, decay_rate
x1 = step / decay_steps
x2 = power(decay_rate, x1)
x3 = lr * x2
return x3
>>> print(javascript(Momentum()))
(theta, g, lr, t, m, beta) => {
  const x3 = (beta * m) + (lr * g);
  return [theta - x3, x3];
}
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count, islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from lrbook import elementary
from lrbook.calling import Schedule
from lrbook.elementary import NUMBERS, is_array, is_symbolic
from lrbook.hyperparameters import unboxed
from lrbook.stepping import Optimizer
from lrbook.wrappers import Wrapper

OPERATORS = {  # as Python and JavaScript both write them
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
FUNCTIONS = {  # as `lrbook.elementary` and JavaScript call them
    "cos": "Math.cos",
    "sin": "Math.sin",
    "exp": "Math.exp",
    "log": "Math.log",
    "sqrt": "Math.sqrt",
    "power": "Math.pow",
    "floor": "Math.floor",
    "ceil": "Math.ceil",
    "sign": "Math.sign",
    "minimum": "Math.min",
    "maximum": "Math.max",
    "where": "({} ? {} : {})",
    "filled": "{0}",
    "word": "({} >>> 0)",  # 32 bits, always read without a sign
}
LONG = 52  # letters: a longer expression is given a name, so that lines stay short
ON_WORDS = {"xor": "(({} ^ {}) >>> 0)", "rshift": "({} >>> {})", "imul": "(Math.imul({}, {}) >>> 0)"}
PYTHON: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in (*OPERATORS, "neg", "pow", "xor", "rshift")},
    **{name: getattr(elementary, name) for name in FUNCTIONS},
    "imul": lambda x, y: x * y & 0xFFFFFFFF,
}


@dataclass(frozen=True)
class Operation:
    """One operation of a rule: what it is called, what it does, and with which numbers or named values.

    It is `uniform` if its value depends on settings alone: the same for all steps, or entries, at once.
    """

    name: str
    function: str
    arguments: tuple[Any, ...]
    uniform: bool

    def __str__(self) -> str:
        values = [str(x) for x in self.arguments]
        call = f"{self.function}({', '.join(values)})"
        done = f" {OPERATORS[self.function]} ".join(values) if self.function in OPERATORS else call
        return f"{self.name} = {done}{'  # once' if self.uniform else ''}"


@dataclass
class Trace:
    """The record of a rule: the names of its inputs and settings, its operations, and its results.

    Called with the values of inputs and settings, numbers or arrays, it does the operations one by one:
    with the bits of the rule, but for the noise of a schedule in float32, which the rule draws in float64.
    """

    inputs: list[str]
    settings: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    results: tuple[Any, ...] | Any = ()
    values: list[Any] = field(default_factory=list)  # of the settings, in the object that was traced
    _done: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)
    arrays: dict[str, Any] | None = None  # settings with a value for each lane, where there may be any

    def __call__(self, *values: Any) -> Any:
        known: dict[Any, Any] = dict(zip([*self.inputs, *self.settings], values, strict=True))
        for operation in self.operations:
            arguments = (known.get(x, x) for x in operation.arguments)
            known[operation.name] = PYTHON[operation.function](*arguments)
        if isinstance(self.results, tuple):
            return tuple(known.get(x, x) for x in self.results)
        return known.get(self.results, self.results)

    def __str__(self) -> str:
        names = f"{', '.join(self.inputs)}; {', '.join(self.settings)}"
        results = self.results if isinstance(self.results, tuple) else (self.results,)
        return "\n".join([names, *map(str, self.operations), f"return {', '.join(map(str, results))}"])

    def record(self, function: str, *arguments: Any) -> Traced:
        """The value of an operation, which is written down the first time that it is done."""
        arguments = tuple(map(unboxed, arguments))
        uniform = all(x.uniform for x in arguments if isinstance(x, Traced))
        plain = tuple(map(_named, arguments))
        done = function, repr(plain)  # in which 0.0 is not -0.0
        if done in self._done:
            return Traced(self, self._done[done], uniform)
        taken = {*self.inputs, *self.settings, *(self.arrays or ())}
        names = (f"x{n}" for n in count(1) if f"x{n}" not in taken)
        name = next(islice(names, len(self.operations), None))
        self._done[done] = name
        self.operations.append(Operation(name, function, plain, uniform))
        return Traced(self, name, uniform)


def _named(x: Any) -> Any:
    """A traced value by its name, a number as it is."""
    x = unboxed(x)
    if isinstance(x, Traced):
        return x.name
    if type(x) not in NUMBERS:
        raise TypeError(f"a rule that is traced must compute with numbers alone, got {x!r}")
    return x


class Traced:
    """A number of a rule that is being written down: arithmetic with it is recorded."""

    __array_ufunc__ = None  # NumPy's own functions refuse it, and leave arithmetic to it
    traced = True
    __hash__ = None  # type: ignore[assignment]
    dtype = None

    def __init__(self, trace: Trace, name: str, uniform: bool) -> None:
        self.trace, self.name, self.uniform = trace, name, uniform

    def __array_namespace__(self, api_version: Any = None) -> Any:
        return _NAMESPACE

    def __bool__(self) -> bool:
        raise TypeError("a rule must not branch on a value: use lrbook.elementary.where")

    def __neg__(self) -> Traced:
        return self.trace.record("neg", self)

    def __pow__(self, exponent: Any) -> Traced:
        if type(exponent) in NUMBERS and exponent == 2:
            return self.trace.record("mul", self, self)  # as NumPy does it, and exactly rounded everywhere
        return self.trace.record("pow", self, exponent)

    def __rpow__(self, base: Any) -> Traced:
        return self.trace.record("pow", base, self)

    def __eq__(self, other: object) -> Any:
        raise TypeError("a rule must not ask whether values are equal: use <= or >=")


def _operator(name: str, reflected: bool = False) -> Callable[[Traced, Any], Any]:
    """The method of that name, which takes an array entry by entry."""

    def method(x: Traced, y: Any) -> Any:
        if isinstance(y, np.ndarray):
            return np.frompyfunc(lambda entry: method(x, entry), 1, 1)(y)
        return x.trace.record(name, *((y, x) if reflected else (x, y)))

    return method


for _name in OPERATORS:
    setattr(Traced, f"__{_name}__", _operator(_name))
    if _name in ("add", "sub", "mul", "truediv"):
        setattr(Traced, f"__r{_name}__", _operator(_name, reflected=True))


class Word(Traced):
    """A whole number of 32 bits, whose products keep the lowest 32."""

    def __xor__(self, other: Any) -> Word:
        return _word(self.trace.record("xor", self, other))

    def __rshift__(self, places: int) -> Word:
        return _word(self.trace.record("rshift", self, places))

    def __mul__(self, factor: int) -> Word:
        return _word(self.trace.record("imul", self, factor))


def _word(value: Traced) -> Word:
    return Word(value.trace, value.name, value.uniform)


def _recorded(function: str) -> Callable[..., Traced]:
    """The function that records a call of that name."""

    def call(*arguments: Any) -> Traced:
        return next(x.trace for x in arguments if isinstance(x, Traced)).record(function, *arguments)

    return call


_NAMESPACE = SimpleNamespace(
    pi=math.pi,
    pow=_recorded("power"),
    word=lambda x: _word(_recorded("word")(x)),
    astype=lambda x, dtype: x,
    full_like=lambda x, value: _recorded("filled")(value, x),
    __array_namespace_info__=lambda: SimpleNamespace(default_dtypes=lambda: {"real floating": None}),
    isdtype=lambda dtype, kind: True,
    **{name: _recorded(name) for name in FUNCTIONS if name not in ("power", "word")},
)


def trace(x: Schedule | Optimizer, part: str = "rule") -> Trace:
    """The operations of a schedule's or an optimizer's rule, its numeric settings left open.

    Parameters
    ----------
    x : Schedule or Optimizer
        Its flags are read, its numbers are not: they become `settings`, in the order of the fields.
    part : str
        Of an optimizer also ``"point"``, where it takes its gradient.

    Raises
    ------
    TypeError
        If `x` is neither, has settings that are no numbers, or mixes entries or parameters: a rule with
        a norm, :class:`~lrbook.Split` (ask for ``split.of(name)``), :class:`~lrbook.ClipByGlobalNorm`.
    """
    if isinstance(x, Schedule):
        return written(x, ["step"], "rule")
    if not isinstance(x, Optimizer):
        raise TypeError(f"a Schedule or an Optimizer is traced, got {x!r}")
    if not x.elementwise or sees_all(x):
        raise TypeError(f"an optimizer that is traced must update each entry by itself, got {x!r}")
    return written(x, ["theta", *([] if part == "point" else ["g", "lr", "t"]), *x.slot_names], part)


def written(x: Any, inputs: list[str], part: str, arrays: dict[str, Any] | None = None) -> Trace:
    """The operations of a function of `x` that is given inputs of these names.

    Settings that are arrays, one value for each run, are collected in `arrays` if there is one.
    """
    record = Trace(inputs, arrays=arrays)
    free = _freed(x, record, "")
    values = [Traced(record, name, uniform=name in ("lr", "t")) for name in inputs]
    return finished(record, getattr(free, part)(*values))


def traced(function: Callable[..., Any], inputs: Sequence[str], settings: Sequence[str] = ()) -> Trace:
    """The operations of a function of numbers, whose arguments have these names.

    Schedules, optimizers and problems may be made of them inside.

    >>> from lrbook import SGD, Quadratic
    >>> def loss_after_one_step(theta, lr, curvature):
    ...     bowl = Quadratic([curvature])
    ...     (moved,) = SGD(lr).rule(theta, bowl.gradient(np.array([theta]))[0], lr, 1)
    ...     return bowl.loss(np.array([moved]))
    >>> print(javascript(traced(loss_after_one_step, ["theta"], ["lr", "curvature"])))
    (theta, lr, curvature) => {
      const x3 = theta - (lr * (curvature * theta));
      return (curvature * (x3 * x3)) / 2;
    }
    """
    record = Trace(list(inputs), list(settings))
    values = [Traced(record, name, uniform=name in settings) for name in [*inputs, *settings]]
    return finished(record, function(*values))


def finished(record: Trace, results: Any) -> Trace:
    """The record with these results, and without what none of them needs."""
    record.results = tuple(map(_named, results)) if isinstance(results, tuple) else _named(results)
    needed = {*record.results} if isinstance(results, tuple) else {record.results}
    for operation in reversed(record.operations):
        if operation.name in needed:
            needed.update(operation.arguments)
    record.operations = [operation for operation in record.operations if operation.name in needed]
    return record


def sees_all(x: Optimizer) -> bool:
    """Whether an optimizer, or one inside, looks at all gradients or stands for several optimizers."""
    if type(x).gradients not in (Optimizer.gradients, Wrapper.gradients):
        return True
    return isinstance(x, Wrapper) and sees_all(x.optimizer)


def _freed(x: Any, record: Trace, prefix: str) -> Any:
    """A copy of `x` with a traced value, a setting of the record, for each number in it."""

    def freed(name: str, value: Any) -> Any:
        rate = isinstance(x, Optimizer) and name == "lr"  # an input, and no setting
        return value if rate else _open(value, record, prefix + name)

    return x._with(freed)


def _open(value: Any, record: Trace, name: str) -> Any:
    """A field's value with its numbers replaced by settings of that name."""
    if isinstance(value, (Schedule, Optimizer)):
        return _freed(value, record, f"{name}_")
    if isinstance(value, tuple):
        return tuple(_open(x, record, f"{name}_{i}") for i, x in enumerate(value))
    if is_array(value) and record.arrays is not None:
        record.arrays[name] = value
        return Traced(record, name, uniform=False)
    if is_array(value) or is_symbolic(value):
        raise TypeError(f"{name} must be a number to be traced, got {value!r}")
    if type(value) not in NUMBERS:
        return value
    record.settings.append(name)
    record.values.append(value)
    return Traced(record, name, uniform=True)


def javascript(x: Schedule | Optimizer | Trace, part: str = "rule") -> str:
    """A JavaScript function that computes what the rule computes, operation by operation.

    Its arguments are those of a trace, ``(step, ...settings)`` for a schedule and
    ``(theta, g, lr, t, ...slots, ...settings)`` for an optimizer, of which it gives
    ``[theta, ...slots]``; the settings are the numeric fields in order, but for an optimizer's ``lr``.
    It gives the floats of Python where it only computes and takes roots and powers; V8's ``Math.exp``,
    ``Math.log`` and, rarely, ``Math.cos`` are one unit in the last place away from those of C.

    >>> from lrbook import CosineDecay
    >>> print(javascript(CosineDecay(lr=0.1, decay_steps=100)))
    (step, lr, decay_steps, alpha) => {
      const x3 = 3.141592653589793 * (Math.min(step, decay_steps) / decay_steps);
      return lr * (((1 - alpha) * ((1 + Math.cos(x3)) / 2)) + alpha);
    }
    """
    record = x if isinstance(x, Trace) else trace(x, part)
    uses = Counter(y for operation in record.operations for y in operation.arguments)
    results = record.results if isinstance(record.results, tuple) else (record.results,)
    uses.update(results)
    written: dict[Any, str] = {}  # what is used once stands where it is used
    lines = []
    for operation in record.operations:
        expression = _in_javascript(operation, written)
        if uses[operation.name] > 1 or (len(expression) > LONG and operation.name not in results):
            lines.append(f"  const {operation.name} = {expression};")
        else:
            written[operation.name] = expression
    last = ", ".join(written.get(y) or _literal(y) for y in results)
    lines.append(f"  return {f'[{last}]' if isinstance(record.results, tuple) else last};")
    return "\n".join([f"({', '.join([*record.inputs, *record.settings])}) => {{", *lines, "}"])


def _in_javascript(operation: Operation, written: dict[Any, str]) -> str:
    """An operation in JavaScript, with the expressions of those values that stand where they are used."""
    values = [written.get(y) or _literal(y) for y in operation.arguments]
    enclosed = [
        f"({value})" if value[0] == "-" or (" " in value and not _closed(value)) else value
        for value in values
    ]
    if operation.function in OPERATORS:
        return f" {OPERATORS[operation.function]} ".join(enclosed)
    template = {"neg": "-{}", "pow": "Math.pow", **FUNCTIONS, **ON_WORDS}[operation.function]
    return template.format(*enclosed) if "{" in template else f"{template}({', '.join(values)})"


def _literal(value: Any) -> str:
    """A name, or a number as JavaScript writes it."""
    return str(value).replace("inf", "Infinity") if type(value) is float else str(value)


def _closed(expression: str) -> bool:
    """Whether an expression is a call or stands in parentheses already, from its first to its last letter."""
    start = expression.find("(")
    if not expression.endswith(")") or " " in expression[:start]:
        return False
    depths = list(accumulate((letter == "(") - (letter == ")") for letter in expression[start:]))
    return 0 not in depths[:-1]
