"""Schedules from a terminal."""

import csv
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from lrbook import CosineDecay, ExponentialDecay, Warmup
from lrbook.__main__ import OPTIMIZERS, SCHEDULES, main, schedule

COSINE = "CosineDecay(0.1, 1000)"


def refusal(capsys, *words):
    """What stands below the usage when words are refused; the status is 2."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    return capsys.readouterr().err.split("error: ")[1].strip()


def test_a_schedule_is_read_as_python_would():
    assert schedule("CosineDecay(lr=1e-1, decay_steps=10 * 100)") == CosineDecay(0.1, 1000)
    nested = schedule(" Warmup(10 + 90, CosineDecay(1 / 10, 1000 - 100), -0.0 + 0.01) ")
    assert nested == Warmup(100, CosineDecay(0.1, 900), 0.01)
    assert schedule("PiecewiseConstant([5, 9], (1, 0.5, -(-0.1)))")(9) == 0.1
    assert schedule("ExponentialDecay(0.1, 10, 0.5, True)") == ExponentialDecay(0.1, 10, 0.5, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CosinDecay(0.1, 9)", "no schedule is called CosinDecay; did you mean CosineDecay?"),
        ("cosinedecay(0.1, 9)", "did you mean CosineDecay?"),
        ("zzz(1)", "no schedule is called zzz; see `python -m lrbook list`"),
        ("CosineDecay", "CosineDecay needs its numbers: CosineDecay(lr, decay_steps, alpha=0.0)"),
        (
            "CosineDecay(0.1)",
            "missing 1 required positional argument: 'decay_steps'; it takes CosineDecay(lr, dec",
        ),
        ("CosineDecay(-1, 9)", "lr must be > 0, got -1; it takes CosineDecay(lr, decay_steps, alpha=0.0)"),
        ("CosineDecay(0.1, 1 / 0)", "division by zero; it takes"),
        ("CosineDecay('a', 9)", "only numbers, lists and schedules can be read, not \"'a'\""),
        ("CosineDecay(0.1, 2 ** 9)", "only numbers, lists and schedules can be read, not '2 ** 9'"),
        ("Adam(0.1)", 'Adam is an optimizer; write a schedule, such as "CosineDecay(lr=0.1'),
        ("0.1", "'0.1' is no schedule; write one as in Python"),
        ("1 / 0", "'1 / 0': division by zero"),
        ("CosineDecay(0.1,", "cannot read 'CosineDecay(0.1,'; write a schedule as in Python: \"Cos"),
        ("", "cannot read ''"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_to_type(capsys, text, words):
    assert words in refusal(capsys, "table", text, "--steps", "5")


def test_no_code_runs_but_that_of_schedules(capsys, tmp_path):
    mark = tmp_path / "mark"
    words = refusal(capsys, "table", f"open({str(mark)!r}, 'w')", "--steps", "5")
    assert "only numbers" in words or "no schedule is called open" in words
    refusal(capsys, "table", "CosineDecay.__init__(1)", "--steps", "5")
    assert not mark.exists()


@pytest.mark.parametrize("steps", ["0", "-5", "1.5", "ten", "10_000_001", "9" * 30])
def test_a_number_of_steps_that_is_none_is_refused(capsys, steps):
    words = refusal(capsys, "table", COSINE, f"--steps={steps}")
    assert words == f"argument --steps: must be a whole number from 1 to 10,000,000, got {steps}"


def test_the_list_has_every_rule_and_what_it_takes(capsys):
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    for name in (*SCHEDULES, *OPTIMIZERS):
        assert len(re.findall(rf"^  {name}\(.*\)\n      [A-Z(].*\.$", said, re.M)) == 1, name
    assert ":cite:" not in said
    assert "`" not in said
    assert "  CosineDecay(lr, decay_steps, alpha=0.0)\n" in said


def test_a_table_has_the_rates_at_every_kth_step_and_as_csv_all_their_digits(capsys):
    assert main(["table", COSINE, "--steps", "1000", "--every", "250"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [["step", "rate"], ["0", "0.1"], ["250", "0.0853553"]]
    assert len(lines) == 5
    assert main(["table", COSINE, "Constant(1)", "--steps", "3", "--csv"]) == 0
    head, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert head == ["step", repr(CosineDecay(0.1, 1000)), "Constant(lr=1)"]
    assert [(int(t), float(a), float(b)) for t, a, b in rows] == [
        (t, CosineDecay(0.1, 1000)(t), 1.0) for t in range(3)
    ]
    assert main(["table", COSINE, "Constant(1)", "--steps", "1"]) == 0
    assert "rate 2: Constant(lr=1)\n" in capsys.readouterr().out


def test_a_comparison_gives_ends_sum_and_the_largest_difference(capsys):
    assert main(["compare", "Constant(0.5)", "PiecewiseConstant([6], [1.0, 0.2])", "--steps", "10"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2].split()[:6] == ["1", "0.5", "0.5", "0.5", "0.5", "5"]
    assert said[3].split()[:6] == ["2", "1", "1", "0.2", "1", "6.8"]
    assert said[4] == "2 is farthest from 1 at step 0: 1 beside 0.5"
    assert (
        main(["compare", "Constant(0.5)", "PiecewiseConstant([6], [0.6, 0.1])", COSINE, "--steps", "10"]) == 0
    )
    assert "2 is farthest from 1 at step 6: 0.1 beside 0.5\n" in capsys.readouterr().out
    assert main(["compare", COSINE, "Constant(0.1)", "--steps", "1001"]) == 0
    assert "2 is farthest from 1 at step 1000: 0.1 beside 0\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["rates.svg", "rates.png", "rates.pdf"])
def test_a_plot_is_written(capsys, tmp_path, name):
    assert (
        main(["plot", COSINE, "Constant(0.1)", "--steps", "1000", "--log", "-o", str(tmp_path / name)]) == 0
    )
    assert capsys.readouterr().out == f"written: {tmp_path / name}\n"
    assert (tmp_path / name).stat().st_size > 2000


def test_a_plot_that_cannot_be_written_says_why(capsys, tmp_path, monkeypatch):
    assert main(["plot", COSINE, "--steps", "9", "-o", str(tmp_path / "rates.xyz")]) == 2
    assert "Format 'xyz' is not supported" in capsys.readouterr().err
    assert main(["plot", COSINE, "--steps", "9", "-o", str(tmp_path / "none" / "rates.svg")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "lrbook.plots", None)
    monkeypatch.delattr("lrbook.plots", raising=False)
    assert main(["plot", COSINE, "--steps", "9", "-o", str(tmp_path / "rates.svg")]) == 2
    assert "type: pip install 'lrbook[plots]'" in capsys.readouterr().err


def table(tmp_path, text):
    file = tmp_path / "rates.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("head", ["step,rate\n", ""])
def test_a_table_of_rates_is_compared_with_a_rule(capsys, tmp_path, head, monkeypatch):
    rates = head + "".join(f"{t},{CosineDecay(0.1, 1000)(t)!r}\n\n" for t in range(0, 1200, 7))
    assert main(["check", table(tmp_path, rates), COSINE]) == 0
    assert capsys.readouterr().out == "The same, at all 172 steps, to 1e-06 of the rate.\n"
    late = "step,rate\n" + "".join(f"{t},{CosineDecay(0.1, 1000)(max(t - 1, 0))!r}\n" for t in range(1200))
    assert main(["check", table(tmp_path, late), COSINE]) == 1
    said = capsys.readouterr().out
    assert said.startswith(
        "Different: the schedules first differ at step 1: yours gives 0.1, the other 0.0999"
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(rates))
    assert main(["check", "-", COSINE]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no rates; write a line for each step: step,rate"),
        ("step,rate\n", "it has no rates"),
        ("step,rate\n0,0.1\n1,a\n", "line 3 must be a step and a rate, got '1,a'"),
        ("0\n", "line 1 must be a step and a rate, got '0'"),
        ("0,0.1\n0,0.2\n", "line 2 must be a new whole step >= 0 and a finite rate, got '0,0.2'"),
        ("0.5,0.1\n", "line 1 must be a new whole step"),
        ("-1,0.1\n", "line 1 must be a new whole step"),
        ("0,nan\n", "line 1 must be a new whole step >= 0 and a finite rate"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_line(capsys, tmp_path, text, words):
    assert main(["check", table(tmp_path, text), COSINE]) == 2
    assert words in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["check", "no such file.csv", COSINE]) == 2
    assert capsys.readouterr().err.startswith("cannot read no such file.csv: ")


def test_the_help_names_every_command_and_its_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.csv").write_text("".join(f"{t},{CosineDecay(0.1, 1000)(t)}\n" for t in range(9)))
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n    {name} " in said for name in ("list", "table", "compare", "plot", "check"))
    examples = re.findall(r"^  python -m lrbook (.+)$", said, re.M)
    assert len(examples) == 4
    for example in examples:
        words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', example)]
        assert main(words) == 0, example


def test_it_runs_as_a_program_and_a_closed_pipe_is_no_error():
    command = f'{sys.executable} -m lrbook table "{COSINE}" --steps 100000 | head -n 2'
    run = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (len(run.stdout.splitlines()), run.stderr) == (2, "")
    assert np.isclose(float(run.stdout.split()[-1]), 0.1)


def test_a_pipe_that_closes_at_the_last_moment_is_no_error_either(monkeypatch, tmp_path):
    class Closed(io.StringIO):
        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            return kept

    kept = os.open(tmp_path / "pipe", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["list"]) == 0
    os.write(kept, b"now it leads nowhere")
    os.close(kept)
    assert (tmp_path / "pipe").read_bytes() == b""
