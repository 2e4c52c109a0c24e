"""Sweeps: many settings tried at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import in_notebook, is_array
from lrbook.hyperparameters import Hyperparameters, as_count, unboxed
from lrbook.problems import Problem
from lrbook.stepping import Optimizer, _checked_rate, named
from lrbook.training import _copied, descend
from lrbook.wrappers import ClipByGlobalNorm, Split, Wrapper

TOGETHER = 1 << 17  # entries of theta in as many runs as NumPy makes at once: they stay in the larger cache
PATIENCE = 5.0  # seconds until a bar shows how far a sweep is


@dataclass(frozen=True)
class Sweep:
    """What the runs of a sweep end with.

    Attributes
    ----------
    theta : array of shape (\\*runs, \\*start), or a mapping of names to such arrays
        The parameters after the last update of each run.
    loss : array of shape (\\*runs, ...)
        The loss at each of them.
    updates : array of whole numbers, of shape runs
        How many updates each run made: fewer than `steps` if its gradient was not finite any more.
    steps : int
        How many were asked for.
    """

    theta: Any
    loss: np.ndarray
    updates: np.ndarray
    steps: int

    @property
    def diverged(self) -> np.ndarray:
        """Whether each run ended early, because a gradient was not finite any more."""
        return self.updates < self.steps


def sweep(
    problem: Problem,
    theta0: Any,
    optimizer: Optimizer,
    steps: int,
    *,
    seed: int = 0,
    client: Any = None,
    pieces: int | None = None,
) -> Sweep:
    """Minimize `problem` from `theta0` once for each setting of `optimizer`, all at once.

    The optimizer's settings, its schedule's among them, may be arrays. They are broadcast against one
    another, and each entry of what comes out is a run: what :func:`~lrbook.descend` does with those numbers
    for settings, from the same start, with the same draws of noise. A run whose gradient is not finite any
    more ends there; the others go on.

    Where ``lrbook[fast]`` is installed and the rule and the gradient can be written down, the runs are one
    loop of machine code, else one run of NumPy's: with the same bits. In a terminal or a notebook a bar
    shows how far a long sweep is, if ``tqdm`` is installed.

    Parameters
    ----------
    problem : Problem
        Gives the loss and the gradient of many runs at once, which are the first axis of what it is given.
    theta0 : array, number, or mapping of names to arrays
        Where every run starts. Whole numbers become float64. All is computed in the dtype of `theta0`: arrays
        in the settings of the optimizer and of the problem are rounded to it.
    optimizer : Optimizer
        Makes the updates. With no array in it, there is one run.
    steps : int
        How many updates; >= 0.
    seed : int
        Of the generator that noisy gradients are drawn with.
    client : distributed.Client, optional
        The cluster that is to make the sweep, in pieces. The result is the same, to the last bit.
    pieces : int, optional
        In how many pieces; by default one for each thread of the cluster.

    Returns
    -------
    Sweep
        ``sweep.theta``, ``sweep.loss``, ``sweep.updates`` and ``sweep.diverged``, whose first axes are runs.

    Raises
    ------
    TypeError
        If `optimizer` is no `Optimizer`, or a count no number.
    ValueError
        If settings do not broadcast, a count is no whole number in its range, the problem is not one for all
        runs, or :meth:`~lrbook.Optimizer.step` refuses what it gives.

    Notes
    -----
    Sending a piece to a worker and fetching what it found costs some ten milliseconds, so that a piece is
    worth sending from about a second of work on.

    Where one setting is an array, what other rules work out of it is an array too: ``1 - beta1**t`` is then
    NumPy's power, which may be a unit in the last place away from Python's.

    Examples
    --------
    >>> from lrbook import SGD, Quadratic
    >>> found = sweep(Quadratic([1.0]), [1.0], SGD(lr=np.array([0.5, 1.0, 3.0])), steps=2)
    >>> found.theta[:, 0], found.loss, found.diverged
    (array([0.25, 0.  , 4.  ]), array([0.03125, 0.     , 8.     ]), array([False, False, False]))
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, got {optimizer!r}")
    seed, steps = as_count("seed", seed), as_count("steps", steps)
    start = _copied(theta0)
    optimizer.init(start)
    dtypes = {part.dtype for part in named(start).values()}
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    problem = _rounded(problem, dtype)
    _check_problem(problem, start)
    runs, optimizer = _runs(optimizer), _of_each_run(optimizer)
    many = int(np.prod(runs))
    part = partial(_part, problem, start, optimizer, runs, dtype, steps, seed)
    if client is None:
        with _bar(many * steps) as tell:
            theta, updates = part(0, many, tell)
    else:
        theta, updates = _joined(_spread(client, part, many, pieces))
    shaped = {name: array.reshape(*runs, *array.shape[1:]) for name, array in theta.items()}
    ends: Any = shaped if isinstance(start, Mapping) else shaped["theta"]
    with np.errstate(all="ignore"):  # a run that left has no finite loss
        loss = np.asarray(problem.loss(ends))
    return Sweep(ends, loss, updates.reshape(runs), steps)


