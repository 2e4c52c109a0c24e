"""Every check refuses its planted wrong answers in words, and accepts right ones other than the solution."""

import contextlib
import io
import re
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import planted
import pytest

import lrbook

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(
    path.stem for path in BOOK.glob("*.md") if "{exercise-start}" in path.read_text(encoding="utf-8")
)
LABELS = {
    page: re.findall(r"exercise-start\}.*\n:label: (\S+)", (BOOK / f"{page}.md").read_text(encoding="utf-8"))
    for page in CHAPTERS
}


def test_every_exercise_has_a_planted_answer_and_nothing_is_planted_elsewhere():
    labels = [label for of_page in LABELS.values() for label in of_page]
    assert sorted(planted.WRONG) == sorted(labels)
    assert set(planted.RIGHT) <= set(labels)


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
    names, label, faults = {"__name__": "__main__"}, None, []
    for cell in jupytext.read(BOOK / f"{page}.md").cells:
        if cell.cell_type == "markdown":
            for opened, named in re.findall(
                r"\{(exercise|solution)-start\}.*?:label: (\S+)", cell.source, re.S
            ):
                label = named if opened == "exercise" else None
            continue
        source = compile(cell.source, f"{page}, {label}", "exec")
        if label and "check(answer, " in cell.source:
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
