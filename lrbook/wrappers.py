r"""What is put around an optimizer: a penalty, a decay, a limit on the gradient, a choice by name.

Each is an optimizer too, so that they go around one another.

>>> import numpy as np
>>> from lrbook import SGD, Adam
>>> opt = ClipByGlobalNorm(Split({"*.bias": SGD(0.1), "*": WithWeightDecay(Adam(), 0.01)}), norm=1.0)
>>> opt.of("layer.bias").optimizer
SGD(lr=0.1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np

from lrbook.elementary import minimum
from lrbook.hyperparameters import Count, NonNegative, Positive, hyperparameters
from lrbook.optimizers import decayed
from lrbook.stepping import Arrays, Optimizer, aligned


@hyperparameters
class Wrapper(Optimizer):
    """An optimizer around another: its rate, its rule, its slots and where it takes its gradient."""

    optimizer: Optimizer

    @property
    def lr(self) -> Any:
        """The rate of the optimizer inside."""
        return self.optimizer.lr

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The slots of the optimizer inside."""
        return self.optimizer.slot_names

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        """Whether the optimizer inside updates each entry by itself."""
        return self.optimizer.elementwise

    @property
    def looks_ahead(self) -> bool:
        """Whether the optimizer inside does."""
        return self.optimizer.looks_ahead

    def start(self, theta: np.ndarray) -> tuple[Any, ...]:
        return self.optimizer.start(theta)

    def rate(self, step: int) -> Any:
        return self.optimizer.rate(step)

    def of(self, name: str) -> Optimizer:
        inside = self.optimizer.of(name)
        if inside is self.optimizer:
            return self
        if name not in self._around:
            self._around[name] = replace(self, optimizer=inside)
        return self._around[name]

    @cached_property
    def _around(self) -> dict[str, Optimizer]:
        """This wrapper around each of the optimizers that the one inside stands for, by parameter."""
        return {}

    def gradients(self, g: Arrays) -> Arrays:
        return self.optimizer.gradients(g)

    def point(self, theta, *slots):
        return self.optimizer.point(theta, *slots)

    def rule(self, theta, g, lr, t, *slots):
        return self.optimizer.rule(theta, g, lr, t, *slots)