def _rounded(problem: Any, dtype: Any) -> Any:
    """A problem whose arrays have the dtype in which the sweep is computed."""
    if not isinstance(problem, Hyperparameters) or dtype is None:
        return problem
    return problem._with(
        lambda name, x: _rounded(x, dtype) if not is_array(x) or x.dtype.kind != "f" else x.astype(dtype)
    )


def _check_problem(problem: Any, start: Any) -> None:
    """Refuse a problem whose gradient has other axes than the parameters."""
    with np.errstate(all="ignore"):
        gradient = named(problem.gradient(start), "gradient")
    for name, array in named(start).items():
        if name in gradient and np.shape(gradient[name]) != array.shape:
            raise ValueError(
                f"the gradient of {name} must have its shape {array.shape}, got {np.shape(gradient[name])}: "
                "all runs of a sweep have one problem"
            )


def _runs(optimizer: Optimizer) -> tuple[int, ...]:
    """The shape of the runs: that to which the settings broadcast, and the first rates."""
    first = optimizer.rate(0)
    rates = first.values() if isinstance(first, Mapping) else [first]
    shapes = [np.shape(x) for _, x in optimizer._settings() if is_array(x)]
    shapes += [np.shape(_checked_rate(rate, 0)) for rate in rates]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"settings must broadcast against one another, got shapes {sorted(set(shapes) - {()})}"
        ) from None


def _of_each_run(optimizer: Any) -> Any:
    """An optimizer for parameters with one more axis in front, the runs: it limits the norm of each."""
    if isinstance(optimizer, Split):
        return replace(
            optimizer, optimizers=[(name, _of_each_run(one)) for name, one in optimizer.optimizers]
        )
    if isinstance(optimizer, Wrapper):
        optimizer = replace(optimizer, optimizer=_of_each_run(optimizer.optimizer))
    if isinstance(optimizer, ClipByGlobalNorm):
        optimizer = replace(optimizer, runs=optimizer.runs + 1)
    return optimizer


def _mixes(optimizer: Optimizer) -> bool:
    """Whether an optimizer mixes entries, so that runs would not be apart in one array."""
    if isinstance(optimizer, Split):
        return any(_mixes(one) for _, one in optimizer.optimizers)
    apart = (Optimizer.gradients, Wrapper.gradients, ClipByGlobalNorm.gradients)
    inside = isinstance(optimizer, Wrapper) and _mixes(optimizer.optimizer)
    return inside or not optimizer.elementwise or type(optimizer).gradients not in apart


def _rates(schedule: Any, runs: tuple[int, ...], which: Any, dtype: Any, step: int) -> Any:
    """The rates of some of the runs at a step, of a schedule that gives those of all, or of these."""
    rate = unboxed(schedule(step))
    if not is_array(rate):
        return rate
    if not isinstance(schedule, Schedule):
        try:
            rate = _those(rate, runs, which)
        except ValueError:
            raise ValueError(
                f"lr must broadcast to the runs, of shape {runs}, got shape {np.shape(rate)} at step {step}"
            ) from None
    _checked_rate(rate, step)
    return unboxed(rate.astype(dtype or rate.dtype))


def _those(value: Any, runs: tuple[int, ...], which: Any) -> Any:
    """The values of some runs, in one axis, or that of a single one."""
    return np.array(np.broadcast_to(value, runs).reshape(-1)[which])


def _cut(x: Any, runs: tuple[int, ...], which: Any, dtype: Any) -> Any:
    """An optimizer, a schedule, or a field's value, for some of the runs."""
    again = partial(_cut, runs=runs, which=which, dtype=dtype)
    if isinstance(x, Schedule):
        return x._with(lambda name, value: _cut(value, runs, which, None))  # rounded where it is a rate
    if isinstance(x, Optimizer):

        def change(name: str, value: Any) -> Any:
            kept = again(value)
            return partial(_rates, kept, runs, which, dtype) if callable(value) and name == "lr" else kept

        return x._with(change)
    if isinstance(x, tuple):
        return tuple(map(again, x))
    if is_array(x) and np.ndim(x):
        return unboxed(_those(x, runs, which).astype(dtype or x.dtype))
    return x


