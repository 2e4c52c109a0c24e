"""The live figures of the pages, as objects and in a page of their own."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jupytext
import matplotlib

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "lrbook" / "live.js"


def cells() -> dict[str, tuple[str, Any, Any, Any]]:
    """For each live figure its page, the page's first cell, its own cell and the one after it."""
    found = {}
    for path in sorted((ROOT / "book").glob("*.md")):
        code = [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]
        for cell, following in pairwise(code):
            if re.search(r"^from lrbook import (elementary, )?live$", cell.source, re.M):
                found[cell.metadata["mystnb"]["figure"]["name"]] = (path.stem, code[0], cell, following)
    return found


@cache
def figure(name: str) -> Any:
    """The figure that a cell gives: it needs the first cell of its page, and nothing else."""
    _, first, cell, _ = cells()[name]
    matplotlib.use("agg")
    known: dict[str, Any] = {}
    exec(compile(first.source.replace("plt.show()", ""), "first", "exec"), known)
    matplotlib.pyplot.close("all")
    tree = ast.parse(cell.source)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "the last line of a live figure's cell shows it"
    exec(compile(tree, name, "exec"), known)
    return eval(compile(ast.Expression(last.value), name, "eval"), known)


def page(figures: dict[str, Any]) -> str:
    """A page with these figures."""
    inside = "".join(
        f'<figure id="{name}">{made.element("<p>still</p>")}</figure>' for name, made in figures.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>'
        f'<script defer src="{SCRIPT.as_uri()}"></script><main><h1>Figures</h1>{inside}</main></html>'
    )


if __name__ == "__main__":  # look at some of them: python tests/figures.py NAME... > page.html
    sys.path.insert(0, str(ROOT / "book"))
    print(page({name: figure(name) for name in sys.argv[1:] or cells()}))
