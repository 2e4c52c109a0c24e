"""Plots: one look, and labels that do not overlap."""

import io
from itertools import combinations, product
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from lrbook import CosineDecay, ExponentialDecay, PiecewiseConstant, PolynomialDecay, live, plots


@pytest.fixture(autouse=True)
def _fresh_figures():
    with matplotlib.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def test_the_same_figure_gives_the_same_bytes():
    def drawn():
        figure, ax = plt.subplots()
        ax.plot([0, 1], [0, 1], label="line")
        plots.label_lines(ax)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()

    assert drawn() == drawn()


def test_labels_of_lines_that_end_together_are_moved_apart():
    figure, ax = plt.subplots()
    for height in (1.0, 1.001, 1.002, 5.0):
        ax.plot([0, 1], [0, height], label=f"to {height}")
    ax.plot([0, 1], [3, 3])  # without a label
    plots.label_lines(ax)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 4
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not one.overlaps(other)
    colors = {text.get_text(): text.get_color() for text in ax.texts}
    assert colors == {line.get_label(): line.get_color() for line in ax.get_lines()[:4]}


def test_a_line_is_labelled_where_it_is_last_seen():
    """One that leaves through the top there, one across the axes at their right, one outside at its end."""
    _, ax = plt.subplots()
    ax.plot([0, 1, 2, 3], [0, 1, 2, 9], label="leaves")
    ax.axhline(0.5, label="across")
    ax.plot([8, 9], [1, 1], label="outside")
    ax.set(xlim=(0, 4), ylim=(0, 2))
    plots.label_lines(ax)
    places = {text.get_text(): text.xy for text in ax.texts}
    assert np.allclose([places["leaves"], places["across"], places["outside"]], [(2, 2), (4, 0.5), (9, 1)])


def test_or_where_it_is_first_seen_and_then_to_the_left():
    figure, ax = plt.subplots()
    ax.plot([-1, 0.5, 2], [3, 1, 0], label="enters")
    ax.plot([1, 2], [0.4, 1], label="begins")
    ax.set(xlim=(0, 4), ylim=(0, 2))
    plots.label_lines(ax, first=True)
    places = {text.get_text(): text for text in ax.texts}
    assert np.allclose([places["enters"].xy, places["begins"].xy], [(0.5, 1), (1, 0.4)])
    figure.draw_without_rendering()
    for text in ax.texts:
        assert text.get_window_extent().x1 < ax.transData.transform(text.xy)[0]


def test_drawn_schedules_are_what_the_schedules_give_and_distances_their_sums():
    schedules = {
        "cosine": CosineDecay(1.0, 10),
        "drop": PiecewiseConstant([3], [1.0, 0.5]),
        "halves": lambda t: 0.5**t,
    }
    rate, distance = plots.draw_schedules(schedules, 12)
    for schedule, rates, sums in zip(schedules.values(), rate.get_lines(), distance.get_lines(), strict=True):
        expected = [schedule(t) for t in range(13)]
        np.testing.assert_array_equal(rates.get_ydata(), expected)
        np.testing.assert_allclose(sums.get_ydata()[[0, 1, 12]], [0, expected[0], sum(expected[:12])])
        assert rates.get_color() == sums.get_color()
    assert len({line.get_color() for line in distance.get_lines()}) == len(schedules)
    (legend,) = rate.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(schedules)


def test_what_holds_and_drops_is_drawn_as_steps():
    rate, _ = plots.draw_schedules(
        {
            "stairs": ExponentialDecay(1.0, 5, 0.5, staircase=True),
            "smooth": ExponentialDecay(1.0, 5, 0.5),
            "smooth, then held": PolynomialDecay(1.0, 14),
        },
        20,
    )
    assert [line.get_drawstyle() for line in rate.get_lines()] == ["steps-post", "default", "default"]


@pytest.mark.parametrize(
    ("steps", "message"), [(0, "steps must be > 0, got 0"), (2.5, "steps must be a whole number")]
)
def test_schedules_are_drawn_over_whole_steps(steps, message):
    with pytest.raises(ValueError, match=message):
        plots.draw_schedules({}, steps)


def luminance(color):
    """The relative luminance of WCAG 2."""
    channels = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("name", ["BLUE", "VERMILION", "GREEN", "PURPLE", "OCHRE", "GREY"])
def test_a_line_stands_out_from_white(name):
    # WCAG asks for 3 for graphical objects; ochre is used for secondary lines
    contrast = 1.05 / (luminance(getattr(plots, name)) + 0.05)
    assert contrast > (2.7 if name == "OCHRE" else 3)


def test_in_a_notebook_figures_are_svg_without_a_date_and_in_the_book_for_two_windows(monkeypatch):
    shell = InteractiveShell.instance()
    monkeypatch.setattr(plots, "in_notebook", lambda: True)
    plots.use_style()
    figure, _ = plt.subplots()
    alone, _ = shell.display_formatter.format(figure)
    monkeypatch.setenv("LRBOOK_WINDOWS", "all")
    made, _ = shell.display_formatter.format(figure)
    assert set(made) == set(alone) == {"image/svg+xml", "text/plain"}
    picture = made["image/svg+xml"]
    assert plots.one_window(picture) == alone["image/svg+xml"] == plots.one_window(alone["image/svg+xml"])
    inside = ElementTree.fromstring(picture).find("{*}metadata[@class='narrow']").text
    ElementTree.fromstring(inside)
    assert "dc:date" not in picture
    plt.close("all")


