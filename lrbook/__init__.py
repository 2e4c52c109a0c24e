"""Learning-rate schedules and optimizers whose code is the formula."""

from lrbook.optimizers import SGD, Optimizer, State
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
from lrbook.training import Run, descend

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "CosineDecay",
    "Digits",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LinearCosineDecay",
    "NaturalExpDecay",
    "NoisyLinearCosineDecay",
    "Optimizer",
    "PiecewiseConstant",
    "PolynomialDecay",
    "Quadratic",
    "Rosenbrock",
    "Run",
    "Schedule",
    "State",
    "descend",
    "load_digits",
]
