"""Sealed checks: they judge as the open ones do, hint on request and give nothing away."""

import pytest

from lrbook.practice import Exercises, seal

SOURCE = """
import numpy as np
print("measured: ready")
check(answer, float(np.sum([1.0, 2.0])) / 7, hint="Add, then divide.", rtol=1e-3)
"""


@pytest.fixture
def exercises():
    return Exercises({"third": seal(SOURCE), "open": seal("check(answer, measure=abs, below=2)")})


def test_right_wrong_and_missing_answers_are_told_apart(exercises, capsys):
    for answer, words in [
        (0.42857, "Right."),
        (3.0, "Not yet. 3.0 is not it: too large, by more than a factor of two."),
        (..., "No answer yet: put yours in place of the dots."),
    ]:
        exercises.check("third", answer)
        assert capsys.readouterr().out.splitlines()[-1] == words
    exercises.check("open", -1.5)
    exercises.check("open", 4)
    assert capsys.readouterr().out == "Right.\nNot yet. not yet: yours gives 4, wanted below 2\n"


def test_a_hint_comes_when_asked_for_and_is_all_that_comes(exercises, capsys):
    exercises.hint("third")
    assert capsys.readouterr().out == "Add, then divide.\n"
    exercises.hint("open")
    assert capsys.readouterr().out == "There is no hint to this one: try a small case by hand.\n"


def test_a_grader_sees_an_error_where_the_answer_is_wrong_or_missing(exercises, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    exercises.check("third", 3 / 7)
    for answer in (..., 3.0):
        with pytest.raises(AssertionError, match=r"no answer|3\.0 is not it"):
            exercises.check("third", answer)


def test_nothing_of_a_check_can_be_read_and_it_leaves_no_names(exercises):
    assert not any(word in seal(SOURCE) for word in ("check", "answer", "Add, then"))
    exercises.check("third", 1.0)
    assert "np" not in globals()


def test_an_exercise_that_is_not_there_is_refused_with_those_that_are(exercises):
    with pytest.raises(ValueError, match=r"exercise must be one of \['third', 'open'\], got 'fourth'"):
        exercises.check("fourth", 1)
