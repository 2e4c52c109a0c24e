"""Every check refuses its planted wrong answers in words, and accepts right ones other than the solution."""

import contextlib
import io
import re
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import planted
import pytest
from cells import labelled

import lrbook

BOOK = Path(__file__).parent.parent / "book"
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


@pytest.mark.parametrize("page", CHAPTERS)
def test_planted_answers_are_told_apart(page, monkeypatch):
    monkeypatch.chdir(BOOK)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    names, faults = {"__name__": "__main__"}, []
    for kind, label, cell in labelled(jupytext.read(BOOK / f"{page}.md").cells):
        source = compile(cell.source, f"{page}, {label}", "exec")
        if kind == "exercise" and "check(answer, " in cell.source:
            for answer in planted.WRONG[label]:
                said = told(source, names, answer)
                if "Right." in said or "No answer" in said or re.search(r"^(False|True) is not it", said):
                    faults.append(f"{label} accepts {answer}: {said!r}")
            for answer in planted.RIGHT.get(label, ()):
                said = told(source, names, answer)
                if not said.endswith("Right.\n"):
                    faults.append(f"{label} refuses {answer}: {said!r}")
            names["answer"] = ...
        with contextlib.redirect_stdout(io.StringIO()):
            exec(source, names)
    assert not faults, "\n".join(faults)
