"""Make nbval compare all that a reader sees: `pytest -p tests.nbval_strict --nbval ...`.

Two things it does not do by itself:

- a cell that ends with a semicolon shows no value in a notebook; nbval runs cells outside of the
  kernel's history, where the semicolon is not seen, and meets an output that no page shows;
- the numbers glued into the text are not in the executed notebook but in a file beside it; here
  they are compared with that file.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from nbval import kernel, plugin

PREFIX = "application/papermill.record/"


def execute_with_history(self, cell_input, allow_stdin=None):
    return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


@cache
def glued(notebook: Path) -> dict:
    """Read what the build glued from a notebook, by name."""
    path = notebook.with_suffix(".glue.json")
    return json.loads(path.read_text("utf8")) if path.is_file() else {}


compare_others = plugin.IPyNbCell.compare_outputs


def compare(self, test, ref, skip_compare=None):
    """Compare glued values with those in the pages, and other outputs as nbval does."""
    rest, wrong = [], []
    for output in test:
        name = output.get("metadata", {}).get("scrapbook", {}).get("name")
        if name is None or not any(kind.startswith(PREFIX) for kind in output["data"]):
            rest.append(output)
            continue
        now = {kind.removeprefix(PREFIX): data for kind, data in output["data"].items()}
        then = glued(Path(self.parent.path)).get(name, {}).get("data")
        if now != then:
            wrong.append(f"glued value {name!r}: the page has {then}, the code gives {now}")
    good = compare_others(self, rest, ref, skip_compare)
    if wrong:
        self.comparison_traceback += wrong
    return good and not wrong


def pytest_configure(config):
    kernel.RunningKernel.execute_cell_input = execute_with_history
    plugin.IPyNbCell.compare_outputs = compare
