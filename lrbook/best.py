"""The best of what was tried, if the sweep can know it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrbook.hyperparameters import unboxed


@dataclass(frozen=True)
class Best:
    """The lowest loss of a sweep: `loss`, its `index` in the array of losses, and the values `at` it."""

    loss: float
    index: tuple[int, ...]
    at: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value of the axis called `name` at the lowest loss."""
        return self.at[name]


def best_of(losses: Any, /, ends: Collection[str] = (), **axes: Any) -> Best:
    """The lowest of the losses of a sweep, refused where a wider sweep might have found a lower one.

    Parameters
    ----------
    losses : array
        One loss for each combination of the axes; one that is not finite belongs to a run that left.
    ends : names of axes
        Those whose range ends by nature, as that of a momentum does at 0: there an end may be best.
    **axes : sequences of numbers
        What was tried along each axis of `losses`, in their order, by name.

    Returns
    -------
    Best
        ``best.loss``, ``best.index``, and the value of each axis as ``best["name"]``.

    Raises
    ------
    ValueError
        If the axes do not fit the losses, no loss is finite, or the lowest loss is also met at an end of
        an axis: then the sweep says nothing of what lies beyond.

    Examples
    --------
    >>> rates = np.array([0.1, 0.2, 0.4])
    >>> best_of((rates - 0.25) ** 2, rate=rates)["rate"]
    0.2
    >>> best_of((rates - 0.5) ** 2, rate=rates)
    Traceback (most recent call last):
    ValueError: the best rate must lie inside the sweep from 0.1 to 0.4, got 0.4: widen it
    """
    losses = np.asarray(losses, dtype=float)
    if losses.shape != tuple(map(len, axes.values())):
        lengths = {name: len(axis) for name, axis in axes.items()}
        raise ValueError(f"losses must have the lengths of the axes, {lengths}, got shape {losses.shape}")
    losses = np.where(np.isfinite(losses), losses, np.inf)
    lowest = losses.min(initial=np.inf)
    if lowest == np.inf:
        raise ValueError("losses must hold a finite one, got none")
    for k, (name, axis) in enumerate(axes.items()):
        for end in (0, -1):
            if name not in ends and losses.take(end, axis=k).min() == lowest:
                raise ValueError(
                    f"the best {name} must lie inside the sweep from {axis[0]} to {axis[-1]}, "
                    f"got {axis[end]}: widen it"
                )
    index = tuple(int(i) for i in np.unravel_index(losses.argmin(), losses.shape))
    at = {name: unboxed(axis[i]) for (name, axis), i in zip(axes.items(), index, strict=True)}
    return Best(float(lowest), index, at)
