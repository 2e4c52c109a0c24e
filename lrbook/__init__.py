"""Learning-rate schedules and optimizers whose code is the formula."""

from lrbook.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
    State,
    WithL2,
    WithWeightDecay,
)
from lrbook.problems import Digits, Quadratic, Rosenbrock, load_digits
from lrbook.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    NaturalExpDecay,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Schedule,
)
from lrbook.sweeps import Best, best_of
from lrbook.training import Run, descend

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Best",
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
    "Rosenbrock",
    "Run",
    "Schedule",
    "State",
    "WithL2",
    "WithWeightDecay",
    "best_of",
    "descend",
    "load_digits",
]
