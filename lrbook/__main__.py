"""Schedules from a terminal: list the rules, print, plot and compare them, and check a table of rates.

A schedule is written as in Python, in quotation marks: ``"CosineDecay(lr=0.1, decay_steps=1000)"``.
It may be made of others, ``"Warmup(100, CosineDecay(0.1, 1000))"``. No other code than this runs.
"""

from __future__ import annotations

import argparse
import ast
import csv
import inspect
import operator
import os
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

import lrbook
from lrbook.testing import assert_same_schedule

SCHEDULES = {
    name: rule
    for name, rule in vars(lrbook).items()
    if inspect.isclass(rule) and issubclass(rule, lrbook.Schedule) and rule is not lrbook.Schedule
}
OPTIMIZERS = {
    name: rule
    for name, rule in vars(lrbook).items()
    if inspect.isclass(rule) and rule.__module__ == "lrbook.optimizers"
}
ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}
EXAMPLE = '"CosineDecay(lr=0.1, decay_steps=1000)"'


def schedule(text: str) -> lrbook.Schedule:
    """The schedule that a text names, as Python would write it.

    >>> schedule("Warmup(10, CosineDecay(0.1, 10 * 10))")(10)
    0.1
    >>> schedule("CosinDecay(0.1, 100)")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: no schedule is called CosinDecay; did you mean CosineDecay?
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        made = _value(tree)
    except SyntaxError:
        raise argparse.ArgumentTypeError(
            f"cannot read {text!r}; write a schedule as in Python: {EXAMPLE}"
        ) from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise argparse.ArgumentTypeError(_in_words(error, text)) from None
    if not isinstance(made, lrbook.Schedule):
        raise argparse.ArgumentTypeError(f"{text!r} is no schedule; write one as in Python: {EXAMPLE}")
    return made


def _value(node: ast.expr) -> Any:
    """What a part of the text stands for: a number, a list or a schedule."""
    match node:
        case ast.Constant(value=bool() | int() | float()):
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(part) for part in node.elts]
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](_value(node.left), _value(node.right))
        case ast.Call(func=ast.Name(id=name)):
            named = {word.arg: _value(word.value) for word in node.keywords if word.arg}
            return _rule(name)(*map(_value, node.args), **named)
        case ast.Name(id=name):
            raise argparse.ArgumentTypeError(f"{name} needs its numbers: {_signature(name, _rule(name))}")
    raise argparse.ArgumentTypeError(
        f"only numbers, lists and schedules can be read, not {ast.unparse(node)!r}"
    )


def _rule(name: str) -> type:
    if name in SCHEDULES:
        return SCHEDULES[name]
    if name in OPTIMIZERS:
        raise argparse.ArgumentTypeError(f"{name} is an optimizer; write a schedule, such as {EXAMPLE}")
    folded = {known.lower(): known for known in SCHEDULES}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]}?" if near else "see `python -m lrbook list`"
    raise argparse.ArgumentTypeError(f"no schedule is called {name}; {hint}")


def _in_words(error: Exception, text: str) -> str:
    """What is wrong with a schedule, and what it takes."""
    name = re.match(r"\s*(\w+)", text)
    rule = SCHEDULES.get(name[1]) if name else None
    takes = f"; it takes {_signature(rule.__name__, rule)}" if rule else ""
    return f"{text!r}: {re.sub(r'^.*__init__[(][)] ', '', str(error))}{takes}"


def _signature(name: str, rule: Callable[..., Any]) -> str:
    """How a rule is called, with its defaults.

    >>> _signature("CosineDecay", lrbook.CosineDecay)
    'CosineDecay(lr, decay_steps, alpha=0.0)'
    """
    parameters = inspect.signature(rule).parameters.values()
    return f"{name}({', '.join(str(p.replace(annotation=p.empty)).replace(' ', '') for p in parameters)})"


def _steps(text: str) -> int:
    """A number of steps."""
    if not re.fullmatch(r"[0-9_]{1,12}", text) or not 1 <= int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 10,000,000, got {text}")
    return int(text)


def _rates(rule: lrbook.Schedule, at: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(rule(at), dtype=float), at.shape)


# --- the commands


def list_rules(arguments: argparse.Namespace) -> int:
    """Every schedule and optimizer, how it is called and what it does."""
    for title, rules in (("Schedules", SCHEDULES), ("Optimizers", OPTIMIZERS)):
        print(f"{title}\n")
        for name, rule in sorted(rules.items()):
            says = (inspect.getdoc(rule) or "").splitlines()[0]
            says = re.sub(r" ?:cite:\w+:`[^`]*`|:\w+:(?=`)|`", "", says)
            print(f"  {_signature(name, rule)}\n      {says}")
        print()
    return 0


def table(arguments: argparse.Namespace) -> int:
    """The rate of each schedule at each step."""
    at = np.arange(0, arguments.steps, arguments.every)
    columns = [_rates(rule, at).tolist() for rule in arguments.schedules]
    names = ["step", *(["rate"] if len(columns) == 1 else map(repr, arguments.schedules))]
    if arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(at.tolist(), *columns, strict=True))
        return 0
    if len(columns) > 1:
        for number, rule in enumerate(arguments.schedules, 1):
            print(f"rate {number}: {rule!r}")
        names = ["step", *(f"rate {number}" for number in range(1, len(columns) + 1))]
    width = max(len(str(arguments.steps)), 4)
    print("  ".join([f"{names[0]:>{width}}", *(f"{name:>12}" for name in names[1:])]))
    for step, *rates in zip(at.tolist(), *columns, strict=True):
        print("  ".join([f"{step:{width}d}", *(f"{rate:12.6g}" for rate in rates)]))
    return 0


def plot(arguments: argparse.Namespace) -> int:
    """Draw the schedules into one picture."""
    try:
        from lrbook import plots
    except ModuleNotFoundError:
        print("a picture needs Matplotlib; type: pip install 'lrbook[plots]'", file=sys.stderr)
        return 2
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with plt.style.context(plots.STYLE):
        figure, ax = plt.subplots()
        at = np.unique(np.linspace(0, arguments.steps - 1, 2000).astype(int))
        for rule in arguments.schedules:
            ax.plot(at, _rates(rule, at), label=repr(rule))
        ax.set(xlabel="step [updates]", ylabel="learning rate", yscale="log" if arguments.log else "linear")
        figure.legend(loc="outside upper left", fontsize="small")
        try:
            figure.savefig(arguments.output)
        except (OSError, ValueError) as error:
            print(f"cannot write {arguments.output}: {error}", file=sys.stderr)
            return 2
        finally:
            plt.close(figure)
    print(f"written: {arguments.output}")
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """What two or more schedules do in a run: where they start, end and what they sum up to."""
    at = np.arange(arguments.steps)
    rates = [_rates(rule, at) for rule in arguments.schedules]
    print(f"over steps 0 to {arguments.steps - 1}:")
    print(f"{'':4}{'first':>12}{'half-way':>12}{'last':>12}{'largest':>12}{'sum':>12}  schedule")
    for number, (rule, rate) in enumerate(zip(arguments.schedules, rates, strict=True), 1):
        numbers = (rate[0], rate[len(rate) // 2], rate[-1], rate.max(), rate.sum())
        print(f"{number:>2}  " + "".join(f"{value:12.6g}" for value in numbers) + f"  {rule!r}")
    for number, other in enumerate(rates[1:], 2):
        gap = np.abs(rates[0] - other)
        far = int(gap.argmax())
        print(f"{number} is farthest from 1 at step {far}: {other[far]:.6g} beside {rates[0][far]:.6g}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Compare the rates of a CSV file, columns step and rate, with a schedule."""
    try:
        text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text("utf-8")
        found = _read(text)
    except (OSError, ValueError) as error:
        print(f"cannot read {arguments.file}: {error}", file=sys.stderr)
        return 2

    try:
        assert_same_schedule(found.__getitem__, arguments.schedule, found, rtol=arguments.rtol)
    except AssertionError as difference:
        print(f"Different: {difference}")
        return 1
    print(f"The same, at all {len(found)} steps, to {arguments.rtol:g} of the rate.")
    return 0


