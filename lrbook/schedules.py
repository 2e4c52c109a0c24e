r"""Learning-rate schedules: the rate as a function of the step alone.

`step` counts the updates already made, so the first update uses ``schedule(0)`` and a run of
:math:`T` updates uses ``schedule(0)`` to ``schedule(T - 1)``. The unit of `step` is whatever
``decay_steps`` and ``boundaries`` are given in: updates, epochs or tokens.

Each class is a frozen dataclass of hyperparameters whose :meth:`~lrbook.Schedule.rule` is the formula. The
definitions are TensorFlow 1's :cite:p:`tflrdecay` except where a class says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import ceil, cospi, exp, filled, floor, maximum, minimum, power, sqrt, where
from lrbook.hyperparameters import (
    NON_NEGATIVE,
    Count,
    Fraction,
    NonNegative,
    Number,
    Positive,
    ascending,
    hyperparameters,
    numbers,
)
from lrbook.noise import standard_normal


@hyperparameters
class PiecewiseConstant(Schedule):
    r"""Hold one rate, then drop to the next.

    .. math::

        \eta_t = \begin{cases}
            v_0 & t < b_1 \\
            v_i & b_i \le t < b_{i+1} \\
            v_n & t \ge b_n
        \end{cases}

    Parameters
    ----------
    boundaries : sequence of n numbers
        The steps :math:`b_1 < \dots < b_n` from which the next value holds; each > 0.
    values : sequence of n + 1 numbers
        The rates :math:`v_0, \dots, v_n`; each >= 0. Any of them may be an array.

    Raises
    ------
    ValueError
        Also if the boundaries are out of order or not one fewer than the values.

    Notes
    -----
    TensorFlow and Keras keep the old value at the boundary itself (``step <= boundary``), PyTorch and
    optax use the new one, as here.

    Examples
    --------
    >>> schedule = PiecewiseConstant(boundaries=[10, 20], values=[1.0, 0.5, 0.1])
    >>> [schedule(t) for t in (0, 9, 10, 19, 20, 1000)]
    [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    """

    boundaries: Sequence[Number] | np.ndarray
    values: Sequence[Number] | np.ndarray

    def __post_init__(self) -> None:
        values = numbers("values", self.values, NON_NEGATIVE)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "boundaries", ascending(self.boundaries, "values", len(values)))

    def rule(self, step):
        rate = filled(self.values[0], step)
        for boundary, value in zip(self.boundaries, self.values[1:], strict=False):
            rate = where(step >= boundary, value, rate)
        return rate


def periods_passed(step, decay_steps, staircase):
    """The periods of `decay_steps` that have passed: only the whole ones on a staircase."""
    periods = step / decay_steps
    return floor(periods) if staircase else periods


@hyperparameters
class ExponentialDecay(Schedule):
    r"""Multiply the rate by the same factor in every period.

    .. math:: \eta_t = \eta_0\, k^{t/s}, \qquad
        \text{or } \eta_0\, k^{\lfloor t/s \rfloor} \text{ on a staircase.}

    Parameters
    ----------
    lr : number, array or symbol
        The first rate :math:`\eta_0` > 0.
    decay_steps : number, array or symbol
        The period :math:`s` > 0, in steps.
    decay_rate : number, array or symbol
        The factor :math:`k` > 0 by which a period multiplies the rate.
    staircase : bool
        Whether the rate falls only at whole periods.

    Notes
    -----
    There is no floor: with a factor below 1 the rate falls for ever. A factor of 1 is a constant rate,
    and one above 1 a rate that grows without end.

    Examples
    --------
    >>> ExponentialDecay(lr=1.0, decay_steps=10, decay_rate=0.25)(5)
    0.5
    >>> ExponentialDecay(1.0, 10, 0.25, staircase=True)(np.array([9, 10, 11]))
    array([1.  , 0.25, 0.25])
    """

    lr: Positive
    decay_steps: Positive
    decay_rate: Positive
    staircase: bool = False

    def rule(self, step):
        periods = periods_passed(step, self.decay_steps, self.staircase)
        return self.lr * power(self.decay_rate, periods)


@hyperparameters
class NaturalExpDecay(Schedule):
    r"""Exponential decay written with base e: :class:`ExponentialDecay` with the factor exp(-k).

    .. math:: \eta_t = \eta_0\, e^{-k t/s}, \qquad
        \text{or } \eta_0\, e^{-k \lfloor t/s \rfloor} \text{ on a staircase.}

    Parameters
    ----------
    lr : number, array or symbol
        The first rate :math:`\eta_0` > 0.
    decay_steps : number, array or symbol
        The period :math:`s` > 0, in steps.
    decay_rate : number, array or symbol
        The rate of decay :math:`k` > 0, per period.
    staircase : bool
        Whether the rate falls only at whole periods.

    Notes
    -----
    TensorFlow's docstring once (in 1.4) printed the formula without :math:`s`; its code divided by it.

    Examples
    --------
    >>> NaturalExpDecay(lr=1.0, decay_steps=10, decay_rate=2.0)(5)
    0.36787944117144233
    >>> NaturalExpDecay(1.0, 10, 2.0, staircase=True)(9)
    1.0
    """

    lr: Positive
    decay_steps: Positive
    decay_rate: Positive
    staircase: bool = False

    def rule(self, step):
        periods = periods_passed(step, self.decay_steps, self.staircase)
        return self.lr * exp(-self.decay_rate * periods)


@hyperparameters
class PolynomialDecay(Schedule):
    r"""Fall from `lr` to `end_lr` along a power of a straight line.

    .. math:: \eta_t = (\eta_0 - \eta_e)(1 - u)^p + \eta_e, \qquad u = \frac{\min(t, T)}{T},
        \qquad \text{or } u = \frac{t/T}{\max(1, \lceil t/T \rceil)} \text{ with } cycle.

    Parameters
    ----------
    lr : number, array or symbol
        The first rate :math:`\eta_0` >= 0.
    decay_steps : number, array or symbol
        The horizon :math:`T` > 0, in steps.
    end_lr : number, array or symbol
        The last rate :math:`\eta_e` >= 0. Its default is above the rates used in fine-tuning: from
        an `lr` below it the schedule *rises*.
    power : number, array or symbol
        The exponent :math:`p` > 0; 1 is a straight line.
    cycle : bool
        Whether the horizon moves on to the next multiple of `decay_steps` whenever it is passed, so
        that the rate jumps up; otherwise the last rate holds.

    Examples
    --------
    >>> PolynomialDecay(lr=1.0, decay_steps=4, end_lr=0.0)(np.array([0, 1, 4, 5]))
    array([1.  , 0.75, 0.  , 0.  ])
    >>> PolynomialDecay(1.0, 4, end_lr=0.0, cycle=True)(np.array([4, 5, 8]))
    array([0.   , 0.375, 0.   ])
    """

    lr: NonNegative
    decay_steps: Positive
    end_lr: NonNegative = 1e-4
    power: Positive = 1.0
    cycle: bool = False

    def rule(self, step):
        if self.cycle:
            periods = step / self.decay_steps
            progress = periods / maximum(1, ceil(periods))  # in [0, 1], rounding included
        else:
            progress = minimum(step, self.decay_steps) / self.decay_steps
        return (self.lr - self.end_lr) * power(1 - progress, self.power) + self.end_lr


@hyperparameters
class InverseTimeDecay(Schedule):
    r"""Divide the rate by a straight line.

    .. math:: \eta_t = \frac{\eta_0}{1 + k t/s}, \qquad
        \text{or } \frac{\eta_0}{1 + k \lfloor t/s \rfloor} \text{ on a staircase.}

    Parameters
    ----------
    lr : number, array or symbol
        The first rate :math:`\eta_0` > 0.
    decay_steps : number, array or symbol
        The period :math:`s` > 0, in steps.
    decay_rate : number, array or symbol
        What a period adds to the denominator: :math:`k` > 0.
    staircase : bool
        Whether the rate falls only at whole periods.

    Examples
    --------
    >>> InverseTimeDecay(lr=1.0, decay_steps=10, decay_rate=2.0)(np.array([0, 5, 10]))
    array([1.        , 0.5       , 0.33333333])
    >>> InverseTimeDecay(1.0, 10, 2.0, staircase=True)(9)
    1.0
    """

    lr: Positive
    decay_steps: Positive
    decay_rate: Positive
    staircase: bool = False

    def rule(self, step):
        periods = periods_passed(step, self.decay_steps, self.staircase)
        return self.lr / (1 + self.decay_rate * periods)


@hyperparameters
class CosineDecay(Schedule):
    r"""Fall along half a period of a cosine: slowly, then fast, then slowly.

    .. math:: \eta_t = \eta_0 \left[(1 - \alpha)\,\frac{1 + \cos(\pi u)}{2} + \alpha\right],
        \qquad u = \frac{\min(t, T)}{T}.

    Parameters
    ----------
    lr : number, array or symbol
        The first rate :math:`\eta_0` > 0.
    decay_steps : number, array or symbol
        The horizon :math:`T` > 0, in steps; the last rate holds after it.
    alpha : number, array or symbol
        The last rate as a fraction of `lr`, in [0, 1].

    Notes
    -----
    This is the formula of :cite:t:`loshchilov2017` for one period, without its restarts.

    Examples
    --------
    >>> schedule = CosineDecay(lr=1.0, decay_steps=10, alpha=0.5)
    >>> [round(schedule(t), 12) for t in (0, 5, 10, 11)]
    [1.0, 0.75, 0.5, 0.5]
    >>> import sympy
    >>> t, T, eta = sympy.symbols("t T eta", positive=True)
    >>> CosineDecay(lr=eta, decay_steps=T)(t)
    eta*(cos(pi*Min(T, t)/T)/2 + 1/2)
    """

    lr: Positive
    decay_steps: Positive
    alpha: Fraction = 0.0

    def rule(self, step):
        progress = minimum(step, self.decay_steps) / self.decay_steps
        cosine = (1 + cospi(progress)) / 2  # from 1 to 0
        return self.lr * ((1 - self.alpha) * cosine + self.alpha)


@hyperparameters
class LinearCosineDecay(Schedule):
    r"""A straight line multiplied by a cosine, above a floor.

    .. math:: \eta_t = \eta_0 \left[(\alpha_\ell + 1 - u)\,\frac{1 + \cos(2\pi n u)}{2} + \beta_\ell\right],
        \qquad u = \frac{\min(t, T)}{T}.

    Parameters
    ----------
    lr : number, array or symbol
        The scale :math:`\eta_0` > 0. The first rate, :math:`\eta_0(1 + \alpha_\ell + \beta_\ell)`, is above
        it.
    decay_steps : number, array or symbol
        The horizon :math:`T` > 0, in steps; the last rate holds after it.
    num_periods : number, array or symbol
        The periods :math:`n` > 0 of the cosine within the horizon.
    alpha : number, array or symbol
        What is added to the line: :math:`\alpha_\ell` >= 0.
    beta : number, array or symbol
        What is added to the product: :math:`\beta_\ell` >= 0, a floor as a fraction of `lr`.

    Notes
    -----
    Introduced with the optimizer search of :cite:t:`bello2017`.

    Examples
    --------
    >>> schedule = LinearCosineDecay(lr=1.0, decay_steps=10)
    >>> [round(schedule(t), 12) for t in (0, 5, 10, 11)]
    [1.001, 0.251, 0.001, 0.001]
    """

    lr: Positive
    decay_steps: Positive
    num_periods: Positive = 0.5
    alpha: NonNegative = 0.0
    beta: NonNegative = 0.001

    def rule(self, step):
        progress = minimum(step, self.decay_steps) / self.decay_steps
        line, cosine = _line_and_cosine(progress, self.num_periods)
        return self.lr * ((self.alpha + line) * cosine + self.beta)


@hyperparameters
class NoisyLinearCosineDecay(Schedule):
    r"""Linear cosine decay with noise on the line, of a variance that falls with the step.

    .. math:: \eta_t = \eta_0 \left[(\alpha_\ell + 1 - u + \nu_t z_t)\,
        \frac{1 + \cos(2\pi n u)}{2} + \beta_\ell\right],
        \qquad \nu_t^2 = \frac{\nu_0^2}{(1 + \min(t, T))^{\zeta}}, \qquad z_t \sim \mathcal N(0, 1).

    Parameters
    ----------
    lr : number, array or symbol
        The scale :math:`\eta_0` > 0.
    decay_steps : number, array or symbol
        The horizon :math:`T` > 0, in steps. After it the noise goes on, with the variance of step T: the rate
        is still only where the cosine ends at 0, as by default.
    initial_variance : number, array or symbol
        The variance :math:`\nu_0^2` >= 0 of the noise at step 0.
    variance_decay : number, array or symbol
        The exponent :math:`\zeta` >= 0 with which the variance falls.
    num_periods, alpha, beta : number, array or symbol
        As for :class:`LinearCosineDecay`.
    seed : int
        Chooses the noise, which depends on `seed` and `step` alone.

    Notes
    -----
    The noise can make a rate negative. With symbols :math:`z_t` is the real symbol ``z``.

    Examples
    --------
    >>> schedule = NoisyLinearCosineDecay(lr=1.0, decay_steps=10, seed=1)
    >>> bool(schedule(3) == schedule(np.arange(10))[3])
    True
    """

    lr: Positive
    decay_steps: Positive
    initial_variance: NonNegative = 1.0
    variance_decay: NonNegative = 0.55
    num_periods: Positive = 0.5
    alpha: NonNegative = 0.0
    beta: NonNegative = 0.001
    seed: Count = 0

    def rule(self, step):
        reached = minimum(step, self.decay_steps)
        line, cosine = _line_and_cosine(reached / self.decay_steps, self.num_periods)
        variance = self.initial_variance / power(1 + reached, self.variance_decay)
        noise = sqrt(variance) * standard_normal(self.seed, step)
        return self.lr * ((self.alpha + line + noise) * cosine + self.beta)


def _line_and_cosine(progress, num_periods):
    """The two factors of the linear cosine schedules, each in [0, 1] and 1 at step 0."""
    return 1 - progress, (1 + cospi(2 * num_periods * progress)) / 2
