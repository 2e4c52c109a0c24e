"""Notebooks to work in: a fresh copy where there is none, and never over somebody's work."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "book"))
import hand_out


@pytest.fixture
def folders(tmp_path):
    source = tmp_path / "built"
    source.mkdir()
    for name in ("a.ipynb", "b.ipynb"):
        (source / name).write_text(f"{name}, first")
    return source, tmp_path / "work"


def test_everything_is_copied_and_again_without_a_change(folders):
    source, work = folders
    for _ in range(2):
        assert hand_out.hand_out(source, work) == []
        assert (work / "a.ipynb").read_text() == "a.ipynb, first"


def test_what_was_worked_on_is_kept_and_the_rest_follows_the_book(folders):
    source, work = folders
    hand_out.hand_out(source, work)
    (work / "a.ipynb").write_text("my answers")
    for name in ("a.ipynb", "b.ipynb"):
        (source / name).write_text(f"{name}, second")
    for _ in range(2):
        assert hand_out.hand_out(source, work) == ["a.ipynb"]
        assert (work / "a.ipynb").read_text() == "my answers"
        assert (work / "b.ipynb").read_text() == "b.ipynb, second"
    (work / "a.ipynb").unlink()
    assert hand_out.hand_out(source, work) == []
    assert (work / "a.ipynb").read_text() == "a.ipynb, second"


def test_a_file_of_the_same_name_that_was_never_handed_out_is_kept(folders):
    source, work = folders
    work.mkdir()
    (work / "b.ipynb").write_text("my own")
    assert hand_out.hand_out(source, work) == ["b.ipynb"]
    assert (work / "b.ipynb").read_text() == "my own"
