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
from functools import cache, partial
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lrbook.calling import Schedule, sound
from lrbook.machine import COMPARED, KNOWN, Loop, spread
from lrbook.trace import PYTHON, Operation, Trace, trace, written

if TYPE_CHECKING:
    from lrbook.stepping import Optimizer

SMALLEST = 1 << 16  # entries: below, NumPy's blocks take no longer, and nothing has to be built
LONGEST = 1 << 18  # steps: up to here NumPy needs less time than a loop takes to be built
BLOCK = 1 << 15  # entries of a part of a long array of steps: it and what is made of it stay in the cache
LANES_OF_RUNS = 1 << 9  # fewer runs fill no vectors, and NumPy's calls take no longer than the loop's
RECORDED = 1 << 17  # entries of what a recursion writes before they are used
LANES_A_THREAD = 1 << 15  # fewer are not worth waking a thread for
SAMPLE = 67  # lanes on which a loop is held against NumPy: no multiple of a vector
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def enabled() -> bool:
    """Whether loops of machine code are used: ``llvmlite`` is there, and ``LRBOOK_FAST`` is not 0."""
    return os.environ.get("LRBOOK_FAST") != "0" and _installed()


@cache
def _installed() -> bool:
    return find_spec("llvmlite") is not None


def threads(lanes: int | None = None) -> int:
    """How many threads a loop over so many lanes runs in."""
    given = os.environ.get("LRBOOK_THREADS")
    most = int(given) if given and given.isdecimal() and int(given) else _processors()
    return most if lanes is None else max(1, min(most, lanes // LANES_A_THREAD))


@cache
def _processors() -> int:
    here = getattr(os, "sched_getaffinity", None)
    return len(here(0)) if here else os.cpu_count() or 1


def numbers_of(record: Trace, wanted: Sequence[Any], names: Sequence[str] = ()) -> Trace:
    """What Python works out of a rule, from numbers of these names and the settings: the numbers wanted."""
    return Trace(list(names), record.settings, [o for o in record.operations if o.uniform], tuple(wanted))


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
        given = np.array([numbers(lr, t, *record.values)], dtype=float)
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
            raise TypeError("a loop of another program")


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
        operations = varying(self.record)
        if dtype != np.float64 and any(o.function == "word" for o in operations):
            raise TypeError("noise is drawn in double precision")
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
        found = numbers_of(self.record, wanted)(*self.record.values)
        self.numbers = dict(zip(wanted, found, strict=True))
        arrays = {"step", *(o.name for at in stages for o in calls[at])}
        self.stages = []
        for at in stages:
            inside = {o.name for o in loops[at]}
            later = [o for other in stages[at:] for o in (*calls[other], *loops[other + 1])]
            asked = {self.record.results, *(x for o in later for x in o.arguments)}
            writes = [o.name for o in loops[at] if o.name in asked and o.function not in COMPARED]
            self.stages.append((self._loop(loops[at], arrays - inside, writes), calls[at]))
            arrays.update(writes)
        self.block = BLOCK if any(calls.values()) else None  # without NumPy's functions one loop does it all
        sample = np.array([0.0, 1.0, *_sample(np.random.default_rng(0), dtype, signed=False)], dtype)
        with np.errstate(all="ignore"):
            _same([self._block(sample)], [schedule.rule(sample)])

    def _loop(self, operations: list[Operation], arrays: set[str], writes: list[str]) -> Any:
        """A loop, what it reads and what it writes, and the numbers that it needs."""
        reads = sorted(arrays & {x for o in operations for x in o.arguments})
        loop = Loop(operations, self.dtype, {}, lanes=reads, record=writes)
        given = np.array([[self.numbers.get(x, x) for x in loop.numbers]], dtype=float)
        return loop, reads, writes, given

    def __call__(self, step: np.ndarray) -> np.ndarray | None:
        rate, unsound = np.empty(step.shape, self.dtype), []

        def part(cut: slice) -> None:
            with np.errstate(all="ignore"):
                size = self.block or step.size
                for i in range(cut.start, cut.stop, size):
                    here = slice(i, min(i + size, cut.stop))
                    block = np.ascontiguousarray(step[here], self.dtype)
                    if not sound(block):
                        unsound.append(i)
                        return
                    self._block(block, rate[here])

        spread(part, step.size, threads(step.size))
        return None if unsound else rate

    def _block(self, step: np.ndarray, rate: np.ndarray | None = None) -> np.ndarray:
        """The rates at a block of steps, written to `rate`."""
        rate = np.empty_like(step) if rate is None else rate
        known = {**self.numbers, "step": step, self.record.results: rate}
        for (loop, reads, writes, given), calls in self.stages:
            for name in writes:
                known.setdefault(name, np.empty_like(step))
            if writes:
                loop(given, [known[name] for name in (*reads, *writes)])
            for o in calls:
                known[o.name] = PYTHON[o.function](*(known.get(x, x) for x in o.arguments))
        if known[self.record.results] is not rate:  # NumPy had the last word
            rate[...] = known[self.record.results]
        return rate


# --- expected losses


def squares(bowl: Any, first: np.ndarray, rates: np.ndarray) -> Iterator[np.ndarray] | None:
    """The mean squares after each update by these rates, from the first; None where no loop can be had."""
    if first.size < LANES_OF_RUNS or first.size * len(rates) < LONGEST or not enabled():
        return None
    return attempted(lambda: _recursion(bowl, first, rates))  # type: ignore[no-any-return]


def _recursion(bowl: Any, first: np.ndarray, rates: np.ndarray) -> Iterator[np.ndarray]:
    """A loop over updates, held against NumPy in the first of them."""
    arrays: dict[str, Any] = {}
    record = written(bowl, ["mean_square", "rate"], "expected_update", arrays)
    after = record.results
    loop = Loop(varying(record), FLOATS[1], {"mean_square": after}, [*arrays], ["rate"], [after])
    given = np.array([numbers_of(record, loop.numbers)(*record.values)], dtype=float)
    state = np.array(first, dtype=float).reshape(-1)
    lanes = [_lanes(value, first.shape) for value in arrays.values()]
    tried, row = state.copy(), _rows(rates[:1], first.shape)
    loop(given, [tried, *lanes, row, np.empty_like(row)])
    with np.errstate(all="ignore"):
        _same([tried.reshape(first.shape)], [bowl.expected_update(first, rates[0])])

    def recorded() -> Iterator[np.ndarray]:
        some = max(1, RECORDED // first.size)
        for t in range(0, len(rates), some):
            rows = _rows(rates[t : t + some], first.shape)
            numbers, written_to = np.repeat(given, len(rows), axis=0), np.empty_like(rows)
            run = partial(loop, numbers, [state, *lanes, rows, written_to], len(rows))
            spread(run, first.size, threads(first.size))
            yield from written_to.reshape(-1, *first.shape)

    return recorded()


def _rows(rates: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A rate for each update and each lane."""
    return np.ascontiguousarray(np.broadcast_to(rates, (len(rates), *shape)).reshape(len(rates), -1))


def _lanes(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A setting of which each lane has its own value."""
    if not np.can_cast(value.dtype, float):
        raise TypeError("more digits than a double has")
    return np.broadcast_to(value, shape).astype(float).reshape(-1)
