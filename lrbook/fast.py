"""Where loops of machine code take the place of NumPy: by the same calls, with the same bits.

With ``llvmlite`` installed (``pip install lrbook[fast]``), steps of large parameters, long arrays of rates,
expected losses and sweeps run as loops made from their rules (:mod:`lrbook.trace`, :mod:`lrbook.machine`).
A rule that cannot be written down, or does what a loop does not do with NumPy's bits, is left to NumPy. So is
one whose loop gives another bit than NumPy for a few lanes of random numbers, before it is used at all.

The environment variable ``LRBOOK_FAST=0`` turns loops off; ``LRBOOK_THREADS`` says how many threads they may
use, else as many as there are processors for this process. Results depend on neither.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from lrbook.calling import Schedule
from lrbook.elementary import is_array
from lrbook.hyperparameters import unboxed
from lrbook.machine import COMPARED, KNOWN, Loop, Unknown, spaced, spread
from lrbook.stepping import Optimizer
from lrbook.trace import PYTHON, Operation, Trace, Traced, _freed, finished, trace, written

SMALLEST = 1 << 16  # entries: below, NumPy's blocks take no longer, and nothing has to be built
LONGEST = 1 << 18  # steps: up to here NumPy needs less time than a loop takes to be built
ROOM = 1 << 19  # entries of all arrays of a part of a long row of steps: they stay in the larger cache
LANES_OF_RUNS = 1 << 9  # fewer runs fill no vectors, and NumPy's calls take no longer than the loop's
MOST_ENTRIES = 32  # of a parameter whose sweep is a loop: each is written down by itself
LANES_A_THREAD = 1 << 15  # fewer are not worth waking a thread for
SAMPLE = 67  # lanes on which a loop is held against NumPy: no multiple of a vector
CALLS = {"cos": np.cos, "sin": np.sin, "exp": np.exp, "log": np.log, "power": np.power}
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def enabled() -> bool:
    """Whether loops of machine code are used: ``llvmlite`` is there, and ``LRBOOK_FAST`` is not 0."""
    return os.environ.get("LRBOOK_FAST") != "0" and _installed()


@cache
def _installed() -> bool:
    return find_spec("llvmlite") is not None


def threads(lanes: int | None = None) -> int:
    """How many threads a loop over so many lanes runs in."""
    given = "1" if _ALONE.get() else os.environ.get("LRBOOK_THREADS")
    most = int(given) if given and given.isdecimal() and int(given) else _processors()
    return most if lanes is None else max(1, min(most, lanes // LANES_A_THREAD))


_ALONE = ContextVar("_ALONE", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Where this holds, a loop runs in the thread that calls it alone."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


@cache
def _processors() -> int:
    here = getattr(os, "sched_getaffinity", None)
    return len(here(0)) if here else os.cpu_count() or 1


def numbers_of(
    record: Trace,
    wanted: Sequence[Any],
    names: Sequence[str] = (),
    operations: Sequence[Operation] | None = None,
) -> Callable[..., list[Any]]:
    """A function of values of these names: what comes of them and of the settings, as wanted.

    It does the operations that are the same for all lanes, if no others are named. What comes of the settings
    alone is worked out once.
    """
    if operations is None:
        operations = [operation for operation in record.operations if operation.uniform]
    known, asked, later = dict(zip(record.settings, record.values, strict=True)), set(names), []
    for o in operations:
        if asked.intersection(o.arguments):
            asked.add(o.name)
            later.append((o.name, PYTHON[o.function], o.arguments))
        else:
            known[o.name] = PYTHON[o.function](*(known.get(x, x) for x in o.arguments))

    def numbers(*values: Any) -> list[Any]:
        now = known | dict(zip(names, values, strict=True))
        for name, function, arguments in later:
            now[name] = function(*[now.get(x, x) for x in arguments])
        return [now.get(x, x) for x in wanted]

    return numbers


def varying(record: Trace) -> list[Operation]:
    """The operations of a rule that are done in each lane."""
    return [operation for operation in record.operations if not operation.uniform]


def attempted(make: Callable[[], Any]) -> Any:
    """What is made, or None where that cannot be.

    Anybody's rule may fail in any way when it is traced; what is wrong with it, NumPy will bring to light.
    """
    try:
        return make()
    except Exception:
        return None


def made(x: Any, key: Any, make: Callable[[], Any]) -> Any:
    """What was made of an optimizer or a schedule under a key, once; None where that could not be."""
    if key not in x._loops:
        x._loops[key] = attempted(make)
    return x._loops[key]


# --- an optimizer's step


def update(opt: Optimizer, lr: float, t: int, arrays: Sequence[np.ndarray]) -> bool:
    """Update theta and slots in place, of theta, gradient and slots, if a loop can; say whether it did."""
    theta = arrays[0]
    if theta.size < SMALLEST or not enabled() or theta.dtype not in FLOATS or not _apart(arrays):
        return False
    if any(a.dtype != theta.dtype for a in arrays):
        return False
    run = made(opt, theta.dtype, lambda: _stepper(opt, theta.dtype))
    if run is None:
        return False
    run(lr, t, [a.reshape(-1) for a in arrays])
    return True


def sum_of_squares(row: np.ndarray) -> float:
    """The sum of the squares of a row, of which each thread looks at a part."""
    if row.size < SMALLEST or not enabled():
        return float(np.dot(row, row))
    sums = []

    def part(cut: slice) -> None:
        with np.errstate(all="ignore"):  # a thread does not know what the others ignore
            sums.append(float(np.dot(row[cut], row[cut])))

    spread(part, row.size, threads(row.size))
    return sum(sums)


def _stepper(opt: Optimizer, dtype: Any) -> Callable[[float, int, list[np.ndarray]], None]:
    """A function of rate, step and arrays that makes a step, once it has made one with NumPy's bits."""
    record = written(opt, ["theta", "g", "lr", "t", *opt.slot_names], "rule")
    state = dict(zip(["theta", *opt.slot_names], record.results, strict=True))
    loop = Loop(varying(record), dtype, state, lanes=["g"])
    numbers = numbers_of(record, loop.numbers, ["lr", "t"])

    def run(lr: float, t: int, arrays: list[np.ndarray]) -> None:
        theta, g, *slots = arrays
        given = np.array([numbers(lr, t)], dtype=float)
        spread(lambda cut: loop(given, [theta, *slots, g], cut=cut), theta.size, threads(theta.size))

    draws = np.random.default_rng(0)
    sample = [_sample(draws, dtype, signed=i < 2) for i in range(2 + len(opt.slot_names))]
    with np.errstate(all="ignore"):
        right = opt.rule(*sample[:2], 0.01, 3, *sample[2:])
    run(0.01, 3, sample)
    _same([sample[0], *sample[2:]], right)
    return run


