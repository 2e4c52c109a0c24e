"""The runs of a sweep as the lanes of a loop of machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lrbook.elementary import is_array, where
from lrbook.fast import (
    FLOATS,
    LANES_OF_RUNS,
    LONGEST,
    MOST_ENTRIES,
    SAMPLE,
    _same,
    attempted,
    enabled,
    numbers_of,
    threads,
    varying,
)
from lrbook.machine import KNOWN, Loop, Unknown, spaced, spread
from lrbook.stepping import Optimizer, _checked_rate
from lrbook.trace import Trace, Traced, _freed, finished, sees_all

TOLD = 1 << 26  # updates, after which a bar is told of them
RECORDED = 1 << 20  # entries of what NumPy works out for a sweep before it is used
Ends = tuple[dict[str, np.ndarray], np.ndarray]  # the last parameters by name, and the updates of each run


def sweep(
    problem: Any,
    start: Any,
    opt: Optimizer,
    runs: int,
    steps: int,
    tell: Callable[[int], Any],
    by_numpy: Callable[[int, int], Ends],
) -> Ends | None:
    """The last parameters of runs, and how many updates each made; None where no loop can be had.

    Settings that are arrays have one value for each run; `tell` is told how many updates were made, and
    `by_numpy` gives the ends of the first few runs after the first few updates.
    """
    may = isinstance(start, np.ndarray) and start.dtype in FLOATS and not opt._may_divide_by_zero
    small = runs < LANES_OF_RUNS or runs * steps < LONGEST
    if not may or small or not 0 < start.size <= MOST_ENTRIES or not enabled():
        return None
    runner = attempted(lambda: _Runner(problem, start, opt, runs, by_numpy))
    return runner.run(runs, steps, tell) if runner else None


class _Runner:
    """The runs of a sweep as the lanes of a loop over updates, held against NumPy for a few.

    The state of a lane is that of a run, entry by entry, and how many updates it made. What comes of the
    settings of a run by other ways than arithmetic, such as a power of its beta, NumPy works out for all.
    """

    def __init__(
        self, problem: Any, start: np.ndarray, opt: Optimizer, runs: int, by_numpy: Callable[[int, int], Ends]
    ) -> None:
        if not opt.elementwise or sees_all(opt):
            raise Unknown("entries are mixed")
        first = _checked_rate(opt.rate(0), 0)
        self.opt, self.start = opt, start
        self.settings: dict[str, np.ndarray] = {}  # one value for each run
        self.each = is_array(first)  # whether a run has a rate of its own
        self.fixed = self.each and not callable(opt.lr)  # that is always the same
        record = self._record(problem)
        self.constants = self.settings | ({"lr": first} if self.fixed else {})
        changing = set(record.inputs)
        for o in varying(record):
            if changing.intersection(o.arguments):
                changing.add(o.name)
        settled = [o for o in record.operations if o.name not in changing]
        self.by_calls = [o.name for o in settled if not o.uniform and o.function not in KNOWN]
        self.called = numbers_of(record, self.by_calls, ["lr", "t", *self.settings], settled)
        new = dict(zip(record.inputs, record.results, strict=True))
        inside = [o for o in varying(record) if o.name not in self.by_calls]
        rows = [*self.by_calls, *(["lr"] if self.each and not self.fixed else [])]
        self.loop = Loop(inside, start.dtype, new, [*self.constants], rows)
        self.numbers = numbers_of(record, self.loop.numbers, ["lr", "t"])
        theta = np.repeat(start[np.newaxis], runs, axis=0)
        memory = opt.init(theta).slots["theta"].values()
        if any(slot.dtype != start.dtype or slot.shape != theta.shape for slot in memory):
            raise Unknown("slots of another kind")
        columns = [column for array in (theta, *memory) for column in array.reshape(runs, -1).T]
        self.state = [*columns, np.zeros(runs, start.dtype)]  # the last: how many updates were made
        few = min(runs, SAMPLE)
        tried, (right, updates) = self.run(few, 2, lambda done: None), by_numpy(few, 2)
        if tried is None:
            raise Unknown("rates that become many")
        _same([tried[0]["theta"], tried[1]], [right["theta"], updates])

    def _record(self, problem: Any) -> Trace:
        """One update of one run, which is not made where an entry of the gradient is not finite."""
        opt, entries = self.opt, range(self.start.size)
        names = [[f"{slot}_{i}" for slot in ("theta", *opt.slot_names)] for i in entries]
        ordered = [name for slot in zip(*names, strict=True) for name in slot]
        record = Trace([*ordered, "made"], arrays=self.settings)
        free = _freed(opt, record, "")
        state = {name: Traced(record, name, uniform=False) for name in record.inputs}
        lr, t = Traced(record, "lr", uniform=not self.each), Traced(record, "t", uniform=True)
        old = [[state[name] for name in of_entry] for of_entry in names]
        place = np.empty(self.start.shape, object).view(Entries)
        place.flat[:] = [free.point(*values) for values in old]
        gradient = np.asarray(problem.gradient(place, _NoDraws())).ravel().tolist()
        zero = sum(g - g for g in gradient)  # NaN as soon as an entry is not finite
        fine = zero >= 0
        after = dict(state)
        for i, g in zip(entries, gradient, strict=True):
            for name, value in zip(names[i], free.rule(old[i][0], g, lr, t, *old[i][1:]), strict=True):
                after[name] = where(fine, value, state[name])
        made: Any = state["made"]
        after["made"] = where(fine, made + 1, made)
        return finished(record, tuple(after[name] for name in record.inputs))

    def run(self, runs: int, steps: int, tell: Callable[[int], Any]) -> Ends | None:
        """Make the first runs; None if there was one rate for all runs at first, and later is not."""
        room = spaced([column[:runs] for column in (*self.state, *self.constants.values())])
        state, constants = room[: len(self.state)], room[len(self.state) :]
        made, settings, updates = state[-1], constants[: len(self.settings)], np.zeros(runs, int)
        some = max(1, (RECORDED if self.each or self.by_calls else TOLD) // runs)
        for first in range(0, steps, some):
            at = range(first, min(first + some, steps))
            rates = self._rates(at, runs)
            if not self.each and any(map(is_array, rates)):
                return None
            numbers = [self.numbers(0.0 if self.each else rate, t) for t, rate in enumerate(rates, first + 1)]
            rows = self._rows(first, rates, settings, runs)
            made[:] = 0
            run = partial(self.loop, np.array(numbers, dtype=float), [*room, *rows], len(at))
            spread(run, runs, threads(runs * len(at)))
            updates += made.astype(int)
            tell(runs * len(at))
            if not made.any():  # no run goes on
                break
        theta = np.stack(state[: self.start.size], axis=-1).reshape(runs, *self.start.shape)
        return {"theta": theta}, updates

    def _rates(self, at: range, runs: int) -> list[Any]:
        """The rate at each of some steps, or the rates of the first runs."""
        if self.fixed:
            return [self.constants["lr"][:runs]] * len(at)
        rates = [_checked_rate(self.opt.rate(step), step) for step in at]
        return [rate[:runs] if is_array(rate) else rate for rate in rates]

    def _rows(self, first: int, rates: list[Any], settings: list[np.ndarray], runs: int) -> list[np.ndarray]:
        """What each run needs at each step from the first on, and NumPy works out."""
        rows = []
        if self.by_calls:
            with np.errstate(all="ignore"):
                worked = [self.called(rate, t, *settings) for t, rate in enumerate(rates, first + 1)]
            rows = [np.array(column) for column in zip(*worked, strict=True)]
        if self.each and not self.fixed:
            rows.append(np.array([np.broadcast_to(rate, runs) for rate in rates], self.start.dtype))
        return rows


PUT_TOGETHER = (np.stack, np.concatenate, np.full_like, np.empty_like, np.copyto, np.shape)


class Entries(np.ndarray):
    """The entries of a parameter while a gradient is written down: it does to each what it is asked, alone.

    A sum or a product of matrices is refused: NumPy has an order of its own for it.
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or ufunc.signature is not None:
            raise Unknown(f"{ufunc.__name__}.{method} is left to NumPy")
        plain = [x.view(np.ndarray) if isinstance(x, Entries) else x for x in inputs]
        return np.asarray(getattr(ufunc, method)(*plain, **options), object).view(Entries)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in PUT_TOGETHER:
            raise Unknown(f"{function.__name__} is left to NumPy")
        return super().__array_function__(function, types, args, options)


class _NoDraws:
    """A generator that is not to be asked: noise is left to NumPy."""
