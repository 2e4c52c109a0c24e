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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lrbook.elementary import is_array, sqrt
from lrbook.hyperparameters import BelowOne, Hyperparameters, NonNegative, PositiveOrSchedule, equal

BLOCK_BYTES = 32 * 1024  # of each array: a block of theta, gradient, slots and temporaries fits L2

Parameters = Any  # an array, or a mapping of names to arrays


@dataclass
class State:
    """What an optimizer remembers between updates: `t` updates made, and arrays for each parameter.

    A run that goes on from a saved state and the saved parameters equals the run that never stopped.

    >>> import io
    >>> theta, opt, file = np.ones(2), Momentum(), io.BytesIO()
    >>> state = opt.init(theta)
    >>> _ = opt.step(theta, np.array([1.0, 2.0]), state)
    >>> state.save(file)
    >>> _ = file.seek(0)
    >>> State.load(file)
    State(t=1, slots={'theta': (array([0.01, 0.02]),)})
    """

    t: int
    slots: dict[str, tuple[np.ndarray, ...]]

    def __eq__(self, other: object) -> bool:
        """Equal after as many updates, with the same slots, element by element."""
        if not isinstance(other, State):
            return NotImplemented
        names = self.slots.keys()
        same = names == other.slots.keys() and all(equal(self.slots[n], other.slots[n]) for n in names)
        return self.t == other.t and same

    def save(self, file: Any) -> None:
        """Write the state to `file`, a path or an open file, in NumPy's npz format.

        A path is used as it is given: no ending is added to it.
        """
        if not hasattr(file, "write"):
            with open(file, "wb") as opened:
                self.save(opened)
            return
        counts = {name: len(slots) for name, slots in self.slots.items()}
        arrays: dict[str, Any] = {"t": self.t, "names": np.array(list(counts), dtype=str)}
        arrays["counts"] = np.array(list(counts.values()), dtype=int)
        arrays |= {f"{i} {name}": a for name, slots in self.slots.items() for i, a in enumerate(slots)}
        np.savez(file, **arrays)

    @classmethod
    def load(cls, file: Any) -> State:
        """The state that was written to `file` by :meth:`save`."""
        with np.load(file, allow_pickle=False) as data:
            counts = zip(data["names"].tolist(), data["counts"].tolist(), strict=True)
            slots = {name: tuple(data[f"{i} {name}"] for i in range(count)) for name, count in counts}
            return cls(int(data["t"]), slots)


class Optimizer(Hyperparameters):
    r"""What all optimizers have in common.

    ``lr`` is a number > 0, an array of them, or a schedule: any function of the number of updates
    already made. Parameters are an array, or a mapping of names to arrays, of floating-point numbers.
    """

    slot_names: tuple[str, ...] = ()
    lr: Any

    def init(self, theta: Parameters, dtype: Any = None) -> State:
        """The state before the first update of `theta`: every slot zero.

        The slots have the dtype of their parameter, or `dtype`: with float16 parameters, float32 slots
        keep squares of small gradients from vanishing. The update is then computed in that dtype.
        """
        slots = {
            name: tuple(np.zeros_like(array, dtype=dtype) for _ in self.slot_names)
            for name, array in named(theta).items()
        }
        return State(0, slots)

    def rate(self, step: int) -> Any:
        """The learning rate of the update made after `step` others."""
        return self.lr(step) if callable(self.lr) else self.lr

    def gradient_point(self, theta: Parameters, state: State) -> Parameters:
        """Where the next gradient is to be taken: `theta` itself, for all but Nesterov's method."""
        if type(self).point is Optimizer.point:
            return theta
        points = {name: self.point(array, *state.slots[name]) for name, array in named(theta).items()}
        return points if isinstance(theta, Mapping) else points["theta"]

    def point(self, theta: Any, *slots: Any) -> Any:
        """The formula for :meth:`gradient_point`, for numbers, arrays and symbols."""
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
            If the names or shapes of `theta`, `g` and `state` do not match, a gradient or the rate is
            not finite, or the rate or another setting is an array that does not broadcast to the shape
            of a parameter. Then nothing has been changed.
        TypeError
            If a parameter is not a writable array of floating-point numbers, a gradient not an array of
            real numbers, or what a schedule gives is no number.
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
        _check_rate(lr, state.t)
        for name, setting in (("lr", lr), *(() if self._plain else self._arrays())):
            _check_setting(name, setting, theta)
        with np.errstate(all="ignore"):  # an overflow is refused in the next gradient
            for name, array in theta.items():
                self._update(lr, state.t + 1, array, g[name], state.slots[name])
        state.t += 1
        return lr

    def _arrays(self) -> Iterator[tuple[str, Any]]:
        """The settings that are arrays, but for the rate, by name; those of an optimizer inside as well."""
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Optimizer):
                yield from value._arrays()
            elif field.name != "lr" and is_array(value):
                yield field.name, value

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
            wide = (
                [a.astype(slots[0].dtype, copy=False) for a in (old_theta, old_g)]
                if slots
                else [old_theta, old_g]
            )
            new = self.rule(*wide, lr, t, *old_slots)
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


