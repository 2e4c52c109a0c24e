"""Plots: one look, and labels that do not overlap."""

import io
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lrbook import plots


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


def test_in_a_notebook_figures_are_svg_without_a_date(monkeypatch):
    set_to = {}

    def remember(*formats, **kwargs):
        set_to.update(formats=formats, **kwargs)

    inline = SimpleNamespace(set_matplotlib_formats=remember)
    monkeypatch.setattr(plots, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "matplotlib_inline", SimpleNamespace(backend_inline=inline))
    plots.use_style()
    assert set_to == {"formats": ("svg",), "metadata": {"Date": None}}
