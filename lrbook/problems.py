r"""Problems to minimize: where a learning rate shows what it does.

A problem has a ``loss(theta)`` and a ``gradient(theta, rng=None)``. Without a random generator the
gradient is exact; with one it is what a stochastic run sees. Parameters may have leading axes, so that
many runs go on at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Protocol

import numpy as np

from lrbook.elementary import NUMBERS, cos, is_traced, sin, square
from lrbook.hyperparameters import (
    NON_NEGATIVE,
    Hyperparameters,
    Number,
    Positive,
    Rule,
    as_count,
    as_value,
    hyperparameters,
    require,
)

FINITE = Rule("a number", lambda x: x == x)
Finite = Annotated[Number, FINITE]
Finites = Annotated[Any, FINITE]  # lists of numbers too
Spread = Annotated[Any, NON_NEGATIVE]


class Problem(Protocol):
    """What :func:`lrbook.descend` asks of a problem."""

    def loss(self, theta: Any) -> Any:
        """The loss at `theta`, one number for each run."""

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> Any:
        """The gradient of the loss at `theta`, or a noisy one drawn with `rng`."""


@hyperparameters
class Quadratic(Hyperparameters):
    r"""A quadratic bowl in its own axes, whose gradient may be noisy.

    .. math:: L(\theta) = \tfrac12 \sum_i \lambda_i \theta_i^2, \qquad
        g_i = \lambda_i \theta_i + \sigma \xi_i, \qquad \xi_i \sim \mathcal N(0, 1).

    Parameters
    ----------
    eigenvalues : array of shape (..., d)
        The curvatures :math:`\lambda_i`, in units of loss over :math:`\theta^2`; one below zero makes a
        saddle. Axes before the last are bowls of separate runs; a symmetric matrix is refused.
    noise : number or array that broadcasts to the shape of theta
        The standard deviation :math:`\sigma` >= 0 of each entry of the gradient.

    Examples
    --------
    >>> bowl = Quadratic(eigenvalues=[1.0, 10.0])
    >>> theta = np.array([2.0, 1.0])
    >>> float(bowl.loss(theta)), bowl.gradient(theta)
    (7.0, array([ 2., 10.]))
    """

    eigenvalues: Finites
    noise: Spread = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        matrix = np.ndim(self.eigenvalues) == 2 and np.size(self.eigenvalues) > 1
        if matrix and np.array_equal(self.eigenvalues, np.transpose(self.eigenvalues)):
            raise ValueError(
                "eigenvalues must be the curvatures themselves, got a symmetric matrix: give its "
                "numpy.linalg.eigvalsh"
            )

    def loss(self, theta: Any) -> Any:
        """The loss at each `theta` of shape (..., d), of shape (...)."""
        return self.mean_loss(square(theta))

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> Any:
        """The gradient at `theta`, of its shape; with the noise drawn from `rng` if there is one."""
        exact = self.eigenvalues * theta
        silent = type(self.noise) in NUMBERS and self.noise == 0
        return exact if rng is None or silent else exact + self.noise * rng.standard_normal(theta.shape)

    def expected_update(self, mean_square: Any, rate: Any) -> Any:
        r"""The mean square of :math:`\theta_i` after one update, from that before it.

        .. math:: \mathbb E\,\theta_{t+1}^2 = (1 - \eta_t\lambda)^2\, \mathbb E\,\theta_t^2
            + \eta_t^2 \sigma^2.

        Numbers, arrays and symbols are all welcome.
        """
        return square(1 - rate * self.eigenvalues) * mean_square + square(rate * self.noise)

    def mean_loss(self, mean_square: Any) -> Any:
        """The mean of the loss where that of the squares of the parameters, of shape (..., d), is this."""
        return (self.eigenvalues * mean_square).sum(axis=-1) / 2

    def expected_square(self, theta0: Any, rates: Any, every: int = 1) -> np.ndarray:
        r"""The exact mean of :math:`\theta_i^2` before and after each update of a noisy run of SGD.

        It is :meth:`expected_update`, step by step; nothing is sampled.

        Parameters
        ----------
        theta0 : array of shape (d,)
            The start.
        rates : array of shape (steps, ...)
            The learning rates :math:`\eta_t`; axes after the first are separate runs.
        every : int
            Record after every so many updates, and after the last; >= 1.

        Returns
        -------
        array of shape (steps + 1, ..., d), or of as many entries as are recorded
        """
        squares = self._expected_squares(theta0, rates, every)
        first = next(squares)
        record = np.empty((1 - -len(rates) // int(every), *first.shape))  # a whole number by now
        for t, mean_square in enumerate(chain([first], squares)):
            record[t] = mean_square
        return record

    def expected_loss(self, theta0: Any, rates: Any, every: int = 1) -> np.ndarray:
        r"""The exact mean of the loss before and after each update of a noisy run of SGD.

        .. math:: \mathbb E\,L(\theta_t) = \tfrac12 \sum_i \lambda_i\, \mathbb E\,\theta_{t,i}^2

        Parameters
        ----------
        theta0 : array of shape (d,)
            The start.
        rates : array of shape (steps, ...)
            The learning rates :math:`\eta_t`; axes after the first are separate runs.
        every : int
            Record after every so many updates, and after the last; >= 1.

        Returns
        -------
        array of shape (steps + 1, ...), or of as many entries as are recorded

        Examples
        --------
        >>> bowl = Quadratic([1.0, 4.0], noise=0.1)
        >>> rates = np.array([[0.1, 0.2], [0.1, 0.0]])  # two runs of two updates
        >>> bowl.expected_loss([1.0, 1.0], rates).round(3)
        array([[2.5  , 2.5  ],
               [1.125, 0.401],
               [0.588, 0.401]])
        """
        squares = self._expected_squares(theta0, rates, every)
        return np.array([self.mean_loss(mean_square) for mean_square in squares])

    def best_rates(self, theta0: Any, rates: Any, *, sweeps: int = 500, rtol: float = 1e-9) -> np.ndarray:
        r"""The learning rates with the smallest expected loss after the last update.

        As a function of one rate alone, the others fixed, that loss is a parabola with its bottom at

        .. math:: \eta_t = \frac{\sum_i \lambda_i D_{t,i}\, \mathbb E\,\theta_{t,i}^2}
            {\sum_i D_{t,i} (\lambda_i^2\, \mathbb E\,\theta_{t,i}^2 + \sigma^2)}, \qquad
            D_{t,i} = \lambda_i \prod_{s > t} (1 - \eta_s \lambda_i)^2.

        Each rate in turn is put there, again and again until none moves any more. What is found is
        a minimum along every coordinate; it is not proved to be the lowest of all.

        Parameters
        ----------
        theta0 : array of shape (d,)
            The start.
        rates : array of shape (steps, ...)
            Where to begin; axes after the first are separate searches.
        sweeps : int
            How often each rate may be moved.
        rtol : float
            The change of a rate, relative to the largest, that counts as none.

        Returns
        -------
        array of the shape of `rates`, after broadcasting

        Raises
        ------
        ValueError
            If there is no noise, or a curvature is not > 0: then no rates are best.
        RuntimeError
            If the rates still move in the last sweep, as they also do where the squares overflow.

        Examples
        --------
        With one curvature it is 1/t, whatever the search begins with.

        >>> Quadratic([1.0], noise=1.0).best_rates([1.0], np.full(4, 0.1)).round(6)
        array([0.5     , 0.333333, 0.25    , 0.2     ])
        """
        if not np.all(np.greater(self.noise, 0)):
            raise ValueError(f"noise must be > 0 for best rates, got {self.noise}")
        if not np.all(np.greater(self.eigenvalues, 0)):
            raise ValueError(f"eigenvalues must be > 0 for best rates, got {self.eigenvalues}")
        first = next(self._expected_squares(theta0, rates, 1))
        best = np.array([np.broadcast_to(rate, first.shape[:-1]) for rate in rates], dtype=float)
        weight = np.empty((len(best), *first.shape))  # D
        for _ in range(as_count("sweeps", sweeps)):
            before, mean_square, later = best.copy(), first, np.broadcast_to(self.eigenvalues, first.shape)
            for t in reversed(range(len(best))):
                weight[t] = later
                later = later * (1 - best[t, ..., np.newaxis] * self.eigenvalues) ** 2
            with np.errstate(over="ignore", invalid="ignore"):
                for t in range(len(best)):
                    pull = self.eigenvalues * mean_square
                    spread = self.eigenvalues * pull + np.square(self.noise)
                    best[t] = (weight[t] * pull).sum(axis=-1) / (weight[t] * spread).sum(axis=-1)
                    mean_square = self.expected_update(mean_square, best[t, ..., np.newaxis])
            if np.all(np.abs(best - before) <= rtol * best.max(axis=0, initial=0)):
                return best
        raise RuntimeError(f"the best rates must settle within sweeps, got {sweeps}, and they still move")

    def _expected_squares(self, theta0: Any, rates: Any, every: int) -> Iterator[np.ndarray]:
        """The mean square of each parameter of each run, before, after every so many updates and the last."""
        from lrbook import fast  # it stands on this module, and is not needed before

        rates = np.asarray(as_value("rates", rates), dtype=float)[..., np.newaxis]
        if rates.ndim == 1:
            raise ValueError(f"rates must have a first axis, the steps, got the number {rates[0]}")
        require("rates", rates, FINITE)
        if as_count("every", every) < 1:
            raise ValueError(f"every must be >= 1, got {every}")
        others = map(np.shape, (theta0, self.eigenvalues, self.noise))
        shape = np.broadcast_shapes(rates.shape[1:], *others)
        mean_square = np.broadcast_to(np.square(np.asarray(theta0, dtype=float)), shape)
        yield mean_square
        if looped := fast.squares(self, mean_square, rates[..., 0], every):
            yield from looped
            return
        for t, rate in enumerate(rates, 1):
            with np.errstate(over="ignore", invalid="ignore"):  # a run that leaves is at infinity
                mean_square = self.expected_update(mean_square, rate)
            if t % every == 0 or t == len(rates):
                yield mean_square


@hyperparameters
class Turned(Hyperparameters):
    r"""A problem whose axes are turned against those of the parameters.

    .. math:: L(\theta) = L'(\theta R), \qquad g(\theta) = g'(\theta R)\, R^\top

    Parameters
    ----------
    problem : Problem
        What is turned, :math:`L'`.
    axes : array of shape (d, d)
        Its axes, in the columns of the orthogonal matrix :math:`R`; see :func:`lrbook.problems.rotation`.

    Examples
    --------
    >>> bowl = Turned(Quadratic([1.0, 9.0]), axes=[[0.8, 0.6], [-0.6, 0.8]])
    >>> bowl.gradient(np.array([0.8, -0.6])).round(12)  # along the first axis, whose curvature is 1
    array([ 0.8, -0.6])
    """

    problem: Any
    axes: Finites

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = np.shape(self.axes)
        if is_traced(self.axes):
            return
        as_wide = len(shape) == 2 and shape[0] == shape[1]
        if not as_wide or not np.allclose(self.axes @ self.axes.T, np.eye(*shape)):
            raise ValueError(f"axes must be the columns of an orthogonal matrix, got {self.axes}")

    def loss(self, theta: Any) -> Any:
        """The loss at each `theta` of shape (..., d), of shape (...)."""
        return self.problem.loss(theta @ self.axes)

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> Any:
        """The gradient at `theta`, of its shape; noisy if that of the problem is, with `rng`."""
        return self.problem.gradient(theta @ self.axes, rng) @ self.axes.T


def rotation(degrees: float) -> np.ndarray:
    """The axes of a plane, turned by an angle in degrees.

    >>> rotation(90).round(12) + 0.0
    array([[ 0.,  1.],
           [-1.,  0.]])
    """
    angle = degrees * (np.pi / 180)
    cosine, sine = cos(angle), sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


@hyperparameters
class Slope(Hyperparameters):
    r"""A slope without end, whose gradient is the same everywhere.

    .. math:: L(\theta) = c \sum_i \theta_i, \qquad g_i = c

    Parameters
    ----------
    size : number
        The gradient :math:`c`.

    Examples
    --------
    >>> Slope(3.0).gradient(np.zeros(2))
    array([3., 3.])
    """

    size: Finite = 1.0

    def loss(self, theta: Any) -> Any:
        """The loss at each `theta` of shape (..., d), of shape (...)."""
        return self.size * theta.sum(axis=-1)

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> Any:
        """The gradient at `theta`, of its shape; there is no noise to draw."""
        return np.full_like(theta, self.size)


@hyperparameters
class Rosenbrock(Hyperparameters):
    r"""A curved valley with steep walls and a flat floor.

    .. math:: L(x, y) = (a - x)^2 + b\,(y - x^2)^2,

    with its minimum, 0, at :math:`(a, a^2)`.

    Parameters
    ----------
    a : number
        Where the minimum is.
    b : number
        How steep the walls are; > 0.

    Examples
    --------
    >>> float(Rosenbrock().loss(np.array([1.0, 1.0])))
    0.0
    """

    a: Finite = 1.0
    b: Positive = 100.0

    def loss(self, theta: Any) -> Any:
        """The loss at each `theta` of shape (..., 2), of shape (...)."""
        x, y = theta[..., 0], theta[..., 1]
        return square(self.a - x) + self.b * square(y - square(x))

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> Any:
        """The gradient at `theta`, of its shape; there is no noise to draw."""
        x, y = theta[..., 0], theta[..., 1]
        wall = y - square(x)
        return np.stack([-2 * (self.a - x) - 4 * self.b * x * wall, 2 * self.b * wall], axis=-1)
