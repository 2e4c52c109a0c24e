"""One look for every figure. Matplotlib is imported here and nowhere else in the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from lrbook.elementary import in_notebook
from lrbook.hyperparameters import as_count

BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#AA4499", "#C78C00", "#56B4E9", "#555555"
)  # fmt: skip
COLORS = (BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY)


def use_style() -> None:
    """Make every figure from here on look like the book's; in a notebook, draw them as SVG.

    >>> use_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    plt.style.use(str(resources.files("lrbook").joinpath("lrbook.mplstyle")))
    if in_notebook():
        from matplotlib_inline import backend_inline

        inline: Any = backend_inline
        inline.set_matplotlib_formats("svg", metadata={"Date": None})  # no date: the same bytes every time


def draw_schedules(schedules: Mapping[str, Callable[[Any], Any]], steps: int) -> tuple[Any, Any]:
    """Draw schedules over `steps` updates: on the left the rate, on the right the distance covered.

    Parameters
    ----------
    schedules : mapping of labels to schedules
        What to draw, in the order of the colours.
    steps : int
        How many updates, > 0; the rate is drawn at 0 to `steps`, and is the rate of the next update.

    Returns
    -------
    tuple of matplotlib.axes.Axes
        The two panels. The distance after t updates is the sum of the first t rates.

    Examples
    --------
    >>> from lrbook import CosineDecay, ExponentialDecay
    >>> rate, distance = draw_schedules({"cosine": CosineDecay(1.0, 50)}, steps=50)
    >>> rate.get_lines()[0].get_ydata()[[0, 50]]
    array([1., 0.])
    >>> float(distance.get_lines()[0].get_ydata()[-1])
    25.5
    """
    steps = as_count("steps", steps)
    if steps < 1:
        raise ValueError(f"steps must be > 0, got {steps}")
    height = 2.4 + 0.25 * -(-len(schedules) // 3)  # inches: the panels, and a row of the legend for three
    _, panels = plt.subplots(1, 2, figsize=(6.4, height), sharex=True)
    at = np.arange(steps + 1)
    for (label, schedule), color in zip(schedules.items(), cycle(COLORS), strict=False):
        rates = np.array([schedule(int(t)) for t in at])
        drawstyle = "steps-post" if _jumps(rates) else "default"
        panels[0].plot(at, rates, color=color, label=label, drawstyle=drawstyle)
        panels[1].plot(at, np.concatenate([[0.0], np.cumsum(rates[:-1])]), color=color)
    panels[0].set(xlabel="step [updates]", title="learning rate")
    panels[1].set(xlabel="step [updates]", title="distance covered")
    panels[0].figure.legend(loc="outside upper center", ncols=3)
    return tuple(panels)


def _jumps(rates: np.ndarray) -> bool:
    """Whether a schedule holds its rate between jumps: then most steps change nothing, but some do."""
    still = np.diff(rates) == 0
    return bool(0.5 < still.mean() < 1)


def drawn(ax: Any) -> dict[Any, Any]:
    """What the lines of `ax` show, for checks of what a caption or an alt text says of them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes, when all is drawn.

    Returns
    -------
    dict
        For each line an array of shape (2, points), its x and its y, under its label, or under its place
        among all lines, from 0, if it has none.

    Raises
    ------
    ValueError
        If nothing is drawn, or two lines share a label.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> _ = ax.plot([0, 1, 2], [3.0, 1.0, 2.0], label="cosine"), ax.axhline(1.0)
    >>> x, y = drawn(ax)["cosine"]
    >>> float(x[y.argmin()]), list(drawn(ax))
    (1.0, ['cosine', 1])
    """
    found: dict[Any, Any] = {}
    for i, line in enumerate(ax.get_lines()):
        label = str(line.get_label())
        key: Any = i if label.startswith("_") else label
        if key in found:
            raise ValueError(f"labels of lines must differ, got {label!r} twice")
        found[key] = np.array(line.get_data(), dtype=float)
    if not found:
        raise ValueError("the axes must have a line, got none")
    return found


def label_lines(ax: Any, pad: float = 4.0) -> None:
    """Write each line's label at its right end in its colour, moved apart where they would overlap.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes; lines without a label are passed over.
    pad : float
        The distance between a line and its label, in points.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> _ = ax.plot([0, 1], [1.0, 1.0], label="one"), ax.plot([0, 1], [1.0, 1.01], label="other")
    >>> label_lines(ax)
    >>> [text.get_text() for text in ax.texts]
    ['one', 'other']
    """
    ax.figure.canvas.draw()
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    ends = [ax.transData.transform((line.get_xdata()[-1], line.get_ydata()[-1])) for line in lines]
    size = 0.9 * plt.rcParams["font.size"]
    gap = 1.25 * size * ax.figure.dpi / 72
    height = -np.inf
    for i in np.argsort([y for _, y in ends]):
        height = max(ends[i][1], height + gap)
        ax.annotate(
            lines[i].get_label(),
            (lines[i].get_xdata()[-1], lines[i].get_ydata()[-1]),
            xytext=(pad, (height - ends[i][1]) * 72 / ax.figure.dpi),
            textcoords="offset points",
            va="center",
            color=lines[i].get_color(),
            fontsize=size,
            annotation_clip=False,
        )
