"""Learning-rate schedules and optimizers whose code is the formula."""

from lrbook.best import Best, best_of
from lrbook.calling import Schedule
from lrbook.composition import Chain, Constant, Restarts, Scaled, Warmup
from lrbook.digits import Digits, load_digits
from lrbook.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from lrbook.problems import Quadratic, Rosenbrock, Slope, Turned
from lrbook.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    NaturalExpDecay,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
)
from lrbook.stepping import Optimizer, State
from lrbook.sweeps import Sweep, sweep
from lrbook.training import Run, descend, steps_of
from lrbook.wrappers import ClipByGlobalNorm, Split, WithL2, WithWeightDecay

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Best",
    "Chain",
    "ClipByGlobalNorm",
    "Constant",
    "CosineDecay",
    "Digits",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LinearCosineDecay",
    "Momentum",
    "NaturalExpDecay",
    "Nesterov",
    "NoisyLinearCosineDecay",
    "Optimizer",
    "PiecewiseConstant",
    "PolynomialDecay",
    "Quadratic",
    "RMSprop",
    "Restarts",
    "Rosenbrock",
    "Run",
    "Scaled",
    "Schedule",
    "Slope",
    "Split",
    "State",
    "Sweep",
    "Turned",
    "Warmup",
    "WithL2",
    "WithWeightDecay",
    "best_of",
    "descend",
    "load_digits",
    "steps_of",
    "sweep",
]
