"""Evidence for what a text says: numbers held in a band, and what other libraries were seen to do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

import lrbook
from lrbook.elementary import in_notebook

RECORDINGS = Path(__file__).parent / "recordings"
MEASURED = Path(__file__).parent / "measured"
UNSEEN = "application/papermill.record/"  # before its kind, an output is stored and not shown
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def claim(name: str, value: Any, low: float, high: float, form: str = "{:.3g}") -> None:
    """Hold a number that the prose states: it must lie in [low, high], and the page prints it.

    In a notebook the formatted value, 5e-08 as 5·10⁻⁸, is stored under `name`, unseen, and the text picks it
    up; elsewhere only the check is made. A band is there to fail: one that is wider than two units of the
    last printed digit, or digits that misstate the value by more than a tenth (unless they are a power of
    ten), are refused whatever the value is.

    >>> claim("stability limit", 2 / 3.0, 0.66, 0.67, "{:.2f}")
    >>> claim("stability limit", 2 / 2.0, 0.66, 0.67, "{:.2f}")
    Traceback (most recent call last):
    AssertionError: stability limit must be in [0.66, 0.67], got 1.0
    >>> claim("stability limit", 2 / 3.0, 0.5, 0.8)
    Traceback (most recent call last):
    AssertionError: the band of stability limit, [0.5, 0.8], must be no wider than two units of the last \
