"""One look for every figure. Matplotlib is imported here and nowhere else in the package."""

from __future__ import annotations

import html
import os
import pickle
import re
from collections.abc import Callable, Mapping
from importlib import resources
from itertools import cycle, product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from lrbook.elementary import in_notebook
from lrbook.hyperparameters import as_count
from lrbook.parts import Levels, Line

BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#AA4499", "#C78C00", "#56B4E9", "#555555"
)  # fmt: skip
COLORS = (BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY)

STYLE = str(resources.files("lrbook").joinpath("lrbook.mplstyle"))
USUAL = 6.0  # inches: a figure that is wider has columns for a wide window
NARROW = 4.4  # inches: shown on a phone, its letters of 9 points are 9 pixels high and more
NARROW_FORM = re.compile(r'<metadata class="narrow">(.*?)</metadata>\n?', re.DOTALL)


def use_style() -> None:
    """Make every figure from here on look like the book's; in a notebook, draw them as SVG.

    >>> use_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    plt.style.use(STYLE)
    if in_notebook():
        from IPython import get_ipython
        from matplotlib_inline import backend_inline

        shell: Any = get_ipython()
        inline: Any = backend_inline
        inline.set_matplotlib_formats("svg")
        shell.display_formatter.formatters["image/svg+xml"].for_type(plt.Figure, as_svg)


def as_svg(figure: Any) -> str | None:
    """A figure as SVG, without a date: the same bytes every time. Nothing, if nothing is drawn.

    Where the environment has ``LRBOOK_WINDOWS=all``, as the build of the book has, :func:`for_all_windows`.
    """
    return for_all_windows(figure) if os.environ.get("LRBOOK_WINDOWS") == "all" else _svg(figure)


def _svg(figure: Any) -> str | None:
    from IPython.core import pylabtools

    print_figure: Any = pylabtools.print_figure
    svg: str | None = print_figure(figure, fmt="svg", metadata={"Date": None})
    return svg


def for_all_windows(figure: Any) -> str | None:
    """A figure as SVG that has the same for a narrow window among its metadata: a page shows what fits.

    Nothing, if nothing is drawn. A figure that cannot be copied has its one form.

    >>> figure, ax = plt.subplots(figsize=(7.6, 3.0))
    >>> picture = for_all_windows(figure)
    >>> picture.count("<svg"), picture.count("&lt;svg"), one_window(picture).count("svg>")
    (1, 1, 1)
    """
    wide = _svg(figure)
    try:
        narrow = _svg(narrowed(figure))
    except (pickle.PicklingError, AttributeError, TypeError):  # all that pickle says of a local function
        return wide
    inside = html.escape(narrow or "", quote=False)
    return wide and wide.replace("</svg>", f'<metadata class="narrow">{inside}</metadata>\n</svg>')


def one_window(svg: str) -> str:
    """A picture of :func:`for_all_windows` without its form for a narrow window."""
    return NARROW_FORM.sub("", svg)


def narrowed(figure: Any) -> Any:
    """A copy of a figure for a narrow window: columns that are too thin there stand below each other.

    Columns keep their width if the figure is wider than usual, and each that moves has its own axis.

    >>> figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.0), sharey=True)
    >>> _ = left.set_ylabel("loss")
    >>> copy = narrowed(figure)
    >>> upper, lower = copy.axes
    >>> upper.get_subplotspec().rowspan, lower.get_subplotspec().rowspan, lower.get_ylabel()
    (range(0, 1), range(1, 2), 'loss')
    """
    copy = pickle.loads(pickle.dumps(figure))
    plt.close(copy)
    width, height = copy.get_size_inches()
    places = {ax: place for ax in copy.axes if (place := ax.get_subplotspec())}
    columns = next(iter(places.values())).get_gridspec().ncols if places else 1
    abreast = max(1, int(NARROW * columns / width))
    if width > USUAL and abreast < columns:
        _restack(copy, places, abreast)
        height *= -(-columns // abreast)
    copy.set_size_inches(min(width, NARROW), height)
    for legend in list(copy.legends):
        _slim(copy, legend)
    return copy


def _slim(figure: Any, legend: Any) -> None:
    """Give a legend above the panels as few columns as it takes to fit into the figure."""
    handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
    for columns in (3, 2, 1):
        if legend.get_window_extent().width < figure.bbox.width:
            break
        legend.remove()
        legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def _restack(figure: Any, places: Mapping[Any, Any], abreast: int) -> None:
    """Put `abreast` columns of panels side by side, and the next ones below them."""
    old = next(iter(places.values())).get_gridspec()
    rows, columns = old.get_geometry()
    down = -(-columns // abreast)
    grid = figure.add_gridspec(rows * down, abreast, height_ratios=old.get_height_ratios() * down)
    for ax, place in places.items():
        block, column = divmod(place.colspan.start, abreast)
        above = rows * block
        last = min(column + len(place.colspan), abreast)
        ax.set_subplotspec(grid[above + place.rowspan.start : above + place.rowspan.stop, column:last])
        shared = [other for other in ax.get_shared_y_axes().get_siblings(ax) if other is not ax]
        if block and not column and shared:
            ax.tick_params(labelleft=True)
            ax.set_ylabel(next(filter(None, (a.get_ylabel() for a in [ax, *shared])), ""))


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


def label_lines(ax: Any, pad: float = 4.0, first: bool = False) -> None:
    """Write each line's label where the line ends or leaves the axes, in its colour, with room between them.

    With `first`, where it begins or enters them, to the left.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes; lines without a label are passed over.
    pad : float
        The distance between a line and its label, in points.
    first : bool
        Whether labels stand at the first points in place of the last ones.

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
    ends = [_in_view(ax, line)[0 if first else -1] for line in lines]  # in pixels
    size = 0.9 * plt.rcParams["font.size"]
    gap = 1.25 * size * ax.figure.dpi / 72
    height = -np.inf
    for i in np.argsort([y for _, y in ends]):
        height = max(ends[i][1], height + gap)
        shift = (-pad if first else pad, (height - ends[i][1]) * 72 / ax.figure.dpi)
        at = ax.transData.inverted().transform(ends[i])
        text = ax.annotate(lines[i].get_label(), at, shift, textcoords="offset points", annotation_clip=False)
        text.set(color=lines[i].get_color(), size=size, ha="right" if first else "left", va="center")