def _part(
    problem: Any,
    start: Any,
    optimizer: Optimizer,
    runs: tuple[int, ...],
    dtype: Any,
    steps: int,
    seed: int,
    first: int,
    last: int,
    tell: Any = None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The last parameters of some of the runs, one after the other, and how many updates each made."""
    from lrbook import lanes  # with it comes what makes machine code

    def some(a: int, b: int) -> Optimizer:
        return _cut(optimizer, runs, slice(a, b), dtype)  # type: ignore[no-any-return]

    def by_numpy(a: int, b: int, steps: int, tell: Any = lambda done: None) -> Any:
        return _by_numpy(problem, start, some(a, b), b - a, steps, seed, tell)

    tell = tell or (lambda done: None)
    if first < last and _mixes(optimizer):
        each = (_cut(optimizer, runs, k, dtype) for k in range(first, last))
        return _joined(_one(problem, start, one, steps, seed, tell) for one in each)
    looped = lanes.sweep(
        problem,
        start,
        some(first, last),
        last - first,
        steps,
        tell,
        lambda n, t: by_numpy(first, first + n, t),
    )
    if looped is not None:
        return looped
    size = max(1, TOGETHER // max(1, sum(part.size for part in named(start).values())))
    return _joined(
        by_numpy(i, min(i + size, last), steps, tell) for i in range(first, max(last, first + 1), size)
    )


def _joined(parts: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parts of a sweep one after the other."""
    thetas, updates = zip(*parts, strict=True)
    theta = {name: np.concatenate([theta[name] for theta in thetas]) for name in thetas[0]}
    return theta, np.concatenate(updates)


def _one(problem: Any, start: Any, optimizer: Optimizer, steps: int, seed: int, tell: Any) -> Any:
    """The end of a run by itself, as the first of one."""
    run = descend(problem, start, optimizer, steps, seed=seed, every=max(1, steps))
    tell(steps)
    return {name: array[-1:] for name, array in named(run.theta).items()}, run.step[-1:]


def _by_numpy(
    problem: Any, start: Any, optimizer: Optimizer, runs: int, steps: int, seed: int, tell: Any
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One vectorized run of all runs, from which those whose gradient is not finite any more are taken."""
    rng = _Shared(np.random.default_rng(seed))
    last = {name: np.repeat(array[np.newaxis], runs, axis=0) for name, array in named(start).items()}
    updates, going = np.full(runs, steps), np.arange(runs)
    theta: Any = {name: array.copy() for name, array in last.items()}
    theta = theta if isinstance(start, Mapping) else theta["theta"]
    state, opt = optimizer.init(theta), optimizer
    while state.t < steps and going.size:
        with np.errstate(all="ignore"):
            gradient = problem.gradient(opt.gradient_point(theta, state), rng)
        fine = np.ones(going.size, bool)
        for part in named(gradient, "gradient").values():
            fine &= np.isfinite(part).reshape(going.size, -1).all(axis=1)
        if not fine.all():
            for name, array in named(theta).items():
                last[name][going[~fine]] = array[~fine]
            updates[going[~fine]] = state.t
            going = going[fine]
            theta, gradient = (_kept(arrays, fine) for arrays in (theta, gradient))
            state.slots = {name: _kept(slots, fine) for name, slots in state.slots.items()}
            opt = _cut(optimizer, (runs,), going, None)
        if going.size:
            opt.step(theta, gradient, state)
            tell(going.size)
    for name, array in named(theta).items():
        last[name][going] = array
    return last, updates


def _kept(arrays: Any, which: np.ndarray) -> Any:
    """The entries of some runs, of an array or of each in a mapping."""
    if isinstance(arrays, Mapping):
        return {name: array[which] for name, array in arrays.items()}
    return arrays[which]


class _Shared:
    """A generator of random numbers that are the same for all runs, which are the first axis of a shape."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __getattr__(self, name: str) -> Any:
        def drawn(*args: Any, **options: Any) -> Any:
            shapes = [x for x in (*args, *options.values()) if isinstance(x, tuple)]
            args = tuple(x[1:] if isinstance(x, tuple) else x for x in args)
            options = {key: x[1:] if isinstance(x, tuple) else x for key, x in options.items()}
            values = getattr(self.rng, name)(*args, **options)
            return np.broadcast_to(values, shapes[0]) if shapes else values

        return drawn


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """A function to be told of updates, which shows on a long way how many of all have been made."""
    if not (sys.stderr.isatty() or in_notebook()):
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    with tqdm(total=total, unit=" updates", unit_scale=True, delay=PATIENCE, leave=False) as bar:
        yield bar.update


def _spread(client: Any, part: Any, many: int, pieces: int | None) -> list[Any]:
    """The parts of a sweep, in order, from the workers of a cluster."""
    pieces = sum(client.nthreads().values()) if pieces is None else as_count("pieces", pieces)
    pieces = max(1, min(pieces, many))
    cuts = [many * i // pieces for i in range(pieces + 1)]
    futures = client.map(partial(_alone, part), cuts[:-1], cuts[1:], pure=False)
    try:
        return list(client.gather(futures))
    finally:
        client.cancel(futures)  # what is not fetched is not needed: one of them was refused


def _alone(part: Any, first: int, last: int) -> Any:
    """A part of a sweep in one thread: a worker has others for the other parts."""
    from lrbook import fast

    with fast.one_thread():
        return part(first, last)
