"""Break lrbook in one place at a time, and see whether the tests notice.

    python tests/mutants.py          # all, some ten minutes on two cores
    python tests/mutants.py noise    # those of one module

Coverage sees that a line runs, not that its value matters. Each mutant below is one line of `lrbook`
made wrong, in a copy, against which the tests are run: first those of its module, then all the others.
One that no test notices survives. Fewer than 95 in 100 killed, or a mutant whose line is no longer
there, is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
# They run things other than lrbook: the book, an installation, a browser.
APART = {
    "test_book",
    "test_exercises",
    "test_figures",
    "test_freshness",
    "test_install",
    "test_pages",
    "test_paper",
    "test_readers",
}

# The modules whose tests stand with those of another.
TESTED_WITH = {
    "__main__": "command_line",
    "best": "sweeps",
    "calling": "schedules",
    "composition": "schedules",
    "digits": "problems",
    "figure": "live",
    "lanes": "sweeps",
    "machine": "fast",
    "parts": "live",
    "stepping": "optimizers",
    "wrappers": "optimizers",
}
# A dataclass that writes its own comparison, in place of one that keeps its base's.
WITHOUT = '@__import__("dataclasses").dataclass(frozen=True)\nclass '
# For each module: what stands there, and what is put in its place.
MUTANTS = {
    "calling": [
        ("if step.size <= BLOCK or not self._plain:", "if step.size <= BLOCK:"),
        ("0 <= step <= LARGEST", "step <= LARGEST"),
        ("return rate.astype(step.dtype) if step.dtype == np.float16 else rate", "return rate"),
        ("bool(step.view(bits).max() < infinity)", "bool(step.view(bits).max() <= infinity)"),
        ("bool(step.view(bits).max() < infinity)", "bool(step.view(bits).min() < infinity)"),
        ('np.dtype(f"{step.dtype.byteorder}u', 'np.dtype(f"u'),
        ("return self._exact.rule(exact(step))", "return self.rule(exact(step))"),
        ("shape = np.broadcast_shapes(shape, *settings)", "pass"),
        (
            "rate[i : i + BLOCK] = self.rule(_checked(step[i : i + BLOCK], dtype))",
            "rate[i : i + BLOCK] = self.rule(step[i : i + BLOCK].astype(dtype))",
        ),
    ],
    "schedules": [
        ("@hyperparameters\nclass CosineDecay(Schedule)", WITHOUT + "CosineDecay(Schedule)"),
        ("* ((1 - self.alpha) * cosine + self.alpha)", "* (cosine + self.alpha)"),
        ("* ((self.alpha + line) * cosine + self.beta)", "* ((self.alpha + line) * cosine)"),
        ("(self.alpha + line + noise) * cosine", "(self.alpha + line - noise) * cosine"),
        ("* power(1 - progress, self.power) + self.end_lr", "* power(1 - progress, self.power)"),
        ("self.lr * exp(-self.decay_rate *", "self.lr * power(2.0, -self.decay_rate *"),
        ("self.lr / (1 + self.decay_rate *", "self.lr / (1 - self.decay_rate *"),
        ("rate = where(step >= boundary, value, rate)", "rate = where(step > boundary, value, rate)"),
    ],
    "composition": [
        ("line = self.start + (1 - self.start) *", "line = self.start +"),
        ("maximum(step - self.steps, 0) if self.shift", "step - self.steps if self.shift"),
        ("maximum(step - self.steps, 0) if self.shift else step", "maximum(step - self.steps, 0)"),
        ("where(step >= boundary, schedule", "where(step > boundary, schedule"),
        ("schedule.rule(maximum(step - boundary, 0))", "schedule.rule(step)"),
        ("return power(self.decay, cycle) *", "return power(self.decay, cycle + 1) *"),
        ("self.schedule.rule(self.period * passed)", "self.schedule.rule(passed)"),
        ("i = where(u >= (power(g, i + 1) - 1) / (g - 1), i + 1, i)", "i = i + 0"),
        ("even = growth <= 1", "even = growth <= 2"),
        ("return self.factor * self.schedule.rule(step)", "return self.factor + self.schedule.rule(step)"),
    ],
    "stepping": [
        ("and not is_array(lr) and not", "and not"),
        ("by_itself = self.elementwise and self._plain and", "by_itself = self.elementwise and"),
        ("by_itself = self.elementwise and self._plain and", "by_itself = self._plain and"),
        ("and not is_array(lr) and not self._may_divide_by_zero", "and not is_array(lr)"),
        ("any(shape != array.shape for shape in shapes)", "False"),
        ("if tuple(slots) != self.slot_names:", "if len(slots) != len(self.slot_names):"),
        ("if self.looks_ahead and state.asked != state.t:", "if self.looks_ahead and state.asked < 0:"),
        ('if isinstance(arrays, np.generic) and name == "gradient":', "if isinstance(arrays, np.generic):"),
        ("if theta.keys() != g.keys():", "if False:"),
        ("if theta.keys() != state.slots.keys():", "if False:"),
        ("if not (isinstance(lr, (int, float)) or is_array(lr)):", "if lr is None:"),
        ("np.isfinite(lr).all() if is_array(lr)", "np.isfinite(lr).any() if is_array(lr)"),
        ("if self.t != other.t or", "if"),
        ("all(equal(a[k], b[k]) for k in a)", "True"),
        ("or self.slots.keys() != other.slots.keys():", "or False:"),
        ("np.isnan(new[0]) & (g == 0)", "np.isnan(new[0])"),
        (
            "_checked_rate(lr if opt is self else opt.rate(state.t), state.t)",
            "_checked_rate(opt.rate(state.t), state.t)",
        ),
        (
            "t, whole, cut = self.gradients(g), state.t + 1, [], []",
            "t, whole, cut = self.gradients(g), state.t, [], []",
        ),
        ("value.shape + (1,) * (ndim - value.ndim)", "(1,) * (ndim - value.ndim) + value.shape"),
        ("zip(shape, array.shape, strict=False)", "zip(shape[::-1], array.shape[::-1], strict=False)"),
        ("if len(shape) > array.ndim or", "if"),
        ("slot: np.array(value, dtype=dtype)", "slot: np.asarray(value, dtype=dtype)"),
        ("theta, g = (a.astype(slots[0].dtype, copy=False)", "theta, g = (a.astype(a.dtype, copy=False)"),
        ("if len(new) != 1 + len(slots):", "if False:"),
    ],
    "optimizers": [
        ("@hyperparameters\nclass SGD(Optimizer)", WITHOUT + "SGD(Optimizer)"),
        ("m = self.beta * m + lr * g", "m = self.beta * m + (1 - self.beta) * lr * g"),
        ("return theta - self.beta * m", "return theta"),
        ("G = G + g * g\n        return theta", "G = G + g * g / 2\n        return theta"),
        ("sqrt(average + eps) if inside else", "sqrt(average) + eps if inside else"),
        (
            "G = self.beta * G + (1 - self.beta) * g * g\n        return",
            "G = self.beta * G + g * g\n        return",
        ),
        ("delta = -sqrt(E + self.eps) / sqrt(G + self.eps) * g", "delta = -sqrt(E) / sqrt(G + self.eps) * g"),
        ("return theta + lr * delta, G, E", "return theta + delta, G, E"),
        ("v / (1 - self.beta2**t)", "v"),
        ("m / (1 - self.beta1**t)", "m"),
        ("return new - lr * lam * theta", "return new - lr * lam * new"),
        ("return new - lr * lam * theta", "return new - lam * theta"),
    ],
    "wrappers": [
        ("g = g + self.lam * self.point(theta, *slots)", "g = g + self.lam * theta"),
        ("return decaying if fnmatchcase(name, self.only) else self.optimizer.of(name)", "return decaying"),
        ("factor = np.asarray(minimum(self.norm / size, 1.0))", "factor = np.asarray(self.norm / size)"),
        ("scale = np.where(largest > 0, largest, 1.0)", "scale = np.ones_like(largest)"),
        ("rows = [a.reshape(*a.shape[:runs], -1)", "rows = [a.reshape(-1)"),
        ("return self.optimizer.gradients(clipped)", "return self.optimizer.gradients(g)"),
        ("seen |= optimizer.gradients(part)", "seen |= part"),
        ("if inside is self.optimizer:", "if True:"),
        ("if not pairs:", "if False:"),
    ],
    "training": [
        (
            'return array.astype(np.float64) if array.dtype.kind in "iu" else array',
            "return array.astype(np.float64)",
        ),
        ("diverged=len(rates) < steps", "diverged=len(rates) <= steps"),
        ("if due and state.t > recorded[-1]:", "if due:"),
    ],
    "problems": [
        (
            "@hyperparameters\nclass Quadratic(Hyperparameters)",
            WITHOUT + "Quadratic(Hyperparameters)",
        ),
        ("if matrix and np.array_equal(", "if False and np.array_equal("),
        ("rtol * best.max(axis=0, initial=0)", "rtol * best.max(initial=0)"),
        ("if not np.all(np.greater(self.noise, 0)):", "if not np.any(np.greater(self.noise, 0)):"),
        (
            "if not np.all(np.greater(self.eigenvalues, 0)):",
            "if not np.any(np.greater(self.eigenvalues, 0)):",
        ),
        ("+ square(rate * self.noise)", "+ rate * square(self.noise)"),
    ],
    "digits": [
        ("if len(set(runs.values())) > 1:", "if False:"),
        (
            '"V": rng.standard_normal((64, self.hidden)) / 8',
            '"V": rng.standard_normal((64, self.hidden)) / 4',
        ),
        ("/ np.sqrt(self.hidden)", "/ self.hidden"),
        ("rng.integers(len(labels), size", "rng.integers(len(labels) - 1, size"),
        ("scores - scores.max(axis=-1, keepdims=True)", "scores"),
        ("held_out = slice(len(labels) - self.held_out, None)", "held_out = slice(None, None)"),
        ("* (1 - h**2)", "* (1 - h)"),
    ],
    "testing": [
        ("np.maximum(np.abs(right), 1e-3 * np.abs(right).max())", "np.abs(right).max()"),
        ("same(answer, right, rtol=rtol)", "same(answer, right)"),
        ("np.allclose(answer, right, rtol=rtol, atol=0)", "np.allclose(answer, right, rtol=rtol, atol=1e-6)"),
        ("theirs: Optimizer, steps: int = 20", "theirs: Optimizer, steps: int = 4"),
        ("scales = [np.abs(theirs[0] - before[0]).max(),", "scales = [np.abs(theirs[0]).max(),"),
        ("if same.mean() > 0.9 and close(", "if close("),
        # np.min(edge) for np.max(edge) is equivalent: a schedule of arrays gives no one rate, and is refused
        ("np.linspace(0, 2 * max(edges) + 2, 500)", "np.linspace(0, max(edges), 500)"),
        ("and not np.array_equal(mine.point(*other), theirs.point(*other))", "and False"),
        ("given = [np.array(part) for part in state]", "given = list(state)"),
        ("(below is None or value < below)", "(below is None or value <= below)"),
    ],
    "evidence": [
        ("if np.ndim(value) or not low <= value <= high:", "if not low <= value <= high:"),
        ("if high - low > 2 * digit", "if high - low > 20 * digit"),
        ("> 0.1 * abs(value):", "> 10 * abs(value):"),
        ("agrees = off.max() <= limit if record[", "agrees = off.max() <= 1e9 * limit if record["),
        ("else off.max() > 100 * limit", "else True"),
        ('agrees, recorded = differs == record["differs_at"],', "agrees, recorded = True,"),
        ("if any(len(row) != len(head) for row in rows):", "if False:"),
    ],
    "practice": [
        ("if grading and answer is ...:", "if grading and answer is None:"),
        ("if grading:\n                raise\n", "if False:\n                raise\n"),
        ('print("".join(hints) or', 'print("" or'),
        ("if exercise not in self._checks:", "if False:"),
        ("with redirect_stdout(StringIO()):", "if True:"),
    ],
    "__main__": [
        ("np.arange(0, arguments.steps, arguments.every)", "np.arange(0, arguments.steps, 1)"),
        ("not 1 <= int(text) <= 10_000_000", "not 0 <= int(text) <= 10_000_000"),
        ("not step.is_integer() or step < 0", "not step.is_integer()"),
        ("or int(step) in found", ""),
        ("or not np.isfinite(rate)", ""),
        ("found, rtol=arguments.rtol)", "[0], rtol=arguments.rtol)"),
        ("rates[0][far]:.6g}", "rates[0][0]:.6g}"),
        ("return 1\n    print", "return 0\n    print"),
        ("case ast.Constant(value=bool() | int() | float()):", "case ast.Constant():"),
    ],
    "best": [
        ("if losses.shape != tuple(map(len, axes.values())):", "if losses.ndim != len(axes):"),
        ("np.where(np.isfinite(losses), losses, np.inf)", "losses"),
        ("for end in (0, -1):", "for end in (0,):"),
        ("for end in (0, -1):", "for end in (-1,):"),
        ("losses.take(end, axis=k).min() == lowest:", "losses.take(end, axis=k).max() == lowest:"),
    ],
    "sweeps": [
        ("args = tuple(x[1:] if isinstance(x, tuple) else x for x in args)", "pass"),
        ("updates[going[~fine]] = state.t", "updates[going[~fine]] = state.t + 1"),
        ("opt = _cut(optimizer, (runs,), going, None)", "pass"),
        ("last[name][going[~fine]] = array[~fine]", "pass"),
        ("return self.updates < self.steps", "return self.updates <= self.steps"),
        ("problem = _rounded(problem, dtype)", "pass"),
        ("    _check_problem(problem, start)", "    pass"),
        ("with fast.one_thread():", "if True:"),
        ("pieces = max(1, min(pieces, many))", "pieces = max(1, pieces)"),
        (
            "client.map(partial(_alone, part), cuts[:-1], cuts[1:], pure=False)",
            "client.map(partial(_alone, part), cuts[1:-1], cuts[2:], pure=False)",
        ),
    ],
    "fast": [
        ('os.environ.get("LRBOOK_FAST") != "0" and', "True and"),
        ("not _apart(arrays)", "False"),
        ("if any(a.dtype != theta.dtype for a in arrays):", "if False:"),
        ("return all(end <= start for", "return all(end < start for"),
        ("    _same([sample[0], *sample[2:]], right)", "    pass"),
        ("if number in (1, 2):", "if number in (1, 2, 3):"),
        ("stage[o.name] = at + (o.function not in KNOWN)", "stage[o.name] = at"),
        ("if o.name in asked and o.function in COMPARED]", "if False]"),
        ("return None if unsound else rate", "return rate"),
        ('watch="step" if first else ""', 'watch=""'),
        ("for t in range(0, len(rates), every))", "for t in range(0, len(rates) - every + 1, every))"),
        ('given = "1" if _ALONE.get() else', "given ="),
    ],
    "lanes": [
        ("fine = zero >= 0", "fine = True"),
        ('after["made"] = where(fine, made + 1, made)', 'after["made"] = made + 1'),
        ("made[:] = 0", "pass"),
        ('if method != "__call__" or ufunc.signature is not None:', "if False:"),
        ("if not opt.elementwise or sees_all(opt):", "if not opt.elementwise:"),
        ("and not opt._may_divide_by_zero", ""),
        ("self.called(rate, t, *settings)", "self.called(rate, t - 1, *settings)"),
    ],
    "machine": [
        ('"lt": "olt", "le": "ole"', '"lt": "ole", "le": "olt"'),
        (
            'how = "olt" if function == "minimum" else "ogt"',
            'how = "ogt" if function == "minimum" else "olt"',
        ),
        (
            "chosen = self._select(self._compared(how, x, y), x, y)",
            "chosen = self._select(self._compared(how, x, y), y, x)",
        ),
        ('return self._select(self._compared("uno", x, x), x, chosen)', "return chosen"),
        ('return self._select(self._compared("oeq", x, "0.0"), "0.0", sign)', "return sign"),
        (
            "places = (a.ctypes.data + first * a.itemsize for a in arrays)",
            "places = (a.ctypes.data for a in arrays)",
        ),
        ("wait(others)  # none", "pass  # none"),
        ("icmp uge {whole} {bits}", "icmp ugt {whole} {bits}"),
        ("0x7F800000", "0x7F800001"),
        ("%row = add nuw nsw i64 %step.j, %k", "%row = add nuw nsw i64 %j, %k"),
        ("if len(arrays) != self._arrays or any(", "if any("),
    ],
    "hyperparameters": [
        ("if count != len(boundaries) + 1:", "if count < len(boundaries) + 1:"),
        ("np.any((low < high) == False):", "np.all((low < high) == False):"),
        ("if not np.all(good):", "if not np.any(good):"),
        ("breach = value[~np.asarray(good)].flat[0]", "breach = value.flat[0]"),
        ("if rule.holds(value) == False:", "if rule.holds(value) != True:"),
        ("sympy.Rational(repr(value))", "sympy.Rational(value)"),
        ('float(f"{value:.15g}") != value and float(near) == value', "float(near) == value"),
        ("limit_denominator(10**6)", "limit_denominator(1000)"),
        ("if may_be_schedule and isinstance(value, type):", "if False:"),
        ('if not name.startswith("_")}', "}"),
    ],
    "noise": [
        ("u = (_real(bits) + 0.5) / 2.0**32", "u = _real(bits) / 2.0**32"),
        ("low ^ _key(seed)", "low"),
        ("min(whole >> 32, 0xFFFFFFFF)", "whole >> 32"),
        ("word(whole - upper * 2.0**32)", "word(minimum(whole, 2.0**32 - 1))"),
        ("^ above ^ below)", "^ below)"),
        ("^ above ^ below)", "^ above)"),
        ("_scrambled(bits ^ 0x1E3779B9)", "_scrambled(bits)"),
        ("* 0x21F0AAAD & 0xFFFFFFFF", "* 0x21F0AAAD"),
        ("_scrambled(word(seed) ^ 0x2545F491) ^ word(seed / 2.0**32)", "_scrambled(word(seed) ^ 0x2545F491)"),
        (
            "return lib.astype(_normal(seed, lib.astype(step, wide)), dtype)",
            "return _normal(seed, lib.astype(step, wide))",
        ),
        ('if lib.isdtype(step.dtype, "real floating") else wide', "if True else wide"),
    ],
    "figure": [
        ("unknown = set(moved) - set(vars(c))", "unknown = set()"),
        (
            "for unknown in (asked - {*names, *self.values}, moved - set(names)):",
            "for unknown in (moved - set(names),):",
        ),
        ("if number < limit)", "if number <= limit)"),
        ("if tuple(asked) == known:", "if True:"),
        ("return _first[0] == said", "return True"),
        (r'.replace("<", "\\u003c")', ""),
        ("if x != 0 and not 1e-3 <= abs(x) < 1e5:", "if not 1e-3 <= abs(x) < 1e5:"),
        ("self.known = list(self.figure.values)[: len(self.known) + 1]", "pass"),
    ],
    "parts": [
        ("at = EVERY * int(np.argmin(ends[::EVERY]))", "at = 0"),
        ("for step in (4, 2, 1):", "for step in (4, 2):"),
        ('if not good or (letter in "sx" and rest.isdigit()):', "if not good:"),
        ("ends = np.where(np.isnan(ends), np.inf, ends)", "pass"),
    ],
    "live": [
        (
            "entries = [(x, *slots[::2]), (y, *slots[1::2])]",
            "entries = [(x, *slots[1::2]), (y, *slots[::2])]",
        ),
        ("opt.rate(t), t + 1, *memory)", "opt.rate(t), t, *memory)"),
        ("1.0, t + 1 + made, *memory)", "1.0, t + 1, *memory)"),
        ("return (distance + rate, *squares)", "return (distance + 2 * rate, *squares)"),
        ("if last[0] is not c:", "if last[0] is None:"),
        ('return 0.0, 0.999, "toward1"', 'return 0.0, 0.999, "linear"'),
        ("opt.point(*entry) for entry in entries", "entry[0] for entry in entries"),
    ],
    "trace": [
        (
            "record.operations = [operation for operation in record.operations if operation.name in needed]",
            "pass",
        ),
        ("if type(exponent) in NUMBERS and exponent == 2:", "if False:"),
        ("uniform = all(x.uniform for", "uniform = any(x.uniform for"),
        ("if uses[operation.name] > 1 or", "if uses[operation.name] > 2 or"),
        ('if value[0] == "-" or (" " in value and', 'if (" " in value and'),
        ('if value[0] == "-" or (" " in value and not _closed(value))', 'if value[0] == "-"'),
        ('str(value).replace("inf", "Infinity")', "str(value)"),
        ("return 0 not in depths[:-1]", "return True"),
        ("((y, x) if reflected else (x, y))", "(x, y)"),
        ('return self.trace.record("pow", base, self)', 'return self.trace.record("pow", self, base)'),
        ("({} >>> 0)", "({} | 0)"),
        ('"rshift": "({} >>> {})"', '"rshift": "({} >> {})"'),
        ("done = function, repr(plain)", "done = function, plain"),
        ('rate = isinstance(x, Optimizer) and name == "lr"', "rate = False"),
        ("return isinstance(x, Wrapper) and sees_all(x.optimizer)", "return False"),
        ("if not x.elementwise or sees_all(x):", "if sees_all(x):"),
        ('uniform=name in ("lr", "t"))', 'uniform=name in ("lr",))'),
    ],
    "elementary": [
        ("if y in (1, 2):", "if y == 1:"),
        ("return (x > 0) - (x < 0) if", "return int(x > 0) if"),
        ("return float(float(x) ** y)", "return float(x**y)"),
        ("return math.exp(x)", "return math.exp(min(x, 700))"),
        ("return rounded(x) if math.isfinite(x) else x", "return rounded(x)"),
        ("return lib.cos(lib.pi * x)", "return lib.cos(math.pi * x)"),
        ("if any(is_symbolic(x) for x in arguments):", "if is_symbolic(arguments[0]):"),
        ("rest = y.args if isinstance(y, sympy.Piecewise) else [(y, True)]", "rest = [(y, True)]"),
        (
            "if not any(is_array(v) and not is_traced(v) for v in (x, y)):",
            "if True:",
        ),
        ("return int(x) & 0xFFFFFFFF", "return int(x)"),
        ("return library(x).full_like(x, value)", "return value"),
    ],
    "plots": [
        ("return bool(0.5 < still.mean() < 1)", "return bool(0.1 < still.mean() < 1)"),
        (
            "np.concatenate([[0.0], np.cumsum(rates[:-1])]), color=color)",
            "np.concatenate([[0.0], np.cumsum(rates[:-1])]), color=BLUE)",
        ),
        ("if width > USUAL and abreast < columns:", "if abreast < columns:"),
        ("height *= -(-columns // abreast)", "height *= 1"),
        ("copy.set_size_inches(min(width, NARROW), height)", "copy.set_size_inches(NARROW, height)"),
        ("above = rows * block", "above = block"),
        ("ax.tick_params(labelleft=True)", "ax.tick_params(labelleft=False)"),
        ('next(filter(None, (a.get_ylabel() for a in [ax, *shared])), "")', "ax.get_ylabel()"),
        ("return points[seen] if any(seen) else points", "return points"),
        ("[0 if first else -1]", "[-1]"),
        ('ha="right" if first else "left"', 'ha="left"'),
        ("if legend.get_window_extent().width < figure.bbox.width:", "if True:"),
        ("1e9 * outside + ", ""),
        ("1e6 * texts + points", "points"),
        ("1e6 * texts + points", "1e6 * texts"),
        ('== "all" else _svg(figure)', '!= "" else _svg(figure)'),
    ],
}


def mutated(module: str, old: str, new: str) -> str:
    """The source of `module` with `new` in place of `old`, which must stand there once."""
    source = (ROOT / "lrbook" / f"{module}.py").read_text(encoding="utf-8")
    if source.count(old) != 1:
        raise SystemExit(f"a mutant must change one place of {module}.py, {source.count(old)} have {old!r}")
    return source.replace(old, new)


def noticed(module: str, source: str) -> str:
    """The test that fails when `module` has this source, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "_build", "__pycache__", "notebooks"))
        (copy / "lrbook" / f"{module}.py").write_text(source, encoding="utf-8")
        tests = sorted(
            (path for path in (copy / "tests").glob("test_*.py") if path.stem not in APART),
            key=lambda path: path.stem != f"test_{TESTED_WITH.get(module, module)}",
        )
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-qx", "--no-header", "-p", "no:cacheprovider", *tests],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode == 0:
        return ""
    return (re.findall(r"^(?:FAILED|ERROR) (?:tests/)?(\S+)", run.stdout, re.M) or [run.stdout[-300:]])[0]


def main() -> None:
    chosen = [(m, *mutant) for m in sys.argv[1:] or MUTANTS for mutant in MUTANTS[m]]
    work = [(module, mutated(module, old, new)) for module, old, new in chosen]
    if by := noticed("__init__", (ROOT / "lrbook" / "__init__.py").read_text(encoding="utf-8")):
        raise SystemExit(f"the tests must pass before anything is broken, got {by}")
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (module, old, new), by in zip(chosen, pool.map(lambda it: noticed(*it), work), strict=True):
            verdict = f"killed by {by}" if by else "SURVIVES"
            print(f"{module}: {old}  ->  {new}  {verdict}".replace("\n", " "), flush=True)
            found.append(bool(by))
    print(f"{sum(found)} of {len(found)} killed, {np.mean(found):.0%}")
    sys.exit(bool(np.mean(found) < 0.95))


if __name__ == "__main__":
    main()
