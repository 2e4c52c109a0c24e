"""What a hyperparameter may be, said once: the rules, and the base class that enforces them.

A class names the rule of each field in its annotation, and gets the check, the error message and the
exact symbolic form from here::

    @hyperparameters
    class CosineDecay(Schedule):
        lr: Positive
        decay_steps: Positive
        alpha: Fraction = 0.0
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import FrozenInstanceError, dataclass, fields
from functools import cache, cached_property
from itertools import pairwise
from numbers import Real
from typing import Annotated, Any, Protocol, Self, TypeVar, dataclass_transform, get_args, get_type_hints

import numpy as np

from lrbook.elementary import NUMBERS, is_array, is_symbolic, is_traced


@dataclass(frozen=True)
class Rule:
    """A condition on a hyperparameter, in words and as a test of numbers, arrays and symbols."""

    words: str
    holds: Callable[[Any], Any]


class Number(Protocol):
    """What has arithmetic and order: a number, an array or a SymPy expression."""

    def __neg__(self) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __le__(self, other: Any, /) -> Any: ...


POSITIVE = Rule("> 0", lambda x: x > 0)
NON_NEGATIVE = Rule(">= 0", lambda x: x >= 0)
AT_LEAST_ONE = Rule(">= 1", lambda x: x >= 1)
FRACTION = Rule("in [0, 1]", lambda x: (x >= 0) & (x <= 1))
BELOW_ONE = Rule("in [0, 1)", lambda x: (x >= 0) & (x < 1))
COUNT = Rule("a whole number >= 0", lambda x: (x >= 0) & (x % 1 == 0))

Positive = Annotated[Number, POSITIVE]
NonNegative = Annotated[Number, NON_NEGATIVE]
AtLeastOne = Annotated[Number, AT_LEAST_ONE]
Fraction = Annotated[Number, FRACTION]
BelowOne = Annotated[Number, BELOW_ONE]
Count = Annotated[int, COUNT]
PositiveOrSchedule = Annotated[Number | Callable[[Any], Any], POSITIVE, "schedule"]

Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True, eq_default=False)
def hyperparameters(cls: Class) -> Class:
    """Make a frozen dataclass of a class of hyperparameters, which keeps the equality of its base."""
    return dataclass(eq=False, repr=False)(cls)  # type: ignore[return-value]


def as_value(name: str, value: Any) -> Any:
    """`value` as a Python number, a real array or a SymPy object; a `TypeError` for anything else."""
    if type(value) in NUMBERS:
        return value
    if is_symbolic(value):
        sympy = sys.modules["sympy"]
        if not isinstance(value, sympy.Expr) or value.is_extended_real is False:
            raise TypeError(f"{name} must be real, got {value}")
        return value
    if isinstance(value, (list, tuple)):
        try:
            value = np.asarray(value)
        except ValueError:
            raise TypeError(f"{name} must be rows of equal length, got {value!r}") from None
    if is_array(value):
        numeric = not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind in "iuf"
        if not numeric and not is_traced(value):
            raise TypeError(f"{name} must be real numbers, got dtype {value.dtype}")
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{name} must be a number, an array or a SymPy expression, got {value!r}")


def as_count(name: str, value: Any) -> int:
    """`value` as an int: a whole number >= 0, neither an array nor a symbol."""
    value = unboxed(as_value(name, value))
    if is_traced(value):
        return value  # type: ignore[no-any-return]
    if is_array(value) or (is_symbolic(value) and not value.is_number):
        raise TypeError(f"{name} must be one whole number, got {value!r}")
    require(name, value, COUNT)
    return int(value)


def unboxed(value: Any) -> Any:
    """A NumPy scalar or 0-d array as a Python number, anything else as it is."""
    return value.item() if is_array(value) and getattr(value, "ndim", 1) == 0 else value


def require(name: str, value: Any, rule: Rule) -> None:
    """Raise a `ValueError` that names `name`, the value and the rule, unless the rule holds.

    NaN and infinity keep no rule. A symbol is refused only if its assumptions break the rule, a traced
    number never.

    >>> require("decay_steps", 0, POSITIVE)
    Traceback (most recent call last):
    ValueError: decay_steps must be > 0, got 0
    """
    if is_traced(value):
        return  # it has no value yet
    if is_symbolic(value):
        sympy = sys.modules["sympy"]
        if value.has(sympy.nan, sympy.oo, sympy.zoo, -sympy.oo):
            raise ValueError(f"{name} must be finite and {rule.words}, got {value}")
        if rule.holds(value) == False:  # noqa: E712 - a relation that is undecided is no breach
            raise ValueError(f"{name} must be {rule.words}, got {value}")
        return
    value = np.asarray(value) if is_array(value) else value
    finite = np.isfinite if is_array(value) else _finite
    for words, holds in ((f"finite and {rule.words}", finite), (rule.words, rule.holds)):
        good = holds(value)
        if not np.all(good):
            breach = value[~np.asarray(good)].flat[0] if is_array(value) else value
            got = breach.item() if isinstance(breach, np.generic) else breach
            raise ValueError(f"{name} must be {words}, got {got!r}")


def _finite(value: float) -> bool:
    """Whether a Python number is finite as a float: a whole number may be too large for one."""
    return -sys.float_info.max <= value <= sys.float_info.max


def numbers(name: str, given: Any, rule: Rule) -> tuple[Any, ...]:
    """The numbers of a sequence, each of which keeps the rule."""
    if not isinstance(given, (list, tuple, range, np.ndarray)) or not getattr(given, "ndim", 1):
        raise TypeError(f"{name} must be a sequence of numbers, got {given!r}")
    checked = tuple(as_value(f"{name}[{i}]", x) for i, x in enumerate(given))
    for i, x in enumerate(checked):
        require(f"{name}[{i}]", x, rule)
    return tuple(map(kept, checked))


def ascending(given: Any, between: str, count: int) -> tuple[Any, ...]:
    """The boundaries between `count` things: in increasing order, and one fewer than those."""
    boundaries = numbers("boundaries", given, POSITIVE)
    if count != len(boundaries) + 1:
        raise ValueError(
            f"{between} must be one more than boundaries, "
            f"got {count} {between} and {len(boundaries)} boundaries"
        )
    for i, (low, high) in enumerate(pairwise(boundaries)):
        traced = is_traced(low) or is_traced(high)
        if not traced and np.any((low < high) == False):  # noqa: E712 - symbols may leave it undecided
            raise ValueError(
                f"boundaries must be in increasing order, got {high} after {low} at index {i + 1}"
            )
    return boundaries


def exact(value: Any) -> Any:
    """`value` as SymPy should see it: a float such as 0.1 becomes the fraction it was meant to be.

    That is its decimal if it has at most 15 digits, else the fraction with a denominator up to a million
    of which it is the nearest float, if there is one: of two such fractions no float near 1 is.

    >>> import sympy
    >>> exact(0.1), exact(3), exact(1 / 3)
    (1/10, 3, 1/3)
    """
    if type(value) in NUMBERS:
        return _meant(value)
    if isinstance(value, tuple):
        return tuple(exact(x) for x in value)
    if isinstance(value, Hyperparameters):
        return value._exact
    if is_array(value):
        raise TypeError("symbols and arrays cannot be mixed: give one step, or symbols alone")
    return value


def _meant(value: float) -> Any:
    """The exact number that a Python number stands for."""
    from fractions import Fraction as Ratio  # SymPy has imported it

    sympy = sys.modules["sympy"]
    if isinstance(value, int):
        return sympy.Integer(value)
    if not math.isfinite(value):
        return sympy.Float(value)
    near = Ratio(value).limit_denominator(10**6)
    if float(f"{value:.15g}") != value and float(near) == value:
        return sympy.Rational(near.numerator, near.denominator)
    return sympy.Rational(repr(value))


@cache
def _rules(cls: Any) -> dict[str, tuple[Any, ...]]:
    """The annotation of each field of `cls`: its type, then what `Annotated` says of it."""
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: (get_args(hints[f.name]) or (hints[f.name],)) for f in fields(cls)}


@hyperparameters
class Hyperparameters:
    """Base of the frozen dataclasses: fields are checked once, when the object is made.

    Freezing, showing and comparing are written here for all of them. What `dataclasses` writes for each class
    by itself would be most of the time of an import.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """A field is set once, when the object is made."""
        if name in vars(self) or name not in type(self).__dataclass_fields__:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __post_init__(self) -> None:
        for name, (kind, *rules) in _rules(type(self)).items():  # type: ignore[arg-type]
            object.__setattr__(self, name, _field(name, getattr(self, name), kind, rules))

    def __eq__(self, other: object) -> bool:
        """Equal if of one class with equal fields; arrays are compared element by element."""
        if not isinstance(other, Hyperparameters) or type(self) is not type(other):
            return NotImplemented
        return equal(self._fields(), other._fields())

    def __repr__(self) -> str:
        settings = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
        return f"{type(self).__qualname__}({', '.join(settings)})"

    def __hash__(self) -> int:
        return hash((type(self), *self._fields()))

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was worked out from them, and kept under a name with _, is not copied."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def _fields(self) -> tuple[Any, ...]:
        """The values of the fields, in order."""
        return tuple(getattr(self, f.name) for f in fields(self))

    def _settings(self) -> Iterator[tuple[str, Any]]:
        """Each single value by the name of its field, those in tuples and of objects inside as well."""
        for field in fields(self):
            yield from _single(field.name, getattr(self, field.name))

    @cached_property
    def _plain(self) -> bool:
        """Whether no setting is an array or a SymPy expression."""
        return not any(is_array(x) or is_symbolic(x) for _, x in self._settings())

    @cached_property
    def _symbolic(self) -> bool:
        """Whether a setting is a SymPy expression."""
        return any(is_symbolic(x) for _, x in self._settings())

    @cached_property
    def _exact(self) -> Self:
        """The same object with every number turned into the exact fraction it stands for."""
        return self._with(lambda name, value: exact(value))

    @cached_property
    def _loops(self) -> dict[Any, Any]:
        """The loops of machine code that were made of it, by dtype; None where there can be none."""
        return {}

    def _with(self, change: Callable[[str, Any], Any]) -> Self:
        """A copy with each field changed by a function of its name and value. It is not checked again."""
        new = copy(self)
        for field in fields(self):
            object.__setattr__(new, field.name, change(field.name, getattr(self, field.name)))
        return new


