"""What is fast, what is not, and against what: ratios within one run, so that the machine cancels out.

The two sides of a ratio are timed in turn, and the best of many rounds is taken of each. Run it on a
machine that is doing nothing else.
"""

import itertools
import subprocess
import sys
import timeit

import numpy as np

from lrbook import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    Momentum,
    NaturalExpDecay,
    Nesterov,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Quadratic,
    RMSprop,
)
from lrbook.noise import standard_normal

STEPS = 10**6
LR, T, K = 0.1, STEPS, 0.5
S = STEPS / 10


def best(*functions, rounds=15, number=1):
    """The shortest time of each function in seconds, with the rounds of all interleaved."""
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, record in zip(functions, times, strict=True):
            record.append(timeit.timeit(function, number=number) / number)
    return [min(record) for record in times]


def linear_cosine(t, noise=0.0):
    u = np.minimum(t, T) / T
    return LR * ((0.0 + 1 - u + noise) * (1 + np.cos(2 * np.pi * 0.5 * u)) / 2 + 0.001)


def noisy_linear_cosine(t):
    deviation = np.sqrt(1.0 / (1 + np.minimum(t, T)) ** 0.55)
    return linear_cosine(t, deviation * standard_normal(0, t))


PLAIN = {  # each schedule, and its formula written down in NumPy as one would
    PiecewiseConstant([T // 3, T // 2], [0.1, 0.01, 0.001]): lambda t: np.where(
        t < T // 3, 0.1, np.where(t < T // 2, 0.01, 0.001)
    ),
    ExponentialDecay(LR, S, K): lambda t: LR * K ** (t / S),
    NaturalExpDecay(LR, S, K): lambda t: LR * np.exp(-K * (t / S)),
    PolynomialDecay(LR, T): lambda t: (LR - 1e-4) * (1 - np.minimum(t, T) / T) ** 1.0 + 1e-4,
    InverseTimeDecay(LR, S, K): lambda t: LR / (1 + K * (t / S)),
    CosineDecay(LR, T): lambda t: LR * ((1 - 0.0) * (1 + np.cos(np.pi * np.minimum(t, T) / T)) / 2 + 0.0),
    LinearCosineDecay(LR, T): linear_cosine,
    NoisyLinearCosineDecay(LR, T): noisy_linear_cosine,
}


def schedules():
    """An array of a million steps against the plain expression; a single step by itself."""
    print(f"{STEPS:,} float64 steps: time over that of the plain NumPy expression (aim: at most 1.1)")
    print("one step: microseconds a call (aim: at most 2)\n")
    t = np.arange(STEPS, dtype=np.float64)
    for schedule, plain in PLAIN.items():
        np.testing.assert_allclose(schedule(t), plain(t), rtol=1e-9, atol=1e-12)
        ours, theirs = best(lambda f=schedule: f(t), lambda f=plain: f(t))
        (one,) = best(lambda f=schedule: f(500), number=20_000)
        print(f"  {type(schedule).__name__:24} {ours / theirs:5.2f}   {one * 1e6:5.2f} µs")
    ours, library = best(
        lambda: standard_normal(0, t), lambda: np.random.default_rng(0).standard_normal(STEPS)
    )
    print(
        f"\n  noise that can be asked for at any step, over NumPy's that comes in order: {ours / library:.2f}"
    )


def imports():
    """`import lrbook` against `import numpy`, each in a fresh interpreter."""

    def fresh(module):
        return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

    ours, numpy, nothing = best(fresh("lrbook"), fresh("numpy"), fresh("sys"))
    ratio = (ours - nothing) / (numpy - nothing)
    print(f"\nimport lrbook over import numpy (aim: at most 1.2): {ratio:.2f}")


def optimizers():
    """The blocked step against the formula on whole arrays, PyTorch, and a copy of what it must touch."""
    try:
        import torch
    except ImportError:
        torch = None
    size = 10**7
    print(f"\n{size:,} float32 parameters: time of one step over that of")
    print("  the same formula on whole arrays (aim: at most 0.5 with slots), PyTorch with foreach=False")
    print("  and by default (aim: below 1), and copying the arrays it reads and writes (the limit is 1)\n")
    print(f"  {'':10}  {'whole':>6} {'torch loop':>11} {'torch':>6} {'copy':>6}")
    rng = np.random.default_rng(0)
    theta, g, spare = (rng.standard_normal(size, dtype=np.float32) for _ in range(3))
    for opt in (SGD(), Momentum(), Nesterov(), Adagrad(), RMSprop(), Adadelta(), Adam(), AdamW()):
        state = opt.init(theta)
        slots = tuple(state.slots["theta"].values())

        def whole(opt=opt, slots=slots):
            theta[...], *new = opt.rule(theta, g, 1e-6, 1, *slots)
            for old, value in zip(slots, new, strict=True):
                old[...] = value

        def copy(slots=slots):  # reads theta, g and the slots, writes theta and the slots
            for array in (theta, *slots):
                np.copyto(spare, array)
            spare.sum()

        rivals = [
            torch_step(torch, type(opt).__name__, theta, g, foreach) if torch else None
            for foreach in (False, None)
        ]
        timed = best(
            lambda opt=opt, state=state: step_alone(opt, theta, g, state),
            whole,
            copy,
            *filter(None, rivals),
            rounds=5,
        )
        ours, formula, limit, *others = timed
        others = [f"{ours / other:.2f}" for other in others] or ["-", "-"]
        shown = f"{ours / formula:6.2f} {others[0]:>11} {others[1]:>6} {ours / limit:6.2f}"
        print(f"  {type(opt).__name__:10}  {shown}")


def step_alone(opt, theta, g, state):
    """A step without working out where its gradient is taken, which is the caller's part of the work."""
    state.asked = state.t
    opt.step(theta, g, state)


def torch_step(torch, name, theta, g, foreach):
    """A step of PyTorch's optimizer of that name on its own copy of the parameters, in one thread."""
    torch.set_num_threads(1)
    x = torch.nn.Parameter(torch.from_numpy(theta.copy()))
    x.grad = torch.from_numpy(g.copy())
    more = {"Momentum": {"momentum": 0.9}, "Nesterov": {"momentum": 0.9, "nesterov": True}}.get(name, {})
    kind = {"Momentum": "SGD", "Nesterov": "SGD", "RMSprop": "RMSprop"}.get(name, name)
    opt = getattr(torch.optim, kind)([x], lr=1e-6, foreach=foreach, **more)
    return opt.step


def race():
    """A sweep over schedules, rates and curvatures: one vectorized call, or a loop over scalars."""
    curvatures, sigma, steps, peaks = np.geomspace(0.01, 1, 9), 0.1, 1000, np.geomspace(0.01, 1, 100)
    shapes = [
        PiecewiseConstant([500, 750], [1.0, 0.1, 0.01]),
        ExponentialDecay(1.0, steps, 0.05),
        NaturalExpDecay(1.0, steps, 3.0),
        PolynomialDecay(1.0, steps, end_lr=0.0),
        InverseTimeDecay(1.0, steps, 19.0),
        CosineDecay(1.0, steps),
        LinearCosineDecay(1.0, steps),
        NoisyLinearCosineDecay(1.0, steps),
    ]
    bowl, at = Quadratic(curvatures, sigma), np.arange(steps)

    def together():
        rates = np.stack([shape(at) for shape in shapes], axis=1)[..., np.newaxis] * peaks
        return bowl.expected_loss(np.ones(9), rates)[-1]

    def one_by_one(some):
        losses = np.zeros((len(shapes), some.size))
        for (i, shape), (j, peak) in itertools.product(enumerate(shapes), enumerate(some.tolist())):
            for curvature in curvatures.tolist():
                square = 1.0
                for t in range(steps):
                    rate = peak * shape(t)
                    square = (1 - rate * curvature) ** 2 * square + (rate * sigma) ** 2
                losses[i, j] += curvature * square / 2
        return losses

    some = peaks[::50]  # the loop is too slow for all
    np.testing.assert_allclose(one_by_one(some), together()[:, ::50], rtol=1e-9)
    (vector,), (scalar,) = best(together, rounds=5), best(lambda: one_by_one(some), rounds=2)
    updates = [len(shapes) * n * curvatures.size * steps for n in (peaks.size, some.size)]
    throughput, scalars = updates[0] / vector, updates[1] / scalar
    print(f"\nthe race's sweep, {len(shapes)} schedules x {peaks.size} rates x {curvatures.size} curvatures:")
    print(
        f"  {throughput / 1e6:.0f} million updates a second, {throughput / scalars:.0f} times a scalar loop"
    )


if __name__ == "__main__":
    schedules()
    imports()
    optimizers()
    race()