def _check_rate(lr: Any, step: int) -> None:
    """Refuse a rate that is no number, or not finite."""
    if not (isinstance(lr, (int, float)) or is_array(lr)):
        raise TypeError(f"lr must be a number or an array, got {lr!r} at step {step}")
    if not np.all(np.isfinite(lr)):
        raise ValueError(f"lr must be finite, got {lr} at step {step}")


def _check_setting(setting: str, value: Any, theta: dict[str, np.ndarray]) -> None:
    """Refuse a rate, or another setting, that is an array and does not fit the parameters."""
    shape = np.shape(value)
    for name, array in theta.items():
        fits = len(shape) <= array.ndim and all(
            n in (1, m) for n, m in zip(shape[::-1], array.shape[::-1], strict=False)
        )
        if not fits:
            raise ValueError(
                f"{setting} must broadcast to the shape {array.shape} of {name}, got shape {shape}"
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


@dataclass(frozen=True, eq=False)
class Momentum(Optimizer):
    r"""Gradient descent with momentum, or the heavy ball :cite:p:`polyak1964`: old steps go on, and fade.

    .. math:: m \leftarrow \beta m + \eta\, g, \qquad \theta \leftarrow \theta - m

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0.
    beta : number or array
        What is left of the last step: :math:`\beta` in [0, 1).

    Notes
    -----
    The rate is inside the buffer, as in Keras. PyTorch and optax put it outside, which is the same as
    long as the rate does not change.

    Examples
    --------
    >>> import sympy
    >>> theta, g, eta, m, beta = sympy.symbols("theta g eta m beta")
    >>> Momentum(beta=beta).rule(theta, g, eta, 1, m)
    (-beta*m - eta*g + theta, beta*m + eta*g)
    """

    lr: PositiveOrSchedule = 0.01
    beta: BelowOne = 0.9
    slot_names = ("m",)

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        (m,) = slots
        m = self.beta * m + lr * g
        return theta - m, m


@dataclass(frozen=True, eq=False)
class Nesterov(Momentum):
    r"""Nesterov's accelerated gradient :cite:p:`nesterov1983`: momentum that looks ahead.

    .. math:: m \leftarrow \beta m + \eta\, \nabla L(\theta - \beta m), \qquad \theta \leftarrow \theta - m

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0.
    beta : number or array
        What is left of the last step: :math:`\beta` in [0, 1).

    Examples
    --------
    >>> opt, theta = Nesterov(lr=0.1, beta=0.5), np.array([1.0])
    >>> state = opt.init(theta)
    >>> for _ in range(2):
    ...     _ = opt.step(theta, 2 * opt.gradient_point(theta, state), state)  # the gradient of theta²
    >>> theta.round(6)  # 1, then 0.8, and the look ahead from there is 0.7
    array([0.56])
    """

    def point(self, theta: Any, *slots: Any) -> Any:
        (m,) = slots
        return theta - self.beta * m


def _root(average: Any, eps: Any, inside: bool) -> Any:
    """The root of an average of squares, kept from zero by `eps` inside or outside of it."""
    return sqrt(average + eps) if inside else sqrt(average) + eps


@dataclass(frozen=True, eq=False)
class Adagrad(Optimizer):
    r"""A rate for each parameter, over the root of the sum of all its squared gradients :cite:p:`duchi2011`.

    .. math:: G \leftarrow G + g^2, \qquad \theta \leftarrow \theta - \frac{\eta}{\sqrt{G + \varepsilon}}\, g

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0, in units of :math:`\theta`.
    eps : number or array
        :math:`\varepsilon` >= 0, in units of :math:`g^2` inside the root, of :math:`g` outside.
    eps_inside : bool
        Whether :math:`\varepsilon` is added inside the root, or to it.

    Examples
    --------
    >>> opt, theta = Adagrad(lr=1.0, eps=0.0), np.array([0.0])
    >>> state = opt.init(theta)
    >>> for _ in range(2):
    ...     _ = opt.step(theta, np.array([5.0]), state)
    >>> theta.round(6)  # -1, then a step of 1/√2
    array([-1.707107])
    """

    lr: PositiveOrSchedule = 0.01
    eps: NonNegative = 1e-8
    eps_inside: bool = True
    slot_names = ("G",)

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        (G,) = slots
        G = G + g * g
        return theta - lr * g / _root(G, self.eps, self.eps_inside), G


@dataclass(frozen=True, eq=False)
class RMSprop(Optimizer):
    r"""A rate for each parameter, over the root of its averaged squared gradients :cite:p:`tieleman2012`.

    .. math:: G \leftarrow \beta G + (1 - \beta)\, g^2, \qquad
        \theta \leftarrow \theta - \frac{\eta}{\sqrt{G + \varepsilon}}\, g

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0, in units of :math:`\theta`.
    beta : number or array
        The weight of the past in the average: :math:`\beta` in [0, 1).
    eps : number or array
        :math:`\varepsilon` >= 0, in units of :math:`g^2` inside the root, of :math:`g` outside.
    eps_inside : bool
        Whether :math:`\varepsilon` is added inside the root, or to it.

    Examples
    --------
    >>> opt, theta = RMSprop(lr=1.0, beta=0.75, eps=0.0), np.array([0.0])
    >>> _ = opt.step(theta, np.array([5.0]), opt.init(theta))
    >>> theta  # 1 / √(1 - beta)
    array([-2.])
    """

    lr: PositiveOrSchedule = 0.001
    beta: BelowOne = 0.9
    eps: NonNegative = 1e-8
    eps_inside: bool = True
    slot_names = ("G",)

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        (G,) = slots
        G = self.beta * G + (1 - self.beta) * g * g
        return theta - lr * g / _root(G, self.eps, self.eps_inside), G


@dataclass(frozen=True, eq=False)
class Adadelta(Optimizer):
    r"""RMSprop with the root of its averaged squared steps for a rate :cite:p:`zeiler2012`.

    .. math:: G \leftarrow \beta G + (1 - \beta)\, g^2, \qquad
        \Delta = -\frac{\sqrt{E_\Delta + \varepsilon}}{\sqrt{G + \varepsilon}}\, g, \qquad
        E_\Delta \leftarrow \beta E_\Delta + (1 - \beta)\, \Delta^2, \qquad
        \theta \leftarrow \theta + \eta\, \Delta

    Parameters
    ----------
    lr : number, array or schedule
        What the step is multiplied with, :math:`\eta` > 0; 1 is the method as published.
    beta : number or array
        The weight of the past in both averages: :math:`\beta` in [0, 1).
    eps : number or array
        :math:`\varepsilon` >= 0; it decides how long the first steps are. With 0 there is none, and
        nothing ever moves.

    Examples
    --------
    >>> opt, theta = Adadelta(eps=1e-6), np.array([0.0])
    >>> _ = opt.step(theta, np.array([5.0]), opt.init(theta))
    >>> theta.round(6)  # √eps / √(1 - beta), whatever the gradient
    array([-0.004472])
    """

    lr: PositiveOrSchedule = 1.0
    beta: BelowOne = 0.95
    eps: NonNegative = 1e-6
    slot_names = ("G", "E")

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        G, E = slots
        G = self.beta * G + (1 - self.beta) * g * g
        delta = -sqrt(E + self.eps) / sqrt(G + self.eps) * g
        E = self.beta * E + (1 - self.beta) * delta * delta
        return theta + lr * delta, G, E


@dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    r"""Momentum over the root of the averaged squares, both corrected for their start :cite:p:`kingma2015`.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
        v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2, \qquad
        \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}, \qquad
        \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0, in units of :math:`\theta`.
    beta1, beta2 : number or array
        The weights of the past in the two averages, in [0, 1).
    eps : number or array
        :math:`\varepsilon` >= 0, in units of :math:`g` outside the root, of :math:`g^2` inside.
    eps_inside : bool
        Whether :math:`\varepsilon` is added inside the root, or to it.

    Examples
    --------
    >>> opt, theta = Adam(lr=0.5, eps=0.0), np.array([0.0, 0.0])
    >>> _ = opt.step(theta, np.array([5.0, -0.001]), opt.init(theta))
    >>> theta.round(12)  # the first step has the length of the rate, whatever the gradient
    array([-0.5,  0.5])
    """

    lr: PositiveOrSchedule = 0.001
    beta1: BelowOne = 0.9
    beta2: BelowOne = 0.999
    eps: NonNegative = 1e-8
    eps_inside: bool = False
    slot_names = ("m", "v")

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        m, v = slots
        m = self.beta1 * m + (1 - self.beta1) * g
        v = self.beta2 * v + (1 - self.beta2) * g * g
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta - lr * m_hat / _root(v_hat, self.eps, self.eps_inside), m, v


@dataclass(frozen=True, eq=False)
class AdamW(Adam):
    r"""Adam with decoupled weight decay :cite:p:`loshchilov2019`: the same step, and a pull toward zero.

    .. math::
        \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon} - \eta \lambda_w\, \theta

    with the :math:`\theta` before the step on the right. It equals
    ``WithWeightDecay(Adam(...), weight_decay)``.

    Parameters
    ----------
    lr : number, array or schedule
        The learning rate :math:`\eta` > 0, in units of :math:`\theta`.
    beta1, beta2 : number or array
        The weights of the past in the two averages, in [0, 1).
    eps : number or array
        :math:`\varepsilon` >= 0, in units of :math:`g` outside the root, of :math:`g^2` inside.
    eps_inside : bool
        Whether :math:`\varepsilon` is added inside the root, or to it.
    weight_decay : number or array
        :math:`\lambda_w` >= 0, per unit of the rate.

    Examples
    --------
    >>> opt, theta = AdamW(lr=0.1, weight_decay=0.5), np.array([2.0])
    >>> _ = opt.step(theta, np.array([0.0]), opt.init(theta))
    >>> theta  # 2 - 0.1 · 0.5 · 2
    array([1.9])
    """

    weight_decay: NonNegative = 0.01

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        new, *slots_after = super().rule(theta, g, lr, t, *slots)
        return new - lr * self.weight_decay * theta, *slots_after


@dataclass(frozen=True, eq=False)
class _Wrapped(Optimizer):
    """An optimizer around another: its rate, its slots and where it takes its gradient."""

    optimizer: Any
    lam: NonNegative

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(f"optimizer must be an Optimizer, got {self.optimizer!r}")

    @property
    def lr(self) -> Any:
        """The rate of the optimizer inside."""
        return self.optimizer.lr

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The slots of the optimizer inside."""
        return tuple(self.optimizer.slot_names)

    def point(self, theta: Any, *slots: Any) -> Any:
        return self.optimizer.point(theta, *slots)


@dataclass(frozen=True, eq=False)
class WithL2(_Wrapped):
    r"""An optimizer whose loss has the penalty :math:`\frac{\lambda_w}{2}\lVert\theta\rVert^2` added.

    .. math:: g \leftarrow g + \lambda_w\, \theta

    where :math:`\theta` is the point at which the gradient was taken.

    Parameters
    ----------
    optimizer : Optimizer
        What makes the update.
    lam : number or array
        :math:`\lambda_w` >= 0, in units of the loss over :math:`\theta^2`.

    Examples
    --------
    >>> import sympy
    >>> theta, g, eta = sympy.symbols("theta g eta")
    >>> WithL2(SGD(), lam=2).rule(theta, g, eta, 1)
    (-eta*(g + 2*theta) + theta,)
    """

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        g = g + self.lam * self.point(theta, *slots)
        return tuple(self.optimizer.rule(theta, g, lr, t, *slots))


@dataclass(frozen=True, eq=False)
class WithWeightDecay(_Wrapped):
    r"""An optimizer whose parameters decay beside its step :cite:p:`loshchilov2019`.

    .. math:: \theta \leftarrow \theta_\text{stepped} - \eta \lambda_w\, \theta

    where the :math:`\theta` on the right is the one before the step.

    Parameters
    ----------
    optimizer : Optimizer
        What makes the step.
    lam : number or array
        :math:`\lambda_w` >= 0, per unit of the rate.

    Examples
    --------
    >>> import sympy
    >>> theta, g, eta = sympy.symbols("theta g eta")
    >>> WithWeightDecay(SGD(), lam=2).rule(theta, g, eta, 1)
    (-eta*g - 2*eta*theta + theta,)
    """

    def rule(self, theta: Any, g: Any, lr: Any, t: Any, *slots: Any) -> tuple[Any, ...]:
        new, *slots_after = self.optimizer.rule(theta, g, lr, t, *slots)
        return new - lr * self.lam * theta, *slots_after