def _field(name: str, value: Any, kind: Any, rules: list[Any]) -> Any:
    """What is kept of a field's `value`, once it is sure that it is of the `kind` and keeps the rule."""
    may_be_schedule = "schedule" in rules
    if kind is bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {value!r}")
        return bool(value)
    if kind is str:
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a str, got {value!r}")
        return value
    if isinstance(kind, type) and issubclass(kind, Hyperparameters):
        if not isinstance(value, kind):
            article = "an" if kind.__name__[0] in "AEIO" else "a"
            raise TypeError(f"{name} must be {article} {kind.__name__}, got {value!r}")
        return value
    if COUNT in rules:
        return as_count(name, value)
    if may_be_schedule and isinstance(value, type):
        raise TypeError(f"{name} must be a number, an array or a schedule, got the class {value.__name__}")
    if not rules or (may_be_schedule and callable(value)):
        return value
    value = as_value(name, value)
    require(name, value, rules[0])
    return kept(value)


def _single(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The single values in the field of that name."""
    if isinstance(value, Hyperparameters):
        yield from value._settings()
    elif isinstance(value, tuple):
        for x in value:
            yield from _single(name, x)
    else:
        yield name, value


def kept(value: Any) -> Any:
    """What a frozen object keeps of a checked `value`: a number, or a read-only copy of an array.

    A Python number in place of a NumPy scalar keeps float32 steps in float32.
    """
    value = unboxed(value)
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value


def equal(mine: Any, theirs: Any) -> bool:
    """Whether two fields are equal: tuples and arrays element by element."""
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        return len(mine) == len(theirs) and all(map(equal, mine, theirs))
    if is_array(mine) or is_array(theirs):
        return np.array_equal(mine, theirs)
    return bool(mine == theirs)
