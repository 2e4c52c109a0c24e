"""Each check refuses planted wrong answers in words and accepts right ones, in chapters and in practice."""

import contextlib
import io
import re
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import nbformat
import planted
import pytest
from cells import labelled

import lrbook

BOOK = Path(__file__).parent.parent / "book"
ARGUMENTS = {name for cls in vars(lrbook).values() for name in getattr(cls, "__dataclass_fields__", ())}
PRACTICE = BOOK.parent / "_build" / "html" / "practice"
CHAPTERS = sorted(
    path.stem for path in BOOK.glob("*.md") if "{exercise-start}" in path.read_text(encoding="utf-8")
)
LABELS = [
    label
    for page in CHAPTERS
    for label in re.findall(
        r"exercise-start\}.*\n:label: (\S+)", (BOOK / f"{page}.md").read_text(encoding="utf-8")
    )
]


def test_every_exercise_has_a_planted_answer_and_nothing_is_planted_elsewhere():
    assert sorted(planted.WRONG) == sorted(LABELS)
    assert set(planted.RIGHT) <= set(LABELS)


def told(check, names, answer):
    """What a check says to an answer: the words printed, or those of its refusal."""
    names["answer"] = eval(answer, {**vars(lrbook), **names})
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(check, names)
    except AssertionError as refusal:
        return str(refusal)
    return printed.getvalue()


def printed(source, names):
    """Run a cell; give what it prints."""
    lines = io.StringIO()
    with contextlib.redirect_stdout(lines):
        exec(source, names)
    return lines.getvalue()


class Student:
    """Somebody with the practice notebook of a chapter and nothing else."""

    def __init__(self, page):
        cells = nbformat.read(PRACTICE / f"{page}.ipynb", 4).cells
        self.cells = {cell.id: cell for cell in cells}
        self.names = {"__name__": "__main__"}
        for name in ("needs", "setup", "sealed"):
            printed(self.cells[name].source, self.names)

    def run(self, name):
        return printed(self.cells[name].source, self.names)

    def told(self, label, answer):
        self.names["answer"] = answer
        return self.run(label).splitlines()[-1]


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_practice_notebook_has_each_exercise_and_no_solution(page, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    student = Student(page)
    source = "\n".join(cell.source for cell in student.cells.values())
    labels = [
        label
        for _, label, cell in labelled(jupytext.read(BOOK / f"{page}.md").cells)
        if "check(answer" in cell.source and label.startswith("ex-")
    ]
    assert [cell for cell in student.cells if cell.startswith("ex-")] == [
        f"{label}{part}" for label in labels for part in ("-answer", "", "-hint")
    ]
    for kind, _, cell in labelled(jupytext.read(BOOK / f"{page}.md").cells):
        if kind == "solution":
            for line in cell.source.splitlines():
                assert not line.startswith("answer =") or line not in source, line
    for label in labels:
        student.run(f"{label}-answer")
        assert student.run(label).endswith("No answer yet: put yours in place of the dots.\n")
        hint = student.run(f"{label}-hint")
        assert hint.count("\n") == 1
        assert len(hint) > 10
        tags = student.cells[label].metadata["nbgrader"]
        assert (tags["grade"], tags["locked"], tags["points"], tags["solution"]) == (True, True, 1, False)
        assert "nbgrader" not in student.cells[f"{label}-answer"].metadata


@pytest.mark.parametrize("page", CHAPTERS)
def test_planted_answers_are_told_apart(page, monkeypatch):
    monkeypatch.chdir(BOOK)
    student = Student(page)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    names, faults = {"__name__": "__main__"}, []
    for kind, label, cell in labelled(jupytext.read(BOOK / f"{page}.md").cells):
        source = compile(cell.source, f"{page}, {label}", "exec")
        if kind == "exercise" and "check(answer, " in cell.source:
            for number, answer in enumerate(planted.WRONG[label]):
                said = told(source, names, answer)
                if "Right." in said or "No answer" in said or re.search(r"^(False|True) is not it", said):
                    faults.append(f"{label} accepts {answer}: {said!r}")
                if number > 0:  # a sealed check may take seconds: it is asked for the lazy answer alone
                    continue
                again = student.told(label, names["answer"])
                if not again.startswith("Not yet. ") or not said.startswith(again[9:].rstrip(" .")):
                    faults.append(f"{label}, sealed, says {again!r} to {answer}, open {said!r}")
            for answer in planted.RIGHT.get(label, ()):
                said = told(source, names, answer)
                again = student.told(label, names["answer"])
                if not said.endswith("Right.\n") or again != "Right.":
                    faults.append(f"{label} refuses {answer}: {said!r}, sealed {again!r}")
            names["answer"] = ...
        with contextlib.redirect_stdout(io.StringIO()):
            exec(source, names)
        if kind == "solution" and "answer =" in cell.source:
            label = label.replace("sol-", "ex-")
            said = student.told(label, names["answer"])
            if said != "Right.":
                faults.append(f"{label}, sealed, says {said!r} to the solution")
    assert not faults, "\n".join(faults)
    for cell in student.cells.values():  # what a question calls by its name in the code, a student has
        if cell.cell_type == "markdown":
            named = set(re.findall(r"(?<!`)`([A-Za-z_]\w*)`(?!`)", cell.source)) & set(names)
            assert named <= set(student.names) | ARGUMENTS | {"answer"}, cell.source
