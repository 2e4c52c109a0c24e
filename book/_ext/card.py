"""The picture that a link to the book shows, drawn by the book's own rules when the book is built."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from sphinx.application import Sphinx

import lrbook

RULES = {
    "piecewise constant": lrbook.PiecewiseConstant([50, 75], [1.0, 0.3, 0.1]),
    "exponential": lrbook.ExponentialDecay(1.0, 25, 0.4),
    "line": lrbook.PolynomialDecay(1.0, 100, end_lr=0.0),
    "cosine": lrbook.CosineDecay(1.0, 100),
    "warmup, then cosine": lrbook.Warmup(15, lrbook.CosineDecay(1.0, 85)),
}


def draw(path: Path, title: str) -> None:
    """Draw the schedules beside the question of the book, 1200 by 630 pixels."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from lrbook import plots

    with plt.style.context(plots.STYLE):
        figure, ax = plt.subplots(figsize=(12, 6.3), dpi=100, layout="none")
        ax.set_position((0.47, 0.14, 0.49, 0.74))
        step = np.linspace(0, 100, 1001)
        for (name, rule), color in zip(RULES.items(), plots.COLORS, strict=False):
            ax.plot(step, rule(step), color=color, linewidth=4, label=name)
        ax.set(xlabel="step", ylabel="learning rate", xlim=(0, 100), ylim=(0, 1.05), xticks=[], yticks=[])
        ax.xaxis.label.set_size(20)
        ax.yaxis.label.set_size(20)
        ax.legend(fontsize=17, loc="upper right")
        figure.text(0.05, 0.62, title.replace(" Rate", "\nRate"), fontsize=40, fontweight="bold", va="center")
        figure.text(
            0.05, 0.36, "Which schedule, and why?\nDerived, computed,\nand checked.", fontsize=24, va="center"
        )
        figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def put(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        draw(Path(app.outdir) / "_static" / "card.png", app.config.project)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", put, priority=910)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