def _in_view(ax: Any, line: Any) -> Any:
    """The points of a line that the axes show, in pixels; of a line they do not show, all."""
    points = line.get_transform().transform(line.get_xydata())
    box = ax.bbox.padded(0.5)
    seen = [box.contains(x, y) for x, y in points]
    return points[seen] if any(seen) else points


def still(figure: Any) -> str:
    """A figure of :mod:`lrbook.live` before anything is moved, as :func:`as_svg` has it.

    >>> from lrbook import CosineDecay, live
    >>> still(live.schedules({"cosine": CosineDecay(1.0, 50)}, steps=50)).count("<svg")
    1
    """
    with plt.style.context(STYLE):
        numbers = figure.numbers()
        count = len(figure.panels)
        across = 3 if count == 3 or count > 4 else min(count, 2)
        down = -(-count // across)
        size = (6.4, (2.1 if across == 3 else 2.9) * down)
        picture, axes = plt.subplots(down, across, figsize=size, squeeze=False)
        labels = dict.fromkeys(m.label for p in figure.panels for m in p.marks if isinstance(m, Line))
        colors = dict(zip(labels, cycle(COLORS), strict=False))
        for ax, panel in zip(axes.flat, figure.panels, strict=False):
            _draw(ax, panel, numbers, colors)
        for ax in axes.flat[count:]:
            ax.set_axis_off()
        lines = [line for ax in axes.flat for line in ax.get_lines()]
        handles = {line.get_label(): line for line in lines if line.get_label() in labels}
        if len(labels) > 1:
            picture.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
        picture.draw_without_rendering()  # names of marks stand where there is room, once all has its place
        for ax, panel in zip(axes.flat, figure.panels, strict=False):
            for mark in panel.marks:
                if not isinstance(mark, Line | Levels):
                    _mark(ax, mark.label, *mark.at(numbers["at"]))
        svg = str(as_svg(picture))
    plt.close(picture)
    return svg


LOOKS: dict[str, dict[str, Any]] = {
    "line": {},
    "stairs": {"drawstyle": "steps-post"},
    "dots": {"marker": ".", "markersize": 3, "linestyle": ""},
    "dashed": {"linestyle": "--", "linewidth": 1.1},
    "thin": {"linewidth": 0.6},
}


def _draw(ax: Any, panel: Any, numbers: dict[str, Any], colors: dict[str, str]) -> None:
    """The lines and levels of one panel of a live figure."""
    for axis, scale in (("x", panel.xlog), ("y", panel.ylog)):
        getattr(ax, f"set_{axis}scale")("log" if scale else "linear")
        if limits := getattr(panel, axis):
            getattr(ax, f"set_{axis}lim")(*limits)
    ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
    for mark in panel.marks:
        if isinstance(mark, Line):
            columns = numbers["sequences"][mark.sequence]
            y = columns[mark.y]
            again = list(colors).index(mark.label) >= len(COLORS)
            look = LOOKS[mark.look] | ({"linestyle": ":"} if again else {})
            x = columns[mark.x] if mark.x else np.arange(len(y))
            ax.plot(x, y, color=colors[mark.label], label=mark.label, **look)
        elif isinstance(mark, Levels):
            _levels(ax, mark, numbers["at"])


def _mark(ax: Any, label: str, x: Any, y: Any) -> None:
    """A point, or a line where it has but one coordinate, and its label where it is in nobody's way."""
    if x is not None and y is not None:
        ax.plot([x], [y], "o", color="black", markersize=4, zorder=4)
        transform, along = ax.transData, [(x, y)]
    elif x is None:
        ax.axhline(y, color=GREY, linewidth=0.9, linestyle=":")
        transform, along = ax.get_yaxis_transform(), [(a, y) for a in (0.98, 0.02, 0.5)]
    else:
        ax.axvline(x, color=GREY, linewidth=0.9, linestyle=":")
        transform, along = ax.get_xaxis_transform(), [(x, a) for a in (0.97, 0.03, 0.5)]
    ax.autoscale_view()
    text = ax.annotate(label, along[0], (0, 0), xycoords=transform, textcoords="offset points", size="small")
    text.set_in_layout(False)  # it stands inside, and takes no room

    def crowd_at(choice: tuple[Any, str, str]) -> float:
        text.xy, across, up = choice
        text.set(ha=across, va=up)
        text.xyann = ({"left": 4, "right": -4}[across], {"bottom": 3, "top": -3}[up])
        return _crowd(ax, text)

    crowd_at(min(product(along, ("left", "right"), ("bottom", "top")), key=crowd_at))


def _crowd(ax: Any, text: Any) -> float:
    """How much a text has in its way: most of all the border of the axes, then other texts, then lines."""
    box = text.get_window_extent().padded(1)
    outside = not all(ax.bbox.contains(*corner) for corner in box.corners())
    texts = sum(box.overlaps(other.get_window_extent()) for other in ax.texts if other is not text)
    points = 0
    for line in ax.get_lines():
        x, y = line.get_transform().transform(line.get_xydata()).T
        between = np.linspace(0, len(x) - 1, 1000)  # along the whole line, however few its points
        x, y = (np.interp(between, np.arange(len(x)), column) for column in (x, y))
        points += int(((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).sum())
    return float(1e9 * outside + 1e6 * texts + points)


def _levels(ax: Any, mark: Any, c: Any) -> None:
    """Where a function of the plane has one value, on the logarithm, so that narrow valleys stay whole."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    across, up = np.linspace(left, right, 121), np.linspace(low, high, 121)
    plane = np.array([[float(mark.function(np.float64(x), np.float64(y), c)) for x in across] for y in up])
    values = np.array(mark.values) if mark.values else np.nanmax(plane) * 4.0 ** -np.arange(8, 0, -1)
    draw = ax.contourf if mark.filled else ax.contour
    lines = {"colors": GREY, "linewidths": 0.5}
    shades = {"cmap": "Greys", "alpha": 0.5, "extend": "max"} if mark.filled else lines
    draw(across, up, np.log(np.maximum(plane, 1e-300)), np.log(values), **shades)
