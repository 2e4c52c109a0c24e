"""One look for every figure. Matplotlib is imported here and nowhere else in the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from lrbook.elementary import in_notebook

BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#AA4499", "#C78C00", "#56B4E9", "#555555"
)  # fmt: skip


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