@hyperparameters
class WithL2(Wrapper):
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
    >>> from lrbook import SGD
    >>> theta, g, eta = sympy.symbols("theta g eta")
    >>> WithL2(SGD(), lam=2).rule(theta, g, eta, 1)
    (-eta*(g + 2*theta) + theta,)
    """

    lam: NonNegative

    def rule(self, theta, g, lr, t, *slots):
        g = g + self.lam * self.point(theta, *slots)
        return self.optimizer.rule(theta, g, lr, t, *slots)


@hyperparameters
class WithWeightDecay(Wrapper):
    r"""An optimizer whose parameters decay beside its step :cite:p:`loshchilov2019`.

    .. math:: \theta \leftarrow \theta_\text{stepped} - \eta \lambda_w\, \theta

    where the :math:`\theta` on the right is the one before the step.

    Parameters
    ----------
    optimizer : Optimizer
        What makes the step.
    lam : number or array
        :math:`\lambda_w` >= 0, per unit of the rate.
    only : str
        Which parameters decay: those whose name matches this pattern, in which ``*`` stands for anything.

    Examples
    --------
    >>> import sympy
    >>> from lrbook import SGD
    >>> theta, g, eta = sympy.symbols("theta g eta")
    >>> opt = WithWeightDecay(SGD(), lam=2, only="W*")
    >>> opt.rule(theta, g, eta, 1)
    (-eta*g - 2*eta*theta + theta,)
    >>> opt.of("W1"), opt.of("bias")
    (WithWeightDecay(optimizer=SGD(lr=0.01), lam=2, only='W*'), SGD(lr=0.01))
    """

    lam: NonNegative
    only: str = "*"

    def of(self, name: str) -> Optimizer:
        decaying = super().of(name)
        return decaying if fnmatchcase(name, self.only) else self.optimizer.of(name)

    def rule(self, theta, g, lr, t, *slots):
        new, *slots_after = self.optimizer.rule(theta, g, lr, t, *slots)
        return decayed(new, theta, lr, self.lam), *slots_after


@hyperparameters
class ClipByGlobalNorm(Wrapper):
    r"""An optimizer whose gradients, all of them together, are no longer than a limit :cite:p:`pascanu2013`.

    .. math:: g \leftarrow \min\!\left(1, \frac{c}{\lVert g \rVert}\right) g, \qquad
        \lVert g \rVert^2 = \sum_{\text{parameters}}\ \sum_i g_i^2

    The direction of the gradient stays what it is. A decay or a penalty inside is not limited by it.

    Parameters
    ----------
    optimizer : Optimizer
        What makes the update. Each optimizer in a :class:`Split` inside is given its part of the whole.
    norm : number or array
        The limit :math:`c` > 0, in units of :math:`g`.
    runs : int
        How many of the first axes of every parameter are runs, each with a norm of its own.

    Examples
    --------
    >>> from lrbook import SGD
    >>> theta, opt = np.zeros(2), ClipByGlobalNorm(SGD(lr=1.0), norm=1.0)
    >>> _ = opt.step(theta, np.array([3.0, 4.0]), opt.init(theta))
    >>> theta
    array([-0.6, -0.8])
    """

    norm: Positive
    runs: Count = 0

    def gradients(self, g: Arrays) -> Arrays:
        size = global_norm(g, self.runs)
        with np.errstate(divide="ignore"):  # a gradient of 0 is below every limit
            factor = np.asarray(minimum(self.norm / size, 1.0))
        clipped = {name: a * aligned(factor, a.ndim).astype(_float(a)) for name, a in g.items()}
        return self.optimizer.gradients(clipped)


def global_norm(g: Arrays, runs: int = 0) -> Any:
    """The length of all gradients as one vector, for each of the runs in the first `runs` axes.

    It is worked out from the largest entry, so that no square overflows or vanishes.
    """
    rows = [a.reshape(*a.shape[:runs], -1).astype(np.float64) for a in g.values()]
    row = np.concatenate(rows, axis=-1)
    largest = np.abs(row).max(axis=-1, initial=0)
    scale = np.where(largest > 0, largest, 1.0)
    return scale * np.sqrt(np.square(row / scale[..., np.newaxis]).sum(axis=-1))


def _float(gradient: np.ndarray) -> Any:
    """The dtype of a gradient, or float64 for one of whole numbers."""
    return gradient.dtype if gradient.dtype.kind == "f" else np.dtype(np.float64)


@hyperparameters
class Split(Optimizer):
    """Each parameter by the first optimizer whose pattern its name matches.

    Parameters
    ----------
    optimizers : mapping of str to Optimizer, or pairs of them
        The patterns, in which ``*`` stands for anything, ``?`` for one letter and ``[VW]`` for one of
        these; and what updates the parameters that they match. The order counts.

    Raises
    ------
    ValueError
        If there is no optimizer, or, when a state is made, if a parameter matches no pattern.

    Notes
    -----
    :meth:`~lrbook.Optimizer.step` returns the rates by pattern.

    Examples
    --------
    >>> from lrbook import SGD, Momentum
    >>> opt = Split({"W": Momentum(0.1), "*": SGD(0.5)})
    >>> theta = {"W": np.ones((2, 2)), "b": np.ones(2)}
    >>> state = opt.init(theta)
    >>> opt.step(theta, {"W": np.ones((2, 2)), "b": np.ones(2)}, state)
    {'W': 0.1, '*': 0.5}
    >>> theta["b"], list(state.slots["W"])
    (array([0.5, 0.5]), ['m'])
    """

    optimizers: Any

    def __post_init__(self) -> None:
        given = self.optimizers
        pairs = given.items() if isinstance(given, Mapping) else given
        try:
            pairs = tuple((pattern, optimizer) for pattern, optimizer in pairs)
        except (TypeError, ValueError):
            raise TypeError(f"optimizers must map patterns to Optimizers, got {given!r}") from None
        for pattern, optimizer in pairs:
            if not isinstance(pattern, str) or not isinstance(optimizer, Optimizer):
                raise TypeError(f"optimizers must map a str to an Optimizer, got {pattern!r}: {optimizer!r}")
        if not pairs:
            raise ValueError("optimizers must be at least one, got none")
        object.__setattr__(self, "optimizers", pairs)

    @property
    def lr(self) -> dict[str, Any]:
        """The rate of each optimizer, by its pattern."""
        return {pattern: optimizer.lr for pattern, optimizer in self.optimizers}

    @property
    def looks_ahead(self) -> bool:
        """Whether one of the optimizers does."""
        return any(optimizer.looks_ahead for _, optimizer in self.optimizers)

    def rate(self, step: int) -> dict[str, Any]:
        return {pattern: optimizer.rate(step) for pattern, optimizer in self.optimizers}

    def of(self, name: str) -> Optimizer:
        return self._chosen(name)[1].of(name)

    def _chosen(self, name: str) -> tuple[str, Optimizer]:
        """The first pattern that matches, and its optimizer."""
        for pattern, optimizer in self.optimizers:
            if fnmatchcase(name, pattern):
                return pattern, optimizer
        raise ValueError(
            f"a pattern of Split must match {name!r}, got {[pattern for pattern, _ in self.optimizers]}"
        )

    def gradients(self, g: Arrays) -> Arrays:
        parts: dict[str, tuple[Optimizer, Arrays]] = {}
        for name, gradient in g.items():
            pattern, optimizer = self._chosen(name)
            parts.setdefault(pattern, (optimizer, {}))[1][name] = gradient
        seen: Arrays = {}
        for optimizer, part in parts.values():
            seen |= optimizer.gradients(part)
        return seen