def _sample(draws: np.random.Generator, dtype: Any, signed: bool) -> np.ndarray:
    """Random numbers of many sizes."""
    size = np.exp(draws.uniform(-9, 9, SAMPLE)) * draws.choice([-1, 1] if signed else [1], SAMPLE)
    return np.asarray(size, dtype)


def _same(mine: Sequence[np.ndarray], theirs: Sequence[Any]) -> None:
    """Refuse a loop that is not NumPy to the last bit, in dtype and shape as well."""
    for one, other in zip(mine, theirs, strict=True):
        if one.dtype != other.dtype or not np.array_equal(one, other, equal_nan=True):
            raise Unknown("a loop of another program")


def _apart(arrays: Sequence[np.ndarray]) -> bool:
    """Whether no two contiguous arrays share memory."""
    places = sorted((a.ctypes.data, a.ctypes.data + a.nbytes) for a in arrays)
    return all(end <= start for (_, end), (start, _) in pairwise(places))


# --- a long row of rates


def rates(schedule: Schedule, step: np.ndarray, dtype: Any) -> np.ndarray | None:
    """The rates at a row of steps, in that dtype; None where no loop can be had, or a step is unsound."""
    if step.size < LONGEST or dtype not in FLOATS or not enabled():
        return None
    run: _Stages | None = made(schedule, dtype, lambda: _Stages(schedule, dtype))
    return run(step) if run else None


