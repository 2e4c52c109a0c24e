"""Record what real libraries compute, so that the tests can compare lrbook with it.

    python tests/record.py tensorflow    # or keras, torch, optax

runs one library and writes `lrbook/recordings/tensorflow.json`, which is committed. With `--check`
nothing is written: the installed release must still do what was recorded. The tests only read the
recordings, so nothing below is needed to run them. To record again, use Python 3.11 in a
virtual environment of its own:

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 torch==2.13.0 optax==0.2.8 jax==0.10.2

A file holds six lists. Each entry gives the library's own `call`, which is the very text that was
evaluated, beside the lrbook class and the `kwargs` that mean the same.

records       `values` of a schedule at `steps`
trajectories  the parameters `theta` before and after each update on a small quadratic
samples       mean, standard deviation and share below 0 of `n` draws of a noisy schedule at `steps`
lines         lines of code, and what the library says to each: an error, and `where`, or a warning
handed        `code` that gives the library an lrbook schedule, and the `rates` that it then uses
recipes       `code` of a whole setting, and the parameters `theta` before and after each update with it

and `defaults`, the default of every numerical argument of each optimizer.

Values are computed in 64 bits wherever the library has a way to; `dtype` says where it has none.
`differs_at` lists the steps at which the library's convention is another one, and `note` says
which. Both are stated here by hand: no formula is written a second time.
"""

import argparse
import importlib
import inspect
import itertools
import json
import math
import operator
import os
import platform
import sys
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent

# What to evaluate: lrbook's keyword arguments. What is left out is recorded at its default.

