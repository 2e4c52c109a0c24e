"""The package: light to import, complete, documented."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lrbook
from lrbook import elementary, noise, plots, testing


def test_importing_lrbook_imports_neither_sympy_nor_matplotlib():
    code = "import sys, lrbook; print([m for m in ('sympy', 'matplotlib', 'IPython') if m in sys.modules])"
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
