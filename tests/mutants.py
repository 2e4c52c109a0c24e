"""Break lrbook in one place at a time, and see whether the tests notice.

    python tests/mutants.py          # all, about five minutes on two cores
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
APART = {"test_book", "test_exercises", "test_freshness", "test_install", "test_pages"}

# For each module: what stands there, and what is put in its place.
MUTANTS = {
    "schedules": [
        (
            "@dataclass(frozen=True, eq=False)\nclass CosineDecay(Schedule)",
            "@dataclass(frozen=True)\nclass CosineDecay(Schedule)",
        ),
        ("if step.size <= BLOCK or not self._plain:", "if step.size <= BLOCK:"),
        ("if np.any((low < high) == False):", "if np.all((low < high) == False):"),
        ("0 <= step <= sys.float_info.max", "step <= sys.float_info.max"),
        ("return rate.astype(step.dtype) if step.dtype == np.float16 else rate", "return rate"),
        ("* ((1 - self.alpha) * cosine + self.alpha)", "* (cosine + self.alpha)"),
        ("* ((self.alpha + line) * cosine + self.beta)", "* ((self.alpha + line) * cosine)"),
        ("(self.alpha + line + noise) * cosine", "(self.alpha + line - noise) * cosine"),
        ("* (1 - progress) ** self.power + self.end_lr", "* (1 - progress) ** self.power"),
        ("self.lr * exp(-self.decay_rate *", "self.lr * power(2.0, -self.decay_rate *"),
        ("self.lr / (1 + self.decay_rate *", "self.lr / (1 - self.decay_rate *"),
    ],
    "optimizers": [
        (
            "@dataclass(frozen=True, eq=False)\nclass SGD(Optimizer)",
            "@dataclass(frozen=True)\nclass SGD(Optimizer)",
        ),
        ("whole = np.ndim(lr) or not self._plain or not all(", "whole = not self._plain or not all("),
        ("whole = np.ndim(lr) or not self._plain or not all(", "whole = np.ndim(lr) or not all("),
        ("if shapes != [array.shape] * count:", "if len(shapes) != count:"),
        ('if isinstance(arrays, np.generic) and name == "gradient":', "if isinstance(arrays, np.generic):"),
        ("for names in (g.keys(), state.slots.keys()):", "for names in (g.keys(),):"),
        ("if not (isinstance(lr, (int, float)) or is_array(lr)):", "if lr is None:"),
        ("if not np.all(np.isfinite(lr)):", "if not np.any(np.isfinite(lr)):"),
        ("return self.t == other.t and same", "return same"),
        ("all(equal(self.slots[n], other.slots[n]) for n in names)", "True"),
        ("same = names == other.slots.keys() and all(", "same = all("),
        ("m = self.beta * m + lr * g", "m = self.beta * m + (1 - self.beta) * lr * g"),
        ("return theta - self.beta * m", "return theta"),
        ("return theta + lr * delta, G, E", "return theta + delta, G, E"),
        ("return new - lr * self.weight_decay * theta,", "return new - lr * self.weight_decay * new,"),
        ("return new - lr * self.lam * theta,", "return new - self.lam * theta,"),
        ("self._update(lr, state.t + 1, array,", "self._update(lr, state.t, array,"),
    ],
    "training": [
        (
            'return array.astype(np.float64) if array.dtype.kind in "iu" else array',
            "return array.astype(np.float64)",
        ),
        ("len(rates) < steps)", "len(rates) <= steps)"),
        ("if due and state.t > recorded[-1]:", "if due:"),
    ],
    "problems": [
        (
            "@dataclass(frozen=True, eq=False)\nclass Quadratic(Hyperparameters)",
            "@dataclass(frozen=True)\nclass Quadratic(Hyperparameters)",
        ),
        (
            '"V": rng.standard_normal((64, self.hidden)) / 8',
            '"V": rng.standard_normal((64, self.hidden)) / 4',
        ),
        ("/ np.sqrt(self.hidden)", "/ self.hidden"),
        ("rng.integers(len(labels), size", "rng.integers(len(labels) - 1, size"),
        ("rtol * best.max(axis=0, initial=0)", "rtol * best.max(initial=0)"),
        ("if not np.all(np.greater(self.noise, 0)):", "if not np.any(np.greater(self.noise, 0)):"),
        (
            "if not np.all(np.greater(self.eigenvalues, 0)):",
            "if not np.any(np.greater(self.eigenvalues, 0)):",
        ),
        ("+ (rate * self.noise) ** 2", "+ rate * self.noise**2"),
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
        ("if np.ndim(value) or not low <= value <= high:", "if not low <= value <= high:"),
        ("if high - low > 2 * digit", "if high - low > 20 * digit"),
        ("> 0.1 * abs(value):", "> 10 * abs(value):"),
    ],
    "sweeps": [
        ("if losses.shape != tuple(map(len, axes.values())):", "if losses.ndim != len(axes):"),
        ("np.where(np.isfinite(losses), losses, np.inf)", "losses"),
        ("for end in (0, -1):", "for end in (0,):"),
        ("for end in (0, -1):", "for end in (-1,):"),
        ("losses.take(end, axis=k).min() == lowest:", "losses.take(end, axis=k).max() == lowest:"),
    ],
    "hyperparameters": [
        ("if not np.all(good):", "if not np.any(good):"),
        ("breach = np.asarray(value)[~np.asarray(good)].flat[0]", "breach = np.asarray(value).flat[0]"),
        ("if rule.holds(value) == False:", "if rule.holds(value) != True:"),
        ("sympy.Rational(repr(value))", "sympy.Rational(value)"),
        ('elif "schedule" in rules and isinstance(value, type):', "elif None in rules:"),
    ],
    "noise": [
        (".astype(np.float64) + 0.0).view", ".astype(np.float64)).view"),
        ("_AS_BITS(_AS_BYTES(step + 0.0))", "_AS_BITS(_AS_BYTES(float(step)))"),
        ("u = ((x >> 32) + 0.5) / 2**32", "u = (x >> 32) / 2**32"),
        ('astype(step.dtype if step.dtype.kind == "f" else np.float64)', "astype(np.float64)"),
        ("_key(int(seed))", "int(seed)"),
    ],
    "plots": [
        ("return bool(0.5 < still.mean() < 1)", "return bool(0.1 < still.mean() < 1)"),
        (
            "np.concatenate([[0.0], np.cumsum(rates[:-1])]), color=color)",
            "np.concatenate([[0.0], np.cumsum(rates[:-1])]), color=BLUE)",
        ),
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
            key=lambda path: path.stem != f"test_{module}",
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