def test_a_figure_that_cannot_be_copied_is_shown_all_the_same_and_an_empty_one_is_not():
    figure, ax = plt.subplots()
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:.0f} km")
    picture = plots.for_all_windows(figure)
    ElementTree.fromstring(picture)
    assert "narrow" not in picture
    assert plots.for_all_windows(plt.figure()) is None


@pytest.mark.parametrize(
    ("down", "across", "width", "shape"),
    [(1, 1, 7.6, (1, 1)), (1, 2, 7.6, (2, 1)), (2, 2, 6.4, (4, 1)), (2, 4, 7.6, (4, 2)),
     (2, 10, 5.6, (2, 10)), (2, 1, 6.4, (2, 1)), (1, 1, 3.0, (1, 1))],
)  # fmt: skip
def test_in_a_narrow_window_thin_columns_stand_below_each_other(down, across, width, shape):
    """All panels are there, none over another, in the order of the columns; the original stays as it was."""
    figure, axes = plt.subplots(down, across, figsize=(width, 3.0), squeeze=False, sharex=True, sharey=True)
    for i, ax in enumerate(axes.T.flat):
        ax.plot([0, i + 1], [0, 1], label=str(i))
        ax.set(ylabel="loss") if ax in axes[:, 0] else None
    before = [(ax.get_subplotspec(), ax.get_ylabel()) for ax in figure.axes]
    narrow = plots.narrowed(figure)
    assert narrow.get_size_inches().tolist() == [min(width, plots.NARROW), 3.0 * shape[0] / down]
    assert narrow.axes[0].get_subplotspec().get_gridspec().get_geometry() == shape
    narrow.draw_without_rendering()
    boxes = [ax.get_position() for ax in narrow.axes]
    assert len(boxes) == down * across
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    for ax in narrow.axes:
        if ax.get_subplotspec().colspan.start == 0:
            assert ax.get_ylabel() == "loss"
            assert ax.yaxis.get_tick_params()["labelleft"]
    assert [(ax.get_subplotspec(), ax.get_ylabel()) for ax in figure.axes] == before
    assert figure.get_size_inches().tolist() == [width, 3.0]
    assert plt.get_fignums() == [figure.number]
    plt.close("all")


def test_a_legend_that_is_too_wide_for_a_narrow_window_has_fewer_columns_there():
    names = [f"a schedule with a name, {i}" for i in range(4)]
    figure, ax = plt.subplots(figsize=(7.6, 3.0))
    for name in names:
        ax.plot([0, 1], [0, 1], label=name)
    figure.legend(loc="outside upper center", ncols=4)
    narrow = plots.narrowed(figure)
    (legend,) = narrow.legends
    narrow.draw_without_rendering()
    assert [text.get_text() for text in legend.get_texts()] == names
    assert 0 < legend.get_window_extent().x0 < legend.get_window_extent().x1 < narrow.bbox.width
    assert not narrow.axes[0].get_window_extent().overlaps(legend.get_window_extent())


def still_axes(monkeypatch, panel, sequences):
    """The axes of the still picture of a live figure with one panel."""
    pictures = []
    monkeypatch.setattr(plots, "as_svg", pictures.append)
    plots.still(live.Figure([panel], [live.Slider("rate", 0, 1, 0.5)], sequences))
    pictures[0].draw_without_rendering()
    (ax,) = pictures[0].axes
    return ax


CORNERS = [xy for xy in product([0.0, 5.0, 10.0, None], [0.0, 2.0, 4.0, None]) if xy != (None, None)]


@pytest.mark.parametrize(("x", "y"), CORNERS)
def test_the_label_of_a_mark_stands_inside_the_axes(monkeypatch, x, y):
    """Of a point, a line across and a line up, in the middle and at each edge."""
    at = {name: lambda c, value=value: value for name, value in (("x", x), ("y", y)) if value is not None}
    panel = live.Panel("title", "step", (live.Point("a label", **at),), (0, 10), (0, 4))
    ax = still_axes(monkeypatch, panel, {})
    (text,) = ax.texts
    inside = ax.get_window_extent()
    assert text.get_text() == "a label"
    assert all(inside.contains(*corner) for corner in text.get_window_extent().corners())


def test_the_label_of_a_mark_keeps_off_lines_and_other_labels(monkeypatch):
    """Two marks at one place, on a line that rises through it."""
    rising = live.Sequence(("y",), lambda t, state, c: (t * 0.4,), 10)
    marks = [live.Point(name, lambda c: 5.0, lambda c: 2.0) for name in ("one name", "other name")]
    panel = live.Panel("title", "step", (live.Line("line", "s", "y"), *marks), (0, 10), (0, 4))
    ax = still_axes(monkeypatch, panel, {"s": rising})
    one, other = (text.get_window_extent() for text in ax.texts)
    assert not one.overlaps(other)
    x, y = ax.transData.transform(np.linspace([0, 0], [10, 4], 2000)).T
    for box in (one, other):
        assert not np.any((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1))


def test_what_is_drawn_is_read_off_the_axes_and_not_off_what_was_meant():
    _, ax = plt.subplots()
    ax.plot([1, 2], [3.0, 4.0], label="a")
    ax.axhline(0.5)
    ax.get_lines()[0].set_ydata([3.0, 9.0])
    lines = plots.drawn(ax)
    assert list(lines) == ["a", 1]
    assert lines["a"].tolist() == [[1, 2], [3, 9]]


def test_lines_that_cannot_be_told_apart_and_empty_axes_are_refused():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="must have a line, got none"):
        plots.drawn(ax)
    for _ in range(2):
        ax.plot([0], [0], label="twin")
    with pytest.raises(ValueError, match="got 'twin' twice"):
        plots.drawn(ax)
