"""The build runs what must be run again, and no more; tried on a book of two small chapters.

The book uses the real extension, `book/_ext/fresh.py`, and the build command of the Makefile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFIG = """
title: Scratch
author: Nobody
execute: {execute_notebooks: cache, timeout: 60}
sphinx:
  local_extensions: {fresh: book/_ext}
  config:
    nb_execution_show_tb: true
    fresh_when_changed: ["lrbook/**/*", requirements.txt]
"""
CHAPTER = """---
kernelspec: {name: python3, display_name: Python 3}
jupytext: {text_representation: {extension: .md, format_name: myst}}
---
# Chapter NAME

Some prose.

```{code-cell}
import os, sys
sys.path.insert(0, os.environ["SCRATCH"])
from lrbook import value
with open(os.path.join(os.environ["SCRATCH"], "runs.txt"), "a") as runs:
    runs.write("NAME ")
print("the value is", value)
```
"""

pytestmark = pytest.mark.book


class Scratch:
    """A book that notes which of its chapters were run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("book", "lrbook/recordings"):
            (root / folder).mkdir(parents=True)
        extensions = root / "book" / "_ext"
        extensions.mkdir()
        shutil.copy(ROOT / "book" / "_ext" / "fresh.py", extensions)
        self.write("_config.yml", CONFIG)
        self.write("_toc.yml", "format: jb-book\nroot: a\nchapters: [{file: b}]\n")
        self.write("lrbook/__init__.py", "value = 1\n")
        self.write("requirements.txt", "numpy\n")
        for name in "ab":
            self.write(f"book/{name}.md", CHAPTER.replace("NAME", name))

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, "utf8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text("utf8")
        assert old in text
        self.write(path, text.replace(old, new))

    def build(self) -> tuple[int, set[str]]:
        """Build; return the exit status and the chapters that were run."""
        self.write("runs.txt", "")
        command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "book"]
        command += ["--path-output", ".", "--config", "_config.yml", "-W", "-n", "--keep-going"]
        command += ["--toc", str(self.root / "_toc.yml")]
        environment = os.environ | {"SCRATCH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        self.log = done.stdout + done.stderr
        return done.returncode, set((self.root / "runs.txt").read_text().split())

    def page(self, name: str) -> str:
        return (self.root / "_build" / "html" / f"{name}.html").read_text("utf8")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A scratch book, built once."""
    made = Scratch(tmp_path_factory.mktemp("freshness"))
    assert made.build() == (0, {"a", "b"}), made.log
    return made


def test_an_unchanged_book_runs_nothing(scratch):
    assert scratch.build() == (0, set()), scratch.log


def test_prose_and_code_of_one_chapter(scratch):
    """New prose runs nothing and is shown; new code runs its own chapter only."""
    scratch.edit("book/a.md", "Some prose.", "Other prose.")
    assert scratch.build() == (0, set()), scratch.log
    assert "Other prose." in scratch.page("a")
    assert "value is 1" in scratch.page("a")
    assert "value is 1" in (scratch.root / "_build/jupyter_execute/a.ipynb").read_text("utf8")
    scratch.edit("book/a.md", "the value is", "this value is")
    assert scratch.build() == (0, {"a"}), scratch.log
    assert "this value is 1" in scratch.page("a")


@pytest.mark.parametrize(
    ("path", "text", "shown"),
    [
        ("lrbook/__init__.py", "value = 2\n", "value is 2"),
        ("lrbook/look.mplstyle", "lines.linewidth: 3\n", ""),
        ("lrbook/recordings/values.json", "[1]\n", ""),
        ("requirements.txt", "numpy>=2\n", ""),
    ],
)
def test_what_chapters_depend_on_runs_every_chapter(scratch, path, text, shown):
    scratch.write(path, text)
    assert scratch.build() == (0, {"a", "b"}), scratch.log
    assert shown in scratch.page("a")
    assert shown in scratch.page("b")
    assert len(list((scratch.root / "_build" / ".jupyter_cache").iterdir())) == 1


def test_other_python_means_other_fingerprint(monkeypatch):
    """Another Python, or another version of a package, asks for another cache."""
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import fresh

    before = fresh.fingerprint(ROOT, [])
    assert before == fresh.fingerprint(ROOT, [])
    with monkeypatch.context() as patch:
        patch.setattr(fresh.platform, "python_version", lambda: "3.99.0")
        assert fresh.fingerprint(ROOT, []) != before
    with monkeypatch.context() as patch:
        others = [d for d in fresh.metadata.distributions() if d.metadata["Name"] != "numpy"]
        patch.setattr(fresh.metadata, "distributions", lambda: others)
        assert fresh.fingerprint(ROOT, []) != before


def test_a_failure_is_not_forgotten(scratch):
    """A build with a failing cell, or a warning, fails again until it is mended."""
    scratch.edit("book/b.md", "print(", "1 / 0\nprint(")
    for _ in range(2):
        status, _ran = scratch.build()
        assert status != 0
        assert "ZeroDivisionError" in scratch.log
    scratch.edit("book/b.md", "1 / 0\n", "")
    scratch.edit("book/a.md", "Other prose.", "[No such place](#nowhere).")
    for _ in range(2):
        status, ran = scratch.build()
        assert status != 0
        assert "nowhere" in scratch.log
        assert "a" not in ran
    scratch.edit("book/a.md", "[No such place](#nowhere).", "Good prose.")
    assert scratch.build()[0] == 0, scratch.log


def test_a_removed_chapter_leaves_nothing(scratch):
    (scratch.root / "book" / "b.md").unlink()
    scratch.write("_toc.yml", "format: jb-book\nroot: a\n")
    assert scratch.build() == (0, set()), scratch.log
    assert not (scratch.root / "_build" / "html" / "b.html").exists()
    assert not (scratch.root / "_build" / "jupyter_execute" / "b.ipynb").exists()


def test_a_line_that_a_kernel_sends_in_two_parts_is_one_line_on_the_page(scratch):
    pause = "import time; print('one', end='', flush=True); time.sleep(0.5); print(' line')"
    scratch.edit("book/a.md", 'print("this value is", value)', pause)
    assert scratch.build()[0] == 0
    (executed,) = scratch.root.glob("_build/jupyter_execute/a.ipynb")
    assert '"one line\\n"' in executed.read_text("utf8")
    assert "one line" in (scratch.root / "_build" / "html" / "a.html").read_text("utf8")
