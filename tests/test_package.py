"""The package: light to import, complete, documented."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lrbook
from lrbook import elementary, noise, plots, testing


def test_importing_lrbook_imports_nothing_heavy():
    heavy = "sympy", "matplotlib", "IPython", "llvmlite", "tqdm", "distributed", "concurrent.futures"
    code = f"import sys, lrbook; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_version_is_the_one_that_is_published():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert lrbook.__version__ == project["project"]["version"]
    assert project["project"]["dependencies"] == ["numpy>=2"]


def test_every_name_of_the_contract_is_there():
    promised = """PiecewiseConstant ExponentialDecay NaturalExpDecay PolynomialDecay InverseTimeDecay
    CosineDecay LinearCosineDecay NoisyLinearCosineDecay SGD descend"""
    assert set(promised.split()) <= set(lrbook.__all__)
    assert all(hasattr(lrbook, name) for name in lrbook.__all__)


def public():
    for module in (lrbook, elementary, noise, plots, testing):
        for name, found in vars(module).items():
            if not name.startswith("_") and getattr(found, "__module__", "").startswith("lrbook"):
                yield pytest.param(found, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("found", list(public()))
def test_everything_public_says_what_it_is(found):
    assert inspect.getdoc(found)


RULES = [
    n for n in lrbook.__all__ if "rule" in vars(getattr(lrbook, n)) and n not in {"Schedule", "Optimizer"}
]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_gives_its_formula_and_an_example_that_is_run(name):
    text = inspect.getdoc(getattr(lrbook, name))
    assert ".. math::" in text
    assert "Parameters\n" in text
    assert ">>> " in text


def test_the_program_in_the_readme_runs_as_it_stands():
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.S)
    made: dict[str, object] = {}
    exec(program, made)
    assert made["run"].lr[0] == made["schedule"](0) == 0.1


def test_the_package_stays_short_enough_to_be_read():
    """Fewer than 4,000 lines of code: what a docstring says, a comment and an empty line do not count."""
    total = 0
    for file in Path(lrbook.__file__).parent.glob("*.py"):
        source = file.read_text(encoding="utf-8")
        said = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
                said.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        lines = enumerate(source.splitlines(), 1)
        total += sum(n not in said and bool(line.strip()) and line.strip()[0] != "#" for n, line in lines)
    assert 2000 < total < 4000
