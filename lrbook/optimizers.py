r"""Optimizers: how a gradient changes the parameters.

Each class is a frozen dataclass of hyperparameters whose :meth:`~lrbook.Optimizer.rule` is the formula. What
changes during a run, the count of updates and the slots of memory, is in a :class:`State`.

>>> import numpy as np
>>> theta, opt = np.array([1.0, -2.0]), SGD(lr=0.5)
>>> state = opt.init(theta)
>>> opt.step(theta, np.array([1.0, 1.0]), state)
0.5
>>> theta, state.t
(array([ 0.5, -2.5]), 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lrbook.hyperparameters import Hyperparameters, PositiveOrSchedule

BLOCK_BYTES = 32 * 1024  # of each array: a block of theta, gradient, slots and temporaries fits L2

Parameters = Any  # an array, or a mapping of names to arrays


@dataclass
class State:
    """What an optimizer remembers between updates: `t` updates made, and arrays for each parameter."""

    t: int
    slots: dict[str, tuple[np.ndarray, ...]]


class Optimizer(Hyperparameters):
    r"""What all optimizers have in common.

    ``lr`` is a number > 0, an array of them, or a schedule: any function of the number of updates
    already made. Parameters are an array, or a mapping of names to arrays, of floating-point numbers.
    """

    slot_names: ClassVar[tuple[str, ...]] = ()
    lr: Any

    def init(self, theta: Parameters) -> State:
        """The state before the first update of `theta`: every slot zero."""
        slots = {
            name: tuple(np.zeros_like(array) for _ in self.slot_names) for name, array in named(theta).items()
        }
        return State(0, slots)

    def rate(self, step: int) -> Any:
        """The learning rate of the update made after `step` others."""
        return self.lr(step) if callable(self.lr) else self.lr

    def gradient_point(self, theta: Parameters, state: State) -> Parameters:
        """Where the next gradient is to be taken: `theta` itself."""
        return theta

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        """The formula itself: the new `theta`, then the new slots; `t` is 1 for the first update.

        Nothing is changed in place, and numbers, arrays and SymPy symbols are all welcome.
        """
        raise NotImplementedError

    def step(self, theta: Parameters, g: Parameters, state: State) -> Any:
        """Update `theta` and `state` in place by the gradient `g`, and return the rate that was used.

        Raises
        ------
        ValueError
            If the names or shapes of `theta`, `g` and `state` do not match, or a gradient is not
            finite. Then nothing has been changed.
        TypeError
            If a parameter is not a writable array of floating-point numbers.
        """
        theta, g = named(theta), named(g, "gradient")
        for names in (g.keys(), state.slots.keys()):
            if theta.keys() != names:
                raise ValueError(
                    f"theta, g and state must name the same parameters, got {list(theta)} and {list(names)}"
                )
        for name, array in theta.items():
            _check_parameter(name, array)
            _check_gradient(name, array, g[name])
            _check_slots(name, array, state.slots[name], len(self.slot_names))
        lr = self.rate(state.t)
        _check_rate(lr, theta, state.t)
        with np.errstate(all="ignore"):  # an overflow is refused in the next gradient
            for name, array in theta.items():
                self._update(lr, state.t + 1, array, g[name], state.slots[name])
        state.t += 1
        return lr

    def _update(
        self, lr: Any, t: int, theta: np.ndarray, g: np.ndarray, slots: tuple[np.ndarray, ...]
    ) -> None:
        """Write the rule's results over `theta` and `slots`, in blocks that fit the cache."""
        arrays = (theta, g, *slots)
        size = max(1, BLOCK_BYTES // theta.itemsize)
        whole = np.ndim(lr) or not self._plain or not all(a.flags.c_contiguous for a in arrays)
        if whole or theta.size <= size:
            blocks = [arrays]
        else:
            flat = [a.reshape(-1) for a in arrays]
            blocks = [tuple(a[i : i + size] for a in flat) for i in range(0, theta.size, size)]
        for old_theta, old_g, *old_slots in blocks:
            new = self.rule(old_theta, old_g, lr, t, *old_slots)
            for old, value in zip((old_theta, *old_slots), new, strict=True):
                old[...] = value


def named(arrays: Parameters, name: str = "theta") -> dict[str, Any]:
    """A mapping of names to arrays: a single array is called `name`, whichever it is, ``theta``."""
    if isinstance(arrays, Mapping):
        return dict(arrays)
    if isinstance(arrays, np.ndarray):
        return {"theta": arrays}
    if isinstance(arrays, np.generic) and name == "gradient":
        return {"theta": np.asarray(arrays)}  # arithmetic makes scalars of 0-d arrays
    raise TypeError(f"{name} must be an array or a mapping of names to arrays, got {arrays!r}")


def _check_slots(name: str, array: np.ndarray, slots: Any, count: int) -> None:
    """Refuse a state that was made for other parameters or by another optimizer."""
    shapes = [np.shape(slot) for slot in slots]
    if shapes != [array.shape] * count:
        raise ValueError(f"the state of {name} must be {count} arrays of shape {array.shape}, got {shapes}")


def _check_rate(lr: Any, theta: dict[str, np.ndarray], step: int) -> None:
    """Refuse a rate that is not finite, or an array of rates that does not fit the parameters."""
    if not np.all(np.isfinite(lr)):
        raise ValueError(f"lr must be finite, got {lr} at step {step}")
    for name, array in theta.items():
        shape = np.shape(lr)
        fits = len(shape) <= array.ndim and all(
            n in (1, m) for n, m in zip(shape[::-1], array.shape[::-1], strict=False)
        )
        if not fits:
            raise ValueError(f"lr must broadcast to the shape {array.shape} of {name}, got shape {shape}")


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
    with np.errstate(all="ignore"):  # a sum is finite only if no term is NaN or infinite
        suspect = not np.isfinite(gradient.sum())
    if suspect and not np.isfinite(gradient).all():
        bad = np.count_nonzero(~np.isfinite(gradient))
        raise ValueError(f"the gradient of {name} must be finite, got {bad} values that are not")


@dataclass(frozen=True, eq=False)
class SGD(Optimizer):
    r"""(Stochastic) gradient descent: a step against the gradient.

    .. math:: \theta \leftarrow \theta - \eta\, g

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0, in units of :math:`\theta^2` over the loss.

    Examples
    --------
    >>> import sympy
    >>> theta, g, eta = sympy.symbols("theta g eta")
    >>> SGD().rule(theta, g, eta, 1)
    (-eta*g + theta,)
    """

    lr: PositiveOrSchedule = 0.01

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        return (theta - lr * g,)