class _Stages:
    """A schedule as loops of machine code, with NumPy's own functions in between.

    NumPy's cosines, exponentials and powers have bits of their own, which nothing else gives.
    """

    def __init__(self, schedule: Schedule, dtype: Any) -> None:
        self.dtype, self.record = dtype, trace(schedule)
        operations = self._plainer(varying(self.record))
        if dtype != np.float64 and any(o.function == "word" for o in operations):
            raise Unknown("noise is drawn in double precision")
        if self.record.results == "step":
            raise Unknown("nothing to be done")
        loops: dict[int, list[Operation]] = defaultdict(list)
        calls: dict[int, list[Operation]] = defaultdict(list)
        stage = {"step": 0}  # of each value: the first of the loops that can read it
        for o in operations:
            at = max(stage.get(x, 0) for x in o.arguments)
            (loops if o.function in KNOWN else calls)[at].append(o)
            stage[o.name] = at + (o.function not in KNOWN)
        stages = range(max(stage.values()) + 1)
        for at in stages:  # a comparison is no array of floats: it is made again where it is asked
            asked = {x for o in loops[at] for x in o.arguments}
            earlier = [o for before in range(at) for o in loops[before]]
            loops[at][:0] = [o for o in earlier if o.name in asked and o.function in COMPARED]
        wanted = [x for o in operations for x in o.arguments if x not in stage]
        found = numbers_of(self.record, wanted)()
        self.numbers = dict(zip(wanted, found, strict=True))
        arrays = {"step", *(o.name for at in stages for o in calls[at])}
        self.stages = []
        for at in stages:
            inside = {o.name for o in loops[at]}
            later = [o for other in stages[at:] for o in (*calls[other], *loops[other + 1])]
            asked = {self.record.results, *(x for o in later for x in o.arguments)}
            writes = [o.name for o in loops[at] if o.name in asked and o.function not in COMPARED]
            self.stages.append((self._loop(loops[at], arrays - inside, writes, first=not at), calls[at]))
            arrays.update(writes)
        self.kept = arrays - {"step", self.record.results}
        self.block = ROOM // (2 + len(self.kept)) if self.kept else None  # else one loop does it all
        sample = np.array([0.0, 1.0, *_sample(np.random.default_rng(0), dtype, signed=False)], dtype)
        with np.errstate(all="ignore"):
            self._block(sample, rate := np.empty_like(sample), self._scratch(sample.size))
            _same([rate], [schedule.rule(sample)])

    def _plainer(self, operations: list[Operation]) -> list[Operation]:
        """The operations, with a first and a second power as the products that they are."""
        found, arrays = [], {"step", *(o.name for o in operations)}
        for o in operations:
            if o.function == "power" and o.arguments[1] not in arrays:
                base, exponent = o.arguments
                number = numbers_of(self.record, [exponent])()[0]
                if number in (1, 2):
                    o = Operation(o.name, "mul", (base, 1.0 if number == 1 else base), False)
            found.append(o)
        return found

    def _loop(self, operations: list[Operation], arrays: set[str], writes: list[str], first: bool) -> Any:
        """A loop, what it reads and writes, and the numbers that it needs; the first looks at the steps."""
        reads = sorted(arrays & {x for o in operations for x in o.arguments} | ({"step"} if first else set()))
        loop = Loop(operations, self.dtype, {}, lanes=reads, record=writes, watch="step" if first else "")
        given = np.array([[self.numbers.get(x, x) for x in loop.numbers]], dtype=float)
        return loop, reads, writes, given

    def __call__(self, step: np.ndarray) -> np.ndarray | None:
        rate, unsound = np.empty(step.shape, self.dtype), []

        def part(cut: slice) -> None:
            with np.errstate(all="ignore"):
                size = min(self.block or step.size, step.size)
                scratch = self._scratch(size)
                for i in range(cut.start, cut.stop, size):
                    here = slice(i, min(i + size, cut.stop))
                    block = np.ascontiguousarray(step[here], self.dtype)
                    if not self._block(block, rate[here], scratch):
                        unsound.append(i)
                        return

        spread(part, step.size, threads(step.size))
        return None if unsound else rate

    def _scratch(self, size: int) -> dict[str, np.ndarray]:
        """Room for what is neither the step nor the rate: asked for once, since new memory is slow."""
        return {name: np.empty(size, self.dtype) for name in self.kept}

    def _block(self, step: np.ndarray, rate: np.ndarray, scratch: dict[str, np.ndarray]) -> bool:
        """Write the rates at a block of steps to `rate`; say whether the steps are sound."""
        known: dict[Any, Any] = {name: array[: step.size] for name, array in scratch.items()}
        known |= {**self.numbers, "step": step, self.record.results: rate}
        for (loop, reads, writes, given), calls in self.stages:
            if reads and not loop(given, [known[name] for name in (*reads, *writes)]):
                return False
            for o in calls:
                arguments = [known.get(x, x) for x in o.arguments]
                if o.function in CALLS:
                    CALLS[o.function](*arguments, out=known[o.name])
                else:
                    known[o.name][...] = PYTHON[o.function](*arguments)
        return True


