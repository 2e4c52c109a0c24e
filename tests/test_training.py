"""Runs: the record is what happened."""

import numpy as np
import pytest

from lrbook import SGD, Adagrad, Adam, CosineDecay, Digits, Momentum, Quadratic, descend, steps_of


def test_a_run_records_parameters_losses_and_the_rates_used():
    # lambda 3, rate 0.5: 4, -2, 1 and losses 1.5 theta²
    run = descend(Quadratic([3.0]), np.array([4.0]), SGD(lr=0.5), steps=2)
    np.testing.assert_array_equal(run.theta, [[4], [-2], [1]])
    np.testing.assert_array_equal(run.loss, [24, 6, 1.5])
    np.testing.assert_array_equal(run.lr, [0.5, 0.5])
    assert not run.diverged


def test_the_start_is_not_touched_and_whole_numbers_become_floats():
    start = np.array([4, 2])
    run = descend(Quadratic([1.0, 1.0]), start, SGD(lr=0.3), steps=3)
    assert start.tolist() == [4, 2]
    assert run.theta.dtype == np.float64
    assert descend(Quadratic(1.0), 2.0, SGD(lr=0.5), steps=0).theta.tolist() == [2.0]


def test_a_schedule_is_recorded_as_it_was_used():
    schedule = CosineDecay(0.1, 20)
    run = descend(Quadratic([1.0]), np.ones(1), SGD(lr=schedule), steps=30)
    np.testing.assert_array_equal(run.lr, [schedule(step) for step in range(30)])


def test_the_noise_depends_on_the_seed_alone():
    problem = Quadratic([1.0], noise=1.0)
    runs = [descend(problem, np.ones(1), SGD(), 20, seed=seed).theta for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_a_mapping_of_parameters_is_recorded_by_name():
    problem = Digits(hidden=3, batch_size=4)
    start = problem.start()
    run = descend(problem, start, SGD(lr=0.1), steps=5)
    assert {name: array.shape for name, array in run.theta.items()} == {
        name: (6, *array.shape) for name, array in start.items()
    }
    assert run.loss.shape == (6,)
    assert run.loss[0] == problem.loss(start)
    assert run.loss[5] == problem.loss({name: array[5] for name, array in run.theta.items()})


def test_many_runs_go_on_at_once():
    run = descend(Quadratic([1.0, 2.0]), np.ones((7, 2)), SGD(lr=0.1), steps=4)
    assert run.theta.shape == (5, 7, 2)
    assert run.loss.shape == (5, 7)


def test_a_run_that_diverges_is_recorded_until_it_does():
    run = descend(Quadratic([1.0]), np.ones(1), SGD(lr=5.0), steps=10_000)
    assert run.diverged
    assert len(run.theta) == len(run.loss) == len(run.lr) + 1 < 600  # 4^512 = 2^1024 overflows
    assert np.isfinite(run.theta[-2]).all()


def test_recording_every_few_updates_changes_what_is_kept_and_nothing_else():
    problem, start = Quadratic([1.0], noise=1.0), np.ones(1)
    full, few = (descend(problem, start, SGD(lr=0.1), 20, every=every) for every in (1, 8))
    assert full.step.tolist() == list(range(21))
    assert few.step.tolist() == [0, 8, 16, 20]  # the last one too
    np.testing.assert_array_equal(few.theta, full.theta[few.step])
    np.testing.assert_array_equal(few.loss, full.loss[few.step])
    np.testing.assert_array_equal(few.lr, full.lr)


def test_a_run_that_diverges_is_recorded_to_its_last_update_however_seldom():
    full, few = (
        descend(Quadratic([1.0]), np.ones(1), SGD(lr=5.0), 10_000, every=every) for every in (1, 1000)
    )
    assert few.diverged
    assert few.step.tolist() == [0, len(full.lr)]
    np.testing.assert_array_equal(few.theta, full.theta[few.step])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"steps": -1}, ValueError, "steps must be a whole number >= 0, got -1"),
        ({"steps": 2.5}, ValueError, "steps must be a whole number >= 0, got 2.5"),
        ({"steps": "3"}, TypeError, "steps must be a number"),
        ({"steps": np.array([1, 2])}, TypeError, "steps must be one whole number"),
        ({"steps": 3, "every": 0}, ValueError, "every must be >= 1, got 0"),
        ({"steps": 3, "every": 1.5}, ValueError, "every must be a whole number >= 0, got 1.5"),
        ({"steps": 3, "seed": -1}, ValueError, "seed must be a whole number >= 0, got -1"),
    ],
)
def test_wrong_counts_are_refused_by_name(wrong, error, message):
    with pytest.raises(error, match=message):
        descend(Quadratic([1.0]), np.ones(1), SGD(), **wrong)


def test_a_rate_in_the_place_of_the_optimizer_is_named():
    with pytest.raises(TypeError, match=r"optimizer must be an Optimizer, got 0\.1"):
        descend(Quadratic([1.0]), np.ones(1), 0.1, steps=2)


def test_a_start_in_float32_stays_in_float32():
    run = descend(
        Quadratic(np.array([1.0, 2.0], dtype=np.float32)), np.ones(2, dtype=np.float32), SGD(0.1), 3
    )
    assert run.theta.dtype == np.float32


def test_steps_are_what_each_gradient_moves_whatever_the_place():
    gradients = np.random.default_rng(0).standard_normal((20, 3))
    for opt in (SGD(0.1), Momentum(0.1), Adagrad(0.1), Adam(0.1)):
        theta, state, taken = np.zeros(3), opt.init(np.zeros(3)), []
        for g in gradients:
            before = theta.copy()
            opt.step(theta, g, state)
            taken.append(before - theta)
        np.testing.assert_allclose(steps_of(opt, gradients, lr=0.1), taken, rtol=1e-9, atol=1e-15)


def test_steps_follow_a_schedule_and_may_begin_with_a_memory():
    falling = CosineDecay(1.0, 4)
    np.testing.assert_allclose(steps_of(SGD(), np.ones(5), lr=falling), falling(np.arange(5)))
    assert steps_of(Momentum(beta=0.5), [0.0, 0.0], slots=(np.array(4.0),)).tolist() == [2, 1]
    assert steps_of(Adam(), np.zeros((0, 3))).shape == (0, 3)
