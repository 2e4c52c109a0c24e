"""Practice without the answers: checks that come sealed with a notebook, and say right, wrong or a hint.

A check needs the right answer, and whoever reads it learns that. So a practice notebook carries its checks as
compressed text. That is no secret, only out of sight: who wants the solution finds it in the chapter.
"""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from lrbook import testing


def seal(source: str) -> str:
    """The source of a check, out of sight.

    >>> "check" in seal("check(answer, 2 / 3)")
    False
    """
    return base64.b64encode(zlib.compress(source.encode(), 9)).decode()


class Exercises:
    """The exercises of a notebook.

    Parameters
    ----------
    checks : mapping of str to str
        For each exercise the source, as `seal` gives it, of a program that checks the name ``answer``.

    Examples
    --------
    >>> exercises = Exercises({"double": seal("check(answer, 2 * 4.0, hint='Add it to itself.')")})
    >>> exercises.check("double", 8.0)
    Right.
    >>> exercises.check("double", 4.0)
    Not yet. 4.0 is not it: too small, by more than a tenth.
    >>> exercises.hint("double")
    Add it to itself.
    """

    def __init__(self, checks: Mapping[str, str]) -> None:
        self._checks = dict(checks)

    def check(self, exercise: str, answer: Any) -> None:
        """Say whether an answer is right, and if not what is wrong with it.

        Under nbgrader, which counts an exercise as solved when its cell raises nothing, a wrong answer
        and none raise an `AssertionError`.
        """
        grading = "NBGRADER_EXECUTION" in os.environ
        try:
            if grading and answer is ...:
                raise AssertionError("there is no answer")
            self._run(exercise, answer, lambda *given, hint="", **how: testing.check(*given, **how))
        except AssertionError as refusal:
            if grading:
                raise
            print(f"Not yet. {refusal}")

    def hint(self, exercise: str) -> None:
        """Say something that helps, and not the answer."""
        hints: list[str] = []
        with redirect_stdout(StringIO()):  # what the check prints beside its verdict
            self._run(exercise, ..., lambda *given, hint="", **how: hints.append(hint))
        print("".join(hints) or "There is no hint to this one: try a small case by hand.")

    def _run(self, exercise: str, answer: Any, check: Any) -> None:
        """Run a check, with names of its own and `check` in place of that of :mod:`lrbook.testing`."""
        if exercise not in self._checks:
            raise ValueError(f"exercise must be one of {list(self._checks)}, got {exercise!r}")
        source = zlib.decompress(base64.b64decode(self._checks[exercise])).decode()
        exec(compile(source, exercise, "exec"), {"__name__": "__main__", "answer": answer, "check": check})
