"""How an optimizer makes a step: the checks, the memory, and the rule applied in place."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import Any, Self

import numpy as np

from lrbook.elementary import is_array
from lrbook.hyperparameters import Hyperparameters, equal, unboxed

BLOCK_BYTES = 32 * 1024  # of each array: a block of theta, gradient, slots and temporaries fits L2

Parameters = Any  # an array, or a mapping of names to arrays
Arrays = dict[str, np.ndarray]


@dataclass
class State:
    """What an optimizer remembers between updates: `t` updates made, and named arrays for each parameter.

    A run that goes on from a saved state and the saved parameters equals the run that never stopped.

    >>> import io
    >>> from lrbook import Momentum
    >>> theta, opt, file = np.ones(2), Momentum(), io.BytesIO()
    >>> state = opt.init(theta)
    >>> _ = opt.step(theta, np.array([1.0, 2.0]), state)
    >>> state.save(file)
    >>> _ = file.seek(0)
    >>> State.load(file)
    State(t=1, slots={'theta': {'m': array([0.01, 0.02])}})
    """

    t: int
    slots: dict[str, Arrays]
    asked: int = field(default=-1, init=False, repr=False)  # the t at which the gradient's place was asked

    def __eq__(self, other: object) -> bool:
        """Equal after as many updates, with the same slots, element by element."""
        if not isinstance(other, State):
            return NotImplemented
        if self.t != other.t or self.slots.keys() != other.slots.keys():
            return False
        pairs = [(slots, other.slots[name]) for name, slots in self.slots.items()]
        return all(a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a) for a, b in pairs)

    def save(self, file: Any) -> None:
        """Write the state to `file`, a path or an open file, in NumPy's npz format.

        A path is used as it is given: no ending is added to it.
        """
        if not hasattr(file, "write"):
            with open(file, "wb") as opened:
                self.save(opened)
            return
        arrays: dict[str, Any] = {"t": self.t, "names": np.array(list(self.slots), dtype=str)}
        arrays |= {f"{slot} {name}": a for name, slots in self.slots.items() for slot, a in slots.items()}
        np.savez(file, **arrays)

    @classmethod
    def load(cls, file: Any) -> State:
        """The state that was written to `file` by :meth:`save`."""
        with np.load(file, allow_pickle=False) as data:
            slots: dict[str, Arrays] = {name: {} for name in data["names"].tolist()}
            for key in data.files[2:]:
                slot, name = key.split(" ", 1)
                slots[name][slot] = data[key]
            return cls(int(data["t"]), slots)


class Optimizer(Hyperparameters):
    r"""What all optimizers have in common.

    ``lr`` is a number > 0, an array of them, or a schedule: any function of the number of updates
    already made. Parameters are an array, or a mapping of names to arrays, of floating-point numbers.
    An array of rates, or of another hyperparameter, lines up with the first axes of every parameter:
    they are runs that go on at once.

    An optimizer of your own is a :meth:`rule`, whose arguments after ``t`` name its slots; a
    :meth:`start` where those do not begin at zero; a :meth:`point` where the gradient is not taken at
    the parameters; and ``elementwise = False`` where entries mix, as in a norm or a product of matrices.

    >>> from lrbook.hyperparameters import hyperparameters
    >>> @hyperparameters
    ... class SignSGD(Optimizer):
    ...     lr: float = 0.01
    ...     def rule(self, theta, g, lr, t):
    ...         return (theta - lr * np.sign(g),)
    >>> theta, opt = np.array([1.0, -2.0]), SignSGD(lr=0.5)
    >>> opt.step(theta, np.array([3.0, 0.1]), opt.init(theta)), theta
    (0.5, array([ 0.5, -2.5]))
    """

    lr: Any
    elementwise = True  # whether each entry of a parameter is updated by itself

    @property
    def slot_names(self) -> tuple[str, ...]:
        """What the slots are called: the arguments of the rule after ``t``."""
        kind: Any = type(self)
        return _slots(kind)

    def start(self, theta: np.ndarray) -> tuple[Any, ...]:
        """What the slots of `theta` hold before the first update: zeros of its shape."""
        return tuple(np.zeros_like(theta) for _ in self.slot_names)

    def init(self, theta: Parameters, dtype: Any = None) -> State:
        """The state before the first update of `theta`.

        The slots have the dtype of their parameter, or `dtype`: with float16 parameters, float32 slots
        keep squares of small gradients from vanishing. The update is then computed in that dtype.
        """
        slots = {}
        for name, array in named(theta).items():
            _check_parameter(name, array)
            opt = self.of(name)
            first = zip(opt.slot_names, opt.start(array), strict=True)
            slots[name] = {slot: np.array(value, dtype=dtype) for slot, value in first}
        return State(0, slots)

    def of(self, name: str) -> Optimizer:
        """The optimizer that updates the parameter of this name: this one, unless it stands for several."""
        return self

    def rate(self, step: int) -> Any:
        """The learning rate of the update made after `step` others."""
        return self.lr(step) if callable(self.lr) else self.lr

    def gradient_point(self, theta: Parameters, state: State) -> Parameters:
        """Where the next gradient is to be taken: `theta` itself, for all but methods that look ahead."""
        arrays = named(theta)
        _check_names(arrays, state)
        state.asked = state.t
        points = {}
        for name, array in arrays.items():
            opt = self.of(name)
            points[name] = (
                opt._along(array.ndim).point(array, *state.slots[name].values()) if opt.looks_ahead else array
            )
        if all(points[name] is array for name, array in arrays.items()):
            return theta
        return points if isinstance(theta, Mapping) else points["theta"]

    @property
    def looks_ahead(self) -> bool:
        """Whether the gradient is taken elsewhere than at the parameters."""
        return type(self).point is not Optimizer.point

    def point(self, theta: Any, *slots: Any) -> Any:
        """The formula for :meth:`gradient_point`, for numbers, arrays and symbols."""
        return theta

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        """The formula itself: the new `theta`, then the new slots; `t` is 1 for the first update.

        Nothing is changed in place, and numbers, arrays and SymPy symbols are all welcome.
        """
        raise NotImplementedError

    def gradients(self, g: Arrays) -> Arrays:
        """What the rules are given for the gradients of all parameters: themselves, unless clipped."""
        return g

    def step(self, theta: Parameters, g: Parameters, state: State) -> Any:
        """Update `theta` and `state` in place by the gradient `g`, and return the rate that was used.

        Raises
        ------
        ValueError
            If the names or shapes of `theta`, `g` and `state` do not match; if the state is another
            optimizer's; if a gradient or the rate is not finite; if the rate or another setting is an
            array that does not line up with a parameter's first axes; if the gradient is to be taken
            elsewhere than at `theta`, and :meth:`gradient_point` was not asked where; or if a gradient
            of 0 is divided by 0 because ``eps`` is. Then nothing has been changed.
        TypeError
            If a parameter is not a writable array of floating-point numbers, a gradient not an array of
            real numbers, or what a schedule gives is no number.
        """
        theta, g = named(theta), named(g, "gradient")
        if theta.keys() != g.keys():
            raise ValueError(f"theta and g must name the same parameters, got {list(theta)} and {list(g)}")
        _check_names(theta, state)
        lr, updates = self.rate(state.t), []
        with np.errstate(all="ignore"):  # an overflow is refused in the next gradient
            for name, array in theta.items():
                opt = self.of(name)
                _check_parameter(name, array)
                _check_gradient(name, array, g[name])
                opt._check_state(name, array, state)
                rate = _checked_rate(lr if opt is self else opt.rate(state.t), state.t)
                if is_array(rate) or opt._arrays:
                    for setting, value in [("lr", rate), *opt._arrays]:
                        _check_setting(setting, value, name, array)
                    opt, rate = opt._along(array.ndim), aligned(rate, array.ndim)
                updates.append((opt, rate, name))
            g, t, whole, cut = self.gradients(g), state.t + 1, [], []
            for opt, rate, name in updates:
                arrays = (theta[name], g[name], *state.slots[name].values())
                if opt._may_cut(rate, arrays):
                    cut.append((opt, rate, name, arrays))
                else:  # worked out before anything is written, since it may be refused
                    whole.append((arrays, opt._updated(rate, t, name, arrays)))
            for opt, rate, name, arrays in cut:
                if not opt._by_loop(rate, t, arrays):
                    for block in _blocks(arrays):
                        _write(block, opt._updated(rate, t, name, block))
            for arrays, new in whole:
                _write(arrays, new)
        state.t = t
        return lr

    @cached_property
    def _arrays(self) -> list[tuple[str, Any]]:
        """The settings that are arrays, but for the rate, by name; those of an optimizer inside as well."""
        found = []
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, Optimizer):
                found += value._arrays
            elif setting.name != "lr" and is_array(value):
                found.append((setting.name, value))
        return found

    @cached_property
    def _may_divide_by_zero(self) -> bool:
        """Whether an ``eps`` is 0 somewhere, so that a gradient of 0 may be divided by a root of 0."""
        return any(name == "eps" and np.any(value == 0) for name, value in self._settings())

    def _along(self, ndim: int) -> Self:
        """This optimizer with its arrays in `ndim` axes, so that theirs are the first of a parameter's."""
        if not self._arrays:
            return self
        return self._with(lambda name, x: x._along(ndim) if isinstance(x, Optimizer) else aligned(x, ndim))

    def _check_state(self, name: str, array: np.ndarray, state: State) -> None:
        """Refuse a state of another optimizer or of other parameters, and one that was not looked at."""
        slots = state.slots[name]
        if tuple(slots) != self.slot_names:
            raise ValueError(
                f"the state of {name} must have the slots {list(self.slot_names)} of "
                f"{type(self).__name__}, got {list(slots)}"
            )
        shapes = [slot.shape for slot in slots.values()]
        if self.elementwise and any(shape != array.shape for shape in shapes):
            raise ValueError(f"the state of {name} must be arrays of shape {array.shape}, got {shapes}")
        if self.looks_ahead and state.asked != state.t:
            raise ValueError(
                f"{type(self).__name__} takes its gradient elsewhere than at {name}: before each step it "
                "must be asked where, by opt.gradient_point(theta, state)"
            )

    def _may_cut(self, lr: Any, arrays: tuple[np.ndarray, ...]) -> bool:
        """Whether the arrays are large, and may be updated part by part."""
        by_itself = self.elementwise and self._plain and not is_array(lr) and not self._may_divide_by_zero
        return by_itself and arrays[0].size > _block(arrays[0]) and all(a.flags.c_contiguous for a in arrays)

    def _by_loop(self, lr: float, t: int, arrays: tuple[np.ndarray, ...]) -> bool:
        """Make the step in place by machine code, if that can be had; say whether it was made."""
        from lrbook import fast  # it stands on this module, and is not needed for small parameters

        return fast.update(self, lr, t, arrays)

    def _updated(self, lr: Any, t: int, name: str, arrays: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        """What the rule makes of theta, gradient and slots, in the dtype of the slots."""
        theta, g, *slots = arrays
        if slots:
            theta, g = (a.astype(slots[0].dtype, copy=False) for a in (theta, g))
        new = self.rule(theta, g, lr, t, *slots)
        if len(new) != 1 + len(slots):
            raise ValueError(
                f"the rule of {type(self).__name__} must return theta and {len(slots)} slots, "
                f"got {len(new)} values"
            )
        if self._may_divide_by_zero and (bad := np.count_nonzero(np.isnan(new[0]) & (g == 0))):
            raise ValueError(
                f"eps must be > 0 where a gradient has been 0 from the start, got 0 and {bad} such entries "
                f"of {name}: 0/0 is no step"
            )
        return tuple(new)


@cache
def _slots(kind: Any) -> tuple[str, ...]:
    """The arguments after ``t`` of a class's rule, or if that takes any number, of its base's."""
    for made_of in kind.__mro__:
        slots = list(inspect.signature(vars(made_of).get("rule", _any)).parameters.values())[5:]
        if not any(slot.kind is slot.VAR_POSITIONAL for slot in slots):
            return tuple(slot.name for slot in slots)
    return ()


def _any(self: Any, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> Any:
    """A rule that says nothing of its slots."""


def _block(array: np.ndarray) -> int:
    """How many entries of an array are updated at once."""
    return max(1, BLOCK_BYTES // array.itemsize)


def _blocks(arrays: tuple[np.ndarray, ...]) -> Iterator[tuple[np.ndarray, ...]]:
    """The arrays in blocks that fit the cache."""
    flat, size = [a.reshape(-1) for a in arrays], _block(arrays[0])
    for i in range(0, flat[0].size, size):
        yield tuple(a[i : i + size] for a in flat)


def _write(arrays: tuple[np.ndarray, ...], new: tuple[Any, ...]) -> None:
    """Put what a rule made over the old theta and slots."""
    for old, value in zip((arrays[0], *arrays[2:]), new, strict=True):
        old[...] = value


def aligned(value: Any, ndim: int) -> Any:
    """An array with axes of length 1 behind its own, `ndim` in all; anything else as it is."""
    return value.reshape(value.shape + (1,) * (ndim - value.ndim)) if is_array(value) else value


def named(arrays: Parameters, name: str = "theta") -> dict[str, Any]:
    """A mapping of names to arrays: a single array is called `name`, whichever it is, ``theta``."""
    if isinstance(arrays, Mapping):
        return dict(arrays)
    if isinstance(arrays, np.ndarray):
        return {"theta": arrays}
    if isinstance(arrays, np.generic) and name == "gradient":
        return {"theta": np.asarray(arrays)}  # arithmetic makes scalars of 0-d arrays
    raise TypeError(f"{name} must be an array or a mapping of names to arrays, got {arrays!r}")


def _check_names(theta: dict[str, Any], state: State) -> None:
    """Refuse a state that was made for other parameters."""
    if theta.keys() != state.slots.keys():
        raise ValueError(
            f"theta and state must name the same parameters, got {list(theta)} and {list(state.slots)}"
        )


def _checked_rate(lr: Any, step: int) -> Any:
    """The rate as a Python number or an array; one that is neither, or not finite, is refused."""
    lr = unboxed(lr)
    if not (isinstance(lr, (int, float)) or is_array(lr)):
        raise TypeError(f"lr must be a number or an array, got {lr!r} at step {step}")
    if not (np.isfinite(lr).all() if is_array(lr) else math.isfinite(lr)):
        breach = lr[~np.isfinite(lr)].flat[0] if is_array(lr) else lr
        raise ValueError(f"lr must be finite, got {breach} at step {step}")
    return lr


def _check_setting(setting: str, value: Any, name: str, array: np.ndarray) -> None:
    """Refuse a rate, or another setting, that is an array and does not line up with a parameter."""
    shape = np.shape(value)
    if len(shape) > array.ndim or any(n not in (1, m) for n, m in zip(shape, array.shape, strict=False)):
        raise ValueError(
            f"{setting} must line up with the first axes of {name}, of shape {array.shape}, got shape {shape}"
        )


def _check_parameter(name: str, array: Any) -> None:
    """Refuse what cannot be updated in place."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} must be an array of floating-point numbers, got {kind}")
    if not array.flags.writeable:
        raise TypeError(f"{name} must be writable, got a read-only array")


def _check_gradient(name: str, array: np.ndarray, gradient: Any) -> None:
    """Refuse a gradient of another shape or kind, or with NaN or infinity in it."""
    if not isinstance(gradient, np.ndarray) or gradient.dtype.kind not in "fiu":
        kind = getattr(gradient, "dtype", type(gradient).__name__)
        raise TypeError(f"the gradient of {name} must be an array of real numbers, got {kind}")
    if gradient.shape != array.shape:
        raise ValueError(f"the gradient of {name} must have its shape {array.shape}, got {gradient.shape}")
    if not _surely_finite(gradient) and not np.isfinite(gradient).all():
        bad = np.count_nonzero(~np.isfinite(gradient))
        raise ValueError(f"the gradient of {name} must be finite, got {bad} values that are not")


def _surely_finite(gradient: np.ndarray) -> bool:
    """A first look, in one pass: a sum of squares is finite only if no entry is NaN or infinite."""
    if gradient.dtype.char not in "fd" or not gradient.flags.c_contiguous:
        return math.isfinite(gradient.sum())
    row = gradient.reshape(-1)
    if row.size <= _block(row):
        return math.isfinite(np.dot(row, row))
    from lrbook import fast  # it stands on this module, and is not needed for small parameters

    return math.isfinite(fast.sum_of_squares(row))