digit of 0.667, 0.002
    """
    if np.ndim(value) or not low <= value <= high:
        raise AssertionError(f"{name} must be in [{low}, {high}], got {value}")
    printed, digit = _as_printed(value, form)
    if high - low > 2 * digit * (1 + 1e-9):
        raise AssertionError(
            f"the band of {name}, [{low}, {high}], must be no wider than two units of the last digit "
            f"of {form.format(value)}, {2 * digit:.3g}"
        )
    if "e}" not in form and abs(printed - value) > 0.1 * abs(value):
        raise AssertionError(
            f"{name} must be printed to within a tenth of it, got {form.format(value)} for {value}"
        )
    if in_notebook():
        said = re.sub(r"e([+-]\d+)", lambda e: "·10" + str(int(e[1])).translate(RAISED), form.format(value))
        sys.modules["IPython"].display.display(
            {UNSEEN + "text/plain": repr(said)},
            raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": UNSEEN}},
        )


def _as_printed(value: Any, form: str) -> tuple[float, float]:
    """The number that a reader reads when `value` is printed by `form`, and the unit of its last digit."""
    (spec,) = [spec for _, field, spec, _ in Formatter().parse(form) if field is not None]
    text = format(value, spec or "").replace(",", "")
    percent = 0.01 if text.endswith("%") else 1.0
    number = Decimal(text.rstrip("%"))
    return float(number) * percent, 10.0 ** int(number.as_tuple().exponent) * percent


def derived(name: str, found: Any, written: Any) -> Any:
    r"""Show a result of SymPy's as a person would write it, if the two are the same.

    Parameters
    ----------
    name : str
        What it is, in LaTeX; the left side.
    found : expression or matrix
        What a cell derived.
    written : expression or matrix
        The same, in the form that the page shows.

    Raises
    ------
    AssertionError
        If `found` minus `written` does not simplify to nothing.

    Examples
    --------
    >>> import sympy as sp
    >>> eta, beta = sp.symbols("eta beta", positive=True)
    >>> found = sp.factor(eta / (1 - beta))
    >>> found
    -eta/(beta - 1)
    >>> print(derived("m", found, eta / (1 - beta)).data)
    m = \frac{\eta}{1 - \beta}
    >>> derived("m", found, eta / (1 + beta))
    Traceback (most recent call last):
    AssertionError: m was found to be -eta/(beta - 1), which is not eta/(beta + 1)
    """
    import sympy as sp
    from IPython.display import Math
    from sympy.printing.latex import LatexPrinter

    class ByHand(LatexPrinter):  # type: ignore[misc]
        """Writes a sum with its numbers first, and what is subtracted last: 1 - x, and x - 1."""

        def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
            return sorted(expr.args, key=lambda term: term.could_extract_minus_sign())

    rest = sp.simplify(found - written)
    if rest != 0 * rest:
        raise AssertionError(f"{name} was found to be {found}, which is not {written}")
    return Math(f"{name} = {ByHand().doprint(written)}")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """A table for a page, as Markdown: each column has a head, each row an entry for each of them.

    >>> print(table(["step", "rate"], [[0, "$\\\\eta$"]]).data)
    | step | rate |
    |---|---|
    | 0 | $\\eta$ |
    """
    from IPython.display import Markdown

    if not all(head):
        raise AssertionError(f"each column must have a head, got {list(head)}")
    rows = list(rows)
    if any(len(row) != len(head) for row in rows):
        raise AssertionError(f"each row must have {len(head)} entries, got {[len(row) for row in rows]}")
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return Markdown("\n".join(lines))


@cache
def recordings() -> list[dict[str, Any]]:
    """What real libraries gave, one entry a library.

    >>> [recording["library"] for recording in recordings()]
    ['keras', 'optax', 'tensorflow', 'torch']
    """
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(RECORDINGS.glob("*.json"))]


@cache
def measured(what: str = "speed") -> Any:
    """What `make bench` found on one machine, in seconds: of libraries side by side, or of the ``"races"``.

    >>> sorted(measured()["steps"])
    ['all', 'one']
    """
    return json.loads((MEASURED / f"{what}.json").read_text(encoding="utf-8"))


def compared(*names: str) -> Iterator[tuple[str, dict[str, Any], float]]:
    """The recorded runs of these schedules or optimizers: library and version, record, largest difference.

    Each is compared first, and refused unless `lrbook` agrees with it where the recording says so, and
    nowhere else.

    >>> [library.split()[0] for library, record, gap in compared("InverseTimeDecay")]
    ['keras', 'keras', 'keras', 'keras', 'tensorflow', 'tensorflow', 'tensorflow', 'tensorflow']
    """
    for library in recordings():
        for record in library["records"] + library["trajectories"]:
            if record.get("schedule", record.get("optimizer")) in names:
                yield f"{library['library']} {library['version']}", record, difference(record)


def difference(record: dict[str, Any]) -> float:
    """The largest difference between a record and `lrbook`, if they agree where they should."""
    if "schedule" in record:
        theirs, steps = np.array(record["values"]), np.array(record["steps"])
        off = np.abs(made(record["schedule"], record["kwargs"])(steps) - theirs)
        # Near the end of a cosine both sides are what is left of 1 - 1, and a rounding there counts a
        # thousandfold. Measured: 2e-15 in 64 bits and 1.4e-5 in 32.
        size = np.maximum(np.abs(theirs), 1e-3 * np.abs(theirs).max())
        differs = steps[off > {"float64": 1e-12, "float32": 2e-5}[record["dtype"]] * size].tolist()
        agrees, recorded = differs == record["differs_at"], f"to differ at {record['differs_at']}"
    else:
        theirs = np.array(record["theta"])
        off = np.abs(replayed(record) - theirs)
        # Rounding adds up over the updates: measured 3e-14 of the largest parameter in 64 bits.
        limit = {"float64": 1e-12, "float32": 2e-6}[record["dtype"]] * np.abs(theirs).max()
        agrees = off.max() <= limit if record["agrees"] else off.max() > 100 * limit
        recorded = "to agree" if record["agrees"] else "not to agree"
    if not agrees:
        raise AssertionError(f"{record['call']} is recorded {recorded}, and is off by up to {off.max()}")
    return float(off.max())


def replayed(record: dict[str, Any]) -> np.ndarray:
    """The path that `lrbook` takes where a library's was recorded: one of the ``trajectories``.

    >>> (adam,) = [r for r in recordings()[3]["trajectories"] if r["call"] == "torch.optim.Adam([x], lr=0.1)"]
    >>> bool(np.abs(replayed(adam) - adam["theta"]).max() < 1e-12)
    True
    """
    opt, curvature = made(record["optimizer"], record["kwargs"]), np.array(record["curvature"])
    theta = np.array(record["theta"][0])
    state = opt.init(theta)
    path = [theta.copy()]
    for _ in record["theta"][1:]:
        opt.step(theta, curvature * opt.gradient_point(theta, state), state)
        path.append(np.array(theta if record["point"] == "theta" else opt.gradient_point(theta, state)))
    return np.array(path)


def made(name: str, kwargs: dict[str, Any]) -> Any:
    """The `lrbook` object with these keyword arguments, nested ones included.

    >>> made("SGD", {"lr": {"schedule": "CosineDecay", "kwargs": {"lr": 0.1, "decay_steps": 9}}})
    SGD(lr=CosineDecay(lr=0.1, decay_steps=9, alpha=0.0))
    """
    kwargs = {
        key: made(value.get("schedule") or value["optimizer"], value["kwargs"])
        if isinstance(value, dict)
        else value
        for key, value in kwargs.items()
    }
    return getattr(lrbook, name)(**kwargs)


def optimizer_table(*names: str) -> Any:
    """A table of the recorded runs of these optimizers, each compared with `lrbook`; below it, the remarks.

    >>> print(optimizer_table("Adadelta").data.splitlines()[0])
    | library | call | rate | largest difference |
    """
    rows, notes = [], []
    for library, record, gap in compared(*names):
        falls = "schedule" in json.dumps(record["kwargs"])
        call = re.sub(
            r"[\w.]*(exponential_d|ExponentialD)ecay\((\([^)]*\)|[^()])*\)", "schedule", record["call"]
        )
        mark = ""
        if note := record.get("note"):
            notes += [note] if note not in notes else []
            mark = f" ({notes.index(note) + 1})"
        rows.append(
            [library, f"`{call.split(';')[0]}`", "falls" if falls else "constant", f"{gap:.0e}{mark}"]
        )
    made = table(["library", "call", "rate", "largest difference"], rows)
    made.data += "".join(f"\n\n({i}) {note[0].upper()}{note[1:]}." for i, note in enumerate(notes, 1))
    return made
