"""What holds the numbers of the pages, and what compares them with other libraries, can fail."""

import doctest
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

from lrbook import evidence
from lrbook.evidence import claim, compared, derived, difference, table


def test_a_claim_in_its_band_passes_and_one_outside_is_refused():
    claim("a", 1.0, 0.5, 1.5, "{:.0f}")
    for value in (0.4, 1.6, float("nan"), np.array([1.0])):
        with pytest.raises(AssertionError, match=r"^a must be in \[0.5, 1.5\], got"):
            claim("a", value, 0.5, 1.5, "{:.0f}")


@pytest.mark.parametrize(
    ("value", "form", "digit"),
    [
        (7.2, "{:.2f}", 0.01),
        (1234.5, "{:,.0f} updates", 1),
        (0.123, "{:.1%}", 0.001),
        (3.21e-7, "{:.1e}", 1e-8),
        (0.5, "{:.3g}", 0.1),
    ],
)
def test_a_band_wider_than_the_printed_digits_is_refused_and_a_narrower_one_is_not(value, form, digit):
    claim("a", value, value - 0.99 * digit, value + 0.99 * digit, form)
    with pytest.raises(AssertionError, match=r"^the band of a, .* two units of the last digit of .*"):
        claim("a", value, value - 1.1 * digit, value + digit, form)


def test_digits_that_misstate_the_value_are_refused():
    claim("a", 3.53, 3.5, 3.6, "{:.1f}")
    claim("a", 3.53e-9, 3.5e-9, 3.6e-9, "{:.0e}")
    with pytest.raises(AssertionError, match=r"a must be printed to within a tenth of it, got 4 for 3.53"):
        claim("a", 3.53, 3, 4, "{:.0f}")


def test_in_a_notebook_a_claim_is_stored_under_its_name(monkeypatch):
    shown = []
    display = SimpleNamespace(display=lambda data, **options: shown.append((data, options)))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setattr(evidence, "in_notebook", lambda: True)
    claim("cost", 1234.5, 1234, 1235, "{:,.0f}")
    claim("least", 3.5e-9, 3.5e-9, 3.5e-9, "{:.1e}")
    (data, options), (power, _) = shown
    assert data == {"application/papermill.record/text/plain": "'1,234'"}
    assert power == {"application/papermill.record/text/plain": "'3.5·10⁻⁹'"}
    assert options["metadata"]["scrapbook"]["name"] == "cost"


def test_the_examples_do_what_they_say():
    result = doctest.testmod(evidence, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert (result.failed, result.attempted > 8) == (0, True)


def test_a_row_that_does_not_fit_its_head_is_refused():
    assert table(["a", "b"], [[1, "x"], (2.5, "y")]).data == "| a | b |\n|---|---|\n| 1 | x |\n| 2.5 | y |"
    with pytest.raises(AssertionError, match=r"each row must have 2 entries, got \[2, 1\]"):
        table(["a", "b"], [[1, 2], [3]])
    with pytest.raises(AssertionError, match=r"each column must have a head, got \['a', ''\]"):
        table(["a", ""], [])


def test_a_result_is_shown_as_a_person_writes_it_and_only_if_it_is_the_one_found():
    x, kappa = sp.symbols("x kappa", positive=True)
    assert derived(r"\rho", sp.factor((kappa - 1) / (1 + kappa)), (kappa - 1) / (1 + kappa)).data == (
        r"\rho = \frac{\kappa - 1}{1 + \kappa}"
    )
    turn = sp.Matrix([[1 - x, x], [0, x]])
    assert derived("M", turn.T.T, turn).data.startswith(r"M = \left[\begin{matrix}1 - x & x\\0 & x")
    for found, written in ((x / 2, x), (turn, turn.T), (sp.sqrt(x**2 + 1), x + 1)):
        with pytest.raises(AssertionError, match=r"E was found to be .*, which is not"):
            derived("E", found, written)


RATES = {
    "schedule": "CosineDecay",
    "call": "cosine(0.1, 4)",
    "kwargs": {"lr": 0.1, "decay_steps": 4},
    "steps": [0, 2, 4],
    "values": [0.1, 0.05, 0.0],
    "dtype": "float64",
    "differs_at": [],
}
PATH = {
    "optimizer": "SGD",
    "call": "sgd(0.1)",
    "kwargs": {"lr": 0.1},
    "curvature": [1.0],
    "point": "theta",
    "theta": [[1.0], [0.9]],
    "dtype": "float64",
    "agrees": True,
}


@pytest.mark.parametrize(
    ("record", "changes", "message"),
    [
        (RATES, {"values": [0.1, 0.05 * (1 + 1e-9), 0.0]}, r"cosine\(0.1, 4\) is recorded to differ at \[\]"),
        (RATES, {"differs_at": [2]}, r"recorded to differ at \[2\]"),
        (
            RATES,
            {"values": [0.1, 0.06, 0.0], "differs_at": [2, 4]},
            r"differ at \[2, 4\], and is off by up to 0.0",
        ),
        (PATH, {"theta": [[1.0], [0.8]]}, r"sgd\(0.1\) is recorded to agree, and is off by up to 0.09"),
        (PATH, {"agrees": False}, "recorded not to agree"),
        (PATH, {"theta": [[1.0], [0.9 + 1e-9]]}, "recorded to agree"),
        (PATH, {"theta": [[1.0], [0.9 + 1e-11]], "agrees": False}, "recorded not to agree"),
    ],
)
def test_a_recording_that_claims_what_is_not_there_is_refused(record, changes, message):
    assert difference(record) < 1e-15
    with pytest.raises(AssertionError, match=message):
        difference(record | changes)


def test_a_difference_that_is_recorded_is_accepted_and_measured():
    assert difference(RATES | {"values": [0.1, 0.06, 0.0], "differs_at": [2]}) == pytest.approx(0.01)
    assert difference(PATH | {"theta": [[1.0], [0.8]], "agrees": False}) == pytest.approx(0.1)
    rounded = RATES | {"values": np.float32([0.1, 0.05, 0.0]).tolist(), "dtype": "float32"}
    assert 0 < difference(rounded) < 1e-8


def test_every_record_of_a_name_is_compared_and_no_other():
    everything = [
        (entry["library"], record)
        for entry in evidence.recordings()
        for record in entry["records"] + entry["trajectories"]
    ]
    for name in ("Momentum", "CosineDecay"):
        found = [record for _, record, _ in compared(name)]
        assert found == [r for _, r in everything if name in (r.get("schedule"), r.get("optimizer"))]
        assert len(found) >= 4


def test_a_table_of_optimizers_says_what_is_the_same_and_why_the_rest_is_not():
    text = evidence.optimizer_table("Momentum").data
    rows, *remarks = text.split("\n\n")
    differences = [row.split("|")[-2].split() for row in rows.splitlines()[2:]]
    same = [float(gap[0]) for gap in differences if len(gap) == 1]
    assert len(same) >= 4
    assert max(same) < 1e-6
    (remark,) = (note for note in remarks if "The rate multiplies the buffer when it is used" in note)
    assert any(gap[1:] == [remark.split()[0]] for gap in differences)
