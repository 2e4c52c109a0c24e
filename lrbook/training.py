"""Runs: a problem, a start, an optimizer, and a record of everything that happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrbook.hyperparameters import as_count
from lrbook.problems import Problem
from lrbook.stepping import Optimizer, named


@dataclass(frozen=True)
class Run:
    """The record of a run of T updates.

    Attributes
    ----------
    theta : array of shape (n, ...), or a mapping of names to such arrays
        The parameters before the first update and after each that is recorded: n = T + 1 if all are.
    loss : array of shape (n, ...)
        The loss at each of them.
    lr : array of shape (T, ...), or a mapping of patterns to such arrays
        The learning rate that each update really used; by pattern, from a :class:`~lrbook.Split`.
    step : array of shape (n,)
        How many updates had been made at each entry of `theta` and `loss`.
    diverged : bool
        Whether the run ended early, because a gradient was not finite any more.
    """

    theta: Any
    loss: np.ndarray
    lr: Any
    step: np.ndarray
    diverged: bool = False


def descend(
    problem: Problem, theta0: Any, optimizer: Optimizer, steps: int, *, seed: int = 0, every: int = 1
) -> Run:
    """Minimize `problem` from `theta0` by `steps` updates of `optimizer`, and record the run.

    Parameters
    ----------
    problem : Problem
        Gives the loss and the gradient.
    theta0 : array, number, or mapping of names to arrays
        The start, which is copied. Whole numbers become float64.
    optimizer : Optimizer
        Makes the updates.
    steps : int
        How many; >= 0.
    seed : int
        Of the generator that noisy gradients are drawn with.
    every : int
        Record parameters and loss after every so many updates, and after the last; >= 1.

    Returns
    -------
    Run
        Shorter than `steps` if a gradient stopped being finite: the run is recorded until there.

    Raises
    ------
    TypeError
        If `optimizer` is no `Optimizer`, or a count no number.
    ValueError
        If a count is no whole number in its range, or `optimizer.step` refuses what the problem gave.

    Examples
    --------
    >>> from lrbook import SGD, Quadratic
    >>> run = descend(Quadratic([3.0]), np.array([4.0]), SGD(lr=0.5), steps=2)
    >>> run.theta[:, 0], run.loss, run.lr
    (array([ 4., -2.,  1.]), array([24. ,  6. ,  1.5]), array([0.5, 0.5]))
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, got {optimizer!r}")
    rng = np.random.default_rng(as_count("seed", seed))
    steps, every = as_count("steps", steps), as_count("every", every)
    if every < 1:
        raise ValueError(f"every must be >= 1, got {every}")
    theta = _copied(theta0)
    state = optimizer.init(theta)
    thetas, losses, recorded, rates = [_copied(theta)], [problem.loss(theta)], [0], []
    with np.errstate(over="ignore", invalid="ignore"):  # a run that leaves is recorded as one
        while state.t < steps:
            gradient = problem.gradient(optimizer.gradient_point(theta, state), rng)
            diverged = not all(np.isfinite(g).all() for g in named(gradient, "gradient").values())
            if not diverged:
                rates.append(optimizer.step(theta, gradient, state))
            due = diverged or state.t % every == 0 or state.t == steps
            if due and state.t > recorded[-1]:
                thetas.append(_copied(theta))
                losses.append(problem.loss(theta))
                recorded.append(state.t)
            if diverged:
                break
    return Run(
        _stacked(thetas), np.array(losses), _stacked(rates), np.array(recorded), diverged=len(rates) < steps
    )


def steps_of(
    optimizer: Optimizer, gradients: Any, lr: Any = 1.0, slots: tuple[Any, ...] | None = None
) -> np.ndarray:
    """The steps that these gradients cause, one after the other, whatever the place: old minus new.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rule is asked, each time at 0; its own rate is not.
    gradients : array of shape (T, ...)
        What each update is given.
    lr : number or schedule
        The rate. With 1 the steps come out in units of the rate.
    slots : tuple of numbers or arrays, optional
        What the memory begins with, if not with what the optimizer starts with.

    Returns
    -------
    array of the shape of `gradients`

    Examples
    --------
    >>> from lrbook import Momentum
    >>> steps_of(Momentum(beta=0.5), [1, 1, 1])
    array([1.  , 1.5 , 1.75])
    """
    gradients = np.asarray(gradients, dtype=float)
    place = np.zeros(gradients.shape[1:])
    memory, steps = list(optimizer.start(place) if slots is None else slots), []
    for t, gradient in enumerate(gradients, 1):
        moved, *memory = optimizer.rule(place, gradient, lr(t - 1) if callable(lr) else lr, t, *memory)
        steps.append(place - moved)
    return np.array(steps).reshape(gradients.shape)


def _stacked(record: list[Any]) -> Any:
    """A list of arrays as one array, a list of mappings as a mapping of such arrays."""
    if record and isinstance(record[0], Mapping):
        return {name: np.array([entry[name] for entry in record]) for name in record[0]}
    return np.array(record)


def _copied(theta: Any) -> Any:
    """A copy of the parameters, in floating point."""
    if isinstance(theta, Mapping):
        return {name: _copied(array) for name, array in theta.items()}
    array = np.array(theta)
    return array.astype(np.float64) if array.dtype.kind in "iu" else array