PIECEWISE = [
    {"boundaries": [10], "values": [1.0, 0.1]},
    {"boundaries": [10, 20], "values": [1.0, 0.5, 0.1]},
    {"boundaries": [30, 60, 90], "values": [0.1, 0.05, 0.025, 0.0125]},
]
EXPONENTIAL = [
    {"lr": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    {"lr": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True},
    {"lr": 0.1, "decay_steps": 100, "decay_rate": 0.96},
    {"lr": 0.1, "decay_steps": 100, "decay_rate": 0.96, "staircase": True},
]
POLYNOMIAL = [
    {"lr": 0.1, "decay_steps": 10},
    {"lr": 0.1, "decay_steps": 10, "cycle": True},
    {"lr": 0.1, "decay_steps": 10, "end_lr": 0.01, "power": 0.9},
    {"lr": 0.1, "decay_steps": 10, "end_lr": 0.01, "power": 2.0, "cycle": True},
    {"lr": 0.1, "decay_steps": 100, "end_lr": 0.0, "power": 2.0},
    {"lr": 0.1, "decay_steps": 100, "end_lr": 0.0, "power": 0.9, "cycle": True},
]
COSINE = [
    {"lr": 0.1, "decay_steps": 10},
    {"lr": 0.1, "decay_steps": 10, "alpha": 0.1},
    {"lr": 0.1, "decay_steps": 100},
    {"lr": 0.1, "decay_steps": 100, "alpha": 0.1},
]
LINEAR_COSINE = [
    {"lr": 0.1, "decay_steps": 10},
    {"lr": 0.1, "decay_steps": 10, "alpha": 0.1, "beta": 0.01},
    {"lr": 0.1, "decay_steps": 100, "num_periods": 1.0},
    {"lr": 0.1, "decay_steps": 100, "num_periods": 2.5, "alpha": 0.1, "beta": 0.0},
]
NOISY = [
    {"lr": 0.1, "decay_steps": 10},
    {"lr": 0.1, "decay_steps": 10, "initial_variance": 0.25, "variance_decay": 1.0,
     "num_periods": 1.0, "alpha": 0.1, "beta": 0.01},
]  # fmt: skip

CURVATURE, START, UPDATES = [1.0, 4.0], [1.0, -2.0], 20  # the gradient is CURVATURE * theta
FALLING = {"lr": 0.1, "decay_steps": 10, "decay_rate": 0.5}
RATES = [0.1, {"schedule": "ExponentialDecay", "kwargs": FALLING}]

DRAWS = 100_000  # for each step of a sample

OUTSIDE = "the rate multiplies the buffer when it is used, not the gradient that enters it"
HAT = "epsilon is added before the bias correction: it is epsilon / sqrt(1 - beta2^t) in our formula"
ONES = "the average of squares begins at 1, not at 0"
KEEPS = "the old value still holds at the boundary itself: the test is step <= boundary"
RISES = "not held after T_max: the cosine goes on, and is back at lr at 2 T_max"


def edges(kwargs):
    """The first steps, both sides of each place where a schedule changes, and far beyond."""
    horizon = kwargs.get("decay_steps")
    marks = kwargs.get("boundaries") or [horizon, 2 * horizon, 3 * horizon]
    near = {mark + side for mark in marks for side in (-1, 0, 1)}
    return sorted({0, 1, marks[0] // 2, 10 * marks[-1]} | near)


def arguments(kwargs, wrap="{}", **names):
    """`kwargs` as the text of an argument list, with another library's names."""

    def text(value):
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        return wrap.format(value) if isinstance(value, float) else repr(value)

    return ", ".join(f"{names.get(name, name)}={text(value)}" for name, value in kwargs.items())


def label(name, kwargs):
    """A name for an entry, such as `cosine_decay lr=0.1 decay_steps=10`."""
    values = {
        k: v.get("schedule") or label(v["optimizer"], v["kwargs"]) if isinstance(v, dict) else v
        for k, v in kwargs.items()
    }
    return " ".join([name, *(f"{k}={v}" for k, v in values.items())])


def recorded(schedule, kwargs, call, values, dtype="float64", differs_at=(), note=""):
    """One record: `values` is the library's answer at a list of steps."""
    steps = edges(kwargs)
    name = call.split("(")[0].rsplit(".", 1)[-1]
    differs_at = [step for step in steps if step in differs_at]
    return {
        "id": label(name, kwargs), "schedule": schedule, "call": call, "kwargs": kwargs,
        "steps": steps, "values": values(call, steps), "dtype": dtype,
        "agrees": not differs_at, "differs_at": differs_at, "note": note,
    }  # fmt: skip


def descended(optimizer, kwargs, call, path, dtype="float64", point="theta", note=""):
    """One trajectory: what the library's variable is before and after each update.

    `point` says where lrbook has it: in `theta`, or, if the library moves the point at which it takes
    the gradient, in `gradient_point`. A `note` says why lrbook's path is another one.
    """
    return {
        "id": label(optimizer, kwargs), "optimizer": optimizer, "call": call, "kwargs": kwargs,
        "curvature": CURVATURE, "theta": path, "dtype": dtype, "point": point,
        "agrees": not note, "note": note,
    }  # fmt: skip


def followed(theta, update):
    """The path of `theta`, which `update` changes."""
    path = [np.asarray(theta(), dtype=float).tolist()]
    for _ in range(UPDATES):
        update()
        path.append(np.asarray(theta(), dtype=float).tolist())
    return path


def tensorflow():
    """TensorFlow 1's functions, which return a function to call when executing eagerly."""
    import tensorflow as tf

    scope = {"tf": tf, "float64": np.float64}
    train = "tf.compat.v1.train"

    def values(call, steps):
        return [float(eval(call, scope, {"step": step})) for step in steps]

    def call(function, kwargs, wrap):
        names = {"lr": "learning_rate", "end_lr": "end_learning_rate"}
        return f"{train}.{function}(global_step=step, {arguments(kwargs, wrap, **names)})()"

    records = [
        recorded("PiecewiseConstant", k,
                 f"{train}.piecewise_constant(step, {arguments(k, 'float64({})')})()",
                 values, differs_at=k["boundaries"], note=KEEPS)
        for k in PIECEWISE
    ]  # fmt: skip
    in_64_bits = [
        ("ExponentialDecay", "exponential_decay", EXPONENTIAL),
        ("NaturalExpDecay", "natural_exp_decay", EXPONENTIAL),
        ("InverseTimeDecay", "inverse_time_decay", EXPONENTIAL),
        ("PolynomialDecay", "polynomial_decay", POLYNOMIAL),
    ]
    for schedule, function, configurations in in_64_bits:
        for k in configurations:
            if schedule == "PolynomialDecay":  # its Python defaults would pass through 32 bits
                k = {**k, "end_lr": k.get("end_lr", 1e-4), "power": k.get("power", 1.0)}
            records.append(recorded(schedule, k, call(function, k, "float64({})"), values))
    in_32_bits = [  # their constant pi is float32, and refuses a float64 rate
        ("PolynomialDecay", "polynomial_decay", POLYNOMIAL[:2]),  # for the defaults
        ("CosineDecay", "cosine_decay", COSINE),
        ("LinearCosineDecay", "linear_cosine_decay", LINEAR_COSINE),
        ("NoisyLinearCosineDecay", "noisy_linear_cosine_decay",
         [{**k, "initial_variance": 0.0} for k in NOISY]),
    ]  # fmt: skip
    for schedule, function, configurations in in_32_bits:
        for k in configurations:
            records.append(recorded(schedule, k, call(function, k, "{}"), values, "float32"))

    samples = []
    for k in NOISY:
        tf.random.set_seed(20)
        text, steps = call("noisy_linear_cosine_decay", k, "{}"), [0, 1, 5, 10, 20]
        draws = [eval(text, scope, {"step": np.full(DRAWS, t)}).numpy() for t in steps]
        samples.append({
            "id": label("noisy_linear_cosine_decay", k), "schedule": "NoisyLinearCosineDecay",
            "call": text, "kwargs": k, "steps": steps, "n": DRAWS,
            "mean": [float(x.mean(dtype=float)) for x in draws],
            "std": [float(x.std(dtype=float)) for x in draws],
            "negative": [float((x < 0).mean()) for x in draws],
        })  # fmt: skip

    def path(text):
        x, step = tf.Variable(START, dtype=tf.float64), tf.Variable(0, dtype=tf.int64)
        opt = eval(text, scope, {"step": step})

        def update():
            opt.apply_gradients([(x * CURVATURE, x)], global_step=step)

        return followed(x.numpy, update)

    def optimizers(rate, lr, falling):
        inner = {"lr": lr}
        yield "SGD", inner, f"GradientDescentOptimizer({rate})", "theta", ""
        note = OUTSIDE if falling else ""
        for flag, name, point in (
            ("", "Momentum", "theta"),
            (", use_nesterov=True", "Nesterov", "gradient_point"),
        ):
            text = f"MomentumOptimizer({rate}, momentum=float64(0.9){flag})"
            yield name, {**inner, "beta": 0.9}, text, point, note
        if falling:
            return
        text = f"AdagradOptimizer({rate}, initial_accumulator_value=1e-30)"
        yield "Adagrad", {**inner, "eps": 0.0}, text, "theta", ""
        text = f"RMSPropOptimizer({rate}, decay=float64(0.9), epsilon=float64(1e-8))"
        yield "RMSprop", {**inner, "eps": 1e-8}, text, "theta", ONES
        text = f"AdadeltaOptimizer({rate}, rho=float64(0.95), epsilon=float64(1e-6))"
        yield "Adadelta", inner, text, "theta", ""
        text = f"AdamOptimizer({rate}, float64(0.9), float64(0.999), float64(1e-8))"
        yield "Adam", inner, text, "theta", HAT

    trajectories = []
    for lr, rate in zip(
        RATES, ["float64(0.1)", call("exponential_decay", FALLING, "float64({})")[:-2]], strict=True
    ):
        for name, kwargs, text, point, note in optimizers(rate, lr, lr is not RATES[0]):
            text = f"{train}.{text}"
            trajectories.append(descended(name, kwargs, text, path(text), point=point, note=note))
    return tf.__version__, records, trajectories, samples


def keras():
    """Keras on its torch backend, the one on which its schedules honour floatx."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.config.set_floatx("float64")
    scope = {"keras": keras}
    schedules = "keras.optimizers.schedules"

    def values(call, steps):
        return [float(eval(call, scope, {"step": step})) for step in steps]

    def call(name, kwargs):
        names = {"lr": "initial_learning_rate", "end_lr": "end_learning_rate"}
        return f"{schedules}.{name}({arguments(kwargs, **names)})"

    records = [
        recorded("PiecewiseConstant", k, f"{call('PiecewiseConstantDecay', k)}(step)", values,
                 differs_at=k["boundaries"], note=KEEPS)
        for k in PIECEWISE
    ]  # fmt: skip
    for name, configurations in [
        ("ExponentialDecay", EXPONENTIAL),
        ("InverseTimeDecay", EXPONENTIAL),
        ("PolynomialDecay", POLYNOMIAL),
        ("CosineDecay", COSINE),
    ]:
        for k in configurations:
            records.append(recorded(name, k, f"{call(name, k)}(step)", values))

    def path(text):
        x, opt = keras.Variable(START, dtype="float64"), eval(text, scope)

        def update():
            opt.apply([x * keras.ops.array(CURVATURE)], [x])

        return followed(x.numpy, update)

    def optimizers(rate, lr):
        inner = {"lr": lr}
        yield "SGD", inner, f"SGD(learning_rate={rate})", "theta", ""
        text = f"SGD(learning_rate={rate}, momentum=0.9"
        yield "Momentum", {**inner, "beta": 0.9}, f"{text})", "theta", ""
        # under a schedule the look-ahead buffer still holds the rate it was filled with
        yield "Nesterov", {**inner, "beta": 0.9}, f"{text}, nesterov=True)", "gradient_point", ""
        text = f"Adagrad(learning_rate={rate}, initial_accumulator_value=0.0, epsilon=1e-8)"
        yield "Adagrad", inner, text, "theta", ""
        yield "RMSprop", inner, f"RMSprop(learning_rate={rate}, rho=0.9, epsilon=1e-8)", "theta", ""
        yield "Adadelta", inner, f"Adadelta(learning_rate={rate}, rho=0.95, epsilon=1e-6)", "theta", ""
        yield "Adam", inner, f"Adam(learning_rate={rate}, epsilon=1e-8)", "theta", HAT
        yield "Adam", {**inner, "eps": 0.0}, f"Adam(learning_rate={rate}, epsilon=0.0)", "theta", ""
        text = f"AdamW(learning_rate={rate}, weight_decay=0.1, epsilon=0.0)"
        yield "AdamW", {**inner, "eps": 0.0, "weight_decay": 0.1}, text, "theta", ""
        kwargs = {"optimizer": {"optimizer": "SGD", "kwargs": inner}, "lam": 0.1}
        yield "WithWeightDecay", kwargs, f"SGD(learning_rate={rate}, weight_decay=0.1)", "theta", ""

    trajectories = []
    for lr, rate in zip(RATES, ["0.1", call("ExponentialDecay", FALLING)], strict=True):
        for name, kwargs, text, point, note in optimizers(rate, lr):
            text = f"keras.optimizers.{text}"
            trajectories.append(descended(name, kwargs, text, path(text), point=point, note=note))
    return keras.__version__, records, trajectories, []


def torch():
    """PyTorch's schedulers, which change the rate of an optimizer step by step."""
    import torch

    scope = {"torch": torch}
    scheduler = "torch.optim.lr_scheduler"

    def values(call, steps):
        def rates():
            lr = scope["lr"]
            opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
            schedule = eval(call, scope, {"opt": opt})
            for _ in range(steps[-1] + 1):
                yield opt.param_groups[0]["lr"]
                opt.step()
                schedule.step()

        rates = list(rates())
        return [float(rates[step]) for step in steps]

    def record(schedule, kwargs, call, **more):
        scope["lr"] = kwargs.get("lr") or kwargs["values"][0]
        records.append(recorded(schedule, kwargs, f"{scheduler}.{call}", values, **more))

    records = []
    for k in PIECEWISE[::2]:  # those with one factor between all values
        gamma = k["values"][1] / k["values"][0]
        record("PiecewiseConstant", k, f"MultiStepLR(opt, {k['boundaries']}, gamma={gamma})")
    for k in EXPONENTIAL[1::2]:
        call = f"StepLR(opt, step_size={k['decay_steps']}, gamma={k['decay_rate']})"
        record("ExponentialDecay", k, call)
    for gamma in (0.5, 0.96):
        k = {"lr": 0.1, "decay_steps": 1, "decay_rate": gamma}
        record("ExponentialDecay", k, f"ExponentialLR(opt, gamma={gamma})")
    for steps, power in ((10, 1.0), (10, 0.9), (100, 2.0)):
        k = {"lr": 0.1, "decay_steps": steps, "end_lr": 0.0, "power": power}
        record("PolynomialDecay", k, f"PolynomialLR(opt, total_iters={steps}, power={power})")
    for k in COSINE:
        horizon = k["decay_steps"]
        end = f", eta_min={k['lr']} * {k['alpha']}" if "alpha" in k else ""
        back_down = range(horizon, 30 * horizon, 2 * horizon)
        later = [t for t in edges(k) if t > horizon and t not in back_down]
        call = f"CosineAnnealingLR(opt, T_max={horizon}{end})"
        record("CosineDecay", k, call, differs_at=later, note=RISES)

    # a tenth of the way to half the rate after each update
    halve = f"{scheduler}.ExponentialLR(opt, gamma={FALLING['decay_rate']} ** (1 / 10))"

    def path(text, falling):
        x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
        opt = eval(text, scope, {"x": x})
        schedule = eval(halve, scope, {"opt": opt}) if falling else None

        def update():
            x.grad = x.detach() * torch.tensor(CURVATURE)
            opt.step()
            if schedule:
                schedule.step()

        return followed(x.tolist, update)

    def optimizers(lr, falling):
        inner, rate = {"lr": lr}, "0.1"
        yield "SGD", inner, f"SGD([x], lr={rate})", "theta", ""
        note = OUTSIDE if falling else ""
        yield "Momentum", {**inner, "beta": 0.9}, f"SGD([x], lr={rate}, momentum=0.9)", "theta", note
        text = f"SGD([x], lr={rate}, momentum=0.9, nesterov=True)"
        yield "Nesterov", {**inner, "beta": 0.9}, text, "gradient_point", note
        text = f"Adagrad([x], lr={rate}, eps=1e-10)"
        yield "Adagrad", {**inner, "eps": 1e-10, "eps_inside": False}, text, "theta", ""
        text = f"RMSprop([x], lr={rate}, alpha=0.9)"
        yield "RMSprop", {**inner, "eps_inside": False}, text, "theta", ""
        yield "Adadelta", inner, f"Adadelta([x], lr={rate}, rho=0.95)", "theta", ""
        yield "Adam", inner, f"Adam([x], lr={rate})", "theta", ""
        yield "AdamW", {**inner, "weight_decay": 0.1}, f"AdamW([x], lr={rate}, weight_decay=0.1)", "theta", ""
        for name, more, text in (
            ("SGD", {}, "SGD"), ("Momentum", {"beta": 0.9}, "SGD"), ("Adam", {}, "Adam"),
        ):  # fmt: skip
            kwargs = {"optimizer": {"optimizer": name, "kwargs": {**inner, **more}}, "lam": 0.1}
            momentum = ", momentum=0.9" if more else ""
            text = f"{text}([x], lr={rate}{momentum}, weight_decay=0.1)"
            yield "WithL2", kwargs, text, "theta", note if more else ""

    trajectories = []
    for lr in RATES:
        falling = lr is not RATES[0]
        for name, kwargs, text, point, note in optimizers(lr, falling):
            text = f"torch.optim.{text}"
            then = f"; {halve}" if falling else ""
            trajectories.append(
                descended(name, kwargs, text + then, path(text, falling), point=point, note=note)
            )
    return torch.__version__, records, trajectories, []


def optax():
    """Optax's functions of the count of updates, with 64 bits switched on in JAX."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    scope = {"optax": optax}

    def values(call, steps):
        return [float(eval(call, scope, {"step": step})) for step in steps]

    def exponential(k):
        names = {"lr": "init_value", "decay_steps": "transition_steps"}
        return f"optax.exponential_decay({arguments(k, **names)})"

    records = []
    for k in PIECEWISE:
        pairs = zip(k["boundaries"], k["values"], k["values"][1:], strict=False)
        scales = ", ".join(f"{boundary}: {new} / {old}" for boundary, old, new in pairs)
        call = f"optax.piecewise_constant_schedule({k['values'][0]}, {{{scales}}})(step)"
        records.append(recorded("PiecewiseConstant", k, call, values))
    for k in EXPONENTIAL:
        records.append(recorded("ExponentialDecay", k, f"{exponential(k)}(step)", values))
    for k in POLYNOMIAL:
        if "cycle" not in k:  # optax has no cycle, and no default end_value and power
            k = {**k, "end_lr": k.get("end_lr", 1e-4), "power": k.get("power", 1.0)}
            names = {"lr": "init_value", "decay_steps": "transition_steps", "end_lr": "end_value"}
            call = f"optax.polynomial_schedule({arguments(k, **names)})(step)"
            records.append(recorded("PolynomialDecay", k, call, values))
    for k in COSINE:
        call = f"optax.cosine_decay_schedule({arguments(k, lr='init_value')})(step)"
        records.append(recorded("CosineDecay", k, call, values))

    def path(text):
        opt, now = eval(text, scope), {"x": jax.numpy.array(START)}
        now["state"] = opt.init(now["x"])

        def update():
            gradient = now["x"] * jax.numpy.array(CURVATURE)
            change, now["state"] = opt.update(gradient, now["state"], now["x"])
            now["x"] = optax.apply_updates(now["x"], change)

        return followed(lambda: now["x"], update)

    def optimizers(rate, lr, falling):
        inner = {"lr": lr}
        yield "SGD", inner, f"sgd({rate})", "theta", ""
        note = OUTSIDE if falling else ""
        yield "Momentum", {**inner, "beta": 0.9}, f"sgd({rate}, momentum=0.9)", "theta", note
        text = f"sgd({rate}, momentum=0.9, nesterov=True)"
        yield "Nesterov", {**inner, "beta": 0.9}, text, "gradient_point", note
        text = f"adagrad({rate}, initial_accumulator_value=0.0, eps=1e-8)"
        yield "Adagrad", inner, text, "theta", ""
        yield "RMSprop", inner, f"rmsprop({rate}, decay=0.9, eps=1e-8)", "theta", ""
        text = f"rmsprop({rate}, decay=0.9, eps=1e-8, eps_in_sqrt=False)"
        yield "RMSprop", {**inner, "eps_inside": False}, text, "theta", ""
        yield "Adadelta", inner, f"adadelta({rate}, rho=0.95, eps=1e-6)", "theta", ""
        yield "Adam", inner, f"adam({rate})", "theta", ""
        yield "AdamW", {**inner, "weight_decay": 0.1}, f"adamw({rate}, weight_decay=0.1)", "theta", ""

    trajectories = []
    rates = [("0.1", "float64"), (exponential(FALLING), "float32")]  # a schedule sees int32 counts
    for lr, (rate, dtype) in zip(RATES, rates, strict=True):
        for name, kwargs, text, point, note in optimizers(rate, lr, lr is not RATES[0]):
            text = f"optax.{text}"
            trajectories.append(descended(name, kwargs, text, path(text), dtype, point, note))
    return optax.__version__, records, trajectories, []


LIBRARIES = {"tensorflow": tensorflow, "keras": keras, "torch": torch, "optax": optax}


SGD_RATE = {  # where each library's plain gradient descent is, and the name of its rate
    "tensorflow": ("tensorflow", "compat.v1.train.GradientDescentOptimizer", "learning_rate"),
    "keras": ("keras", "optimizers.SGD", "learning_rate"),
    "torch": ("torch", "optim.SGD", "lr"),
    "optax": ("optax", "sgd", "learning_rate"),
}


OPTIMIZERS = {  # where each library keeps its optimizers, and what it calls them
    "tensorflow": ("tensorflow", "compat.v1.train.{}Optimizer", ["GradientDescent", "Momentum", "Adagrad",
                   "RMSProp", "Adadelta", "Adam"]),
    "keras": ("keras", "optimizers.{}", ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW"]),
    "torch": ("torch", "optim.{}", ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW"]),
    "optax": ("optax", "{}", ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw"]),
}  # fmt: skip


def defaults(library):
    """The defaults of each optimizer's arguments, as far as they are numbers, pairs of them, or None."""
    module, place, names = OPTIMIZERS[library]
    found = {}
    for name in names:
        parameters = inspect.signature(
            operator.attrgetter(place.format(name))(importlib.import_module(module))
        )
        found[name] = {
            key: value.default for key, value in parameters.parameters.items()
            if isinstance(value.default, (int, float, tuple, type(None)))
        }  # fmt: skip
    return found


LINES = {  # lines as they stand in many notes, and what takes their place
    "keras": [
        "from keras import optimizers",
        "from tensorflow_addons.optimizers import AdamW",
        "optimizers.SGD(lr=0.01, momentum=0.0, decay=0.0, nesterov=False)",
        "optimizers.Adagrad(lr=0.01, epsilon=None, decay=0.0)",
        "optimizers.RMSprop(lr=0.001, rho=0.9, epsilon=None, decay=0.0)",
        "optimizers.Adadelta(lr=1.0, rho=0.95, epsilon=None, decay=0.0)",
        "optimizers.Adam(lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False)",
        "optimizers.SGD(learning_rate=0.01, momentum=0.0, decay=0.1, nesterov=False)",
        "optimizers.Adam(learning_rate=0.001, epsilon=None)",
        "optimizers.SGD(learning_rate=0.01)",
        "optimizers.Adagrad(learning_rate=0.01)",
        "optimizers.RMSprop(learning_rate=0.001, rho=0.9)",
        "optimizers.Adadelta(learning_rate=1.0, rho=0.95)",
        "optimizers.Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999)",
        "optimizers.AdamW(learning_rate=0.001, weight_decay=1e-5, beta_1=0.9, beta_2=0.999)",
    ],
}


def said(library):
    """What the library says to each line, and to one update with what it makes: an error, warnings."""
    scope, answers = {library: importlib.import_module(library)}, []
    for line in LINES.get(library, []):
        error, where = "", "import" if "import" in line else "call"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                exec(line if "import" in line else f"opt = {line}", scope)
                if "import" not in line:
                    where = "update"
                    exec("x = keras.Variable([1.0]); opt.apply([keras.ops.ones(1)], [x])", scope)
            except Exception as problem:
                error = f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
        answers.append({
            "line": line, "error": error, "where": where if error else "",
            "warning": " ".join(str(warning.message) for warning in caught),
        })  # fmt: skip
    return answers


HANDED = {  # each leaves a function `update`, which makes one update of `x` with the gradient 1
    "torch": """\
opt = torch.optim.SGD([x], lr=1.0)
scheduler = torch.optim.lr_scheduler.LambdaLR(opt, schedule)

def update():
    opt.step()
    scheduler.step()""",
    "keras": """\
class FromArray(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rates):
        self.rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step):
        return keras.ops.take(self.rates, keras.ops.cast(step, "int32"))

opt = keras.optimizers.SGD(learning_rate=FromArray(schedule(np.arange(updates))))

def update():
    opt.apply([g], [x])""",
    "optax": """\
opt = optax.sgd(schedule.rule)
state, compiled = opt.init(x), jax.jit(opt.update)

def update():
    global x, state
    change, state = compiled(g, state)
    x = optax.apply_updates(x, change)""",
}


def handed(library):
    """The rates that a library really uses when it is given an lrbook schedule, from its steps."""
    if library not in HANDED:
        return []
    sys.path.insert(0, str(ROOT))
    from lrbook import CosineDecay

    scope = {"np": np, "schedule": CosineDecay(0.1, 20), "updates": 20}
    if library == "torch":
        import torch

        x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        x.grad = torch.ones(1, dtype=torch.float64)
        scope |= {"torch": torch, "x": x}
    elif library == "keras":
        import keras

        keras.backend.set_floatx("float64")
        scope |= {"keras": keras, "x": keras.Variable(np.zeros(1)), "g": keras.ops.ones(1)}
    else:
        import jax
        import optax

        scope |= {"optax": optax, "jax": jax, "x": jax.numpy.zeros(1), "g": jax.numpy.ones(1)}
    exec(HANDED[library], scope)
    path = [0.0]
    for _ in range(20):
        scope["update"]()
        x = scope["x"]
        path.append(float(np.asarray(x.detach() if library == "torch" else x)[0]))
    rates = [before - after for before, after in itertools.pairwise(path)]
    kwargs = {"lr": 0.1, "decay_steps": 20}
    dtype = "float32" if library == "optax" else "float64"  # JAX divides whole counts in 32 bits
    return [
        {"schedule": "CosineDecay", "kwargs": kwargs, "code": HANDED[library], "dtype": dtype, "rates": rates}
    ]


RECIPE = {  # the same setting: `peak`, `warmup` and `total` are given, and so are the parameters
    "torch": """\
def factor(step):
    if step < warmup:
        return step / warmup
    done = min((step - warmup) / (total - warmup), 1)
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2

opt = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.95),
                        eps=1e-8, weight_decay=0.1)
scheduler = torch.optim.lr_scheduler.LambdaLR(opt, factor)

def update(loss):
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    opt.step()
    scheduler.step()""",
    "keras": """\
rate = keras.optimizers.schedules.CosineDecay(
    0.0, decay_steps=total - warmup, alpha=0.1,
    warmup_target=peak, warmup_steps=warmup)
opt = keras.optimizers.AdamW(rate, weight_decay=0.1, beta_2=0.95,
                             epsilon=1e-8, global_clipnorm=1.0)

def update(gradients):
    opt.apply(gradients, parameters)""",
    "optax": """\
rate = optax.warmup_cosine_decay_schedule(
    0.0, peak, warmup, total, end_value=0.1 * peak)
opt = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.adamw(rate, b2=0.95, eps=1e-8, weight_decay=0.1))
state = opt.init(parameters)

def update(gradients):
    global parameters, state
    change, state = opt.update(gradients, state, parameters)
    parameters = optax.apply_updates(parameters, change)""",
}
RECIPE_RUN = {"peak": 0.02, "warmup": 20, "total": 120}


def recipes(library):
    """The path of the whole setting on a quadratic, in the library's own code."""
    if library not in RECIPE:
        return []
    start, curvature, updates = [3.0, -2.0, 1.0], [1.0, 4.0, 0.5], 140  # past its end
    scope = dict(RECIPE_RUN)
    if library == "torch":
        import torch

        x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        steep = torch.tensor(curvature, dtype=torch.float64)
        scope |= {"torch": torch, "math": math, "parameters": [x]}
    elif library == "keras":
        import keras

        keras.backend.set_floatx("float64")
        x, steep = keras.Variable(np.array(start)), np.array(curvature)
        scope |= {"keras": keras, "parameters": [x]}
    else:
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        steep = np.array(curvature)
        scope |= {"optax": optax, "parameters": jax.numpy.array(start)}
    exec(RECIPE[library], scope)
    path = [start]
    for _ in range(updates):
        if library == "torch":
            scope["update"]((steep * x**2).sum() / 2)
            now = x.detach()
        elif library == "keras":
            scope["update"]([keras.ops.convert_to_tensor(steep) * x])
            now = x
        else:
            scope["update"](scope["parameters"] * steep)
            now = scope["parameters"]
        path.append(np.asarray(now).tolist())
    return [{"code": RECIPE[library], **RECIPE_RUN, "curvature": curvature, "theta": path}]


def default_rate(library):
    """The learning rate of plain gradient descent if none is given; None if one must be."""
    module, path, argument = SGD_RATE[library]
    found = operator.attrgetter(path)(importlib.import_module(module))
    default = inspect.signature(found).parameters[argument].default
    return None if default is inspect.Parameter.empty else default


def written(header, lists):
    """The file's text: JSON with one line for each entry, so that differences are readable."""
    parts = [f'"{key}": {json.dumps(value)}' for key, value in header.items()]
    for key, entries in lists.items():
        body = ",\n".join(json.dumps(entry) for entry in entries)
        parts.append(f'"{key}": [\n{body}\n]' if entries else f'"{key}": []')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description="Record one library's values.")
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--check", action="store_true", help="compare with the recording, write nothing")
    arguments = parser.parse_args()
    library = arguments.library
    version, records, trajectories, samples = LIBRARIES[library]()
    header = {
        "library": library,
        "version": version.split("+")[0],
        "python": platform.python_version(),
        "default_rate": default_rate(library),
        "defaults": defaults(library),
        "command": f"python tests/record.py {library}",
    }
    lists = {"records": records, "trajectories": trajectories, "samples": samples}
    lists |= {"lines": said(library), "handed": handed(library), "recipes": recipes(library)}
    file = ROOT / "lrbook" / "recordings" / f"{library}.json"
    if arguments.check:
        compare(lists, json.loads(file.read_text(encoding="utf-8")), f"{library} {version}")
    else:
        file.write_text(written(header, lists), encoding="utf-8")


def compare(now, then, release):
    """Raise an error unless every path, rate and value is still what was recorded."""
    compared = {  # the call or code that was run, what it gave, and how closely
        "records": ("call", "values", {"rtol": 1e-5, "atol": 1e-9}),
        "trajectories": ("call", "theta", {"rtol": 1e-5, "atol": 1e-9}),
        "handed": ("code", "rates", {"rtol": 1e-12, "atol": 0}),
        "recipes": ("code", "theta", {"rtol": 1e-5, "atol": 1e-9}),
    }
    for kind, (run, numbers, closely) in compared.items():
        for new, old in zip(now[kind], then[kind], strict=True):
            if new[run] != old[run] or not np.allclose(new[numbers], old[numbers], **closely):
                raise SystemExit(f"{release} no longer does what was recorded: {old}")
    print(f"{release} does what was recorded")


if __name__ == "__main__":
    main()
