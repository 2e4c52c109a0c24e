"""Schedules and rules with the arrays of other libraries: any that has ``__array_namespace__``.

`array_api_strict` allows what the standard says and nothing else; JAX is tried where it is installed.
"""

import importlib.util
import warnings

import array_api_strict
import numpy as np
import pytest
from test_optimizers import ALL
from test_schedules import ONE_OF_EACH

LIBRARIES = [array_api_strict]
if importlib.util.find_spec("jax"):
    import jax

    LIBRARIES.append(jax.numpy)

each_library = pytest.mark.parametrize("xp", LIBRARIES, ids=lambda xp: xp.__name__)
each_schedule = pytest.mark.parametrize("schedule", ONE_OF_EACH, ids=lambda it: repr(it)[:40])
each_optimizer = pytest.mark.parametrize("opt", ALL, ids=lambda it: repr(it)[:40])


def closeness(array):
    """What rounding leaves of agreement in the dtype of an array."""
    return {"rtol": 2e-5, "atol": 2e-6} if "32" in str(array.dtype) else {"rtol": 1e-12, "atol": 1e-15}


@each_library
@each_schedule
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_schedule_answers_in_the_library_it_was_asked_in(schedule, xp, dtype):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Explicitly requested dtype")  # JAX makes float32 of float64
        steps = xp.asarray(np.arange(60), dtype=getattr(xp, dtype))
    rates = schedule(steps)
    assert rates.__array_namespace__() is steps.__array_namespace__()
    assert rates.shape == (60,)
    if dtype != "int32":
        assert rates.dtype == steps.dtype
    np.testing.assert_allclose(np.asarray(rates), schedule(np.arange(60)), **closeness(rates))


@each_library
def test_a_bad_step_is_refused_in_every_library(xp):
    for bad, words in ((-1.0, "step must be >= 0, got -1.0"), (float("nan"), "step must be finite and >= 0")):
        with pytest.raises(ValueError, match=words):
            ONE_OF_EACH[0](xp.asarray([1.0, bad]))


@each_library
@each_optimizer
def test_a_rule_takes_the_arrays_of_every_library(opt, xp):
    rng = np.random.default_rng(0)
    theta, g, *slots = rng.exponential(size=(2 + len(opt.slot_names), 7))
    there = opt.rule(*map(xp.asarray, (theta, g)), 0.1, 3, *map(xp.asarray, slots))
    for mine, right in zip(there, opt.rule(theta, g, 0.1, 3, *slots), strict=True):
        np.testing.assert_allclose(np.asarray(mine), right, **closeness(mine))
    place = opt.point(xp.asarray(theta), *map(xp.asarray, slots))
    np.testing.assert_allclose(np.asarray(place), opt.point(theta, *slots), **closeness(place))


if len(LIBRARIES) > 1:

    @each_schedule
    def test_jax_compiles_the_rule_of_a_schedule(schedule):
        rates = jax.jit(schedule.rule)(jax.numpy.arange(60.0))
        np.testing.assert_allclose(np.asarray(rates), schedule(np.arange(60)), **closeness(rates))

    @each_optimizer
    def test_jax_compiles_the_rule_of_an_optimizer(opt):
        arrays = np.random.default_rng(0).exponential(size=(2 + len(opt.slot_names), 7)).astype(np.float32)
        theta, g, *slots = map(jax.numpy.asarray, arrays)
        there = jax.jit(opt.rule)(theta, g, 0.1, 3, *slots)
        for mine, right in zip(there, opt.rule(*arrays[:2], 0.1, 3, *arrays[2:]), strict=True):
            np.testing.assert_allclose(np.asarray(mine), right, **closeness(mine))
