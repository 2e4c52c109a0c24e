"""What a user writes, and where a type checker must object: at the lines that say so, and at no other."""

from fractions import Fraction
from typing import Any, assert_type

import numpy as np

from lrbook import SGD, Adam, Chain, Constant, CosineDecay, PiecewiseConstant, Split, Warmup

schedule = CosineDecay(lr=0.1, decay_steps=100)
assert_type(schedule(3), float)
assert_type(schedule(0.5), float)
assert_type(schedule(np.arange(3)), np.ndarray)
assert_type(schedule.lr <= 1, Any)
Adam(lr=schedule, beta1=np.array([0.5, 0.9]))
SGD(lr=lambda step: 0.1)
CosineDecay(Fraction(1, 3), np.float32(3))
Warmup(10, Chain([Constant(0.1), schedule], [50]))
PiecewiseConstant([1, 2], [0.1, 0.2, 0.3])
PiecewiseConstant(np.array([1, 2]), range(3))
Split({"W": SGD(), "*": Adam()})
CosineDecay(lr=[], decay_steps=100)  # error
CosineDecay(lr=0.1, decay_steps={})  # error
CosineDecay(lr="0.1", decay_steps=100)  # error
CosineDecay(lr=None, decay_steps=100)  # error
CosineDecay(lr=0.1)  # error
Adam(lr=0.1, eps_inside="no")  # error
Warmup(10, 0.1)  # error
Warmup(steps=10, then=schedule, shape="line")  # error
schedule.lr = 0.2  # error