def _read(text: str) -> dict[int, float]:
    """The rates of a table by step; a first line that holds no numbers is its head."""
    rows = [(number, row) for number, row in enumerate(csv.reader(text.splitlines()), 1) if row]
    if rows and not re.match(r"\s*[-+.\d]", rows[0][1][0]):
        rows = rows[1:]
    found: dict[int, float] = {}
    for number, row in rows:
        try:
            step, rate = float(row[0]), float(row[1])
        except (ValueError, IndexError):
            raise ValueError(f"line {number} must be a step and a rate, got {','.join(row)!r}") from None
        if not step.is_integer() or step < 0 or int(step) in found or not np.isfinite(rate):
            raise ValueError(
                f"line {number} must be a new whole step >= 0 and a finite rate, got {','.join(row)!r}"
            )
        found[int(step)] = rate
    if not found:
        raise ValueError("it has no rates; write a line for each step: step,rate")
    return found


def parser() -> argparse.ArgumentParser:
    """The commands and what they take."""
    assert __doc__
    main_parser = argparse.ArgumentParser(
        prog="python -m lrbook",
        description=__doc__.replace("``", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""examples:
  python -m lrbook table "ExponentialDecay(0.1, 100, 0.5)" --steps 500 --every 100
  python -m lrbook compare "CosineDecay(0.1, 1000)" "PolynomialDecay(0.1, 1000, 0)" --steps 1000
  python -m lrbook plot "Warmup(100, CosineDecay(0.1, 900))" --steps 1000 -o cosine.svg
  python -m lrbook check rates.csv "CosineDecay(0.1, 1000)"
""",
    )
    commands = main_parser.add_subparsers(title="commands", metavar="", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        says = (run.__doc__ or "").strip()
        one = commands.add_parser(name, help=says[0].lower() + says[1:].rstrip("."), description=says)
        one.set_defaults(run=run)
        return one

    command("list", list_rules)
    several = {"nargs": "+", "type": schedule, "metavar": "SCHEDULE", "help": f"as in Python: {EXAMPLE}"}
    for name, run in (("table", table), ("compare", compare), ("plot", plot)):
        one = command(name, run)
        one.add_argument("schedules", **several)  # type: ignore[arg-type]
        one.add_argument(
            "--steps", type=_steps, required=True, metavar="N", help="how many updates: steps 0 to N - 1"
        )
        if name == "table":
            one.add_argument("--every", type=_steps, default=1, metavar="K", help="every K-th step alone")
            one.add_argument("--csv", action="store_true", help="as CSV, with all digits")
        if name == "plot":
            one.add_argument(
                "-o", "--output", type=Path, required=True, metavar="FILE", help="a .svg, .png or .pdf"
            )
            one.add_argument("--log", action="store_true", help="rates on a logarithmic axis")
    one = command("check", check)
    one.add_argument("file", help="a CSV file, a step and a rate in each line; - for standard input")
    one.add_argument("schedule", type=schedule, metavar="SCHEDULE", help=f"as in Python: {EXAMPLE}")
    one.add_argument(
        "--rtol",
        type=float,
        default=1e-6,
        metavar="R",
        help="the difference allowed, relative (default: 1e-6)",
    )
    return main_parser


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; the status for the shell is 0, 1 where a check fails, 2 where nothing could be done."""
    arguments = parser().parse_args(words)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    return status


if __name__ == "__main__":
    sys.exit(main())
