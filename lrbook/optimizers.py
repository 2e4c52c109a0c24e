r"""Optimizers: how a gradient changes the parameters.

Each class is a frozen dataclass of hyperparameters whose :meth:`~lrbook.Optimizer.rule` is the formula; the
arguments after ``t`` are its memory. What changes during a run is in a :class:`~lrbook.State`.

>>> import numpy as np
>>> theta, opt = np.array([1.0, -2.0]), SGD(lr=0.5)
>>> state = opt.init(theta)
>>> opt.step(theta, np.array([1.0, 1.0]), state)
0.5
>>> theta, state.t
(array([ 0.5, -2.5]), 1)
"""

from __future__ import annotations

from lrbook.elementary import sqrt
from lrbook.hyperparameters import BelowOne, NonNegative, PositiveOrSchedule, hyperparameters
from lrbook.stepping import Optimizer


@hyperparameters
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

    def rule(self, theta, g, lr, t):
        return (theta - lr * g,)


@hyperparameters
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

    def rule(self, theta, g, lr, t, m):
        m = self.beta * m + lr * g
        return theta - m, m


@hyperparameters
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

    def point(self, theta, m):
        return theta - self.beta * m


def _root(average, eps, inside):
    """The root of an average of squares, kept from zero by `eps` inside or outside of it."""
    return sqrt(average + eps) if inside else sqrt(average) + eps


@hyperparameters
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

    def rule(self, theta, g, lr, t, G):
        G = G + g * g
        return theta - lr * g / _root(G, self.eps, self.eps_inside), G


@hyperparameters
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

    def rule(self, theta, g, lr, t, G):
        G = self.beta * G + (1 - self.beta) * g * g
        return theta - lr * g / _root(G, self.eps, self.eps_inside), G


@hyperparameters
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

    def rule(self, theta, g, lr, t, G, E):
        G = self.beta * G + (1 - self.beta) * g * g
        delta = -sqrt(E + self.eps) / sqrt(G + self.eps) * g
        E = self.beta * E + (1 - self.beta) * delta * delta
        return theta + lr * delta, G, E


@hyperparameters
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

    def rule(self, theta, g, lr, t, m, v):
        m = self.beta1 * m + (1 - self.beta1) * g
        v = self.beta2 * v + (1 - self.beta2) * g * g
        m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta - lr * m_hat / _root(v_hat, self.eps, self.eps_inside), m, v


def decayed(new, theta, lr, lam):
    """The parameters after a step, pulled toward zero beside it: in proportion to what they were before."""
    return new - lr * lam * theta


@hyperparameters
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

    def rule(self, theta, g, lr, t, m, v):
        new, m, v = super().rule(theta, g, lr, t, m, v)
        return decayed(new, theta, lr, self.weight_decay), m, v