# --- expected losses


def squares(bowl: Any, first: np.ndarray, rates: np.ndarray, every: int) -> Iterator[np.ndarray] | None:
    """The mean squares after every so many updates, and the last; None where no loop can be had.

    `first` has shape (..., d), and `rates` one rate for each update and each run: shape (steps, ...).
    """
    runs = first.size // max(1, first.shape[-1])
    small = runs < LANES_OF_RUNS or runs * len(rates) < LONGEST
    if small or first.shape[-1] > MOST_ENTRIES or not enabled():
        return None
    return attempted(lambda: _recursion(bowl, first, rates, every))  # type: ignore[no-any-return]


def _recursion(bowl: Any, first: np.ndarray, rates: np.ndarray, every: int) -> Iterator[np.ndarray]:
    """A loop over updates, with a lane for each run, held against NumPy in the first of them."""
    runs, entries = first.shape[:-1], range(first.shape[-1])
    names, results = [f"square_{i}" for i in entries], []
    record = Trace([*names, "rate"], arrays={})
    for i, name in enumerate(names):
        free = _freed(_entry(bowl, i), record, f"{name}_")
        square, rate = (Traced(record, of, uniform=False) for of in (name, "rate"))
        results.append(free.expected_update(square, rate))
    finished(record, tuple(results))
    settings = record.arrays or {}
    values = [*(first[..., i] for i in entries), *(np.broadcast_to(x, runs) for x in settings.values())]
    state = spaced([np.array(value, dtype=float).reshape(-1) for value in values])  # and the settings
    new = dict(zip(names, record.results, strict=True))
    loop = Loop(varying(record), FLOATS[1], new, [*settings], ["rate"])
    given = np.array([numbers_of(record, loop.numbers)()], dtype=float)

    def after(state: list[np.ndarray], rates: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(np.broadcast_to(rates, (len(rates), *runs)).reshape(len(rates), -1))
        run = partial(loop, np.repeat(given, len(rates), axis=0), [*state, rows], len(rates))
        spread(run, state[0].size, threads(state[0].size * len(rates)))
        return np.stack(state[: len(names)], axis=-1).reshape(first.shape)

    with np.errstate(all="ignore"):
        right = bowl.expected_update(first, rates[0][..., np.newaxis])
    _same([after([square.copy() for square in state], rates[:1])], [right])
    return (after(state, rates[t : t + every]) for t in range(0, len(rates), every))


def _entry(bowl: Any, i: int) -> Any:
    """The bowl of one parameter alone: a number of each setting, or an array with one for each run."""

    def of(name: str, value: Any) -> Any:
        return unboxed(value[..., min(i, value.shape[-1] - 1)]) if is_array(value) else value

    return bowl._with(of)
