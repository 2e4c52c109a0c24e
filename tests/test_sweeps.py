"""The best of a sweep is inside it, or it is no best."""

import numpy as np
import pytest

from lrbook import best_of

RATES, BETAS = np.array([0.1, 0.2, 0.3, 0.4]), [0.0, 0.5, 0.9]


def bowl(rate, beta):
    return (RATES[:, np.newaxis] - rate) ** 2 + (np.array(BETAS) - beta) ** 2


def test_the_best_is_named_by_its_axes_in_plain_numbers():
    best = best_of(bowl(0.21, 0.45), rate=RATES, beta=BETAS)
    assert (best["rate"], best["beta"], best.index) == (0.2, 0.5, (1, 1))
    assert type(best["rate"]) is float
    assert best.loss == bowl(0.21, 0.45)[1, 1]


@pytest.mark.parametrize(("rate", "value"), [(0.0, 0.1), (1.0, 0.4)])
def test_a_best_at_either_edge_is_refused_with_its_name_and_value(rate, value):
    with pytest.raises(ValueError, match=rf"the best rate must lie inside .* 0.1 to 0.4, got {value}: widen"):
        best_of(bowl(rate, 0.5), rate=RATES, beta=BETAS)


def test_an_axis_may_end_by_nature():
    with pytest.raises(ValueError, match="the best beta"):
        best_of(bowl(0.2, 0.0), rate=RATES, beta=BETAS)
    assert best_of(bowl(0.2, 0.0), rate=RATES, beta=BETAS, ends=["beta"])["beta"] == 0.0


def test_an_edge_that_is_as_good_as_the_inside_is_refused():
    with pytest.raises(ValueError, match=r"got 0\.4: widen"):
        best_of([1.0, 0.0, 1.0, 0.0], rate=RATES)


def test_a_run_that_left_is_not_the_best():
    assert best_of([1.0, np.nan, 0.5, np.inf], rate=RATES)["rate"] == 0.3
    with pytest.raises(ValueError, match="losses must hold a finite one"):
        best_of([np.nan] * 4, rate=RATES)


def test_axes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"the lengths of the axes, \{'rate': 4\}, got shape \(3,\)"):
        best_of([1.0, 0.0, 1.0], rate=RATES)
    with pytest.raises(ValueError, match="losses must hold a finite one"):
        best_of([], rate=[])
