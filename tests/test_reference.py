"""lrbook against what TensorFlow, Keras, PyTorch and optax compute, as recorded in `reference/`."""

import json
from pathlib import Path

import numpy as np
import pytest

import lrbook
from lrbook.testing import _made, replayed

FILES = sorted((Path(__file__).parent / "reference").glob("*.json"))
LIBRARIES = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]

# Allowed error relative to the value, or to a thousandth of the largest one if that is more: near
# the end of a cosine both sides are what is left of 1 - 1, and a rounding there counts a
# thousandfold. Measured: 2e-15 in 64 bits and 1.4e-5 in 32.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


# Schedules that TensorFlow 1 never had.
def entries(kind):
    return [
        pytest.param(entry, id=f"{file['library']}: {entry['id']}")
        for file in LIBRARIES
        for entry in file[kind]
    ]


def close(actual, recorded, dtype):
    size = np.abs(recorded)
    return np.abs(actual - recorded) <= TOLERANCE[dtype] * np.maximum(size, 1e-3 * size.max())


@pytest.mark.parametrize("record", entries("records"))
def test_a_schedule_has_the_recorded_values_except_where_conventions_differ(record):
    schedule = _made(record["schedule"], record["kwargs"])
    steps, values = np.array(record["steps"]), np.array(record["values"])
    ours = np.array([schedule(step) for step in record["steps"]])
    differs = steps[~close(ours, values, record["dtype"])]
    assert differs.tolist() == record["differs_at"], (
        f"{schedule} against {record['call']}: {dict(zip(record['steps'], ours, strict=True))}"
    )


@pytest.mark.parametrize("trajectory", entries("trajectories"))
def test_an_optimizer_takes_the_recorded_path_except_where_conventions_differ(trajectory):
    path, ours = np.array(trajectory["theta"]), replayed(trajectory)
    # Rounding adds up over the updates: measured 3e-14 of the largest parameter in 64 bits.
    tolerance = {"float64": 1e-12, "float32": 2e-6}[trajectory["dtype"]] * np.abs(path).max()
    off = np.abs(ours - path).max()
    if trajectory["agrees"]:
        assert off <= tolerance, off
    else:
        assert off > 100 * tolerance, off


@pytest.mark.parametrize(
    "program",
    [pytest.param(file["handed"][0], id=file["library"]) for file in LIBRARIES if file["handed"]],
)
def test_a_library_uses_the_rates_of_a_schedule_that_is_handed_to_it(program):
    schedule = _made(program["schedule"], program["kwargs"])
    rates = np.array(program["rates"])
    assert close(schedule(np.arange(len(rates))), rates, program["dtype"]).all()


def test_a_schedule_was_handed_to_each_of_todays_libraries():
    assert {file["library"] for file in LIBRARIES if file["handed"]} == {"keras", "torch", "optax"}


@pytest.mark.parametrize("sample", entries("samples"))
def test_noise_has_the_recorded_mean_and_spread(sample):
    n = 4000
    schedules = [_made(sample["schedule"], {**sample["kwargs"], "seed": seed}) for seed in range(n)]
    for step, mean, std in zip(sample["steps"], sample["mean"], sample["std"], strict=True):
        rates = np.array([schedule(step) for schedule in schedules])
        tiny = TOLERANCE["float32"] * max(sample["mean"])  # where the cosine is 0, so is the noise
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
