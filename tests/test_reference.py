"""lrbook against what TensorFlow, Keras, PyTorch and optax compute, as recorded in `reference/`."""

import numpy as np
import pytest

import lrbook
from lrbook.evidence import difference, made, recordings

LIBRARIES = recordings()


def entries(kind):
    return [
        pytest.param(entry, id=f"{file['library']}: {entry['id']}")
        for file in LIBRARIES
        for entry in file[kind]
    ]


@pytest.mark.parametrize("record", entries("records") + entries("trajectories"))
def test_lrbook_does_what_was_recorded_except_where_conventions_differ(record):
    difference(record)


@pytest.mark.parametrize(
    "program",
    [pytest.param(file["handed"][0], id=file["library"]) for file in LIBRARIES if file["handed"]],
)
def test_a_library_uses_the_rates_of_a_schedule_that_is_handed_to_it(program):
    schedule = made(program["schedule"], program["kwargs"])
    steps, rates = np.arange(len(program["rates"])), np.array(program["rates"])
    closely = {"float64": 1e-12, "float32": 1e-7}[program["dtype"]]
    assert np.all(np.abs(schedule(steps) - rates) <= closely * rates.max())


def test_a_schedule_was_handed_to_each_of_todays_libraries():
    assert {file["library"] for file in LIBRARIES if file["handed"]} == {"keras", "torch", "optax"}


def setting(recipe, **changes):
    """What the recipe is in lrbook."""
    cosine = lrbook.CosineDecay(recipe["peak"], recipe["total"] - recipe["warmup"], alpha=0.1)
    settings = {"beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1} | changes
    return lrbook.ClipByGlobalNorm(
        lrbook.AdamW(lrbook.Warmup(recipe["warmup"], cosine), **settings), norm=1.0
    )


@pytest.mark.parametrize("library", ["keras", "optax", "torch"])
def test_a_whole_setting_takes_the_path_that_was_recorded_and_another_setting_does_not(library):
    ((recipe,),) = (file["recipes"] for file in LIBRARIES if file["library"] == library)
    theta = np.array(recipe["theta"])
    problem = lrbook.Quadratic(recipe["curvature"])
    assert np.linalg.norm(problem.gradient(theta[0])) > 1  # so that it is clipped

    def gap(optimizer):
        return np.abs(lrbook.descend(problem, theta[0], optimizer, len(theta) - 1).theta - theta).max()

    # the libraries add epsilon, and 1e-6 to the norm that they divide by, at different places
    assert gap(setting(recipe)) < 5e-8
    for change in ({"beta2": 0.951}, {"weight_decay": 0.101}, {"beta1": 0.901}):
        assert gap(setting(recipe, **change)) > 1e-5
    assert gap(setting(recipe | {"warmup": 21})) > 1e-3
    assert gap(setting(recipe).optimizer) > 1e-3  # not clipped


@pytest.mark.parametrize("sample", entries("samples"))
def test_noise_has_the_recorded_mean_and_spread(sample):
    n = 4000
    schedules = [made(sample["schedule"], {**sample["kwargs"], "seed": seed}) for seed in range(n)]
    for step, mean, std in zip(sample["steps"], sample["mean"], sample["std"], strict=True):
        rates = np.array([schedule(step) for schedule in schedules])
        tiny = 2e-5 * max(sample["mean"])  # where the cosine is 0, so is the noise
        error = std * np.sqrt(1 / n + 1 / sample["n"])  # of the difference between two means
        assert abs(rates.mean() - mean) <= 4 * error + tiny, step
        assert abs(rates.std() - std) <= 4 * error / np.sqrt(2) + tiny, step


def test_every_schedule_is_compared_with_tensorflow():
    (tensorflow,) = (file for file in LIBRARIES if file["library"] == "tensorflow")
    recorded = {record["schedule"] for record in tensorflow["records"]}
    exported = {
        name
        for name in lrbook.__all__
        if getattr(getattr(lrbook, name), "__module__", "") == "lrbook.schedules"
    }
    assert exported == recorded
