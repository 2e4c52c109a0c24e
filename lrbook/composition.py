r"""Schedules made of schedules: started slowly, put in a row, repeated, scaled.

Each is a schedule too, so that they nest in any way. The one inside is asked at a step of its own, which
is kept from being negative: both branches of a choice are worked out.

>>> from lrbook import CosineDecay
>>> schedule = Warmup(steps=10, then=Restarts(CosineDecay(lr=1.0, decay_steps=20), period=20))
>>> [schedule(t) for t in (0, 5, 10, 20, 30)]
[0.0, 0.5, 1.0, 0.5, 1.0]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import filled, floor, log, maximum, minimum, power, where
from lrbook.hyperparameters import AtLeastOne, NonNegative, Number, Positive, ascending, hyperparameters


@hyperparameters
class Constant(Schedule):
    r"""The same rate at every step.

    .. math:: \eta_t = \eta_0

    Parameters
    ----------
    lr : number, array or symbol
        The rate :math:`\eta_0` >= 0.

    Examples
    --------
    >>> Constant(0.1)(np.arange(3))
    array([0.1, 0.1, 0.1])
    """

    lr: NonNegative

    def rule(self, step):
        return filled(self.lr, step)


@hyperparameters
class Scaled(Schedule):
    r"""Another schedule, multiplied by a number.

    .. math:: \eta_t = c\, \eta'_t

    Parameters
    ----------
    schedule : Schedule
        What is scaled, :math:`\eta'`.
    factor : number, array or symbol
        The factor :math:`c` >= 0.

    Examples
    --------
    >>> from lrbook import InverseTimeDecay
    >>> Scaled(InverseTimeDecay(1.0, 10, 1.0), factor=0.5)(10)
    0.25
    """

    schedule: Schedule
    factor: NonNegative

    def rule(self, step):
        return self.factor * self.schedule.rule(step)


@hyperparameters
class Warmup(Schedule):
    r"""Rise along a straight line to what another schedule begins with, then follow that schedule.

    .. math:: \eta_t = \left[s + (1 - s)\min\!\left(\frac{t}{w}, 1\right)\right] \eta'_{\max(t - w,\, 0)},
        \qquad \text{or } \eta'_t \text{ at the end without } shift.

    Parameters
    ----------
    steps : number, array or symbol
        The length :math:`w` > 0 of the rise, in steps.
    then : Schedule
        What follows, :math:`\eta'`.
    start : number, array or symbol
        Where the rise begins, as a fraction :math:`s` >= 0 of the rate that it leads to; above 1 it falls.
    shift : bool
        Whether the schedule that follows begins after the rise; otherwise it runs from the first step
        on, and the line is a factor upon it.

    Examples
    --------
    >>> from lrbook import PolynomialDecay
    >>> falling = PolynomialDecay(lr=1.0, decay_steps=4, end_lr=0.0)
    >>> Warmup(4, falling)(np.arange(0, 9, 2))
    array([0. , 0.5, 1. , 0.5, 0. ])
    >>> Warmup(4, falling, start=0.5, shift=False)(np.arange(4))
    array([0.5    , 0.46875, 0.375  , 0.21875])
    """

    steps: Positive
    then: Schedule
    start: NonNegative = 0.0
    shift: bool = True

    def rule(self, step):
        climbed = minimum(step / self.steps, 1)
        line = self.start + (1 - self.start) * climbed  # exactly 1 at its end
        asked = maximum(step - self.steps, 0) if self.shift else step
        return line * self.then.rule(asked)


@hyperparameters
class Chain(Schedule):
    r"""One schedule after the other, each from its own beginning.

    .. math:: \eta_t = \eta^{(i)}_{t - b_i} \quad \text{for } b_i \le t < b_{i+1},
        \qquad b_0 = 0, \; b_{n+1} = \infty

    Parameters
    ----------
    schedules : sequence of n + 1 schedules
        What follows what.
    boundaries : sequence of n numbers
        The steps :math:`b_1 < \dots < b_n` from which the next schedule holds; each > 0.

    Examples
    --------
    >>> from lrbook import PolynomialDecay
    >>> rise, fall = PolynomialDecay(0, 4, end_lr=1.0), PolynomialDecay(1.0, 4, end_lr=0.0)
    >>> Chain([rise, Constant(1.0), fall], boundaries=[4, 8])(np.arange(0, 14, 2))
    array([0. , 0.5, 1. , 1. , 1. , 0.5, 0. ])
    """

    schedules: Sequence[Schedule]
    boundaries: Sequence[Number] | np.ndarray

    def __post_init__(self) -> None:
        given = self.schedules
        if not isinstance(given, (list, tuple)) or not all(isinstance(s, Schedule) for s in given):
            raise TypeError(f"schedules must be a sequence of Schedules, got {given!r}")
        object.__setattr__(self, "schedules", tuple(given))
        object.__setattr__(self, "boundaries", ascending(self.boundaries, "schedules", len(given)))

    def rule(self, step):
        rate = self.schedules[0].rule(step)
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            rate = where(step >= boundary, schedule.rule(maximum(step - boundary, 0)), rate)
        return rate


@hyperparameters
class Restarts(Schedule):
    r"""A schedule again and again, in cycles that may grow longer and lower :cite:p:`loshchilov2017`.

    .. math:: \eta_t = d^{\,i}\, \eta'_{\,pu}, \qquad u = \frac{t - b_i}{p\, g^i}
        \quad \text{for } b_i \le t < b_{i+1}, \qquad b_i = p\,(1 + g + \dots + g^{i-1})

    Parameters
    ----------
    schedule : Schedule
        What is repeated, :math:`\eta'`: in each cycle its first `period` steps, stretched to the cycle.
    period : number, array or symbol
        The length :math:`p` > 0 of the first cycle, in steps.
    growth : number, array or symbol
        How many times as long as the last one each cycle is: :math:`g` >= 1.
    decay : number, array or symbol
        The factor :math:`d` > 0 by which a cycle multiplies the rate.

    Examples
    --------
    >>> from lrbook import PolynomialDecay
    >>> Restarts(PolynomialDecay(1.0, 4, end_lr=0.0), 4, growth=2, decay=0.5)(np.array([0, 3, 4, 8, 11, 12]))
    array([1.    , 0.25  , 0.5   , 0.25  , 0.0625, 0.25  ])
    """

    schedule: Schedule
    period: Positive
    growth: AtLeastOne = 1.0
    decay: Positive = 1.0

    def rule(self, step):
        cycle, passed = _cycle(step / self.period, self.growth)
        return power(self.decay, cycle) * self.schedule.rule(self.period * passed)


def _cycle(u, growth):
    """The number of the cycle after `u` first cycles, and the part of it that has passed, in [0, 1).

    The logarithm finds the cycle but for rounding, which may put a cycle's first step at the end of the
    one before; its beginning and its end decide.
    """
    even = growth <= 1
    g = where(even, 2, growth)  # the sum of equal lengths has a formula of its own
    i = floor(log(1 + u * (g - 1)) / log(g))
    i = where(u >= (power(g, i + 1) - 1) / (g - 1), i + 1, i)
    i = where(u < (power(g, i) - 1) / (g - 1), i - 1, i)
    grown = (u - (power(g, i) - 1) / (g - 1)) / power(g, i)
    return where(even, floor(u), i), where(even, u - floor(u), grown)
